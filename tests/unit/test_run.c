// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM_RUN with an engine whose guest is a function: what is injected and when,
 * INIT and SIPI, exits that user space answers, hypercalls.
 */
#include <sys/mman.h>
#include "core/api/pv.h"
#include "core/irq/lapic.h"
#include "core/x86/flags.h"
#include "core/x86/seg.h"
#include "tests/unit/api_vm.h"

#define RAM_LEN		0x10000u
#define MMIO		0xd0000u
#define CODE		0x1000u
#define STACK		0x8000u
#define HANDLER(v)	(0x2000u + (v))	/* where the IVT leads */
#define UNKNOWN_MSR	0x12345u

static u8 *ram;
static unsigned int rounds;	/* times that the guest ran */
static u64 seen[8];		/* what it saw */
static int result[4];

static u64 mem(u32 at, unsigned int n)
{
	u64 val = 0;

	memcpy(&val, ram + at, n);
	return val;
}

/* Real mode, a page of vectors, interrupts on. */
static int ready(void)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM_LEN };
	unsigned int i;

	ram = mmap(NULL, RAM_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r.userspace_addr = (u64)(uintptr_t)ram;
	for (i = 0; i < 256; i++)
		memcpy(ram + i * 4, &(u32){ HANDLER(i) }, 4);
	for (i = X86_ES; i <= X86_GS; i++)
		x86_seg_real(&v->cpu, i, 0);
	v->cpu.gpr[X86_RIP] = CODE;
	v->cpu.gpr[X86_RSP] = STACK;
	x86_set_rflags(&v->cpu, X86_F_IF);
	x86_mode_update(&v->cpu);
	rounds = 0;
	memset(seen, 0, sizeof(seen));
	return slots_set(vm, &r);
}

static int setup(void **state)
{
	return vm_setup(state) || ready();
}

static int setup_irqchip(void **state)
{
	return vm_setup_irqchip(state) || ready();
}

static int teardown(void **state)
{
	vm_teardown(state);
	munmap(ram, RAM_LEN);
	return 0;
}

static long run(void)
{
	return vcpu_call(KVM_RUN, NULL);
}

static long enable(u32 cap, u64 arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return vm_call(KVM_ENABLE_CAP, &c);
}

/* Notes where it is, and halts. */
static int note_ip(struct vcpu *x)
{
	seen[rounds++ & 7] = x->cpu.gpr[X86_RIP];
	return RUN_HALT;
}

/* --- events --- */

static void queued_exception_enters_its_handler(void **state)
{
	struct kvm_vcpu_events e = { .exception = { .injected = 1, .nr = X86_GP,
						    .has_error_code = 1 } };

	guest = note_ip;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(seen[0], HANDLER(X86_GP));
	assert_int_equal(mem(STACK - 6, 2), CODE);
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.exception.injected, 0);
	assert_int_equal(v->run->if_flag, 0);
}

/* The stack is not RAM: user space stores the frame, then the handler runs. */
static void push_to_mmio(u8 kind, u64 handler)
{
	static const u16 frame[3] = { CODE, 0, X86_F_IF | X86_F_1 };
	struct kvm_vcpu_events e;

	x86_seg_real(&v->cpu, X86_SS, MMIO >> 4);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_MMIO);
	assert_true(v->run->mmio.is_write);
	assert_int_equal(v->run->mmio.phys_addr, MMIO + STACK - 6);
	assert_int_equal(v->run->mmio.len, 6);
	assert_memory_equal(v->run->mmio.data, frame, 6);
	assert_int_equal(rounds, 0);
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.exception.injected, kind == X86_EV_EXC);
	assert_int_equal(e.nmi.injected, kind == X86_EV_NMI);
	assert_int_equal(e.interrupt.injected, kind == X86_EV_INTR);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(rounds, 1);
	assert_int_equal(seen[0], handler);
	assert_int_equal(v->cpu.gpr[X86_RSP], STACK - 6);
	assert_false(vcpu_replaying(v));
}

static void exception_is_delivered_to_a_stack_that_user_space_has(void **state)
{
	struct kvm_vcpu_events e = { .exception = { .injected = 1, .nr = X86_UD } };

	guest = note_ip;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	push_to_mmio(X86_EV_EXC, HANDLER(X86_UD));
}

