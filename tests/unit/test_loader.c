// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel images, good and broken, through boot_load(). */
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>
#include "tests/unit/said.h"
#include "vmm/boot/boot.h"

#define MIB		(1ull << 20)
#define RAM_SIZE	(16 * MIB)
#define LOAD_AT		(4 * MIB)

static char dir[64];
static struct ram ram;

/* --- files --- */

static const char *path_of(const char *name)
{
	static char path[2][96];
	static unsigned int i;

	i ^= 1;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static const char *put_file(const char *name, const void *p, size_t n)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* --- images --- */

struct image {
	u8 p[128 * 1024];
	size_t len;
};

static struct image img;

struct note {
	Elf64_Nhdr h;
	char name[4];
	u32 desc;
};

#define ELF_DATA	0x1000u
#define ELF_DATA_LEN	0x200u
#define ELF_BSS		0x300u

/* One segment and, with pvh, the note. */
static void make_elf64(bool pvh, u64 paddr)
{
	Elf64_Ehdr h = { .e_machine = EM_X86_64, .e_phoff = sizeof(h), .e_entry = paddr + 0x10,
			 .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = pvh ? 2 : 1,
			 .e_type = ET_EXEC };
	Elf64_Phdr ph[2] = {
		{ .p_type = PT_LOAD, .p_offset = ELF_DATA, .p_paddr = paddr,
		  .p_filesz = ELF_DATA_LEN, .p_memsz = ELF_DATA_LEN + ELF_BSS },
		{ .p_type = PT_NOTE, .p_offset = ELF_DATA + ELF_DATA_LEN,
		  .p_filesz = sizeof(struct note), .p_align = 4 },
	};
	struct note n = { .h = { 4, 4, 18 }, .name = "Xen", .desc = paddr + 0x40 };

	memset(&img, 0, sizeof(img));
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(img.p, &h, sizeof(h));
	memcpy(img.p + sizeof(h), ph, sizeof(ph));
	memset(img.p + ELF_DATA, 0xab, ELF_DATA_LEN);
	memcpy(img.p + ELF_DATA + ELF_DATA_LEN, &n, sizeof(n));
	img.len = ELF_DATA + ELF_DATA_LEN + sizeof(n);
}

static void make_multiboot(u32 flags)
{
	Elf32_Ehdr h = { .e_machine = EM_386, .e_phoff = sizeof(h), .e_entry = LOAD_AT + 0x20,
			 .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = 1, .e_type = ET_EXEC };
	Elf32_Phdr ph = { .p_type = PT_LOAD, .p_offset = ELF_DATA, .p_paddr = LOAD_AT,
			  .p_filesz = ELF_DATA_LEN, .p_memsz = ELF_DATA_LEN + ELF_BSS };
	u32 mb[3] = { 0x1badb002, flags, -(0x1badb002 + flags) };

	memset(&img, 0, sizeof(img));
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS32;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(img.p, &h, sizeof(h));
	memcpy(img.p + sizeof(h), &ph, sizeof(ph));
	memcpy(img.p + ELF_DATA + 0x40, mb, sizeof(mb));
	img.len = ELF_DATA + ELF_DATA_LEN;
}

static void put32(u8 *p, size_t off, u32 v)
{
	memcpy(p + off, &v, sizeof(v));
}

/* A bzImage with two setup sectors around a payload. */
static void make_bzimage(const void *payload, size_t n)
{
	size_t setup = 2 * 512, at = setup + 0x400, code = (0x400 + n + 15) & ~(size_t)15;
	u8 *p = img.p;

	memset(&img, 0, sizeof(img));
	assert_true(setup + code <= sizeof(img.p));
	memcpy(p + at, payload, n);
	p[0x1f1] = 1;
	put32(p, 0x1f4, code / 16);
	p[0x1fe] = 0x55;
	p[0x1ff] = 0xaa;
	p[0x200] = 0xeb;
	p[0x201] = 0x66;
	memcpy(p + 0x202, "HdrS", 4);
	put32(p, 0x206, 0x020f);
	p[0x211] = 1;			/* loaded high */
	put32(p, 0x22c, 0x7fffffff);
	p[0x236] = 1;			/* 64-bit entry */
	put32(p, 0x238, 2047);
	put32(p, 0x248, 0x400);
	put32(p, 0x24c, n);
	put32(p, 0x258, 2 * MIB);
	put32(p, 0x260, MIB);
	img.len = setup + code;
}

/* The unpacked size follows, as the kernel's build appends it. */
static size_t pack_gzip(const u8 *in, size_t n, u8 *out, size_t cap)
{
	z_stream z = { .next_in = (u8 *)in, .avail_in = n, .next_out = out, .avail_out = cap };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return cap - z.avail_out;
}

static size_t append_size(u8 *out, size_t at, size_t n)
{
	put32(out, at, n);
	return at + 4;
}

static size_t pack_xz(const u8 *in, size_t n, u8 *out, size_t cap)
{
	size_t pos = 0;

	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, in, n, out, &pos, cap),
			 LZMA_OK);
	return append_size(out, pos, n);
}

