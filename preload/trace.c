/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace.c - the calls a client makes, for KVIST_LOG=debug. */
#include <linux/kvm.h>
#include <unistd.h>
#include "preload/shim.h"

#define N(name)	{ KVM_##name, #name }
static const struct {
	u32 nr;
	const char *name;
} names[] = {
	N(GET_API_VERSION), N(CREATE_VM), N(GET_MSR_INDEX_LIST), N(CHECK_EXTENSION),
	N(GET_VCPU_MMAP_SIZE), N(GET_SUPPORTED_CPUID), N(GET_EMULATED_CPUID),
	N(GET_MSR_FEATURE_INDEX_LIST), N(CREATE_VCPU), N(GET_DIRTY_LOG), N(SET_NR_MMU_PAGES),
	N(GET_NR_MMU_PAGES), N(SET_USER_MEMORY_REGION), N(SET_TSS_ADDR),
	N(SET_IDENTITY_MAP_ADDR), N(CREATE_IRQCHIP), N(IRQ_LINE), N(GET_IRQCHIP), N(SET_IRQCHIP),
	N(CREATE_PIT), N(GET_PIT), N(SET_PIT), N(IRQ_LINE_STATUS), N(SET_GSI_ROUTING),
	N(REINJECT_CONTROL), N(IRQFD), N(CREATE_PIT2), N(SET_BOOT_CPU_ID), N(IOEVENTFD),
	N(SET_CLOCK), N(GET_CLOCK), N(GET_PIT2), N(SET_PIT2), N(SET_TSC_KHZ), N(GET_TSC_KHZ),
	N(SIGNAL_MSI), N(SET_PMU_EVENT_FILTER), N(CREATE_DEVICE), N(SET_DEVICE_ATTR),
	N(GET_DEVICE_ATTR), N(HAS_DEVICE_ATTR), N(RUN), N(GET_REGS), N(SET_REGS), N(GET_SREGS),
	N(SET_SREGS), N(TRANSLATE), N(INTERRUPT), N(GET_MSRS), N(SET_MSRS), N(SET_CPUID),
	N(SET_SIGNAL_MASK), N(GET_FPU), N(SET_FPU), N(GET_LAPIC), N(SET_LAPIC), N(SET_CPUID2),
	N(GET_CPUID2), N(TPR_ACCESS_REPORTING), N(SET_VAPIC_ADDR), N(GET_MP_STATE),
	N(SET_MP_STATE), N(NMI), N(SET_GUEST_DEBUG), N(X86_SETUP_MCE),
	N(X86_GET_MCE_CAP_SUPPORTED), N(X86_SET_MCE), N(GET_VCPU_EVENTS), N(SET_VCPU_EVENTS),
	N(GET_DEBUGREGS), N(SET_DEBUGREGS), N(ENABLE_CAP), N(GET_XSAVE), N(SET_XSAVE),
	N(GET_XCRS), N(SET_XCRS), N(KVMCLOCK_CTRL), N(SMI), N(HYPERV_EVENTFD),
	N(GET_NESTED_STATE), N(SET_NESTED_STATE), N(CLEAR_DIRTY_LOG), N(GET_SUPPORTED_HV_CPUID),
	N(X86_SET_MSR_FILTER), N(RESET_DIRTY_RINGS), N(GET_SREGS2), N(SET_SREGS2),
	N(GET_STATS_FD), N(GET_XSAVE2),
};
#undef N

static bool wanted(void)
{
	static int on = -1;
	const char *s;
	int w = __atomic_load_n(&on, __ATOMIC_RELAXED);

	if (w < 0) {
		s = getenv("KVIST_LOG");
		w = s && (!strcmp(s, "debug") || !strcmp(s, "3"));
		__atomic_store_n(&on, w, __ATOMIC_RELAXED);
	}
	return w;
}

static const char *name_of(u32 nr)
{
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].nr == nr)
			return names[i].name;
	return "?";
}

static void result(char *buf, size_t n, long ret)
{
	if (ret < 0)
		snprintf(buf, n, "%s", strerrorname_np(-ret) ? strerrorname_np(-ret) : "?");
	else
		snprintf(buf, n, "%ld", ret);
}

/* The part of an argument that says what the call is about. */
static void detail(char *buf, size_t n, u32 nr, const void *arg)
{
	struct kvm_userspace_memory_region m;
	struct kvm_enable_cap c;
	struct kvm_msrs s;

	buf[0] = 0;
	if (nr == KVM_SET_USER_MEMORY_REGION && !host_copy_from_user(&m, arg, sizeof(m)))
		snprintf(buf, n, " slot %u flags %u gpa %llx size %llx", m.slot, m.flags,
			 m.guest_phys_addr, m.memory_size);
	else if (nr == KVM_ENABLE_CAP && !host_copy_from_user(&c, arg, sizeof(c)))
		snprintf(buf, n, " cap %u arg %llx", c.cap, c.args[0]);
	else if ((nr == KVM_SET_MSRS || nr == KVM_GET_MSRS) &&
		 !host_copy_from_user(&s, arg, sizeof(s)))
		snprintf(buf, n, " n %u", s.nmsrs);
}

void trace_call(int fd, unsigned long req, const void *arg, long ret)
{
	u32 nr = (u32)req;
	char res[24], what[96];
	int err = errno;

	if (likely(!wanted()))
		return;
	/* Too many of these to be of use. */
	if ((nr == KVM_RUN && (!ret || ret == -EINTR)) || nr == KVM_IRQ_LINE_STATUS)
		return;
	result(res, sizeof(res), ret);
	detail(what, sizeof(what), nr, arg);
	host_log(HOST_DEBUG, "[%d] %s(fd %d, %#lx%s) = %s", gettid(), name_of(nr), fd,
		 (unsigned long)arg, what, res);
	errno = err;
}

void trace_open(const char *path, int fd)
{
	if (wanted())
		host_log(HOST_DEBUG, "[%d] open(%s) = %d", gettid(), path, fd);
}
