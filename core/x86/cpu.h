/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu.h - the state of one x86 processor, and what executing an instruction
 * may ask of the world around it.
 *
 * Sources: Intel SDM volumes 1 and 3, AMD APM volume 2.
 */
#ifndef CORE_X86_CPU_H
#define CORE_X86_CPU_H

#include "core/host.h"
#include "core/x86/fpu.h"

/*
 * Result of executing or emulating. Negative: our own failure (-errno), which
 * no guest can provoke. Zero and positive: the guest's doing.
 */
enum run_result {
	RUN_OK,		/* the instruction is done, go on with the next */
	RUN_END,	/* done too, but mode, mappings or interruptibility may
			 * have changed: leave straight-line execution */
	RUN_FAULT,	/* not done: an exception is in cpu->exc, deliver it */
	RUN_EXIT,	/* not done: user space must act (MMIO, PIO, MSR);
			 * run the instruction again afterwards */
	RUN_HALT,	/* done: the processor waits for an interrupt */
	RUN_SHUTDOWN,	/* triple fault */
};

/* Indices of cpu->gpr. RIP and a constant zero make every effective address
 * one sum, without a branch. */
enum x86_reg {
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
	X86_RIP, X86_ZERO, X86_NREG
};

enum x86_segreg {	/* the encoding order of Sreg, then the system ones */
	X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR,
	X86_NSEG
};

enum x86_vector {
	X86_DE, X86_DB, X86_NMI, X86_BP, X86_OF, X86_BR, X86_UD, X86_NM,
	X86_DF, X86_CSO, X86_TS, X86_NP, X86_SS_EXC, X86_GP, X86_PF,
	X86_MF = 16, X86_AC, X86_MC, X86_XM
};

#define X86_F_CF	(1u << 0)
#define X86_F_1		(1u << 1)
#define X86_F_PF	(1u << 2)
#define X86_F_AF	(1u << 4)
#define X86_F_ZF	(1u << 6)
#define X86_F_SF	(1u << 7)
#define X86_F_TF	(1u << 8)
#define X86_F_IF	(1u << 9)
#define X86_F_DF	(1u << 10)
#define X86_F_OF	(1u << 11)
#define X86_F_IOPL	(3u << 12)
#define X86_F_NT	(1u << 14)
#define X86_F_RF	(1u << 16)
#define X86_F_VM	(1u << 17)
#define X86_F_AC	(1u << 18)
#define X86_F_VIF	(1u << 19)
#define X86_F_VIP	(1u << 20)
#define X86_F_ID	(1u << 21)
#define X86_F_ARITH	(X86_F_CF | X86_F_PF | X86_F_AF | X86_F_ZF | X86_F_SF | X86_F_OF)

#define X86_CR0_PE	(1u << 0)
#define X86_CR0_MP	(1u << 1)
#define X86_CR0_EM	(1u << 2)
#define X86_CR0_TS	(1u << 3)
#define X86_CR0_ET	(1u << 4)
#define X86_CR0_NE	(1u << 5)
#define X86_CR0_WP	(1u << 16)
#define X86_CR0_AM	(1u << 18)
#define X86_CR0_NW	(1u << 29)
#define X86_CR0_CD	(1u << 30)
#define X86_CR0_PG	(1u << 31)

#define X86_CR4_VME	(1u << 0)
#define X86_CR4_PVI	(1u << 1)
#define X86_CR4_TSD	(1u << 2)
#define X86_CR4_DE	(1u << 3)
#define X86_CR4_PSE	(1u << 4)
#define X86_CR4_PAE	(1u << 5)
#define X86_CR4_MCE	(1u << 6)
#define X86_CR4_PGE	(1u << 7)
#define X86_CR4_PCE	(1u << 8)
#define X86_CR4_OSFXSR	(1u << 9)
#define X86_CR4_OSXMMEXCPT (1u << 10)
#define X86_CR4_UMIP	(1u << 11)
#define X86_CR4_LA57	(1u << 12)
#define X86_CR4_FSGSBASE (1u << 16)
#define X86_CR4_PCIDE	(1u << 17)
#define X86_CR4_OSXSAVE	(1u << 18)
#define X86_CR4_SMEP	(1u << 20)
#define X86_CR4_SMAP	(1u << 21)
#define X86_CR4_PKE	(1u << 22)

#define X86_EFER_SCE	(1u << 0)
#define X86_EFER_LME	(1u << 8)
#define X86_EFER_LMA	(1u << 10)
#define X86_EFER_NXE	(1u << 11)
#define X86_EFER_SVME	(1u << 12)
#define X86_EFER_LMSLE	(1u << 13)
#define X86_EFER_FFXSR	(1u << 14)
#define X86_EFER_AUTOIBRS (1u << 21)

/* Segment attributes as a VMCB packs them (APM vol. 2, "Segment State in the
 * VMCB"): descriptor bits 40-47 and 52-55, then one bit for a null selector. */
