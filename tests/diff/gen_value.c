// SPDX-License-Identifier: GPL-2.0-or-later
/* gen_value.c - random numbers that find boundary cases. */
#include "tests/diff/gen.h"

static u64 seed_state;

void rnd_seed(u64 seed)
{
	seed_state = seed;
}

u64 rnd(void)		/* splitmix64 */
{
	u64 z = seed_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

u32 rnd_below(u32 n)
{
	return (u64)(u32)rnd() * n >> 32;
}

static const u64 doubles[] = {
	0, 1ull << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x4000000000000000,
	0x3fe0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
	0xfff8000000000000, 0x7ff0000000000001, 0xfff4000000000123, 0x7ff8dead0000beef,
	1, 0x000fffffffffffff, 0x8000000000000001, 0x0010000000000000, 0x7fefffffffffffff,
	0xffefffffffffffff, 0x41dfffffffc00000, 0x41e0000000000000, 0xc1e0000000000000,
	0xc1e0000000200000, 0x43e0000000000000, 0xc3e0000000000000, 0x43dfffffffffffff,
	0x3ff8000000000000, 0x4004000000000000, 0xbfe0000000000000, 0x36a0000000000000,
	0x380fffffe0000000, 0x47efffffe0000000, 0x47f0000000000000, 0x3cb0000000000000,
};

static const u32 floats[] = {
	0, 0x80000000, 0x3f800000, 0xbf800000, 0x40000000, 0x3f000000, 0x7f800000, 0xff800000,
	0x7fc00000, 0xffc00000, 0x7f800001, 0xffa00123, 0x7fc0beef, 1, 0x007fffff, 0x80000001,
	0x00800000, 0x7f7fffff, 0xff7fffff, 0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000,
	0xdf000000, 0x3fc00000, 0x40200000, 0xbf000000, 0x34000000, 0x33800000,
};

static u64 rnd_double(void)
{
	if (one_in(2))
		return doubles[rnd_below(ARRAY_SIZE(doubles))];
	/* About the size of 1, so that sums and products are interesting. */
	return (rnd() & 0x800fffffffffffffull) | (u64)(1023 - 32 + rnd_below(80)) << 52;
}

static u32 rnd_float(void)
{
	if (one_in(2))
		return floats[rnd_below(ARRAY_SIZE(floats))];
	return ((u32)rnd() & 0x807fffff) | (127 - 16 + rnd_below(40)) << 23;
}

void rnd_vector(u8 *p)
{
	u64 q[2];
	u32 d[4];
	unsigned int i, kind = rnd_below(4);

	for (i = 0; i < 2; i++)
		q[i] = kind == 0 ? rnd_double() : rnd();
	memcpy(p, q, 16);
	if (kind == 1) {
		for (i = 0; i < 4; i++)
			d[i] = rnd_float();
		memcpy(p, d, 16);
	}
	if (kind == 2)		/* bytes and words at the ends of their ranges */
		for (i = 0; i < 16; i++)
			if (p[i] & 1)
				p[i] = p[i] & 2 ? 0x80 : p[i] & 4 ? 0x7f : p[i] & 8 ? 0 : 0xff;
}

/* An 80-bit real at p. */
static void rnd_x87(u8 *p)
{
	static const u16 exps[] = { 0, 1, 0x3fff, 0x3ffe, 0x4000, 0x403e, 0x403d, 0x7ffe, 0x7fff,
				    0x401e, 0x3c01, 0x43fe, 0x43ff, 0x3f81, 0x407e, 0x407f };
	static const u64 mants[] = { 0, 1ull << 63, ~0ull, 3ull << 62, 1, (1ull << 63) + 1,
				     0x7fffffffffffffff, 0xc000000000000000, 0xfffffffffffff800,
				     0xfffffffffffffc00, 0x4000000000000000 };
	u16 se = 0x3fff - 40 + rnd_below(80);
	u64 m = rnd() | 1ull << 63;

	if (one_in(3)) {
		se = exps[rnd_below(ARRAY_SIZE(exps))];
		if (one_in(2))
			m = mants[rnd_below(ARRAY_SIZE(mants))];
	}
	se |= (u16)(rnd() & 0x8000);
	memcpy(p, &m, 8);
	memcpy(p + 8, &se, 2);
	if (one_in(12)) {
		m = rnd();
		memcpy(p, &m, 8);
		m = rnd();
		memcpy(p + 8, &m, 2);
	}
}

u32 rnd_mxcsr(void)
{
	u32 v = 0x1f80 | (rnd() & 0x3f) | (rnd() & 3) << 13;

	if (one_in(8))
		v ^= rnd() & 0x1f80;
	if (one_in(4))
		v |= 1u << 15;
	if (one_in(4))
		v |= 1u << 6;
	return v;
}

static void rnd_fpu(u8 *fx)
{
	u16 fcw = 0x037f, fsw = rnd() & 0x7f7f, ftw = 0xff;
	u32 mxcsr = rnd_mxcsr();
	unsigned int i;

	if (one_in(2))
		fcw = 0x007f | (rnd() & 0x1f00);
	if (one_in(8))
		fcw ^= rnd() & 0x3f;
	if (!one_in(8))
		fsw &= fcw | 0xff40;	/* nothing pending */
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080;
	if (one_in(2))
		ftw = rnd();
	memcpy(fx, &fcw, 2);
	memcpy(fx + 2, &fsw, 2);
	fx[4] = ftw;
	memcpy(fx + 24, &mxcsr, 4);
	/* All of them at times; a few are enough for the next test to differ. */
	if (one_in(8)) {
		for (i = 0; i < 8; i++)
			rnd_x87(fx + 32 + 16 * i);
		for (i = 0; i < 16; i++)
			rnd_vector(fx + 160 + 16 * i);
	}
	for (i = 0; i < 3; i++) {
		rnd_x87(fx + 32 + 16 * rnd_below(8));
		rnd_vector(fx + 160 + 16 * rnd_below(16));
	}
}

void rnd_fpu_area(u8 p[832])
{
	u64 bv = rnd_below(8), comp = 0;
	unsigned int i;

	for (i = 0; i < 832; i += 16)
		rnd_vector(p + i);
	rnd_fpu(p);
	memset(p + 512, 0, 64);
	if (one_in(3))
		comp = 1ull << 63 | (one_in(4) ? rnd_below(8) : bv | rnd_below(8));
	if (one_in(12))
		bv |= 1ull << 40;
	memcpy(p + 512, &bv, 8);
	memcpy(p + 520, &comp, 8);
	if (one_in(12))
		p[528 + rnd_below(48)] = 1;
}

u64 rnd_value(void)
{
	static const u64 special[] = { 0, 1, ~0ull, 0x80, 0x7f, 0xff, 0x8000, 0x7fff, 0xffff,
		0x80000000, 0x7fffffff, 0xffffffff, 1ull << 63, ~0ull >> 1, 1ull << 32 };
	u64 v = rnd();

	switch (rnd_below(6)) {
	case 0: return special[rnd_below(ARRAY_SIZE(special))];
	case 1: return v & 0xff;
	case 2: return (u64)(s64)(s8)v;
	case 3: return (u32)v;
	}
	/* Not where this process has its own code and data. */
	return v >> 47 ? v : v | 1ull << 60;
}

/* An address (or offset) in the writable data, seldom near its ends or outside. */
u64 rnd_data(unsigned int align, unsigned int size)
{
	const u64 start = DATA_LIN - data_base();
	u64 a = start + 64 + rnd_below(RW_SIZE - 1024);

	if (align > 1 && !one_in(32))
		a &= ~(u64)(align - 1);
	switch (rnd_below(48)) {
	case 0: case 1:
		return start + 4096 - rnd_below(2 * size);
	case 2:
		return start + RW_SIZE - rnd_below(2 * size);
	case 3:
		return start + DATA_SIZE - rnd_below(2 * size);
	case 4:
		return start - rnd_below(size);
	}
	return a;
}

static bool in_pad(u64 a)
{
	return a - PAD_LIN < EXIT_LEN || a - PAD8_LIN < EXIT_LEN;
}

/* An address in the code pages, clear of what is being tested. */
u64 rnd_code_target(unsigned int len)
{
	u64 a;

	if (!one_in(8))
		return PAD_LIN - code_base();
	do
		a = CODE_LIN + 64 + rnd_below(CODE_SIZE - 128);
	while ((a >= START_LIN - 16 && a < START_LIN + len + 64) || in_pad(a));
	return a - code_base();
}

void poke(u64 ea, const void *p, unsigned int n)
{
	u64 off = ea + data_base() - DATA_LIN;

	if (off > RW_SIZE - n)
		return;
	memcpy(native_data() + off, p, n);
	memcpy(model_data() + off, p, n);
}

void gen_data(u8 *data, unsigned int n)
{
	unsigned int i;

	for (i = 0; i + 16 <= n; i += 16)
		rnd_vector(data + i);
}

void rnd_again(struct state *s)
{
	s->flags = X86_F_1 | X86_F_IF | (rnd() & X86_F_ARITH) | (one_in(4) ? X86_F_DF : 0);
	rnd_fpu(s->fx);
}

void rnd_state(struct state *s)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		s->gpr[i] = diff_bits == 64 ? rnd_value() : (u32)rnd_value();
	s->gpr[X86_RSP] = (DATA_LIN - data_base() + 512 + rnd_below(RW_SIZE - 2048)) & ~7ull;
	s->gpr[X86_RBP] = (DATA_LIN - data_base() + 512 + rnd_below(RW_SIZE - 2048)) & ~7ull;
	rnd_again(s);
	if (one_in(64))
		s->flags |= X86_F_AC;
	s->fsbase = rnd_below(0x100000);
	s->gsbase = rnd_below(0x100000);
	s->vector = -1;
	s->rip = START_IP;
	for (i = 0; i < 6; i++)
		s->sel[i] = i == X86_SS && diff_bits == 64 ? SEL_DATA : data_sel();
	s->sel[X86_CS] = 0;
	s->sel[X86_FS] = s->sel[X86_GS] = 0;
}
