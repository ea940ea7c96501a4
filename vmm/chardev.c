// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * chardev.c - a byte stream to the outside. Output goes through a ring that
 * drops its oldest bytes when nobody reads; input is read only as fast as the
 * device takes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>
#include "vmm/chardev.h"
#include "vmm/term.h"

#define OUT_RING	65536
#define IN_BUF		4096
#define CTRL_A		1
#define FLUSH_MS	500	/* how long the last output may take at exit */

struct chardev {
	struct machine *m;
	struct chardev_user user;
	int in_fd, out_fd, listen_fd;	/* -1: none */
	int slave_fd;			/* pty: held so that the master never hangs up */
	bool out_socket, escapes, escaped;
	bool owns_in, owns_out;
	const char *unlink_path;
	struct loop_fd *in, *out, *listener;
	u8 inbuf[IN_BUF];
	size_t in_pos, in_len;		/* read, but not yet taken by the device */
	u8 ring[OUT_RING];
	size_t out_head, out_len;
};

/* --- output --- */

static ssize_t out_some(struct chardev *c, const u8 *buf, size_t n)
{
	ssize_t r;

	do
		r = c->out_socket ? send(c->out_fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL)
				  : write(c->out_fd, buf, n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* Returns false when the reader is not ready for more. */
static bool drain(struct chardev *c)
{
	while (c->out_len && c->out_fd >= 0) {
		size_t n = min(c->out_len, (size_t)OUT_RING - c->out_head);
		ssize_t r = out_some(c, c->ring + c->out_head, n);

		if (r == -EAGAIN)
			return false;
		if (r < 0) {		/* nobody there any more: keep for the next */
			if (!c->out_socket)
				c->out_len = 0;
			return true;
		}
		c->out_head = (c->out_head + r) % OUT_RING;
		c->out_len -= r;
	}
	return true;
}

static void out_ready(void *arg, short revents)
{
	struct chardev *c = arg;

	if (revents & (POLLERR | POLLNVAL) || drain(c))
		loop_fd_events(c->out, 0);
}

static void ring_put(struct chardev *c, const u8 *buf, size_t n)
{
	if (n > OUT_RING) {
		buf += n - OUT_RING;
		n = OUT_RING;
	}
	if (n > OUT_RING - c->out_len) {
		size_t drop = n - (OUT_RING - c->out_len);

		c->out_head = (c->out_head + drop) % OUT_RING;
		c->out_len -= drop;
	}
	for (size_t i = 0; i < n; i++)
		c->ring[(c->out_head + c->out_len + i) % OUT_RING] = buf[i];
	c->out_len += n;
}

void chardev_write(struct chardev *c, const u8 *buf, size_t n)
{
	if (!c->out_len && c->out_fd >= 0) {
		ssize_t r = out_some(c, buf, n);

		if (r > 0) {
			buf += r;
			n -= r;
		} else if (r < 0 && r != -EAGAIN && !c->out_socket) {
			return;		/* the reader is gone */
		}
	}
	if (!n)
		return;
	ring_put(c, buf, n);
	if (c->out_fd >= 0 && !drain(c) && c->out)
		loop_fd_events(c->out, POLLOUT);
}

static void out_flush(struct chardev *c)
{
	u64 end = host_now_ns() + FLUSH_MS * 1000000ull;

	while (c->out_fd >= 0 && !drain(c) && host_now_ns() < end) {
		struct pollfd p = { .fd = c->out_fd, .events = POLLOUT };

		poll(&p, 1, 50);
	}
}

/* --- input --- */

static void help(struct chardev *c)
{
	static const char text[] = "\r\n"
		"Ctrl-a x       end the virtual machine at once\r\n"
		"Ctrl-a Ctrl-a  send Ctrl-a to the guest\r\n"
		"Ctrl-a ?       this help\r\n";

	chardev_write(c, (const u8 *)text, sizeof(text) - 1);
}

/* Takes escape sequences out of buf; returns how many bytes stay. */
static size_t filter_escapes(struct chardev *c, u8 *buf, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (!c->escaped) {
			if (buf[i] == CTRL_A)
				c->escaped = true;
			else
				buf[out++] = buf[i];
			continue;
		}
		c->escaped = false;
		if (buf[i] == 'x' || buf[i] == 'X')
			machine_stop(c->m, END_QUIT, 0);
		else if (buf[i] == '?' || buf[i] == 'h')
			help(c);
		else if (buf[i] == CTRL_A || buf[i] == 'a')
			buf[out++] = CTRL_A;
	}
	return out;
}

/* Offers what was read until the device takes no more. */
static void offer(struct chardev *c)
{
	while (c->in_pos < c->in_len && c->user.input) {
		size_t n = c->user.input(c->user.dev, c->inbuf + c->in_pos, c->in_len - c->in_pos);

		if (!n)
			break;
		c->in_pos += min(n, c->in_len - c->in_pos);
	}
}

static void client_gone(struct chardev *c)
{
	loop_fd_del(c->in);
	loop_fd_del(c->out);
	c->in = c->out = NULL;
	if (c->owns_in && c->in_fd >= 0)
		close(c->in_fd);
	c->in_fd = -1;
	if (c->listen_fd >= 0) {
		c->out_fd = -1;
		loop_fd_events(c->listener, POLLIN);
	}
}

/* The end of the input: a socket waits for the next client. */
static void in_end(struct chardev *c)
{
	if (c->listen_fd >= 0) {
		client_gone(c);
		return;
	}
	loop_fd_del(c->in);
	c->in = NULL;
}

static void in_ready(void *arg, short revents)
{
	struct chardev *c = arg;
	size_t room;
	ssize_t n;

	offer(c);
	memmove(c->inbuf, c->inbuf + c->in_pos, c->in_len - c->in_pos);
	c->in_len -= c->in_pos;
	c->in_pos = 0;
	room = sizeof(c->inbuf) - c->in_len;
	if (!room && !c->escapes) {
		loop_fd_events(c->in, 0);	/* until chardev_resume() */
		return;
	}
	/* Ctrl-a must work while the guest hangs, so a terminal is always read;
	 * what finds no room is lost. */
	if (!room) {
		room = 1;
		c->in_len--;
	}
	n = read(c->in_fd, c->inbuf + c->in_len, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN ||
		      (errno == EIO && !(revents & POLLHUP))))
		return;		/* EIO: we are in the background */
	if (n <= 0) {
		in_end(c);
		return;
	}
	c->in_len += c->escapes ? filter_escapes(c, c->inbuf + c->in_len, n) : (size_t)n;
	offer(c);
}

