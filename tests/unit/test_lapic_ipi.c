// SPDX-License-Identifier: GPL-2.0-or-later
/* Local APICs: who gets an interrupt, NMIs, INIT and SIPI. */
#include "tests/unit/lapic_bed.h"
#include <sched.h>

static void map_of_apic_ids_reaches_those_that_exist(void **state)
{
	static const u64 three[2] = { 0x7f }, far[2] = { ~0ull, ~0ull }, high[2] = { 0, 1 };

	x2apic(3);
	assert_int_equal(lapic_send_map(cpu[0], three, 1, 0x40), 2);
	assert_int_equal(who(0x40), 6);
	assert_int_equal(lapic_send_map(cpu[0], far, 0xffffffff, 0x40), 0);	/* no wrap */
	assert_int_equal(lapic_send_map(cpu[1], high, 0xffffffc0, 0x40), 0);
	assert_int_equal(lapic_send_map(cpu[1], far, 0, 0), 0);	/* illegal vector */
	assert_int_equal(lapic_send_map(cpu[1], three, 0, LAPIC_DM_NMI << 8), 3);
	assert_int_equal(cpu[2]->nmi_pending, 1);
}

static void self_ipi_register_sends(void **state)
{
	x2apic(2);
	assert_int_equal(lapic_msr_write(cpu[1], 0x83f, 0xf1), 0);
	assert_int_equal(who(0xf1), 2);
	/* Only x2APIC has it. */
	vm_done(NULL);
	xapic(1);
	apic_wr(cpu[0], LAPIC_SELF_IPI, 0xf1);
	assert_int_equal(who(0xf1), 0);
}

/* --- destinations --- */

static void shorthands(void **state)
{
	xapic(3);
	icr(cpu[1], 0, 1u << 18 | 0x4050);
	assert_int_equal(who(0x50), 2);
	icr(cpu[1], 0, 2u << 18 | 0x4050);
	assert_int_equal(who(0x50), 7);
	icr(cpu[1], 0, 3u << 18 | 0x4050);
	assert_int_equal(who(0x50), 5);
}

static void physical_destination_and_broadcast(void **state)
{
	xapic(3);
	icr(cpu[0], 2, 0x4050);
	assert_int_equal(who(0x50), 4);
	icr(cpu[0], 9, 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 0xff, 0x4050);
	assert_int_equal(who(0x50), 7);
	vm_done(NULL);

	x2apic(3);
	icr(cpu[0], 0xffffffff, 0x4050);
	assert_int_equal(who(0x50), 7);
	icr(cpu[0], 0xff, 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 1, 0x4050);
	assert_int_equal(who(0x50), 2);
}

static void aliased_xapic_ids_all_get_it(void **state)
{
	xapic(3);
	apic_wr(cpu[2], LAPIC_ID, 1u << 24);
	icr(cpu[0], 1, 0x4050);
	assert_int_equal(who(0x50), 6);
	icr(cpu[0], 2, 0x4050);
	assert_int_equal(who(0x50), 0);
}

static void logical_flat(void **state)
{
	unsigned int i;

	xapic(3);
	for (i = 0; i < 3; i++)
		apic_wr(cpu[i], LAPIC_LDR, 1u << (24 + i));
	icr(cpu[0], 0x05, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 5);
	icr(cpu[0], 0x08, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 0xff, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 7);
}

static void logical_cluster(void **state)
{
	static const u8 ldr[] = { 0x11, 0x12, 0x21, 0x24 };
	unsigned int i;

	xapic(4);
	for (i = 0; i < 4; i++) {
		apic_wr(cpu[i], LAPIC_DFR, 0);
		apic_wr(cpu[i], LAPIC_LDR, (u32)ldr[i] << 24);
	}
	assert_int_equal(apic_rd(cpu[0], LAPIC_DFR), 0x0fffffff);
	icr(cpu[0], 0x13, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 3);
	icr(cpu[0], 0x25, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 12);
	icr(cpu[0], 0x31, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 0xff, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 15);
	apic_wr(cpu[0], LAPIC_DFR, 0x50000000);	/* no such model */
	icr(cpu[1], 0x13, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 2);
}

static void logical_x2apic_is_derived_from_the_id(void **state)
{
	vm_bare();
	assert_int_equal(irqs_create(vm), 0);
	vm_add_cpu(0);
	vm_add_cpu(3);
	vm_add_cpu(17);
	for (unsigned int i = 0; i < 3; i++)
		x2apic_on(cpu[i]);
	assert_int_equal(x2_rd(cpu[2], LAPIC_LDR), 0x10002);
	icr(cpu[0], 0x00000009, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 3);
	icr(cpu[0], 0x00010002, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 4);
	icr(cpu[0], 0x0000ffff, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 3);
	icr(cpu[0], 0x00020002, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 17, 0x4050);		/* physical: id, not index */
	assert_int_equal(who(0x50), 4);
}

static void lowest_priority_goes_to_the_least_busy(void **state)
{
	unsigned int i;

	xapic(3);
	for (i = 0; i < 3; i++)
		apic_wr(cpu[i], LAPIC_LDR, 1u << (24 + i));
	apic_wr(cpu[0], LAPIC_TPR, 0x30);
	apic_wr(cpu[2], LAPIC_TPR, 0x20);
	icr(cpu[0], 0x07, LOGICAL | 0x4150);
	assert_int_equal(who(0x50), 2);
	apic_wr(cpu[1], LAPIC_TPR, 0x40);
	icr(cpu[0], 0x07, LOGICAL | 0x4150);
	assert_int_equal(who(0x50), 4);
	/* A disabled one is not asked, and among equals exactly one is. */
	apic_wr(cpu[2], LAPIC_SVR, 0xff);
	apic_wr(cpu[1], LAPIC_TPR, 0x30);
	i = 0;
	for (unsigned int vector = 0x50; vector < 0x60; vector++) {
		unsigned int one;

		icr(cpu[0], 0x07, LOGICAL | 0x4100 | vector);
		one = who(vector);
		assert_true(one == 1 || one == 2);
		i |= one;
	}
	assert_int_equal(i, 3);			/* they are spread */
}

