// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * loop.c - the event loop. The poll set is built anew for every round: there
 * are a dozen descriptors, and it makes additions and removals from any
 * callback or thread trivial.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "vmm/loop.h"

#define LOOP_POLLFDS	512
#define LOOP_WAIT_MAX	60000000000ull	/* ns */

struct loop_fd {
	struct loop *loop;
	int fd;
	short events;
	bool dead;		/* deleted; freed at the start of the next round */
	void (*fn)(void *arg, short revents);
	void *arg;
	struct loop_fd *next;
};

struct loop_timer {
	struct loop *loop;
	u64 when;		/* 0: not set */
	void (*fn)(void *arg);
	void *arg;
	struct loop_timer *next;
};

struct loop_post {
	void (*fn)(void *arg);
	void *arg;
	struct loop_post *next;
};

struct loop {
	pthread_mutex_t lock;		/* the machine lock; all lists below */
	int wake_fd;
	int stopped;			/* atomic */
	int sleeping;			/* the loop is, or goes, into poll; atomic */
	struct loop_fd *fds;
	struct loop_timer *timers;
	struct loop_poller *pollers;
	pthread_mutex_t post_lock;	/* posts; a leaf lock */
	struct loop_post *posts, **posts_end;
	struct pollfd pfd[LOOP_POLLFDS];
	struct loop_fd *who[LOOP_POLLFDS];
};

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake_fd < 0) {
		int err = -errno;

		free(l);
		return err;
	}
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->post_lock, NULL);
	l->posts_end = &l->posts;
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->fds) {
		struct loop_fd *f = l->fds;

		l->fds = f->next;
		free(f);
	}
	while (l->posts) {
		struct loop_post *p = l->posts;

		l->posts = p->next;
		free(p);
	}
	while (l->timers)
		loop_timer_free(l->timers);
	close(l->wake_fd);
	pthread_mutex_destroy(&l->post_lock);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void loop_lock(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
}

void loop_unlock(struct loop *l)
{
	pthread_mutex_unlock(&l->lock);
}

/* Also from signal handlers: nothing but write(2). */
static void wake(struct loop *l)
{
	u64 one = 1;
	int saved = errno;

	if (write(l->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
	errno = saved;
}

static void changed(struct loop *l)
{
	if (__atomic_load_n(&l->sleeping, __ATOMIC_SEQ_CST))
		wake(l);
}

struct loop_fd *loop_fd_add(struct loop *l, int fd, short events,
			    void (*fn)(void *arg, short revents), void *arg)
{
	struct loop_fd *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	*f = (struct loop_fd){ .loop = l, .fd = fd, .events = events, .fn = fn, .arg = arg,
			       .next = l->fds };
	l->fds = f;
	changed(l);
	return f;
}

void loop_fd_events(struct loop_fd *f, short events)
{
	if (f->events == events)
		return;
	f->events = events;
	changed(f->loop);
}

void loop_fd_del(struct loop_fd *f)
{
	if (!f)
		return;
	f->dead = true;
	changed(f->loop);
}

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg, .next = l->timers };
	l->timers = t;
	return t;
}

void loop_timer_set(struct loop_timer *t, u64 when_ns)
{
	t->when = when_ns ? when_ns : 1;
	changed(t->loop);
}

void loop_timer_cancel(struct loop_timer *t)
{
	if (t)
		t->when = 0;
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	for (struct loop_timer **p = &t->loop->timers; *p; p = &(*p)->next) {
		if (*p != t)
			continue;
		*p = t->next;
		break;
	}
	free(t);
}

void loop_poller_add(struct loop *l, struct loop_poller *p)
{
	p->first = p->n = 0;
	p->next = l->pollers;
	l->pollers = p;
	changed(l);
}

void loop_poller_del(struct loop *l, struct loop_poller *p)
{
	for (struct loop_poller **at = &l->pollers; *at; at = &(*at)->next) {
		if (*at != p)
			continue;
		*at = p->next;
		return;
	}
}

int loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct loop_post *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->fn = fn;
	p->arg = arg;
	pthread_mutex_lock(&l->post_lock);
	*l->posts_end = p;
	l->posts_end = &p->next;
	pthread_mutex_unlock(&l->post_lock);
	wake(l);
	return 0;
}

