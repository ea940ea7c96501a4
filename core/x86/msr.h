/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * msr.h - model-specific registers: what RDMSR, WRMSR, KVM_GET_MSRS and
 * KVM_SET_MSRS see.
 *
 * Sources: SDM vol. 4, APM vol. 2 appendix "MSR Cross-Reference",
 * Documentation/virt/kvm/x86/msr.rst.
 */
#ifndef CORE_X86_MSR_H
#define CORE_X86_MSR_H

#include "core/x86/cpu.h"

struct vcpu;
struct engine;

/* Both return 0, or 1 where the processor would raise #GP. host: user space
 * asks (KVM_GET_MSRS), which may do some things the guest may not. */
int msr_read(struct vcpu *v, u32 idx, u64 *val, bool host);
int msr_write(struct vcpu *v, u32 idx, u64 val, bool host);

/* Is there such an MSR at all, whatever its values? */
bool msr_known(u32 idx);

/* Power-on values of what is kept in v->msr. INIT changes none of them. */
void msr_reset(struct vcpu *v);

/* KVM_GET_MSR_INDEX_LIST and KVM_GET_MSR_FEATURE_INDEX_LIST; i from 0, false
 * at the end. */
bool msr_list(u32 i, u32 *idx);
bool msr_feature_list(u32 i, u32 *idx);
/* System-wide KVM_GET_MSRS: 0, or 1 when idx is no feature MSR. */
int msr_feature_read(u32 idx, u64 *val);

u64 vcpu_guest_tsc(struct vcpu *v);
/* v->tsc_offset was changed: clocks that guests compute from it follow. */
void vcpu_tsc_changed(struct vcpu *v);

#define MSR_MCE_BANKS	32		/* most that KVM_X86_SETUP_MCE takes */
#define MSR_MCG_CAP	(1ull << 8)	/* KVM_X86_GET_MCE_CAP_SUPPORTED: MCG_CTL_P */
#define MSR_MCG_SER	(1ull << 24)

struct kvm_x86_mce;

/* KVM_X86_SETUP_MCE: 0 or -EINVAL. */
int mce_setup(struct vcpu *v, u64 cap);
/* KVM_X86_SET_MCE: an error of a bank; 0 (reported or not) or -EINVAL. */
int mce_inject(struct vcpu *v, const struct kvm_x86_mce *m);

#endif
