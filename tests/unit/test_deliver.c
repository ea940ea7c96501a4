// SPDX-License-Identifier: GPL-2.0-or-later
/* Exceptions and interrupts in every mode, and the way back by IRET. */
#include "x86_env.h"

#define HANDLER		0x12340u
#define FLAGS		(X86_F_IF | X86_F_TF | X86_F_NT | X86_F_1 | X86_F_CF)

static int deliver(u8 kind, u8 vector)
{
	struct x86_event ev = { .kind = kind, .vector = vector };

	return x86_deliver(C, &ev);
}

static int deliver_err(u8 vector, u32 err)
{
	struct x86_event ev = { .kind = X86_EV_EXC, .vector = vector, .has_err = true,
				.err = err };

	return x86_deliver(C, &ev);
}

static u64 slot(unsigned int i, unsigned int size)
{
	return bed_get((C->gpr[X86_RSP] & x86_sp_mask(C)) + C->eseg[X86_SS].base + i * size, size);
}

/* --- real mode --- */

static void real_mode_vector(void **state)
{
	bed_real();
	x86_set_rflags(C, FLAGS | X86_F_AC);
	C->gpr[X86_RIP] = 0x77;
	bed_put32(0x21 * 4, 0x20000010);
	assert_int_equal(deliver(X86_EV_INTR, 0x21), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], 0x10);
	assert_int_equal(C->seg[X86_CS].sel, 0x2000);
	assert_true(C->seg[X86_CS].base == 0x20000);
	assert_int_equal(slot(0, 2), 0x77);
	assert_int_equal(slot(1, 2), BED_CODE >> 4);
	assert_int_equal(slot(2, 2), FLAGS);
	assert_int_equal(x86_rflags(C), X86_F_NT | X86_F_1 | X86_F_CF);
	C->gpr[X86_RIP] = 0;
	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], 0x77);
	assert_int_equal(C->seg[X86_CS].sel, BED_CODE >> 4);
	assert_int_equal(x86_rflags(C), FLAGS | X86_F_AC * 0);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
}

static void real_mode_has_no_error_codes(void **state)
{
	bed_real();
	bed_put32(X86_GP * 4, 0x10);
	x86_raise_err(C, X86_GP, 0);
	assert_int_equal(x86_deliver_exc(C), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK - 6);
}

static void real_mode_stack_wraps(void **state)
{
	bed_real();
	C->gpr[X86_RSP] = 4;
	C->gpr[X86_RIP] = 0x77;
	bed_put16(0x20 * 4, 0x10);
	assert_int_equal(deliver(X86_EV_INTR, 0x20), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], 0xfffe);
	assert_int_equal(bed_get(0xfffe, 2), 0x77);
	assert_int_equal(bed_get(0, 2), BED_CODE >> 4);
}

static void real_mode_short_table_shuts_down(void **state)
{
	bed_real();
	C->idt.limit = 0;
	assert_int_equal(deliver(X86_EV_INTR, 0x21), RUN_FAULT);
	x86_raise(C, X86_UD);
	assert_int_equal(x86_deliver_exc(C), RUN_SHUTDOWN);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
}

/* --- 32-bit protected mode --- */

static void protected_same_level(void **state)
{
	bed_protected(0);
	x86_set_rflags(C, FLAGS);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt32(X86_GP, bed_gate(SEL_CODE32, HANDLER, 14, 0));
	assert_int_equal(deliver_err(X86_GP, 0x1234), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK - 16);
	assert_int_equal(slot(0, 4), 0x1234);
	assert_int_equal(slot(1, 4), BED_CODE);
	assert_int_equal(slot(2, 4), SEL_CODE32);
	assert_int_equal(slot(3, 4), FLAGS | X86_F_RF);
	assert_int_equal(C->gpr[X86_RIP], HANDLER);
	assert_int_equal(x86_rflags(C), X86_F_1 | X86_F_CF);
}

static void trap_gate_keeps_if(void **state)
{
	bed_protected(0);
	x86_set_rflags(C, FLAGS);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt32(0x30, bed_gate(SEL_CODE32, HANDLER, 15, 0));
	assert_int_equal(deliver(X86_EV_INTR, 0x30), RUN_OK);
	assert_int_equal(x86_rflags(C), X86_F_1 | X86_F_CF | X86_F_IF);
	assert_int_equal(slot(2, 4), FLAGS);	/* an interrupt does not set RF */
}

