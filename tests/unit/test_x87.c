// SPDX-License-Identifier: GPL-2.0-or-later
/* x87: the register stack, its faults, pending exceptions, formats in memory.
 * tests/diff compares all of D8 to DF with the host's processor. */
#include "tests/unit/fpu_bed.h"
#include "engine/soft/x87.h"

#define TOP	(F->fsw >> 11 & 7)
#define ST(i)	(&F->st[(TOP + (i)) & 7])

#define assert_st(i, exp, m) do { \
	assert_int_equal(ST(i)->se, exp); \
	assert_int_equal(ST(i)->mant, m); \
} while (0)

#define FLD1	0xd9, 0xe8
#define FLDZ	0xd9, 0xee
#define M1	(1ull << 63)	/* the significand of 1.0 */

static void loads_push_and_stores_pop(void **state)
{
	bed_put64(BED_DATA, f64(-2.5));
	RUN(0xdd, 0x03);			/* fld m64 */
	assert_int_equal(TOP, 7);
	assert_int_equal(F->ftw, 0x80);
	assert_st(0, 0xc000, 0xa000000000000000);
	RUN(FLD1);
	RUN(0xde, 0xc1);			/* faddp */
	assert_st(0, 0xbfff, 0xc000000000000000);
	RUN(0xd9, 0x5b, 0x08);			/* fstp m32 */
	assert_int_equal(bed_get(BED_DATA + 8, 4), 0xbfc00000);
	assert_int_equal(F->ftw, 0);
	assert_int_equal(F->fsw, 0);
}

static void integers_in_all_sizes(void **state)
{
	bed_put64(BED_DATA, -30000);
	RUN(0xdf, 0x03);			/* fild m16 */
	RUN(0xdb, 0x03);			/* fild m32 */
	RUN(0xdf, 0x2b);			/* fild m64 */
	for (unsigned int i = 0; i < 3; i++)
		assert_st(i, 0xc00d, 30000ull << 49);
	RUN(0xdf, 0x7b, 0x10);			/* fistp m64 */
	RUN(0xdb, 0x5b, 0x18);			/* fistp m32 */
	RUN(0xdf, 0x5b, 0x20);			/* fistp m16 */
	assert_int_equal(bed_get(BED_DATA + 0x10, 8), -30000);
	assert_int_equal(bed_get(BED_DATA + 0x18, 8), (u32)-30000);
	assert_int_equal(bed_get(BED_DATA + 0x20, 8), (u16)-30000);
	assert_int_equal(F->fsw & ~FSW_TOP, 0);
}

static void stores_round_as_told_and_fisttp_truncates(void **state)
{
	static const u8 want[4] = { 4, 3, 4, 3 };

	bed_put64(BED_DATA, f64(3.5));
	for (unsigned int rc = 0; rc < 4; rc++) {
		F->fcw = FCW_INIT | rc << 10;
		F->fsw = 0;
		RUN(0xdd, 0x03);
		RUN(0xdb, 0x53, 0x10);		/* fist m32 */
		assert_int_equal(bed_get(BED_DATA + 0x10, 4), want[rc]);
		assert_int_equal(F->fsw & (FSW_PE | FSW_C1),
				 FSW_PE | (want[rc] == 4 ? FSW_C1 : 0));
		RUN(0xdb, 0x4b, 0x10);		/* fisttp m32 */
		assert_int_equal(bed_get(BED_DATA + 0x10, 4), 3);
		assert_int_equal(F->fsw & FSW_C1, 0);
	}
}

static void bcd_goes_both_ways(void **state)
{
	static const u8 n[10] = { 0x89, 0x67, 0x45, 0x23, 0x01, 0, 0, 0, 0x99, 0x80 };

	bed_put(BED_DATA, n, 10);
	RUN(0xdf, 0x23);
	RUN(0xdf, 0x73, 0x20);
	assert_memory_equal(bed.ram + BED_DATA + 0x20, n, 10);
	assert_int_equal(F->fsw, 0);
}

static void extended_reals_keep_every_bit(void **state)
{
	bed_put64(BED_DATA, 0x123456789abcdef0);	/* an unnormal */
	bed_put16(BED_DATA + 8, 0x7abc);
	RUN(0xdb, 0x2b);
	RUN(0xdb, 0x7b, 0x10);
	assert_int_equal(bed_get(BED_DATA + 0x10, 8), 0x123456789abcdef0);
	assert_int_equal(bed_get(BED_DATA + 0x18, 8), 0x7abc);
	assert_int_equal(F->fsw, 0);
}

