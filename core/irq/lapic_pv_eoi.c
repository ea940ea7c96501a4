/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic_pv_eoi.c - an EOI without an access to the APIC: where nobody needs to
 * know of it at once, the vCPU is left a bit in guest memory, which the guest
 * clears instead. We see that the next time we come here.
 *
 * Source: Documentation/virt/kvm/x86/msr.rst, MSR_KVM_EOI_EN.
 */
#include "core/irq/lapic.h"
#include "core/irq/ioapic.h"

#define PV_EOI_ON	1u

void lapic_pv_eoi_from_guest(struct vcpu *v)
{
	u64 gpa = v->pv_eoi & ~(u64)PV_EOI_ON;
	u8 val = 0;

	v->pv_eoi_pending = false;
	if (!v->apic || !(v->pv_eoi & PV_EOI_ON))
		return;
	/* Not done yet: then the guest is to use the APIC. */
	if (!gmem_read(v->vm, gpa, &val, 1) && val & PV_EOI_ON) {
		val = 0;
		gmem_write(v, gpa, &val, 1);
		return;
	}
	lapic_eoi(v->apic);
}

void lapic_pv_eoi_to_guest(struct vcpu *v)
{
	const u8 val = PV_EOI_ON;
	struct lapic *a = v->apic;

	if (!(v->pv_eoi & PV_EOI_ON) || !a || a->injected < 0)
		return;
	/* With more to come, or somebody waiting for it, the EOI must be seen. */
	if (lapic_highest(a, LAPIC_IRR) >= 0 || lapic_test(a, LAPIC_TMR, a->injected) ||
	    ioapic_wants_eoi(v->vm->irqs.ioapic, a->injected) || hv_wants_eoi(v, a->injected))
		return;
	if (!gmem_write(v, v->pv_eoi & ~(u64)PV_EOI_ON, &val, 1))
		v->pv_eoi_pending = true;
}
