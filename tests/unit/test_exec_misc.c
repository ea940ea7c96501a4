// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions that CPUID may not have, random numbers, faults half-way, code
 * that cannot be fetched. */
#include "x86_env.h"

struct gated {
	unsigned int feature;
	u8 len, code[8];
};

#define GATED(f, ...) { f, sizeof((const u8[]){ __VA_ARGS__ }), { __VA_ARGS__ } }

static const struct gated gated[] = {
	GATED(XF_LAHF64, 0x9f), GATED(XF_LAHF64, 0x9e),
	GATED(XF_RDRAND, 0x0f, 0xc7, 0xf0), GATED(XF_RDSEED, 0x0f, 0xc7, 0xf8),
	GATED(XF_CX8, 0x0f, 0xc7, 0x0b), GATED(XF_CX16, 0x48, 0x0f, 0xc7, 0x0b),
	GATED(XF_POPCNT, 0xf3, 0x0f, 0xb8, 0xc1), GATED(XF_MOVBE, 0x0f, 0x38, 0xf0, 0x0b),
	GATED(XF_BMI1, 0xc4, 0xe2, 0x70, 0xf2, 0xc1), GATED(XF_BMI1, 0xc4, 0xe2, 0x70, 0xf3, 0xc9),
	GATED(XF_BMI1, 0xc4, 0xe2, 0x70, 0xf7, 0xc1), GATED(XF_BMI2, 0xc4, 0xe2, 0x70, 0xf5, 0xc1),
	GATED(XF_BMI2, 0xc4, 0xe2, 0x73, 0xf6, 0xc1), GATED(XF_BMI2, 0xc4, 0xe2, 0x73, 0xf5, 0xc1),
	GATED(XF_BMI2, 0xc4, 0xe3, 0x7b, 0xf0, 0xc1, 4),
	GATED(XF_BMI2, 0xc4, 0xe2, 0x71, 0xf7, 0xc1),
	GATED(XF_ADX, 0x66, 0x0f, 0x38, 0xf6, 0xc1), GATED(XF_SSE42, 0xf2, 0x0f, 0x38, 0xf1, 0xc1),
	GATED(XF_RDPID, 0xf3, 0x0f, 0xc7, 0xf8), GATED(XF_RDTSCP, 0x0f, 0x01, 0xf9),
	GATED(XF_SERIALIZE, 0x0f, 0x01, 0xe8),
	GATED(XF_INVPCID, 0x66, 0x0f, 0x38, 0x82, 0x0b),
};

static void start(void)
{
	bed_long(0, true);
	C->gpr[X86_RBX] = BED_DATA;
	C->gpr[X86_RCX] = 2;	/* INVPCID: everything */
}

static void what_cpuid_does_not_have_is_undefined(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gated); i++) {
		const struct gated *g = &gated[i];
		int r;

		start();
		r = bed_exec(g->code, g->len);
		if (r != RUN_OK && r != RUN_END)
			fail_msg("%zu: %d with the feature", i, r);
		start();
		C->features[g->feature / 64] &= ~(1ull << (g->feature % 64));
		r = bed_exec(g->code, g->len);
		if (r != RUN_FAULT || C->exc.vector != X86_UD)
			fail_msg("%zu: %d without the feature", i, r);
		assert_int_equal(C->gpr[X86_RBX], BED_DATA);
	}
}

static void what_cr4_does_not_enable_is_undefined(void **state)
{
	start();
	C->cr4 &= ~(u64)(X86_CR4_PKE | X86_CR4_OSXSAVE | X86_CR4_FSGSBASE);
	assert_fault(EXEC(0x0f, 0x01, 0xee), X86_UD, 0);		/* rdpkru */
	assert_fault(EXEC(0x0f, 0x01, 0xef), X86_UD, 0);		/* wrpkru */
	assert_fault(EXEC(0x0f, 0x01, 0xd0), X86_UD, 0);		/* xgetbv */
	assert_fault(EXEC(0x0f, 0x01, 0xd1), X86_UD, 0);		/* xsetbv */
	assert_fault(EXEC(0xf3, 0x48, 0x0f, 0xae, 0xc0), X86_UD, 0);	/* rdfsbase */
}

static void random_numbers_differ_and_set_carry_alone(void **state)
{
	static const u8 modrm[] = { 0xf0, 0xf8 };
	unsigned int i, k;
	u64 v[4];

	for (k = 0; k < 2; k++) {
		start();
		for (i = 0; i < 4; i++) {
			do {
				x86_set_rflags(C, X86_F_1 | X86_F_ARITH);
				C->gpr[X86_RAX] = 0;
				assert_int_equal(EXEC(0x48, 0x0f, 0xc7, modrm[k]), RUN_OK);
				/* Without carry there was none, and the result is 0. */
				assert_true(x86_flags_arith(C) == X86_F_CF ||
					    (!x86_flags_arith(C) && !C->gpr[X86_RAX]));
			} while (!x86_cf(C));
			v[i] = C->gpr[X86_RAX];
		}
		assert_false(v[0] == v[1] && v[1] == v[2] && v[2] == v[3]);
	}
	C->gpr[X86_RAX] = 0x1111222233334444;
	assert_int_equal(EXEC(0x66, 0x0f, 0xc7, 0xf0), RUN_OK);
	assert_true(C->gpr[X86_RAX] >> 16 == 0x111122223333);
}

