/* SPDX-License-Identifier: GPL-2.0-or-later */
/* irq_vm.h - a VM with interrupt controllers and vCPUs that run nothing. */
#ifndef TESTS_UNIT_IRQ_VM_H
#define TESTS_UNIT_IRQ_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include "core/irq/lapic.h"
#include "core/x86/cpuid.h"

#define XAPIC_PAGE	0xfee00000ull
#define IOAPIC_PAGE	0xfec00000ull
#define BASE_ENABLED	(LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE)

static struct vm *vm;
static struct vcpu *cpu[8];
static unsigned int n_cpus;

static int no_vcpu_init(struct vcpu *v)
{
	return 0;
}

static void no_vcpu(struct vcpu *v)
{
}

static const struct engine no_engine = {
	.name = "none", .vcpu_init = no_vcpu_init, .vcpu_fini = no_vcpu, .kick = no_vcpu,
};

static inline void vm_bare(void)
{
	test_now_ns = test_tsc = 1000000000;
	test_alloc_budget = -1;
	n_cpus = 0;
	assert_int_equal(vm_new(&no_engine, &vm), 0);
}

static inline void vm_add_cpu(u32 id)
{
	struct vcpu *v;

	assert_int_equal(vcpu_new(vm, id, &v), 0);
	v->run = calloc(1, 4096);
	v->cpu.features[XFW_1_ECX] |= 1u << 21 | 1u << 24;	/* x2APIC, TSC deadline */
	v->cpu.maxphyaddr = 40;
	cpu[n_cpus] = vm->vcpu[n_cpus] = v;
	vm->n_vcpus = ++n_cpus;
}

static inline void vm_with(unsigned int cpus)
{
	vm_bare();
	assert_int_equal(irqs_create(vm), 0);
	while (n_cpus < cpus)
		vm_add_cpu(n_cpus);
}

static inline int vm_done(void **state)
{
	test_alloc_budget = -1;
	vm->n_vcpus = 0;
	while (n_cpus) {
		vm->vcpu[--n_cpus] = NULL;
		free(cpu[n_cpus]->run);
		vcpu_free(cpu[n_cpus]);
	}
	vm_free(vm);
	vm = NULL;
	return 0;
}

static inline void outb(u16 port, u8 val)
{
	assert_int_equal(bus_write(&vm->pio, cpu[0], port, &val, 1), 0);
}

static inline u8 inb(u16 port)
{
	u8 val;

	assert_int_equal(bus_read(&vm->pio, cpu[0], port, &val, 1), 0);
	return val;
}

/* --- local APIC --- */

static inline u32 apic_rd(struct vcpu *v, unsigned int reg)
{
	u32 val;

	assert_int_equal(lapic_mmio_read(v, XAPIC_PAGE + reg * 16, &val, 4), 0);
	return val;
}

static inline void apic_wr(struct vcpu *v, unsigned int reg, u32 val)
{
	assert_int_equal(lapic_mmio_write(v, XAPIC_PAGE + reg * 16, &val, 4), 0);
}

static inline void apic_on(struct vcpu *v)
{
	apic_wr(v, LAPIC_SVR, 0x1ff);
}

static inline void x2apic_on(struct vcpu *v)
{
	assert_int_equal(lapic_set_base(v, lapic_get_base(v) | LAPIC_BASE_X2APIC, false), 0);
	assert_int_equal(lapic_msr_write(v, 0x80f, 0x1ff), 0);
}

static inline u64 x2_rd(struct vcpu *v, unsigned int reg)
{
	u64 val = ~0ull;

	assert_int_equal(lapic_msr_read(v, 0x800 + reg, &val), 0);
	return val;
}

/* Take one interrupt and end it. */
static inline int take(struct vcpu *v)
{
	int vector = vcpu_intr_ack(v);

	if (vector >= 0)
		apic_wr(v, LAPIC_EOI, 0);
	return vector;
}

/* --- IOAPIC --- */

static inline u32 ioapic_rd(u8 reg)
{
	u32 sel = reg, val;

	assert_int_equal(bus_write(&vm->mmio, cpu[0], IOAPIC_PAGE, &sel, 4), 0);
	assert_int_equal(bus_read(&vm->mmio, cpu[0], IOAPIC_PAGE + 0x10, &val, 4), 0);
	return val;
}

static inline void ioapic_wr(u8 reg, u32 val)
{
	u32 sel = reg;

	assert_int_equal(bus_write(&vm->mmio, cpu[0], IOAPIC_PAGE, &sel, 4), 0);
	assert_int_equal(bus_write(&vm->mmio, cpu[0], IOAPIC_PAGE + 0x10, &val, 4), 0);
}

static inline void rte(unsigned int pin, u32 low, u8 dest)
{
	ioapic_wr(0x11 + pin * 2, (u32)dest << 24);
	ioapic_wr(0x10 + pin * 2, low);
}

#define RTE_LOW_LEVEL	0x8000u
#define RTE_LOW_MASKED	0x10000u
#define RTE_LOW_REMOTE	0x4000u
#define RTE_LOW_LOGICAL	0x800u

#define T(fn)	cmocka_unit_test_teardown(fn, vm_done)

#endif
