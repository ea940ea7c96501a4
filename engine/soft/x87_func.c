// SPDX-License-Identifier: GPL-2.0-or-later
/* x87_func.c - D9 E0 to D9 FF: signs, tests, constants, transcendentals. */
#include "engine/soft/x87_host.h"

#define HANDLER(name) static int name(struct x86_cpu *c, const struct x86_insn *in)

/* One operand, replaced by the result. */

typedef u16 (*unary_fn)(struct x87_reg *r, const struct x87_reg *a);

#define HOST_UNARY(name) \
	static u16 host_##name(struct x87_reg *r, const struct x87_reg *a) \
	{ \
		u16 sw; \
		__asm__ volatile("fldt %[a]\n\t" #name "\n\t" X87_STATUS "fstpt %[r]" \
				 : [sw] "=&a"(sw), [r] "=m"(*r) : [a] "m"(*a) : "cc"); \
		return sw; \
	}

static __always_inline int unary(struct x86_cpu *c, const struct x86_insn *in, unary_fn fn,
				 u16 cc)
{
	struct x86_fpu *f = &c->fpu;
	struct x87_reg r = { 0 };
	u16 sw;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	if (unlikely(x87_empty(f, 0))) {
		f->fsw &= ~cc;
		if (x87_stack_fault(f, false))
			x87_put(f, 0, &x87_indefinite);
		return RUN_OK;
	}
	host_x87_begin(f);
	sw = fn(&r, x87_st(f, 0));
	host_x87_end(f);
	if (x87_done(f, sw, cc, X87_STOP_REG))
		x87_put(f, 0, &r);
	return RUN_OK;
}

#define UNARY(name, cc) \
	HOST_UNARY(name) \
	HANDLER(do_##name) { return unary(c, in, host_##name, cc); }
UNARY(f2xm1, FSW_C1)
UNARY(fsqrt, FSW_C1)
UNARY(frndint, FSW_C1)
UNARY(fsin, FSW_C1 | FSW_C2)
UNARY(fcos, FSW_C1 | FSW_C2)
UNARY(fabs, FSW_C1)
UNARY(fchs, FSW_C1)

/* Two operands. a is ST(0), b ST(1). */

typedef u16 (*binary_fn)(struct x87_reg *r, const struct x87_reg *a, const struct x87_reg *b);

/* Those that keep both, with the result in ST(0). */
#define HOST_BINARY(name) \
	static u16 host_##name(struct x87_reg *r, const struct x87_reg *a, \
			       const struct x87_reg *b) \
	{ \
		u16 sw; \
		__asm__ volatile("fldt %[b]\n\tfldt %[a]\n\t" #name "\n\t" X87_STATUS \
				 "fstpt %[r]\n\tfstp %%st(0)" \
				 : [sw] "=&a"(sw), [r] "=m"(*r) : [a] "m"(*a), [b] "m"(*b) \
				 : "cc"); \
		return sw; \
	}
/* Those that pop one; if an exception kept them from it, r does not matter. */
#define HOST_BINARY_POP(name) \
	static u16 host_##name(struct x87_reg *r, const struct x87_reg *a, \
			       const struct x87_reg *b) \
	{ \
		u16 sw, before; \
		__asm__ volatile("fldt %[b]\n\tfldt %[a]\n\t" \
				 "fnstsw %w[sw]\n\tmovw %w[sw], %[old]\n\t" \
				 #name "\n\t" X87_STATUS \
				 "fstpt %[r]\n\t" \
				 "xorw %w[sw], %[old]\n\ttestw $0x3800, %[old]\n\tjnz 8f\n\t" \
				 "fstp %%st(0)\n8:" \
				 : [sw] "=&a"(sw), [old] "=&r"(before), [r] "=m"(*r) \
				 : [a] "m"(*a), [b] "m"(*b) : "cc"); \
		return sw; \
	}

static bool is_nan(const struct x87_reg *r)
{
	return (r->se & 0x7fff) == 0x7fff && r->mant << 1;
}

static __always_inline int binary(struct x86_cpu *c, const struct x86_insn *in, binary_fn fn,
				  u16 cc, unsigned int dst)
{
	struct x86_fpu *f = &c->fpu;
	struct x87_reg r = { 0 };
	bool go;
	u16 sw;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	if (unlikely(x87_empty(f, 0) || x87_empty(f, 1))) {
		f->fsw &= ~(cc & (FSW_C1 | FSW_C2));
		r = x87_indefinite;
		go = x87_stack_fault(f, false);
	} else {
		host_x87_begin(f);
		sw = fn(&r, x87_st(f, 0), x87_st(f, 1));
		host_x87_end(f);
		/* Without a quotient C0 and C3 stay as they were. */
		if (sw & ~f->fcw & X87_STOP_REG || is_nan(&r))
			cc &= FSW_C1 | FSW_C2;
		go = x87_done(f, sw, cc, X87_STOP_REG);
	}
	if (!go)
		return RUN_OK;
	x87_put(f, dst, &r);
	if (dst)
		x87_pop(f);
	return RUN_OK;
}

