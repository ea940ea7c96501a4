/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user.c - user mode networking: libslirp's TCP/IP stack speaks to the guest
 * and opens ordinary sockets. Needs no privileges.
 */
#include <arpa/inet.h>
#include <slirp/libslirp.h>
#include "vmm/net/net.h"

#define MTU		1500
#define QUEUE_MAX	256u	/* frames kept while the guest has no buffers */
#define NEIGHBOURS	12u	/* fewer than libslirp remembers */

struct packet {
	struct packet *next;
	size_t n;
	u8 data[];
};

struct user {
	struct net net;
	struct machine *m;
	Slirp *slirp;
	struct loop_poller poller;
	struct loop_timer *wake;
	u8 rx_flags;			/* for the header of each frame to the guest */
	bool polling;
	struct packet *head, **end;	/* waiting for receive buffers */
	unsigned int queued;
	struct pollfd *fds;		/* during fill and done */
	int n_fds, max_fds;
	/* IPv6 addresses and MACs that libslirp was told, the oldest replaced first. */
	u8 neighbour[NEIGHBOURS][16 + 6];
	unsigned int next_neighbour;
	u8 frame[NET_FRAME_MAX];
};

/* ---- to the guest ---- */

static void enqueue(struct user *u, const struct virtio_net_hdr_v1 *h, const void *buf, size_t n)
{
	struct packet *p;

	if (u->queued == QUEUE_MAX)
		return;
	p = malloc(sizeof(*p) + NET_HDR + n);
	if (!p)
		return;
	memcpy(p->data, h, NET_HDR);
	memcpy(p->data + NET_HDR, buf, n);
	p->n = NET_HDR + n;
	p->next = NULL;
	*u->end = p;
	u->end = &p->next;
	u->queued++;
}

static void user_resume(struct net *n)
{
	struct user *u = container_of(n, struct user, net);
	struct packet *p;

	while ((p = u->head)) {
		if (!u->net.receive(u->net.dev, p->data, p->n))
			return;
		u->head = p->next;
		if (!u->head)
			u->end = &u->head;
		u->queued--;
		free(p);
	}
}

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
	struct virtio_net_hdr_v1 h = { .num_buffers = 1 };
	struct user *u = opaque;
	u8 pkt[NET_HDR + NET_ETH_HDR + MTU];

	if (len > sizeof(pkt) - NET_HDR || !u->net.receive)
		return (ssize_t)len;
	h.flags = u->rx_flags;
	if (!u->head) {
		memcpy(pkt, &h, NET_HDR);
		memcpy(pkt + NET_HDR, buf, len);
		if (u->net.receive(u->net.dev, pkt, NET_HDR + len))
			return (ssize_t)len;
	}
	enqueue(u, &h, buf, len);
	return (ssize_t)len;
}

/* Checksums of what libslirp makes are right: the guest need not look. */
static void user_negotiated(struct net *n, u64 features)
{
	struct user *u = container_of(n, struct user, net);

	u->rx_flags = features >> VIRTIO_NET_F_GUEST_CSUM & 1 ? VIRTIO_NET_HDR_F_DATA_VALID : 0;
}

/* ---- from the guest ---- */

/* See announce.c. */
static void introduce(struct user *u, const u8 *frame, const u8 *addr)
{
	u8 packet[NET_ANNOUNCE], *slot;
	unsigned int i;

	for (i = 0; i < NEIGHBOURS; i++)
		if (!memcmp(u->neighbour[i], addr, 16) && !memcmp(u->neighbour[i] + 16, frame + 6, 6))
			return;
	slot = u->neighbour[u->next_neighbour++ % NEIGHBOURS];
	memcpy(slot, addr, 16);
	memcpy(slot + 16, frame + 6, 6);
	net_announce6(frame, packet);
	slirp_input(u->slirp, packet, sizeof(packet));
}

static void to_slirp(void *arg, const u8 *frame, size_t n)
{
	struct user *u = arg;
	const u8 *addr;

	if (net_fragment4(frame, n))
		return;
	switch (net_sender6(frame, n, &addr)) {
	case SENDER_BAD:
		return;
	case SENDER_HOST:
		introduce(u, frame, addr);
		break;
	case SENDER_NONE:
		break;
	}
	slirp_input(u->slirp, frame, (int)n);
}

