// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smm.c - system management mode: an SMI's entry, and RSM.
 *
 * Source: APM vol. 2, "System-Management Mode", for processors with long mode;
 * others save what Intel's 32-bit processors did (SDM vol. 3, "SMRAM State Save
 * Map"). As in KVM the save area offers SMBASE relocation, and not I/O restart;
 * its fields for that and for restarting HLT are written as zeros and not read,
 * so a processor that was halted goes on behind its HLT.
 */
#include "core/x86/cpuid.h"
#include "core/x86/debug.h"
#include "core/x86/seg.h"
#include "core/x86/walk.h"

#define SAVE_AREA	0xfe00u		/* from SMBASE */
#define SAVE_SIZE	512u
#define ENTRY_IP	0x8000u
#define REVISION_32	0x20000u	/* SMBASE relocation */
#define REVISION_64	0x20064u

#define RFLAGS_KNOWN	0x3f7fd7ull

/* What a save area holds, of either layout. */
struct image {
	u64 gpr[16], rip, rflags, dr6, dr7, cr0, cr3, cr4, efer, smbase, revision;
	u64 gdt_base, gdt_limit, idt_base, idt_limit;
	struct x86_seg seg[X86_NSEG];
};

/* Offsets as the manuals have them, from SMBASE + 8000h. */
struct place {
	u16 at;
	u8 size, off;		/* where in the image, in 8 bytes */
};

#define P(at, size, field)	{ at, size, offsetof(struct image, field) / 8 }

static const struct place places32[] = {
	P(0x7ffc, 4, cr0), P(0x7ff8, 4, cr3), P(0x7ff4, 4, rflags), P(0x7ff0, 4, rip),
	P(0x7fd0, 4, gpr[0]), P(0x7fd4, 4, gpr[1]), P(0x7fd8, 4, gpr[2]), P(0x7fdc, 4, gpr[3]),
	P(0x7fe0, 4, gpr[4]), P(0x7fe4, 4, gpr[5]), P(0x7fe8, 4, gpr[6]), P(0x7fec, 4, gpr[7]),
	P(0x7fcc, 4, dr6), P(0x7fc8, 4, dr7), P(0x7f74, 4, gdt_base), P(0x7f70, 4, gdt_limit),
	P(0x7f58, 4, idt_base), P(0x7f54, 4, idt_limit), P(0x7f14, 4, cr4),
	P(0x7efc, 4, revision), P(0x7ef8, 4, smbase),
};

static const struct place places64[] = {
	P(0x7ff8, 8, gpr[0]), P(0x7ff0, 8, gpr[1]), P(0x7fe8, 8, gpr[2]), P(0x7fe0, 8, gpr[3]),
	P(0x7fd8, 8, gpr[4]), P(0x7fd0, 8, gpr[5]), P(0x7fc8, 8, gpr[6]), P(0x7fc0, 8, gpr[7]),
	P(0x7fb8, 8, gpr[8]), P(0x7fb0, 8, gpr[9]), P(0x7fa8, 8, gpr[10]), P(0x7fa0, 8, gpr[11]),
	P(0x7f98, 8, gpr[12]), P(0x7f90, 8, gpr[13]), P(0x7f88, 8, gpr[14]), P(0x7f80, 8, gpr[15]),
	P(0x7f78, 8, rip), P(0x7f70, 4, rflags), P(0x7f68, 8, dr6), P(0x7f60, 8, dr7),
	P(0x7f58, 8, cr0), P(0x7f50, 8, cr3), P(0x7f48, 8, cr4), P(0x7f00, 4, smbase),
	P(0x7efc, 4, revision), P(0x7ed0, 8, efer), P(0x7e84, 4, idt_limit),
	P(0x7e88, 8, idt_base), P(0x7e64, 4, gdt_limit), P(0x7e68, 8, gdt_base),
};

