// SPDX-License-Identifier: GPL-2.0-or-later
/* irqfds: edges, resampling, errors. */
#include "tests/unit/irq_vm.h"
#include <sys/eventfd.h>
#include <unistd.h>
#include "core/irq/ioapic.h"

static int fd[4];

static void setup(void)
{
	unsigned int i;

	vm_with(1);
	apic_on(cpu[0]);
	outb(0x21, 0xff);
	for (i = 0; i < 4; i++)
		fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static int done(void **state)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		close(fd[i]);
	return vm_done(state);
}

static int assign(int event, u32 gsi)
{
	struct kvm_irqfd arg = { .fd = event, .gsi = gsi };

	return irqfd_ioctl(vm, &arg);
}

static int assign_resample(int event, int resample, u32 gsi)
{
	struct kvm_irqfd arg = { .fd = event, .gsi = gsi, .flags = KVM_IRQFD_FLAG_RESAMPLE,
				 .resamplefd = resample };

	return irqfd_ioctl(vm, &arg);
}

static int deassign(int event, u32 gsi)
{
	struct kvm_irqfd arg = { .fd = event, .gsi = gsi, .flags = KVM_IRQFD_FLAG_DEASSIGN };

	return irqfd_ioctl(vm, &arg);
}

static void signal_fd(int event)
{
	u64 one = 1;

	assert_int_equal(write(event, &one, 8), 8);
	test_poll_events();
}

/* How often it was signalled since. */
static u64 count_fd(int event)
{
	u64 n = 0;

	if (read(event, &n, 8) != 8)
		n = 0;
	return n;
}

static void signal_is_an_edge(void **state)
{
	setup();
	rte(5, 0x45, 0);
	assert_int_equal(assign(fd[0], 5), 0);
	signal_fd(fd[0]);
	assert_int_equal(take(cpu[0]), 0x45);
	assert_int_equal(vm->irqs.ioapic->irr, 0);
	signal_fd(fd[0]);
	assert_int_equal(take(cpu[0]), 0x45);
	assert_int_equal(take(cpu[0]), -1);
}

static void msi_route_is_followed_and_may_change(void **state)
{
	struct kvm_irq_routing_entry e = {
		.gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .data = 0x61 },
	};

	setup();
	assert_int_equal(assign(fd[0], 30), 0);
	signal_fd(fd[0]);
	assert_false(vcpu_intr_pending(cpu[0]));
	assert_int_equal(irq_set_routes(vm, &e, 1), 0);
	signal_fd(fd[0]);
	assert_int_equal(take(cpu[0]), 0x61);
	e.u.msi.data = 0x62;
	assert_int_equal(irq_set_routes(vm, &e, 1), 0);
	signal_fd(fd[0]);
	assert_int_equal(take(cpu[0]), 0x62);
}

static void deassigned_one_is_silent(void **state)
{
	setup();
	rte(5, 0x45, 0);
	assert_int_equal(assign(fd[0], 5), 0);
	assert_int_equal(deassign(fd[0], 6), 0);	/* another GSI: nothing */
	signal_fd(fd[0]);
	assert_int_equal(take(cpu[0]), 0x45);
	assert_int_equal(deassign(fd[0], 5), 0);
	signal_fd(fd[0]);
	assert_false(vcpu_intr_pending(cpu[0]));
	assert_int_equal(assign(fd[0], 5), 0);
	test_poll_events();				/* signalled before */
	assert_int_equal(take(cpu[0]), 0x45);
}

static void eventfd_is_known_by_what_it_is(void **state)
{
	int copy;

	setup();
	rte(5, 0x45, 0);
	rte(6, 0x46, 0);
	copy = dup(fd[0]);
	assert_int_equal(assign(fd[0], 5), 0);
	assert_int_equal(assign(copy, 6), -EBUSY);
	/* The same number, another eventfd. */
	assert_int_equal(dup2(fd[1], fd[0]), fd[0]);
	assert_int_equal(deassign(fd[0], 5), 0);
	assert_int_equal(assign(fd[0], 6), 0);
	signal_fd(copy);
	assert_int_equal(take(cpu[0]), 0x45);
	signal_fd(fd[1]);
	assert_int_equal(take(cpu[0]), 0x46);
	assert_int_equal(deassign(copy, 5), 0);
	signal_fd(copy);
	assert_false(vcpu_intr_pending(cpu[0]));
	close(copy);
}

static void resample_lowers_and_asks_on_eoi(void **state)
{
	setup();
	rte(10, 0x4a | RTE_LOW_LEVEL, 0);
	assert_int_equal(assign_resample(fd[0], fd[1], 10), 0);
	signal_fd(fd[0]);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x4a);
	assert_int_equal(vm->irqs.ioapic->irr, 1u << 10);
	assert_int_equal(count_fd(fd[1]), 0);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_int_equal(count_fd(fd[1]), 1);
	assert_int_equal(vm->irqs.ioapic->irr, 0);
	assert_false(vcpu_intr_pending(cpu[0]));
	signal_fd(fd[0]);				/* still cause */
	assert_int_equal(take(cpu[0]), 0x4a);
	assert_int_equal(count_fd(fd[1]), 1);
}

