/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_virtio_net.c - the network device, software offloads, port forwarding. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include "tests/unit/virtio_bed.h"
#include "vmm/net/net.h"

#define SLOT	1
#define RX	0
#define TX	1
#define NUM	16
#define RXBUF	BED_BUF
#define TXBUF	(BED_BUF + 0x100000)

static struct drv drv;
static const struct net_config user = { .kind = NET_USER };

static int start(void **state, u64 drop)
{
	if (bed_setup(state) || virtio_net_new(&bed.m, &user, 3))
		return -1;
	drv_init(&drv, SLOT, drop, 2, NUM);
	bed_start();
	return 0;
}

static int setup(void **state)
{
	return start(state, 0);
}

static int setup_plain(void **state)
{
	return start(state, 1ull << VIRTIO_NET_F_MRG_RXBUF | 1ull << VIRTIO_NET_F_CSUM |
			    1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_HOST_TSO6);
}

static void post(u32 addr, u32 len)
{
	drv_publish(&drv, RX, drv_put(&drv, RX, addr, len, VRING_DESC_F_WRITE));
}

/* Who has 10.0.2.2? */
static void publish_arp(void)
{
	static const u8 arp[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x6b, 0x76, 3, 0x08, 0x06,
		0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x6b, 0x76, 3, 10, 0, 2, 15,
		0, 0, 0, 0, 0, 0, 10, 0, 2, 2 };

	memset(bed.ram + TXBUF, 0, NET_HDR);
	memcpy(bed.ram + TXBUF + NET_HDR, arp, sizeof(arp));
	drv_publish(&drv, TX, drv_put(&drv, TX, TXBUF, NET_HDR + sizeof(arp), 0));
	drv_notify(&drv, TX);
}

static void send_arp(void)
{
	publish_arp();
	assert_int_equal(drv_wait(&drv, TX).len, 0);
}

