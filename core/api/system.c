/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system descriptor's calls, and which capabilities there are. */
#include "core/vm.h"
#include "core/api/call.h"
#include "core/api/ioevent.h"
#include "core/x86/cpuid.h"
#include "core/x86/msr.h"

#define API_CPUID_MAX	256	/* KVM_MAX_CPUID_ENTRIES */
#define API_MSRS_MAX	255	/* KVM takes fewer than 256 a call */
#define API_ROUTES_MAX	4096
/* MWAIT is a NOP in any case. */
#define API_DISABLE_EXITS \
	(KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE | KVM_X86_DISABLE_EXITS_CSTATE)
#define API_GUEST_DEBUG \
	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP | \
	 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_INJECT_DB | \
	 KVM_GUESTDBG_BLOCKIRQ)
#define API_X2APIC_FLAGS \
	(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)

/* What is reported is there: clients insist on what they see. */
static const struct {
	u16 cap;
	u32 value;
} caps[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_VAPIC, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_CLOCKSOURCE, 1 },
	{ KVM_CAP_NR_MEMSLOTS, SLOTS_MAX },
	{ KVM_CAP_PIT, 1 },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_COALESCED_MMIO, COALESCED_PAGE },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_IRQ_ROUTING, API_ROUTES_MAX },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_HYPERV, 1 },
	{ KVM_CAP_HYPERV_VAPIC, 1 },
	{ KVM_CAP_HYPERV_SPIN, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_MCE, MSR_MCE_BANKS },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_ADJUST_CLOCK,
	  KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	{ KVM_CAP_ENABLE_CAP, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XCRS, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_MAX_VCPUS, VM_VCPUS_MAX },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_EXT_EMUL_CPUID, 1 },
	{ KVM_CAP_HYPERV_TIME, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_HYPERV_SYNIC, 1 },
	{ KVM_CAP_MAX_VCPU_ID, VM_VCPU_IDS_MAX },
	{ KVM_CAP_X2APIC_API, API_X2APIC_FLAGS },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_X86_SMM, 1 },
	{ KVM_CAP_MULTI_ADDRESS_SPACE, AS_COUNT },
	{ KVM_CAP_HYPERV_SYNIC2, 1 },
	{ KVM_CAP_HYPERV_VP_INDEX, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_HYPERV_EVENTFD, 1 },
	{ KVM_CAP_HYPERV_TLBFLUSH, 1 },
	{ KVM_CAP_HYPERV_SEND_IPI, 1 },
	{ KVM_CAP_HYPERV_CPUID, 1 },
	{ KVM_CAP_COALESCED_PIO, 1 },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_X86_USER_SPACE_MSR, 1 },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_DISABLE_QUIRKS, 1 },
	{ KVM_CAP_DISABLE_QUIRKS2, API_QUIRKS },
	{ KVM_CAP_MSR_PLATFORM_INFO, 1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ KVM_CAP_SYS_HYPERV_CPUID, 1 },
	{ KVM_CAP_HYPERV_ENFORCE_CPUID, 1 },
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
	{ KVM_CAP_BINARY_STATS_FD, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
	  KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET },
	{ KVM_CAP_ASYNC_PF, 1 },
	{ KVM_CAP_ASYNC_PF_INT, 1 },
	{ KVM_CAP_TSC_CONTROL, 1 },
	{ KVM_CAP_VM_TSC_CONTROL, 1 },
	{ KVM_CAP_DIRTY_LOG_RING, DIRTY_RING_MAX * sizeof(struct kvm_dirty_gfn) },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, DIRTY_RING_MAX * sizeof(struct kvm_dirty_gfn) },
	{ KVM_CAP_XSAVE2, sizeof(struct kvm_xsave) },
	{ KVM_CAP_MMU_SHADOW_CACHE_CONTROL, 1 },
	{ KVM_CAP_PCI_SEGMENT, 1 },
	{ KVM_CAP_IOAPIC_POLARITY_IGNORED, 1 },
	{ KVM_CAP_X86_DISABLE_EXITS, API_DISABLE_EXITS },
	{ KVM_CAP_HALT_POLL, 1 },
	{ KVM_CAP_LAST_CPU, 1 },
	{ KVM_CAP_PMU_EVENT_FILTER, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, API_GUEST_DEBUG },
	{ KVM_CAP_X86_BUS_LOCK_EXIT,
	  KVM_BUS_LOCK_DETECTION_OFF | KVM_BUS_LOCK_DETECTION_EXIT },
	{ KVM_CAP_VM_COPY_ENC_CONTEXT_FROM, 1 },
	{ KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM, 1 },
	{ KVM_CAP_EXIT_HYPERCALL, API_HYPERCALLS },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1 },
	{ KVM_CAP_SYS_ATTRIBUTES, 1 },
	{ KVM_CAP_STEAL_TIME, 1 },
	{ KVM_CAP_SYSTEM_EVENT_DATA, 1 },
};

