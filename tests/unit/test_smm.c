/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System management mode of one processor: save areas, entry, RSM. */
#include "core/x86/debug.h"
#include "tests/unit/x86_env.h"

#define SMBASE	0x30000u
#define AREA(at) (SMBASE + 0x8000 + (at))	/* as the manuals have offsets */
#define RSM	0x0f, 0xaa

/* The processor of the 32-bit layout. */
static void no_long_mode(void)
{
	C->features[XF_LM / 64] &= ~(1ull << XF_LM % 64);
}

static void registers_marked(void)
{
	for (unsigned int i = 0; i < 16; i++)
		C->gpr[i] = 0x1111111111111111ull * i + 0x80;
	C->gpr[X86_RIP] = BED_CODE + 0x123;
	x86_set_rflags(C, X86_F_IF | X86_F_CF | X86_F_ZF);
	C->dr[6] = 0xffff4ff1;
	C->dr[7] = 0x455;
}

static void entry_is_real_mode_at_smbase(void **state)
{
	bed_long(3, true);
	registers_marked();
	C->cr0 |= X86_CR0_TS | X86_CR0_EM;
	C->cr4 |= X86_CR4_SMEP | X86_CR4_PCIDE;
	x86_smm_enter(C);
	assert_true(C->smm);
	assert_int_equal(C->cr0 & (X86_CR0_PE | X86_CR0_PG | X86_CR0_TS | X86_CR0_EM), 0);
	assert_true(C->cr0 & X86_CR0_WP);
	assert_int_equal(C->cr4, 0);
	assert_int_equal(C->efer, 0);
	assert_int_equal(x86_rflags(C), X86_F_1);
	assert_int_equal(C->gpr[X86_RIP], 0x8000);
	assert_int_equal(C->gpr[X86_R9], 0x1111111111111111ull * 9 + 0x80);
	assert_int_equal(C->dr[7], 0x400);
	assert_int_equal(C->cpl, 0);
	assert_int_equal(C->mode, X86_MODE16);
	assert_int_equal(C->idt.base | C->idt.limit, 0);
	assert_int_equal(C->seg[X86_CS].base, SMBASE);
	assert_int_equal(C->seg[X86_CS].sel, SMBASE >> 4);
	for (unsigned int i = X86_ES; i <= X86_GS; i++) {
		assert_int_equal(C->seg[i].limit, 0xffffffff);
		if (i != X86_CS)
			assert_int_equal(C->seg[i].base | C->seg[i].sel, 0);
	}
	assert_int_equal(C->smi_count, 1);
	assert_true(bed.flushes > 0);
}

static void wide_layout_is_amds(void **state)
{
	bed_long(3, true);
	registers_marked();
	C->seg[X86_FS].base = 0x7fff12345678;
	x86_smm_enter(C);
	assert_int_equal(bed_get(AREA(0x7ff8), 8), 0x80);			/* RAX */
	assert_int_equal(bed_get(AREA(0x7ff0), 8), 0x1111111111111111ull + 0x80);
	assert_int_equal(bed_get(AREA(0x7f80), 8), 0x1111111111111111ull * 15 + 0x80);
	assert_int_equal(bed_get(AREA(0x7f78), 8), BED_CODE + 0x123);
	assert_int_equal(bed_get(AREA(0x7f70), 8), X86_F_IF | X86_F_CF | X86_F_ZF | X86_F_1);
	assert_int_equal(bed_get(AREA(0x7f68), 8), 0xffff4ff1);
	assert_int_equal(bed_get(AREA(0x7f60), 8), 0x455);
	assert_int_equal(bed_get(AREA(0x7f58), 8) & (X86_CR0_PG | X86_CR0_PE), X86_CR0_PG | X86_CR0_PE);
	assert_int_equal(bed_get(AREA(0x7f50), 8), BED_PT);
	assert_int_equal(bed_get(AREA(0x7f48), 8), X86_CR4_PAE);
	assert_int_equal(bed_get(AREA(0x7f00), 4), SMBASE);
	assert_int_equal(bed_get(AREA(0x7efc), 4), 0x20064);
	assert_int_equal(bed_get(AREA(0x7ed0), 8), X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE);
	assert_int_equal(bed_get(AREA(0x7e10), 2), SEL_UCODE64 | 3);
	assert_int_equal(bed_get(AREA(0x7e12), 2), 0xa0fb);
	assert_int_equal(bed_get(AREA(0x7e14), 4), 0xffffffff);
	assert_int_equal(bed_get(AREA(0x7e48), 8), 0x7fff12345678);
	assert_int_equal(bed_get(AREA(0x7e64), 4), 0xff);
	assert_int_equal(bed_get(AREA(0x7e68), 8), BED_GDT);
	assert_int_equal(bed_get(AREA(0x7e84), 4), 0xfff);
	assert_int_equal(bed_get(AREA(0x7e88), 8), BED_IDT);
	assert_int_equal(bed_get(AREA(0x7e90), 2), SEL_TSS);
	/* What is not offered: restarting HLT and I/O. */
	assert_int_equal(bed_get(AREA(0x7ec8), 2), 0);
}

