/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_api.c - a hostile user of the KVM API: any request on any descriptor,
 * arguments that are random or nearly right (what a GET gave, changed a
 * little), guest code, kvm_run scribbled over. Only pointers are tame: they
 * would be the process's own doing.
 */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <host_port.h>
#include "core/api/call.h"
#include "core/api/provider.h"
#include "port/posix/soft_fd.h"
#include "tests/fuzz/fuzz.h"

#define ARENA		(128u << 20)	/* address space for guest memory */
#define ARENA_RW	(2u << 20)	/* of which this much is there */
#define VMS		2
#define VCPUS		3
#define RUN_LEN		(API_VCPU_PAGES * 4096u)
#define RUN_NS		1000000
#define ENDLESS_MAX	2		/* runs of an input that only the alarm ends */

static const struct kvm_provider *const kvm = &kvm_provider_soft;

static u8 *arena;
static timer_t alarm_timer;
static int sys_fd, event_fd[2];
static int vm_fd[VMS], vcpu_fd[VMS * VCPUS], n_vms, n_vcpus;
static struct kvm_run *run_page[VMS * VCPUS];
static int endless;

/* The last argument of each kind of object, for SETs that are nearly right. */
#define ARG_MAX	(64u << 10)
static u8 arg[ARG_MAX] __attribute__((aligned(16)));

/* ---- once ---- */

static void on_alarm(int sig)
{
	soft_signal_hit();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };

	arena = mmap(NULL, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	require(arena != MAP_FAILED && !mprotect(arena, ARENA_RW, PROT_READ | PROT_WRITE));
	sigaction(SIGRTMIN, &sa, NULL);
	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	require(!timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &alarm_timer));
	return 0;
}

/* Endless guests end with -EINTR. */
static void set_alarm(long ns)
{
	struct itimerspec t = { .it_value.tv_nsec = ns };

	timer_settime(alarm_timer, 0, &t, NULL);
}

/* ---- arguments ---- */

static void mutate(struct input *in, size_t size)
{
	u8 how = take(in, 1);
	size_t off;

	switch (how & 3) {
	case 0:			/* all of it */
		take_buf(in, arg, min(size, (size_t)64));
		break;
	case 1:
		memset(arg, how & 4 ? 0xff : 0, size);
		break;
	}
	for (unsigned int i = how >> 5; i; i--) {
		u64 v = take_value(in);
		u8 n = 1 << (how >> 3 & 3);

		off = take(in, 2) % size;
		memcpy(arg + off, &v, min((size_t)n, size - off));
	}
}

/* What must stay ours: addresses and descriptors. */
static void tame(struct input *in, u32 nr)
{
	if (nr == KVM_SET_USER_MEMORY_REGION) {
		struct kvm_userspace_memory_region *r = (void *)arg;

		r->memory_size &= (ARENA >> 1) - 1;
		r->userspace_addr = (u64)arena + (take(in, 1) & 3 ? take(in, 2) << 8 & (ARENA_RW - 1) :
				    take(in, 3) & ((ARENA >> 1) - 1));
	} else if (nr == KVM_GET_DIRTY_LOG) {
		((struct kvm_dirty_log *)(void *)arg)->dirty_bitmap = arena + (take(in, 2) << 7);
	} else if (nr == KVM_IRQFD) {
		struct kvm_irqfd *f = (void *)arg;

		f->fd = take(in, 1) & 7 ? event_fd[f->fd & 1] : sys_fd;
		f->resamplefd = event_fd[0];
	} else if (nr == KVM_IOEVENTFD) {
		((struct kvm_ioeventfd *)(void *)arg)->fd = event_fd[take(in, 1) & 1];
	} else if (nr == KVM_HYPERV_EVENTFD) {
		((struct kvm_hyperv_eventfd *)(void *)arg)->fd = event_fd[take(in, 1) & 1];
	} else if (nr == KVM_GET_MSRS || nr == KVM_SET_MSRS) {
		/* Of all numbers, Hyper-V's 300 would hardly ever come up. */
		struct kvm_msrs *m = (void *)arg;

		for (u8 n = take(in, 1), i = 0; i < (n & 7); i++)
			m->entries[i].index = 0x40000000 + (take(in, 2) & 0x1ff);
	} else if (nr == KVM_CLEAR_DIRTY_LOG) {
		((struct kvm_clear_dirty_log *)(void *)arg)->dirty_bitmap = arena + (take(in, 2) << 7);
	} else if (nr == KVM_GET_DEVICE_ATTR || nr == KVM_SET_DEVICE_ATTR) {
		((struct kvm_device_attr *)(void *)arg)->addr = (u64)arena + take(in, 2);
	} else if (nr == KVM_X86_SET_MSR_FILTER) {
		struct kvm_msr_filter *f = (void *)arg;

		for (unsigned int i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++)
			f->ranges[i].bitmap = arena + take(in, 1);
	}
}

