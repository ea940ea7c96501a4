/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mixed.c - what general-purpose benchmarks mix: list walk, matrix, state
 * machine, CRC, bit tricks, division, an interpreter loop. */
#include "prog.h"

const char prog_name[] = "mixed";

struct node {
	struct node *next;
	u64 v;
};

static struct node nodes[4096];
static u32 ma[40][40], mb[40][40], mc[40][40];

static u64 list(u64 seed)
{
	struct node *p;
	u64 h = 0;

	for (u32 i = 0; i < 4096; i++) {
		nodes[i].next = &nodes[(i * 1021 + 1) & 4095];
		nodes[i].v = rnd(&seed);
	}
	p = nodes;
	for (int i = 0; i < 40000; i++) {
		h += p->v;
		p = p->next;
	}
	return h;
}

static u64 matrix(u64 seed)
{
	u64 h = 0;

	for (int i = 0; i < 40; i++)
		for (int j = 0; j < 40; j++)
			ma[i][j] = rnd(&seed), mb[i][j] = rnd(&seed);
	for (int i = 0; i < 40; i++)
		for (int j = 0; j < 40; j++) {
			u32 s = 0;

			for (int k = 0; k < 40; k++)
				s += ma[i][k] * mb[k][j];
			mc[i][j] = s;
			h = mix(h, s);
		}
	return h;
}

static u64 machine(u64 seed)
{
	u64 count[5] = { 0 }, h = 0;
	int state = 0;

	for (int i = 0; i < 30000; i++) {
		u8 c = rnd(&seed) >> 40;

		switch (state) {
		case 0: state = c < 100 ? 1 : c < 200 ? 2 : 0; break;
		case 1: state = c & 1 ? 3 : 1; break;
		case 2: state = c & 6 ? 4 : 0; break;
		case 3: state = c > 50 ? 0 : 2; break;
		default: state = c % 5; break;
		}
		count[state]++;
	}
	for (int i = 0; i < 5; i++)
		h = mix(h, count[i]);
	return h;
}

static u64 crc(u64 seed)
{
	u16 c = 0xffff;

	for (int i = 0; i < 4000; i++) {
		c ^= (u8)rnd(&seed);
		for (int b = 0; b < 8; b++)
			c = c & 1 ? c >> 1 ^ 0xa001 : c >> 1;
	}
	return c;
}

static u64 parity(u64 v)
{
	for (int i = 32; i; i >>= 1)
		v ^= v >> i;
	return v & 1;
}

static u64 bits(u64 seed)
{
	u64 h = 0;

	for (int i = 0; i < 10000; i++) {
		u64 v = rnd(&seed) | 1, d = (rnd(&seed) >> (i & 47)) | 1;

		h = mix(h, v / d) + v % d + (u64)((s64)v / (s64)d);
		h += __builtin_ctzll(v & -v) + __builtin_clzll(v) + parity(d);
		h ^= (u64)(((unsigned __int128)v * d) >> 64);
	}
	return h;
}

/* A stack machine: 0 push n, 1 add, 2 mul, 3 dup, 4 swap, 5 jump if. */
static u64 interpreter(u64 seed)
{
	static const u8 code[] = { 0, 5, 3, 2, 0, 3, 1, 4, 1, 3, 5, 0 };
	u64 st[16] = { seed, seed >> 3 }, t;
	unsigned int sp = 2, pc = 0;

	for (int i = 0; i < 50000; i++) {
		switch (code[pc++]) {
		case 0: st[sp++ & 15] = code[pc++]; break;
		case 1: sp--; st[(sp - 1) & 15] += st[sp & 15]; break;
		case 2: sp--; st[(sp - 1) & 15] *= st[sp & 15] | 1; break;
		case 3: st[sp & 15] = st[(sp - 1) & 15]; sp++; break;
		case 4: t = st[(sp - 1) & 15]; st[(sp - 1) & 15] = st[(sp - 2) & 15];
			st[(sp - 2) & 15] = t; break;
		case 5: sp--; pc = st[sp & 15] & 1 ? code[pc] : 0; break;
		}
		if (pc >= sizeof(code))
			pc = 0;
	}
	for (int i = 0; i < 16; i++)
		seed = mix(seed, st[i]);
	return seed;
}

void prog(u64 n)
{
	u64 seed = 99, h[6] = { 0 };

	while (n--) {
		h[0] = mix(h[0], list(seed));
		h[1] = mix(h[1], matrix(seed));
		h[2] = mix(h[2], machine(seed));
		h[3] = mix(h[3], crc(seed));
		h[4] = mix(h[4], bits(seed));
		h[5] = mix(h[5], interpreter(seed));
		seed += 13;
	}
	for (int i = 0; i < 6; i++)
		put("part", h[i]);
}
