/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lapic_bed.h - what tests of local APICs share. */
#ifndef TESTS_UNIT_LAPIC_BED_H
#define TESTS_UNIT_LAPIC_BED_H

#include "tests/unit/irq_vm.h"

static inline void fixed(struct vcpu *v, u8 vector)
{
	assert_int_equal(lapic_accept(v->apic, LAPIC_DM_FIXED, vector, false, true), 1);
}

static inline void xapic(unsigned int n)
{
	unsigned int i;

	vm_with(n);
	for (i = 0; i < n; i++)
		apic_on(cpu[i]);
}

static inline void x2apic(unsigned int n)
{
	unsigned int i;

	vm_with(n);
	for (i = 0; i < n; i++)
		x2apic_on(cpu[i]);
}

static inline void icr(struct vcpu *v, u32 dest, u32 lo)
{
	if (v->apic->mode == LAPIC_X2APIC) {
		assert_int_equal(lapic_msr_write(v, 0x830, (u64)dest << 32 | lo), 0);
		return;
	}
	apic_wr(v, LAPIC_ICR2, dest << 24);
	apic_wr(v, LAPIC_ICR, lo);
}

/* Which vCPUs have vector in IRR? Clears it. */
static inline unsigned int who(u8 vector)
{
	unsigned int i, mask = 0;

	for (i = 0; i < n_cpus; i++) {
		u32 *w = &cpu[i]->apic->reg[LAPIC_IRR + vector / 32], bit = 1u << (vector % 32);

		if (*w & bit)
			mask |= 1u << i;
		*w &= ~bit;
	}
	return mask;
}

#define LOGICAL	0x800u

#endif
