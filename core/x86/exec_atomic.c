/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec_atomic.c - xchg xadd cmpxchg cmpxchg8b cmpxchg16b. */
#include "core/x86/exec_int.h"

static __always_inline int xchg_reg_body(struct x86_cpu *c, const struct x86_insn *in,
					 unsigned int size)
{
	u64 a = x86_reg_get(c, in->rm, size), b = x86_reg_get(c, in->reg, size);

	x86_reg_set(c, in->rm, size, b);
	x86_reg_set(c, in->reg, size, a);
	return RUN_OK;
}
EXEC_SIZES(xchg_reg, xchg_reg_body);

/* Locked with memory, prefix or not. */
static __always_inline int xchg_mem_body(struct x86_cpu *c, const struct x86_insn *in,
					 unsigned int size)
{
	struct x86_rmw m;
	bool again;
	u64 old;
	int r;

	do {
		r = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), size, true, &old);
		if (r)
			return r;
		r = x86_rmw_end(c, &m, x86_reg_get(c, in->reg, size), &again);
		if (r)
			return r;
	} while (again);
	x86_reg_set(c, in->reg, size, old);
	return RUN_OK;
}
EXEC_SIZES(xchg_mem, xchg_mem_body);

static __always_inline int xadd_reg_body(struct x86_cpu *c, const struct x86_insn *in,
					 unsigned int size)
{
	u64 a = x86_reg_get(c, in->rm, size), b = x86_reg_get(c, in->reg, size);

	x86_cc_add(c, size, a, b, a + b);
	/* In this order: xadd r,r leaves the sum. */
	x86_reg_set(c, in->reg, size, a);
	x86_reg_set(c, in->rm, size, a + b);
	return RUN_OK;
}
EXEC_SIZES(xadd_reg, xadd_reg_body);

static __always_inline int xadd_mem_body(struct x86_cpu *c, const struct x86_insn *in,
					 unsigned int size)
{
	u64 a, b = x86_reg_get(c, in->reg, size);
	struct x86_rmw m;
	bool again;
	int r;

	do {
		r = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), size,
				  in->flags & IN_LOCK, &a);
		if (r)
			return r;
		r = x86_rmw_end(c, &m, a + b, &again);
		if (r)
			return r;
	} while (again);
	x86_cc_add(c, size, a, b, a + b);
	x86_reg_set(c, in->reg, size, a);
	return RUN_OK;
}
EXEC_SIZES(xadd_mem, xadd_mem_body);

static __always_inline int cmpxchg_reg_body(struct x86_cpu *c, const struct x86_insn *in,
					    unsigned int size)
{
	u64 acc = x86_reg_get(c, 8 * X86_RAX, size), old = x86_reg_get(c, in->rm, size);

	x86_cc_sub(c, size, acc, old, acc - old);
	/* One of the two is written, so only one loses its upper half. */
	if (acc == old)
		x86_reg_set(c, in->rm, size, x86_reg_get(c, in->reg, size));
	else
		x86_reg_set(c, 8 * X86_RAX, size, old);
	return RUN_OK;
}
EXEC_SIZES(cmpxchg_reg, cmpxchg_reg_body);

/* Memory is written in any case, on a mismatch with what it had. */
static __always_inline int cmpxchg_mem_body(struct x86_cpu *c, const struct x86_insn *in,
					    unsigned int size)
{
	u64 acc = x86_reg_get(c, 8 * X86_RAX, size), old;
	struct x86_rmw m;
	bool again;
	int r;

	do {
		r = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), size,
				  in->flags & IN_LOCK, &old);
		if (r)
			return r;
		r = x86_rmw_end(c, &m, old == acc ? x86_reg_get(c, in->reg, size) : old, &again);
		if (r)
			return r;
	} while (again);
	x86_cc_sub(c, size, acc, old, acc - old);
	if (acc != old)
		x86_reg_set(c, 8 * X86_RAX, size, old);
	return RUN_OK;
}
EXEC_SIZES(cmpxchg_mem, cmpxchg_mem_body);