static size_t pack_lzma(const u8 *in, size_t n, u8 *out, size_t cap)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma opt;
	size_t pos;

	lzma_lzma_preset(&opt, 1);
	assert_int_equal(lzma_alone_encoder(&s, &opt), LZMA_OK);
	s.next_in = in;
	s.avail_in = n;
	s.next_out = out;
	s.avail_out = cap;
	assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	pos = cap - s.avail_out;
	lzma_end(&s);
	return append_size(out, pos, n);
}

static size_t pack_zstd(const u8 *in, size_t n, u8 *out, size_t cap)
{
	size_t r = ZSTD_compress(out, cap, in, n, 3);

	assert_false(ZSTD_isError(r));
	return append_size(out, r, n);
}

static size_t pack_lz4(const u8 *in, size_t n, u8 *out, size_t cap)
{
	size_t half = n / 2, pos = 4;

	put32(out, 0, 0x184c2102);
	for (size_t at = 0; at < n; at += half) {
		int len = min(half, n - at);
		int r = LZ4_compress_default((const char *)in + at, (char *)out + pos + 4, len,
					     cap - pos - 4);

		assert_true(r > 0);
		put32(out, pos, r);
		pos += 4 + r;
	}
	return append_size(out, pos, n);
}

static size_t (*const packers[])(const u8 *, size_t, u8 *, size_t) = {
	pack_gzip, pack_xz, pack_lzma, pack_zstd, pack_lz4,
};

/* --- helpers --- */

static int load(struct boot_request *req, struct boot_state *out)
{
	said_nothing_yet();
	return boot_load(&ram, req, out);
}

static int load_image(struct boot_state *out)
{
	struct boot_request req = { .kernel = put_file("kernel", img.p, img.len),
				    .append = "quiet", .rsdp = 0xe0000 };

	return load(&req, out);
}

static u32 guest32(u64 addr)
{
	u32 v = 0;

	assert_int_equal(ram_read(&ram, addr, &v, sizeof(v)), 0);
	return v;
}

static u64 guest64(u64 addr)
{
	return guest32(addr) | (u64)guest32(addr + 4) << 32;
}

static int setup(void **state)
{
	return ram_init(&ram, RAM_SIZE, 3072 * MIB, 4096 * MIB);
}

static int teardown(void **state)
{
	ram_fini(&ram);
	return 0;
}

/* --- good images --- */

static void pvh_elf_gets_its_start_info(void **state)
{
	struct boot_request req = { .append = "root=/dev/vda", .rsdp = 0xe0000 };
	struct boot_state st;
	u64 map, n;

	make_elf64(true, LOAD_AT);
	req.kernel = put_file("kernel", img.p, img.len);
	req.initrd = put_file("initrd", "0123456789", 10);
	assert_int_equal(load(&req, &st), 0);
	assert_int_equal(st.kind, BOOT_PVH);
	assert_int_equal(st.entry, LOAD_AT + 0x40);
	assert_int_equal(guest32(st.info), 0x336ec578);
	assert_int_equal(guest64(st.info + 32), 0xe0000);
	assert_string_equal(ram_ptr(&ram, guest64(st.info + 24), 16), "root=/dev/vda");
	assert_int_equal(guest32(st.info + 12), 1);
	assert_int_equal(guest64(guest64(st.info + 16) + 8), 10);
	assert_memory_equal(ram_ptr(&ram, guest64(guest64(st.info + 16)), 10), "0123456789", 10);
	map = guest64(st.info + 40);
	n = guest32(st.info + 48);
	for (u64 i = 1, end = 0; i < n; i++) {
		end = guest64(map + (i - 1) * 24) + guest64(map + (i - 1) * 24 + 8);
		assert_true(guest64(map + i * 24) >= end);	/* sorted, no overlaps */
	}
	assert_int_equal(guest32(LOAD_AT), 0xabababab);
	assert_int_equal(guest32(LOAD_AT + ELF_DATA_LEN), 0);
}