static void sixteen_bit_gate(void **state)
{
	bed_protected(0);
	C->gpr[X86_RSP] = BED_STACK;
	C->gpr[X86_RIP] = 0x4321;
	bed_idt32(0x30, bed_gate(SEL_CODE32, 0x98765432, 6, 0));
	assert_int_equal(deliver(X86_EV_INTR, 0x30), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK - 6);
	assert_int_equal(slot(0, 2), 0x4321);
	assert_int_equal(C->gpr[X86_RIP], 0x5432);
}

static void protected_inner_level_and_back(void **state)
{
	bed_protected(3);
	x86_set_rflags(C, X86_F_IF | X86_F_CF);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt32(0x80, bed_gate(SEL_CODE32, HANDLER, 14, 3));
	assert_int_equal(EXEC(0xcd, 0x80), RUN_END);
	assert_int_equal(C->cpl, 0);
	assert_int_equal(C->seg[X86_CS].sel, SEL_CODE32);
	assert_int_equal(C->seg[X86_SS].sel, SEL_DATA);
	assert_int_equal(C->seg[X86_DS].sel, SEL_UDATA | 3);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK0 - 20);
	assert_int_equal(slot(0, 4), BED_CODE + 2);
	assert_int_equal(slot(1, 4), SEL_UCODE32 | 3);
	assert_int_equal(slot(2, 4), X86_F_IF | X86_F_CF | X86_F_1);
	assert_int_equal(slot(3, 4), BED_STACK);
	assert_int_equal(slot(4, 4), SEL_UDATA | 3);
	bed_seg(X86_FS, SEL_DATA);	/* user may not keep this */
	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_int_equal(C->cpl, 3);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 2);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
	assert_int_equal(C->seg[X86_SS].sel, SEL_UDATA | 3);
	assert_int_equal(C->seg[X86_DS].sel, SEL_UDATA | 3);
	assert_int_equal(C->seg[X86_FS].sel, 0);
	assert_int_equal(x86_rflags(C), X86_F_IF | X86_F_CF | X86_F_1);
}

static void software_interrupt_needs_gate_privilege(void **state)
{
	bed_protected(3);
	bed_idt32(0x40, bed_gate(SEL_CODE32, HANDLER, 14, 0));
	assert_fault(EXEC(0xcd, 0x40), X86_GP, 0x40 * 8 + 2);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE);
	bed_idt32(X86_BP, bed_gate(SEL_CODE32, HANDLER, 14, 0));
	assert_fault(EXEC(0xcc), X86_GP, X86_BP * 8 + 2);
	bed_idt32(X86_DB, bed_gate(SEL_CODE32, HANDLER, 14, 0));
	assert_int_equal(EXEC(0xf1), RUN_END);	/* INT1 is not checked */
	bed_protected(3);
	bed_idt32(0x40, bed_gate(SEL_CODE32, HANDLER, 14, 0));
	assert_int_equal(deliver(X86_EV_INTR, 0x40), RUN_OK);
}

static void overflow_trap(void **state)
{
	bed_protected(0);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt32(X86_OF, bed_gate(SEL_CODE32, HANDLER, 14, 0));
	assert_int_equal(EXEC(0xce), RUN_OK);
	C->gpr[X86_RIP] = BED_CODE;
	x86_set_rflags(C, X86_F_OF);
	assert_int_equal(EXEC(0xce), RUN_END);
	assert_int_equal(slot(0, 4), BED_CODE + 1);
}

