// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * machine.c - the guest that runs a block: a program's pages and segments as
 * Linux has them, and a supervisor that halts at every exception.
 */
#include <cpuid.h>

#include "core/vm.h"
#include "core/x86/cpuid.h"
#include "core/x86/flags.h"
#include "core/x86/mem.h"
#include "core/x86/walk.h"
#include "port/posix/fault.h"
#include "tests/diff/diff.h"

#define PML4	0x1000u
#define PDPT	0x2000u
#define PD	0x3000u
#define PT_DATA	0x4000u
#define PT_CODE	0x5000u
#define PDPT_SYS 0x6000u
#define PD_SYS	0x7000u
#define PT_SYS	0x8000u
#define SYS_PHYS 0x9000u	/* SYS_PAGES pages */
#define DATA_PHYS 0x10000u
#define CODE_PHYS 0x20000u
#define RAM_SIZE 0x30000u

#define PTE_P	1ull
#define PTE_W	2ull
#define PTE_U	4ull
#define PTE_NX	(1ull << 63)

/* The supervisor's pages. IRET to a 16-bit stack leaves bits 16 to 31 of RSP as
 * the supervisor had them: zero. */
#define SYS_LIN	0xffffff0100000000ull
enum { SYS_IDT, SYS_TABLES, SYS_STUBS, SYS_STACK, SYS_PAGES };
#define PAGE(n)	(SYS_LIN + 4096 * (n))
#define LDT_OFF	0x200u
#define TSS_OFF	0x400u
#define TSS_LIMIT 0x67u
#define IRET_OFF 0x800u		/* in SYS_STUBS */
#define STACK_TOP (PAGE(SYS_STACK) + 4096)

static u8 ram[RAM_SIZE] __attribute__((aligned(4096)));
static u8 run_pages[16 * 4096] __attribute__((aligned(4096)));
static struct x86_cpu core;
struct machine machine = { .ram = ram, .core = &core };

u8 *model_data(void)
{
	return ram + DATA_PHYS;
}

u8 *model_code(void)
{
	return ram + CODE_PHYS;
}

/* --- the core without an engine: nothing is cached --- */

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

static void env_mode_changed(struct x86_cpu *c)
{
	static struct x86_tlb none = {
		.e[0 ... X86_TLB_SIZE - 1] = { .rd = X86_TLB_NONE, .wr = X86_TLB_NONE },
	};

	c->tlb = &none;
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
	.read = env_read, .write = env_write, .cmpxchg = env_cmpxchg,
	.mode_changed = env_mode_changed, .pio = env_pio,
	.rdmsr = env_msr, .wrmsr = env_set_msr, .bus_lock = env_none, .bus_unlock = env_none,
};

/* --- tables --- */

static void put64(u32 phys, unsigned int i, u64 v)
{
	memcpy(ram + phys + 8 * i, &v, 8);
}

static void page_tables(void)
{
	unsigned int i;

	put64(PML4, 0, PDPT | PTE_P | PTE_W | PTE_U);
	put64(PDPT, 0, PD | PTE_P | PTE_W | PTE_U);
	put64(PD, DATA_LIN >> 21, PT_DATA | PTE_P | PTE_W | PTE_U);
	put64(PD, CODE_LIN >> 21, PT_CODE | PTE_P | PTE_W | PTE_U);
	for (i = 0; i < DATA_PAGES; i++)
		put64(PT_DATA, i, (DATA_PHYS + 4096 * i) | PTE_P | PTE_U | PTE_NX |
		      (i < RW_PAGES ? PTE_W : 0));
	for (i = 0; i < CODE_PAGES; i++)
		put64(PT_CODE, i, (CODE_PHYS + 4096 * i) | PTE_P | PTE_U | PTE_W);
	put64(PML4, SYS_LIN >> 39 & 511, PDPT_SYS | PTE_P | PTE_W);
	put64(PDPT_SYS, SYS_LIN >> 30 & 511, PD_SYS | PTE_P | PTE_W);
	put64(PD_SYS, SYS_LIN >> 21 & 511, PT_SYS | PTE_P | PTE_W);
	for (i = 0; i < SYS_PAGES; i++)
		put64(PT_SYS, i, (SYS_PHYS + 4096 * i) | PTE_P | PTE_W);
}

static u64 descriptor(u32 base, u32 limit, u16 attr)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)attr << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)(base >> 24) << 56;
}

/* Linux's GDT (arch/x86/include/asm/segment.h, "64-bit GDT layout"), and the LDT
 * that native_init() asks for. */
