/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hyper-V's hypercalls. */
#include <sys/eventfd.h>
#include <unistd.h>
#include "tests/unit/hv_vm.h"

enum {
	FLUSH_SPACE = 0x02, FLUSH_LIST = 0x03, SPIN_WAIT = 0x08, SEND_IPI = 0x0b,
	FLUSH_SPACE_EX = 0x13, FLUSH_LIST_EX = 0x14, SEND_IPI_EX = 0x15, POST_MESSAGE = 0x5c,
	SIGNAL_EVENT = 0x5d, POST_DEBUG = 0x69, RESET_DEBUG = 0x6b,
};
enum { OK, BAD_CODE = 2, BAD_INPUT, BAD_ALIGNMENT, BAD_PARAMETER, DENIED, NOT_NOW = 8 };

#define FAST		(1ull << 16)
#define VARS(n)		((u64)(n) << 17)
#define REPS(n)		((u64)(n) << 32)
#define START(n)	((u64)(n) << 48)
#define INPUT		0x2000u		/* where input is */

static int setup(void **state)
{
	assert_int_equal(hv_setup(state), 0);
	return host_wr(HV_GUEST_OS_ID, LINUX_ID);
}

static int try_call(u64 param, u64 in, u64 out)
{
	v->cpu.gpr[X86_RAX] = 0x5555;
	v->cpu.gpr[X86_RCX] = param;
	v->cpu.gpr[X86_RDX] = in;
	v->cpu.gpr[8] = out;
	return v->cpu.env->hypercall(&v->cpu);
}

static u64 call(u64 param, u64 in, u64 out)
{
	assert_int_equal(try_call(param, in, out), RUN_END);
	return v->cpu.gpr[X86_RAX];
}

static u64 call_mem(u64 param, u32 n, const u64 *input)
{
	memcpy(ram + INPUT, input, n * sizeof(u64));
	return call(param, INPUT, 0);
}

#define CALL_MEM(param, ...) \
	call_mem(param, sizeof((u64[]){ __VA_ARGS__ }) / 8, (u64[]){ __VA_ARGS__ })

/* Who has been asked to flush since: a bit a vCPU. */
static u32 flushed(void)
{
	u32 who = 0;

	for (u32 i = 0; i < 3; i++) {
		who |= cpu[i]->requests & REQ_TLB_FLUSH ? 1u << i : 0;
		cpu[i]->requests = 0;
	}
	return who;
}

/* ... or sent vector. */
static u32 got(u8 vector)
{
	u32 who = 0;

	for (u32 i = 0; i < 3; i++) {
		who |= irr(cpu[i], vector) ? 1u << i : 0;
		cpu[i]->apic->reg[LAPIC_IRR + vector / 32] = 0;
	}
	return who;
}

static void only_the_kernel_in_protected_mode_may_call(void **state)
{
	v->cpu.cpl = 3;
	assert_int_equal(try_call(SPIN_WAIT, 0, 0), RUN_FAULT);
	assert_int_equal(v->cpu.exc.vector, X86_UD);
	v->cpu.cpl = 0;
	v->cpu.mode = X86_MODE16;
	v->cpu.cr0 &= ~(u64)X86_CR0_PE;
	assert_int_equal(try_call(SPIN_WAIT, 0, 0), RUN_FAULT);
	assert_int_equal(v->cpu.exc.vector, X86_UD);
}

static void without_an_os_id_calls_are_kvms(void **state)
{
	assert_int_equal(host_wr(HV_GUEST_OS_ID, 0), 0);
	assert_int_equal(try_call(SPIN_WAIT, 0, 0), RUN_OK);
	assert_true((s64)v->cpu.gpr[X86_RAX] == -1000);
}

static void in_32_bit_mode_registers_come_in_pairs(void **state)
{
	struct x86_cpu *c = &v->cpu;

	c->mode = X86_MODE32;
	c->gpr[X86_RDX] = 0xffffffff00000000;
	c->gpr[X86_RAX] = 0xffffffff00000000 | SEND_IPI | FAST;
	c->gpr[X86_RBX] = 0xffffffff00000000;
	c->gpr[X86_RCX] = 0xffffffff00000091;
	c->gpr[X86_RDI] = 0xffffffff00000000;
	c->gpr[X86_RSI] = 0xffffffff00000006;
	assert_int_equal(c->env->hypercall(c), RUN_END);
	assert_int_equal(c->gpr[X86_RAX], OK);
	assert_int_equal(c->gpr[X86_RDX], 0);
	assert_int_equal(got(0x91), 6);
	c->gpr[X86_RDX] = 3;		/* reps */
	c->gpr[X86_RAX] = FLUSH_LIST | FAST;
	assert_int_equal(c->env->hypercall(c), RUN_END);
	assert_int_equal(c->gpr[X86_RAX], OK);
	assert_int_equal(c->gpr[X86_RDX], 3);
}

