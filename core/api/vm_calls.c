/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM's calls. Each takes the locks it needs. */
#include "core/vm.h"
#include "core/api/call.h"
#include "core/api/ioevent.h"
#include "core/api/msr_filter.h"
#include "core/api/pv.h"
#include "core/api/tsc.h"

#define ROUTES_MAX	4096

static long vm_check_extension(void *obj, void *arg)
{
	return cap_of_engine(((struct vm *)obj)->engine, (u32)(uintptr_t)arg);
}

static long vm_set_memory(void *obj, void *arg)
{
	return slots_set(obj, arg);
}

static long vm_get_dirty_log(void *obj, void *arg)
{
	struct kvm_dirty_log *l = arg;

	return slots_get_dirty(obj, l->slot, l->dirty_bitmap);
}

static long vm_clear_dirty_log(void *obj, void *arg)
{
	return slots_clear_dirty(obj, arg);
}

static long vm_reset_rings(void *obj, void *arg)
{
	return dirty_rings_reset(obj);
}

static long vm_set_tss(void *obj, void *arg)
{
	struct vm *vm = obj;
	u64 addr = (uintptr_t)arg;

	/* Three pages must fit below 4 GiB. */
	if (addr > (u32)-(3 * 4096))
		return -EINVAL;
	host_mutex_lock(&vm->lock);
	vm->tss_addr = addr;
	host_mutex_unlock(&vm->lock);
	return 0;
}

static long vm_set_identity(void *obj, void *arg)
{
	struct vm *vm = obj;
	long r = -EINVAL;

	host_mutex_lock(&vm->lock);
	if (!vm->n_vcpus) {
		memcpy(&vm->identity_addr, arg, sizeof(vm->identity_addr));
		r = 0;
	}
	host_mutex_unlock(&vm->lock);
	return r;
}

/* Limits nothing: there are no shadow pages. */
static long vm_set_mmu_pages(void *obj, void *arg)
{
	struct vm *vm = obj;

	if ((u32)(uintptr_t)arg < 64)
		return -EINVAL;
	WRITE_ONCE(vm->mmu_pages, (u32)(uintptr_t)arg);
	return 0;
}

static long vm_get_mmu_pages(void *obj, void *arg)
{
	return READ_ONCE(((struct vm *)obj)->mmu_pages);
}

static long vm_set_boot_cpu(void *obj, void *arg)
{
	struct vm *vm = obj;
	long r = -EBUSY;

	host_mutex_lock(&vm->lock);
	if (!vm->n_vcpus) {
		vm->boot_cpu_id = (u32)(uintptr_t)arg;
		r = 0;
	}
	host_mutex_unlock(&vm->lock);
	return r;
}

/* --- interrupts --- */

static long vm_create_irqchip(void *obj, void *arg)
{
	return irqs_create(obj);
}

static long vm_get_irqchip(void *obj, void *arg)
{
	return irqs_get_chip(obj, arg);
}

static long vm_set_irqchip(void *obj, void *arg)
{
	return irqs_set_chip(obj, arg);
}

static long vm_pit_create2(void *obj, void *arg)
{
	return pit_create(obj, arg);
}

static long vm_pit_create(void *obj, void *arg)
{
	struct kvm_pit_config cfg = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return pit_create(obj, &cfg);
}

static long vm_pit_get2(void *obj, void *arg)
{
	return pit_get(obj, arg);
}

static long vm_pit_set2(void *obj, void *arg)
{
	return pit_set(obj, arg);
}

/* The older calls carry the channels only, which come first in both. */
static long vm_pit_get(void *obj, void *arg)
{
	struct kvm_pit_state2 st;
	long r = pit_get(obj, &st);

	if (!r)
		memcpy(arg, &st, sizeof(struct kvm_pit_state));
	return r;
}