static void hardware_disabled_apic_hears_nothing(void **state)
{
	xapic(2);
	assert_int_equal(lapic_set_base(cpu[1], LAPIC_BASE_DEFAULT, false), 0);
	icr(cpu[0], 0, 3u << 18 | 0x4050);
	icr(cpu[0], 0, 3u << 18 | 0x4400);
	icr(cpu[0], 1, 0x4050);
	assert_int_equal(who(0x50), 0);
	assert_int_equal(cpu[1]->nmi_pending, 0);
}

/* --- NMI, SMI, INIT, SIPI --- */

static void nmi_ipi_queues_two_at_most(void **state)
{
	vm_with(2);				/* software disabled: NMI gets through */
	icr(cpu[0], 1, 0x4400);
	icr(cpu[0], 1, 0x4400);
	icr(cpu[0], 1, 0x4400);
	assert_int_equal(cpu[1]->nmi_pending, 2);
	cpu[0]->cpu.nmi_masked = true;
	for (int i = 0; i < 10; i++)
		icr(cpu[0], 0, 0x4400);
	assert_int_equal(cpu[0]->nmi_pending, 1);
	icr(cpu[0], 1, 0x4200);
	assert_true(cpu[1]->smi_pending);
}

static void init_then_sipi(void **state)
{
	vm_with(2);
	assert_false(lapic_has_init_sipi(cpu[1]));
	icr(cpu[0], 1, 0xc500);			/* assert */
	icr(cpu[0], 1, 0x8500);			/* deassert: nothing */
	assert_true(lapic_has_init_sipi(cpu[1]));
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_INIT);
	assert_false(lapic_has_init_sipi(cpu[1]));
	icr(cpu[0], 1, 0x4699);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_SIPI);
	assert_int_equal(cpu[1]->sipi_vector, 0x99);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), 0);
}

static void init_and_sipi_may_arrive_together_but_init_undoes_sipi(void **state)
{
	vm_with(2);
	icr(cpu[0], 1, 0x4500);
	icr(cpu[0], 1, 0x4612);
	icr(cpu[0], 1, 0x4612);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_INIT | LAPIC_SIPI);
	icr(cpu[0], 1, 0x4612);
	icr(cpu[0], 1, 0x4500);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_INIT);
}

static void init_resets_registers_but_not_identity(void **state)
{
	x2apic(2);
	fixed(cpu[1], 0x44);
	lapic_reset(cpu[1], true);
	assert_int_equal(cpu[1]->apic->mode, LAPIC_X2APIC);
	assert_int_equal(x2_rd(cpu[1], LAPIC_ID), 1);
	assert_int_equal(x2_rd(cpu[1], LAPIC_LDR), 2);
	assert_int_equal(x2_rd(cpu[1], LAPIC_SVR), 0xff);
	assert_int_equal(x2_rd(cpu[1], LAPIC_LVTT), 0x10000);
	assert_false(vcpu_intr_pending(cpu[1]));
	lapic_reset(cpu[1], false);
	assert_int_equal(cpu[1]->apic->mode, LAPIC_XAPIC);
}

/* --- threads --- */

#define SENDERS	2
#define ROUNDS	5000

static u32 served[SENDERS];
static bool give_up;

/* Sends the next one when the last was served: a lost one stops it. */
static void *sender(void *arg)
{
	unsigned int me = (unsigned long)arg;
	u32 i;

	for (i = 0; i < ROUNDS && !READ_ONCE(give_up); i++) {
		lapic_accept(cpu[0]->apic, LAPIC_DM_FIXED, 0x40 + 0x20 * me, me & 1, true);
		while (__atomic_load_n(&served[me], __ATOMIC_ACQUIRE) <= i && !READ_ONCE(give_up))
			sched_yield();
	}
	return NULL;
}

static void none_is_lost_between_threads(void **state)
{
	pthread_t t[SENDERS];
	unsigned long i;
	u32 idle = 0;

	xapic(1);
	memset(served, 0, sizeof(served));
	give_up = false;
	for (i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, sender, (void *)i), 0);
	while (served[0] + served[1] < SENDERS * ROUNDS && idle < 10000000) {
		int vector = vcpu_intr_pending(cpu[0]) ? take(cpu[0]) : -1;

		if (vector >= 0) {
			__atomic_fetch_add(&served[(vector - 0x40) / 0x20], 1, __ATOMIC_RELEASE);
			idle = 0;
		} else {
			idle++;
			sched_yield();
		}
	}
	WRITE_ONCE(give_up, true);
	for (i = 0; i < SENDERS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(served[0], ROUNDS);
	assert_int_equal(served[1], ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(map_of_apic_ids_reaches_those_that_exist),
		T(self_ipi_register_sends),
		T(shorthands),
		T(physical_destination_and_broadcast),
		T(aliased_xapic_ids_all_get_it),
		T(logical_flat),
		T(logical_cluster),
		T(logical_x2apic_is_derived_from_the_id),
		T(lowest_priority_goes_to_the_least_busy),
		T(hardware_disabled_apic_hears_nothing),
		T(nmi_ipi_queues_two_at_most),
		T(init_then_sipi),
		T(init_and_sipi_may_arrive_together_but_init_undoes_sipi),
		T(init_resets_registers_but_not_identity),
		T(none_is_lost_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
