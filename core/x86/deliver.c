// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deliver.c - exceptions and interrupts through the IVT or the IDT.
 *
 * Source: SDM vol. 3, "Interrupt and Exception Handling"; vol. 2, "INT n/INTO/
 * INT3/INT1"; APM vol. 2, "Exceptions and Interrupts".
 */
#include "core/x86/seg.h"

#define ERR_IDT		2u

/* A gate of the IDT, decoded. */
struct gate {
	u8 type, dpl, ist;
	bool present;
	u16 sel;
	u64 off;
};

struct delivery {
	const struct x86_event *ev;
	u32 ext;		/* EXT bit of error codes */
	u64 flags;		/* to be pushed */
	struct gate gate;
	u64 cs_desc;
	u8 cpl;			/* of the handler */
	bool inner;		/* stack switch to a more privileged level */
};

static int raise_sel(struct x86_cpu *c, const struct delivery *d, u8 vec, u16 sel)
{
	return x86_raise_err(c, vec, (sel & 0xfffc) | d->ext);
}

static int raise_gate(struct x86_cpu *c, const struct delivery *d, u8 vec)
{
	return x86_raise_err(c, vec, d->ev->vector * 8u | ERR_IDT | d->ext);
}

/* The fault is the first push's that meets the page: the highest slot's. */
static int push_fault(struct x86_cpu *c, const struct x86_frame *f, u64 lin, int r)
{
	unsigned int i;

	for (i = f->k; r == RUN_FAULT && c->exc.vector == X86_PF && i--; ) {
		u64 slot = lin + i * f->size;

		if (!((slot ^ c->exc.cr2) & X86_PAGE_MASK)) {
			c->exc.cr2 = slot;
			break;
		}
	}
	return r;
}

/*
 * The frame as bytes, lowest address first. Stack pointers that wrap inside
 * the segment are legal in 16-bit code, so such a frame is written in slots.
 */
int x86_frame_push(struct x86_cpu *c, const struct x86_frame *f, const struct x86_seg *ss,
		   bool flat, u64 *sp, unsigned int access, u32 ss_err)
{
	u64 mask = flat ? ~0ull : ss->attr & X86_SEG_DB ? 0xffffffff : 0xffff;
	u64 base = flat ? 0 : ss->base, at = (*sp - (u64)f->k * f->size) & mask;
	unsigned int i, n = f->k * f->size;
	u8 buf[sizeof(f->slot)];
	int r;

	for (i = 0; i < f->k; i++)
		memcpy(buf + (f->k - 1 - i) * f->size, &f->slot[i], f->size);
	if (unlikely(c->ac_check) && !(access & ACC_IMPLICIT) && (base + at) & (f->size - 1))
		return x86_raise_err(c, X86_AC, 0);
	if (flat) {
		if (!x86_canonical(c, at) || !x86_canonical(c, at + n - 1))
			return x86_raise_err(c, X86_SS_EXC, ss_err);
		r = push_fault(c, f, at, x86_lin_write(c, at, buf, n, access));
	} else if (at + n - 1 <= mask) {
		if (!x86_seg_allows(c, ss, at, n, true))
			return x86_raise_err(c, X86_SS_EXC, ss_err);
		r = push_fault(c, f, (u32)(base + at),
			       x86_lin_write(c, (u32)(base + at), buf, n, access));
	} else {
		for (i = 0; i < f->k; i++)
			if (!x86_seg_allows(c, ss, (at + i * f->size) & mask, f->size, true))
				return x86_raise_err(c, X86_SS_EXC, ss_err);
		for (i = 0, r = RUN_OK; i < f->k && !r; i++)
			r = x86_lin_write(c, (u32)(base + ((at + i * f->size) & mask)),
					  buf + i * f->size, f->size, access);
	}
	if (!r)
		*sp = at;
	return r;
}

int x86_tss_stack(struct x86_cpu *c, u8 cpl, u32 ext, struct x86_stack *st)
{
	const struct x86_seg *tr = &c->seg[X86_TR];
	bool wide = x86_attr_type(tr->attr) & 8;
	unsigned int off = wide ? 4 + cpl * 8 : 2 + cpl * 4;
	u8 raw[6] = { 0 };
	u32 esp = 0;
	int r;

	if (tr->attr & X86_SEG_UNUSABLE || off + (wide ? 6 : 4) - 1 > tr->limit)
		return x86_raise_err(c, X86_TS, (tr->sel & 0xfffc) | ext);
	r = x86_lin_read(c, tr->base + off, raw, wide ? 6 : 4, ACC_IMPLICIT);
	if (r)
		return r;
	memcpy(&esp, raw, wide ? 4 : 2);
	memcpy(&st->ss, raw + (wide ? 4 : 2), 2);
	st->sp = esp;
	r = x86_check_ss(c, st->ss, cpl, X86_TS, ext, &st->desc);
	return r ? r : x86_desc_accessed(c, st->ss, &st->desc);
}

