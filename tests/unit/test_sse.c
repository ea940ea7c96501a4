// SPDX-License-Identifier: GPL-2.0-or-later
/* MMX and SSE: availability, precise faults, MXCSR, and results with known
 * answers. tests/diff compares all operations with the host's processor. */
#include <xmmintrin.h>
#include "tests/unit/fpu_bed.h"

#define ONE	0x3ff0000000000000ull
#define TWO	0x4000000000000000ull
#define THREE	0x4008000000000000ull
#define HUGE	0x7fefffffffffffffull	/* the largest double */
#define TINY	0x0000000000000001ull	/* the smallest */

static void sse_needs_its_control_bits(void **state)
{
	C->cr4 &= ~(u64)X86_CR4_OSFXSR;
	assert_fault(FX(0x0f, 0x28, 0xc1), X86_UD, 0);
	C->cr4 |= X86_CR4_OSFXSR;
	C->cr0 |= X86_CR0_TS;
	assert_fault(FX(0x0f, 0x28, 0xc1), X86_NM, 0);
	C->cr0 |= X86_CR0_EM;			/* #UD comes first */
	assert_fault(FX(0x0f, 0x28, 0xc1), X86_UD, 0);
}

static void absent_features_are_undefined(void **state)
{
	C->features[XFW_1_ECX] &= ~(1ull << 9);
	assert_fault(FX(0x66, 0x0f, 0x38, 0x00, 0xc1), X86_UD, 0);	/* pshufb */
	assert_fault(FX(0x0f, 0x38, 0x00, 0xc1), X86_UD, 0);
	C->features[XFW_1_EDX] &= ~(1ull << 23);
	assert_fault(FX(0x0f, 0xfc, 0xc1), X86_UD, 0);			/* paddb mm */
	RUN(0x66, 0x0f, 0xfc, 0xc1);
}

static void mmx_works_without_osfxsr_and_waits_for_x87(void **state)
{
	C->cr4 &= ~(u64)X86_CR4_OSFXSR;
	RUN(0x0f, 0xfc, 0xc1);
	F->fsw |= 0x8081;
	F->fcw &= ~1;
	assert_fault(FX(0x0f, 0xfc, 0xc1), X86_MF, 0);
	C->cr0 |= X86_CR0_TS;
	assert_fault(FX(0x0f, 0xfc, 0xc1), X86_NM, 0);
}

static void mmx_switches_the_register_stack(void **state)
{
	F->fsw = 5 << 11;
	F->ftw = 0;
	F->st[1] = (struct x87_reg){ .mant = 0x01fe, .se = 0x3fff };
	F->st[2] = (struct x87_reg){ .mant = 0x0203, .se = 0x3fff };
	RUN(0x0f, 0xfc, 0xca);			/* paddb mm1, mm2 */
	assert_int_equal(F->st[1].mant, 0x0301);
	assert_int_equal(F->st[1].se, 0xffff);
	assert_int_equal(F->st[2].se, 0x3fff);
	assert_int_equal(F->fsw >> 11 & 7, 0);
	assert_int_equal(F->ftw, 0xff);
	RUN(0x0f, 0x77);			/* emms */
	assert_int_equal(F->ftw, 0);
}

static void misaligned_operands_fault(void **state)
{
	set_xmm(0, 1, 2);
	C->gpr[X86_RBX]++;
	assert_fault(FX(0x0f, 0x28, 0x03), X86_GP, 0);		/* movaps */
	assert_fault(FX(0x0f, 0x29, 0x03), X86_GP, 0);
	assert_fault(FX(0x66, 0x0f, 0xef, 0x03), X86_GP, 0);	/* pxor */
	assert_fault(FX(0x66, 0x0f, 0x58, 0x03), X86_GP, 0);	/* addpd */
	assert_xmm(0, 1, 2);
	RUN(0x0f, 0x11, 0x03);					/* movups */
	set_xmm(0, 0, 0);
	RUN(0xf3, 0x0f, 0x6f, 0x03);				/* movdqu */
	assert_xmm(0, 1, 2);
	RUN(0x66, 0x0f, 0x3a, 0x63, 0x03, 0x0c);		/* pcmpistri */
}

static void moves_across_pages(void **state)
{
	C->gpr[X86_RBX] = BED_DATA + 0xff9;
	set_xmm(1, 0x1122334455667788, 0x99aabbccddeeff00);
	RUN(0x66, 0x0f, 0x11, 0x0b);
	RUN(0x66, 0x0f, 0x10, 0x13);
	assert_xmm(2, 0x1122334455667788, 0x99aabbccddeeff00);
	assert_int_equal(bed_get(BED_DATA + 0x1001, 8), 0x1122334455667788);
}

