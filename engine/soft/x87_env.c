// SPDX-License-Identifier: GPL-2.0-or-later
/* x87_env.c - control and status words, environment and state images. */
#include "engine/soft/x87.h"

#define HANDLER(name) static int name(struct x86_cpu *c, const struct x86_insn *in)

/* Instructions that do not wait for pending exceptions. */
static bool nowait_off(const struct x86_cpu *c)
{
	return unlikely(c->cr0 & (X86_CR0_EM | X86_CR0_TS));
}

static void init(struct x86_fpu *f)
{
	f->fcw = FCW_INIT;
	f->fsw = 0;
	f->ftw = 0;
	f->fop = f->fcs = f->fds = 0;
	f->fip = f->fdp = 0;
}

/* The two tag bits of each register, which hardware works out as well. */
static u16 full_tags(const struct x86_fpu *f)
{
	u16 tags = 0;

	for (unsigned int i = 0; i < 8; i++) {
		const struct x87_reg *r = &f->st[i];
		unsigned int exp = r->se & 0x7fff, tag;

		if (!(f->ftw >> i & 1))
			tag = 3;
		else if (!exp && !r->mant)
			tag = 1;
		else if (!exp || exp == 0x7fff || !(r->mant >> 63))
			tag = 2;
		else
			tag = 0;
		tags |= tag << 2 * i;
	}
	return tags;
}

static u8 short_tags(u16 tags)
{
	u8 r = 0;

	for (unsigned int i = 0; i < 8; i++)
		if ((tags >> 2 * i & 3) != 3)
			r |= 1u << i;
	return r;
}

/* The image is seven fields of 2 or 4 bytes; unused halves of the wide ones
 * are ones but for the pointers'. */
static void env_to_fields(const struct x86_cpu *c, bool wide, u32 e[7])
{
	const struct x86_fpu *f = &c->fpu;
	u32 ones = 0xffff0000, ip = f->fip, dp = f->fdp;

	e[0] = ones | f->fcw;
	e[1] = ones | f->fsw;
	e[2] = ones | full_tags(f);
	if (x86_protected(c)) {
		e[3] = ip;
		e[4] = f->fcs | (u32)f->fop << 16;
		e[5] = dp;
		e[6] = ones | f->fds;
		return;
	}
	ip += (u32)f->fcs << 4;
	dp += (u32)f->fds << 4;
	e[3] = (wide ? ones : 0) | (u16)ip;
	e[4] = (ip >> 16 & 0xffff) << 12 | f->fop;
	e[5] = (wide ? ones : 0) | (u16)dp;
	e[6] = (dp >> 16 & 0xffff) << 12;
}

static void env_from_fields(struct x86_cpu *c, bool wide, const u32 e[7])
{
	struct x86_fpu *f = &c->fpu;
	u32 high = wide ? 0xffff : 15;

	x87_set_fcw(f, e[0]);
	x87_set_fsw(f, e[1]);
	f->ftw = short_tags(e[2]);
	if (x86_protected(c)) {
		f->fip = wide ? e[3] : (u16)e[3];
		f->fcs = e[4];
		f->fdp = wide ? e[5] : (u16)e[5];
		f->fds = e[6];
		if (wide)
			f->fop = e[4] >> 16 & 0x7ff;
		return;
	}
	f->fip = (u16)e[3] | (e[4] >> 12 & high) << 16;
	f->fop = e[4] & 0x7ff;
	f->fdp = (u16)e[5] | (e[6] >> 12 & high) << 16;
	f->fcs = f->fds = 0;
}

/* Both sizes as bytes; returns how many. */
static unsigned int env_pack(const struct x86_cpu *c, bool wide, u8 *p)
{
	unsigned int n = wide ? 4 : 2;
	u32 e[7];

	env_to_fields(c, wide, e);
	for (unsigned int i = 0; i < 7; i++)
		memcpy(p + n * i, &e[i], n);
	return 7 * n;
}

static unsigned int env_unpack(struct x86_cpu *c, bool wide, const u8 *p)
{
	unsigned int n = wide ? 4 : 2;
	u32 e[7] = { 0 };

	for (unsigned int i = 0; i < 7; i++)
		memcpy(&e[i], p + n * i, n);
	env_from_fields(c, wide, e);
	return 7 * n;
}

/* What processors do first: the fields' alignment, the first one, the last byte. */
static int image_begin(struct x86_cpu *c, const struct x86_insn *in, unsigned int n, bool write)
{
	unsigned int align = in->opsize != 2 ? 4 : 2;
	u64 ea = x86_ea(c, in);
	int r;

	if (unlikely(c->ac_check) && (c->eseg[in->seg].base + ea) & (align - 1))
		return x86_raise_err(c, X86_AC, 0);
	r = x86_probe(c, in->seg, ea, align, write);
	return r ? r : x86_probe(c, in->seg, ea + n - 1, 1, write);
}