/* Only ZF changes. */
static void atomic_set_zf(struct x86_cpu *c, bool zf)
{
	u32 f = x86_flags_arith(c) & ~X86_F_ZF;

	x86_flags_set_arith(c, zf ? f | X86_F_ZF : f);
}

EXEC(cmpxchg8b)
{
	u64 want = (u32)c->gpr[X86_RAX] | c->gpr[X86_RDX] << 32, old;
	u64 val = (u32)c->gpr[X86_RBX] | c->gpr[X86_RCX] << 32;
	struct x86_rmw m;
	bool again;
	int r;

	if (!x86_has(c, XF_CX8))
		return x86_raise(c, X86_UD);
	do {
		r = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), 8, in->flags & IN_LOCK, &old);
		if (r)
			return r;
		r = x86_rmw_end(c, &m, old == want ? val : old, &again);
		if (r)
			return r;
	} while (again);
	if (old != want) {
		x86_reg_set(c, 8 * X86_RAX, 4, old);
		x86_reg_set(c, 8 * X86_RDX, 4, old >> 32);
	}
	atomic_set_zf(c, old == want);
	return RUN_OK;
}

/* 16 bytes at once; *old is what was there. */
static bool host_cas16(u64 hva, u64 old[2], const u64 val[2])
{
	bool ok;

	__asm__ volatile("lock cmpxchg16b %1"
			 : "=@ccz"(ok), "+m"(*(u64 (*)[2])hva), "+a"(old[0]), "+d"(old[1])
			 : "b"(val[0]), "c"(val[1]) : "memory");
	return ok;
}

static int cas16_slow(struct x86_cpu *c, const struct x86_insn *in, u64 ea, u64 old[2],
		      const u64 val[2], bool *ok)
{
	u64 was[2];
	u64 p;
	int r = x86_probe(c, in->seg, ea, 16, true);

	if (r)
		return r;
	/* The page may be in the TLB now. Others on it use the host's. */
	p = x86_host_ptr(c, in->seg, ea, 16, true);
	if (p) {
		*ok = host_cas16(p, old, val);
		return RUN_OK;
	}
	if (c->env->bus_lock)
		c->env->bus_lock(c);
	r = x86_load_buf(c, in->seg, ea, was, 16);
	if (!r) {
		*ok = was[0] == old[0] && was[1] == old[1];
		r = x86_store_buf(c, in->seg, ea, *ok ? val : was, 16);
	}
	if (c->env->bus_unlock)
		c->env->bus_unlock(c);
	if (!r) {
		old[0] = was[0];
		old[1] = was[1];
	}
	return r;
}

EXEC(cmpxchg16b)
{
	u64 old[2] = { c->gpr[X86_RAX], c->gpr[X86_RDX] };
	const u64 val[2] = { c->gpr[X86_RBX], c->gpr[X86_RCX] };
	u64 ea = x86_ea(c, in), p;
	bool ok = false;
	int r;

	if (!x86_has(c, XF_CX16))
		return x86_raise(c, X86_UD);
	if ((c->eseg[in->seg].base + ea) & 15)
		return x86_raise_err(c, X86_GP, 0);
	p = x86_host_ptr(c, in->seg, ea, 16, true);
	if (likely(p)) {
		ok = host_cas16(p, old, val);
	} else {
		r = cas16_slow(c, in, ea, old, val, &ok);
		if (r)
			return r;
	}
	if (!ok) {
		c->gpr[X86_RAX] = old[0];
		c->gpr[X86_RDX] = old[1];
	}
	atomic_set_zf(c, ok);
	return RUN_OK;
}

x86_exec_fn x86_pick_atomic(const struct x86_insn *in)
{
	bool mem = in->flags & IN_MEM;

	switch (in->op) {
	case OP_cmpxchg8b: return cmpxchg8b;
	case OP_cmpxchg16b: return cmpxchg16b;
	case OP_xadd: return (mem ? xadd_mem : xadd_reg)[exec_size(in)];
	case OP_cmpxchg: return (mem ? cmpxchg_mem : cmpxchg_reg)[exec_size(in)];
	}
	return (mem ? xchg_mem : xchg_reg)[exec_size(in)];
}
