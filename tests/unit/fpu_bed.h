/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fpu_bed.h - x86_env.h's processor with the software engine's x87 and SIMD. */
#ifndef TESTS_UNIT_FPU_BED_H
#define TESTS_UNIT_FPU_BED_H

#include "tests/unit/x86_env.h"
#include "engine/soft/fpu.h"

#define F	(&C->fpu)
#define MMIO	0x180000u	/* mapped, but nothing there answers: RUN_EXIT */

static inline int fpu_exec(const u8 *code, size_t n)
{
	struct x86_insn in;
	int r;

	if (x86_decode(&in, C->mode, code, n))
		return x86_raise(C, X86_UD);
	x86_bind(&in, soft_exec_fpu);
	C->gpr[X86_RIP] += in.len;
	r = in.exec(C, &in);
	if (r == RUN_FAULT || r == RUN_EXIT)
		C->gpr[X86_RIP] -= in.len;
	return r;
}

#define FX(...) fpu_exec((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
#define RUN(...) assert_int_equal(FX(__VA_ARGS__), RUN_OK)

/* Level 0, 64-bit, everything on; rBX points at data. state: fill the TLB. */
static inline int fpu_setup(void **state)
{
	bool fill = *state;

	bed_long(0, true);
	bed.fill = fill;
	C->cr0 = (C->cr0 & ~(u64)(X86_CR0_EM | X86_CR0_TS)) | X86_CR0_MP | X86_CR0_NE;
	C->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
	C->xcr0 = 7;
	x86_mode_update(C);
	x86_fpu_reset(F);
	RUN(0xdb, 0xe3);			/* fninit: RESET's FCW is 40h */
	F->mxcsr = 0x1f80;
	C->gpr[X86_RBX] = BED_DATA;
	return 0;
}

/* Every test with and without a TLB. */
#define BOTH(fn) \
	{ .name = #fn, .test_func = fn, .setup_func = fpu_setup }, \
	{ .name = #fn " (tlb)", .test_func = fn, .setup_func = fpu_setup, \
	  .initial_state = (void *)1 }

static inline void set_xmm(unsigned int n, u64 high, u64 low)
{
	F->v[n].q[0] = low;
	F->v[n].q[1] = high;
}

#define assert_xmm(n, high, low) do { \
	assert_int_equal(F->v[n].q[1], high); \
	assert_int_equal(F->v[n].q[0], low); \
} while (0)

static inline u64 f64(double d)
{
	u64 v;

	memcpy(&v, &d, 8);
	return v;
}

static inline u64 fpu_rnd(void)
{
	static u64 s = 0x9e3779b97f4a7c15;

	s ^= s << 13;
	s ^= s >> 7;
	return s ^= s << 17;
}

#endif
