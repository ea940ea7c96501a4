// SPDX-License-Identifier: GPL-2.0-or-later
/* Segment registers, descriptor tables, far transfers. */
#include "x86_env.h"

static void load_checks(void **state)
{
	static const struct {
		u8 cpl, seg;
		u16 sel, attr;		/* attr of SEL_FREE, 0: not used */
		u8 vec;			/* 0: loads */
		u32 err;
	} tab[] = {
		{ 0, X86_DS, 0, 0, 0, 0 },
		{ 0, X86_DS, 3, 0, 0, 0 },
		{ 0, X86_DS, SEL_DATA, 0, 0, 0 },
		{ 0, X86_DS, SEL_UDATA | 3, 0, 0, 0 },
		{ 3, X86_DS, SEL_DATA, 0, X86_GP, SEL_DATA },
		{ 0, X86_DS, SEL_DATA | 3, 0, X86_GP, SEL_DATA },
		{ 3, X86_DS, SEL_UDATA, 0, 0, 0 },
		{ 0, X86_ES, 0x100, 0, X86_GP, 0x100 },
		{ 0, X86_ES, SEL_DATA | 4, 0, X86_GP, SEL_DATA | 4 },
		{ 0, X86_FS, SEL_CODE32, 0, 0, 0 },		/* readable code */
		{ 3, X86_FS, SEL_CODE32, 0, X86_GP, SEL_CODE32 },
		{ 3, X86_FS, SEL_CONF | 3, 0, 0, 0 },		/* conforming: any DPL */
		{ 0, X86_GS, SEL_FREE, 0xc99, X86_GP, SEL_FREE },	/* execute-only */
		{ 0, X86_GS, SEL_FREE, 0xc13, X86_NP, SEL_FREE },
		{ 0, X86_GS, SEL_FREE, 0x089, X86_GP, SEL_FREE },	/* a TSS */
		{ 0, X86_SS, 0, 0, X86_GP, 0 },
		{ 0, X86_SS, SEL_DATA, 0, 0, 0 },
		{ 3, X86_SS, SEL_UDATA | 3, 0, 0, 0 },
		{ 0, X86_SS, SEL_UDATA | 3, 0, X86_GP, SEL_UDATA },
		{ 0, X86_SS, SEL_DATA | 1, 0, X86_GP, SEL_DATA },
		{ 3, X86_SS, SEL_DATA, 0, X86_GP, SEL_DATA },
		{ 0, X86_SS, SEL_CODE32, 0, X86_GP, SEL_CODE32 },
		{ 0, X86_SS, SEL_FREE, 0xc91, X86_GP, SEL_FREE },
		{ 0, X86_SS, SEL_FREE, 0xc13, X86_SS_EXC, SEL_FREE },
		{ 0, X86_SS, 0x100, 0, X86_GP, 0x100 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		struct x86_seg before;
		int r;

		bed_protected(tab[i].cpl);
		if (tab[i].attr)
			bed_gdt(SEL_FREE, bed_desc(0, 0xfffff, tab[i].attr));
		before = C->seg[tab[i].seg];
		r = x86_load_seg(C, tab[i].seg, tab[i].sel);
		if (!tab[i].vec) {
			if (r != RUN_OK)
				fail_msg("row %u: %x", i, bed_exc());
			assert_int_equal(C->seg[tab[i].seg].sel, tab[i].sel);
			continue;
		}
		if (r != RUN_FAULT || bed_exc() != EXC(tab[i].vec, tab[i].err))
			fail_msg("row %u: %x", i, bed_exc());
		assert_memory_equal(&before, &C->seg[tab[i].seg], sizeof(before));
	}
}

static void null_segment_faults_when_used(void **state)
{
	u64 v;

	bed_protected(0);
	assert_int_equal(x86_load_seg(C, X86_ES, 0), RUN_OK);
	assert_fault(x86_load(C, X86_ES, BED_DATA, 4, &v), X86_GP, 0);
}

static void null_ss_in_64_bit_mode(void **state)
{
	bed_long(0, true);
	assert_int_equal(x86_load_seg(C, X86_SS, 0), RUN_OK);
	assert_fault(x86_load_seg(C, X86_SS, 1), X86_GP, 0);
	bed_long(3, true);
	assert_fault(x86_load_seg(C, X86_SS, 3), X86_GP, 0);
	bed_long(0, false);
	assert_fault(x86_load_seg(C, X86_SS, 0), X86_GP, 0);
}

static void loading_sets_the_accessed_bit(void **state)
{
	bed_protected(0);
	bed_gdt(SEL_FREE, bed_desc(0x1234, 0xfff, 0x092));
	assert_int_equal(x86_load_seg(C, X86_ES, SEL_FREE), RUN_OK);
	assert_int_equal(bed.ram[BED_GDT + SEL_FREE + 5], 0x93);
	assert_int_equal(C->seg[X86_ES].attr, 0x93);
	assert_true(C->seg[X86_ES].base == 0x1234);
	bed.writes = 0;
	assert_int_equal(x86_load_seg(C, X86_ES, SEL_FREE), RUN_OK);
	assert_int_equal(bed.writes, 0);
}

static void local_descriptor_table(void **state)
{
	bed_protected(0);
	bed_put64(BED_LDT + 8, bed_desc(0x5000, 1, 0xc93));
	assert_int_equal(EXEC(0x0f, 0x00, 0xd0), RUN_OK);	/* lldt ax: null */
	assert_fault(x86_load_seg(C, X86_ES, 0x0c), X86_GP, 0x0c);
	C->gpr[X86_RAX] = SEL_LDT;
	assert_int_equal(EXEC(0x0f, 0x00, 0xd0), RUN_OK);
	assert_int_equal(x86_load_seg(C, X86_ES, 0x0c), RUN_OK);
	assert_int_equal(C->seg[X86_ES].limit, 0x1fff);
	C->gpr[X86_RCX] = ~0ull;
	assert_int_equal(EXEC(0x0f, 0x00, 0xc1), RUN_OK);	/* sldt ecx */
	assert_true(C->gpr[X86_RCX] == SEL_LDT);
	C->gpr[X86_RAX] = SEL_DATA;
	assert_fault(EXEC(0x0f, 0x00, 0xd0), X86_GP, SEL_DATA);
	C->gpr[X86_RAX] = 0x0c;
	assert_fault(EXEC(0x0f, 0x00, 0xd0), X86_GP, 0x0c);
	bed_gdt(SEL_LDT, bed_desc(BED_LDT, 0xff, 0x002));
	C->gpr[X86_RAX] = SEL_LDT;
	assert_fault(EXEC(0x0f, 0x00, 0xd0), X86_NP, SEL_LDT);
}

static void task_register(void **state)
{
	bed_protected(0);
	C->gpr[X86_RAX] = SEL_TSS2;
	assert_int_equal(EXEC(0x0f, 0x00, 0xd8), RUN_OK);	/* ltr ax */
	assert_int_equal(C->seg[X86_TR].sel, SEL_TSS2);
	assert_int_equal(C->seg[X86_TR].attr & 15, 0xb);
	assert_int_equal(bed.ram[BED_GDT + SEL_TSS2 + 5], 0x8b);
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_GP, SEL_TSS2);	/* busy now */
	C->gpr[X86_RAX] = 0;
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_GP, 0);
	bed_protected(3);
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_GP, 0);
	bed_real();
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_UD, 0);
}