static void user_send(struct net *net, const struct iovec *iov, unsigned int n_iov)
{
	struct user *u = container_of(net, struct user, net);
	const struct virtio_net_hdr_v1 *h = iov[0].iov_base;
	unsigned int i;
	size_t n = 0;

	for (i = 1; i < n_iov; i++) {
		if (iov[i].iov_len > sizeof(u->frame) - n)
			return;
		memcpy(u->frame + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	if (n < NET_ETH_HDR)
		return;
	net_offload(h, u->frame, n, to_slirp, u);
	/* The descriptors to poll may be others now. */
	loop_timer_set(u->wake, 1);
}

/* ---- what libslirp asks for ---- */

static void guest_error(const char *msg, void *opaque)
{
	(void)opaque;
	host_log(HOST_DEBUG, "user network: %s", msg);
}

static int64_t clock_get_ns(void *opaque)
{
	(void)opaque;
	return (int64_t)host_now_ns();
}

static void *timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
	struct user *u = opaque;

	return loop_timer_new(u->m->loop, cb, cb_opaque);
}

static void timer_free(void *timer, void *opaque)
{
	(void)opaque;
	loop_timer_free(timer);
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	(void)opaque;
	if (timer)
		loop_timer_set(timer, (u64)expire_ms * 1000000);
}

static void poll_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void notify(void *opaque)
{
	loop_timer_set(((struct user *)opaque)->wake, 1);
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = poll_fd,
	.unregister_poll_fd = poll_fd,
	.notify = notify,
};

/* ---- polling ---- */

static const struct { int slirp; short poll; } poll_bits[] = {
	{ SLIRP_POLL_IN, POLLIN }, { SLIRP_POLL_OUT, POLLOUT }, { SLIRP_POLL_PRI, POLLPRI },
	{ SLIRP_POLL_ERR, POLLERR }, { SLIRP_POLL_HUP, POLLHUP },
};

static int add_poll(int fd, int events, void *opaque)
{
	struct user *u = opaque;
	struct pollfd *p;
	size_t i;

	if (u->n_fds == u->max_fds)
		return -1;
	p = &u->fds[u->n_fds];
	*p = (struct pollfd){ .fd = fd };
	for (i = 0; i < ARRAY_SIZE(poll_bits); i++)
		if (events & poll_bits[i].slirp)
			p->events |= poll_bits[i].poll;
	return u->n_fds++;
}

static int get_revents(int idx, void *opaque)
{
	struct user *u = opaque;
	int events = 0;
	size_t i;

	if (idx < 0 || idx >= u->n_fds)
		return 0;
	for (i = 0; i < ARRAY_SIZE(poll_bits); i++)
		if (u->fds[idx].revents & poll_bits[i].poll)
			events |= poll_bits[i].slirp;
	return events;
}

static int fill(void *arg, struct pollfd *fds, int max, int *timeout_ms)
{
	struct user *u = arg;
	u32 timeout = *timeout_ms < 0 ? UINT32_MAX : (u32)*timeout_ms;

	u->fds = fds;
	u->n_fds = 0;
	u->max_fds = max;
	slirp_pollfds_fill(u->slirp, &timeout, add_poll, u);
	*timeout_ms = timeout > INT32_MAX ? -1 : (int)timeout;
	return u->n_fds;
}

static void done(void *arg, const struct pollfd *fds, int n, int poll_error)
{
	struct user *u = arg;

	/* Same array as in fill(); get_revents only reads it. */
	u->fds = (struct pollfd *)(uintptr_t)fds;
	u->n_fds = n;
	slirp_pollfds_poll(u->slirp, poll_error != 0, get_revents, u);
}

/* ---- life ---- */

static void user_free(struct net *net)
{
	struct user *u = container_of(net, struct user, net);
	struct packet *p;

	if (u->polling)
		loop_poller_del(u->m->loop, &u->poller);
	if (u->slirp)
		slirp_cleanup(u->slirp);
	loop_timer_free(u->wake);
	while ((p = u->head)) {
		u->head = p->next;
		free(p);
	}
	free(u);
}

static const struct net_class user_class = {
	.name = "user", .send = user_send, .resume = user_resume,
	.negotiated = user_negotiated, .free = user_free,
};

static void woken(void *arg)
{
	(void)arg;		/* a round of the loop is all that is wanted */
}

static Slirp *stack_new(struct user *u)
{
	SlirpConfig c = { .version = 1, .in_enabled = true, .in6_enabled = true,
			  .vprefix_len = 64, .vhostname = "kvist", .if_mtu = MTU, .if_mru = MTU };

	c.vnetwork.s_addr = htonl(0x0a000200);		/* 10.0.2.0/24 */
	c.vnetmask.s_addr = htonl(0xffffff00);
	c.vhost.s_addr = htonl(0x0a000202);
	c.vnameserver.s_addr = htonl(0x0a000203);
	c.vdhcp_start.s_addr = htonl(0x0a00020f);
	inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &c.vhost6);
	inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
	return slirp_new(&c, &callbacks, u);
}

static int forward(struct user *u, const char *spec)
{
	struct in_addr host, guest;
	struct hostfwd f;
	int err = hostfwd_parse(spec, htonl(0x0a00020f), &f);

	if (err)
		return err;
	host.s_addr = f.host_ip;
	guest.s_addr = f.guest_ip;
	errno = 0;
	if (!slirp_add_hostfwd(u->slirp, f.udp, host, f.host_port, guest, f.guest_port))
		return 0;
	err = errno ? -errno : -EIO;
	return fail(err, "hostfwd=%s: cannot listen on %s port %u", spec,
		    f.udp ? "UDP" : "TCP", f.host_port);
}

int net_user_new(struct machine *m, const struct net_config *cfg, struct net **out)
{
	struct user *u = calloc(1, sizeof(*u));
	unsigned int i;
	int err = 0;

	if (!u)
		return fail(-ENOMEM, "user network");
	u->net = (struct net){ .cls = &user_class, .mtu = MTU };
	u->net.features = 1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM |
			  1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_HOST_TSO6;
	u->m = m;
	u->end = &u->head;
	u->wake = loop_timer_new(m->loop, woken, u);
	u->slirp = u->wake ? stack_new(u) : NULL;
	if (!u->slirp)
		err = fail(-ENOMEM, "user network");
	for (i = 0; i < cfg->n_hostfwd && !err; i++)
		err = forward(u, cfg->hostfwd[i]);
	if (err) {
		user_free(&u->net);
		return err;
	}
	u->poller = (struct loop_poller){ .fill = fill, .done = done, .arg = u };
	u->polling = true;
	loop_poller_add(m->loop, &u->poller);
	*out = &u->net;
	return 0;
}
