// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gen.c - random instructions with operands that make them do something: an
 * address in the data pages, a count that ends, a branch target in the code
 * pages.
 */
#include "tests/diff/gen.h"

#define NOWHERE	255u

struct enc {
	u8 code[32];
	unsigned int disp_at;	/* NOWHERE: no 32-bit displacement */
	unsigned int modrm_at;
	struct x86_insn in;
};

struct gen {
	struct block *b;
	struct state *s;
	bool first;		/* registers may still be set in s */
	u8 pre[64];		/* code that sets registers, to come before */
	unsigned int pre_len;
	unsigned int skip_at;	/* a forward branch's displacement to fill in, or 0 */
	u8 skip_size;
};

static void set_reg(struct gen *g, unsigned int r, u64 v)
{
	u8 *p = g->pre + g->pre_len;

	if (g->pre_len + 10 > sizeof(g->pre))
		return;
	if (g->first) {
		g->s->gpr[r] = diff_bits == 64 ? v : (u32)v;
		return;
	}
	if (diff_bits != 64) {
		if (diff_bits == 16) {
			*p++ = 0x66;
			g->pre_len++;
		}
		p[0] = 0xb8 | r;	/* mov r, imm32 */
		memcpy(p + 1, &v, 4);
		g->pre_len += 5;
		return;
	}
	p[0] = r & 8 ? 0x49 : 0x48;	/* mov r, imm64 */
	p[1] = 0xb8 | (r & 7);
	memcpy(p + 2, &v, 8);
	g->pre_len += 10;
}

static unsigned int legacy_prefixes(const struct template *t, u8 *p)
{
	static const u8 segs[] = { 0x64, 0x65, 0x64, 0x65, 0x2e, 0x36, 0x3e, 0x26 };
	unsigned int n = 0;

	if (t->map < 5 && one_in(16))
		p[n++] = 0xf0;
	if (one_in(10))
		p[n++] = segs[rnd_below(ARRAY_SIZE(segs))];
	if (one_in(12))
		p[n++] = 0x67;
	if (t->map < 5 && one_in(6))
		p[n++] = 0x66;
	if (t->pfx && t->map < 5)
		p[n++] = t->pfx;
	else if (t->map < 5 && t->opcode >= 0xa4 && t->opcode <= 0xaf && one_in(2))
		p[n++] = one_in(2) ? 0xf3 : 0xf2;
	return n;
}

static unsigned int vex_prefix(const struct template *t, u8 *p)
{
	unsigned int pp = t->pfx == 0x66 ? 1 : t->pfx == 0xf3 ? 2 : t->pfx == 0xf2 ? 3 : 0;

	p[0] = 0xc4;
	p[1] = (rnd() & 0xe0) | (diff_bits == 64 ? 0 : 0xc0) | (t->map - 3);
	p[2] = (t->rex_w ? 0x80 : 0) | (t->map == 6 ? 0x78 : rnd() & 0x78) | pp;
	return 3;
}

static void encode(const struct template *t, struct enc *e)
{
	unsigned int n = legacy_prefixes(t, e->code), mod = t->modrm >> 6, rm = t->modrm & 7;
	u64 tail[3] = { rnd(), rnd(), rnd() };
	u8 rex = t->rex_w ? 0x48 : 0;

	if (diff_bits == 64 && one_in(2))
		rex |= 0x40 | (rnd() & 7);
	if (t->map >= 5) {
		n += vex_prefix(t, e->code + n);
	} else {
		if (rex)
			e->code[n++] = rex;
		if (t->map >= 2)
			e->code[n++] = 0x0f;
		if (t->map >= 3)
			e->code[n++] = t->map == 3 ? 0x38 : 0x3a;
	}
	e->code[n++] = t->opcode;
	memcpy(e->code + n, tail, sizeof(e->code) - n < sizeof(tail) ? sizeof(e->code) - n : sizeof(tail));
	e->modrm_at = n;
	e->code[n++] = t->modrm;
	e->disp_at = NOWHERE;
	if (mod == 3)
		return;
	if (rm == 4 && e->code[n] % 8 == 5 && mod == 0)
		e->disp_at = n + 1;
	else if (mod == 0 && rm == 5)
		e->disp_at = n;
	n += rm == 4;
	if (mod == 2 && one_in(2))	/* a small displacement */
		memset(e->code + n + 1, (s8)e->code[n] < 0 ? 0xff : 0, 3);
}

