// SPDX-License-Identifier: GPL-2.0-or-later
/* Guest memory through segments and pages. */
#include "x86_env.h"

static u64 v;

/* A data segment in DS, loaded as if from a descriptor. */
static void ds(u64 base, u32 limit, u16 attr)
{
	C->seg[X86_DS] = (struct x86_seg){ .base = base, .limit = limit, .sel = SEL_FREE,
					   .attr = attr };
	x86_mode_update(C);
}

static void segment_limits_and_types(void **state)
{
	static const struct {
		u16 attr;
		u32 limit;
		u64 ea;
		unsigned int n;
		bool write, ok;
	} tab[] = {
		{ 0x493, 0xfff, 0xffc, 4, true, true },
		{ 0x493, 0xfff, 0xffd, 4, true, false },
		{ 0x493, 0xfff, 0xfff, 1, false, true },
		{ 0x493, 0xfff, 0x1000, 1, false, false },
		{ 0x493, 0xffffffff, 0xfffffffe, 4, false, false },
		{ 0x491, 0xfff, 0, 4, false, true },		/* read-only */
		{ 0x491, 0xfff, 0, 4, true, false },
		{ 0x49b, 0xfff, 0, 4, false, true },		/* readable code */
		{ 0x49b, 0xfff, 0, 4, true, false },
		{ 0x499, 0xfff, 0, 4, false, false },		/* execute-only */
		{ 0x497, 0xfff, 0x1000, 4, true, true },	/* expand-down, 4 GB */
		{ 0x497, 0xfff, 0xfff, 4, true, false },
		{ 0x497, 0xfff, 0xfffffffe, 4, true, false },
		{ 0x097, 0xfff, 0xfffc, 4, true, true },	/* expand-down, 64 KB */
		{ 0x097, 0xfff, 0xfffd, 4, true, false },
		{ 0x095, 0xfff, 0x2000, 4, true, false },
		{ 0x413, 0xfff, 0, 4, false, false },		/* not present */
		{ X86_SEG_UNUSABLE, 0xfff, 0, 4, false, false },
	};
	unsigned int i;
	int r;

	for (i = 0; i < ARRAY_SIZE(tab); i++) {
		bed_protected(0);
		ds(BED_DATA, tab[i].limit, tab[i].attr);
		r = tab[i].write ? x86_store(C, X86_DS, tab[i].ea, tab[i].n, 0)
				 : x86_load(C, X86_DS, tab[i].ea, tab[i].n, &v);
		if ((r == RUN_OK) != tab[i].ok)
			fail_msg("row %u: %d", i, r);
		if (!tab[i].ok)
			assert_int_equal(bed_exc(), EXC(X86_GP, 0));
	}
}

static void stack_segment_raises_stack_fault(void **state)
{
	bed_protected(0);
	C->seg[X86_SS].limit = 0xfff;
	x86_mode_update(C);
	assert_fault(x86_load(C, X86_SS, 0x1000, 4, &v), X86_SS_EXC, 0);
	C->gpr[X86_RSP] = 2;
	assert_fault(x86_push(C, 4, 1), X86_SS_EXC, 0);
	assert_int_equal(C->gpr[X86_RSP], 2);
}

static void noncanonical_address(void **state)
{
	bed_long(0, true);
	assert_fault(x86_load(C, X86_DS, 1ull << 47, 1, &v), X86_GP, 0);
	assert_fault(x86_store(C, X86_SS, 1ull << 63, 8, 0), X86_SS_EXC, 0);
	assert_fault(x86_load(C, X86_DS, (1ull << 47) - 4, 8, &v), X86_GP, 0);
	C->seg[X86_FS].base = 1ull << 46;
	x86_mode_update(C);
	assert_fault(x86_load(C, X86_FS, 1ull << 46, 1, &v), X86_GP, 0);
	C->cr4 |= X86_CR4_LA57;
	assert_int_equal(x86_load(C, X86_DS, 1ull << 47, 1, &v), RUN_FAULT);
	assert_int_equal(C->exc.vector, X86_PF);
}