static void overflow_of_the_stack(void **state)
{
	for (unsigned int i = 0; i < 8; i++)
		RUN(FLDZ);
	assert_int_equal(F->fsw, 0);
	RUN(FLD1);
	assert_int_equal(F->fsw, FSW_IE | FSW_SF | FSW_C1 | 7 << 11);
	assert_st(0, 0xffff, 3ull << 62);
}

static void underflow_of_the_stack(void **state)
{
	RUN(FLD1);
	RUN(0xd8, 0xc1);			/* fadd st1, which is empty */
	assert_int_equal(F->fsw, FSW_IE | FSW_SF | 7 << 11);
	assert_st(0, 0xffff, 3ull << 62);
	RUN(0xdd, 0xd8);
	RUN(0xdf, 0x1b);			/* fistp m16 of nothing */
	assert_int_equal(bed_get(BED_DATA, 4), 0x8000);
	assert_int_equal(TOP, 1);
}

static void unmasked_exception_stops_the_next_waiting_one(void **state)
{
	RUN(FLD1);
	RUN(FLDZ);
	F->fcw &= ~FSW_ZE;
	RUN(0xd8, 0xf9);			/* fdivr: 1 / 0 */
	assert_int_equal(F->fsw, FSW_ZE | FSW_ES | FSW_B | 6 << 11);
	assert_st(0, 0, 0);			/* not done */
	assert_fault(FX(FLD1), X86_MF, 0);
	assert_fault(FX(0x9b), X86_MF, 0);
	assert_fault(FX(0xd9, 0x2b), X86_MF, 0);	/* fldcw */
	RUN(0xdf, 0xe0);			/* fnstsw ax */
	assert_int_equal((u16)C->gpr[X86_RAX], F->fsw);
	RUN(0xd9, 0x3b);			/* fnstcw */
	RUN(0xdb, 0xe2);			/* fnclex */
	RUN(FLD1);
}

static void fldcw_can_unmask_what_happened_before(void **state)
{
	RUN(FLD1);
	RUN(FLDZ);
	RUN(0xde, 0xf9);			/* fdivp */
	assert_st(0, 0x7fff, M1);
	bed_put16(BED_DATA, 0x037b);
	RUN(0xd9, 0x2b);
	assert_fault(FX(FLD1), X86_MF, 0);
	bed_put16(BED_DATA, 0xffff);
	F->fsw = 0;
	RUN(0xd9, 0x2b);
	assert_int_equal(F->fcw, 0x1f7f);
}

static void availability(void **state)
{
	C->cr0 |= X86_CR0_TS;
	assert_fault(FX(FLD1), X86_NM, 0);
	assert_fault(FX(0x9b), X86_NM, 0);
	assert_fault(FX(0xdb, 0xe3), X86_NM, 0);	/* fninit */
	C->cr0 &= ~(u64)X86_CR0_MP;
	RUN(0x9b);
	C->cr0 = (C->cr0 & ~(u64)X86_CR0_TS) | X86_CR0_EM;
	assert_fault(FX(FLD1), X86_NM, 0);
	C->cr0 &= ~(u64)X86_CR0_EM;
	assert_fault(FX(0xd9, 0xd1), X86_UD, 0);
	assert_fault(FX(0xdb, 0x23), X86_UD, 0);
	assert_fault(FX(0xdf, 0xff), X86_UD, 0);
}

static void faulting_store_does_not_pop(void **state)
{
	RUN(FLD1);
	RUN(0xd9, 0xeb);
	C->gpr[X86_RBX] = MMIO;
	assert_int_equal(FX(0xd9, 0x1b), RUN_EXIT);	/* inexact besides */
	assert_int_equal(F->fsw, 6 << 11);
	assert_int_equal(F->ftw, 0xc0);
	C->gpr[X86_RBX] = 0x8000000000000000;
	assert_fault(FX(0xdd, 0x1b), X86_GP, 0);
	assert_fault(FX(0xdd, 0x03), X86_GP, 0);
	assert_int_equal(F->fsw, 6 << 11);
}

