// SPDX-License-Identifier: GPL-2.0-or-later
/* exec_sys_seg.c - segment registers, descriptor tables and their checks. */
#include "core/x86/exec_sys.h"

/* With 32 bits only half of the slot is written, as Intel's processors do. */
EXEC(push_seg)
{
	u64 sp = (c->gpr[X86_RSP] - 4) & x86_sp_mask(c);
	int r;

	if (in->opsize == 4) {
		r = x86_store(c, X86_SS, sp, 2, c->seg[in->reg].sel);
		if (!r)
			x86_sp_set(c, sp);
		return r;
	}
	return x86_push(c, in->opsize, c->seg[in->reg].sel);
}

/* What a new SS brings: no interrupt before the next instruction, and another
 * stack width. */
static int ss_loaded(struct x86_cpu *c)
{
	c->shadow = X86_SHADOW_MOVSS;
	return RUN_END;
}

EXEC(pop_seg)
{
	u64 mask = x86_sp_mask(c), sp = c->gpr[X86_RSP], sel;
	int r;

	r = x86_load(c, X86_SS, sp & mask, in->opsize, &sel);
	if (!r)
		r = x86_load_seg(c, in->reg, sel);
	if (r)
		return r;
	/* The stack the selector came from, should this have been SS. */
	c->gpr[X86_RSP] = (sp & ~mask) | ((sp + in->opsize) & mask);
	return in->reg == X86_SS ? ss_loaded(c) : RUN_OK;
}

EXEC(mov_from_seg)
{
	return exec_rm_set(c, in, in->flags & IN_MEM ? 2 : in->opsize, c->seg[in->reg].sel);
}

EXEC(mov_to_seg)
{
	u64 sel;
	int r;

	if (in->reg == X86_CS || in->reg > X86_GS)
		return exec_ud(c);
	r = exec_rm_get(c, in, 2, &sel);
	if (!r)
		r = x86_load_seg(c, in->reg, sel);
	if (!r && in->reg == X86_SS)
		return ss_loaded(c);
	return r;
}

/* LDS, LES, LSS, LFS, LGS. */
EXEC(lxs)
{
	static const u8 segs[] = { X86_DS, X86_ES, X86_SS, X86_FS, X86_GS };
	u64 off, sel, ea = x86_ea(c, in);
	unsigned int seg = in->op - OP_lds < ARRAY_SIZE(segs) ? segs[in->op - OP_lds] : X86_DS;
	int r;

	BUILD_BUG_ON(OP_les != OP_lds + 1 || OP_lss != OP_lds + 2 || OP_lfs != OP_lds + 3 ||
		     OP_lgs != OP_lds + 4);
	if (!(in->flags & IN_MEM))
		return exec_ud(c);
	r = x86_load(c, in->seg, ea, in->opsize, &off);
	if (!r)
		r = x86_load(c, in->seg, ea + in->opsize, 2, &sel);
	if (!r)
		r = x86_load_seg(c, seg, sel);
	if (r)
		return r;
	x86_reg_set(c, in->reg, in->opsize, off);
	return seg == X86_SS ? RUN_END : RUN_OK;	/* another stack width */
}

static void set_zf(struct x86_cpu *c, bool zf)
{
	u32 f = x86_flags_arith(c) & ~X86_F_ZF;

	x86_flags_set_arith(c, zf ? f | X86_F_ZF : f);
}

EXEC(arpl)
{
	u64 dst, src = x86_reg_get(c, in->reg, 2);
	int r;

	if (!x86_protected(c))
		return exec_ud(c);
	r = exec_rm_get(c, in, 2, &dst);
	if (r)
		return r;
	if ((dst & 3) >= (src & 3)) {
		set_zf(c, false);
		return RUN_OK;
	}
	r = exec_rm_set(c, in, 2, (dst & ~3ull) | (src & 3));
	if (!r)
		set_zf(c, true);
	return r;
}

/* System descriptors that LAR and LSL show, by type. */
#define LAR_LEGACY	(1u << DESC_AVL_TSS16 | 1u << DESC_LDT | 1u << DESC_BUSY_TSS16 |	\
			 1u << DESC_CALL16 | 1u << DESC_TASK_GATE | 1u << DESC_AVL_TSS32 |	\
			 1u << DESC_BUSY_TSS32 | 1u << DESC_CALL32)
#define LAR_LONG	(1u << DESC_LDT | 1u << DESC_AVL_TSS32 | 1u << DESC_BUSY_TSS32 |	\
			 1u << DESC_CALL32)
