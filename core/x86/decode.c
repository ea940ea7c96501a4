// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * decode.c - from bytes to struct x86_insn: prefixes, opcode maps, ModRM,
 * immediates, and whether the combination is an instruction at all. The maps
 * are in decode_tables.c and decode_0f.c.
 *
 * Source: Intel SDM vol. 2, chapters "Instruction Format" and "Opcode Map".
 * Where Intel and AMD differ it is Intel's behaviour: in 64-bit mode 66 has no
 * effect on near branches, and REX.W widens far pointers.
 */
#include "core/x86/decode.h"

#define REX_B	1u
#define REX_X	2u
#define REX_R	4u
#define REX_W	8u

enum { PFX_NONE, PFX_66, PFX_F3, PFX_F2 };	/* columns of the maps */

/* Columns of size_of[]: what mode, 66 and REX.W come to. */
enum { OSZ_16, OSZ_32, OSZ_64_W, OSZ_64, OSZ_64_66 };

static const u8 size_of[SC_COUNT][5] = {
	[SC_B]	  = { 1, 1, 1, 1, 1 },
	[SC_W]	  = { 2, 2, 2, 2, 2 },
	[SC_D]	  = { 4, 4, 4, 4, 4 },
	[SC_Q]	  = { 8, 8, 8, 8, 8 },
	[SC_X]	  = { 16, 16, 16, 16, 16 },
	[SC_V]	  = { 2, 4, 8, 4, 2 },
	[SC_Z]	  = { 2, 4, 4, 4, 2 },
	[SC_Y]	  = { 4, 4, 8, 4, 4 },
	[SC_STK]  = { 2, 4, 8, 8, 2 },
	[SC_NEAR] = { 2, 4, 8, 8, 8 },
	[SC_NAT]  = { 4, 4, 8, 8, 8 },
};

struct dec {
	const u8 *code;
	unsigned int n;		/* bytes there are, at most 15 */
	unsigned int pos;
	int short_err;		/* what running past n means */
	u8 mode;
	u8 rex;			/* 40h to 4Fh, or 0; made up from VEX */
	u8 pfx;			/* column */
	bool osz, lock, vex, seg_set;
	u8 osz_col;
	u8 opcode;
	u8 map;			/* 1, 2 (0F), 3 (0F38), 4 (0F3A) */
	u8 modrm;
	bool has_modrm;
};

static __always_inline int get8(struct dec *d, u8 *v)
{
	if (unlikely(d->pos >= d->n))
		return d->short_err;
	*v = d->code[d->pos++];
	return 0;
}

/* n little-endian bytes, zero-extended. */
static __always_inline int get_le(struct dec *d, unsigned int n, u64 *v)
{
	u64 x = 0;
	unsigned int i;

	if (unlikely(n > d->n - d->pos)) {
		d->pos = d->n;
		return d->short_err;
	}
	for (i = 0; i < n; i++)
		x |= (u64)d->code[d->pos + i] << 8 * i;
	d->pos += n;
	*v = x;
	return 0;
}

static u64 sext(u64 v, unsigned int bytes)
{
	unsigned int shift = 64 - 8 * bytes;

	return (u64)((s64)(v << shift) >> shift);
}

static const u8 seg_prefix[4] = { X86_ES, X86_CS, X86_SS, X86_DS };

/* Legacy prefixes and REX, up to and with the first opcode byte. */
static int prefixes(struct dec *d, struct x86_insn *in)
{
	u8 rep = 0, b;
	int err;

	in->adsize = d->mode == X86_MODE64 ? 8 : d->mode == X86_MODE32 ? 4 : 2;
	for (;;) {
		err = get8(d, &b);
		if (err)
			return err;
		switch (b) {
		case 0x26: case 0x2e: case 0x36: case 0x3e:
			/* Without effect in 64-bit mode, even after FS or GS. */
			if (d->mode != X86_MODE64) {
				in->seg = seg_prefix[b >> 3 & 3];
				d->seg_set = true;
			}
			break;
		case 0x64: case 0x65:
			in->seg = b == 0x64 ? X86_FS : X86_GS;
			d->seg_set = true;
			break;
		case 0x66:
			d->osz = true;
			break;
		case 0x67:
			in->adsize = d->mode == X86_MODE32 ? 2 : 4;
			break;
		case 0xf0:
			d->lock = true;
			break;
		case 0xf2: case 0xf3:
			rep = b;
			break;
		case 0x40 ... 0x4f:
			if (d->mode == X86_MODE64) {
				d->rex = b;
				continue;
			}
			/* fall through */
		default:
			d->opcode = b;
			d->pfx = rep == 0xf3 ? PFX_F3 : rep == 0xf2 ? PFX_F2 :
				 d->osz ? PFX_66 : PFX_NONE;
			return 0;
		}
		d->rex = 0;	/* it counts only right before the opcode */
	}
}

