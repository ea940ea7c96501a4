/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device.c - the life of a virtio device: features, status, queues, reset. */
#include <linux/virtio_pci.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "vmm/virtio/device.h"

#define ISR_QUEUE	1
#define ISR_CONFIG	2

const struct field virtio_queue_fields[] = {
	FIELD_SUB(struct virtio_queue, vq, virtq_fields),
	FIELD_TRANSIENT(struct virtio_queue, v),
	FIELD_TRANSIENT(struct virtio_queue, source),
	FIELD_TRANSIENT(struct virtio_queue, kick_fd),
	FIELD(struct virtio_queue, vector),
	FIELD_TRANSIENT(struct virtio_queue, wired),
	FIELD_TRANSIENT(struct virtio_queue, pad),
	FIELD_END
};

const struct field virtio_fields[] = {
	FIELD_SUB(struct virtio, pci, pci_dev_fields),
	FIELD_TRANSIENT(struct virtio, cls),
	FIELD_TRANSIENT(struct virtio, m),
	FIELD_TRANSIENT(struct virtio, offered),
	FIELD(struct virtio, features),
	FIELD(struct virtio, feature_sel),
	FIELD(struct virtio, status),
	FIELD(struct virtio, isr),
	FIELD(struct virtio, generation),
	FIELD(struct virtio, broken),
	FIELD(struct virtio, config_vector),
	FIELD(struct virtio, queue_sel),
	FIELD_TRANSIENT(struct virtio, access_cap),
	FIELD_TRANSIENT(struct virtio, pad),
	FIELD_SUB(struct virtio, queue, virtio_queue_fields),
	FIELD(struct virtio, cfg),
	FIELD_END
};

static void kicked(void *arg, short revents)
{
	struct virtio_queue *q = arg;
	u64 count;

	(void)revents;
	if (read(q->kick_fd, &count, sizeof(count)) < 0)
		return;
	virtio_kick(q->v, (unsigned int)(q - q->v->queue));
}

static int queue_init(struct virtio *v, unsigned int i)
{
	struct virtio_queue *q = &v->queue[i];

	q->v = v;
	q->vector = VIRTIO_MSI_NO_VECTOR;
	virtq_init(&q->vq, &v->m->ram, v->cls->queue_max);
	q->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick_fd < 0)
		return -errno;
	q->source = loop_fd_add(v->m->loop, q->kick_fd, POLLIN, kicked, q);
	return q->source ? 0 : -ENOMEM;
}

int virtio_new(struct machine *m, const struct virtio_class *cls, struct virtio **out)
{
	struct virtio *v = calloc(1, cls->size);
	unsigned int i;
	int err = 0;

	if (!v)
		return fail(-ENOMEM, "%s", cls->name);
	v->cls = cls;
	v->m = m;
	v->config_vector = VIRTIO_MSI_NO_VECTOR;
	v->offered = cls->features | 1ull << VIRTIO_F_VERSION_1 |
		     1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX;
	for (i = 0; i < VIRTIO_QUEUES; i++)
		v->queue[i].kick_fd = -1;
	for (i = 0; i < cls->n_queues && !err; i++)
		err = queue_init(v, i);
	if (!err)
		err = virtio_pci_init(v);
	if (err) {
		virtio_free(v);
		return fail(err, "%s", cls->name);
	}
	*out = v;
	return 0;
}

void virtio_free(struct virtio *v)
{
	unsigned int i;

	if (!v)
		return;
	virtio_reset(v);
	if (v->cls->fini)
		v->cls->fini(v);
	pci_dev_fini(&v->pci);
	for (i = 0; i < VIRTIO_QUEUES; i++) {
		loop_fd_del(v->queue[i].source);
		if (v->queue[i].kick_fd >= 0)
			close(v->queue[i].kick_fd);
	}
	free(v);
}

int virtio_add(struct virtio *v)
{
	int err = pci_dev_add(v->m->pci, &v->pci);

	if (err)
		virtio_free(v);
	return err;
}

/* ---- interrupts ---- */

