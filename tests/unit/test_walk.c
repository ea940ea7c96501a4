// SPDX-License-Identifier: GPL-2.0-or-later
/* Page table walks: shapes of tables, kinds of access, error codes. */
#include "x86_env.h"

#define P	1ull
#define W	2ull
#define U	4ull
#define A	0x20ull
#define D	0x40ull
#define PS	0x80ull
#define G	0x100ull
#define NX	(1ull << 63)
#define LIN	0x20000ull	/* BED_DATA */

/* Error code bits. */
enum { EP = 1, EW = 2, EU = 4, ER = 8, EI = 16, EK = 32, OK = 0x1000 };

static struct x86_xlat x;

static void set_pte(unsigned int level, u64 flags)
{
	u64 at = bed_pte_at(LIN, level);
	u64 next = level == 1 ? BED_DATA : BED_PT + (5 - level) * 0x1000;

	bed_put64(at, next | flags);
}

/* What an access meets: OK or the error code. */
static unsigned int walk(u64 lin, unsigned int access)
{
	int r = x86_walk(C, lin, access, &x);

	if (r == RUN_OK)
		return OK;
	assert_int_equal(r, RUN_FAULT);
	assert_int_equal(C->exc.vector, X86_PF);
	assert_true(C->exc.has_err);
	assert_true(C->exc.cr2 == lin);
	return C->exc.err;
}

static void walk_identity_without_paging(void **state)
{
	bed_protected(3);
	assert_int_equal(walk(0xdeadb000, ACC_WRITE), OK);
	assert_true(x.gpa == 0xdeadb000 && x.writable && x.user && x.size == 4096);
	assert_int_equal(bed.reads, 0);
}

struct perm {
	u8 cpl;
	unsigned int access;
	u64 pte;
	u64 cr0, cr4, ac;	/* bits added */
	unsigned int expect;
};

static void walk_permissions(void **state)
{
	static const struct perm tab[] = {
		/* supervisor */
		{ 0, ACC_READ, P, 0, 0, 0, OK },
		{ 0, ACC_WRITE, P | W, 0, 0, 0, OK },
		{ 0, ACC_WRITE, P, X86_CR0_WP, 0, 0, EP | EW },
		{ 0, ACC_WRITE, P, 0, 0, 0, OK },
		{ 0, ACC_FETCH, P, 0, 0, 0, OK },
		{ 0, ACC_FETCH, P | NX, 0, 0, 0, EP | EI },
		{ 0, ACC_READ, P | NX, 0, 0, 0, OK },
		{ 0, ACC_READ, 0, 0, 0, 0, 0 },
		{ 0, ACC_WRITE, 0, 0, 0, 0, EW },
		{ 0, ACC_FETCH, 0, 0, 0, 0, EI },
		/* supervisor, user page */
		{ 0, ACC_READ, P | W | U, 0, 0, 0, OK },
		{ 0, ACC_FETCH, P | U, 0, 0, 0, OK },
		{ 0, ACC_FETCH, P | U, 0, X86_CR4_SMEP, 0, EP | EI },
		{ 0, ACC_READ, P | U, 0, X86_CR4_SMAP, 0, EP },
		{ 0, ACC_WRITE, P | W | U, 0, X86_CR4_SMAP, 0, EP | EW },
		{ 0, ACC_READ, P | U, 0, X86_CR4_SMAP, X86_F_AC, OK },
		{ 0, ACC_READ | ACC_IMPLICIT, P | U, 0, X86_CR4_SMAP, X86_F_AC, EP },
		{ 0, ACC_READ, P, 0, X86_CR4_SMAP | X86_CR4_SMEP, 0, OK },
		{ 0, ACC_FETCH, P | U, 0, X86_CR4_SMAP, 0, OK },
		/* user */
		{ 3, ACC_READ, P | U, 0, 0, 0, OK },
		{ 3, ACC_WRITE, P | U, 0, 0, 0, EP | EW | EU },
		{ 3, ACC_WRITE, P | W | U, 0, 0, 0, OK },
		{ 3, ACC_READ, P | W, 0, 0, 0, EP | EU },
		{ 3, ACC_WRITE, P | W, 0, 0, 0, EP | EW | EU },
		{ 3, ACC_FETCH, P | U, 0, X86_CR4_SMEP, 0, OK },
		{ 3, ACC_FETCH, P | U | NX, 0, 0, 0, EP | EU | EI },
		{ 3, ACC_FETCH, P, 0, 0, 0, EP | EU | EI },
		{ 3, ACC_READ, P | U, 0, X86_CR4_SMAP, 0, OK },
		{ 3, ACC_READ, 0, 0, 0, 0, EU },
		{ 3, ACC_WRITE, 0, 0, 0, 0, EW | EU },
		{ 3, ACC_READ | ACC_IMPLICIT, P, 0, 0, 0, OK },
		{ 3, ACC_WRITE | ACC_IMPLICIT, P, X86_CR0_WP, 0, 0, EP | EW },
		{ 3, ACC_READ | ACC_IMPLICIT, P | U, 0, X86_CR4_SMAP, 0, EP },
		{ 1, ACC_READ, P, 0, 0, 0, OK },
	};
	unsigned int i, level;

	/* Once with the bits at the leaf, then at each level above. */
	for (level = 1; level <= 4; level++)
		for (i = 0; i < ARRAY_SIZE(tab); i++) {
			bed_long(tab[i].cpl, true);
			C->cr0 = (C->cr0 & ~(u64)X86_CR0_WP) | tab[i].cr0;
			C->cr4 |= tab[i].cr4;
			C->rflags |= tab[i].ac;
			set_pte(level, tab[i].pte);
			if (walk(LIN, tab[i].access) != tab[i].expect)
				fail_msg("row %u level %u: %x, expected %x", i, level,
					 walk(LIN, tab[i].access), tab[i].expect);
		}
}