static void narrow_layout_is_intels(void **state)
{
	bed_protected(3);
	no_long_mode();
	registers_marked();
	x86_smm_enter(C);
	assert_int_equal(bed_get(AREA(0x7ffc), 4), X86_CR0_PE | X86_CR0_ET | X86_CR0_CD | X86_CR0_NW);
	assert_int_equal(bed_get(AREA(0x7ff4), 4), X86_F_IF | X86_F_CF | X86_F_ZF | X86_F_1);
	assert_int_equal(bed_get(AREA(0x7ff0), 4), BED_CODE + 0x123);
	assert_int_equal(bed_get(AREA(0x7fd0), 4), 0x80);		/* EAX */
	assert_int_equal(bed_get(AREA(0x7fec), 4), 0x77777777 + 0x80);	/* EDI */
	assert_int_equal(bed_get(AREA(0x7fcc), 4), 0xffff4ff1);
	assert_int_equal(bed_get(AREA(0x7fc8), 4), 0x455);
	assert_int_equal(bed_get(AREA(0x7fc4), 4), SEL_TSS);
	assert_int_equal(bed_get(AREA(0x7f64), 4), BED_TSS);
	assert_int_equal(bed_get(AREA(0x7fac), 4), SEL_UCODE32 | 3);
	assert_int_equal(bed_get(AREA(0x7f90), 4), 0xc0fb00);
	assert_int_equal(bed_get(AREA(0x7f94), 4), 0xffffffff);
	assert_int_equal(bed_get(AREA(0x7fb4), 4), SEL_UDATA | 3);	/* DS */
	assert_int_equal(bed_get(AREA(0x7f2c), 4), 0xc0f300);
	assert_int_equal(bed_get(AREA(0x7f74), 4), BED_GDT);
	assert_int_equal(bed_get(AREA(0x7f70), 4), 0xff);
	assert_int_equal(bed_get(AREA(0x7f58), 4), BED_IDT);
	assert_int_equal(bed_get(AREA(0x7efc), 4), 0x20000);
	assert_int_equal(bed_get(AREA(0x7ef8), 4), SMBASE);
}

/* Everything a mode has comes back. */
static void comes_back(void (*mode)(void), bool narrow)
{
	struct x86_cpu was;

	mode();
	if (narrow)
		no_long_mode();
	registers_marked();
	if (x86_v86(C) || C->seg[X86_CS].attr == 0xf3)
		x86_set_rflags(C, x86_rflags(C) | X86_F_VM);
	if (narrow)
		for (unsigned int i = 0; i < 16; i++)
			C->gpr[i] = i < 8 ? (u32)C->gpr[i] : 0;
	was = *C;
	x86_smm_enter(C);
	memset(C->gpr, 0, sizeof(C->gpr[0]) * 8);
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_END);
	assert_false(C->smm);
	assert_int_equal(bed.smm_left, 1);
	assert_memory_equal(C->gpr, was.gpr, sizeof(was.gpr));
	assert_int_equal(x86_rflags(C), x86_rflags(&was));
	assert_memory_equal(C->seg, was.seg, sizeof(was.seg));
	assert_int_equal(C->gdt.base, was.gdt.base);
	assert_int_equal(C->gdt.limit, was.gdt.limit);
	assert_int_equal(C->idt.base, was.idt.base);
	assert_int_equal(C->idt.limit, was.idt.limit);
	assert_int_equal(C->cr0, was.cr0);
	assert_int_equal(C->cr3, was.cr3);
	assert_int_equal(C->cr4, was.cr4);
	assert_int_equal(C->efer, was.efer);
	assert_int_equal(C->cpl, was.cpl);
	assert_int_equal(C->mode, was.mode);
	assert_int_equal(C->dr[6], was.dr[6]);
	assert_int_equal(C->dr[7], was.dr[7]);
	assert_int_equal(C->smbase, SMBASE);
}

