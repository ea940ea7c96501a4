/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_shift.c - shifts and rotates.
 *
 * OF is defined for counts of 1 only. Processors give, for every count, what
 * the first of the single shifts would; a rotate of a register by an immediate
 * greater than 1 keeps it.
 */
#include "core/x86/exec_int.h"

enum sh { SH_ROL, SH_ROR, SH_RCL, SH_RCR, SH_SHL, SH_SHR, SH_SAR, SH_COUNT };

/* Would shifting left once change the sign? */
static __always_inline bool sh_top_differ(u64 a, unsigned int size)
{
	return exec_msb(a ^ a << 1, size);
}

/* How far the operand moves: rotates come around. */
static __always_inline unsigned int sh_steps(enum sh op, unsigned int size, unsigned int n)
{
	switch (op) {
	case SH_RCL:
	case SH_RCR:
		return n % (8 * size + 1);
	case SH_ROL:
	case SH_ROR:
		return n & (8 * size - 1);
	default:
		return n;
	}
}

/* a is zero-extended. n is 1 to 31, or to 63 for 8 bytes. */
static __always_inline u64 sh_result(const struct x86_cpu *c, enum sh op, unsigned int size,
				     u64 a, unsigned int n)
{
	unsigned int bits = 8 * size, k = sh_steps(op, size, n);

	switch (op) {
	case SH_SHL:
		return a << n;
	case SH_SHR:
		return a >> n;
	case SH_SAR:
		return (u64)((s64)x86_sext(a, size) >> n);
	case SH_ROL:
		return a << k | a >> ((bits - k) & (bits - 1));
	case SH_ROR:
		return a >> k | a << ((bits - k) & (bits - 1));
	case SH_RCL:
		if (!k)
			return a;
		return a << k | (u64)x86_cf(c) << (k - 1) | (k > 1 ? a >> (bits + 1 - k) : 0);
	default:
		if (!k)
			return a;
		return a >> k | (u64)x86_cf(c) << (bits - k) |
		       (k > 1 ? a << (bits + 1 - k) : 0);
	}
}

static __always_inline void sh_flags(struct x86_cpu *c, enum sh op, unsigned int size,
				     u64 a, unsigned int n, u64 r, bool reg_imm)
{
	unsigned int bits = 8 * size, k = sh_steps(op, size, n);
	bool keep_of = reg_imm && n != 1;

	switch (op) {
	case SH_SHL:
		exec_set_szp(c, size, r, n <= bits && a >> (bits - n) & 1,
			     sh_top_differ(a, size));
		break;
	case SH_SHR:
		exec_set_szp(c, size, r, a >> (n - 1) & 1, exec_msb(a, size));
		break;
	case SH_SAR:
		exec_set_szp(c, size, r, (s64)x86_sext(a, size) >> (n - 1) & 1, false);
		break;
	case SH_ROL:
		exec_set_cf_of(c, r & 1, keep_of ? x86_of(c) : sh_top_differ(a, size));
		break;
	case SH_ROR:
		exec_set_cf_of(c, exec_msb(r, size),
			       keep_of ? x86_of(c) : exec_msb(a, size) ^ (a & 1));
		break;
	case SH_RCL:
		if (k)
			exec_set_cf_of(c, a >> (bits - k) & 1, sh_top_differ(a, size));
		break;
	default:
		if (k)
			exec_set_cf_of(c, a >> (k - 1) & 1, exec_msb(a, size) ^ x86_cf(c));
	}
}

static __always_inline unsigned int sh_count(const struct x86_cpu *c, const struct x86_insn *in,
					     unsigned int size, bool imm)
{
	return (imm ? in->imm : c->gpr[X86_RCX]) & (size == 8 ? 63 : 31);
}

static __always_inline int sh_reg(struct x86_cpu *c, const struct x86_insn *in,
				  unsigned int size, enum sh op, bool imm)
{
	unsigned int n = sh_count(c, in, size, imm);
	u64 a = x86_reg_get(c, in->rm, size), r = a;

	if (likely(n)) {
		r = sh_result(c, op, size, a, n);
		sh_flags(c, op, size, a, n, r, imm);
	}
	x86_reg_set(c, in->rm, size, r);
	return RUN_OK;
}

static __always_inline int sh_mem(struct x86_cpu *c, const struct x86_insn *in, enum sh op)
{
	unsigned int size = in->opsize;
	bool imm = in->form == FORM_RM_I, again;
	unsigned int n = sh_count(c, in, size, imm);
	struct x86_rmw m;
	u64 a, res;
	int r = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), size, false, &a);

	if (r)
		return r;
	res = n ? sh_result(c, op, size, a, n) : a;
	r = x86_rmw_end(c, &m, res, &again);
	if (r)
		return r;
	if (n)
		sh_flags(c, op, size, a, n, res, false);
	return RUN_OK;
}

