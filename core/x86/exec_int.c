/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_int.c - which function executes an integer instruction, and those
 * that are too small for a file: single flags, no-ops, random numbers, bound.
 */
#include "core/x86/exec_int.h"

/* In 64-bit mode lahf and sahf came back later. */
static bool lahf_there(const struct x86_cpu *c)
{
	return c->mode != X86_MODE64 || x86_has(c, XF_LAHF64);
}

EXEC(exec_lahf)
{
	if (!lahf_there(c))
		return x86_raise(c, X86_UD);
	x86_reg_set(c, 1, 1, x86_rflags(c));	/* AH */
	return RUN_OK;
}

EXEC(exec_sahf)
{
	u32 of = x86_of(c) ? X86_F_OF : 0;

	if (!lahf_there(c))
		return x86_raise(c, X86_UD);
	x86_flags_set_arith(c, of | x86_reg_get(c, 1, 1));
	return RUN_OK;
}

EXEC(exec_clc)
{
	exec_set_cf(c, false);
	return RUN_OK;
}

EXEC(exec_stc)
{
	exec_set_cf(c, true);
	return RUN_OK;
}

EXEC(exec_cmc)
{
	exec_set_cf(c, !x86_cf(c));
	return RUN_OK;
}

EXEC(exec_cld)
{
	c->rflags &= ~(u64)X86_F_DF;
	return RUN_OK;
}

EXEC(exec_std)
{
	c->rflags |= X86_F_DF;
	return RUN_OK;
}

EXEC(exec_nop)
{
	return RUN_OK;
}

EXEC(exec_fence)
{
	__sync_synchronize();
	return RUN_OK;
}

/* Caches are the host's business, but the address must be readable. */
EXEC(exec_clflush)
{
	return x86_probe(c, in->seg, x86_ea(c, in), 1, false);
}

static bool host_random(u64 *v, bool seed)
{
	unsigned int tries;
	bool ok = false;

	for (tries = 0; tries < 16 && !ok; tries++) {
		if (seed)
			__asm__ volatile("rdseed %0" : "=r"(*v), "=@ccc"(ok));
		else
			__asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
	}
	return ok;
}

/* CF tells success; without it the destination is 0. */
EXEC(exec_random)
{
	bool seed = in->op == OP_rdseed, ok;
	u64 v = 0;

	if (!x86_has(c, seed ? XF_RDSEED : XF_RDRAND))
		return x86_raise(c, X86_UD);
	ok = host_random(&v, seed);
	x86_reg_set(c, exec_reg1(in), in->opsize, ok ? v : 0);
	x86_flags_set_arith(c, ok ? X86_F_CF : 0);
	return RUN_OK;
}

/* Signed bounds, lower then upper, both inclusive; the upper one is not read
 * when the lower one is missed. */
EXEC(exec_bound)
{
	unsigned int size = in->opsize;
	u64 ea = x86_ea(c, in), v;
	s64 i = (s64)x86_sext(x86_reg_get(c, in->reg, size), size);
	int r = x86_load(c, in->seg, ea, size, &v);

	if (r)
		return r;
	if (i < (s64)x86_sext(v, size))
		return x86_raise(c, X86_BR);
	r = x86_load(c, in->seg, exec_zext(ea + size, in->adsize), size, &v);
	if (r)
		return r;
	return i > (s64)x86_sext(v, size) ? x86_raise(c, X86_BR) : RUN_OK;
}

x86_exec_fn x86_pick_flag(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_lahf: return exec_lahf;
	case OP_sahf: return exec_sahf;
	case OP_clc: return exec_clc;
	case OP_stc: return exec_stc;
	case OP_cmc: return exec_cmc;
	case OP_cld: return exec_cld;
	}
	return exec_std;
}

static x86_exec_fn pick_misc(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_fence: return exec_fence;
	case OP_clflush: return exec_clflush;
	case OP_rdrand:
	case OP_rdseed: return exec_random;
	case OP_bound: return exec_bound;
	}
	return exec_nop;
}

static const x86_pick_fn picks[OP_COUNT] = {
	[OP_add ... OP_test] = x86_pick_alu,
	[OP_not ... OP_dec] = x86_pick_incdec,
	[OP_mul ... OP_imul2] = x86_pick_mul,
	[OP_mov] = x86_pick_mov,
	[OP_movzx ... OP_movsxd] = x86_pick_movx,
	[OP_xchg ... OP_cmpxchg16b] = x86_pick_atomic,
	[OP_lea] = x86_pick_mov,
	[OP_cmov ... OP_setcc] = x86_pick_cond,
	[OP_bswap ... OP_movbe] = x86_pick_conv,
	[OP_rol ... OP_shrd] = x86_pick_shift,
	[OP_bt ... OP_crc32] = x86_pick_bit,
	[OP_andn ... OP_shrx] = x86_pick_bmi,
	[OP_adcx ... OP_adox] = x86_pick_adx,
	[OP_cbw ... OP_cwd] = x86_pick_conv,
	[OP_aaa ... OP_salc] = x86_pick_bcd,
	[OP_xlat] = x86_pick_conv,
	[OP_lahf ... OP_std] = x86_pick_flag,
	[OP_push ... OP_leave] = x86_pick_stack,
	[OP_movs ... OP_scas] = x86_pick_string,
	[OP_ins ... OP_out] = x86_pick_io,
	[OP_jcc ... OP_jcxz] = x86_pick_flow,
	[OP_nop ... OP_rdseed] = pick_misc,
	[OP_movnti] = x86_pick_conv,
	[OP_fence ... OP_clflush] = pick_misc,
};

x86_exec_fn x86_exec_int(const struct x86_insn *in)
{
	return in->op < OP_COUNT && picks[in->op] ? picks[in->op](in) : NULL;
}
