/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every call of the KVM API runs out of memory at its nth allocation, for each
 * n: it then says -ENOMEM, has changed nothing, and works when it is made again.
 * Each n twice: all later allocations fail too, or only that one.
 *
 * The tables are walked row by row: a call that is not in cases[] fails the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "core/api/call.h"
#include "core/api/provider.h"
#include "core/vm.h"
#include "port/test/alloc.h"

#define RAM_SIZE	0x20000u
#define ARG_SIZE	65536u
#define ALLOCS_MAX	200

static const struct kvm_provider *const kvm = &kvm_provider_soft;

enum object { SYSTEM, VM, VCPU };

enum world_flag {
	IRQCHIP = 1, SPLIT = 2, PIT = 4, RAM = 8, LOGGED = 16, NO_VCPU = 32, CPUID = 64,
	FD = 128,		/* the call returns a descriptor */
	RING = 256,
};

struct world {
	int fd[3];		/* by enum object; -1: none */
	int event[2];
	u8 *ram;
	struct kvm_run *run;
	u64 value;		/* what an argument may point to */
};

struct call_case {
	enum object on;
	u32 nr;
	unsigned int world;
	u32 get;		/* fills the argument, where that is all it takes */
	void (*fill)(struct world *w, void *arg);
	u64 value;		/* the argument, if it is a number */
	long want;		/* when memory is there; 0: anything that is no error */
};

static u8 arg[ARG_SIZE] __attribute__((aligned(16)));

static long call(const struct world *w, enum object on, u32 nr, void *a)
{
	return kvm->ioctl(w->fd[on], nr, a);
}

#define must(w, on, nr, a) assert_true(call(w, on, nr, a) >= 0)

/* ---- arguments ---- */

static void fill_region(struct world *w, void *a)
{
	*(struct kvm_userspace_memory_region *)a = (struct kvm_userspace_memory_region){
		.slot = 1, .flags = KVM_MEM_LOG_DIRTY_PAGES, .guest_phys_addr = 0x100000,
		.memory_size = 0x10000, .userspace_addr = (u64)w->ram };
}

static void fill_dirty(struct world *w, void *a)
{
	((struct kvm_dirty_log *)a)->dirty_bitmap = &w->value;
}

static void fill_clear(struct world *w, void *a)
{
	*(struct kvm_clear_dirty_log *)a = (struct kvm_clear_dirty_log){
		.num_pages = RAM_SIZE / 4096, .dirty_bitmap = &w->value };
}

static void fill_manual(struct world *w, void *a)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 } };

	must(w, VM, KVM_ENABLE_CAP, &c);
	fill_clear(w, a);
}