static void configuration_has_mac_status_and_mtu(void **state)
{
	assert_int_equal(reg_r(&drv, REG_DEVICE, 4), 0x6b005452);
	assert_int_equal(reg_r(&drv, REG_DEVICE + 4, 2), 0x0376);
	assert_int_equal(reg_r(&drv, REG_DEVICE + 6, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(reg_r(&drv, REG_DEVICE + offsetof(struct virtio_net_config, mtu), 2), 1500);
}

static void reply_arrives(void **state)
{
	struct vring_used_elem e;

	post(RXBUF, 2048);
	send_arp();
	e = drv_wait(&drv, RX);
	assert_true(e.len >= NET_HDR + 42);
	assert_int_equal(bed.ram[RXBUF + NET_HDR + 21], 2);		/* an ARP reply */
	assert_int_equal(bed.ram[RXBUF + 10], 1);			/* num_buffers */
}

static void reply_is_spread_over_merged_buffers(void **state)
{
	struct vring_used_elem e;
	u8 frame[42];

	post(RXBUF, 20);
	post(RXBUF + 0x1000, 20);
	post(RXBUF + 0x2000, 2000);
	send_arp();
	e = drv_wait(&drv, RX);
	assert_int_equal(e.len, 20);
	assert_int_equal(drv_wait(&drv, RX).len, 20);
	drv_wait(&drv, RX);
	assert_int_equal(bed.ram[RXBUF + 10], 3);
	memcpy(frame, bed.ram + RXBUF + 12, 8);
	memcpy(frame + 8, bed.ram + RXBUF + 0x1000, 20);
	assert_int_equal(frame[12], 8);
	assert_int_equal(frame[13], 6);
	assert_int_equal(frame[21], 2);
}

static void frames_wait_for_buffers(void **state)
{
	send_arp();
	post(RXBUF, 2048);
	drv_notify(&drv, RX);
	assert_true(drv_wait(&drv, RX).len >= NET_HDR + 42);
}

static void too_small_buffers_without_merging_lose_the_frame(void **state)
{
	post(RXBUF, 20);
	send_arp();
	assert_int_equal(drv_used_idx(&drv, RX), 0);
	assert_int_equal(drv_status(&drv), 15);
}

static void transmit(const struct virtio_net_hdr_v1 *h, u32 len)
{
	memcpy(bed.ram + TXBUF, h, sizeof(*h));
	drv_publish(&drv, TX, drv_put(&drv, TX, TXBUF, len, 0));
	drv_notify(&drv, TX);
	drv_wait(&drv, TX);
}

static void odd_frames_are_dropped_not_fatal(void **state)
{
	struct virtio_net_hdr_v1 h = { 0 };

	transmit(&h, 3);
	transmit(&h, NET_HDR);
	transmit(&h, NET_HDR + 13);
	transmit(&h, 0x20000);
	h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h.csum_start = 0xffff;
	transmit(&h, NET_HDR + 60);
	h.csum_start = 34;
	h.csum_offset = 0xffff;
	transmit(&h, NET_HDR + 60);
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	transmit(&h, NET_HDR + 60);
	h.gso_type = 0x77;
	transmit(&h, NET_HDR + 60);
	assert_int_equal(drv_status(&drv), 15);
	post(RXBUF, 2048);
	send_arp();
	drv_wait(&drv, RX);
}

static void offloads_that_were_not_negotiated_are_dropped(void **state)
{
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 14 };

	transmit(&h, NET_HDR + 60);
	h = (struct virtio_net_hdr_v1){ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000 };
	transmit(&h, NET_HDR + 2000);
	assert_int_equal(drv_status(&drv), 15);
}

static void read_only_receive_buffer_breaks_the_device(void **state)
{
	drv_publish(&drv, RX, drv_put(&drv, RX, RXBUF, 2048, 0));
	publish_arp();
	assert_true(drv_status(&drv) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* ---- offloads ---- */

static u8 sent[128][2048];
static size_t sent_len[128];
static unsigned int n_sent;

static void collect(void *arg, const u8 *frame, size_t n)
{
	assert_true(n_sent < 128 && n <= sizeof(sent[0]));
	memcpy(sent[n_sent], frame, n);
	sent_len[n_sent++] = n;
}

static u16 csum(const u8 *p, size_t n, u32 acc)
{
	for (; n > 1; p += 2, n -= 2)
		acc += (u32)p[0] << 8 | p[1];
	if (n)
		acc += (u32)p[0] << 8;
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return (u16)acc;
}

static void be16(u8 *p, unsigned int v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

/* An IPv4 TCP frame with payload bytes 0, 1, 2, ... and FIN, PSH and CWR set. */
static size_t tcp_frame(u8 *f, size_t payload)
{
	size_t i, n = 14 + 20 + 20 + payload;

	memset(f, 0, 54);
	be16(f + 12, 0x0800);
	f[14] = 0x45;
	be16(f + 16, (unsigned int)(n - 14));
	be16(f + 18, 0xfffe);		/* id, about to wrap */
	f[23] = 6;
	memcpy(f + 26, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
	f[38 + 0] = 0xff;		/* sequence, about to wrap */
	f[39] = 0xff;
	f[40] = 0xfc;
	f[46] = 0x50;
	f[47] = 0x99;
	for (i = 0; i < payload; i++)
		f[54 + i] = (u8)i;
	return n;
}

static void segments_are_whole_tcp_frames(void **state)
{
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_size = 1000,
				       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 };
	static u8 f[8192];
	size_t n = tcp_frame(f, 3500), i;
	unsigned int k;

	n_sent = 0;
	net_offload(&h, f, n, collect, NULL);
	assert_int_equal(n_sent, 4);
	for (k = 0; k < 4; k++) {
		u8 *s = sent[k];
		size_t len = k < 3 ? 1000 : 500;

		assert_int_equal(sent_len[k], 54 + len);
		assert_int_equal(s[16] << 8 | s[17], 40 + len);
		assert_int_equal(s[18] << 8 | s[19], (0xfffe + k) & 0xffff);
		assert_int_equal(csum(s + 14, 20, 0), 0xffff);
		assert_int_equal((u32)s[38] << 24 | s[39] << 16 | s[40] << 8 | s[41],
				 (u32)(0xfffffc00u + 1000 * k));
		assert_int_equal(csum(s + 34, 20 + len, csum(s + 26, 8, 6 + 20 + (u32)len)), 0xffff);
		assert_int_equal(s[47], (k == 3 ? 0x19 : 0x10) | (k == 0 ? 0x80 : 0));
		for (i = 0; i < len; i++)
			assert_int_equal(s[54 + i], (u8)(1000 * k + i));
	}
}

static void checksum_is_completed(void **state)
{
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34,
				       .csum_offset = 16 };
	static u8 f[8192];
	size_t n = tcp_frame(f, 101);

	be16(f + 50, csum(f + 26, 8, 6 + 20 + 101));
	n_sent = 0;
	net_offload(&h, f, n, collect, NULL);
	assert_int_equal(n_sent, 1);
	assert_int_equal(csum(f + 34, 121, csum(f + 26, 8, 6 + 121)), 0xffff);
}

static void nonsense_segmentation_sends_nothing(void **state)
{
	static const u16 sizes[] = { 0, 1, 47 };
	struct virtio_net_hdr_v1 h = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 };
	static u8 f[8192];
	size_t n;
	unsigned int i;

	n_sent = 0;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		h.gso_size = sizes[i];
		n = tcp_frame(f, 3000);
		net_offload(&h, f, n, collect, NULL);
	}
	h.gso_size = 1000;
	tcp_frame(f, 3000);
	for (n = 14; n <= 54; n++)	/* cut short: headers alone at most */
		net_offload(&h, f, n, collect, NULL);
	n = tcp_frame(f, 3000);
	f[46] = 0xf0;
	f[14] = 0x4f;
	net_offload(&h, f, 100, collect, NULL);
	tcp_frame(f, 3000);
	f[14] = 0x41;
	net_offload(&h, f, n, collect, NULL);
	tcp_frame(f, 3000);
	f[23] = 17;
	net_offload(&h, f, n, collect, NULL);
	tcp_frame(f, 3000);
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	net_offload(&h, f, n, collect, NULL);
	assert_int_equal(n_sent, 0);
}

/* ---- port forwarding ---- */

static void forwards_are_parsed(void **state)
{
	struct hostfwd f;

	assert_int_equal(hostfwd_parse("tcp:127.0.0.1:2222-:22", htonl(0x0a00020f), &f), 0);
	assert_false(f.udp);
	assert_int_equal(f.host_ip, htonl(0x7f000001));
	assert_int_equal(f.host_port, 2222);
	assert_int_equal(f.guest_ip, htonl(0x0a00020f));
	assert_int_equal(f.guest_port, 22);
	assert_int_equal(hostfwd_parse("udp::53-10.0.2.99:5353", 0, &f), 0);
	assert_true(f.udp);
	assert_int_equal(f.host_ip, 0);
	assert_int_equal(f.guest_ip, htonl(0x0a000263));
}

static void bad_forwards_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "tcp", "tcp:", "icmp::1-:2", "tcp:1-2", "tcp::1", "tcp::-:", "tcp::1-:",
		"tcp::0-:1", "tcp::65536-:1", "tcp::1-:99999999999", "tcp::1x-:2", "tcp::1-:2x",
		"tcp:1.2.3:1-:2", "tcp:1.2.3.4.5:1-:2", "tcp:host:1-:2", "tcp::1-:2-:3",
		"tcp:111111111111111111111111111:1-:2", "tcp::-1-:2",
	};
	struct hostfwd f;
	int null = open("/dev/null", O_WRONLY), saved = dup(2), err;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		dup2(null, 2);
		err = hostfwd_parse(bad[i], 0, &f);
		dup2(saved, 2);
		assert_int_equal(err, -EINVAL);
	}
	close(null);
	close(saved);
}