static void comparisons_report_in_their_ways(void **state)
{
	RUN(FLDZ);
	RUN(FLD1);
	RUN(0xd8, 0xd1);				/* fcom: greater */
	assert_int_equal(F->fsw & FSW_CC, 0);
	RUN(0xd9, 0xc9);
	RUN(0xd8, 0xd1);
	assert_int_equal(F->fsw & FSW_CC, FSW_C0);
	x86_set_rflags(C, X86_F_OF | X86_F_SF);
	RUN(0xdb, 0xf1);				/* fcomi */
	assert_int_equal(x86_flags_arith(C), X86_F_CF);
	RUN(0xda, 0xc1);				/* fcmovb */
	assert_st(0, 0x3fff, M1);
	RUN(0xda, 0xe9);				/* fucompp */
	assert_int_equal(F->fsw & FSW_CC, FSW_C3);
	assert_int_equal(F->ftw, 0);
	RUN(0xd9, 0xe5);				/* fxam: empty */
	assert_int_equal(F->fsw & FSW_CC & ~FSW_C1, FSW_C3 | FSW_C0);
}

static void transcendentals_range_and_results(void **state)
{
	RUN(FLD1);
	RUN(0xd9, 0xfb);				/* fsincos */
	assert_st(1, 0x3ffe, 0xd76aa47848677021);
	assert_st(0, 0x3ffe, 0x8a51407da8345c92);
	RUN(0xdb, 0xe3);
	bed_put64(BED_DATA, f64(0x1p70));
	RUN(0xdd, 0x03);
	RUN(0xd9, 0xf2);				/* fptan: out of range */
	assert_int_equal(F->fsw & FSW_CC, FSW_C2);
	assert_int_equal(TOP, 7);
	RUN(FLD1);
	RUN(0xd9, 0xf3);				/* fpatan pops */
	assert_int_equal(TOP, 7);
}

static void precision_control_counts(void **state)
{
	F->fcw = 0x027f;
	RUN(FLD1);
	bed_put64(BED_DATA, f64(3));
	RUN(0xdc, 0x33);				/* fdiv m64 */
	assert_st(0, 0x3ffd, 0xaaaaaaaaaaaaa800);
}

static void host_is_at_rest_after_every_operation(void **state)
{
	u16 cw = 0, sw = 0;
	u8 env[28];

	F->fcw = 0x0c00 & ~FSW_EXC;			/* all unmasked */
	RUN(FLDZ);
	RUN(0xd9, 0xe4);
	RUN(0xd9, 0xfa);				/* fsqrt */
	RUN(0xd8, 0xf0);				/* 0 / 0 */
	__asm__ volatile("fnstcw %0\n\tfnstenv %1\n\tfldenv %1" : "=m"(cw), "=m"(env));
	__asm__ volatile("fnstsw %0" : "=a"(sw));
	assert_int_equal(cw, 0x037f);
	assert_int_equal(env[8] | env[9] << 8, 0xffff);	/* all empty */
	assert_int_equal(sw & FSW_ES, 0);
}

static void environment_in_protected_mode(void **state)
{
	u64 rip = C->gpr[X86_RIP];

	RUN(FLD1);
	RUN(0xdc, 0x43, 0x10);				/* fadd m64 */
	RUN(0xd9, 0xee);
	F->fcw = 0x0372;
	RUN(0xd9, 0x73, 0x40);				/* fnstenv, 28 bytes */
	assert_int_equal(bed_get(BED_DATA + 0x40, 4), 0xffff0372);
	assert_int_equal(bed_get(BED_DATA + 0x44, 4), 0xffff0000 | F->fsw);
	assert_int_equal(bed_get(BED_DATA + 0x48, 4), 0xffff1fff);	/* zero, valid */
	assert_int_equal(bed_get(BED_DATA + 0x4c, 4), (u32)rip + 5);
	assert_int_equal(bed_get(BED_DATA + 0x50, 4), C->seg[X86_CS].sel | 0x1ee << 16);
	assert_int_equal(bed_get(BED_DATA + 0x54, 4), BED_DATA + 0x10);
	assert_int_equal(F->fcw, 0x037f);
	F->fsw = F->ftw = F->fop = 0;
	F->fip = 0;
	RUN(0xd9, 0x63, 0x40);				/* fldenv */
	assert_int_equal(F->fcw, 0x0372);
	assert_int_equal(F->ftw, 0xc0);
	assert_int_equal(F->fop, 0x1ee);
	assert_int_equal(F->fip, rip + 5);
}

