/* SPDX-License-Identifier: GPL-2.0-or-later */
/* msr_filter.h - KVM_X86_SET_MSR_FILTER: which MSRs a guest may use at all. */
#ifndef CORE_API_MSR_FILTER_H
#define CORE_API_MSR_FILTER_H

#include "core/vm.h"

/* Replaces the filter: 0, -EINVAL, -ENOMEM, or -EFAULT (bitmaps). */
int msr_filter_set(struct vm *vm, const struct kvm_msr_filter *arg);
void msr_filter_free(struct vm *vm);
/* what: KVM_MSR_FILTER_READ or _WRITE. The local APIC's are always allowed. */
bool msr_allowed(struct vm *vm, u32 index, u32 what);

#endif