static void check_result(long r)
{
	require(r >= -4095, "%ld", r);
}

static const struct api_table *pick_table(u8 which, int *fd, struct input *in)
{
	switch (which % 3) {
	case 0:
		*fd = sys_fd;
		return &system_calls;
	case 1:
		*fd = n_vms ? vm_fd[take(in, 1) % n_vms] : sys_fd;
		return &vm_calls;
	default:
		*fd = n_vcpus ? vcpu_fd[take(in, 1) % n_vcpus] : sys_fd;
		return &vcpu_calls;
	}
}

static void request(struct input *in, u8 which)
{
	int fd;
	const struct api_table *t = pick_table(which, &fd, in);
	const struct api_call *c = &t->row[take(in, 1) % t->n];
	size_t size = c->size + (size_t)c->elem * min(c->max, (u16)256);
	u32 n;

	/* Masks the alarm; and a run has its own step. */
	if (c->nr == KVM_SET_SIGNAL_MASK || c->nr == KVM_RUN)
		return;
	if (c->flags & CALL_VALUE || !c->size) {
		check_result(kvm->ioctl(fd, c->nr, (void *)take_value(in)));
		return;
	}
	require(size <= ARG_MAX);
	mutate(in, size);
	if (c->elem) {		/* as many as there is room for, or too many */
		n = which & 64 ? take(in, 4) : take(in, 1) % 257;
		memcpy(arg + c->count_off, &n, 4);
		if (n > c->max && !(c->flags & CALL_CLAMP) && c->over >= 0)
			return;
		if (c->max > 256 && n > 256)
			return;
	}
	tame(in, c->nr);
	check_result(kvm->ioctl(fd, c->nr, which & 32 && size > 8 && !c->elem &&
				c->nr != KVM_GET_DIRTY_LOG ? NULL : arg));
}

/* GET, a few changes, SET. */
static void change(struct input *in)
{
	static const struct { u32 get, set; u16 size; bool vm; } pairs[] = {
		{ KVM_GET_REGS, KVM_SET_REGS, sizeof(struct kvm_regs), false },
		{ KVM_GET_SREGS, KVM_SET_SREGS, sizeof(struct kvm_sregs), false },
		{ KVM_GET_SREGS2, KVM_SET_SREGS2, sizeof(struct kvm_sregs2), false },
		{ KVM_GET_FPU, KVM_SET_FPU, sizeof(struct kvm_fpu), false },
		{ KVM_GET_XSAVE, KVM_SET_XSAVE, sizeof(struct kvm_xsave), false },
		{ KVM_GET_XCRS, KVM_SET_XCRS, sizeof(struct kvm_xcrs), false },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, sizeof(struct kvm_debugregs), false },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events), false },
		{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, sizeof(struct kvm_mp_state), false },
		{ KVM_GET_LAPIC, KVM_SET_LAPIC, sizeof(struct kvm_lapic_state), false },
		{ KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, sizeof(struct kvm_irqchip), true },
		{ KVM_GET_PIT2, KVM_SET_PIT2, sizeof(struct kvm_pit_state2), true },
		{ KVM_GET_CLOCK, KVM_SET_CLOCK, sizeof(struct kvm_clock_data), true },
	};
	u8 which = take(in, 1), changes = which >> 4 & 7;
	unsigned int i = which % ARRAY_SIZE(pairs);
	int fd;

	if (pairs[i].vm ? !n_vms : !n_vcpus)
		return;
	fd = pairs[i].vm ? vm_fd[take(in, 1) % n_vms] : vcpu_fd[take(in, 1) % n_vcpus];
	if (pairs[i].get == KVM_GET_IRQCHIP)
		*(u32 *)arg = take(in, 1) & 3;
	check_result(kvm->ioctl(fd, pairs[i].get, arg));
	for (; changes; changes--) {
		u64 v = take_value(in);
		size_t off = take(in, 2) % pairs[i].size & ~(size_t)(which & 128 ? 7 : 0);

		memcpy(arg + off, &v, min(which & 128 ? (size_t)8 : (size_t)2, pairs[i].size - off));
	}
	check_result(kvm->ioctl(fd, pairs[i].set, arg));
}

