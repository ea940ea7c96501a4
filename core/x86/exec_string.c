/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_string.c - movs cmps stos lods scas, repeated or not.
 *
 * A repeated one works in runs: as many elements as lie in the present pages
 * of source and destination, moved by the host's own string instruction, which
 * gives overlapping operands the same meaning. What has no host pointer (MMIO,
 * a TLB miss, a page-crossing element) is done singly, and then ends the call:
 * the environment may count accesses by instruction, and the run goes on with
 * the TLB filled. A call moves at most STR_BUDGET bytes, so that interrupts
 * get in; with TF one element, since each traps.
 */
#include "core/x86/exec_int.h"

#define STR_BUDGET (64u << 10)

static __always_inline bool str_down(const struct x86_cpu *c)
{
	return c->rflags & X86_F_DF;
}

static __always_inline u64 str_reg(const struct x86_cpu *c, const struct x86_insn *in,
				   unsigned int reg)
{
	return x86_reg_get(c, 8 * reg, in->adsize);
}

/* Move rSI or rDI by n elements. */
static __always_inline void str_step(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int reg, unsigned int size, u64 n)
{
	u64 bytes = n * size;

	x86_reg_set(c, 8 * reg, in->adsize,
		    c->gpr[reg] + (str_down(c) ? -bytes : bytes));
}

static __always_inline void str_count(struct x86_cpu *c, const struct x86_insn *in, u64 n)
{
	x86_reg_set(c, 8 * X86_RCX, in->adsize, c->gpr[X86_RCX] - n);
}

/* Not finished: run the instruction again, after what the run loop has to do. */
static int str_again(struct x86_cpu *c, const struct x86_insn *in)
{
	c->gpr[X86_RIP] -= in->len;
	return RUN_END;
}

/*
 * Host pointer to the element at seg:ea and, upwards, to those behind it in
 * the page, in the segment and below the end of the address size: *n is cut to
 * their number. 0: no pointer.
 */
static __always_inline u64 str_run(struct x86_cpu *c, const struct x86_insn *in, unsigned int seg,
				   u64 ea, unsigned int size, bool write, u64 *n)
{
	const struct x86_eseg *s = &c->eseg[seg];
	u64 p = x86_host_ptr(c, seg, ea, size, write), room, end;

	if (!p)
		return 0;
	if (str_down(c)) {
		*n = 1;
		return p;
	}
	room = X86_PAGE_SIZE - ((s->base + ea) & ~X86_PAGE_MASK);
	end = (write ? s->wr_end : s->rd_end) - ea;
	if (end < room)
		room = end;
	if (in->adsize != 8) {
		end = (1ull << 8 * in->adsize) - ea;
		if (end < room)
			room = end;
	}
	if (*n > room / size)
		*n = room / size;
	return *n ? p : 0;
}

#define HOST_STRING(insn, dst, src, n) \
	__asm__ volatile(insn : "+D"(dst), "+S"(src), "+c"(n) : : "memory")

static __always_inline void host_movs(u64 dst, u64 src, unsigned int size, u64 n)
{
	switch (size) {
	case 1: HOST_STRING("rep movsb", dst, src, n); break;
	case 2: HOST_STRING("rep movsw", dst, src, n); break;
	case 4: HOST_STRING("rep movsl", dst, src, n); break;
	default: HOST_STRING("rep movsq", dst, src, n);
	}
}

#define HOST_STORE(insn, dst, val, n) \
	__asm__ volatile(insn : "+D"(dst), "+c"(n) : "a"(val) : "memory")

static __always_inline void host_stos(u64 dst, u64 val, unsigned int size, u64 n)
{
	switch (size) {
	case 1: HOST_STORE("rep stosb", dst, val, n); break;
	case 2: HOST_STORE("rep stosw", dst, val, n); break;
	case 4: HOST_STORE("rep stosl", dst, val, n); break;
	default: HOST_STORE("rep stosq", dst, val, n);
	}
}

/* One element, by any path. */