static void elf64_without_note_gets_a_zero_page(void **state)
{
	struct boot_state st;

	make_elf64(false, LOAD_AT);
	assert_int_equal(load_image(&st), 0);
	assert_int_equal(st.kind, BOOT_LINUX64);
	assert_int_equal(st.entry, LOAD_AT + 0x10);
	assert_int_equal(guest32(st.info + 0x202), 0x53726448);
	assert_int_equal(guest64(st.info + 0x70), 0xe0000);
	assert_string_equal(ram_ptr(&ram, guest32(st.info + 0x228), 8), "quiet");
}

static void multiboot_gets_name_and_arguments(void **state)
{
	struct boot_request req = { .append = "a b" };
	struct boot_state st;
	char want[128];

	make_multiboot(0);
	req.kernel = put_file("kernel", img.p, img.len);
	req.initrd = put_file("initrd", "X=1\n", 4);
	assert_int_equal(load(&req, &st), 0);
	assert_int_equal(st.kind, BOOT_MULTIBOOT);
	assert_int_equal(st.entry, LOAD_AT + 0x20);
	snprintf(want, sizeof(want), "%s a b", req.kernel);
	assert_string_equal(ram_ptr(&ram, guest32(st.info + 16), 128), want);
	assert_int_equal(guest32(st.info + 8), RAM_SIZE / 1024 - 1024);
	assert_int_equal(guest32(st.info + 20), 1);
	assert_memory_equal(ram_ptr(&ram, guest32(guest32(st.info + 24)), 4), "X=1\n", 4);
	assert_true(guest32(st.info) & 1 << 6);
	assert_int_equal(guest32(guest32(st.info + 48)), 20);
}

static void raw_multiboot_loads_by_its_header(void **state)
{
	u32 mb[8] = { 0x1badb002, 1 << 16, -(0x1badb002u + (1 << 16)), LOAD_AT + 16, LOAD_AT,
		      LOAD_AT + 256, LOAD_AT + 512, LOAD_AT + 64 };
	struct boot_state st;

	memset(&img, 0x11, 1024);
	memcpy(img.p + 16, mb, sizeof(mb));
	img.len = 1024;
	assert_int_equal(load_image(&st), 0);
	assert_int_equal(st.entry, LOAD_AT + 64);
	assert_int_equal(guest32(LOAD_AT + 252), 0x11111111);
	assert_int_equal(guest32(LOAD_AT + 256), 0);
}

static void each_compressed_payload_is_unpacked(void **state)
{
	static u8 packed[64 * 1024];
	struct image elf;

	make_elf64(true, LOAD_AT);
	elf = img;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		struct boot_state st;

		make_bzimage(packed, packers[i](elf.p, elf.len, packed, sizeof(packed)));
		assert_int_equal(load_image(&st), 0);
		assert_int_equal(st.kind, BOOT_PVH);
		assert_int_equal(st.entry, LOAD_AT + 0x40);
		assert_int_equal(guest32(LOAD_AT), 0xabababab);
	}
}

static void unknown_payload_boots_itself(void **state)
{
	struct boot_state st;

	make_bzimage("some unheard-of format, long enough", 36);
	assert_int_equal(load_image(&st), 0);
	assert_int_equal(st.kind, BOOT_LINUX64);
	assert_int_equal(st.entry, 2 * MIB + 0x200);
	assert_int_equal(guest32(st.info + 0x202), 0x53726448);
	assert_int_equal(guest32(st.info + 0x228), BOOT_CMDLINE);
	assert_true(guest32(st.info + 0x1e8) & 0xff);	/* E820 entries */
	assert_memory_equal(ram_ptr(&ram, 2 * MIB + 0x400, 4), "some", 4);
}

/* --- bad input --- */

