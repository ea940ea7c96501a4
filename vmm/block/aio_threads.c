/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aio_threads.c - file I/O by a few threads, where io_uring is not to be had. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "vmm/block/aio.h"

#define THREADS 4

struct pool {
	struct aio aio;
	struct aio_list batch;		/* submitted, not handed over; the loop's */
	pthread_mutex_t lock;		/* todo, done, quit; a leaf lock */
	pthread_cond_t work, finished;
	struct aio_list todo, done;
	bool quit;
	unsigned int n;
	pthread_t thread[THREADS];
	int eventfd;
	struct loop_fd *source;
};

static long perform(const struct aio_req *r)
{
	long n = -1;

	do {
		switch (r->op) {
		case AIO_READ:
			n = preadv(r->fd, r->iov, (int)r->n_iov, (off_t)r->off);
			break;
		case AIO_WRITE:
			n = pwritev2(r->fd, r->iov, (int)r->n_iov, (off_t)r->off, r->mode);
			break;
		case AIO_SYNC:
			n = fdatasync(r->fd);
			break;
		case AIO_FALLOCATE:
			n = fallocate(r->fd, r->mode, (off_t)r->off, (off_t)r->len);
			break;
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	struct aio_req *r;
	u64 one = 1;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		r = aio_list_take(&p->todo);
		if (!r && p->quit)
			break;
		if (!r) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		r->result = perform(r);
		pthread_mutex_lock(&p->lock);
		aio_list_add(&p->done, r);
		pthread_cond_signal(&p->finished);
		if (write(p->eventfd, &one, sizeof(one)) < 0 && errno != EAGAIN)
			host_log(HOST_DEBUG, "aio eventfd: errno %d", errno);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void pool_submit(struct aio *a, struct aio_req *r)
{
	aio_list_add(&container_of(a, struct pool, aio)->batch, r);
}

static void pool_kick(struct aio *a)
{
	struct pool *p = container_of(a, struct pool, aio);
	struct aio_req *r;

	if (!p->batch.head)
		return;
	pthread_mutex_lock(&p->lock);
	while ((r = aio_list_take(&p->batch)))
		aio_list_add(&p->todo, r);
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

static struct aio_req *take_done(struct pool *p, bool wait)
{
	struct aio_req *r;

	pthread_mutex_lock(&p->lock);
	while (!(r = aio_list_take(&p->done)) && wait)
		pthread_cond_wait(&p->finished, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void pool_reap(struct pool *p, bool wait)
{
	struct aio_req *r;

	while ((r = take_done(p, wait))) {
		p->aio.in_flight--;
		r->done(r, r->result);
		wait = false;
	}
	pool_kick(&p->aio);
}

static void pool_ready(void *arg, short revents)
{
	struct pool *p = arg;
	u64 count;

	(void)revents;
	if (read(p->eventfd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		host_log(HOST_DEBUG, "aio eventfd: errno %d", errno);
	pool_reap(p, false);
}

static void pool_wait(struct aio *a)
{
	pool_kick(a);
	pool_reap(container_of(a, struct pool, aio), true);
}

static void pool_free(struct aio *a)
{
	struct pool *p = container_of(a, struct pool, aio);

	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	while (p->n)
		pthread_join(p->thread[--p->n], NULL);
	loop_fd_del(p->source);
	if (p->eventfd >= 0)
		close(p->eventfd);
	pthread_cond_destroy(&p->finished);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* Signals are for the other threads. */
static int start(struct pool *p)
{
	sigset_t all, old;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (p->n < THREADS && !err) {
		err = -pthread_create(&p->thread[p->n], NULL, worker, p);
		if (!err)
			p->n++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return p->n ? 0 : err;
}

static int pool_new(struct loop *l, struct aio **out)
{
	struct pool *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->aio.cls = &aio_threads;
	aio_list_init(&p->batch);
	aio_list_init(&p->todo);
	aio_list_init(&p->done);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->finished, NULL);
	p->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->eventfd < 0)
		err = -errno;
	if (!err) {
		p->source = loop_fd_add(l, p->eventfd, POLLIN, pool_ready, p);
		err = p->source ? start(p) : -ENOMEM;
	}
	if (err) {
		pool_free(&p->aio);
		return err;
	}
	*out = &p->aio;
	return 0;
}

const struct aio_class aio_threads = {
	.name = "threads", .new = pool_new, .free = pool_free,
	.submit = pool_submit, .kick = pool_kick, .wait = pool_wait,
};