/* Selector, and where attributes, limit and base follow each other. */
static const struct { u16 sel, rest; } segs32[X86_NSEG] = {
	[X86_ES] = { 0x7fa8, 0x7f84 }, [X86_CS] = { 0x7fac, 0x7f90 },
	[X86_SS] = { 0x7fb0, 0x7f9c }, [X86_DS] = { 0x7fb4, 0x7f2c },
	[X86_FS] = { 0x7fb8, 0x7f38 }, [X86_GS] = { 0x7fbc, 0x7f44 },
	[X86_LDTR] = { 0x7fc0, 0x7f78 }, [X86_TR] = { 0x7fc4, 0x7f5c },
};
static const u16 segs64[X86_NSEG] = {
	0x7e00, 0x7e10, 0x7e20, 0x7e30, 0x7e40, 0x7e50, 0x7e70, 0x7e90
};

static u64 get(const u8 *area, unsigned int at, unsigned int size)
{
	u64 v = 0;

	memcpy(&v, area + at - 0x7e00, size);
	return v;
}

static void put(u8 *area, unsigned int at, unsigned int size, u64 v)
{
	memcpy(area + at - 0x7e00, &v, size);
}

/* Attributes as bits 40 to 55 of a descriptor have them. */
static u16 attr_pack(u16 a)
{
	return (a & 0xff) | (a & 0xf00) << 4;
}

static u16 attr_unpack(u16 packed)
{
	u16 a = (packed & 0xff) | (packed >> 4 & 0xf00);

	return a & X86_SEG_P ? a : a | X86_SEG_UNUSABLE;
}

static void seg_save(u8 *area, unsigned int n, const struct x86_seg *s, bool wide)
{
	u16 attr = attr_pack(s->attr);

	if (wide) {
		put(area, segs64[n], 2, s->sel);
		put(area, segs64[n] + 2, 2, attr);
		put(area, segs64[n] + 4, 4, s->limit);
		put(area, segs64[n] + 8, 8, s->base);
	} else {
		put(area, segs32[n].sel, 4, s->sel);
		put(area, segs32[n].rest, 4, (u32)attr << 8);
		put(area, segs32[n].rest + 4, 4, s->limit);
		put(area, segs32[n].rest + 8, 4, s->base);
	}
}

static void seg_load(const u8 *area, unsigned int n, struct x86_seg *s, bool wide)
{
	if (wide) {
		s->sel = get(area, segs64[n], 2);
		s->attr = attr_unpack(get(area, segs64[n] + 2, 2));
		s->limit = get(area, segs64[n] + 4, 4);
		s->base = get(area, segs64[n] + 8, 8);
	} else {
		s->sel = get(area, segs32[n].sel, 2);
		s->attr = attr_unpack(get(area, segs32[n].rest, 4) >> 8);
		s->limit = get(area, segs32[n].rest + 4, 4);
		s->base = get(area, segs32[n].rest + 8, 4);
	}
}

static void image_move(u8 *area, struct image *m, bool wide, bool save)
{
	const struct place *p = wide ? places64 : places32;
	unsigned int n = wide ? ARRAY_SIZE(places64) : ARRAY_SIZE(places32), i;
	u64 *field = (u64 *)m;

	for (i = 0; i < n; i++, p++)
		if (save)
			put(area, p->at, p->size, field[p->off]);
		else
			field[p->off] = get(area, p->at, p->size);
	for (i = 0; i < X86_NSEG; i++)
		if (save)
			seg_save(area, i, &m->seg[i], wide);
		else
			seg_load(area, i, &m->seg[i], wide);
}

/* In frames of their own: the kernel's stack is small. */
static noinline void area_write(struct x86_cpu *c, struct image *m, bool wide)
{
	u8 area[SAVE_SIZE] = { 0 };

	image_move(area, m, wide, true);
	/* Where there is no memory this is lost, like any such write. */
	c->env->ram(c, c->smbase + SAVE_AREA, area, sizeof(area), true);
}

