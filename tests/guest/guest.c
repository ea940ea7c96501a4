/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest.c - a test program's surroundings as a guest: COM1 and debug exit. */
#include "prog.h"

static void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void put_char(char c)
{
	while (!(inb(0x3fd) & 0x20))
		;
	outb(0x3f8, c);
}

static void put_text(const char *s)
{
	while (*s)
		put_char(*s++);
}

void put(const char *what, u64 v)
{
	put_text(what);
	put_char(' ');
	for (int i = 60; i >= 0; i -= 4)
		put_char("0123456789abcdef"[v >> i & 15]);
	put_char('\n');
}

void *memcpy(void *d, const void *s, size_t n)
{
	u8 *p = d;
	const u8 *q = s;

	while (n--) {
		*p++ = *q++;
		__asm__ volatile("" ::: "memory");
	}
	return d;
}

void *memset(void *d, int c, size_t n)
{
	u8 *p = d;

	while (n--) {
		*p++ = c;
		__asm__ volatile("" ::: "memory");
	}
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (; n--; p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

/* The count: the first number on the command line. start_info: the PVH
 * structure, whose command line's address is at offset 24. */
static u64 count(const u8 *start_info)
{
	const char *s = (const char *)*(const u64 *)(start_info + 24);
	u64 n = 0;

	while (s && *s && (*s < '0' || *s > '9'))
		s++;
	while (s && *s >= '0' && *s <= '9')
		n = n * 10 + (*s++ - '0');
	return n ? n : PROG_DEFAULT;
}

void guest_main(const u8 *start_info);
void guest_main(const u8 *start_info)
{
	u64 n = count(start_info);

	put(prog_name, n);
	prog(n);
	outl(0xf4, 0);
}