/* Gates and segments that are wrong, and what the error code says. */
static void bad_gates(void **state)
{
	static const struct {
		u8 type, dpl, kind;
		u16 sel, cs_attr;
		bool present;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 0, 0, X86_EV_INTR, SEL_CODE32, 0, true, X86_GP, 0x30 * 8 + 3 },
		{ 12, 0, X86_EV_INTR, SEL_CODE32, 0, true, X86_GP, 0x30 * 8 + 3 },
		{ 14 | 16, 0, X86_EV_INTR, SEL_CODE32, 0, true, X86_GP, 0x30 * 8 + 3 },
		{ 14, 0, X86_EV_INTR, SEL_CODE32, 0, false, X86_NP, 0x30 * 8 + 3 },
		{ 14, 3, X86_EV_SOFT, SEL_CODE32, 0, false, X86_NP, 0x30 * 8 + 2 },
		{ 14, 0, X86_EV_INTR, 0, 0, true, X86_GP, 1 },
		{ 14, 3, X86_EV_SOFT, 2, 0, true, X86_GP, 0 },
		{ 14, 0, X86_EV_INTR, 0x108, 0, true, X86_GP, 0x109 },
		{ 14, 0, X86_EV_INTR, 0x0c, 0, true, X86_GP, 0x0d },	/* no LDT */
		{ 14, 0, X86_EV_INTR, SEL_FREE, 0xc93, true, X86_GP, SEL_FREE + 1 },
		{ 14, 0, X86_EV_INTR, SEL_FREE, 0xcfb, true, X86_GP, SEL_FREE + 1 },
		{ 14, 0, X86_EV_INTR, SEL_FREE, 0xc1b, true, X86_NP, SEL_FREE + 1 },
		{ 14, 0, X86_EV_INTR, SEL_FREE | 3, 0x082, true, X86_GP, SEL_FREE + 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		u64 g = bed_gate(tab[i].sel, HANDLER, tab[i].type, tab[i].dpl);

		bed_protected(0);
		C->gpr[X86_RSP] = BED_STACK;
		bed_gdt(SEL_FREE, bed_desc(0, 0xfffff, tab[i].cs_attr));
		bed_idt32(0x30, tab[i].present ? g : g & ~(1ull << 47));
		if (deliver(tab[i].kind, 0x30) != RUN_FAULT ||
		    bed_exc() != EXC(tab[i].vec, tab[i].err))
			fail_msg("row %u: %x", i, bed_exc());
		assert_int_equal(C->gpr[X86_RSP], BED_STACK);
		assert_int_equal(C->gpr[X86_RIP], BED_CODE);
	}
	C->idt.limit = 0x30 * 8 + 6;
	assert_fault(deliver(X86_EV_INTR, 0x30), X86_GP, 0x30 * 8 + 3);
}

static void bad_inner_stacks(void **state)
{
	static const struct {
		u16 ss, attr;
		u32 limit, esp;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 0, 0, 0xfffff, BED_STACK0, X86_TS, 1 },
		{ 0x108, 0, 0xfffff, BED_STACK0, X86_TS, 0x109 },
		{ SEL_FREE | 1, 0xc93, 0xfffff, BED_STACK0, X86_TS, SEL_FREE + 1 },
		{ SEL_FREE, 0xcf3, 0xfffff, BED_STACK0, X86_TS, SEL_FREE + 1 },
		{ SEL_FREE, 0xc91, 0xfffff, BED_STACK0, X86_TS, SEL_FREE + 1 },
		{ SEL_FREE, 0xc9b, 0xfffff, BED_STACK0, X86_TS, SEL_FREE + 1 },
		{ SEL_FREE, 0xc13, 0xfffff, BED_STACK0, X86_SS_EXC, SEL_FREE + 1 },
		{ SEL_FREE, 0x493, 0x0fff, BED_STACK0, X86_SS_EXC, SEL_FREE + 1 },
		{ SEL_FREE, 0x493, 0xfffff, 8, X86_SS_EXC, SEL_FREE + 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_protected(3);
		C->gpr[X86_RSP] = BED_STACK;
		bed_idt32(0x30, bed_gate(SEL_CODE32, HANDLER, 14, 0));
		bed_gdt(SEL_FREE, bed_desc(0, tab[i].limit, tab[i].attr));
		bed_put32(BED_TSS + 4, tab[i].esp);
		bed_put16(BED_TSS + 8, tab[i].ss);
		if (deliver(X86_EV_INTR, 0x30) != RUN_FAULT ||
		    bed_exc() != EXC(tab[i].vec, tab[i].err))
			fail_msg("row %u: %x", i, bed_exc());
		assert_int_equal(C->cpl, 3);
		assert_int_equal(C->gpr[X86_RSP], BED_STACK);
	}
	C->seg[X86_TR].limit = 8;
	assert_fault(deliver(X86_EV_INTR, 0x30), X86_TS, SEL_TSS + 1);
}