/* VEX prefix; d->opcode is C4 or C5, and *payload the byte after it. */
static int vex(struct dec *d, struct x86_insn *in, u8 payload, const struct x86_dent **e)
{
	static const u8 pp_col[4] = { PFX_NONE, PFX_66, PFX_F3, PFX_F2 };
	u8 map = 1, last = payload, rex = 0x40;
	int err;

	if (d->pfx != PFX_NONE || d->osz || d->lock || d->rex)
		return -EINVAL;
	if (!(payload & 0x80))
		rex |= REX_R;
	if (d->opcode == 0xc4) {
		map = payload & 0x1f;
		rex |= (payload & 0x40 ? 0 : REX_X) | (payload & 0x20 ? 0 : REX_B);
		err = get8(d, &last);
		if (err)
			return err;
		if (last & 0x80)
			rex |= REX_W;
	}
	err = get8(d, &d->opcode);
	if (err)
		return err;
	in->vvvv = ~last >> 3 & 15;
	d->vex = true;
	d->pfx = pp_col[last & 3];
	d->osz = false;
	if (d->mode == X86_MODE64) {
		d->rex = rex;
	} else {
		d->rex = 0;
		in->vvvv &= 7;
	}
	/* So far only the instructions on general registers; L must be 0. */
	if (last & 4)
		return -EINVAL;
	if (map == 2 && (d->opcode & 0xf8) == 0xf0)
		*e = &x86_vex_0f38[d->opcode & 7][d->pfx];
	else if (map == 3 && d->opcode == 0xf0)
		*e = &x86_vex_0f3a_f0[d->pfx];
	else
		return -EINVAL;
	/* An operand in vvvv or none at all: then it must be 1111b. */
	if (map == 3 && (last & 0x78) != 0x78)
		return -EINVAL;
	in->flags |= IN_VEX;
	return 0;
}

static int get_modrm(struct dec *d)
{
	if (d->has_modrm)
		return 0;
	d->has_modrm = true;
	return get8(d, &d->modrm);
}

/* C4, C5 and 62 are LES, LDS and BOUND when what follows is a memory operand
 * outside 64-bit mode. */
static int vex_or_legacy(struct dec *d, struct x86_insn *in, const struct x86_dent **e)
{
	u8 next;
	int err;

	err = get8(d, &next);
	if (err)
		return err;
	if (d->mode != X86_MODE64 && next < 0xc0) {
		d->modrm = next;
		d->has_modrm = true;
		*e = &x86_map1[d->opcode];
		return 0;
	}
	if (d->opcode == 0x62)
		return -EINVAL;		/* EVEX */
	return vex(d, in, next, e);
}

/* Find the entry of the opcode, in whichever map. */
static int opcode(struct dec *d, struct x86_insn *in, const struct x86_dent **e)
{
	int err;

	d->map = 1;
	if (d->opcode == 0xc4 || d->opcode == 0xc5 || d->opcode == 0x62)
		return vex_or_legacy(d, in, e);
	if (d->opcode != 0x0f) {
		*e = &x86_map1[d->opcode];
		return 0;
	}
	err = get8(d, &d->opcode);
	if (err)
		return err;
	d->map = 2;
	if (d->opcode != 0x38 && d->opcode != 0x3a) {
		*e = &x86_map_0f[d->opcode][d->pfx];
		return 0;
	}
	d->map = d->opcode == 0x38 ? 3 : 4;
	err = get8(d, &d->opcode);
	if (err)
		return err;
	*e = d->map == 3 ? &x86_map_0f38[d->opcode][d->pfx] : &x86_map_0f3a[d->opcode][d->pfx];
	return 0;
}

