/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86_env.h - a processor with a megabyte of RAM, for tests of the system
 * half: tables at fixed places, every access through env or through a TLB.
 *
 *	0x01000 GDT	0x02000 IDT (IVT at 0 in real mode)	0x03000 TSS, current
 *	0x04000 TSS, other	0x05000 LDT	0x08000 stack, grows down from here
 *	0x0c000 inner stack, from here down	0x10000 code	0x20000 data
 *	0x80000 page tables: one page a level
 */
#ifndef TESTS_UNIT_X86_ENV_H
#define TESTS_UNIT_X86_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "core/x86/cpuid.h"
#include "core/x86/flags.h"
#include "core/x86/mem.h"
#include "core/x86/seg.h"
#include "core/x86/sys.h"
#include "core/x86/walk.h"

#define BED_RAM		0x100000u
#define BED_GDT		0x1000u
#define BED_IDT		0x2000u
#define BED_TSS		0x3000u
#define BED_TSS2	0x4000u
#define BED_LDT		0x5000u
#define BED_STACK	0x8000u
#define BED_STACK0	0xc000u
#define BED_CODE	0x10000u
#define BED_DATA	0x20000u
#define BED_PT		0x80000u

/* Selectors of the GDT that bed_protected() and bed_long() make. */
enum {
	SEL_CODE32 = 0x08, SEL_DATA = 0x10, SEL_UCODE32 = 0x18, SEL_UDATA = 0x20,
	SEL_CODE64 = 0x28, SEL_UCODE64 = 0x30, SEL_CODE16 = 0x38, SEL_CONF = 0x40,
	SEL_TSS = 0x48,		/* 16 bytes in long mode */
	SEL_TSS2 = 0x58, SEL_LDT = 0x68, SEL_FREE = 0x80,	/* the tests' own, to 0xff */
};

static struct {
	struct x86_cpu c;
	struct x86_tlb tlb, tlb_sys;
	u8 ram[BED_RAM] __attribute__((aligned(4096)));
	bool fill;		/* enter translations in the TLBs */
	unsigned int reads, writes, cmpxchgs, fills, flushes, mode_changes, locks;
	int lock_depth;
	unsigned int smm_left, gave_up;
	u64 cr8, efer_msr;
	u64 rom;		/* memory from here is read-only; 0: none is */
	void (*on_cmpxchg)(u64 gpa);	/* another processor, just before */
	unsigned int exit_at;	/* this access from now on is user space's to make; 0: none */
} bed;

#define C (&bed.c)

static inline bool bed_elsewhere(u64 gpa, unsigned int n)
{
	if (bed.exit_at && !--bed.exit_at)
		return true;
	return gpa >= BED_RAM || n > BED_RAM - gpa;
}

static int bed_read(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n)
{
	bed.reads++;
	if (bed_elsewhere(gpa, n))
		return RUN_EXIT;
	memcpy(buf, bed.ram + gpa, n);
	return RUN_OK;
}

static int bed_write(struct x86_cpu *c, u64 gpa, const void *buf, unsigned int n)
{
	bed.writes++;
	if (bed_elsewhere(gpa, n))
		return RUN_EXIT;
	memcpy(bed.ram + gpa, buf, n);
	return RUN_OK;
}

static int bed_cmpxchg(struct x86_cpu *c, u64 gpa, u64 *old, u64 val, unsigned int n)
{
	u64 now = 0;

	bed.cmpxchgs++;
	if (bed_elsewhere(gpa, n))
		return RUN_EXIT;
	if (bed.on_cmpxchg)
		bed.on_cmpxchg(gpa);
	memcpy(&now, bed.ram + gpa, n);
	if (now == *old)
		memcpy(bed.ram + gpa, &val, n);
	*old = now;
	return RUN_OK;
}

static void bed_flush(struct x86_cpu *c, enum x86_flush what, u64 lin)
{
	unsigned int i;

	bed.flushes++;
	for (i = 0; i < X86_TLB_SIZE; i++) {
		bed.tlb.e[i].rd = bed.tlb.e[i].wr = X86_TLB_NONE;
		bed.tlb_sys.e[i].rd = bed.tlb_sys.e[i].wr = X86_TLB_NONE;
	}
}

