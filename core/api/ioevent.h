/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioevent.h - guest writes that do not need user space's answer: ioeventfds
 * and coalesced zones. */
#ifndef CORE_API_IOEVENT_H
#define CORE_API_IOEVENT_H

#include "core/vm.h"

#define COALESCED_PAGE	2	/* KVM_CAP_COALESCED_MMIO: page in the vCPU's mapping */

int ioeventfd_ioctl(struct vm *vm, const struct kvm_ioeventfd *arg);
int zone_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *z);
int zone_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *z);
void ioevents_free(struct vm *vm);

#endif
