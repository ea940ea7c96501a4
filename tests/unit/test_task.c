// SPDX-License-Identifier: GPL-2.0-or-later
/* Hardware task switches. */
#include "x86_env.h"

#define ENTRY	0x13000u
#define STACK2	0xa000u

/* The other task: privilege cpl, runs at ENTRY. */
static void tss32(u8 cpl)
{
	u16 code = cpl ? SEL_UCODE32 | cpl : SEL_CODE32, data = cpl ? SEL_UDATA | cpl : SEL_DATA;
	unsigned int i;

	bed_put32(BED_TSS2 + 0x1c, 0);
	bed_put32(BED_TSS2 + 0x20, ENTRY);
	bed_put32(BED_TSS2 + 0x24, X86_F_1 | X86_F_ZF);
	for (i = 0; i < 8; i++)
		bed_put32(BED_TSS2 + 0x28 + 4 * i, 0xaaaa0000 + i);
	bed_put32(BED_TSS2 + 0x38, STACK2);
	for (i = 0; i < 6; i++)
		bed_put32(BED_TSS2 + 0x48 + 4 * i, i == X86_CS ? code : data);
	bed_put32(BED_TSS2 + 0x60, SEL_LDT);
	bed_put16(BED_TSS2 + 0x66, 0x68);
}

static void start(u8 cpl)
{
	unsigned int i;

	bed_protected(cpl);
	for (i = 0; i < 8; i++)
		C->gpr[i] = 0x10 + i;
	C->gpr[X86_RSP] = BED_STACK;
	x86_set_rflags(C, X86_F_CF);
	bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, 0x67, cpl ? 0x0e9 : 0x089));
	tss32(0);
}

static u8 desc_type(u16 sel) { return bed.ram[BED_GDT + sel + 5] & 15; }

/* call 0058:00000000 */
#define CALL_TSS2	0x9a, 0, 0, 0, 0, SEL_TSS2, 0
#define JMP_TSS2	0xea, 0, 0, 0, 0, SEL_TSS2, 0

static void call_and_iret_round_trip(void **state)
{
	unsigned int i;

	start(0);
	assert_int_equal(EXEC(CALL_TSS2), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], ENTRY);
	assert_int_equal(C->gpr[X86_RSP], STACK2);
	assert_int_equal(C->gpr[X86_RDI], 0xaaaa0007);
	assert_int_equal(x86_rflags(C), X86_F_1 | X86_F_ZF | X86_F_NT);
	assert_int_equal(C->seg[X86_TR].sel, SEL_TSS2);
	assert_int_equal(C->seg[X86_LDTR].sel, SEL_LDT);
	assert_true(C->seg[X86_LDTR].base == BED_LDT);
	assert_true(C->cr0 & X86_CR0_TS);
	assert_int_equal(desc_type(SEL_TSS), 0xb);
	assert_int_equal(desc_type(SEL_TSS2), 0xb);
	assert_int_equal(bed_get(BED_TSS2, 2), SEL_TSS);
	assert_int_equal(bed_get(BED_TSS + 0x20, 4), BED_CODE + 7);
	assert_int_equal(bed_get(BED_TSS + 0x24, 4), X86_F_1 | X86_F_CF);
	assert_int_equal(bed_get(BED_TSS + 0x48, 2), SEL_DATA);

	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 7);
	for (i = 0; i < 8; i++)
		assert_int_equal(C->gpr[i], i == X86_RSP ? BED_STACK : 0x10 + i);
	assert_int_equal(x86_rflags(C), X86_F_1 | X86_F_CF);
	assert_int_equal(C->seg[X86_TR].sel, SEL_TSS);
	assert_int_equal(desc_type(SEL_TSS), 0xb);
	assert_int_equal(desc_type(SEL_TSS2), 0x9);
	assert_int_equal(bed_get(BED_TSS2 + 0x24, 4) & X86_F_NT, 0);
}

static void jump_leaves_the_old_task_available(void **state)
{
	start(0);
	assert_int_equal(EXEC(JMP_TSS2), RUN_END);
	assert_int_equal(desc_type(SEL_TSS), 0x9);
	assert_int_equal(desc_type(SEL_TSS2), 0xb);
	assert_false(C->rflags & X86_F_NT);
	assert_int_equal(bed_get(BED_TSS2, 2), 0);
}

