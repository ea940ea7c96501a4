// SPDX-License-Identifier: GPL-2.0-or-later
/* seg.c - descriptors and segment registers. */
#include "core/x86/seg.h"

static bool desc_addr(const struct x86_cpu *c, u16 sel, unsigned int n, u64 *lin)
{
	const struct x86_seg *ldt = &c->seg[X86_LDTR];
	u32 off = sel & 0xfff8, last = off + n - 1;

	if (!(sel & 4)) {
		*lin = c->gdt.base + off;
		return last <= c->gdt.limit;
	}
	*lin = ldt->base + off;
	return !(ldt->attr & X86_SEG_UNUSABLE) && ldt->attr & X86_SEG_P && last <= ldt->limit;
}

int x86_desc_read(struct x86_cpu *c, u16 sel, u64 *d)
{
	u64 lin;

	if (!desc_addr(c, sel, 8, &lin))
		return X86_DESC_NONE;
	return x86_lin_read(c, lin, d, 8, ACC_IMPLICIT);
}

int x86_desc_read16(struct x86_cpu *c, u16 sel, u64 d[2])
{
	u64 lin;

	if (!desc_addr(c, sel, 16, &lin))
		return X86_DESC_NONE;
	return x86_lin_read(c, lin, d, 16, ACC_IMPLICIT);
}

int x86_desc_get(struct x86_cpu *c, u16 sel, u64 *d, u8 vec, u32 ext)
{
	int r = x86_desc_read(c, sel, d);

	return r == X86_DESC_NONE ? x86_raise_err(c, vec, (sel & 0xfffc) | ext) : r;
}

int x86_desc_accessed(struct x86_cpu *c, u16 sel, u64 *d)
{
	u64 lin;
	u8 type;

	if (likely(*d & 1ull << 40))
		return RUN_OK;
	if (!desc_addr(c, sel, 8, &lin))
		return x86_raise_err(c, X86_GP, sel & 0xfffc);
	*d |= 1ull << 40;
	type = *d >> 40;
	return x86_lin_write(c, lin + 5, &type, 1, ACC_IMPLICIT);
}

int x86_desc_busy(struct x86_cpu *c, u16 sel, bool busy)
{
	u64 lin;
	u8 type;
	int r;

	if (!desc_addr(c, sel, 8, &lin))
		return x86_raise_err(c, X86_GP, sel & 0xfffc);
	r = x86_lin_read(c, lin + 5, &type, 1, ACC_IMPLICIT | ACC_WRITE);
	if (r)
		return r;
	type = busy ? type | 2 : type & ~2;
	return x86_lin_write(c, lin + 5, &type, 1, ACC_IMPLICIT);
}

void x86_seg_set(struct x86_cpu *c, unsigned int seg, u16 sel, u64 d)
{
	c->seg[seg] = (struct x86_seg){ .base = x86_desc_base(d), .limit = x86_desc_limit(d),
					.sel = sel, .attr = x86_desc_attr(d) };
}

void x86_seg_null(struct x86_cpu *c, unsigned int seg, u16 sel)
{
	c->seg[seg] = (struct x86_seg){ .sel = sel, .attr = X86_SEG_UNUSABLE };
	/* Without CPL beside it, state outside keeps it in SS.DPL. */
	if (seg == X86_SS)
		c->seg[seg].attr |= c->cpl << X86_SEG_DPL_SHIFT;
}

void x86_seg_real(struct x86_cpu *c, unsigned int seg, u16 sel)
{
	struct x86_seg *s = &c->seg[seg];

	s->sel = sel;
	s->base = (u64)sel << 4;
	if (x86_v86(c)) {
		s->limit = 0xffff;
		s->attr = 0xf3;
		return;
	}
	/* Limit and size stay what they were: "unreal" mode. */
	if (s->attr & X86_SEG_UNUSABLE)
		s->limit = 0xffff;
	s->attr = (s->attr & (X86_SEG_G | X86_SEG_DB | X86_SEG_AVL)) | X86_SEG_P | X86_SEG_S |
		  (seg == X86_CS ? 0xb : 3);
}

