/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv_apf.c - asynchronous page faults: the guest's side of the interface. No
 * page is ever reported as not present, since nothing here knows beforehand
 * that one is not; so what a guest hears is the "all are ready" that follows
 * switching it on (after a migration there may be tasks that wait).
 *
 * Source: Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_*.
 */
#include "core/api/pv.h"
#include "core/irq/lapic.h"
#include "core/vm.h"

#define APF_ON		(1u << 0)
#define APF_VMEXIT	(1u << 2)
#define APF_AS_INT	(1u << 3)
#define APF_RESERVED	0x30u
#define APF_TOKEN_ALL	(~0u)

struct apf_data {		/* struct kvm_vcpu_pv_apf_data */
	u32 flags, token;
};

static bool apf_enabled(const struct vcpu_pv *pv)
{
	return (pv->apf_en & (APF_ON | APF_AS_INT)) == (APF_ON | APF_AS_INT);
}

static u64 token_gpa(const struct vcpu_pv *pv)
{
	return (pv->apf_en & ~0x3full) + offsetof(struct apf_data, token);
}

int pv_apf_enable(struct vcpu *v, u64 val, bool host)
{
	struct vcpu_pv *pv = v->pv;

	if (val & APF_RESERVED)
		return 1;
	if (!host && ((val & APF_VMEXIT && !pv_offered(v, PV_APF_VMEXIT)) ||
		      (val & APF_AS_INT && !pv_offered(v, PV_APF_INT))))
		return 1;
	if (!v->apic)
		return val != 0;
	/* As KVM, that keeps what it then refuses. */
	pv->apf_en = val;
	pv->apf_wake_all = false;
	if (!apf_enabled(pv))
		return 0;
	if (!gmem_writable(v->vm, val & ~0x3full, sizeof(struct apf_data)))
		return 1;
	pv->apf_wake_all = true;
	vcpu_request(v, REQ_EVENT);
	return 0;
}

int pv_apf_vector(struct vcpu *v, u64 val, bool host)
{
	/* User space may put back the 0 that it read. */
	if (val >> 8 || (!v->apic && (val || !host)))
		return 1;
	v->pv->apf_int = val;
	return 0;
}

/* The guest has taken a token: it clears the word, then says so. */
void pv_apf_deliver(struct vcpu *v)
{
	struct vcpu_pv *pv = v->pv;
	u32 token;

	if (!pv->apf_wake_all || !lapic_sw_enabled(v->apic) ||
	    gmem_read(v->vm, token_gpa(pv), &token, sizeof(token)) || token)
		return;
	pv->apf_wake_all = false;
	token = APF_TOKEN_ALL;
	if (!gmem_write(v, token_gpa(pv), &token, sizeof(token)))
		lapic_accept(v->apic, LAPIC_DM_FIXED, pv->apf_int, false, true);
}
