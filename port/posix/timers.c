/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers: one thread, and a binary heap ordered by expiry. */
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include "core/host.h"
#include "port/posix/soft_fd.h"

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;		/* all below, and every timer's fields */
	pthread_cond_t changed;		/* the heap's first element did */
	pthread_cond_t idle;		/* a callback has returned */
	pthread_t thread;
	bool started;
	u32 n, cap, timers;		/* heap[1..n]; cap >= timers, so set never fails */
	host_timer_t **heap;
} tm = { PTHREAD_ONCE_INIT, PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER };

static void heap_put(u32 pos, host_timer_t *t)
{
	tm.heap[pos] = t;
	t->pos = pos;
}

static void heap_up(u32 pos)
{
	host_timer_t *t = tm.heap[pos];

	for (; pos > 1 && tm.heap[pos / 2]->when > t->when; pos /= 2)
		heap_put(pos, tm.heap[pos / 2]);
	heap_put(pos, t);
}

static void heap_down(u32 pos)
{
	host_timer_t *t = tm.heap[pos];

	for (;;) {
		u32 c = pos * 2;

		if (c < tm.n && tm.heap[c + 1]->when < tm.heap[c]->when)
			c++;
		if (c > tm.n || tm.heap[c]->when >= t->when)
			break;
		heap_put(pos, tm.heap[c]);
		pos = c;
	}
	heap_put(pos, t);
}

static void heap_remove(host_timer_t *t)
{
	u32 pos = t->pos;
	host_timer_t *last;

	if (!pos)
		return;
	t->pos = 0;
	last = tm.heap[tm.n--];
	if (last == t)
		return;
	heap_put(pos, last);
	heap_up(pos);
	heap_down(last->pos);
}

/* Sleep until the first timer is due or the heap changes. */
static void timer_nap(void)
{
	struct timespec ts;
	u64 when;

	if (!tm.n) {
		pthread_cond_wait(&tm.changed, &tm.lock);
		return;
	}
	when = tm.heap[1]->when;
	ts.tv_sec = when / 1000000000;
	ts.tv_nsec = when % 1000000000;
	pthread_cond_timedwait(&tm.changed, &tm.lock, &ts);
}

static void *timer_thread(void *unused)
{
	prctl(PR_SET_TIMERSLACK, 1);
	pthread_mutex_lock(&tm.lock);
	for (;;) {
		host_timer_t *t = tm.n ? tm.heap[1] : NULL;

		if (!t || t->when > host_now_ns()) {
			timer_nap();
			continue;
		}
		heap_remove(t);
		t->running = true;
		pthread_mutex_unlock(&tm.lock);
		t->fn(t->arg);
		pthread_mutex_lock(&tm.lock);
		t->running = false;
		pthread_cond_broadcast(&tm.idle);
	}
	return NULL;
}

static void timer_start(void)
{
	pthread_condattr_t attr;
	sigset_t all, old;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&tm.changed, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (!pthread_create(&tm.thread, NULL, timer_thread, NULL)) {
		pthread_detach(tm.thread);
		tm.started = true;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int host_timer_init(host_timer_t *t, void (*fn)(void *), void *arg)
{
	int err = 0;

	pthread_once(&tm.once, timer_start);
	if (!tm.started)
		return -ENOMEM;
	pthread_mutex_lock(&tm.lock);
	if (tm.timers + 1 >= tm.cap) {
		u32 cap = tm.cap ? tm.cap * 2 : 32;
		host_timer_t **heap = realloc(tm.heap, cap * sizeof(*heap));

		if (heap) {
			tm.heap = heap;
			tm.cap = cap;
		} else {
			err = -ENOMEM;
		}
	}
	if (!err) {
		*t = (host_timer_t){ .fn = fn, .arg = arg };
		tm.timers++;
	}
	pthread_mutex_unlock(&tm.lock);
	return err;
}

void host_timer_set(host_timer_t *t, u64 when_ns)
{
	pthread_mutex_lock(&tm.lock);
	heap_remove(t);
	t->when = when_ns;
	tm.heap[++tm.n] = t;
	heap_up(tm.n);
	if (t->pos == 1)
		pthread_cond_signal(&tm.changed);
	pthread_mutex_unlock(&tm.lock);
}

void host_timer_cancel(host_timer_t *t)
{
	pthread_mutex_lock(&tm.lock);
	heap_remove(t);
	/* The callback may set its timer again: look until both are quiet. */
	if (!pthread_equal(pthread_self(), tm.thread))
		while (t->running) {
			pthread_cond_wait(&tm.idle, &tm.lock);
			heap_remove(t);
		}
	pthread_mutex_unlock(&tm.lock);
}

void host_timer_fini(host_timer_t *t)
{
	if (!t->fn)
		return;
	host_timer_cancel(t);
	pthread_mutex_lock(&tm.lock);
	tm.timers--;
	t->fn = NULL;
	pthread_mutex_unlock(&tm.lock);
}

/* In a fork's child: the thread is gone, and what it was doing is unknown. */
void host_timers_forked(void)
{
	tm.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	tm.idle = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	tm.once = (pthread_once_t)PTHREAD_ONCE_INIT;
	tm.heap = NULL;
	tm.n = tm.cap = tm.timers = 0;
	tm.started = false;
}