static void monitor_looks_at_its_address_and_extensions(void **state)
{
	start();
	C->gpr[X86_RAX] = BED_DATA;
	C->gpr[X86_RCX] = 0;
	assert_int_equal(EXEC(0x0f, 0x01, 0xc8), RUN_OK);
	C->gpr[X86_RCX] = 1;
	assert_fault(EXEC(0x0f, 0x01, 0xc8), X86_GP, 0);
	C->gpr[X86_RCX] = 0;
	C->gpr[X86_RAX] = 1ull << 60;
	assert_fault(EXEC(0x0f, 0x01, 0xc8), X86_GP, 0);
	bed_long(3, true);
	assert_fault(EXEC(0x0f, 0x01, 0xc8), X86_UD, 0);
	assert_fault(EXEC(0x0f, 0x01, 0xc9), X86_UD, 0);
}

static void a_fault_half_way_leaves_what_popa_popped(void **state)
{
	unsigned int i;

	bed_protected(0);
	/* Room for four of eight. */
	C->gpr[X86_RSP] = 0x2f0;
	for (i = 0; i < 8; i++)
		bed_put32(0x2f0 + 4 * i, 0xaa00 + i);
	C->gpr[X86_RBX] = C->gpr[X86_RAX] = 0x77;
	bed_gdt(SEL_FREE, bed_desc(0, 0x2ff, 0x493));
	bed_seg(X86_SS, SEL_FREE);
	x86_mode_update(C);
	assert_fault(EXEC(0x61), X86_SS_EXC, 0);
	assert_int_equal(C->gpr[X86_RDI], 0xaa00);
	assert_int_equal(C->gpr[X86_RSI], 0xaa01);
	assert_int_equal(C->gpr[X86_RBP], 0xaa02);
	assert_int_equal(C->gpr[X86_RSP], 0x2f0);
	assert_int_equal(C->gpr[X86_RBX], 0x77);
	assert_int_equal(C->gpr[X86_RAX], 0x77);
}

#define HANDLER	(BED_CODE + 0x800)

static void code_that_goes_on_in_a_bad_page_raises_what_the_page_does(void **state)
{
	bed_long(0, true);
	bed_idt64(X86_PF, SEL_CODE64, HANDLER, 0xe, 0, 0);
	bed.ram[BED_CODE + 0xfff] = 0x0f;
	bed_put64(bed_pte_at(BED_CODE + 0x1000, 1), 0);
	C->gpr[X86_RIP] = BED_CODE + 0xfff;
	assert_int_equal(x86_emulate(C, NULL), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], HANDLER);
	assert_int_equal(C->cr2, BED_CODE + 0x1000);
	/* The frame: error code, then where it happened. */
	assert_int_equal(bed_get(C->gpr[X86_RSP] + 8, 8), BED_CODE + 0xfff);
}

static void instructions_end_after_15_bytes(void **state)
{
	bed_long(0, true);
	bed_idt64(X86_GP, SEL_CODE64, HANDLER, 0xe, 0, 0);
	C->gpr[X86_RIP] = BED_CODE;
	memset(bed.ram + BED_CODE, 0x66, 14);
	bed.ram[BED_CODE + 14] = 0x90;
	assert_int_equal(x86_emulate(C, NULL), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 15);
	C->gpr[X86_RIP] = BED_CODE;
	bed.ram[BED_CODE + 14] = 0x66;
	bed.ram[BED_CODE + 15] = 0x90;
	assert_int_equal(x86_emulate(C, NULL), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], HANDLER);
	assert_int_equal(bed_get(C->gpr[X86_RSP], 8), 0);
	assert_int_equal(bed_get(C->gpr[X86_RSP] + 8, 8), BED_CODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cpuid_does_not_have_is_undefined),
		cmocka_unit_test(what_cr4_does_not_enable_is_undefined),
		cmocka_unit_test(random_numbers_differ_and_set_carry_alone),
		cmocka_unit_test(monitor_looks_at_its_address_and_extensions),
		cmocka_unit_test(a_fault_half_way_leaves_what_popa_popped),
		cmocka_unit_test(code_that_goes_on_in_a_bad_page_raises_what_the_page_does),
		cmocka_unit_test(instructions_end_after_15_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