static void store_to_a_read_only_page_changes_nothing(void **state)
{
	bed_put64(bed_pte_at(BED_DATA + 0x1000, 1), (BED_DATA + 0x1000) | 0x65);
	C->gpr[X86_RBX] = BED_DATA + 0xff8;
	set_xmm(0, ~0ull, ~0ull);
	assert_fault(FX(0x0f, 0x11, 0x03), X86_PF, 3);
	assert_int_equal(C->exc.cr2, BED_DATA + 0x1000);
	assert_int_equal(bed_get(BED_DATA + 0xff8, 8), 0);
}

static void mmio_leaves_registers_alone(void **state)
{
	C->gpr[X86_RBX] = MMIO;
	set_xmm(3, 7, 8);
	assert_int_equal(FX(0x66, 0x0f, 0x6f, 0x1b), RUN_EXIT);
	assert_int_equal(FX(0xf2, 0x0f, 0x58, 0x1b), RUN_EXIT);
	assert_xmm(3, 7, 8);
	F->fsw = 3 << 11;
	assert_int_equal(FX(0x0f, 0x6f, 0x1b), RUN_EXIT);	/* movq mm */
	assert_int_equal(F->fsw, 3 << 11);
}

static void scalar_loads_clear_and_register_moves_merge(void **state)
{
	bed_put64(BED_DATA, 0x1111111122222222);
	set_xmm(0, 5, 6);
	RUN(0xf3, 0x0f, 0x10, 0x03);
	assert_xmm(0, 0, 0x22222222);
	set_xmm(1, 5, 0x6600000077);
	RUN(0xf3, 0x0f, 0x10, 0xc8);
	assert_xmm(1, 5, 0x6622222222);
	RUN(0xf3, 0x0f, 0x7e, 0xc9);		/* movq xmm1, xmm1 */
	assert_xmm(1, 0, 0x6622222222);
	F->v[1].q[2] = 9;			/* YMM's upper half survives */
	RUN(0xf2, 0x0f, 0x10, 0x0b);
	assert_int_equal(F->v[1].q[2], 9);
}

static void flags_are_sticky_and_follow_the_operation(void **state)
{
	set_xmm(0, 0, ONE);
	set_xmm(1, 0, THREE);
	RUN(0xf2, 0x0f, 0x58, 0xc1);		/* 1 + 3 is exact */
	assert_int_equal(F->mxcsr, 0x1f80);
	RUN(0xf2, 0x0f, 0x5e, 0xc1);		/* 4 / 3 is not */
	assert_int_equal(F->mxcsr, 0x1fa0);
	set_xmm(1, 0, 0);
	RUN(0xf2, 0x0f, 0x5e, 0xc1);
	assert_int_equal(F->mxcsr, 0x1fa4);
	set_xmm(0, 0, ONE);
	RUN(0xf2, 0x0f, 0x58, 0xc0);
	assert_int_equal(F->mxcsr, 0x1fa4);
	F->mxcsr = 0x1f80;			/* the host's own are still set */
	RUN(0xf2, 0x0f, 0x58, 0xc0);
	assert_int_equal(F->mxcsr, 0x1f80);
}

static void rounding_daz_and_ftz_are_the_guests_only(void **state)
{
	u32 host = _mm_getcsr() & ~0x3f;

	set_xmm(1, 0, THREE);
	for (unsigned int rc = 0; rc < 4; rc++) {
		F->mxcsr = 0x1f80 | rc << 13;
		set_xmm(0, 0, ONE);
		RUN(0xf2, 0x0f, 0x5e, 0xc1);
		assert_int_equal(F->v[0].q[0], rc == 2 ? 0x3fd5555555555556 : 0x3fd5555555555555);
	}
	F->mxcsr = 0x1f80 | 1 << 6;
	set_xmm(0, 0, TINY);
	RUN(0xf2, 0x0f, 0x58, 0xc0);
	assert_xmm(0, 0, 0);
	assert_int_equal(F->mxcsr, 0x1fc0);
	F->mxcsr = 0x1f80 | 1 << 15;
	set_xmm(0, 0, 0x0010000000000001);
	set_xmm(1, 0, 0x3fe0000000000000);
	RUN(0xf2, 0x0f, 0x59, 0xc1);
	assert_xmm(0, 0, 0);
	assert_int_equal(F->mxcsr, 0x9fb0);
	assert_int_equal(_mm_getcsr() & ~0x3f, host);
}

