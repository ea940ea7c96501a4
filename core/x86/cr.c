// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cr.c - control registers, and EFER, which decides with them.
 *
 * Source: SDM vol. 3, "Control Registers", "Paging-Mode Enabling"; vol. 2,
 * "MOV - Move to/from Control Registers".
 */
#include "core/x86/seg.h"
#include "core/x86/cpuid.h"
#include "core/x86/walk.h"

#define CR0_KNOWN (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | \
		   X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)
#define CR3_NOFLUSH	(1ull << 63)
#define CR3_PAE_BITS	0xffffffe0ull

static int gp0(struct x86_cpu *c)
{
	return x86_raise_err(c, X86_GP, 0);
}

static void flush(struct x86_cpu *c, enum x86_flush what)
{
	if (c->env->flush)
		c->env->flush(c, what, 0);
}

static bool pae_legacy(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && !(efer & X86_EFER_LMA);
}

/* Paging turns on with LME set: long mode begins. */
static bool long_mode_allowed(const struct x86_cpu *c)
{
	unsigned int tr = x86_attr_type(c->seg[X86_TR].attr);

	return c->cr4 & X86_CR4_PAE && !(c->seg[X86_CS].attr & X86_SEG_L) &&
	       tr != DESC_AVL_TSS16 && tr != DESC_BUSY_TSS16;
}

static int set_cr0(struct x86_cpu *c, u64 val)
{
	u64 old = c->cr0, efer = c->efer, changed;
	int r;

	if (val >> 32)
		return gp0(c);
	val = (val & CR0_KNOWN) | X86_CR0_ET;
	changed = old ^ val;
	if ((val & X86_CR0_PG && !(val & X86_CR0_PE)) || (val & X86_CR0_NW && !(val & X86_CR0_CD)))
		return gp0(c);
	if (changed & val & X86_CR0_PG && efer & X86_EFER_LME) {
		if (!long_mode_allowed(c))
			return gp0(c);
		efer |= X86_EFER_LMA;
	} else if (changed & old & X86_CR0_PG) {
		if (c->mode == X86_MODE64 || c->cr4 & X86_CR4_PCIDE)
			return gp0(c);
		efer &= ~(u64)X86_EFER_LMA;
	}
	if (changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW) && pae_legacy(val, c->cr4, efer)) {
		r = x86_load_pdptes(c, c->cr3);
		if (r)
			return r;
	}
	c->cr0 = val;
	c->efer = efer;
	if (changed & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		flush(c, X86_FLUSH_ALL);
	if (changed & (X86_CR0_PG | X86_CR0_PE | X86_CR0_AM))
		x86_mode_update(c);
	else if (c->env->mode_changed)
		c->env->mode_changed(c);
	return RUN_END;
}

int x86_load_cr3(struct x86_cpu *c, u64 val)
{
	unsigned int maxphy = c->maxphyaddr ? c->maxphyaddr : 52;
	int r;

	if (x86_long_mode(c)) {
		if (c->cr4 & X86_CR4_PCIDE)
			val &= ~CR3_NOFLUSH;
		if (val >> maxphy)
			return gp0(c);
	} else {
		val = (u32)val;
		if (pae_legacy(c->cr0, c->cr4, c->efer)) {
			r = x86_load_pdptes(c, val & CR3_PAE_BITS);
			if (r)
				return r;
		}
	}
	c->cr3 = val;
	/* Translations are not tagged with PCIDs, so not flushing is no choice. */
	flush(c, X86_FLUSH_NONGLOBAL);
	return RUN_END;
}

