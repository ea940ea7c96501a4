/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stimer.c - synthetic timers: TLFS, "Synthetic Timers". They count reference
 * time, and send a message to a SINT or, in direct mode, an interrupt.
 *
 * The host's timer only sets a bit; all else happens in the vCPU's thread.
 */
#include "core/vm.h"
#include "core/irq/lapic.h"

#define ST_ENABLE	(1ull << 0)
#define ST_PERIODIC	(1ull << 1)
#define ST_AUTO_ENABLE	(1ull << 3)
#define ST_DIRECT	(1ull << 12)
#define ST_VECTOR(c)	((u8)((c) >> 4))
#define ST_SINT(c)	((c) >> 16 & 15)

#define MSG_TIMER	0x80000010u

struct timer_msg {		/* header and payload */
	u32 type;
	u8 size, flags, reserved[2];
	u64 sender;
	u32 timer, reserved2;
	u64 expired, delivered;
};

static u32 timer_nr(const struct hv_stimer *t)
{
	return t - t->v->hv->stimer;
}

static void mark_due(struct hv_stimer *t)
{
	__atomic_fetch_or(&t->v->hv->stimers_due, 1u << timer_nr(t), __ATOMIC_SEQ_CST);
	vcpu_request(t->v, REQ_HYPERV);
}

static void timer_rings(void *arg)
{
	struct hv_stimer *t = arg;

	mark_due(t);
	vcpu_kick(t->v);
}

static void timer_stop(struct hv_stimer *t)
{
	host_timer_cancel(&t->timer);
	__atomic_fetch_and(&t->v->hv->stimers_due, ~(1u << timer_nr(t)), __ATOMIC_SEQ_CST);
	t->msg_pending = false;
	t->expiry = 0;
}

int hv_stimer_init(struct vcpu *v)
{
	for (u32 i = 0; i < HV_STIMERS; i++) {
		struct hv_stimer *t = &v->hv->stimer[i];
		int err;

		t->v = v;
		err = host_timer_init(&t->timer, timer_rings, t);
		if (err) {
			while (i--)
				host_timer_fini(&v->hv->stimer[i].timer);
			return err;
		}
	}
	return 0;
}

void hv_stimer_fini(struct vcpu *v)
{
	for (u32 i = 0; i < HV_STIMERS; i++)
		host_timer_fini(&v->hv->stimer[i].timer);
}

/* In delta units of 100 ns from now; times beyond all reckoning never come. */
static void timer_arm(struct hv_stimer *t, u64 delta)
{
	u64 now = host_now_ns();

	if (delta < ((u64)1 << 62) / 100)
		host_timer_set(&t->timer, now + delta * 100);
}

/* It is enabled and its count is not 0. */
static void timer_start(struct hv_stimer *t)
{
	u64 now = hv_time(t->v->vm);

	if (!(t->config & ST_PERIODIC)) {
		t->expiry = t->count;
		if (now >= t->expiry)
			mark_due(t);	/* "in the past": at once */
		else
			timer_arm(t, t->expiry - now);
		return;
	}
	if (!t->expiry)
		t->expiry = now + t->count;
	else if (now >= t->expiry)	/* periods that were missed are lost */
		t->expiry = now + t->count - (now - t->expiry) % t->count;
	timer_arm(t, t->expiry - now);
}

static int timer_message(struct hv_stimer *t)
{
	struct timer_msg m = {
		.type = MSG_TIMER, .size = sizeof(m) - offsetof(struct timer_msg, timer),
		.timer = timer_nr(t), .expired = t->expiry, .delivered = hv_time(t->v->vm),
	};

	/* A periodic timer's next message will do as well. */
	return hv_post(t->v, ST_SINT(t->config), &m, sizeof(m), t->config & ST_PERIODIC);
}

static void timer_expires(struct hv_stimer *t)
{
	struct lapic *a = t->v->apic;
	bool sent;

	t->msg_pending = true;
	if (t->config & ST_DIRECT)
		sent = !a || lapic_accept(a, LAPIC_DM_FIXED, ST_VECTOR(t->config), false, true);
	else
		sent = timer_message(t) >= 0;
	if (!sent)
		return;
	t->msg_pending = false;
	if (!(t->config & ST_PERIODIC))
		t->config &= ~ST_ENABLE;
}

static void timer_run(struct hv_stimer *t)
{
	if (!(t->config & ST_ENABLE))
		return;
	if (t->expiry && hv_time(t->v->vm) >= t->expiry)
		timer_expires(t);
	if (!(t->config & ST_ENABLE) || !t->count)
		timer_stop(t);
	else if (!t->msg_pending)
		timer_start(t);
}

void hv_stimers_run(struct vcpu *v)
{
	u32 due = __atomic_exchange_n(&v->hv->stimers_due, 0, __ATOMIC_SEQ_CST);

	for (u32 i = 0; i < HV_STIMERS; i++)
		if (due >> i & 1)
			timer_run(&v->hv->stimer[i]);
}

void hv_stimers_acked(struct vcpu *v, u32 sint)
{
	for (u32 i = 0; i < HV_STIMERS; i++) {
		struct hv_stimer *t = &v->hv->stimer[i];

		if (t->msg_pending && (t->config & (ST_ENABLE | ST_DIRECT)) == ST_ENABLE &&
		    ST_SINT(t->config) == sint)
			mark_due(t);
	}
}

/* --- registers --- */

void hv_stimer_read(struct vcpu *v, u32 idx, u64 *val)
{
	const struct hv_stimer *t = &v->hv->stimer[(idx - HV_STIMER0_CONFIG) / 2];

	*val = idx & 1 ? t->count : t->config;
}

static int write_config(struct hv_stimer *t, u64 val, bool host)
{
	const struct vcpu_hv *hv = t->v->hv;

	if (!host && hv->enforced && val & ST_DIRECT && !(hv->feat_edx & HVF_D_DIRECT))
		return 1;
	timer_stop(t);
	/* A running timer cannot be turned to no SINT: that stops it. */
	if (t->config & ST_ENABLE && !(val & ST_DIRECT) && !ST_SINT(val))
		val &= ~ST_ENABLE;
	t->config = val;
	return 0;
}

static void write_count(struct hv_stimer *t, u64 val, bool host)
{
	timer_stop(t);
	t->count = val;
	if (host)
		return;
	if (!val)
		t->config &= ~ST_ENABLE;
	else if (t->config & ST_AUTO_ENABLE)
		t->config |= ST_ENABLE;
}

int hv_stimer_write(struct vcpu *v, u32 idx, u64 val, bool host)
{
	struct hv_stimer *t = &v->hv->stimer[(idx - HV_STIMER0_CONFIG) / 2];

	if (!v->hv->active && (!host || val))
		return 1;
	if (idx & 1)
		write_count(t, val, host);
	else if (write_config(t, val, host))
		return 1;
	if (t->config & ST_ENABLE)
		mark_due(t);
	return 0;
}
