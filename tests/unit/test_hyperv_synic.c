/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hyper-V's synthetic interrupt controller and timers. */
#include <sys/eventfd.h>
#include <unistd.h>
#include "tests/unit/hv_vm.h"

#define MASKED		(1ull << 16)
#define AUTO_EOI	(1ull << 17)
#define SIMP		0x8000u		/* where messages are */

#define ENABLE		1ull
#define PERIODIC	2ull
#define AUTO		8ull
#define DIRECT		(1ull << 12)
#define TO_VECTOR(n)	((u64)(n) << 4)
#define TO_SINT(n)	((u64)(n) << 16)
#define CONFIG(n)	(HV_STIMER0_CONFIG + 2 * (n))
#define COUNT(n)	(HV_STIMER0_COUNT + 2 * (n))

struct msg {
	u32 type;
	u8 size, flags, reserved[2];
	u64 sender;
	u32 timer, reserved2;
	u64 expired, delivered;
};

static struct msg *slot_of(u32 sint)
{
	return (struct msg *)(ram + SIMP + 256 * sint);
}

/* A SynIC with messages and SINT 2 at vector 42h, and no exits waiting. */
static int setup(void **state)
{
	assert_int_equal(hv_setup(state), 0);
	assert_int_equal(hv_synic_activate(v, true), 0);
	assert_int_equal(host_wr(HV_SIMP, SIMP | 1), 0);
	return guest_wr(HV_SINT0 + 2, 0x42);
}

static int enable(u32 cap, u64 arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return vcpu_call(KVM_ENABLE_CAP, &c);
}

/* KVM_RUN; was a vector on its way after it? It is taken and ended. */
static bool comes(u8 vector)
{
	bool is;

	assert_int_equal(run(v), KVM_EXIT_HLT);
	is = irr(v, vector);
	if (is) {
		assert_int_equal(vcpu_intr_ack(v), vector);
		assert_int_equal(guest_wr(HV_EOI, 0), 0);
	}
	return is;
}

/* --- the controller --- */

static void synic_needs_its_capability_and_an_apic(void **state)
{
	struct lapic *a;
	u64 val;

	v = cpu[1];
	assert_int_equal(guest_rd(HV_SIMP, &val), 1);
	assert_int_equal(guest_wr(HV_SCONTROL, 0), 1);
	assert_int_equal(host_wr(HV_SCONTROL, 1), 1);
	assert_int_equal(host_wr(HV_SCONTROL, 0), 0);
	assert_int_equal(rd(HV_SVERSION), 1);
	assert_int_equal(host_wr(CONFIG(0), 1), 1);
	assert_int_equal(guest_wr(COUNT(0), 0), 1);
	a = v->apic;
	v->apic = NULL;
	assert_int_equal(enable(KVM_CAP_HYPERV_SYNIC, 0), -EINVAL);
	v->apic = a;
	assert_int_equal(enable(KVM_CAP_HYPERV_SYNIC2, 1), -EINVAL);
	assert_int_equal(enable(KVM_CAP_HYPERV_SYNIC, 1), 0);
	assert_int_equal(guest_rd(HV_SCONTROL, &val), 0);
	assert_int_equal(val, 1);
	assert_int_equal(guest_wr(HV_SVERSION, 2), 1);
	for (u32 i = 0; i < HV_SINTS; i++)
		assert_true(rd(HV_SINT0 + i) == MASKED);
}

static void pages_are_cleared_unless_user_space_does(void **state)
{
	memset(ram + 0x9000, 0xff, 0x2000);
	assert_int_equal(guest_wr(HV_SIEFP, 0x9001), 0);	/* SYNIC2 */
	assert_int_equal(ram[0x9000], 0xff);
	assert_int_equal(hv_synic_activate(v, false), 0);
	assert_int_equal(guest_wr(HV_SIEFP, 0x9001), 0);
	assert_int_equal(ram[0x9000], 0);
	assert_int_equal(ram[0x9fff], 0);
	assert_int_equal(ram[0xa000], 0xff);
	assert_int_equal(guest_wr(HV_SIEFP, NO_RAM | 1), 1);
	assert_int_equal(guest_wr(HV_SIMP, ~0ull), 1);
	assert_int_equal(rd(HV_SIEFP), 0x9001);
	assert_int_equal(host_wr(HV_SIEFP, NO_RAM | 1), 0);
	assert_int_equal(guest_wr(HV_SIEFP, NO_RAM), 0);	/* off */
}

