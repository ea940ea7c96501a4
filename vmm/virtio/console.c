/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * console.c - virtio console with one port, fed from the machine's chardev.
 * Source: virtio 1.2, "Console Device". The 16550 is on the same chardev: input
 * comes here from the guest's first output on, since a driver fills its receive
 * queue as soon as it is loaded, whether or not anyone uses the port.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include "vmm/chardev.h"
#include "vmm/virtio/device.h"

#define QUEUE_MAX	64
#define RX		0
#define TX		1
#define CHUNK		4096u
#define CHAIN_BYTES	65536u	/* of one transmit request; the rest is dropped */

struct console {
	struct virtio v;
	bool attached;		/* input is ours */
	bool hungry;		/* input was refused for want of buffers */
	u8 pad[6];
};

static size_t console_input(void *dev, const u8 *buf, size_t n)
{
	struct console *c = dev;
	struct virtq *q = &c->v.queue[RX].vq;
	struct vchain ch;
	size_t taken = 0, put;
	int err = 0;

	if (!virtio_running(&c->v))
		return n;	/* nobody listens: as a line that is unplugged */
	while (taken < n && (err = virtq_pop(q, &ch)) > 0) {
		put = vchain_put(&ch, 0, buf + taken, n - taken);
		err = put ? virtq_push(q, ch.head, (u32)put) : -EINVAL;
		if (err)
			break;
		taken += put;
	}
	c->hungry = taken < n;
	if (err < 0)
		virtio_broken(&c->v, err, "receive queue");
	virtio_flush(&c->v, RX);
	return taken;
}

static void attach(struct console *c)
{
	const struct chardev_user u = { .input = console_input, .dev = c };

	if (c->attached || !c->v.m->console)
		return;
	c->attached = true;
	chardev_attach(c->v.m->console, &u);
}

static void transmit(struct console *c, const struct vchain *ch)
{
	u8 buf[CHUNK];
	size_t off = 0, n;

	while (off < CHAIN_BYTES && (n = vchain_get(ch, off, buf, sizeof(buf))) > 0) {
		chardev_write(c->v.m->console, buf, n);
		off += n;
	}
	if (off)
		attach(c);
}

static void console_kick(struct virtio *v, unsigned int queue)
{
	struct console *c = container_of(v, struct console, v);
	struct virtq *q = &v->queue[queue].vq;
	unsigned int budget = QUEUE_MAX;
	struct vchain ch;
	int err = 0;

	if (queue == RX) {
		if (c->hungry && c->attached)
			chardev_resume(v->m->console);
		return;
	}
	while (budget && (err = virtq_pop(q, &ch)) > 0) {
		if (v->m->console)
			transmit(c, &ch);
		err = virtq_push(q, ch.head, 0);
		if (err)
			break;
		budget--;
	}
	if (err < 0)
		virtio_broken(v, err, "transmit queue");
	else if (!budget)
		virtio_again(v, queue);
	virtio_flush(v, queue);
}

static void console_reset(struct virtio *v)
{
	container_of(v, struct console, v)->hungry = false;
}

static const struct field console_fields[] = {
	FIELD_SUB(struct console, v, virtio_fields),
	FIELD(struct console, attached),
	FIELD_TRANSIENT(struct console, hungry),
	FIELD_TRANSIENT(struct console, pad),
	FIELD_END
};

const struct virtio_class virtio_console_class = {
	.name = "virtio-console", .size = sizeof(struct console), .fields = console_fields,
	.id = VIRTIO_ID_CONSOLE, .queue_max = QUEUE_MAX, .n_queues = 2,
	.pci_class = 0x078000, .cfg_size = sizeof(struct virtio_console_config),
	.kick = console_kick, .reset = console_reset,
};

/*
 * A guest told to use the serial port would start a second login on /dev/hvc0
 * all the same, on the same terminal: give it the device when it is to use it.
 */
static bool wanted(const struct machine_config *cfg)
{
	return !cfg || !cfg->append || !strstr(cfg->append, "console=") ||
	       strstr(cfg->append, "console=hvc");
}

int virtio_console_new(struct machine *m)
{
	struct virtio *v;
	int err;

	if (!wanted(m->cfg))
		return 0;
	err = virtio_new(m, &virtio_console_class, &v);
	return err ? err : virtio_add(v);
}