/* The alignment was checked: the accesses themselves are of single bytes. */
static int image_load(struct x86_cpu *c, const struct x86_insn *in, u8 *p, unsigned int n)
{
	bool ac = c->ac_check;
	int r = image_begin(c, in, n, false);

	c->ac_check = false;
	if (!r)
		r = x86_load_buf(c, in->seg, x86_ea(c, in), p, n);
	c->ac_check = ac;
	return r;
}

static int image_store(struct x86_cpu *c, const struct x86_insn *in, const u8 *p,
		       unsigned int n)
{
	bool ac = c->ac_check;
	int r = image_begin(c, in, n, true);

	c->ac_check = false;
	if (!r)
		r = x86_store_buf(c, in->seg, x86_ea(c, in), p, n);
	c->ac_check = ac;
	return r;
}

HANDLER(do_fnstenv)
{
	bool wide = in->opsize != 2;
	u8 image[28];
	int r;

	if (nowait_off(c))
		return x86_raise(c, X86_NM);
	r = image_store(c, in, image, env_pack(c, wide, image));
	if (r)
		return r;
	c->fpu.fcw |= FSW_EXC;
	x87_pend(&c->fpu);
	return RUN_OK;
}

HANDLER(do_fldenv)
{
	bool wide = in->opsize != 2;
	u8 image[28];
	int r;

	if (x87_off(c))
		return x87_denied(c);
	r = image_load(c, in, image, wide ? 28 : 14);
	if (!r)
		env_unpack(c, wide, image);
	return r;
}

HANDLER(do_fnsave)
{
	bool wide = in->opsize != 2;
	u8 image[28 + 80], *p;
	int r;

	if (nowait_off(c))
		return x86_raise(c, X86_NM);
	p = image + env_pack(c, wide, image);
	for (unsigned int i = 0; i < 8; i++, p += 10) {
		memcpy(p, &x87_st(&c->fpu, i)->mant, 8);
		memcpy(p + 8, &x87_st(&c->fpu, i)->se, 2);
	}
	r = image_store(c, in, image, p - image);
	if (!r)
		init(&c->fpu);
	return r;
}

HANDLER(do_frstor)
{
	bool wide = in->opsize != 2;
	u8 image[28 + 80];
	const u8 *p;
	int r;

	if (x87_off(c))
		return x87_denied(c);
	r = image_load(c, in, image, wide ? 108 : 94);
	if (r)
		return r;
	p = image + env_unpack(c, wide, image);
	for (unsigned int i = 0; i < 8; i++, p += 10) {
		memcpy(&x87_st(&c->fpu, i)->mant, p, 8);
		memcpy(&x87_st(&c->fpu, i)->se, p + 8, 2);
	}
	return RUN_OK;
}

HANDLER(do_fldcw)
{
	u64 v;
	int r;

	if (x87_off(c))
		return x87_denied(c);
	r = x86_load(c, in->seg, x86_ea(c, in), 2, &v);
	if (!r)
		x87_set_fcw(&c->fpu, v);
	return r;
}

HANDLER(do_fnstcw)
{
	if (nowait_off(c))
		return x86_raise(c, X86_NM);
	return x86_store(c, in->seg, x86_ea(c, in), 2, c->fpu.fcw);
}

HANDLER(do_fnstsw)
{
	if (nowait_off(c))
		return x86_raise(c, X86_NM);
	return x86_store(c, in->seg, x86_ea(c, in), 2, c->fpu.fsw);
}

HANDLER(do_fnstsw_ax)
{
	if (nowait_off(c))
		return x86_raise(c, X86_NM);
	x86_reg_set(c, 8 * X86_RAX, 2, c->fpu.fsw);
	return RUN_OK;
}

HANDLER(do_fninit)
{
	if (nowait_off(c))
		return x86_raise(c, X86_NM);
	init(&c->fpu);
	return RUN_OK;
}

HANDLER(do_fnclex)
{
	if (nowait_off(c))
		return x86_raise(c, X86_NM);
	c->fpu.fsw &= ~(FSW_EXC | FSW_SF | FSW_ES | FSW_B);
	return RUN_OK;
}

/* What the 8087 and 80287 had and nothing since does. */
HANDLER(do_obsolete)
{
	return nowait_off(c) ? x86_raise(c, X86_NM) : RUN_OK;
}

x86_exec_fn x87_exec_env(const struct x86_insn *in)
{
	static const x86_exec_fn d9[8] = {
		[4] = do_fldenv, [5] = do_fldcw, [6] = do_fnstenv, [7] = do_fnstcw,
	};
	static const x86_exec_fn dd[8] = {
		[4] = do_frstor, [6] = do_fnsave, [7] = do_fnstsw,
	};
	static const x86_exec_fn db[8] = {
		do_obsolete, do_obsolete, do_fnclex, do_fninit, do_obsolete,
	};
	unsigned int esc = in->cond & 7;

	if (in->flags & IN_MEM)
		return esc == 1 ? d9[in->modrm >> 3 & 7] : esc == 5 ? dd[in->modrm >> 3 & 7] : NULL;
	if (esc == 3 && (in->modrm & 0xf8) == 0xe0)
		return db[in->modrm & 7];
	return esc == 7 && in->modrm == 0xe0 ? do_fnstsw_ax : NULL;
}