static void nmi_is_delivered_to_a_stack_that_user_space_has(void **state)
{
	guest = note_ip;
	assert_int_equal(vcpu_call(KVM_NMI, NULL), 0);
	push_to_mmio(X86_EV_NMI, HANDLER(X86_NMI));
	assert_int_equal(v->stat[STAT_NMIS], 1);
}

static void interrupt_is_delivered_to_a_stack_that_user_space_has(void **state)
{
	struct kvm_interrupt i = { .irq = 0x40 };

	guest = note_ip;
	assert_int_equal(vcpu_call(KVM_INTERRUPT, &i), 0);
	push_to_mmio(X86_EV_INTR, HANDLER(0x40));
	assert_int_equal(v->stat[STAT_IRQS], 1);
}

static void nmis_that_raced_leave_one(void **state)
{
	guest = note_ip;
	v->nmi_pending = 3;
	assert_int_equal(run(), 0);
	assert_int_equal(seen[0], HANDLER(X86_NMI));
	assert_int_equal(v->nmi_pending, 1);
	assert_true(v->cpu.nmi_masked);
	assert_int_equal(run(), 0);
	assert_int_equal(seen[1], HANDLER(X86_NMI));
	assert_int_equal(v->nmi_pending, 1);
	v->cpu.nmi_masked = false;
	v->cpu.gpr[X86_RIP] = CODE;
	assert_int_equal(run(), 0);
	assert_int_equal(seen[2], HANDLER(X86_NMI));
	assert_int_equal(v->nmi_pending, 0);
}

static void shadow_holds_nmi_and_interrupt_back(void **state)
{
	struct kvm_interrupt i = { .irq = 0x40 };

	guest = note_ip;
	v->cpu.shadow = X86_SHADOW_MOVSS;
	assert_int_equal(vcpu_call(KVM_NMI, NULL), 0);
	assert_false(vcpu_wants_attention(v) && !v->requests);
	assert_int_equal(run(), 0);
	assert_int_equal(seen[0], CODE);
	v->cpu.shadow = 0;
	assert_true(vcpu_wants_attention(v));
	assert_int_equal(run(), 0);
	assert_int_equal(seen[1], HANDLER(X86_NMI));
	assert_int_equal(vcpu_call(KVM_INTERRUPT, &i), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(seen[2], HANDLER(0x40));
}

static void injected_triple_fault_is_shutdown(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT };

	guest = note_ip;
	assert_int_equal(enable(KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1), 0);
	e.triple_fault.pending = 1;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	e.triple_fault.pending = 0;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
	e.triple_fault.pending = 1;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_SHUTDOWN);
	assert_int_equal(rounds, 1);
}

static void clock_page_is_written_before_the_guest_sees_it(void **state)
{
	struct kvm_clock_data clock = { .clock = 777000000000 };

	guest = note_ip;
	assert_int_equal(msr_write(v, 0x4b564d01, 0x5001, false), 0);
	assert_int_equal(run(), 0);
	assert_int_not_equal(mem(0x5000, 4), 0);
	assert_int_equal(vm_call(KVM_SET_CLOCK, &clock), 0);
	assert_int_not_equal(mem(0x5010, 8), clock.clock);
	assert_int_equal(run(), 0);
	assert_int_equal(mem(0x5010, 8), clock.clock);
}

/* --- MSR exits --- */

static int read_msr(struct vcpu *x)
{
	int r;

	rounds++;
	r = x->cpu.env->rdmsr(&x->cpu, UNKNOWN_MSR, &seen[0]);
	result[0] = r;
	if (r == RUN_EXIT)
		return r;
	vcpu_io_retired(x);
	return RUN_HALT;
}

static int write_msr(struct vcpu *x)
{
	int r;

	rounds++;
	r = x->cpu.env->wrmsr(&x->cpu, UNKNOWN_MSR, 0x55);
	result[0] = r;
	if (r == RUN_EXIT)
		return r;
	vcpu_io_retired(x);
	return RUN_HALT;
}

