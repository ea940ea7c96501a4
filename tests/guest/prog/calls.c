/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calls.c - recursion and calls through pointers. */
#include "prog.h"

const char prog_name[] = "calls";

static u64 __attribute__((noinline)) fib(u64 n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static u64 f0(u64 x) { return x * 3 + 1; }
static u64 f1(u64 x) { return x ^ x >> 7; }
static u64 f2(u64 x) { return x + (x << 5); }
static u64 f3(u64 x) { return ~x; }

static u64 ackermann(u64 m, u64 n)
{
	while (m) {
		n = n ? ackermann(m, n - 1) : 1;
		m--;
	}
	return n + 1;
}

void prog(u64 n)
{
	u64 (*volatile f[4])(u64) = { f0, f1, f2, f3 };
	u64 h = 1, x = 5;

	while (n--) {
		h = mix(h, fib(22));
		h = mix(h, ackermann(2, 60));
		for (int i = 0; i < 100000; i++)
			x = f[x >> 13 & 3](x);
		h = mix(h, x);
	}
	put("hash", h);
}
