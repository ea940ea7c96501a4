// SPDX-License-Identifier: GPL-2.0-or-later
/* x87.c - moves on the register stack, FWAIT, and which file does the rest. */
#include "engine/soft/fpu.h"
#include "engine/soft/x87.h"

#define HANDLER(name) static int name(struct x86_cpu *c, const struct x86_insn *in)

const struct x87_reg x87_indefinite = { .mant = 3ull << 62, .se = 0xffff };

HANDLER(do_fwait)
{
	if ((c->cr0 & (X86_CR0_MP | X86_CR0_TS)) == (X86_CR0_MP | X86_CR0_TS))
		return x86_raise(c, X86_NM);
	return c->fpu.fsw & FSW_ES ? x86_raise(c, X86_MF) : RUN_OK;
}

HANDLER(do_fld)
{
	struct x86_fpu *f = &c->fpu;
	unsigned int i = in->modrm & 7;
	struct x87_reg v = *x87_st(f, i);
	bool under = x87_empty(f, i);

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	f->fsw &= ~FSW_C1;
	if (unlikely(under || !x87_empty(f, 7))) {
		if (!x87_stack_fault(f, !under))
			return RUN_OK;
		v = x87_indefinite;
	}
	x87_push(f, &v);
	return RUN_OK;
}

HANDLER(do_fst)		/* FSTP too */
{
	struct x86_fpu *f = &c->fpu;
	struct x87_reg v = *x87_st(f, 0);

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	f->fsw &= ~FSW_C1;
	if (unlikely(x87_empty(f, 0))) {
		if (!x87_stack_fault(f, false))
			return RUN_OK;
		v = x87_indefinite;
	}
	x87_put(f, in->modrm & 7, &v);
	if (in->cond != 5 || in->modrm & 8)
		x87_pop(f);
	return RUN_OK;
}

/* D9 D8 to DF are FSTP as well, but with an empty ST(0) they only pop. */
HANDLER(do_fstp1)
{
	if (likely(!x87_empty(&c->fpu, 0)))
		return do_fst(c, in);
	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	c->fpu.fsw &= ~FSW_C1;
	x87_pop(&c->fpu);
	return RUN_OK;
}

HANDLER(do_fxch)
{
	struct x86_fpu *f = &c->fpu;
	unsigned int i = in->modrm & 7;
	struct x87_reg a = *x87_st(f, 0), b = *x87_st(f, i);

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	f->fsw &= ~FSW_C1;
	if (unlikely(x87_empty(f, 0) || x87_empty(f, i))) {
		if (!x87_stack_fault(f, false))
			return RUN_OK;
		if (x87_empty(f, 0))
			a = x87_indefinite;
		if (x87_empty(f, i))
			b = x87_indefinite;
	}
	x87_put(f, 0, &b);
	x87_put(f, i, &a);
	return RUN_OK;
}

HANDLER(do_ffree)	/* FFREEP too, which pops */
{
	struct x86_fpu *f = &c->fpu;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	f->fsw &= ~FSW_C1;
	f->ftw &= ~(1u << x87_phys(f, in->modrm & 7));
	if (in->cond == 7)
		x87_pop(f);
	return RUN_OK;
}

HANDLER(do_fnop)
{
	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);	/* not a control instruction */
	return RUN_OK;
}

static x86_exec_fn exec_stack(const struct x86_insn *in)
{
	unsigned int esc = in->cond & 7, reg = in->modrm >> 3 & 7;

	if (in->flags & IN_MEM)
		return NULL;
	if ((esc == 1 || esc == 5 || esc == 7) && reg == 1)
		return do_fxch;
	switch (esc) {
	case 1:
		return reg == 0 ? do_fld : reg == 3 ? do_fstp1 : in->modrm == 0xd0 ? do_fnop : NULL;
	case 5:
		return reg == 0 ? do_ffree : reg == 2 || reg == 3 ? do_fst : NULL;
	case 7:
		return reg == 0 ? do_ffree : reg == 2 || reg == 3 ? do_fst : NULL;
	}
	return NULL;
}

x86_exec_fn soft_exec_x87(const struct x86_insn *in)
{
	static x86_exec_fn (*const parts[])(const struct x86_insn *) = {
		x87_exec_arith, x87_exec_mem, x87_exec_func, x87_exec_env, exec_stack,
	};
	x86_exec_fn fn;

	if (in->op == OP_fwait)
		return do_fwait;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		fn = parts[i](in);
		if (fn)
			return fn;
	}
	return NULL;
}
