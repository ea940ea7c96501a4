/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic_timer.c - the local APIC timer: one-shot, periodic, TSC deadline.
 *
 * The bus clock is 1 GHz, so that a count is a nanosecond. A host timer rings
 * when something may be due; whether it is, is decided under the lock, so no
 * vCPU ever waits for a ringing timer to be cancelled.
 */
#include "core/api/tsc.h"
#include "core/irq/lapic.h"
#include "core/x86/cpuid.h"

/* A guest that asks for more would only keep the host busy. */
#define PERIOD_MIN_NS	200000ull
#define NEVER_NS	(1ull << 62)

static u64 guest_tsc(const struct lapic *a)
{
	return tsc_scaled(a->v, host_tsc()) + READ_ONCE(a->v->tsc_offset);
}

/* Guest TSC ticks in nanoseconds, rounded up: early is worse than late. */
static u64 tsc_to_ns(const struct lapic *a, u64 ticks)
{
	u64 khz = max(tsc_guest_khz(a->v), 1u), ms = ticks / khz;

	if (ms > NEVER_NS / 1000000)
		return NEVER_NS;
	return ms * 1000000 + (ticks % khz * 1000000 + khz - 1) / khz;
}

static void arm_locked(struct lapic *a, u64 when)
{
	host_spin_assert_held(&a->t.lock);
	a->t.armed = true;
	a->t.expiry = when;
	host_timer_set(&a->t.timer, when);
}

static u64 period_ns(const struct lapic *a)
{
	u64 ns = (u64)lapic_reg(a, LAPIC_TMICT) * a->t.divide;

	if (a->t.mode == LAPIC_LVTT_PERIODIC && ns && ns < PERIOD_MIN_NS)
		return PERIOD_MIN_NS;
	return ns;
}

static void arm_deadline_locked(struct lapic *a)
{
	u64 tsc = guest_tsc(a);

	a->t.armed = false;
	if (!a->t.deadline)
		return;
	arm_locked(a, host_now_ns() + (a->t.deadline > tsc ? tsc_to_ns(a, a->t.deadline - tsc) : 0));
}

/* Is an interrupt due? Then set up the next one. */
static bool expire_locked(struct lapic *a)
{
	struct lapic_timer *t = &a->t;
	u64 now = host_now_ns();

	host_spin_assert_held(&t->lock);
	if (!t->armed)
		return false;
	if (t->mode == LAPIC_LVTT_DEADLINE) {
		if (guest_tsc(a) < t->deadline)
			return false;
		t->armed = false;
		t->deadline = 0;
		return true;
	}
	if (now < t->expiry)
		return false;
	t->armed = false;
	if (t->mode == LAPIC_LVTT_PERIODIC && t->period)
		arm_locked(a, now + t->period - (now - t->expiry) % t->period);
	return true;
}

static void timer_rings(void *arg)
{
	struct lapic *a = arg;
	bool due;

	host_spin_lock(&a->t.lock);
	due = expire_locked(a);
	/* The host's clock and its TSC need not agree to the last tick. */
	if (!due && a->t.armed && a->t.mode == LAPIC_LVTT_DEADLINE)
		arm_deadline_locked(a);
	host_spin_unlock(&a->t.lock);
	if (due)
		lapic_local_deliver(a, LAPIC_LVTT);
}

void lapic_timer_poll(struct lapic *a)
{
	bool due;

	host_spin_lock(&a->t.lock);
	due = expire_locked(a);
	host_spin_unlock(&a->t.lock);
	if (due)
		lapic_local_deliver(a, LAPIC_LVTT);
}

int lapic_timer_init(struct lapic *a)
{
	host_spin_init(&a->t.lock);
	a->t.divide = 2;
	return host_timer_init(&a->t.timer, timer_rings, a);
}

void lapic_timer_fini(struct lapic *a)
{
	host_timer_fini(&a->t.timer);
}

void lapic_timer_reset(struct lapic *a)
{
	host_spin_lock(&a->t.lock);
	a->t.armed = false;
	a->t.deadline = a->t.period = 0;
	a->t.mode = 0;
	a->t.divide = 2;
	host_spin_unlock(&a->t.lock);
}

void lapic_timer_start(struct lapic *a)
{
	struct lapic_timer *t = &a->t;

	host_spin_lock(&t->lock);
	t->armed = false;
	t->period = period_ns(a);
	if (t->period)
		arm_locked(a, host_now_ns() + t->period);
	host_spin_unlock(&t->lock);
}

/*
 * One-shot to periodic and back goes on counting; to and from TSC deadline
 * stops the timer and forgets the count.
 */