/* One bank serves all explicit accesses, so it goes when privilege changes. */
static void bed_mode_changed(struct x86_cpu *c)
{
	unsigned int i;

	bed.mode_changes++;
	for (i = 0; i < X86_TLB_SIZE; i++)
		bed.tlb.e[i].rd = bed.tlb.e[i].wr = X86_TLB_NONE;
}

static void bed_filled(struct x86_cpu *c, const struct x86_xlat *x)
{
	struct x86_tlb *t = x->access & ACC_IMPLICIT ? &bed.tlb_sys : &bed.tlb;
	u64 page = x->lin & X86_PAGE_MASK, gpa = x->gpa & X86_PAGE_MASK;
	struct x86_tlbe *e = x86_tlb_entry(t, page);

	bed.fills++;
	if (!bed.fill || gpa >= BED_RAM || x->access & ACC_FETCH || c->ac_check)
		return;
	e->rd = page;
	e->wr = x->access & ACC_WRITE || (x->dirty && x->writable) ? page : X86_TLB_NONE;
	e->off = (u64)bed.ram + gpa - page;
}

static int bed_rdmsr(struct x86_cpu *c, u32 index, u64 *val)
{
	if (index != 0xc0000080)
		return x86_raise_err(c, X86_GP, 0);
	*val = c->efer;
	return RUN_OK;
}

static int bed_wrmsr(struct x86_cpu *c, u32 index, u64 val)
{
	if (index != 0xc0000080 || x86_set_efer(c, val))
		return x86_raise_err(c, X86_GP, 0);
	return RUN_OK;
}

static void bed_cpuid(struct x86_cpu *c, u32 leaf, u32 sub, u32 out[4])
{
	out[0] = leaf == 1 ? 0x663 : leaf;
	out[1] = sub;
	out[2] = out[3] = 0;
}

static u64 bed_tsc(struct x86_cpu *c) { return 0x123456789abcdef0; }
static u64 bed_get_cr8(struct x86_cpu *c) { return bed.cr8; }
static void bed_set_cr8(struct x86_cpu *c, u64 val) { bed.cr8 = val; }
static void bed_bus_lock(struct x86_cpu *c) { bed.locks++; bed.lock_depth++; }
static void bed_bus_unlock(struct x86_cpu *c) { bed.lock_depth--; }

static int bed_pio(struct x86_cpu *c, u16 port, unsigned int size, bool in, void *data,
		   unsigned int count)
{
	return RUN_EXIT;
}

static int bed_access_ram(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n, bool write)
{
	if (gpa >= BED_RAM || n > BED_RAM - gpa)
		return -EFAULT;
	memcpy(write ? bed.ram + gpa : buf, write ? buf : bed.ram + gpa, n);
	return 0;
}

static int bed_give_up(struct x86_cpu *c)
{
	bed.gave_up++;
	return RUN_EXIT;
}

static void bed_smm_left(struct x86_cpu *c) { bed.smm_left++; }

static bool bed_in_ram(struct x86_cpu *c, u64 gpa, bool write)
{
	return gpa < BED_RAM && !(write && bed.rom && gpa >= bed.rom);
}

static const struct x86_env bed_env = {
	.read = bed_read, .write = bed_write, .cmpxchg = bed_cmpxchg, .in_ram = bed_in_ram,
	.filled = bed_filled,
	.flush = bed_flush, .mode_changed = bed_mode_changed, .pio = bed_pio,
	.rdmsr = bed_rdmsr, .wrmsr = bed_wrmsr, .cpuid = bed_cpuid, .tsc = bed_tsc,
	.get_cr8 = bed_get_cr8, .set_cr8 = bed_set_cr8,
	.bus_lock = bed_bus_lock, .bus_unlock = bed_bus_unlock,
	.ram = bed_access_ram, .give_up = bed_give_up, .smm_left = bed_smm_left,
};

static inline void bed_put(u64 gpa, const void *p, size_t n) { memcpy(bed.ram + gpa, p, n); }
static inline void bed_put16(u64 gpa, u16 v) { bed_put(gpa, &v, 2); }
static inline void bed_put32(u64 gpa, u32 v) { bed_put(gpa, &v, 4); }
static inline void bed_put64(u64 gpa, u64 v) { bed_put(gpa, &v, 8); }
static inline u64 bed_get(u64 gpa, unsigned int n)
{
	u64 v = 0;

	memcpy(&v, bed.ram + gpa, n);
	return v;
}