static void task_gate_pushes_the_error_code(void **state)
{
	struct x86_event ev = { .kind = X86_EV_EXC, .vector = X86_DF, .has_err = true, .err = 0x55 };

	start(0);
	bed_idt32(X86_DF, bed_gate(SEL_TSS2, 0, 5, 0));
	assert_int_equal(x86_deliver(C, &ev), RUN_OK);
	assert_int_equal(C->gpr[X86_RIP], ENTRY);
	assert_int_equal(C->gpr[X86_RSP], STACK2 - 4);
	assert_int_equal(bed_get(STACK2 - 4, 4), 0x55);
	assert_true(C->rflags & X86_F_NT);
	assert_int_equal(bed_get(BED_TSS + 0x20, 4), BED_CODE);
}

static void call_through_a_task_gate(void **state)
{
	start(3);
	bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, 0x67, 0x089));
	bed_gdt(SEL_FREE, bed_gate(SEL_TSS2, 0, 5, 3));
	assert_int_equal(EXEC(0x9a, 0, 0, 0, 0, SEL_FREE | 3, 0), RUN_END);
	assert_int_equal(C->cpl, 0);
	assert_int_equal(C->gpr[X86_RIP], ENTRY);
	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_int_equal(C->cpl, 3);
	assert_int_equal(C->seg[X86_SS].sel, SEL_UDATA | 3);
}

static void sixteen_bit_task(void **state)
{
	unsigned int i;

	start(0);
	memset(bed.ram + BED_TSS2, 0, 0x68);
	bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, 0x2b, 0x081));
	bed_gdt(SEL_TSS, bed_desc(BED_TSS, 0x2067, 0x08b));
	bed_put16(BED_TSS2 + 0x0e, 0x3000);
	bed_put16(BED_TSS2 + 0x10, X86_F_1 | X86_F_SF);
	for (i = 0; i < 8; i++)
		bed_put16(BED_TSS2 + 0x12 + 2 * i, 0xbb00 + i);
	for (i = 0; i < 4; i++)
		bed_put16(BED_TSS2 + 0x22 + 2 * i, i == X86_CS ? SEL_CODE16 : SEL_DATA);
	assert_int_equal(EXEC(CALL_TSS2), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], 0x3000);
	assert_int_equal(C->mode, X86_MODE16);
	assert_int_equal(C->gpr[X86_RCX] & 0xffff, 0xbb01);
	assert_int_equal(x86_rflags(C), X86_F_1 | X86_F_SF | X86_F_NT);
	assert_true(C->seg[X86_FS].attr & X86_SEG_UNUSABLE);
	C->gpr[X86_RCX] = 0x1234;
	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_int_equal(bed_get(BED_TSS2 + 0x14, 2), 0x1234);
	assert_int_equal(bed_get(BED_TSS2 + 0x10, 2), X86_F_1 | X86_F_SF);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 7);
	assert_int_equal(C->mode, X86_MODE32);
}

static void task_in_virtual_8086_mode(void **state)
{
	start(0);
	bed_put32(BED_TSS2 + 0x24, X86_F_VM | X86_F_1);
	bed_put16(BED_TSS2 + 0x4c, 0x1300);
	bed_put16(BED_TSS2 + 0x48, 0x2000);
	bed_put32(BED_TSS2 + 0x20, 0x10);
	assert_int_equal(EXEC(JMP_TSS2), RUN_END);
	assert_int_equal(C->cpl, 3);
	assert_true(C->seg[X86_CS].base == 0x13000 && C->seg[X86_ES].base == 0x20000);
	assert_int_equal(C->mode, X86_MODE16);
}

