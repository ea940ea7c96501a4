// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * decompress.c - the formats a Linux kernel's payload may have. For all but
 * gzip the build appends the unpacked size, four bytes; gzip ends with it.
 */
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include "vmm/boot/boot.h"

/* What a decoder may take: Linux's own builds use dictionaries of up to 128 MiB. */
#define MEMORY_MAX	(256ull << 20)
#define WINDOW_LOG_MAX	27

/* Each unpacks into out[0..cap), sets *used to what it wrote; 0 or -EBADMSG, -ENOMEM.
 * Data after the end of the stream (the appended size) is ignored. */
typedef int unpack_fn(const u8 *in, size_t n, u8 *out, size_t cap, size_t *used);

static int unpack_gzip(const u8 *in, size_t n, u8 *out, size_t cap, size_t *used)
{
	z_stream z = { .next_in = (u8 *)in, .avail_in = n, .next_out = out, .avail_out = cap };
	int r;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	r = inflate(&z, Z_FINISH);
	*used = cap - z.avail_out;
	inflateEnd(&z);
	return r == Z_STREAM_END ? 0 : r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int run_lzma(lzma_stream *s, const u8 *in, size_t n, u8 *out, size_t cap, size_t *used)
{
	lzma_ret r;

	s->next_in = in;
	s->avail_in = n;
	s->next_out = out;
	s->avail_out = cap;
	/* The old format has no end mark when its size is known: full is done. */
	do
		r = lzma_code(s, LZMA_RUN);
	while (r == LZMA_OK && s->avail_in && s->avail_out);
	*used = cap - s->avail_out;
	lzma_end(s);
	if (r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR)
		return -ENOMEM;
	return r == LZMA_STREAM_END || (r == LZMA_OK && !s->avail_out) ? 0 : -EBADMSG;
}

static int unpack_xz(const u8 *in, size_t n, u8 *out, size_t cap, size_t *used)
{
	lzma_stream s = LZMA_STREAM_INIT;

	if (lzma_stream_decoder(&s, MEMORY_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	return run_lzma(&s, in, n, out, cap, used);
}

static int unpack_lzma(const u8 *in, size_t n, u8 *out, size_t cap, size_t *used)
{
	lzma_stream s = LZMA_STREAM_INIT;

	if (lzma_alone_decoder(&s, MEMORY_MAX) != LZMA_OK)
		return -ENOMEM;
	return run_lzma(&s, in, n, out, cap, used);
}

static int unpack_zstd(const u8 *in, size_t n, u8 *out, size_t cap, size_t *used)
{
	ZSTD_DStream *d = ZSTD_createDStream();
	ZSTD_inBuffer i = { in, n, 0 };
	ZSTD_outBuffer o = { out, cap, 0 };
	size_t r;

	if (!d)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	do
		r = ZSTD_decompressStream(d, &o, &i);
	while (r && !ZSTD_isError(r) && i.pos < i.size && o.pos < o.size);
	*used = o.pos;
	ZSTD_freeDStream(d);
	return r ? -EBADMSG : 0;
}

/* The legacy frame: a magic number, then blocks with a 4-byte length each. */
static int unpack_lz4(const u8 *in, size_t n, u8 *out, size_t cap, size_t *used)
{
	size_t pos = 4, done = 0;

	while (done < cap) {
		u32 len;
		int r;

		if (n - pos < 4)
			return -EBADMSG;
		memcpy(&len, in + pos, 4);
		pos += 4;
		if (!len || len > n - pos)
			return -EBADMSG;
		r = LZ4_decompress_safe((const char *)in + pos, (char *)out + done, len,
					min(cap - done, (size_t)INT32_MAX));
		if (r <= 0)
			return -EBADMSG;
		pos += len;
		done += r;
	}
	*used = done;
	return 0;
}

static const struct format {
	u8 magic[6];
	u8 n;
	unpack_fn *unpack;
} formats[] = {
	{ { 0x1f, 0x8b, 8 }, 3, unpack_gzip },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ { 0x5d, 0, 0 }, 3, unpack_lzma },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
};

int decompress(const u8 *in, size_t n, size_t max, u8 **out, size_t *out_len)
{
	const struct format *f = NULL;
	size_t used = 0;
	u32 size;
	u8 *buf;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (n >= formats[i].n + 8u && !memcmp(in, formats[i].magic, formats[i].n))
			f = &formats[i];
	if (!f)
		return -ENOTSUP;
	memcpy(&size, in + n - 4, 4);
	if (size > max)
		return -EFBIG;
	/* More than any of these can pack: the size is not one. */
	if (!size || size / 4096 > n)
		return -EBADMSG;
	buf = malloc(size);
	if (!buf)
		return -ENOMEM;
	err = f->unpack(in, n, buf, size, &used);
	if (!err && used != size)
		err = -EBADMSG;
	if (err) {
		free(buf);
		return err;
	}
	*out = buf;
	*out_len = size;
	return 0;
}