/* A descriptor from base, limit (in bytes or pages as attr says) and VMCB-style
 * attributes. */
static inline u64 bed_desc(u64 base, u32 limit, u16 attr)
{
	return (limit & 0xffff) | (u64)(limit >> 16 & 15) << 48 | (base & 0xffffff) << 16 |
	       (base >> 24 & 0xff) << 56 | (u64)(attr & 0xff) << 40 |
	       (u64)(attr >> 8 & 15) << 52;
}

static inline u64 bed_gate(u16 sel, u32 off, u8 type, u8 dpl)
{
	return (off & 0xffff) | (u64)sel << 16 | (u64)(off >> 16) << 48 |
	       (u64)(0x80 | dpl << 5 | type) << 40;
}

static inline void bed_gdt(u16 sel, u64 desc) { bed_put64(BED_GDT + (sel & 0xfff8), desc); }

static inline void bed_idt32(u8 vector, u64 gate) { bed_put64(BED_IDT + vector * 8, gate); }

static inline void bed_idt64(u8 vector, u16 sel, u64 off, u8 type, u8 dpl, u8 ist)
{
	bed_put64(BED_IDT + vector * 16, bed_gate(sel, off, type, dpl) | (u64)ist << 32);
	bed_put64(BED_IDT + vector * 16 + 8, off >> 32);
}

/* Real mode at 0000:code, SS:SP = 0:BED_STACK. RAM is zero. */
static inline void bed_real(void)
{
	memset(&bed, 0, sizeof(bed));
	C->env = &bed_env;
	C->tlb = &bed.tlb;
	C->tlb_sys = &bed.tlb_sys;
	C->maxphyaddr = 40;
	memset(C->features, 0xff, sizeof(C->features));
	x86_reset(C, false);
	x86_seg_real(C, X86_CS, BED_CODE >> 4);
	C->idt.limit = 0x3ff;
	C->gpr[X86_RIP] = 0;
	C->gpr[X86_RSP] = BED_STACK;
	x86_mode_update(C);
}

static inline void bed_tables(void)
{
	bed_gdt(SEL_CODE32, bed_desc(0, 0xfffff, 0xc9b));
	bed_gdt(SEL_DATA, bed_desc(0, 0xfffff, 0xc93));
	bed_gdt(SEL_UCODE32, bed_desc(0, 0xfffff, 0xcfb));
	bed_gdt(SEL_UDATA, bed_desc(0, 0xfffff, 0xcf3));
	bed_gdt(SEL_CODE64, bed_desc(0, 0xfffff, 0xa9b));
	bed_gdt(SEL_UCODE64, bed_desc(0, 0xfffff, 0xafb));
	bed_gdt(SEL_CODE16, bed_desc(BED_CODE, 0xffff, 0x09b));
	bed_gdt(SEL_CONF, bed_desc(0, 0xfffff, 0xc9f));
	bed_gdt(SEL_TSS, bed_desc(BED_TSS, 0x2067, 0x08b));
	bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, 0x67, 0x089));
	bed_gdt(SEL_LDT, bed_desc(BED_LDT, 0xff, 0x082));
	C->gdt = (struct x86_dtable){ BED_GDT, 0xff };
	C->idt = (struct x86_dtable){ BED_IDT, 0xfff };
	/* 32-bit stack of level 0; the 64-bit form is put by bed_long(). */
	bed_put32(BED_TSS + 4, BED_STACK0);
	bed_put16(BED_TSS + 8, SEL_DATA);
	bed_put16(BED_TSS + 0x66, 0x68);
}

static inline void bed_seg(unsigned int seg, u16 sel)
{
	u64 d = bed_get(BED_GDT + (sel & 0xfff8), 8);

	if (x86_sel_null(sel))
		x86_seg_null(C, seg, sel);
	else
		x86_seg_set(C, seg, sel, d);
}