static noinline int area_read(struct x86_cpu *c, struct image *m, bool wide)
{
	u8 area[SAVE_SIZE];
	int err = c->env->ram(c, c->smbase + SAVE_AREA, area, sizeof(area), false);

	if (!err)
		image_move(area, m, wide, false);
	return err;
}

/* --- entry --- */

static void image_take(const struct x86_cpu *c, struct image *m, bool wide)
{
	*m = (struct image){
		.rip = c->gpr[X86_RIP], .rflags = x86_rflags(c), .dr6 = c->dr[6], .dr7 = c->dr[7],
		.cr0 = c->cr0, .cr3 = c->cr3, .cr4 = c->cr4, .efer = c->efer, .smbase = c->smbase,
		.revision = wide ? REVISION_64 : REVISION_32,
		.gdt_base = c->gdt.base, .gdt_limit = c->gdt.limit,
		.idt_base = c->idt.base, .idt_limit = c->idt.limit,
	};
	memcpy(m->gpr, c->gpr, sizeof(m->gpr));
	memcpy(m->seg, c->seg, sizeof(m->seg));
	/* It has no place of its own. */
	m->seg[X86_SS].attr &= ~X86_SEG_DPL;
	m->seg[X86_SS].attr |= c->cpl << X86_SEG_DPL_SHIFT;
}

static void space_changed(struct x86_cpu *c, bool smm)
{
	c->smm = smm;
	if (c->env->flush)
		c->env->flush(c, X86_FLUSH_ALL, 0);
}

/* Real mode, with segments of 4 GiB. */
static void entry_state(struct x86_cpu *c, bool wide)
{
	x86_set_rflags(c, X86_F_1);
	c->gpr[X86_RIP] = ENTRY_IP;
	c->cr0 &= ~(u64)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	c->cr4 = 0;
	c->efer &= wide ? 0 : ~(u64)(X86_EFER_LME | X86_EFER_LMA);
	c->idt = (struct x86_dtable){ 0 };
	c->dr[7] = x86_dr7_value(0);
	for (unsigned int i = X86_ES; i <= X86_GS; i++)
		c->seg[i] = (struct x86_seg){ .limit = ~0u, .attr = X86_SEG_G | X86_SEG_P |
					      X86_SEG_S | 3 };
	c->seg[X86_CS].sel = c->smbase >> 4;
	c->seg[X86_CS].base = c->smbase;
	c->cpl = 0;
	c->shadow = 0;
	x86_mode_update(c);
	x86_debug_changed(c);
}

void x86_smm_enter(struct x86_cpu *c)
{
	bool wide = x86_has(c, XF_LM);
	struct image m;

	c->smi_count++;
	image_take(c, &m, wide);
	space_changed(c, true);
	area_write(c, &m, wide);
	c->smm_nmi = c->nmi_masked;
	c->nmi_masked = true;
	entry_state(c, wide);
}

/* --- RSM --- */

/* CR0, CR3, CR4, EFER as they may stand together. Called in real mode. */
static bool control_valid(struct x86_cpu *c, const struct image *m, bool wide)
{
	bool pg = m->cr0 & X86_CR0_PG, lme = m->efer & X86_EFER_LME;
	bool pcide = m->cr4 & X86_CR4_PCIDE;

	if (m->cr0 >> 32 || (pg && !(m->cr0 & X86_CR0_PE)) ||
	    (m->cr0 & X86_CR0_NW && !(m->cr0 & X86_CR0_CD)))
		return false;
	if (pg && lme && (!(m->cr4 & X86_CR4_PAE) || m->cr3 >> c->maxphyaddr))
		return false;
	if (pcide && (!x86_has(c, XF_PCID) || !pg || !lme))
		return false;
	/* These two know what the processor has, and set it. */
	return (!wide || !x86_set_efer(c, m->efer & ~(u64)X86_EFER_LMA)) &&
	       x86_set_cr(c, 4, m->cr4 & ~(u64)X86_CR4_PCIDE) == RUN_END;
}

