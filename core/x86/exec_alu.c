/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_alu.c - addition, subtraction, logic: add or adc sbb and sub xor cmp
 * test, inc dec not neg, adcx adox.
 */
#include "core/x86/exec_int.h"

enum alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP,
	   ALU_TEST, ALU_COUNT };

static __always_inline u64 alu_result(const struct x86_cpu *c, enum alu op, u64 a, u64 b)
{
	switch (op) {
	case ALU_ADD: return a + b;
	case ALU_ADC: return a + b + x86_cf(c);
	case ALU_SUB:
	case ALU_CMP: return a - b;
	case ALU_SBB: return a - b - x86_cf(c);
	case ALU_OR: return a | b;
	case ALU_XOR: return a ^ b;
	default: return a & b;
	}
}

static __always_inline void alu_flags(struct x86_cpu *c, enum alu op, unsigned int size,
				      u64 a, u64 b, u64 r)
{
	switch (op) {
	case ALU_ADD:
	case ALU_ADC:
		x86_cc_add(c, size, a, b, r);
		break;
	case ALU_SUB:
	case ALU_SBB:
	case ALU_CMP:
		x86_cc_sub(c, size, a, b, r);
		break;
	default:
		x86_cc_logic(c, size, r);
	}
}

static __always_inline bool alu_writes(enum alu op)
{
	return op != ALU_CMP && op != ALU_TEST;
}

/* Both operands in registers, or an immediate. */
static __always_inline int alu_reg(struct x86_cpu *c, unsigned int size, enum alu op,
				   u8 dst, u64 b)
{
	u64 a = x86_reg_get(c, dst, size);
	u64 r = alu_result(c, op, a, b);

	alu_flags(c, op, size, a, b, r);
	if (alu_writes(op))
		x86_reg_set(c, dst, size, r);
	return RUN_OK;
}

static __always_inline int alu_rm_r(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, enum alu op)
{
	return alu_reg(c, size, op, in->rm, x86_reg_get(c, in->reg, size));
}

static __always_inline int alu_r_rm(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, enum alu op)
{
	return alu_reg(c, size, op, in->reg, x86_reg_get(c, in->rm, size));
}

static __always_inline int alu_rm_i(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, enum alu op)
{
	return alu_reg(c, size, op, in->rm, in->imm);
}

static __always_inline int alu_r_i(struct x86_cpu *c, const struct x86_insn *in,
				   unsigned int size, enum alu op)
{
	return alu_reg(c, size, op, in->reg, in->imm);
}

static __always_inline int alu_r_m(struct x86_cpu *c, const struct x86_insn *in,
				   x86_exec_fn slow, enum exec_am am, unsigned int size,
				   enum alu op)
{
	u64 b;
	int r = exec_load(c, in, am, size, &b);

	if (unlikely(r))
		return EXEC_MISS(r);
	return alu_reg(c, size, op, in->reg, b);
}

/* Memory is read only: cmp, test. */
static __always_inline int alu_m_read(struct x86_cpu *c, const struct x86_insn *in,
				      x86_exec_fn slow, enum exec_am am, unsigned int size,
				      enum alu op, bool imm)
{
	u64 a, b, r;
	int err = exec_load(c, in, am, size, &a);

	if (unlikely(err))
		return EXEC_MISS(err);
	b = imm ? in->imm : x86_reg_get(c, in->reg, size);
	r = alu_result(c, op, a, b);
	alu_flags(c, op, size, a, b, r);
	return RUN_OK;
}

/* Memory is the destination. */
static __always_inline int alu_rmw(struct x86_cpu *c, const struct x86_insn *in,
				   enum exec_am am, unsigned int size, enum alu op,
				   bool lock, u64 b, x86_exec_fn slow)
{
	struct x86_rmw m;
	u64 p, a, r;
	bool again;
	int err;

	if (am != AM_ANY) {
		if (!exec_flat_ptr(c, exec_flat_ea(c, in, am), size, true, &p))
			return slow(c, in);
		a = x86_host_load(p, size);
		r = alu_result(c, op, a, b);
		x86_host_store(p, size, r);
		alu_flags(c, op, size, a, b, r);
		return RUN_OK;
	}
	do {
		err = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), size, lock, &a);
		if (err)
			return err;
		r = alu_result(c, op, a, b);
		err = x86_rmw_end(c, &m, r, &again);
		if (err)
			return err;
	} while (again);
	alu_flags(c, op, size, a, b, r);
	return RUN_OK;
}

static __always_inline int alu_m_r(struct x86_cpu *c, const struct x86_insn *in,
				   x86_exec_fn slow, enum exec_am am, unsigned int size,
				   enum alu op)
{
	if (!alu_writes(op))
		return alu_m_read(c, in, slow, am, size, op, false);
	return alu_rmw(c, in, am, size, op, false, x86_reg_get(c, in->reg, size), slow);
}