static void fill_split(struct world *w, void *a)
{
	*(struct kvm_enable_cap *)a = (struct kvm_enable_cap){ .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
}

static void fill_routes(struct world *w, void *a)
{
	struct kvm_irq_routing *r = a;

	r->nr = 2;
	r->entries[0] = (struct kvm_irq_routing_entry){ .gsi = 40, .type = KVM_IRQ_ROUTING_MSI };
	r->entries[1] = (struct kvm_irq_routing_entry){ .gsi = 5, .type = KVM_IRQ_ROUTING_IRQCHIP,
							.u.irqchip = { KVM_IRQCHIP_IOAPIC, 5 } };
}

static void fill_irqfd(struct world *w, void *a)
{
	*(struct kvm_irqfd *)a = (struct kvm_irqfd){ .fd = w->event[0], .gsi = 5, .resamplefd = w->event[1],
						     .flags = KVM_IRQFD_FLAG_RESAMPLE };
}

static void fill_ioeventfd(struct world *w, void *a)
{
	*(struct kvm_ioeventfd *)a = (struct kvm_ioeventfd){ .fd = w->event[0], .addr = 0xd0000000, .len = 4 };
}

static void fill_zone(struct world *w, void *a)
{
	*(struct kvm_coalesced_mmio_zone *)a = (struct kvm_coalesced_mmio_zone){ .addr = 0xd0000000, .size = 16 };
}

static void fill_old_zone(struct world *w, void *a)
{
	fill_zone(w, a);
	must(w, VM, KVM_REGISTER_COALESCED_MMIO, a);
}

static void fill_filter(struct world *w, void *a)
{
	struct kvm_msr_filter *f = a;

	for (unsigned int i = 0; i < 3; i++)
		f->ranges[i] = (struct kvm_msr_filter_range){ .flags = KVM_MSR_FILTER_READ, .nmsrs = 64,
							      .base = 0x100 * i, .bitmap = (u8 *)&w->value };
}

static void fill_none(struct world *w, void *a)
{
}

static void fill_hv_event(struct world *w, void *a)
{
	*(struct kvm_hyperv_eventfd *)a = (struct kvm_hyperv_eventfd){ .conn_id = 1, .fd = w->event[0] };
}

static void fill_pmu(struct world *w, void *a)
{
	((struct kvm_pmu_event_filter *)a)->nevents = 100;
}

static void fill_old_cpuid(struct world *w, void *a)
{
	((struct kvm_cpuid *)a)->nent = 10;
}

static void fill_set_mce(struct world *w, void *a)
{
	u64 cap = 10;

	must(w, VCPU, KVM_X86_SETUP_MCE, &cap);
	*(struct kvm_x86_mce *)a = (struct kvm_x86_mce){ .status = 1ull << 63 };
}

static void fill_synic(struct world *w, void *a)
{
	*(struct kvm_enable_cap *)a = (struct kvm_enable_cap){ .cap = KVM_CAP_HYPERV_SYNIC2 };
}

static void fill_chip(struct world *w, void *a)
{
	((struct kvm_irqchip *)a)->chip_id = KVM_IRQCHIP_IOAPIC;
}

static void fill_set_chip(struct world *w, void *a)
{
	fill_chip(w, a);
	must(w, VM, KVM_GET_IRQCHIP, a);
}

static void fill_line(struct world *w, void *a)
{
	*(struct kvm_irq_level *)a = (struct kvm_irq_level){ .irq = 5, .level = 1 };
}

static void fill_msi(struct world *w, void *a)
{
	*(struct kvm_msi *)a = (struct kvm_msi){ .address_lo = 0xfee00000, .data = 0x41 };
}

static void fill_many(struct world *w, void *a)
{
	*(u32 *)a = 200;	/* nent, nmsrs */
}

static void fill_cpuid(struct world *w, void *a)
{
	fill_many(w, a);
	must(w, SYSTEM, KVM_GET_SUPPORTED_CPUID, a);
}

static void fill_msrs(struct world *w, void *a)
{
	struct kvm_msrs *m = a;

	m->nmsrs = 40;
	for (unsigned int i = 0; i < m->nmsrs; i++)
		m->entries[i] = (struct kvm_msr_entry){ .index = 0x174 };
}

static void fill_feature_msrs(struct world *w, void *a)
{
	((struct kvm_msrs *)a)->nmsrs = 40;
}

static void fill_mce(struct world *w, void *a)
{
	*(u64 *)a = 10;
}

static void fill_attr(struct world *w, void *a)
{
	*(struct kvm_device_attr *)a = (struct kvm_device_attr){
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (u64)&w->value };
}

static void fill_pv(struct world *w, void *a)
{
	*(struct kvm_enable_cap *)a = (struct kvm_enable_cap){ .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
							       .args = { 1 } };
}

static void fill_sigmask(struct world *w, void *a)
{
	((struct kvm_signal_mask *)a)->len = 8;
}

/* mov $1, %al; out %al, $0x10; hlt */
static void fill_run(struct world *w, void *a)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = 0x1000, .rflags = 2 };

	memcpy(w->ram + 0x1000, "\xb0\x01\xe6\x10\xf4", 5);
	must(w, VCPU, KVM_GET_SREGS, &s);
	s.cs.base = s.cs.selector = 0;
	must(w, VCPU, KVM_SET_SREGS, &s);
	must(w, VCPU, KVM_SET_REGS, &r);
}

/* ---- the calls ---- */