static void what_is_no_image_is_named(void **state)
{
	struct boot_request req = { .kernel = path_of("nowhere") };
	struct boot_state st;

	assert_int_equal(load(&req, &st), -ENOENT);
	assert_said("nowhere");
	req.kernel = dir;
	assert_int_equal(load(&req, &st), -EISDIR);
	assert_said(dir);
	req.kernel = put_file("empty", "", 0);
	assert_true(load(&req, &st) < 0);
	assert_said("empty file");
	req.kernel = put_file("text", "#!/bin/sh\n", 10);
	assert_true(load(&req, &st) < 0);
	assert_said("not a bzImage, ELF or Multiboot image");
	req.kernel = "/dev/null";
	assert_true(load(&req, &st) < 0);
	assert_said("not a regular file");
}

static void entry_outside_memory_is_refused(void **state)
{
	u64 far = RAM_SIZE;
	struct boot_state st;

	make_elf64(false, LOAD_AT);
	memcpy(img.p + offsetof(Elf64_Ehdr, e_entry), &far, sizeof(far));
	said_nothing_yet();
	assert_int_equal(load_image(&st), -EINVAL);
	assert_said("where no memory is");
}

static void truncated_elf_is_refused_at_any_length(void **state)
{
	size_t full;

	make_elf64(true, LOAD_AT);
	full = ELF_DATA + ELF_DATA_LEN;
	for (size_t n = 1; n < full; n += n < 256 ? 1 : 37) {
		struct boot_state st;

		img.len = n;
		assert_true(load_image(&st) < 0);
		assert_int_equal(said_lines, 1);
	}
}

static void truncated_bzimage_is_refused_at_any_length(void **state)
{
	size_t full;

	make_bzimage("some unheard-of format, long enough", 36);
	full = img.len;
	for (size_t n = 1; n < full - 15; n += n < 0x300 ? 1 : 37) {
		struct boot_state st;

		img.len = n;
		assert_true(load_image(&st) < 0);
		assert_int_equal(said_lines, 1);
	}
	assert_said("truncated");
}

static void corrupt_payload_is_refused(void **state)
{
	static u8 packed[64 * 1024];
	struct image elf;

	make_elf64(true, LOAD_AT);
	for (size_t i = 8; i < ELF_DATA_LEN; i++)	/* something worth packing */
		img.p[ELF_DATA + i] = i * i * 7 >> 3;
	elf = img;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		size_t n = packers[i](elf.p, elf.len, packed, sizeof(packed));
		struct boot_state st;

		/* Half of it is missing: not all formats have a checksum. */
		memcpy(packed + n / 2, packed + n - 4, 4);
		n = n / 2 + 4;
		make_bzimage(packed, n);
		assert_true(load_image(&st) < 0);
		assert_said("corrupt");
		put32(packed, n - 4, 3000000000u);	/* larger than memory, or nonsense */
		make_bzimage(packed, n);
		assert_true(load_image(&st) < 0);
		assert_int_equal(said_lines, 1);
	}
}

static void broken_elf_fields_are_refused(void **state)
{
	Elf64_Ehdr *h = (void *)img.p;
	Elf64_Phdr *ph = (void *)(img.p + sizeof(*h));
	struct boot_state st;

	make_elf64(true, LOAD_AT);
	h->e_machine = EM_AARCH64;
	assert_true(load_image(&st) < 0);
	assert_said("another processor");
	make_elf64(true, LOAD_AT);
	h->e_phoff = ~0ull - 8;
	assert_true(load_image(&st) < 0);
	make_elf64(true, LOAD_AT);
	h->e_phnum = 0xffff;
	assert_true(load_image(&st) < 0);
	make_elf64(true, LOAD_AT);
	ph->p_offset = ~0ull;
	assert_true(load_image(&st) < 0);
	make_elf64(true, LOAD_AT);
	ph->p_memsz = ~0ull;
	assert_true(load_image(&st) < 0);
	make_elf64(true, LOAD_AT);
	ph->p_memsz = 1;		/* less than the file's part */
	assert_true(load_image(&st) < 0);
	make_elf64(true, BOOT_RESERVED - 0x100);	/* over the loader's own data */
	assert_true(load_image(&st) < 0);
	assert_said("which the loader needs");
	make_elf64(true, LOAD_AT);
	ph[1].p_offset = ~0ull - 4;	/* a note that lies outside is no note */
	assert_int_equal(load_image(&st), 0);
	assert_int_equal(st.kind, BOOT_LINUX64);
}

