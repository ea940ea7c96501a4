/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "core/api/ioevent.h"

struct dev {
	struct bus_dev dev;
	u64 off;
	unsigned int n, reads, writes;
	int answer;
	u8 value;
};

static int dev_read(struct bus_dev *d, struct vcpu *v, u64 off, void *buf, unsigned int n)
{
	struct dev *t = container_of(d, struct dev, dev);

	t->off = off;
	t->n = n;
	t->reads++;
	memset(buf, t->value, n);
	return t->answer;
}

static int dev_write(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf, unsigned int n)
{
	struct dev *t = container_of(d, struct dev, dev);

	t->off = off;
	t->n = n;
	t->writes++;
	return t->answer;
}

static const struct bus_ops both = { dev_read, dev_write }, read_only = { dev_read, NULL };

static struct bus bus;

static int setup(void **state)
{
	test_alloc_budget = -1;
	return bus_init(&bus);
}

static int teardown(void **state)
{
	bus_fini(&bus);
	return 0;
}

static void bus_finds_by_range(void **state)
{
	struct dev a = { { &both, 0x20, 2 } }, b = { { &both, 0x40, 4 } };
	u32 v = 0;

	assert_int_equal(bus_add(&bus, &b.dev), 0);
	assert_int_equal(bus_add(&bus, &a.dev), 0);
	assert_int_equal(bus_read(&bus, NULL, 0x21, &v, 1), 0);
	assert_int_equal(a.off, 1);
	assert_int_equal(bus_write(&bus, NULL, 0x42, &v, 2), 0);
	assert_int_equal(b.off, 2);
	assert_int_equal(bus_read(&bus, NULL, 0x1f, &v, 1), -ENOENT);
	assert_int_equal(bus_read(&bus, NULL, 0x22, &v, 1), -ENOENT);
	assert_int_equal(bus_read(&bus, NULL, 0x42, &v, 4), -ENOENT);	/* sticks out */
	assert_int_equal(bus_read(&bus, NULL, ~0ull, &v, 1), -ENOENT);
}

static void bus_asks_the_next_when_one_declines(void **state)
{
	struct dev wide = { { &both, 0, 0x100 } }, narrow = { { &both, 0x80, 1 } };
	u8 v = 0;

	narrow.answer = -ENOENT;
	wide.value = 7;
	assert_int_equal(bus_add(&bus, &wide.dev), 0);
	assert_int_equal(bus_add(&bus, &narrow.dev), 0);
	assert_int_equal(bus_read(&bus, NULL, 0x80, &v, 1), 0);
	assert_int_equal(narrow.reads, 1);
	assert_int_equal(v, 7);
}

static void bus_device_without_write_is_skipped(void **state)
{
	struct dev d = { { &read_only, 0, 8 } };
	u8 v = 0;

	assert_int_equal(bus_add(&bus, &d.dev), 0);
	assert_int_equal(bus_write(&bus, NULL, 0, &v, 1), -ENOENT);
}

static void bus_length_zero_is_any_size_at_base(void **state)
{
	struct dev d = { { &both, 0x1000, 0 } };
	u64 v = 0;

	assert_int_equal(bus_add(&bus, &d.dev), 0);
	assert_int_equal(bus_write(&bus, NULL, 0x1000, &v, 8), 0);
	assert_int_equal(bus_write(&bus, NULL, 0x1000, &v, 1), 0);
	assert_int_equal(bus_write(&bus, NULL, 0x1001, &v, 1), -ENOENT);
}

static void bus_remove_is_final(void **state)
{
	struct dev a = { { &both, 0, 8 } }, b = { { &both, 8, 8 } };
	u8 v = 0;

	assert_int_equal(bus_add(&bus, &a.dev), 0);
	assert_int_equal(bus_add(&bus, &b.dev), 0);
	bus_remove(&bus, &a.dev);
	bus_remove(&bus, &a.dev);
	assert_int_equal(bus_read(&bus, NULL, 0, &v, 1), -ENOENT);
	assert_int_equal(bus_read(&bus, NULL, 8, &v, 1), 0);
}