static void walk_fetch_bit_needs_nx_or_smep(void **state)
{
	bed_long(0, true);
	C->efer &= ~(u64)X86_EFER_NXE;
	set_pte(1, 0);
	assert_int_equal(walk(LIN, ACC_FETCH), 0);
	C->cr4 |= X86_CR4_SMEP;
	assert_int_equal(walk(LIN, ACC_FETCH), EI);
}

static void walk_reserved_bits(void **state)
{
	static const struct {
		unsigned int level;
		u64 pte;
		u64 no_efer;
		unsigned int expect;
	} tab[] = {
		{ 1, P | W | 1ull << 39, 0, OK },	/* below MAXPHYADDR */
		{ 1, P | W | 1ull << 40, 0, EP | ER },
		{ 1, P | W | 1ull << 51, 0, EP | ER },
		{ 1, P | W | 1ull << 52, 0, OK },	/* ignored in long mode */
		{ 1, P | W | 1ull << 62, 0, OK },
		{ 1, P | NX, X86_EFER_NXE, EP | ER },
		{ 2, P | NX, X86_EFER_NXE, EP | ER },
		{ 4, P | NX, X86_EFER_NXE, EP | ER },
		{ 4, P | W | PS, 0, EP | ER },
		{ 3, P | W | PS | 1ull << 13, 0, EP | ER },	/* 1 GB misaligned */
		{ 2, P | W | PS | 1ull << 13, 0, EP | ER },	/* 2 MB misaligned */
		{ 2, 1ull << 40, 0, 0 },		/* not present: nothing else counts */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(0, true);
		C->efer &= ~tab[i].no_efer;
		bed_put64(bed_pte_at(LIN, tab[i].level), bed_get(bed_pte_at(LIN, tab[i].level), 8) &
			  0xffffff000 & ~(tab[i].pte & PS ? 0x3fffffffull : 0));
		bed_put64(bed_pte_at(LIN, tab[i].level),
			  bed_get(bed_pte_at(LIN, tab[i].level), 8) | tab[i].pte);
		if (walk(LIN, ACC_READ) != tab[i].expect)
			fail_msg("row %u: %x", i, walk(LIN, ACC_READ));
	}
}

static void walk_reserved_beats_permission(void **state)
{
	bed_long(3, true);
	set_pte(1, P | 1ull << 45);
	assert_int_equal(walk(LIN, ACC_WRITE), EP | EW | EU | ER);
}

static void walk_gigabyte_page_needs_cpuid(void **state)
{
	bed_long(0, true);
	bed_put64(bed_pte_at(0, 3), P | W | PS);
	assert_int_equal(walk(0x12345678, ACC_READ), OK);
	assert_true(x.gpa == 0x12345678 && x.size == 1ull << 30);
	memset(C->features, 0, sizeof(C->features));
	assert_int_equal(walk(0x12345678, ACC_READ), EP | ER);
}

static void walk_large_page_and_pat_bit(void **state)
{
	bed_long(0, true);
	bed_put64(bed_pte_at(0x600000, 2), 0x200000 | P | W | PS | G | 1ull << 12);
	C->cr4 |= X86_CR4_PGE;
	assert_int_equal(walk(0x6abcde, ACC_READ), OK);
	assert_true(x.gpa == 0x2abcde && x.size == 1ull << 21 && x.global);
	C->cr4 &= ~(u64)X86_CR4_PGE;
	assert_int_equal(walk(0x6abcde, ACC_READ), OK);
	assert_false(x.global);
}

