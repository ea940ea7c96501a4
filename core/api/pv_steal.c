/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv_steal.c - steal time: how long the vCPU's thread waited for a processor,
 * and whether the vCPU is off its processor just now. A guest that wants the
 * TLB of such a vCPU flushed only says so in its page (PV TLB flush).
 */
#include "core/api/pv.h"
#include "core/vm.h"

#define STEAL_ON	1ull
#define STEAL_RESERVED	0x3eull
#define STEAL_PREEMPTED	1u
#define STEAL_FLUSH	2u

/* Asking the host costs a few microseconds: not more often than this, while
 * KVM_RUN goes on and when it starts. */
#define STEAL_EVERY_NS	1000000ull
#define STEAL_START_NS	200000ull

struct steal_time {		/* msr.rst: struct kvm_steal_time */
	u64 steal;
	u32 version, flags;
	u8 preempted, pad8[3];
	u32 pad[11];
};

static u64 steal_gpa(const struct vcpu_pv *pv)
{
	return pv->steal_msr & ~(u64)(STEAL_ON | STEAL_RESERVED);
}

int pv_steal_msr(struct vcpu *v, u64 val)
{
	if (val & STEAL_RESERVED || host_run_delay_ns() == HOST_NO_RUN_DELAY)
		return 1;
	v->pv->steal_msr = val;
	v->pv->steal_read = 0;
	return 0;
}

/* The vCPU runs again. What others wanted of it meanwhile is done now, before
 * any access through its TLB. */
static void unpreempt(struct vcpu *v, u64 gpa)
{
	const struct slot *s = slot_find(v->vm, gpa);
	u64 at = gpa + offsetof(struct steal_time, preempted), old = STEAL_PREEMPTED;
	u8 now;
	int r = 1;

	if (!s || s->flags & KVM_MEM_READONLY || gmem_read(v->vm, at, &now, 1) || !now)
		return;
	/* Who keeps changing it is no guest that wants a flush. */
	for (int i = 0; r == 1 && i < 100; i++)
		r = gmem_cmpxchg(v, s, at, &old, 0, 1);
	if (r || !pv_offered(v, PV_TLB_FLUSH) || !(old & STEAL_FLUSH))
		return;
	if (v->vm->engine->flush)
		v->vm->engine->flush(v, X86_FLUSH_ALL, 0);
}

static void account(struct vcpu *v, u64 gpa)
{
	struct vcpu_pv *pv = v->pv;
	u64 delay = host_run_delay_ns(), steal;
	u32 version;

	if (gmem_read(v->vm, gpa, &steal, sizeof(steal)) ||
	    pv_version_begin(v, gpa + offsetof(struct steal_time, version), &version))
		return;
	/* Another thread's count may be lower. */
	if (delay > pv->steal_last)
		steal += delay - pv->steal_last;
	pv->steal_last = delay;
	gmem_write(v, gpa, &steal, sizeof(steal));
	pv_version_end(v, gpa + offsetof(struct steal_time, version), version);
}

void pv_steal_enter(struct vcpu *v, bool start)
{
	struct vcpu_pv *pv = v->pv;
	u64 now;

	if (likely(!pv || !(pv->steal_msr & STEAL_ON)))
		return;
	/* It may have been written to before the vCPU came here from elsewhere. */
	if (start || pv->preempted)
		unpreempt(v, steal_gpa(pv));
	pv->preempted = false;
	now = host_now_ns();
	if (pv->steal_read && now - pv->steal_read < (start ? STEAL_START_NS : STEAL_EVERY_NS))
		return;
	pv->steal_read = now;
	account(v, steal_gpa(pv));
}

void pv_steal_leave(struct vcpu *v)
{
	const u8 preempted = STEAL_PREEMPTED;
	struct vcpu_pv *pv = v->pv;

	if (likely(!pv || !(pv->steal_msr & STEAL_ON)) || pv->preempted)
		return;
	if (!gmem_write(v, steal_gpa(pv) + offsetof(struct steal_time, preempted), &preempted, 1))
		pv->preempted = true;
}
