/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_backend.c - hostile from both sides: the driver of fuzz_virtio.c, and
 * what the real back ends talk to. A raw disk is a memory file (by io_uring,
 * or threads); it may become shorter. A tap is one end of a socket pair, the
 * user network is libslirp with its sockets cut off, the console is a socket
 * with a client that comes and goes.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include "tests/fuzz/virtio_driver.h"
#include "vmm/chardev.h"
#include "vmm/virtio/virtio.h"

#define DISK_SIZE	0x20000

enum { URING, THREADS, READONLY, TAP, USER, CONSOLE, RNG, KINDS };

static int host_fd = -1;	/* our end; or the disk's file */

/* ---- the tap ---- */

static int tap_open(const char *path, int flags)
{
	int fd[2];

	require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd));
	host_fd = fd[1];
	return fd[0];
}

static int tap_ioctl(int fd, unsigned long req, ...)
{
	return 0;
}

#include <sys/ioctl.h>
#define open tap_open
#define ioctl tap_ioctl
#define if_nametoindex(name) 1
#include "vmm/net/tap.c"
#undef open
#undef ioctl
#undef if_nametoindex
#undef BURST

/* ---- io_uring or threads ---- */

static bool want_threads;
#include "vmm/block/aio.h"
#define aio_new aio_new_any
int aio_new(struct loop *l, const struct aio_class *cls, struct aio **out);
#include "vmm/block/aio.c"
#undef aio_new

int aio_new(struct loop *l, const struct aio_class *cls, struct aio **out)
{
	return aio_new_any(l, want_threads ? &aio_threads : cls, out);
}

/* ---- libslirp's way out: nobody answers ---- */

int connect(int fd, const struct sockaddr *a, socklen_t n)
{
	if (a->sa_family == AF_UNIX)
		return (int)syscall(SYS_connect, fd, a, n);
	errno = ECONNREFUSED;
	return -1;
}

ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *a, socklen_t len)
{
	if (!a)
		return syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
	errno = ENETUNREACH;
	return -1;
}

/* It writes every neighbour's address for a log that nobody reads, and looks at
 * all packets that wait for one whenever another comes: a second of real time. */
const char *inet_ntop(int af, const void *src, char *dst, socklen_t n)
{
	*dst = 0;
	return dst;
}

/* ---- the host's half of a step ---- */

static char dir[] = "/tmp/fuzz-backend-XXXXXX", path[64];

static void clean_up(void)
{
	unlink(path);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	require(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/console", dir);
	atexit(clean_up);
	return 0;
}

static void plug(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (host_fd >= 0)
		close(host_fd);
	memcpy(a.sun_path, path, strlen(path));
	host_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(host_fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(host_fd);
		host_fd = -1;
	}
}

static void host_step(struct machine *m, struct input *in, u8 op)
{
	static u8 buf[65600];
	size_t n = take(in, op & 16 ? 2 : 1);

	test_now_ns += 300000000;
	if (device(m)->cls == &virtio_blk_class) {
		if (ftruncate(host_fd, (off_t)(n & 1 ? DISK_SIZE : n << 9) % (2 * DISK_SIZE)) < 0)
			return;
	} else if (device(m)->cls == &virtio_console_class && (op & 32 || host_fd < 0)) {
		plug();
	} else if (host_fd >= 0 && op & 64) {
		if (read(host_fd, buf, n) < 0)
			return;
	} else if (host_fd >= 0) {
		take_buf(in, buf, min(n, (size_t)64));
		if (send(host_fd, buf, n, MSG_NOSIGNAL) < 0)
			return;
	}
	if (op & 128)
		loop_round(m);
}

static void disk_file(char name[32])
{
	host_fd = memfd_create("disk", MFD_CLOEXEC);
	require(host_fd >= 0 && !ftruncate(host_fd, DISK_SIZE));
	snprintf(name, 32, "/proc/self/fd/%d", host_fd);
}

static int make_device(struct machine *m, unsigned int kind, char name[32])
{
	static const struct net_config user = { .kind = NET_USER };
	static const struct net_config tap = { .kind = NET_TAP, .tap = "tap0" };
	struct disk_config disk = { .path = name, .serial = "serial", .readonly = kind == READONLY };

	want_threads = kind == THREADS;
	switch (kind) {
	case URING: case THREADS: case READONLY:
		disk_file(name);
		return virtio_blk_new(m, &disk);
	case TAP: return virtio_net_new(m, &tap, 0);
	case USER: return virtio_net_new(m, &user, 0);
	case CONSOLE:
		require(!chardev_new(m, CONSOLE_SOCKET, path, &m->console));
		plug();
		return virtio_console_new(m);
	default: return virtio_rng_new(m);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct input in = { data, n };
	u8 kind = (u8)take(&in, 1) % KINDS;
	struct machine m;
	char name[32];

	if (n > 4096)
		return -1;
	machine_up(&m);
	require(!make_device(&m, kind, name));
	drive(&m, &in);
	pci_bus_free(m.pci);
	/* Before the console, which gives a slow reader half a second that here
	 * would not pass. */
	if (host_fd >= 0)
		close(host_fd);
	host_fd = -1;
	chardev_free(m.console);
	loop_free(m.loop);
	return 0;
}