static void walk_sets_accessed_and_dirty(void **state)
{
	unsigned int i;

	bed_long(0, true);
	for (i = 1; i <= 4; i++)
		set_pte(i, P | W | U);
	assert_int_equal(walk(LIN, ACC_READ), OK);
	assert_int_equal(bed.cmpxchgs, 4);
	assert_false(x.dirty);
	for (i = 1; i <= 4; i++)
		assert_int_equal(bed_get(bed_pte_at(LIN, i), 8) & (A | D), A);
	assert_int_equal(walk(LIN, ACC_WRITE), OK);
	assert_int_equal(bed.cmpxchgs, 5);
	assert_true(x.dirty && x.writable);
	assert_int_equal(bed_get(bed_pte_at(LIN, 1), 8) & (A | D), A | D);
	assert_int_equal(bed_get(bed_pte_at(LIN, 2), 8) & (A | D), A);
	assert_int_equal(walk(LIN, ACC_WRITE), OK);
	assert_int_equal(bed.cmpxchgs, 5);
}

static void walk_marks_nothing_when_it_faults(void **state)
{
	bed_long(3, true);
	set_pte(1, P | U);
	set_pte(2, P | W | U);
	assert_int_equal(walk(LIN, ACC_WRITE), EP | EW | EU);
	assert_int_equal(bed_get(bed_pte_at(LIN, 1), 8) & (A | D), 0);
	assert_int_equal(bed_get(bed_pte_at(LIN, 2), 8) & (A | D), 0);
}

static void unmap_leaf(u64 gpa)
{
	if (gpa == bed_pte_at(LIN, 1))
		bed_put64(gpa, 0);
}

static void walk_starts_over_when_an_entry_changes(void **state)
{
	bed_long(0, true);
	set_pte(1, P | W);
	bed.on_cmpxchg = unmap_leaf;
	assert_int_equal(walk(LIN, ACC_WRITE), EW);
	assert_int_equal(bed_get(bed_pte_at(LIN, 1), 8), 0);
}

static void toggle_leaf(u64 gpa)
{
	if (gpa == bed_pte_at(LIN, 1))
		bed.ram[gpa + 7] ^= 0x10;
}

static void walk_ends_when_an_entry_always_changes(void **state)
{
	bed_long(0, true);
	set_pte(1, P | W);
	bed.on_cmpxchg = toggle_leaf;
	assert_int_equal(walk(LIN, ACC_WRITE), OK);
}

/* No device is asked: the page is not there. */
static void walk_tables_outside_ram(void **state)
{
	bed_long(0, true);
	C->cr3 = BED_RAM;
	assert_int_equal(walk(LIN, ACC_WRITE), EW);
	assert_int_equal(bed.reads, 0);
	assert_true(C->exc.cr2 == LIN);
	assert_int_equal(x86_translate(C, LIN, &x), -ENOENT);
}

static void walk_leaves_tables_in_rom_alone(void **state)
{
	bed_long(0, true);
	set_pte(1, P | W);
	bed.rom = BED_PT;
	assert_int_equal(walk(LIN, ACC_WRITE), OK);
	assert_int_equal(bed.cmpxchgs, 0);
	assert_false(x.dirty);
}