#define BINARY(name, cc) \
	HOST_BINARY(name) \
	HANDLER(do_##name) { return binary(c, in, host_##name, cc, 0); }
#define BINARY_POP(name) \
	HOST_BINARY_POP(name) \
	HANDLER(do_##name) { return binary(c, in, host_##name, FSW_C1, 1); }
BINARY(fprem, FSW_CC)
BINARY(fprem1, FSW_CC)
BINARY(fscale, FSW_C1)
BINARY_POP(fyl2x)
BINARY_POP(fyl2xp1)
BINARY_POP(fpatan)

/* One operand, two results: r[0] stays where it was, r[1] is pushed, unless
 * the operand was out of range or an exception kept it. */

typedef u16 (*split_fn)(struct x87_reg r[2], const struct x87_reg *a, bool *pushed);

#define HOST_SPLIT(name) \
	static u16 host_##name(struct x87_reg r[2], const struct x87_reg *a, bool *pushed) \
	{ \
		u16 sw, before; \
		__asm__ volatile("fldt %[a]\n\tfnstsw %w[sw]\n\tmovw %w[sw], %[old]\n\t" \
				 #name "\n\t" X87_STATUS \
				 "xorw %w[sw], %[old]\n\tandw $0x3800, %[old]\n\tjz 8f\n\t" \
				 "fstpt %[r1]\n8:\tfstpt %[r0]" \
				 : [sw] "=&a"(sw), [old] "=&r"(before), [r0] "=m"(r[0]), \
				   [r1] "+m"(r[1]) \
				 : [a] "m"(*a) : "cc"); \
		*pushed = before; \
		return sw; \
	}

static __always_inline int split(struct x86_cpu *c, const struct x86_insn *in, split_fn fn,
				 u16 cc)
{
	struct x86_fpu *f = &c->fpu;
	struct x87_reg r[2] = { x87_indefinite, x87_indefinite };
	bool go, pushed = true, under;
	u16 sw;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	under = x87_empty(f, 0);
	if (unlikely(under || !x87_empty(f, 7))) {
		f->fsw &= ~cc;
		go = x87_stack_fault(f, !under);
	} else {
		host_x87_begin(f);
		sw = fn(r, x87_st(f, 0), &pushed);
		host_x87_end(f);
		go = x87_done(f, sw, cc, X87_STOP_REG);
	}
	if (!go)
		return RUN_OK;
	x87_put(f, 0, &r[0]);
	if (pushed)
		x87_push(f, &r[1]);
	return RUN_OK;
}

#define SPLIT(name, cc) \
	HOST_SPLIT(name) \
	HANDLER(do_##name) { return split(c, in, host_##name, cc); }
SPLIT(fptan, FSW_C1 | FSW_C2)
SPLIT(fsincos, FSW_C1 | FSW_C2)
SPLIT(fxtract, FSW_C1)

/* Tests. */

HOST_UNARY(ftst)
HOST_UNARY(fxam)

HANDLER(do_ftst)
{
	struct x86_fpu *f = &c->fpu;
	struct x87_reg r;
	u16 sw;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	if (unlikely(x87_empty(f, 0))) {
		x87_stack_fault(f, false);
		f->fsw |= FSW_C0 | FSW_C2 | FSW_C3;
		return RUN_OK;
	}
	host_x87_begin(f);
	sw = host_ftst(&r, x87_st(f, 0));
	host_x87_end(f);
	x87_done(f, sw, FSW_CC, X87_STOP_REG);
	return RUN_OK;
}

HANDLER(do_fxam)
{
	struct x86_fpu *f = &c->fpu;
	struct x87_reg r;
	u16 sw;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	host_x87_begin(f);
	sw = host_fxam(&r, x87_st(f, 0));
	host_x87_end(f);
	if (x87_empty(f, 0))
		sw = (sw & ~FSW_C2) | FSW_C0 | FSW_C3;
	x87_done(f, sw, FSW_CC, 0);
	return RUN_OK;
}

/* Constants depend on the rounding mode, so they are the host's too. */

static __always_inline int constant(struct x86_cpu *c, const struct x86_insn *in,
				    unary_fn fn)
{
	struct x86_fpu *f = &c->fpu;
	struct x87_reg r = x87_indefinite;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	if (unlikely(!x87_empty(f, 7))) {
		if (!x87_stack_fault(f, true))
			return RUN_OK;
	} else {
		host_x87_begin(f);
		fn(&r, NULL);
		host_x87_end(f);
		f->fsw &= ~FSW_C1;
	}
	x87_push(f, &r);
	return RUN_OK;
}

#define CONSTANT(name) \
	static u16 host_##name(struct x87_reg *r, const struct x87_reg *a) \
	{ \
		__asm__ volatile(#name "\n\tfstpt %0" : "=m"(*r)); \
		return 0; \
	} \
	HANDLER(do_##name) { return constant(c, in, host_##name); }
CONSTANT(fld1)
CONSTANT(fldl2t)
CONSTANT(fldl2e)
CONSTANT(fldpi)
CONSTANT(fldlg2)
CONSTANT(fldln2)
CONSTANT(fldz)

HANDLER(do_rotate)	/* FDECSTP and FINCSTP */
{
	struct x86_fpu *f = &c->fpu;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	f->fsw &= ~FSW_C1;
	x87_set_top(f, x87_top(f) + (in->modrm == 0xf7 ? 1 : -1));
	return RUN_OK;
}

x86_exec_fn x87_exec_func(const struct x86_insn *in)
{
	static const x86_exec_fn fns[32] = {
		do_fchs, do_fabs, NULL, NULL, do_ftst, do_fxam, NULL, NULL,
		do_fld1, do_fldl2t, do_fldl2e, do_fldpi, do_fldlg2, do_fldln2, do_fldz, NULL,
		do_f2xm1, do_fyl2x, do_fptan, do_fpatan, do_fxtract, do_fprem1, do_rotate,
		do_rotate,
		do_fprem, do_fyl2xp1, do_fsqrt, do_fsincos, do_frndint, do_fscale, do_fsin,
		do_fcos,
	};

	if ((in->cond & 7) != 1 || in->flags & IN_MEM || in->modrm < 0xe0)
		return NULL;
	return fns[in->modrm & 31];
}