long cap_value(u32 cap)
{
	/* What there had better be at most; KVM_CAP_MAX_VCPUS is the limit. */
	if (cap == KVM_CAP_NR_VCPUS)
		return min(host_cpus(), (u32)VM_VCPUS_MAX);
	for (u32 i = 0; i < ARRAY_SIZE(caps); i++)
		if (caps[i].cap == cap)
			return caps[i].value;
	return 0;
}

long cap_of_engine(const struct engine *e, u32 cap)
{
	bool ring = cap == KVM_CAP_DIRTY_LOG_RING || cap == KVM_CAP_DIRTY_LOG_RING_ACQ_REL;
	bool tsc = cap == KVM_CAP_TSC_CONTROL || cap == KVM_CAP_VM_TSC_CONTROL;

	if (e && ((ring && !e->dirty_ring) || (tsc && !e->tsc_scaling)))
		return 0;
	return cap_value(cap);
}

static long sys_api_version(void *obj, void *arg)
{
	return arg ? -EINVAL : KVM_API_VERSION;
}

static long sys_check_extension(void *obj, void *arg)
{
	return cap_of_engine(obj, (u32)(uintptr_t)arg);
}

static long sys_mmap_size(void *obj, void *arg)
{
	return arg ? -EINVAL : (long)(API_VCPU_PAGES * 4096);
}

static long sys_supported_cpuid(void *obj, void *arg)
{
	struct kvm_cpuid2 *c = arg;
	int n = cpuid_supported(obj, c->entries, c->nent);

	if (n < 0)
		return n;
	c->nent = n;
	return 0;
}

static long sys_hv_cpuid(void *obj, void *arg)
{
	return hv_cpuid_supported(NULL, arg);
}

/* Features done in software that hardware might lack: as KVM, MOVBE and RDPID. */
static long sys_emulated_cpuid(void *obj, void *arg)
{
	static const struct kvm_cpuid_entry2 emulated[] = {
		{ .function = 0, .eax = 7 },
		{ .function = 1, .ecx = 1u << 22 },
		{ .function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ecx = 1u << 22 },
	};
	struct kvm_cpuid2 *c = arg;

	if (c->nent < ARRAY_SIZE(emulated))
		return -E2BIG;
	memcpy(c->entries, emulated, sizeof(emulated));
	c->nent = ARRAY_SIZE(emulated);
	return 0;
}

static long fill_msr_list(struct kvm_msr_list *l, bool (*next)(u32 i, u32 *idx))
{
	u32 room = l->nmsrs, n = 0, idx;

	for (; next(n, &idx); n++)
		if (n < room)
			l->indices[n] = idx;
	l->nmsrs = n;
	return n > room ? -E2BIG : 0;
}

static long sys_msr_list(void *obj, void *arg)
{
	return fill_msr_list(arg, msr_list);
}

