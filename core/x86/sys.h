/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys.h - segmentation, control registers, exceptions and interrupts: what
 * integer instructions, run loops and the API need of the system half.
 */
#ifndef CORE_X86_SYS_H
#define CORE_X86_SYS_H

#include "core/x86/cpu.h"
#include "core/x86/insn.h"

enum x86_event_kind { X86_EV_EXC, X86_EV_INTR, X86_EV_NMI, X86_EV_SOFT };

struct x86_event {
	u8 kind;		/* enum x86_event_kind */
	u8 vector;
	bool has_err;
	u32 err;
};

/*
 * Deliver an event through the IDT (IVT, TSS, task gate). gpr[X86_RIP] is what
 * is pushed. Applies #PF's CR2 and #DB's DR6 from cpu->exc for X86_EV_EXC.
 * RUN_OK: done. RUN_FAULT: delivery itself faulted; the new exception is in
 * cpu->exc and nothing was changed. RUN_EXIT, RUN_SHUTDOWN, -errno.
 */
int x86_deliver(struct x86_cpu *c, const struct x86_event *ev);

/*
 * Deliver cpu->exc, turning exceptions during delivery into #DF or RUN_SHUTDOWN
 * by the manual's table. RUN_OK, RUN_EXIT, RUN_SHUTDOWN or -errno.
 */
int x86_deliver_exc(struct x86_cpu *c);
/* The same for an interrupt whose delivery may fault. */
int x86_deliver_event(struct x86_cpu *c, const struct x86_event *ev);

/* RFLAGS with what follows from a change of AC (TLB bank, alignment checks).
 * VM must not change: that takes x86_set_rflags() and x86_mode_update(). */
void x86_update_rflags(struct x86_cpu *c, u64 flags);

/* Load a segment register with all protected-mode checks (MOV, POP, LDS). */
int x86_load_seg(struct x86_cpu *c, unsigned int seg, u16 sel);

/* MOV to CRn with every check and effect. RUN_OK, RUN_END, RUN_FAULT, ... */
int x86_set_cr(struct x86_cpu *c, unsigned int n, u64 val);
u64 x86_get_cr(struct x86_cpu *c, unsigned int n);
/* WRMSR of EFER: 0, or 1 when the value raises #GP(0). LMA is not writable. */
int x86_set_efer(struct x86_cpu *c, u64 val);

/* A system management interrupt, which smm says is not masked (smm.c). */
void x86_smm_enter(struct x86_cpu *c);
/* RSM. RUN_END; RUN_FAULT outside of SMM; RUN_SHUTDOWN for a state that cannot
 * be; RUN_EXIT when there is no save area. */
int x86_rsm(struct x86_cpu *c);

/* Set the privilege level and what follows from it (TLB bank). */
void x86_set_cpl(struct x86_cpu *c, u8 cpl);

enum x86_task_how { X86_TASK_CALL, X86_TASK_IRET, X86_TASK_JMP, X86_TASK_GATE };
int x86_task_switch(struct x86_cpu *c, u16 sel, enum x86_task_how how, bool has_err, u32 err);

/* Pop flags as POPF would at this CPL and IOPL (size 2, 4, 8). RUN_END. */
int x86_popf_value(struct x86_cpu *c, u64 val, unsigned int size);

/* May this instruction use the port? Checks IOPL and the TSS bitmap. */
int x86_io_allowed(struct x86_cpu *c, u16 port, unsigned int size);

/*
 * Fetch, decode, bind and execute one instruction, deliver what it raises: for
 * hardware engines that need MMIO or a mode they cannot run, and for tests.
 * RUN_OK, RUN_EXIT, RUN_HALT, RUN_SHUTDOWN or -errno.
 */
int x86_emulate(struct x86_cpu *c, x86_exec_fn (*extra)(const struct x86_insn *));

#endif
