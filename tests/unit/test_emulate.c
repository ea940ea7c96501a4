// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random system code over random descriptors, page tables and task segments:
 * whatever a guest does, it ends in one of the guest's own outcomes.
 */
#include "x86_env.h"

static u64 seed = 0x9e3779b97f4a7c15;

static u32 rnd(u32 below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 32) % below;
}

/* Opcodes of the system half. Operands follow at random. */
static const u8 ops[][4] = {
	{ 0x9a }, { 0xea }, { 0xcb }, { 0xca }, { 0xcf }, { 0x48, 0xcf }, { 0x66, 0xcf }, { 0xcc },
	{ 0xcd }, { 0xce }, { 0xf1 }, { 0xfa }, { 0xfb }, { 0x9d }, { 0x66, 0x9d }, { 0x8e },
	{ 0x8c }, { 0x06 }, { 0x07 }, { 0x16 }, { 0x17 }, { 0x1e }, { 0x1f }, { 0x0e }, { 0xc4 },
	{ 0xc5 }, { 0x0f, 0xa1 }, { 0x0f, 0xb2 }, { 0x0f, 0xb4 }, { 0x0f, 0xb5 }, { 0x0f, 0x00 },
	{ 0x0f, 0x01 }, { 0x0f, 0x02 }, { 0x0f, 0x03 }, { 0x0f, 0x05 }, { 0x0f, 0x06 },
	{ 0x0f, 0x07 }, { 0x48, 0x0f, 0x07 }, { 0x0f, 0x20 }, { 0x0f, 0x21 }, { 0x0f, 0x22 },
	{ 0x0f, 0x23 }, { 0x0f, 0x30 }, { 0x0f, 0x31 }, { 0x0f, 0x32 }, { 0x0f, 0x34 },
	{ 0x0f, 0x35 }, { 0x63 }, { 0xff }, { 0xf4 }, { 0x66, 0x0f, 0x38, 0x82 }, { 0x0f, 0x0b },
};

static u16 random_selector(void)
{
	return rnd(8) ? (rnd(32) << 3) | rnd(8) : rnd(0x10000);
}

static u64 random_descriptor(void)
{
	static const u32 bases[] = { 0, BED_CODE, BED_TSS, BED_TSS2, BED_LDT, BED_DATA };
	static const u32 limits[] = { 0, 0x2b, 0x67, 0xfff, 0xffff, 0xfffff };
	u64 d = bed_desc(bases[rnd(6)], limits[rnd(6)], rnd(0x1000) | (rnd(8) ? 0x80 : 0));

	if (!rnd(4))	/* a gate */
		d = bed_gate(random_selector(), rnd(BED_RAM), rnd(16), rnd(4)) | (u64)rnd(32) << 32;
	return d;
}

static void random_state(void)
{
	unsigned int i;

	switch (rnd(6)) {
	case 0: bed_real(); break;
	case 1: bed_protected(0); break;
	case 2: bed_protected(3); break;
	case 3: bed_v86(rnd(4)); break;
	case 4: bed_long(rnd(2) * 3, true); break;
	default: bed_long(rnd(2) * 3, false); break;
	}
	bed.fill = rnd(2);
	for (i = 0; i < 16; i++)
		C->gpr[i] = rnd(4) ? rnd(BED_RAM) : (u64)rnd(~0u) << rnd(33);
	if (C->gpr[X86_RSP] > BED_RAM || rnd(2))
		C->gpr[X86_RSP] = BED_STACK;
	for (i = 1; i < 32; i++)
		if (rnd(3) == 0)
			bed_gdt(i * 8, random_descriptor());
	for (i = 0; i < 256; i++)
		if (rnd(4))
			bed_put64(BED_IDT + i * 8, bed_gate(random_selector(), rnd(BED_RAM),
							   rnd(16), rnd(4)));
	for (i = 0; i < 0x80; i += 2) {
		bed_put16(BED_TSS + i, rnd(3) ? random_selector() : rnd(0x10000));
		bed_put16(BED_TSS2 + i, rnd(3) ? random_selector() : rnd(0x10000));
		bed_put16(BED_STACK + i, rnd(2) ? random_selector() : rnd(0x10000));
	}
	C->rflags |= rnd(2) ? 0 : (u64)rnd(0x400000) & ~(u64)(X86_F_ARITH | X86_F_VM);
	C->cr4 |= (u64)rnd(0x800000) & 0x70080f & ~(u64)X86_CR4_PAE;
	C->star = (u64)random_selector() << 48 | (u64)random_selector() << 32 | rnd(BED_RAM);
	C->sysenter_cs = random_selector();
	C->lstar = C->cstar = C->sysenter_eip = rnd(BED_RAM);
	for (i = 0; C->paging && i < 8; i++)
		bed_put64(BED_PT + rnd(512) * 8 + rnd(4) * 0x1000,
			  (u64)rnd(BED_RAM) | (u64)rnd(16) << 60);
	x86_mode_update(C);
}

static void random_instruction(void)
{
	u64 at = C->mode == X86_MODE64 ? C->gpr[X86_RIP]
				       : C->seg[X86_CS].base + C->gpr[X86_RIP];
	unsigned int k = rnd(ARRAY_SIZE(ops)), i;

	if (at > BED_RAM - 32)
		return;
	for (i = 0; i < 4 && (!i || ops[k][i]); i++)
		bed.ram[at++] = ops[k][i];
	for (i = 0; i < 6; i++)
		bed.ram[at++] = rnd(256);
	if (rnd(2))		/* a far pointer that may be good */
		bed_put16(at - 2, random_selector());
}

static void random_system_code(void **state)
{
	unsigned int round, steps, seen[RUN_SHUTDOWN + 1] = { 0 };

	for (round = 0; round < 3000; round++) {
		random_state();
		for (steps = 0; steps < 12; steps++) {
			int r;

			random_instruction();
			r = x86_emulate(C, NULL);
			if (r < 0 || r > RUN_SHUTDOWN || r == RUN_FAULT)
				fail_msg("round %u: %d", round, r);
			seen[r]++;
			assert_true(C->cpl <= 3);
			assert_int_equal(bed.lock_depth, 0);
			assert_false(x86_long_mode(C) && x86_v86(C));
			if (r == RUN_SHUTDOWN || r == RUN_EXIT)
				break;
		}
	}
	assert_true(seen[RUN_OK] > 1000 && seen[RUN_SHUTDOWN] && seen[RUN_HALT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_system_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