void loop_stop(struct loop *l)
{
	__atomic_store_n(&l->stopped, 1, __ATOMIC_SEQ_CST);
	wake(l);
}

static void run_posts(struct loop *l)
{
	struct loop_post *p;

	pthread_mutex_lock(&l->post_lock);
	p = l->posts;
	l->posts = NULL;
	l->posts_end = &l->posts;
	pthread_mutex_unlock(&l->post_lock);
	while (p) {
		struct loop_post *next = p->next;

		p->fn(p->arg);
		free(p);
		p = next;
	}
}

/* The earliest due timer, one at a time: a callback may free any timer. */
static void run_timers(struct loop *l)
{
	u64 now = host_now_ns();

	for (;;) {
		struct loop_timer *due = NULL;

		for (struct loop_timer *t = l->timers; t; t = t->next)
			if (t->when && t->when <= now && (!due || t->when < due->when))
				due = t;
		if (!due)
			return;
		due->when = 0;
		due->fn(due->arg);
	}
}

static u64 timeout_ns(struct loop *l)
{
	u64 now = host_now_ns(), wait = LOOP_WAIT_MAX;

	for (struct loop_timer *t = l->timers; t; t = t->next)
		if (t->when)
			wait = min(wait, t->when > now ? t->when - now : 0);
	return wait;
}

static void reap(struct loop *l)
{
	struct loop_fd **p = &l->fds;

	while (*p) {
		struct loop_fd *f = *p;

		if (!f->dead) {
			p = &f->next;
			continue;
		}
		*p = f->next;
		free(f);
	}
}

/* The poll set: the wake descriptor, ours, then each poller's. */
static int fill(struct loop *l, u64 *timeout, int *own)
{
	int n = 0, ms = (int)(LOOP_WAIT_MAX / 1000000);

	l->pfd[n++] = (struct pollfd){ .fd = l->wake_fd, .events = POLLIN };
	for (struct loop_fd *f = l->fds; f && n < LOOP_POLLFDS; f = f->next) {
		if (!f->events)
			continue;
		l->who[n] = f;
		l->pfd[n++] = (struct pollfd){ .fd = f->fd, .events = f->events };
	}
	*own = n;
	for (struct loop_poller *p = l->pollers; p; p = p->next) {
		p->first = n;
		p->n = p->fill(p->arg, l->pfd + n, LOOP_POLLFDS - n, &ms);
		n += p->n;
	}
	*timeout = min(timeout_ns(l), (u64)(ms > 0 ? ms : 0) * 1000000);
	return n;
}

static void dispatch(struct loop *l, int own, int error)
{
	u64 count;

	if (!error && l->pfd[0].revents && read(l->wake_fd, &count, sizeof(count)) < 0)
		error = errno == EAGAIN ? 0 : errno;
	for (struct loop_poller *p = l->pollers, *next; p; p = next) {
		next = p->next;
		p->done(p->arg, l->pfd + p->first, p->n, error);
	}
	for (int i = 1; !error && i < own; i++) {
		struct loop_fd *f = l->who[i];

		/* Events it asked for may have changed in an earlier callback. */
		if (l->pfd[i].revents && !f->dead && f->events)
			f->fn(f->arg, l->pfd[i].revents);
	}
	run_timers(l);
	run_posts(l);
}

int loop_run(struct loop *l)
{
	while (!__atomic_load_n(&l->stopped, __ATOMIC_SEQ_CST)) {
		int n, own, error = 0;
		struct timespec ts;
		u64 timeout;

		loop_lock(l);
		reap(l);
		__atomic_store_n(&l->sleeping, 1, __ATOMIC_SEQ_CST);
		n = fill(l, &timeout, &own);
		loop_unlock(l);
		ts.tv_sec = timeout / 1000000000;
		ts.tv_nsec = timeout % 1000000000;
		if (ppoll(l->pfd, n, &ts, NULL) < 0)
			error = errno;
		if (error && error != EINTR && error != EAGAIN)
			return -error;
		loop_lock(l);
		__atomic_store_n(&l->sleeping, 0, __ATOMIC_SEQ_CST);
		dispatch(l, own, error);
		loop_unlock(l);
	}
	/* Not at the start: a stop that comes before the run ends it. */
	__atomic_store_n(&l->stopped, 0, __ATOMIC_SEQ_CST);
	return 0;
}
