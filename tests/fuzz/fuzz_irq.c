/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_irq.c - PIC, IOAPIC, local APICs and PIT as guests and users reach them:
 * every register, lines, messages, routes, irqfds' resampling, saved states that
 * are random, interrupts taken and ended, and time that passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <cmocka.h>
#include <unistd.h>
#include "core/api/call.h"
#include "core/irq/ioapic.h"
#include "core/irq/pic.h"
#include "core/irq/pit.h"
#include "tests/fuzz/fuzz.h"
#define take take_interrupt	/* there it is another thing */
/* The unit tests' assertions, without cmocka. */
#undef assert_int_equal
#define assert_int_equal(a, b) require((a) == (b))
#include "tests/unit/irq_vm.h"
#undef take

#define CPUS	3
#define ROUTES	8
#define STEPS	400

static int event_fd[2];

static struct vcpu *some_cpu(struct input *in)
{
	return cpu[take(in, 1) % CPUS];
}

static void setup(u8 how)
{
	struct kvm_pit_config pit = { 0 };

	require(!vm_new(&no_engine, &vm));
	test_now_ns = test_tsc = 1000000000;
	n_cpus = 0;
	if (how & 1)
		require(!irqs_create_split(vm, 24));
	else
		require(!irqs_create(vm));
	if (!(how & 1) && how & 2)
		require(!pit_create(vm, &pit));
	while (n_cpus < CPUS)
		vm_add_cpu(n_cpus == 2 && how & 4 ? 300 : n_cpus);
	for (unsigned int i = 0; i < CPUS && how & 8; i++)
		require(!lapic_msr_write(cpu[i], 0x80f, 0x1ff) || lapic_set_base(cpu[i], BASE_ENABLED, true) <= 0);
}

/* ---- registers ---- */

static void ports(struct input *in, u8 op)
{
	static const u16 port[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61 };
	u16 at = port[take(in, 1) % ARRAY_SIZE(port)];
	u32 val = take(in, 1);
	unsigned int n = op & 64 ? 2 : 1;

	if (op & 128)
		bus_read(&vm->pio, cpu[0], at, &val, n);
	else
		bus_write(&vm->pio, cpu[0], at, &val, n);
}

static void ioapic(struct input *in, u8 op)
{
	u32 sel = take(in, 1) % 0x42, val;

	bus_write(&vm->mmio, cpu[0], IOAPIC_PAGE, &sel, 4);
	if (op & 128) {
		bus_read(&vm->mmio, cpu[0], IOAPIC_PAGE + 0x10, &val, 4);
	} else {
		val = take(in, op & 64 ? 4 : 2);
		bus_write(&vm->mmio, cpu[0], IOAPIC_PAGE + (op & 32 ? take(in, 1) : 0x10), &val, 4);
	}
}

static void lapic_page(struct input *in, u8 op)
{
	struct vcpu *v = some_cpu(in);
	u64 gpa = XAPIC_PAGE + (op & 32 ? take(in, 2) & 0xfff : (take(in, 1) & 0x3f) << 4), val = 0;
	unsigned int n = op & 32 ? 1 << (op >> 6) : 4;

	if (!lapic_in_range(v, gpa))
		return;
	if (op & 128 && !(op & 32)) {
		lapic_mmio_read(v, gpa, &val, n);
	} else {
		val = take(in, 4);
		lapic_mmio_write(v, gpa, &val, n);
	}
}

static void lapic_msr(struct input *in, u8 op)
{
	struct vcpu *v = some_cpu(in);
	u32 index = 0x800 + (take(in, 1) & 0x3f);
	u64 val;

	if (op & 128)
		lapic_msr_read(v, index, &val);
	else
		lapic_msr_write(v, index, take(in, op & 64 ? 8 : 4));
}

static void lapic_other(struct input *in, u8 op)
{
	struct vcpu *v = some_cpu(in);

	switch (op >> 5) {
	case 0: lapic_set_base(v, LAPIC_BASE_DEFAULT | take(in, 2), false); break;
	case 1: lapic_set_base(v, take_value(in), take(in, 1) & 1); break;
	case 2: lapic_set_cr8(v, take(in, 1)); lapic_get_cr8(v); break;
	case 3: lapic_set_tsc_deadline(v, test_tsc + take(in, 3)); lapic_get_tsc_deadline(v); break;
	case 4: lapic_reset(v, take(in, 1) & 1); break;
	case 5:
		v->tsc_offset = take_value(in);
		lapic_tsc_changed(v);
		break;
	case 6: lapic_take_init_sipi(v); break;
	case 7: {
		u64 map[2] = { take(in, 2), take(in, 1) };

		lapic_send_map(v, map, take(in, 2), take(in, 2) & ~LAPIC_ICR_DESTS);
		break;
	}
	}
}

/* ---- sources ---- */