#define LSL_LEGACY	(1u << DESC_AVL_TSS16 | 1u << DESC_LDT | 1u << DESC_BUSY_TSS16 |	\
			 1u << DESC_AVL_TSS32 | 1u << DESC_BUSY_TSS32)
#define LSL_LONG	(1u << DESC_LDT | 1u << DESC_AVL_TSS32 | 1u << DESC_BUSY_TSS32)

/* The descriptor that an operand names, if the present privilege may know of
 * it. sys: the system types that count. *d is 0 when there is none to see. */
static int visible(struct x86_cpu *c, const struct x86_insn *in, u32 sys, u64 *d)
{
	unsigned int dpl;
	u64 sel;
	u16 attr;
	int r;

	if (!x86_protected(c))
		return exec_ud(c);
	r = exec_rm_get(c, in, 2, &sel);
	if (r)
		return r;
	*d = 0;
	if (x86_sel_null(sel))
		return RUN_OK;
	r = x86_desc_read(c, sel, d);
	if (r == X86_DESC_NONE) {
		*d = 0;
		return RUN_OK;
	}
	if (r)
		return r;
	attr = x86_desc_attr(*d);
	dpl = x86_attr_dpl(attr);
	if ((!x86_attr_conforming(attr) && (dpl < c->cpl || dpl < (sel & 3))) ||
	    (x86_attr_system(attr) && !(sys >> x86_attr_type(attr) & 1)))
		*d = 0;
	return RUN_OK;
}

EXEC(lar)
{
	u64 d;
	int r = visible(c, in, x86_long_mode(c) ? LAR_LONG : LAR_LEGACY, &d);

	if (r)
		return r;
	set_zf(c, d);
	if (d)
		x86_reg_set(c, in->reg, in->opsize, d >> 32 & 0x00ffff00);
	return RUN_OK;
}

EXEC(lsl)
{
	u64 d;
	int r = visible(c, in, x86_long_mode(c) ? LSL_LONG : LSL_LEGACY, &d);

	if (r)
		return r;
	set_zf(c, d);
	if (d)
		x86_reg_set(c, in->reg, in->opsize, x86_desc_limit(d));
	return RUN_OK;
}

EXEC(verr)
{
	u64 d;
	int r = visible(c, in, 0, &d);

	if (!r)
		set_zf(c, d && x86_attr_readable(x86_desc_attr(d)));
	return r;
}

EXEC(verw)
{
	u64 d;
	int r = visible(c, in, 0, &d);

	if (!r)
		set_zf(c, d && x86_attr_writable(x86_desc_attr(d)));
	return r;
}

/* User-mode instruction prevention: SGDT, SIDT, SLDT, STR, SMSW. */
static bool umip(const struct x86_cpu *c)
{
	return c->cpl && c->cr4 & X86_CR4_UMIP && c->cr0 & X86_CR0_PE;
}

static int store_sel(struct x86_cpu *c, const struct x86_insn *in, unsigned int seg)
{
	if (!x86_protected(c))
		return exec_ud(c);
	if (umip(c))
		return exec_gp0(c);
	return exec_rm_set(c, in, in->flags & IN_MEM ? 2 : in->opsize, c->seg[seg].sel);
}

EXEC(sldt) { return store_sel(c, in, X86_LDTR); }
EXEC(str) { return store_sel(c, in, X86_TR); }

/*
 * The descriptor for LDTR or TR. In long mode it has 16 bytes; its upper half
 * holds more of the base, and a type field that must be zero.
 */
static int system_desc(struct x86_cpu *c, u16 sel, u64 d[2])
{
	int r;

	d[1] = 0;
	if (sel & 4)
		return x86_raise_err(c, X86_GP, sel & 0xfffc);
	r = x86_long_mode(c) ? x86_desc_read16(c, sel, d) : x86_desc_read(c, sel, d);
	return r == X86_DESC_NONE ? x86_raise_err(c, X86_GP, sel & 0xfffc) : r;
}

static int load_system(struct x86_cpu *c, unsigned int seg, u16 sel, u32 types)
{
	u16 attr;
	u64 d[2], base;
	int r = system_desc(c, sel, d);

	if (r)
		return r;
	attr = x86_desc_attr(d[0]);
	base = x86_desc_base(d[0]) | d[1] << 32;
	if (!x86_attr_system(attr) || !(types >> x86_attr_type(attr) & 1) ||
	    d[1] >> 40 & 0x1f || (x86_long_mode(c) && !x86_canonical(c, base)))
		return x86_raise_err(c, X86_GP, sel & 0xfffc);
	if (!(attr & X86_SEG_P))
		return x86_raise_err(c, X86_NP, sel & 0xfffc);
	if (seg == X86_TR) {
		r = x86_desc_busy(c, sel, true);
		if (r)
			return r;
		d[0] |= 2ull << 40;
	}
	x86_seg_set(c, seg, sel, d[0]);
	c->seg[seg].base = base;
	return RUN_OK;
}

