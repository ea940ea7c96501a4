/* SPDX-License-Identifier: GPL-2.0-or-later */
/* msr.c - the synthetic MSRs, and what a vCPU and a VM keep for them. */
#include "core/vm.h"
#include "core/api/pv.h"
#include "core/irq/lapic.h"
#include "core/x86/msr.h"

#define PAGE_ENABLE	1ull
#define CRASH_NOTIFY	(1ull << 63)
#define APIC_HZ		1000000000u

void hv_vm_init(struct vm *vm)
{
	host_mutex_init(&vm->hv.lock);
}

int hv_vcpu_init(struct vcpu *v)
{
	struct vcpu_hv *hv = host_alloc(sizeof(*hv));
	int err;

	if (!hv)
		return -ENOMEM;
	v->hv = hv;
	err = hv_stimer_init(v);
	if (err) {
		v->hv = NULL;
		host_free(hv);
		return err;
	}
	hv->vp_index = v->index;
	hv->version = 1;
	for (u32 i = 0; i < HV_SINTS; i++)
		hv->sint[i] = 1u << 16;		/* masked */
	return 0;
}

void hv_vcpu_fini(struct vcpu *v)
{
	if (!v->hv)
		return;
	hv_stimer_fini(v);
	host_free(v->hv);
	v->hv = NULL;
}

/* --- requests --- */

static void system_event(struct kvm_run *run, u32 type)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = type;
	run->system_event.ndata = 0;
}

/* One exit at a time. */
static void next_exit(struct vcpu *v)
{
	struct vcpu_hv *hv = v->hv;

	if (hv->pending & HV_DO_CRASH) {
		system_event(v->run, KVM_SYSTEM_EVENT_CRASH);
	} else if (hv->pending & HV_DO_RESET) {
		system_event(v->run, KVM_SYSTEM_EVENT_RESET);
	} else {
		v->run->exit_reason = KVM_EXIT_HYPERV;
		v->run->hyperv = hv->exit;
		hv->wants_status = hv->exit.type == KVM_EXIT_HYPERV_SYNDBG &&
				   hv->exit.u.syndbg.msr == HV_DBG_CONTROL;
	}
	hv->pending &= hv->pending - 1;
	vcpu_request(v, REQ_HYPERV);	/* the others, and timers */
}

void hv_exit_answered(struct vcpu *v)
{
	if (v->hv->wants_status)
		WRITE_ONCE(v->vm->hv.dbg[HV_DBG_STATUS - HV_DBG_CONTROL],
			   READ_ONCE(v->run->hyperv.u.syndbg.status));
	v->hv->wants_status = false;
}

int hv_requests(struct vcpu *v)
{
	if (v->hv->pending) {
		next_exit(v);
		return RUN_EXIT;
	}
	hv_stimers_run(v);
	return RUN_OK;
}

static void pend(struct vcpu *v, enum hv_pending what)
{
	v->hv->pending |= what;
	vcpu_request(v, REQ_HYPERV);
}

/* --- partition-wide --- */

static bool partition_wide(u32 idx)
{
	return idx <= HV_HYPERCALL || idx == HV_RESET || idx == HV_REFERENCE_TSC ||
	       idx >= HV_DBG_CONTROL;
}

static u64 *value_of(struct vm_hv *hv, u32 idx)
{
	switch (idx) {
	case HV_GUEST_OS_ID: return &hv->guest_os_id;
	case HV_HYPERCALL: return &hv->hypercall;
	case HV_REFERENCE_TSC: return &hv->tsc_page;
	case HV_DBG_CONTROL ... HV_DBG_PENDING: return &hv->dbg[idx - HV_DBG_CONTROL];
	case HV_DBG_OPTIONS: return &hv->dbg_options;
	case HV_CRASH_P0 ... HV_CRASH_P4: return &hv->crash[idx - HV_CRASH_P0];
	case HV_CRASH_CTL: return &hv->crash_ctl;
	case HV_REENLIGHTENMENT: return &hv->reenlightenment;
	case HV_TSC_EMULATION: return &hv->tsc_emulation;
	case HV_TSC_EMULATION_STATUS: return &hv->tsc_emulation_status;
	}
	return NULL;
}

