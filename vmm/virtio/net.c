/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net.c - virtio network device. Source: virtio 1.2, "Network Device". */
#include <linux/virtio_ids.h>
#include "vmm/net/net.h"
#include "vmm/virtio/device.h"

#define QUEUE_MAX	256
#define RX		0
#define TX		1
#define MERGE_MAX	64u	/* receive buffers that one frame may take */

struct netdev {
	struct virtio v;
	struct net *net;
	u64 rx_dropped, tx_dropped;
	struct vchain chain, first;	/* being worked on; not across calls */
};

static struct netdev *to_netdev(struct virtio *v)
{
	return container_of(v, struct netdev, v);
}

/* ---- receive ---- */

/*
 * Fills buffers until the frame is in; *n_heads 0 when they do not suffice.
 * Returns 0 or what broke the ring.
 */
static int rx_fill(struct netdev *d, const u8 *pkt, size_t n, struct vring_used_elem *used,
		   unsigned int *n_heads)
{
	struct virtq *q = &d->v.queue[RX].vq;
	unsigned int max = virtio_has(&d->v, VIRTIO_NET_F_MRG_RXBUF) ? MERGE_MAX : 1;
	unsigned int k = 0;
	size_t done = 0, put;
	int r = 0;

	while (done < n && k < max) {
		struct vchain *ch = k ? &d->chain : &d->first;

		r = virtq_pop(q, ch);
		if (r <= 0)
			break;
		put = vchain_put(ch, 0, pkt + done, n - done);
		used[k++] = (struct vring_used_elem){ ch->head, (u32)put };
		done += put;
		if (!put || (k == 1 && put < NET_HDR)) {
			r = -EINVAL;
			break;
		}
	}
	*n_heads = done == n ? k : 0;
	if (done < n)
		virtq_unpop(q, k);
	if (done < n && r > 0) {	/* there were buffers, but too small ones */
		d->rx_dropped++;
		return -EMSGSIZE;
	}
	return r < 0 ? r : 0;
}

/* net->receive. */
static bool netdev_receive(void *dev, const u8 *pkt, size_t n)
{
	struct vring_used_elem used[MERGE_MAX];
	struct netdev *d = dev;
	unsigned int n_heads, i;
	u16 num;
	int err;

	if (!virtio_running(&d->v) || !d->v.queue[RX].vq.enabled)
		return true;		/* the cable is not plugged in */
	err = rx_fill(d, pkt, n, used, &n_heads);
	if (err == -EMSGSIZE)
		return true;
	if (!err && !n_heads)
		return false;
	num = (u16)n_heads;
	if (!err)
		vchain_put(&d->first, offsetof(struct virtio_net_hdr_v1, num_buffers),
			   &num, sizeof(num));
	for (i = 0; i < n_heads && !err; i++)
		err = virtq_push(&d->v.queue[RX].vq, (u16)used[i].id, used[i].len);
	if (err)
		virtio_broken(&d->v, err, "receive queue");
	virtio_flush(&d->v, RX);
	return true;
}

/* ---- transmit ---- */

