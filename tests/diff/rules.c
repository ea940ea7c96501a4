// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rules.c - which instructions can be compared with a processor in user mode,
 * and what the manual leaves undefined about their results.
 */
#include "tests/diff/diff.h"

#define CF X86_F_CF
#define PF X86_F_PF
#define AF X86_F_AF
#define ZF X86_F_ZF
#define SF X86_F_SF
#define OF X86_F_OF

const char *rule_excluded(unsigned int op)
{
	switch (op) {
	case OP_rdtsc: case OP_rdtscp: case OP_rdrand: case OP_rdseed:
		return "the answer differs each time";
	case OP_rdpmc: case OP_rdpid: case OP_cpuid: case OP_xgetbv:
		return "the answer differs from host to host";
	case OP_rdpkru: case OP_wrpkru:
		return "protection keys would lock this process out";
	case OP_syscall: case OP_sysenter: case OP_vmcall: case OP_vmmcall:
		return "calls the host's kernel or hypervisor";
	case OP_sldt: case OP_str: case OP_sgdt: case OP_sidt: case OP_smsw:
		return "Linux emulates it for programs, by its own values";
	}
	return NULL;
}

bool rule_runs(const struct x86_insn *in)
{
	if (in->op == OP_int && (u8)in->imm == 0x80)	/* Linux's system calls */
		return false;
	return !rule_excluded(in->op);
}

static unsigned int count_of(const struct x86_insn *in, const struct x86_cpu *c)
{
	bool cl = in->form == FORM_RM || in->form == FORM_RM_R;
	unsigned int n = cl ? (u8)c->gpr[X86_RCX] : (u8)in->imm;

	return n & (in->opsize == 8 ? 63 : 31);
}

static u64 shift_flags(const struct x86_insn *in, const struct x86_cpu *c)
{
	unsigned int n = count_of(in, c), bits = in->opsize * 8;

	if (!n)
		return 0;
	switch (in->op) {
	case OP_rol: case OP_ror: case OP_rcl: case OP_rcr:
		return n == 1 ? 0 : OF;
	case OP_shl: case OP_shr:
		return AF | (n == 1 ? 0 : OF) | (n > bits || (n == bits && bits < 32) ? CF : 0);
	case OP_sar:
		return AF | (n == 1 ? 0 : OF);
	}
	/* shld, shrd */
	if (n > bits)
		return X86_F_ARITH;
	return AF | (n == 1 ? 0 : OF);
}

u64 rule_undefined_flags(const struct x86_insn *in, const struct x86_cpu *c)
{
	switch (in->op) {
	case OP_and: case OP_or: case OP_xor: case OP_test:
		return AF;
	case OP_rol: case OP_ror: case OP_rcl: case OP_rcr: case OP_shl: case OP_shr:
	case OP_sar: case OP_shld: case OP_shrd:
		return shift_flags(in, c);
	case OP_mul: case OP_imul: case OP_imul2:
		return SF | ZF | AF | PF;
	case OP_div: case OP_idiv:
		return X86_F_ARITH;
	case OP_bsf: case OP_bsr:
		return CF | OF | SF | AF | PF;
	case OP_bt: case OP_bts: case OP_btr: case OP_btc:
		return OF | SF | AF | PF;
	case OP_tzcnt: case OP_lzcnt:
		return OF | SF | AF | PF;
	case OP_bextr:
		return SF | AF | PF;
	case OP_andn: case OP_blsi: case OP_blsr: case OP_blsmsk: case OP_bzhi:
		return AF | PF;
	}
	return 0;
}

bool rule_undefined_result(const struct x86_insn *in, const struct x86_cpu *c)
{
	if (in->op == OP_shld || in->op == OP_shrd)
		return count_of(in, c) > in->opsize * 8u;
	if (in->op == OP_bswap)
		return in->opsize == 2;
	return false;
}

bool rule_skip_mem(const struct x86_insn *in)
{
	/* FNSTENV and FNSAVE store the last instruction's address. */
	return in->op == OP_x87 && in->flags & IN_MEM && (in->modrm >> 3 & 7) == 6 &&
	       (in->cond == 1 || in->cond == 5);
}

bool rule_fpu_area(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_xsave: case OP_xsavec: case OP_xsaveopt: case OP_xsaves: case OP_xrstor:
	case OP_xrstors: case OP_fxrstor: case OP_fxsave:
		return true;
	}
	return false;
}
