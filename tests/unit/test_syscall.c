// SPDX-License-Identifier: GPL-2.0-or-later
/* System calls, flags and the small privileged instructions. */
#include "x86_env.h"

static void msrs(void)
{
	C->star = (u64)(SEL_UCODE32 | 3) << 48 | (u64)SEL_CODE64 << 32 | 0x12340;
	C->lstar = 0xffffffff81000000;
	C->cstar = 0xffffffff81001000;
	C->sfmask = X86_F_IF | X86_F_DF | X86_F_AC;
	C->sysenter_cs = SEL_CODE32;
	C->sysenter_eip = 0xffffffff81002000;
	C->sysenter_esp = 0xffffffff82000000;
}

static void syscall_and_sysret_in_64_bit_mode(void **state)
{
	bed_long(3, true);
	msrs();
	x86_set_rflags(C, X86_F_IF | X86_F_CF | X86_F_AC | X86_F_RF);
	assert_int_equal(EXEC(0x0f, 0x05), RUN_END);
	assert_true(C->gpr[X86_RIP] == C->lstar);
	assert_int_equal(C->gpr[X86_RCX], BED_CODE + 2);
	assert_int_equal(C->gpr[X86_R11], X86_F_IF | X86_F_CF | X86_F_AC | X86_F_1);
	assert_int_equal(x86_rflags(C), X86_F_CF | X86_F_1);
	assert_int_equal(C->cpl, 0);
	assert_int_equal(C->seg[X86_CS].sel, SEL_CODE64);
	assert_int_equal(C->seg[X86_SS].sel, SEL_CODE64 + 8);
	assert_int_equal(C->seg[X86_CS].attr, 0xa9b);
	assert_int_equal(C->seg[X86_SS].attr, 0xc93);
	C->gpr[X86_RIP] = BED_CODE;
	assert_int_equal(EXEC(0x48, 0x0f, 0x07), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 2);
	assert_int_equal(C->cpl, 3);
	assert_int_equal(C->seg[X86_CS].sel, (SEL_UCODE32 + 16) | 3);
	assert_int_equal(C->seg[X86_SS].sel, (SEL_UCODE32 + 8) | 3);
	assert_int_equal(x86_rflags(C), X86_F_IF | X86_F_CF | X86_F_AC | X86_F_1);
	assert_fault(EXEC(0x48, 0x0f, 0x07), X86_GP, 0);	/* CPL 3 */
	C->efer &= ~(u64)X86_EFER_SCE;
	assert_fault(EXEC(0x0f, 0x05), X86_UD, 0);
}

static void syscall_from_compatibility_mode(void **state)
{
	bed_long(3, false);
	msrs();
	assert_int_equal(EXEC(0x0f, 0x05), RUN_END);
	assert_true(C->gpr[X86_RIP] == C->cstar);
	assert_int_equal(C->mode, X86_MODE64);
	C->gpr[X86_RIP] = BED_CODE;
	C->gpr[X86_RCX] = 0xffffffff00005000;
	C->gpr[X86_R11] = X86_F_IF;
	assert_int_equal(EXEC(0x0f, 0x07), RUN_END);	/* sysretd */
	assert_int_equal(C->gpr[X86_RIP], 0x5000);
	assert_int_equal(C->mode, X86_MODE32);
	assert_int_equal(C->seg[X86_CS].sel, SEL_UCODE32 | 3);
}

static void syscall_in_legacy_mode(void **state)
{
	bed_protected(3);
	msrs();
	C->efer = X86_EFER_SCE;
	C->rflags |= X86_F_IF;
	assert_int_equal(EXEC(0x0f, 0x05), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], 0x12340);
	assert_int_equal(C->gpr[X86_RCX], BED_CODE + 2);
	assert_false(C->rflags & X86_F_IF);
	assert_int_equal(C->mode, X86_MODE32);
	bed_real();
	C->efer = X86_EFER_SCE;
	assert_fault(EXEC(0x0f, 0x05), X86_UD, 0);
}

