// SPDX-License-Identifier: GPL-2.0-or-later
/* model.c - run a block on the core's interpreter functions: user mode, 64 bits. */
#include <cpuid.h>

#include "core/x86/cpuid.h"
#include "core/x86/flags.h"
#include "core/x86/mem.h"
#include "core/x86/walk.h"
#include "engine/soft/fpu.h"
#include "tests/diff/diff.h"

#define PML4	0x1000u
#define PDPT	0x2000u
#define PD	0x3000u
#define PT_DATA	0x4000u
#define PT_CODE	0x5000u
#define DATA_PHYS 0x10000u
#define CODE_PHYS 0x20000u
#define RAM_SIZE 0x30000u

#define PTE_P	1ull
#define PTE_W	2ull
#define PTE_U	4ull

static u8 ram[RAM_SIZE] __attribute__((aligned(4096)));
static struct x86_cpu cpu;
static struct x86_tlb tlb;
static bool tlb_on;
bool model_no_fpu;

static int env_read(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n)
{
	if (gpa >= RAM_SIZE || n > RAM_SIZE - gpa)
		return -EFAULT;
	memcpy(buf, ram + gpa, n);
	return RUN_OK;
}

static int env_write(struct x86_cpu *c, u64 gpa, const void *buf, unsigned int n)
{
	if (gpa >= RAM_SIZE || n > RAM_SIZE - gpa)
		return -EFAULT;
	memcpy(ram + gpa, buf, n);
	return RUN_OK;
}

static int env_cmpxchg(struct x86_cpu *c, u64 gpa, u64 *old, u64 new_val, unsigned int n)
{
	u64 cur = 0;

	if (gpa >= RAM_SIZE || n > RAM_SIZE - gpa)
		return -EFAULT;
	memcpy(&cur, ram + gpa, n);
	if (!memcmp(&cur, old, n))
		memcpy(ram + gpa, &new_val, n);
	*old = cur;
	return RUN_OK;
}

static void tlb_clear(void)
{
	unsigned int i;

	for (i = 0; i < X86_TLB_SIZE; i++)
		tlb.e[i] = (struct x86_tlbe){ .rd = X86_TLB_NONE, .wr = X86_TLB_NONE };
}

static void env_filled(struct x86_cpu *c, const struct x86_xlat *x)
{
	u64 page = x->lin & X86_PAGE_MASK;
	struct x86_tlbe *e = x86_tlb_entry(&tlb, page);

	if (!tlb_on || !x->user)
		return;
	e->rd = page;
	e->wr = x->writable && x->dirty ? page : X86_TLB_NONE;
	e->gpa = x->gpa & X86_PAGE_MASK;
	e->off = (u64)ram + (x->gpa & X86_PAGE_MASK) - page;
}

static void env_flush(struct x86_cpu *c, enum x86_flush what, u64 lin)
{
	tlb_clear();
}

static void env_mode_changed(struct x86_cpu *c)
{
	c->tlb = &tlb;
}

static int env_pio(struct x86_cpu *c, u16 port, unsigned int size, bool in, void *data,
		   unsigned int count)
{
	return -EIO;
}

static int env_msr(struct x86_cpu *c, u32 index, u64 *val)
{
	return -EIO;
}

static int env_set_msr(struct x86_cpu *c, u32 index, u64 val)
{
	return -EIO;
}

static void env_none(struct x86_cpu *c)
{
}

static const struct x86_env env = {
	.read = env_read, .write = env_write, .cmpxchg = env_cmpxchg, .filled = env_filled,
	.flush = env_flush, .mode_changed = env_mode_changed, .pio = env_pio,
	.rdmsr = env_msr, .wrmsr = env_set_msr, .bus_lock = env_none, .bus_unlock = env_none,
};

static void features(struct x86_cpu *c)
{
	u32 a, b, cx, d;

	__cpuid_count(1, 0, a, b, cx, d);
	c->features[XFW_1_EDX] = d;
	c->features[XFW_1_ECX] = cx;
	__cpuid_count(7, 0, a, b, cx, d);
	c->features[XFW_7_EBX] = b;
	c->features[XFW_7_ECX] = cx;
	c->features[XFW_7_EDX] = d;
	__cpuid_count(0x80000001, 0, a, b, cx, d);
	c->features[XFW_81_EDX] = d;
	c->features[XFW_81_ECX] = cx;
	__cpuid_count(0xd, 1, a, b, cx, d);
	c->features[XFW_D1_EAX] = a;
}