static void descriptor_tables(void)
{
	u32 gdt = SYS_PHYS + 4096 * SYS_TABLES, ldt = gdt + LDT_OFF;
	u64 tss = PAGE(SYS_TABLES) + TSS_OFF, ldt_lin = PAGE(SYS_TABLES) + LDT_OFF;

	put64(gdt, 1, descriptor(0, 0xfffff, 0xc09b));
	put64(gdt, 2, descriptor(0, 0xfffff, 0xa09b));
	put64(gdt, 3, descriptor(0, 0xfffff, 0xc093));
	put64(gdt, 4, descriptor(0, 0xfffff, 0xc0fb));
	put64(gdt, 5, descriptor(0, 0xfffff, 0xc0f3));
	put64(gdt, 6, descriptor(0, 0xfffff, 0xa0fb));
	put64(gdt, 8, descriptor((u32)tss, TSS_LIMIT, 0x008b));
	put64(gdt, 9, tss >> 32);
	put64(gdt, 10, descriptor((u32)ldt_lin, 15, 0x0082));
	put64(gdt, 11, ldt_lin >> 32);
	machine_percpu_limit(0);
	put64(ldt, 0, descriptor(DATA_LIN, DATA_SIZE - 1, 0x10f3));
	put64(ldt, 1, descriptor(CODE_LIN, CODE_SIZE - 1, 0x10fb));
	put64(gdt + TSS_OFF + 4, 0, STACK_TOP);
	ram[gdt + TSS_OFF + 0x66] = TSS_LIMIT + 1;	/* no I/O map */
}

void machine_percpu_limit(u32 limit)
{
	put64(SYS_PHYS + 4096 * SYS_TABLES, SEL_PERCPU >> 3, descriptor(0, limit, 0x40f5));
}

/* Each exception's handler is a HLT of its own, so RIP tells which it was. */
static void interrupt_table(void)
{
	u32 idt = SYS_PHYS + 4096 * SYS_IDT;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		u64 to = PAGE(SYS_STUBS) + i, dpl = i == X86_BP || i == X86_OF ? 3 : 0;

		put64(idt, 2 * i, (to & 0xffff) | 0x10ull << 16 | (0x8e00 | dpl << 13) << 32 |
		      (to >> 16 & 0xffff) << 48);
		put64(idt, 2 * i + 1, to >> 32);
	}
	memset(ram + SYS_PHYS + 4096 * SYS_STUBS, 0xf4, 4096);
	memcpy(ram + SYS_PHYS + 4096 * SYS_STUBS + IRET_OFF, "\x48\xcf", 2);
}

/* --- the processors --- */

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

static void system_state(struct x86_cpu *c)
{
	features(c);
	c->maxphyaddr = 46;
	c->cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM |
		 X86_CR0_PG;
	c->cr3 = PML4;
	c->cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT |
		 X86_CR4_FSGSBASE | X86_CR4_OSXSAVE | X86_CR4_UMIP;
	c->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE | X86_EFER_NXE;
	c->xcr0 = 7;
	c->gdt = (struct x86_dtable){ PAGE(SYS_TABLES), GDT_ENTRIES * 8 - 1 };
	c->idt = (struct x86_dtable){ PAGE(SYS_IDT), 4095 };
	c->seg[X86_TR] = (struct x86_seg){ .base = PAGE(SYS_TABLES) + TSS_OFF,
					   .limit = TSS_LIMIT, .sel = 0x40, .attr = 0x8b };
	c->seg[X86_LDTR] = (struct x86_seg){ .base = PAGE(SYS_TABLES) + LDT_OFF, .limit = 15,
					     .sel = 0x50, .attr = 0x82 };
}

static int make_vm(void)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM_SIZE,
						 .userspace_addr = (u64)ram };
	int err;

	fault_claimed_elsewhere();	/* native.c has the signals; nothing faults here */
	err = vm_new(&engine_soft, &machine.vm);
	if (!err)
		err = slots_set(machine.vm, &r);
	if (!err)
		err = vm_create_vcpu(machine.vm, 0, (struct kvm_run *)run_pages, &machine.v);
	return err;
}

int machine_init(void)
{
	int err = make_vm();

	if (err)
		return err;
	page_tables();
	descriptor_tables();
	interrupt_table();
	memset(model_code(), FILLER, CODE_SIZE);
	core.env = &env;
	system_state(&core);
	system_state(&machine.v->cpu);
	x86_mode_update(&core);
	x86_mode_update(&machine.v->cpu);
	return 0;
}

