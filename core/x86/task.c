// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * task.c - hardware task switches.
 *
 * A switch has a point of no return: until then a fault belongs to the old
 * task, which has not changed; after it, to the new one.
 *
 * Source: SDM vol. 3, "Task Management".
 */
#include "core/x86/debug.h"
#include "core/x86/seg.h"

#define TSS16_SIZE	0x2c
#define TSS32_SIZE	0x68
#define DR6_BT		(1u << 15)
#define DR7_LOCAL	0x155ull	/* L0 to L3, LE */
#define TASK_FLAGS	0x3f7fd5u	/* not the reserved ones */

/* What a switch saves and loads, whatever the width of the TSS. */
struct tss {
	bool wide;
	u32 cr3, eip, eflags, gpr[8];
	u16 seg[6], ldt;	/* in the order of enum x86_segreg */
	bool trap;
};

struct tss_layout {
	u8 size, width;		/* bytes of the TSS, of a register */
	u8 eip, gpr, seg, segs;	/* where; EFLAGS follows EIP, LDT the segments */
};

static const struct tss_layout tss16 = { TSS16_SIZE, 2, 0x0e, 0x12, 0x22, 4 };
static const struct tss_layout tss32 = { TSS32_SIZE, 4, 0x20, 0x28, 0x48, 6 };

static const struct tss_layout *layout(u16 attr)
{
	return x86_attr_type(attr) & 8 ? &tss32 : &tss16;
}

static u32 get(const u8 *p, unsigned int n)
{
	u32 v = 0;

	memcpy(&v, p, n);
	return v;
}

static void tss_parse(struct tss *t, const struct tss_layout *l, const u8 *raw)
{
	unsigned int i;

	memset(t, 0, sizeof(*t));
	t->wide = l->width == 4;
	t->eip = get(raw + l->eip, l->width);
	t->eflags = get(raw + l->eip + l->width, l->width);
	for (i = 0; i < 8; i++)
		t->gpr[i] = get(raw + l->gpr + i * l->width, l->width);
	for (i = 0; i < l->segs; i++)
		t->seg[i] = get(raw + l->seg + i * l->width, 2);
	t->ldt = get(raw + l->seg + l->segs * l->width, 2);
	if (t->wide) {
		t->cr3 = get(raw + 0x1c, 4);
		t->trap = raw[0x64] & 1;
	}
}

/* The old task's registers, from EIP to the last segment. LDT and CR3 are
 * never saved. */
static int save_old(struct x86_cpu *c, bool clear_nt)
{
	const struct x86_seg *tr = &c->seg[X86_TR];
	const struct tss_layout *l = layout(tr->attr);
	unsigned int i, n = l->seg + l->segs * l->width - l->eip;
	u64 flags = x86_rflags(c);
	u8 raw[TSS32_SIZE] = { 0 };

	if (tr->attr & X86_SEG_UNUSABLE || tr->limit < l->size - 1)
		return x86_raise_err(c, X86_TS, tr->sel & 0xfffc);
	if (clear_nt)
		flags &= ~(u64)X86_F_NT;
	memcpy(raw + l->eip, &c->gpr[X86_RIP], l->width);
	memcpy(raw + l->eip + l->width, &flags, l->width);
	for (i = 0; i < 8; i++)
		memcpy(raw + l->gpr + i * l->width, &c->gpr[i], l->width);
	for (i = 0; i < l->segs; i++)
		memcpy(raw + l->seg + i * l->width, &c->seg[i].sel, 2);
	return x86_lin_write(c, tr->base + l->eip, raw + l->eip, n, ACC_IMPLICIT);
}

static int read_new(struct x86_cpu *c, const struct x86_task *k, u64 *d, u8 *raw)
{
	bool iret = k->how == X86_TASK_IRET;
	u32 err = (k->sel & 0xfffc) | k->ext;
	u8 vec = iret ? X86_TS : X86_GP;
	unsigned int type;
	u16 attr;
	int r = x86_desc_get(c, k->sel, d, vec, k->ext);

	if (r)
		return r;
	attr = x86_desc_attr(*d);
	type = x86_attr_type(attr);
	if (!x86_attr_system(attr) ||
	    (iret ? type != DESC_BUSY_TSS16 && type != DESC_BUSY_TSS32
		  : type != DESC_AVL_TSS16 && type != DESC_AVL_TSS32))
		return x86_raise_err(c, vec, err);
	if (!(attr & X86_SEG_P))
		return x86_raise_err(c, X86_NP, err);
	if (x86_desc_limit(*d) < layout(attr)->size - 1)
		return x86_raise_err(c, X86_TS, err);
	return x86_lin_read(c, x86_desc_base(*d), raw, layout(attr)->size, ACC_IMPLICIT);
}

/* Busy bits and back link. The new task becomes busy last: it can then be
 * switched to once more when an access before that has to be made again. */
static int link_tasks(struct x86_cpu *c, const struct x86_task *k, u64 d)
{
	bool nested = k->how == X86_TASK_CALL || k->how == X86_TASK_GATE;
	u16 old = c->seg[X86_TR].sel;
	int r;

	if (nested)
		r = x86_lin_write(c, x86_desc_base(d), &old, 2, ACC_IMPLICIT);
	else
		r = x86_desc_busy(c, old, false);
	if (!r && k->how != X86_TASK_IRET)
		r = x86_desc_busy(c, k->sel, true);
	return r;
}

/* The new task's registers. Segments are not valid yet; from here on faults
 * are its own. */
