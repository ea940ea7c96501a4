// SPDX-License-Identifier: GPL-2.0-or-later
/* aml.c - see aml.h. */
#include "vmm/machine/aml.h"

#define PKG_LENGTH_BYTES	3	/* of 1 to 4; always enough here */

void aml_bytes(struct aml *a, const void *p, size_t n)
{
	if (a->failed)
		return;
	if (n > a->cap - a->len) {
		size_t cap = (a->cap + n + 1023) * 2;
		u8 *q = realloc(a->p, cap);

		if (!q) {
			a->failed = true;
			return;
		}
		a->p = q;
		a->cap = cap;
	}
	memcpy(a->p + a->len, p, n);
	a->len += n;
}

void aml_u8(struct aml *a, u8 v) { aml_bytes(a, &v, sizeof(v)); }
void aml_u16(struct aml *a, u16 v) { aml_bytes(a, &v, sizeof(v)); }
void aml_u32(struct aml *a, u32 v) { aml_bytes(a, &v, sizeof(v)); }
void aml_u64(struct aml *a, u64 v) { aml_bytes(a, &v, sizeof(v)); }

void aml_zero(struct aml *a, size_t n)
{
	while (n-- && !a->failed)
		aml_u8(a, 0);
}

void aml_align(struct aml *a, size_t n)
{
	while (a->len % n && !a->failed)
		aml_u8(a, 0);
}

void aml_name(struct aml *a, const char *name)
{
	char seg[4] = { '_', '_', '_', '_' };

	if (*name == '\\') {
		aml_u8(a, '\\');
		name++;
	}
	memcpy(seg, name, min(strlen(name), sizeof(seg)));
	aml_bytes(a, seg, sizeof(seg));
}

void aml_int(struct aml *a, u64 v)
{
	if (v <= 1) {
		aml_u8(a, v);
	} else if (v <= 0xff) {
		aml_u8(a, 0x0a);
		aml_u8(a, v);
	} else if (v <= 0xffff) {
		aml_u8(a, 0x0b);
		aml_u16(a, v);
	} else if (v <= 0xffffffff) {
		aml_u8(a, 0x0c);
		aml_u32(a, v);
	} else {
		aml_u8(a, 0x0e);
		aml_u64(a, v);
	}
}

void aml_string(struct aml *a, const char *s)
{
	aml_u8(a, 0x0d);
	aml_bytes(a, s, strlen(s) + 1);
}

static u32 hex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Three letters of five bits and four hex digits, big-endian. */
void aml_eisaid(struct aml *a, const char *id)
{
	u32 v = (id[0] - 0x40u) << 26 | (id[1] - 0x40u) << 21 | (id[2] - 0x40u) << 16 |
		hex(id[3]) << 12 | hex(id[4]) << 8 | hex(id[5]) << 4 | hex(id[6]);

	aml_u8(a, 0x0c);
	aml_u32(a, __builtin_bswap32(v));
}

static size_t open_term(struct aml *a, const char *name)
{
	size_t at = a->len;

	aml_zero(a, PKG_LENGTH_BYTES);
	if (name)
		aml_name(a, name);
	return at;
}

/* The length counts its own bytes. */
void aml_end(struct aml *a, size_t at)
{
	u32 n;

	if (a->failed)
		return;
	n = a->len - at;
	a->p[at] = (PKG_LENGTH_BYTES - 1) << 6 | (n & 15);
	a->p[at + 1] = n >> 4;
	a->p[at + 2] = n >> 12;
}

size_t aml_scope(struct aml *a, const char *name)
{
	aml_u8(a, 0x10);
	return open_term(a, name);
}

size_t aml_device(struct aml *a, const char *name)
{
	aml_u8(a, 0x5b);
	aml_u8(a, 0x82);
	return open_term(a, name);
}

size_t aml_method(struct aml *a, const char *name, u8 args)
{
	size_t at;

	aml_u8(a, 0x14);
	at = open_term(a, name);
	aml_u8(a, args);
	return at;
}

size_t aml_package(struct aml *a, u8 n)
{
	size_t at;

	aml_u8(a, 0x12);
	at = open_term(a, NULL);
	aml_u8(a, n);
	return at;
}

void aml_def(struct aml *a, const char *name)
{
	aml_u8(a, 0x08);
	aml_name(a, name);
}

void aml_def_int(struct aml *a, const char *name, u64 v)
{
	aml_def(a, name);
	aml_int(a, v);
}

void aml_def_eisaid(struct aml *a, const char *name, const char *id)
{
	aml_def(a, name);
	aml_eisaid(a, id);
}