static void pte(u32 table, unsigned int i, u64 v)
{
	memcpy(ram + table + 8 * i, &v, 8);
}

static void segments16(struct x86_cpu *c)
{
	const struct x86_seg data = { .base = DATA_LIN, .limit = DATA_SIZE - 1,
				      .sel = SEL_DATA16, .attr = 0xf3 };

	c->seg[X86_CS] = (struct x86_seg){ .base = CODE_LIN, .limit = CODE_SIZE - 1,
					   .sel = SEL_CODE16, .attr = 0xfb };
	c->seg[X86_DS] = c->seg[X86_ES] = c->seg[X86_SS] = data;
}

int model_init(void)
{
	struct x86_cpu *c = &cpu;
	unsigned int i;

	pte(PML4, 0, PDPT | PTE_P | PTE_W | PTE_U);
	pte(PDPT, 0, PD | PTE_P | PTE_W | PTE_U);
	pte(PD, DATA_LIN >> 21, PT_DATA | PTE_P | PTE_W | PTE_U);
	pte(PD, CODE_LIN >> 21, PT_CODE | PTE_P | PTE_W | PTE_U);
	for (i = 0; i < DATA_PAGES; i++)
		pte(PT_DATA, i, (DATA_PHYS + 4096 * i) | PTE_P | PTE_U |
		    (i < RW_PAGES ? PTE_W : 0));
	for (i = 0; i < CODE_PAGES; i++)
		pte(PT_CODE, i, (CODE_PHYS + 4096 * i) | PTE_P | PTE_U);
	memcpy(ram + CODE_PHYS, native_code(), CODE_SIZE);
	features(c);
	c->env = &env;
	c->maxphyaddr = 46;
	c->cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM |
		 X86_CR0_PG;
	c->cr3 = PML4;
	c->cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT |
		 X86_CR4_FSGSBASE | X86_CR4_OSXSAVE | X86_CR4_UMIP;
	c->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE | X86_EFER_NXE;
	c->xcr0 = 7;
	c->cpl = 3;
	for (i = X86_ES; i <= X86_GS; i++)
		c->seg[i] = (struct x86_seg){ .limit = 0xffffffff, .attr = X86_SEG_UNUSABLE };
	c->seg[X86_CS] = (struct x86_seg){ .limit = 0xffffffff, .sel = 0x33, .attr = 0xafb };
	c->seg[X86_SS] = (struct x86_seg){ .limit = 0xffffffff, .sel = 0x2b, .attr = 0xcf3 };
	if (diff_bits == 16)
		segments16(c);
	if (diff_bits == 32) {
		c->seg[X86_CS].sel = 0x23;
		c->seg[X86_CS].attr = 0xcfb;
		c->seg[X86_DS] = c->seg[X86_ES] = c->seg[X86_SS];
	}
	c->seg[X86_TR] = (struct x86_seg){ .limit = 0x20, .sel = 0x40, .attr = 0x8b };
	c->rflags = X86_F_1 | X86_F_IF;
	tlb_clear();
	x86_mode_update(c);
	return 0;
}

u8 *model_data(void)
{
	return ram + DATA_PHYS;
}

static void put16(u8 *p, u16 v) { memcpy(p, &v, 2); }
static u16 get16(const u8 *p) { u16 v; memcpy(&v, p, 2); return v; }

static void fpu_in(struct x86_fpu *f, const u8 *fx)
{
	unsigned int i, top;

	f->fcw = get16(fx);
	f->fsw = get16(fx + 2);
	f->ftw = fx[4];
	f->fop = 0;
	f->fip = f->fdp = 0;
	f->fcs = f->fds = 0;
	memcpy(&f->mxcsr, fx + 24, 4);
	top = f->fsw >> 11 & 7;
	for (i = 0; i < 8; i++) {
		memcpy(&f->st[(top + i) & 7].mant, fx + 32 + 16 * i, 8);
		f->st[(top + i) & 7].se = get16(fx + 40 + 16 * i);
	}
	memset(f->v, 0, sizeof(f->v));
	for (i = 0; i < 16; i++)
		memcpy(&f->v[i], fx + 160 + 16 * i, 16);
}

