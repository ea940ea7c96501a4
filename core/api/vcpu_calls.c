/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's calls; vcpu->lock is held around each. */
#include "core/vm.h"
#include "core/api/call.h"
#include "core/api/pv.h"
#include "core/api/vcpu_state.h"
#include "core/x86/cpuid.h"
#include "core/x86/debug.h"
#include "core/x86/msr.h"

#define SIGSET_BYTES	8u	/* the kernel's sigset_t */

static long vcpu_call_run(void *obj, void *arg)
{
	struct vcpu *v = obj;

	if (arg)
		return -EINVAL;
	v->ran = true;
	return vcpu_run(v);
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

/* --- events --- */

static long vcpu_get_events(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_vcpu_events *e = arg;
	bool exc = v->exc_pending || v->exc_injected;

	memset(e, 0, sizeof(*e));
	/* INT3 and INTO happen again by themselves. */
	if (exc && v->exc.vector != X86_BP && v->exc.vector != X86_OF)
		e->exception.injected = 1;
	if (exc) {
		e->exception.nr = v->exc.vector;
		e->exception.has_error_code = v->exc.has_err;
		e->exception.error_code = v->exc.err;
	}
	e->interrupt.injected = v->intr_injected && !v->intr_soft;
	e->interrupt.nr = v->intr_vector;
	e->interrupt.shadow = v->cpu.shadow;
	e->nmi.injected = v->nmi_injected;
	e->nmi.pending = READ_ONCE(v->nmi_pending) != 0;
	e->nmi.masked = v->cpu.nmi_masked;
	e->smi.smm = v->cpu.smm;
	e->smi.pending = v->smi_pending;
	e->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
		   KVM_VCPUEVENT_VALID_SMM;
	return 0;
}

static bool events_valid(const struct vcpu *v, const struct kvm_vcpu_events *e)
{
	const u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			  KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;

	/* Payloads and triple faults need capabilities that are not offered. */
	if (e->flags & ~known)
		return false;
	if (e->exception.injected && (e->exception.nr > 31 || e->exception.nr == X86_NMI))
		return false;
	/* Nor is system management mode. */
	return !(e->flags & KVM_VCPUEVENT_VALID_SMM) || !(e->smi.smm || e->smi.pending);
}

static long vcpu_set_events(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_vcpu_events *e = arg;

	if (!events_valid(v, e))
		return -EINVAL;
	v->exc_pending = false;
	v->exc_injected = e->exception.injected;
	/* CR2 and DR6 are in their registers already. */
	v->exc = (struct x86_exc){ .vector = e->exception.nr,
				   .has_err = e->exception.has_error_code,
				   .err = e->exception.error_code, .cr2 = v->cpu.cr2 };
	v->intr_injected = e->interrupt.injected;
	v->intr_vector = e->interrupt.nr;
	v->intr_soft = e->interrupt.soft;
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW)
		v->cpu.shadow = e->interrupt.shadow & (X86_SHADOW_STI | X86_SHADOW_MOVSS);
	v->nmi_injected = e->nmi.injected;
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		__atomic_store_n(&v->nmi_pending, e->nmi.pending ? 1 : 0, __ATOMIC_SEQ_CST);
	v->cpu.nmi_masked = e->nmi.masked;
	if (e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR && v->apic)
		v->sipi_vector = (u8)e->sipi_vector;
	vcpu_request(v, REQ_EVENT);
	return 0;
}

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

/* --- run state --- */

static long vcpu_get_mp_state(void *obj, void *arg)
{
	struct vcpu *v = obj;
	bool kicked = __atomic_load_n(&v->unhalt, __ATOMIC_SEQ_CST);

	((struct kvm_mp_state *)arg)->mp_state =
		v->mp_state == KVM_MP_STATE_HALTED && kicked ? KVM_MP_STATE_RUNNABLE : v->mp_state;
	return 0;
}

static long vcpu_set_mp_state(void *obj, void *arg)
{
	struct vcpu *v = obj;
	u32 state = ((const struct kvm_mp_state *)arg)->mp_state;
	struct x86_seg *cs = &v->cpu.seg[X86_CS];

	if (state > KVM_MP_STATE_SIPI_RECEIVED && state != KVM_MP_STATE_AP_RESET_HOLD)
		return -EINVAL;
	if (state != KVM_MP_STATE_RUNNABLE && !v->apic)
		return -EINVAL;
	if (state == KVM_MP_STATE_SIPI_RECEIVED) {
		cs->sel = v->sipi_vector << 8;
		cs->base = (u64)v->sipi_vector << 12;
		v->cpu.gpr[X86_RIP] = 0;
		x86_mode_update(&v->cpu);
		if (v->vm->engine->state_changed)
			v->vm->engine->state_changed(v);
		state = KVM_MP_STATE_RUNNABLE;
	}
	v->mp_state = state;
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
	struct vcpu *v = obj;

	return v->tsc_khz ? v->tsc_khz : host_tsc_khz();
}

/* Without scaling, only what is near enough to the host's own frequency. */
static long vcpu_set_tsc_khz(void *obj, void *arg)
{
	struct vcpu *v = obj;
	u32 khz = (u32)(uintptr_t)arg, host = host_tsc_khz();
	u64 tolerance = (u64)host * 250 / 1000000;

	if (khz && (khz > host + tolerance || khz < host - tolerance))
		return -EINVAL;
	v->tsc_khz = khz;
	return 0;
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
	CALL_TAIL(KVM_GET_CPUID2, vcpu_get_cpuid2, struct kvm_cpuid2, nent, entries, 256, 0,
		  CALL_CLAMP | CALL_TAIL_OUT),
	CALL_TAIL(KVM_GET_MSRS, vcpu_get_msrs, struct kvm_msrs, nmsrs, entries, 255, -E2BIG,
		  CALL_TAIL_IN | CALL_TAIL_OUT),
	CALL_TAIL(KVM_SET_MSRS, vcpu_set_msrs, struct kvm_msrs, nmsrs, entries, 255, -E2BIG,
		  CALL_TAIL_IN),
	CALL(KVM_X86_SETUP_MCE, vcpu_setup_mce),
	CALL(KVM_GET_VCPU_EVENTS, vcpu_get_events),
	CALL(KVM_SET_VCPU_EVENTS, vcpu_set_events),
	CALL(KVM_INTERRUPT, vcpu_interrupt),
	CALL_NUM(KVM_NMI, vcpu_nmi),
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
};

const struct api_table vcpu_calls = { rows, ARRAY_SIZE(rows), -EINVAL };