#define X86_SEG_TYPE	0x000f
#define X86_SEG_S	0x0010
#define X86_SEG_DPL	0x0060
#define X86_SEG_DPL_SHIFT 5
#define X86_SEG_P	0x0080
#define X86_SEG_AVL	0x0100
#define X86_SEG_L	0x0200
#define X86_SEG_DB	0x0400
#define X86_SEG_G	0x0800
#define X86_SEG_UNUSABLE 0x1000

struct x86_seg {		/* architectural: selector and hidden part */
	u64 base;
	u32 limit;		/* last valid byte, G already applied */
	u16 sel;
	u16 attr;		/* X86_SEG_* */
};

/*
 * What a data access needs of a segment in the present mode, worked out by
 * x86_mode_update(). An access of n bytes at offset ea is surely allowed when
 * ea + n <= end; otherwise the slow path decides (expand-down, null, ...). In
 * 64-bit mode ends are ~0 and the bases of ES, CS, SS and DS are 0.
 */
struct x86_eseg {
	u64 base;
	u64 rd_end, wr_end;
};

struct x86_dtable {		/* GDTR, IDTR */
	u64 base;
	u16 limit;
};

/* Decoder mode: default operand and address size of the code segment. */
enum x86_mode { X86_MODE16, X86_MODE32, X86_MODE64 };

/* Data TLB: pages that loads and stores may reach through a host pointer. */
#define X86_PAGE_SIZE	4096ull
#define X86_PAGE_MASK	(~0xfffull)
#define X86_TLB_BITS	9
#define X86_TLB_SIZE	(1u << X86_TLB_BITS)
#define X86_TLB_NONE	1ull		/* not a page address: never matches */

struct x86_tlbe {
	u64 rd, wr;		/* linear page address, or X86_TLB_NONE */
	u64 off;		/* host address minus linear address */
	u64 gpa;		/* guest physical page, global bit in bit 0 */
};

struct x86_tlb {
	struct x86_tlbe e[X86_TLB_SIZE];
};

struct x86_exc {
	u8 vector;
	bool has_err;
	u32 err;
	u64 cr2;		/* #PF: the linear address */
	u64 dr6;		/* #DB: bits to be or-ed into DR6 */
};

/* Why RUN_HALT, RUN_END or an interrupt window matter to the run loop. */
#define X86_SHADOW_STI	1u	/* as in kvm_vcpu_events.interrupt.shadow */
#define X86_SHADOW_MOVSS 2u

struct x86_env;
struct x86_xlat;

struct x86_cpu {
	u64 gpr[X86_NREG];	/* 32-bit results are stored zero-extended */

	/*
	 * CF PF AF ZF SF OF live in cc_res and cc_aux (see flags.h); every
	 * other flag is in rflags, whose arithmetic bits are always 0.
	 */
	u64 cc_res, cc_aux;
	u64 rflags;

	u64 lin_mask;		/* ~0 in 64-bit mode, else 0xffffffff */
	struct x86_tlb *tlb;	/* for accesses at the present privilege */
	struct x86_tlb *tlb_sys; /* for implicit supervisor accesses: descriptor
				 * tables, TSS; NULL: none */
	struct x86_eseg eseg[X86_GS + 1];

	u8 mode;		/* enum x86_mode of CS */
	u8 cpl;
	u8 shadow;		/* X86_SHADOW_*, holds for one instruction */
	bool nmi_masked;
	bool smm, smm_nmi;	/* in SMM; NMIs were masked before, too */
	bool stack32, stack64;	/* width of rSP: neither is 16 bits */
	bool paging;		/* CR0.PG */
	struct x86_tlb *tlb_unchecked; /* what tlb is when ac_check ends */
	bool ac_check;		/* CR0.AM, RFLAGS.AC and CPL 3: no access may take
				 * the fast path (eseg ends are 0) */

	struct x86_seg seg[X86_NSEG];
	struct x86_dtable gdt, idt;
	u64 cr0, cr2, cr3, cr4, efer, xcr0, xss;
	u64 dr[8];		/* 0-3, 6, 7 used */
	const u64 *watch;	/* data breakpoints: dr, a debugger's; NULL: none */
	u32 watch_hit;		/* DR6 bits, see debug.h */
	u64 pdpte[4];		/* PAE: loaded with CR3 */
	u32 pkru;

	/* MSRs that instructions themselves use. All others: env->rdmsr. */
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 tsc_aux, debugctl;
	u64 smbase, smi_count;

	struct x86_exc exc;	/* valid after RUN_FAULT */
	u64 features[10];	/* bit sets, see enum x86_feature in cpuid.h */
	u8 maxphyaddr;		/* bits, 32 to 52 */

	const struct x86_env *env;
	void *scratch;		/* the environment's own */
	struct x86_fpu fpu;
};

enum x86_flush { X86_FLUSH_ALL, X86_FLUSH_NONGLOBAL, X86_FLUSH_PAGE };

/*
 * The world around a cpu. One implementation serves the KVM API (core/api),
 * another the tests. gpa ranges never cross a page.
 */