static __always_inline int movs_one(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	u64 v;
	int r = x86_load(c, in->seg, str_reg(c, in, X86_RSI), size, &v);

	if (!r)
		r = x86_store(c, X86_ES, str_reg(c, in, X86_RDI), size, v);
	if (r)
		return r;
	str_step(c, in, X86_RSI, size, 1);
	str_step(c, in, X86_RDI, size, 1);
	return RUN_OK;
}

static __always_inline int stos_one(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	int r = x86_store(c, X86_ES, str_reg(c, in, X86_RDI), size,
			  x86_reg_get(c, 8 * X86_RAX, size));

	if (!r)
		str_step(c, in, X86_RDI, size, 1);
	return r;
}

static __always_inline int lods_one(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	u64 v;
	int r = x86_load(c, in->seg, str_reg(c, in, X86_RSI), size, &v);

	if (r)
		return r;
	x86_reg_set(c, 8 * X86_RAX, size, v);
	str_step(c, in, X86_RSI, size, 1);
	return RUN_OK;
}

static __always_inline int cmps_one(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	u64 a, b;
	int r = x86_load(c, X86_ES, str_reg(c, in, X86_RDI), size, &b);

	/* The second operand goes first, as faults show. */
	if (!r)
		r = x86_load(c, in->seg, str_reg(c, in, X86_RSI), size, &a);
	if (r)
		return r;
	x86_cc_sub(c, size, a, b, a - b);
	str_step(c, in, X86_RSI, size, 1);
	str_step(c, in, X86_RDI, size, 1);
	return RUN_OK;
}

static __always_inline int scas_one(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	u64 a = x86_reg_get(c, 8 * X86_RAX, size), b;
	int r = x86_load(c, X86_ES, str_reg(c, in, X86_RDI), size, &b);

	if (r)
		return r;
	x86_cc_sub(c, size, a, b, a - b);
	str_step(c, in, X86_RDI, size, 1);
	return RUN_OK;
}

/*
 * Runs: up to n elements through host pointers. Return how many were done; 0
 * when there is no pointer.
 */

static __always_inline u64 movs_run(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, u64 n)
{
	u64 src = str_run(c, in, in->seg, str_reg(c, in, X86_RSI), size, false, &n), dst;

	if (!src)
		return 0;
	dst = str_run(c, in, X86_ES, str_reg(c, in, X86_RDI), size, true, &n);
	if (!dst)
		return 0;
	host_movs(dst, src, size, n);
	str_step(c, in, X86_RSI, size, n);
	str_step(c, in, X86_RDI, size, n);
	return n;
}

static __always_inline u64 stos_run(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, u64 n)
{
	u64 dst = str_run(c, in, X86_ES, str_reg(c, in, X86_RDI), size, true, &n);

	if (!dst)
		return 0;
	host_stos(dst, c->gpr[X86_RAX], size, n);
	str_step(c, in, X86_RDI, size, n);
	return n;
}

static __always_inline u64 lods_run(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, u64 n)
{
	u64 src = str_run(c, in, in->seg, str_reg(c, in, X86_RSI), size, false, &n);

	if (!src)
		return 0;
	x86_reg_set(c, 8 * X86_RAX, size, x86_host_load(src + (n - 1) * size, size));
	str_step(c, in, X86_RSI, size, n);
	return n;
}

/* cmps and scas go on while the comparison gives what the prefix asks for. */
static __always_inline bool str_stop(const struct x86_cpu *c, const struct x86_insn *in)
{
	return x86_zf(c) == !!(in->flags & IN_REPNE);
}

static __always_inline u64 cmps_run(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, u64 n)
{
	u64 src = str_run(c, in, in->seg, str_reg(c, in, X86_RSI), size, false, &n), dst;
	u64 i = 0, a, b;
	bool until = in->flags & IN_REPNE;

	if (!src)
		return 0;
	dst = str_run(c, in, X86_ES, str_reg(c, in, X86_RDI), size, false, &n);
	if (!dst)
		return 0;
	do {
		a = x86_host_load(src + i * size, size);
		b = x86_host_load(dst + i * size, size);
		i++;
	} while (i < n && (a == b) != until);
	x86_cc_sub(c, size, a, b, a - b);
	str_step(c, in, X86_RSI, size, i);
	str_step(c, in, X86_RDI, size, i);
	return i;
}