/* ---- numbers that random bytes do not find ---- */

static void enable_cap(struct input *in)
{
	static const u32 caps[] = {
		KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_X2APIC_API, KVM_CAP_MAX_VCPU_ID, KVM_CAP_X86_USER_SPACE_MSR,
		KVM_CAP_DISABLE_QUIRKS, KVM_CAP_DISABLE_QUIRKS2, KVM_CAP_MSR_PLATFORM_INFO,
		KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_X86_TRIPLE_FAULT_EVENT, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		KVM_CAP_DIRTY_LOG_RING, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, KVM_CAP_HYPERV_SYNIC,
		KVM_CAP_HYPERV_SYNIC2, KVM_CAP_HYPERV_ENLIGHTENED_VMCS, KVM_CAP_HYPERV_DIRECT_TLBFLUSH,
		KVM_CAP_HYPERV_ENFORCE_CPUID, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, KVM_CAP_X86_DISABLE_EXITS,
		KVM_CAP_X86_BUS_LOCK_EXIT, KVM_CAP_X86_NOTIFY_VMEXIT, KVM_CAP_EXIT_HYPERCALL,
		KVM_CAP_EXIT_ON_EMULATION_FAILURE, KVM_CAP_HALT_POLL, KVM_CAP_PMU_CAPABILITY,
		KVM_CAP_SGX_ATTRIBUTE, KVM_CAP_VM_COPY_ENC_CONTEXT_FROM, KVM_CAP_VM_DISABLE_NX_HUGE_PAGES,
	};
	struct kvm_enable_cap c = { .cap = caps[take(in, 1) % ARRAY_SIZE(caps)] };
	u8 how = take(in, 1);

	c.args[0] = how & 1 ? take_value(in) : how >> 1 & 15;
	if (how & 32)
		c.args[1] = take_value(in);
	if (how & 64)
		c.flags = how >> 6;
	if (how & 128 ? n_vcpus : n_vms)
		check_result(kvm->ioctl(how & 128 ? vcpu_fd[how % n_vcpus] : vm_fd[how % n_vms],
					KVM_ENABLE_CAP, &c));
}

static u32 msr_index(struct input *in)
{
	struct kvm_msr_list *l = (void *)arg;
	u8 how = take(in, 1);

	switch (how & 3) {
	case 0: return take(in, 2);
	case 1: return (how & 4 ? 0xc0010000 : 0xc0000000) + take(in, 2);
	case 2: return (how & 4 ? 0x40000000 : 0x4b564d00) + take(in, 1);
	default:
		l->nmsrs = 1000;
		require(!kvm->ioctl(sys_fd, KVM_GET_MSR_INDEX_LIST, l));
		return l->indices[(how >> 2 | take(in, 1) << 6) % l->nmsrs];
	}
}

static void msrs(struct input *in)
{
	u64 buf[1 + 4 * sizeof(struct kvm_msr_entry) / 8] = { 0 };
	struct kvm_msrs *m = (void *)buf;
	u8 how = take(in, 1);

	if (!n_vcpus)
		return;
	m->nmsrs = (how & 3) + 1;
	for (unsigned int i = 0; i < m->nmsrs; i++) {
		m->entries[i].index = msr_index(in);
		m->entries[i].data = how & 4 ? take_value(in) : take(in, 2);
	}
	check_result(kvm->ioctl(vcpu_fd[(how >> 4) % n_vcpus], how & 8 ? KVM_GET_MSRS : KVM_SET_MSRS, m));
}

/* A statistics file is read to its end. */
static void stats(struct input *in)
{
	u8 how = take(in, 1);
	char buf[512];
	long fd;

	if (how & 1 ? !n_vcpus : !n_vms)
		return;
	fd = kvm->ioctl(how & 1 ? vcpu_fd[how % n_vcpus] : vm_fd[how % n_vms], KVM_GET_STATS_FD, NULL);
	check_result(fd);
	if (fd < 0)
		return;
	if (pread((int)fd, buf, sizeof(buf), take(in, 2)) >= 0)
		while (read((int)fd, buf, sizeof(buf)) > 0)
			;
	close((int)fd);
}