static void taken_port_is_refused(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct net_config cfg = { .kind = NET_USER, .n_hostfwd = 1 };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct net *net = NULL;
	char spec[64];

	assert_int_equal(bind(s, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(s, 1), 0);
	getsockname(s, (struct sockaddr *)&a, &len);
	snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%u-:80", ntohs(a.sin_port));
	cfg.hostfwd[0] = spec;
	bed_lock();
	assert_int_equal(net_user_new(&bed.m, &cfg, &net), -EADDRINUSE);
	bed_unlock();
	assert_null(net);
	close(s);
}

static unsigned int answers, solicitations;

static bool count_frame(void *dev, const u8 *pkt, size_t n)
{
	const u8 *f = pkt + NET_HDR;

	answers++;
	if (n > NET_HDR + 54 && f[12] == 0x86 && f[20] == 58 && f[54] == 135)
		solicitations++;
	return true;
}

/* While it asks, libslirp 4.7 may lose its way in its queue. */
static void whoever_speaks_ipv6_is_not_asked_where_it_is(void **state)
{
	static const struct net_config cfg = { .kind = NET_USER };
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 54, .csum_offset = 16 };
	u8 frame[14 + 40 + 20] = { 0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 0x6b, 0x76, 0, 0x86, 0xdd,
				   0x60, 0, 0, 0, 0, 20, 6, 64, 0xfe, 0xc0, [38] = 0xfe, 0xc0, [53] = 2 };
	struct iovec iov[2] = { { &h, sizeof(h) }, { frame, sizeof(frame) } };
	struct net *net = NULL;
	u32 sum;

	answers = solicitations = 0;
	bed_lock();
	assert_int_equal(net_user_new(&bed.m, &cfg, &net), 0);
	net->receive = count_frame;
	frame[54 + 12] = 5 << 4;
	frame[54 + 13] = 0x10;		/* an ACK of nothing: answered by a reset */
	for (unsigned int i = 0; i < 200; i++) {
		frame[36] = (u8)(i / 40);
		frame[37] = 1;
		frame[6 + 5] = (u8)(i / 50);
		sum = 20 + 6;		/* the pseudo header */
		for (unsigned int k = 22; k < 54; k += 2)
			sum += frame[k] << 8 | frame[k + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		frame[54 + 16] = (u8)(sum >> 8);
		frame[54 + 17] = (u8)sum;
		net->cls->send(net, iov, 2);
	}
	frame[22] = 0xff;		/* a group is nobody's address */
	net->cls->send(net, iov, 2);
	net->cls->free(net);
	bed_unlock();
	assert_int_equal(solicitations, 0);
	assert_true(answers >= 200);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(configuration_has_mac_status_and_mtu),
		T(reply_arrives),
		T(reply_is_spread_over_merged_buffers),
		T(frames_wait_for_buffers),
		cmocka_unit_test_setup_teardown(too_small_buffers_without_merging_lose_the_frame,
						setup_plain, bed_teardown),
		T(odd_frames_are_dropped_not_fatal),
		cmocka_unit_test_setup_teardown(offloads_that_were_not_negotiated_are_dropped,
						setup_plain, bed_teardown),
		T(read_only_receive_buffer_breaks_the_device),
		T(taken_port_is_refused),
		T(whoever_speaks_ipv6_is_not_asked_where_it_is),
		cmocka_unit_test(segments_are_whole_tcp_frames),
		cmocka_unit_test(checksum_is_completed),
		cmocka_unit_test(nonsense_segmentation_sends_nothing),
		cmocka_unit_test(forwards_are_parsed),
		cmocka_unit_test(bad_forwards_are_refused),
	};

	return cmocka_run_group_tests_name("virtio_net", tests, NULL, NULL);
}