static bool is_debugger(u32 idx)
{
	return idx >= HV_DBG_CONTROL && idx <= HV_DBG_OPTIONS;
}

/* The page has VMMCALL and RET, for guests to call. */
static int set_hypercall(struct vcpu *v, u64 val)
{
	static const u8 code[] = { 0x0f, 0x01, 0xd9, 0xc3 };
	struct vm_hv *hv = &v->vm->hv;

	if (!hv->guest_os_id)
		return 0;
	if (val & PAGE_ENABLE && gmem_write(v, val & ~0xfffull, code, sizeof(code)))
		return 1;
	hv->hypercall = val;
	return 0;
}

static void set_tsc_page(struct vcpu *v, u64 val, bool host)
{
	struct vm_hv *hv = &v->vm->hv;

	hv->tsc_page = val;
	WRITE_ONCE(hv->page_status, !(val & PAGE_ENABLE) ? HV_PAGE_OFF :
				    host ? HV_PAGE_HOST_CHANGED : HV_PAGE_GUEST_CHANGED);
	vcpu_request(v, REQ_CLOCK);
}

/* A kernel debugger's transport, which user space has. */
static void debugger_exit(struct vcpu *v, u32 idx)
{
	struct kvm_hyperv_exit *e = &v->hv->exit;
	const u64 *dbg = v->vm->hv.dbg;

	*e = (struct kvm_hyperv_exit){ .type = KVM_EXIT_HYPERV_SYNDBG };
	e->u.syndbg.msr = idx;
	e->u.syndbg.control = dbg[0];
	e->u.syndbg.send_page = dbg[2];
	e->u.syndbg.recv_page = dbg[3];
	e->u.syndbg.pending_page = dbg[4];
	pend(v, HV_DO_EXIT);
}

static int write_wide_locked(struct vcpu *v, u32 idx, u64 val, bool host)
{
	struct vm_hv *hv = &v->vm->hv;
	u64 *value = value_of(hv, idx);

	host_mutex_assert_held(&hv->lock);
	switch (idx) {
	case HV_HYPERCALL:
		return set_hypercall(v, val);
	case HV_REFERENCE_TSC:
		set_tsc_page(v, val, host);
		return 0;
	case HV_RESET:
		if (val == 1)
			pend(v, HV_DO_RESET);
		return 0;
	case HV_CRASH_CTL:
		if (host)
			hv->crash_ctl = val & CRASH_NOTIFY;
		else if (val & CRASH_NOTIFY)
			pend(v, HV_DO_CRASH);
		return 0;
	case HV_TSC_EMULATION_STATUS:
		if (val && !host)
			return 1;
		break;
	}
	if (!value)
		return 1;
	WRITE_ONCE(*value, val);
	if (idx == HV_GUEST_OS_ID && !val)
		hv->hypercall &= ~PAGE_ENABLE;
	if (!host && (idx == HV_DBG_CONTROL || idx == HV_DBG_PENDING))
		debugger_exit(v, idx);
	return 0;
}

/* --- one vCPU's --- */

static int set_vp_index(struct vcpu *v, u64 val, bool host)
{
	if (!host || (u32)val >= VM_VCPUS_MAX)
		return 1;
	WRITE_ONCE(v->hv->vp_index, (u32)val);
	return 0;
}

/* The page's first word spares the guest EOIs; the rest is the guest's. */
static int set_assist(struct vcpu *v, u64 val)
{
	const u32 none = 0;
	bool on = val & PAGE_ENABLE;

	if (on && gmem_write(v, val & ~0xfffull, &none, sizeof(none)))
		return 1;
	v->hv->assist = val;
	return pv_eoi_set(v, on ? (val & ~0xfffull) | 1 : 0);
}

