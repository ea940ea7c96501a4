// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x87_arith.c - two-operand arithmetic and comparisons: D8, DA, DC, DE with a
 * register or memory operand, the FUCOM and FCOMI families, FCMOV.
 * Source: SDM vol. 2, the instructions; vol. 1, "x87 FPU Floating-Point
 * Exception Handling".
 */
#include "core/x86/cpuid.h"
#include "core/x86/flags.h"
#include "engine/soft/x87_host.h"

enum { SRC_ST, SRC_F32, SRC_F64, SRC_I16, SRC_I32, SRC_COUNT };

/* *r = a op b; returns the status word. b is as wide as its kind says. */
typedef u16 (*bin_fn)(struct x87_reg *r, const struct x87_reg *a, const void *b);

#define BIN_ST(op) \
	static u16 op##_st(struct x87_reg *r, const struct x87_reg *a, const void *b) \
	{ \
		u16 sw; \
		__asm__ volatile("fldt %[b]\n\tfldt %[a]\n\t" \
				 #op " %%st(1), %%st\n\t" X87_STATUS \
				 "fstpt %[r]\n\tfstp %%st(0)" \
				 : [sw] "=&a"(sw), [r] "=m"(*r) \
				 : [a] "m"(*a), [b] "m"(*(const struct x87_reg *)b) : "cc"); \
		return sw; \
	}
#define BIN_MEM(name, insn, type) \
	static u16 name(struct x87_reg *r, const struct x87_reg *a, const void *b) \
	{ \
		u16 sw; \
		__asm__ volatile("fldt %[a]\n\t" insn " %[b]\n\t" X87_STATUS "fstpt %[r]" \
				 : [sw] "=&a"(sw), [r] "=m"(*r) \
				 : [a] "m"(*a), [b] "m"(*(const type *)b) : "cc"); \
		return sw; \
	}