static int system_operand(struct x86_cpu *c, const struct x86_insn *in, u64 *sel)
{
	if (!x86_protected(c))
		return exec_ud(c);
	if (c->cpl)
		return exec_gp0(c);
	return exec_rm_get(c, in, 2, sel);
}

EXEC(lldt)
{
	u64 sel;
	int r = system_operand(c, in, &sel);

	if (r)
		return r;
	if (!x86_sel_null(sel))
		return load_system(c, X86_LDTR, sel, 1u << DESC_LDT);
	x86_seg_null(c, X86_LDTR, sel);
	return RUN_OK;
}

EXEC(ltr)
{
	u32 types = 1u << DESC_AVL_TSS32;
	u64 sel;
	int r = system_operand(c, in, &sel);

	if (r)
		return r;
	if (x86_sel_null(sel))
		return exec_gp0(c);
	if (!x86_long_mode(c))
		types |= 1u << DESC_AVL_TSS16;
	return load_system(c, X86_TR, sel, types);
}

static int store_table(struct x86_cpu *c, const struct x86_insn *in, const struct x86_dtable *t)
{
	u8 buf[10];
	u64 base = t->base;

	if (umip(c))
		return exec_gp0(c);
	memcpy(buf, &t->limit, 2);
	memcpy(buf + 2, &base, 8);
	return x86_store_buf(c, in->seg, x86_ea(c, in), buf, c->mode == X86_MODE64 ? 10 : 6);
}

EXEC(sgdt) { return store_table(c, in, &c->gdt); }
EXEC(sidt) { return store_table(c, in, &c->idt); }

static int load_table(struct x86_cpu *c, const struct x86_insn *in, struct x86_dtable *t)
{
	bool wide = c->mode == X86_MODE64;
	u8 buf[10] = { 0 };
	u64 base;
	int r;

	if (c->cpl)
		return exec_gp0(c);
	r = x86_load_buf(c, in->seg, x86_ea(c, in), buf, wide ? 10 : 6);
	if (r)
		return r;
	memcpy(&base, buf + 2, 8);
	if (wide && !x86_canonical(c, base))
		return exec_gp0(c);
	if (in->opsize == 2 && !wide)
		base &= 0xffffff;
	memcpy(&t->limit, buf, 2);
	t->base = base;
	return RUN_OK;
}

EXEC(lgdt) { return load_table(c, in, &c->gdt); }
EXEC(lidt) { return load_table(c, in, &c->idt); }

/* In 64-bit mode; at any privilege, but only when the kernel allows it. */
static bool fsgsbase(const struct x86_cpu *c)
{
	return c->mode == X86_MODE64 && c->cr4 & X86_CR4_FSGSBASE;
}

static int read_base(struct x86_cpu *c, const struct x86_insn *in, unsigned int seg)
{
	if (!fsgsbase(c))
		return exec_ud(c);
	x86_reg_set(c, in->rm, in->opsize, c->seg[seg].base);
	return RUN_OK;
}

static int write_base(struct x86_cpu *c, const struct x86_insn *in, unsigned int seg)
{
	u64 base = x86_reg_get(c, in->rm, in->opsize);

	if (!fsgsbase(c))
		return exec_ud(c);
	if (!x86_canonical(c, base))
		return exec_gp0(c);
	c->seg[seg].base = c->eseg[seg].base = base;
	return RUN_OK;
}

EXEC(rdfsbase) { return read_base(c, in, X86_FS); }
EXEC(rdgsbase) { return read_base(c, in, X86_GS); }
EXEC(wrfsbase) { return write_base(c, in, X86_FS); }
EXEC(wrgsbase) { return write_base(c, in, X86_GS); }

EXEC(swapgs)
{
	u64 base = c->seg[X86_GS].base;

	if (c->mode != X86_MODE64)
		return exec_ud(c);
	if (c->cpl)
		return exec_gp0(c);
	c->seg[X86_GS].base = c->eseg[X86_GS].base = c->kernel_gs_base;
	c->kernel_gs_base = base;
	return RUN_OK;
}
