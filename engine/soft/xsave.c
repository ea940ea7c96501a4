// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xsave.c - FXSAVE, XSAVE and their relatives, MXCSR, EMMS.
 * Sources: SDM vol. 1, "Managing State Using the XSAVE Feature Set"; vol. 2.
 *
 * Of the extended components only AVX and PKRU exist, so the compacted format
 * has AVX where the standard one has.
 */
#include "engine/soft/sse.h"
#include "engine/soft/x87.h"

#define XS_X87		1u
#define XS_SSE		2u
#define XS_AVX		X86_XC_AVX
#define XS_PKRU		X86_XC_PKRU
#define XS_COMPACT	(1ull << 63)

#define AT_MXCSR	24u
#define AT_ST		32u
#define AT_XMM		160u
#define AT_HEADER	X86_XSAVE_LEGACY
#define AT_AVX		X86_XSAVE_AVX

#define MXCSR_VALID	0xffffu
#define MXCSR_INIT	0x1f80u

struct area {
	struct x86_cpu *c;
	u64 ea;
	u8 seg;
	u8 regs;		/* XMM registers in this mode: 8 or 16 */
	bool wide;		/* REX.W: 64-bit pointers */
};

static void put(u8 *p, u64 v, unsigned int n)
{
	memcpy(p, &v, n);
}

static u64 get(const u8 *p, unsigned int n)
{
	u64 v = 0;

	memcpy(&v, p, n);
	return v;
}

static int area_init(struct area *a, struct x86_cpu *c, const struct x86_insn *in,
		     unsigned int align)
{
	*a = (struct area){ .c = c, .ea = x86_ea(c, in), .seg = in->seg,
			    .regs = c->mode == X86_MODE64 ? 16 : 8,
			    .wide = in->flags & IN_REXW };
	if ((c->eseg[in->seg].base + a->ea) & (align - 1))
		return x86_raise_err(c, X86_GP, 0);
	return RUN_OK;
}

static int area_store(const struct area *a, unsigned int at, const void *p, unsigned int n)
{
	return x86_store_buf(a->c, a->seg, a->ea + at, p, n);
}

static int area_load(const struct area *a, unsigned int at, void *p, unsigned int n)
{
	return x86_load_buf(a->c, a->seg, a->ea + at, p, n);
}

/* The first 160 bytes of the image but MXCSR and its mask. */
static void x87_to_image(const struct area *a, u8 *p)
{
	const struct x86_fpu *f = &a->c->fpu;
	const struct x87_reg *st;

	memset(p, 0, AT_XMM);
	put(p, f->fcw, 2);
	put(p + 2, f->fsw, 2);
	p[4] = f->ftw;
	put(p + 6, f->fop, 2);
	if (a->wide) {
		put(p + 8, f->fip, 8);
		put(p + 16, f->fdp, 8);
	} else {
		put(p + 8, f->fip, 4);
		put(p + 12, f->fcs, 2);
		put(p + 16, f->fdp, 4);
		put(p + 20, f->fds, 2);
	}
	for (unsigned int i = 0; i < 8; i++) {
		st = &f->st[((f->fsw >> 11) + i) & 7];
		put(p + AT_ST + 16 * i, st->mant, 8);
		put(p + AT_ST + 16 * i + 8, st->se, 2);
	}
}

static void x87_from_image(const struct area *a, const u8 *p)
{
	struct x86_fpu *f = &a->c->fpu;
	struct x87_reg *st;

	x87_set_fcw(f, get(p, 2));
	x87_set_fsw(f, get(p + 2, 2));
	f->ftw = p[4];
	f->fop = get(p + 6, 2) & 0x7ff;
	if (a->wide) {
		f->fip = get(p + 8, 8);
		f->fdp = get(p + 16, 8);
		f->fcs = f->fds = 0;
	} else {
		f->fip = get(p + 8, 4);
		f->fcs = get(p + 12, 2);
		f->fdp = get(p + 16, 4);
		f->fds = get(p + 20, 2);
	}
	for (unsigned int i = 0; i < 8; i++) {
		st = &f->st[((f->fsw >> 11) + i) & 7];
		st->mant = get(p + AT_ST + 16 * i, 8);
		st->se = get(p + AT_ST + 16 * i + 8, 2);
	}
}

static void xmm_to_image(const struct area *a, u8 *p)
{
	for (unsigned int i = 0; i < a->regs; i++)
		memcpy(p + 16 * i, &a->c->fpu.v[i], 16);
}