static void user_space_answers_rdmsr(void **state)
{
	assert_int_equal(enable(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN), 0);
	guest = read_msr;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_X86_RDMSR);
	assert_int_equal(v->run->msr.index, UNKNOWN_MSR);
	v->run->msr.data = 0x1234;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(seen[0], 0x1234);
	assert_int_equal(rounds, 2);
}

static void user_space_makes_wrmsr_fault(void **state)
{
	assert_int_equal(enable(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN), 0);
	guest = write_msr;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_X86_WRMSR);
	assert_int_equal(v->run->msr.data, 0x55);
	v->run->msr.error = 1;
	assert_int_equal(run(), 0);
	assert_int_equal(result[0], RUN_FAULT);
	assert_int_equal(v->cpu.exc.vector, X86_GP);
}

static void filtered_msrs_exit_with_that_reason(void **state)
{
	static u8 none[8];
	struct kvm_msr_filter f = { .ranges[0] = { .flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
						   .base = UNKNOWN_MSR, .nmsrs = 1,
						   .bitmap = none } };

	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), 0);
	guest = read_msr;
	assert_int_equal(run(), 0);
	assert_int_equal(result[0], RUN_FAULT);
	assert_int_equal(enable(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER), 0);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_X86_RDMSR);
	assert_int_equal(v->run->msr.reason, KVM_MSR_EXIT_REASON_FILTER);
	assert_int_equal(run(), 0);
	guest = write_msr;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_X86_WRMSR);
	assert_int_equal(v->run->msr.reason, KVM_MSR_EXIT_REASON_FILTER);
}

/* --- accesses --- */

static u64 at;
static unsigned int len;
static bool store;
static u8 buf[128];

static int access_memory(struct vcpu *x)
{
	const struct x86_env *env = x->cpu.env;
	int r = store ? env->write(&x->cpu, at, buf, len) : env->read(&x->cpu, at, buf, len);

	rounds++;
	if (r)
		return r;
	vcpu_io_retired(x);
	return RUN_HALT;
}

static void wide_read_is_asked_for_in_pieces(void **state)
{
	unsigned int i;

	guest = access_memory;
	at = MMIO;
	len = 20;
	store = false;
	for (i = 0; i < 3; i++) {
		assert_int_equal(run(), 0);
		assert_int_equal(v->run->exit_reason, KVM_EXIT_MMIO);
		assert_int_equal(v->run->mmio.phys_addr, MMIO + 8 * i);
		assert_int_equal(v->run->mmio.len, i < 2 ? 8 : 4);
		memset(v->run->mmio.data, 0x10 + i, 8);
	}
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(buf[0], 0x10);
	assert_int_equal(buf[15], 0x11);
	assert_int_equal(buf[19], 0x12);
}

static void too_many_pieces_are_an_internal_error(void **state)
{
	unsigned int i;

	guest = access_memory;
	at = MMIO;
	len = 8 * (VCPU_FRAGS + 1);
	store = true;
	for (i = 0; i < VCPU_FRAGS; i++) {
		assert_int_equal(run(), 0);
		assert_int_equal(v->run->exit_reason, KVM_EXIT_MMIO);
	}
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
	assert_int_equal(v->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
}

static void next_iteration_asks_anew(void **state)
{
	guest = access_memory;
	at = MMIO;
	len = 4;
	store = false;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_MMIO);
	v->cpu.gpr[X86_RCX]--;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_MMIO);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
}

static void apic_page_needs_no_user_space(void **state)
{
	guest = access_memory;
	at = 0xfee00000 + 0x30;
	len = 4;
	store = false;
	v->interrupted = true;	/* what ends the run: the guest only halts */
	assert_int_equal(run(), -EINTR);
	v->interrupted = false;
	assert_int_equal(v->cpu.env->read(&v->cpu, at, buf, 4), RUN_OK);
	assert_int_equal(buf[0] & 0xf0, 0x10);
	at = 0xfee00000 + 0x80;
	assert_int_equal(v->cpu.env->write(&v->cpu, at, &(u32){ 0x50 }, 4), RUN_OK);
	assert_int_equal(v->cpu.env->get_cr8(&v->cpu), 5);
}