struct x86_env {
	/* Guest physical memory, RAM or MMIO: RUN_OK, RUN_EXIT or -errno. */
	int (*read)(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n);
	int (*write)(struct x86_cpu *c, u64 gpa, const void *buf, unsigned int n);
	/* RAM only, atomic; n is 1, 2, 4, 8. RUN_OK and *old is what was there
	 * (new was stored only if it matched); RUN_EXIT or -errno. Not RAM:
	 * done as a plain read and write. */
	int (*cmpxchg)(struct x86_cpu *c, u64 gpa, u64 *old, u64 new_val, unsigned int n);
	/* May the page walker use what is at gpa: is it RAM, and writable if
	 * write? NULL: everything is. */
	bool (*in_ram)(struct x86_cpu *c, u64 gpa, bool write);
	/* A translation was made: the engine may enter it in its TLB. Never
	 * fails; NULL where there is none. */
	void (*filled)(struct x86_cpu *c, const struct x86_xlat *x);
	/* Forget translations; then x86_mode_update's users pick cpu->tlb. */
	void (*flush)(struct x86_cpu *c, enum x86_flush what, u64 lin);
	/* CPL, RFLAGS.AC, CR0/CR4/EFER or segments changed: choose cpu->tlb. */
	void (*mode_changed)(struct x86_cpu *c);
	/* Debug registers changed: calls x86_watch(). NULL: with cpu->dr. */
	void (*debug_changed)(struct x86_cpu *c);
	/*
	 * Port I/O of count elements of size 1, 2 or 4. in: fills data.
	 * RUN_OK or RUN_EXIT (then call again with the same arguments).
	 */
	int (*pio)(struct x86_cpu *c, u16 port, unsigned int size, bool in,
		   void *data, unsigned int count);
	/* RUN_OK; RUN_FAULT with #GP already recorded; RUN_EXIT. wrmsr of the
	 * cpu's own fields (EFER, STAR, FS_BASE, ...) goes through here too. */
	int (*rdmsr)(struct x86_cpu *c, u32 index, u64 *val);
	int (*wrmsr)(struct x86_cpu *c, u32 index, u64 val);
	void (*cpuid)(struct x86_cpu *c, u32 leaf, u32 sub, u32 out[4]);
	u64 (*tsc)(struct x86_cpu *c);
	u64 (*get_cr8)(struct x86_cpu *c);
	void (*set_cr8)(struct x86_cpu *c, u64 val);
	int (*hypercall)(struct x86_cpu *c);	/* VMCALL and VMMCALL */
	/* SMM's save area: RAM only, any range, as the cpu now sees memory. 0 or
	 * -errno. Without this hook there is no SMM. */
	int (*ram)(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n, bool write);
	/* This instruction cannot be executed: RUN_EXIT, which tells user space,
	 * and of nothing else. May be NULL. */
	int (*give_up)(struct x86_cpu *c);
	/* RSM: what was held back meanwhile may arrive. */
	void (*smm_left)(struct x86_cpu *c);
	/* Does no other processor run this memory's code? May be NULL. */
	bool (*alone)(struct x86_cpu *c);
	/* Was this KVM_X86_QUIRK_* disabled? NULL: none is. */
	bool (*quirk_off)(struct x86_cpu *c, u64 quirk);
	/* A locked access across cache lines was made. May be NULL. */
	void (*split_lock)(struct x86_cpu *c);
	/* Whole locked accesses that host atomics cannot do (page-crossing). */
	void (*bus_lock)(struct x86_cpu *c);
	void (*bus_unlock)(struct x86_cpu *c);
};

/* Record an exception and say so: `return x86_raise(c, X86_UD);` */
static inline int x86_raise(struct x86_cpu *c, u8 vector)
{
	c->exc = (struct x86_exc){ .vector = vector };
	return RUN_FAULT;
}

static inline int x86_raise_err(struct x86_cpu *c, u8 vector, u32 err)
{
	c->exc = (struct x86_exc){ .vector = vector, .has_err = true, .err = err };
	return RUN_FAULT;
}

static inline int x86_raise_pf(struct x86_cpu *c, u64 lin, u32 err)
{
	c->exc = (struct x86_exc){ .vector = X86_PF, .has_err = true,
				   .err = err, .cr2 = lin };
	return RUN_FAULT;
}

static inline bool x86_long_mode(const struct x86_cpu *c)
{
	return c->efer & X86_EFER_LMA;
}

static inline bool x86_protected(const struct x86_cpu *c)
{
	return c->cr0 & X86_CR0_PE && !(c->rflags & X86_F_VM);
}

/* Recompute mode, cpl-independent caches, eseg and masks from cr0, efer, cr4,
 * rflags.VM and seg[]; then calls env->mode_changed. Defined in mode.c. */
void x86_mode_update(struct x86_cpu *c);
/* Power-on state (SDM vol. 3, "Processor State After Reset"); INIT keeps FPU,
 * MSRs, CR0.CD/NW and the TSC. */
void x86_reset(struct x86_cpu *c, bool init);

/* A linear address that may be used at all: 48 or, with LA57, 57 bits. */
static inline bool x86_canonical(const struct x86_cpu *c, u64 lin)
{
	unsigned int shift = c->cr4 & X86_CR4_LA57 ? 7 : 16;

	return (u64)((s64)(lin << shift) >> shift) == lin;
}

#endif