static void unmasked_exceptions_stop_the_operation(void **state)
{
	F->mxcsr = 0x1f80 & ~(4u << 7);		/* divide by zero */
	set_xmm(0, 3, ONE);
	set_xmm(1, 0, 0);
	assert_fault(FX(0xf2, 0x0f, 0x5e, 0xc1), X86_XM, 0);
	assert_xmm(0, 3, ONE);
	assert_int_equal(F->mxcsr, 0x1d84);
	C->cr4 &= ~(u64)X86_CR4_OSXMMEXCPT;
	assert_fault(FX(0xf2, 0x0f, 0x5e, 0xc1), X86_UD, 0);
	C->cr4 |= X86_CR4_OSXMMEXCPT;
	/* An exact tiny result underflows only when that is unmasked. */
	set_xmm(0, 0, TINY);
	F->mxcsr = 0x1f80;
	RUN(0xf2, 0x0f, 0x58, 0xc0);
	assert_int_equal(F->mxcsr, 0x1f82);
	F->mxcsr = 0x1f80 & ~(0x10u << 7);
	assert_fault(FX(0xf2, 0x0f, 0x58, 0xc0), X86_XM, 0);
	assert_int_equal(F->mxcsr, 0x1792);
	/* Overflow of an exact product is not inexact. */
	set_xmm(0, 0, HUGE);
	set_xmm(1, 0, TWO);
	F->mxcsr = 0x1f80 & ~(8u << 7);
	assert_fault(FX(0xf2, 0x0f, 0x59, 0xc1), X86_XM, 0);
	assert_int_equal(F->mxcsr, 0x1b88);
}

static void comparisons_set_the_flags(void **state)
{
	static const struct { u64 a, b; u32 flags; } cases[] = {
		{ ONE, TWO, X86_F_CF }, { TWO, ONE, 0 }, { ONE, ONE, X86_F_ZF },
		{ ONE, 0x7ff8000000000000, X86_F_ZF | X86_F_PF | X86_F_CF },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		F->mxcsr = 0x1f80;
		x86_set_rflags(C, X86_F_ARITH);
		set_xmm(0, 0, cases[i].a);
		set_xmm(1, 0, cases[i].b);
		RUN(0x66, 0x0f, 0x2e, 0xc1);		/* ucomisd: quiet */
		assert_int_equal(x86_flags_arith(C), cases[i].flags);
		assert_int_equal(F->mxcsr, 0x1f80);
		RUN(0x66, 0x0f, 0x2f, 0xc1);
		assert_int_equal(F->mxcsr, i == 3 ? 0x1f81 : 0x1f80);
	}
}

static void conversions_round_and_saturate(void **state)
{
	C->gpr[X86_RAX] = ~0ull;
	set_xmm(0, 0, f64(2.5));
	RUN(0xf2, 0x0f, 0x2d, 0xc0);			/* cvtsd2si eax */
	assert_int_equal(C->gpr[X86_RAX], 2);
	set_xmm(0, 0, f64(-3.7));
	RUN(0xf2, 0x48, 0x0f, 0x2c, 0xc0);		/* cvttsd2si rax */
	assert_int_equal(C->gpr[X86_RAX], -3);
	set_xmm(0, 0, f64(1e300));
	RUN(0xf2, 0x0f, 0x2c, 0xc0);
	assert_int_equal(C->gpr[X86_RAX], 0x80000000);
	assert_int_equal(F->mxcsr & 0x3f, 0x21);
	C->gpr[X86_RAX] = -5;
	set_xmm(0, 7, 0);
	RUN(0xf2, 0x48, 0x0f, 0x2a, 0xc0);		/* cvtsi2sd */
	assert_xmm(0, 7, f64(-5.0));
}

static void round_follows_the_immediate(void **state)
{
	static const double in[] = { 0.5, 1.5, -0.5, -1.5, 2.25, 1e300, 0x1.8p51 };
	static const double out[4][7] = {
		{ 0, 2, -0.0, -2, 2, 1e300, 0x1.8p51 }, { 0, 1, -1, -2, 2, 1e300, 0x1.8p51 },
		{ 1, 2, -0.0, -1, 3, 1e300, 0x1.8p51 }, { 0, 1, -0.0, -1, 2, 1e300, 0x1.8p51 },
	};

	for (unsigned int rc = 0; rc < 4; rc++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(in); i++) {
			F->mxcsr = 0x1f80;
			set_xmm(1, 0, f64(in[i]));
			RUN(0x66, 0x0f, 0x3a, 0x0b, 0xc1, rc);
			assert_int_equal(F->v[0].q[0], f64(out[rc][i]));
			assert_int_equal(F->mxcsr & 0x20, in[i] == out[rc][i] ? 0 : 0x20);
		}
	}
}