static void handler_outside_its_segment(void **state)
{
	bed_protected(0);
	C->gpr[X86_RSP] = BED_STACK;
	bed_gdt(SEL_FREE, bed_desc(0, 0xfff, 0x49b));
	bed_idt32(0x30, bed_gate(SEL_FREE, 0x1000, 14, 0));
	assert_fault(deliver(X86_EV_INTR, 0x30), X86_GP, 1);
}

/* --- virtual-8086 mode --- */

static void v86_to_monitor_and_back(void **state)
{
	bed_v86(0);
	C->seg[X86_GS].sel = 0x1111;
	C->seg[X86_FS].sel = 0x2222;
	C->seg[X86_DS].sel = 0x3333;
	C->seg[X86_ES].sel = 0x4444;
	bed_idt32(X86_GP, bed_gate(SEL_CODE32, HANDLER, 14, 0));
	assert_int_equal(deliver_err(X86_GP, 0), RUN_OK);
	assert_int_equal(C->cpl, 0);
	assert_false(C->rflags & X86_F_VM);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK0 - 40);
	assert_int_equal(slot(1, 4), 0);
	assert_int_equal(slot(2, 4), BED_CODE >> 4);
	assert_true(slot(3, 4) & X86_F_VM);
	assert_int_equal(slot(4, 4), BED_STACK);
	assert_int_equal(slot(5, 4), 0);
	assert_int_equal(slot(6, 4), 0x4444);
	assert_int_equal(slot(7, 4), 0x3333);
	assert_int_equal(slot(8, 4), 0x2222);
	assert_int_equal(slot(9, 4), 0x1111);
	assert_true(C->seg[X86_DS].attr & X86_SEG_UNUSABLE);
	assert_int_equal(C->mode, X86_MODE32);
	C->gpr[X86_RSP] += 4;
	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_true(C->rflags & X86_F_VM);
	assert_int_equal(C->cpl, 3);
	assert_int_equal(C->mode, X86_MODE16);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
	assert_int_equal(C->seg[X86_GS].sel, 0x1111);
	assert_true(C->seg[X86_ES].base == 0x44440);
	assert_int_equal(C->seg[X86_CS].sel, BED_CODE >> 4);
}

static void v86_handler_must_be_level_zero(void **state)
{
	bed_v86(0);
	bed_idt32(0x30, bed_gate(SEL_UCODE32, HANDLER, 14, 3));
	assert_fault(deliver(X86_EV_INTR, 0x30), X86_GP, SEL_UCODE32 + 1);
	bed_idt32(0x30, bed_gate(SEL_CONF, HANDLER, 14, 3));
	assert_fault(deliver(X86_EV_INTR, 0x30), X86_GP, SEL_CONF + 1);
	assert_true(C->rflags & X86_F_VM);
}

