/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.h - what all virtio devices share: features, status, queues, and the
 * PCI transport. Source: virtio 1.2, "Basic Facilities" and "Virtio Over PCI
 * Bus". Everything runs under the machine lock.
 */
#ifndef VMM_VIRTIO_DEVICE_H
#define VMM_VIRTIO_DEVICE_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include "vmm/field.h"
#include "vmm/pci/pci.h"
#include "vmm/virtio/virtio.h"
#include "vmm/virtio/virtq.h"

#define VIRTIO_QUEUES	4
#define VIRTIO_CFG	96	/* bytes of device configuration, at most */

struct virtio;

/* One a device kind; const, and listed in virtio_classes. */
struct virtio_class {
	const char *name;
	size_t size;			/* of the struct that starts with struct virtio */
	const struct field *fields;	/* every byte of it */
	u16 id;				/* VIRTIO_ID_* */
	u16 queue_max;
	u8 n_queues;
	u32 pci_class;			/* class, subclass, interface: 24 bits */
	u32 cfg_size;
	u64 features;			/* offered, besides the transport's own */
	/* All but kick may be NULL. */
	void (*kick)(struct virtio *v, unsigned int queue);
	void (*started)(struct virtio *v);	/* DRIVER_OK: features are final */
	void (*cfg_written)(struct virtio *v, unsigned int off, unsigned int n);
	void (*reset)(struct virtio *v);	/* nothing is in flight when it returns */
	void (*fini)(struct virtio *v);		/* gives host resources back */
};

extern const struct virtio_class virtio_blk_class, virtio_net_class, virtio_console_class,
	virtio_rng_class;
extern const struct virtio_class *const virtio_classes[];	/* NULL ends */

struct virtio_queue {
	struct virtq vq;
	struct virtio *v;
	struct loop_fd *source;
	int kick_fd;			/* the doorbell, an eventfd */
	u16 vector;			/* MSI-X, or VIRTIO_MSI_NO_VECTOR */
	bool wired;			/* kick_fd is an ioeventfd now */
	u8 pad;
};

struct virtio {
	struct pci_dev pci;
	const struct virtio_class *cls;
	struct machine *m;
	u64 offered, features;		/* features: what the driver accepted */
	u32 feature_sel[2];		/* device's, driver's */
	u8 status, isr, generation;
	bool broken;			/* NEEDS_RESET is shown */
	u16 config_vector, queue_sel;
	u32 access_cap;			/* offset of the PCI configuration access capability */
	u32 pad;
	struct virtio_queue queue[VIRTIO_QUEUES];
	u8 cfg[VIRTIO_CFG];		/* device configuration, little-endian */
};

extern const struct field virtio_fields[];
extern const struct field virtio_queue_fields[];

/* A zeroed device of cls->size bytes, not on the bus yet; ended by virtio_free(). */
int virtio_new(struct machine *m, const struct virtio_class *cls, struct virtio **out);
void virtio_free(struct virtio *v);
/* On the bus, which owns it then. On failure v is freed. */
int virtio_add(struct virtio *v);

static inline bool virtio_has(const struct virtio *v, unsigned int feature)
{
	return v->features >> feature & 1;
}

/* DRIVER_OK and not broken: queues may be used. */
bool virtio_running(const struct virtio *v);
/* The ring makes no sense: the driver has to reset the device. */
void virtio_broken(struct virtio *v, int err, const char *what);
/* Show what was pushed to queue i, and interrupt if the driver wants it. */
void virtio_flush(struct virtio *v, unsigned int i);
/* Call kick again from the loop: for work that was cut off to be fair. */
void virtio_again(struct virtio *v, unsigned int i);
void virtio_config_changed(struct virtio *v);
void virtio_reset(struct virtio *v);

/* pci.c: registers in BAR 0; device.c calls the rest. */
int virtio_pci_init(struct virtio *v);
void virtio_pci_wire(struct virtio *v);
u64 virtio_pci_read(struct virtio *v, u64 off, unsigned int n);
void virtio_pci_write(struct virtio *v, u64 off, unsigned int n, u64 val);
void virtio_set_status(struct virtio *v, u8 status);
void virtio_queue_enable(struct virtio *v, unsigned int i);
void virtio_kick(struct virtio *v, unsigned int i);

#endif