/* In AT&T's syntax s and l are 32 and 64 bits of float, 16 and 32 of integer. */
#define BIN(op, iop) \
	BIN_ST(op) \
	BIN_MEM(op##_f32, #op "s", u32) BIN_MEM(op##_f64, #op "l", u64) \
	BIN_MEM(op##_i16, #iop "s", u16) BIN_MEM(op##_i32, #iop "l", u32)
BIN(fadd, fiadd)
BIN(fmul, fimul)
BIN(fsub, fisub)
BIN(fsubr, fisubr)
BIN(fdiv, fidiv)
BIN(fdivr, fidivr)
BIN_MEM(fcom_f32, "fcoms", u32)
BIN_MEM(fcom_f64, "fcoml", u64)
BIN_MEM(fcom_i16, "ficoms", u16)
BIN_MEM(fcom_i32, "ficoml", u32)

#define COMPARE_ST(op) \
	static u16 op##_st(struct x87_reg *r, const struct x87_reg *a, const void *b) \
	{ \
		u16 sw; \
		__asm__ volatile("fldt %[b]\n\tfldt %[a]\n\t" #op " %%st(1)\n\t" X87_STATUS \
				 "fstp %%st(0)\n\tfstp %%st(0)" \
				 : [sw] "=&a"(sw) \
				 : [a] "m"(*a), [b] "m"(*(const struct x87_reg *)b) : "cc"); \
		return sw; \
	}
COMPARE_ST(fcom)
COMPARE_ST(fucom)

#define ROW(op) { op##_st, op##_f32, op##_f64, op##_i16, op##_i32 }
static const bin_fn bin_ops[8][SRC_COUNT] = {
	ROW(fadd), ROW(fmul), ROW(fcom), ROW(fcom), ROW(fsub), ROW(fsubr), ROW(fdiv), ROW(fdivr),
};

/* A comparison's outcome, with npop pops. */
static void compare(struct x86_fpu *f, bin_fn fn, const struct x87_reg *a, const void *b,
		    bool empty, unsigned int npop)
{
	struct x87_reg unused;
	bool go;
	u16 sw;

	if (unlikely(empty)) {
		go = x87_stack_fault(f, false);
		f->fsw |= FSW_C0 | FSW_C2 | FSW_C3;
	} else {
		host_x87_begin(f);
		sw = fn(&unused, a, b);
		host_x87_end(f);
		go = x87_done(f, sw, FSW_CC, X87_STOP_REG);
	}
	while (go && npop--)
		x87_pop(f);
}

/* ST(dst) = ST(dst) or ST(0) op b, as the caller chose a; then maybe a pop. */
static void arith(struct x86_fpu *f, bin_fn fn, unsigned int dst, const struct x87_reg *a,
		  const void *b, bool empty, bool pop)
{
	struct x87_reg r = { 0 };
	bool go;
	u16 sw;

	if (unlikely(empty)) {
		r = x87_indefinite;
		go = x87_stack_fault(f, false);
	} else {
		host_x87_begin(f);
		sw = fn(&r, a, b);
		host_x87_end(f);
		go = x87_done(f, sw, FSW_C1, X87_STOP_REG);
	}
	if (!go)
		return;
	x87_put(f, dst, &r);
	if (pop)
		x87_pop(f);
}

static __always_inline int arith_mem(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int kind, unsigned int size)
{
	unsigned int op = in->modrm >> 3 & 7;
	struct x86_fpu *f = &c->fpu;
	bin_fn fn = bin_ops[op][kind];
	u64 ea = x86_ea(c, in), v;
	int r;

	if (x87_off(c))
		return x87_denied(c);
	r = x86_load(c, in->seg, ea, size, &v);
	if (unlikely(r))
		return r;
	x87_note(c, in, ea);
	if ((op & 6) == 2)
		compare(f, fn, x87_st(f, 0), &v, x87_empty(f, 0), op & 1);
	else
		arith(f, fn, 0, x87_st(f, 0), &v, x87_empty(f, 0), false);
	return RUN_OK;
}

static int arith_f32(struct x86_cpu *c, const struct x86_insn *in)
{
	return arith_mem(c, in, SRC_F32, 4);
}

static int arith_f64(struct x86_cpu *c, const struct x86_insn *in)
{
	return arith_mem(c, in, SRC_F64, 8);
}

static int arith_i16(struct x86_cpu *c, const struct x86_insn *in)
{
	return arith_mem(c, in, SRC_I16, 2);
}

static int arith_i32(struct x86_cpu *c, const struct x86_insn *in)
{
	return arith_mem(c, in, SRC_I32, 4);
}

/* D8: ST(0) = ST(0) op ST(i). */
static int arith_st0(struct x86_cpu *c, const struct x86_insn *in)
{
	unsigned int op = in->modrm >> 3 & 7, i = in->modrm & 7;
	struct x86_fpu *f = &c->fpu;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	arith(f, bin_ops[op][SRC_ST], 0, x87_st(f, 0), x87_st(f, i),
	      x87_empty(f, 0) || x87_empty(f, i), false);
	return RUN_OK;
}

/* DC and DE: ST(i) = ST(i) op ST(0). In these the encodings of a subtraction
 * or division and its reverse are exchanged; so are the operands here. */
static int arith_sti(struct x86_cpu *c, const struct x86_insn *in)
{
	unsigned int op = in->modrm >> 3 & 7, i = in->modrm & 7;
	struct x86_fpu *f = &c->fpu;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	arith(f, bin_ops[op][SRC_ST], i, x87_st(f, 0), x87_st(f, i),
	      x87_empty(f, 0) || x87_empty(f, i), in->cond == 6);
	return RUN_OK;
}

static __always_inline int compare_regs(struct x86_cpu *c, const struct x86_insn *in,
					bin_fn fn, unsigned int npop)
{
	struct x86_fpu *f = &c->fpu;
	unsigned int i = in->modrm & 7;

	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	compare(f, fn, x87_st(f, 0), x87_st(f, i), x87_empty(f, 0) || x87_empty(f, i), npop);
	return RUN_OK;
}

static int do_fcom(struct x86_cpu *c, const struct x86_insn *in)
{
	return compare_regs(c, in, fcom_st, 0);
}

static int do_fcomp(struct x86_cpu *c, const struct x86_insn *in)
{
	return compare_regs(c, in, fcom_st, 1);
}

static int do_fcompp(struct x86_cpu *c, const struct x86_insn *in)
{
	return compare_regs(c, in, fcom_st, 2);
}

static int do_fucom(struct x86_cpu *c, const struct x86_insn *in)
{
	return compare_regs(c, in, fucom_st, 0);
}

static int do_fucomp(struct x86_cpu *c, const struct x86_insn *in)
{
	return compare_regs(c, in, fucom_st, 1);
}

static int do_fucompp(struct x86_cpu *c, const struct x86_insn *in)
{
	return compare_regs(c, in, fucom_st, 2);
}

/* FCOMI and FUCOMI, with a pop in DF. */

static u16 host_comi(const struct x87_reg *a, const struct x87_reg *b, bool quiet, u32 *flags)
{
	u64 rflags;
	u16 sw;

#define COMI(op) \
	__asm__ volatile("fldt %[b]\n\tfldt %[a]\n\t" op " %%st(1), %%st\n\t" \
			 "pushfq\n\tpopq %[f]\n\t" X87_STATUS \
			 "fstp %%st(0)\n\tfstp %%st(0)" \
			 : [sw] "=&a"(sw), [f] "=&r"(rflags) \
			 : [a] "m"(*a), [b] "m"(*b) : "cc")
	if (quiet)
		COMI("fucomi");
	else
		COMI("fcomi");
#undef COMI
	*flags = rflags & (X86_F_CF | X86_F_PF | X86_F_ZF);
	return sw;
}

static int do_fcomi(struct x86_cpu *c, const struct x86_insn *in)
{
	bool quiet = (in->modrm & 0x38) == 0x28, go;
	struct x86_fpu *f = &c->fpu;
	unsigned int i = in->modrm & 7;
	u32 flags = X86_F_CF | X86_F_PF | X86_F_ZF;
	u16 sw;

	if (!x86_has(c, XF_CMOV))
		return x86_raise(c, X86_UD);
	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	if (unlikely(x87_empty(f, 0) || x87_empty(f, i))) {
		go = x87_stack_fault(f, false);
	} else {
		host_x87_begin(f);
		sw = host_comi(x87_st(f, 0), x87_st(f, i), quiet, &flags);
		host_x87_end(f);
		go = x87_done(f, sw, 0, X87_STOP_REG);
	}
	x86_flags_set_arith(c, flags);
	if (go && in->cond == 7)
		x87_pop(f);
	return RUN_OK;
}

/* DA and DB C0 to DF: below, equal, below or equal, unordered; and not. */
static int do_fcmov(struct x86_cpu *c, const struct x86_insn *in)
{
	struct x86_fpu *f = &c->fpu;
	unsigned int i = in->modrm & 7;
	bool yes;

	if (!x86_has(c, XF_CMOV))
		return x86_raise(c, X86_UD);
	if (x87_off(c))
		return x87_denied(c);
	x87_note(c, in, 0);
	switch (in->modrm >> 3 & 3) {
	case 0: yes = x86_cf(c); break;
	case 1: yes = x86_zf(c); break;
	case 2: yes = x86_cf(c) || x86_zf(c); break;
	default: yes = x86_pf(c); break;
	}
	yes ^= in->cond & 1;
	if (unlikely(x87_empty(f, 0) || x87_empty(f, i))) {
		if (x87_stack_fault(f, false))
			x87_put(f, 0, &x87_indefinite);
		return RUN_OK;
	}
	if (yes)
		x87_put(f, 0, x87_st(f, i));
	return RUN_OK;
}

x86_exec_fn x87_exec_arith(const struct x86_insn *in)
{
	static const x86_exec_fn mem[4] = { arith_f32, arith_i32, arith_f64, arith_i16 };
	unsigned int esc = in->cond & 7, reg = in->modrm >> 3 & 7;

	if (in->flags & IN_MEM)
		return esc & 1 ? NULL : mem[esc >> 1];
	switch (esc) {
	case 0: case 4:
		if ((reg & 6) == 2)
			return reg & 1 ? do_fcomp : do_fcom;
		return esc ? arith_sti : arith_st0;
	case 6:
		if (in->modrm == 0xd9)
			return do_fcompp;
		return reg == 2 ? do_fcomp : reg == 3 ? NULL : arith_sti;
	case 2:
		return reg < 4 ? do_fcmov : in->modrm == 0xe9 ? do_fucompp : NULL;
	case 3:
		return reg < 4 ? do_fcmov : reg == 5 || reg == 6 ? do_fcomi : NULL;
	case 5:
		return reg == 4 ? do_fucom : reg == 5 ? do_fucomp : NULL;
	case 7:
		return reg == 5 || reg == 6 ? do_fcomi : NULL;
	}
	return NULL;
}
