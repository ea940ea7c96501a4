/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcb.h - the virtual machine control block.
 *
 * Source: AMD APM vol. 2, appendix "VMCB Layout" and appendix "SVM Intercept
 * Exit Codes".
 */
#ifndef ENGINE_SVM_VMCB_H
#define ENGINE_SVM_VMCB_H

#include "core/host.h"

struct vmcb_seg {
	u16 sel, attr;		/* attr: as struct x86_seg's, but for UNUSABLE */
	u32 limit;
	u64 base;
};

struct vmcb_control {
	u16 cr_read, cr_write;		/* intercepts, a bit a register */
	u16 dr_read, dr_write;
	u32 exceptions;			/* a bit a vector */
	u32 intercept1, intercept2, intercept3;
	u8 reserved1[0x3c - 0x18];
	u16 pause_threshold, pause_count;
	u64 iopm, msrpm;		/* physical addresses of the permission maps */
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;			/* VMCB_FLUSH_* */
	u8 reserved2[3];
	u32 int_ctl;			/* VMCB_INT_* */
	u32 int_vector;
	u64 int_state;			/* bit 0: interrupt shadow */
	u64 exit_code, exit_info1, exit_info2;
	u64 exit_int_info;		/* as event_inj: what was being delivered */
	u64 np_enable;
	u64 avic_bar, ghcb;
	u64 event_inj;
	u64 ncr3;
	u64 lbr_ctl;
	u64 clean;
	u64 next_rip;			/* with NRIPS only */
	u8 insn_len, insn[15];		/* with DecodeAssists only */
	u8 reserved3[0x400 - 0xe0];
};

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved1[0xcb - 0xa0];
	u8 cpl;
	u32 reserved2;
	u64 efer;
	u8 reserved3[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved4[0x1d8 - 0x180];
	u64 rsp;
	u8 reserved5[0x1f8 - 0x1e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 reserved6[0x268 - 0x248];
	u64 pat, debugctl, br_from, br_to, last_exc_from, last_exc_to;
};

struct vmcb {
	struct vmcb_control c;
	struct vmcb_save s;
	u8 reserved[0x1000 - 0x400 - sizeof(struct vmcb_save)];
};
_Static_assert(offsetof(struct vmcb_control, iopm) == 0x40, "VMCB layout");
_Static_assert(offsetof(struct vmcb_control, int_ctl) == 0x60, "VMCB layout");
_Static_assert(offsetof(struct vmcb_control, np_enable) == 0x90, "VMCB layout");
_Static_assert(offsetof(struct vmcb_control, event_inj) == 0xa8, "VMCB layout");
_Static_assert(offsetof(struct vmcb_control, insn_len) == 0xd0, "VMCB layout");
_Static_assert(sizeof(struct vmcb_control) == 0x400, "VMCB layout");
_Static_assert(offsetof(struct vmcb_save, cpl) == 0xcb, "VMCB layout");
_Static_assert(offsetof(struct vmcb_save, efer) == 0xd0, "VMCB layout");
_Static_assert(offsetof(struct vmcb_save, rip) == 0x178, "VMCB layout");
_Static_assert(offsetof(struct vmcb_save, rax) == 0x1f8, "VMCB layout");
_Static_assert(offsetof(struct vmcb_save, cr2) == 0x240, "VMCB layout");
_Static_assert(offsetof(struct vmcb_save, pat) == 0x268, "VMCB layout");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB layout");

/* intercept1 */
#define VMCB_I1_INTR		(1u << 0)
#define VMCB_I1_NMI		(1u << 1)
#define VMCB_I1_SMI		(1u << 2)
#define VMCB_I1_INIT		(1u << 3)
#define VMCB_I1_VINTR		(1u << 4)
#define VMCB_I1_RDPMC		(1u << 15)
#define VMCB_I1_CPUID		(1u << 18)
#define VMCB_I1_RSM		(1u << 19)
#define VMCB_I1_IRET		(1u << 20)
#define VMCB_I1_INVD		(1u << 22)
#define VMCB_I1_HLT		(1u << 24)
#define VMCB_I1_INVLPGA		(1u << 26)
#define VMCB_I1_IOIO		(1u << 27)
#define VMCB_I1_MSR		(1u << 28)
#define VMCB_I1_TASK_SWITCH	(1u << 29)
#define VMCB_I1_SHUTDOWN	(1u << 31)
/* intercept2 */
#define VMCB_I2_VMRUN		(1u << 0)
#define VMCB_I2_VMMCALL		(1u << 1)
#define VMCB_I2_VMLOAD		(1u << 2)
#define VMCB_I2_VMSAVE		(1u << 3)
#define VMCB_I2_STGI		(1u << 4)
#define VMCB_I2_CLGI		(1u << 5)
#define VMCB_I2_SKINIT		(1u << 6)
#define VMCB_I2_WBINVD		(1u << 9)
#define VMCB_I2_MONITOR		(1u << 10)
#define VMCB_I2_MWAIT		(1u << 11)
#define VMCB_I2_XSETBV		(1u << 13)
#define VMCB_I2_RDPRU		(1u << 14)

#define VMCB_FLUSH_NONE		0
#define VMCB_FLUSH_ALL		1
#define VMCB_FLUSH_ASID		3

#define VMCB_INT_TPR		0xfu
#define VMCB_INT_V_IRQ		(1u << 8)
#define VMCB_INT_PRIO_MAX	(0xfu << 16)
#define VMCB_INT_IGN_TPR	(1u << 20)
#define VMCB_INT_MASKING	(1u << 24)

/* event_inj and exit_int_info */
#define VMCB_EV_VECTOR		0xffu
#define VMCB_EV_TYPE		(7u << 8)
#define VMCB_EV_INTR		(0u << 8)
#define VMCB_EV_NMI		(2u << 8)
#define VMCB_EV_EXC		(3u << 8)
#define VMCB_EV_SOFT		(4u << 8)
#define VMCB_EV_HAS_ERR		(1u << 11)
#define VMCB_EV_VALID		(1u << 31)

enum vmcb_exit {
	VMEXIT_CR0_READ = 0x00, VMEXIT_CR0_WRITE = 0x10, VMEXIT_DR0_READ = 0x20,
	VMEXIT_DR7_WRITE = 0x3f, VMEXIT_EXC = 0x40, VMEXIT_EXC_LAST = 0x5f,
	VMEXIT_INTR = 0x60, VMEXIT_NMI, VMEXIT_SMI, VMEXIT_INIT, VMEXIT_VINTR,
	VMEXIT_CPUID = 0x72, VMEXIT_RSM, VMEXIT_IRET, VMEXIT_INVD = 0x76,
	VMEXIT_PAUSE, VMEXIT_HLT, VMEXIT_IOIO = 0x7b, VMEXIT_MSR, VMEXIT_TASK_SWITCH,
	VMEXIT_FERR, VMEXIT_SHUTDOWN, VMEXIT_VMRUN, VMEXIT_VMMCALL,
	VMEXIT_WBINVD = 0x89, VMEXIT_NPF = 0x400,
	VMEXIT_INVALID = -1,		/* some processors fill in 32 bits only */
};

/* exit_info1 of a nested page fault, beside the bits of #PF's error code. */
#define VMCB_NPF_WRITE		(1u << 1)
#define VMCB_NPF_FETCH		(1u << 4)

/* exit_info1 of IOIO; exit_info2 is the next RIP. */
#define VMCB_IO_IN		(1u << 0)
#define VMCB_IO_STRING		(1u << 2)
#define VMCB_IO_REP		(1u << 3)

#endif