static u64 cr4_allowed(const struct x86_cpu *c)
{
	static const struct { u16 feature; u32 bits; } map[] = {
		{ XF_VME, X86_CR4_VME | X86_CR4_PVI }, { XF_TSC, X86_CR4_TSD },
		{ XF_DE, X86_CR4_DE }, { XF_PSE, X86_CR4_PSE }, { XF_PAE, X86_CR4_PAE },
		{ XF_MCE, X86_CR4_MCE }, { XF_PGE, X86_CR4_PGE }, { XF_FXSR, X86_CR4_OSFXSR },
		{ XF_SSE, X86_CR4_OSXMMEXCPT }, { XF_UMIP, X86_CR4_UMIP },
		{ XF_LA57, X86_CR4_LA57 }, { XF_FSGSBASE, X86_CR4_FSGSBASE },
		{ XF_PCID, X86_CR4_PCIDE }, { XF_XSAVE, X86_CR4_OSXSAVE },
		{ XF_SMEP, X86_CR4_SMEP }, { XF_SMAP, X86_CR4_SMAP }, { XF_PKU, X86_CR4_PKE },
	};
	u64 ok = X86_CR4_PCE;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (x86_has(c, map[i].feature))
			ok |= map[i].bits;
	return ok;
}

static int set_cr4(struct x86_cpu *c, u64 val)
{
	const u64 paging = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_SMEP;
	u64 changed = c->cr4 ^ val;
	int r;

	if (val & ~cr4_allowed(c))
		return gp0(c);
	if (x86_long_mode(c) && (!(val & X86_CR4_PAE) || changed & X86_CR4_LA57))
		return gp0(c);
	if (changed & val & X86_CR4_PCIDE && (!x86_long_mode(c) || c->cr3 & 0xfff))
		return gp0(c);
	if (changed & paging && pae_legacy(c->cr0, val, c->efer)) {
		r = x86_load_pdptes(c, c->cr3);
		if (r)
			return r;
	}
	c->cr4 = val;
	if (changed & (paging | X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_PCIDE | X86_CR4_LA57))
		flush(c, X86_FLUSH_ALL);
	if (c->env->mode_changed)
		c->env->mode_changed(c);
	return RUN_END;
}

int x86_set_cr(struct x86_cpu *c, unsigned int n, u64 val)
{
	switch (n) {
	case 0: return set_cr0(c, val);
	case 2: c->cr2 = val; return RUN_OK;
	case 3: return x86_load_cr3(c, val);
	case 4: return set_cr4(c, val);
	case 8:
		if (val > 15)
			return gp0(c);
		if (c->env->set_cr8)
			c->env->set_cr8(c, val);
		return RUN_END;
	}
	return x86_raise(c, X86_UD);
}

u64 x86_get_cr(struct x86_cpu *c, unsigned int n)
{
	switch (n) {
	case 0: return c->cr0;
	case 2: return c->cr2;
	case 3: return c->cr3;
	case 4: return c->cr4;
	case 8: return c->env->get_cr8 ? c->env->get_cr8(c) : 0;
	}
	return 0;
}

int x86_set_efer(struct x86_cpu *c, u64 val)
{
	u64 ok = X86_EFER_LMA, changed;

	if (x86_has(c, XF_SYSCALL))
		ok |= X86_EFER_SCE;
	if (x86_has(c, XF_LM))
		ok |= X86_EFER_LME;
	if (x86_has(c, XF_NX))
		ok |= X86_EFER_NXE;
	if (x86_has(c, XF_SVM))
		ok |= X86_EFER_SVME;
	if (x86_has(c, XF_FFXSR))
		ok |= X86_EFER_FFXSR;
	if (x86_has(c, XF_AUTOIBRS))
		ok |= X86_EFER_AUTOIBRS;
	if (val & ~ok)
		return 1;
	val = (val & ~(u64)X86_EFER_LMA) | (c->efer & X86_EFER_LMA);
	changed = c->efer ^ val;
	if (changed & X86_EFER_LME && c->cr0 & X86_CR0_PG)
		return 1;
	c->efer = val;
	if (changed & X86_EFER_NXE)
		flush(c, X86_FLUSH_ALL);
	if (c->env->mode_changed)
		c->env->mode_changed(c);
	return 0;
}