static void task_register_of_long_mode(void **state)
{
	bed_long(0, true);
	bed_gdt(SEL_FREE, bed_desc(0x89abcdef, 0x67, 0x089));
	bed_gdt(SEL_FREE + 8, 0x8000);
	C->gpr[X86_RAX] = SEL_FREE;
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_GP, SEL_FREE);	/* not canonical */
	bed_gdt(SEL_FREE + 8, 0xffff8000);
	assert_int_equal(EXEC(0x0f, 0x00, 0xd8), RUN_OK);
	assert_true(C->seg[X86_TR].base == 0xffff800089abcdef);
	bed_gdt(SEL_FREE, bed_desc(0, 0x67, 0x089));
	bed_gdt(SEL_FREE + 8, 1ull << 40);
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_GP, SEL_FREE);
	C->gdt.limit = SEL_FREE + 7;
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_GP, SEL_FREE);
	bed_long(0, true);
	bed_gdt(SEL_FREE, bed_desc(0, 0x67, 0x081));	/* 16-bit TSS */
	C->gpr[X86_RAX] = SEL_FREE;
	assert_fault(EXEC(0x0f, 0x00, 0xd8), X86_GP, SEL_FREE);
}

static void lar_lsl_verr_verw(void **state)
{
	static const struct {
		u8 cpl;
		u16 sel, attr;
		bool lar, lsl, verr, verw;
	} tab[] = {
		{ 0, SEL_DATA, 0, true, true, true, true },
		{ 0, SEL_CODE32, 0, true, true, true, false },
		{ 3, SEL_DATA, 0, false, false, false, false },
		{ 0, SEL_DATA | 3, 0, false, false, false, false },
		{ 3, SEL_CONF, 0, true, true, true, false },
		{ 0, 0, 0, false, false, false, false },
		{ 0, 0x100, 0, false, false, false, false },
		{ 0, SEL_FREE, 0xc99, true, true, false, false },
		{ 0, SEL_FREE, 0x091, true, true, true, false },
		{ 0, SEL_FREE, 0x089, true, true, false, false },	/* TSS */
		{ 0, SEL_FREE, 0x08c, true, false, false, false },	/* call gate */
		{ 0, SEL_FREE, 0x085, true, false, false, false },	/* task gate */
		{ 0, SEL_FREE, 0x08e, false, false, false, false },	/* interrupt gate */
		{ 0, SEL_FREE, 0x013, true, true, true, true },		/* present or not */
	};
	static const u8 insns[][4] = {
		{ 0x0f, 0x02, 0xc8 }, { 0x0f, 0x03, 0xc8 }, { 0x0f, 0x00, 0xe0 }, { 0x0f, 0x00, 0xe8 },
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		const bool want[] = { tab[i].lar, tab[i].lsl, tab[i].verr, tab[i].verw };

		for (k = 0; k < 4; k++) {
			bed_protected(tab[i].cpl);
			if (tab[i].attr)
				bed_gdt(SEL_FREE, bed_desc(0, 0xfffff, tab[i].attr));
			C->gpr[X86_RAX] = tab[i].sel;
			C->gpr[X86_RCX] = 0x55;
			x86_flags_set_arith(C, X86_F_CF | X86_F_SF);
			assert_int_equal(bed_exec(insns[k], 3), RUN_OK);
			if (x86_zf(C) != want[k])
				fail_msg("row %u op %u", i, k);
			assert_true(x86_cf(C) && x86_sf(C));
			if (k < 2 && !want[k])
				assert_int_equal(C->gpr[X86_RCX], 0x55);
		}
	}
	bed_protected(0);
	C->gpr[X86_RAX] = SEL_UCODE32;
	assert_int_equal(EXEC(0x0f, 0x02, 0xc8), RUN_OK);
	assert_int_equal(C->gpr[X86_RCX], 0x00cffb00);
	assert_int_equal(EXEC(0x0f, 0x03, 0xc8), RUN_OK);
	assert_int_equal(C->gpr[X86_RCX], 0xffffffff);
	bed_real();
	assert_fault(EXEC(0x0f, 0x02, 0xc8), X86_UD, 0);
}