static u64 seg_base(const struct gen *g, const struct x86_insn *in)
{
	return in->seg == X86_FS ? g->s->fsbase : in->seg == X86_GS ? g->s->gsbase : 0;
}

static unsigned int access_align(const struct x86_insn *in)
{
	if (in->flags & IN_LOCK || in->op == OP_xchg || in->op == OP_cmpxchg16b)
		return in->opsize;
	if (rule_fpu_area(in))
		return in->op == OP_fxsave || in->op == OP_fxrstor ? 16 : 64;
	if (one_in(in->opsize == 16 ? 12 : 4))
		return 1;
	return in->opsize >= 8 ? 16 : in->opsize;
}

/* A locked access must not cross a cache line: hosts may punish that. */
static u64 pick_address(const struct x86_insn *in)
{
	unsigned int align = access_align(in);
	u64 a = rnd_data(align, rule_fpu_area(in) ? 832 : 16);

	if (in->flags & IN_LOCK || in->op == OP_xchg || in->op == OP_cmpxchg16b)
		a &= ~(u64)(align - 1);
	return a;
}

/* Bits that the address size hides. */
static u64 random_high(unsigned int adsize)
{
	return adsize == 4 ? rnd() << 32 : adsize == 2 ? rnd() << 16 : 0;
}

/* Make base + index * scale + disp come to ea. */
static void aim(struct gen *g, struct enc *e, u64 ea)
{
	struct x86_insn *in = &e->in;
	u64 index = rnd_below(64), high = random_high(in->adsize);

	if (in->base < 16 && in->base == in->index) {
		set_reg(g, in->base, (ea - in->disp) / (1 + (1ull << in->scale)));
	} else if (in->base < 16) {
		if (in->index < 16)
			set_reg(g, in->index, index ^ (in->adsize == 2 ? high : 0));
		else
			index = 0;
		set_reg(g, in->base, (ea - in->disp - (index << in->scale)) ^ high);
	} else if (in->index < 16 && e->disp_at == NOWHERE) {
		set_reg(g, in->index, (ea - in->disp) >> in->scale);
	} else if (in->adsize == 2) {	/* the displacement alone */
		memcpy(e->code + e->modrm_at + 1, &ea, 2);
	} else if (e->disp_at != NOWHERE) {
		u64 base = 0;
		s32 d;

		if (in->base == X86_RIP)
			base = START_IP + g->b->len + g->pre_len + in->len;
		if (in->index < 16) {
			/* The code that sets it must not move RIP again. */
			set_reg(g, in->index, index);
			base += index << in->scale;
		}
		d = (s32)(ea - base);
		memcpy(e->code + e->disp_at, &d, 4);
		in->disp = d;
	}
}

/* Selectors that there are, and some that there are not. */
static u16 rnd_selector(void)
{
	static const u16 sels[] = { 0, 0, 3, SEL_DATA, SEL_DATA, SEL_DATA16, SEL_DATA16, SEL_CODE16,
				    SEL_CODE32, SEL_CODE64, SEL_DATA & ~3, 0x10, 0x1b, 0x43, 0x53,
				    SEL_PERCPU, 0x17, 0x83 };

	return one_in(8) ? rnd() : sels[rnd_below(ARRAY_SIZE(sels))];
}

/* Mostly a selector that stays in the present kind of code. */
static u16 rnd_code_selector(void)
{
	u16 s = rnd_selector();

	return one_in(3) && s != SEL_CODE16 && s != SEL_CODE32 && s != SEL_CODE64 ? s : code_sel();
}

/* An offset, a selector and what else IRET pops, in memory. */
static void poke_far(u64 ea, unsigned int opsize, bool iret)
{
	u64 v[5] = { rnd_code_target(MAX_CODE), rnd_code_selector(),
		     (rnd() & ~(u64)X86_F_TF & 0x244fd7) | X86_F_1 | X86_F_IF,
		     rnd_data(8, 64), diff_bits == 64 ? SEL_DATA : data_sel() };
	unsigned int i;

	if (one_in(16))
		v[4] = rnd_selector();
	for (i = 0; i < (iret ? 5 : 2); i++)
		poke(ea + i * opsize, &v[i], i == 1 && !iret ? 2 : opsize);
}