static int exchange(struct vcpu *x)
{
	u64 old = seen[0];
	int r = x->cpu.env->cmpxchg(&x->cpu, at, &old, 0x77, 4);

	if (r)
		return r;
	seen[1] = old;
	vcpu_io_retired(x);
	return RUN_HALT;
}

static void compare_and_exchange_of_mmio_reads_then_writes(void **state)
{
	guest = exchange;
	at = MMIO;
	seen[0] = 0x11;
	assert_int_equal(run(), 0);
	assert_false(v->run->mmio.is_write);
	*(u32 *)v->run->mmio.data = 0x11;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_MMIO);
	assert_true(v->run->mmio.is_write);
	assert_int_equal(*(u32 *)v->run->mmio.data, 0x77);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
	/* What does not match is not written. */
	assert_int_equal(run(), 0);
	*(u32 *)v->run->mmio.data = 0x12;
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HLT);
	assert_int_equal(seen[1], 0x12);
}

static void compare_and_exchange_marks_the_dirty_log(void **state)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM_LEN,
		.flags = KVM_MEM_LOG_DIRTY_PAGES, .userspace_addr = (u64)(uintptr_t)ram };
	u64 bits = 0;
	struct kvm_dirty_log l = { .dirty_bitmap = &bits };

	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &r), 0);
	guest = exchange;
	at = 0x3000;
	seen[0] = 1;
	assert_int_equal(run(), 0);
	assert_int_equal(vm_call(KVM_GET_DIRTY_LOG, &l), 0);
	assert_int_equal(bits, 0);
	seen[0] = 0;
	assert_int_equal(run(), 0);
	assert_int_equal(vm_call(KVM_GET_DIRTY_LOG, &l), 0);
	assert_int_equal(bits, 8);
	assert_int_equal(mem(0x3000, 4), 0x77);
}

static void port_transfer_larger_than_its_page_is_refused(void **state)
{
	static u8 big[8192];

	assert_int_equal(v->cpu.env->pio(&v->cpu, 0x60, 4, false, big, 1025), -EINVAL);
	assert_int_equal(v->cpu.env->pio(&v->cpu, 0x60, 4, false, big, 1024), RUN_EXIT);
	assert_int_equal(v->run->io.count, 1024);
}

/* --- INIT, SIPI, sleeping --- */

static void icr(struct vcpu *from, u32 dest, u32 low)
{
	u32 high = dest << 24;

	assert_int_equal(lapic_mmio_write(from, 0xfee00310, &high, 4), 0);
	assert_int_equal(lapic_mmio_write(from, 0xfee00300, &low, 4), 0);
}

static int stop_here(struct vcpu *x)
{
	note_ip(x);
	seen[4] = x->cpu.seg[X86_CS].sel;
	x->interrupted = true;
	return RUN_END;
}

static void second_processor_waits_for_init_and_sipi(void **state)
{
	struct vcpu *first = v;

	v = add_vcpu(1);
	guest = stop_here;
	assert_int_equal(run(), -EINTR);
	assert_int_equal(rounds, 0);
	icr(first, 1, 0x4500);
	/* INIT alone: it goes on waiting. */
	assert_int_equal(run(), -EINTR);
	assert_int_equal(v->mp_state, KVM_MP_STATE_INIT_RECEIVED);
	assert_int_equal(rounds, 0);
	icr(first, 1, 0x4605);
	assert_int_equal(run(), -EINTR);
	assert_int_equal(rounds, 1);
	assert_int_equal(seen[0], 0);
	assert_int_equal(seen[4], 0x500);
	assert_true(v->cpu.seg[X86_CS].base == 0x5000);
	assert_int_equal(v->mp_state, KVM_MP_STATE_RUNNABLE);
}

static void init_of_the_boot_processor_restarts_it(void **state)
{
	struct vcpu *other = add_vcpu(1);

	guest = stop_here;
	v->exc_pending = v->nmi_injected = true;
	v->cpu.gpr[X86_RAX] = 77;
	icr(other, 0, 0x4500);
	state_changes = 0;
	assert_int_equal(run(), -EINTR);
	assert_int_equal(seen[0], 0xfff0);
	assert_int_equal(seen[4], 0xf000);
	assert_int_equal(v->cpu.gpr[X86_RAX], 0);
	assert_false(v->exc_pending || v->nmi_injected);
	assert_int_equal(state_changes, 1);
}

