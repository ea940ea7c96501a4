/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's calls; vcpu->lock is held around each. */
#include "core/vm.h"
#include "core/api/call.h"
#include "core/api/pv.h"
#include "core/api/tsc.h"
#include "core/api/vcpu_state.h"
#include "core/x86/cpuid.h"
#include "core/x86/debug.h"
#include "core/x86/msr.h"

#define SIGSET_BYTES	8u	/* the kernel's sigset_t */

/* KVM_CAP_SYNC_REGS: registers move through kvm_run instead of ioctls. */
static long sync_regs_in(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u64 valid = READ_ONCE(run->kvm_valid_regs), dirty = READ_ONCE(run->kvm_dirty_regs);
	struct kvm_sync_regs s;
	long r = 0;

	if ((valid | dirty) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	if (!dirty)
		return 0;
	vcpu_fetch(v);
	/* User space may be writing to the page all the while. */
	memcpy(&s, &run->s.regs, sizeof(s));
	if (dirty & KVM_SYNC_X86_REGS)
		r = vcpu_set_regs(v, &s.regs);
	if (!r && dirty & KVM_SYNC_X86_SREGS)
		r = vcpu_set_sregs(v, &s.sregs);
	if (!r && dirty & KVM_SYNC_X86_EVENTS)
		r = vcpu_set_events(v, &s.events);
	if (!r)
		run->kvm_dirty_regs = 0;
	return r;
}

static void sync_regs_out(struct vcpu *v)
{
	u64 valid = READ_ONCE(v->run->kvm_valid_regs);
	struct kvm_sync_regs *s = &v->run->s.regs;

	if (valid)
		vcpu_fetch(v);
	if (valid & KVM_SYNC_X86_REGS)
		vcpu_get_regs(v, &s->regs);
	if (valid & KVM_SYNC_X86_SREGS)
		vcpu_get_sregs(v, &s->sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		vcpu_get_events(v, &s->events);
}

static long vcpu_call_run(void *obj, void *arg)
{
	struct vcpu *v = obj;
	long r;

	if (arg)
		return -EINVAL;
	r = sync_regs_in(v);
	if (r)
		return r;
	v->ran = true;
	r = vcpu_run(v);
	sync_regs_out(v);
	return r;
}

/* --- CPUID and MSRs --- */

static long vcpu_set_cpuid2(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_cpuid2 *c = arg;
	int err = cpuid_set(v, c->entries, c->nent);

	if (!err && v->vm->engine->state_changed)
		v->vm->engine->state_changed(v);
	return err;
}

/* The older form: no subleaves, no flags. */
static long vcpu_set_cpuid1(void *obj, void *arg)
{
	const struct kvm_cpuid *c = arg;
	struct kvm_cpuid_entry2 *e = NULL;
	struct kvm_cpuid2 none = { 0 };
	struct vcpu *v = obj;
	int err;

	if (!c->nent)
		return vcpu_set_cpuid2(obj, &none);
	e = host_alloc(c->nent * sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (u32 i = 0; i < c->nent; i++)
		e[i] = (struct kvm_cpuid_entry2){
			.function = c->entries[i].function, .eax = c->entries[i].eax,
			.ebx = c->entries[i].ebx, .ecx = c->entries[i].ecx,
			.edx = c->entries[i].edx,
		};
	err = cpuid_set(v, e, c->nent);
	host_free(e);
	if (!err && v->vm->engine->state_changed)
		v->vm->engine->state_changed(v);
	return err;
}

static long vcpu_get_cpuid2(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_cpuid2 *c = arg;

	if (c->nent < v->n_cpuid)
		return -E2BIG;
	c->nent = v->n_cpuid;
	cpuid_get(v, c->entries);
	return 0;
}

static long hv_cpuid_call(void *obj, void *arg)
{
	return hv_cpuid_supported(obj, arg);
}

/* How many were moved; the first that cannot be ends it. */
static long vcpu_get_msrs(void *obj, void *arg)
{
	struct kvm_msrs *m = arg;
	u32 i;
	u64 val;

	for (i = 0; i < m->nmsrs; i++) {
		if (msr_read(obj, m->entries[i].index, &val, true))
			break;
		m->entries[i].data = val;
	}
	return i;
}

static long vcpu_set_msrs(void *obj, void *arg)
{
	const struct kvm_msrs *m = arg;
	u32 i;

	for (i = 0; i < m->nmsrs; i++)
		if (msr_write(obj, m->entries[i].index, m->entries[i].data, true))
			break;
	return i;
}

static long vcpu_setup_mce(void *obj, void *arg)
{
	u64 cap;

	memcpy(&cap, arg, sizeof(cap));
	return mce_setup(obj, cap);
}

static long vcpu_set_mce(void *obj, void *arg)
{
	return mce_inject(obj, arg);
}

/* --- events --- */

static long vcpu_interrupt(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_interrupt *i = arg;

	if (i->irq > 255)
		return -EINVAL;
	if (v->vm->irqs.mode == IRQCHIP_KERNEL)
		return -ENXIO;
	if (v->vm->irqs.mode == IRQCHIP_SPLIT && v->intr_injected)
		return -EEXIST;
	v->intr_injected = true;
	v->intr_soft = false;
	v->intr_vector = i->irq;
	vcpu_request(v, REQ_EVENT);
	return 0;
}

static long vcpu_nmi(void *obj, void *arg)
{
	struct vcpu *v = obj;
	u32 n = READ_ONCE(v->nmi_pending);

	/* One may be held while another is handled; more are lost. */
	while (n < 2 && !__atomic_compare_exchange_n(&v->nmi_pending, &n, n + 1, false,
						     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	vcpu_request(v, REQ_EVENT);
	return 0;
}

static long vcpu_smi(void *obj, void *arg)
{
	struct vcpu *v = obj;

	WRITE_ONCE(v->smi_pending, true);
	vcpu_request(v, REQ_EVENT);
	return 0;
}

/* --- run state --- */

static long vcpu_get_mp_state(void *obj, void *arg)
{
	struct vcpu *v = obj;
	bool kicked = __atomic_load_n(&v->unhalt, __ATOMIC_SEQ_CST);

	if (lapic_has_init_sipi(v))
		vcpu_take_init_sipi(v);
	((struct kvm_mp_state *)arg)->mp_state =
		v->mp_state == KVM_MP_STATE_HALTED && kicked ? KVM_MP_STATE_RUNNABLE : v->mp_state;
	return 0;
}

static long vcpu_set_mp_state(void *obj, void *arg)
{
	struct vcpu *v = obj;
	u32 state = ((const struct kvm_mp_state *)arg)->mp_state;
	bool init = state == KVM_MP_STATE_INIT_RECEIVED || state == KVM_MP_STATE_SIPI_RECEIVED;

	if (state > KVM_MP_STATE_SIPI_RECEIVED && state != KVM_MP_STATE_AP_RESET_HOLD)
		return -EINVAL;
	if (state != KVM_MP_STATE_RUNNABLE && !v->apic)
		return -EINVAL;
	/* SMM holds INIT back; latched_init is how to say that one waits. */
	if (init && (v->cpu.smm || READ_ONCE(v->smi_pending)))
		return -EINVAL;
	if (state == KVM_MP_STATE_SIPI_RECEIVED)
		lapic_latch_sipi(v);
	v->mp_state = state == KVM_MP_STATE_SIPI_RECEIVED ? KVM_MP_STATE_INIT_RECEIVED : state;
	vcpu_request(v, REQ_EVENT);
	return 0;
}

static long vcpu_guest_debug(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_guest_debug *d = arg;

	if (d->control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		if (v->exc_pending || v->exc_injected)
			return -EBUSY;
		v->exc = (struct x86_exc){
			.vector = d->control & KVM_GUESTDBG_INJECT_DB ? X86_DB : X86_BP,
		};
		v->exc_pending = true;
	}
	v->guest_debug = d->control & KVM_GUESTDBG_ENABLE ? d->control : 0;
	if (v->guest_debug & KVM_GUESTDBG_USE_HW_BP)
		memcpy(v->guest_dr, d->arch.debugreg, sizeof(v->guest_dr));
	else
		memset(v->guest_dr, 0, sizeof(v->guest_dr));
	x86_debug_changed(&v->cpu);
	if (v->vm->engine->state_changed)
		v->vm->engine->state_changed(v);
	return 0;
}

static long vcpu_signal_mask(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_signal_mask *m = arg;

	if (!m) {
		v->sigmask_set = false;
		return 0;
	}
	if (m->len != SIGSET_BYTES)
		return -EINVAL;
	memcpy(&v->sigmask, m->sigset, SIGSET_BYTES);
	v->sigmask_set = true;
	return 0;
}

/* --- local APIC --- */

static long vcpu_get_lapic(void *obj, void *arg)
{
	struct vcpu *v = obj;

	return v->apic ? lapic_get_state(v, arg) : -EINVAL;
}

static long vcpu_set_lapic(void *obj, void *arg)
{
	struct vcpu *v = obj;

	return v->apic ? lapic_set_state(v, arg) : -EINVAL;
}

static long vcpu_set_vapic(void *obj, void *arg)
{
	struct vcpu *v = obj;

	if (!v->apic)
		return -EINVAL;
	v->vapic_gpa = ((const struct kvm_vapic_addr *)arg)->vapic_addr;
	return 0;
}

/* Accepted, and never reported: no guest instruction needs user space's help
 * to reach the TPR. */
static long vcpu_tpr_reporting(void *obj, void *arg)
{
	return ((const struct kvm_tpr_access_ctl *)arg)->flags ? -EINVAL : 0;
}

/* --- time --- */

static long vcpu_get_tsc_khz(void *obj, void *arg)
{
	return ((const struct vcpu *)obj)->tsc_khz;
}

static long vcpu_set_tsc_khz(void *obj, void *arg)
{
	struct vcpu *v = obj;
	u32 khz = (u32)(uintptr_t)arg;
	int err = tsc_khz_valid(v->vm->engine, khz) ? tsc_set_khz(v, khz) : -EINVAL;

	if (err)
		return err;
	if (v->apic)
		lapic_tsc_changed(v);
	vcpu_tsc_changed(v);
	return 0;
}

/* The one attribute there is: KVM_VCPU_TSC_OFFSET. */
static bool is_tsc_offset(const struct kvm_device_attr *a)
{
	return !a->flags && a->group == KVM_VCPU_TSC_CTRL && a->attr == KVM_VCPU_TSC_OFFSET;
}

static long vcpu_has_attr(void *obj, void *arg)
{
	return is_tsc_offset(arg) ? 0 : -ENXIO;
}

static long vcpu_get_attr(void *obj, void *arg)
{
	const struct kvm_device_attr *a = arg;
	struct vcpu *v = obj;

	if (!is_tsc_offset(a))
		return -ENXIO;
	return host_copy_to_user((void *)(uintptr_t)a->addr, &v->tsc_offset, sizeof(v->tsc_offset));
}

static long vcpu_set_attr(void *obj, void *arg)
{
	const struct kvm_device_attr *a = arg;
	struct vcpu *v = obj;
	u64 offset;
	int err;

	if (!is_tsc_offset(a))
		return -ENXIO;
	err = host_copy_from_user(&offset, (const void *)(uintptr_t)a->addr, sizeof(offset));
	if (err)
		return err;
	tsc_set_offset(v, offset);
	if (v->apic)
		lapic_tsc_changed(v);
	vcpu_tsc_changed(v);
	return 0;
}

static long vcpu_enable_cap(void *obj, void *arg)
{
	const struct kvm_enable_cap *c = arg;
	struct vcpu *v = obj;

	if (c->flags)
		return -EINVAL;
	switch (c->cap) {
	case KVM_CAP_ENFORCE_PV_FEATURE_CPUID: v->pv_enforced = c->args[0]; return 0;
	case KVM_CAP_HYPERV_ENFORCE_CPUID: v->hv->enforced = c->args[0]; return 0;
	case KVM_CAP_HYPERV_SYNIC: return hv_synic_activate(v, false);
	case KVM_CAP_HYPERV_SYNIC2: return c->args[0] ? -EINVAL : hv_synic_activate(v, true);
	/* As where guests of guests are none. */
	case KVM_CAP_HYPERV_ENLIGHTENED_VMCS: case KVM_CAP_HYPERV_DIRECT_TLBFLUSH: return -ENOTTY;
	}
	return -EINVAL;
}

static long vcpu_clock_ctrl(void *obj, void *arg)
{
	return pv_clock_paused(obj);
}

static const struct api_call rows[] = {
	CALL_NUM(KVM_RUN, vcpu_call_run),
	CALL(KVM_GET_REGS, vcpu_get_regs),
	CALL(KVM_SET_REGS, vcpu_set_regs),
	CALL(KVM_GET_SREGS, vcpu_get_sregs),
	CALL(KVM_SET_SREGS, vcpu_set_sregs),
	CALL(KVM_GET_SREGS2, vcpu_get_sregs2),
	CALL(KVM_SET_SREGS2, vcpu_set_sregs2),
	CALL(KVM_TRANSLATE, vcpu_translate),
	CALL(KVM_GET_FPU, vcpu_get_fpu),
	CALL(KVM_SET_FPU, vcpu_set_fpu),
	CALL(KVM_GET_XSAVE, vcpu_get_xsave),
	CALL(KVM_GET_XSAVE2, vcpu_get_xsave),
	CALL(KVM_SET_XSAVE, vcpu_set_xsave),
	CALL(KVM_GET_XCRS, vcpu_get_xcrs),
	CALL(KVM_SET_XCRS, vcpu_set_xcrs),
	CALL(KVM_GET_DEBUGREGS, vcpu_get_debugregs),
	CALL(KVM_SET_DEBUGREGS, vcpu_set_debugregs),
	CALL_TAIL(KVM_SET_CPUID2, vcpu_set_cpuid2, struct kvm_cpuid2, nent, entries, 256, -E2BIG,
		  CALL_TAIL_IN),
	CALL_TAIL(KVM_SET_CPUID, vcpu_set_cpuid1, struct kvm_cpuid, nent, entries, 256, -E2BIG,
		  CALL_TAIL_IN),
	CALL_TAIL(KVM_GET_CPUID2, vcpu_get_cpuid2, struct kvm_cpuid2, nent, entries, 256, 0,
		  CALL_CLAMP | CALL_TAIL_OUT),
	CALL_TAIL(KVM_GET_SUPPORTED_HV_CPUID, hv_cpuid_call, struct kvm_cpuid2, nent, entries, 256,
		  0, CALL_CLAMP | CALL_TAIL_OUT),
	CALL_TAIL(KVM_GET_MSRS, vcpu_get_msrs, struct kvm_msrs, nmsrs, entries, 255, -E2BIG,
		  CALL_TAIL_IN | CALL_TAIL_OUT),
	CALL_TAIL(KVM_SET_MSRS, vcpu_set_msrs, struct kvm_msrs, nmsrs, entries, 255, -E2BIG,
		  CALL_TAIL_IN),
	CALL(KVM_X86_SETUP_MCE, vcpu_setup_mce),
	CALL(KVM_X86_SET_MCE, vcpu_set_mce),
	CALL(KVM_GET_VCPU_EVENTS, vcpu_get_events),
	CALL(KVM_SET_VCPU_EVENTS, vcpu_set_events),
	CALL(KVM_INTERRUPT, vcpu_interrupt),
	CALL_NUM(KVM_NMI, vcpu_nmi),
	CALL_NUM(KVM_SMI, vcpu_smi),
	CALL(KVM_GET_MP_STATE, vcpu_get_mp_state),
	CALL(KVM_SET_MP_STATE, vcpu_set_mp_state),
	CALL(KVM_SET_GUEST_DEBUG, vcpu_guest_debug),
	CALL_TAIL(KVM_SET_SIGNAL_MASK, vcpu_signal_mask, struct kvm_signal_mask, len, sigset, 64,
		  -EINVAL, CALL_NULL | CALL_TAIL_IN),
	CALL(KVM_GET_LAPIC, vcpu_get_lapic),
	CALL(KVM_SET_LAPIC, vcpu_set_lapic),
	CALL(KVM_SET_VAPIC_ADDR, vcpu_set_vapic),
	CALL(KVM_TPR_ACCESS_REPORTING, vcpu_tpr_reporting),
	CALL_NUM(KVM_GET_TSC_KHZ, vcpu_get_tsc_khz),
	CALL_NUM(KVM_SET_TSC_KHZ, vcpu_set_tsc_khz),
	CALL_NUM(KVM_KVMCLOCK_CTRL, vcpu_clock_ctrl),
	CALL(KVM_HAS_DEVICE_ATTR, vcpu_has_attr),
	CALL(KVM_GET_DEVICE_ATTR, vcpu_get_attr),
	CALL(KVM_SET_DEVICE_ATTR, vcpu_set_attr),
	CALL(KVM_ENABLE_CAP, vcpu_enable_cap),
};

const struct api_table vcpu_calls = { rows, ARRAY_SIZE(rows), -EINVAL };

long vcpu_dispatch(struct vcpu *v, u32 nr, void *uarg)
{
	if (nr != KVM_RUN)
		vcpu_fetch(v);
	return api_dispatch(&vcpu_calls, v, nr, uarg);
}
