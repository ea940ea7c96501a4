// SPDX-License-Identifier: GPL-2.0-or-later
/* Control and debug registers, EFER, XCR0, and reset. */
#include "x86_env.h"

static void cr0_combinations(void **state)
{
	static const struct {
		u64 val;
		bool ok;
	} tab[] = {
		{ X86_CR0_PE | X86_CR0_ET, true },
		{ X86_CR0_PE, true },				/* ET cannot be cleared */
		{ X86_CR0_PG | X86_CR0_ET, false },		/* paging without protection */
		{ X86_CR0_PE | X86_CR0_NW, false },
		{ X86_CR0_PE | X86_CR0_NW | X86_CR0_CD, true },
		{ X86_CR0_PE | X86_CR0_CD, true },
		{ 1ull << 32 | X86_CR0_PE, false },
		{ X86_CR0_PE | 1u << 8, true },			/* reserved: ignored */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_protected(0);
		if (tab[i].ok) {
			assert_int_equal(x86_set_cr(C, 0, tab[i].val), RUN_END);
			assert_true(C->cr0 == ((tab[i].val | X86_CR0_ET) & ~(1u << 8)));
		} else {
			u64 before = C->cr0;

			assert_fault(x86_set_cr(C, 0, tab[i].val), X86_GP, 0);
			assert_true(C->cr0 == before);
		}
	}
}

/* Everything ready for long mode but CR0.PG. */
static void before_long_mode(void)
{
	bed_long(0, false);
	C->efer = X86_EFER_LME;
	C->cr0 &= ~(u64)X86_CR0_PG;
	x86_mode_update(C);
}

static void entering_and_leaving_long_mode(void **state)
{
	before_long_mode();
	assert_int_equal(x86_set_cr(C, 0, C->cr0 | X86_CR0_PG), RUN_END);
	assert_true(C->efer & X86_EFER_LMA);
	assert_int_equal(C->mode, X86_MODE32);
	assert_true(C->paging);
	assert_fault(x86_set_cr(C, 4, C->cr4 & ~(u64)X86_CR4_PAE), X86_GP, 0);
	assert_fault(x86_set_cr(C, 4, C->cr4 | X86_CR4_LA57), X86_GP, 0);
	assert_int_equal(x86_set_efer(C, 0), 1);	/* LME while paging */
	assert_int_equal(x86_set_cr(C, 0, C->cr0 & ~(u64)X86_CR0_PG), RUN_END);
	assert_false(C->efer & X86_EFER_LMA);
	before_long_mode();
	C->cr4 = 0;
	assert_fault(x86_set_cr(C, 0, C->cr0 | X86_CR0_PG), X86_GP, 0);
	before_long_mode();
	bed_seg(X86_CS, SEL_CODE64);
	assert_fault(x86_set_cr(C, 0, C->cr0 | X86_CR0_PG), X86_GP, 0);
	before_long_mode();
	C->seg[X86_TR].attr = 0x83;
	assert_fault(x86_set_cr(C, 0, C->cr0 | X86_CR0_PG), X86_GP, 0);
	bed_long(0, true);	/* not from 64-bit code */
	assert_fault(x86_set_cr(C, 0, C->cr0 & ~(u64)X86_CR0_PG), X86_GP, 0);
	bed_long(0, false);	/* not with PCIDs */
	C->cr4 |= X86_CR4_PCIDE;
	assert_fault(x86_set_cr(C, 0, C->cr0 & ~(u64)X86_CR0_PG), X86_GP, 0);
}