static void arpl_raises_the_requested_level(void **state)
{
	bed_protected(0);
	C->gpr[X86_RAX] = 0xf0;
	C->gpr[X86_RCX] = 3;
	assert_int_equal(EXEC(0x63, 0xc8), RUN_OK);	/* arpl ax, cx */
	assert_int_equal(C->gpr[X86_RAX], 0xf3);
	assert_true(x86_zf(C));
	assert_int_equal(EXEC(0x63, 0xc8), RUN_OK);
	assert_false(x86_zf(C));
}

static void real_mode_keeps_limits(void **state)
{
	u64 v;

	bed_real();
	C->seg[X86_DS].limit = 0xffffffff;
	assert_int_equal(x86_load_seg(C, X86_DS, 0x1000), RUN_OK);
	assert_true(C->seg[X86_DS].base == 0x10000);
	assert_int_equal(x86_load(C, X86_DS, 0x12345, 1, &v), RUN_OK);
	assert_int_equal(x86_load_seg(C, X86_ES, 0x1000), RUN_OK);
	assert_fault(x86_load(C, X86_ES, 0x12345, 1, &v), X86_GP, 0);
}

static void mov_and_pop_ss_hold_interrupts_off(void **state)
{
	bed_protected(0);
	C->gpr[X86_RAX] = SEL_DATA;
	assert_int_equal(EXEC(0x8e, 0xd0), RUN_END);
	assert_int_equal(C->shadow, X86_SHADOW_MOVSS);
	C->shadow = 0;
	C->gpr[X86_RSP] = BED_STACK;
	bed_put32(BED_STACK, SEL_DATA);
	assert_int_equal(EXEC(0x17), RUN_END);
	assert_int_equal(C->shadow, X86_SHADOW_MOVSS);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK + 4);
	C->gpr[X86_RSP] = BED_STACK;
	bed_put32(BED_STACK, 0);
	assert_fault(EXEC(0x17), X86_GP, 0);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
	assert_fault(EXEC(0x8e, 0xc8), X86_UD, 0);	/* mov cs, ax */
}