/* Check the gate's code segment. Sets cs_desc, cpl, inner. */
static int check_target(struct x86_cpu *c, struct delivery *d)
{
	u16 sel = d->gate.sel, attr;
	int r;

	if (x86_sel_null(sel))
		return x86_raise_err(c, X86_GP, d->ext);
	r = x86_desc_get(c, sel, &d->cs_desc, X86_GP, d->ext);
	if (r)
		return r;
	attr = x86_desc_attr(d->cs_desc);
	if (!x86_attr_code(attr) || x86_attr_dpl(attr) > c->cpl)
		return raise_sel(c, d, X86_GP, sel);
	if (x86_long_mode(c) && (attr & (X86_SEG_L | X86_SEG_DB)) != X86_SEG_L)
		return raise_sel(c, d, X86_GP, sel);
	if (!(attr & X86_SEG_P))
		return raise_sel(c, d, X86_NP, sel);
	d->cpl = x86_attr_conforming(attr) ? c->cpl : x86_attr_dpl(attr);
	d->inner = d->cpl < c->cpl;
	if (x86_v86(c) && d->cpl)
		return raise_sel(c, d, X86_GP, sel);
	return x86_desc_accessed(c, sel, &d->cs_desc);
}

/* The handler's CS, RIP and RFLAGS; the stack is set already. */
static void enter(struct x86_cpu *c, const struct delivery *d)
{
	c->rflags &= ~(u64)(X86_F_TF | X86_F_RF | X86_F_VM | X86_F_NT);
	if (!(d->gate.type & 1))
		c->rflags &= ~(u64)X86_F_IF;
	c->gpr[X86_RIP] = d->gate.off;
	x86_cs_set(c, d->gate.sel, d->cs_desc, d->cpl);
}

static void frame_tail(const struct x86_cpu *c, const struct delivery *d, struct x86_frame *f)
{
	x86_frame_add(f, d->flags);
	x86_frame_add(f, c->seg[X86_CS].sel);
	x86_frame_add(f, c->gpr[X86_RIP]);
	if (d->ev->has_err)
		x86_frame_add(f, d->ev->err);
}

/* Pushes reach the stack with the handler's privilege. */
static unsigned int push_access(const struct x86_cpu *c, u8 cpl)
{
	return c->cpl == 3 && cpl != 3 ? ACC_IMPLICIT : 0;
}

static int deliver_same(struct x86_cpu *c, struct delivery *d)
{
	const struct x86_seg *ss = &c->seg[X86_SS];
	struct x86_frame f;
	u64 sp = c->gpr[X86_RSP];
	int r;

	x86_frame_init(&f, d->gate.type & 8 ? 4 : 2);
	frame_tail(c, d, &f);
	r = x86_frame_push(c, &f, ss, false, &sp, 0, d->ext);
	if (r)
		return r;
	if (d->gate.off > x86_desc_limit(d->cs_desc))
		return x86_raise_err(c, X86_GP, d->ext);
	x86_sp_set(c, sp);
	enter(c, d);
	return RUN_OK;
}

static int deliver_inner(struct x86_cpu *c, struct delivery *d)
{
	struct x86_frame f;
	bool v86 = x86_v86(c);
	struct x86_stack st;
	struct x86_seg ss;
	u64 sp;
	int r;

	r = x86_tss_stack(c, d->cpl, d->ext, &st);
	if (r)
		return r;
	ss = (struct x86_seg){ .base = x86_desc_base(st.desc), .limit = x86_desc_limit(st.desc),
			       .sel = st.ss, .attr = x86_desc_attr(st.desc) };
	x86_frame_init(&f, d->gate.type & 8 ? 4 : 2);
	if (v86) {
		x86_frame_add(&f, c->seg[X86_GS].sel);
		x86_frame_add(&f, c->seg[X86_FS].sel);
		x86_frame_add(&f, c->seg[X86_DS].sel);
		x86_frame_add(&f, c->seg[X86_ES].sel);
	}
	x86_frame_add(&f, c->seg[X86_SS].sel);
	x86_frame_add(&f, c->gpr[X86_RSP]);
	frame_tail(c, d, &f);
	sp = st.sp;
	/* The new stack obeys protected-mode rules even when leaving v86 mode. */
	c->rflags &= ~(u64)X86_F_VM;
	r = x86_frame_push(c, &f, &ss, false, &sp, push_access(c, d->cpl),
			   (st.ss & 0xfffc) | d->ext);
	if (v86)
		c->rflags |= X86_F_VM;
	if (r)
		return r;
	if (d->gate.off > x86_desc_limit(d->cs_desc))
		return x86_raise_err(c, X86_GP, d->ext);
	if (v86) {
		x86_seg_null(c, X86_GS, 0);
		x86_seg_null(c, X86_FS, 0);
		x86_seg_null(c, X86_DS, 0);
		x86_seg_null(c, X86_ES, 0);
	}
	c->seg[X86_SS] = ss;
	enter(c, d);
	x86_eseg_update(c, X86_SS);
	if (ss.attr & X86_SEG_DB)
		c->gpr[X86_RSP] = (u32)sp;
	else
		x86_sp_set(c, sp);
	return RUN_OK;
}

