/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpuid.c - what is offered, and what of it a guest was told it may use. */
#include "core/vm.h"
#include "core/x86/cpuid.h"

#define HV_INTERFACE	0x31237648u	/* "Hv#1" */
#define HV_MAX		0x40000082u
#define VENDOR		.ebx = 0x756e694c, .ecx = 0x564b2078, .edx = 0x7648204d	/* "Linux KVM Hv" */

static const struct kvm_cpuid_entry2 offered[] = {
	{ .function = 0x40000000, .eax = HV_MAX, VENDOR },
	{ .function = 0x40000001, .eax = HV_INTERFACE },
	{ .function = 0x40000002, .eax = 0x3839, .ebx = 0xa0000 },	/* version 10.0, 2016's */
	{ .function = 0x40000003,
	  .eax = HVF_RUNTIME | HVF_TIME_REF | HVF_SYNIC | HVF_STIMER | HVF_APIC | HVF_HYPERCALL |
		 HVF_VP_INDEX | HVF_RESET | HVF_REF_TSC | HVF_FREQUENCY | HVF_REENLIGHTEN,
	  .ebx = HVF_B_POST | HVF_B_SIGNAL | HVF_B_DEBUG,
	  .edx = HVF_D_DEBUGGING | HVF_D_XMM | HVF_D_FREQUENCY | HVF_D_CRASH | HVF_D_DBG_MSRS |
		 HVF_D_DIRECT },
	{ .function = 0x40000004,
	  .eax = HVE_FLUSH | HVE_APIC | HVE_RELAXED | HVE_NO_AUTO_EOI | HVE_IPI | HVE_SETS,
	  .ebx = 0xfff },			/* spins before a long spin wait is notified */
	{ .function = 0x40000005, .eax = VM_VCPUS_MAX, .ebx = 64 },
	{ .function = 0x40000080, VENDOR },
	{ .function = 0x40000081, .eax = 0x31235356 },		/* "VS#1" */
	{ .function = 0x40000082, .eax = HVD_ALLOWED },
	/* Nested: enlightened MSR bitmaps, as KVM says even where nothing nests. */
	{ .function = 0x4000000a, .eax = 1u << 19, .ebx = 1 },
};

/* Can two threads of the host share a core? As far as CPUID tells. */
static bool host_shares_cores(void)
{
	u32 a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 0xb)
		return true;
	a = 0xb;
	c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (b & 0xffff) != 1;
}

long hv_cpuid_supported(const struct vcpu *v, struct kvm_cpuid2 *c)
{
	struct kvm_cpuid_entry2 *e = c->entries;

	if (c->nent < ARRAY_SIZE(offered))
		return -E2BIG;
	c->nent = ARRAY_SIZE(offered);
	memcpy(e, offered, sizeof(offered));
	for (; e->function != 0x40000004; e++)
		if (e->function == 0x40000003 && v && !v->apic)
			e->edx &= ~HVF_D_DIRECT;
	if (v && !v->apic)
		e->eax &= ~HVE_IPI;
	if (!host_shares_cores())
		e->eax |= HVE_NO_SHARING;
	return 0;
}

void hv_cpuid_changed(struct vcpu *v)
{
	static const struct kvm_cpuid_entry2 none;
	const struct kvm_cpuid_entry2 *e = cpuid_find(v, 0x40000001, 0);
	struct vcpu_hv *hv = v->hv;

	if (!hv)
		return;
	hv->enabled = e && e->eax == HV_INTERFACE;
	e = hv->enabled ? cpuid_find(v, 0x40000003, 0) : NULL;
	e = e ? e : &none;
	hv->feat_eax = e->eax;
	hv->feat_ebx = e->ebx;
	hv->feat_edx = e->edx;
	e = hv->enabled ? cpuid_find(v, 0x40000004, 0) : NULL;
	e = e ? e : &none;
	hv->enl_eax = e->eax;
	hv->enl_ebx = e->ebx;
	e = hv->enabled ? cpuid_find(v, 0x40000082, 0) : NULL;
	hv->dbg_eax = e ? e->eax : 0;
}

/* Bits of leaf 3's EAX or, where edx says so, EDX that an MSR needs. */
static const struct {
	u32 first, last, bits;
	bool edx;
} needs[] = {
	{ HV_GUEST_OS_ID, HV_HYPERCALL, HVF_HYPERCALL },
	{ HV_VP_INDEX, HV_VP_INDEX, HVF_VP_INDEX },
	{ HV_RESET, HV_RESET, HVF_RESET },
	{ HV_VP_RUNTIME, HV_VP_RUNTIME, HVF_RUNTIME },
	{ HV_TIME_REF_COUNT, HV_TIME_REF_COUNT, HVF_TIME_REF },
	{ HV_REFERENCE_TSC, HV_REFERENCE_TSC, HVF_REF_TSC },
	{ HV_TSC_FREQUENCY, HV_APIC_FREQUENCY, HVF_FREQUENCY },
	{ HV_EOI, HV_VP_ASSIST_PAGE, HVF_APIC },
	{ HV_SCONTROL, HV_EOM, HVF_SYNIC },
	{ HV_SINT0, HV_SINT15, HVF_SYNIC },
	{ HV_STIMER0_CONFIG, HV_STIMER3_COUNT, HVF_STIMER },
	{ HV_DBG_CONTROL, HV_DBG_PENDING, HVF_D_DBG_MSRS, true },
	{ HV_DBG_OPTIONS, HV_DBG_OPTIONS, HVF_D_DBG_MSRS, true },
	{ HV_CRASH_P0, HV_CRASH_CTL, HVF_D_CRASH, true },
	{ HV_REENLIGHTENMENT, HV_TSC_EMULATION_STATUS, HVF_REENLIGHTEN },
};

bool hv_msr_offered(const struct vcpu_hv *hv, u32 idx)
{
	if (!hv->enforced)
		return true;
	for (u32 i = 0; i < ARRAY_SIZE(needs); i++)
		if (idx >= needs[i].first && idx <= needs[i].last)
			return (needs[i].edx ? hv->feat_edx : hv->feat_eax) & needs[i].bits;
	return false;
}