/* --- in and out --- */

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
	memcpy(fx + 8, &f->fip, 8);
	memcpy(fx + 24, &f->mxcsr, 4);
	for (i = 0; i < 8; i++) {
		memcpy(fx + 32 + 16 * i, &f->st[(top + i) & 7].mant, 8);
		put16(fx + 40 + 16 * i, f->st[(top + i) & 7].se);
	}
	for (i = 0; i < 16; i++)
		memcpy(fx + 160 + 16 * i, &f->v[i], 16);
}

/* As far as the tests go: DATA with a base, or flat. */
static struct x86_seg data_segment(u16 sel)
{
	if (!sel)
		return (struct x86_seg){ .attr = X86_SEG_UNUSABLE };
	if (sel == SEL_DATA16)
		return (struct x86_seg){ .base = DATA_LIN, .limit = DATA_SIZE - 1, .sel = sel,
					 .attr = 0xf3 };
	return (struct x86_seg){ .limit = ~0u, .sel = sel, .attr = 0xcf3 };
}

static void segments_in(struct x86_cpu *c, const struct state *s)
{
	c->seg[X86_CS] = (struct x86_seg){ .limit = ~0u, .sel = 0x10, .attr = 0xa9b };
	c->seg[X86_SS] = (struct x86_seg){ .limit = ~0u, .sel = 0x18, .attr = 0xc93 };
	c->seg[X86_DS] = data_segment(s->sel[X86_DS]);
	c->seg[X86_ES] = data_segment(s->sel[X86_ES]);
	c->seg[X86_FS] = data_segment(0);
	c->seg[X86_GS] = data_segment(0);
	c->seg[X86_FS].base = s->fsbase;
	c->seg[X86_GS].base = s->gsbase;
}

void machine_code(const struct block *b)
{
	memcpy(model_code() + START_OFF, b->code, MAX_CODE);
	memset(model_code() + START_OFF + b->len, FILLER, MAX_CODE + 64 - b->len);
}

void machine_enter(struct x86_cpu *c, const struct state *s)
{
	u32 frame = SYS_PHYS + 4096 * (SYS_STACK + 1) - 40;

	memcpy(c->gpr, s->gpr, sizeof(s->gpr));
	c->gpr[X86_ZERO] = 0;
	c->gpr[X86_RIP] = PAGE(SYS_STUBS) + IRET_OFF;
	c->gpr[X86_RSP] = STACK_TOP - 40;
	put64(frame, 0, s->rip);
	put64(frame, 1, code_sel());
	put64(frame, 2, s->flags);
	put64(frame, 3, s->gpr[X86_RSP]);
	put64(frame, 4, s->sel[X86_SS]);
	x86_set_rflags(c, X86_F_1);
	c->cpl = 0;
	segments_in(c, s);
	fpu_in(&c->fpu, s->fx);
	c->shadow = 0;
	x86_mode_update(c);
}

static bool has_error(unsigned int vector)
{
	return vector == X86_DF || (vector >= X86_TS && vector <= X86_PF) || vector == X86_AC;
}

/* Where the program stopped: the HLT that stands for the way out. */
static bool at_exit(const struct block *b, u64 rip)
{
	u64 lin = rip + code_base();

	return rip == START_IP + b->len || lin == PAD_LIN || lin == PAD8_LIN;
}

void machine_left(struct x86_cpu *c, const struct block *b, struct state *out)
{
	u64 frame[6], at = SYS_PHYS + 4096 * (SYS_STACK + 1) - 48;
	unsigned int i;

	memcpy(frame, ram + at, sizeof(frame));
	memcpy(out->gpr, c->gpr, sizeof(out->gpr));
	out->vector = c->gpr[X86_RIP] - PAGE(SYS_STUBS);
	out->err = has_error(out->vector) ? frame[0] : 0;
	out->cr2 = out->vector == X86_PF ? c->cr2 : 0;
	out->rip = frame[1];
	out->flags = frame[3];
	out->gpr[X86_RSP] = frame[4];
	out->fsbase = c->seg[X86_FS].base;
	out->gsbase = c->seg[X86_GS].base;
	for (i = 0; i < 6; i++)
		out->sel[i] = c->seg[i].sel;
	out->sel[X86_CS] = frame[2];
	out->sel[X86_SS] = frame[5];
	fpu_out(&c->fpu, out->fx);
	if (out->vector == X86_GP && !out->err && at_exit(b, out->rip)) {
		out->vector = -1;
		out->rip = START_IP + b->len;
		out->sel[X86_CS] = 0;
	}
}