static void far_pointers(void **state)
{
	bed_protected(0);
	C->gpr[X86_RBX] = BED_DATA;
	bed_put32(BED_DATA, 0x11223344);
	bed_put16(BED_DATA + 4, SEL_UDATA);
	assert_int_equal(EXEC(0x0f, 0xb4, 0x03), RUN_OK);	/* lfs eax, [ebx] */
	assert_true(C->gpr[X86_RAX] == 0x11223344);
	assert_int_equal(C->seg[X86_FS].sel, SEL_UDATA);
	bed_put16(BED_DATA + 4, 0x100);
	C->gpr[X86_RAX] = 5;
	assert_fault(EXEC(0xc4, 0x03), X86_GP, 0x100);		/* les */
	assert_int_equal(C->gpr[X86_RAX], 5);
	bed_put16(BED_DATA + 4, SEL_DATA);
	assert_int_equal(EXEC(0x0f, 0xb2, 0x03), RUN_END);	/* lss */
	assert_int_equal(EXEC(0xc5, 0x03), RUN_OK);		/* lds */
	assert_int_equal(C->seg[X86_DS].sel, SEL_DATA);
}

static void descriptor_table_registers(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RBX] = BED_DATA;
	bed_put16(BED_DATA, 0x123);
	bed_put64(BED_DATA + 2, 0xffffffff81234567);
	assert_int_equal(EXEC(0x0f, 0x01, 0x1b), RUN_OK);	/* lidt [rbx] */
	assert_true(C->idt.base == 0xffffffff81234567 && C->idt.limit == 0x123);
	C->gpr[X86_RBX] = BED_DATA + 0x100;
	assert_int_equal(EXEC(0x0f, 0x01, 0x0b), RUN_OK);	/* sidt */
	assert_memory_equal(bed.ram + BED_DATA, bed.ram + BED_DATA + 0x100, 10);
	bed_put64(BED_DATA + 0x102, 1ull << 47);
	assert_fault(EXEC(0x0f, 0x01, 0x13), X86_GP, 0);	/* lgdt */
	bed_protected(0);
	C->gpr[X86_RBX] = BED_DATA;
	bed_put64(BED_DATA, 0xffff876543210010);
	assert_int_equal(EXEC(0x66, 0x0f, 0x01, 0x13), RUN_OK);	/* 24 bits of base */
	assert_true(C->gdt.base == 0x654321 && C->gdt.limit == 0x10);
	assert_int_equal(EXEC(0x0f, 0x01, 0x13), RUN_OK);
	assert_true(C->gdt.base == 0x87654321);
}