void x86_cs_set(struct x86_cpu *c, u16 sel, u64 d, u8 cpl)
{
	bool flat = c->mode == X86_MODE64 && x86_desc_attr(d) & X86_SEG_L;

	x86_seg_set(c, X86_CS, (sel & ~3) | cpl, d);
	if (likely(flat)) {
		if (c->cpl != cpl)
			x86_set_cpl(c, cpl);
		return;
	}
	c->cpl = cpl;
	x86_mode_update(c);
}

void x86_segs_drop(struct x86_cpu *c)
{
	static const u8 segs[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(segs); i++) {
		struct x86_seg *s = &c->seg[segs[i]];

		if (x86_sel_null(s->sel))	/* its RPL goes */
			s->sel = 0;
		if (s->attr & X86_SEG_UNUSABLE || x86_attr_conforming(s->attr) ||
		    x86_attr_dpl(s->attr) >= c->cpl)
			continue;
		/* The base stays, as processors leave it. */
		s->sel = 0;
		s->limit = 0;
		s->attr = X86_SEG_UNUSABLE;
		x86_eseg_update(c, segs[i]);
	}
}

bool x86_ip_ok(struct x86_cpu *c, u16 attr, u32 limit, u64 ip)
{
	if (x86_long_mode(c) && attr & X86_SEG_L)
		return x86_canonical(c, ip);
	return ip <= limit;
}

int x86_check_ss(struct x86_cpu *c, u16 sel, u8 cpl, u8 vec, u32 ext, u64 *d)
{
	u32 err = (sel & 0xfffc) | ext;
	u16 attr;
	int r;

	if (x86_sel_null(sel))
		return x86_raise_err(c, vec, ext);
	r = x86_desc_get(c, sel, d, vec, ext);
	if (r)
		return r;
	attr = x86_desc_attr(*d);
	if ((sel & 3) != cpl || !x86_attr_writable(attr) || x86_attr_dpl(attr) != cpl)
		return x86_raise_err(c, vec, err);
	if (!(attr & X86_SEG_P))
		return x86_raise_err(c, X86_SS_EXC, err);
	return RUN_OK;
}

static int load_ss(struct x86_cpu *c, u16 sel)
{
	u64 d;
	int r;

	if (x86_sel_null(sel) && c->mode == X86_MODE64 && c->cpl != 3 && (sel & 3) == c->cpl) {
		x86_seg_null(c, X86_SS, sel);
		x86_eseg_update(c, X86_SS);
		return RUN_OK;
	}
	r = x86_check_ss(c, sel, c->cpl, X86_GP, 0, &d);
	if (!r)
		r = x86_desc_accessed(c, sel, &d);
	if (r)
		return r;
	x86_seg_set(c, X86_SS, sel, d);
	x86_eseg_update(c, X86_SS);
	return RUN_OK;
}

int x86_load_data(struct x86_cpu *c, unsigned int seg, u16 sel, u8 vec, u32 ext)
{
	u32 err = (sel & 0xfffc) | ext;
	u16 attr;
	u64 d;
	int r;

	r = x86_desc_get(c, sel, &d, vec, ext);
	if (r)
		return r;
	attr = x86_desc_attr(d);
	if (!x86_attr_readable(attr))
		return x86_raise_err(c, vec, err);
	if (!x86_attr_conforming(attr) &&
	    (x86_attr_dpl(attr) < c->cpl || x86_attr_dpl(attr) < (sel & 3)))
		return x86_raise_err(c, vec, err);
	if (!(attr & X86_SEG_P))
		return x86_raise_err(c, X86_NP, err);
	r = x86_desc_accessed(c, sel, &d);
	if (r)
		return r;
	x86_seg_set(c, seg, sel, d);
	return RUN_OK;
}

int x86_load_seg(struct x86_cpu *c, unsigned int seg, u16 sel)
{
	int r = RUN_OK;

	if (!x86_protected(c)) {
		x86_seg_real(c, seg, sel);
	} else if (seg == X86_SS) {
		return load_ss(c, sel);
	} else if (x86_sel_null(sel)) {
		x86_seg_null(c, seg, sel);
	} else {
		r = x86_load_data(c, seg, sel, X86_GP, 0);
	}
	if (!r)
		x86_eseg_update(c, seg);
	return r;
}