void lapic_timer_set_mode(struct lapic *a)
{
	u32 mode = lapic_reg(a, LAPIC_LVTT) & LAPIC_LVTT_MODE;
	struct lapic_timer *t = &a->t;

	host_spin_lock(&t->lock);
	if (mode != t->mode) {
		if (mode == LAPIC_LVTT_DEADLINE || t->mode == LAPIC_LVTT_DEADLINE) {
			t->armed = false;
			t->deadline = t->period = 0;
			lapic_set_reg(a, LAPIC_TMICT, 0);
		}
		t->mode = mode;
	}
	host_spin_unlock(&t->lock);
}

static u32 divide_of(u32 tdcr)
{
	unsigned int code = (tdcr & 3) | (tdcr >> 1 & 4);

	return code == 7 ? 1 : 2u << code;
}

void lapic_timer_set_divide(struct lapic *a)
{
	struct lapic_timer *t = &a->t;
	u32 old, divide = divide_of(lapic_reg(a, LAPIC_TDCR));
	u64 now = host_now_ns();

	host_spin_lock(&t->lock);
	old = t->divide;
	t->divide = divide;
	if (old != divide && t->mode != LAPIC_LVTT_DEADLINE && t->period) {
		t->period = period_ns(a);
		/* What is left of the count is left, at the new speed. */
		if (t->armed)
			arm_locked(a, t->expiry <= now ? now :
				   now + (t->expiry - now) / old * divide);
	}
	host_spin_unlock(&t->lock);
}

u32 lapic_timer_count(struct lapic *a)
{
	struct lapic_timer *t = &a->t;
	u64 now, left = 0;

	/* A count of 0 means that the interrupt has been sent. */
	lapic_timer_poll(a);
	host_spin_lock(&t->lock);
	now = host_now_ns();
	if (t->armed && t->mode != LAPIC_LVTT_DEADLINE && t->expiry > now)
		left = (t->expiry - now + t->divide - 1) / t->divide;
	host_spin_unlock(&t->lock);
	return min(left, (u64)lapic_reg(a, LAPIC_TMICT));
}

void lapic_timer_restore(struct lapic *a, u32 count)
{
	struct lapic_timer *t = &a->t;

	host_spin_lock(&t->lock);
	t->mode = lapic_reg(a, LAPIC_LVTT) & LAPIC_LVTT_MODE;
	t->divide = divide_of(lapic_reg(a, LAPIC_TDCR));
	t->armed = false;
	t->deadline = t->period = 0;
	if (t->mode != LAPIC_LVTT_DEADLINE) {
		t->period = period_ns(a);
		count = min(count, lapic_reg(a, LAPIC_TMICT));
		if (t->mode == LAPIC_LVTT_PERIODIC && !count && t->period)
			arm_locked(a, host_now_ns() + t->period);
		/* At 0 it may have rung when nobody could hear it any more: better
		 * twice than never. */
		else if (lapic_reg(a, LAPIC_TMICT))
			arm_locked(a, host_now_ns() + (u64)count * t->divide);
	}
	host_spin_unlock(&t->lock);
}

/* --- IA32_TSC_DEADLINE --- */

u64 lapic_get_tsc_deadline(struct vcpu *v)
{
	struct lapic *a = v->apic;
	u64 val;

	if (!a || a->mode == LAPIC_OFF)
		return 0;
	lapic_timer_poll(a);
	host_spin_lock(&a->t.lock);
	val = a->t.deadline;
	host_spin_unlock(&a->t.lock);
	return val;
}

void lapic_set_tsc_deadline(struct vcpu *v, u64 tsc)
{
	struct lapic *a = v->apic;
	bool due;

	if (!a || a->mode == LAPIC_OFF)
		return;
	host_spin_lock(&a->t.lock);
	if (a->t.mode != LAPIC_LVTT_DEADLINE) {
		host_spin_unlock(&a->t.lock);
		return;
	}
	a->t.deadline = tsc;
	/* One that has passed already needs no timer. */
	a->t.armed = tsc != 0;
	due = expire_locked(a);
	if (!due)
		arm_deadline_locked(a);
	host_spin_unlock(&a->t.lock);
	if (due)
		lapic_local_deliver(a, LAPIC_LVTT);
}

void lapic_tsc_changed(struct vcpu *v)
{
	struct lapic *a = v->apic;

	if (!a)
		return;
	host_spin_lock(&a->t.lock);
	if (a->t.mode == LAPIC_LVTT_DEADLINE)
		arm_deadline_locked(a);
	host_spin_unlock(&a->t.lock);
}