static void environment_of_sixteen_bits_and_real_mode(void **state)
{
	RUN(FLD1);
	RUN(0x66, 0xd9, 0x73, 0x40);
	assert_int_equal(bed_get(BED_DATA + 0x42, 2), F->fsw);
	assert_int_equal(bed_get(BED_DATA + 0x44, 2), 0x3fff);
	assert_int_equal(bed_get(BED_DATA + 0x4e, 2), 0);

	bed_real();
	C->cr0 = X86_CR0_NE;
	RUN(0xdb, 0xe3);
	C->gpr[X86_RIP] = 0x34;
	RUN(FLD1);
	C->gpr[X86_RBX] = 0x500;
	C->seg[X86_DS].base = 0;
	RUN(0xd9, 0x37);				/* fnstenv [bx], 14 bytes */
	assert_int_equal(bed_get(0x506, 2), (u16)(C->seg[X86_CS].sel * 16 + 0x34));
	assert_int_equal(bed_get(0x508, 2), (C->seg[X86_CS].sel >> 12) << 12 | 0x1e8);
	RUN(0x66, 0xd9, 0x37);				/* 28 bytes */
	assert_int_equal(bed_get(0x50c, 2), (u16)(C->seg[X86_CS].sel * 16 + 0x34));
	assert_int_equal(bed_get(0x510, 4), (u32)(C->seg[X86_CS].sel >> 12) << 12 | 0x1e8);
}

static void save_and_restore(void **state)
{
	struct x86_fpu before;

	for (unsigned int i = 0; i < 5; i++)
		RUN(0xd9, 0xe8 + i);
	RUN(0xdd, 0xc2);				/* ffree st2 */
	F->fsw |= FSW_C2 | FSW_PE;
	before = *F;
	RUN(0xdd, 0x73, 0x40);				/* fnsave */
	assert_int_equal(F->fsw, 0);
	assert_int_equal(F->fcw, FCW_INIT);
	assert_int_equal(F->ftw, 0);
	memset(F->st, 0x55, sizeof(F->st));
	RUN(0xdd, 0x63, 0x40);				/* frstor */
	assert_int_equal(F->fsw, before.fsw);
	assert_int_equal(F->ftw, before.ftw);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(F->st[i].mant, before.st[i].mant);
		assert_int_equal(F->st[i].se, before.st[i].se);
	}
}

static void register_tricks(void **state)
{
	RUN(FLD1);
	RUN(FLDZ);
	RUN(0xd9, 0xf6);				/* fdecstp */
	assert_int_equal(TOP, 5);
	RUN(0xd9, 0xf7);
	RUN(0xd9, 0xc9);				/* fxch */
	assert_st(0, 0x3fff, M1);
	RUN(0xd9, 0xe0);				/* fchs */
	assert_st(0, 0xbfff, M1);
	RUN(0xdf, 0xc0);				/* ffreep */
	assert_int_equal(F->ftw, 0x80);
	assert_int_equal(TOP, 7);
	RUN(0xd9, 0xc0);				/* fld st0 */
	assert_int_equal(F->ftw, 0xc0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(loads_push_and_stores_pop),
		BOTH(integers_in_all_sizes),
		BOTH(stores_round_as_told_and_fisttp_truncates),
		BOTH(bcd_goes_both_ways),
		BOTH(extended_reals_keep_every_bit),
		BOTH(overflow_of_the_stack),
		BOTH(underflow_of_the_stack),
		BOTH(unmasked_exception_stops_the_next_waiting_one),
		BOTH(fldcw_can_unmask_what_happened_before),
		BOTH(availability),
		BOTH(faulting_store_does_not_pop),
		BOTH(comparisons_report_in_their_ways),
		BOTH(transcendentals_range_and_results),
		BOTH(precision_control_counts),
		BOTH(host_is_at_rest_after_every_operation),
		BOTH(environment_in_protected_mode),
		BOTH(environment_of_sixteen_bits_and_real_mode),
		BOTH(save_and_restore),
		BOTH(register_tricks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
