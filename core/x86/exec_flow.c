/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_flow.c - near branches: jcc jmp call ret loop jcxz, and the check of
 * where they go.
 */
#include "core/x86/exec_int.h"

/* May RIP become target? Outside 64-bit mode CS has a limit. */
static int flow_check(struct x86_cpu *c, u64 target)
{
	if (c->mode == X86_MODE64 ? x86_canonical(c, target) : target <= c->seg[X86_CS].limit)
		return RUN_OK;
	return x86_raise_err(c, X86_GP, 0);
}

/* The same, quickly and for the usual: canonical with 48 bits is with 57, too.
 * opsize 8 only exists in 64-bit mode; 2 and 4 only outside of it. */
static __always_inline bool flow_surely(const struct x86_cpu *c, unsigned int size, u64 target)
{
	if (size == 8)
		return likely((target + (1ull << 47)) >> 48 == 0);
	return likely(target <= c->seg[X86_CS].limit);
}

static noinline int flow_go_slow(struct x86_cpu *c, u64 target)
{
	int r = flow_check(c, target);

	if (!r)
		c->gpr[X86_RIP] = target;
	return r;
}

static __always_inline int flow_go(struct x86_cpu *c, unsigned int size, u64 target)
{
	target = exec_zext(target, size);
	if (!flow_surely(c, size, target))
		return flow_go_slow(c, target);
	c->gpr[X86_RIP] = target;
	return RUN_OK;
}

static __always_inline int jmp_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	return flow_go(c, size, c->gpr[X86_RIP] + in->imm);
}
EXEC_SIZES(jmp, jmp_body);

static __always_inline int jcc_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, unsigned int cond)
{
	return x86_cond(c, cond) ? jmp_body(c, in, size) : RUN_OK;
}

#define JCC(n)										\
	EXEC(jcc_q_##n) { return jcc_body(c, in, 8, n); }				\
	EXEC(jcc_l_##n) { return jcc_body(c, in, in->opsize == 2 ? 2 : 4, n); }
JCC(0) JCC(1) JCC(2) JCC(3) JCC(4) JCC(5) JCC(6) JCC(7)
JCC(8) JCC(9) JCC(10) JCC(11) JCC(12) JCC(13) JCC(14) JCC(15)

#define TABLE(f) {							\
	f##_0, f##_1, f##_2, f##_3, f##_4, f##_5, f##_6, f##_7,		\
	f##_8, f##_9, f##_10, f##_11, f##_12, f##_13, f##_14, f##_15 }
static const x86_exec_fn jcc_q[16] = TABLE(jcc_q);
static const x86_exec_fn jcc_l[16] = TABLE(jcc_l);

/* A fault of the stack comes before that of the target. */
static noinline int call_slow(struct x86_cpu *c, unsigned int size, u64 target)
{
	int r = x86_probe(c, X86_SS, (c->gpr[X86_RSP] - size) & x86_sp_mask(c), size, true);

	if (!r)
		r = flow_check(c, target);
	if (!r)
		r = x86_push(c, size, c->gpr[X86_RIP]);
	if (!r)
		c->gpr[X86_RIP] = target;
	return r;
}

/* Push the return address, then go. */
static __always_inline int call_push(struct x86_cpu *c, unsigned int size, u64 target)
{
	u64 p, sp = c->gpr[X86_RSP] - 8;

	target = exec_zext(target, size);
	if (size != 8 || !flow_surely(c, 8, target) || !exec_flat_ptr(c, sp, 8, true, &p))
		return call_slow(c, size, target);
	x86_host_store(p, 8, c->gpr[X86_RIP]);
	c->gpr[X86_RSP] = sp;
	c->gpr[X86_RIP] = target;
	return RUN_OK;
}

static __always_inline int call_body(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size)
{
	return call_push(c, size, c->gpr[X86_RIP] + in->imm);
}
EXEC_SIZES(call, call_body);

static __always_inline int jmp_ind_body(struct x86_cpu *c, const struct x86_insn *in,
					unsigned int size)
{
	u64 target;
	int r = exec_rm_get(c, in, size, &target);

	return unlikely(r) ? r : flow_go(c, size, target);
}
EXEC_SIZES(jmp_ind, jmp_ind_body);

static __always_inline int call_ind_body(struct x86_cpu *c, const struct x86_insn *in,
					 unsigned int size)
{
	u64 target;
	int r = exec_rm_get(c, in, size, &target);

	return unlikely(r) ? r : call_push(c, size, target);
}
EXEC_SIZES(call_ind, call_ind_body);

/* imm: bytes of arguments to drop, 0 in the plain form. */
static noinline int ret_slow(struct x86_cpu *c, const struct x86_insn *in)
{
	u64 sp = c->gpr[X86_RSP], target;
	int r = x86_pop(c, in->opsize, &target);

	if (r)
		return r;
	r = flow_go(c, in->opsize, target);
	if (r)
		c->gpr[X86_RSP] = sp;
	else
		x86_sp_set(c, c->gpr[X86_RSP] + in->imm);
	return r;
}

EXEC(ret_q)
{
	u64 p, sp = c->gpr[X86_RSP], target;

	if (!exec_flat_ptr(c, sp, 8, false, &p))
		return ret_slow(c, in);
	target = x86_host_load(p, 8);
	if (!flow_surely(c, 8, target))
		return ret_slow(c, in);
	c->gpr[X86_RSP] = sp + 8 + in->imm;
	c->gpr[X86_RIP] = target;
	return RUN_OK;
}

/* loop, loope, loopne, jcxz: the counter has the address size. */
static u64 flow_counter(const struct x86_cpu *c, const struct x86_insn *in)
{
	return x86_reg_get(c, 8 * X86_RCX, in->adsize);
}

EXEC(loop)
{
	u64 n = flow_counter(c, in) - 1;
	bool take = exec_zext(n, in->adsize) != 0;
	int r = RUN_OK;

	if (in->op == OP_loope)
		take &= x86_zf(c);
	else if (in->op == OP_loopne)
		take &= !x86_zf(c);
	if (take)
		r = flow_go(c, in->opsize, c->gpr[X86_RIP] + in->imm);
	if (r)
		return r;
	x86_reg_set(c, 8 * X86_RCX, in->adsize, n);
	return RUN_OK;
}

EXEC(jcxz)
{
	if (flow_counter(c, in))
		return RUN_OK;
	return flow_go(c, in->opsize, c->gpr[X86_RIP] + in->imm);
}

x86_exec_fn x86_pick_flow(const struct x86_insn *in)
{
	unsigned int s = exec_size(in);

	switch (in->op) {
	case OP_jcc: return (in->opsize == 8 ? jcc_q : jcc_l)[in->cond & 15];
	case OP_jmp: return jmp[s];
	case OP_jmp_ind: return jmp_ind[s];
	case OP_call: return call[s];
	case OP_call_ind: return call_ind[s];
	case OP_ret: return in->opsize == 8 ? ret_q : ret_slow;
	case OP_jcxz: return jcxz;
	}
	return loop;
}