static long vm_pit_set(void *obj, void *arg)
{
	struct kvm_pit_state2 st;
	long r = pit_get(obj, &st);

	if (r)
		return r;
	memcpy(&st, arg, sizeof(struct kvm_pit_state));
	return pit_set(obj, &st);
}

static long vm_pit_reinject(void *obj, void *arg)
{
	return pit_reinject(obj, arg);
}

static long vm_irq_line(void *obj, void *arg)
{
	struct vm *vm = obj;
	struct kvm_irq_level *l = arg;

	if (vm->irqs.mode == IRQCHIP_NONE)
		return -ENXIO;
	l->status = irq_set_level(vm, 0, l->irq, l->level);
	return 0;
}

static long vm_signal_msi(void *obj, void *arg)
{
	struct vm *vm = obj;
	struct kvm_msi *m = arg;

	if (vm->irqs.mode == IRQCHIP_NONE || m->flags & ~KVM_MSI_VALID_DEVID)
		return -EINVAL;
	return irq_msi(vm, (u64)m->address_hi << 32 | m->address_lo, m->data);
}

static long vm_set_routes(void *obj, void *arg)
{
	struct vm *vm = obj;
	struct kvm_irq_routing *r = arg;

	if (vm->irqs.mode == IRQCHIP_NONE || r->flags)
		return -EINVAL;
	return irq_set_routes(vm, r->entries, r->nr);
}

static long vm_irqfd(void *obj, void *arg)
{
	return irqfd_ioctl(obj, arg);
}

static long vm_ioeventfd(void *obj, void *arg)
{
	return ioeventfd_ioctl(obj, arg);
}

static long vm_hv_eventfd(void *obj, void *arg)
{
	return hv_eventfd(obj, arg);
}

static long vm_zone_add(void *obj, void *arg)
{
	return zone_register(obj, arg);
}

static long vm_zone_del(void *obj, void *arg)
{
	return zone_unregister(obj, arg);
}

/* --- clock --- */

static long vm_get_clock(void *obj, void *arg)
{
	struct kvm_clock_data *d = arg;
	u64 tsc;

	*d = (struct kvm_clock_data){
		.flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC,
	};
	d->clock = pv_clock_now(obj, &tsc);
	d->realtime = host_wall_ns();
	d->host_tsc = tsc;
	return 0;
}

static long vm_set_clock(void *obj, void *arg)
{
	const u32 valid = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
	struct kvm_clock_data *d = arg;
	u64 now = host_wall_ns(), ns = d->clock;

	if (d->flags & ~valid)
		return -EINVAL;
	/* Time passed since the clock was read elsewhere; never backwards. */
	if (d->flags & KVM_CLOCK_REALTIME && now > d->realtime)
		ns += now - d->realtime;
	pv_clock_set(obj, ns);
	return 0;
}

static long vm_get_tsc_khz(void *obj, void *arg)
{
	struct vm *vm = obj;

	return vm->tsc_khz ? vm->tsc_khz : host_tsc_khz();
}

/* Of vCPUs that will be created. */
static long vm_set_tsc_khz(void *obj, void *arg)
{
	struct vm *vm = obj;
	u32 khz = (u32)(uintptr_t)arg;

	if (!tsc_khz_valid(vm->engine, khz))
		return -EINVAL;
	WRITE_ONCE(vm->tsc_khz, khz);
	return 0;
}

/* --- capabilities --- */

static long vm_enable(void *obj, void *arg)
{
	return vm_enable_cap(obj, arg);
}

static long vm_set_filter(void *obj, void *arg)
{
	return msr_filter_set(obj, arg);
}

#define PMU_EVENTS_MAX	300

/* No counter counts, whatever is allowed to: only checked. */
static long vm_set_pmu_filter(void *obj, void *arg)
{
	const struct kvm_pmu_event_filter *f = arg;

	if (f->action > KVM_PMU_EVENT_DENY || f->flags)
		return -EINVAL;
	return 0;
}