static void user_mode_instruction_prevention(void **state)
{
	static const u8 insns[][3] = {
		{ 0x0f, 0x01, 0x03 }, { 0x0f, 0x01, 0x0b }, { 0x0f, 0x00, 0xc0 },
		{ 0x0f, 0x00, 0xc8 }, { 0x0f, 0x01, 0xe0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		bed_long(3, true);
		C->gpr[X86_RBX] = BED_DATA;
		assert_int_equal(bed_exec(insns[i], 3), RUN_OK);
		C->cr4 |= X86_CR4_UMIP;
		assert_fault(bed_exec(insns[i], 3), X86_GP, 0);
		x86_set_cpl(C, 0);
		assert_int_equal(bed_exec(insns[i], 3), RUN_OK);
	}
}

/* --- far transfers --- */

static void far_jumps(void **state)
{
	static const struct {
		u8 cpl;
		u16 sel, attr;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 0, SEL_CODE32, 0, 0, 0 },
		{ 0, SEL_CODE32 | 3, 0, X86_GP, SEL_CODE32 },
		{ 0, SEL_CODE16, 0, 0, 0 },
		{ 0, SEL_UCODE32 | 3, 0, X86_GP, SEL_UCODE32 },
		{ 3, SEL_UCODE32 | 3, 0, 0, 0 },
		{ 3, SEL_UCODE32, 0, 0, 0 },
		{ 3, SEL_CODE32, 0, X86_GP, SEL_CODE32 },
		{ 3, SEL_CONF | 3, 0, 0, 0 },
		{ 0, 0, 0, X86_GP, 0 },
		{ 0, SEL_DATA, 0, X86_GP, SEL_DATA },
		{ 0, 0x100, 0, X86_GP, 0x100 },
		{ 0, SEL_FREE, 0xc1b, X86_NP, SEL_FREE },
		{ 0, SEL_FREE, 0x49b, 0, 0 },
		{ 0, SEL_FREE, 0x08e, X86_GP, SEL_FREE },	/* an interrupt gate */
		{ 0, SEL_LDT, 0, X86_GP, SEL_LDT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		int r;

		bed_protected(tab[i].cpl);
		if (tab[i].attr)
			bed_gdt(SEL_FREE, bed_desc(0, 0xfffff, tab[i].attr));
		r = EXEC(0xea, 0x78, 0x56, 0, 0, tab[i].sel & 0xff, tab[i].sel >> 8);
		if (tab[i].vec) {
			if (r != RUN_FAULT || bed_exc() != EXC(tab[i].vec, tab[i].err))
				fail_msg("row %u: %x", i, bed_exc());
			continue;
		}
		assert_int_equal(r, RUN_END);
		assert_int_equal(C->gpr[X86_RIP], 0x5678);
		assert_int_equal(C->seg[X86_CS].sel, (tab[i].sel & ~3) | tab[i].cpl);
		assert_int_equal(C->cpl, tab[i].cpl);
	}
	bed_protected(0);
	assert_fault(EXEC(0xea, 0, 0, 1, 0, SEL_CODE16, 0), X86_GP, 0);	/* beyond its limit */
}

static void far_jump_into_and_out_of_64_bit_code(void **state)
{
	bed_long(0, false);
	assert_int_equal(C->mode, X86_MODE32);
	assert_int_equal(EXEC(0xea, 0, 0, 1, 0, SEL_CODE64, 0), RUN_END);
	assert_int_equal(C->mode, X86_MODE64);
	assert_true(C->lin_mask == ~0ull && C->stack64);
	C->gpr[X86_RBX] = BED_DATA;
	bed_put64(BED_DATA, BED_CODE | (u64)SEL_CODE32 << 32);
	assert_int_equal(EXEC(0xff, 0x2b), RUN_END);	/* jmp far [rbx] */
	assert_int_equal(C->mode, X86_MODE32);
	bed_gdt(SEL_FREE, bed_desc(0, 0xfffff, 0xe9b));
	assert_fault(EXEC(0xea, 0, 0, 1, 0, SEL_FREE, 0), X86_GP, SEL_FREE);	/* L and D */
}

static void far_call_and_return(void **state)
{
	bed_protected(0);
	C->gpr[X86_RSP] = BED_STACK;
	assert_int_equal(EXEC(0x9a, 0, 0x60, 0, 0, SEL_CODE32, 0), RUN_END);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK - 8);
	assert_int_equal(bed_get(BED_STACK - 8, 4), BED_CODE + 7);
	assert_int_equal(bed_get(BED_STACK - 4, 2), SEL_CODE32);
	assert_int_equal(EXEC(0xca, 4, 0), RUN_END);	/* retf 4 */
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 7);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK + 4);
	C->seg[X86_SS].limit = 0xfff;
	x86_mode_update(C);
	assert_fault(EXEC(0x9a, 0, 0x60, 0, 0, SEL_CODE32, 0), X86_SS_EXC, 0);
	bed_real();
	assert_int_equal(EXEC(0x9a, 0x34, 0x12, 0, 0x20), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], 0x1234);
	assert_true(C->seg[X86_CS].base == 0x20000);
	assert_int_equal(EXEC(0xcb), RUN_END);
	assert_int_equal(C->gpr[X86_RIP], 5);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
}

static u64 call_gate(u16 sel, u32 off, u8 type, u8 dpl, u8 params)
{
	return bed_gate(sel, off, type, dpl) | (u64)params << 32;
}

