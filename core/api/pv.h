/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv.h - what a KVM guest is offered beyond hardware: kvmclock, steal time.
 *
 * Source: Documentation/virt/kvm/x86/msr.rst, cpuid.rst.
 */
#ifndef CORE_API_PV_H
#define CORE_API_PV_H

#include "core/host.h"

struct vcpu;
struct vm;

/* CPUID 40000001h EAX: what is offered. */
#define PV_CLOCK	(1u << 0)
#define PV_NOP_DELAY	(1u << 1)
#define PV_CLOCK2	(1u << 3)
#define PV_APF		(1u << 4)
#define PV_STEAL_TIME	(1u << 5)
#define PV_EOI		(1u << 6)
#define PV_UNHALT	(1u << 7)	/* who waits for a lock halts until kicked */
#define PV_TLB_FLUSH	(1u << 9)
#define PV_APF_VMEXIT	(1u << 10)
#define PV_SEND_IPI	(1u << 11)
#define PV_POLL_CONTROL	(1u << 12)
#define PV_SCHED_YIELD	(1u << 13)
#define PV_APF_INT	(1u << 14)
#define PV_CLOCK_STABLE	(1u << 24)
#define PV_FEATURES	(PV_CLOCK | PV_NOP_DELAY | PV_CLOCK2 | PV_APF | PV_STEAL_TIME | \
			 PV_EOI | PV_UNHALT | PV_TLB_FLUSH | PV_APF_VMEXIT | PV_APF_INT | \
			 PV_SEND_IPI | PV_POLL_CONTROL | PV_SCHED_YIELD | PV_CLOCK_STABLE)

/* PV_FEATURES, as far as the host can do them. */
u32 pv_supported(void);

struct vcpu_pv {
	u64 time_msr;		/* MSR_KVM_SYSTEM_TIME; bit 0: on */
	u64 poll_control;
	bool stopped;		/* report PV_GUEST_STOPPED with the next update */

	u64 apf_en, apf_int;	/* MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT */
	bool apf_wake_all;	/* "all are ready" is to be told */

	bool preempted;		/* the guest was told so */
	u64 steal_msr;		/* MSR_KVM_STEAL_TIME; bit 0: on */
	u64 steal_last;		/* host_run_delay_ns() when last accounted for */
	u64 steal_read;		/* host_now_ns() of that */
};

/* May the guest use this? All is allowed unless user space wants its CPUID
 * obeyed (KVM_CAP_ENFORCE_PV_FEATURE_CPUID). */
bool pv_offered(const struct vcpu *v, u32 feature);

/* Is idx one of the paravirtual MSRs? Then read and write: 0 or 1 (#GP). */
bool pv_is_msr(u32 idx);
int pv_msr_read(struct vcpu *v, u32 idx, u64 *val, bool host);
int pv_msr_write(struct vcpu *v, u32 idx, u64 val, bool host);

/* REQ_CLOCK: rewrite the guest's time page, if it asked for one. The caller is
 * v's thread in KVM_RUN. */
void pv_clock_update(struct vcpu *v);
/* KVM_SET_CLOCK: kvmclock continues from ns; all vCPUs rewrite their pages. */
void pv_clock_set(struct vm *vm, u64 ns);
/* KVM_KVMCLOCK_CTRL: tell the guest that it was stopped. 0 or -EINVAL. */
int pv_clock_paused(struct vcpu *v);
/* What clocks are computed from: ns is kvmclock at v's TSC tsc, from where on
 * it grows by (ticks << shift) * mul >> 32. */
struct pv_clock_base {
	u64 ns, tsc;
	u32 mul;
	s8 shift;
};
void pv_clock_base(const struct vcpu *v, struct pv_clock_base *out);
/* kvmclock now, in ns; the host's TSC at that moment in *tsc if not NULL. */
u64 pv_clock_now(struct vm *vm, u64 *tsc);
/* MSR_KVM_PV_EOI is written (Hyper-V's APIC assist is the same): 0 or 1. Under
 * slots.lock or in KVM_RUN. */
int pv_eoi_set(struct vcpu *v, u64 val);
/* KVM_HC_CLOCK_PAIRING: the wall clock and the guest's TSC of one moment. False:
 * there is no memory to write to. v's thread in KVM_RUN. */
bool pv_clock_pair(struct vcpu *v, u64 gpa);
/* INIT: the guest starts anew, and is told nothing any more. */
void pv_reset(struct vcpu *v);

/* pv_steal.c: the MSR is written; 0 or 1. */
int pv_steal_msr(struct vcpu *v, u64 val);
/* v's thread will run guest code; start: KVM_RUN was just called. */
void pv_steal_enter(struct vcpu *v, bool start);
/* v sleeps, between two instructions. */
void pv_steal_leave(struct vcpu *v);

/* pv_apf.c: MSRs are written; 0 or 1. */
int pv_apf_enable(struct vcpu *v, u64 val, bool host);
int pv_apf_vector(struct vcpu *v, u64 val, bool host);
/* Tell the guest what is ready, if it takes it now. v's thread in KVM_RUN. */
void pv_apf_deliver(struct vcpu *v);

/* A page with a version: odd while it is written. */
int pv_version_begin(struct vcpu *v, u64 gpa, u32 *version);
void pv_version_end(struct vcpu *v, u64 gpa, u32 version);
/* Allocates v->pv, which vcpu_free() frees. */
int pv_init(struct vcpu *v);

#endif