static void unknown_codes_and_reserved_bits_are_refused(void **state)
{
	static const u8 reserved[] = { 27, 31, 44, 47, 60, 63 };

	assert_int_equal(call(0xbeef, 0, 0), BAD_CODE);
	assert_int_equal(call(0, 0, 0), BAD_CODE);
	for (u32 i = 0; i < ARRAY_SIZE(reserved); i++)
		assert_int_equal(call(SPIN_WAIT | 1ull << reserved[i], 0, 0), BAD_INPUT);
	assert_int_equal(call(SPIN_WAIT, 0, 0), OK);
	assert_int_equal(call(SPIN_WAIT | REPS(1), 0, 0), BAD_INPUT);
	assert_int_equal(call(SPIN_WAIT | START(1), 0, 0), BAD_INPUT);
	assert_int_equal(call(SPIN_WAIT | VARS(1), 0, 0), BAD_INPUT);
}

static void enforced_calls_need_their_bit(void **state)
{
	static const struct { u16 code; u8 leaf; u32 eax, ebx; } row[] = {
		{ SPIN_WAIT, 4, 0, 0xfff }, { POST_MESSAGE, 3, 0, HVF_B_POST },
		{ SIGNAL_EVENT, 3, 0, HVF_B_SIGNAL }, { FLUSH_SPACE, 4, HVE_FLUSH, 0 },
		{ FLUSH_LIST, 4, HVE_FLUSH, 0 }, { FLUSH_SPACE_EX, 4, HVE_FLUSH | HVE_SETS, 0 },
		{ FLUSH_LIST_EX, 4, HVE_FLUSH | HVE_SETS, 0 }, { SEND_IPI, 4, HVE_IPI, 0 },
		{ SEND_IPI_EX, 4, HVE_IPI | HVE_SETS, 0 },
	};

	enforce(true);
	for (u32 i = 0; i < ARRAY_SIZE(row); i++) {
		set_hv_feature(v, 0x40000003, 0, 0, 0);
		set_hv_feature(v, 0x40000004, row[i].eax & HVE_SETS, 0, 0);
		assert_int_equal(call(row[i].code, INPUT, 0), DENIED);
		set_hv_feature(v, 0x40000000 + row[i].leaf, row[i].eax, row[i].ebx, 0);
		assert_int_not_equal(call(row[i].code, INPUT, 0), DENIED);
	}
	set_hv_feature(v, 0x40000004, 0, ~0u, 0);	/* never notify */
	assert_int_equal(call(SPIN_WAIT, 0, 0), DENIED);
	enforce(false);
	assert_int_equal(call(SPIN_WAIT, 0, 0), OK);
}

static void xmm_input_must_be_offered(void **state)
{
	set_hv_feature(v, 0x40000003, 0, 0, 0);
	assert_int_equal(call(FLUSH_SPACE | FAST, 0, 0), OK);
	enforce(true);
	assert_int_equal(try_call(FLUSH_SPACE | FAST, 0, 0), RUN_FAULT);
	assert_int_equal(v->cpu.exc.vector, X86_UD);
	set_hv_feature(v, 0x40000003, 0, 0, HVF_D_XMM);
	assert_int_equal(call(FLUSH_SPACE | FAST, 0, 0), OK);
}

/* --- flushes --- */

static void flushes_reach_those_they_name(void **state)
{
	flushed();
	assert_int_equal(CALL_MEM(FLUSH_SPACE, 0, 0, 5), OK);
	assert_int_equal(flushed(), 5);
	assert_int_equal(CALL_MEM(FLUSH_SPACE, 0, 1, 2), OK);	/* flag: all processors */
	assert_int_equal(flushed(), 7);
	assert_int_equal(CALL_MEM(FLUSH_SPACE, 0, 0, 0), OK);	/* as old Windows means it */
	assert_int_equal(flushed(), 7);
	assert_int_equal(CALL_MEM(FLUSH_SPACE, 0, 0, 1ull << 63), OK);	/* nobody */
	assert_int_equal(flushed(), 0);
	v->cpu.fpu.v[0].q[0] = 4;
	assert_int_equal(call(FLUSH_SPACE | FAST, 0, 0), OK);
	assert_int_equal(flushed(), 4);
}

