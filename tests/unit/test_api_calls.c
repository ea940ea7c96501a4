// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that older clients make, and what few do: the first PIT calls, INIT and
 * SIPI by KVM_SET_MP_STATE, parts of an XSAVE image, PDPTEs. */
#include <sys/mman.h>
#include "core/x86/flags.h"
#include "tests/unit/api_vm.h"

static long enable(u32 cap, u64 arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return vm_call(KVM_ENABLE_CAP, &c);
}

static void dirty_log_is_cleared_page_by_page(void **state)
{
	u8 *ram = mmap(NULL, 0x40000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region r = { .memory_size = 0x40000,
		.flags = KVM_MEM_LOG_DIRTY_PAGES, .userspace_addr = (u64)(uintptr_t)ram };
	u64 bits = 0, one = 1u << 3;
	struct kvm_dirty_log l = { .dirty_bitmap = &bits };
	struct kvm_clear_dirty_log c = { .num_pages = 64, .dirty_bitmap = &one };

	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(enable(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 8), -EINVAL);
	assert_int_equal(enable(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 1), 0);
	assert_int_equal(v->cpu.env->write(&v->cpu, 0x3000, "x", 1), RUN_OK);
	assert_int_equal(v->cpu.env->write(&v->cpu, 0x5000, "x", 1), RUN_OK);
	assert_int_equal(vm_call(KVM_CLEAR_DIRTY_LOG, &c), 0);
	assert_int_equal(vm_call(KVM_GET_DIRTY_LOG, &l), 0);
	assert_int_equal(bits, 1u << 5);
	c.first_page = 1;
	assert_int_equal(vm_call(KVM_CLEAR_DIRTY_LOG, &c), -EINVAL);
	munmap(ram, 0x40000);
}

static void boot_processor_is_chosen_before_there_is_any(void **state)
{
	struct kvm_sregs s;

	assert_int_equal(vm_call(KVM_SET_BOOT_CPU_ID, (void *)3), 0);
	assert_int_equal(irqs_create(vm), 0);
	v = add_vcpu(0);
	assert_int_equal(v->mp_state, KVM_MP_STATE_UNINITIALIZED);
	v = add_vcpu(3);
	assert_int_equal(v->mp_state, KVM_MP_STATE_RUNNABLE);
	assert_int_equal(vcpu_call(KVM_GET_SREGS, &s), 0);
	assert_int_equal(s.apic_base & 0x100, 0x100);
	assert_int_equal(vm_call(KVM_SET_BOOT_CPU_ID, (void *)0), -EBUSY);
}

static void older_pit_calls_have_the_channels(void **state)
{
	struct kvm_pit_config cfg = { 0 };
	struct kvm_reinject_control off = { .pit_reinject = 0 };
	struct kvm_pit_state st = { 0 }, again;
	struct kvm_pit_state2 full;

	assert_int_equal(vm_call(KVM_GET_PIT, &st), -ENXIO);
	assert_int_equal(vm_call(KVM_SET_PIT, &st), -ENXIO);
	assert_int_equal(vm_call(KVM_REINJECT_CONTROL, &off), -ENXIO);
	assert_int_equal(vm_call(KVM_CREATE_PIT2, &cfg), 0);
	assert_int_equal(vm_call(KVM_GET_PIT, &st), 0);
	st.channels[2].count = 0x1234;
	st.channels[2].mode = 3;
	assert_int_equal(vm_call(KVM_SET_PIT, &st), 0);
	assert_int_equal(vm_call(KVM_GET_PIT, &again), 0);
	assert_int_equal(again.channels[2].count, 0x1234);
	assert_int_equal(again.channels[2].mode, 3);
	assert_int_equal(vm_call(KVM_REINJECT_CONTROL, &off), 0);
	assert_int_equal(vm_call(KVM_GET_PIT2, &full), 0);
	assert_int_equal(full.channels[2].count, 0x1234);
}

static void sipi_received_starts_at_its_vector(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_SIPI_VECTOR, .sipi_vector = 0x9a };
	struct kvm_mp_state mp = { KVM_MP_STATE_SIPI_RECEIVED };
	struct kvm_sregs s;
	struct kvm_regs r;

	v = add_vcpu(1);
	v->cpu.gpr[X86_RIP] = 0x77;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &mp), 0);
	assert_int_equal(vcpu_call(KVM_GET_MP_STATE, &mp), 0);
	assert_int_equal(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	assert_int_equal(vcpu_call(KVM_GET_SREGS, &s), 0);
	assert_int_equal(vcpu_call(KVM_GET_REGS, &r), 0);
	assert_int_equal(s.cs.selector, 0x9a00);
	assert_int_equal(s.cs.base, 0x9a000);
	assert_int_equal(r.rip, 0);
	mp.mp_state = 5;
	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &mp), -EINVAL);
}

