/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pci.c - configuration space, BARs, MSI-X and INTx. */
#include <poll.h>
#include "tests/unit/virtio_bed.h"
#include "vmm/field.h"

#define VENDOR	0x1234
#define DEVICE	0x5678

struct toy {
	struct pci_dev pci;
	u64 reg[3];			/* last value written to each BAR */
	unsigned int maps[PCI_BARS], unmaps[PCI_BARS];
};

static struct toy *toy;

static u64 toy_read(void *dev, u64 off, unsigned int n)
{
	return 0xa0 + off;
}

static void toy_write(void *dev, u64 off, unsigned int n, u64 val)
{
	*(u64 *)dev = val;
}

static void toy_mapped(struct pci_dev *d, unsigned int n, bool on)
{
	struct toy *t = container_of(d, struct toy, pci);

	if (on)
		t->maps[n]++;
	else
		t->unmaps[n]++;
}

static void toy_free(struct pci_dev *d)
{
	pci_dev_fini(d);
	free(container_of(d, struct toy, pci));
}

/* BAR 0: 32-bit memory, 1: ports, 2: 64-bit memory, 4: MSI-X. */
static struct toy *toy_new(void)
{
	struct toy *t = calloc(1, sizeof(*t));
	struct pci_bar bar = { .range = { .read = toy_read, .write = toy_write } };

	pci_dev_init(&t->pci, &bed.m, "toy", VENDOR, DEVICE, 0x00ff0001);
	t->pci.free = toy_free;
	t->pci.intx_pin = 1;
	t->pci.bar_mapped = toy_mapped;
	bar.size = 0x1000;
	bar.range.dev = &t->reg[0];
	assert_int_equal(pci_dev_bar(&t->pci, 0, &bar), 0);
	bar.size = 32;
	bar.io = true;
	bar.range.dev = &t->reg[1];
	assert_int_equal(pci_dev_bar(&t->pci, 1, &bar), 0);
	bar.size = 1ull << 32;
	bar.io = false;
	bar.is64 = bar.prefetch = true;
	bar.range.dev = &t->reg[2];
	assert_int_equal(pci_dev_bar(&t->pci, 2, &bar), 0);
	assert_int_equal(pci_dev_msix(&t->pci, 4, 0, 3), 0);
	assert_int_equal(pci_dev_add(bed.m.pci, &t->pci), 0);
	return t;
}

static int setup(void **state)
{
	if (bed_setup(state))
		return -1;
	toy = toy_new();
	return 0;
}

static u32 pio_r(u16 port, unsigned int n)
{
	return (u32)iobus_read(&bed.m.pio, port, n);
}

static void pio_w(u16 port, unsigned int n, u32 v)
{
	iobus_write(&bed.m.pio, port, n, v);
}

static u64 bar_addr(unsigned int n)
{
	return cfg_r(1, PCI_BASE_ADDRESS_0 + 4 * n, 4) & ~0xfu;
}

/* ---- the two ways to configuration space ---- */

static void host_bridge_is_at_slot_0(void **state)
{
	assert_int_equal(cfg_r(0, PCI_CLASS_DEVICE, 2), 0x0600);
	assert_int_equal(cfg_r(0, PCI_HEADER_TYPE, 1), 0);
}

static void ports_and_ecam_show_the_same(void **state)
{
	unsigned int off;

	for (off = 0; off < 256; off += 4) {
		pio_w(0xcf8, 4, 0x80000000u | 1 << 11 | off);
		assert_int_equal(pio_r(0xcfc, 4), cfg_r(1, off, 4));
		assert_int_equal(pio_r(0xcfe, 2), cfg_r(1, off + 2, 2));
		assert_int_equal(pio_r(0xcfd, 1), cfg_r(1, off + 1, 1));
	}
}

static void absent_functions_read_all_ones(void **state)
{
	assert_int_equal(cfg_r(7, 0, 4), 0xffffffff);
	assert_int_equal(mmio_r(ecam(1, 0) + (1 << 12), 4), 0xffffffff);	/* function 1 */
	assert_int_equal(mmio_r(ecam(1, 0) + (1 << 20), 4), 0xffffffff);	/* bus 1 */
	pio_w(0xcf8, 4, 0x80010000u);
	assert_int_equal(pio_r(0xcfc, 4), 0xffffffff);
	pio_w(0xcf8, 4, 0x00000800u);		/* enable bit clear */
	assert_int_equal(pio_r(0xcfc, 4), 0xffffffff);
}