static void bases_count_for_fs_and_gs_only_in_64_bit_mode(void **state)
{
	bed_long(0, true);
	C->seg[X86_DS].base = C->seg[X86_SS].base = 0x1000;
	C->seg[X86_GS].base = 0x1000;
	x86_mode_update(C);
	bed_put32(BED_DATA, 1);
	bed_put32(BED_DATA + 0x1000, 2);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA, 4, &v), RUN_OK);
	assert_int_equal(v, 1);
	assert_int_equal(x86_load(C, X86_GS, BED_DATA, 4, &v), RUN_OK);
	assert_int_equal(v, 2);
}

static void linear_addresses_wrap_at_four_gigabytes(void **state)
{
	bed_protected(0);
	ds(0xffff0000, 0xffffffff, 0xc93);
	bed_put32(BED_DATA, 7);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 0x10000, 4, &v), RUN_OK);
	assert_int_equal(v, 7);
	bed_put16(0, 0x1234);
	assert_int_equal(x86_load(C, X86_DS, 0xfffe, 4, &v), RUN_EXIT);
}

static void split_write_touches_nothing_when_the_second_page_faults(void **state)
{
	bed_long(0, true);
	bed_put64(bed_pte_at(BED_DATA + 0x1000, 1), 0);
	bed_put32(BED_DATA + 0xffc, 0x11223344);
	assert_int_equal(x86_store(C, X86_DS, BED_DATA + 0xffe, 4, 0), RUN_FAULT);
	assert_int_equal(bed_exc(), EXC(X86_PF, 2));
	assert_true(C->exc.cr2 == BED_DATA + 0x1000);
	assert_int_equal(bed_get(BED_DATA + 0xffc, 4), 0x11223344);
}

static void split_accesses_follow_the_page_tables(void **state)
{
	bed_long(0, true);
	bed_put64(bed_pte_at(BED_DATA + 0x1000, 1), 0x30000 | 3);
	assert_int_equal(x86_store(C, X86_DS, BED_DATA + 0xffd, 8, 0x8877665544332211), RUN_OK);
	assert_int_equal(bed_get(BED_DATA + 0xffd, 3), 0x332211);
	assert_true(bed_get(0x30000, 5) == 0x8877665544);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 0xffd, 8, &v), RUN_OK);
	assert_true(v == 0x8877665544332211);
}

static void alignment_check(void **state)
{
	bed_long(3, true);
	x86_update_rflags(C, x86_rflags(C) | X86_F_AC);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 1, 4, &v), RUN_OK);
	assert_false(C->ac_check);
	assert_int_equal(x86_set_cr(C, 0, C->cr0 | X86_CR0_AM), RUN_END);
	assert_true(C->ac_check);
	assert_fault(x86_load(C, X86_DS, BED_DATA + 1, 4, &v), X86_AC, 0);
	assert_fault(x86_store(C, X86_DS, BED_DATA + 4, 8, 0), X86_AC, 0);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 1, 1, &v), RUN_OK);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 4, 4, &v), RUN_OK);
	x86_set_cpl(C, 0);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 1, 4, &v), RUN_OK);
	x86_set_cpl(C, 3);
	assert_fault(x86_load(C, X86_DS, BED_DATA + 1, 4, &v), X86_AC, 0);
	x86_update_rflags(C, x86_rflags(C) & ~(u64)X86_F_AC);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 1, 4, &v), RUN_OK);
}

static int rmw_inc(u64 ea, unsigned int size, bool lock, unsigned int *rounds)
{
	struct x86_rmw m;
	bool again;
	u64 old;
	int r;

	*rounds = 0;
	do {
		++*rounds;
		r = x86_rmw_begin(C, &m, X86_DS, ea, size, lock, &old);
		if (r)
			return r;
		r = x86_rmw_end(C, &m, old + 1, &again);
	} while (again);
	return r;
}

static void rmw_faults_as_a_write(void **state)
{
	unsigned int n;

	bed_long(0, true);
	bed_put64(bed_pte_at(BED_DATA, 1), BED_DATA | 0x61);
	assert_fault(rmw_inc(BED_DATA, 4, false, &n), X86_PF, 3);
	assert_fault(rmw_inc(BED_DATA, 4, true, &n), X86_PF, 3);
}

