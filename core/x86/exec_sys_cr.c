// SPDX-License-Identifier: GPL-2.0-or-later
/* exec_sys_cr.c - MOV to and from control and debug registers, and the
 * instructions that change a part of them or the TLB. */
#include "core/x86/debug.h"
#include "core/x86/exec_sys.h"

#define DR7_GD		(1u << 13)
#define DR6_BD		(1u << 13)

static unsigned int native_size(const struct x86_cpu *c)
{
	return c->mode == X86_MODE64 ? 8 : 4;
}

/* CR8 needs a REX prefix, or AMD's LOCK, which CPUID announces. */
static bool cr_exists(const struct x86_cpu *c, const struct x86_insn *in)
{
	if (in->flags & IN_LOCK && !x86_has(c, XF_CR8LEGACY))
		return false;
	return in->reg <= 4 ? in->reg != 1 : in->reg == 8;
}

EXEC(mov_from_cr)
{
	if (!cr_exists(c, in))
		return exec_ud(c);
	if (c->cpl)
		return exec_gp0(c);
	x86_reg_set(c, in->rm, native_size(c), x86_get_cr(c, in->reg));
	return RUN_OK;
}

EXEC(mov_to_cr)
{
	if (!cr_exists(c, in))
		return exec_ud(c);
	if (c->cpl)
		return exec_gp0(c);
	return x86_set_cr(c, in->reg, x86_reg_get(c, in->rm, native_size(c)));
}

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE; DR7.GD traps every access. */
static int dr_number(struct x86_cpu *c, const struct x86_insn *in, unsigned int *n)
{
	*n = in->reg;
	if (c->cpl)
		return exec_gp0(c);
	if (*n == 4 || *n == 5) {
		if (c->cr4 & X86_CR4_DE)
			return exec_ud(c);
		*n += 2;
	}
	if (*n > 7)
		return exec_ud(c);
	if (!(c->dr[7] & DR7_GD))
		return RUN_OK;
	x86_raise(c, X86_DB);
	c->exc.dr6 = DR6_BD;
	return RUN_FAULT;
}

EXEC(mov_from_dr)
{
	unsigned int n;
	int r = dr_number(c, in, &n);

	if (!r)
		x86_reg_set(c, in->rm, native_size(c), c->dr[n]);
	return r;
}

EXEC(mov_to_dr)
{
	u64 val = x86_reg_get(c, in->rm, native_size(c));
	unsigned int n;
	int r = dr_number(c, in, &n);

	if (r)
		return r;
	if (n >= 6 && val >> 32)
		return exec_gp0(c);
	if (n == 6)
		val = x86_dr6_value(val);
	else if (n == 7)
		val = x86_dr7_value(val);
	c->dr[n] = val;
	x86_debug_changed(c);
	return RUN_END;
}

EXEC(clts)
{
	if (c->cpl)
		return exec_gp0(c);
	return x86_set_cr(c, 0, c->cr0 & ~(u64)X86_CR0_TS);
}

EXEC(smsw)
{
	if (c->cpl && c->cr4 & X86_CR4_UMIP && c->cr0 & X86_CR0_PE)
		return exec_gp0(c);
	return exec_rm_set(c, in, in->flags & IN_MEM ? 2 : in->opsize, c->cr0);
}

/* PE, MP, EM and TS; PE can only be set. */
EXEC(lmsw)
{
	u64 val;
	int r;

	if (c->cpl)
		return exec_gp0(c);
	r = exec_rm_get(c, in, 2, &val);
	if (r)
		return r;
	return x86_set_cr(c, 0, (c->cr0 & ~0xeull) | (val & 0xf));
}

EXEC(invlpg)
{
	u64 lin;

	if (c->cpl)
		return exec_gp0(c);
	if (!(in->flags & IN_MEM))
		return exec_ud(c);
	lin = (c->eseg[in->seg].base + x86_ea(c, in)) & c->lin_mask;
	if (c->env->flush && x86_canonical(c, lin))
		c->env->flush(c, X86_FLUSH_PAGE, lin);
	return RUN_END;
}

EXEC(invpcid)
{
	u64 d[2], type = x86_reg_get(c, in->reg, native_size(c));
	enum x86_flush what = X86_FLUSH_ALL;
	int r;

	if (!x86_has(c, XF_INVPCID) || !(c->cr0 & X86_CR0_PE))
		return exec_ud(c);
	if (c->cpl)
		return exec_gp0(c);
	r = x86_load_buf(c, in->seg, x86_ea(c, in), d, sizeof(d));
	if (r)
		return r;
	if (type > 3 || d[0] >> 12)
		return exec_gp0(c);
	if (type < 2 && d[0] && !(c->cr4 & X86_CR4_PCIDE))
		return exec_gp0(c);
	if (type == 0 && !x86_canonical(c, d[1]))
		return exec_gp0(c);
	/* Translations carry no PCID: those of all of them go. */
	if (type == 0)
		what = X86_FLUSH_PAGE;
	else if (type != 2)
		what = X86_FLUSH_NONGLOBAL;
	if (c->env->flush)
		c->env->flush(c, what, d[1]);
	return RUN_END;
}