/* Half 0 is XMM, half 1 the upper half of YMM; p NULL: the initial state. */
static void vec_from_image(const struct area *a, unsigned int half, const u8 *p)
{
	for (unsigned int i = 0; i < a->regs; i++) {
		if (p)
			memcpy(&a->c->fpu.v[i].q[2 * half], p + 16 * i, 16);
		else
			memset(&a->c->fpu.v[i].q[2 * half], 0, 16);
	}
}

static void x87_init_state(struct x86_fpu *f)
{
	f->fcw = 0x37f;
	f->fsw = f->fop = f->fcs = f->fds = 0;
	f->ftw = 0;
	f->fip = f->fdp = 0;
	memset(f->st, 0, sizeof(f->st));
}

/* FXSAVE and FXRSTOR. */

static bool fast_fx(const struct x86_cpu *c)
{
	return c->efer & X86_EFER_FFXSR && c->mode == X86_MODE64 && !c->cpl;
}

static int fx_check(struct x86_cpu *c)
{
	if (!x86_has(c, XF_FXSR))
		return x86_raise(c, X86_UD);
	if (c->cr0 & (X86_CR0_EM | X86_CR0_TS))
		return x86_raise(c, X86_NM);
	return RUN_OK;
}

SIMD_HANDLER(do_fxsave)
{
	u8 image[AT_XMM + 256];
	unsigned int n = AT_XMM;
	struct area a;
	int r = fx_check(c);

	if (!r)
		r = area_init(&a, c, in, 16);
	if (!r)
		r = x86_probe(c, a.seg, a.ea, X86_XSAVE_LEGACY, true);
	if (r)
		return r;
	x87_to_image(&a, image);
	put(image + AT_MXCSR, c->fpu.mxcsr, 4);
	put(image + AT_MXCSR + 4, MXCSR_VALID, 4);
	if (!fast_fx(c)) {
		xmm_to_image(&a, image + AT_XMM);
		n += 16 * a.regs;
	}
	return area_store(&a, 0, image, n);
}

SIMD_HANDLER(do_fxrstor)
{
	u8 image[X86_XSAVE_LEGACY];
	struct area a;
	u32 mxcsr;
	int r = fx_check(c);

	if (!r)
		r = area_init(&a, c, in, 16);
	if (!r)
		r = area_load(&a, 0, image, sizeof(image));
	if (r)
		return r;
	if (c->cr4 & X86_CR4_OSFXSR) {
		mxcsr = get(image + AT_MXCSR, 4);
		if (mxcsr & ~MXCSR_VALID)
			return x86_raise_err(c, X86_GP, 0);
		c->fpu.mxcsr = mxcsr;
		if (!fast_fx(c))
			vec_from_image(&a, 0, image + AT_XMM);
	}
	x87_from_image(&a, image);
	return RUN_OK;
}

/* XSAVE and its variants. */

static int xs_check(struct x86_cpu *c, enum x86_feature f, bool supervisor)
{
	if (!x86_has(c, f) || !(c->cr4 & X86_CR4_OSXSAVE))
		return x86_raise(c, X86_UD);
	if (c->cr0 & X86_CR0_TS)
		return x86_raise(c, X86_NM);
	if (supervisor && c->cpl)
		return x86_raise_err(c, X86_GP, 0);
	return RUN_OK;
}

static u64 xs_request(const struct x86_cpu *c)
{
	return ((u64)(u32)c->gpr[X86_RDX] << 32 | (u32)c->gpr[X86_RAX]) & c->xcr0 & X86_XCR0_ALL;
}

/* XINUSE: components that are not in their initial state. */
static u64 xs_in_use(const struct x86_cpu *c)
{
	const struct x86_fpu *f = &c->fpu;
	u64 low = 0, high = 0, st = 0, r = c->pkru ? XS_PKRU : 0;

	for (unsigned int i = 0; i < 16; i++) {
		low |= f->v[i].q[0] | f->v[i].q[1];
		high |= f->v[i].q[2] | f->v[i].q[3];
	}
	for (unsigned int i = 0; i < 8; i++)
		st |= f->st[i].mant | f->st[i].se;
	if (st || f->fcw != 0x37f || f->fsw || f->ftw || f->fop || f->fip || f->fdp ||
	    f->fcs || f->fds)
		r |= XS_X87;
	return r | (low ? XS_SSE : 0) | (high ? XS_AVX : 0);
}

