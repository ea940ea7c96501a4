/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM_ENABLE_CAP of a VM. Source: Documentation/virt/kvm/api.rst, "Capabilities
 * that can be enabled on VMs". */
#include "core/vm.h"
#include "core/api/call.h"

static long enable_max_id(struct vm *vm, u64 max)
{
	if (max > VM_VCPU_IDS_MAX)
		return -EINVAL;
	if (vm->max_vcpu_id && vm->max_vcpu_id != max)
		return -EINVAL;
	vm->max_vcpu_id = max;
	return 0;
}

/* One way only: what was asked for stays. */
static long disable_exits(struct vm *vm, u64 exits)
{
	if (exits & ~(u64)KVM_X86_DISABLE_VALID_EXITS)
		return -EINVAL;
	if (exits & KVM_X86_DISABLE_EXITS_HLT)
		WRITE_ONCE(vm->hlt_in_guest, true);
	return 0;
}

static long enable_bus_lock(struct vm *vm, u64 mode)
{
	const u64 off = KVM_BUS_LOCK_DETECTION_OFF, on = KVM_BUS_LOCK_DETECTION_EXIT;

	if (mode & ~(off | on) || mode == (off | on))
		return -EINVAL;
	if (mode & on)
		WRITE_ONCE(vm->bus_lock_exits, true);
	return 0;
}

static long enable_hypercalls(struct vm *vm, u64 calls)
{
	if (calls & ~(u64)API_HYPERCALLS)
		return -EINVAL;
	WRITE_ONCE(vm->hypercall_exits, calls);
	return 0;
}

static long enable_x2apic_api(struct vm *vm, u64 flags)
{
	if (flags & ~(u64)(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return -EINVAL;
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		vm->irqs.x2apic_32bit_ids = true;
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		vm->irqs.x2apic_no_broadcast_quirk = true;
	return 0;
}

/* All reasons at once; those not named no longer. */
static long enable_user_msr(struct vm *vm, u64 reasons)
{
	if (reasons & ~(u64)(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |
			     KVM_MSR_EXIT_REASON_FILTER))
		return -EINVAL;
	WRITE_ONCE(vm->user_msr, reasons);
	return 0;
}

static long disable_quirks(struct vm *vm, u64 quirks, bool strict)
{
	if (strict && quirks & ~(u64)API_QUIRKS)
		return -EINVAL;
	WRITE_ONCE(vm->quirks_off, quirks);
	return 0;
}

long vm_enable_cap(struct vm *vm, const struct kvm_enable_cap *c)
{
	long r = 0;

	bool ring = c->cap == KVM_CAP_DIRTY_LOG_RING || c->cap == KVM_CAP_DIRTY_LOG_RING_ACQ_REL;

	if (c->flags && !ring)		/* KVM does not look at these' */
		return -EINVAL;
	if (c->cap == KVM_CAP_SPLIT_IRQCHIP)	/* takes the lock itself */
		return c->args[0] >> 32 ? -EINVAL : irqs_create_split(vm, c->args[0]);
	host_mutex_lock(&vm->lock);
	switch (c->cap) {
	case KVM_CAP_X2APIC_API: r = enable_x2apic_api(vm, c->args[0]); break;
	case KVM_CAP_MAX_VCPU_ID: r = enable_max_id(vm, c->args[0]); break;
	case KVM_CAP_X86_USER_SPACE_MSR: r = enable_user_msr(vm, c->args[0]); break;
	case KVM_CAP_DISABLE_QUIRKS: r = disable_quirks(vm, c->args[0], false); break;
	case KVM_CAP_DISABLE_QUIRKS2: r = disable_quirks(vm, c->args[0], true); break;
	case KVM_CAP_MSR_PLATFORM_INFO: vm->no_platform_info = !c->args[0]; break;
	case KVM_CAP_EXCEPTION_PAYLOAD: vm->exception_payload = c->args[0]; break;
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT: vm->triple_event = c->args[0]; break;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: r = slots_manual_dirty(vm, c->args[0]); break;
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL: r = dirty_ring_enable(vm, c->args[0]); break;
	case KVM_CAP_X86_DISABLE_EXITS: r = disable_exits(vm, c->args[0]); break;
	case KVM_CAP_X86_BUS_LOCK_EXIT: r = enable_bus_lock(vm, c->args[0]); break;
	case KVM_CAP_EXIT_HYPERCALL: r = enable_hypercalls(vm, c->args[0]); break;
	/* The next two have nothing to change: no instruction is left to fail, and
	 * a halted vCPU does not poll. */
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE: r = c->args[0] > 1 ? -EINVAL : 0; break;
	case KVM_CAP_HALT_POLL: r = c->args[0] >> 32 ? -EINVAL : 0; break;
	default: r = -EINVAL;
	}
	host_mutex_unlock(&vm->lock);
	return r;
}