/* ---- objects ---- */

static void create_vm(struct input *in)
{
	struct kvm_userspace_memory_region r = { .memory_size = ARENA_RW / 2, .userspace_addr = (u64)arena };
	u8 how = take(in, 1);
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	long fd;

	if (n_vms == VMS)
		return;
	fd = kvm->ioctl(sys_fd, KVM_CREATE_VM, NULL);
	require(fd >= 0, "%ld", fd);
	vm_fd[n_vms++] = (int)fd;
	if (how & 1)
		require(!kvm->ioctl((int)fd, KVM_SET_USER_MEMORY_REGION, &r));
	/* SMM sees the same, or the pages behind it as well. */
	r.slot = 1 << 16;
	r.memory_size >>= how >> 4 & 1;
	if (how & 8)
		require(!kvm->ioctl((int)fd, KVM_SET_USER_MEMORY_REGION, &r));
	r.slot |= 1;
	r.guest_phys_addr = r.memory_size;
	r.userspace_addr += ARENA_RW / 2;
	if (how & 16)
		require(!kvm->ioctl((int)fd, KVM_SET_USER_MEMORY_REGION, &r));
	if (how & 2)
		require(!kvm->ioctl((int)fd, KVM_CREATE_IRQCHIP, NULL));
	else if (how & 4)
		require(!kvm->ioctl((int)fd, KVM_ENABLE_CAP, &split));
}

/* Hyper-V's leaves, in the place of KVM's own. */
static void add_hyperv(long fd, struct kvm_cpuid2 *cpuid)
{
	u64 buf[1 + 20 * sizeof(struct kvm_cpuid_entry2) / 8] = { 20 };
	struct kvm_cpuid2 *hv = (void *)buf;
	struct kvm_enable_cap synic = { .cap = KVM_CAP_HYPERV_SYNIC };

	require(!kvm->ioctl(sys_fd, KVM_GET_SUPPORTED_HV_CPUID, hv));
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function >> 24 == 0x40)
			cpuid->entries[i].function = 0x4fffffff;
	memcpy(&cpuid->entries[cpuid->nent], hv->entries, hv->nent * sizeof(hv->entries[0]));
	cpuid->nent += hv->nent;
	kvm->ioctl((int)fd, KVM_ENABLE_CAP, &synic);
}

static void create_vcpu(struct input *in)
{
	struct kvm_cpuid2 *cpuid = (void *)arg;
	u8 how = take(in, 1);
	long fd;

	if (!n_vms || n_vcpus == ARRAY_SIZE(vcpu_fd))
		return;
	fd = kvm->ioctl(vm_fd[how % n_vms], KVM_CREATE_VCPU, (void *)(take(in, 1) & 7ul));
	check_result(fd);
	if (fd < 0)
		return;
	vcpu_fd[n_vcpus] = (int)fd;
	run_page[n_vcpus] = kvm->mmap((int)fd, RUN_LEN, 0);
	require(run_page[n_vcpus]);
	n_vcpus++;
	if (!(how & 8))
		return;
	cpuid->nent = 100;
	require(!kvm->ioctl(sys_fd, KVM_GET_SUPPORTED_CPUID, cpuid));
	if (how & 16)
		add_hyperv(fd, cpuid);
	require(!kvm->ioctl((int)fd, KVM_SET_CPUID2, cpuid));
}

/* Identity-mapped 64-bit mode with code at 8000h; or flat real mode there. */
static void set_mode(struct input *in)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = 0x8000, .rsp = 0x7000, .rflags = 2 };
	u64 *table = (u64 *)(arena + 0x10000);
	u8 how = take(in, 1);
	int fd;

	if (!n_vcpus)
		return;
	fd = vcpu_fd[how % n_vcpus];
	require(!kvm->ioctl(fd, KVM_GET_SREGS, &s));
	s.cs.base = s.cs.selector = 0;
	if (how & 64) {
		table[0] = 0x11007;
		table[512] = 0x12007;
		for (unsigned int i = 0; i < 512; i++)
			table[1024 + i] = i << 21 | 0x87;
		s.cr3 = 0x10000;
		s.cr4 = 0x620;
		s.cr0 = 0x80050033;
		s.efer = 0xd01;
		s.cs.l = 1;
		s.cs.type = 11;
		s.cs.present = s.cs.s = 1;
	}
	check_result(kvm->ioctl(fd, KVM_SET_SREGS, &s));
	if (how & 128)
		r.rflags |= 0x200;
	check_result(kvm->ioctl(fd, KVM_SET_REGS, &r));
	take_buf(in, arena + 0x8000, 48);
}

