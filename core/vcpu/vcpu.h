/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu.h - one virtual CPU: x86 state, pending events, and its run loop. */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include <linux/kvm.h>
#include "core/mem/dirty_ring.h"
#include "core/x86/sys.h"

struct vm;
struct lapic;
struct vcpu_pv;
struct vcpu_hv;

enum vcpu_req {			/* bits of vcpu->requests: do it before entering */
	REQ_KICK	= 1 << 0,	/* look at interrupts and signals again */
	REQ_TLB_FLUSH	= 1 << 1,	/* drop all cached translations */
	REQ_EVENT	= 1 << 2,	/* an interrupt may have become deliverable */
	REQ_CLOCK	= 1 << 3,	/* rewrite the kvmclock page */
	REQ_TRIPLE	= 1 << 4,	/* injected triple fault */
	REQ_IOAPIC_EOI	= 1 << 5,	/* lapic_take_eoi_exit() has something */
	REQ_BUS_LOCK	= 1 << 6,	/* user space wants to hear of a split lock */
	REQ_HYPERV	= 1 << 7,	/* hv_requests() has something */
	REQ_WAIT_FLUSH	= 1 << 8,	/* wait until others took their REQ_TLB_FLUSH */
};

enum vcpu_stat {			/* counted in vcpu->stat, by its own thread */
	STAT_EXITS, STAT_IO_EXITS, STAT_MMIO_EXITS, STAT_SIGNAL_EXITS, STAT_WINDOW_EXITS,
	STAT_HALTS, STAT_WAKEUPS, STAT_IRQS, STAT_NMIS, STAT_REQUESTS, STAT_HYPERCALLS,
	STAT_COUNT
};

#define VCPU_FRAGS	8

/*
 * Accesses of the current instruction that user space must make. The
 * instruction is run again after each; those done already replay from here.
 */
struct vcpu_frag {
	u64 gpa;
	u8 data[8];
	u8 len;
	bool write, done;
};

struct vcpu_io {
	struct vcpu_frag frag[VCPU_FRAGS];
	u8 n, cursor;		/* frags recorded; how far the replay is */
	bool pending;		/* KVM_RUN returned for frag[n - 1] */
	bool pio_pending;	/* KVM_RUN returned for port I/O */
	bool pio_done;		/* user space has filled in or taken the port data */
	bool msr_pending;	/* KVM_RUN returned for RDMSR or WRMSR */
	bool msr_done;		/* run->msr has user space's answer */
	bool call_pending;	/* KVM_RUN returned for a hypercall */
	bool call_done;		/* run->hypercall, or run->hyperv, has user space's answer */
	bool event;		/* all this is for the delivery of an event, which is
				 * still injected, and not for an instruction */
	u64 signature;		/* of the iteration the fragments belong to */
};

struct vcpu {
	struct x86_cpu cpu;	/* first: container_of is free */
	struct vm *vm;
	u32 id, index;
	struct kvm_run *run;	/* shared page, then PIO data, then coalesced ring */
	struct dirty_ring dirty;
	struct lapic *apic;	/* NULL without in-kernel LAPIC */
	u64 pv_eoi;		/* MSR_KVM_PV_EOI_EN; bit 0: on */
	bool pv_eoi_pending;	/* the guest may EOI in memory */
	u64 apic_base;		/* IA32_APIC_BASE, see lapic_set_base() */
	void *engine;		/* the engine's part, vm->engine->vcpu_size bytes */
	struct vcpu_pv *pv;	/* kvmclock and friends (core/api/pv.c) */
	struct vcpu_hv *hv;	/* Hyper-V's interface (core/hyperv) */

	host_mutex_t lock;	/* one ioctl at a time */
	host_wait_t wait;
	u32 requests;		/* enum vcpu_req, atomic */
	u32 in_guest;		/* 1 between entering and leaving the engine, atomic */
	bool interrupted;	/* KVM_RUN's thread has a signal to see to, atomic */
	u8 mp_state;		/* KVM_MP_STATE_*; guarded by lock */