/* Store the parts; everything was probed. mxcsr: so is MXCSR. pkru_at: where PKRU goes. */
static int xs_store(const struct area *a, u64 parts, bool mxcsr, unsigned int pkru_at)
{
	u8 image[256];
	int r = RUN_OK;

	if (parts & XS_X87) {
		x87_to_image(a, image);
		r = area_store(a, 0, image, AT_MXCSR);
		if (!r)
			r = area_store(a, AT_ST, image + AT_ST, AT_XMM - AT_ST);
	}
	if (!r && mxcsr) {
		put(image, a->c->fpu.mxcsr, 4);
		put(image + 4, MXCSR_VALID, 4);
		r = area_store(a, AT_MXCSR, image, 8);
	}
	if (!r && parts & XS_SSE) {
		xmm_to_image(a, image);
		r = area_store(a, AT_XMM, image, 16 * a->regs);
	}
	if (!r && parts & XS_AVX) {
		for (unsigned int i = 0; i < a->regs; i++)
			memcpy(image + 16 * i, &a->c->fpu.v[i].q[2], 16);
		r = area_store(a, AT_AVX, image, 16 * a->regs);
	}
	if (!r && parts & XS_PKRU) {
		put(image, a->c->pkru, 8);
		r = area_store(a, pkru_at, image, 8);
	}
	return r;
}

static int xs_begin(struct area *a, struct x86_cpu *c, const struct x86_insn *in,
		    unsigned int size)
{
	int r = area_init(a, c, in, 64);

	if (!r)
		r = x86_probe(c, a->seg, a->ea, size, true);
	return r;
}

static int save_standard(struct x86_cpu *c, const struct x86_insn *in, bool optimized)
{
	u64 want = xs_request(c), used = xs_in_use(c), bv;
	struct area a;
	int r = xs_check(c, optimized ? XF_XSAVEOPT : XF_XSAVE, false);

	if (!r)
		r = xs_begin(&a, c, in, x86_xsave_size(want));
	if (!r)
		r = area_load(&a, AT_HEADER, &bv, 8);
	if (!r)
		r = xs_store(&a, optimized ? want & used : want, want & (XS_SSE | XS_AVX),
			     X86_XSAVE_PKRU);
	if (r)
		return r;
	bv = (bv & ~want) | (want & used);
	return area_store(&a, AT_HEADER, &bv, 8);
}

static int save_compact(struct x86_cpu *c, const struct x86_insn *in, bool supervisor)
{
	u64 want = xs_request(c), used = xs_in_use(c), header[2];
	struct area a;
	int r = xs_check(c, supervisor ? XF_XSAVES : XF_XSAVEC, supervisor);

	if (c->fpu.mxcsr != MXCSR_INIT)
		used |= XS_SSE;
	if (!r)
		r = xs_begin(&a, c, in, x86_xsave_compact(want));
	if (!r)
		r = xs_store(&a, want & used, want & used & XS_SSE,
			     x86_xsave_compact(want) - 8);
	if (r)
		return r;
	header[0] = want & used;
	header[1] = want | XS_COMPACT;
	return area_store(&a, AT_HEADER, header, 16);
}

SIMD_HANDLER(do_xsave) { return save_standard(c, in, false); }
SIMD_HANDLER(do_xsaveopt) { return save_standard(c, in, true); }
SIMD_HANDLER(do_xsavec) { return save_compact(c, in, false); }
SIMD_HANDLER(do_xsaves) { return save_compact(c, in, true); }

/* XRSTOR's checks of the header: bit vectors, then bytes that must be zero. */
static bool header_valid(const struct x86_cpu *c, const u64 h[8], bool supervisor)
{
	bool compact = h[1] & XS_COMPACT;
	u64 zero = 0, xcr0 = c->xcr0 & X86_XCR0_ALL;

	if (compact) {
		if (!supervisor && !x86_has(c, XF_XSAVEC))
			return false;
		if (h[1] & ~(xcr0 | XS_COMPACT) || h[0] & ~h[1])
			return false;
		for (unsigned int i = 2; i < 8; i++)
			zero |= h[i];
		return !zero;
	}
	return !supervisor && !(h[0] & ~xcr0) && !h[1] && !h[2];
}