static void lists_are_flushed_whole(void **state)
{
	flushed();
	assert_true(CALL_MEM(FLUSH_LIST | REPS(9), 0, 0, 2) == REPS(9));
	assert_int_equal(flushed(), 2);
	assert_int_equal(CALL_MEM(FLUSH_LIST, 0, 0, 2), BAD_INPUT);
	assert_int_equal(CALL_MEM(FLUSH_LIST | REPS(9) | START(1), 0, 0, 2), BAD_INPUT);
	assert_int_equal(CALL_MEM(FLUSH_LIST | REPS(9) | VARS(1), 0, 0, 2), BAD_INPUT);
	assert_int_equal(CALL_MEM(FLUSH_SPACE | REPS(1), 0, 0, 2), BAD_INPUT);
	assert_int_equal(CALL_MEM(FLUSH_SPACE | VARS(1), 0, 0, 2), BAD_INPUT);
	assert_int_equal(flushed(), 0);
	assert_true(CALL_MEM(FLUSH_LIST_EX | REPS(0xfff) | VARS(1), 0, 0, 0, 1, 6) == REPS(0xfff));
	assert_int_equal(flushed(), 6);
}

static void sparse_sets_name_banks(void **state)
{
	flushed();
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(1), 0, 0, 0, 1, 3), OK);
	assert_int_equal(flushed(), 3);
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(0), 0, 0, 0, 0), OK);	/* an empty set */
	assert_int_equal(flushed(), 0);
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(0), 0, 0, 1, 0), OK);	/* not sparse: all */
	assert_int_equal(flushed(), 7);
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(1), 0, 0, 0, 2, ~0ull), OK);
	assert_int_equal(flushed(), 0);			/* another bank's */
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(3), 0, 0, 0, 1ull << 63 | 3, 5, 6, 7), OK);
	assert_int_equal(flushed(), 5);
	v->cpu.fpu.v[0].q[0] = 0;	/* sparse */
	v->cpu.fpu.v[0].q[1] = 1;
	v->cpu.fpu.v[1].q[0] = 6;
	assert_int_equal(call(FLUSH_SPACE_EX | FAST | VARS(1), 0, 0), OK);
	assert_int_equal(flushed(), 6);
}

static void counts_that_contradict_the_set_are_refused(void **state)
{
	flushed();
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(2), 0, 0, 0, 1, 3), BAD_INPUT);
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(0), 0, 0, 0, 1, 3), BAD_INPUT);
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(0x3ff), 0, 0, 0, ~0ull, 3), BAD_INPUT);
	assert_int_equal(CALL_MEM(FLUSH_SPACE_EX | VARS(64), 0, 0, 0, ~0ull, 3), OK);
	assert_int_equal(flushed(), 3);
	/* XMM0-5 hold the header and ten banks, or nine. */
	v->cpu.fpu.v[0].q[0] = 0;
	v->cpu.fpu.v[0].q[1] = 0x7ff;
	assert_int_equal(call(FLUSH_SPACE_EX | FAST | VARS(11), 0, 0), BAD_INPUT);
	v->cpu.fpu.v[0].q[1] = 0x3ff;
	assert_int_equal(call(FLUSH_SPACE_EX | FAST | VARS(10), 0, 0), OK);
	v->cpu.fpu.v[0].q[0] = 0xfff;
	assert_int_equal(call(SEND_IPI_EX | FAST | VARS(12), 0x91, 0), BAD_INPUT);
	assert_int_equal(CALL_MEM(SEND_IPI_EX | VARS(2), 0x91, 0, 1, 7), BAD_INPUT);
	assert_int_equal(got(0x91), 0);
}

static void input_outside_memory_is_refused(void **state)
{
	static const u16 code[] = { FLUSH_SPACE, FLUSH_SPACE_EX, SEND_IPI, SEND_IPI_EX };
	static const u64 at[] = { NO_RAM, ~0ull, ~7ull, RAM_BYTES - 8 };

	flushed();
	for (u32 i = 0; i < ARRAY_SIZE(code); i++)
		for (u32 k = 0; k < ARRAY_SIZE(at); k++)
			assert_int_equal(call(code[i], at[k], 0), BAD_INPUT);
	/* The banks, too. */
	memcpy(ram + RAM_BYTES - 32, (u64[]){ 0, 0, 0, 1 }, 32);
	assert_int_equal(call(FLUSH_SPACE_EX | VARS(1), RAM_BYTES - 32, 0), BAD_INPUT);
	assert_int_equal(flushed(), 0);
}