void chardev_attach(struct chardev *c, const struct chardev_user *u)
{
	c->user = *u;
	chardev_resume(c);
}

void chardev_resume(struct chardev *c)
{
	offer(c);
	if (c->in && c->in_len - c->in_pos < sizeof(c->inbuf))
		loop_fd_events(c->in, POLLIN);
}

/* --- the four kinds --- */

/* A pipe or terminal is opened anew, so that O_NONBLOCK does not change the
 * description our parent shares; files do not block, sockets have a flag. */
static int stdio_out(struct chardev *c)
{
	struct stat st;

	c->out_fd = STDOUT_FILENO;
	if (fstat(STDOUT_FILENO, &st) < 0)
		return fail(-errno, "console stdio: standard output is closed");
	if (S_ISSOCK(st.st_mode)) {
		c->out_socket = true;
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (fd >= 0) {
			c->out_fd = fd;
			c->owns_out = true;
		}
	}
	return 0;
}

static int open_stdio(struct chardev *c)
{
	int err = stdio_out(c);

	if (err)
		return err;
	if (fcntl(STDIN_FILENO, F_GETFD) >= 0)
		c->in_fd = STDIN_FILENO;
	c->escapes = term_raw();
	return 0;
}

static int open_pty(struct chardev *c)
{
	struct termios t;
	char name[64];
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return fail(-errno, "console pty: cannot open a pseudo-terminal");
	c->in_fd = c->out_fd = fd;
	c->owns_in = true;
	if (grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, name, sizeof(name)))
		return fail(-errno, "console pty: cannot unlock the pseudo-terminal");
	c->slave_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave_fd < 0)
		return fail(-errno, "console pty: cannot open %s", name);
	if (!tcgetattr(c->slave_fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(c->slave_fd, TCSANOW, &t);
	}
	note("console is %s", name);
	return 0;
}

