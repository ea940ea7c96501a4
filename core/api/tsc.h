/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tsc.h - a vCPU's time stamp counter: the host's, scaled and offset.
 *
 * Source: Documentation/virt/kvm/api.rst, KVM_SET_TSC_KHZ; Documentation/virt/
 * kvm/devices/vcpu.rst, KVM_VCPU_TSC_CTRL. Ratios as the APM's TSC_RATIO has them.
 */
#ifndef CORE_API_TSC_H
#define CORE_API_TSC_H

#include "core/vcpu/vcpu.h"

struct engine;

#define TSC_RATIO_ONE	(1ull << 32)
#define TSC_RATIO_MAX	0xffffffffffull

/* What the host's counter val is, before the vCPU's offset is added. */
static inline u64 tsc_scaled(const struct vcpu *v, u64 val)
{
	u64 ratio = READ_ONCE(v->tsc_ratio);

	return ratio == TSC_RATIO_ONE ? val : (unsigned __int128)val * ratio >> 32;
}

/* Ticks of the guest's counter in a millisecond. */
static inline u32 tsc_guest_khz(const struct vcpu *v)
{
	return tsc_scaled(v, host_tsc_khz());
}

/* Is that a frequency KVM_SET_TSC_KHZ may be asked for? 0: the host's. */
bool tsc_khz_valid(const struct engine *e, u32 khz);
/* KVM_SET_TSC_KHZ of a vCPU; v is not running. 0 or -EINVAL. */
int tsc_set_khz(struct vcpu *v, u32 khz);
/* IA32_TSC written by user space: vCPUs that are to agree get the same offset. */
void tsc_synchronize(struct vcpu *v, u64 val);
/* KVM_VCPU_TSC_OFFSET. */
void tsc_set_offset(struct vcpu *v, u64 offset);

#endif