static void address_port_takes_dwords_only(void **state)
{
	pio_w(0xcf8, 4, 0x80000800u);
	pio_w(0xcfb, 1, 1);
	pio_w(0xcf8, 2, 0);
	assert_int_equal(pio_r(0xcf8, 4), 0x80000800u);
}

static void reset_port_stops_the_machine(void **state)
{
	pio_w(0xcf9, 1, 2);
	assert_int_equal(bed.m.end, END_NONE);
	pio_w(0xcf9, 1, 6);
	assert_int_equal(bed.m.end, END_RESET);
}

static void ids_cannot_be_written(void **state)
{
	cfg_w(1, 0, 4, 0xdeadbeef);
	assert_int_equal(cfg_r(1, PCI_VENDOR_ID, 2), VENDOR);
	assert_int_equal(cfg_r(1, PCI_DEVICE_ID, 2), DEVICE);
	cfg_w(1, PCI_STATUS, 2, 0xffff);
	assert_int_equal(cfg_r(1, PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
}

static void extended_space_is_empty(void **state)
{
	assert_int_equal(cfg_r(1, 0x100, 4), 0);
	assert_int_equal(cfg_r(1, 0xffc, 4), 0);
}

static unsigned int find_cap(unsigned int slot, u8 id)
{
	unsigned int at = cfg_r(slot, PCI_CAPABILITY_LIST, 1), n;

	for (n = 0; at && n < 48; n++, at = cfg_r(slot, at + 1, 1))
		if (cfg_r(slot, at, 1) == id)
			return at;
	return 0;
}

static void function_is_a_root_complex_endpoint(void **state)
{
	unsigned int c = find_cap(1, PCI_CAP_ID_EXP);

	assert_int_not_equal(c, 0);
	assert_int_equal(cfg_r(1, c + PCI_EXP_FLAGS, 2), PCI_EXP_TYPE_RC_END << 4 | 2);
}

/* ---- BARs ---- */

static void bars_have_addresses_from_the_start(void **state)
{
	assert_int_equal(cfg_r(1, PCI_COMMAND, 2) & 3, 3);
	assert_true(bar_addr(0) >= MACHINE_MMIO32_BASE && bar_addr(0) < MACHINE_MMIO32_END);
	assert_int_equal(mmio_r(bar_addr(0) + 4, 4), 0xa4);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_1, 4) & 3, 1);
	assert_int_equal(pio_r((u16)(cfg_r(1, PCI_BASE_ADDRESS_1, 4) & ~3u), 1), 0xa0);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_2, 4) & 15, 12);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_3, 4), MACHINE_MMIO64_BASE >> 32);
	assert_int_equal(mmio_r(MACHINE_MMIO64_BASE + 8, 1), 0xa8);
}

static void sizing_shows_the_size(void **state)
{
	cfg_w(1, PCI_COMMAND, 2, 0);
	cfg_w(1, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_0, 4), 0xfffff000);
	cfg_w(1, PCI_BASE_ADDRESS_1, 4, 0xffffffff);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_1, 4), 0xffffffe1);
	cfg_w(1, PCI_BASE_ADDRESS_2, 4, 0xffffffff);
	cfg_w(1, PCI_BASE_ADDRESS_3, 4, 0xffffffff);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_2, 4), 0xc);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_3, 4), 0xffffffff);
	cfg_w(1, PCI_BASE_ADDRESS_5, 4, 0xffffffff);
	assert_int_equal(cfg_r(1, PCI_BASE_ADDRESS_5, 4), 0);
}