static void single_step_looks_at_tf_after_syscall(void **state)
{
	bed_long(3, true);
	msrs();
	C->sfmask = X86_F_TF;
	C->rflags |= X86_F_TF;
	assert_int_equal(EXEC(0x0f, 0x05), RUN_END);
	C->gpr[X86_RIP] = BED_CODE;
	assert_int_equal(EXEC(0x48, 0x0f, 0x07), RUN_FAULT);	/* TF comes back */
	assert_int_equal(C->exc.vector, X86_DB);
	assert_int_equal(C->exc.dr6, 1 << 14);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 2);
	assert_int_equal(C->cpl, 3);
}

static void sysenter_and_sysexit(void **state)
{
	bed_long(3, true);
	msrs();
	C->rflags |= X86_F_IF;
	assert_int_equal(EXEC(0x0f, 0x34), RUN_END);
	assert_true(C->gpr[X86_RIP] == C->sysenter_eip && C->gpr[X86_RSP] == C->sysenter_esp);
	assert_int_equal(C->cpl, 0);
	assert_false(C->rflags & X86_F_IF);
	C->gpr[X86_RIP] = BED_CODE;
	C->gpr[X86_RDX] = 0x5000;
	C->gpr[X86_RCX] = 0x6000;
	assert_int_equal(EXEC(0x0f, 0x35), RUN_END);
	assert_int_equal(C->mode, X86_MODE32);
	assert_true(C->gpr[X86_RIP] == 0x5000 && C->gpr[X86_RSP] == 0x6000);
	assert_int_equal(C->seg[X86_CS].sel, (SEL_CODE32 + 16) | 3);
	C->sysenter_cs = 3;
	assert_fault(EXEC(0x0f, 0x34), X86_GP, 0);
	bed_long(0, true);
	msrs();
	C->gpr[X86_RDX] = 1ull << 47;
	assert_fault(EXEC(0x48, 0x0f, 0x35), X86_GP, 0);
	C->gpr[X86_RDX] = 0x5000;
	assert_int_equal(EXEC(0x48, 0x0f, 0x35), RUN_END);
	assert_int_equal(C->seg[X86_CS].sel, (SEL_CODE32 + 32) | 3);
	assert_int_equal(C->mode, X86_MODE64);
}