/* What the driver may ask of a frame is what it negotiated. */
static bool header_ok(const struct netdev *d, const struct virtio_net_hdr_v1 *h)
{
	if ((h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && !virtio_has(&d->v, VIRTIO_NET_F_CSUM))
		return false;
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return virtio_has(&d->v, VIRTIO_NET_F_HOST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return virtio_has(&d->v, VIRTIO_NET_F_HOST_TSO6);
	default:
		return false;
	}
}

static void transmit(struct netdev *d)
{
	struct vchain *ch = &d->chain;
	struct virtio_net_hdr_v1 h;
	struct iovec iov[NET_IOVS];
	unsigned int n;

	if (ch->out_len < NET_HDR + NET_ETH_HDR || ch->out_len > NET_PKT_MAX) {
		d->tx_dropped++;
		return;
	}
	vchain_get(ch, 0, &h, sizeof(h));
	if (!header_ok(d, &h)) {
		d->tx_dropped++;
		return;
	}
	/* The copy of the header that was checked is the one that is used. */
	h.num_buffers = 0;
	iov[0] = (struct iovec){ &h, sizeof(h) };
	n = iov_slice(iov + 1, ch->iov, ch->n_out, NET_HDR, ch->out_len - NET_HDR);
	d->net->cls->send(d->net, iov, n + 1);
}

static void tx_kick(struct netdev *d)
{
	struct virtq *q = &d->v.queue[TX].vq;
	unsigned int budget = QUEUE_MAX;
	int err = 0;

	while (budget && (err = virtq_pop(q, &d->chain)) > 0) {
		u16 head = d->chain.head;

		transmit(d);	/* may call back into netdev_receive(), which uses chain */
		err = virtq_push(q, head, 0);
		if (err)
			break;
		budget--;
	}
	if (err < 0)
		virtio_broken(&d->v, err, "transmit queue");
	else if (!budget)
		virtio_again(&d->v, TX);
	virtio_flush(&d->v, TX);
}

static void netdev_kick(struct virtio *v, unsigned int queue)
{
	struct netdev *d = to_netdev(v);

	if (queue == TX)
		tx_kick(d);
	else if (d->net->cls->resume)
		d->net->cls->resume(d->net);
}

static void netdev_started(struct virtio *v)
{
	struct netdev *d = to_netdev(v);

	if (d->net->cls->negotiated)
		d->net->cls->negotiated(d->net, v->features);
}

static void netdev_fini(struct virtio *v)
{
	struct netdev *d = to_netdev(v);

	if (d->net)
		d->net->cls->free(d->net);
}

static const struct field netdev_fields[] = {
	FIELD_SUB(struct netdev, v, virtio_fields),
	FIELD_TRANSIENT(struct netdev, net),
	FIELD(struct netdev, rx_dropped),
	FIELD(struct netdev, tx_dropped),
	FIELD_TRANSIENT(struct netdev, chain),
	FIELD_TRANSIENT(struct netdev, first),
	FIELD_END
};

#define CFG_SIZE offsetof(struct virtio_net_config, speed)

const struct virtio_class virtio_net_class = {
	.name = "virtio-net", .size = sizeof(struct netdev), .fields = netdev_fields,
	.id = VIRTIO_ID_NET, .queue_max = QUEUE_MAX, .n_queues = 2,
	.pci_class = 0x020000, .cfg_size = CFG_SIZE,
	.features = 1ull << VIRTIO_NET_F_MAC | 1ull << VIRTIO_NET_F_STATUS |
		    1ull << VIRTIO_NET_F_MTU | 1ull << VIRTIO_NET_F_MRG_RXBUF,
	.kick = netdev_kick, .started = netdev_started, .fini = netdev_fini,
};

static void configure(struct netdev *d, unsigned int index)
{
	struct virtio_net_config c = {
		.mac = { 0x52, 0x54, 0x00, 0x6b, 0x76, (u8)index },
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = 1,
		.mtu = d->net->mtu,
	};

	BUILD_BUG_ON(CFG_SIZE > VIRTIO_CFG);
	memcpy(d->v.cfg, &c, CFG_SIZE);
	d->v.offered |= d->net->features;
}

int virtio_net_new(struct machine *m, const struct net_config *cfg, unsigned int index)
{
	struct net *net;
	struct virtio *v;
	int err;

	if (cfg->kind == NET_TAP)
		err = net_tap_new(m, cfg->tap, &net);
	else
		err = net_user_new(m, cfg, &net);
	if (err)
		return err;
	err = virtio_new(m, &virtio_net_class, &v);
	if (err) {
		net->cls->free(net);
		return err;
	}
	net->receive = netdev_receive;
	net->dev = v;
	to_netdev(v)->net = net;
	configure(to_netdev(v), index);
	return virtio_add(v);
}