static void rmw_all_sizes_and_ways(void **state)
{
	static const u64 mask[] = { [1] = 0xff, [2] = 0xffff, [4] = 0xffffffff, [8] = ~0ull };
	unsigned int size, way, n;

	for (way = 0; way < 8; way++)
		for (size = 1; size <= 8; size *= 2) {
			u64 ea = way & 1 && size > 1 ? BED_DATA + 0xfff : BED_DATA + 0x10;

			bed_long(0, true);
			bed.fill = way & 4;
			bed_put64(ea, ~0ull);
			bed_put64(ea + 8, 0x55);
			assert_int_equal(rmw_inc(ea, size, way & 2, &n), RUN_OK);
			assert_int_equal(n, 1);
			assert_true(bed_get(ea, 8) == ~mask[size]);
			assert_int_equal(bed_get(ea + 8, 1), 0x55);
			assert_int_equal(bed.locks, ea & 0xf ? !!(way & 2) : 0);
			assert_int_equal(bed.lock_depth, 0);
		}
}

static unsigned int races;

static void other_cpu(u64 gpa)
{
	if (gpa == BED_DATA && races) {
		races--;
		bed.ram[gpa] += 16;
	}
}

static void locked_rmw_starts_over_when_beaten(void **state)
{
	unsigned int n;

	bed_long(0, true);
	bed.on_cmpxchg = other_cpu;
	races = 2;
	assert_int_equal(rmw_inc(BED_DATA, 4, true, &n), RUN_OK);
	assert_int_equal(n, 3);
	assert_int_equal(bed_get(BED_DATA, 4), 33);
}

static void translations_are_reported_and_used(void **state)
{
	unsigned int reads;

	bed_long(0, true);
	bed.fill = true;
	assert_int_equal(x86_load(C, X86_DS, BED_DATA, 4, &v), RUN_OK);
	assert_int_equal(bed.fills, 1);
	reads = bed.reads;
	assert_int_equal(x86_load(C, X86_DS, BED_DATA + 8, 4, &v), RUN_OK);
	assert_int_equal(bed.reads, reads);
	/* The supervisor bank serves implicit accesses at any privilege. */
	bed_put64(bed_pte_at(BED_GDT, 1), BED_GDT | 0x63);
	x86_set_cpl(C, 3);
	assert_int_equal(x86_lin_read(C, BED_GDT, &v, 8, ACC_IMPLICIT), RUN_OK);
	reads = bed.reads;
	assert_int_equal(x86_lin_read(C, BED_GDT + 8, &v, 8, ACC_IMPLICIT), RUN_OK);
	assert_int_equal(bed.reads, reads);
	assert_fault(x86_lin_read(C, BED_GDT, &v, 8, 0), X86_PF, 5);
}

static void mmio_asks_user_space(void **state)
{
	bed_long(0, true);
	bed_put64(bed_pte_at(BED_DATA, 1), BED_RAM | 3);
	assert_int_equal(x86_load(C, X86_DS, BED_DATA, 4, &v), RUN_EXIT);
	assert_int_equal(x86_store(C, X86_DS, BED_DATA, 4, 0), RUN_EXIT);
	assert_int_equal(x86_probe(C, X86_DS, BED_DATA, 4, true), RUN_OK);
}

static void probe_raises_but_does_not_access(void **state)
{
	bed_long(0, true);
	bed_put64(bed_pte_at(BED_DATA + 0x1000, 1), (BED_DATA + 0x1000) | 1);
	assert_int_equal(x86_probe(C, X86_DS, BED_DATA + 0xffc, 8, false), RUN_OK);
	assert_fault(x86_probe(C, X86_DS, BED_DATA + 0xffc, 8, true), X86_PF, 3);
	assert_int_equal(bed.writes, 0);
}

