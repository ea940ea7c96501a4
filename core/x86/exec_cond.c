/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec_cond.c - what depends on a condition: cmovcc, setcc. Jcc: exec_flow.c. */
#include "core/x86/exec_int.h"

/* A 32-bit destination loses its upper half even when nothing is moved. */
static __always_inline int cmov_reg(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int cond)
{
	unsigned int size = in->opsize;
	u64 v = x86_reg_get(c, in->rm, 8), old = x86_reg_get(c, in->reg, 8);

	v = x86_cond(c, cond) ? v : old;
	if (likely(size != 2))
		x86_reg_set(c, in->reg, 8, size == 8 ? v : (u32)v);
	else
		x86_reg_set(c, in->reg, 2, v);
	return RUN_OK;
}

/* Memory is read whatever the condition says. */
static __always_inline int cmov_mem(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int cond)
{
	unsigned int size = in->opsize;
	u64 v;
	int r = exec_load(c, in, AM_ANY, size, &v);

	if (r)
		return r;
	if (!x86_cond(c, cond))
		v = x86_reg_get(c, in->reg, size);
	x86_reg_set(c, in->reg, size, v);
	return RUN_OK;
}

static __always_inline int setcc_reg(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int cond)
{
	x86_reg_set(c, in->rm, 1, x86_cond(c, cond));
	return RUN_OK;
}

EXEC(setcc_mem)
{
	return x86_store(c, in->seg, x86_ea(c, in), 1, x86_cond(c, in->cond));
}

#define COND(n)								\
	EXEC(cmov_r_##n) { return cmov_reg(c, in, n); }			\
	EXEC(cmov_m_##n) { return cmov_mem(c, in, n); }			\
	EXEC(setcc_r_##n) { return setcc_reg(c, in, n); }
COND(0) COND(1) COND(2) COND(3) COND(4) COND(5) COND(6) COND(7)
COND(8) COND(9) COND(10) COND(11) COND(12) COND(13) COND(14) COND(15)

#define TABLE(f) {							\
	f##_0, f##_1, f##_2, f##_3, f##_4, f##_5, f##_6, f##_7,		\
	f##_8, f##_9, f##_10, f##_11, f##_12, f##_13, f##_14, f##_15 }
static const x86_exec_fn cmov_r[16] = TABLE(cmov_r);
static const x86_exec_fn cmov_m[16] = TABLE(cmov_m);
static const x86_exec_fn setcc_r[16] = TABLE(setcc_r);

x86_exec_fn x86_pick_cond(const struct x86_insn *in)
{
	bool mem = in->flags & IN_MEM;
	unsigned int cond = in->cond & 15;

	if (in->op == OP_cmov)
		return mem ? cmov_m[cond] : cmov_r[cond];
	return mem ? setcc_mem : setcc_r[cond];
}