static int write_own(struct vcpu *v, u32 idx, u64 val, bool host)
{
	switch (idx) {
	case HV_VP_INDEX:
		return set_vp_index(v, val, host);
	case HV_VP_RUNTIME:
		if (host)
			v->hv->runtime_offset = val - host_thread_ns() / 100;
		return !host;
	case HV_TIME_REF_COUNT: case HV_TSC_FREQUENCY: case HV_APIC_FREQUENCY:
		return !host;		/* read-only, but old states have them */
	case HV_EOI: case HV_ICR: case HV_TPR:
		return lapic_hv_write(v, idx - HV_EOI, val);
	case HV_VP_ASSIST_PAGE:
		return set_assist(v, val);
	case HV_SCONTROL ... HV_EOM: case HV_SINT0 ... HV_SINT15:
		return hv_synic_write(v, idx, val, host);
	case HV_STIMER0_CONFIG ... HV_STIMER3_COUNT:
		return hv_stimer_write(v, idx, val, host);
	}
	return 1;
}

static int read_own(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	switch (idx) {
	case HV_VP_INDEX: *val = v->hv->vp_index; return 0;
	case HV_VP_RUNTIME: *val = host_thread_ns() / 100 + v->hv->runtime_offset; return 0;
	case HV_TIME_REF_COUNT: *val = hv_time(v->vm); return 0;
	case HV_TSC_FREQUENCY:
		*val = (u64)v->tsc_khz * 1000;
		return 0;
	case HV_APIC_FREQUENCY: *val = APIC_HZ; return 0;
	case HV_EOI: case HV_ICR: case HV_TPR:
		return lapic_hv_read(v, idx - HV_EOI, val);
	case HV_VP_ASSIST_PAGE: *val = v->hv->assist; return 0;
	case HV_SCONTROL ... HV_EOM: case HV_SINT0 ... HV_SINT15:
		return hv_synic_read(v, idx, val, host);
	case HV_STIMER0_CONFIG ... HV_STIMER3_COUNT:
		hv_stimer_read(v, idx, val);
		return 0;
	}
	return 1;
}

/* --- all --- */

static bool refused(const struct vcpu *v, u32 idx, bool host)
{
	if (!v->hv)
		return true;
	if (host)
		return false;
	return !v->hv->enabled || !hv_msr_offered(v->hv, idx) ||
	       (is_debugger(idx) && !(v->hv->dbg_eax & HVD_ALLOWED));
}

int hv_msr_read(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	struct vm_hv *hv = &v->vm->hv;
	const u64 *value;

	if (refused(v, idx, host))
		return 1;
	if (!partition_wide(idx))
		return read_own(v, idx, val, host);
	value = value_of(hv, idx);
	if (!value && idx != HV_RESET)
		return 1;
	host_mutex_lock(&hv->lock);
	*val = value ? *value : 0;
	host_mutex_unlock(&hv->lock);
	return 0;
}

static int write_any(struct vcpu *v, u32 idx, u64 val, bool host)
{
	struct vm_hv *hv = &v->vm->hv;
	int r;

	if (!partition_wide(idx))
		return write_own(v, idx, val, host);
	host_mutex_lock(&hv->lock);
	r = write_wide_locked(v, idx, val, host);
	host_mutex_unlock(&hv->lock);
	return r;
}

int hv_msr_write(struct vcpu *v, u32 idx, u64 val, bool host)
{
	/* These two write guest memory; only in KVM_RUN that needs no lock. */
	bool lock = host && (idx == HV_HYPERCALL || idx == HV_VP_ASSIST_PAGE);
	int r;

	if (refused(v, idx, host))
		return 1;
	if (lock)
		host_mutex_lock(&v->vm->slots.lock);
	r = write_any(v, idx, val, host);
	if (lock)
		host_mutex_unlock(&v->vm->slots.lock);
	return r;
}