static void fill_memory(struct gen *g, const struct x86_insn *in, u64 lin)
{
	u8 v[32], area[832];
	u64 t;
	u32 mxcsr;

	rnd_vector(v);
	rnd_vector(v + 16);
	poke(lin, v, 32);
	if (rule_fpu_area(in)) {
		rnd_fpu_area(area);
		poke(lin, area, sizeof(area));
		set_reg(g, X86_RAX, rnd_below(8));
		set_reg(g, X86_RDX, 0);
	}
	if (in->op == OP_ldmxcsr && !one_in(4)) {
		mxcsr = rnd_mxcsr();
		poke(lin, &mxcsr, 4);
	}
	switch (in->op) {
	case OP_mov_to_seg: case OP_verr: case OP_verw: case OP_lar: case OP_lsl:
		t = rnd_selector();
		poke(lin, &t, 2);
		break;
	case OP_lss: case OP_lds: case OP_les: case OP_lfs: case OP_lgs:
		t = rnd_selector();
		poke(lin + in->opsize, &t, 2);
		break;
	case OP_call_far_ind: case OP_jmp_far_ind:
		poke_far(lin, in->opsize, false);
		break;
	}
	if ((in->op == OP_jmp_ind || in->op == OP_call_ind) && !one_in(8)) {
		t = rnd_code_target(MAX_CODE);
		poke(lin, &t, 8);
	}
}

static void place_memory(struct gen *g, struct enc *e)
{
	const struct x86_insn *in = &e->in;
	bool bit = (in->op == OP_bt || in->op == OP_bts || in->op == OP_btr || in->op == OP_btc);
	u64 lin;

	if (in->form == FORM_MOFFS) {
		u64 ea = pick_address(in) - seg_base(g, in);

		memcpy(e->code + in->len - in->adsize, &ea, in->adsize);
		return;
	}
	if (!(in->flags & IN_MEM))
		return;
	if (bit && in->form == FORM_RM_R)
		set_reg(g, in->reg / 8, (s64)rnd_below(8192) - 4096);
	lin = pick_address(in);
	fill_memory(g, in, lin);
	aim(g, e, lin - seg_base(g, in));
}

static void place_selector(struct gen *g, const struct x86_insn *in)
{
	u64 sp = g->s->gpr[X86_RSP];
	u16 sel = rnd_selector();

	switch (in->op) {
	case OP_mov_to_seg: case OP_verr: case OP_verw: case OP_lldt: case OP_ltr: case OP_arpl:
	case OP_lar: case OP_lsl:
		if (!(in->flags & IN_MEM))
			set_reg(g, in->rm / 8, (rnd() & ~0xffffull) | sel);
		break;
	case OP_pop_seg:
		if (g->first)
			poke(sp, &sel, 2);
		break;
	case OP_ret_far: case OP_iret:
		if (g->first)
			poke_far(sp, in->opsize, in->op == OP_iret);
		break;
	}
}