static void fpu_out(const struct x86_fpu *f, u8 *fx)
{
	unsigned int i, top = f->fsw >> 11 & 7;

	memset(fx, 0, 512);
	put16(fx, f->fcw);
	put16(fx + 2, f->fsw);
	fx[4] = f->ftw;
	memcpy(fx + 24, &f->mxcsr, 4);
	for (i = 0; i < 8; i++) {
		memcpy(fx + 32 + 16 * i, &f->st[(top + i) & 7].mant, 8);
		put16(fx + 40 + 16 * i, f->st[(top + i) & 7].se);
	}
	for (i = 0; i < 16; i++)
		memcpy(fx + 160 + 16 * i, &f->v[i], 16);
}

/* One instruction at RIP: a run_result, or -1 where there is no more code. */
static int step(struct x86_cpu *c, const struct block *b, u64 *undef)
{
	u64 off = c->gpr[X86_RIP] - START_IP;
	struct x86_insn in;
	int r;

	if (off >= b->len)
		return -1;
	switch (x86_decode(&in, diff_mode(), b->code + off, b->len - off)) {
	case 0:
		break;
	case -ENODATA:	/* strayed into the middle of the last instruction */
		c->gpr[X86_RIP] = START_IP + b->len + 1;
		return -1;
	default:
		return x86_raise(c, X86_UD);
	}
	*undef |= rule_undefined_flags(&in, c);
	x86_bind(&in, model_no_fpu ? NULL : soft_exec_fpu);
	c->gpr[X86_RIP] += in.len;
	r = in.exec(c, &in);
	if (r == RUN_FAULT || r == RUN_EXIT || r < 0)
		c->gpr[X86_RIP] -= in.len;
	return r;
}

static void state_in(struct x86_cpu *c, const struct state *s)
{
	memcpy(c->gpr, s->gpr, sizeof(s->gpr));
	c->gpr[X86_RIP] = s->rip;
	c->gpr[X86_ZERO] = 0;
	x86_set_rflags(c, s->flags);
	c->seg[X86_FS].base = s->fsbase;
	c->seg[X86_GS].base = s->gsbase;
	fpu_in(&c->fpu, s->fx);
	c->shadow = 0;
	x86_mode_update(c);
}

void model_run(const struct block *b, const struct state *in, struct state *out, bool use_tlb,
	       u64 *undef)
{
	struct x86_cpu *c = &cpu;
	unsigned int steps = 0;
	int r;

	if (tlb_on && !use_tlb)
		tlb_clear();
	tlb_on = use_tlb;
	memcpy(ram + CODE_PHYS + START_OFF, native_code() + START_OFF, 2 * MAX_CODE);
	state_in(c, in);
	*undef = 0;
	do
		r = step(c, b, undef);
	while ((r == RUN_OK || r == RUN_END) && ++steps < 100000);
	memcpy(out->gpr, c->gpr, sizeof(out->gpr));
	out->rip = diff_bits == 64 ? c->gpr[X86_RIP] : (u32)c->gpr[X86_RIP];
	if (r == -1 && (out->rip + code_base() == PAD_LIN || out->rip + code_base() == PAD8_LIN))
		out->rip = START_IP + b->len;
	out->flags = x86_rflags(c);
	out->fsbase = c->seg[X86_FS].base;
	out->gsbase = c->seg[X86_GS].base;
	out->vector = -1;
	out->err = 0;
	out->cr2 = 0;
	if (r == RUN_FAULT) {
		out->vector = c->exc.vector;
		out->err = c->exc.has_err ? c->exc.err : 0;
		out->cr2 = c->exc.vector == X86_PF ? c->exc.cr2 : 0;
	} else if (r != -1) {
		out->vector = 1000 + r;		/* matches nothing */
	}
	fpu_out(&c->fpu, out->fx);
}