/* Refused before anything changed. */
static void bad_tss_descriptors(void **state)
{
	static const struct {
		u16 attr;
		u32 limit;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 0x08b, 0x67, X86_GP, SEL_TSS2 },	/* busy */
		{ 0x009, 0x67, X86_NP, SEL_TSS2 },
		{ 0x089, 0x66, X86_TS, SEL_TSS2 },
		{ 0x081, 0x2a, X86_TS, SEL_TSS2 },
		{ 0x082, 0x67, X86_GP, SEL_TSS2 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		start(0);
		bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, tab[i].limit, tab[i].attr));
		assert_fault(EXEC(CALL_TSS2), tab[i].vec, tab[i].err);
		assert_int_equal(C->gpr[X86_RIP], BED_CODE);
		assert_int_equal(C->seg[X86_TR].sel, SEL_TSS);
		assert_int_equal(bed_get(BED_TSS + 0x20, 4), 0);
	}
	start(3);
	bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, 0x67, 0x089));
	assert_fault(EXEC(CALL_TSS2), X86_GP, SEL_TSS2);	/* DPL 0 */
}

static void bad_back_links(void **state)
{
	static const struct {
		u16 link;
		u32 err;
	} tab[] = {
		{ 0, 0 }, { SEL_TSS2, SEL_TSS2 }, { SEL_TSS2 | 4, SEL_TSS2 | 4 }, { 0x200, 0x200 },
		{ SEL_DATA, SEL_DATA },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		start(0);
		C->rflags |= X86_F_NT;
		bed_put16(BED_TSS, tab[i].link);
		assert_fault(EXEC(0xcf), X86_TS, tab[i].err);
		assert_int_equal(C->gpr[X86_RIP], BED_CODE);
	}
}

/* Faults that belong to the new task: RIP is its own, once put back. */
static void faults_in_the_new_task(void **state)
{
	static const struct {
		u16 at, sel, attr;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 0x60, 0x200, 0, X86_TS, 0x200 },			/* LDT */
		{ 0x60, SEL_DATA, 0, X86_TS, SEL_DATA },
		{ 0x60, SEL_FREE, 0x002, X86_TS, SEL_FREE },
		{ 0x4c, 0, 0, X86_TS, 0 },				/* CS */
		{ 0x4c, SEL_DATA, 0, X86_TS, SEL_DATA },
		{ 0x4c, SEL_CODE32 | 3, 0, X86_TS, SEL_CODE32 },
		{ 0x4c, SEL_FREE, 0xc1b, X86_NP, SEL_FREE },
		{ 0x4c, SEL_FREE, 0x49b, X86_GP, 0 },			/* EIP outside */
		{ 0x50, 0, 0, X86_TS, 0 },				/* SS */
		{ 0x50, SEL_UDATA, 0, X86_TS, SEL_UDATA },
		{ 0x50, SEL_FREE, 0xc13, X86_SS_EXC, SEL_FREE },
		{ 0x54, SEL_FREE, 0xc13, X86_NP, SEL_FREE },		/* DS */
		{ 0x5c, SEL_FREE, 0xc99, X86_TS, SEL_FREE },		/* GS, unreadable */
		{ 0x48, 0x300, 0, X86_TS, 0x300 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		u32 limit = tab[i].attr == 0x49b ? 0xff : 0xfffff;

		start(0);
		if (tab[i].attr)
			bed_gdt(SEL_FREE, bed_desc(0, limit, tab[i].attr));
		bed_put16(BED_TSS2 + tab[i].at, tab[i].sel);
		if (EXEC(CALL_TSS2) != RUN_FAULT || bed_exc() != EXC(tab[i].vec, tab[i].err))
			fail_msg("row %u: %x", i, bed_exc());
		assert_int_equal(C->gpr[X86_RIP], ENTRY);
		assert_int_equal(C->seg[X86_TR].sel, SEL_TSS2);
		assert_int_equal(desc_type(SEL_TSS2), 0xb);
	}
}

static void debug_trap_of_the_new_task(void **state)
{
	start(0);
	bed.ram[BED_TSS2 + 0x64] = 1;
	C->dr[7] = 0x4ff;
	assert_int_equal(EXEC(JMP_TSS2), RUN_FAULT);
	assert_int_equal(C->exc.vector, X86_DB);
	assert_int_equal(C->exc.dr6, 1 << 15);
	assert_int_equal(C->gpr[X86_RIP], ENTRY);
	assert_int_equal(C->dr[7], 0x4aa);	/* local breakpoints are off */
}