/* Registers with a fixed role. */
static void place_implicit(struct gen *g, struct enc *e)
{
	const struct x86_insn *in = &e->in;
	u64 high = random_high(in->adsize), t;

	switch (in->op) {
	case OP_movs: case OP_cmps: case OP_stos: case OP_lods: case OP_scas:
	case OP_ins: case OP_outs:
		set_reg(g, X86_RSI, (rnd_data(1, 64) - seg_base(g, in)) ^ high);
		set_reg(g, X86_RDI, rnd_data(1, 64) ^ high);
		if (in->flags & (IN_REP | IN_REPNE) && !one_in(32))
			set_reg(g, X86_RCX, rnd_below(40) ^ high);
		break;
	case OP_xlat:
		set_reg(g, X86_RBX, (rnd_data(1, 256) - seg_base(g, in)) ^ high);
		break;
	case OP_maskmovq: case OP_maskmovdqu:
		set_reg(g, X86_RDI, (rnd_data(1, 16) - seg_base(g, in)) ^ high);
		break;
	case OP_div: case OP_idiv:
		if (g->first && !one_in(4)) {
			g->s->gpr[X86_RDX] = in->op == OP_idiv && one_in(2) ? ~0ull : 0;
			if (in->opsize == 1)
				g->s->gpr[X86_RAX] &= ~0xff00ull;
		}
		break;
	case OP_leave: case OP_enter:
		set_reg(g, X86_RBP, rnd_data(8, 8));
		break;
	case OP_ret:
		t = rnd_code_target(MAX_CODE);
		if (g->first && !one_in(8))
			poke(g->s->gpr[X86_RSP], &t, 8);
		break;
	case OP_popf:		/* anything but the trap flag */
		t = (rnd() & ~(u64)X86_F_TF) | X86_F_IF;
		if (one_in(2))
			t &= ~(u64)X86_F_AC;
		poke(g->s->gpr[X86_RSP], &t, 8);
		break;
	case OP_call_ind: case OP_jmp_ind:
		if (!(in->flags & IN_MEM) && !one_in(8))
			set_reg(g, in->rm / 8, rnd_code_target(MAX_CODE));
		break;
	}
}

/* Relative branches: the displacement is the last bytes. */
static void place_branch(struct gen *g, struct enc *e, bool last)
{
	const struct x86_insn *in = &e->in;
	u64 next = START_IP + g->b->len + g->pre_len + in->len, to;
	unsigned int n = in->opsize == 8 ? 4 : in->opsize;
	bool rel8 = in->op == OP_jcxz || in->op == OP_loop || in->op == OP_loope ||
		    in->op == OP_loopne;
	s32 d;

	if (in->op == OP_jmp_far || in->op == OP_call_far) {	/* offset, selector */
		u64 far = rnd_code_target(MAX_CODE);
		u16 sel = rnd_code_selector();

		memcpy(e->code + in->len - 2, &sel, 2);
		memcpy(e->code + in->len - 2 - in->opsize, &far, in->opsize);
		return;
	}
	if (in->form != FORM_I || !(in->flags & IN_BRANCH) || in->op == OP_ret ||
	    in->op == OP_ret_far || in->op == OP_int)
		return;
	if (in->opsize == 2 && diff_bits != 16)	/* EIP is cut: there is nothing to go to */
		return;
	rel8 |= (in->op == OP_jcc && (e->code[in->len - 2] & 0xf0) == 0x70) ||
		(in->op == OP_jmp && e->code[in->len - 2] == 0xeb);
	if (one_in(16) || (!last && one_in(2))) {	/* to the next instruction, or the one after */
		memset(e->code + in->len - (rel8 ? 1 : n), 0, rel8 ? 1 : n);
		if (!last && !one_in(3) && !g->skip_at) {
			g->skip_size = rel8 ? 1 : n;
			g->skip_at = g->b->len + g->pre_len + in->len - g->skip_size;
		}
		return;
	}
	if (rel8) {
		/* Backwards beyond the block, or it would loop. */
		d = (s32)(PAD8_LIN - code_base() - next);
		if (one_in(8) || d < -128)
			d = (s32)(START_IP - 1 - rnd_below(16) - next);
		if (d < -128)
			d = 0;
		if (next + d >= START_IP)
			d = 0;
		e->code[in->len - 1] = d;
		return;
	}
	to = rnd_code_target(MAX_CODE);
	d = (s32)(to - next);
	memcpy(e->code + in->len - n, &d, n);
}

/* Encode one instruction that decodes to what we want. */
static bool draw(struct enc *e)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		encode(template_pick(), e);
		if (x86_decode(&e->in, diff_mode(), e->code, 15) || !template_wants(e->in.op) ||
		    !rule_runs(&e->in))
			continue;
		if (e->in.adsize == 2)
			e->disp_at = NOWHERE;
		return true;
	}
	return false;
}

static bool leaves_undefined(const struct x86_insn *in)
{
	static struct x86_cpu dummy = { .gpr[X86_RCX] = 31 };
	struct x86_insn copy = *in;

	copy.imm = 31;
	return rule_undefined_flags(&copy, &dummy);
}

