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
#define X86_XSAVE_AVX	(512u + 64u)		/* where AVX is in the standard format, */
#define X86_XSAVE_PKRU	(512u + 64u + 256u)	/* and PKRU, as on AMD processors */
#define X86_XSAVE_SIZE	(X86_XSAVE_PKRU + 8u)
#define X86_XC_AVX	(1u << 2)
#define X86_XC_PKRU	(1u << 9)
/* What the state can hold: x87 and SSE besides. */
#define X86_XCR0_ALL	(3u | X86_XC_AVX | X86_XC_PKRU)

/* Bytes of an XSAVE area with these components. */
static inline u32 x86_xsave_size(u64 components)
{
	if (components & X86_XC_PKRU)
		return X86_XSAVE_SIZE;
	return components & X86_XC_AVX ? X86_XSAVE_PKRU : X86_XSAVE_AVX;
}

/* The compacted format leaves no holes. */
static inline u32 x86_xsave_compact(u64 components)
{
	return X86_XSAVE_AVX + (components & X86_XC_AVX ? 256 : 0) +
	       (components & X86_XC_PKRU ? 8 : 0);
}

void x86_fpu_reset(struct x86_fpu *f);	/* after RESET and FNINIT + MXCSR 1f80h */

/*
 * The 512-byte FXSAVE image in its 64-bit form. import returns -EINVAL when
 * MXCSR has reserved bits set, and changes nothing then.
 */
void x86_fpu_export(const struct x86_fpu *f, u8 image[X86_XSAVE_LEGACY]);
int x86_fpu_import(struct x86_fpu *f, const u8 image[X86_XSAVE_LEGACY]);

#endif
