/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aio_uring.c - file I/O through io_uring; completions ring an eventfd. */
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "vmm/block/aio.h"

#define DEPTH 256	/* submission entries; more requests wait in a list */

struct uring {
	struct aio aio;
	struct io_uring ring;
	int eventfd;
	struct loop_fd *source;
	struct aio_list waiting;
	unsigned int on_ring;		/* never more than the completion ring holds */
};

static void prepare(struct io_uring_sqe *s, struct aio_req *r)
{
	switch (r->op) {
	case AIO_READ:
		io_uring_prep_readv(s, r->fd, r->iov, r->n_iov, r->off);
		break;
	case AIO_WRITE:
		io_uring_prep_writev2(s, r->fd, r->iov, r->n_iov, r->off, r->mode);
		break;
	case AIO_SYNC:
		io_uring_prep_fsync(s, r->fd, IORING_FSYNC_DATASYNC);
		break;
	case AIO_FALLOCATE:
		io_uring_prep_fallocate(s, r->fd, r->mode, (off_t)r->off, (off_t)r->len);
		break;
	}
	io_uring_sqe_set_data(s, r);
}

static bool push(struct uring *u, struct aio_req *r)
{
	struct io_uring_sqe *s;

	if (u->on_ring >= DEPTH)
		return false;
	s = io_uring_get_sqe(&u->ring);
	if (!s)
		return false;
	prepare(s, r);
	u->on_ring++;
	return true;
}

static void uring_submit(struct aio *a, struct aio_req *r)
{
	struct uring *u = container_of(a, struct uring, aio);

	if (u->waiting.head || !push(u, r))
		aio_list_add(&u->waiting, r);
}

static void uring_kick(struct aio *a)
{
	struct uring *u = container_of(a, struct uring, aio);

	while (u->waiting.head && push(u, u->waiting.head))
		aio_list_take(&u->waiting);
	/* What EAGAIN or EBUSY leaves behind goes with the next completion. */
	if (io_uring_sq_ready(&u->ring))
		io_uring_submit(&u->ring);
}

static void complete(struct uring *u, struct io_uring_cqe *cqe)
{
	struct aio_req *r = io_uring_cqe_get_data(cqe);
	long result = cqe->res;

	io_uring_cqe_seen(&u->ring, cqe);
	u->on_ring--;
	u->aio.in_flight--;
	r->done(r, result);
}

static void uring_reap(struct uring *u)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&u->ring, &cqe))
		complete(u, cqe);
	uring_kick(&u->aio);
}

static void uring_ready(void *arg, short revents)
{
	struct uring *u = arg;
	u64 count;

	(void)revents;
	if (read(u->eventfd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		host_log(HOST_DEBUG, "io_uring eventfd: errno %d", errno);
	uring_reap(u);
}

static void uring_wait(struct aio *a)
{
	struct uring *u = container_of(a, struct uring, aio);
	struct io_uring_cqe *cqe;

	uring_kick(a);
	if (!io_uring_wait_cqe(&u->ring, &cqe))
		complete(u, cqe);
	uring_reap(u);
}

static void uring_free(struct aio *a)
{
	struct uring *u = container_of(a, struct uring, aio);

	loop_fd_del(u->source);
	io_uring_queue_exit(&u->ring);
	close(u->eventfd);
	free(u);
}

/* fallocate came last of what we need (Linux 5.6). */
static int probe(struct io_uring *ring)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(ring);
	int ok = p && io_uring_opcode_supported(p, IORING_OP_FALLOCATE);

	io_uring_free_probe(p);
	return ok ? 0 : -EOPNOTSUPP;
}

static int uring_new(struct loop *l, struct aio **out)
{
	struct uring *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	u->aio.cls = &aio_uring;
	aio_list_init(&u->waiting);
	err = io_uring_queue_init(DEPTH, &u->ring, 0);
	if (err)
		goto err_free;
	err = probe(&u->ring);
	if (err)
		goto err_ring;
	u->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->eventfd < 0) {
		err = -errno;
		goto err_ring;
	}
	err = io_uring_register_eventfd(&u->ring, u->eventfd);
	if (err)
		goto err_event;
	u->source = loop_fd_add(l, u->eventfd, POLLIN, uring_ready, u);
	if (!u->source) {
		err = -ENOMEM;
		goto err_event;
	}
	*out = &u->aio;
	return 0;

err_event:
	close(u->eventfd);
err_ring:
	io_uring_queue_exit(&u->ring);
err_free:
	free(u);
	return err;
}

const struct aio_class aio_uring = {
	.name = "io_uring", .new = uring_new, .free = uring_free,
	.submit = uring_submit, .kick = uring_kick, .wait = uring_wait,
};