static bool acceptable(const struct gen *g, const struct x86_insn *in, bool alone, bool last)
{
	struct x86_cpu c;

	if ((in->op == OP_shld || in->op == OP_shrd) && in->opsize == 2 && !alone)
		return false;
	/* Nothing may read what such an instruction stored. */
	if (rule_skip_mem(in) && !last)
		return false;
	if (in->op == OP_popf && !g->first)
		return false;
	/* EDX:EAX chooses what is saved. */
	if (rule_fpu_area(in) && (!alone || in->base == X86_RAX || in->base == X86_RDX ||
				  in->index == X86_RAX || in->index == X86_RDX))
		return false;
	memcpy(c.gpr, g->s->gpr, sizeof(g->s->gpr));
	return !rule_undefined_result(in, &c);
}

static void append(struct block *b, const void *p, unsigned int n)
{
	memcpy(b->code + b->len, p, n);
	b->len += n;
}

static bool uses_descriptors(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_mov_to_seg: case OP_pop_seg: case OP_lds: case OP_les: case OP_lss: case OP_lfs:
	case OP_lgs: case OP_lar: case OP_lsl: case OP_verr: case OP_verw: case OP_iret:
	case OP_call_far: case OP_call_far_ind: case OP_jmp_far: case OP_jmp_far_ind:
	case OP_ret_far:
		return true;
	}
	return false;
}

static void describe(struct block *b, const struct x86_insn *in, unsigned int at)
{
	b->skip_mem |= rule_skip_mem(in);
	b->mmx |= in->op >= OP_movups && in->op != OP_crc32;
	b->rep32 |= in->flags & (IN_REP | IN_REPNE) && in->adsize == 4;
	b->wide |= in->opsize == 16 || rule_fpu_area(in);
	b->area |= rule_fpu_area(in);
	b->cs_read |= in->seg == X86_CS && diff_bits == 16;
	b->segments |= uses_descriptors(in);
	b->last = *in;
	b->class[b->n] = class_of(in);
	b->at[b->n] = at;
	b->op[b->n++] = in->op;
}

static void add_insn(struct gen *g, bool alone, bool last)
{
	struct block *b = g->b;
	struct enc e;
	u8 cmp[2] = { 0x3c, rnd() };
	unsigned int skip = g->skip_at;
	u32 d;

	g->first = b->n == 0;
	g->pre_len = 0;
	if (!draw(&e) || !acceptable(g, &e.in, alone, last))
		return;
	/* Order matters: what sets registers makes the code longer. */
	place_implicit(g, &e);
	if (e.in.base == X86_RIP && e.in.index == X86_ZERO && !g->first && e.in.form == FORM_RM_R &&
	    (e.in.op == OP_bt || e.in.op == OP_bts || e.in.op == OP_btr || e.in.op == OP_btc))
		set_reg(g, e.in.reg / 8, rnd_below(4096));
	place_memory(g, &e);
	place_selector(g, &e.in);
	place_branch(g, &e, last);
	if (!acceptable(g, &e.in, alone, last)) {
		g->skip_at = skip;
		return;
	}
	append(b, g->pre, g->pre_len);
	describe(b, &e.in, b->len);
	append(b, e.code, e.in.len);
	if (!last && leaves_undefined(&e.in))
		append(b, cmp, 2);
	if (skip) {		/* an earlier branch leads over this instruction */
		d = b->len - (skip + g->skip_size);
		if (g->skip_size > 1 || d < 128)
			memcpy(b->code + skip, &d, g->skip_size);
		g->skip_at = 0;
	}
}

/* --- loops and code that changes itself --- */

#define COUNTER	(DATA_LIN - data_base() + 16)	/* below what else is aimed at */