static void bus_is_bounded(void **state)
{
	static struct dev d[BUS_DEVS_MAX + 1];
	struct dev extra = { { &both, 5, 1 } };

	for (unsigned int i = 0; i < BUS_DEVS_MAX; i++) {
		d[i].dev = (struct bus_dev){ &both, 0x1000 + i * 4, 4 };
		assert_int_equal(bus_add(&bus, &d[i].dev), 0);
	}
	assert_int_equal(bus_add(&bus, &extra.dev), -ENOSPC);
	extra.dev.uncounted = true;
	assert_int_equal(bus_add(&bus, &extra.dev), 0);
}

static void bus_reports_no_memory(void **state)
{
	struct dev d = { { &both, 0, 1 } };

	test_alloc_budget = 0;
	assert_int_equal(bus_add(&bus, &d.dev), -ENOMEM);
	test_alloc_budget = -1;
	assert_int_equal(bus.n, 0);
}

/* --- ioeventfds and coalesced zones --- */

static const struct engine none = { .name = "none" };
static struct vm *vm;
static int efd;

static int vm_setup(void **state)
{
	test_alloc_budget = -1;
	efd = eventfd(0, EFD_NONBLOCK);
	assert_true(efd >= 0);
	return vm_new(&none, &vm);
}

static int vm_teardown(void **state)
{
	vm_free(vm);
	close(efd);
	return 0;
}