static int subtable(struct dec *d, const struct x86_dent **e)
{
	const struct x86_dent *p = *e;
	int err = get_modrm(d);

	if (err)
		return err;
	while (p->attr & A_SUB) {
		const struct x86_dent *t = x86_sub[p->op];

		if (p->attr & A_I64 && d->mode == X86_MODE64)
			return -EINVAL;
		if (p->attr & A_SUB_REG)
			p = t + (d->modrm >> 3 & 7);
		else if (p->attr & A_SUB_RM)
			p = t + (d->modrm & 7);
		else
			p = t + (d->modrm >= 0xc0);
	}
	*e = p;
	return 0;
}

static u8 osz_column(const struct dec *d)
{
	if (d->mode == X86_MODE64)
		return d->rex & REX_W ? OSZ_64_W : d->osz ? OSZ_64_66 : OSZ_64;
	if (d->vex)
		return OSZ_32;
	return (d->mode == X86_MODE32) != d->osz ? OSZ_32 : OSZ_16;
}

/* The register a field names, given the bit that extends it. */
static u8 reg_of(const struct dec *d, unsigned int class, unsigned int n, bool ext,
		 unsigned int size)
{
	if (class == RC_NUM)
		return n;
	if (ext)
		n |= 8;
	if (class == RC_EXT)
		return n;
	if (size == 1 && n >= 4 && n < 8 && !d->rex)
		return (n - 4) * 8 + 1;		/* AH, CH, DH, BH */
	return n * 8;
}

static const struct { u8 base, index; } ea16[8] = {
	{ X86_RBX, X86_RSI }, { X86_RBX, X86_RDI }, { X86_RBP, X86_RSI },
	{ X86_RBP, X86_RDI }, { X86_RSI, X86_ZERO }, { X86_RDI, X86_ZERO },
	{ X86_RBP, X86_ZERO }, { X86_RBX, X86_ZERO },
};

static int get_disp(struct dec *d, struct x86_insn *in, unsigned int n)
{
	u64 v;
	int err = get_le(d, n, &v);

	if (!err)
		in->disp = (s32)sext(v, n);
	return err;
}

static int ea_16(struct dec *d, struct x86_insn *in)
{
	unsigned int mod = d->modrm >> 6, rm = d->modrm & 7;

	in->base = ea16[rm].base;
	in->index = ea16[rm].index;
	if (mod == 0 && rm == 6) {
		in->base = X86_ZERO;
		return get_disp(d, in, 2);
	}
	if (in->base == X86_RBP && !d->seg_set)
		in->seg = X86_SS;
	return mod ? get_disp(d, in, mod) : 0;
}

static int ea_32(struct dec *d, struct x86_insn *in)
{
	unsigned int mod = d->modrm >> 6, rm = d->modrm & 7;
	bool abs = mod == 0 && rm == 5;
	int err;
	u8 sib;

	if (rm != 4) {
		in->base = rm | (d->rex & REX_B ? 8 : 0);
		if (abs)
			in->base = d->mode == X86_MODE64 ? X86_RIP : X86_ZERO;
	} else {
		err = get8(d, &sib);
		if (err)
			return err;
		in->scale = sib >> 6;
		in->index = (sib >> 3 & 7) | (d->rex & REX_X ? 8 : 0);
		if (in->index == X86_RSP) {
			in->index = X86_ZERO;
			in->scale = 0;
		}
		in->base = (sib & 7) | (d->rex & REX_B ? 8 : 0);
		abs = mod == 0 && (sib & 7) == 5;
		if (abs)
			in->base = X86_ZERO;
	}
	if ((in->base == X86_RSP || in->base == X86_RBP) && !d->seg_set)
		in->seg = X86_SS;
	if (mod == 1)
		return get_disp(d, in, 1);
	return mod == 2 || abs ? get_disp(d, in, 4) : 0;
}

static int modrm(struct dec *d, struct x86_insn *in, const struct x86_dent *e)
{
	int err = get_modrm(d);

	if (err)
		return err;
	in->modrm = d->modrm;
	in->reg = reg_of(d, e->opnd >> 4 & 3, d->modrm >> 3 & 7, d->rex & REX_R, in->opsize);
	if (d->modrm >= 0xc0 || e->attr & A_NOMOD) {
		in->rm = reg_of(d, e->opnd >> 6, d->modrm & 7, d->rex & REX_B, in->srcsize);
		return e->attr & A_MEM ? -EINVAL : 0;
	}
	if (e->attr & A_REG)
		return -EINVAL;
	in->flags |= IN_MEM;
	return in->adsize == 2 ? ea_16(d, in) : ea_32(d, in);
}