#define NUM(on, nr, world, val)	{ on, nr, world, 0, NULL, val, 0 }
#define GET(on, nr, world)	{ on, nr, world, 0, fill_none, 0, 0 }
#define SET(on, nr, world, get)	{ on, nr, world, get, NULL, 0, 0 }
#define FILL(on, nr, world, fn)	{ on, nr, world, 0, fn, 0, 0 }

static const struct call_case cases[] = {
	NUM(SYSTEM, KVM_GET_API_VERSION, 0, 0),
	NUM(SYSTEM, KVM_CHECK_EXTENSION, 0, KVM_CAP_IRQFD),
	NUM(SYSTEM, KVM_GET_VCPU_MMAP_SIZE, 0, 0),
	NUM(SYSTEM, KVM_CREATE_VM, FD, 0),
	FILL(SYSTEM, KVM_GET_SUPPORTED_CPUID, 0, fill_many),
	FILL(SYSTEM, KVM_GET_SUPPORTED_HV_CPUID, 0, fill_many),
	FILL(SYSTEM, KVM_GET_EMULATED_CPUID, 0, fill_many),
	FILL(SYSTEM, KVM_GET_MSR_INDEX_LIST, 0, fill_many),
	FILL(SYSTEM, KVM_GET_MSR_FEATURE_INDEX_LIST, 0, fill_many),
	FILL(SYSTEM, KVM_GET_MSRS, 0, fill_feature_msrs),
	GET(SYSTEM, KVM_X86_GET_MCE_CAP_SUPPORTED, 0),
	{ SYSTEM, KVM_TRACE_ENABLE, 0, 0, NULL, 0, -EOPNOTSUPP },
	{ SYSTEM, KVM_TRACE_PAUSE, 0, 0, NULL, 0, -EOPNOTSUPP },
	{ SYSTEM, KVM_TRACE_DISABLE, 0, 0, NULL, 0, -EOPNOTSUPP },
	FILL(SYSTEM, KVM_HAS_DEVICE_ATTR, 0, fill_attr),
	FILL(SYSTEM, KVM_GET_DEVICE_ATTR, 0, fill_attr),

	NUM(VM, KVM_CHECK_EXTENSION, 0, KVM_CAP_IRQFD),
	NUM(VM, KVM_CREATE_VCPU, FD, 3),
	NUM(VM, KVM_CREATE_VCPU, FD | IRQCHIP, 3),
	NUM(VM, KVM_CREATE_VCPU, FD | RING, 3),
	NUM(VM, KVM_GET_STATS_FD, FD, 0),
	FILL(VM, KVM_SET_USER_MEMORY_REGION, 0, fill_region),
	FILL(VM, KVM_SET_USER_MEMORY_REGION, RAM, fill_region),
	FILL(VM, KVM_GET_DIRTY_LOG, RAM | LOGGED, fill_dirty),
	FILL(VM, KVM_CLEAR_DIRTY_LOG, RAM | LOGGED, fill_manual),
	NUM(VM, KVM_SET_TSS_ADDR, 0, 0xfffbd000),
	GET(VM, KVM_SET_IDENTITY_MAP_ADDR, NO_VCPU),
	NUM(VM, KVM_SET_NR_MMU_PAGES, 0, 64),
	NUM(VM, KVM_GET_NR_MMU_PAGES, 0, 0),
	NUM(VM, KVM_SET_BOOT_CPU_ID, NO_VCPU, 0),
	NUM(VM, KVM_CREATE_IRQCHIP, NO_VCPU, 0),
	FILL(VM, KVM_GET_IRQCHIP, IRQCHIP, fill_chip),
	FILL(VM, KVM_SET_IRQCHIP, IRQCHIP, fill_set_chip),
	NUM(VM, KVM_CREATE_PIT, IRQCHIP, 0),
	GET(VM, KVM_CREATE_PIT2, IRQCHIP),
	GET(VM, KVM_GET_PIT, IRQCHIP | PIT),
	SET(VM, KVM_SET_PIT, IRQCHIP | PIT, KVM_GET_PIT),
	GET(VM, KVM_GET_PIT2, IRQCHIP | PIT),
	SET(VM, KVM_SET_PIT2, IRQCHIP | PIT, KVM_GET_PIT2),
	GET(VM, KVM_REINJECT_CONTROL, IRQCHIP | PIT),
	FILL(VM, KVM_IRQ_LINE, IRQCHIP, fill_line),
	FILL(VM, KVM_IRQ_LINE_STATUS, IRQCHIP, fill_line),
	FILL(VM, KVM_SIGNAL_MSI, IRQCHIP, fill_msi),
	FILL(VM, KVM_SET_GSI_ROUTING, IRQCHIP, fill_routes),
	FILL(VM, KVM_SET_GSI_ROUTING, IRQCHIP | PIT, fill_routes),
	{ VM, KVM_CREATE_DEVICE, 0, 0, fill_none, 0, -ENODEV },
	FILL(VM, KVM_SET_PMU_EVENT_FILTER, 0, fill_pmu),
	FILL(VM, KVM_HYPERV_EVENTFD, IRQCHIP, fill_hv_event),
	FILL(VM, KVM_IRQFD, IRQCHIP, fill_irqfd),
	FILL(VM, KVM_IOEVENTFD, 0, fill_ioeventfd),
	FILL(VM, KVM_REGISTER_COALESCED_MMIO, 0, fill_zone),
	FILL(VM, KVM_UNREGISTER_COALESCED_MMIO, 0, fill_old_zone),
	NUM(VM, KVM_RESET_DIRTY_RINGS, RAM | LOGGED | RING, 0),
	GET(VM, KVM_GET_CLOCK, 0),
	SET(VM, KVM_SET_CLOCK, 0, KVM_GET_CLOCK),
	NUM(VM, KVM_GET_TSC_KHZ, 0, 0),
	NUM(VM, KVM_SET_TSC_KHZ, NO_VCPU, 0),
	FILL(VM, KVM_ENABLE_CAP, NO_VCPU, fill_split),
	FILL(VM, KVM_X86_SET_MSR_FILTER, 0, fill_filter),

	{ VCPU, KVM_RUN, RAM, 0, fill_run, 0, 0 },
	{ VCPU, KVM_RUN, RAM | LOGGED | CPUID, 0, fill_run, 0, 0 },
	{ VCPU, KVM_RUN, RAM | LOGGED | RING, 0, fill_run, 0, 0 },
	NUM(VCPU, KVM_GET_STATS_FD, FD, 0),
	GET(VCPU, KVM_GET_REGS, 0),
	SET(VCPU, KVM_SET_REGS, 0, KVM_GET_REGS),
	GET(VCPU, KVM_GET_SREGS, 0),
	SET(VCPU, KVM_SET_SREGS, 0, KVM_GET_SREGS),
	GET(VCPU, KVM_GET_SREGS2, 0),
	SET(VCPU, KVM_SET_SREGS2, 0, KVM_GET_SREGS2),
	GET(VCPU, KVM_TRANSLATE, RAM),
	GET(VCPU, KVM_GET_FPU, 0),
	SET(VCPU, KVM_SET_FPU, 0, KVM_GET_FPU),
	GET(VCPU, KVM_GET_XSAVE, 0),
	GET(VCPU, KVM_GET_XSAVE2, 0),
	SET(VCPU, KVM_SET_XSAVE, 0, KVM_GET_XSAVE),
	GET(VCPU, KVM_GET_XCRS, CPUID),
	SET(VCPU, KVM_SET_XCRS, CPUID, KVM_GET_XCRS),
	GET(VCPU, KVM_GET_DEBUGREGS, 0),
	SET(VCPU, KVM_SET_DEBUGREGS, 0, KVM_GET_DEBUGREGS),
	FILL(VCPU, KVM_SET_CPUID, 0, fill_old_cpuid),
	FILL(VCPU, KVM_SET_CPUID2, 0, fill_cpuid),
	FILL(VCPU, KVM_SET_CPUID2, CPUID, fill_cpuid),
	FILL(VCPU, KVM_GET_CPUID2, CPUID, fill_many),
	FILL(VCPU, KVM_GET_SUPPORTED_HV_CPUID, 0, fill_many),
	FILL(VCPU, KVM_GET_MSRS, 0, fill_msrs),
	FILL(VCPU, KVM_SET_MSRS, 0, fill_msrs),
	FILL(VCPU, KVM_X86_SETUP_MCE, 0, fill_mce),
	FILL(VCPU, KVM_X86_SET_MCE, 0, fill_set_mce),
	GET(VCPU, KVM_GET_VCPU_EVENTS, 0),
	SET(VCPU, KVM_SET_VCPU_EVENTS, 0, KVM_GET_VCPU_EVENTS),
	GET(VCPU, KVM_INTERRUPT, 0),
	NUM(VCPU, KVM_NMI, 0, 0),
	NUM(VCPU, KVM_SMI, 0, 0),
	GET(VCPU, KVM_GET_MP_STATE, IRQCHIP),
	SET(VCPU, KVM_SET_MP_STATE, IRQCHIP, KVM_GET_MP_STATE),
	GET(VCPU, KVM_SET_GUEST_DEBUG, 0),
	FILL(VCPU, KVM_SET_SIGNAL_MASK, 0, fill_sigmask),
	GET(VCPU, KVM_GET_LAPIC, IRQCHIP),
	SET(VCPU, KVM_SET_LAPIC, IRQCHIP, KVM_GET_LAPIC),
	GET(VCPU, KVM_SET_VAPIC_ADDR, IRQCHIP | RAM),
	GET(VCPU, KVM_TPR_ACCESS_REPORTING, IRQCHIP),
	NUM(VCPU, KVM_GET_TSC_KHZ, 0, 0),
	NUM(VCPU, KVM_SET_TSC_KHZ, 0, 0),
	{ VCPU, KVM_KVMCLOCK_CTRL, 0, 0, NULL, 0, -EINVAL },
	FILL(VCPU, KVM_HAS_DEVICE_ATTR, 0, fill_attr),
	FILL(VCPU, KVM_GET_DEVICE_ATTR, 0, fill_attr),
	FILL(VCPU, KVM_SET_DEVICE_ATTR, 0, fill_attr),
	FILL(VCPU, KVM_ENABLE_CAP, 0, fill_pv),
	FILL(VCPU, KVM_ENABLE_CAP, IRQCHIP, fill_synic),
};

