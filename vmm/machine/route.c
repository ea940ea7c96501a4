// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * route.c - interrupts: the GSI routing table, MSI routes with their irqfds,
 * and ioeventfds. The machine lock guards the table.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "vmm/machine/parts.h"

#define ROUTES_MAX	1024
#define IOAPIC_PINS	24

static struct kvm_irq_routing_entry *add(struct machine *m, u32 gsi, u32 type)
{
	struct kvm_irq_routing_entry *e = &m->routes->entries[m->routes->nr++];

	*e = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = type };
	return e;
}

static void add_pin(struct machine *m, u32 gsi, u32 chip, u32 pin)
{
	struct kvm_irq_routing_entry *e = add(m, gsi, KVM_IRQ_ROUTING_IRQCHIP);

	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

static int commit(struct machine *m)
{
	return m->kvm->ioctl(m->vm_fd, KVM_SET_GSI_ROUTING, m->routes);
}

/* ISA interrupts reach both controllers; the timer is on IOAPIC pin 2, as the
 * MADT's override says, so GSI 2 (the PIC's cascade) goes nowhere. */
int routes_new(struct machine *m)
{
	int err;

	m->routes = calloc(1, sizeof(*m->routes) + ROUTES_MAX * sizeof(m->routes->entries[0]));
	if (!m->routes)
		return fail(-ENOMEM, "interrupt routes");
	for (u32 gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		if (gsi == 2)
			continue;
		if (gsi < 16)
			add_pin(m, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
				gsi & 7);
		add_pin(m, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	}
	err = commit(m);
	if (err) {
		routes_free(m);
		return fail(err, "KVM_SET_GSI_ROUTING");
	}
	return 0;
}

void routes_free(struct machine *m)
{
	free(m->routes);
	m->routes = NULL;
}

void machine_irq(struct machine *m, unsigned int gsi, bool level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	m->kvm->ioctl(m->vm_fd, KVM_IRQ_LINE, &l);
}

static int irqfd(struct machine *m, int fd, unsigned int gsi, u32 flags)
{
	struct kvm_irqfd arg = { .fd = fd, .gsi = gsi, .flags = flags };

	return m->kvm->ioctl(m->vm_fd, KVM_IRQFD, &arg);
}

int machine_msi_new(struct machine *m, int *out_eventfd, unsigned int *out_gsi)
{
	unsigned int gsi;
	int fd, err;

	for (gsi = IOAPIC_PINS; gsi < MACHINE_GSIS_MAX; gsi++)
		if (!(m->gsi_used[gsi / 64] >> (gsi % 64) & 1))
			break;
	if (gsi == MACHINE_GSIS_MAX)
		return -ENOSPC;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = irqfd(m, fd, gsi, 0);
	if (err) {
		close(fd);
		return err;
	}
	m->gsi_used[gsi / 64] |= 1ull << (gsi % 64);
	*out_eventfd = fd;
	*out_gsi = gsi;
	return 0;
}

static struct kvm_irq_routing_entry *find(struct machine *m, unsigned int gsi)
{
	for (u32 i = 0; i < m->routes->nr; i++)
		if (m->routes->entries[i].gsi == gsi)
			return &m->routes->entries[i];
	return NULL;
}

/* A masked vector has no route, so that nothing can slip through. */
int machine_msi_update(struct machine *m, unsigned int gsi, u64 addr, u32 data, bool masked)
{
	struct kvm_irq_routing_entry *e = find(m, gsi);

	if (masked) {
		if (!e)
			return 0;
		*e = m->routes->entries[--m->routes->nr];
		return commit(m);
	}
	if (e && e->u.msi.data == data && e->u.msi.address_lo == (u32)addr &&
	    e->u.msi.address_hi == addr >> 32)
		return 0;
	if (!e) {
		if (m->routes->nr == ROUTES_MAX)
			return -ENOSPC;
		e = add(m, gsi, KVM_IRQ_ROUTING_MSI);
	}
	e->u.msi.address_lo = (u32)addr;
	e->u.msi.address_hi = addr >> 32;
	e->u.msi.data = data;
	return commit(m);
}

void machine_msi_free(struct machine *m, unsigned int gsi, int eventfd)
{
	if (gsi < IOAPIC_PINS || gsi >= MACHINE_GSIS_MAX)
		return;
	machine_msi_update(m, gsi, 0, 0, true);
	irqfd(m, eventfd, gsi, KVM_IRQFD_FLAG_DEASSIGN);
	close(eventfd);
	m->gsi_used[gsi / 64] &= ~(1ull << (gsi % 64));
}

int machine_ioeventfd(struct machine *m, u64 addr, unsigned int len, bool pio,
		      int eventfd, bool assign)
{
	struct kvm_ioeventfd arg = {
		.addr = addr, .len = len, .fd = eventfd,
		.flags = (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (assign ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return m->kvm->ioctl(m->vm_fd, KVM_IOEVENTFD, &arg);
}