static void user_space_hears_of_each_change(void **state)
{
	const struct kvm_hyperv_exit *e = &v->run->hyperv;

	assert_int_equal(guest_wr(HV_SIEFP, 0x9001), 0);
	assert_int_equal(run(v), KVM_EXIT_HYPERV);
	assert_int_equal(e->type, KVM_EXIT_HYPERV_SYNIC);
	assert_int_equal(e->u.synic.msr, HV_SIEFP);
	assert_int_equal(e->u.synic.control, 1);
	assert_int_equal(e->u.synic.evt_page, 0x9001);
	assert_int_equal(e->u.synic.msg_page, SIMP | 1);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(host_wr(HV_SIMP, 0xa001), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(guest_wr(HV_SCONTROL, 0), 0);
	assert_int_equal(run(v), KVM_EXIT_HYPERV);
	assert_int_equal(e->u.synic.msr, HV_SCONTROL);
	assert_int_equal(e->u.synic.control, 0);
}

static void vectors_below_16_are_for_masked_sources(void **state)
{
	assert_int_equal(guest_wr(HV_SINT0, 15), 1);
	assert_int_equal(guest_wr(HV_SINT0, MASKED), 0);
	assert_int_equal(guest_wr(HV_SINT0, 16), 0);
	assert_int_equal(host_wr(HV_SINT0, 3), 0);
}

static void auto_eoi_leaves_nothing_in_service(void **state)
{
	assert_int_equal(guest_wr(HV_SINT0 + 5, 0x51 | AUTO_EOI), 0);
	assert_true(hv_sint_raise(vm, 0, 5) > 0);
	assert_int_equal(vcpu_intr_ack(v), 0x51);
	assert_false(lapic_test(v->apic, LAPIC_ISR, 0x51));
	assert_true(hv_sint_raise(vm, 0, 2) > 0);
	assert_int_equal(vcpu_intr_ack(v), 0x42);
	assert_true(lapic_test(v->apic, LAPIC_ISR, 0x42));
	assert_int_equal(guest_wr(HV_SINT0 + 5, MASKED), 0);
	assert_false(hv_auto_eoi(v, 0x51));
}

static void eois_of_sources_are_seen(void **state)
{
	assert_int_equal(guest_wr(HV_VP_ASSIST_PAGE, 0x5001), 0);
	assert_true(hv_sint_raise(vm, 0, 2) > 0);
	assert_int_equal(vcpu_intr_ack(v), 0x42);
	lapic_pv_eoi_to_guest(v);
	assert_int_equal(ram[0x5000], 0);
}

static void a_vector_is_shared_by_its_sources(void **state)
{
	assert_int_equal(guest_wr(HV_SINT0 + 3, 0x42 | AUTO_EOI), 0);
	assert_true(hv_auto_eoi(v, 0x42));
	assert_int_equal(guest_wr(HV_SINT0 + 3, 0x43), 0);
	assert_false(hv_auto_eoi(v, 0x42));
	assert_int_equal(v->hv->vectors[2], 1u << 2 | 1u << 3);
	assert_int_equal(guest_wr(HV_SINT0 + 2, MASKED | 0x42), 0);
	assert_int_equal(v->hv->vectors[2], 1u << 3);
}

/* --- routes --- */

static int route(u32 gsi, u32 vp, u32 sint)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e[2];
	} arg = { .r.nr = 1 };

	arg.e[0] = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_HV_SINT,
						   .u.hv_sint = { vp, sint } };
	return vm_call(KVM_SET_GSI_ROUTING, &arg);
}