int x86_tss_rsp(struct x86_cpu *c, unsigned int off, u32 ext, u64 *rsp)
{
	const struct x86_seg *tr = &c->seg[X86_TR];
	int r;

	if (tr->attr & X86_SEG_UNUSABLE || off + 7 > tr->limit)
		return x86_raise_err(c, X86_TS, (tr->sel & 0xfffc) | ext);
	r = x86_lin_read(c, tr->base + off, rsp, 8, ACC_IMPLICIT);
	if (r)
		return r;
	return x86_canonical(c, *rsp) ? RUN_OK : x86_raise_err(c, X86_SS_EXC, ext);
}

static int deliver_long(struct x86_cpu *c, struct delivery *d)
{
	struct x86_frame f;
	u64 rsp = c->gpr[X86_RSP];
	int r;

	r = check_target(c, d);
	if (r)
		return r;
	if (d->inner || d->gate.ist) {
		r = x86_tss_rsp(c, d->gate.ist ? X86_TSS_IST(d->gate.ist) : X86_TSS_RSP(d->cpl),
				d->ext, &rsp);
		if (r)
			return r;
	}
	rsp &= ~15ull;
	x86_frame_init(&f, 8);
	x86_frame_add(&f, c->seg[X86_SS].sel);
	x86_frame_add(&f, c->gpr[X86_RSP]);
	frame_tail(c, d, &f);
	r = x86_frame_push(c, &f, NULL, true, &rsp, push_access(c, d->cpl), d->ext);
	if (r)
		return r;
	if (!x86_canonical(c, d->gate.off))
		return x86_raise_err(c, X86_GP, d->ext);
	enter(c, d);
	if (d->inner)
		x86_seg_null(c, X86_SS, d->cpl);
	c->gpr[X86_RSP] = rsp;
	return RUN_OK;
}

static int read_gate(struct x86_cpu *c, struct delivery *d)
{
	bool lm = x86_long_mode(c);
	unsigned int size = lm ? 16 : 8, at = d->ev->vector * size;
	struct gate *g = &d->gate;
	u64 raw[2] = { 0 };
	int r;

	if (at + size - 1 > c->idt.limit)
		return raise_gate(c, d, X86_GP);
	r = x86_lin_read(c, c->idt.base + at, raw, size, ACC_IMPLICIT);
	if (r)
		return r;
	g->type = raw[0] >> 40 & 0x1f;
	g->dpl = raw[0] >> 45 & 3;
	g->present = raw[0] >> 47 & 1;
	g->ist = lm ? raw[0] >> 32 & 7 : 0;
	g->sel = raw[0] >> 16;
	g->off = (raw[0] & 0xffff) | (raw[0] >> 32 & 0xffff0000) | raw[1] << 32;
	switch (g->type) {
	case DESC_INT32: case DESC_TRAP32:
		break;
	case DESC_INT16: case DESC_TRAP16: case DESC_TASK_GATE:
		g->off &= 0xffff;
		if (!lm)
			break;
		/* fall through */
	default:
		return raise_gate(c, d, X86_GP);
	}
	if (d->ev->kind == X86_EV_SOFT && g->dpl < c->cpl)
		return raise_gate(c, d, X86_GP);
	return g->present ? RUN_OK : raise_gate(c, d, X86_NP);
}

static int deliver_task(struct x86_cpu *c, struct delivery *d, bool *moved)
{
	struct x86_task t = { .sel = d->gate.sel, .how = X86_TASK_GATE, .ext = d->ext,
			      .has_err = d->ev->has_err, .err = d->ev->err };
	int r;

	if (d->gate.sel & 4)
		return raise_sel(c, d, X86_GP, d->gate.sel);
	r = x86_task_go(c, &t);
	*moved = t.moved;
	return r;
}

static int deliver_protected(struct x86_cpu *c, struct delivery *d, bool *moved)
{
	int r = read_gate(c, d);

	if (r)
		return r;
	if (x86_long_mode(c))
		return deliver_long(c, d);
	if (d->gate.type == DESC_TASK_GATE)
		return deliver_task(c, d, moved);
	r = check_target(c, d);
	if (r)
		return r;
	return d->inner ? deliver_inner(c, d) : deliver_same(c, d);
}

