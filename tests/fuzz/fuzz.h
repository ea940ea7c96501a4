/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.h - what the harnesses share: the input as a stream, and requirements. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/host.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

struct input {
	const u8 *p;
	size_t n;
};

/* Little endian; zeros after the end. */
static inline u64 take(struct input *in, unsigned int n)
{
	u64 v = 0;

	for (unsigned int i = 0; i < n && in->n; i++, in->p++, in->n--)
		v |= (u64)*in->p << 8 * i;
	return v;
}

static inline void take_buf(struct input *in, void *buf, size_t n)
{
	size_t have = min(n, in->n);

	memcpy(buf, in->p, have);
	memset((u8 *)buf + have, 0, n - have);
	in->p += have;
	in->n -= have;
}

/* A value of the kinds that find edges: small, near a power of two, anything. */
static inline u64 take_value(struct input *in)
{
	u8 how = take(in, 1);

	switch (how & 7) {
	case 0: return how >> 3;
	case 1: return 0 - (u64)(how >> 3);
	case 2: return take(in, 1);
	case 3: return take(in, 2);
	case 4: return take(in, 4);
	case 5: return 1ull << (take(in, 1) & 63);
	case 6: return (1ull << (take(in, 1) & 63)) - (how >> 3);
	default: return take(in, 8);
	}
}

/* As assert(), with what happened. */
#define require(cond, ...) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #cond); \
		fprintf(stderr, "" __VA_ARGS__);			\
		fputc('\n', stderr);					\
		abort();						\
	}								\
} while (0)

#endif