static void call_gate_to_inner_level_and_back(void **state)
{
	bed_protected(3);
	bed_gdt(SEL_FREE, call_gate(SEL_CODE32, 0x13000, 12, 3, 2));
	C->gpr[X86_RSP] = BED_STACK;
	bed_put32(BED_STACK, 0x1111);
	bed_put32(BED_STACK + 4, 0x2222);
	assert_int_equal(EXEC(0x9a, 0xff, 0xff, 0xff, 0xff, SEL_FREE | 3, 0), RUN_END);
	assert_int_equal(C->cpl, 0);
	assert_int_equal(C->gpr[X86_RIP], 0x13000);
	assert_int_equal(C->seg[X86_SS].sel, SEL_DATA);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK0 - 24);
	assert_int_equal(bed_get(BED_STACK0 - 24, 4), BED_CODE + 7);
	assert_int_equal(bed_get(BED_STACK0 - 20, 4), SEL_UCODE32 | 3);
	assert_int_equal(bed_get(BED_STACK0 - 16, 4), 0x1111);
	assert_int_equal(bed_get(BED_STACK0 - 12, 4), 0x2222);
	assert_int_equal(bed_get(BED_STACK0 - 8, 4), BED_STACK);
	assert_int_equal(bed_get(BED_STACK0 - 4, 4), SEL_UDATA | 3);
	bed_seg(X86_ES, SEL_DATA);
	assert_int_equal(EXEC(0xca, 8, 0), RUN_END);
	assert_int_equal(C->cpl, 3);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK + 8);
	assert_int_equal(C->gpr[X86_RIP], BED_CODE + 7);
	assert_int_equal(C->seg[X86_ES].sel, 0);
}

static void call_gate_of_64_bits(void **state)
{
	bed_long(3, true);
	bed_gdt(SEL_FREE, call_gate(SEL_CODE64, 0x13000, 12, 3, 0));
	bed_gdt(SEL_FREE + 8, 0);
	C->gpr[X86_RSP] = BED_STACK;
	C->gpr[X86_RBX] = BED_DATA;
	bed_put64(BED_DATA, (u64)(SEL_FREE | 3) << 32);
	assert_int_equal(EXEC(0xff, 0x1b), RUN_END);	/* call far [rbx] */
	assert_int_equal(C->cpl, 0);
	assert_int_equal(C->seg[X86_SS].sel, 0);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK0 - 32);
	assert_int_equal(bed_get(BED_STACK0 - 32, 8), BED_CODE + 2);
	assert_int_equal(bed_get(BED_STACK0 - 8, 8), SEL_UDATA | 3);
	assert_int_equal(EXEC(0x48, 0xcb), RUN_END);	/* retfq */
	assert_int_equal(C->cpl, 3);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK);
	bed_gdt(SEL_FREE + 8, 1ull << 40);
	assert_fault(EXEC(0xff, 0x1b), X86_GP, SEL_FREE);
	bed_gdt(SEL_FREE, call_gate(SEL_CODE32, 0x13000, 12, 3, 0));
	bed_gdt(SEL_FREE + 8, 0);
	assert_fault(EXEC(0xff, 0x1b), X86_GP, SEL_CODE32);
	bed_gdt(SEL_FREE, call_gate(SEL_CODE64, 0x13000, 4, 3, 0));
	assert_fault(EXEC(0xff, 0x1b), X86_GP, SEL_FREE);	/* 16-bit gate */
}

