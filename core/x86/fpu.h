/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fpu.h - x87, SSE and AVX register state. The core only stores and converts
 * it (integer code); engine/soft computes with it.
 */
#ifndef CORE_X86_FPU_H
#define CORE_X86_FPU_H

#include "core/host.h"

struct x87_reg {		/* an 80-bit extended real */
	u64 mant;
	u16 se;			/* sign and exponent */
	u8 pad[6];
};

union x86_vec {			/* a YMM register; XMM is its low half */
	u8 b[32];
	u16 w[16];
	u32 d[8];
	u64 q[4];
} __attribute__((aligned(32)));

struct x86_fpu {
	union x86_vec v[16];
	u32 mxcsr;
	u16 fcw, fsw;		/* TOP is bits 11-13 of fsw */
	u8 ftw;			/* abridged: bit i set when physical register i is in use */
	u16 fop;
	u64 fip, fdp;
	u16 fcs, fds;
	struct x87_reg st[8];	/* physical registers R0-R7, not relative to TOP;
				 * MMi is st[i].mant */
};

#define X86_XSAVE_LEGACY 512u	/* the FXSAVE image */
#define X86_XSAVE_HEADER 64u
#define X86_XSAVE_SIZE	(512u + 64u + 256u)	/* x87, SSE, AVX: standard format */
#define X86_XCR0_ALL	7u	/* x87 | SSE | AVX: what the state can hold */

void x86_fpu_reset(struct x86_fpu *f);	/* after RESET and FNINIT + MXCSR 1f80h */

/*
 * The 512-byte FXSAVE image in its 64-bit form. import returns -EINVAL when
 * MXCSR has reserved bits set, and changes nothing then.
 */
void x86_fpu_export(const struct x86_fpu *f, u8 image[X86_XSAVE_LEGACY]);
int x86_fpu_import(struct x86_fpu *f, const u8 image[X86_XSAVE_LEGACY]);

#endif
