/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_virtio_pci.c - the life of a virtio device as its driver sees it. */
#include <poll.h>
#include "tests/unit/virtio_bed.h"

#define SLOT	1
#define QUEUES	2

/* A device that gives back each chain with as many bytes as it can write. */
struct echo {
	struct virtio v;
	unsigned int kicks, resets, starts;
};

static struct echo *echo;

static void echo_kick(struct virtio *v, unsigned int queue)
{
	struct echo *e = container_of(v, struct echo, v);
	struct vchain ch;
	int n;

	e->kicks++;
	while ((n = virtq_pop(&v->queue[queue].vq, &ch)) > 0)
		virtq_push(&v->queue[queue].vq, ch.head, (u32)ch.in_len);
	if (n < 0)
		virtio_broken(v, n, "echo");
	virtio_flush(v, queue);
}

static void echo_started(struct virtio *v)
{
	container_of(v, struct echo, v)->starts++;
}

static void echo_reset(struct virtio *v)
{
	container_of(v, struct echo, v)->resets++;
}

static const struct virtio_class echo_class = {
	.name = "echo", .size = sizeof(struct echo), .id = 42, .queue_max = 64,
	.n_queues = QUEUES, .pci_class = 0x00ff00, .cfg_size = 8, .features = 1,
	.kick = echo_kick, .started = echo_started, .reset = echo_reset,
};

static struct drv drv;

static int setup(void **state)
{
	struct virtio *v;

	if (bed_setup(state) || virtio_new(&bed.m, &echo_class, &v))
		return -1;
	echo = container_of(v, struct echo, v);
	memcpy(v->cfg, "kvistcfg", 8);
	if (virtio_add(v))
		return -1;
	memset(&drv, 0, sizeof(drv));
	drv.slot = SLOT;
	drv.regs = cfg_r(SLOT, PCI_BASE_ADDRESS_0, 4);
	return 0;
}

static void request(unsigned int q)
{
	drv_publish(&drv, q, drv_put(&drv, q, BED_BUF, 32, VRING_DESC_F_WRITE));
}

/* ---- finding the registers ---- */

static unsigned int vendor_cap(u8 type)
{
	unsigned int at = cfg_r(SLOT, PCI_CAPABILITY_LIST, 1);

	for (; at; at = cfg_r(SLOT, at + 1, 1))
		if (cfg_r(SLOT, at, 1) == PCI_CAP_ID_VNDR && cfg_r(SLOT, at + 3, 1) == type)
			return at;
	return 0;
}

static void identity_is_modern_virtio(void **state)
{
	assert_int_equal(cfg_r(SLOT, 0, 4), (0x1040 + 42) << 16 | 0x1af4);
	assert_int_equal(cfg_r(SLOT, PCI_REVISION_ID, 1), 1);
}

static void capabilities_name_the_registers(void **state)
{
	static const struct { u8 type; u32 off; } want[] = {
		{ VIRTIO_PCI_CAP_COMMON_CFG, REG_COMMON }, { VIRTIO_PCI_CAP_ISR_CFG, REG_ISR },
		{ VIRTIO_PCI_CAP_DEVICE_CFG, REG_DEVICE }, { VIRTIO_PCI_CAP_NOTIFY_CFG, REG_NOTIFY },
	};
	unsigned int i, c;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		c = vendor_cap(want[i].type);
		assert_int_not_equal(c, 0);
		assert_int_equal(cfg_r(SLOT, c + 4, 1), 0);
		assert_int_equal(cfg_r(SLOT, c + 8, 4), want[i].off);
	}
	assert_int_equal(cfg_r(SLOT, vendor_cap(VIRTIO_PCI_CAP_NOTIFY_CFG) + 16, 4), 4);
}