static void resample_leaves_other_sources_alone(void **state)
{
	setup();
	rte(10, 0x4a | RTE_LOW_LEVEL, 0);
	assert_int_equal(assign_resample(fd[0], fd[1], 10), 0);
	irq_set_level(vm, IRQ_SOURCE_USER, 10, true);
	signal_fd(fd[0]);
	assert_int_equal(take(cpu[0]), 0x4a);
	assert_int_equal(count_fd(fd[1]), 1);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x4a);	/* the user's level */
	irq_set_level(vm, IRQ_SOURCE_USER, 10, false);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void all_resamplers_of_a_gsi_are_asked(void **state)
{
	setup();
	rte(10, 0x4a | RTE_LOW_LEVEL, 0);
	assert_int_equal(assign_resample(fd[0], fd[1], 10), 0);
	assert_int_equal(assign_resample(fd[2], fd[3], 10), 0);
	signal_fd(fd[0]);
	take(cpu[0]);
	assert_int_equal(count_fd(fd[1]), 1);
	assert_int_equal(count_fd(fd[3]), 1);
	assert_int_equal(deassign(fd[2], 10), 0);
	signal_fd(fd[0]);
	take(cpu[0]);
	assert_int_equal(count_fd(fd[1]), 1);
	assert_int_equal(count_fd(fd[3]), 0);
}

static void resample_works_through_an_edge_pin_and_the_pic(void **state)
{
	setup();
	rte(11, 0x4b, 0);
	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, 1);
	outb(0xa0, 0x11); outb(0xa1, 0x28); outb(0xa1, 2); outb(0xa1, 1);
	outb(0x4d1, 0x08);
	assert_int_equal(assign_resample(fd[0], fd[1], 11), 0);
	signal_fd(fd[0]);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x2b);	/* ExtINT first */
	outb(0xa0, 0x20);
	assert_int_equal(count_fd(fd[1]), 1);
	outb(0x20, 0x20);
	assert_int_equal(take(cpu[0]), 0x4b);
	assert_int_equal(count_fd(fd[1]), 1);
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void last_resampler_takes_its_level_with_it(void **state)
{
	setup();
	rte(10, 0x4a | RTE_LOW_LEVEL, 0);
	assert_int_equal(assign_resample(fd[0], fd[1], 10), 0);
	signal_fd(fd[0]);
	assert_int_equal(deassign(fd[0], 10), 0);
	assert_int_equal(vm->irqs.ioapic->irr, 0);
	take(cpu[0]);
	assert_false(vcpu_intr_pending(cpu[0]));
	assert_int_equal(vm->irqs.ack_ioapic, 0);
}

static void errors(void **state)
{
	struct kvm_irqfd arg = { .gsi = 5, .flags = 4 };
	int p[2];

	setup();
	arg.fd = fd[0];
	assert_int_equal(irqfd_ioctl(vm, &arg), -EINVAL);
	assert_int_equal(assign(-1, 5), -EBADF);
	assert_int_equal(assign(1000000, 5), -EBADF);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(assign(p[0], 5), -EINVAL);
	assert_int_equal(assign_resample(fd[0], p[0], 5), -EINVAL);
	assert_int_equal(assign_resample(fd[0], -1, 5), -EBADF);
	close(p[0]);
	close(p[1]);
	assert_int_equal(assign(fd[0], 5), 0);
	assert_int_equal(assign(fd[0], 5), -EBUSY);
	assert_int_equal(assign(fd[0], 6), -EBUSY);
	p[0] = dup(fd[0]);
	assert_int_equal(assign(p[0], 6), -EBUSY);	/* the same file */
	close(p[0]);
	assert_int_equal(deassign(fd[1], 5), 0);
	assert_int_equal(deassign(-1, 5), -EBADF);
	test_alloc_budget = 0;
	assert_int_equal(assign(fd[1], 5), -ENOMEM);
	test_alloc_budget = 1;
	assert_int_equal(assign(fd[1], 5), -ENOMEM);
	test_alloc_budget = -1;
}

static void modes_that_have_no_irqfd(void **state)
{
	setup();
	vm_done(NULL);
	vm_bare();
	assert_int_equal(assign(fd[0], 5), -EINVAL);
	assert_int_equal(irqs_create_split(vm, 24), 0);
	assert_int_equal(assign(fd[0], 5), 0);
	assert_int_equal(assign_resample(fd[1], fd[2], 5), -EINVAL);
}

#define TF(fn)	cmocka_unit_test_teardown(fn, done)

/* What user space calls the descriptor now says nothing of the file. */
static void irqfd_is_found_by_its_file(void **state)
{
	int copy, again;

	setup();
	copy = dup(fd[0]);
	assert_int_equal(assign(fd[0], 5), 0);
	close(fd[0]);
	again = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(again, fd[0]);
	assert_int_equal(assign(again, 6), 0);
	assert_int_equal(deassign(again, 5), 0);	/* not this one's */
	assert_int_equal(assign(copy, 7), -EBUSY);
	assert_int_equal(deassign(copy, 5), 0);
	assert_int_equal(assign(copy, 7), 0);
	close(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TF(signal_is_an_edge),
		TF(msi_route_is_followed_and_may_change),
		TF(deassigned_one_is_silent), TF(eventfd_is_known_by_what_it_is),
		TF(resample_lowers_and_asks_on_eoi),
		TF(resample_leaves_other_sources_alone),
		TF(all_resamplers_of_a_gsi_are_asked),
		TF(resample_works_through_an_edge_pin_and_the_pic),
		TF(last_resampler_takes_its_level_with_it),
		TF(errors),
		TF(irqfd_is_found_by_its_file),
		TF(modes_that_have_no_irqfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