static void pae_pointers_come_with_cr0_cr3_and_cr4(void **state)
{
	bed_protected(0);
	C->cr3 = 0x90000;
	C->cr4 = X86_CR4_PAE;
	bed_put64(0x90000, BED_PT | 0x80 | 1);	/* reserved bit */
	assert_fault(x86_set_cr(C, 0, C->cr0 | X86_CR0_PG), X86_GP, 0);
	assert_false(C->paging);
	bed_put64(0x90000, BED_PT | 1);
	assert_int_equal(x86_set_cr(C, 0, C->cr0 | X86_CR0_PG), RUN_END);
	assert_true(C->pdpte[0] == (BED_PT | 1));
	bed_put64(0x90020, BED_PT | 0x1000 | 1);
	assert_int_equal(x86_set_cr(C, 3, 0x90020), RUN_END);
	assert_true(C->pdpte[0] == (BED_PT | 0x1000 | 1));
	bed_put64(0x90040, 3);
	assert_fault(x86_set_cr(C, 3, 0x90040), X86_GP, 0);
	assert_true(C->cr3 == 0x90020);
	bed_put64(0x90020, BED_PT | 1);
	assert_int_equal(x86_set_cr(C, 4, C->cr4 | X86_CR4_PGE), RUN_END);
	assert_true(C->pdpte[0] == (BED_PT | 1));
}

static void cr3_bits(void **state)
{
	bed_long(0, true);
	assert_int_equal(x86_set_cr(C, 3, BED_PT | 0x18), RUN_END);
	assert_fault(x86_set_cr(C, 3, BED_PT | 1ull << 40), X86_GP, 0);
	assert_fault(x86_set_cr(C, 3, BED_PT | 1ull << 63), X86_GP, 0);
	assert_true(C->cr3 == (BED_PT | 0x18));
	assert_fault(x86_set_cr(C, 4, C->cr4 | X86_CR4_PCIDE), X86_GP, 0);	/* CR3[11:0] */
	assert_int_equal(x86_set_cr(C, 3, BED_PT), RUN_END);
	assert_int_equal(x86_set_cr(C, 4, C->cr4 | X86_CR4_PCIDE), RUN_END);
	bed.flushes = 0;
	assert_int_equal(x86_set_cr(C, 3, BED_PT | 5 | 1ull << 63), RUN_END);
	assert_true(C->cr3 == (BED_PT | 5));
	assert_int_equal(bed.flushes, 1);
	bed_long(0, false);	/* not outside long mode */
	C->efer = 0;
	assert_fault(x86_set_cr(C, 4, X86_CR4_PAE | X86_CR4_PCIDE), X86_GP, 0);
}