/* PAE's pointers are read from memory once more. */
static bool pointers_load(struct x86_cpu *c, const struct image *m)
{
	u64 p[4];

	if (!(m->cr0 & X86_CR0_PG) || !(m->cr4 & X86_CR4_PAE) || m->efer & X86_EFER_LME)
		return true;
	if (c->env->ram(c, m->cr3 & 0xffffffe0, p, sizeof(p), false) || !x86_pdptes_valid(c, p))
		return false;
	memcpy(c->pdpte, p, sizeof(p));
	return true;
}

static bool segments_valid(const struct image *m, bool lma)
{
	const u16 both = X86_SEG_L | X86_SEG_DB;

	return !lma || (m->seg[X86_CS].attr & both) != both;
}

/* The control registers of real mode, from where all modes can be entered. */
static void back_to_real(struct x86_cpu *c, bool wide)
{
	c->cr0 &= ~(u64)(X86_CR0_PG | X86_CR0_PE);
	c->cr4 &= ~(u64)(X86_CR4_PCIDE | X86_CR4_PAE);
	if (wide)
		c->efer = 0;
	c->cpl = 0;
	x86_set_rflags(c, x86_rflags(c) & ~(u64)X86_F_VM);
	x86_mode_update(c);
}

static void image_load(struct x86_cpu *c, const struct image *m, bool lma, bool wide)
{
	u64 rflags = m->rflags & RFLAGS_KNOWN;
	bool pe = m->cr0 & X86_CR0_PE;

	memcpy(c->gpr, m->gpr, (wide ? 16 : 8) * sizeof(m->gpr[0]));
	memcpy(c->seg, m->seg, sizeof(c->seg));
	c->cr0 = m->cr0 | X86_CR0_ET;
	c->cr3 = m->cr0 & X86_CR0_PG && !lma ? (u32)m->cr3 : m->cr3;
	c->cr4 = m->cr4;
	if (lma)
		c->efer |= X86_EFER_LMA;
	c->gdt = (struct x86_dtable){ .base = m->gdt_base, .limit = m->gdt_limit };
	c->idt = (struct x86_dtable){ .base = m->idt_base, .limit = m->idt_limit };
	c->dr[6] = x86_dr6_value(m->dr6);
	c->dr[7] = x86_dr7_value(m->dr7);
	if (!pe || lma)
		rflags &= ~(u64)X86_F_VM;
	x86_set_rflags(c, rflags);
	c->cpl = !pe ? 0 : rflags & X86_F_VM ? 3 : x86_attr_dpl(m->seg[X86_SS].attr);
	c->shadow = 0;
	x86_mode_update(c);
	c->gpr[X86_RIP] = c->mode == X86_MODE64 ? m->rip : (u32)m->rip;
}

int x86_rsm(struct x86_cpu *c)
{
	bool wide = x86_has(c, XF_LM), lma, ok;
	struct image m;

	if (!c->smm || !c->env->ram)
		return x86_raise(c, X86_UD);
	m.efer = c->efer;	/* the narrow layout has none: SMM's own stays */
	if (area_read(c, &m, wide))
		return c->env->give_up(c);
	if (!c->smm_nmi)
		c->nmi_masked = false;
	c->smm_nmi = false;
	space_changed(c, false);
	back_to_real(c, wide);
	lma = m.cr0 & X86_CR0_PG && m.efer & X86_EFER_LME;
	ok = !(m.dr6 >> 32) && !(m.dr7 >> 32) && segments_valid(&m, lma) &&
	     control_valid(c, &m, wide) && pointers_load(c, &m);
	c->smbase = m.smbase;
	if (ok)
		image_load(c, &m, lma, wide);
	if (c->env->flush)
		c->env->flush(c, X86_FLUSH_ALL, 0);
	x86_debug_changed(c);
	if (c->env->smm_left)
		c->env->smm_left(c);
	return ok ? RUN_END : RUN_SHUTDOWN;
}