static void flushes_go_by_vp_index(void **state)
{
	assert_int_equal(msr_write(cpu[2], HV_VP_INDEX, 40, true), 0);
	flushed();
	assert_int_equal(CALL_MEM(FLUSH_SPACE, 0, 0, 1ull << 40 | 4), OK);
	assert_int_equal(flushed(), 4);
	assert_int_equal(CALL_MEM(FLUSH_SPACE, 0, 0, 4), OK);
	assert_int_equal(flushed(), 0);
}

static void flush_is_over_before_the_guest_goes_on(void **state)
{
	assert_int_equal(CALL_MEM(FLUSH_SPACE, 0, 0, 7), OK);
	assert_int_not_equal(v->requests & REQ_WAIT_FLUSH, 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);		/* the others are not in the guest */
	assert_int_equal(v->requests, 0);
	assert_int_not_equal(cpu[1]->requests & REQ_TLB_FLUSH, 0);
}

/* --- IPIs --- */

static void ipis_reach_those_they_name(void **state)
{
	assert_int_equal(CALL_MEM(SEND_IPI, 0x91, 5), OK);
	assert_int_equal(got(0x91), 5);
	assert_int_equal(call(SEND_IPI | FAST, 0x92, 2), OK);
	assert_int_equal(got(0x92), 2);
	assert_int_equal(CALL_MEM(SEND_IPI_EX | VARS(1), 0x93, 0, 1, 6), OK);
	assert_int_equal(got(0x93), 6);
	assert_int_equal(CALL_MEM(SEND_IPI_EX, 0x93, 1, 0), OK);	/* all */
	assert_int_equal(got(0x93), 7);
	assert_int_equal(CALL_MEM(SEND_IPI_EX, 0, 0, 0), OK);		/* none, any vector */
	v->cpu.fpu.v[0].q[0] = 1;
	v->cpu.fpu.v[0].q[1] = 3;
	assert_int_equal(call(SEND_IPI_EX | FAST | VARS(1), 0x94, 0), OK);
	assert_int_equal(got(0x94), 3);
}

static void bad_ipis_are_refused(void **state)
{
	struct lapic *a = v->apic;

	assert_int_equal(CALL_MEM(SEND_IPI, 0x0f, 7), BAD_INPUT);
	assert_int_equal(CALL_MEM(SEND_IPI, 0x100, 7), BAD_INPUT);
	assert_int_equal(CALL_MEM(SEND_IPI, 0xffffffff, 7), BAD_INPUT);
	assert_int_equal(call(SEND_IPI | FAST, 0x100000091, 7), BAD_INPUT);
	assert_int_equal(CALL_MEM(SEND_IPI | VARS(1), 0x91, 7), BAD_INPUT);
	assert_int_equal(CALL_MEM(SEND_IPI | REPS(1), 0x91, 7), BAD_INPUT);
	assert_int_equal(CALL_MEM(SEND_IPI_EX | REPS(1), 0x91, 1, 0), BAD_INPUT);
	assert_int_equal(got(0x91), 0);
	v->apic = NULL;
	assert_int_equal(CALL_MEM(SEND_IPI, 0x91, 7), BAD_INPUT);
	v->apic = a;
}

/* --- messages and events --- */

static int eventfd_call(u32 id, int fd, u32 flags)
{
	struct kvm_hyperv_eventfd e = { .conn_id = id, .fd = fd, .flags = flags };

	return vm_call(KVM_HYPERV_EVENTFD, &e);
}

