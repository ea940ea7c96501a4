/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route.c - GSIs to pins and messages.
 *
 * A table is immutable. route_lock is held while it is used and an interrupt
 * is on its way: when KVM_SET_GSI_ROUTING returns, none travels by the old one.
 */
#include "core/irq/route.h"
#include "core/irq/ioapic.h"
#include "core/irq/lapic.h"
#include "core/irq/pic.h"
#include "core/irq/pit.h"

#define ROUTES_MAX	4096		/* entries, and GSIs; KVM_CAP_IRQ_ROUTING */
#define NO_GSI		0xffffu

struct irq_target {
	u32 gsi;
	u8 kind;		/* enum irq_target_kind */
	u8 pin;
	u32 data;		/* MSI; SINT: its number */
	u64 addr;		/* SINT: VP index */
};

struct irq_routes {
	u32 n, n_gsi;
	u16 pic_gsi[PIC_PINS], ioapic_gsi[IOAPIC_PINS];
	u16 *first;		/* n_gsi + 1 indices into target[] */
	struct irq_target target[];	/* sorted by gsi; first[] follows */
};

/* --- MSI --- */

static bool msi_valid(const struct vm *vm, u64 addr)
{
	return !vm->irqs.x2apic_32bit_ids || !(addr >> 32 & 0xff);
}

/* SDM vol. 3, "Message Signalled Interrupts"; with 32-bit ids the upper half
 * of the address holds destination bits 31-8 (KVM_CAP_X2APIC_API). */
static struct irq_msg msi_decode(const struct vm *vm, u64 addr, u32 data)
{
	struct irq_msg m = {
		.dest = addr >> 12 & 0xff,
		.vector = data,
		.mode = data >> 8 & 7,
		.logical = addr & 1 << 2,
		.level = data & 1 << 15,
		.assert = true,
	};

	if (vm->irqs.x2apic_32bit_ids)
		m.dest |= addr >> 32 & 0xffffff00;
	m.lowest = m.mode == LAPIC_DM_LOWEST || addr & 1 << 3;
	return m;
}

static int msi_send(struct vm *vm, u64 addr, u32 data)
{
	struct irq_msg m = msi_decode(vm, addr, data);

	return lapic_send(vm, NULL, &m);
}

int irq_msi(struct vm *vm, u64 addr, u32 data)
{
	int r;

	if (vm->irqs.mode == IRQCHIP_NONE || !msi_valid(vm, addr))
		return -EINVAL;
	r = msi_send(vm, addr, data);
	return max(r, 0);
}

/* --- use --- */

static int target_set(struct vm *vm, const struct irq_target *t, u32 source, bool level)
{
	switch (t->kind) {
	case IRQ_TO_PIC:
		return pic_set_irq(vm->irqs.pic, t->pin, source, level);
	case IRQ_TO_IOAPIC:
		return ioapic_set_irq(vm->irqs.ioapic, t->pin, source, level);
	case IRQ_TO_SINT:
		return level ? hv_sint_raise(vm, t->addr, t->data) : -1;
	default:
		return level ? msi_send(vm, t->addr, t->data) : -1;
	}
}

int irq_set_level_locked(struct vm *vm, u32 source, u32 gsi, bool level)
{
	const struct irq_routes *routes = vm->irqs.routes;
	int r = -1, one;
	u32 i;

	host_spin_assert_held(&vm->irqs.route_lock);
	if (!routes || gsi >= routes->n_gsi)
		return -1;
	for (i = routes->first[gsi]; i < routes->first[gsi + 1]; i++) {
		one = target_set(vm, &routes->target[i], source, level);
		if (one >= 0)
			r = (r < 0 ? 0 : r) + one;
	}
	return r;
}

int irq_set_level(struct vm *vm, u32 source, u32 gsi, bool level)
{
	int r;

	host_spin_lock(&vm->irqs.route_lock);
	r = irq_set_level_locked(vm, source, gsi, level);
	host_spin_unlock(&vm->irqs.route_lock);
	return r;
}

static u32 pin_gsi(const struct irq_routes *routes, enum irq_target_kind kind, unsigned int pin)
{
	if (!routes)
		return NO_GSI;
	return kind == IRQ_TO_PIC ? routes->pic_gsi[pin] : routes->ioapic_gsi[pin];
}

void irq_pin_acked(struct vm *vm, enum irq_target_kind kind, unsigned int pin)
{
	struct irqs *irqs = &vm->irqs;
	u32 gsi;

	host_spin_lock(&irqs->route_lock);
	gsi = pin_gsi(irqs->routes, kind, pin);
	if (gsi == 0 && irqs->pit)
		pit_acked_locked(irqs->pit);
	if (gsi != NO_GSI)
		irqfds_ack_locked(vm, gsi);
	host_spin_unlock(&irqs->route_lock);
}

void irq_pin_unmasked(struct vm *vm, enum irq_target_kind kind, unsigned int pin)
{
	struct irqs *irqs = &vm->irqs;

	host_spin_lock(&irqs->route_lock);
	if (irqs->pit && pin_gsi(irqs->routes, kind, pin) == 0)
		pit_unmasked(irqs->pit);
	host_spin_unlock(&irqs->route_lock);
}

