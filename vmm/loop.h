/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - the event loop of the main thread. Callbacks run with the machine
 * lock held, so device code never sees two threads at once: vCPU threads take
 * the same lock around port and MMIO accesses.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include <poll.h>
#include "core/host.h"

struct loop;
struct loop_fd;
struct loop_timer;

int loop_new(struct loop **out);
void loop_free(struct loop *l);

/* events: POLLIN, POLLOUT, ... fn gets what happened. NULL when out of memory. */
struct loop_fd *loop_fd_add(struct loop *l, int fd, short events,
			    void (*fn)(void *arg, short revents), void *arg);
void loop_fd_events(struct loop_fd *f, short events);
void loop_fd_del(struct loop_fd *f);		/* accepts NULL; safe inside any callback */

struct loop_timer *loop_timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *t, u64 when_ns);		/* CLOCK_MONOTONIC */
void loop_timer_cancel(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* Called around every poll: libslirp adds its descriptors and timeout here. */
struct loop_poller {
	/* Append pollfds (at most max), lower *timeout_ms; returns how many. */
	int (*fill)(void *arg, struct pollfd *fds, int max, int *timeout_ms);
	void (*done)(void *arg, const struct pollfd *fds, int n, int poll_error);
	void *arg;
	/* The loop's own. */
	int first, n;
	struct loop_poller *next;
};
void loop_poller_add(struct loop *l, struct loop_poller *p);
void loop_poller_del(struct loop *l, struct loop_poller *p);

/* From any thread: run fn on the loop thread soon, with the lock held. */
int loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* Until loop_stop(). The machine lock is loop_lock/unlock. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);			/* any thread, signal-safe */
void loop_lock(struct loop *l);
void loop_unlock(struct loop *l);

#endif
