// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_insn.c - a hostile guest: any code, in any mode, with registers,
 * descriptors and page tables that it may have spoilt. Whatever it does is the
 * guest's doing: no negative result, no state that cannot be.
 *
 * Input: mode, options, 16 register choices, 48 bytes of descriptors, code.
 */
#include "engine/soft/fpu.h"
#include "tests/unit/x86_env.h"

#define HEADER	(2 + 16 + 48)
#define STEPS	200

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void set_mode(u8 how)
{
	switch (how % 8) {
	case 0: bed_real(); break;
	case 1: bed_protected(0); break;
	case 2: bed_protected(3); break;
	case 3: bed_long(0, true); break;
	case 4: bed_long(3, true); break;
	case 5: bed_long(0, false); break;
	case 6: bed_long(3, false); break;
	case 7: bed_v86(how >> 3 & 3); break;
	}
}

static u64 value(u8 pick)
{
	static const u64 v[] = {
		0, 1, ~0ull, BED_DATA, BED_DATA + 0xffe, BED_STACK, BED_GDT, BED_IDT, BED_TSS,
		BED_PT, BED_CODE, BED_RAM - 2, BED_RAM, 0x80000000, 0xfffffffe, 1ull << 63,
		0x7fffffffffff, 0x800000000000, 0xffff800000000000, SEL_TSS2, SEL_LDT, SEL_FREE,
		SEL_CODE16, SEL_UCODE64 | 3, 0x1f80, 0xc0000080, 0xffff, 0x10000, 8, 63, 0x101,
		0x80000011,
	};

	return pick & 0x80 ? (u64)(s64)(s8)pick << (pick & 7) * 8 : v[pick & 31];
}

static void set_options(u8 opt)
{
	bed.fill = opt & 1;
	if (opt & 2)
		C->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
	if (opt & 4)
		C->cr0 |= X86_CR0_AM | X86_CR0_WP | X86_CR0_NE;
	if (opt & 8)
		C->rflags |= X86_F_TF;
	if (opt & 16)
		C->rflags |= X86_F_AC | X86_F_IOPL;
	if (opt & 32)
		C->cr4 |= X86_CR4_VME | X86_CR4_PVI | X86_CR4_UMIP | X86_CR4_DE;
	if (opt & 64)
		C->cr4 |= X86_CR4_FSGSBASE | X86_CR4_PKE | X86_CR4_SMEP | X86_CR4_SMAP;
	if (opt & 128)
		C->rflags |= X86_F_DF | X86_F_NT;
	C->xcr0 = opt & 2 ? 7 : 1;
	x86_mode_update(C);
}

static void check_state(void)
{
	check(C->gpr[X86_ZERO] == 0);
	check(C->cpl <= 3 && C->mode <= X86_MODE64);
	check(!(C->rflags & X86_F_ARITH));
	check(bed.lock_depth == 0);
	check(C->mode != X86_MODE64 || C->efer & X86_EFER_LMA);
	check(C->mode == X86_MODE64 || C->gpr[X86_RIP] >> 32 == 0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	unsigned int i, r;
	size_t len;

	if (n <= HEADER)
		return 0;
	set_mode(data[0]);
	for (i = 0; i < 16; i++)
		if (data[2 + i])
			C->gpr[i] = value(data[2 + i]);
	set_options(data[1]);
	bed_put(BED_GDT + SEL_FREE, data + 18, 48);
	bed_put(BED_IDT + 0x80, data + 18, 48);
	len = min(n - HEADER, (size_t)0x1000);
	bed_put(BED_CODE, data + HEADER, len);
	bed_put(BED_DATA, data + HEADER, len);
	for (i = 0; i < STEPS; i++) {
		r = x86_emulate(C, soft_exec_fpu);
		check(r <= RUN_SHUTDOWN);
		check_state();
		if (r != RUN_OK && r != RUN_END)
			break;
	}
	return 0;
}
