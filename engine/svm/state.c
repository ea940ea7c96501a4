// SPDX-License-Identifier: GPL-2.0-or-later
/* state.c - a vCPU's state between vcpu->cpu and its VMCB. */
#include <asm/msr.h>
#include "core/x86/flags.h"
#include "core/x86/msr.h"
#include "engine/svm/svm.h"

#define MSR_PAT		0x277

static void seg_load(struct vmcb_seg *to, const struct x86_seg *s)
{
	to->sel = s->sel;
	to->limit = s->limit;
	to->base = s->base;
	to->attr = s->attr & X86_SEG_UNUSABLE ? 0 : s->attr;
}

static void seg_store(struct x86_seg *to, const struct vmcb_seg *s)
{
	to->sel = s->sel;
	to->limit = s->limit;
	to->base = s->base;
	to->attr = s->attr & X86_SEG_P ? s->attr & 0xfff : X86_SEG_UNUSABLE;
}

static struct vmcb_seg *segs(struct vmcb_save *s, unsigned int n)
{
	struct vmcb_seg *of[X86_NSEG] = {
		[X86_ES] = &s->es, [X86_CS] = &s->cs, [X86_SS] = &s->ss, [X86_DS] = &s->ds,
		[X86_FS] = &s->fs, [X86_GS] = &s->gs, [X86_LDTR] = &s->ldtr, [X86_TR] = &s->tr,
	};

	return of[n];
}

static void regs_load(const struct x86_cpu *c, struct vmcb_save *s)
{
	s->rax = c->gpr[X86_RAX];
	s->rsp = c->gpr[X86_RSP];
	s->rip = c->gpr[X86_RIP];
	s->rflags = x86_rflags(c);
	s->cpl = c->cpl;
	for (unsigned int i = 0; i < X86_NSEG; i++)
		seg_load(segs(s, i), &c->seg[i]);
	s->gdtr.base = c->gdt.base;
	s->gdtr.limit = c->gdt.limit;
	s->idtr.base = c->idt.base;
	s->idtr.limit = c->idt.limit;
}

static void regs_store(struct x86_cpu *c, struct vmcb_save *s)
{
	c->gpr[X86_RAX] = s->rax;
	c->gpr[X86_RSP] = s->rsp;
	c->gpr[X86_RIP] = s->rip;
	x86_set_rflags(c, s->rflags);
	c->cpl = s->cpl;
	for (unsigned int i = 0; i < X86_NSEG; i++)
		seg_store(&c->seg[i], segs(s, i));
	c->gdt = (struct x86_dtable){ s->gdtr.base, s->gdtr.limit };
	c->idt = (struct x86_dtable){ s->idtr.base, s->idtr.limit };
}

static void msrs_load(const struct x86_cpu *c, struct vmcb_save *s)
{
	s->star = c->star;
	s->lstar = c->lstar;
	s->cstar = c->cstar;
	s->sfmask = c->sfmask;
	s->kernel_gs_base = c->kernel_gs_base;
	s->sysenter_cs = c->sysenter_cs;
	s->sysenter_esp = c->sysenter_esp;
	s->sysenter_eip = c->sysenter_eip;
}

static void msrs_store(struct x86_cpu *c, const struct vmcb_save *s)
{
	c->star = s->star;
	c->lstar = s->lstar;
	c->cstar = s->cstar;
	c->sfmask = s->sfmask;
	c->kernel_gs_base = s->kernel_gs_base;
	c->sysenter_cs = s->sysenter_cs;
	c->sysenter_esp = s->sysenter_esp;
	c->sysenter_eip = s->sysenter_eip;
}

/* Caching is the host's business: CD and NW are only kept. */
static void cr0_load(const struct x86_cpu *c, struct vmcb *b)
{
	b->s.cr0 = c->cr0 & ~(u64)(X86_CR0_CD | X86_CR0_NW);
	if (b->s.cr0 == c->cr0)
		b->c.cr_read &= ~1u;
	else
		b->c.cr_read |= 1;
}