/* Of the devices that can be made this way none is x86's, but for VFIO's. */
static long vm_create_device(void *obj, void *arg)
{
	return -ENODEV;
}

static const struct api_call rows[] = {
	CALL_NUM(KVM_CHECK_EXTENSION, vm_check_extension),
	CALL(KVM_SET_USER_MEMORY_REGION, vm_set_memory),
	CALL(KVM_GET_DIRTY_LOG, vm_get_dirty_log),
	CALL(KVM_CLEAR_DIRTY_LOG, vm_clear_dirty_log),
	CALL_NUM(KVM_RESET_DIRTY_RINGS, vm_reset_rings),
	CALL_NUM(KVM_SET_TSS_ADDR, vm_set_tss),
	CALL(KVM_SET_IDENTITY_MAP_ADDR, vm_set_identity),
	CALL_NUM(KVM_SET_NR_MMU_PAGES, vm_set_mmu_pages),
	CALL_NUM(KVM_GET_NR_MMU_PAGES, vm_get_mmu_pages),
	CALL_NUM(KVM_SET_BOOT_CPU_ID, vm_set_boot_cpu),
	CALL_NUM(KVM_CREATE_IRQCHIP, vm_create_irqchip),
	CALL(KVM_GET_IRQCHIP, vm_get_irqchip),
	/* The header has these two as _IOR. */
	CALL_ARG(KVM_SET_IRQCHIP, vm_set_irqchip, struct kvm_irqchip, CALL_IN),
	CALL_ARG(KVM_SET_PIT, vm_pit_set, struct kvm_pit_state, CALL_IN),
	CALL(KVM_GET_PIT, vm_pit_get),
	CALL_NUM(KVM_CREATE_PIT, vm_pit_create),
	CALL(KVM_CREATE_PIT2, vm_pit_create2),
	CALL(KVM_GET_PIT2, vm_pit_get2),
	CALL(KVM_SET_PIT2, vm_pit_set2),
	CALL_ARG(KVM_REINJECT_CONTROL, vm_pit_reinject, struct kvm_reinject_control, CALL_IN),
	CALL_ARG(KVM_IRQ_LINE, vm_irq_line, struct kvm_irq_level, CALL_IN),
	CALL(KVM_IRQ_LINE_STATUS, vm_irq_line),
	CALL(KVM_SIGNAL_MSI, vm_signal_msi),
	CALL_TAIL(KVM_SET_GSI_ROUTING, vm_set_routes, struct kvm_irq_routing, nr, entries,
		  ROUTES_MAX, -EINVAL, CALL_TAIL_IN),
	CALL(KVM_CREATE_DEVICE, vm_create_device),
	CALL(KVM_IRQFD, vm_irqfd),
	CALL(KVM_IOEVENTFD, vm_ioeventfd),
	CALL(KVM_HYPERV_EVENTFD, vm_hv_eventfd),
	CALL(KVM_REGISTER_COALESCED_MMIO, vm_zone_add),
	CALL(KVM_UNREGISTER_COALESCED_MMIO, vm_zone_del),
	CALL_TAIL(KVM_SET_PMU_EVENT_FILTER, vm_set_pmu_filter, struct kvm_pmu_event_filter,
		  nevents, events, PMU_EVENTS_MAX, -E2BIG, CALL_TAIL_IN),
	CALL(KVM_GET_CLOCK, vm_get_clock),
	CALL(KVM_SET_CLOCK, vm_set_clock),
	CALL_NUM(KVM_GET_TSC_KHZ, vm_get_tsc_khz),
	CALL_NUM(KVM_SET_TSC_KHZ, vm_set_tsc_khz),
	CALL(KVM_ENABLE_CAP, vm_enable),
	CALL(KVM_X86_SET_MSR_FILTER, vm_set_filter),
};

const struct api_table vm_calls = { rows, ARRAY_SIZE(rows), -ENOTTY };