static void accept_client(void *arg, short revents);

/* A socket file that nobody listens on is left from a run that was killed. */
static bool stale_socket(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	bool stale;

	if (fd < 0)
		return false;
	stale = !stat(a->sun_path, &st) && S_ISSOCK(st.st_mode) &&
		connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int open_socket(struct chardev *c, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return fail(-ENAMETOOLONG, "console socket %s", path);
	memcpy(a.sun_path, path, strlen(path));
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd < 0)
		return fail(-errno, "console socket %s", path);
	if (stale_socket(&a))
		unlink(path);
	if (bind(c->listen_fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		return fail(-errno, "console socket %s", path);
	c->unlink_path = path;
	if (listen(c->listen_fd, 1) < 0)
		return fail(-errno, "console socket %s", path);
	c->out_socket = true;
	c->listener = loop_fd_add(c->m->loop, c->listen_fd, POLLIN, accept_client, c);
	return c->listener ? 0 : fail(-ENOMEM, "console socket %s", path);
}

static int open_file(struct chardev *c, const char *path)
{
	bool again = c->m->cfg && c->m->cfg->restarted;

	c->out_fd = open(path, O_WRONLY | O_CREAT | (again ? O_APPEND : O_TRUNC) | O_CLOEXEC |
			 O_NONBLOCK | O_NOCTTY, 0644);
	if (c->out_fd < 0)
		return fail(-errno, "console file %s", path);
	c->owns_out = true;
	return 0;
}

/* Register what is open with the loop. */
static int watch(struct chardev *c)
{
	struct stat st;

	if (c->in_fd >= 0) {
		c->in = loop_fd_add(c->m->loop, c->in_fd, POLLIN, in_ready, c);
		if (!c->in)
			return -ENOMEM;
	}
	if (c->out_fd >= 0 && !fstat(c->out_fd, &st) && !S_ISREG(st.st_mode)) {
		c->out = loop_fd_add(c->m->loop, c->out_fd, 0, out_ready, c);
		if (!c->out)
			return -ENOMEM;
	}
	return 0;
}

static void accept_client(void *arg, short revents)
{
	struct chardev *c = arg;
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	c->in_fd = c->out_fd = fd;
	c->owns_in = true;
	if (watch(c)) {
		client_gone(c);
		return;
	}
	loop_fd_events(c->listener, 0);		/* one at a time; others wait */
	if (!drain(c))
		loop_fd_events(c->out, POLLOUT);
}

int chardev_new(struct machine *m, enum console_kind kind, const char *path,
		struct chardev **out)
{
	struct chardev *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return fail(-ENOMEM, "console");
	c->m = m;
	c->in_fd = c->out_fd = c->listen_fd = c->slave_fd = -1;
	switch (kind) {
	case CONSOLE_STDIO: err = open_stdio(c); break;
	case CONSOLE_PTY: err = open_pty(c); break;
	case CONSOLE_SOCKET: err = open_socket(c, path); break;
	default: err = open_file(c, path); break;
	}
	if (!err && watch(c))
		err = fail(-ENOMEM, "console");
	if (err) {
		chardev_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void chardev_free(struct chardev *c)
{
	if (!c)
		return;
	out_flush(c);
	loop_fd_del(c->in);
	loop_fd_del(c->out);
	loop_fd_del(c->listener);
	if (c->escapes)
		term_restore();
	if (c->owns_in && c->in_fd >= 0)
		close(c->in_fd);
	if (c->owns_out && c->out_fd >= 0)
		close(c->out_fd);
	if (c->slave_fd >= 0)
		close(c->slave_fd);
	if (c->listen_fd >= 0)
		close(c->listen_fd);
	if (c->unlink_path)
		unlink(c->unlink_path);
	free(c);
}