/* Count down in memory, and go back while there is something left. */
static void close_loop(struct gen *g, unsigned int start)
{
	static const u8 sub64[] = { 0x83, 0x2c, 0x25 }, sub32[] = { 0x83, 0x2d };
	static const u8 sub16[] = { 0x66, 0x83, 0x2e };
	u32 n = 2 + rnd_below(one_in(8) ? 60 : 6), at = COUNTER;
	struct block *b = g->b;
	u8 tail[6] = { 1, 0x0f, 0x85 };
	s32 d;

	poke(COUNTER, &n, 4);
	if (diff_bits == 64)
		append(b, sub64, sizeof(sub64));
	else if (diff_bits == 32)
		append(b, sub32, sizeof(sub32));
	else
		append(b, sub16, sizeof(sub16));
	append(b, &at, diff_bits == 16 ? 2 : 4);
	append(b, tail, 3);
	d = (s32)start - (s32)(b->len + (diff_bits == 16 ? 2 : 4));
	append(b, &d, diff_bits == 16 ? 2 : 4);
	b->turns = n;
	b->last = (struct x86_insn){ 0 };	/* the flags are SUB's */
}

/*
 * Put "ALU eAX, imm32" into the block and, before it or after it (for a loop's
 * next turn), an instruction that changes its opcode or its immediate.
 */
static void add_victim(struct gen *g, unsigned int *victim)
{
	u8 code[5] = { 0x05 | (rnd() & 7) << 3 };
	u32 v = rnd();

	memcpy(code + 1, &v, 4);
	*victim = g->b->len;
	append(g->b, code, 5);
}

static unsigned int add_patch(struct gen *g, bool opcode)
{
	/* xor byte [lin], imm8: another operation of the eight, or a bit of imm32 */
	u8 code[9] = { 0x80, 0x34, 0x25 }, imm = opcode ? (1 + rnd_below(7)) << 3 : 1 + rnd_below(255);
	unsigned int n = 3, at;

	if (diff_bits == 32) {
		code[1] = 0x35;
		n = 2;
	}
	at = g->b->len + n;
	code[n + 4] = imm;
	append(g->b, code, n + 5);
	return at;
}

static void add_smc(struct gen *g, unsigned int insns)
{
	bool opcode = one_in(2), behind = one_in(3);
	unsigned int victim = 0, at = 0, i;
	u32 lin;

	if (behind)
		add_victim(g, &victim);
	else
		at = add_patch(g, opcode);
	for (i = rnd_below(insns); i; i--)
		add_insn(g, false, false);
	if (behind)
		at = add_patch(g, opcode);
	else
		add_victim(g, &victim);
	lin = START_LIN + victim + (opcode ? 0 : 1 + rnd_below(4));
	memcpy(g->b->code + at, &lin, 4);
	g->b->smc = true;
}

static void several(struct gen *g, unsigned int insns)
{
	struct block *b = g->b;
	bool loop = one_in(3), smc = diff_bits != 16 && one_in(6);
	unsigned int i, start, room = MAX_CODE - 112;

	start = loop && one_in(2) ? 1 : 0;	/* not always from the first on */
	for (i = 0; i < insns && b->n < MAX_INSNS && b->len < room; i++) {
		if (start && b->n == 1)
			start = b->len;
		add_insn(g, false, i + 1 == insns && !loop);
		if (smc && b->n && b->len < room - 64) {
			add_smc(g, 3);
			smc = false;
		}
	}
	if (loop && b->n)
		close_loop(g, start > 1 ? start : 0);
}

void gen_block(struct block *b, struct state *s, unsigned int insns)
{
	struct gen g = { .b = b, .s = s };

	*b = (struct block){ 0 };
	rnd_state(s);
	while (!b->n) {
		b->len = 0;
		b->smc = false;
		b->turns = 0;
		g.skip_at = 0;
		if (insns > 1)
			several(&g, insns);
		else
			add_insn(&g, true, true);
	}
	/* The way in may leave other bits above a 16-bit stack pointer. */
	if (diff_bits == 16)
		s->gpr[X86_RSP] = (u16)s->gpr[X86_RSP];
}

/* The same code once more, with other flags and vectors, on what it left. */
void gen_again(const struct block *b, struct state *s)
{
	u64 ac = s->flags & X86_F_AC;

	rnd_again(s);
	s->flags |= ac;
	if (b->turns)
		poke(COUNTER, &b->turns, 4);
}

int gen_init(const char *regex, const char *not_regex, u64 seed)
{
	rnd_seed(seed);
	return templates_init(regex, not_regex);
}
