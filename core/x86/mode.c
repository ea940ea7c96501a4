// SPDX-License-Identifier: GPL-2.0-or-later
/* mode.c - what follows from control registers, segments and privilege; reset. */
#include "core/x86/debug.h"
#include "core/x86/seg.h"

void x86_eseg_update(struct x86_cpu *c, unsigned int seg)
{
	const struct x86_seg *s = &c->seg[seg];
	struct x86_eseg *e = &c->eseg[seg];

	if (c->mode == X86_MODE64) {
		e->base = seg >= X86_FS ? s->base : 0;
		e->rd_end = e->wr_end = c->ac_check ? 0 : ~0ull;
		return;
	}
	e->base = s->base;
	e->rd_end = e->wr_end = 0;
	if (seg == X86_SS)
		c->stack32 = s->attr & X86_SEG_DB;
	if (c->ac_check || s->attr & X86_SEG_UNUSABLE || (s->attr & 0xc) == 4)
		return;
	if (x86_seg_allows(c, s, 0, 1, false))
		e->rd_end = (u64)s->limit + 1;
	if (x86_seg_allows(c, s, 0, 1, true))
		e->wr_end = (u64)s->limit + 1;
}

static bool ac_wanted(const struct x86_cpu *c)
{
	return c->cpl == 3 && c->cr0 & X86_CR0_AM && c->rflags & X86_F_AC;
}

/* While alignment is checked: finds nothing, and is never filled. */
static struct x86_tlb tlb_none = {
	.e[0 ... X86_TLB_SIZE - 1] = { .rd = X86_TLB_NONE, .wr = X86_TLB_NONE },
};

static void choose_tlb(struct x86_cpu *c)
{
	if (unlikely(c->tlb == &tlb_none))
		c->tlb = c->tlb_unchecked;
	if (c->env->mode_changed)
		c->env->mode_changed(c);
	if (unlikely(c->ac_check)) {
		c->tlb_unchecked = c->tlb;
		c->tlb = &tlb_none;
	}
}

void x86_mode_update(struct x86_cpu *c)
{
	u16 cs = c->seg[X86_CS].attr;
	unsigned int i;

	c->paging = c->cr0 & X86_CR0_PG;
	c->ac_check = ac_wanted(c);
	if (x86_long_mode(c) && cs & X86_SEG_L && x86_protected(c))
		c->mode = X86_MODE64;
	else
		c->mode = cs & X86_SEG_DB && !x86_v86(c) ? X86_MODE32 : X86_MODE16;
	c->stack64 = c->mode == X86_MODE64;
	c->stack32 = !c->stack64 && c->seg[X86_SS].attr & X86_SEG_DB;
	c->lin_mask = c->stack64 ? ~0ull : 0xffffffffull;
	for (i = X86_ES; i <= X86_GS; i++)
		x86_eseg_update(c, i);
	choose_tlb(c);
}

/* CPL or AC changed: rarely more than the TLB bank follows. */
static void privilege_changed(struct x86_cpu *c)
{
	if (unlikely(c->ac_check != ac_wanted(c)))
		x86_mode_update(c);
	else
		choose_tlb(c);
}

void x86_set_cpl(struct x86_cpu *c, u8 cpl)
{
	c->cpl = cpl;
	privilege_changed(c);
}

void x86_update_rflags(struct x86_cpu *c, u64 flags)
{
	u64 changed = c->rflags ^ flags;

	x86_set_rflags(c, flags);
	if (unlikely(changed & X86_F_AC))
		privilege_changed(c);
}

static void reset_segments(struct x86_cpu *c)
{
	unsigned int i;

	for (i = X86_ES; i <= X86_GS; i++)
		c->seg[i] = (struct x86_seg){ .limit = 0xffff, .attr = 0x93 };
	c->seg[X86_CS] = (struct x86_seg){ .sel = 0xf000, .base = 0xffff0000, .limit = 0xffff,
					   .attr = 0x9b };
	c->seg[X86_LDTR] = (struct x86_seg){ .limit = 0xffff, .attr = X86_SEG_P | DESC_LDT };
	c->seg[X86_TR] = (struct x86_seg){ .limit = 0xffff,
					   .attr = X86_SEG_P | DESC_BUSY_TSS32 };
	c->gdt = c->idt = (struct x86_dtable){ .limit = 0xffff };
}

/* What RESET clears and INIT leaves alone. */
static void reset_cold(struct x86_cpu *c)
{
	c->cr0 = 0;
	c->xcr0 = 1;
	c->xss = 0;
	c->pkru = 0;
	c->star = c->lstar = c->cstar = c->sfmask = c->kernel_gs_base = 0;
	c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
	c->tsc_aux = 0;
	c->smbase = 0x30000;
	x86_fpu_reset(&c->fpu);
}

void x86_reset(struct x86_cpu *c, bool init)
{
	u32 id[4] = { 0x600 };

	if (!init)
		reset_cold(c);
	if (c->env->cpuid)
		c->env->cpuid(c, 1, 0, id);
	memset(c->gpr, 0, sizeof(c->gpr));
	c->gpr[X86_RDX] = id[0] ? id[0] : 0x600;
	c->gpr[X86_RIP] = 0xfff0;
	x86_set_rflags(c, X86_F_1);
	c->cr0 = X86_CR0_ET | (init ? c->cr0 & (X86_CR0_CD | X86_CR0_NW)
				    : X86_CR0_CD | X86_CR0_NW);
	c->cr2 = c->cr3 = c->cr4 = c->efer = 0;
	memset(c->pdpte, 0, sizeof(c->pdpte));
	memset(c->dr, 0, sizeof(c->dr));
	c->dr[6] = 0xffff0ff0;
	c->dr[7] = 0x400;
	c->watch_hit = 0;
	x86_debug_changed(c);
	c->debugctl = 0;
	c->cpl = 0;
	c->shadow = 0;
	c->nmi_masked = c->smm = c->smm_nmi = false;
	c->smi_count = 0;
	reset_segments(c);
	if (c->env->flush)
		c->env->flush(c, X86_FLUSH_ALL, 0);
	x86_mode_update(c);
}
