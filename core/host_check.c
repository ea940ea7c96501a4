/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_check.c - fails to compile when a port lacks a service or declares it
 * otherwise than core/host.h documents. */
#include "core/host.h"

#define IS(expr, type) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(expr), type), #expr)

IS(host_alloc((size_t)0), void *);
IS(host_free((void *)0), void);
IS(host_now_ns(), u64);
IS(host_wall_ns(), u64);
IS(host_thread_ns(), u64);
IS(host_yield(), void);
IS(host_tsc(), u64);
IS(host_tsc_khz(), u32);
IS(host_cpus(), u32);
IS(host_run_delay_ns(), u64);
IS(host_timer_init((host_timer_t *)0, (void (*)(void *))0, (void *)0), int);
IS(host_timer_set((host_timer_t *)0, (u64)0), void);
IS(host_timer_cancel((host_timer_t *)0), void);
IS(host_timer_fini((host_timer_t *)0), void);
IS(host_wait_init((host_wait_t *)0), void);
IS(host_wait_fini((host_wait_t *)0), void);
IS(host_wait_wake((host_wait_t *)0), void);
IS(host_wait_sleep((host_wait_t *)0, (bool (*)(void *))0, (void *)0), int);
IS(host_event_get(0, (host_event_t **)0), int);
IS(host_event_same((host_event_t *)0, (host_event_t *)0), bool);
IS(host_event_put((host_event_t *)0), void);
IS(host_event_signal((host_event_t *)0), void);
IS(host_event_watch((host_event_t *)0, (void (*)(void *))0, (void *)0), int);
IS(host_event_unwatch((host_event_t *)0), void);
IS(host_read_hva((void *)0, (const void *)0, (size_t)0), int);
IS(host_write_hva((void *)0, (const void *)0, (size_t)0), int);
IS(host_cmpxchg_hva((void *)0, (u64 *)0, (u64)0, 0u), int);
IS(host_copy_from_user((void *)0, (const void *)0, (size_t)0), int);
IS(host_copy_to_user((void *)0, (const void *)0, (size_t)0), int);

_Static_assert(HOST_GUEST_DIRECT == 0 || HOST_GUEST_DIRECT == 1, "HOST_GUEST_DIRECT");
_Static_assert(sizeof(u8) == 1 && sizeof(u16) == 2 && sizeof(u32) == 4 && sizeof(u64) == 8,
	       "integer sizes");