static void hostile_notes_are_bounded(void **state)
{
	static const u32 sizes[] = { 0, 5, 0x7fffffff, 0xffffffff, 0xfffffffc };
	struct boot_state st;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			struct note *n = (void *)(img.p + ELF_DATA + ELF_DATA_LEN);

			make_elf64(true, LOAD_AT);
			n->h.n_namesz = sizes[i];
			n->h.n_descsz = sizes[k];
			assert_int_equal(load_image(&st), 0);
			assert_int_equal(st.kind, BOOT_LINUX64);
		}
	}
}

static void too_little_memory_is_said(void **state)
{
	struct boot_request req = { 0 };
	static u8 big[13 * MIB];
	struct boot_state st;

	make_elf64(true, RAM_SIZE - 0x100);
	assert_int_equal(load_image(&st), -ENOSPC);
	assert_said("give more --memory");
	make_elf64(true, LOAD_AT);
	req.kernel = put_file("kernel", img.p, img.len);
	req.initrd = put_file("initrd", big, sizeof(big));
	assert_int_equal(load(&req, &st), -ENOSPC);
	assert_said("give more --memory");
	make_bzimage("some unheard-of format, long enough", 36);
	put32(img.p, 0x260, 64 * MIB);
	assert_int_equal(load_image(&st), -ENOSPC);
	assert_said("give more --memory");
}

static void long_command_line_is_refused(void **state)
{
	struct boot_request req = { 0 };
	struct boot_state st;
	char line[8192];

	memset(line, 'x', sizeof(line));
	line[2048] = 0;
	req.append = line;
	make_elf64(true, LOAD_AT);
	req.kernel = put_file("kernel", img.p, img.len);
	assert_true(load(&req, &st) < 0);
	assert_said("2047");
	line[2047] = 0;
	assert_int_equal(load(&req, &st), 0);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	make_multiboot(0);
	req.kernel = put_file("kernel", img.p, img.len);
	assert_true(load(&req, &st) < 0);
	assert_said("at most");
}

static void unknown_multiboot_feature_is_refused(void **state)
{
	struct boot_state st;

	make_multiboot(1 << 5);
	assert_true(load_image(&st) < 0);
	assert_said("features");
}

static void missing_initrd_is_named(void **state)
{
	struct boot_request req = { .initrd = path_of("no-initrd") };
	struct boot_state st;

	make_elf64(true, LOAD_AT);
	req.kernel = put_file("kernel", img.p, img.len);
	assert_int_equal(load(&req, &st), -ENOENT);
	assert_said("no-initrd");
}

/* Single bytes changed all over the headers: any result, but no wild access. */
static void random_headers_do_no_harm(void **state)
{
	static u8 packed[64 * 1024];
	u32 seed = 1;
	size_t n;

	make_elf64(true, LOAD_AT);
	n = pack_gzip(img.p, img.len, packed, sizeof(packed));
	for (unsigned int i = 0; i < 300; i++) {
		struct boot_state st;
		size_t span;

		switch (i % 3) {
		case 0: make_elf64(true, LOAD_AT); span = 256; break;
		case 1: make_multiboot(0); span = 128; break;
		default: make_bzimage(packed, n); span = 0x268; break;
		}
		for (unsigned int k = 0; k < 3; k++) {
			seed = seed * 1103515245 + 12345;
			img.p[(seed >> 8) % span] = seed >> 24;
		}
		load_image(&st);
		assert_true(said_lines <= 1);
	}
}

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/kvist-loader-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "kernel", "initrd", "empty", "text" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(path_of(names[i]));
	return rmdir(dir);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pvh_elf_gets_its_start_info),
		T(elf64_without_note_gets_a_zero_page),
		T(multiboot_gets_name_and_arguments),
		T(raw_multiboot_loads_by_its_header),
		T(each_compressed_payload_is_unpacked),
		T(unknown_payload_boots_itself),
		T(what_is_no_image_is_named),
		T(entry_outside_memory_is_refused),
		T(truncated_elf_is_refused_at_any_length),
		T(truncated_bzimage_is_refused_at_any_length),
		T(corrupt_payload_is_refused),
		T(broken_elf_fields_are_refused),
		T(hostile_notes_are_bounded),
		T(too_little_memory_is_said),
		T(long_command_line_is_refused),
		T(unknown_multiboot_feature_is_refused),
		T(missing_initrd_is_named),
		T(random_headers_do_no_harm),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