void irq_sint_acked(struct vm *vm, u32 vp_index, u32 sint)
{
	const struct irq_routes *routes;

	if (!READ_ONCE(vm->irqs.ack_sint))
		return;
	host_spin_lock(&vm->irqs.route_lock);
	routes = vm->irqs.routes;
	for (u32 i = 0; i < routes->n; i++) {
		const struct irq_target *t = &routes->target[i];

		if (t->kind == IRQ_TO_SINT && t->addr == vp_index && t->data == sint)
			irqfds_ack_locked(vm, t->gsi);
	}
	host_spin_unlock(&vm->irqs.route_lock);
}

/* Split irqchip: the IOAPIC is user space's, which says by level-triggered
 * MSI routes of its pins which vectors are its own. */
static bool user_ioapic_vector(struct vm *vm, struct vcpu *v, u8 vector)
{
	const struct irq_routes *routes = vm->irqs.routes;
	u32 i, end;
	bool found = false;

	host_spin_lock(&vm->irqs.route_lock);
	end = routes ? routes->first[min(vm->irqs.n_pins, routes->n_gsi)] : 0;
	for (i = 0; i < end && !found; i++) {
		const struct irq_target *t = &routes->target[i];

		found = t->kind == IRQ_TO_MSI && (t->data & 0xff) == vector && t->data & 1 << 15;
	}
	host_spin_unlock(&vm->irqs.route_lock);
	return found;
}

void irq_eoi(struct vm *vm, struct vcpu *v, u8 vector, bool level)
{
	if (vm->irqs.ioapic) {
		ioapic_eoi(vm->irqs.ioapic, vector, level);
	} else if (level && vm->irqs.mode == IRQCHIP_SPLIT && user_ioapic_vector(vm, v, vector)) {
		v->apic->eoi_exit[vector / 32] |= 1u << (vector % 32);
		vcpu_request(v, REQ_IOAPIC_EOI);
		vcpu_kick(v);
	}
}

static bool gsi_wants_ack_locked(const struct vm *vm, u32 gsi)
{
	const struct pit *pit = vm->irqs.pit;

	return gsi != NO_GSI && ((gsi == 0 && pit && READ_ONCE(pit->reinject)) ||
				 irqfds_want_ack_locked(vm, gsi));
}

void irq_update_acks_locked(struct vm *vm)
{
	struct irqs *irqs = &vm->irqs;
	u32 pin, i, pic = 0, ioapic = 0;
	bool sint = false;

	host_spin_assert_held(&irqs->route_lock);
	if (irqs->mode != IRQCHIP_KERNEL || !irqs->routes)
		return;
	for (pin = 0; pin < PIC_PINS; pin++)
		if (gsi_wants_ack_locked(vm, irqs->routes->pic_gsi[pin]))
			pic |= 1u << pin;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (gsi_wants_ack_locked(vm, irqs->routes->ioapic_gsi[pin]))
			ioapic |= 1u << pin;
	for (i = 0; i < irqs->routes->n && !sint; i++)
		sint = irqs->routes->target[i].kind == IRQ_TO_SINT &&
		       irqfds_want_ack_locked(vm, irqs->routes->target[i].gsi);
	WRITE_ONCE(irqs->ack_sint, sint);
	WRITE_ONCE(irqs->ack_pic, pic);
	WRITE_ONCE(irqs->ack_ioapic, ioapic);
	ioapic_update_acks(irqs->ioapic);
}

/* --- replacement --- */