/* An SMI whose handler is a few bytes of the input, then RSM; and, when in SMM
 * already, something else in the save area. */
static void smi(struct input *in, u8 how)
{
	u8 *save = arena + 0x3fe00;
	u64 val;

	take_buf(in, arena + 0x38000, 8);
	memcpy(arena + 0x38008, (how & 16 ? "\x0f\xaa\x90\x90" : "\x66\x90\x0f\xaa"), 4);
	for (unsigned int i = how >> 5; i; i--) {
		val = take_value(in);
		memcpy(save + (take(in, 2) & 0x1ff & ~3), &val, 8);
	}
	if (n_vcpus)
		check_result(kvm->ioctl(vcpu_fd[take(in, 1) % n_vcpus], KVM_SMI, NULL));
}

static void run(struct input *in, u8 how)
{
	unsigned int i;
	long r;

	if (!n_vcpus)
		return;
	i = take(in, 1) % n_vcpus;
	if (how & 128) {	/* what a process may do to its kvm_run */
		u64 v = take_value(in);
		size_t off = take(in, 2) % (RUN_LEN - 8);

		memcpy((u8 *)run_page[i] + off, &v, 8);
	}
	if (!(how & 64))
		run_page[i]->immediate_exit = 0;
	soft_signal.hit = 0;
	set_alarm(RUN_NS);
	r = kvm->ioctl(vcpu_fd[i], KVM_RUN, NULL);
	set_alarm(0);
	endless += soft_signal.hit;
	check_result(r);
	if (!r)
		require(run_page[i]->exit_reason <= KVM_EXIT_NOTIFY, "exit %u", run_page[i]->exit_reason);
	if (!r && run_page[i]->exit_reason == KVM_EXIT_IO) {
		struct kvm_run *k = run_page[i];

		require(k->io.data_offset >= 4096 && k->io.data_offset + (u64)k->io.size * k->io.count <= 8192,
			"%llu, %u of %u", (long long)k->io.data_offset, k->io.count, k->io.size);
	}
	if (!r && run_page[i]->exit_reason == KVM_EXIT_MMIO)
		require(run_page[i]->mmio.len >= 1 && run_page[i]->mmio.len <= 8);
}

static void step(struct input *in)
{
	u8 op = take(in, 1);

	switch (op & 15) {
	case 0: create_vm(in); break;
	case 1: create_vcpu(in); break;
	case 2: case 3: run(in, op); break;
	case 4: set_mode(in); break;
	case 5: case 6: change(in); break;
	case 7: test_advance(take_value(in) % 10000000000ull); break;
	case 10: smi(in, op); break;
	case 8: take_buf(in, arena + take(in, 2) * 8, 16); break;
	case 11: enable_cap(in); break;
	case 12: msrs(in); break;
	case 13:
		if (op >> 4 < 2) {
			stats(in);
			break;
		}
		request(in, op >> 4 ^ 5);
		break;
	case 9: {
		u64 one = 1;

		if (write(event_fd[op >> 4 & 1], &one, 8) < 0)
			break;
		test_poll_events();
		break;
	}
	default: request(in, op >> 4 ^ (op & 15)); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct input in = { data, n };
	int lowest = dup(2);

	if (n > 4096)
		return -1;
	close(lowest);
	memset(arena, 0, 0x20000);
	memset(arg, 0, sizeof(arg));
	n_vms = n_vcpus = endless = 0;
	sys_fd = kvm->open(NULL);
	event_fd[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	event_fd[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	require(sys_fd >= 0 && event_fd[1] >= 0);
	while (in.n && endless < ENDLESS_MAX)
		step(&in);
	for (int i = 0; i < n_vcpus; i++) {
		kvm->munmap(run_page[i], RUN_LEN);
		kvm->close(vcpu_fd[i]);
	}
	for (int i = 0; i < n_vms; i++)
		kvm->close(vm_fd[i]);
	kvm->close(sys_fd);
	close(event_fd[0]);
	close(event_fd[1]);
	n_vms = dup(2);
	close(n_vms);
	require(n_vms == lowest, "descriptor %d is left open", lowest);
	return 0;
}
