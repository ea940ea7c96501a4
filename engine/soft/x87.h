/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x87.h - the x87 stack and its status, for the files that implement it. */
#ifndef SOFT_X87_H
#define SOFT_X87_H

#include "core/x86/insn.h"
#include "core/x86/mem.h"

/* FSW. The low six bits are exception flags, as in FCW their masks. */
#define FSW_IE		(1u << 0)
#define FSW_DE		(1u << 1)
#define FSW_ZE		(1u << 2)
#define FSW_OE		(1u << 3)
#define FSW_UE		(1u << 4)
#define FSW_PE		(1u << 5)
#define FSW_EXC		0x3fu
#define FSW_SF		(1u << 6)
#define FSW_ES		(1u << 7)
#define FSW_C0		(1u << 8)
#define FSW_C1		(1u << 9)
#define FSW_C2		(1u << 10)
#define FSW_TOP		(7u << 11)
#define FSW_C3		(1u << 14)
#define FSW_CC		(FSW_C0 | FSW_C1 | FSW_C2 | FSW_C3)
#define FSW_B		(1u << 15)
#define FCW_INIT	0x037fu

/* ES and B say whether a flag is set that FCW does not mask. */
static __always_inline void x87_pend(struct x86_fpu *f)
{
	f->fsw &= ~(FSW_ES | FSW_B);
	if (unlikely(f->fsw & ~f->fcw & FSW_EXC))
		f->fsw |= FSW_ES | FSW_B;
}

/* Reserved bits of FCW read as hardware has them. */
static inline void x87_set_fcw(struct x86_fpu *f, u16 v)
{
	f->fcw = (v & 0x1f3f) | 0x40;
	x87_pend(f);
}

static inline void x87_set_fsw(struct x86_fpu *f, u16 v)
{
	f->fsw = v;
	x87_pend(f);
}

static __always_inline unsigned int x87_top(const struct x86_fpu *f)
{
	return f->fsw >> 11 & 7;
}

static __always_inline void x87_set_top(struct x86_fpu *f, unsigned int top)
{
	f->fsw = (f->fsw & ~FSW_TOP) | (top & 7) << 11;
}

/* ST(i): its place in f->st, and whether it is empty. */
static __always_inline unsigned int x87_phys(const struct x86_fpu *f, unsigned int i)
{
	return (x87_top(f) + i) & 7;
}

static __always_inline struct x87_reg *x87_st(struct x86_fpu *f, unsigned int i)
{
	return &f->st[x87_phys(f, i)];
}

static __always_inline bool x87_empty(const struct x86_fpu *f, unsigned int i)
{
	return !(f->ftw >> x87_phys(f, i) & 1);
}

static __always_inline void x87_pop(struct x86_fpu *f)
{
	f->ftw &= ~(1u << x87_top(f));
	x87_set_top(f, x87_top(f) + 1);
}

static __always_inline void x87_push(struct x86_fpu *f, const struct x87_reg *v)
{
	x87_set_top(f, x87_top(f) - 1);
	f->ftw |= 1u << x87_top(f);
	x87_st(f, 0)->mant = v->mant;
	x87_st(f, 0)->se = v->se;
}

/* Write ST(i), which becomes valid. */
static __always_inline void x87_put(struct x86_fpu *f, unsigned int i, const struct x87_reg *v)
{
	struct x87_reg *st = x87_st(f, i);

	st->mant = v->mant;
	st->se = v->se;
	f->ftw |= 1u << x87_phys(f, i);
}

extern const struct x87_reg x87_indefinite;

/* May a waiting (or not: non-waiting) instruction run? */
static __always_inline bool x87_off(const struct x86_cpu *c)
{
	return unlikely(c->cr0 & (X86_CR0_EM | X86_CR0_TS)) || unlikely(c->fpu.fsw & FSW_ES);
}

static inline int x87_denied(struct x86_cpu *c)
{
	return x86_raise(c, c->cr0 & (X86_CR0_EM | X86_CR0_TS) ? X86_NM : X86_MF);
}

/* Remember the last non-control instruction; ea only if it has an operand. */
static __always_inline void x87_note(struct x86_cpu *c, const struct x86_insn *in, u64 ea)
{
	struct x86_fpu *f = &c->fpu;

	f->fip = c->gpr[X86_RIP] - in->len;
	f->fcs = c->seg[X86_CS].sel;
	f->fop = (in->cond & 7) << 8 | in->modrm;
	if (in->flags & IN_MEM) {
		f->fdp = ea;
		f->fds = c->seg[in->seg].sel;
	}
}

/* Stack faults. True: masked, go on with the indefinite value. */
static inline bool x87_stack_fault(struct x86_fpu *f, bool overflow)
{
	f->fsw = (f->fsw & ~FSW_C1) | FSW_IE | FSW_SF | (overflow ? FSW_C1 : 0);
	x87_pend(f);
	return f->fcw & FSW_IE;
}

/*
 * Take over what the host's status word says of an operation: its exception
 * flags and the condition codes in cc. True: no unmasked exception in stop, so
 * results count. The host ran with the guest's masks, see x87_host.h.
 */
static __always_inline bool x87_done(struct x86_fpu *f, u16 sw, u16 cc, u16 stop)
{
	f->fsw = (f->fsw & ~cc) | (sw & (FSW_EXC | cc));
	if (likely(!(sw & ~f->fcw & FSW_EXC)))
		return true;
	x87_pend(f);
	return !(sw & ~f->fcw & stop);
}

/* Exceptions that keep an operation from writing a register or memory. */
#define X87_STOP_REG	(FSW_IE | FSW_DE | FSW_ZE)
#define X87_STOP_MEM	(X87_STOP_REG | FSW_OE | FSW_UE)

x86_exec_fn x87_exec_mem(const struct x86_insn *in);	/* loads and stores */
x86_exec_fn x87_exec_arith(const struct x86_insn *in);	/* with ST(i) or memory */
x86_exec_fn x87_exec_func(const struct x86_insn *in);	/* D9 E0 to D9 FF */
x86_exec_fn x87_exec_env(const struct x86_insn *in);	/* control and environment */

#endif