static void message(struct input *in, u8 op)
{
	if (op & 128)
		irq_msi(vm, take_value(in), take(in, 4));
	else
		irq_msi(vm, XAPIC_PAGE | take(in, 1) << 12 | (op >> 5 & 3) << 2, take(in, 2));
}

static void routes(struct input *in)
{
	struct kvm_irq_routing_entry e[ROUTES];
	u32 n = take(in, 1) % (ROUTES + 1);

	for (u32 i = 0; i < n; i++) {
		u8 how = take(in, 1);

		memset(&e[i], 0, sizeof(e[i]));
		e[i].gsi = take(in, 1);
		e[i].type = how & 1 ? KVM_IRQ_ROUTING_MSI : KVM_IRQ_ROUTING_IRQCHIP;
		if (how & 1) {
			e[i].u.msi.address_lo = XAPIC_PAGE | take(in, 2) << 2;
			e[i].u.msi.data = take(in, 2);
		} else {
			e[i].u.irqchip.irqchip = how >> 1 & 3;
			e[i].u.irqchip.pin = take(in, 1);
		}
		if (how & 64)
			take_buf(in, &e[i], sizeof(e[i]));
	}
	irq_set_routes(vm, e, n);
}

static void irqfd(struct input *in)
{
	u8 how = take(in, 1);
	struct kvm_irqfd f = { .fd = event_fd[how & 1], .gsi = take(in, 1), .resamplefd = event_fd[1],
			       .flags = how >> 1 & 3 };
	u64 one = 1;

	irqfd_ioctl(vm, &f);
	if (how & 8 && write(f.fd, &one, 8) == 8)
		test_poll_events();
}

/* ---- saved states ---- */

static void scribble(struct input *in, void *state, size_t size)
{
	for (unsigned int i = take(in, 1) & 7; i; i--)
		((u8 *)state)[take(in, 2) % size] = take(in, 1);
}

static void state(struct input *in, u8 op)
{
	struct kvm_irqchip chip = { .chip_id = op >> 5 & 3 };
	struct kvm_pit_state2 pit;
	struct kvm_lapic_state apic;
	struct vcpu *v = some_cpu(in);

	if (op & 128) {
		require(!api_dispatch(&vcpu_calls, v, KVM_GET_LAPIC, &apic));
		scribble(in, &apic, sizeof(apic));
		api_dispatch(&vcpu_calls, v, KVM_SET_LAPIC, &apic);
	} else if (op & 16) {
		if (pit_get(vm, &pit))
			return;
		scribble(in, &pit, sizeof(pit));
		pit_set(vm, &pit);
	} else {
		if (irqs_get_chip(vm, &chip))
			return;
		scribble(in, &chip.chip, sizeof(chip.chip));
		irqs_set_chip(vm, &chip);
	}
}

/* ---- what the vCPU does ---- */

static void serve(struct input *in, u8 op)
{
	struct vcpu *v = some_cpu(in);
	bool pending = vcpu_intr_pending(v);
	int vector = op & 32 ? -1 : vcpu_intr_ack(v);
	u32 zero = 0;

	require(vector >= -1 && vector <= 255, "%d", vector);
	require(vector < 0 || pending, "vector %d from nowhere", vector);
	if (op & 64 && lapic_in_range(v, XAPIC_PAGE))
		lapic_mmio_write(v, XAPIC_PAGE + LAPIC_EOI * 16, &zero, 4);
	for (unsigned int i = 0; lapic_take_eoi_exit(v) >= 0; i++)
		require(i < 256);
	vcpu_accepts_extint(v);
	require(!(lapic_take_init_sipi(v) & ~(unsigned)(LAPIC_INIT | LAPIC_SIPI)));
	require(v->nmi_pending <= 2);
}

static void step(struct input *in)
{
	u8 op = take(in, 1);

	switch (op & 15) {
	case 0: case 1: ports(in, op); break;
	case 2: case 3: ioapic(in, op); break;
	case 4: case 5: lapic_page(in, op); break;
	case 6: lapic_msr(in, op); break;
	case 7: lapic_other(in, op); break;
	case 8: irq_set_level(vm, op >> 6, take(in, 1), op & 16); break;
	case 9: message(in, op); break;
	case 10: routes(in); break;
	case 11: irqfd(in); break;
	case 12: state(in, op); break;
	case 13: test_advance(take(in, op & 16 ? 3 : 2)); break;
	default: serve(in, op); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct input in = { data, n };

	if (n > 2048)
		return -1;
	event_fd[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	event_fd[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	require(event_fd[0] >= 0 && event_fd[1] >= 0);
	setup(take(&in, 1));
	for (unsigned int i = 0; in.n && i < STEPS; i++)
		step(&in);
	vm_done(NULL);
	close(event_fd[0]);
	close(event_fd[1]);
	return 0;
}
