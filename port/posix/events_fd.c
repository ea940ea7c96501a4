/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counted references to eventfds; who watches them is each port's own. */
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>
#include "port/posix/events.h"

/* KVM takes eventfds only. Where /proc is not there to ask, believe it. */
static bool is_eventfd(int fd)
{
	char path[40], link[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return true;
	link[n] = 0;
	return !strcmp(link, "anon_inode:[eventfd]");
}

/* Copies of a descriptor are one eventfd, a number used again is another. */
static long event_id(int own, int fd)
{
	char path[48], line[80];
	long id = ~(long)fd;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", own);
	f = fopen(path, "re");
	if (!f)
		return id;
	while (fgets(line, sizeof(line), f) && sscanf(line, "eventfd-id: %ld", &id) != 1)
		;
	fclose(f);
	return id;
}

bool host_event_same(const host_event_t *a, const host_event_t *b)
{
	return a->id == b->id;
}

int host_event_get(int fd, host_event_t **out)
{
	struct host_event *e;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		return errno == EMFILE ? -EMFILE : -EBADF;
	if (!is_eventfd(own)) {
		close(own);
		return -EINVAL;
	}
	e = host_alloc(sizeof(*e));
	if (!e) {
		close(own);
		return -ENOMEM;
	}
	e->fd = own;
	e->id = event_id(own, fd);
	e->refs = 1;
	*out = e;
	return 0;
}

void host_event_signal(host_event_t *e)
{
	u64 one = 1;

	while (write(e->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

bool host_event_drain(struct host_event *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN };
	struct iovec v;
	u64 count;
	ssize_t n;

	v = (struct iovec){ &count, sizeof(count) };
	/* The file may be in blocking mode, and somebody else may be faster. */
	n = preadv2(e->fd, &v, 1, -1, RWF_NOWAIT);
	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) && poll(&p, 1, 0) == 1)
		n = read(e->fd, &count, sizeof(count));
	return n == sizeof(count);
}
