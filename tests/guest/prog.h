/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prog.h - what a test program gets, in a guest without an operating system
 * (guest.c) and natively (native.c): memory functions, output, a count.
 */
#ifndef PROG_H
#define PROG_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

/* The program: runs its load n times and reports results with put(). */
extern const char prog_name[];
void prog(u64 n);
#define PROG_DEFAULT 3		/* n, when none is given */

/* One line "what hex". Equal on all sides when the program is right. */
void put(const char *what, u64 v);

void *memcpy(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* xorshift64*: the same numbers everywhere. */
static inline u64 rnd(u64 *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ull;
}

static inline u64 mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

#endif
