/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm.h - one virtual machine. */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <linux/kvm.h>
#include "core/mem/bus.h"
#include "core/mem/slots.h"
#include "core/hyperv/hyperv.h"
#include "core/irq/irq.h"
#include "core/vcpu/vcpu.h"
#include "engine/engine.h"

#define VM_VCPUS_MAX	1024	/* as KVM's */
#define VM_VCPU_IDS_MAX	4096	/* KVM_CAP_MAX_VCPU_ID: ids are below it */

struct ioevent;
struct msr_filter;
struct mmio_zone;

struct vm {
	const struct engine *engine;
	void *engine_vm;
	host_mutex_t lock;		/* vcpu[], n_vcpus, irqchip creation, caps */
	struct slots slots;
	struct bus pio, mmio;
	struct irqs irqs;		/* PIC, IOAPIC, PIT, routes, irqfds */
	struct vcpu *vcpu[VM_VCPUS_MAX];	/* by index, dense; published with release */
	u32 n_vcpus;
	u32 boot_cpu_id;
	u64 tss_addr, identity_addr;
	s64 clock_offset;		/* kvmclock = host_now_ns + offset */
	host_spin_t time_lock;		/* all time_* and tsc_* below, and clock_offset */
	u64 time_ns, time_tsc;		/* a host time and the host TSC that belong together */
	u64 tsc_last_ns, tsc_last_value, tsc_last_offset;	/* last TSC set from outside */
	u32 tsc_last_khz;
	bool tsc_set;			/* ... if there was one */
	u64 wall_gpa;			/* MSR_KVM_WALL_CLOCK as last written */
	host_mutex_t bus_lock;		/* split locked accesses */
	u32 max_vcpu_id;		/* ids are below it; 0: nobody has said yet */
	struct ioevent *ioevents;	/* ioeventfds; guarded by lock */
	struct mmio_zone *zones;	/* coalesced zones; guarded by lock */
	host_spin_t ring_lock;		/* inserting into ring */
	struct kvm_coalesced_mmio_ring *ring;	/* the first vCPU's; NULL: none yet */
	/* What KVM_ENABLE_CAP changed; written with lock, read without. */
	u64 quirks_off;			/* KVM_X86_QUIRK_* */
	u32 user_msr;			/* KVM_MSR_EXIT_REASON_* that go to user space */
	bool exception_payload, triple_event, no_platform_info;
	bool bus_lock_exits;		/* split locks end KVM_RUN */
	bool hlt_in_guest;		/* HLT is no exit, whoever has the interrupts */
	u32 hypercall_exits;		/* bit n: hypercall n is user space's */
	u32 mmu_pages;			/* KVM_SET_NR_MMU_PAGES, only kept */
	u32 ring_bytes;			/* of each dirty ring; 0: bitmaps */
	u32 tsc_khz;			/* of vCPUs to come; 0: the host's */
	host_spin_t filter_lock;	/* the filter, which may be replaced at any time */
	struct msr_filter *msr_filter;	/* NULL: all allowed */
	struct vm_hv hv;
};

int vm_new(const struct engine *e, struct vm **out);
/* Frees its vCPUs too; nobody runs them or calls anything any more. */
void vm_free(struct vm *vm);
/*
 * KVM_CREATE_VCPU: run is its shared memory, API_VCPU_PAGES pages of zeros and, at
 * page KVM_DIRTY_LOG_PAGE_OFFSET, as much as ring_bytes says (room for the most
 * where that is not known beforehand). The vCPU then is the VM's, and lives as long: interrupts may be on their way to it.
 * -EINVAL (id, too many), -EEXIST, -ENOMEM.
 */
int vm_create_vcpu(struct vm *vm, u32 id, struct kvm_run *run, struct vcpu **out);
struct vcpu *vm_vcpu_by_id(struct vm *vm, u32 id);

/* v->cpu is up to date after this, see struct engine. With v->lock. */
static inline void vcpu_fetch(struct vcpu *v)
{
	if (v->vm->engine->fetch)
		v->vm->engine->fetch(v);
}

#endif