static void commit(struct x86_cpu *c, const struct x86_task *k, u64 d, const struct tss *t)
{
	u32 flags = t->eflags & TASK_FLAGS;
	unsigned int i;

	if (k->how == X86_TASK_CALL || k->how == X86_TASK_GATE)
		flags |= X86_F_NT;
	x86_seg_set(c, X86_TR, k->sel, d | 2ull << 40);
	c->cr0 |= X86_CR0_TS;
	if (unlikely(c->dr[7] & DR7_LOCAL)) {
		c->dr[7] &= ~DR7_LOCAL;
		x86_debug_changed(c);
	}
	for (i = 0; i < 8; i++)
		c->gpr[i] = t->wide ? t->gpr[i] : (c->gpr[i] & 0xffff0000) | t->gpr[i];
	c->gpr[X86_RIP] = t->eip;
	x86_set_rflags(c, flags);
	c->cpl = x86_v86(c) ? 3 : t->seg[X86_CS] & 3;
	for (i = X86_ES; i <= X86_GS; i++) {
		if (x86_v86(c))
			x86_seg_real(c, i, t->seg[i]);
		else
			x86_seg_null(c, i, t->seg[i]);
	}
	x86_seg_null(c, X86_LDTR, t->ldt);
	x86_mode_update(c);
}

static int load_ldt(struct x86_cpu *c, u16 sel, u32 ext)
{
	u16 attr;
	u64 d;
	int r;

	if (x86_sel_null(sel))
		return RUN_OK;
	if (sel & 4)
		return x86_raise_err(c, X86_TS, (sel & 0xfffc) | ext);
	r = x86_desc_get(c, sel, &d, X86_TS, ext);
	if (r)
		return r;
	attr = x86_desc_attr(d);
	if (!x86_attr_system(attr) || x86_attr_type(attr) != DESC_LDT || !(attr & X86_SEG_P))
		return x86_raise_err(c, X86_TS, (sel & 0xfffc) | ext);
	x86_seg_set(c, X86_LDTR, sel, d);
	return RUN_OK;
}

static int load_cs(struct x86_cpu *c, u16 sel, u32 ext)
{
	u32 err = (sel & 0xfffc) | ext;
	unsigned int dpl;
	u16 attr;
	u64 d;
	int r;

	if (x86_sel_null(sel))
		return x86_raise_err(c, X86_TS, ext);
	r = x86_desc_get(c, sel, &d, X86_TS, ext);
	if (r)
		return r;
	attr = x86_desc_attr(d);
	dpl = x86_attr_dpl(attr);
	if (!x86_attr_code(attr) ||
	    (x86_attr_conforming(attr) ? dpl > (sel & 3) : dpl != (sel & 3)))
		return x86_raise_err(c, X86_TS, err);
	if (!(attr & X86_SEG_P))
		return x86_raise_err(c, X86_NP, err);
	r = x86_desc_accessed(c, sel, &d);
	if (!r)
		x86_cs_set(c, sel, d, sel & 3);
	return r;
}

static int load_segments(struct x86_cpu *c, const struct tss *t, u32 ext)
{
	static const u8 data[] = { X86_DS, X86_ES, X86_FS, X86_GS };
	unsigned int i;
	u64 d;
	int r = load_cs(c, t->seg[X86_CS], ext);

	if (!r)
		r = x86_check_ss(c, t->seg[X86_SS], c->cpl, X86_TS, ext, &d);
	if (!r)
		r = x86_desc_accessed(c, t->seg[X86_SS], &d);
	if (r)
		return r;
	x86_seg_set(c, X86_SS, t->seg[X86_SS], d);
	x86_eseg_update(c, X86_SS);
	for (i = 0; i < ARRAY_SIZE(data); i++) {
		u16 sel = t->seg[data[i]];

		if (x86_sel_null(sel))
			continue;
		r = x86_load_data(c, data[i], sel, X86_TS, ext);
		if (r)
			return r;
		x86_eseg_update(c, data[i]);
	}
	return RUN_OK;
}

/* The rest happens in the new task. */
static int start_new(struct x86_cpu *c, const struct x86_task *k, const struct tss *t)
{
	struct x86_frame f;
	u64 sp = c->gpr[X86_RSP];
	int r;

	r = load_ldt(c, t->ldt, k->ext);
	if (!r && !x86_v86(c))
		r = load_segments(c, t, k->ext);
	if (r)
		return r;
	if (k->has_err) {
		x86_frame_init(&f, t->wide ? 4 : 2);
		x86_frame_add(&f, k->err);
		sp = c->gpr[X86_RSP];
		r = x86_frame_push(c, &f, &c->seg[X86_SS], false, &sp, 0, k->ext);
		if (r)
			return r;
		x86_sp_set(c, sp);
	}
	if (t->eip > c->seg[X86_CS].limit)
		return x86_raise_err(c, X86_GP, k->ext);
	if (!t->trap)
		return RUN_OK;
	x86_raise(c, X86_DB);
	c->exc.dr6 = DR6_BT;
	return RUN_FAULT;
}

int x86_task_go(struct x86_cpu *c, struct x86_task *k)
{
	u8 raw[TSS32_SIZE];
	struct tss t;
	u64 d;
	int r;

	k->moved = false;
	r = read_new(c, k, &d, raw);
	if (!r)
		r = save_old(c, k->how == X86_TASK_IRET);
	if (!r)
		r = link_tasks(c, k, d);
	if (r)
		return r;
	tss_parse(&t, layout(x86_desc_attr(d)), raw);
	commit(c, k, d, &t);
	k->moved = true;
	if (t.wide && c->paging) {
		r = x86_load_cr3(c, t.cr3);
		if (r != RUN_END)
			return r;
	}
	return start_new(c, k, &t);
}

int x86_task_switch(struct x86_cpu *c, u16 sel, enum x86_task_how how, bool has_err, u32 err)
{
	struct x86_task k = { .sel = sel, .how = how, .ext = how == X86_TASK_GATE,
			      .has_err = has_err, .err = err };

	return x86_task_go(c, &k);
}