/* ---- a world for each try ---- */

static int lowest_fd(void)
{
	int fd = dup(2);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void world_prepare(struct world *w, unsigned int flags)
{
	struct kvm_enable_cap ring = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { 4096 } };
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_pit_config pit = { 0 };

	if (flags & IRQCHIP)
		must(w, VM, KVM_CREATE_IRQCHIP, NULL);
	if (flags & SPLIT)
		must(w, VM, KVM_ENABLE_CAP, &split);
	if (flags & RING)
		must(w, VM, KVM_ENABLE_CAP, &ring);
	if (flags & PIT)
		must(w, VM, KVM_CREATE_PIT2, &pit);
}

static void world_new(struct world *w, unsigned int flags)
{
	struct kvm_userspace_memory_region r = {
		.flags = flags & LOGGED ? KVM_MEM_LOG_DIRTY_PAGES : 0, .memory_size = RAM_SIZE };

	*w = (struct world){ .fd = { -1, -1, -1 }, .ram = w->ram };
	memset(w->ram, 0, RAM_SIZE);
	r.userspace_addr = (u64)w->ram;
	w->event[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->event[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->fd[SYSTEM] = kvm->open(NULL);
	assert_true(w->fd[SYSTEM] >= 0 && w->event[1] >= 0);
	w->fd[VM] = (int)call(w, SYSTEM, KVM_CREATE_VM, NULL);
	assert_true(w->fd[VM] >= 0);
	world_prepare(w, flags);
	if (flags & RAM)
		must(w, VM, KVM_SET_USER_MEMORY_REGION, &r);
	if (flags & NO_VCPU)
		return;
	w->fd[VCPU] = (int)call(w, VM, KVM_CREATE_VCPU, NULL);
	assert_true(w->fd[VCPU] >= 0);
	w->run = kvm->mmap(w->fd[VCPU], API_VCPU_PAGES * 4096, 0);
	assert_non_null(w->run);
	if (!(flags & CPUID))
		return;
	memset(arg, 0, 4096);
	fill_cpuid(w, arg);
	must(w, VCPU, KVM_SET_CPUID2, arg);
}

static void world_free(struct world *w)
{
	if (w->run)
		kvm->munmap(w->run, API_VCPU_PAGES * 4096);
	for (int i = VCPU; i >= SYSTEM; i--)
		if (w->fd[i] >= 0)
			assert_int_equal(kvm->close(w->fd[i]), 0);
	close(w->event[0]);
	close(w->event[1]);
}

/* Everything that can be asked for, one after the other. */
static size_t snapshot(const struct world *w, u8 *out)
{
	static const struct { enum object on; u32 nr; u16 size; } parts[] = {
		{ VCPU, KVM_GET_REGS, sizeof(struct kvm_regs) },
		{ VCPU, KVM_GET_SREGS2, sizeof(struct kvm_sregs2) },
		{ VCPU, KVM_GET_XSAVE, sizeof(struct kvm_xsave) },
		{ VCPU, KVM_GET_XCRS, sizeof(struct kvm_xcrs) },
		{ VCPU, KVM_GET_DEBUGREGS, sizeof(struct kvm_debugregs) },
		{ VCPU, KVM_GET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events) },
		{ VCPU, KVM_GET_MP_STATE, sizeof(struct kvm_mp_state) },
		{ VCPU, KVM_GET_LAPIC, sizeof(struct kvm_lapic_state) },
		{ VCPU, KVM_GET_CPUID2, 8192 },
		{ VM, KVM_GET_IRQCHIP, sizeof(struct kvm_irqchip) },
		{ VM, KVM_GET_PIT2, sizeof(struct kvm_pit_state2) },
		{ VM, KVM_GET_CLOCK, sizeof(struct kvm_clock_data) },
	};
	u8 *p = out;

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
		long r;

		memset(p, 0, parts[i].size);
		if (parts[i].nr == KVM_GET_CPUID2)
			*(u32 *)p = 200;
		if (parts[i].nr == KVM_GET_IRQCHIP)
			*(u32 *)p = KVM_IRQCHIP_IOAPIC;
		r = w->fd[parts[i].on] < 0 ? 0 : call(w, parts[i].on, parts[i].nr, p);
		memcpy(p + parts[i].size, &r, sizeof(r));
		p += parts[i].size + sizeof(r);
	}
	return p - out;
}