static u64 count(void)
{
	u64 n = 0;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static int ioev(u64 addr, u32 len, u32 flags, u64 match)
{
	struct kvm_ioeventfd a = { .addr = addr, .len = len, .fd = efd, .flags = flags,
				   .datamatch = match };

	return ioeventfd_ioctl(vm, &a);
}

#define PIO	KVM_IOEVENTFD_FLAG_PIO
#define MATCH	KVM_IOEVENTFD_FLAG_DATAMATCH
#define DEL	KVM_IOEVENTFD_FLAG_DEASSIGN

static void ioeventfd_signals_on_match(void **state)
{
	u32 v = 5;

	assert_int_equal(ioev(0x1000, 4, MATCH, 5), 0);
	assert_int_equal(ioev(0x1000, 4, MATCH, 6), 0);
	assert_int_equal(bus_write(&vm->mmio, NULL, 0x1000, &v, 4), 0);
	assert_int_equal(count(), 1);
	v = 7;
	assert_int_equal(bus_write(&vm->mmio, NULL, 0x1000, &v, 4), -ENOENT);
	assert_int_equal(bus_write(&vm->mmio, NULL, 0x1000, &v, 2), -ENOENT);
	assert_int_equal(bus_write(&vm->pio, NULL, 0x1000, &v, 4), -ENOENT);
	assert_int_equal(bus_read(&vm->mmio, NULL, 0x1000, &v, 4), -ENOENT);
	assert_int_equal(count(), 0);
}

static void ioeventfd_any_length(void **state)
{
	u64 v = 0;

	assert_int_equal(ioev(0x1000, 0, 0, 0), 0);
	assert_int_equal(bus_write(&vm->mmio, NULL, 0x1000, &v, 8), 0);
	assert_int_equal(bus_write(&vm->mmio, NULL, 0x1000, &v, 1), 0);
	assert_int_equal(count(), 2);
}

static void ioeventfd_refuses_what_kvm_refuses(void **state)
{
	struct kvm_ioeventfd bad = { .addr = 0, .len = 4, .fd = -1 };

	assert_int_equal(ioeventfd_ioctl(vm, &bad), -EBADF);
	bad.fd = dup(2);
	assert_int_equal(ioeventfd_ioctl(vm, &bad), -EINVAL);	/* not an eventfd */
	close(bad.fd);
	assert_int_equal(ioev(0, 3, 0, 0), -EINVAL);
	assert_int_equal(ioev(0, 16, 0, 0), -EINVAL);
	assert_int_equal(ioev(~0ull - 1, 4, 0, 0), -EINVAL);
	assert_int_equal(ioev(0, 4, 1u << 10, 0), -EINVAL);
	assert_int_equal(ioev(0, 0, MATCH, 1), -EINVAL);
	assert_int_equal(ioev(0, 4, DEL, 0), -ENOENT);
	assert_int_equal(ioev(0, 4, 0, 0), 0);
	assert_int_equal(ioev(0, 4, 0, 0), -EEXIST);
	assert_int_equal(ioev(0, 4, MATCH, 1), -EEXIST);	/* the wildcard has it */
	assert_int_equal(ioev(0, 0, 0, 0), -EEXIST);
	assert_int_equal(ioev(0, 2, 0, 0), 0);
	assert_int_equal(ioev(0, 4, PIO, 0), 0);
}

static void ioeventfd_deassign_needs_the_same(void **state)
{
	assert_int_equal(ioev(0x10, 4, MATCH, 9), 0);
	assert_int_equal(ioev(0x10, 4, MATCH | DEL, 8), -ENOENT);
	assert_int_equal(ioev(0x10, 4, DEL, 0), -ENOENT);
	assert_int_equal(ioev(0x10, 4, MATCH | DEL | PIO, 9), -ENOENT);
	assert_int_equal(ioev(0x10, 4, MATCH | DEL, 9), 0);
	assert_int_equal(ioev(0x10, 4, MATCH | DEL, 9), -ENOENT);
}

static void ioeventfd_survives_failing_allocations(void **state)
{
	int err;

	for (long n = 0;; n++) {
		test_alloc_budget = n;
		err = ioev(0x10, 4, 0, 0);
		test_alloc_budget = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(vm->ioevents);
	}
}

static void zone_queues_until_the_ring_is_full(void **state)
{
	static u64 page[512];
	struct kvm_coalesced_mmio_ring *ring = (void *)page;
	struct kvm_coalesced_mmio_zone z = { .addr = 0xa0000, .size = 0x20000 };
	const u32 max = (4096 - sizeof(*ring)) / sizeof(struct kvm_coalesced_mmio);
	u32 v = 0x11223344;

	memset(page, 0, sizeof(page));
	assert_int_equal(zone_register(vm, &z), 0);
	assert_int_equal(bus_write(&vm->mmio, NULL, 0xa0010, &v, 4), -ENOENT);	/* no ring yet */
	vm->ring = ring;
	assert_int_equal(bus_write(&vm->mmio, NULL, 0xa0010, &v, 4), 0);
	assert_int_equal(ring->last, 1);
	assert_int_equal(ring->coalesced_mmio[0].phys_addr, 0xa0010);
	assert_int_equal(ring->coalesced_mmio[0].len, 4);
	assert_memory_equal(ring->coalesced_mmio[0].data, &v, 4);
	for (u32 i = 1; i < max - 1; i++)
		assert_int_equal(bus_write(&vm->mmio, NULL, 0xa0000, &v, 1), 0);
	assert_int_equal(bus_write(&vm->mmio, NULL, 0xa0000, &v, 1), -ENOENT);
	ring->first = 1;
	assert_int_equal(bus_write(&vm->mmio, NULL, 0xa0000, &v, 1), 0);
	ring->last = 0xffffffff;	/* user space may write nonsense */
	assert_int_equal(bus_write(&vm->mmio, NULL, 0xa0000, &v, 1), -ENOENT);
	vm->ring = NULL;
}

static void zone_unregister_takes_what_holds_the_range(void **state)
{
	struct kvm_coalesced_mmio_zone a = { .addr = 0x1000, .size = 0x1000 };
	struct kvm_coalesced_mmio_zone part = { .addr = 0x1800, .size = 0x10 };
	struct kvm_coalesced_mmio_zone bad = { .addr = 0, .size = 8, .pio = 2 };

	assert_int_equal(zone_register(vm, &bad), -EINVAL);
	assert_int_equal(zone_unregister(vm, &bad), -EINVAL);
	assert_int_equal(zone_register(vm, &a), 0);
	part.pio = 1;
	assert_int_equal(zone_unregister(vm, &part), 0);
	assert_non_null(vm->zones);
	part.pio = 0;
	assert_int_equal(zone_unregister(vm, &part), 0);
	assert_null(vm->zones);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define V(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bus_finds_by_range), T(bus_asks_the_next_when_one_declines),
		T(bus_device_without_write_is_skipped), T(bus_length_zero_is_any_size_at_base),
		T(bus_remove_is_final), T(bus_is_bounded), T(bus_reports_no_memory),
		V(ioeventfd_signals_on_match), V(ioeventfd_any_length),
		V(ioeventfd_refuses_what_kvm_refuses), V(ioeventfd_deassign_needs_the_same),
		V(ioeventfd_survives_failing_allocations), V(zone_queues_until_the_ring_is_full),
		V(zone_unregister_takes_what_holds_the_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