static void routes_lead_to_sources(void **state)
{
	assert_int_equal(route(40, 0, 2), 0);
	assert_int_equal(irq_set_level(vm, 0, 40, true), 1);
	assert_int_equal(irq_set_level(vm, 0, 40, false), -1);
	assert_true(comes(0x42));
	assert_int_equal(guest_wr(HV_SINT0 + 2, MASKED), 0);
	assert_true(irq_set_level(vm, 0, 40, true) < 0);
	assert_int_equal(route(40, 1, 2), 0);		/* no SynIC there */
	assert_true(irq_set_level(vm, 0, 40, true) < 0);
	assert_int_equal(route(40, 63, 2), 0);		/* nobody */
	assert_true(irq_set_level(vm, 0, 40, true) < 0);
	assert_int_equal(route(40, ~0u, ~0u), 0);
	assert_true(irq_set_level(vm, 0, 40, true) < 0);
	assert_int_equal(route(40, 0, 16), 0);
	assert_true(irq_set_level(vm, 0, 40, true) < 0);
}

static void a_gsi_has_one_source(void **state)
{
	struct {
		struct kvm_irq_routing r;
		struct kvm_irq_routing_entry e[2];
	} arg = { .r.nr = 2 };

	arg.e[0] = (struct kvm_irq_routing_entry){ .gsi = 3, .type = KVM_IRQ_ROUTING_HV_SINT };
	arg.e[1] = arg.e[0];
	assert_int_equal(vm_call(KVM_SET_GSI_ROUTING, &arg), -EINVAL);
	arg.e[1] = (struct kvm_irq_routing_entry){ .gsi = 3, .type = KVM_IRQ_ROUTING_IRQCHIP };
	assert_int_equal(vm_call(KVM_SET_GSI_ROUTING, &arg), -EINVAL);
	arg.r.nr = 1;
	arg.e[0].flags = KVM_MSI_VALID_DEVID;
	assert_int_equal(vm_call(KVM_SET_GSI_ROUTING, &arg), -EINVAL);
}

static void eoi_and_eom_tell_resamplers(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK), ack = eventfd(0, EFD_NONBLOCK);
	struct kvm_irqfd arg = { .fd = fd, .gsi = 40, .flags = KVM_IRQFD_FLAG_RESAMPLE,
				 .resamplefd = ack };
	u64 one = 1, n;

	assert_int_equal(route(40, 0, 2), 0);
	assert_int_equal(vm_call(KVM_IRQFD, &arg), 0);
	assert_int_equal(write(fd, &one, 8), 8);
	test_poll_events();
	assert_true(comes(0x42));		/* and its EOI */
	assert_int_equal(read(ack, &n, 8), 8);
	assert_int_equal(guest_wr(HV_EOM, 0), 0);
	assert_int_equal(read(ack, &n, 8), 8);
	assert_int_equal(host_wr(HV_VP_INDEX, 9), 0);	/* the route is another's now */
	assert_int_equal(guest_wr(HV_EOM, 0), 0);
	assert_int_equal(read(ack, &n, 8), -1);
	arg.flags = KVM_IRQFD_FLAG_DEASSIGN;
	assert_int_equal(vm_call(KVM_IRQFD, &arg), 0);
	close(fd);
	close(ack);
}

/* --- timers --- */

static void one_shot_sends_one_message(void **state)
{
	u64 t = rd(HV_TIME_REF_COUNT);

	assert_int_equal(guest_wr(COUNT(1), t + 5000), 0);
	assert_int_equal(guest_wr(CONFIG(1), ENABLE | TO_SINT(2)), 0);
	assert_false(comes(0x42));
	test_advance(499000);
	assert_false(comes(0x42));
	test_advance(2000);
	assert_true(comes(0x42));
	assert_int_equal(slot_of(2)->type, 0x80000010);
	assert_int_equal(slot_of(2)->size, 24);
	assert_int_equal(slot_of(2)->timer, 1);
	assert_true(slot_of(2)->expired == t + 5000);
	assert_true(slot_of(2)->delivered >= t + 5000);
	assert_int_equal(rd(CONFIG(1)) & ENABLE, 0);
	slot_of(2)->type = 0;
	test_advance(10000000);
	assert_false(comes(0x42));
}

