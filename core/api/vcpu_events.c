/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS: what is on its way into a vCPU. */
#include "core/vm.h"
#include "core/api/vcpu_state.h"

static bool has_payload(const struct x86_exc *e)
{
	return e->vector == X86_PF || e->vector == X86_DB;
}

static void get_exception(const struct vcpu *v, struct kvm_vcpu_events *e)
{
	if (!v->exc_pending && !v->exc_injected)
		return;
	e->exception.nr = v->exc.vector;
	e->exception.has_error_code = v->exc.has_err;
	e->exception.error_code = v->exc.err;
	if (v->vm->exception_payload && v->exc_pending) {
		e->exception.pending = 1;
		e->exception_has_payload = has_payload(&v->exc);
		if (e->exception_has_payload)
			e->exception_payload = v->exc.vector == X86_PF ? v->exc.cr2 : v->exc.dr6;
	} else if (v->exc.vector != X86_BP && v->exc.vector != X86_OF) {
		/* INT3 and INTO happen again by themselves. */
		e->exception.injected = 1;
	}
}

long vcpu_get_events(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_vcpu_events *e = arg;

	memset(e, 0, sizeof(*e));
	get_exception(v, e);
	e->interrupt.injected = v->intr_injected && !v->intr_soft;
	e->interrupt.nr = v->intr_vector;
	e->interrupt.shadow = v->cpu.shadow;
	e->nmi.injected = v->nmi_injected;
	e->nmi.pending = READ_ONCE(v->nmi_pending) != 0;
	e->nmi.masked = v->cpu.nmi_masked;
	e->smi.smm = v->cpu.smm;
	e->smi.pending = READ_ONCE(v->smi_pending);
	e->smi.smm_inside_nmi = v->cpu.smm_nmi;
	e->smi.latched_init = lapic_init_latched(v);
	e->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
		   KVM_VCPUEVENT_VALID_SMM;
	if (v->vm->exception_payload)
		e->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (v->vm->triple_event) {
		e->triple_fault.pending = !!(READ_ONCE(v->requests) & REQ_TRIPLE);
		e->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
	return 0;
}

static bool events_valid(const struct vcpu *v, const struct kvm_vcpu_events *e)
{
	u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
		    KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;
	bool pending;

	if (v->vm->exception_payload)
		known |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (v->vm->triple_event)
		known |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	if (e->flags & ~known)
		return false;
	pending = e->flags & KVM_VCPUEVENT_VALID_PAYLOAD && e->exception.pending;
	if (pending && e->exception.injected)
		return false;
	if ((pending || e->exception.injected) &&
	    (e->exception.nr > 31 || e->exception.nr == X86_NMI))
		return false;
	/* SMM would have held back the INIT that was received. */
	return !(e->flags & KVM_VCPUEVENT_VALID_SMM) || !(e->smi.smm || e->smi.pending) ||
	       v->mp_state != KVM_MP_STATE_INIT_RECEIVED;
}

static void set_exception(struct vcpu *v, const struct kvm_vcpu_events *e)
{
	bool payload = e->flags & KVM_VCPUEVENT_VALID_PAYLOAD;

	v->exc_pending = payload && e->exception.pending;
	v->exc_injected = e->exception.injected;
	/* CR2 and DR6 of what was injected are in their registers already. */
	v->exc = (struct x86_exc){ .vector = e->exception.nr,
				   .has_err = e->exception.has_error_code,
				   .err = e->exception.error_code, .cr2 = v->cpu.cr2 };
	if (!v->exc_pending || !e->exception_has_payload)
		return;
	if (v->exc.vector == X86_PF)
		v->exc.cr2 = e->exception_payload;
	if (v->exc.vector == X86_DB)
		v->exc.dr6 = e->exception_payload;
}

static void set_smi(struct vcpu *v, const struct kvm_vcpu_events *e)
{
	if (v->cpu.smm != !!e->smi.smm) {
		v->cpu.smm = e->smi.smm;
		/* Another address space. */
		v->cpu.env->flush(&v->cpu, X86_FLUSH_ALL, 0);
	}
	WRITE_ONCE(v->smi_pending, e->smi.pending);
	v->cpu.smm_nmi = e->smi.smm && e->smi.smm_inside_nmi;
	if (v->apic)
		lapic_latch_init(v, e->smi.latched_init);
}

static void set_triple(struct vcpu *v, bool pending)
{
	if (pending)
		vcpu_request(v, REQ_TRIPLE);
	else
		__atomic_fetch_and(&v->requests, ~(u32)REQ_TRIPLE, __ATOMIC_SEQ_CST);
}

long vcpu_set_events(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_vcpu_events *e = arg;

	if (!events_valid(v, e))
		return -EINVAL;
	set_exception(v, e);
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
	if (e->flags & KVM_VCPUEVENT_VALID_SMM)
		set_smi(v, e);
	if (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		set_triple(v, e->triple_fault.pending);
	vcpu_request(v, REQ_EVENT);
	return 0;
}