static void long0(void) { bed_long(0, true); }
static void long3(void) { bed_long(3, true); }
static void compat3(void) { bed_long(3, false); }
static void prot0(void) { bed_protected(0); }
static void prot3(void) { bed_protected(3); }
static void v86(void) { bed_v86(3); }
static void real(void) { bed_real(); }

static void pcid(void)
{
	bed_long(0, true);
	C->cr4 |= X86_CR4_PCIDE;
	C->cr3 |= 5;
}

/* PAE without long mode, with pointers to the long mode's tables. */
static void pae(void)
{
	bed_protected(0);
	for (unsigned int i = 0; i < 4; i++)
		bed_put64(BED_PT + i * 8, (BED_PT + 0x2000) | 1);
	C->cr3 = BED_PT;
	C->cr4 = X86_CR4_PAE;
	C->efer = X86_EFER_NXE;
	C->cr0 |= X86_CR0_PG;
	x86_mode_update(C);
}

static void rsm_brings_every_mode_back(void **state)
{
	static void (*const modes[])(void) = { long0, long3, compat3, prot0, prot3, v86, real, pcid, pae };

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++)
		comes_back(modes[i], false);
	for (unsigned int i = 3; i < 7; i++)
		comes_back(modes[i], true);
	comes_back(pae, true);
}

static void rsm_reads_pae_pointers_again(void **state)
{
	pae();
	memset(C->pdpte, 0, sizeof(C->pdpte));
	x86_smm_enter(C);
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_END);
	assert_int_equal(C->pdpte[2], (BED_PT + 0x2000) | 1);
}

static void rsm_outside_smm_is_undefined(void **state)
{
	bed_protected(0);
	assert_fault(EXEC(RSM), X86_UD, 0);
	bed_long(3, true);
	assert_fault(EXEC(RSM), X86_UD, 0);
	assert_int_equal(bed.smm_left, 0);
}

static void smbase_moves_for_the_next_smi(void **state)
{
	bed_real();
	x86_smm_enter(C);
	bed_put32(AREA(0x7f00), 0x50000);
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_END);
	assert_int_equal(C->smbase, 0x50000);
	x86_smm_enter(C);
	assert_int_equal(C->seg[X86_CS].base, 0x50000);
	assert_int_equal(C->seg[X86_CS].sel, 0x5000);
	assert_int_equal(bed_get(0x5ff00, 4), 0x50000);
	assert_int_equal(C->smi_count, 2);
}

/* RSM with one value of the save area changed. */
static int rsm_with(void (*mode)(void), unsigned int at, unsigned int size, u64 val)
{
	mode();
	x86_smm_enter(C);
	bed_put(AREA(at), &val, size);
	C->gpr[X86_RIP] = 0x8000;
	return EXEC(RSM);
}

static void rsm_refuses_what_cannot_be(void **state)
{
	static const struct { u16 at; u8 size; u64 val; } bad[] = {
		{ 0x7f58, 8, X86_CR0_PG | X86_CR0_WP },			/* PG without PE */
		{ 0x7f58, 8, X86_CR0_PG | X86_CR0_PE | X86_CR0_NW },	/* NW without CD */
		{ 0x7f58, 8, 1ull << 32 | X86_CR0_PG | X86_CR0_PE },
		{ 0x7f48, 8, 0 },					/* long mode without PAE */
		{ 0x7f48, 8, X86_CR4_PAE | 1ull << 40 },
		{ 0x7f48, 8, X86_CR4_PAE | 1u << 15 },
		{ 0x7ed0, 8, X86_EFER_LME | 1ull << 63 },
		{ 0x7ed0, 8, X86_EFER_LME | 2 },
		{ 0x7f50, 8, 1ull << 60 },				/* CR3 beyond MAXPHYADDR */
		{ 0x7f68, 8, 1ull << 32 }, { 0x7f60, 8, 1ull << 40 },	/* DR6, DR7 */
		{ 0x7e12, 2, 0xe09b },					/* CS: both L and D */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(rsm_with(long0, bad[i].at, bad[i].size, bad[i].val), RUN_SHUTDOWN);
		/* As KVM: SMM is over by then. */
		assert_false(C->smm);
		assert_int_equal(C->mode, X86_MODE16);
	}
	/* PCIDE outside of long mode. */
	assert_int_equal(rsm_with(pae, 0x7f48, 8, X86_CR4_PAE | X86_CR4_PCIDE), RUN_SHUTDOWN);
	/* PAE pointers that are nowhere, or have reserved bits. */
	assert_int_equal(rsm_with(pae, 0x7f50, 8, 0xf0000000), RUN_SHUTDOWN);
	assert_int_equal(rsm_with(pae, 0x7f50, 8, BED_PT + 0x1000), RUN_END);
	bed_put64(BED_PT + 0x1000, 0x1e7);
	pae();
	bed_put64(BED_PT + 0x1000, 0x1e7);
	x86_smm_enter(C);
	bed_put64(AREA(0x7f50), BED_PT + 0x1000);
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_SHUTDOWN);
}