	/* Events. A fault being delivered is in exc_pending; what was being
	 * delivered when KVM_RUN had to leave stays injected. */
	bool exc_pending, exc_injected;
	struct x86_exc exc;
	bool intr_injected, intr_soft;
	u8 intr_vector;		/* KVM_INTERRUPT without in-kernel irqchip, or injected */
	u32 nmi_pending;	/* atomic; at most 2 queued */
	bool nmi_injected;
	bool smi_pending;	/* read and written by any thread */
	bool injecting;		/* the engine has an event that comes before all others */

	struct vcpu_io io;
	u64 cr8;		/* without in-kernel LAPIC */
	u8 unhalt;		/* KVM_HC_KICK_CPU arrived, atomic */

	struct kvm_cpuid_entry2 *cpuid;
	u32 n_cpuid;
	bool cpuid_given;	/* user space has said what the processor is */
	u32 pv_features;	/* what the CPUID offers of pv.h, wherever that leaf is */
	bool pv_enforced;	/* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */
	bool ran;		/* KVM_RUN was called: CPUID no longer changes */
	u32 tsc_khz;		/* as KVM_SET_TSC_KHZ said */
	u64 tsc_ratio;		/* guest TSC = host TSC * ratio / 2^32 + offset */
	u64 tsc_offset;
	u64 tsc_adjust;
	u32 guest_debug;	/* KVM_GUESTDBG_* */
	u64 guest_dr[8];
	bool bp_passed;		/* user space continued from a breakpoint */
	u32 sipi_vector;
	u64 vapic_gpa;
	/* Plain-value MSRs, indexed by core/x86/msr.c's own table. */
	u64 msr[96];
	u64 mce_bank[32][4];
	u64 stat[STAT_COUNT];
	u64 sigmask;		/* KVM_SET_SIGNAL_MASK */
	bool sigmask_set;
};

static inline struct vcpu *cpu_vcpu(struct x86_cpu *c)
{
	return container_of(c, struct vcpu, cpu);
}

int vcpu_new(struct vm *vm, u32 id, struct vcpu **out);
void vcpu_free(struct vcpu *v);

/* KVM_RUN: 0 with run->exit_reason set, -EINTR, -EFAULT, ... */
int vcpu_run(struct vcpu *v);

/* For engines: is user space's answer to an instruction's access waiting? Then
 * run() executes that one instruction, calls vcpu_io_retired() when it is done
 * (not after RUN_EXIT), and returns RUN_END. */
bool vcpu_replaying(const struct vcpu *v);
void vcpu_io_retired(struct vcpu *v);
/* Must the engine return to the run loop? Cheap; asked after RUN_END. */
bool vcpu_wants_attention(struct vcpu *v);

/* Does an interrupt wait, or user space with one, for the guest to allow it? */
bool vcpu_wants_window(struct vcpu *v);

/* Which of the VM's address spaces it sees. */
static inline unsigned int vcpu_as(const struct vcpu *v)
{
	return v->cpu.smm;
}

/* INIT and SIPI that have arrived take effect, or wait where they must. */
void vcpu_take_init_sipi(struct vcpu *v);

static inline void vcpu_request(struct vcpu *v, u32 req)
{
	__atomic_fetch_or(&v->requests, req, __ATOMIC_SEQ_CST);
}

/* Make v notice its requests soon: wakes it when halted, kicks it out of the
 * engine when running. Any context. */
void vcpu_kick(struct vcpu *v);

/* VMCALL and VMMCALL: RUN_OK or RUN_EXIT (core/vcpu/hypercall.c). */
int vcpu_hypercall(struct x86_cpu *c);

/* The x86_env of a vCPU (core/vcpu/env.c). */
extern const struct x86_env vcpu_env;

#endif
