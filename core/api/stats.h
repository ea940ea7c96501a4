/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats.h - KVM_GET_STATS_FD: what the file says. */
#ifndef CORE_API_STATS_H
#define CORE_API_STATS_H

#include "core/vm.h"

#define STATS_BYTES_MAX	4096u

/* The whole file, header, descriptors and values, of a vCPU or a VM; in a buffer
 * of STATS_BYTES_MAX bytes. Returns its length. */
u32 stats_vcpu(const struct vcpu *v, u8 *file);
u32 stats_vm(const struct vm *vm, u8 *file);

#endif