static void registers_are_reached_through_configuration_space(void **state)
{
	unsigned int c = vendor_cap(VIRTIO_PCI_CAP_PCI_CFG);

	cfg_w(SLOT, c + 8, 4, REG_DEVICE + 4);
	cfg_w(SLOT, c + 12, 4, 2);
	assert_int_equal(cfg_r(SLOT, c + 16, 2), 't' | 'c' << 8);
	cfg_w(SLOT, c + 8, 4, COMMON(device_status));
	cfg_w(SLOT, c + 12, 4, 1);
	cfg_w(SLOT, c + 16, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(drv_status(&drv), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	cfg_w(SLOT, c + 12, 4, 3);		/* no such size */
	cfg_w(SLOT, c + 16, 4, 0);
	assert_int_equal(drv_status(&drv), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	cfg_w(SLOT, c + 8, 4, 0xfffffffc);
	cfg_w(SLOT, c + 12, 4, 4);
	assert_int_equal(cfg_r(SLOT, c + 16, 4) & 0, 0);
}

static void device_configuration_is_bounded(void **state)
{
	assert_int_equal(reg_r(&drv, REG_DEVICE, 8), 0x676663747369766b);
	assert_int_equal(reg_r(&drv, REG_DEVICE + 8, 4), 0);
	assert_int_equal(reg_r(&drv, REG_DEVICE + 6, 4), 0);
	reg_w(&drv, REG_DEVICE, 4, 0);
	assert_int_equal(reg_r(&drv, REG_DEVICE, 1), 'k');	/* this class takes no writes */
}

/* ---- features and status ---- */

static void unoffered_features_are_not_accepted(void **state)
{
	u64 offered = drv_offered(&drv);

	assert_true(offered & 1);
	reg_w(&drv, COMMON(device_status), 1, 3);
	drv_accept(&drv, offered | 1ull << 17);
	reg_w(&drv, COMMON(device_status), 1, 3 | VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(drv_status(&drv), 3);
	drv_accept(&drv, offered);
	reg_w(&drv, COMMON(device_status), 1, 3 | VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(drv_status(&drv), 3 | VIRTIO_CONFIG_S_FEATURES_OK);
}

static void legacy_drivers_are_not_accepted(void **state)
{
	reg_w(&drv, COMMON(device_status), 1, 3);
	drv_accept(&drv, 1);
	reg_w(&drv, COMMON(device_status), 1, 3 | VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(drv_status(&drv), 3);
	reg_w(&drv, COMMON(device_status), 1, 3 | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(drv_status(&drv), 3);
}

static void features_are_fixed_once_accepted(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	drv_accept(&drv, 0);
	assert_true(virtio_has(&echo->v, VIRTIO_F_VERSION_1));
}

static void start_is_told_to_the_device(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	assert_int_equal(echo->starts, 1);
	assert_int_equal(drv_status(&drv), 15);
	reg_w(&drv, COMMON(device_status), 1, 15);
	assert_int_equal(echo->starts, 1);
}

static void reset_forgets_everything(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	reg_w(&drv, COMMON(queue_msix_vector), 2, 1);
	reg_w(&drv, COMMON(device_status), 1, 0);
	assert_int_equal(drv_status(&drv), 0);
	assert_int_equal(echo->v.features, 0);
	reg_w(&drv, COMMON(queue_select), 2, 1);
	assert_int_equal(reg_r(&drv, COMMON(queue_enable), 2), 0);
	assert_int_equal(reg_r(&drv, COMMON(queue_size), 2), 64);
	assert_int_equal(reg_r(&drv, COMMON(queue_desc_lo), 4), 0);
	assert_int_equal(reg_r(&drv, COMMON(queue_msix_vector), 2), 0xffff);
	assert_int_equal(bed.ioeventfds, 0);
}

/* ---- queues ---- */

static void queue_sizes_must_be_powers_of_two_within_bounds(void **state)
{
	static const u16 bad[] = { 0, 3, 128, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		reg_w(&drv, COMMON(queue_size), 2, bad[i]);
		assert_int_equal(reg_r(&drv, COMMON(queue_size), 2), 64);
	}
	reg_w(&drv, COMMON(queue_size), 2, 16);
	assert_int_equal(reg_r(&drv, COMMON(queue_size), 2), 16);
}

static void absent_queues_have_size_zero(void **state)
{
	assert_int_equal(reg_r(&drv, COMMON(num_queues), 2), QUEUES);
	reg_w(&drv, COMMON(queue_select), 2, QUEUES);
	assert_int_equal(reg_r(&drv, COMMON(queue_size), 2), 0);
	reg_w(&drv, COMMON(queue_select), 2, 0xffff);
	reg_w(&drv, COMMON(queue_enable), 2, 1);
	reg_w(&drv, COMMON(queue_desc_lo), 4, 1);
	assert_int_equal(reg_r(&drv, COMMON(queue_enable), 2), 0);
}

static void addresses_can_be_written_in_one_access(void **state)
{
	reg_w(&drv, COMMON(queue_desc_lo), 8, 0x123456789abcdef0);
	assert_int_equal(reg_r(&drv, COMMON(queue_desc_hi), 4), 0x12345678);
	assert_int_equal(reg_r(&drv, COMMON(queue_desc_lo), 8), 0x123456789abcdef0);
}

static void enabled_queue_cannot_be_moved(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	reg_w(&drv, COMMON(queue_select), 2, 0);
	reg_w(&drv, COMMON(queue_desc_lo), 4, 0x5000);
	reg_w(&drv, COMMON(queue_size), 2, 64);
	assert_int_equal(reg_r(&drv, COMMON(queue_desc_lo), 4), drv.q[0].desc);
	assert_int_equal(reg_r(&drv, COMMON(queue_size), 2), 8);
}

static void queue_outside_ram_breaks_the_device(void **state)
{
	reg_w(&drv, COMMON(device_status), 1, 3);
	reg_w(&drv, COMMON(queue_desc_lo), 4, BED_RAM);
	reg_w(&drv, COMMON(queue_enable), 2, 1);
	assert_int_equal(reg_r(&drv, COMMON(queue_enable), 2), 0);
	assert_true(drv_status(&drv) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void notification_runs_the_queue(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	request(1);
	drv_notify(&drv, 1);
	assert_int_equal(drv_used_idx(&drv, 1), 1);
	assert_int_equal(drv_used_idx(&drv, 0), 0);
}

static void notifications_before_driver_ok_do_nothing(void **state)
{
	drv_notify(&drv, 0);
	drv_notify(&drv, 900);
	assert_int_equal(echo->kicks, 0);
}

static void requests_made_before_driver_ok_are_served(void **state)
{
	unsigned int i;

	reg_w(&drv, COMMON(device_status), 1, 3);
	drv_accept(&drv, drv_offered(&drv));
	reg_w(&drv, COMMON(device_status), 1, 11);
	drv_queue_setup(&drv, 0, 8);
	request(0);
	bed_start();
	reg_w(&drv, COMMON(device_status), 1, 15);
	for (i = 0; i < 5000 && !drv_used_idx(&drv, 0); i++)
		usleep(1000);
	assert_int_equal(drv_used_idx(&drv, 0), 1);
}

static void doorbells_follow_the_bar(void **state)
{
	u64 regs = drv.regs;

	drv_init(&drv, SLOT, 0, QUEUES, 8);
	assert_int_equal(bed.ioeventfds, QUEUES);
	assert_int_equal(bed.ioeventfd_addr, regs + REG_NOTIFY + 4);
	cfg_w(SLOT, PCI_COMMAND, 2, 0);
	assert_int_equal(bed.ioeventfds, 0);
	cfg_w(SLOT, PCI_BASE_ADDRESS_0, 4, 0xd8000000);
	cfg_w(SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(bed.ioeventfds, QUEUES);
	assert_int_equal(bed.ioeventfd_addr, 0xd8000000 + REG_NOTIFY + 4);
}

static void rung_doorbell_runs_the_queue(void **state)
{
	u64 one = 1;

	drv_init(&drv, SLOT, 0, QUEUES, 8);
	bed_start();
	request(0);
	assert_int_equal(write(echo->v.queue[0].kick_fd, &one, 8), 8);
	assert_int_equal(drv_wait(&drv, 0).len, 32);
}

/* ---- broken rings ---- */

static void broken_ring_stops_the_device_until_reset(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	drv_publish(&drv, 0, 99);
	drv_notify(&drv, 0);
	assert_true(drv_status(&drv) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(reg_r(&drv, REG_ISR, 1), 2);	/* told by a configuration interrupt */
	request(1);
	drv_notify(&drv, 1);
	assert_int_equal(drv_used_idx(&drv, 1), 0);
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	assert_int_equal(drv_status(&drv), 15);
	request(1);
	drv_notify(&drv, 1);
	assert_int_equal(drv_used_idx(&drv, 1), 1);
}

static void other_devices_live_on(void **state)
{
	struct virtio *v;
	struct drv other;

	assert_int_equal(virtio_new(&bed.m, &echo_class, &v), 0);
	assert_int_equal(virtio_add(v), 0);
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	drv_publish(&drv, 0, 99);
	drv_notify(&drv, 0);
	drv_init(&other, SLOT + 1, 0, QUEUES, 8);
	drv_publish(&other, 0, drv_put(&other, 0, BED_BUF, 32, VRING_DESC_F_WRITE));
	drv_notify(&other, 0);
	assert_int_equal(drv_used_idx(&other, 0), 1);
}

/* ---- interrupts ---- */

static void intx_is_raised_and_cleared_by_the_isr(void **state)
{
	unsigned int gsi = machine_intx_gsi(SLOT, 0);

	drv_init(&drv, SLOT, 0, QUEUES, 8);
	request(0);
	drv_notify(&drv, 0);
	assert_true(bed.irq[gsi]);
	assert_int_equal(reg_r(&drv, REG_ISR, 1), 1);
	assert_false(bed.irq[gsi]);
	assert_int_equal(reg_r(&drv, REG_ISR, 1), 0);
}

static u64 vector_count(unsigned int n)
{
	int fd = echo->v.pci.msix.entry[n].eventfd;
	u64 count;

	return fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void msix_on(void)
{
	u64 table = cfg_r(SLOT, PCI_BASE_ADDRESS_1, 4);
	unsigned int i;

	for (i = 0; i < QUEUES + 1; i++) {
		mmio_w(table + 16 * i, 8, 0xfee00000);
		mmio_w(table + 16 * i + 8, 8, 0x40 + i);
	}
	cfg_w(SLOT, echo->v.pci.msix.cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

static void each_queue_has_its_vector(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	msix_on();
	reg_w(&drv, COMMON(queue_select), 2, 1);
	reg_w(&drv, COMMON(queue_msix_vector), 2, 2);
	assert_int_equal(reg_r(&drv, COMMON(queue_msix_vector), 2), 2);
	request(1);
	drv_notify(&drv, 1);
	assert_int_equal(vector_count(2), 1);
	request(0);
	drv_notify(&drv, 0);			/* no vector: no interrupt */
	assert_int_equal(vector_count(0) + vector_count(1), 0);
	assert_int_equal(bed.irq_edges, 0);
}

static void vectors_past_the_table_are_refused(void **state)
{
	reg_w(&drv, COMMON(msix_config), 2, QUEUES + 1);
	assert_int_equal(reg_r(&drv, COMMON(msix_config), 2), 0xffff);
	reg_w(&drv, COMMON(msix_config), 2, QUEUES);
	assert_int_equal(reg_r(&drv, COMMON(msix_config), 2), QUEUES);
}

static void configuration_changes_count_and_interrupt(void **state)
{
	u8 before = (u8)reg_r(&drv, COMMON(config_generation), 1);

	drv_init(&drv, SLOT, 0, QUEUES, 8);
	msix_on();
	reg_w(&drv, COMMON(msix_config), 2, 0);
	virtio_config_changed(&echo->v);
	assert_int_equal(vector_count(0), 1);
	assert_int_equal(reg_r(&drv, COMMON(config_generation), 1), before + 1);
}

static void bus_reset_resets_the_device(void **state)
{
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	bed_lock();
	pci_bus_reset(bed.m.pci);
	bed_unlock();
	assert_int_equal(drv_status(&drv), 0);
	assert_int_equal(bed.ioeventfds, 0);
	drv_init(&drv, SLOT, 0, QUEUES, 8);
	assert_int_equal(drv_status(&drv), 15);
}

/* ---- state tables ---- */

static void state_tables_cover_every_byte(void **state)
{
	const struct virtio_class *const *c;

	assert_int_equal(field_table_gap(virtq_fields, sizeof(struct virtq)), -1);
	assert_int_equal(field_table_gap(virtio_queue_fields, sizeof(struct virtio_queue)), -1);
	assert_int_equal(field_table_gap(virtio_fields, sizeof(struct virtio)), -1);
	for (c = virtio_classes; *c; c++)
		assert_int_equal(field_table_gap((*c)->fields, (*c)->size), -1);
}

static void state_table_check_notices_gaps_and_overlaps(void **state)
{
	struct s { u32 a, b, c; };
	static const struct field gap[] = { FIELD(struct s, a), FIELD(struct s, c), FIELD_END };
	static const struct field twice[] = { FIELD(struct s, a), FIELD(struct s, b),
					      FIELD(struct s, b), FIELD(struct s, c), FIELD_END };

	assert_int_equal(field_table_gap(gap, sizeof(struct s)), 4);
	assert_int_equal(field_table_gap(twice, sizeof(struct s)), 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(identity_is_modern_virtio),
		T(capabilities_name_the_registers),
		T(registers_are_reached_through_configuration_space),
		T(device_configuration_is_bounded),
		T(unoffered_features_are_not_accepted),
		T(legacy_drivers_are_not_accepted),
		T(features_are_fixed_once_accepted),
		T(start_is_told_to_the_device),
		T(reset_forgets_everything),
		T(queue_sizes_must_be_powers_of_two_within_bounds),
		T(absent_queues_have_size_zero),
		T(addresses_can_be_written_in_one_access),
		T(enabled_queue_cannot_be_moved),
		T(queue_outside_ram_breaks_the_device),
		T(notification_runs_the_queue),
		T(notifications_before_driver_ok_do_nothing),
		T(requests_made_before_driver_ok_are_served),
		T(doorbells_follow_the_bar),
		T(rung_doorbell_runs_the_queue),
		T(broken_ring_stops_the_device_until_reset),
		T(other_devices_live_on),
		T(intx_is_raised_and_cleared_by_the_isr),
		T(each_queue_has_its_vector),
		T(vectors_past_the_table_are_refused),
		T(configuration_changes_count_and_interrupt),
		T(bus_reset_resets_the_device),
		T(state_tables_cover_every_byte),
		T(state_table_check_notices_gaps_and_overlaps),
	};

	return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