static int immediate(struct dec *d, struct x86_insn *in, unsigned int kind)
{
	unsigned int n = in->opsize, m = n == 8 ? 4 : n;
	u64 hi;
	int err;

	switch (kind) {
	case I_1:
		in->imm = 1;
		return 0;
	case I_B:
		return get_le(d, 1, &in->imm);
	case I_SB:
		err = get_le(d, 1, &in->imm);
		in->imm = sext(in->imm, 1);
		return err;
	case I_W:
		return get_le(d, 2, &in->imm);
	case I_Z:
		err = get_le(d, m, &in->imm);
		if (n == 8)
			in->imm = sext(in->imm, 4);
		return err;
	case I_V:
		return get_le(d, n, &in->imm);
	case I_J:
		err = get_le(d, m, &in->imm);
		in->imm = sext(in->imm, m);
		return err;
	case I_MOFFS:
		return get_le(d, in->adsize, &in->imm);
	case I_FAR:
		err = get_le(d, n, &in->imm);
		if (!err)
			err = get_le(d, 2, &hi);
		if (!err)
			in->imm |= hi << 32;
		return err;
	case I_ENTER:
		err = get_le(d, 2, &in->imm);
		if (!err)
			err = get_le(d, 1, &hi);
		if (!err)
			in->imm |= hi << 16;
		return err;
	}
	return 0;
}

/* MOV to and from control and debug registers. */
static int fix_cr(struct dec *d, struct x86_insn *in)
{
	bool dr = in->op == OP_mov_from_dr || in->op == OP_mov_to_dr;

	if (dr)
		return in->reg > 7 ? -EINVAL : 0;
	if (d->lock) {		/* how AMD spells CR8 outside 64-bit mode */
		if (in->reg != 0)
			return -EINVAL;
		in->reg = 8;
		in->flags |= IN_LOCK;
		d->lock = false;
	}
	return in->reg == 0 || in->reg == 2 || in->reg == 3 || in->reg == 4 ||
	       in->reg == 8 ? 0 : -EINVAL;
}

/* What the tables cannot say. Runs between ModRM and the immediate. */
static int fix(struct dec *d, struct x86_insn *in)
{
	bool mem = in->flags & IN_MEM;

	switch (in->op) {
	case OP_nop:
		/* 90 is exchange with itself; REX.B makes it one with R8. */
		if (d->map == 1 && d->pfx == PFX_F3) {
			in->op = OP_pause;
		} else if (d->map == 1 && d->rex & REX_B) {
			in->op = OP_xchg;
			in->form = FORM_RM_R;
			in->reg = X86_R8 * 8;
		} else if (d->map == 2 && d->opcode == 0x1e && d->pfx == PFX_F3 &&
			   (d->modrm == 0xfa || d->modrm == 0xfb)) {
			in->op = OP_endbr;
		}
		return 0;
	case OP_prefetch:
		if (!mem)
			in->op = OP_nop;
		return 0;
	case OP_xchg:		/* 91 to 97: rAX is rm */
		in->form = FORM_RM_R;
		return 0;
	case OP_mov_from_seg:
		if (in->reg > X86_GS)
			return -EINVAL;
		if (mem)
			in->opsize = in->srcsize = 2;
		return 0;
	case OP_mov_to_seg:
		if (in->reg == X86_CS || in->reg > X86_GS)
			return -EINVAL;
		if (in->reg == X86_SS)
			in->flags |= IN_STOP;
		return 0;
	case OP_sldt: case OP_str: case OP_smsw:
		if (mem)
			in->opsize = in->srcsize = 2;
		return 0;
	case OP_push_seg: case OP_pop_seg:
		in->form = FORM_R;
		in->reg = d->opcode >> 3 & 7;
		if (in->op == OP_pop_seg && in->reg == X86_SS)
			in->flags |= IN_STOP;
		return 0;
	case OP_mov_from_cr: case OP_mov_to_cr: case OP_mov_from_dr: case OP_mov_to_dr:
		return fix_cr(d, in);
	case OP_cmpxchg8b:
		if (d->rex & REX_W) {
			in->op = OP_cmpxchg16b;
			in->opsize = in->srcsize = 16;
		}
		return 0;
	case OP_movsxd:
		if (d->mode != X86_MODE64) {
			in->op = OP_arpl;
			in->form = FORM_RM_R;
			in->opsize = in->srcsize = 2;
		} else if (in->opsize == 2) {
			in->srcsize = 2;
		}
		return 0;
	case OP_pinsrb: case OP_pextrb:
		if (mem)
			in->srcsize = 1;
		return 0;
	case OP_pinsrw: case OP_pextrw:
		if (mem)
			in->srcsize = 2;
		return 0;
	case OP_extractps:
		if (mem)
			in->srcsize = 4;
		return 0;
	}
	return 0;
}