static void kick_wakes_who_halted(void **state)
{
	struct vcpu *first = v;

	v = add_vcpu(1);
	v->mp_state = KVM_MP_STATE_HALTED;
	guest = stop_here;
	assert_int_equal(run(), -EINTR);
	assert_int_equal(rounds, 0);
	first->cpu.gpr[X86_RAX] = 5;	/* KVM_HC_KICK_CPU */
	first->cpu.gpr[X86_RCX] = 1;
	assert_int_equal(first->cpu.env->hypercall(&first->cpu), RUN_OK);
	assert_int_equal(first->cpu.gpr[X86_RAX], 0);
	assert_int_equal(run(), -EINTR);
	assert_int_equal(rounds, 1);
	assert_int_equal(v->stat[STAT_WAKEUPS], 1);
	/* Nobody there is nobody's fault. */
	first->cpu.gpr[X86_RAX] = 5;
	first->cpu.gpr[X86_RCX] = 99;
	assert_int_equal(first->cpu.env->hypercall(&first->cpu), RUN_OK);
	assert_int_equal(first->cpu.gpr[X86_RAX], 0);
}

/* --- hypercalls --- */

static s64 hypercall(u64 nr, u64 b, u64 cx, u64 d, u64 s)
{
	u64 *g = v->cpu.gpr;

	g[X86_RAX] = nr;
	g[X86_RBX] = b;
	g[X86_RCX] = cx;
	g[X86_RDX] = d;
	g[X86_RSI] = s;
	assert_int_equal(v->cpu.env->hypercall(&v->cpu), RUN_OK);
	return v->cpu.mode == X86_MODE64 ? (s64)g[X86_RAX] : (s32)g[X86_RAX];
}

static bool has_irr(struct vcpu *x, u8 vector)
{
	return x->apic->reg[LAPIC_IRR + vector / 32] >> (vector % 32) & 1;
}

static void software_enabled(struct vcpu *x)
{
	assert_int_equal(lapic_mmio_write(x, 0xfee000f0, &(u32){ 0x1ff }, 4), 0);
}

static void hypercall_sends_ipis_to_a_map(void **state)
{
	struct vcpu *one = add_vcpu(1), *far = add_vcpu(40);

	software_enabled(one);
	software_enabled(far);
	/* 32 bits: two registers of 32 vCPUs. */
	assert_int_equal(hypercall(10, 1u << 1, 1u << 8, 0, 0x51), 2);
	assert_true(has_irr(one, 0x51) && has_irr(far, 0x51));
	v->cpu.mode = X86_MODE64;
	assert_int_equal(hypercall(10, 1u << 1 | 1ull << 40, 0, 0, 0x52), 2);
	assert_true(has_irr(one, 0x52) && has_irr(far, 0x52));
	/* Counted from the third register's. */
	assert_int_equal(hypercall(10, 1, 0, 40, 0x53), 1);
	assert_true(has_irr(far, 0x53));
	assert_false(has_irr(one, 0x53));
	/* A shorthand or a logical destination means nothing here. */
	assert_int_equal(hypercall(10, 1, 0, 0, 0xc0051), -22);
	v->cpu.mode = X86_MODE16;
}

static void hypercalls_are_for_the_kernel(void **state)
{
	v->cpu.cpl = 3;
	assert_int_equal(hypercall(11, 0, 0, 0, 0), -1);
	v->cpu.cpl = 0;
	assert_int_equal(hypercall(11, 0, 0, 0, 0), 0);
	assert_int_equal(hypercall(1, 0, 0, 0, 0), 0);
	assert_int_equal(hypercall(12345, 0, 0, 0, 0), -1000);
	/* No APIC, nowhere to send to. */
	assert_int_equal(hypercall(10, 1, 0, 0, 0x51), -1000);
	v->pv_enforced = true;
	v->pv_features = 0;
	assert_int_equal(hypercall(11, 0, 0, 0, 0), -1000);
	assert_int_equal(hypercall(5, 0, 0, 0, 0), -1000);
	assert_int_equal(hypercall(10, 1, 0, 0, 0x51), -1000);
	assert_int_equal(v->stat[STAT_HYPERCALLS], 8);
}