static void reset_state_makes_the_boot_processor_run(void **state)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_HALTED };
	struct kvm_sregs s;
	struct kvm_regs r;

	assert_int_equal(vcpu_call(KVM_GET_SREGS, &s), 0);
	assert_int_equal(vcpu_call(KVM_GET_REGS, &r), 0);
	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &mp), 0);
	r.rip = 0x1000;
	assert_int_equal(vcpu_call(KVM_SET_REGS, &r), 0);
	assert_int_equal(vcpu_call(KVM_SET_SREGS, &s), 0);
	assert_int_equal(v->mp_state, KVM_MP_STATE_HALTED);
	r.rip = 0xfff0;
	assert_int_equal(vcpu_call(KVM_SET_REGS, &r), 0);
	assert_int_equal(vcpu_call(KVM_SET_SREGS, &s), 0);
	assert_int_equal(v->mp_state, KVM_MP_STATE_RUNNABLE);
}

static void pae_paging_loads_the_pdptes_of_ram(void **state)
{
	u64 *ram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region m = { .memory_size = 0x10000,
						 .userspace_addr = (u64)(uintptr_t)ram };
	struct kvm_sregs s;

	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &m), 0);
	ram[0x2020 / 8] = 0x3001;
	ram[0x2028 / 8] = 0x4001;
	assert_int_equal(vcpu_call(KVM_GET_SREGS, &s), 0);
	s.cr0 |= X86_CR0_PE | X86_CR0_PG;
	s.cr4 |= X86_CR4_PAE;
	s.cr3 = 0x2020;
	assert_int_equal(vcpu_call(KVM_SET_SREGS, &s), 0);
	assert_int_equal(v->cpu.pdpte[0], 0x3001);
	assert_int_equal(v->cpu.pdpte[1], 0x4001);
	/* What no RAM answers reads as zeros, and leaves no exit behind. */
	s.cr3 = 0x100000;
	assert_int_equal(vcpu_call(KVM_SET_SREGS, &s), 0);
	assert_int_equal(v->cpu.pdpte[0], 0);
	assert_false(vcpu_replaying(v) || v->io.pending);
	munmap(ram, 0x10000);
}

static void xsave_without_x87_resets_it(void **state)
{
	static struct kvm_xsave x;
	struct kvm_fpu f;
	u64 only_sse = 2;

	memset(&f, 0, sizeof(f));
	f.fcw = 0x27f;
	f.ftwx = 0xff;
	f.fpr[0][0] = 0x55;
	f.mxcsr = 0x1f80;
	assert_int_equal(vcpu_call(KVM_SET_FPU, &f), 0);
	assert_int_equal(vcpu_call(KVM_GET_XSAVE, &x), 0);
	assert_int_equal(x.region[0] & 0xffff, 0x27f);
	memcpy((u8 *)x.region + 512, &only_sse, 8);
	memset((u8 *)x.region + 160, 0xab, 16);		/* XMM0 */
	assert_int_equal(vcpu_call(KVM_SET_XSAVE, &x), 0);
	assert_int_equal(vcpu_call(KVM_GET_FPU, &f), 0);
	assert_int_equal(f.fcw, 0x37f);
	assert_int_equal(f.ftwx, 0);
	assert_int_equal(f.fpr[0][0], 0);
	assert_int_equal(f.xmm[0][0], 0xab);
}