static void strings_are_compared(void **state)
{
	memcpy(&F->v[1], "aeiou\0\0\0\0\0\0\0\0\0\0", 16);
	memcpy(&F->v[2], "rhythm and rules", 16);
	RUN(0x66, 0x0f, 0x3a, 0x63, 0xca, 0x00);	/* any of, first */
	assert_int_equal(C->gpr[X86_RCX], 7);
	assert_int_equal(x86_flags_arith(C), X86_F_CF | X86_F_SF);
	RUN(0x66, 0x0f, 0x3a, 0x63, 0xca, 0x40);	/* last */
	assert_int_equal(C->gpr[X86_RCX], 14);
	memcpy(&F->v[1], "rul\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	RUN(0x66, 0x0f, 0x3a, 0x63, 0xca, 0x0c);	/* substring */
	assert_int_equal(C->gpr[X86_RCX], 11);
	C->gpr[X86_RAX] = 2;
	C->gpr[X86_RDX] = 5;
	memcpy(&F->v[1], "az\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	RUN(0x66, 0x0f, 0x3a, 0x60, 0xca, 0x54);	/* ranges, not in them */
	assert_xmm(0, ~0ull, 0xffffff0000000000);
	RUN(0x66, 0x0f, 0x3a, 0x60, 0xca, 0x74);	/* of those that count */
	assert_xmm(0, 0, 0);
	RUN(0x66, 0x0f, 0x3a, 0x60, 0xca, 0x44);
	assert_xmm(0, 0, 0xffffffffff);
}

/* The examples of FIPS 197's inputs in Intel's AES instructions paper. */
static void aes_and_carryless_known_answers(void **state)
{
	const u64 s[2] = { 0x7b5b546573745665, 0x63746f725d53475d };
	const u64 k[2] = { 0x4869285368617929, 0x5b477565726f6e5d };

	for (int hide = 0; hide < 2; hide++) {
		set_xmm(2, k[0], k[1]);
		set_xmm(1, s[0], s[1]);
		RUN(0x66, 0x0f, 0x38, 0xdc, 0xca);
		assert_xmm(1, 0xa8311c2f9fdba3c5, 0x8b104b58ded7e595);
		set_xmm(1, s[0], s[1]);
		RUN(0x66, 0x0f, 0x38, 0xdd, 0xca);
		assert_xmm(1, 0xc7fb881e938c5964, 0x177ec42553fdc611);
		set_xmm(1, s[0], s[1]);
		RUN(0x66, 0x0f, 0x38, 0xde, 0xca);
		assert_xmm(1, 0x138ac342faea2787, 0xb58eb95eb730392a);
		set_xmm(1, s[0], s[1]);
		RUN(0x66, 0x0f, 0x38, 0xdf, 0xca);
		assert_xmm(1, 0xc5a391ef6b317f95, 0xd410637b72a593d0);
		RUN(0x66, 0x0f, 0x38, 0xdb, 0xca);
		assert_xmm(1, 0x597f8df109efaa15, 0xf39bc5a119d859b6);
		set_xmm(2, 0x3c4fcf098815f7ab, 0xa6d2ae2816157e2b);
		RUN(0x66, 0x0f, 0x3a, 0xdf, 0xca, 0x01);
		assert_xmm(1, 0x01eb848beb848a01, 0x3424b5e524b5e434);
		set_xmm(1, s[0], s[1]);
		set_xmm(2, k[0], k[1]);
		RUN(0x66, 0x0f, 0x3a, 0x44, 0xca, 0x00);
		assert_xmm(1, 0x1d4d84c85c3440c0, 0x929633d5d36f0451);
		soft_host_simd_hide(SOFT_HOST_AES | SOFT_HOST_PCLMUL);
	}
}

/* One round of SHA-256 pairs from the initial state, by the formulas. */
static void sha256_rounds_by_the_formulas(void **state)
{
	u32 h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	u32 wk[2] = { 0x428a2f98u + 0x61626380u, 0x71374491 };

	set_xmm(1, (u64)h[2] << 32 | h[3], (u64)h[6] << 32 | h[7]);
	set_xmm(2, (u64)h[0] << 32 | h[1], (u64)h[4] << 32 | h[5]);
	set_xmm(0, 0, (u64)wk[1] << 32 | wk[0]);
	RUN(0x0f, 0x38, 0xcb, 0xca);
	/* a and e after rounds 0 and 1 of hashing "abc" (FIPS 180-2, B.1). */
	assert_xmm(1, 0x5a6ad9ad5d6aebcd, 0x78ce7989fa2a4622);
}

/* The C that hosts without SSSE3 to SSE4.2 run gives what others compute. */
static void c_code_equals_host_instructions(void **state)
{
	static const u8 ops[] = {
		0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x1c,
		0x1d, 0x1e, 0x28, 0x29, 0x2b, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e,
		0x3f, 0x40, 0x41,
	};
	u64 q[ARRAY_SIZE(ops)][20][2], a, b;

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(ops) * 20; i++) {
			a = 0x0123456789abcdefull * (i + 1);
			b = 0xfedcba9876543211ull * (i + 3);
			set_xmm(1, a, b);
			set_xmm(2, i % 3 ? ~a ^ b >> 9 : a, b * 0x10001);
			RUN(0x66, 0x0f, 0x38, ops[i / 20], 0xca);
			if (!pass)
				memcpy(q[i / 20][i % 20], &F->v[1], 16);
			assert_memory_equal(q[i / 20][i % 20], &F->v[1], 16);
		}
		soft_host_simd_hide(~0u);
	}
}

