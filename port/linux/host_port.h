/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_port.h - core/host.h on the Linux kernel, 6.1 and later. Out of line:
 * host_linux.c. */
#ifndef HOST_LINUX_PORT_H
#define HOST_LINUX_PORT_H

#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcuwait.h>
#include <linux/sched/cputime.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <asm/tsc.h>

/* The core has its own, typed, definitions of what the processor calls so. */
#undef X86_CR0_PE
#undef X86_CR0_MP
#undef X86_CR0_EM
#undef X86_CR0_TS
#undef X86_CR0_ET
#undef X86_CR0_NE
#undef X86_CR0_WP
#undef X86_CR0_AM
#undef X86_CR0_NW
#undef X86_CR0_CD
#undef X86_CR0_PG
#undef X86_CR4_VME
#undef X86_CR4_PVI
#undef X86_CR4_TSD
#undef X86_CR4_DE
#undef X86_CR4_PSE
#undef X86_CR4_PAE
#undef X86_CR4_MCE
#undef X86_CR4_PGE
#undef X86_CR4_PCE
#undef X86_CR4_OSFXSR
#undef X86_CR4_OSXMMEXCPT
#undef X86_CR4_UMIP
#undef X86_CR4_LA57
#undef X86_CR4_FSGSBASE
#undef X86_CR4_PCIDE
#undef X86_CR4_OSXSAVE
#undef X86_CR4_SMEP
#undef X86_CR4_SMAP
#undef X86_CR4_PKE
/* Names that the kernel has too, for other things. */
#define x86_cpu		kvist_x86_cpu
#define DESC_LDT	kvist_desc_ldt
#define DESC_TSS	kvist_desc_tss
#define halt		kvist_halt
#undef cmpxchg
#undef rdmsr
#undef wrmsr
#undef CR3_NOFLUSH
#undef wake_up
#define wake_up		kvist_wake_up

#define HOST_GUEST_DIRECT 0

static inline void *host_alloc(size_t n)
{
	return kvzalloc(n, GFP_KERNEL_ACCOUNT);
}

static inline void host_free(void *p)
{
	kvfree(p);
}

typedef struct mutex host_mutex_t;
#define host_mutex_init(m)		mutex_init(m)
#define host_mutex_lock(m)		mutex_lock(m)
#define host_mutex_unlock(m)		mutex_unlock(m)
#define host_mutex_assert_held(m)	lockdep_assert_held(m)

/* Timers fire in interrupt context, so interrupts are off under these. */
typedef struct host_spin {
	raw_spinlock_t lock;
	unsigned long flags;	/* of the holder */
} host_spin_t;
#define host_spin_init(l)		raw_spin_lock_init(&(l)->lock)
#define host_spin_lock(l) do { \
		unsigned long flags_; \
		raw_spin_lock_irqsave(&(l)->lock, flags_); \
		(l)->flags = flags_; \
	} while (0)
#define host_spin_unlock(l) raw_spin_unlock_irqrestore(&(l)->lock, (l)->flags)
#define host_spin_assert_held(l)	lockdep_assert_held(&(l)->lock)

static inline u64 host_now_ns(void)
{
	return ktime_get_ns();
}

static inline u64 host_wall_ns(void)
{
	return ktime_get_real_ns();
}

static inline u64 host_thread_ns(void)
{
	u64 user, system;

	task_cputime_adjusted(current, &user, &system);
	return user + system;
}

static inline void host_yield(void)
{
	cpu_relax();
	cond_resched();
}

static inline u64 host_tsc(void)
{
	return rdtsc_ordered();
}

static inline u32 host_tsc_khz(void)
{
	return tsc_khz;
}

static inline u32 host_cpus(void)
{
	return num_online_cpus();
}

static inline u64 host_run_delay_ns(void)
{
#ifdef CONFIG_SCHED_INFO
	if (sched_info_on())
		return current->sched_info.run_delay;
#endif
	return HOST_NO_RUN_DELAY;
}

typedef struct host_timer {
	struct hrtimer timer;
	void (*fn)(void *arg);
	void *arg;
} host_timer_t;
int host_timer_init(host_timer_t *t, void (*fn)(void *), void *arg);
void host_timer_set(host_timer_t *t, u64 when_ns);
void host_timer_cancel(host_timer_t *t);
void host_timer_fini(host_timer_t *t);

typedef struct rcuwait host_wait_t;
static inline void host_wait_init(host_wait_t *w)
{
	rcuwait_init(w);
}

static inline void host_wait_fini(host_wait_t *w)
{
}

static inline void host_wait_wake(host_wait_t *w)
{
	rcuwait_wake_up(w);
}
int host_wait_sleep(host_wait_t *w, bool (*ready)(void *), void *arg);

typedef struct host_event host_event_t;
int host_event_get(int fd, host_event_t **out);
void host_event_put(host_event_t *e);
bool host_event_same(const host_event_t *a, const host_event_t *b);
void host_event_signal(host_event_t *e);
int host_event_watch(host_event_t *e, void (*fn)(void *), void *arg);
void host_event_unwatch(host_event_t *e);

static inline int host_copy_from_user(void *dst, const void *uptr, size_t n)
{
	return copy_from_user(dst, (const void __user *)uptr, n) ? -EFAULT : 0;
}

static inline int host_copy_to_user(void *uptr, const void *src, size_t n)
{
	return copy_to_user((void __user *)uptr, src, n) ? -EFAULT : 0;
}

/* Only in the context of the process that owns the VM. */
static inline int host_read_hva(void *dst, const void *hva, size_t n)
{
	return host_copy_from_user(dst, hva, n);
}

static inline int host_write_hva(void *hva, const void *src, size_t n)
{
	return host_copy_to_user(hva, src, n);
}
int host_cmpxchg_hva(void *hva, u64 *old, u64 new_val, unsigned int n);

#define host_log(level, fmt, ...) \
	printk_ratelimited("%skvist: " fmt "\n", \
			   (level) == HOST_ERR ? KERN_ERR : \
			   (level) == HOST_WARN ? KERN_WARNING : \
			   (level) == HOST_INFO ? KERN_INFO : KERN_DEBUG, \
			   ##__VA_ARGS__)

#endif