static __always_inline int alu_m_i(struct x86_cpu *c, const struct x86_insn *in,
				   x86_exec_fn slow, enum exec_am am, unsigned int size,
				   enum alu op)
{
	if (!alu_writes(op))
		return alu_m_read(c, in, slow, am, size, op, true);
	return alu_rmw(c, in, am, size, op, false, in->imm, slow);
}

/* Any size: the operand's width is not what a locked access spends its time on. */
static __always_inline int alu_lock(struct x86_cpu *c, const struct x86_insn *in, enum alu op)
{
	u64 b = in->form == FORM_RM_I ? in->imm : x86_reg_get(c, in->reg, in->opsize);

	return alu_rmw(c, in, AM_ANY, in->opsize, op, true, b, NULL);
}

struct alu_fns {
	const x86_exec_fn *rm_r, *r_rm, *rm_i, *r_i;
	x86_exec_fn lock;
	const x86_exec_fn (*r_m)[AM_COUNT], (*m_r)[AM_COUNT], (*m_i)[AM_COUNT];
};

#define ALU_OP(name, op)				\
	EXEC_SIZES(name##_rm_r, alu_rm_r, op);		\
	EXEC_SIZES(name##_r_rm, alu_r_rm, op);		\
	EXEC_SIZES(name##_rm_i, alu_rm_i, op);		\
	EXEC_SIZES(name##_r_i, alu_r_i, op);		\
	EXEC(name##_lock) { return alu_lock(c, in, op); }	\
	EXEC_MEM(name##_r_m, alu_r_m, op);		\
	EXEC_MEM(name##_m_r, alu_m_r, op);		\
	EXEC_MEM(name##_m_i, alu_m_i, op)
#define ALU_FNS(name)							\
	{ name##_rm_r, name##_r_rm, name##_rm_i, name##_r_i, name##_lock,	\
	  name##_r_m, name##_m_r, name##_m_i }

ALU_OP(add, ALU_ADD);
ALU_OP(or, ALU_OR);
ALU_OP(adc, ALU_ADC);
ALU_OP(sbb, ALU_SBB);
ALU_OP(and, ALU_AND);
ALU_OP(sub, ALU_SUB);
ALU_OP(xor, ALU_XOR);
ALU_OP(cmp, ALU_CMP);
ALU_OP(test, ALU_TEST);

static const struct alu_fns alu_fns[ALU_COUNT] = {
	[ALU_ADD] = ALU_FNS(add), [ALU_OR] = ALU_FNS(or), [ALU_ADC] = ALU_FNS(adc),
	[ALU_SBB] = ALU_FNS(sbb), [ALU_AND] = ALU_FNS(and), [ALU_SUB] = ALU_FNS(sub),
	[ALU_XOR] = ALU_FNS(xor), [ALU_CMP] = ALU_FNS(cmp), [ALU_TEST] = ALU_FNS(test),
};

/* xor r,r and sub r,r: the usual ways to clear a register. */
static __always_inline int alu_zero_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	x86_reg_set(c, in->reg, size, 0);
	c->cc_res = 0;
	c->cc_aux = 0;
	return RUN_OK;
}
EXEC_SIZES(alu_zero, alu_zero_body);

/* test r,r: the result is the register. */
static __always_inline int alu_self_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	x86_cc_logic(c, size, x86_reg_get(c, in->reg, size));
	return RUN_OK;
}
EXEC_SIZES(alu_self, alu_self_body);

static enum alu alu_of(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_add: return ALU_ADD;
	case OP_or: return ALU_OR;
	case OP_adc: return ALU_ADC;
	case OP_sbb: return ALU_SBB;
	case OP_and: return ALU_AND;
	case OP_sub: return ALU_SUB;
	case OP_xor: return ALU_XOR;
	case OP_cmp: return ALU_CMP;
	}
	return ALU_TEST;
}

x86_exec_fn x86_pick_alu(const struct x86_insn *in)
{
	enum alu op = alu_of(in);
	const struct alu_fns *f = &alu_fns[op];
	unsigned int s = exec_size(in), am = exec_am(in);

	if (in->flags & IN_MEM) {
		if (in->flags & IN_LOCK)
			return f->lock;
		if (in->form == FORM_RM_I)
			return f->m_i[s][am];
		return in->form == FORM_R_RM ? f->r_m[s][am] : f->m_r[s][am];
	}
	if (in->form == FORM_RM_I)
		return f->rm_i[s];
	if (in->form == FORM_R_I)
		return f->r_i[s];
	if (in->reg == in->rm && (op == ALU_XOR || op == ALU_SUB))
		return alu_zero[s];
	if (in->reg == in->rm && (op == ALU_TEST || op == ALU_AND || op == ALU_OR) &&
	    (op == ALU_TEST || in->opsize != 4))
		return alu_self[s];
	return in->form == FORM_R_RM ? f->r_rm[s] : f->rm_r[s];
}

/* inc, dec, not, neg. */
enum alu1 { ALU_INC, ALU_DEC, ALU_NOT, ALU_NEG };

static __always_inline u64 alu1_result(enum alu1 op, u64 a)
{
	switch (op) {
	case ALU_INC: return a + 1;
	case ALU_DEC: return a - 1;
	case ALU_NOT: return ~a;
	default: return -a;
	}
}

/* inc and dec keep CF; not keeps everything. */
static __always_inline void alu1_flags(struct x86_cpu *c, enum alu1 op, unsigned int size,
				       u64 a, u64 r)
{
	u64 cf = c->cc_aux & CC_CF, of, af;

	if (op == ALU_NOT)
		return;
	if (op == ALU_NEG) {
		x86_cc_sub(c, size, 0, a, r);
		return;
	}
	if (op == ALU_INC) {
		of = ~a & r;		/* the sign went from 0 to 1 */
		af = !(r & 15);
	} else {
		of = a & ~r;
		af = (r & 15) == 15;
	}
	c->cc_res = x86_sext(r, size);
	c->cc_aux = (cf | af << 3) ^ (cf >> 1) ^ (of << (64 - 8 * size) >> 1 & CC_PO);
}

static __always_inline int alu1_reg(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, enum alu1 op, bool rm)
{
	u8 reg = rm ? in->rm : in->reg;
	u64 a = x86_reg_get(c, reg, size), r = alu1_result(op, a);

	alu1_flags(c, op, size, a, r);
	x86_reg_set(c, reg, size, r);
	return RUN_OK;
}

static __always_inline int alu1_mem(struct x86_cpu *c, const struct x86_insn *in,
				    x86_exec_fn slow, enum exec_am am, unsigned int size,
				    enum alu1 op)
{
	struct x86_rmw m;
	u64 p, a, r;
	bool again;
	int err;

	if (am != AM_ANY) {
		if (!exec_flat_ptr(c, exec_flat_ea(c, in, am), size, true, &p))
			return slow(c, in);
		a = x86_host_load(p, size);
		r = alu1_result(op, a);
		x86_host_store(p, size, r);
		alu1_flags(c, op, size, a, r);
		return RUN_OK;
	}
	do {
		err = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), size,
				    in->flags & IN_LOCK, &a);
		if (err)
			return err;
		r = alu1_result(op, a);
		err = x86_rmw_end(c, &m, r, &again);
		if (err)
			return err;
	} while (again);
	alu1_flags(c, op, size, a, r);
	return RUN_OK;
}

#define ALU1_OP(name, op)				\
	EXEC_SIZES(name##_rm, alu1_reg, op, true);	\
	EXEC_SIZES(name##_r, alu1_reg, op, false);	\
	EXEC_MEM(name##_m, alu1_mem, op)

ALU1_OP(inc, ALU_INC);
ALU1_OP(dec, ALU_DEC);
ALU1_OP(not, ALU_NOT);
ALU1_OP(neg, ALU_NEG);

x86_exec_fn x86_pick_incdec(const struct x86_insn *in)
{
	static const struct {
		const x86_exec_fn *rm, *r;
		const x86_exec_fn (*m)[AM_COUNT];
	} fns[] = {
		[ALU_INC] = { inc_rm, inc_r, inc_m }, [ALU_DEC] = { dec_rm, dec_r, dec_m },
		[ALU_NOT] = { not_rm, not_r, not_m }, [ALU_NEG] = { neg_rm, neg_r, neg_m },
	};
	unsigned int s = exec_size(in);
	enum alu1 op = in->op == OP_inc ? ALU_INC : in->op == OP_dec ? ALU_DEC :
		       in->op == OP_not ? ALU_NOT : ALU_NEG;

	if (in->flags & IN_MEM)
		return fns[op].m[s][in->flags & IN_LOCK ? AM_ANY : exec_am(in)];
	return in->form == FORM_RM ? fns[op].rm[s] : fns[op].r[s];
}

/* adcx, adox: addition through one flag, the others kept. */
static __always_inline int adx(struct x86_cpu *c, const struct x86_insn *in, bool use_of)
{
	unsigned int size = in->opsize;
	unsigned __int128 sum;
	bool cf = x86_cf(c), of = x86_of(c), carry;
	u64 b;
	int r;

	if (!x86_has(c, XF_ADX))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, size, &b);
	if (r)
		return r;
	sum = (unsigned __int128)x86_reg_get(c, in->reg, size) + b + (use_of ? of : cf);
	carry = sum >> (8 * size) & 1;
	x86_reg_set(c, in->reg, size, sum);
	exec_set_cf_of(c, use_of ? cf : carry, use_of ? carry : of);
	return RUN_OK;
}

EXEC(adcx) { return adx(c, in, false); }
EXEC(adox) { return adx(c, in, true); }

x86_exec_fn x86_pick_adx(const struct x86_insn *in)
{
	return in->op == OP_adcx ? adcx : adox;
}
