// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * exec_sys_call.c - system calls and software interrupts.
 *
 * SYSCALL follows AMD: it exists in every protected mode, and SYSRET does not
 * look at RCX. SYSENTER follows Intel: it exists in long mode too.
 */
#include "core/x86/exec_sys.h"

static void flat_seg(struct x86_cpu *c, unsigned int seg, u16 sel, u16 attr, u8 dpl)
{
	c->seg[seg] = (struct x86_seg){ .limit = 0xffffffff, .sel = sel,
					.attr = attr | dpl << X86_SEG_DPL_SHIFT };
}

/* Flat code and stack segments of privilege cpl. Only leaving or entering
 * 64-bit code costs more than the TLB bank. */
static void flat_segs(struct x86_cpu *c, u16 cs, u16 ss, bool code64, u8 cpl)
{
	bool was64 = c->mode == X86_MODE64;

	flat_seg(c, X86_CS, cs, code64 ? X86_ATTR_CODE64 : X86_ATTR_CODE32, cpl);
	flat_seg(c, X86_SS, ss, X86_ATTR_DATA, cpl);
	if (likely(was64 && code64)) {
		x86_set_cpl(c, cpl);
		return;
	}
	c->cpl = cpl;
	x86_mode_update(c);
}

/*
 * SYSCALL and SYSRET trap for single step when TF is set after them, unlike
 * other instructions, which trap when it was set before. Like a fault in a new
 * task the trap belongs to where they went.
 */
static int step_trap(struct x86_cpu *c, const struct x86_insn *in)
{
	if (likely(!(c->rflags & X86_F_TF)))
		return RUN_END;
	x86_raise(c, X86_DB);
	c->exc.dr6 = 1u << 14;		/* BS */
	return exec_moved(c, in, RUN_FAULT, true);
}

EXEC(syscall)
{
	u16 sel = c->star >> 32 & 0xfffc;
	u64 flags = x86_rflags(c) & ~(u64)X86_F_RF;

	if (!(c->efer & X86_EFER_SCE) || !x86_protected(c))
		return exec_ud(c);
	c->gpr[X86_RCX] = c->gpr[X86_RIP];
	if (x86_long_mode(c)) {
		c->gpr[X86_R11] = flags;
		c->gpr[X86_RIP] = c->mode == X86_MODE64 ? c->lstar : c->cstar;
		x86_set_rflags(c, flags & ~c->sfmask & ~(u64)X86_F_RF);
		flat_segs(c, sel, sel + 8, true, 0);
	} else {
		c->gpr[X86_RIP] = (u32)c->star;
		x86_set_rflags(c, flags & ~(u64)(X86_F_IF | X86_F_VM));
		flat_segs(c, sel, sel + 8, false, 0);
	}
	return step_trap(c, in);
}

EXEC(sysret)
{
	const u64 from_r11 = 0x3c7fd7;	/* all but RF and VM */
	u16 sel = c->star >> 48 | 3;
	bool wide = in->opsize == 8 && c->mode == X86_MODE64;

	if (!(c->efer & X86_EFER_SCE) || !x86_protected(c))
		return exec_ud(c);
	if (c->cpl)
		return exec_gp0(c);
	c->gpr[X86_RIP] = wide ? c->gpr[X86_RCX] : (u32)c->gpr[X86_RCX];
	if (x86_long_mode(c))
		x86_set_rflags(c, c->gpr[X86_R11] & from_r11);
	else
		c->rflags |= X86_F_IF;
	flat_segs(c, wide ? (u16)(sel + 16) : sel, (sel + 8) | 3, wide, 3);
	return step_trap(c, in);
}

EXEC(sysenter)
{
	u16 sel = c->sysenter_cs & 0xfffc;
	bool lm = x86_long_mode(c);

	if (!x86_has(c, XF_SEP))
		return exec_ud(c);
	if (!(c->cr0 & X86_CR0_PE) || !sel)
		return exec_gp0(c);
	x86_set_rflags(c, x86_rflags(c) & ~(u64)(X86_F_VM | X86_F_IF | X86_F_RF));
	c->gpr[X86_RIP] = lm ? c->sysenter_eip : (u32)c->sysenter_eip;
	c->gpr[X86_RSP] = lm ? c->sysenter_esp : (u32)c->sysenter_esp;
	flat_segs(c, sel, sel + 8, lm, 0);
	return RUN_END;
}