static void *argument(const struct call_case *c, struct world *w)
{
	const struct api_table *t = c->on == SYSTEM ? &system_calls : c->on == VM ? &vm_calls : &vcpu_calls;
	const struct api_call *row = api_find(t, c->nr);

	memset(arg, 0, sizeof(arg));
	if (c->get)
		must(w, c->on, c->get, arg);
	if (c->fill)
		c->fill(w, arg);
	return !row || !row->size ? (void *)(uintptr_t)c->value : arg;
}

/* One try. Was memory short? */
static bool attempt(const struct call_case *c, long n, bool once)
{
	static u8 before[32768], after[32768], copy[ARG_SIZE];
	static u8 ram[RAM_SIZE] __attribute__((aligned(4096)));
	struct world w = { .ram = ram };
	int lowest = lowest_fd();
	size_t size;
	bool failed;
	void *a;
	long r;

	world_new(&w, c->world);
	a = argument(c, &w);
	memcpy(copy, arg, sizeof(arg));
	size = snapshot(&w, before);
	assert_true(size < sizeof(before));
	test_alloc_fail(n, once);
	r = call(&w, c->on, c->nr, a);
	failed = test_alloc_fail(-1, false);
	if (failed) {
		assert_int_equal(r, -ENOMEM);
		assert_int_equal(snapshot(&w, after), size);
		assert_memory_equal(before, after, size);
		memcpy(arg, copy, sizeof(arg));
		r = call(&w, c->on, c->nr, a);
	}
	if (c->want < 0)
		assert_int_equal(r, c->want);
	else
		assert_true(r >= 0);
	if (c->world & FD) {
		if (c->nr == KVM_GET_STATS_FD)
			close((int)r);
		else
			kvm->close((int)r);
	}
	world_free(&w);
	assert_int_equal(lowest_fd(), lowest);
	return failed;
}