/* Run at a privilege with the segments of it. */
static inline void bed_level(u8 cpl, bool code64)
{
	u16 code = code64 ? (cpl ? SEL_UCODE64 : SEL_CODE64) : (cpl ? SEL_UCODE32 : SEL_CODE32);
	u16 data = cpl ? SEL_UDATA : SEL_DATA;

	C->cpl = cpl;
	bed_seg(X86_CS, code | cpl);
	bed_seg(X86_SS, data | cpl);
	bed_seg(X86_DS, code64 ? 0 : data | cpl);
	bed_seg(X86_ES, code64 ? 0 : data | cpl);
	bed_seg(X86_FS, 0);
	bed_seg(X86_GS, 0);
	x86_mode_update(C);
}

/* 32-bit protected mode, flat, no paging, at privilege cpl. */
static inline void bed_protected(u8 cpl)
{
	bed_real();
	bed_tables();
	C->cr0 |= X86_CR0_PE;
	bed_seg(X86_TR, SEL_TSS);
	x86_seg_null(C, X86_LDTR, 0);
	bed_level(cpl, false);
	C->gpr[X86_RIP] = BED_CODE;
}

/* Page table entries of the tables of bed_long(): level 4 is the root. */
static inline u64 bed_pte_at(u64 lin, unsigned int level)
{
	return BED_PT + (4 - level) * 0x1000 + (lin >> (12 + 9 * (level - 1)) & 511) * 8;
}

/* Long mode, the first 2 MB mapped to themselves: user, writable. */
static inline void bed_long(u8 cpl, bool code64)
{
	unsigned int i;

	bed_protected(0);
	for (i = 4; i > 1; i--)
		bed_put64(bed_pte_at(0, i), (BED_PT + (5 - i) * 0x1000) | 0x67);
	for (i = 0; i < 512; i++)
		bed_put64(bed_pte_at((u64)i << 12, 1), i << 12 | 0x67);
	bed_put64(BED_TSS + 4, BED_STACK0);
	bed_put64(BED_TSS + X86_TSS_IST(1), BED_STACK0 - 0x1000);
	bed_gdt(SEL_TSS + 8, 0);
	C->cr3 = BED_PT;
	C->cr4 = X86_CR4_PAE;
	C->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
	C->cr0 |= X86_CR0_PG | X86_CR0_WP;
	bed_level(cpl, code64);
}

/* Virtual-8086 mode at 1000:0. */
static inline void bed_v86(u8 iopl)
{
	static const u8 segs[] = { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS };
	unsigned int i;

	bed_protected(3);
	x86_set_rflags(C, X86_F_VM | X86_F_IF | (u64)iopl << 12);
	for (i = 0; i < ARRAY_SIZE(segs); i++)
		x86_seg_real(C, segs[i], 0);
	x86_seg_real(C, X86_CS, BED_CODE >> 4);
	C->gpr[X86_RIP] = 0;
	C->gpr[X86_RSP] = BED_STACK;
	x86_mode_update(C);
}

/* Execute the bytes where CS:RIP is, without delivering what they raise: the
 * result of the handler, RIP put back as an engine would. */
static inline int bed_exec(const u8 *code, size_t n)
{
	u64 at = C->mode == X86_MODE64 ? C->gpr[X86_RIP]
				       : C->seg[X86_CS].base + C->gpr[X86_RIP];
	struct x86_insn in;
	int r;

	bed_put(at, code, n);
	if (x86_decode(&in, C->mode, code, n))
		return x86_raise(C, X86_UD);
	x86_bind(&in, NULL);
	C->gpr[X86_RIP] += in.len;
	r = in.exec(C, &in);
	if (r == RUN_FAULT || r == RUN_EXIT)
		C->gpr[X86_RIP] -= in.len;
	return r;
}

#define EXEC(...) bed_exec((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

/* The exception recorded, as vector << 16 | error code. */
#define EXC(vec, err)	((vec) << 16 | (err))
static inline u32 bed_exc(void)
{
	return EXC((u32)C->exc.vector, C->exc.has_err ? C->exc.err : 0);
}

#define assert_fault(expr, vec, code) do {				\
	assert_int_equal(expr, RUN_FAULT);				\
	assert_int_equal(bed_exc(), EXC(vec, code));			\
} while (0)

#endif