#define SH_OP(name, op)				\
	EXEC_SIZES(name##_i, sh_reg, op, true);	\
	EXEC_SIZES(name##_cl, sh_reg, op, false);	\
	EXEC(name##_m) { return sh_mem(c, in, op); }
SH_OP(rol, SH_ROL)
SH_OP(ror, SH_ROR)
SH_OP(rcl, SH_RCL)
SH_OP(rcr, SH_RCR)
SH_OP(shl, SH_SHL)
SH_OP(shr, SH_SHR)
SH_OP(sar, SH_SAR)

/*
 * shld, shrd: b's bits come in. A count beyond 16 bits brings a's in again
 * behind b's.
 */
static __always_inline u64 shd_result(bool left, unsigned int size, u64 a, u64 b, unsigned int n)
{
	unsigned int bits = 8 * size;

	if (size == 2) {
		u64 aba = a << 32 | b << 16 | a;

		return left ? aba << n >> 32 : aba >> n;
	}
	return left ? a << n | b >> (bits - n) : a >> n | b << (bits - n);
}

static __always_inline void shd_flags(struct x86_cpu *c, bool left, unsigned int size,
				      u64 a, u64 b, unsigned int n, u64 r)
{
	unsigned int bits = 8 * size;

	if (left)
		exec_set_szp(c, size, r, (n <= bits ? a >> (bits - n) : b >> (2 * bits - n)) & 1,
			     sh_top_differ(a, size));
	else
		exec_set_szp(c, size, r, (n <= bits ? a >> (n - 1) : b >> (n - bits - 1)) & 1,
			     exec_msb(a, size) ^ (b & 1));
}

static __always_inline int shd_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, bool left)
{
	unsigned int n = sh_count(c, in, size, in->form == FORM_RM_R_I);
	u64 a, b = x86_reg_get(c, in->reg, size), res;
	struct x86_rmw m;
	bool again;
	int r = RUN_OK;

	if (in->flags & IN_MEM)
		r = x86_rmw_begin(c, &m, in->seg, x86_ea(c, in), size, false, &a);
	else
		a = x86_reg_get(c, in->rm, size);
	if (r)
		return r;
	res = n ? shd_result(left, size, a, b, n) : a;
	if (in->flags & IN_MEM)
		r = x86_rmw_end(c, &m, res, &again);
	else
		x86_reg_set(c, in->rm, size, res);
	if (n && !r)
		shd_flags(c, left, size, a, b, n, res);
	return r;
}

EXEC(shld_2) { return shd_body(c, in, 2, true); }
EXEC(shld_4) { return shd_body(c, in, 4, true); }
EXEC(shld_8) { return shd_body(c, in, 8, true); }
EXEC(shrd_2) { return shd_body(c, in, 2, false); }
EXEC(shrd_4) { return shd_body(c, in, 4, false); }
EXEC(shrd_8) { return shd_body(c, in, 8, false); }

static x86_exec_fn pick_shd(const struct x86_insn *in)
{
	if (in->op == OP_shld)
		return in->opsize == 8 ? shld_8 : in->opsize == 4 ? shld_4 : shld_2;
	return in->opsize == 8 ? shrd_8 : in->opsize == 4 ? shrd_4 : shrd_2;
}

x86_exec_fn x86_pick_shift(const struct x86_insn *in)
{
	static const struct {
		const x86_exec_fn *imm, *cl;
		x86_exec_fn mem;
	} fns[SH_COUNT] = {
		{ rol_i, rol_cl, rol_m }, { ror_i, ror_cl, ror_m }, { rcl_i, rcl_cl, rcl_m },
		{ rcr_i, rcr_cl, rcr_m }, { shl_i, shl_cl, shl_m }, { shr_i, shr_cl, shr_m },
		{ sar_i, sar_cl, sar_m },
	};
	enum sh op;

	switch (in->op) {
	case OP_rol: op = SH_ROL; break;
	case OP_ror: op = SH_ROR; break;
	case OP_rcl: op = SH_RCL; break;
	case OP_rcr: op = SH_RCR; break;
	case OP_shl: op = SH_SHL; break;
	case OP_shr: op = SH_SHR; break;
	case OP_sar: op = SH_SAR; break;
	default: return pick_shd(in);
	}
	if (in->flags & IN_MEM)
		return fns[op].mem;
	return (in->form == FORM_RM_I ? fns[op].imm : fns[op].cl)[exec_size(in)];
}