static bool has_case(enum object on, u32 nr)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		if (cases[i].on == on && cases[i].nr == nr)
			return true;
	return false;
}

/* ---- tests ---- */

static void every_call_has_a_case(void **state)
{
	static const struct api_table *const table[] = { &system_calls, &vm_calls, &vcpu_calls };
	unsigned int missing = 0;

	for (enum object on = SYSTEM; on <= VCPU; on++)
		for (u32 i = 0; i < table[on]->n; i++)
			if (!has_case(on, table[on]->row[i].nr)) {
				print_error("cases[] needs request %#x, type %02x, nr %#x of %s\n",
					    table[on]->row[i].nr, _IOC_TYPE(table[on]->row[i].nr),
					    _IOC_NR(table[on]->row[i].nr),
					    (const char *[]){ "system", "VM", "vCPU" }[on]);
				missing++;
			}
	assert_int_equal(missing, 0);
}

static void every_call_survives_failing_allocations(void **state)
{
	unsigned int tries = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		for (int once = 0; once <= 1; once++)
			for (long n = 0; n < ALLOCS_MAX; n++, tries++) {
				bool short_of = attempt(&cases[i], n, once);

				if (!short_of)
					break;
				assert_true(n < ALLOCS_MAX - 1);
			}
	print_message("%u tries of %zu calls\n", tries, ARRAY_SIZE(cases));
}

