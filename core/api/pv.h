/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv.h - what a KVM guest is offered beyond hardware: kvmclock.
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
#define PV_UNHALT	(1u << 7)	/* who waits for a lock halts until kicked */
#define PV_SEND_IPI	(1u << 11)
#define PV_POLL_CONTROL	(1u << 12)
#define PV_SCHED_YIELD	(1u << 13)
#define PV_CLOCK_STABLE	(1u << 24)
#define PV_FEATURES	(PV_CLOCK | PV_NOP_DELAY | PV_CLOCK2 | PV_UNHALT | \
			 PV_SEND_IPI | PV_POLL_CONTROL | PV_SCHED_YIELD | PV_CLOCK_STABLE)

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
/* What clocks are computed from: ns is kvmclock at the host TSC tsc, from where on
 * it grows by (ticks << shift) * mul >> 32. */
struct pv_clock_base {
	u64 ns, tsc;
	u32 mul;
	s8 shift;
};
void pv_clock_base(struct vm *vm, struct pv_clock_base *out);
/* kvmclock now, in ns; the host's TSC at that moment in *tsc if not NULL. */
u64 pv_clock_now(struct vm *vm, u64 *tsc);
/* Allocates v->pv, which vcpu_free() frees. */
int pv_init(struct vcpu *v);

#endif
