// SPDX-License-Identifier: GPL-2.0-or-later
/* emulate.c - one instruction, from fetch to the exception it raises. */
#include "core/x86/seg.h"

#define DR6_BS		(1u << 14)

static int fetch_decode(struct x86_cpu *c, struct x86_insn *in)
{
	u8 code[X86_INSN_MAX];
	unsigned int got, more;
	int r = x86_fetch(c, code, sizeof(code), &got);

	if (r)
		return r;
	switch (x86_decode(in, c->mode, code, got)) {
	case 0:
		return RUN_OK;
	case -ENODATA:
		/* Raises what kept the rest from being fetched. */
		r = x86_fetch_at(c, c->gpr[X86_RIP] + got, code, 1, &more);
		return r ? r : x86_raise(c, X86_UD);
	case -E2BIG:
		return x86_raise_err(c, X86_GP, 0);
	}
	return x86_raise(c, X86_UD);
}

/* RIP as wide as the code segment lets it be. */
static void trim_rip(struct x86_cpu *c)
{
	if (c->mode != X86_MODE64)
		c->gpr[X86_RIP] = (u32)c->gpr[X86_RIP];
}

/* What has dealt with TF itself: by clearing it on the way to a handler, or by
 * looking at it after the change. */
static bool steps_itself(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_int: case OP_int3: case OP_int1: case OP_into: case OP_syscall: case OP_sysret:
		return true;
	}
	return false;
}

static int step(struct x86_cpu *c, x86_exec_fn (*extra)(const struct x86_insn *), bool *trap)
{
	u64 rf = c->rflags & X86_F_RF;
	u8 shadow = c->shadow;
	struct x86_insn in;
	int r = fetch_decode(c, &in);

	if (r)
		return r;
	x86_bind(&in, extra);
	*trap = c->rflags & X86_F_TF && !steps_itself(&in);
	c->shadow = 0;
	c->rflags &= ~(u64)X86_F_RF;	/* for one instruction, unless that sets it */
	c->gpr[X86_RIP] += in.len;
	trim_rip(c);
	r = in.exec(c, &in);
	if (r == RUN_FAULT || r == RUN_EXIT || r < 0) {
		c->gpr[X86_RIP] -= in.len;
		trim_rip(c);
		c->shadow = shadow;
		c->rflags |= rf;
	}
	return r;
}

int x86_emulate(struct x86_cpu *c, x86_exec_fn (*extra)(const struct x86_insn *))
{
	bool trap = false;
	int r = step(c, extra, &trap);

	if (r == RUN_FAULT)
		return x86_deliver_exc(c);
	/* A trap ends a HLT at once. */
	if (r != RUN_OK && r != RUN_END && !(r == RUN_HALT && trap))
		return r;
	if (!trap || c->shadow & X86_SHADOW_MOVSS)
		return RUN_OK;
	x86_raise(c, X86_DB);
	c->exc.dr6 = DR6_BS;
	return x86_deliver_exc(c);
}
