/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * svm.h - the engine for AMD-V with nested paging.
 *
 * A vCPU's state is in its VMCB (live) from one entry to the next, KVM_RUN or not,
 * until somebody wants it in vcpu->cpu: moved as a whole by svm_load() and
 * svm_store(). Exits that need little of it never move it.
 *
 * Source: AMD APM vol. 2, chapter "Secure Virtual Machine".
 */
#ifndef ENGINE_SVM_SVM_H
#define ENGINE_SVM_SVM_H

#include <asm/fpu/api.h>
#include "core/vm.h"
#include "core/x86/sys.h"
#include "engine/svm/vmcb.h"
#include "engine/tdp/tdp.h"

struct svm_vcpu {
	struct vmcb *vmcb;
	u64 vmcb_pa;
	bool live;		/* vmcb holds the state, vcpu->cpu is old */
	bool asked_io;		/* KVM_RUN returned for the port access in vmcb */
	bool fpu_in_cpu;	/* vcpu->cpu.fpu is newer than fpu */
	struct fpu_guest fpu;
	int last_cpu;		/* it ran there; -1: nowhere yet */
	u64 asid_gen;		/* of the ASID in vmcb, see svm_cpu */
	int cpu;		/* runs there; only while in_guest */
	u32 in_guest;		/* atomic: interrupts are off, VMRUN is near or under way */
	u32 flush;		/* atomic: the TLB must be flushed before VMRUN */
	u64 exits;
	struct tdp_spare spare;
};

struct svm_cpu {		/* a host processor */
	void *hsave;		/* VM_HSAVE_PA points to its page */
	struct page *host;	/* what VMSAVE keeps of the host */
	u64 host_pa;
	u64 asid_gen;
	u32 asid_next, asid_max;
	u64 tsc_aux;		/* the host's */
	const struct svm_vcpu *last;	/* who ran here last */
	bool on;
};
DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

static inline struct svm_vcpu *svm_of(const struct vcpu *v)
{
	return v->engine;
}

/* The tables of the address space that the vCPU sees. */
static inline struct tdp *svm_tdp(const struct vcpu *v)
{
	return (struct tdp *)v->vm->engine_vm + vcpu_as(v);
}

/* state.c */
void svm_load(struct vcpu *v);	/* vcpu->cpu to vmcb, when it is not live */
void svm_store(struct vcpu *v);	/* and back, when it is */
void svm_fpu_to_cpu(struct vcpu *v);
void svm_fpu_to_guest(struct vcpu *v);

/* An event that the guest has not taken is the core's again. */
void svm_take_back(struct vcpu *v);

/* run.c */
int svm_run(struct vcpu *v);
bool svm_inject(struct vcpu *v, const struct x86_event *ev);
/* v->cpu.rflags and shadow, as far as the core looks at them for events. */
void svm_mirror(struct vcpu *v);

/* exit.c: RUN_OK to enter again with the state in either place. */
int svm_exit(struct vcpu *v);
int svm_emulate(struct vcpu *v);
int svm_exit_io(struct vcpu *v);

/* fast.c: frequent instructions, done without moving the state. RUN_FAULT: it
 * takes the emulator; nothing was done. */
int svm_fast(struct vcpu *v, u64 code);

/* enter.S: VMRUN, with interrupts held back by GIF. gpr is vcpu->cpu.gpr; RAX,
 * RSP and RIP are the VMCB's. */
void svm_enter(u64 *gpr, u64 vmcb_pa, u64 host_pa);

/* Permission maps that all VMs share. */
extern u64 svm_iopm_pa, svm_msrpm_pa;

#endif