/* Load the extended components; the header has been checked. */
static int xs_load(const struct area *a, const u64 *h, u64 have, u8 image[X86_XSAVE_SIZE])
{
	unsigned int at = h[1] & XS_COMPACT ? x86_xsave_compact(h[1]) - 8 : X86_XSAVE_PKRU;
	int r = RUN_OK;

	if (have & XS_AVX)
		r = area_load(a, AT_AVX, image + AT_AVX, 256);
	if (!r && have & XS_PKRU)
		r = area_load(a, at, image + X86_XSAVE_PKRU, 8);
	return r;
}

/* Cached permissions include the old keys'. */
static int set_pkru(struct x86_cpu *c, u32 pkru)
{
	if (pkru == c->pkru)
		return RUN_OK;
	c->pkru = pkru;
	if (c->env->flush)
		c->env->flush(c, X86_FLUSH_ALL, 0);
	return RUN_END;
}

/* Everything is loaded and checked before anything changes. */
static int xs_restore(struct x86_cpu *c, const struct x86_insn *in, bool supervisor)
{
	u8 image[X86_XSAVE_SIZE];
	u64 want = xs_request(c), have, *h = (u64 *)(image + AT_HEADER);
	bool compact, load_mxcsr;
	u32 mxcsr = MXCSR_INIT;
	struct area a;
	int r = xs_check(c, supervisor ? XF_XSAVES : XF_XSAVE, supervisor);

	if (!r)
		r = area_init(&a, c, in, 64);
	if (!r)
		r = area_load(&a, 0, image, AT_AVX);
	if (r)
		return r;
	if (!header_valid(c, h, supervisor))
		return x86_raise_err(c, X86_GP, 0);
	have = h[0] & want;
	compact = h[1] & XS_COMPACT;
	r = xs_load(&a, h, have, image);
	if (r)
		return r;
	load_mxcsr = want & (compact ? XS_SSE : XS_SSE | XS_AVX);
	if (load_mxcsr && (!compact || have & XS_SSE))
		mxcsr = get(image + AT_MXCSR, 4);
	if (mxcsr & ~MXCSR_VALID)
		return x86_raise_err(c, X86_GP, 0);
	if (load_mxcsr)
		c->fpu.mxcsr = mxcsr;
	if (have & XS_X87)
		x87_from_image(&a, image);
	else if (want & XS_X87)
		x87_init_state(&c->fpu);
	if (want & XS_SSE)
		vec_from_image(&a, 0, have & XS_SSE ? image + AT_XMM : NULL);
	if (want & XS_AVX)
		vec_from_image(&a, 1, have & XS_AVX ? image + AT_AVX : NULL);
	if (want & XS_PKRU)
		return set_pkru(c, have & XS_PKRU ? get(image + X86_XSAVE_PKRU, 4) : 0);
	return RUN_OK;
}

SIMD_HANDLER(do_xrstor) { return xs_restore(c, in, false); }
SIMD_HANDLER(do_xrstors) { return xs_restore(c, in, true); }

/* MXCSR and EMMS. */

SIMD_HANDLER(do_ldmxcsr)
{
	u64 v;
	int r;

	if (sse_off(c, XF_SSE))
		return sse_denied(c, XF_SSE);
	r = x86_load(c, in->seg, x86_ea(c, in), 4, &v);
	if (r)
		return r;
	if (v & ~(u64)MXCSR_VALID)
		return x86_raise_err(c, X86_GP, 0);
	c->fpu.mxcsr = v;
	return RUN_OK;
}

SIMD_HANDLER(do_stmxcsr)
{
	if (sse_off(c, XF_SSE))
		return sse_denied(c, XF_SSE);
	return x86_store(c, in->seg, x86_ea(c, in), 4, c->fpu.mxcsr);
}

SIMD_HANDLER(do_emms)
{
	if (mmx_off(c, XF_MMX))
		return mmx_denied(c, XF_MMX);
	c->fpu.fsw &= ~X87_TOP;
	c->fpu.ftw = 0;
	return RUN_OK;
}

x86_exec_fn soft_exec_xsave(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_emms: return do_emms;
	case OP_fxsave: return do_fxsave;
	case OP_fxrstor: return do_fxrstor;
	case OP_ldmxcsr: return do_ldmxcsr;
	case OP_stmxcsr: return do_stmxcsr;
	case OP_xsave: return do_xsave;
	case OP_xsavec: return do_xsavec;
	case OP_xsaveopt: return do_xsaveopt;
	case OP_xsaves: return do_xsaves;
	case OP_xrstor: return do_xrstor;
	case OP_xrstors: return do_xrstors;
	}
	return NULL;
}
