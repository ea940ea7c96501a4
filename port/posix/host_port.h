/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_port.h - core/host.h on a POSIX process. Out of line: host_posix.c. */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#ifndef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#endif
#define noinline	__attribute__((noinline))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BUILD_BUG_ON(c)	_Static_assert(!(c), #c)
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define min(a, b) \
	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) \
	({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })

#define HOST_GUEST_DIRECT 1

void *host_alloc(size_t n);
static inline void host_free(void *p) { free(p); }

typedef pthread_mutex_t host_mutex_t;
#define host_mutex_init(m)		((void)pthread_mutex_init(m, NULL))
#define host_mutex_lock(m)		((void)pthread_mutex_lock(m))
#define host_mutex_unlock(m)		((void)pthread_mutex_unlock(m))
#define host_mutex_assert_held(m)	assert(pthread_mutex_trylock(m) == EBUSY)

typedef pthread_mutex_t host_spin_t;
#define host_spin_init			host_mutex_init
#define host_spin_lock			host_mutex_lock
#define host_spin_unlock		host_mutex_unlock
#define host_spin_assert_held		host_mutex_assert_held

u64 host_now_ns(void);
u64 host_wall_ns(void);
u64 host_thread_ns(void);
u64 host_tsc(void);
u32 host_tsc_khz(void);
u32 host_cpus(void);
u64 host_run_delay_ns(void);

struct host_timer {
	void (*fn)(void *arg);
	void *arg;
	u64 when;		/* 0: not set */
	u32 pos;		/* in the timer thread's heap, 1-based; 0: not there */
	bool running;
};
typedef struct host_timer host_timer_t;
int host_timer_init(host_timer_t *t, void (*fn)(void *), void *arg);
void host_timer_set(host_timer_t *t, u64 when_ns);
void host_timer_cancel(host_timer_t *t);
void host_timer_fini(host_timer_t *t);

void host_yield(void);
struct host_wait {
	u32 state;		/* awake, asleep or woken; atomic */
	int fd;			/* an eventfd that ends the sleep */
};
typedef struct host_wait host_wait_t;
void host_wait_init(host_wait_t *w);
void host_wait_fini(host_wait_t *w);
void host_wait_wake(host_wait_t *w);
int host_wait_sleep(host_wait_t *w, bool (*ready)(void *), void *arg);

typedef struct host_event host_event_t;
int host_event_get(int fd, host_event_t **out);
void host_event_put(host_event_t *e);
bool host_event_same(const host_event_t *a, const host_event_t *b);
void host_event_signal(host_event_t *e);
int host_event_watch(host_event_t *e, void (*fn)(void *), void *arg);
void host_event_unwatch(host_event_t *e);

int host_read_hva(void *dst, const void *hva, size_t n);
int host_write_hva(void *hva, const void *src, size_t n);
int host_cmpxchg_hva(void *hva, u64 *old, u64 new_val, unsigned int n);
int host_copy_from_user(void *dst, const void *uptr, size_t n);
int host_copy_to_user(void *uptr, const void *src, size_t n);

void host_log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define host_log(level, ...) host_log_line(level, __VA_ARGS__)

#endif