static long sys_msr_feature_list(void *obj, void *arg)
{
	return fill_msr_list(arg, msr_feature_list);
}

static long sys_get_msrs(void *obj, void *arg)
{
	struct kvm_msrs *m = arg;
	u32 i;
	u64 val;

	for (i = 0; i < m->nmsrs; i++) {
		if (msr_feature_read(m->entries[i].index, &val))
			break;
		m->entries[i].data = val;
	}
	return i;
}

static long sys_mce_cap(void *obj, void *arg)
{
	u64 cap = MSR_MCG_CAP | MSR_MCG_SER;

	memcpy(arg, &cap, sizeof(cap));
	return 0;
}

/* Of the system there is one: the XCR0 bits that guests may have. */
static bool is_xcomp(const struct kvm_device_attr *a)
{
	return !a->group && a->attr == KVM_X86_XCOMP_GUEST_SUPP;
}

static long sys_has_attr(void *obj, void *arg)
{
	return is_xcomp(arg) ? 0 : -ENXIO;
}

static long sys_get_attr(void *obj, void *arg)
{
	const struct kvm_device_attr *a = arg;
	u64 xcr0 = cpuid_xcr0_offered(obj);

	if (!is_xcomp(a))
		return -ENXIO;
	return host_copy_to_user((void *)(uintptr_t)a->addr, &xcr0, sizeof(xcr0));
}

/* An interface that went away. */
static long sys_trace(void *obj, void *arg)
{
	return -EOPNOTSUPP;
}

static const struct api_call rows[] = {
	CALL_NUM(KVM_GET_API_VERSION, sys_api_version),
	CALL_NUM(KVM_CHECK_EXTENSION, sys_check_extension),
	CALL_NUM(KVM_GET_VCPU_MMAP_SIZE, sys_mmap_size),
	CALL_TAIL(KVM_GET_SUPPORTED_CPUID, sys_supported_cpuid, struct kvm_cpuid2, nent, entries,
		  API_CPUID_MAX, 0, CALL_CLAMP | CALL_TAIL_OUT),
	CALL_TAIL(KVM_GET_SUPPORTED_HV_CPUID, sys_hv_cpuid, struct kvm_cpuid2, nent, entries,
		  API_CPUID_MAX, 0, CALL_CLAMP | CALL_TAIL_OUT),
	CALL_TAIL(KVM_GET_EMULATED_CPUID, sys_emulated_cpuid, struct kvm_cpuid2, nent, entries,
		  API_CPUID_MAX, 0, CALL_CLAMP | CALL_TAIL_OUT),
	CALL_TAIL(KVM_GET_MSR_INDEX_LIST, sys_msr_list, struct kvm_msr_list, nmsrs, indices, 1024,
		  0, CALL_CLAMP | CALL_TAIL_OUT | CALL_BACK),
	CALL_TAIL(KVM_GET_MSR_FEATURE_INDEX_LIST, sys_msr_feature_list, struct kvm_msr_list, nmsrs,
		  indices, 1024, 0, CALL_CLAMP | CALL_TAIL_OUT | CALL_BACK),
	CALL_TAIL(KVM_GET_MSRS, sys_get_msrs, struct kvm_msrs, nmsrs, entries, API_MSRS_MAX,
		  -E2BIG, CALL_TAIL_IN | CALL_TAIL_OUT),
	CALL(KVM_X86_GET_MCE_CAP_SUPPORTED, sys_mce_cap),
	CALL_NUM(KVM_TRACE_ENABLE, sys_trace),
	CALL_NUM(KVM_TRACE_PAUSE, sys_trace),
	CALL_NUM(KVM_TRACE_DISABLE, sys_trace),
	CALL(KVM_HAS_DEVICE_ATTR, sys_has_attr),
	CALL(KVM_GET_DEVICE_ATTR, sys_get_attr),
};

const struct api_table system_calls = { rows, ARRAY_SIZE(rows), -EINVAL };