static int attributes(struct dec *d, struct x86_insn *in, unsigned int attr)
{
	if (attr & (d->mode == X86_MODE64 ? A_I64 : A_O64))
		return -EINVAL;
	if (attr & A_NP && (d->pfx != PFX_NONE || d->osz))
		return -EINVAL;
	if (attr & A_BR)
		in->flags |= IN_BRANCH;
	if (attr & A_STOP)
		in->flags |= IN_STOP;
	if (attr & A_REP && d->pfx == PFX_F3)
		in->flags |= IN_REP;
	if (attr & A_REP && d->pfx == PFX_F2)
		in->flags |= IN_REPNE;
	return 0;
}

static int operands(struct dec *d, struct x86_insn *in, const struct x86_dent *e)
{
	const unsigned int has_modrm = 1 << FORM_RM_R | 1 << FORM_R_RM | 1 << FORM_RM_I |
		1 << FORM_R_RM_I | 1 << FORM_RM_R_I | 1 << FORM_RM;
	int err;

	in->form = e->opnd & 15;
	in->cond = d->opcode & 15;
	if (d->rex & REX_W)
		in->flags |= IN_REXW;
	d->osz_col = osz_column(d);
	in->opsize = size_of[e->size & 15][d->osz_col];
	in->srcsize = size_of[e->size >> 4][d->osz_col];
	if (has_modrm >> in->form & 1) {
		err = modrm(d, in, e);
		if (err)
			return err;
	} else if (d->has_modrm) {
		in->modrm = d->modrm;
	} else if (in->form == FORM_R || (in->form == FORM_R_I && d->opcode >= 0xb0 &&
					  d->opcode < 0xc0)) {
		in->reg = reg_of(d, RC_GPR, d->opcode & 7, d->rex & REX_B, in->opsize);
	}
	if (e->attr & A_FIX) {
		err = fix(d, in);
		if (err)
			return err;
	}
	if (e->imm) {
		err = immediate(d, in, e->imm);
		if (err)
			return err;
	}
	if (unlikely(d->lock)) {
		if (!(e->attr & A_LOCK) || !(in->flags & IN_MEM))
			return -EINVAL;
		in->flags |= IN_LOCK;
	}
	return 0;
}

static int decode(struct dec *d, struct x86_insn *in)
{
	const struct x86_dent *e;
	int err;

	err = prefixes(d, in);
	if (!err)
		err = opcode(d, in, &e);
	if (!err && e->attr & A_SUB)
		err = subtable(d, &e);
	if (err)
		return err;
	if (e->op == OP_ud)
		return -EINVAL;
	in->op = e->op;
	err = attributes(d, in, e->attr);
	if (!err)
		err = operands(d, in, e);
	if (in->op == OP_x87)
		in->cond = d->opcode & 7;
	return err;
}

int x86_decode(struct x86_insn *in, enum x86_mode mode, const u8 *code, size_t n)
{
	struct dec d = {
		.code = code, .mode = mode,
		.n = n < X86_INSN_MAX ? n : X86_INSN_MAX,
		.short_err = n < X86_INSN_MAX ? -ENODATA : -E2BIG,
	};
	int err;

	*in = (struct x86_insn){ .seg = X86_DS, .base = X86_ZERO, .index = X86_ZERO };
	err = decode(&d, in);
	in->len = d.pos;
	if (unlikely(err))
		in->op = OP_ud;
	return err;
}