static void opening_survives_failing_allocations(void **state)
{
	for (int once = 0; once <= 1; once++)
		for (long n = 0;; n++) {
			int lowest = lowest_fd(), fd;
			bool failed;

			test_alloc_fail(n, once);
			fd = kvm->open(NULL);
			failed = test_alloc_fail(-1, false);
			if (!failed) {
				assert_int_equal(kvm->close(fd), 0);
				break;
			}
			assert_int_equal(fd, -ENOMEM);
			assert_int_equal(lowest_fd(), lowest);
		}
}

/* As many descriptors as there are, and n more. */
static long with_descriptors(const struct world *w, const struct call_case *c, void *a, int n)
{
	struct rlimit old, few;
	long r;

	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){ lowest_fd() + n, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	r = call(w, c->on, c->nr, a);
	setrlimit(RLIMIT_NOFILE, &old);
	return r;
}

static void calls_that_open_survive_a_full_descriptor_table(void **state)
{
	static u8 ram[RAM_SIZE] __attribute__((aligned(4096)));

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct call_case *c = &cases[i];
		int lowest = lowest_fd(), n = 0;
		long r = -1;

		if (!(c->world & FD) && c->nr != KVM_IRQFD && c->nr != KVM_IOEVENTFD)
			continue;
		for (; r < 0; n++) {
			struct world w = { .ram = ram };

			assert_true(n < 10);
			world_new(&w, c->world);
			r = with_descriptors(&w, c, argument(c, &w), n);
			assert_true(r >= 0 || r == -EMFILE);
			if (r >= 0 && c->world & FD) {
				if (c->nr == KVM_GET_STATS_FD)
					close((int)r);
				else
					kvm->close((int)r);
			}
			world_free(&w);
			assert_int_equal(lowest_fd(), lowest);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_has_a_case),
		cmocka_unit_test(opening_survives_failing_allocations),
		cmocka_unit_test(every_call_survives_failing_allocations),
		cmocka_unit_test(calls_that_open_survive_a_full_descriptor_table),
	};

	return cmocka_run_group_tests_name("alloc_api", tests, NULL, NULL);
}