static void v86_sensitive_instructions_need_iopl(void **state)
{
	static const u8 insns[][2] = {
		{ 0xfa }, { 0xfb }, { 0x9d }, { 0xcf }, { 0xcd, 0x21 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		bed_v86(0);
		assert_fault(bed_exec(insns[i], 2), X86_GP, 0);
		assert_int_equal(C->gpr[X86_RSP], BED_STACK);
	}
	bed_v86(3);
	assert_int_equal(EXEC(0xfa), RUN_OK);
	assert_false(C->rflags & X86_F_IF);
	assert_int_equal(EXEC(0xfb), RUN_END);
	assert_true(C->rflags & X86_F_IF);
	bed_idt32(0x21, bed_gate(SEL_CODE32, HANDLER, 14, 3));
	assert_int_equal(EXEC(0xcd, 0x21), RUN_END);
	assert_int_equal(C->cpl, 0);
}

static void v86_extensions_redirect_interrupts(void **state)
{
	bed_v86(0);
	C->cr4 |= X86_CR4_VME;
	bed_put16(BED_TSS + 0x66, 0x88);	/* redirection map at 0x68 */
	bed_put32(0x21 * 4, 0x20000055);
	C->rflags |= X86_F_VIF;
	assert_int_equal(EXEC(0xcd, 0x21), RUN_END);
	assert_true(C->rflags & X86_F_VM);
	assert_int_equal(C->gpr[X86_RIP], 0x55);
	assert_int_equal(C->seg[X86_CS].sel, 0x2000);
	assert_int_equal(slot(0, 2), 2);
	assert_int_equal(slot(2, 2), X86_F_1 | X86_F_IF | X86_F_IOPL);
	assert_true(C->rflags & X86_F_IF);
	assert_false(C->rflags & X86_F_VIF);
	/* IRET brings VIF back from the image's IF. */
	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_true(C->rflags & X86_F_VIF);
	assert_int_equal(x86_iopl(C), 0);
	/* A set bit sends it to the monitor, which takes IOPL 3. */
	bed.ram[BED_TSS + 0x68 + 4] = 2;
	assert_fault(EXEC(0xcd, 0x21), X86_GP, 0);
	assert_int_equal(EXEC(0xfa), RUN_OK);
	assert_false(C->rflags & X86_F_VIF);
	C->rflags |= X86_F_VIP;
	assert_fault(EXEC(0xfb), X86_GP, 0);
}

/* --- long mode --- */

static void long_user_to_kernel_and_back(void **state)
{
	bed_long(3, true);
	C->gpr[X86_RSP] = BED_STACK - 3;
	x86_set_rflags(C, FLAGS);
	bed_idt64(X86_PF, SEL_CODE64, HANDLER, 14, 0, 0);
	x86_raise_pf(C, 0x123456789000, 7);
	assert_int_equal(x86_deliver_exc(C), RUN_OK);
	assert_true(C->cr2 == 0x123456789000);
	assert_int_equal(C->cpl, 0);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK0 - 48);
	assert_int_equal(slot(0, 8), 7);
	assert_int_equal(slot(1, 8), BED_CODE);
	assert_int_equal(slot(2, 8), SEL_UCODE64 | 3);
	assert_int_equal(slot(3, 8), FLAGS | X86_F_RF);
	assert_int_equal(slot(4, 8), BED_STACK - 3);
	assert_int_equal(slot(5, 8), SEL_UDATA | 3);
	assert_int_equal(C->seg[X86_SS].sel, 0);
	assert_int_equal(x86_rflags(C), X86_F_1 | X86_F_CF);
	C->gpr[X86_RSP] += 8;
	assert_int_equal(EXEC(0x48, 0xcf), RUN_END);
	assert_int_equal(C->cpl, 3);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK - 3);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE);
	assert_int_equal(x86_rflags(C), FLAGS | X86_F_RF);
	assert_int_equal(C->seg[X86_SS].sel, SEL_UDATA | 3);
}

static void long_same_level_aligns_and_keeps_ss(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RSP] = BED_STACK - 5;
	bed_idt64(0x30, SEL_CODE64, 0xffffffff81000000, 15, 0, 0);
	assert_int_equal(deliver(X86_EV_INTR, 0x30), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK - 16 - 40);
	assert_int_equal(slot(3, 8), BED_STACK - 5);
	assert_true(C->gpr[X86_RIP] == 0xffffffff81000000);
	assert_int_equal(C->seg[X86_SS].sel, SEL_DATA);
}

static void long_interrupt_stack_table(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt64(X86_DF, SEL_CODE64, HANDLER, 14, 0, 1);
	assert_int_equal(deliver_err(X86_DF, 0), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK0 - 0x1000 - 48);
	bed_long(0, true);
	bed_idt64(X86_DF, SEL_CODE64, HANDLER, 14, 0, 2);
	bed_put64(BED_TSS + X86_TSS_IST(2), 1ull << 47);
	assert_fault(deliver_err(X86_DF, 0), X86_SS_EXC, 1);
	C->seg[X86_TR].limit = 0x30;
	assert_fault(deliver_err(X86_DF, 0), X86_TS, SEL_TSS + 1);
}