static void cr4_bits_need_cpuid(void **state)
{
	static const struct {
		u16 feature;
		u32 bit;
	} tab[] = {
		{ XF_VME, X86_CR4_VME }, { XF_VME, X86_CR4_PVI }, { XF_TSC, X86_CR4_TSD },
		{ XF_DE, X86_CR4_DE }, { XF_PSE, X86_CR4_PSE }, { XF_PGE, X86_CR4_PGE },
		{ XF_MCE, X86_CR4_MCE }, { XF_FXSR, X86_CR4_OSFXSR },
		{ XF_SSE, X86_CR4_OSXMMEXCPT }, { XF_UMIP, X86_CR4_UMIP },
		{ XF_FSGSBASE, X86_CR4_FSGSBASE }, { XF_XSAVE, X86_CR4_OSXSAVE },
		{ XF_SMEP, X86_CR4_SMEP }, { XF_SMAP, X86_CR4_SMAP }, { XF_PKU, X86_CR4_PKE },
		{ XF_PCID, X86_CR4_PCIDE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(0, true);
		assert_int_equal(x86_set_cr(C, 4, C->cr4 | tab[i].bit), RUN_END);
		bed_long(0, true);
		C->features[tab[i].feature / 64] &= ~(1ull << tab[i].feature % 64);
		assert_fault(x86_set_cr(C, 4, C->cr4 | tab[i].bit), X86_GP, 0);
	}
	assert_fault(x86_set_cr(C, 4, C->cr4 | 1u << 13), X86_GP, 0);
	assert_fault(x86_set_cr(C, 4, C->cr4 | 1ull << 40), X86_GP, 0);
}

static void permissions_that_change_flush(void **state)
{
	bed_long(0, true);
	bed.flushes = 0;
	x86_set_cr(C, 0, C->cr0 & ~(u64)X86_CR0_WP);
	assert_int_equal(bed.flushes, 1);
	x86_set_cr(C, 0, C->cr0 | X86_CR0_TS);
	assert_int_equal(bed.flushes, 1);
	x86_set_cr(C, 4, C->cr4 | X86_CR4_SMEP);
	assert_int_equal(bed.flushes, 2);
	x86_set_cr(C, 4, C->cr4 | X86_CR4_TSD);
	assert_int_equal(bed.flushes, 2);
	x86_set_efer(C, C->efer & ~(u64)X86_EFER_NXE);
	assert_int_equal(bed.flushes, 3);
}

static void moves_to_and_from(void **state)
{
	bed_long(0, true);
	assert_int_equal(EXEC(0x0f, 0x20, 0xd8), RUN_OK);	/* mov rax, cr3 */
	assert_true(C->gpr[X86_RAX] == BED_PT);
	C->gpr[X86_RAX] = 0x123456789abcdef0;
	assert_int_equal(EXEC(0x0f, 0x22, 0xd0), RUN_OK);	/* mov cr2, rax */
	assert_true(C->cr2 == 0x123456789abcdef0);
	C->gpr[X86_RAX] = 7;
	assert_int_equal(EXEC(0x44, 0x0f, 0x22, 0xc0), RUN_END);	/* mov cr8, rax */
	assert_int_equal(bed.cr8, 7);
	C->gpr[X86_RAX] = 16;
	assert_fault(EXEC(0x44, 0x0f, 0x22, 0xc0), X86_GP, 0);
	assert_fault(EXEC(0x0f, 0x22, 0xc8), X86_UD, 0);	/* CR1 */
	assert_fault(EXEC(0x0f, 0x20, 0xe8), X86_UD, 0);	/* CR5 */
	x86_set_cpl(C, 3);
	assert_fault(EXEC(0x0f, 0x20, 0xd8), X86_GP, 0);
	assert_fault(EXEC(0x0f, 0x22, 0xd8), X86_GP, 0);
	bed_protected(0);
	C->gpr[X86_RBX] = 0x100000000 | X86_CR0_PE | X86_CR0_TS;
	assert_int_equal(EXEC(0x0f, 0x22, 0xc3), RUN_END);	/* 32 bits of rbx */
	assert_true(C->cr0 == (X86_CR0_PE | X86_CR0_TS | X86_CR0_ET));
}

static void machine_status_word(void **state)
{
	bed_protected(0);
	C->gpr[X86_RAX] = 0xfffe;	/* PE cannot be cleared */
	assert_int_equal(EXEC(0x0f, 0x01, 0xf0), RUN_END);
	assert_int_equal(C->cr0 & 0x1f, 0x1f);
	assert_int_equal(EXEC(0x0f, 0x06), RUN_END);	/* clts */
	assert_int_equal(C->cr0 & 0x1f, 0x17);
	assert_int_equal(EXEC(0x0f, 0x01, 0xe1), RUN_OK);	/* smsw ecx */
	assert_true(C->gpr[X86_RCX] == C->cr0);
	bed_real();
	C->gpr[X86_RAX] = 1;
	assert_int_equal(EXEC(0x0f, 0x01, 0xf0), RUN_END);
	assert_true(C->cr0 & X86_CR0_PE);
	assert_int_equal(C->mode, X86_MODE16);
	bed_protected(3);
	assert_fault(EXEC(0x0f, 0x01, 0xf0), X86_GP, 0);
	assert_fault(EXEC(0x0f, 0x06), X86_GP, 0);
}

static void debug_registers(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RAX] = 0xffff800000001234;
	assert_int_equal(EXEC(0x0f, 0x23, 0xc0), RUN_END);	/* mov dr0, rax */
	assert_true(C->dr[0] == 0xffff800000001234);
	C->gpr[X86_RAX] = 0;
	assert_int_equal(EXEC(0x0f, 0x23, 0xf0), RUN_END);
	assert_true(C->dr[6] == 0xffff0ff0);
	C->gpr[X86_RAX] = 0xffffdfff;
	assert_int_equal(EXEC(0x0f, 0x23, 0xf8), RUN_END);
	assert_true(C->dr[7] == 0xffff07ff);
	assert_int_equal(EXEC(0x0f, 0x21, 0xe9), RUN_OK);	/* DR5 is DR7 */
	assert_true(C->gpr[X86_RCX] == 0xffff07ff);
	C->cr4 |= X86_CR4_DE;
	assert_fault(EXEC(0x0f, 0x21, 0xe9), X86_UD, 0);
	C->gpr[X86_RAX] = 1ull << 32;
	assert_fault(EXEC(0x0f, 0x23, 0xf0), X86_GP, 0);
	assert_fault(EXEC(0x0f, 0x23, 0xf8), X86_GP, 0);
	C->dr[7] |= 1 << 13;
	assert_fault(EXEC(0x0f, 0x21, 0xf8), X86_DB, 0);
	assert_int_equal(C->exc.dr6, 1 << 13);
	x86_set_cpl(C, 3);
	assert_fault(EXEC(0x0f, 0x21, 0xf8), X86_GP, 0);
}