static void events_are_counted(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	u64 n;

	assert_int_equal(eventfd_call(7, fd, 0), 0);
	assert_int_equal(eventfd_call(7, fd, 0), -EEXIST);
	assert_int_equal(eventfd_call(8, -1, 0), -EBADF);
	assert_int_equal(eventfd_call(8, fd, 2), -EINVAL);
	assert_int_equal(eventfd_call(0x1000000, fd, 0), -EINVAL);
	assert_int_equal(eventfd_call(9, fd, KVM_HYPERV_EVENTFD_DEASSIGN), -ENOENT);
	assert_int_equal(call(SIGNAL_EVENT | FAST, 7, 0), OK);
	assert_int_equal(CALL_MEM(SIGNAL_EVENT, 7), OK);
	assert_int_equal(read(fd, &n, 8), 8);
	assert_int_equal(n, 2);
	assert_int_equal(call(SIGNAL_EVENT | FAST, 8, 0), BAD_INPUT);	/* no SynIC: not asked */
	assert_int_equal(call(SIGNAL_EVENT | FAST, 0x1000007, 0), BAD_INPUT);
	assert_int_equal(call(SIGNAL_EVENT | FAST | REPS(1), 7, 0), BAD_INPUT);
	assert_int_equal(call(SIGNAL_EVENT, INPUT + 4, 0), BAD_ALIGNMENT);
	assert_int_equal(call(SIGNAL_EVENT, NO_RAM, 0), BAD_ALIGNMENT);
	assert_int_equal(eventfd_call(7, -1, KVM_HYPERV_EVENTFD_DEASSIGN), 0);
	assert_int_equal(call(SIGNAL_EVENT | FAST, 7, 0), BAD_INPUT);
	assert_int_equal(eventfd_call(9, fd, 0), 0);	/* goes with the VM */
	close(fd);
}

static void messages_go_to_user_space(void **state)
{
	struct kvm_run *r = v->run;

	assert_int_equal(call(POST_MESSAGE, INPUT, 0), BAD_INPUT);	/* no SynIC */
	assert_int_equal(hv_synic_activate(v, true), 0);
	assert_int_equal(call(POST_MESSAGE | VARS(1), INPUT, 0), BAD_INPUT);
	assert_int_equal(try_call(POST_MESSAGE, INPUT, 0x99), RUN_EXIT);
	assert_int_equal(r->exit_reason, KVM_EXIT_HYPERV);
	assert_int_equal(r->hyperv.type, KVM_EXIT_HYPERV_HCALL);
	assert_int_equal(r->hyperv.u.hcall.input, POST_MESSAGE);
	assert_int_equal(r->hyperv.u.hcall.params[0], INPUT);
	assert_int_equal(r->hyperv.u.hcall.params[1], 0x99);
	r->hyperv.u.hcall.result = 19;
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_true(vcpu_replaying(v));		/* an engine would run it again */
	assert_int_equal(v->cpu.env->hypercall(&v->cpu), RUN_END);
	assert_int_equal(v->cpu.gpr[X86_RAX], 19);
	vcpu_io_retired(v);
	assert_false(vcpu_replaying(v));
	assert_int_equal(try_call(SIGNAL_EVENT | FAST, 8, 0), RUN_EXIT);	/* nobody's */
	assert_int_equal(r->hyperv.u.hcall.params[0], 8);
	v->io.call_pending = false;
	assert_int_equal(try_call(SIGNAL_EVENT | FAST, 1ull << 32, 0), RUN_EXIT);
	v->io.call_pending = false;
}

static void debugger_calls_need_a_debugger(void **state)
{
	set_hv_feature(v, 0x40000082, 0, 0, 0);
	assert_int_equal(call(RESET_DEBUG, 0, 0), BAD_CODE);
	set_hv_feature(v, 0x40000082, HVD_ALLOWED, 0, 0);
	assert_int_equal(call(RESET_DEBUG, 0, 0), NOT_NOW);
	assert_int_equal(call(POST_DEBUG | FAST, 0, 0), BAD_PARAMETER);
	enforce(true);
	set_hv_feature(v, 0x40000003, 0, 0, 0);
	assert_int_equal(call(RESET_DEBUG, 0, 0), DENIED);
	enforce(false);
	assert_int_equal(host_wr(HV_DBG_OPTIONS, 4), 0);
	assert_int_equal(try_call(RESET_DEBUG, 0, 0), RUN_EXIT);
	v->io.call_pending = false;
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, hv_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_the_kernel_in_protected_mode_may_call), T(without_an_os_id_calls_are_kvms),
		T(in_32_bit_mode_registers_come_in_pairs),
		T(unknown_codes_and_reserved_bits_are_refused), T(enforced_calls_need_their_bit),
		T(xmm_input_must_be_offered), T(flushes_reach_those_they_name),
		T(lists_are_flushed_whole), T(sparse_sets_name_banks),
		T(counts_that_contradict_the_set_are_refused), T(input_outside_memory_is_refused),
		T(flushes_go_by_vp_index), T(flush_is_over_before_the_guest_goes_on),
		T(ipis_reach_those_they_name), T(bad_ipis_are_refused), T(events_are_counted),
		T(messages_go_to_user_space), T(debugger_calls_need_a_debugger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
