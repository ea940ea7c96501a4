/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - everything the core may ask of its host, and nothing else.
 *
 * The core is compiled three times: into the Linux modules (port/linux), into
 * the userspace library (port/posix) and into the unit tests (port/test, where
 * time moves by hand and the Nth allocation fails on request). The include
 * path picks the port; core code never asks which one it got.
 *
 * A port provides, in <host_port.h>:
 *
 *  language   u8..u64, s8..s64, bool, container_of, ARRAY_SIZE, BUILD_BUG_ON,
 *             READ_ONCE, WRITE_ONCE, likely, unlikely, min, max,
 *             __always_inline, noinline, errno names, memcpy/memset/memcmp
 *
 *  memory     void *host_alloc(size_t n)        zeroed; may sleep; NULL when out
 *             void host_free(void *p)           accepts NULL
 *
 *  locks      host_mutex_t, host_spin_t: _init _lock _unlock _assert_held
 *             (macros, so that lockdep gets one class per call site). A spin
 *             lock is safe in a timer's callback; nothing sleeps under it.
 *
 *  time       u64 host_now_ns(void)             monotonic
 *             u64 host_wall_ns(void)            nanoseconds since 1970
 *             u64 host_thread_ns(void)          processor time of this thread
 *             u64 host_tsc(void)                the time stamp counter
 *             u32 host_tsc_khz(void)            its frequency
 *             u64 host_run_delay_ns(void)       how long the calling thread has
 *             waited for a processor in all, or HOST_NO_RUN_DELAY: not known
 *
 *  processors u32 host_cpus(void)               how many are online
 *
 *  timers     host_timer_t; the callback may run in any thread, takes spin
 *             locks only, and may set its own timer again:
 *             int  host_timer_init(host_timer_t *t, void (*fn)(void *), void *arg)
 *             void host_timer_set(host_timer_t *t, u64 when_ns)   absolute
 *             void host_timer_cancel(host_timer_t *t)   waits for the callback
 *             void host_timer_fini(host_timer_t *t)     cancels too
 *
 *  sleeping   host_wait_t: where one vCPU thread sleeps until it is woken:
 *             void host_wait_init(host_wait_t *w), host_wait_fini(w)
 *             void host_wait_wake(host_wait_t *w)       any context
 *             int  host_wait_sleep(host_wait_t *w, bool (*ready)(void *), void *arg)
 *             returns 0 once ready(arg) holds, -EINTR when the thread has a
 *             signal pending that KVM_RUN's caller must see.
 *
 *             void host_yield(void)             lets other threads run; never
 *             under a lock
 *
 *  events     host_event_t *: a counted reference to an eventfd:
 *             int  host_event_get(int fd, host_event_t **out)  -EBADF, -EINVAL
 *             void host_event_put(host_event_t *e)
 *             bool host_event_same(host_event_t *a, host_event_t *b)   one eventfd?
 *             void host_event_signal(host_event_t *e)          adds one
 *             int  host_event_watch(host_event_t *e, void (*fn)(void *), void *arg)
 *             calls fn from any thread each time the count rises from zero,
 *             and empties the count; one watch an event:
 *             void host_event_unwatch(host_event_t *e)  waits for the callback
 *
 *  guest RAM  hva is an address in the process that owns the VM; each returns
 *             0 or -EFAULT, and never stops half-way:
 *             int host_read_hva(void *dst, const void *hva, size_t n)
 *             int host_write_hva(void *hva, const void *src, size_t n)
 *             int host_cmpxchg_hva(void *hva, u64 *old, u64 new, unsigned n)
 *             n is 1, 2, 4 or 8; 1 when *old did not match (it is updated).
 *             HOST_GUEST_DIRECT is 1 where an hva may be dereferenced.
 *
 *  arguments  int host_copy_from_user(void *dst, const void *uptr, size_t n)
 *             int host_copy_to_user(void *uptr, const void *src, size_t n)
 *             0 or -EFAULT, for what ioctls point to
 *
 *  log        host_log(level, fmt, ...)
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#define HOST_NO_RUN_DELAY	(~0ull)

enum host_level { HOST_ERR, HOST_WARN, HOST_INFO, HOST_DEBUG };

#include <host_port.h>

#endif