static void popf_rules(void **state)
{
	static const struct {
		u8 cpl, iopl;
		bool wide;
		u64 val, expect;
	} tab[] = {
		{ 0, 0, true, ~0ull, X86_F_ARITH | X86_F_TF | X86_F_IF | X86_F_DF | X86_F_IOPL |
		  X86_F_NT | X86_F_AC | X86_F_ID | X86_F_1 },
		{ 3, 0, true, ~0ull, X86_F_ARITH | X86_F_TF | X86_F_DF | X86_F_NT | X86_F_AC |
		  X86_F_ID | X86_F_1 },
		{ 3, 3, true, X86_F_IF, X86_F_IF | X86_F_IOPL | X86_F_1 },
		{ 0, 0, false, ~0ull, X86_F_ARITH | X86_F_TF | X86_F_IF | X86_F_DF | X86_F_IOPL |
		  X86_F_NT | X86_F_1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(tab[i].cpl, true);
		x86_set_rflags(C, (u64)tab[i].iopl << 12);
		C->gpr[X86_RSP] = BED_STACK;
		bed_put64(BED_STACK, tab[i].val);
		assert_int_equal(tab[i].wide ? EXEC(0x9d) : EXEC(0x66, 0x9d), RUN_END);
		assert_int_equal(x86_rflags(C), tab[i].expect);
		assert_int_equal(C->gpr[X86_RSP], BED_STACK + (tab[i].wide ? 8 : 2));
	}
	/* VIF, VIP and VM are not POPF's. */
	bed_long(0, true);
	x86_set_rflags(C, X86_F_VIF | X86_F_VIP);
	C->gpr[X86_RSP] = BED_STACK;
	assert_int_equal(EXEC(0x9d), RUN_OK);
	assert_int_equal(x86_rflags(C), X86_F_VIF | X86_F_VIP | X86_F_1);
}

static void sti_holds_interrupts_off_once(void **state)
{
	bed_long(0, true);
	assert_int_equal(EXEC(0xfb), RUN_END);
	assert_int_equal(C->shadow, X86_SHADOW_STI);
	C->shadow = 0;
	assert_int_equal(EXEC(0xfb), RUN_OK);	/* it was set */
	assert_int_equal(C->shadow, 0);
	x86_set_cpl(C, 3);
	assert_fault(EXEC(0xfb), X86_GP, 0);
	assert_fault(EXEC(0xfa), X86_GP, 0);
	C->cr4 |= X86_CR4_PVI;
	C->rflags &= ~(u64)X86_F_IF;
	assert_int_equal(EXEC(0xfb), RUN_END);
	assert_true(C->rflags & X86_F_VIF);
	assert_false(C->rflags & X86_F_IF);
	assert_int_equal(EXEC(0xfa), RUN_OK);
	assert_false(C->rflags & X86_F_VIF);
	C->rflags |= X86_F_VIP;
	assert_fault(EXEC(0xfb), X86_GP, 0);
}

static void privileged_instructions_at_user_level(void **state)
{
	static const struct {
		u8 len, code[4], vec;
	} tab[] = {
		{ 1, { 0xf4 }, X86_GP },			/* hlt */
		{ 2, { 0x0f, 0x08 }, X86_GP },			/* invd */
		{ 2, { 0x0f, 0x09 }, X86_GP },			/* wbinvd */
		{ 2, { 0x0f, 0x30 }, X86_GP },			/* wrmsr */
		{ 2, { 0x0f, 0x32 }, X86_GP },			/* rdmsr */
		{ 2, { 0x0f, 0x33 }, X86_GP },			/* rdpmc */
		{ 3, { 0x0f, 0x01, 0xca }, X86_UD },		/* clac */
		{ 3, { 0x0f, 0x01, 0xcb }, X86_UD },		/* stac */
		{ 3, { 0x0f, 0x01, 0xc8 }, X86_UD },		/* monitor */
		{ 3, { 0x0f, 0x01, 0xc1 }, X86_UD },		/* vmcall, nobody there */
		{ 3, { 0x0f, 0x01, 0xd8 }, X86_UD },		/* vmrun */
		{ 2, { 0x0f, 0xaa }, X86_UD },			/* rsm */
		{ 2, { 0x0f, 0x0b }, X86_UD },			/* ud2 */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(3, true);
		if (bed_exec(tab[i].code, tab[i].len) != RUN_FAULT ||
		    bed_exc() != EXC(tab[i].vec, 0))
			fail_msg("row %u: %x", i, bed_exc());
	}
	bed_long(0, true);
	assert_int_equal(EXEC(0xf4), RUN_HALT);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 1);
	assert_int_equal(EXEC(0x0f, 0x09), RUN_OK);
}

static void smap_window(void **state)
{
	u64 v;

	bed_long(0, true);
	C->cr4 |= X86_CR4_SMAP;
	bed_put64(bed_pte_at(BED_DATA, 1), BED_DATA | 0x67);
	assert_fault(x86_load(C, X86_DS, BED_DATA, 1, &v), X86_PF, 1);
	bed.mode_changes = 0;
	bed_put64(bed_pte_at(BED_CODE, 1), BED_CODE | 0x63);
	assert_int_equal(EXEC(0x0f, 0x01, 0xcb), RUN_OK);
	assert_int_equal(bed.mode_changes, 1);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA, 1, &v), RUN_OK);
	assert_int_equal(EXEC(0x0f, 0x01, 0xca), RUN_OK);
	assert_fault(x86_load(C, X86_DS, BED_DATA, 1, &v), X86_PF, 1);
	C->features[XFW_7_EBX] = 0;
	assert_fault(EXEC(0x0f, 0x01, 0xca), X86_UD, 0);
}