static __always_inline u64 scas_run(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, u64 n)
{
	u64 dst = str_run(c, in, X86_ES, str_reg(c, in, X86_RDI), size, false, &n);
	u64 i = 0, a = x86_reg_get(c, 8 * X86_RAX, size), b;
	bool until = in->flags & IN_REPNE;

	if (!dst)
		return 0;
	do {
		b = x86_host_load(dst + i * size, size);
		i++;
	} while (i < n && (a == b) != until);
	x86_cc_sub(c, size, a, b, a - b);
	str_step(c, in, X86_RDI, size, i);
	return i;
}

typedef u64 (*str_run_fn)(struct x86_cpu *c, const struct x86_insn *in, unsigned int size, u64 n);
typedef int (*str_one_fn)(struct x86_cpu *c, const struct x86_insn *in, unsigned int size);

enum { STR_SI = 1, STR_DI = 2 };

/*
 * With 32-bit addresses processors clear upper halves first, even when a fault
 * or a count of 0 follows; those of the pointers only in movs and stos.
 */
static __always_inline void str_zext(struct x86_cpu *c, unsigned int regs)
{
	c->gpr[X86_RCX] = (u32)c->gpr[X86_RCX];
	if (regs & STR_SI)
		c->gpr[X86_RSI] = (u32)c->gpr[X86_RSI];
	if (regs & STR_DI)
		c->gpr[X86_RDI] = (u32)c->gpr[X86_RDI];
}

/* One element, singly: RUN_OK when it was the last. */
static __always_inline int str_single(struct x86_cpu *c, const struct x86_insn *in,
				      unsigned int size, str_one_fn one, u64 left, bool compare)
{
	int r = one(c, in, size);

	if (r)
		return r;
	str_count(c, in, 1);
	return left == 1 || (compare && str_stop(c, in)) ? RUN_OK : str_again(c, in);
}

/* The loop of all repeated ones. compare: those that set flags; these change
 * when the instruction is through, a fault leaves them as they were. */
static __always_inline int str_rep(struct x86_cpu *c, const struct x86_insn *in,
				   unsigned int size, str_run_fn run, str_one_fn one,
				   unsigned int regs, bool compare)
{
	u64 budget = c->rflags & X86_F_TF ? 1 : STR_BUDGET / size, res = c->cc_res, aux = c->cc_aux, left, n;
	int r = RUN_OK;

	if (in->adsize == 4)
		str_zext(c, regs);
	while ((left = str_reg(c, in, X86_RCX))) {
		n = budget ? run(c, in, size, min(left, budget)) : 0;
		if (unlikely(!n)) {
			r = budget ? str_single(c, in, size, one, left, compare) :
				     str_again(c, in);
			break;
		}
		str_count(c, in, n);
		budget -= n;
		if (compare && str_stop(c, in))
			break;
	}
	if (compare && unlikely(r)) {
		c->cc_res = res;
		c->cc_aux = aux;
	}
	return r;
}

#define STR_OP(name, regs, compare)							\
	EXEC_SIZES(name, name##_one);							\
	EXEC_SIZES(name##_rep, str_rep, name##_run, name##_one, regs, compare)
STR_OP(movs, STR_SI | STR_DI, false);
STR_OP(stos, STR_DI, false);
STR_OP(lods, 0, false);
STR_OP(cmps, 0, true);
STR_OP(scas, 0, true);

x86_exec_fn x86_pick_string(const struct x86_insn *in)
{
	unsigned int s = exec_size(in);
	bool rep = in->flags & (IN_REP | IN_REPNE);

	switch (in->op) {
	case OP_movs: return (rep ? movs_rep : movs)[s];
	case OP_stos: return (rep ? stos_rep : stos)[s];
	case OP_lods: return (rep ? lods_rep : lods)[s];
	case OP_cmps: return (rep ? cmps_rep : cmps)[s];
	}
	return (rep ? scas_rep : scas)[s];
}