static void command_bits_take_bars_off_and_on(void **state)
{
	u64 addr = bar_addr(0);

	cfg_w(1, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(mmio_r(addr, 4), 0xffffffff);
	assert_int_equal(toy->unmaps[0], 1);
	cfg_w(1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(mmio_r(addr, 4), 0xa0);
	assert_int_equal(toy->maps[0], 2);
	assert_int_equal(pio_r(MACHINE_PCI_IO_BASE, 1), 0xff);
}

static void moved_bar_answers_at_its_new_place(void **state)
{
	u64 old = bar_addr(0);

	cfg_w(1, PCI_BASE_ADDRESS_0, 4, 0xd8000000);
	assert_int_equal(mmio_r(old, 4), 0xffffffff);
	mmio_w(0xd8000000, 4, 77);
	assert_int_equal(toy->reg[0], 77);
	assert_int_equal(toy->pci.bar[0].range.base, 0xd8000000);
}

static void bars_can_swap_places(void **state)
{
	u64 a, b;

	toy_new();
	a = bar_addr(0);
	b = cfg_r(2, PCI_BASE_ADDRESS_0, 4);
	cfg_w(1, PCI_BASE_ADDRESS_0, 4, (u32)b);	/* taken: off the bus for now */
	assert_false(toy->pci.bar[0].mapped);
	cfg_w(2, PCI_BASE_ADDRESS_0, 4, (u32)a);
	assert_true(toy->pci.bar[0].mapped);
	mmio_w(b, 4, 5);
	assert_int_equal(toy->reg[0], 5);
}

static void bars_at_silly_addresses_vanish(void **state)
{
	cfg_w(1, PCI_BASE_ADDRESS_0, 4, 0);
	assert_false(toy->pci.bar[0].mapped);
	cfg_w(1, PCI_BASE_ADDRESS_0, 4, (u32)MACHINE_ECAM_BASE);
	assert_false(toy->pci.bar[0].mapped);
	assert_int_equal(cfg_r(1, PCI_VENDOR_ID, 2), VENDOR);
	cfg_w(1, PCI_BASE_ADDRESS_3, 4, 0xfffffffe);
	assert_false(toy->pci.bar[2].mapped);
	cfg_w(1, PCI_BASE_ADDRESS_1, 4, 0x12340000);
	assert_false(toy->pci.bar[1].mapped);
}

static void reset_brings_the_first_addresses_back(void **state)
{
	u64 addr = bar_addr(0);

	cfg_w(1, PCI_BASE_ADDRESS_0, 4, 0xd8000000);
	cfg_w(1, PCI_COMMAND, 2, 0);
	cfg_w(1, PCI_INTERRUPT_LINE, 1, 99);
	pci_bus_reset(bed.m.pci);
	assert_int_equal(bar_addr(0), addr);
	assert_int_equal(mmio_r(addr, 4), 0xa0);
	assert_int_not_equal(cfg_r(1, PCI_INTERRUPT_LINE, 1), 99);
}

static void impossible_bars_are_refused(void **state)
{
	struct pci_bar bar = { .size = 3000 };
	struct pci_dev d;

	memset(&d, 0, sizeof(d));
	pci_dev_init(&d, &bed.m, "bad", 1, 1, 0);
	assert_int_equal(pci_dev_bar(&d, 0, &bar), -EINVAL);
	bar.size = 4096;
	bar.is64 = true;
	assert_int_equal(pci_dev_bar(&d, 5, &bar), -EINVAL);
	assert_int_equal(pci_dev_msix(&d, 0, 4, 1), -EINVAL);
	assert_int_equal(pci_dev_msix(&d, 0, 0, 2049), -EINVAL);
}

static void a_full_bus_refuses_more(void **state)
{
	struct pci_dev d;
	unsigned int i;

	for (i = 2; i < 32; i++) {
		struct pci_dev *t = calloc(1, sizeof(*t));

		pci_dev_init(t, &bed.m, "filler", VENDOR, DEVICE, 0x00ff0000);
		t->free = toy_free;
		BUILD_BUG_ON(offsetof(struct toy, pci) != 0);
		assert_int_equal(pci_dev_add(bed.m.pci, t), 0);
	}
	memset(&d, 0, sizeof(d));
	pci_dev_init(&d, &bed.m, "one too many", VENDOR, DEVICE, 0x00ff0000);
	assert_int_equal(pci_dev_add(bed.m.pci, &d), -EINVAL);
}

/* ---- MSI-X ---- */

static unsigned int msix_cap(void)
{
	return find_cap(1, PCI_CAP_ID_MSIX);
}

static void msix_control(u16 flags)
{
	cfg_w(1, msix_cap() + PCI_MSIX_FLAGS, 2, flags);
}

static void vector_set(unsigned int n, u64 addr, u32 data, u32 ctrl)
{
	u64 e = bar_addr(4) + 16 * n;

	mmio_w(e, 4, (u32)addr);
	mmio_w(e + 4, 4, addr >> 32);
	mmio_w(e + 8, 4, data);
	mmio_w(e + 12, 4, ctrl);
}

/* How often vector n was sent since last asked. */
static u64 sent(unsigned int n)
{
	int fd = toy->pci.msix.entry[n].eventfd;
	u64 count;

	return fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static u32 pba(void)
{
	return (u32)mmio_r(bar_addr(4) + (cfg_r(1, msix_cap() + PCI_MSIX_PBA, 4) & ~7u), 4);
}

static void table_size_and_place_are_shown(void **state)
{
	assert_int_equal(cfg_r(1, msix_cap() + PCI_MSIX_FLAGS, 2), 2);
	assert_int_equal(cfg_r(1, msix_cap() + PCI_MSIX_TABLE, 4), 4);
	assert_int_equal(cfg_r(1, msix_cap() + PCI_MSIX_PBA, 4) & 7, 4);
	assert_int_equal(mmio_r(bar_addr(4) + 12, 4), 1);	/* masked */
}

static void table_reads_back_in_any_size(void **state)
{
	vector_set(1, 0xfee01004, 0x4142, 0);
	assert_int_equal(mmio_r(bar_addr(4) + 16, 8), 0xfee01004);
	assert_int_equal(mmio_r(bar_addr(4) + 24, 8), 0x4142);
	assert_int_equal(mmio_r(bar_addr(4) + 25, 1), 0x41);
	mmio_w(bar_addr(4) + 16, 8, 0x1fee02008ull);
	assert_int_equal(mmio_r(bar_addr(4) + 20, 4), 1);
	mmio_w(bar_addr(4) + 48, 4, 1);		/* past the table */
	assert_int_equal(mmio_r(bar_addr(4) + 48, 4), 0);
}

static void enabled_vector_is_sent(void **state)
{
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	vector_set(0, 0xfee00000, 0x41, 0);
	pci_msix_notify(&toy->pci, 0);
	assert_int_equal(sent(0), 1);
	assert_int_equal(bed.routings, 1);
}

static void masked_vector_pends_until_unmasked(void **state)
{
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	vector_set(1, 0xfee00000, 0x42, 1);
	pci_msix_notify(&toy->pci, 1);
	assert_int_equal(sent(1), 0);
	assert_int_equal(pba(), 2);
	mmio_w(bar_addr(4) + 16 + 12, 4, 0);
	assert_int_equal(sent(1), 1);
	assert_int_equal(pba(), 0);
}

static void function_mask_holds_all_vectors(void **state)
{
	vector_set(0, 0xfee00000, 0x41, 0);
	vector_set(2, 0xfee00000, 0x43, 0);
	msix_control(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_msix_notify(&toy->pci, 0);
	pci_msix_notify(&toy->pci, 2);
	assert_int_equal(pba(), 5);
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(sent(0), 1);
	assert_int_equal(sent(2), 1);
}

static void rewritten_vector_updates_its_route(void **state)
{
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	vector_set(0, 0xfee00000, 0x41, 0);
	vector_set(0, 0xfee01000, 0x55, 1);
	mmio_w(bar_addr(4) + 12, 4, 0);
	assert_int_equal(bed.m.routes->entries[0].u.msi.data, 0x55);
	assert_int_equal(bed.m.routes->entries[0].u.msi.address_lo, 0xfee01000);
}

static void disabled_or_absent_vectors_send_nothing(void **state)
{
	vector_set(0, 0xfee00000, 0x41, 0);
	pci_msix_notify(&toy->pci, 0);
	pci_msix_notify(&toy->pci, 3);
	pci_msix_notify(&toy->pci, ~0u);
	assert_int_equal(sent(0), 0);
	assert_int_equal(pba(), 0);
}

static void reset_frees_the_routes(void **state)
{
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	vector_set(0, 0xfee00000, 0x41, 0);
	assert_int_equal(bed.m.routes->nr, 1);
	pci_bus_reset(bed.m.pci);
	assert_int_equal(bed.m.routes->nr, 0);
	assert_int_equal(cfg_r(1, msix_cap() + PCI_MSIX_FLAGS, 2), 2);
	assert_int_equal(mmio_r(bar_addr(4) + 12, 4), 1);
}

/* ---- INTx ---- */

static void intx_follows_the_device(void **state)
{
	unsigned int gsi = machine_intx_gsi(1, 0);

	pci_intx(&toy->pci, true);
	assert_true(bed.irq[gsi]);
	assert_int_equal(cfg_r(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	pci_intx(&toy->pci, false);
	assert_false(bed.irq[gsi]);
	assert_int_equal(cfg_r(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
}

static void intx_disable_hides_the_line_not_the_status(void **state)
{
	unsigned int gsi = machine_intx_gsi(1, 0);

	pci_intx(&toy->pci, true);
	cfg_w(1, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	assert_false(bed.irq[gsi]);
	assert_int_equal(cfg_r(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	cfg_w(1, PCI_COMMAND, 2, 0);
	assert_true(bed.irq[gsi]);
}

static void msix_turns_intx_off(void **state)
{
	pci_intx(&toy->pci, true);
	msix_control(PCI_MSIX_FLAGS_ENABLE);
	assert_false(bed.irq[machine_intx_gsi(1, 0)]);
	msix_control(0);
	assert_true(bed.irq[machine_intx_gsi(1, 0)]);
}

static void shared_line_stays_up_for_the_last_device(void **state)
{
	struct toy *t[8];
	unsigned int i, gsi = machine_intx_gsi(1, 0);

	for (i = 0; i < 8; i++)
		t[i] = toy_new();
	assert_int_equal(machine_intx_gsi(t[7]->pci.slot, 0), gsi);
	pci_intx(&toy->pci, true);
	pci_intx(&t[7]->pci, true);
	pci_intx(&toy->pci, false);
	assert_true(bed.irq[gsi]);
	pci_intx(&t[7]->pci, false);
	assert_false(bed.irq[gsi]);
}

/* ---- the rest ---- */

static void state_table_covers_the_struct(void **state)
{
	assert_int_equal(field_table_gap(pci_dev_fields, sizeof(struct pci_dev)), -1);
}

static void testdev_counts_writes(void **state)
{
	u64 mem;

	assert_int_equal(pci_testdev_new(&bed.m), 0);
	assert_int_equal(cfg_r(2, 0, 4), 0x00051b36);
	mem = cfg_r(2, PCI_BASE_ADDRESS_0, 4);
	mmio_w(mem, 1, 0);
	assert_int_equal(mmio_r(mem + 12, 4), 0);
	assert_int_equal(mmio_r(mem + 1, 1), 1);
	mmio_w(mem + mmio_r(mem + 4, 4), 1, mmio_r(mem + 8, 4));
	mmio_w(mem + mmio_r(mem + 4, 4), 1, 1);		/* not the data asked for */
	assert_int_equal(mmio_r(mem + 12, 4), 1);
	mmio_w(mem, 1, 1);
	assert_int_equal(bed.ioeventfds, 1);
	cfg_w(2, PCI_COMMAND, 2, 0);
	assert_int_equal(bed.ioeventfds, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(host_bridge_is_at_slot_0),
		T(ports_and_ecam_show_the_same),
		T(absent_functions_read_all_ones),
		T(address_port_takes_dwords_only),
		T(reset_port_stops_the_machine),
		T(ids_cannot_be_written),
		T(extended_space_is_empty),
		T(function_is_a_root_complex_endpoint),
		T(bars_have_addresses_from_the_start),
		T(sizing_shows_the_size),
		T(command_bits_take_bars_off_and_on),
		T(moved_bar_answers_at_its_new_place),
		T(bars_can_swap_places),
		T(bars_at_silly_addresses_vanish),
		T(reset_brings_the_first_addresses_back),
		T(impossible_bars_are_refused),
		T(a_full_bus_refuses_more),
		T(table_size_and_place_are_shown),
		T(table_reads_back_in_any_size),
		T(enabled_vector_is_sent),
		T(masked_vector_pends_until_unmasked),
		T(function_mask_holds_all_vectors),
		T(rewritten_vector_updates_its_route),
		T(disabled_or_absent_vectors_send_nothing),
		T(reset_frees_the_routes),
		T(intx_follows_the_device),
		T(intx_disable_hides_the_line_not_the_status),
		T(msix_turns_intx_off),
		T(shared_line_stays_up_for_the_last_device),
		T(state_table_covers_the_struct),
		T(testdev_counts_writes),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