static void debug_payload_survives_the_round_trip(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_PAYLOAD }, f;

	assert_int_equal(enable(KVM_CAP_EXCEPTION_PAYLOAD, 1), 0);
	e.exception.pending = 1;
	e.exception.nr = X86_DB;
	e.exception_has_payload = 1;
	e.exception_payload = 1u << 14;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &f), 0);
	assert_int_equal(f.exception.pending, 1);
	assert_int_equal(f.exception.injected, 0);
	assert_int_equal(f.exception_has_payload, 1);
	assert_int_equal(f.exception_payload, 1u << 14);
	e.exception.injected = 1;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
}

static void ids_are_limited_once(void **state)
{
	assert_int_equal(enable(KVM_CAP_MAX_VCPU_ID, VM_VCPU_IDS_MAX + 1), -EINVAL);
	assert_int_equal(enable(KVM_CAP_MAX_VCPU_ID, 4), 0);
	assert_int_equal(enable(KVM_CAP_MAX_VCPU_ID, 4), 0);
	assert_int_equal(enable(KVM_CAP_MAX_VCPU_ID, 5), -EINVAL);
	assert_int_equal(vm_create_vcpu(vm, 4, (void *)run_pages[1], &v), -EINVAL);
}

static void tpr_reporting_takes_no_flags(void **state)
{
	struct kvm_tpr_access_ctl c = { .enabled = 1 };

	assert_int_equal(vcpu_call(KVM_TPR_ACCESS_REPORTING, &c), 0);
	c.flags = 1;
	assert_int_equal(vcpu_call(KVM_TPR_ACCESS_REPORTING, &c), -EINVAL);
}

static void coalesced_zones_come_and_go(void **state)
{
	struct kvm_coalesced_mmio_zone z = { .addr = 0xd0000, .size = 0x100 };
	u32 val = 5;

	assert_int_equal(vm_call(KVM_REGISTER_COALESCED_MMIO, &z), 0);
	assert_int_equal(v->cpu.env->write(&v->cpu, 0xd0010, &val, 4), RUN_OK);
	assert_int_equal(vm->ring->last, 1);
	assert_int_equal(vm->ring->coalesced_mmio[0].phys_addr, 0xd0010);
	assert_int_equal(vm_call(KVM_UNREGISTER_COALESCED_MMIO, &z), 0);
	assert_int_equal(v->cpu.env->write(&v->cpu, 0xd0010, &val, 4), RUN_EXIT);
	z.pio = 2;
	assert_int_equal(vm_call(KVM_REGISTER_COALESCED_MMIO, &z), -EINVAL);
	z.pio = 0;
	test_alloc_budget = 0;
	assert_int_equal(vm_call(KVM_REGISTER_COALESCED_MMIO, &z), -ENOMEM);
}

#define PLAIN(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)
#define BARE(f) cmocka_unit_test_setup_teardown(f, vm_setup_bare, vm_teardown)
#define CHIP(f) cmocka_unit_test_setup_teardown(f, vm_setup_irqchip, vm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(dirty_log_is_cleared_page_by_page),
		BARE(boot_processor_is_chosen_before_there_is_any),
		CHIP(older_pit_calls_have_the_channels), CHIP(sipi_received_starts_at_its_vector),
		CHIP(reset_state_makes_the_boot_processor_run),
		PLAIN(pae_paging_loads_the_pdptes_of_ram), PLAIN(xsave_without_x87_resets_it),
		PLAIN(debug_payload_survives_the_round_trip), BARE(ids_are_limited_once),
		PLAIN(tpr_reporting_takes_no_flags), PLAIN(coalesced_zones_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
