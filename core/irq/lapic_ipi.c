/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lapic_ipi.c - who is meant by an interrupt message. */
#include "core/irq/lapic.h"

#define XAPIC_BROADCAST		0xffu
#define X2APIC_BROADCAST	0xffffffffu
#define DFR_FLAT		0xfu
#define DFR_CLUSTER		0x0u

static bool match_physical(const struct lapic *t, u32 dest)
{
	bool x2apic = READ_ONCE(t->mode) == LAPIC_X2APIC;

	if (dest == (x2apic ? X2APIC_BROADCAST : XAPIC_BROADCAST))
		return true;
	/* An id that xAPIC cannot express means the vCPU, whatever its mode:
	 * that is how VMMs reach a hot-plugged one. */
	if (x2apic || dest > 0xff)
		return dest == t->v->id;
	return dest == lapic_reg(t, LAPIC_ID) >> 24;
}

static bool match_logical(const struct lapic *t, u32 dest)
{
	bool x2apic = READ_ONCE(t->mode) == LAPIC_X2APIC;
	u32 ldr = lapic_reg(t, LAPIC_LDR);

	if (dest == (x2apic ? X2APIC_BROADCAST : XAPIC_BROADCAST))
		return true;
	if (x2apic)
		return ldr >> 16 == dest >> 16 && ldr & dest & 0xffff;
	ldr >>= 24;
	switch (lapic_reg(t, LAPIC_DFR) >> 28) {
	case DFR_FLAT:
		return ldr & dest;
	case DFR_CLUSTER:
		return ldr >> 4 == dest >> 4 && ldr & dest & 0xf;
	}
	return false;
}

bool lapic_match(const struct vm *vm, const struct lapic *t, const struct vcpu *src,
		 const struct irq_msg *m)
{
	u32 dest = m->dest;

	switch (m->shorthand) {
	case LAPIC_SH_SELF:
		return t->v == src;
	case LAPIC_SH_ALL:
		return true;
	case LAPIC_SH_OTHERS:
		return t->v != src;
	}
	/* Devices have 8 bits of destination: 255 is everybody, unless user
	 * space said that it takes the vCPU with this id for one like others. */
	if (!src && dest == XAPIC_BROADCAST && READ_ONCE(t->mode) == LAPIC_X2APIC &&
	    !vm->irqs.x2apic_no_broadcast_quirk)
		dest = X2APIC_BROADCAST;
	return m->logical ? match_logical(t, dest) : match_physical(t, dest);
}

static struct lapic *target_nr(struct vm *vm, u32 i)
{
	struct lapic *t = vm_vcpu_nr(vm, i)->apic;

	return t && READ_ONCE(t->mode) != LAPIC_OFF ? t : NULL;
}

static int deliver(struct lapic *t, const struct irq_msg *m)
{
	return lapic_accept(t, m->mode, m->vector, m->level, m->assert);
}

/* The only one that can match, when ids are what they are after reset. */
static struct lapic *only_target(struct vm *vm, const struct irq_msg *m)
{
	struct vcpu *v;

	if (m->logical || m->shorthand || m->dest == XAPIC_BROADCAST ||
	    m->dest == X2APIC_BROADCAST || READ_ONCE(vm->irqs.odd_xapic_ids))
		return NULL;
	v = vm_vcpu_by_id(vm, m->dest);
	return v && v->apic && READ_ONCE(v->apic->mode) != LAPIC_OFF ? v->apic : NULL;
}

/*
 * Lowest priority: the one with the lowest processor priority class; among
 * equals the vector decides, so that one device's interrupts stay together
 * and different devices' spread.
 */
static int send_lowest(struct vm *vm, struct vcpu *src, const struct irq_msg *m)
{
	u32 i, n = vm_vcpu_count(vm), best = 16, equals = 0, nth;
	struct lapic *t, *pick = NULL;
	bool matched = false;

	for (i = 0; i < n; i++) {
		u32 class;

		t = target_nr(vm, i);
		if (!t || !lapic_match(vm, t, src, m))
			continue;
		matched = true;
		if (!lapic_sw_enabled(t))
			continue;
		class = lapic_reg(t, LAPIC_PPR) >> 4 & 15;
		if (class < best) {
			best = class;
			equals = 0;
			pick = t;
		}
		equals += class == best;
	}
	if (!pick)
		return matched ? 0 : -1;
	nth = m->vector % equals;
	for (i = 0; i < n && equals > 1; i++) {
		t = target_nr(vm, i);
		/* Priorities move meanwhile; then the first found serves. */
		if (!t || !lapic_sw_enabled(t) || !lapic_match(vm, t, src, m) ||
		    (lapic_reg(t, LAPIC_PPR) >> 4 & 15) != best)
			continue;
		pick = t;
		if (!nth--)
			break;
	}
	return deliver(pick, m);
}

int lapic_send(struct vm *vm, struct vcpu *src, const struct irq_msg *m)
{
	struct lapic *t;
	u32 i, n;
	int r = -1;

	if (m->shorthand == LAPIC_SH_SELF)
		return deliver(src->apic, m);
	t = only_target(vm, m);
	if (t)
		return deliver(t, m);
	if (m->lowest)
		return send_lowest(vm, src, m);
	n = vm_vcpu_count(vm);
	for (i = 0; i < n; i++) {
		t = target_nr(vm, i);
		if (t && lapic_match(vm, t, src, m))
			r = (r < 0 ? 0 : r) + deliver(t, m);
	}
	return r;
}

void lapic_icr(struct lapic *a, u32 lo, u32 dest)
{
	struct irq_msg m = {
		.dest = dest,
		.vector = lo,
		.mode = lo >> 8 & 7,
		.shorthand = lo >> 18 & 3,
		.logical = lo & 1u << 11,
		.level = lo & LAPIC_ICR_LEVEL,
		.assert = lo & LAPIC_ICR_ASSERT,
	};

	m.lowest = m.mode == LAPIC_DM_LOWEST;
	if (a->mode == LAPIC_OFF)
		return;
	if ((m.mode == LAPIC_DM_FIXED || m.lowest) && m.vector < 16) {
		lapic_error(a, LAPIC_ESR_SEND_ILLEGAL);
		return;
	}
	/* The level bit means something for INIT's deassertion only. */
	if (m.mode != LAPIC_DM_INIT)
		m.level = false;
	lapic_send(a->v->vm, a->v, &m);
}

int lapic_send_map(struct vcpu *src, const u64 map[2], u32 first, u32 icr)
{
	struct irq_msg m = { .vector = icr, .mode = icr >> 8 & 7, .assert = true };
	struct vcpu *v;
	unsigned int i;
	int sent = 0;

	for (i = 0; i < 128; i++) {
		if (!(map[i / 64] >> (i % 64) & 1) || first + i < first)
			continue;
		v = vm_vcpu_by_id(src->vm, first + i);
		if (v && v->apic && READ_ONCE(v->apic->mode) != LAPIC_OFF)
			sent += deliver(v->apic, &m);
	}
	return sent;
}
