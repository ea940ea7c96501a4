/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/file.h>
#include "core/host.h"

static enum hrtimer_restart timer_fired(struct hrtimer *hr)
{
	host_timer_t *t = container_of(hr, host_timer_t, timer);

	/* The callback may start the timer again itself. */
	t->fn(t->arg);
	return HRTIMER_NORESTART;
}

int host_timer_init(host_timer_t *t, void (*fn)(void *), void *arg)
{
	hrtimer_init(&t->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	t->timer.function = timer_fired;
	t->fn = fn;
	t->arg = arg;
	return 0;
}

void host_timer_set(host_timer_t *t, u64 when_ns)
{
	hrtimer_start(&t->timer, ns_to_ktime(when_ns), HRTIMER_MODE_ABS_HARD);
}

void host_timer_cancel(host_timer_t *t)
{
	hrtimer_cancel(&t->timer);
}

void host_timer_fini(host_timer_t *t)
{
	if (t->fn)
		hrtimer_cancel(&t->timer);
	t->fn = NULL;
}

int host_wait_sleep(host_wait_t *w, bool (*ready)(void *), void *arg)
{
	int err = 0;

	prepare_to_rcuwait(w);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (ready(arg))
			break;
		if (signal_pending(current)) {
			err = -EINTR;
			break;
		}
		schedule();
	}
	finish_rcuwait(w);
	return err;
}

struct host_event {
	struct eventfd_ctx *ctx;
	struct file *file;
	refcount_t refs;
	void (*fn)(void *arg);
	void *arg;
	wait_queue_head_t *head;	/* while watched */
	wait_queue_entry_t wait;
	struct work_struct work;
	poll_table pt;
};

int host_event_get(int fd, host_event_t **out)
{
	struct host_event *e;
	struct file *file = eventfd_fget(fd);
	struct eventfd_ctx *ctx;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(ctx)) {
		fput(file);
		return PTR_ERR(ctx);
	}
	e = host_alloc(sizeof(*e));
	if (!e) {
		eventfd_ctx_put(ctx);
		fput(file);
		return -ENOMEM;
	}
	e->ctx = ctx;
	e->file = file;
	refcount_set(&e->refs, 1);
	*out = e;
	return 0;
}

void host_event_put(host_event_t *e)
{
	if (!e || !refcount_dec_and_test(&e->refs))
		return;
	eventfd_ctx_put(e->ctx);
	fput(e->file);
	host_free(e);
}

bool host_event_same(const host_event_t *a, const host_event_t *b)
{
	return a->ctx == b->ctx;
}

void host_event_signal(host_event_t *e)
{
	eventfd_signal(e->ctx, 1);
}

/* Callbacks may sleep, so they run from a work item. */
static void event_work(struct work_struct *work)
{
	struct host_event *e = container_of(work, struct host_event, work);

	e->fn(e->arg);
}

static int event_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct host_event *e = container_of(wait, struct host_event, wait);
	u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	eventfd_ctx_do_read(e->ctx, &count);
	schedule_work(&e->work);
	return 1;
}

static void event_queue(struct file *file, wait_queue_head_t *head, poll_table *pt)
{
	struct host_event *e = container_of(pt, struct host_event, pt);

	e->head = head;
	add_wait_queue_priority(head, &e->wait);
}

int host_event_watch(host_event_t *e, void (*fn)(void *), void *arg)
{
	if (e->head)
		return -EBUSY;
	e->fn = fn;
	e->arg = arg;
	INIT_WORK(&e->work, event_work);
	init_waitqueue_func_entry(&e->wait, event_wakeup);
	init_poll_funcptr(&e->pt, event_queue);
	if (vfs_poll(e->file, &e->pt) & EPOLLIN)
		schedule_work(&e->work);
	return 0;
}

void host_event_unwatch(host_event_t *e)
{
	u64 count;

	if (!e->head)
		return;
	eventfd_ctx_remove_wait_queue(e->ctx, &e->wait, &count);
	e->head = NULL;
	flush_work(&e->work);
}

#define CMPXCHG(type) do { \
		type want = *old; \
		type __user *p = (type __user *)hva; \
		int r = -EFAULT; \
		if (!user_access_begin(p, sizeof(type))) \
			return -EFAULT; \
		r = unsafe_try_cmpxchg_user(p, &want, (type)new_val, fault) ? 0 : 1; \
		user_access_end(); \
		*old = r ? want : *old; \
		return r; \
	} while (0)

int host_cmpxchg_hva(void *hva, u64 *old, u64 new_val, unsigned int n)
{
	switch (n) {
	case 1: CMPXCHG(u8);
	case 2: CMPXCHG(u16);
	case 4: CMPXCHG(u32);
	case 8: CMPXCHG(u64);
	}
	return -EINVAL;
fault:
	user_access_end();
	return -EFAULT;
}