static void one_shot_in_the_past_comes_at_once(void **state)
{
	test_advance(1000);
	assert_int_equal(guest_wr(COUNT(0), 1), 0);
	assert_int_equal(guest_wr(CONFIG(0), ENABLE | TO_SINT(2)), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);		/* starts it */
	assert_true(comes(0x42));
}

static void periodic_timer_goes_on(void **state)
{
	assert_int_equal(guest_wr(COUNT(3), 10000), 0);
	assert_int_equal(guest_wr(CONFIG(3), ENABLE | PERIODIC | TO_SINT(2)), 0);
	assert_false(comes(0x42));
	for (int i = 0; i < 5; i++) {
		test_advance(1000000);
		assert_true(comes(0x42));
		slot_of(2)->type = 0;
	}
	assert_int_equal(rd(CONFIG(3)), ENABLE | PERIODIC | TO_SINT(2));
	test_advance(7500000);				/* missed ones are not made up for */
	assert_true(comes(0x42));
	slot_of(2)->type = 0;
	assert_false(comes(0x42));
	test_advance(500000);				/* and the phase is kept */
	assert_true(comes(0x42));
	assert_int_equal(guest_wr(COUNT(3), 0), 0);
	assert_int_equal(rd(CONFIG(3)) & ENABLE, 0);
	slot_of(2)->type = 0;
	test_advance(5000000);
	assert_false(comes(0x42));
}

static void a_taken_slot_delays_one_shots(void **state)
{
	slot_of(2)->type = 1;
	assert_int_equal(guest_wr(COUNT(0), rd(HV_TIME_REF_COUNT) + 10), 0);
	assert_int_equal(guest_wr(CONFIG(0), ENABLE | TO_SINT(2)), 0);
	assert_false(comes(0x42));
	test_advance(10000);
	assert_false(comes(0x42));
	assert_int_equal(slot_of(2)->flags, 1);		/* another message waits */
	assert_int_equal(guest_wr(HV_EOM, 0), 0);
	assert_false(comes(0x42));			/* still taken */
	slot_of(2)->type = 0;
	slot_of(2)->flags = 0;
	assert_int_equal(guest_wr(HV_EOM, 0), 0);
	assert_true(comes(0x42));
	assert_int_equal(slot_of(2)->timer, 0);
	assert_int_equal(slot_of(2)->type, 0x80000010);
}

static void a_taken_slot_costs_periodic_timers_a_tick(void **state)
{
	assert_int_equal(guest_wr(COUNT(0), 10), 0);
	assert_int_equal(guest_wr(CONFIG(0), ENABLE | PERIODIC | TO_SINT(2)), 0);
	assert_false(comes(0x42));
	slot_of(2)->type = 1;
	test_advance(1000);
	assert_false(comes(0x42));
	assert_int_equal(slot_of(2)->flags, 0);
	slot_of(2)->type = 0;
	test_advance(1000);
	assert_true(comes(0x42));
}

static void direct_timers_need_no_page(void **state)
{
	assert_int_equal(host_wr(HV_SIMP, 0), 0);
	assert_int_equal(guest_wr(COUNT(2), rd(HV_TIME_REF_COUNT) + 10), 0);
	assert_int_equal(guest_wr(CONFIG(2), ENABLE | DIRECT | TO_VECTOR(0x77)), 0);
	assert_false(comes(0x77));
	test_advance(1000);
	assert_true(comes(0x77));
	assert_int_equal(rd(CONFIG(2)) & ENABLE, 0);
	enforce(true);
	set_hv_feature(v, 0x40000003, HVF_STIMER, 0, 0);
	assert_int_equal(guest_wr(CONFIG(2), DIRECT), 1);
	set_hv_feature(v, 0x40000003, HVF_STIMER, 0, HVF_D_DIRECT);
	assert_int_equal(guest_wr(CONFIG(2), DIRECT), 0);
}

