/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One thread waits for all watched eventfds of the process. */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "port/posix/events.h"
#include "port/posix/soft_fd.h"

static struct {
	pthread_once_t once;
	pthread_mutex_t lock;		/* all below, and watched/running of events */
	pthread_cond_t idle;		/* a callback has returned */
	pthread_t thread;
	int epfd;
	int nudge;			/* an eventfd: look at the dead list */
	struct host_event *dead;	/* unwatched since the last batch */
} w = { PTHREAD_ONCE_INIT, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .epfd = -1 };

static void event_unref(struct host_event *e)
{
	if (__atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL))
		return;
	close(e->fd);
	host_free(e);
}

static void event_fire(struct host_event *e)
{
	u64 junk;

	if (!e) {
		if (read(w.nudge, &junk, sizeof(junk)) < 0)
			return;
	}
	if (!e || !e->watched || !host_event_drain(e))
		return;
	e->running = true;
	pthread_mutex_unlock(&w.lock);
	e->fn(e->arg);
	pthread_mutex_lock(&w.lock);
	e->running = false;
	pthread_cond_broadcast(&w.idle);
}

static void *event_thread(void *unused)
{
	struct epoll_event ev[16];

	for (;;) {
		int n = epoll_wait(w.epfd, ev, ARRAY_SIZE(ev), -1);

		pthread_mutex_lock(&w.lock);
		for (int i = 0; i < n; i++)
			event_fire(ev[i].data.ptr);
		/* Pointers epoll_wait() returned are good until here. */
		while (w.dead) {
			struct host_event *e = w.dead;

			w.dead = e->next;
			for (; e->drops > 1; e->drops--)
				event_unref(e);
			e->drops = 0;
			event_unref(e);
		}
		pthread_mutex_unlock(&w.lock);
	}
	return NULL;
}

static void event_start(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	sigset_t all, old;

	w.epfd = epoll_create1(EPOLL_CLOEXEC);
	w.nudge = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (w.epfd < 0 || w.nudge < 0 || epoll_ctl(w.epfd, EPOLL_CTL_ADD, w.nudge, &ev) < 0 ||
	    pthread_create(&w.thread, NULL, event_thread, NULL)) {
		close(w.epfd);
		close(w.nudge);
		w.epfd = -1;
	} else {
		pthread_detach(w.thread);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void host_event_put(host_event_t *e)
{
	if (e)
		event_unref(e);
}

int host_event_watch(host_event_t *e, void (*fn)(void *), void *arg)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };
	int err = 0;

	pthread_once(&w.once, event_start);
	if (w.epfd < 0)
		return -ENOMEM;
	pthread_mutex_lock(&w.lock);
	if (e->watched) {
		err = -EBUSY;
	} else if (epoll_ctl(w.epfd, EPOLL_CTL_ADD, e->fd, &ev) < 0) {
		err = -errno;
	} else {
		e->fn = fn;
		e->arg = arg;
		e->watched = true;
		__atomic_fetch_add(&e->refs, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&w.lock);
	return err;
}

void host_event_unwatch(host_event_t *e)
{
	u64 one = 1;

	pthread_mutex_lock(&w.lock);
	if (!e->watched) {
		pthread_mutex_unlock(&w.lock);
		return;
	}
	e->watched = false;
	epoll_ctl(w.epfd, EPOLL_CTL_DEL, e->fd, NULL);
	/*
	 * epoll_wait() may just have returned e without holding the lock yet, so
	 * the watcher drops its reference itself, when its next batch is done.
	 */
	if (!e->drops++) {
		e->next = w.dead;
		w.dead = e;
	}
	if (write(w.nudge, &one, sizeof(one)) < 0)
		host_log(HOST_DEBUG, "eventfd watcher: cannot be nudged");
	if (!pthread_equal(pthread_self(), w.thread))
		while (e->running)
			pthread_cond_wait(&w.idle, &w.lock);
	pthread_mutex_unlock(&w.lock);
}

/* In a fork's child. Its copies of the descriptors are closed: an epoll one
 * still is the parent's. */
void host_events_forked(void)
{
	if (w.epfd >= 0) {
		close(w.epfd);
		close(w.nudge);
	}
	w.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	w.idle = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	w.once = (pthread_once_t)PTHREAD_ONCE_INIT;
	w.epfd = -1;
	w.dead = NULL;
}