static void interrupt(struct virtio *v, u8 isr, u16 vector)
{
	if (pci_msix_enabled(&v->pci)) {
		if (vector != VIRTIO_MSI_NO_VECTOR)
			pci_msix_notify(&v->pci, vector);
		return;
	}
	v->isr |= isr;
	pci_intx(&v->pci, true);
}

void virtio_config_changed(struct virtio *v)
{
	v->generation++;
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(v, ISR_CONFIG, v->config_vector);
}

void virtio_flush(struct virtio *v, unsigned int i)
{
	int n;

	if (!virtio_running(v))
		return;
	n = virtq_flush(&v->queue[i].vq);
	if (n < 0)
		virtio_broken(v, n, "used ring");
	else if (n)
		interrupt(v, ISR_QUEUE, v->queue[i].vector);
}

/* ---- status ---- */

bool virtio_running(const struct virtio *v)
{
	return (v->status & VIRTIO_CONFIG_S_DRIVER_OK) && !v->broken;
}

void virtio_broken(struct virtio *v, int err, const char *what)
{
	if (v->broken)
		return;
	v->broken = true;
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	host_log(HOST_DEBUG, "%s: %s: error %d: needs a reset", v->cls->name, what, err);
	virtio_config_changed(v);
}

void virtio_kick(struct virtio *v, unsigned int i)
{
	if (i < v->cls->n_queues && virtio_running(v) && v->queue[i].vq.enabled)
		v->cls->kick(v, i);
}

void virtio_again(struct virtio *v, unsigned int i)
{
	u64 one = 1;

	if (write(v->queue[i].kick_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		host_log(HOST_DEBUG, "%s: doorbell: errno %d", v->cls->name, errno);
}

void virtio_reset(struct virtio *v)
{
	unsigned int i;

	v->status = 0;
	virtio_pci_wire(v);
	if (v->cls->reset)
		v->cls->reset(v);
	for (i = 0; i < v->cls->n_queues; i++) {
		virtq_reset(&v->queue[i].vq);
		v->queue[i].vector = VIRTIO_MSI_NO_VECTOR;
	}
	v->broken = false;
	v->features = 0;
	v->feature_sel[0] = v->feature_sel[1] = 0;
	v->queue_sel = 0;
	v->config_vector = VIRTIO_MSI_NO_VECTOR;
	v->isr = 0;
	pci_intx(&v->pci, false);
}

static void queues_configure(struct virtio *v)
{
	unsigned int i;

	for (i = 0; i < v->cls->n_queues; i++) {
		v->queue[i].vq.event_idx = virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
		v->queue[i].vq.indirect = virtio_has(v, VIRTIO_RING_F_INDIRECT_DESC);
	}
}

static void driver_ok(struct virtio *v)
{
	unsigned int i;

	queues_configure(v);
	v->status |= VIRTIO_CONFIG_S_DRIVER_OK;
	virtio_pci_wire(v);
	if (v->cls->started)
		v->cls->started(v);
	for (i = 0; i < v->cls->n_queues; i++)
		if (v->queue[i].vq.enabled)
			virtio_again(v, i);	/* it may have filled queues before */
}

/* Bits are only added; the driver clears them all by writing zero. */
void virtio_set_status(struct virtio *v, u8 status)
{
	u8 added = (u8)(status & ~v->status);

	if (!status) {
		virtio_reset(v);
		return;
	}
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    ((v->features & ~v->offered) || !virtio_has(v, VIRTIO_F_VERSION_1)))
		added &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	v->status |= added & (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED);
	if ((added & VIRTIO_CONFIG_S_DRIVER_OK) && (v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		driver_ok(v);
}

void virtio_queue_enable(struct virtio *v, unsigned int i)
{
	struct virtq *q = &v->queue[i].vq;
	int err = virtq_check(q);

	if (err) {
		virtio_broken(v, err, "queue addresses");
		return;
	}
	q->enabled = true;
	if (virtio_running(v)) {
		queues_configure(v);
		virtio_pci_wire(v);
		virtio_again(v, i);
	}
}