static void cr3_of_the_new_task(void **state)
{
	unsigned int i;

	start(0);
	for (i = 0; i < 1024; i++)	/* the same identity map twice */
		bed_put32(0x91000 + 4 * i, i << 12 | 0x67);
	bed_put32(0x90000, 0x91067);
	bed_put32(0x92000, 0x91067);
	C->cr3 = 0x90000;
	C->cr0 |= X86_CR0_PG;
	x86_mode_update(C);
	bed_put32(BED_TSS2 + 0x1c, 0x92000);
	assert_int_equal(EXEC(CALL_TSS2), RUN_END);
	assert_true(C->cr3 == 0x92000);
	bed_put32(BED_TSS + 0x1c, 0x90000);
	assert_int_equal(EXEC(0xcf), RUN_END);
	assert_true(C->cr3 == 0x90000);
	/* A page of the old TSS that is read-only, with CR0.WP: no switch. */
	C->cr0 |= X86_CR0_WP;
	bed_put32(0x91000 + 4 * (BED_TSS >> 12), BED_TSS | 0x65);
	C->gpr[X86_RIP] = BED_CODE;
	assert_fault(EXEC(CALL_TSS2), X86_PF, 3);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE);
	assert_int_equal(C->seg[X86_TR].sel, SEL_TSS);
}

static void endless_faults_in_tasks_shut_down(void **state)
{
	unsigned int vec;

	/* Every handler is a task whose CS is bad; #DF's too. */
	start(0);
	bed_put16(BED_TSS2 + 0x4c, 0);
	for (vec = 0; vec < 32; vec++)
		bed_idt32(vec, bed_gate(SEL_TSS2, 0, 5, 0));
	x86_raise(C, X86_UD);
	assert_int_equal(x86_deliver_exc(C), RUN_SHUTDOWN);
}

static void long_mode_has_no_tasks(void **state)
{
	bed_long(0, false);
	bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, 0x67, 0x089));
	C->gpr[X86_RSP] = BED_STACK;
	assert_fault(EXEC(JMP_TSS2), X86_GP, SEL_TSS2);
}

static void io_permission(void **state)
{
	static const struct {
		u16 port;
		u8 size;
		bool ok;
	} tab[] = {
		{ 0x60, 1, true }, { 0x61, 1, false }, { 0x60, 2, false }, { 0x5f, 1, true },
		{ 0x62, 4, true }, { 0x5e, 4, false }, { 0x67, 2, false },
	};
	unsigned int i;

	bed_protected(3);
	bed_put16(BED_TSS + 0x66, 0x68);
	bed.ram[BED_TSS + 0x68 + 0x60 / 8] = 0x02;	/* 61h */
	bed.ram[BED_TSS + 0x68 + 0x68 / 8] = 0x01;	/* 68h */
	C->seg[X86_TR].limit = 0x68 + 0x2000;
	for (i = 0; i < ARRAY_SIZE(tab); i++)
		if ((x86_io_allowed(C, tab[i].port, tab[i].size) == RUN_OK) != tab[i].ok)
			fail_msg("port %x size %u", tab[i].port, tab[i].size);
	C->seg[X86_TR].limit = 0x68 + 0x60 / 8;
	assert_fault(x86_io_allowed(C, 0x60, 1), X86_GP, 0);
	C->rflags |= X86_F_IOPL;
	assert_int_equal(x86_io_allowed(C, 0x61, 1), RUN_OK);
	C->rflags |= X86_F_VM;		/* IOPL does not help there */
	assert_fault(x86_io_allowed(C, 0x61, 1), X86_GP, 0);
	bed_real();
	assert_int_equal(x86_io_allowed(C, 0x61, 1), RUN_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_and_iret_round_trip),
		cmocka_unit_test(jump_leaves_the_old_task_available),
		cmocka_unit_test(task_gate_pushes_the_error_code),
		cmocka_unit_test(call_through_a_task_gate),
		cmocka_unit_test(sixteen_bit_task),
		cmocka_unit_test(task_in_virtual_8086_mode),
		cmocka_unit_test(bad_tss_descriptors),
		cmocka_unit_test(bad_back_links),
		cmocka_unit_test(faults_in_the_new_task),
		cmocka_unit_test(debug_trap_of_the_new_task),
		cmocka_unit_test(cr3_of_the_new_task),
		cmocka_unit_test(endless_faults_in_tasks_shut_down),
		cmocka_unit_test(long_mode_has_no_tasks),
		cmocka_unit_test(io_permission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
