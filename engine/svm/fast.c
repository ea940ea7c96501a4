// SPDX-License-Identifier: GPL-2.0-or-later
/* fast.c - CPUID, RDMSR, WRMSR, HLT and VMMCALL, with the state left in the VMCB. */
#include "core/x86/cpuid.h"
#include "core/x86/mem.h"
#include "engine/svm/svm.h"

#define HLT_OPCODE	0xf4

/*
 * How long is the instruction at RIP? Where the processor does not say, its bytes
 * do: it is known which it is, so any in front of the opcode are prefixes. 0: not
 * known.
 */
static unsigned int insn_length(struct vcpu *v, const u8 *opcode, unsigned int n)
{
	struct vmcb *b = svm_of(v)->vmcb;
	struct x86_cpu *c = &v->cpu;
	u8 code[3];
	unsigned int got;

	if (b->c.next_rip)
		return b->c.next_rip - b->s.rip;
	if (!(b->s.efer & X86_EFER_LMA) || !(b->s.cs.attr & X86_SEG_L))
		return 0;
	c->gpr[X86_RIP] = b->s.rip;
	c->cr0 = b->s.cr0;
	c->cr3 = b->s.cr3;
	c->cr4 = b->s.cr4;
	c->efer = b->s.efer & ~(u64)X86_EFER_SVME;
	c->cpl = b->s.cpl;
	c->mode = X86_MODE64;
	c->lin_mask = ~0ull;
	c->paging = true;
	if (x86_fetch(c, code, n, &got) || got < n || memcmp(code, opcode, n))
		return 0;
	return n;
}

static int retire(struct vcpu *v, unsigned int len)
{
	struct vmcb *b = svm_of(v)->vmcb;

	b->s.rip += len;
	b->c.int_state = 0;
	return RUN_OK;
}

static int fast_cpuid(struct vcpu *v)
{
	static const u8 opcode[] = { 0x0f, 0xa2 };
	unsigned int len = insn_length(v, opcode, sizeof(opcode));
	struct vmcb *b = svm_of(v)->vmcb;
	u64 *gpr = v->cpu.gpr;
	u32 out[4];

	if (!len)
		return RUN_FAULT;
	/* Some of the answer follows CR4. */
	v->cpu.cr4 = b->s.cr4;
	vcpu_cpuid(v, b->s.rax, gpr[X86_RCX], out);
	b->s.rax = out[0];
	gpr[X86_RBX] = out[1];
	gpr[X86_RCX] = out[2];
	gpr[X86_RDX] = out[3];
	return retire(v, len);
}

/* MSRs that are neither in the VMCB nor change what is. */
static bool msr_apart(u32 index)
{
	return index == 0x10 || index == 0x3b || index == 0x6e0 ||
	       (index >= 0x800 && index < 0x900) || (index >= 0x40000000 && index < 0x80000000);
}

static int fast_msr(struct vcpu *v)
{
	static const u8 rd[] = { 0x0f, 0x32 }, wr[] = { 0x0f, 0x30 };
	struct vmcb *b = svm_of(v)->vmcb;
	bool write = b->c.exit_info1 & 1;
	u64 *gpr = v->cpu.gpr, val;
	u32 index = gpr[X86_RCX];
	unsigned int len;
	int r;

	if (!msr_apart(index))
		return RUN_FAULT;
	len = insn_length(v, write ? wr : rd, 2);
	if (!len)
		return RUN_FAULT;
	val = (u32)b->s.rax | gpr[X86_RDX] << 32;
	r = write ? v->cpu.env->wrmsr(&v->cpu, index, val) : v->cpu.env->rdmsr(&v->cpu, index, &val);
	if (r != RUN_OK && r != RUN_END)
		return r;	/* #GP is the emulator's to deliver */
	if (!write) {
		b->s.rax = (u32)val;
		gpr[X86_RDX] = val >> 32;
	}
	return retire(v, len);
}

static int fast_hlt(struct vcpu *v)
{
	static const u8 opcode[] = { HLT_OPCODE };
	unsigned int len = insn_length(v, opcode, 1);

	if (!len || svm_of(v)->vmcb->s.rflags & X86_F_TF)
		return RUN_FAULT;
	retire(v, len);
	return RUN_HALT;
}

static int fast_vmmcall(struct vcpu *v)
{
	static const u8 opcode[] = { 0x0f, 0x01, 0xd9 };
	unsigned int len = insn_length(v, opcode, sizeof(opcode));
	struct vmcb *b = svm_of(v)->vmcb;
	int r;

	/* Hyper-V's look at more of the state. */
	if (!len || hv_has_hypercalls(v) || !(b->s.efer & X86_EFER_LMA) || !(b->s.cs.attr & X86_SEG_L))
		return RUN_FAULT;
	v->cpu.mode = X86_MODE64;
	v->cpu.gpr[X86_RAX] = b->s.rax;
	v->cpu.cpl = b->s.cpl;
	r = v->cpu.env->hypercall(&v->cpu);
	if (r != RUN_OK && r != RUN_END)
		return r;
	b->s.rax = v->cpu.gpr[X86_RAX];
	retire(v, len);
	return r;
}

int svm_fast(struct vcpu *v, u64 code)
{
	/* A trap after the instruction is the emulator's business. */
	if (svm_of(v)->vmcb->s.rflags & X86_F_TF)
		return RUN_FAULT;
	switch (code) {
	case VMEXIT_CPUID: return fast_cpuid(v);
	case VMEXIT_MSR: return fast_msr(v);
	case VMEXIT_HLT: return fast_hlt(v);
	case VMEXIT_VMMCALL: return fast_vmmcall(v);
	}
	return RUN_FAULT;
}