static void long_null_ss_survives_kernel_iret(void **state)
{
	bed_long(0, true);
	x86_seg_null(C, X86_SS, 0);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt64(0x30, SEL_CODE64, HANDLER, 14, 0, 0);
	assert_int_equal(deliver(X86_EV_INTR, 0x30), RUN_OK);
	assert_int_equal(EXEC(0x48, 0xcf), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
}

static void long_mode_refuses(void **state)
{
	static const struct {
		u8 type;
		u16 sel;
		u64 off;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 5, SEL_TSS2, 0, X86_GP, 0x30 * 16 / 2 + 3 },
		{ 6, SEL_CODE64, 0, X86_GP, 0x30 * 8 + 3 },
		{ 14, SEL_CODE32, 0, X86_GP, SEL_CODE32 + 1 },
		{ 14, SEL_CODE64, 1ull << 47, X86_GP, 1 },
		{ 14, 0, 0, X86_GP, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(0, true);
		C->gpr[X86_RSP] = BED_STACK;
		bed_idt64(0x30, tab[i].sel, tab[i].off, tab[i].type, 0, 0);
		if (deliver(X86_EV_INTR, 0x30) != RUN_FAULT ||
		    bed_exc() != EXC(tab[i].vec, tab[i].err))
			fail_msg("row %u: %x", i, bed_exc());
	}
	C->gpr[X86_RSP] = 0xffff800000000010;
	bed_idt64(0x30, SEL_CODE64, HANDLER, 14, 0, 0);
	assert_fault(deliver(X86_EV_INTR, 0x30), X86_SS_EXC, 1);
}

static void compatibility_mode_to_kernel(void **state)
{
	bed_long(3, false);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt64(0x80, SEL_CODE64, HANDLER, 14, 3, 0);
	assert_int_equal(EXEC(0xcd, 0x80), RUN_END);
	assert_int_equal(C->mode, X86_MODE64);
	assert_true(C->stack64);
	assert_int_equal(slot(1, 8), SEL_UCODE32 | 3);
	assert_int_equal(EXEC(0x48, 0xcf), RUN_END);
	assert_int_equal(C->mode, X86_MODE32);
	assert_true(C->stack32 && !C->stack64);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 2);
}

static void iret_in_long_mode_refuses_nested_tasks(void **state)
{
	bed_long(0, true);
	C->rflags |= X86_F_NT;
	assert_fault(EXEC(0x48, 0xcf), X86_GP, 0);
}

static void iret_checks(void **state)
{
	static const struct {
		u64 rip;
		u16 cs;
		u64 flags, rsp;
		u16 ss;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 0, 0, 2, 0, 0, X86_GP, 0 },
		{ 0, 0x1000, 2, 0, 0, X86_GP, 0x1000 },
		{ 0, SEL_DATA, 2, 0, 0, X86_GP, SEL_DATA },
		{ 0, SEL_CODE64 | 3, 2, 0, SEL_UDATA | 3, X86_GP, SEL_CODE64 },
		{ 0, SEL_UCODE64, 2, 0, SEL_DATA, X86_GP, SEL_UCODE64 },
		{ 0, SEL_UCODE64 | 3, 2, 0, 3, X86_GP, 0 },
		{ 0, SEL_UCODE64 | 3, 2, 0, SEL_DATA, X86_GP, SEL_DATA },
		{ 0, SEL_UCODE64 | 3, 2, 0, SEL_DATA | 3, X86_GP, SEL_DATA },
		{ 0, SEL_CODE32, 2, 0, 0, X86_GP, 0 },
		{ 1ull << 47, SEL_UCODE64 | 3, 2, 0, SEL_UDATA | 3, X86_GP, 0 },
		{ 1ull << 32, SEL_UCODE32 | 3, 2, 0, SEL_UDATA | 3, X86_GP, 0 },
		{ 0, SEL_FREE, 2, 0, 0, X86_NP, SEL_FREE },
		{ 0, SEL_UCODE64 | 3, 2, 0, (SEL_FREE + 8) | 3, X86_SS_EXC, SEL_FREE + 8 },
		{ 0, SEL_FREE + 16, 2, 0, 0, X86_GP, SEL_FREE + 16 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(0, true);
		bed_gdt(SEL_FREE, bed_desc(0, 0xfffff, 0xa1b));
		bed_gdt(SEL_FREE + 8, bed_desc(0, 0xfffff, 0xc73));
		bed_gdt(SEL_FREE + 16, bed_desc(0, 0xfffff, 0xe9b));	/* L and D */
		C->gpr[X86_RSP] = BED_STACK;
		bed_put64(BED_STACK, tab[i].rip);
		bed_put64(BED_STACK + 8, tab[i].cs);
		bed_put64(BED_STACK + 16, tab[i].flags);
		bed_put64(BED_STACK + 24, tab[i].rsp);
		bed_put64(BED_STACK + 32, tab[i].ss);
		if (EXEC(0x48, 0xcf) != RUN_FAULT || bed_exc() != EXC(tab[i].vec, tab[i].err))
			fail_msg("row %u: %x", i, bed_exc());
		assert_int_equal(C->gpr[X86_RSP], BED_STACK);
		assert_int_equal(C->gpr[X86_RIP], BED_CODE);
	}
}