static void efer(void **state)
{
	bed_protected(0);
	assert_int_equal(x86_set_efer(C, X86_EFER_LME | X86_EFER_NXE | X86_EFER_SCE), 0);
	assert_int_equal(x86_set_efer(C, X86_EFER_LME | X86_EFER_LMA), 0);
	assert_false(C->efer & X86_EFER_LMA);	/* ignored */
	assert_int_equal(x86_set_efer(C, 1 << 1), 1);
	assert_int_equal(x86_set_efer(C, X86_EFER_LMSLE), 1);
	C->features[XFW_81_EDX] = 0;
	assert_int_equal(x86_set_efer(C, X86_EFER_NXE), 1);
	assert_int_equal(x86_set_efer(C, X86_EFER_SCE), 1);
}

static void xcr0(void **state)
{
	static const struct {
		u64 val;
		bool ok;
	} tab[] = {
		{ 1, true }, { 3, true }, { 7, true }, { 0, false }, { 2, false }, { 5, false },
		{ 15, false }, { 1ull << 63 | 1, false },
	};
	unsigned int i;

	bed_long(0, true);
	assert_fault(EXEC(0x0f, 0x01, 0xd1), X86_UD, 0);
	assert_fault(EXEC(0x0f, 0x01, 0xd0), X86_UD, 0);
	C->cr4 |= X86_CR4_OSXSAVE;
	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		C->gpr[X86_RAX] = (u32)tab[i].val;
		C->gpr[X86_RDX] = tab[i].val >> 32;
		C->gpr[X86_RCX] = 0;
		if (!tab[i].ok) {
			assert_fault(EXEC(0x0f, 0x01, 0xd1), X86_GP, 0);
			continue;
		}
		assert_int_equal(EXEC(0x0f, 0x01, 0xd1), RUN_END);
		assert_true(C->xcr0 == tab[i].val);
		assert_int_equal(EXEC(0x0f, 0x01, 0xd0), RUN_OK);
		assert_true(C->gpr[X86_RAX] == tab[i].val);
	}
	C->gpr[X86_RCX] = 2;
	assert_fault(EXEC(0x0f, 0x01, 0xd0), X86_GP, 0);
	C->gpr[X86_RCX] = 0;
	C->gpr[X86_RAX] = 7;
	C->features[XFW_1_ECX] &= ~(1ull << (XF_AVX % 64));
	assert_fault(EXEC(0x0f, 0x01, 0xd1), X86_GP, 0);
}

static void invalidations(void **state)
{
	bed_long(0, true);
	C->gpr[X86_RBX] = BED_DATA;
	bed.flushes = 0;
	assert_int_equal(EXEC(0x0f, 0x01, 0x3b), RUN_END);	/* invlpg [rbx] */
	assert_int_equal(bed.flushes, 1);
	C->gpr[X86_RAX] = 2;
	assert_int_equal(EXEC(0x66, 0x0f, 0x38, 0x82, 0x03), RUN_END);	/* invpcid rax, [rbx] */
	assert_int_equal(bed.flushes, 2);
	C->gpr[X86_RAX] = 4;
	assert_fault(EXEC(0x66, 0x0f, 0x38, 0x82, 0x03), X86_GP, 0);
	C->gpr[X86_RAX] = 0;
	bed_put64(BED_DATA, 1);		/* a PCID, without CR4.PCIDE */
	assert_fault(EXEC(0x66, 0x0f, 0x38, 0x82, 0x03), X86_GP, 0);
	bed_put64(BED_DATA, 0);
	bed_put64(BED_DATA + 8, 1ull << 47);
	assert_fault(EXEC(0x66, 0x0f, 0x38, 0x82, 0x03), X86_GP, 0);
	x86_set_cpl(C, 3);
	assert_fault(EXEC(0x0f, 0x01, 0x3b), X86_GP, 0);
}

