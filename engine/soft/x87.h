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

#endif