static void rsm_ignores_what_does_not_matter(void **state)
{
	/* Reserved RFLAGS bits; VM where it means nothing; LMA, which follows. */
	assert_int_equal(rsm_with(long0, 0x7f70, 4, 0xffffffff), RUN_END);
	assert_int_equal(x86_rflags(C), 0x3d7fd7);
	assert_int_equal(C->mode, X86_MODE64);
	assert_int_equal(rsm_with(real, 0x7f70, 4, X86_F_VM), RUN_END);
	assert_int_equal(x86_rflags(C), X86_F_1);
	assert_int_equal(rsm_with(prot0, 0x7ed0, 8, X86_EFER_LMA), RUN_END);
	assert_int_equal(C->efer, 0);
	/* The revision is not read. */
	assert_int_equal(rsm_with(long0, 0x7efc, 4, 0), RUN_END);
}

static void nmis_stay_masked_as_they_were(void **state)
{
	bed_real();
	x86_smm_enter(C);
	assert_true(C->nmi_masked);
	assert_false(C->smm_nmi);
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_END);
	assert_false(C->nmi_masked);
	C->nmi_masked = true;
	x86_smm_enter(C);
	assert_true(C->smm_nmi);
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_END);
	assert_true(C->nmi_masked);
	assert_false(C->smm_nmi);
}

static void no_save_area_gives_up(void **state)
{
	bed_real();
	C->smbase = 0xa0000000;
	x86_smm_enter(C);
	assert_true(C->smm);
	assert_int_equal(C->seg[X86_CS].base, 0xa0000000);
	C->seg[X86_CS].base = 0;		/* somewhere that has memory */
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_EXIT);
	assert_int_equal(bed.gave_up, 1);
	assert_true(C->smm);
	C->smbase = 1ull << 45;
	assert_int_equal(EXEC(RSM), RUN_EXIT);
}

static void breakpoints_rest_in_smm(void **state)
{
	bed_protected(0);
	C->dr[0] = BED_DATA;
	C->dr[7] = 0xd0401;			/* four bytes, data writes */
	x86_debug_changed(C);
	assert_non_null(C->watch);
	x86_smm_enter(C);
	assert_null(C->watch);
	C->gpr[X86_RIP] = 0x8000;
	assert_int_equal(EXEC(RSM), RUN_END);
	assert_non_null(C->watch);
}

static void reset_puts_smbase_back_and_init_does_not(void **state)
{
	bed_real();
	C->smbase = 0x70000;
	C->smi_count = 5;
	x86_reset(C, true);
	assert_int_equal(C->smbase, 0x70000);
	assert_int_equal(C->smi_count, 0);
	x86_reset(C, false);
	assert_int_equal(C->smbase, 0x30000);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(entry_is_real_mode_at_smbase), T(wide_layout_is_amds), T(narrow_layout_is_intels),
		T(rsm_brings_every_mode_back), T(rsm_reads_pae_pointers_again),
		T(rsm_outside_smm_is_undefined), T(smbase_moves_for_the_next_smi),
		T(rsm_refuses_what_cannot_be), T(rsm_ignores_what_does_not_matter),
		T(nmis_stay_masked_as_they_were), T(no_save_area_gives_up),
		T(breakpoints_rest_in_smm), T(reset_puts_smbase_back_and_init_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