static void iret_of_user_keeps_privileged_flags(void **state)
{
	bed_long(3, true);
	x86_set_rflags(C, X86_F_IF);
	C->gpr[X86_RSP] = BED_STACK;
	bed_put64(BED_STACK, 0x5000);
	bed_put64(BED_STACK + 8, SEL_UCODE64 | 3);
	bed_put64(BED_STACK + 16, X86_F_IOPL | X86_F_VIF | X86_F_VIP | X86_F_VM | X86_F_AC |
		  X86_F_ID | X86_F_ZF);
	bed_put64(BED_STACK + 24, 0x6000);
	bed_put64(BED_STACK + 32, SEL_UDATA | 3);
	assert_int_equal(EXEC(0x48, 0xcf), RUN_END);
	assert_int_equal(x86_rflags(C), X86_F_IF | X86_F_AC | X86_F_ID | X86_F_ZF | X86_F_1);
	assert_int_equal(C->gpr[X86_RIP], 0x5000);
	assert_int_equal(C->gpr[X86_RSP], 0x6000);
}

/* --- chains of exceptions --- */

static void page_fault_on_the_stack_is_a_double_fault(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RSP] = 0x7fffff000;
	bed_idt64(X86_PF, SEL_CODE64, HANDLER, 14, 0, 0);
	bed_idt64(X86_DF, SEL_CODE64, HANDLER + 0x10, 14, 0, 1);
	x86_raise_pf(C, 0x1000, 2);
	assert_int_equal(x86_deliver_exc(C), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], HANDLER + 0x10);
	assert_int_equal(slot(0, 8), 0);
	assert_true(C->cr2 == 0x7fffff000 - 8);		/* the first push */
}