static int check_entry(struct vm *vm, const struct kvm_irq_routing_entry *e)
{
	u32 allowed = e->type == KVM_IRQ_ROUTING_MSI ? KVM_MSI_VALID_DEVID : 0;

	if (e->gsi >= ROUTES_MAX || e->flags & ~allowed)
		return -EINVAL;
	if (e->type == KVM_IRQ_ROUTING_MSI)
		return msi_valid(vm, (u64)e->u.msi.address_hi << 32) ? 0 : -EINVAL;
	if (e->type == KVM_IRQ_ROUTING_HV_SINT)
		return 0;
	if (e->type != KVM_IRQ_ROUTING_IRQCHIP || vm->irqs.mode != IRQCHIP_KERNEL)
		return -EINVAL;
	switch (e->u.irqchip.irqchip) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		return e->u.irqchip.pin < PIC_PINS / 2 ? 0 : -EINVAL;
	case KVM_IRQCHIP_IOAPIC:
		return e->u.irqchip.pin < IOAPIC_PINS ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static void entry_to_target(const struct kvm_irq_routing_entry *e, struct irq_target *t)
{
	*t = (struct irq_target){ .gsi = e->gsi };
	if (e->type == KVM_IRQ_ROUTING_MSI) {
		t->kind = IRQ_TO_MSI;
		t->addr = (u64)e->u.msi.address_hi << 32 | e->u.msi.address_lo;
		t->data = e->u.msi.data;
		return;
	}
	if (e->type == KVM_IRQ_ROUTING_HV_SINT) {
		t->kind = IRQ_TO_SINT;
		t->addr = e->u.hv_sint.vcpu;
		t->data = e->u.hv_sint.sint;
		return;
	}
	t->pin = e->u.irqchip.pin;
	t->kind = e->u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC ? IRQ_TO_IOAPIC : IRQ_TO_PIC;
	if (e->u.irqchip.irqchip == KVM_IRQCHIP_PIC_SLAVE)
		t->pin += PIC_PINS / 2;
}

/* A GSI is one message or SINT, or one pin of each of PIC master, slave and IOAPIC. */
static bool conflicts(const struct irq_target *a, const struct irq_target *b)
{
	if (a->kind >= IRQ_TO_MSI || b->kind >= IRQ_TO_MSI)
		return true;
	return a->kind == b->kind && (a->kind == IRQ_TO_IOAPIC || a->pin / 8 == b->pin / 8);
}

/* Counting sort into target[] by gsi; first[g + 1] is used as g's cursor. */
static int fill(struct irq_routes *r, const struct kvm_irq_routing_entry *e, u32 n)
{
	u32 i, k;

	for (i = 0; i < n; i++)
		if (e[i].gsi + 2 <= r->n_gsi)
			r->first[e[i].gsi + 2]++;
	for (i = 2; i <= r->n_gsi; i++)
		r->first[i] += r->first[i - 1];
	for (i = 0; i < n; i++) {
		u32 at = r->first[e[i].gsi + 1]++, start = r->first[e[i].gsi];
		struct irq_target *t = &r->target[at];

		/* The GSI before may have moved its cursor up to here only. */
		entry_to_target(&e[i], t);
		for (k = at; k > start && r->target[k - 1].gsi == t->gsi; k--)
			if (conflicts(&r->target[k - 1], t))
				return -EINVAL;
		if (t->kind == IRQ_TO_PIC)
			r->pic_gsi[t->pin] = t->gsi;
		else if (t->kind == IRQ_TO_IOAPIC)
			r->ioapic_gsi[t->pin] = t->gsi;
	}
	return 0;
}

static int routes_new(struct vm *vm, const struct kvm_irq_routing_entry *e, u32 n,
		      struct irq_routes **out)
{
	struct irq_routes *r;
	u32 i, n_gsi = 0;
	int err;

	for (i = 0; i < n; i++) {
		err = check_entry(vm, &e[i]);
		if (err)
			return err;
		n_gsi = max(n_gsi, e[i].gsi + 1);
	}
	r = host_alloc(sizeof(*r) + n * sizeof(r->target[0]) + (n_gsi + 1) * sizeof(r->first[0]));
	if (!r)
		return -ENOMEM;
	r->n = n;
	r->n_gsi = n_gsi;
	r->first = (u16 *)&r->target[n];
	memset(r->pic_gsi, 0xff, sizeof(r->pic_gsi));
	memset(r->ioapic_gsi, 0xff, sizeof(r->ioapic_gsi));
	err = fill(r, e, n);
	if (err) {
		host_free(r);
		return err;
	}
	*out = r;
	return 0;
}

static void routes_install(struct vm *vm, struct irq_routes *r)
{
	struct irq_routes *old;

	host_spin_lock(&vm->irqs.route_lock);
	old = vm->irqs.routes;
	vm->irqs.routes = r;
	irq_update_acks_locked(vm);
	host_spin_unlock(&vm->irqs.route_lock);
	host_free(old);
}

int irq_set_routes(struct vm *vm, const struct kvm_irq_routing_entry *e, u32 n)
{
	struct irq_routes *r;
	int err;

	if (vm->irqs.mode == IRQCHIP_NONE || n > ROUTES_MAX)
		return -EINVAL;
	err = routes_new(vm, e, n, &r);
	if (err)
		return err;
	host_mutex_lock(&vm->irqs.lock);
	routes_install(vm, r);
	host_mutex_unlock(&vm->irqs.lock);
	return 0;
}

/* GSI n is pin n of the IOAPIC and, up to 15, of the PIC. */
int routes_init_default(struct vm *vm)
{
	struct kvm_irq_routing_entry *e;
	struct irq_routes *r;
	u32 gsi, n = 0;
	int err;

	e = host_alloc((PIC_PINS + IOAPIC_PINS) * sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		e[n++] = (struct kvm_irq_routing_entry){
			.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { KVM_IRQCHIP_IOAPIC, gsi },
		};
		if (gsi < PIC_PINS)
			e[n++] = (struct kvm_irq_routing_entry){
				.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = { gsi < 8 ? KVM_IRQCHIP_PIC_MASTER :
						KVM_IRQCHIP_PIC_SLAVE, gsi & 7 },
			};
	}
	err = routes_new(vm, e, n, &r);
	host_free(e);
	if (!err)
		routes_install(vm, r);
	return err;
}

int routes_init_empty(struct vm *vm)
{
	struct irq_routes *r;
	int err = routes_new(vm, NULL, 0, &r);

	if (!err)
		routes_install(vm, r);
	return err;
}

void routes_fini(struct vm *vm)
{
	host_free(vm->irqs.routes);
	vm->irqs.routes = NULL;
}