EXEC(sysexit)
{
	u16 sel = c->sysenter_cs & 0xfffc;
	bool wide = in->opsize == 8 && c->mode == X86_MODE64;

	if (!x86_has(c, XF_SEP))
		return exec_ud(c);
	if (!x86_protected(c) || c->cpl || !sel)
		return exec_gp0(c);
	if (wide && (!x86_canonical(c, c->gpr[X86_RCX]) || !x86_canonical(c, c->gpr[X86_RDX])))
		return exec_gp0(c);
	c->gpr[X86_RSP] = wide ? c->gpr[X86_RCX] : (u32)c->gpr[X86_RCX];
	c->gpr[X86_RIP] = wide ? c->gpr[X86_RDX] : (u32)c->gpr[X86_RDX];
	sel = (sel + (wide ? 32 : 16)) | 3;
	flat_segs(c, sel, sel + 8, wide, 3);
	return RUN_END;
}

static int software(struct x86_cpu *c, const struct x86_insn *in, u8 vector,
		    enum x86_event_kind kind)
{
	struct x86_event ev = { .kind = kind, .vector = vector };
	bool moved;
	int r = x86_deliver_in(c, &ev, &moved);

	return exec_moved(c, in, r, moved);
}

/* The bit of the redirection map, 32 bytes below the I/O bitmap of the TSS:
 * set when the interrupt goes to the monitor. */
static int redirected(struct x86_cpu *c, u8 vector, bool *to_monitor)
{
	const struct x86_seg *tr = &c->seg[X86_TR];
	u16 map;
	u8 bits;
	int r;

	if (tr->limit < 0x67)
		return exec_gp0(c);
	r = x86_lin_read(c, tr->base + 0x66, &map, 2, ACC_IMPLICIT);
	if (r)
		return r;
	if (map < 32 || (u32)map - 32 + vector / 8 > tr->limit)
		return exec_gp0(c);
	r = x86_lin_read(c, tr->base + map - 32 + vector / 8, &bits, 1, ACC_IMPLICIT);
	if (!r)
		*to_monitor = bits >> (vector & 7) & 1;
	return r;
}

/* CR4.VME: straight to the virtual-8086 program's own handler. */
static int int_v86(struct x86_cpu *c, u8 vector)
{
	u64 flags = x86_rflags(c), sp = c->gpr[X86_RSP];
	struct x86_frame f;
	u16 vec[2];
	int r = x86_lin_read(c, vector * 4u, vec, 4, 0);

	if (r)
		return r;
	if (x86_iopl(c) < 3) {
		flags = (flags & ~(u64)X86_F_IF) | X86_F_IOPL;
		if (flags & X86_F_VIF)
			flags |= X86_F_IF;
	}
	x86_frame_init(&f, 2);
	x86_frame_add(&f, flags);
	x86_frame_add(&f, c->seg[X86_CS].sel);
	x86_frame_add(&f, c->gpr[X86_RIP]);
	r = x86_frame_push(c, &f, &c->seg[X86_SS], false, &sp, 0, 0);
	if (r)
		return r;
	c->rflags &= ~(u64)(X86_F_TF | (x86_iopl(c) < 3 ? X86_F_VIF : X86_F_IF));
	x86_sp_set(c, sp);
	x86_seg_real(c, X86_CS, vec[1]);
	x86_eseg_update(c, X86_CS);
	c->gpr[X86_RIP] = vec[0];
	return RUN_END;
}

EXEC(int)
{
	bool to_monitor = true;
	int r;

	if (x86_v86(c)) {
		if (c->cr4 & X86_CR4_VME) {
			r = redirected(c, in->imm, &to_monitor);
			if (r)
				return r;
			if (!to_monitor)
				return int_v86(c, in->imm);
		}
		if (x86_iopl(c) < 3)
			return exec_gp0(c);
	}
	return software(c, in, in->imm, X86_EV_SOFT);
}

EXEC(int3) { return software(c, in, X86_BP, X86_EV_SOFT); }

EXEC(into)
{
	if (c->mode == X86_MODE64)
		return exec_ud(c);
	return x86_of(c) ? software(c, in, X86_OF, X86_EV_SOFT) : RUN_OK;
}

/* Like a debug exception of the processor's own, without DPL check. */
EXEC(int1)
{
	int r;

	x86_raise(c, X86_DB);
	c->exc.dr6 = c->watch_hit;	/* what MOV SS kept back */
	r = software(c, in, X86_DB, X86_EV_EXC);
	if (r == RUN_END)
		c->watch_hit = 0;
	return r;
}