static void auto_enable_starts_with_the_count(void **state)
{
	assert_int_equal(guest_wr(CONFIG(0), AUTO | TO_SINT(2)), 0);
	assert_false(comes(0x42));
	assert_int_equal(guest_wr(COUNT(0), rd(HV_TIME_REF_COUNT) + 10), 0);
	assert_int_equal(rd(CONFIG(0)) & ENABLE, ENABLE);
	assert_false(comes(0x42));
	test_advance(1000);
	assert_true(comes(0x42));
}

static void restored_counts_enable_nothing(void **state)
{
	assert_int_equal(host_wr(CONFIG(0), ENABLE | AUTO | TO_SINT(2)), 0);
	assert_int_equal(host_wr(COUNT(0), 0), 0);
	assert_int_equal(rd(CONFIG(0)) & ENABLE, ENABLE);
	assert_int_equal(host_wr(CONFIG(1), AUTO | TO_SINT(2)), 0);
	assert_int_equal(host_wr(COUNT(1), 77), 0);
	assert_int_equal(rd(CONFIG(1)) & ENABLE, 0);
}

static void a_running_timer_turned_to_no_source_stops(void **state)
{
	assert_int_equal(guest_wr(CONFIG(0), ENABLE | TO_SINT(2)), 0);
	assert_int_equal(guest_wr(CONFIG(0), ENABLE), 0);
	assert_int_equal(rd(CONFIG(0)) & ENABLE, 0);
}

static void odd_counts_and_pages_harm_nobody(void **state)
{
	static const u64 count[] = { ~0ull, 1ull << 63, ~0ull / 100, 1, 2 };

	for (u32 i = 0; i < ARRAY_SIZE(count); i++)
		for (u32 how = 0; how < 16; how++) {
			host_wr(HV_SIMP, how & 1 ? NO_RAM | 1 : RAM_BYTES | 1);
			assert_int_equal(guest_wr(COUNT(i % 4), count[i]), 0);
			assert_int_equal(guest_wr(CONFIG(i % 4), ENABLE | (how & 2) | (how & 8) << 9 |
						  TO_SINT(how) | TO_VECTOR(how)), 0);
			for (int n = 0; n < 4; n++) {
				assert_int_equal(run(v), KVM_EXIT_HLT);
				test_advance(1000);
			}
			assert_int_equal(guest_wr(HV_EOM, 0), 0);
		}
}

static void a_timer_wakes_a_halted_vcpu(void **state)
{
	assert_int_equal(guest_wr(COUNT(0), rd(HV_TIME_REF_COUNT) + 100), 0);
	assert_int_equal(guest_wr(CONFIG(0), ENABLE | TO_SINT(2)), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	v->mp_state = KVM_MP_STATE_HALTED;
	v->cpu.rflags |= X86_F_IF;
	assert_int_equal(vcpu_run(v), -EINTR);		/* would sleep */
	test_advance(10000);
	assert_int_not_equal(v->requests & REQ_HYPERV, 0);
	assert_true(v->wait.state > 0);
}

#undef T
#define T(f) cmocka_unit_test_setup_teardown(f, setup, hv_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(synic_needs_its_capability_and_an_apic),
		T(pages_are_cleared_unless_user_space_does), T(user_space_hears_of_each_change),
		T(vectors_below_16_are_for_masked_sources), T(auto_eoi_leaves_nothing_in_service),
		T(eois_of_sources_are_seen),
		T(a_vector_is_shared_by_its_sources), T(routes_lead_to_sources),
		T(a_gsi_has_one_source), T(eoi_and_eom_tell_resamplers),
		T(one_shot_sends_one_message), T(one_shot_in_the_past_comes_at_once),
		T(periodic_timer_goes_on), T(a_taken_slot_delays_one_shots),
		T(a_taken_slot_costs_periodic_timers_a_tick), T(direct_timers_need_no_page),
		T(auto_enable_starts_with_the_count), T(restored_counts_enable_nothing),
		T(a_running_timer_turned_to_no_source_stops), T(odd_counts_and_pages_harm_nobody),
		T(a_timer_wakes_a_halted_vcpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