static void time_and_identity(void **state)
{
	bed_long(3, true);
	C->tsc_aux = 0x77;
	assert_int_equal(EXEC(0x0f, 0x31), RUN_OK);
	assert_true(C->gpr[X86_RAX] == 0x9abcdef0 && C->gpr[X86_RDX] == 0x12345678);
	assert_int_equal(EXEC(0x0f, 0x01, 0xf9), RUN_OK);
	assert_int_equal(C->gpr[X86_RCX], 0x77);
	assert_int_equal(EXEC(0xf3, 0x0f, 0xc7, 0xf8), RUN_OK);	/* rdpid rax */
	assert_int_equal(C->gpr[X86_RAX], 0x77);
	C->cr4 |= X86_CR4_TSD;
	assert_fault(EXEC(0x0f, 0x31), X86_GP, 0);
	assert_fault(EXEC(0x0f, 0x01, 0xf9), X86_GP, 0);
	C->gpr[X86_RAX] = ~0ull;
	C->gpr[X86_RCX] = 3;
	assert_int_equal(EXEC(0x0f, 0xa2), RUN_OK);
	assert_true(C->gpr[X86_RAX] == 0xffffffff && C->gpr[X86_RBX] == 3);
	memset(C->features, 0, sizeof(C->features));
	assert_fault(EXEC(0x0f, 0x01, 0xf9), X86_UD, 0);
}

static void model_specific_registers(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RCX] = 0xc0000080;
	assert_int_equal(EXEC(0x0f, 0x32), RUN_OK);
	assert_true(C->gpr[X86_RAX] == C->efer);
	assert_int_equal(EXEC(0x0f, 0x30), RUN_END);
	C->gpr[X86_RAX] = ~0ull;
	assert_fault(EXEC(0x0f, 0x30), X86_GP, 0);
	C->gpr[X86_RCX] = 0x12345;
	assert_fault(EXEC(0x0f, 0x32), X86_GP, 0);
}

static void protection_key_rights(void **state)
{
	bed_long(3, true);
	C->gpr[X86_RAX] = 0x55555554;
	C->gpr[X86_RDX] = 0;
	assert_fault(EXEC(0x0f, 0x01, 0xef), X86_UD, 0);
	C->cr4 |= X86_CR4_PKE;
	assert_int_equal(EXEC(0x0f, 0x01, 0xef), RUN_END);
	assert_int_equal(C->pkru, 0x55555554);
	C->gpr[X86_RAX] = 0;
	assert_int_equal(EXEC(0x0f, 0x01, 0xee), RUN_OK);
	assert_int_equal(C->gpr[X86_RAX], 0x55555554);
	C->gpr[X86_RCX] = 1;
	assert_fault(EXEC(0x0f, 0x01, 0xee), X86_GP, 0);
	assert_fault(EXEC(0x0f, 0x01, 0xef), X86_GP, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syscall_and_sysret_in_64_bit_mode),
		cmocka_unit_test(syscall_from_compatibility_mode),
		cmocka_unit_test(syscall_in_legacy_mode),
		cmocka_unit_test(single_step_looks_at_tf_after_syscall),
		cmocka_unit_test(sysenter_and_sysexit),
		cmocka_unit_test(popf_rules),
		cmocka_unit_test(sti_holds_interrupts_off_once),
		cmocka_unit_test(privileged_instructions_at_user_level),
		cmocka_unit_test(smap_window),
		cmocka_unit_test(time_and_identity),
		cmocka_unit_test(model_specific_registers),
		cmocka_unit_test(protection_key_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