static int deliver_real(struct x86_cpu *c, struct delivery *d)
{
	struct x86_frame f;
	u64 sp = c->gpr[X86_RSP];
	u16 vec[2];
	int r;

	if (d->ev->vector * 4u + 3 > c->idt.limit)
		return raise_gate(c, d, X86_GP);
	r = x86_lin_read(c, c->idt.base + d->ev->vector * 4u, vec, 4, ACC_IMPLICIT);
	if (r)
		return r;
	x86_frame_init(&f, 2);
	x86_frame_add(&f, d->flags);
	x86_frame_add(&f, c->seg[X86_CS].sel);
	x86_frame_add(&f, c->gpr[X86_RIP]);
	r = x86_frame_push(c, &f, &c->seg[X86_SS], false, &sp, 0, 0);
	if (r)
		return r;
	x86_sp_set(c, sp);
	c->rflags &= ~(u64)(X86_F_IF | X86_F_TF | X86_F_AC | X86_F_RF);
	x86_seg_real(c, X86_CS, vec[1]);
	c->gpr[X86_RIP] = vec[0];
	x86_mode_update(c);
	return RUN_OK;
}

/* Faults are resumed: RF keeps an instruction breakpoint from hitting again. */
static bool is_fault(u8 vector)
{
	return vector != X86_DB && vector != X86_NMI && vector != X86_BP && vector != X86_OF &&
	       vector != X86_DF && vector != X86_MC;
}

static void exception_state(struct x86_cpu *c, u8 vector)
{
	if (vector == X86_PF) {
		c->cr2 = c->exc.cr2;
	} else if (vector == X86_DB) {
		c->dr[6] = (c->dr[6] & ~0xfull) | c->exc.dr6;
		c->dr[7] &= ~0x2000ull;		/* GD */
		c->debugctl &= ~3ull;		/* LBR, BTF */
	}
}

int x86_deliver_in(struct x86_cpu *c, const struct x86_event *ev, bool *moved)
{
	struct delivery d = { .ev = ev, .ext = ev->kind != X86_EV_SOFT, .flags = x86_rflags(c) };
	int r;

	*moved = false;
	if (ev->kind == X86_EV_EXC) {
		exception_state(c, ev->vector);
		if (is_fault(ev->vector))
			d.flags |= X86_F_RF;
	}
	if (c->cr0 & X86_CR0_PE)
		r = deliver_protected(c, &d, moved);
	else
		r = deliver_real(c, &d);
	if (!r && ev->kind == X86_EV_NMI)
		c->nmi_masked = true;
	return r;
}

int x86_deliver(struct x86_cpu *c, const struct x86_event *ev)
{
	bool moved;

	return x86_deliver_in(c, ev, &moved);
}

/* SDM vol. 3, "Conditions for Generating a Double Fault". */
static bool contributory(u8 vector)
{
	return vector == X86_DE || (vector >= X86_TS && vector <= X86_GP);
}

static bool doubles(u8 first, u8 second)
{
	if (first == X86_PF)
		return second == X86_PF || contributory(second);
	return contributory(first) && contributory(second);
}

static void exc_event(const struct x86_cpu *c, struct x86_event *ev)
{
	*ev = (struct x86_event){ .kind = X86_EV_EXC, .vector = c->exc.vector,
				  .has_err = c->exc.has_err, .err = c->exc.err };
	/* Real mode pushes no error code. */
	if (!(c->cr0 & X86_CR0_PE))
		ev->has_err = false;
}

/* Chains of faults end in a double fault, but benign ones might go round. */
#define DELIVER_TRIES	8

int x86_deliver_event(struct x86_cpu *c, const struct x86_event *first)
{
	struct x86_event ev = *first;
	unsigned int tries;
	int r;

	for (tries = 0; tries < DELIVER_TRIES; tries++) {
		bool exc = ev.kind == X86_EV_EXC;

		r = x86_deliver(c, &ev);
		if (r != RUN_FAULT)
			return r;
		if (exc && ev.vector == X86_DF)
			return RUN_SHUTDOWN;
		if (c->exc.vector == X86_PF)	/* even when #DF takes its place */
			c->cr2 = c->exc.cr2;
		if (exc && doubles(ev.vector, c->exc.vector))
			x86_raise_err(c, X86_DF, 0);
		exc_event(c, &ev);
	}
	return RUN_SHUTDOWN;
}

int x86_deliver_exc(struct x86_cpu *c)
{
	struct x86_event ev;

	exc_event(c, &ev);
	return x86_deliver_event(c, &ev);
}