static void first_and_second_exception(void **state)
{
	static const struct {
		u8 first;
		bool double_fault;
	} tab[] = {
		/* The second is always #GP: a gate that is not one. */
		{ X86_DE, true }, { X86_TS, true }, { X86_NP, true }, { X86_SS_EXC, true },
		{ X86_PF, true }, { X86_UD, false }, { X86_DB, false }, { X86_BP, false },
		{ X86_AC, false }, { X86_MF, false }, { X86_NM, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(0, true);
		C->gpr[X86_RSP] = BED_STACK;
		bed_idt64(X86_GP, SEL_CODE64, HANDLER, 14, 0, 0);
		bed_idt64(X86_DF, SEL_CODE64, HANDLER + 0x10, 14, 0, 0);
		x86_raise(C, tab[i].first);
		assert_int_equal(x86_deliver_exc(C), RUN_OK);
		assert_int_equal(C->gpr[X86_RIP], HANDLER + 0x10 * tab[i].double_fault);
		assert_int_equal(slot(0, 8), tab[i].double_fault ? 0 : tab[i].first * 8 + 3);
	}
}

static void no_handlers_at_all_shut_down(void **state)
{
	struct x86_event ev = { .kind = X86_EV_INTR, .vector = 0x20 };

	bed_long(0, true);
	C->idt.limit = 0;
	x86_raise(C, X86_UD);
	assert_int_equal(x86_deliver_exc(C), RUN_SHUTDOWN);
	assert_int_equal(x86_deliver_event(C, &ev), RUN_SHUTDOWN);
}

static void tables_outside_ram_ask_user_space(void **state)
{
	bed_long(0, true);
	bed_put64(bed_pte_at(BED_IDT, 1), BED_RAM | 3);
	x86_raise(C, X86_UD);
	assert_int_equal(x86_deliver_exc(C), RUN_EXIT);
	assert_int_equal(C->exc.vector, X86_UD);
}

static void debug_exception_state(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt64(X86_DB, SEL_CODE64, HANDLER, 14, 0, 0);
	C->dr[6] = 0xffff0ff3;
	C->dr[7] = 0x2401;
	C->debugctl = 3;
	assert_int_equal(EXEC(0x0f, 0x21, 0xc0), RUN_FAULT);	/* DR7.GD */
	assert_int_equal(x86_deliver_exc(C), RUN_OK);
	assert_true(C->dr[6] == 0xffff2ff0);
	assert_true(C->dr[7] == 0x401);
	assert_true(C->debugctl == 0);
	assert_int_equal(slot(2, 8) & X86_F_RF, 0);
}

static void nmi_masks_until_iret(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt64(X86_NMI, SEL_CODE64, HANDLER, 14, 0, 0);
	assert_int_equal(deliver(X86_EV_NMI, X86_NMI), RUN_OK);
	assert_true(C->nmi_masked);
	assert_int_equal(EXEC(0x48, 0xcf), RUN_END);
	assert_false(C->nmi_masked);
}

static void emulate_delivers_and_steps(void **state)
{
	static const u8 nop = 0x90;

	bed_long(0, true);
	C->gpr[X86_RSP] = BED_STACK;
	bed_idt64(X86_DB, SEL_CODE64, HANDLER, 14, 0, 0);
	bed_idt64(X86_UD, SEL_CODE64, HANDLER + 4, 14, 0, 0);
	bed_put(BED_CODE, &nop, 1);
	bed_put16(BED_CODE + 1, 0x0b0f);
	assert_int_equal(x86_emulate(C, NULL), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 1);
	assert_int_equal(x86_emulate(C, NULL), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], HANDLER + 4);
	assert_int_equal(slot(0, 8), BED_CODE + 1);
	C->gpr[X86_RIP] = BED_CODE;
	C->rflags |= X86_F_TF;
	assert_int_equal(x86_emulate(C, NULL), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], HANDLER);
	assert_int_equal(slot(0, 8), BED_CODE + 1);
	assert_true(C->dr[6] & 1 << 14);
	/* A trap ends a HLT. */
	C->gpr[X86_RIP] = BED_CODE + 0x10;
	C->rflags |= X86_F_TF;
	bed_put(BED_CODE + 0x10, "\xf4", 1);
	assert_int_equal(x86_emulate(C, NULL), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], HANDLER);
	assert_int_equal(slot(0, 8), BED_CODE + 0x11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_mode_vector),
		cmocka_unit_test(real_mode_has_no_error_codes),
		cmocka_unit_test(real_mode_stack_wraps),
		cmocka_unit_test(real_mode_short_table_shuts_down),
		cmocka_unit_test(protected_same_level),
		cmocka_unit_test(trap_gate_keeps_if),
		cmocka_unit_test(sixteen_bit_gate),
		cmocka_unit_test(protected_inner_level_and_back),
		cmocka_unit_test(software_interrupt_needs_gate_privilege),
		cmocka_unit_test(overflow_trap),
		cmocka_unit_test(bad_gates),
		cmocka_unit_test(bad_inner_stacks),
		cmocka_unit_test(handler_outside_its_segment),
		cmocka_unit_test(v86_to_monitor_and_back),
		cmocka_unit_test(v86_handler_must_be_level_zero),
		cmocka_unit_test(v86_sensitive_instructions_need_iopl),
		cmocka_unit_test(v86_extensions_redirect_interrupts),
		cmocka_unit_test(long_user_to_kernel_and_back),
		cmocka_unit_test(long_same_level_aligns_and_keeps_ss),
		cmocka_unit_test(long_interrupt_stack_table),
		cmocka_unit_test(long_null_ss_survives_kernel_iret),
		cmocka_unit_test(long_mode_refuses),
		cmocka_unit_test(compatibility_mode_to_kernel),
		cmocka_unit_test(iret_in_long_mode_refuses_nested_tasks),
		cmocka_unit_test(iret_checks),
		cmocka_unit_test(iret_of_user_keeps_privileged_flags),
		cmocka_unit_test(page_fault_on_the_stack_is_a_double_fault),
		cmocka_unit_test(first_and_second_exception),
		cmocka_unit_test(no_handlers_at_all_shut_down),
		cmocka_unit_test(tables_outside_ram_ask_user_space),
		cmocka_unit_test(debug_exception_state),
		cmocka_unit_test(nmi_masks_until_iret),
		cmocka_unit_test(emulate_delivers_and_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
