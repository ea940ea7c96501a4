/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqfd.c - eventfds that drive GSIs.
 *
 * A plain irqfd is an edge. With resampling the GSI goes up and stays up until
 * the guest acknowledges it; then it goes down and the resample event tells
 * the device's owner to raise it again if there is still cause. All resampling
 * irqfds share one source: they lower a GSI together.
 */
#include "core/irq/route.h"
#include "core/irq/ioapic.h"
#include "core/irq/pit.h"

struct irqfd {
	struct irqfd *next;
	struct vm *vm;
	u32 gsi;
	host_event_t *event;
	host_event_t *resample;		/* NULL: an edge */
};

/* The event's callback: any thread, spin locks only. */
static void irqfd_fires(void *arg)
{
	struct irqfd *f = arg;
	struct vm *vm = f->vm;

	host_spin_lock(&vm->irqs.route_lock);
	if (f->resample) {
		irq_set_level_locked(vm, IRQ_SOURCE_RESAMPLE, f->gsi, true);
	} else {
		irq_set_level_locked(vm, IRQ_SOURCE_USER, f->gsi, true);
		irq_set_level_locked(vm, IRQ_SOURCE_USER, f->gsi, false);
	}
	host_spin_unlock(&vm->irqs.route_lock);
}

static bool gsi_resampled_locked(const struct vm *vm, u32 gsi)
{
	const struct irqfd *f;

	for (f = vm->irqs.irqfds; f; f = f->next)
		if (f->gsi == gsi && f->resample)
			return true;
	return false;
}

void irqfds_ack_locked(struct vm *vm, u32 gsi)
{
	struct irqfd *f;

	host_spin_assert_held(&vm->irqs.route_lock);
	if (!gsi_resampled_locked(vm, gsi))
		return;
	irq_set_level_locked(vm, IRQ_SOURCE_RESAMPLE, gsi, false);
	for (f = vm->irqs.irqfds; f; f = f->next)
		if (f->gsi == gsi && f->resample)
			host_event_signal(f->resample);
}

bool irqfds_want_ack_locked(const struct vm *vm, u32 gsi)
{
	return gsi_resampled_locked(vm, gsi);
}

/* --- life --- */

static void irqfd_free(struct irqfd *f)
{
	if (f->resample)
		host_event_put(f->resample);
	if (f->event)
		host_event_put(f->event);
	host_free(f);
}

static void irqfd_link(struct vm *vm, struct irqfd *f)
{
	host_spin_lock(&vm->irqs.route_lock);
	f->next = vm->irqs.irqfds;
	vm->irqs.irqfds = f;
	if (f->resample)
		irq_update_acks_locked(vm);
	host_spin_unlock(&vm->irqs.route_lock);
}

static void irqfd_unlink(struct vm *vm, struct irqfd **at)
{
	struct irqfd *f = *at;

	host_spin_lock(&vm->irqs.route_lock);
	*at = f->next;
	if (f->resample)
		irq_update_acks_locked(vm);
	host_spin_unlock(&vm->irqs.route_lock);
}

/* Under irqs.lock: nobody else changes the list. */
static void irqfd_remove(struct vm *vm, struct irqfd **at)
{
	struct irqfd *f = *at;

	irqfd_unlink(vm, at);
	host_event_unwatch(f->event);
	if (f->resample) {
		/* The last one takes its level with it. */
		host_spin_lock(&vm->irqs.route_lock);
		if (!gsi_resampled_locked(vm, f->gsi))
			irq_set_level_locked(vm, IRQ_SOURCE_RESAMPLE, f->gsi, false);
		host_spin_unlock(&vm->irqs.route_lock);
	}
	irqfd_free(f);
}

static bool fd_in_use(const struct vm *vm, const struct irqfd *f)
{
	const struct irqfd *o;

	for (o = vm->irqs.irqfds; o; o = o->next)
		if (host_event_same(o->event, f->event))
			return true;
	return false;
}

static int irqfd_new(struct vm *vm, const struct kvm_irqfd *arg, struct irqfd **out)
{
	struct irqfd *f = host_alloc(sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->vm = vm;
	f->gsi = arg->gsi;
	err = host_event_get(arg->fd, &f->event);
	if (!err && arg->flags & KVM_IRQFD_FLAG_RESAMPLE)
		err = host_event_get(arg->resamplefd, &f->resample);
	if (err) {
		irqfd_free(f);
		return err;
	}
	*out = f;
	return 0;
}

static int irqfd_assign(struct vm *vm, const struct kvm_irqfd *arg)
{
	struct irqfd *f;
	int err;

	/* To resample, the EOI must be seen. */
	if (vm->irqs.mode == IRQCHIP_NONE ||
	    (arg->flags & KVM_IRQFD_FLAG_RESAMPLE && vm->irqs.mode != IRQCHIP_KERNEL))
		return -EINVAL;
	err = irqfd_new(vm, arg, &f);
	if (err)
		return err;
	host_mutex_lock(&vm->irqs.lock);
	err = fd_in_use(vm, f) ? -EBUSY : 0;
	if (!err) {
		irqfd_link(vm, f);
		err = host_event_watch(f->event, irqfd_fires, f);
		if (err)
			irqfd_unlink(vm, &vm->irqs.irqfds);
	}
	host_mutex_unlock(&vm->irqs.lock);
	if (err)
		irqfd_free(f);
	return err;
}

static int irqfd_deassign(struct vm *vm, const struct kvm_irqfd *arg)
{
	struct irqfd **at;
	host_event_t *event;
	int err;

	err = host_event_get(arg->fd, &event);
	if (err)
		return err;
	host_mutex_lock(&vm->irqs.lock);
	for (at = &vm->irqs.irqfds; *at;) {
		if (host_event_same((*at)->event, event) && (*at)->gsi == arg->gsi)
			irqfd_remove(vm, at);
		else
			at = &(*at)->next;
	}
	host_mutex_unlock(&vm->irqs.lock);
	host_event_put(event);
	return 0;
}

int irqfd_ioctl(struct vm *vm, const struct kvm_irqfd *arg)
{
	if (arg->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	return arg->flags & KVM_IRQFD_FLAG_DEASSIGN ? irqfd_deassign(vm, arg) :
						      irqfd_assign(vm, arg);
}

void irqfds_fini(struct vm *vm)
{
	host_mutex_lock(&vm->irqs.lock);
	while (vm->irqs.irqfds)
		irqfd_remove(vm, &vm->irqs.irqfds);
	host_mutex_unlock(&vm->irqs.lock);
}