static void bad_call_gates(void **state)
{
	static const struct {
		u8 cpl, dpl;
		u16 sel, target;
		bool present;
		u8 vec;
		u32 err;
	} tab[] = {
		{ 3, 0, SEL_FREE | 3, SEL_CODE32, true, X86_GP, SEL_FREE },
		{ 0, 0, SEL_FREE | 3, SEL_CODE32, true, X86_GP, SEL_FREE },
		{ 3, 3, SEL_FREE, SEL_CODE32, false, X86_NP, SEL_FREE },
		{ 3, 3, SEL_FREE, 0, true, X86_GP, 0 },
		{ 3, 3, SEL_FREE, 0x100, true, X86_GP, 0x100 },
		{ 3, 3, SEL_FREE, SEL_DATA, true, X86_GP, SEL_DATA },
		{ 0, 0, SEL_FREE, SEL_UCODE32, true, X86_GP, SEL_UCODE32 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		u64 g = call_gate(tab[i].target, 0, 12, tab[i].dpl, 0);

		bed_protected(tab[i].cpl);
		C->gpr[X86_RSP] = BED_STACK;
		bed_gdt(SEL_FREE, tab[i].present ? g : g & ~(1ull << 47));
		if (EXEC(0x9a, 0, 0, 0, 0, tab[i].sel, 0) != RUN_FAULT ||
		    bed_exc() != EXC(tab[i].vec, tab[i].err))
			fail_msg("row %u: %x", i, bed_exc());
	}
	bed_protected(3);	/* a jump does not change privilege */
	bed_gdt(SEL_FREE, call_gate(SEL_CODE32, 0, 12, 3, 0));
	assert_fault(EXEC(0xea, 0, 0, 0, 0, SEL_FREE, 0), X86_GP, SEL_CODE32);
	bed_put16(BED_TSS + 8, SEL_UDATA);
	C->gpr[X86_RSP] = BED_STACK;
	assert_fault(EXEC(0x9a, 0, 0, 0, 0, SEL_FREE, 0), X86_TS, SEL_UDATA);
}

/* --- bases --- */

static void fs_and_gs_bases(void **state)
{
	u64 v;

	bed_long(3, true);
	C->gpr[X86_RAX] = 0x1000;
	assert_fault(EXEC(0xf3, 0x48, 0x0f, 0xae, 0xd0), X86_UD, 0);
	C->cr4 |= X86_CR4_FSGSBASE;
	assert_int_equal(EXEC(0xf3, 0x48, 0x0f, 0xae, 0xd0), RUN_OK);	/* wrfsbase rax */
	bed_put32(BED_DATA + 0x1000, 99);
	assert_int_equal(x86_load(C, X86_FS, BED_DATA, 4, &v), RUN_OK);
	assert_int_equal(v, 99);
	assert_int_equal(EXEC(0xf3, 0x48, 0x0f, 0xae, 0xc1), RUN_OK);	/* rdfsbase rcx */
	assert_int_equal(C->gpr[X86_RCX], 0x1000);
	C->gpr[X86_RAX] = 1ull << 47;
	assert_fault(EXEC(0xf3, 0x48, 0x0f, 0xae, 0xd8), X86_GP, 0);	/* wrgsbase rax */
}

static void swapgs_exchanges_bases(void **state)
{
	bed_long(0, true);
	C->kernel_gs_base = 0xffff888000000000;
	C->seg[X86_GS].base = 0x7000;
	assert_int_equal(EXEC(0x0f, 0x01, 0xf8), RUN_OK);
	assert_true(C->seg[X86_GS].base == 0xffff888000000000);
	assert_true(C->eseg[X86_GS].base == 0xffff888000000000);
	assert_int_equal(C->kernel_gs_base, 0x7000);
	x86_set_cpl(C, 3);
	assert_fault(EXEC(0x0f, 0x01, 0xf8), X86_GP, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_checks),
		cmocka_unit_test(null_segment_faults_when_used),
		cmocka_unit_test(null_ss_in_64_bit_mode),
		cmocka_unit_test(loading_sets_the_accessed_bit),
		cmocka_unit_test(local_descriptor_table),
		cmocka_unit_test(task_register),
		cmocka_unit_test(task_register_of_long_mode),
		cmocka_unit_test(lar_lsl_verr_verw),
		cmocka_unit_test(arpl_raises_the_requested_level),
		cmocka_unit_test(real_mode_keeps_limits),
		cmocka_unit_test(mov_and_pop_ss_hold_interrupts_off),
		cmocka_unit_test(far_pointers),
		cmocka_unit_test(descriptor_table_registers),
		cmocka_unit_test(user_mode_instruction_prevention),
		cmocka_unit_test(far_jumps),
		cmocka_unit_test(far_jump_into_and_out_of_64_bit_code),
		cmocka_unit_test(far_call_and_return),
		cmocka_unit_test(call_gate_to_inner_level_and_back),
		cmocka_unit_test(call_gate_of_64_bits),
		cmocka_unit_test(bad_call_gates),
		cmocka_unit_test(fs_and_gs_bases),
		cmocka_unit_test(swapgs_exchanges_bases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