static void masked_store_writes_selected_bytes(void **state)
{
	memset(bed.ram + BED_DATA, 0xee, 16);
	C->gpr[X86_RDI] = BED_DATA;
	set_xmm(0, 0x1716151413121110, 0x0706050403020100);
	set_xmm(1, 0x8000000000000000, 0x00000000000080ff);
	RUN(0x66, 0x0f, 0xf7, 0xc1);
	assert_int_equal(bed_get(BED_DATA, 8), 0xeeeeeeeeeeee0100);
	assert_int_equal(bed_get(BED_DATA + 8, 8), 0x17eeeeeeeeeeeeee);
}

static void element_moves_reach_memory_and_registers(void **state)
{
	set_xmm(0, 0x1122334455667788, 0x99aabbccddeeff00);
	RUN(0x66, 0x0f, 0x3a, 0x14, 0x03, 0x0f);	/* pextrb [rbx], 15 */
	assert_int_equal(bed_get(BED_DATA, 2), 0x11);
	C->gpr[X86_RSI] = ~0ull;
	RUN(0x66, 0x0f, 0x3a, 0x14, 0xc6, 0x01);	/* pextrb esi */
	assert_int_equal(C->gpr[X86_RSI], 0xff);
	RUN(0x66, 0x0f, 0xc5, 0xf0, 0x07);		/* pextrw esi, xmm0, 7 */
	assert_int_equal(C->gpr[X86_RSI], 0x1122);
	C->gpr[X86_RSI] = 0xabcd;
	RUN(0x66, 0x0f, 0x3a, 0x20, 0xc6, 0x00);	/* pinsrb xmm0, esi, 0 */
	assert_xmm(0, 0x1122334455667788, 0x99aabbccddeeffcd);
	RUN(0x66, 0x48, 0x0f, 0x3a, 0x22, 0xc6, 0x01);	/* pinsrq */
	assert_xmm(0, 0xabcd, 0x99aabbccddeeffcd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(sse_needs_its_control_bits),
		BOTH(absent_features_are_undefined),
		BOTH(mmx_works_without_osfxsr_and_waits_for_x87),
		BOTH(mmx_switches_the_register_stack),
		BOTH(misaligned_operands_fault),
		BOTH(moves_across_pages),
		BOTH(store_to_a_read_only_page_changes_nothing),
		BOTH(mmio_leaves_registers_alone),
		BOTH(scalar_loads_clear_and_register_moves_merge),
		BOTH(flags_are_sticky_and_follow_the_operation),
		BOTH(rounding_daz_and_ftz_are_the_guests_only),
		BOTH(unmasked_exceptions_stop_the_operation),
		BOTH(comparisons_set_the_flags),
		BOTH(conversions_round_and_saturate),
		BOTH(round_follows_the_immediate),
		BOTH(strings_are_compared),
		BOTH(sha256_rounds_by_the_formulas),
		BOTH(masked_store_writes_selected_bytes),
		BOTH(element_moves_reach_memory_and_registers),
		/* These hide the host's extensions from all that come after. */
		BOTH(aes_and_carryless_known_answers),
		BOTH(c_code_equals_host_instructions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