/* --- resources --- */

/* Buffer(size) { ... }: the size is a word constant, filled in at the end. */
size_t aml_resources(struct aml *a)
{
	size_t at;

	aml_u8(a, 0x11);
	at = open_term(a, NULL);
	aml_u8(a, 0x0b);
	aml_u16(a, 0);
	return at;
}

void aml_resources_end(struct aml *a, size_t at)
{
	size_t start = at + PKG_LENGTH_BYTES + 3;
	u16 n;

	aml_u8(a, 0x79);
	aml_u8(a, 0);		/* no checksum */
	if (a->failed)
		return;
	n = a->len - start;
	memcpy(a->p + start - 2, &n, sizeof(n));
	aml_end(a, at);
}

void aml_res_io(struct aml *a, u16 base, u8 len)
{
	aml_u8(a, 0x47);
	aml_u8(a, 1);		/* decodes 16 bits */
	aml_u16(a, base);
	aml_u16(a, base);
	aml_u8(a, 1);
	aml_u8(a, len);
}

void aml_res_irq(struct aml *a, u8 irq)
{
	aml_u8(a, 0x22);
	aml_u16(a, 1u << irq);
}

void aml_res_gsi(struct aml *a, u32 gsi)
{
	aml_u8(a, 0x89);
	aml_u16(a, 6);
	aml_u8(a, 0x09);	/* consumer, level, active high, shared */
	aml_u8(a, 1);
	aml_u32(a, gsi);
}

void aml_res_fixed32(struct aml *a, u32 base, u32 len)
{
	aml_u8(a, 0x86);
	aml_u16(a, 9);
	aml_u8(a, 1);		/* writable */
	aml_u32(a, base);
	aml_u32(a, len);
}

enum { SPACE_MEM, SPACE_IO, SPACE_BUS };

/* Producer, positive decode, fixed minimum and maximum. */
static void window_head(struct aml *a, u8 tag, u16 len, u8 space)
{
	static const u8 type_flags[] = { [SPACE_MEM] = 0x01 /* read-write */,
					 [SPACE_IO] = 0x03 /* entire range */, [SPACE_BUS] = 0 };

	aml_u8(a, tag);
	aml_u16(a, len);
	aml_u8(a, space);
	aml_u8(a, 0x0c);
	aml_u8(a, type_flags[space]);
}

static void window16(struct aml *a, u8 space, u16 first, u16 last)
{
	window_head(a, 0x88, 13, space);
	aml_u16(a, 0);
	aml_u16(a, first);
	aml_u16(a, last);
	aml_u16(a, 0);
	aml_u16(a, last - first + 1);
}

void aml_res_bus(struct aml *a, u16 first, u16 last)
{
	window16(a, SPACE_BUS, first, last);
}

void aml_res_window_io(struct aml *a, u16 first, u16 last)
{
	window16(a, SPACE_IO, first, last);
}

void aml_res_window_mem32(struct aml *a, u32 first, u32 last)
{
	window_head(a, 0x87, 23, SPACE_MEM);
	aml_u32(a, 0);
	aml_u32(a, first);
	aml_u32(a, last);
	aml_u32(a, 0);
	aml_u32(a, last - first + 1);
}

void aml_res_window_mem64(struct aml *a, u64 first, u64 last)
{
	window_head(a, 0x8a, 43, SPACE_MEM);
	aml_u64(a, 0);
	aml_u64(a, first);
	aml_u64(a, last);
	aml_u64(a, 0);
	aml_u64(a, last - first + 1);
}

/* --- tables --- */

u8 aml_checksum(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum += *p++;
	return -sum;
}

size_t aml_table(struct aml *a, const char sig[4], u8 revision)
{
	size_t at;

	aml_align(a, 16);
	at = a->len;
	aml_bytes(a, sig, 4);
	aml_u32(a, 0);			/* length */
	aml_u8(a, revision);
	aml_u8(a, 0);			/* checksum */
	aml_bytes(a, "KVIST ", 6);
	aml_bytes(a, "KVISTPC ", 8);
	aml_u32(a, 1);
	aml_bytes(a, "KVST", 4);
	aml_u32(a, 1);
	return at;
}

void aml_table_end(struct aml *a, size_t at)
{
	u32 n;

	if (a->failed)
		return;
	n = a->len - at;
	memcpy(a->p + at + 4, &n, sizeof(n));
	a->p[at + 9] = 0;
	a->p[at + 9] = aml_checksum(a->p + at, n);
}