static void walk_protection_keys(void **state)
{
	static const struct {
		u8 cpl;
		u64 cr0;
		unsigned int access;
		u32 pkru;
		u64 pte;
		unsigned int expect;
		bool writable;
	} tab[] = {
		{ 3, 0, ACC_READ, 0, P | W | U, OK, true },
		{ 3, 0, ACC_READ, 1 << 10, P | W | U, EP | EU | EK, false },
		{ 3, 0, ACC_WRITE, 1 << 10, P | W | U, EP | EW | EU | EK, false },
		{ 3, 0, ACC_WRITE, 2 << 10, P | W | U, EP | EW | EU | EK, false },
		{ 3, 0, ACC_READ, 2 << 10, P | W | U, OK, false },
		{ 3, 0, ACC_FETCH, 3 << 10, P | W | U, OK, true },
		{ 0, 0, ACC_WRITE, 2 << 10, P | W | U, OK, true },
		{ 0, X86_CR0_WP, ACC_WRITE, 2 << 10, P | W | U, EP | EW | EK, false },
		{ 0, 0, ACC_READ, 1 << 10, P | W | U, EP | EK, false },
		{ 0, X86_CR0_WP, ACC_WRITE, 3 << 10, P | W, OK, true },	/* not a user page */
		{ 3, 0, ACC_READ, 1 << 8, P | W | U, OK, true },	/* another key */
		{ 3, 0, ACC_READ, 1 << 10, P | W, EP | EU, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_long(tab[i].cpl, true);
		C->cr4 |= X86_CR4_PKE;
		C->cr0 = (C->cr0 & ~(u64)X86_CR0_WP) | tab[i].cr0;
		C->pkru = tab[i].pkru;
		set_pte(1, tab[i].pte | 5ull << 59);
		if (walk(LIN, tab[i].access) != tab[i].expect)
			fail_msg("row %u: %x", i, walk(LIN, tab[i].access));
		if (tab[i].expect == OK && !(tab[i].access & ACC_FETCH))
			assert_int_equal(x.writable, tab[i].writable);
	}
}

static void walk_five_levels(void **state)
{
	bed_long(0, true);
	bed_put64(0x90000 + 8 * 3, BED_PT | P | W);
	C->cr3 = 0x90000;
	C->cr4 |= X86_CR4_LA57;
	assert_int_equal(walk(3ull << 48 | LIN, ACC_READ), OK);
	assert_true(x.gpa == LIN);
	assert_int_equal(walk(2ull << 48 | LIN, ACC_READ), 0);
	bed_put64(0x90000 + 8 * 3, BED_PT | P | W | PS);
	assert_int_equal(walk(3ull << 48 | LIN, ACC_READ), EP | ER);
}

/* 32-bit tables at 0x90000: directory, then table. */
static void legacy(u8 cpl, u32 pde, u32 pte)
{
	bed_protected(cpl);
	C->cr0 |= X86_CR0_PG;
	C->cr3 = 0x90000;
	C->cr4 = 0;
	C->efer = 0;
	bed_put32(0x90000 + 4 * 1, pde);
	bed_put32(0x91000 + 4 * 2, pte);
	x86_mode_update(C);
}

#define LIN32	(1u << 22 | 2u << 12 | 0x345)

static void walk_two_levels(void **state)
{
	legacy(0, 0x91000 | 7, BED_DATA | 7);
	assert_int_equal(walk(LIN32, ACC_WRITE), OK);
	assert_true(x.gpa == BED_DATA + 0x345 && x.size == 4096);
	assert_int_equal(bed_get(0x90004, 4), 0x91000 | 7 | A);
	assert_int_equal(bed_get(0x91008, 4), BED_DATA | 7 | A | D);
	assert_int_equal(walk(LIN32 + 0x1000, ACC_WRITE), EW);
	assert_int_equal(walk(0, ACC_READ), 0);
	legacy(3, 0x91000 | 3, BED_DATA | 7);
	assert_int_equal(walk(LIN32, ACC_READ), EP | EU);
	legacy(3, 0x91000 | 5, BED_DATA | 7);
	assert_int_equal(walk(LIN32, ACC_WRITE), EP | EW | EU);
	legacy(0, 0, 0);
	C->efer = X86_EFER_NXE;		/* means nothing without PAE */
	assert_int_equal(walk(LIN32, ACC_FETCH), 0);
}

static void walk_four_megabyte_pages(void **state)
{
	legacy(0, 0x00800000 | PS | 3, 0);
	C->cr4 = X86_CR4_PSE;
	assert_int_equal(walk(LIN32, ACC_READ), OK);
	assert_true(x.gpa == (0x00800000 | (LIN32 & 0x3fffff)) && x.size == 4 << 20);
	/* PSE-36: bits 13 to 20 are 32 to 39 of the address, as far as it goes. */
	legacy(0, 0x00800000 | PS | 3 | 0x81 << 13, 0);
	C->cr4 = X86_CR4_PSE;
	assert_int_equal(walk(LIN32, ACC_READ), OK);
	assert_true(x.gpa == (0x8100800000ull | (LIN32 & 0x3fffff)));
	C->maxphyaddr = 39;
	assert_int_equal(walk(LIN32, ACC_READ), EP | ER);
	legacy(0, 0x00800000 | PS | 3 | 1 << 21, 0);
	C->cr4 = X86_CR4_PSE;
	assert_int_equal(walk(LIN32, ACC_READ), EP | ER);
	/* Without PSE the bit is ignored. */
	legacy(0, 0x91000 | PS | 3, BED_DATA | 3);
	assert_int_equal(walk(LIN32, ACC_READ), OK);
	assert_true(x.gpa == BED_DATA + 0x345);
}

static void pae(u64 pdpte, u64 pde, u64 pte)
{
	bed_protected(0);
	C->cr0 |= X86_CR0_PG;
	C->cr3 = 0x90020;
	C->cr4 = X86_CR4_PAE;
	C->efer = X86_EFER_NXE;
	bed_put64(0x90028, pdpte);
	bed_put64(0x91000 + 8 * 2, pde);
	bed_put64(0x92000 + 8 * 3, pte);
	x86_mode_update(C);
}

#define LINPAE	(1u << 30 | 2u << 21 | 3u << 12 | 0x10)

static void walk_pae(void **state)
{
	pae(0x91001, 0x92000 | 7, BED_DATA | 7);
	assert_int_equal(x86_load_pdptes(C, C->cr3), RUN_OK);
	assert_int_equal(walk(LINPAE, ACC_WRITE), OK);
	assert_true(x.gpa == BED_DATA + 0x10);
	assert_int_equal(bed_get(0x90028, 8), 0x91001);	/* no accessed bit there */
	assert_int_equal(walk(0, ACC_READ), 0);
	/* Unlike long mode, bits 52 to 62 are reserved. */
	bed_put64(0x92018, BED_DATA | 7 | 1ull << 52);
	assert_int_equal(walk(LINPAE, ACC_READ), EP | ER);
	bed_put64(0x92018, BED_DATA | 7 | NX);
	assert_int_equal(walk(LINPAE, ACC_FETCH), EP | EI);
	bed_put64(0x91010, 0x200000 | PS | 3);
	assert_int_equal(walk(LINPAE, ACC_READ), OK);
	assert_true(x.gpa == (0x200000 | (LINPAE & 0x1fffff)) && x.size == 2 << 20);
}

static void walk_pdptes_are_read_with_cr3_only(void **state)
{
	pae(0x91001, 0x92000 | 7, BED_DATA | 7);
	assert_int_equal(x86_load_pdptes(C, C->cr3), RUN_OK);
	bed_put64(0x90028, 0);
	assert_int_equal(walk(LINPAE, ACC_READ), OK);
}

static void load_pdptes_refuses_reserved_bits(void **state)
{
	static const u64 bad[] = { 2, 4, 0x20, 0x40, 0x80, 0x100, 1ull << 40, 1ull << 52, NX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		pae(0x91001 | bad[i], 0, 0);
		assert_fault(x86_load_pdptes(C, C->cr3), X86_GP, 0);
		assert_true(C->pdpte[1] == 0);
	}
	pae(0x91001 | 0xe18, 0, 0);
	assert_int_equal(x86_load_pdptes(C, C->cr3), RUN_OK);
	pae(0x91000 | 0x1e6, 0, 0);	/* not present: anything goes */
	assert_int_equal(x86_load_pdptes(C, C->cr3), RUN_OK);
}

static void translate_checks_and_marks_nothing(void **state)
{
	bed_long(3, true);
	set_pte(1, P);
	assert_int_equal(x86_translate(C, LIN + 5, &x), RUN_OK);
	assert_true(x.gpa == LIN + 5 && !x.writable && !x.user);
	assert_int_equal(bed.cmpxchgs, 0);
	set_pte(1, 0);
	assert_int_equal(x86_translate(C, LIN, &x), -ENOENT);
	assert_int_equal(x86_translate(C, 1ull << 47, &x), -ENOENT);
	bed_protected(0);
	assert_int_equal(x86_translate(C, 0x1234, &x), RUN_OK);
	assert_true(x.gpa == 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_identity_without_paging),
		cmocka_unit_test(walk_permissions),
		cmocka_unit_test(walk_fetch_bit_needs_nx_or_smep),
		cmocka_unit_test(walk_reserved_bits),
		cmocka_unit_test(walk_reserved_beats_permission),
		cmocka_unit_test(walk_gigabyte_page_needs_cpuid),
		cmocka_unit_test(walk_large_page_and_pat_bit),
		cmocka_unit_test(walk_sets_accessed_and_dirty),
		cmocka_unit_test(walk_marks_nothing_when_it_faults),
		cmocka_unit_test(walk_starts_over_when_an_entry_changes),
		cmocka_unit_test(walk_ends_when_an_entry_always_changes),
		cmocka_unit_test(walk_tables_outside_ram),
		cmocka_unit_test(walk_leaves_tables_in_rom_alone),
		cmocka_unit_test(walk_protection_keys),
		cmocka_unit_test(walk_five_levels),
		cmocka_unit_test(walk_two_levels),
		cmocka_unit_test(walk_four_megabyte_pages),
		cmocka_unit_test(walk_pae),
		cmocka_unit_test(walk_pdptes_are_read_with_cr3_only),
		cmocka_unit_test(load_pdptes_refuses_reserved_bits),
		cmocka_unit_test(translate_checks_and_marks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