static void reset_and_init(void **state)
{
	bed_long(3, true);
	C->star = 5;
	C->xcr0 = 7;
	C->cr0 &= ~(u64)(X86_CR0_CD | X86_CR0_NW);
	C->fpu.mxcsr = 0x1fa0;
	C->nmi_masked = true;
	x86_reset(C, true);
	assert_int_equal(C->mode, X86_MODE16);
	assert_int_equal(C->cpl, 0);
	assert_true(C->gpr[X86_RIP] == 0xfff0 && C->seg[X86_CS].base == 0xffff0000);
	assert_int_equal(C->seg[X86_CS].sel, 0xf000);
	assert_int_equal(C->gpr[X86_RDX], 0x663);
	assert_int_equal(x86_rflags(C), 2);
	assert_true(C->cr0 == X86_CR0_ET && C->cr3 == 0 && C->cr4 == 0 && C->efer == 0);
	assert_true(C->star == 5 && C->xcr0 == 7 && C->fpu.mxcsr == 0x1fa0);
	assert_false(C->paging || C->nmi_masked);
	x86_reset(C, false);
	assert_true(C->cr0 == 0x60000010);
	assert_true(C->star == 0 && C->xcr0 == 1 && C->fpu.mxcsr == 0x1f80);
	assert_true(C->dr[6] == 0xffff0ff0 && C->dr[7] == 0x400);
}

static void fxsave_image(void **state)
{
	static u8 image[X86_XSAVE_LEGACY], again[X86_XSAVE_LEGACY];
	struct x86_fpu *f = &C->fpu;
	unsigned int i;

	bed_real();
	for (i = 0; i < 16; i++)
		f->v[i].q[0] = f->v[i].q[1] = 0x0101010101010101ull * i;
	for (i = 0; i < 8; i++)
		f->st[i] = (struct x87_reg){ .mant = 1ull << 63 | i, .se = 0x3fff + i };
	f->fsw = 3 << 11;
	f->ftw = 0x18;
	f->fip = 0x123456789;
	x86_fpu_export(f, image);
	assert_int_equal(image[32], 3);		/* ST0 is R3 */
	assert_int_equal(image[32 + 16 * 5], 0);
	assert_int_equal(image[160 + 16 * 15], 15);
	x86_fpu_reset(f);
	assert_int_equal(x86_fpu_import(f, image), 0);
	assert_true(f->st[7].mant == (1ull << 63 | 7) && f->st[7].se == 0x4006);
	x86_fpu_export(f, again);
	assert_memory_equal(image, again, sizeof(image));
	image[26] = 1;		/* a reserved bit of MXCSR */
	image[0] = 0;
	assert_int_equal(x86_fpu_import(f, image), -EINVAL);
	assert_int_equal(f->fcw, 0x37f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cr0_combinations),
		cmocka_unit_test(entering_and_leaving_long_mode),
		cmocka_unit_test(pae_pointers_come_with_cr0_cr3_and_cr4),
		cmocka_unit_test(cr3_bits),
		cmocka_unit_test(cr4_bits_need_cpuid),
		cmocka_unit_test(permissions_that_change_flush),
		cmocka_unit_test(moves_to_and_from),
		cmocka_unit_test(machine_status_word),
		cmocka_unit_test(debug_registers),
		cmocka_unit_test(efer),
		cmocka_unit_test(xcr0),
		cmocka_unit_test(invalidations),
		cmocka_unit_test(reset_and_init),
		cmocka_unit_test(fxsave_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