/* --- split irqchip --- */

static int setup_split(void **state)
{
	assert_int_equal(vm_setup_bare(state), 0);
	assert_int_equal(enable(KVM_CAP_SPLIT_IRQCHIP, 24), 0);
	v = add_vcpu(0);
	assert_int_equal(set_supported_cpuid(v), 0);
	return ready();
}

static int end_interrupt(struct vcpu *x)
{
	note_ip(x);
	lapic_mmio_write(x, 0xfee000b0, &(u32){ 0 }, 4);
	x->interrupted = rounds > 1;
	return RUN_END;
}

static void eoi_of_a_level_interrupt_is_told(void **state)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e;
	} routes = { .r.nr = 1, .e = { .gsi = 5, .type = KVM_IRQ_ROUTING_MSI,
		     .u.msi = { .address_lo = 0xfee00000, .data = 0xc060 } } };
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0xc060 };

	assert_int_equal(vm_call(KVM_SET_GSI_ROUTING, &routes), 0);
	software_enabled(v);
	guest = end_interrupt;
	assert_int_equal(vm_call(KVM_SIGNAL_MSI, &msi), 1);
	assert_int_equal(run(), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_IOAPIC_EOI);
	assert_int_equal(v->run->eoi.vector, 0x60);
	assert_int_equal(seen[0], HANDLER(0x60));
	assert_int_equal(run(), -EINTR);
	assert_int_equal(rounds, 2);
}

static void extint_waits_until_the_apic_takes_it(void **state)
{
	struct kvm_interrupt i = { .irq = 0x33 };

	guest = stop_here;
	software_enabled(v);
	/* LINT0 passes what the PIC of user space sends. */
	assert_int_equal(lapic_mmio_write(v, 0xfee00350, &(u32){ 0x10700 }, 4), 0);
	assert_int_equal(vcpu_call(KVM_INTERRUPT, &i), 0);
	assert_int_equal(vcpu_call(KVM_INTERRUPT, &i), -EEXIST);
	assert_int_equal(run(), -EINTR);
	assert_int_equal(seen[0], CODE);
	v->interrupted = false;
	assert_int_equal(lapic_mmio_write(v, 0xfee00350, &(u32){ 0x700 }, 4), 0);
	assert_int_equal(run(), -EINTR);
	assert_int_equal(seen[1], HANDLER(0x33));
}

#define PLAIN(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define CHIP(f) cmocka_unit_test_setup_teardown(f, setup_irqchip, teardown)
#define SPLIT(f) cmocka_unit_test_setup_teardown(f, setup_split, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(queued_exception_enters_its_handler),
		PLAIN(exception_is_delivered_to_a_stack_that_user_space_has),
		PLAIN(nmi_is_delivered_to_a_stack_that_user_space_has),
		PLAIN(interrupt_is_delivered_to_a_stack_that_user_space_has),
		PLAIN(nmis_that_raced_leave_one), PLAIN(shadow_holds_nmi_and_interrupt_back),
		PLAIN(injected_triple_fault_is_shutdown),
		PLAIN(clock_page_is_written_before_the_guest_sees_it),
		PLAIN(user_space_answers_rdmsr), PLAIN(user_space_makes_wrmsr_fault),
		PLAIN(filtered_msrs_exit_with_that_reason),
		PLAIN(wide_read_is_asked_for_in_pieces),
		PLAIN(too_many_pieces_are_an_internal_error), PLAIN(next_iteration_asks_anew),
		CHIP(apic_page_needs_no_user_space),
		PLAIN(compare_and_exchange_of_mmio_reads_then_writes),
		PLAIN(compare_and_exchange_marks_the_dirty_log),
		PLAIN(port_transfer_larger_than_its_page_is_refused),
		CHIP(second_processor_waits_for_init_and_sipi),
		CHIP(init_of_the_boot_processor_restarts_it), CHIP(kick_wakes_who_halted),
		CHIP(hypercall_sends_ipis_to_a_map), PLAIN(hypercalls_are_for_the_kernel),
		SPLIT(eoi_of_a_level_interrupt_is_told), SPLIT(extint_waits_until_the_apic_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
