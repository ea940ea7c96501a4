/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rng.c - virtio entropy device. Source: virtio 1.2, "Entropy Device". */
#include <linux/virtio_ids.h>
#include <sys/random.h>
#include "vmm/virtio/device.h"

#define QUEUE_MAX	64
#define BYTES_MAX	4096u	/* given for one request; less than asked for is legal */

struct rng {
	struct virtio v;
	u64 served;		/* bytes handed out */
};

static long serve(struct rng *r, const struct vchain *ch)
{
	u8 buf[BYTES_MAX];
	size_t want = ch->in_len < sizeof(buf) ? (size_t)ch->in_len : sizeof(buf), got = 0;
	ssize_t n;

	while (got < want) {
		n = getrandom(buf + got, want - got, 0);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			got += (size_t)n;
	}
	got = vchain_put(ch, 0, buf, got);
	r->served += got;
	return (long)got;
}

static void rng_kick(struct virtio *v, unsigned int queue)
{
	struct rng *r = container_of(v, struct rng, v);
	struct virtq *q = &v->queue[queue].vq;
	unsigned int budget = QUEUE_MAX;
	struct vchain ch;
	int err = 0;

	while (budget && (err = virtq_pop(q, &ch)) > 0) {
		err = virtq_push(q, ch.head, (u32)serve(r, &ch));
		if (err)
			break;
		budget--;
	}
	if (err < 0)
		virtio_broken(v, err, "request");
	else if (!budget)
		virtio_again(v, queue);
	virtio_flush(v, queue);
}

static const struct field rng_fields[] = {
	FIELD_SUB(struct rng, v, virtio_fields),
	FIELD(struct rng, served),
	FIELD_END
};

const struct virtio_class virtio_rng_class = {
	.name = "virtio-rng", .size = sizeof(struct rng), .fields = rng_fields,
	.id = VIRTIO_ID_RNG, .queue_max = QUEUE_MAX, .n_queues = 1,
	.pci_class = 0x00ff00, .kick = rng_kick,
};

int virtio_rng_new(struct machine *m)
{
	struct virtio *v;
	int err = virtio_new(m, &virtio_rng_class, &v);

	return err ? err : virtio_add(v);
}