static void buffers_of_a_page(void **state)
{
	static u8 in[4096], out[4096];
	unsigned int i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = i * 7;
	bed_long(0, true);
	assert_int_equal(x86_store_buf(C, X86_DS, BED_DATA + 5, in, 4096), RUN_OK);
	assert_int_equal(x86_load_buf(C, X86_DS, BED_DATA + 5, out, 4096), RUN_OK);
	assert_memory_equal(in, out, 4096);
	bed.fill = true;
	assert_int_equal(x86_load_buf(C, X86_DS, BED_DATA + 0x3000, out, 64), RUN_OK);
	assert_int_equal(x86_store_buf(C, X86_DS, BED_DATA + 0x3000, in, 4096), RUN_OK);
	assert_int_equal(x86_load_buf(C, X86_DS, BED_DATA + 0x3000, out, 4096), RUN_OK);
	assert_memory_equal(in, out, 4096);
}

static void stack_widths(void **state)
{
	bed_real();
	C->gpr[X86_RSP] = 0x12340000;
	assert_int_equal(x86_push(C, 2, 0xabcd), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], 0x1234fffe);
	assert_int_equal(bed_get(0xfffe, 2), 0xabcd);
	assert_int_equal(x86_pop(C, 2, &v), RUN_OK);
	assert_int_equal(v, 0xabcd);
	assert_int_equal(C->gpr[X86_RSP], 0x12340000);
	C->gpr[X86_RSP] = 1;
	assert_fault(x86_push(C, 2, 0), X86_SS_EXC, 0);
	bed_protected(0);
	C->gpr[X86_RSP] = BED_STACK;
	assert_int_equal(x86_push(C, 4, 5), RUN_OK);
	assert_int_equal(C->gpr[X86_RSP], BED_STACK - 4);
	bed_long(0, true);
	C->gpr[X86_RSP] = 0xffff800000000000;
	assert_int_equal(x86_push(C, 8, 5), RUN_FAULT);
	assert_int_equal(bed_exc(), EXC(X86_SS_EXC, 0));
}

static void fetch_stops_where_it_must(void **state)
{
	u8 buf[15];
	unsigned int got;

	bed_long(3, true);
	bed_put64(bed_pte_at(BED_CODE + 0x1000, 1), 0);
	C->gpr[X86_RIP] = BED_CODE + 0xffa;
	assert_int_equal(x86_fetch(C, buf, 15, &got), RUN_OK);
	assert_int_equal(got, 6);
	assert_fault(x86_fetch_at(C, C->gpr[X86_RIP] + got, buf, 1, &got), X86_PF, 0x14);
	assert_true(C->exc.cr2 == BED_CODE + 0x1000);
	C->gpr[X86_RIP] = 1ull << 50;
	assert_fault(x86_fetch(C, buf, 15, &got), X86_GP, 0);
	bed_protected(0);
	C->seg[X86_CS].limit = BED_CODE + 3;
	assert_int_equal(x86_fetch(C, buf, 15, &got), RUN_OK);
	assert_int_equal(got, 4);
	assert_fault(x86_fetch_at(C, BED_CODE + 4, buf, 1, &got), X86_GP, 0);
	bed_real();
	C->gpr[X86_RIP] = 0xffff;
	assert_int_equal(x86_fetch(C, buf, 15, &got), RUN_OK);
	assert_int_equal(got, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_limits_and_types),
		cmocka_unit_test(stack_segment_raises_stack_fault),
		cmocka_unit_test(noncanonical_address),
		cmocka_unit_test(bases_count_for_fs_and_gs_only_in_64_bit_mode),
		cmocka_unit_test(linear_addresses_wrap_at_four_gigabytes),
		cmocka_unit_test(split_write_touches_nothing_when_the_second_page_faults),
		cmocka_unit_test(split_accesses_follow_the_page_tables),
		cmocka_unit_test(alignment_check),
		cmocka_unit_test(rmw_faults_as_a_write),
		cmocka_unit_test(rmw_all_sizes_and_ways),
		cmocka_unit_test(locked_rmw_starts_over_when_beaten),
		cmocka_unit_test(translations_are_reported_and_used),
		cmocka_unit_test(mmio_asks_user_space),
		cmocka_unit_test(probe_raises_but_does_not_access),
		cmocka_unit_test(buffers_of_a_page),
		cmocka_unit_test(stack_widths),
		cmocka_unit_test(fetch_stops_where_it_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