void svm_load(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	struct x86_cpu *c = &v->cpu;
	struct vmcb *b = sv->vmcb;

	if (sv->live)
		return;
	regs_load(c, &b->s);
	msrs_load(c, &b->s);
	cr0_load(c, b);
	b->s.cr2 = c->cr2;
	b->s.cr3 = c->cr3;
	b->s.cr4 = c->cr4;
	b->s.efer = c->efer | X86_EFER_SVME;
	b->s.dr6 = c->dr[6];
	b->s.dr7 = c->dr[7];
	msr_read(v, MSR_PAT, &b->s.pat, true);
	b->c.int_state = c->shadow ? 1 : 0;
	b->c.tsc_offset = v->tsc_offset;
	b->c.clean = 0;
	sv->live = true;
}

void svm_store(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	struct x86_cpu *c = &v->cpu;
	struct vmcb *b = sv->vmcb;

	if (!sv->live)
		return;
	regs_store(c, &b->s);
	msrs_store(c, &b->s);
	c->cr0 = b->s.cr0 | (b->c.cr_read & 1 ? c->cr0 & (X86_CR0_CD | X86_CR0_NW) : 0);
	c->cr2 = b->s.cr2;
	c->cr3 = b->s.cr3;
	c->cr4 = b->s.cr4;
	c->efer = b->s.efer & ~(u64)X86_EFER_SVME;
	c->dr[6] = b->s.dr6;
	c->dr[7] = b->s.dr7;
	c->shadow = b->c.int_state & 1 ? X86_SHADOW_STI : 0;
	sv->live = false;
	svm_take_back(v);
	x86_mode_update(c);
}

void svm_take_back(struct vcpu *v)
{
	struct vmcb *b = svm_of(v)->vmcb;
	u64 ev = b->c.event_inj;

	b->c.event_inj = 0;
	v->injecting = false;
	if (!(ev & VMCB_EV_VALID))
		return;
	switch (ev & VMCB_EV_TYPE) {
	case VMCB_EV_INTR:
		v->intr_injected = true;
		v->intr_vector = ev & VMCB_EV_VECTOR;
		break;
	case VMCB_EV_NMI:
		v->nmi_injected = true;
		break;
	case VMCB_EV_EXC:
		v->exc = (struct x86_exc){ .vector = ev & VMCB_EV_VECTOR,
					   .has_err = ev & VMCB_EV_HAS_ERR,
					   .err = ev >> 32, .cr2 = b->s.cr2 };
		v->exc_injected = true;
		break;
	}
}

/* --- floating point: the host's own area holds it while the guest runs --- */

void svm_fpu_to_cpu(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	struct x86_fpu *f = &v->cpu.fpu;
	u8 *area;

	if (sv->fpu_in_cpu)
		return;
	area = kzalloc(max(sv->fpu.uabi_size, X86_XSAVE_SIZE), GFP_KERNEL | __GFP_NOFAIL);
	fpu_copy_guest_fpstate_to_uabi(&sv->fpu, area, sv->fpu.uabi_size,
				       sv->fpu.xfeatures, v->cpu.pkru);
	x86_fpu_import(f, area);
	for (unsigned int i = 0; i < 16; i++)
		memcpy(&f->v[i].b[16], area + X86_XSAVE_LEGACY + X86_XSAVE_HEADER + i * 16, 16);
	kfree(area);
	sv->fpu_in_cpu = true;
}

void svm_fpu_to_guest(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	u64 have = (3 | X86_XC_AVX) & (sv->fpu.xfeatures | 3);
	u8 *area;

	if (!sv->fpu_in_cpu)
		return;
	area = kzalloc(max(sv->fpu.uabi_size, X86_XSAVE_SIZE), GFP_KERNEL | __GFP_NOFAIL);
	x86_fpu_export(&v->cpu.fpu, area);
	memcpy(area + X86_XSAVE_LEGACY, &have, 8);
	for (unsigned int i = 0; i < 16; i++)
		memcpy(area + X86_XSAVE_LEGACY + X86_XSAVE_HEADER + i * 16, &v->cpu.fpu.v[i].b[16], 16);
	fpu_copy_uabi_to_guest_fpstate(&sv->fpu, area, have, &v->cpu.pkru);
	kfree(area);
	sv->fpu_in_cpu = false;
}
