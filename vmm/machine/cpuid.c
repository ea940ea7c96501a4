// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cpuid.c - what a vCPU's CPUID says: what KVM supports, plus where this vCPU
 * sits: one package, one thread a core. Sources: Intel SDM vol. 2 "CPUID",
 * AMD APM vol. 3 appendix "Obtaining Processor Information".
 */
#include <errno.h>
#include "vmm/machine/parts.h"

#define CPUID_MAX	256

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *c, u32 function, u32 index)
{
	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function == function && c->entries[i].index == index)
			return &c->entries[i];
	return NULL;
}

static void drop(struct kvm_cpuid2 *c, u32 function)
{
	u32 n = 0;

	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function != function)
			c->entries[n++] = c->entries[i];
	c->nent = n;
}

static void add(struct kvm_cpuid2 *c, const struct kvm_cpuid_entry2 *e)
{
	if (c->nent < CPUID_MAX)
		c->entries[c->nent++] = *e;
}

/* Bits of an APIC id that number the cores. */
static u32 core_bits(u32 n)
{
	u32 bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

static void set_bits(u32 *reg, unsigned int lo, unsigned int n, u32 val)
{
	u32 mask = ((1u << n) - 1) << lo;

	*reg = (*reg & ~mask) | (val << lo & mask);
}

/* Leaves 4 and 8000001dh: the last level cache is shared, others are not. */
static void fix_caches(struct kvm_cpuid2 *c, u32 function, u32 n, bool intel)
{
	for (u32 i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];
		u32 level = e->eax >> 5 & 7;

		if (e->function != function || !(e->eax & 0x1f))
			continue;
		set_bits(&e->eax, 14, 12, level >= 3 ? (1u << core_bits(n)) - 1 : 0);
		if (intel)
			set_bits(&e->eax, 26, 6, (1u << core_bits(n)) - 1);
	}
}

/* Leaf 0bh: a level for threads, one for cores, and the end. */
static void add_topology(struct kvm_cpuid2 *c, u32 id, u32 n)
{
	struct kvm_cpuid_entry2 e = { .function = 0xb, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
				      .edx = id };

	drop(c, 0xb);
	drop(c, 0x1f);
	e.ebx = 1;
	e.ecx = 1 << 8;
	add(c, &e);
	e.index = 1;
	e.eax = core_bits(n);
	e.ebx = n;
	e.ecx = 2 << 8 | 1;
	add(c, &e);
	e.index = 2;
	e.eax = e.ebx = 0;
	e.ecx = 2;
	add(c, &e);
}

static void fix_leaf1(struct machine *m, struct kvm_cpuid2 *c, u32 id)
{
	struct kvm_cpuid_entry2 *e = find(c, 1, 0);

	if (!e)
		return;
	set_bits(&e->ebx, 24, 8, id);
	set_bits(&e->ebx, 16, 8, 1u << core_bits(m->n_vcpus));
	set_bits(&e->edx, 28, 1, m->n_vcpus > 1);		/* HTT */
	set_bits(&e->ecx, 31, 1, 1);				/* hypervisor */
	if (m->kvm->ioctl(m->sys_fd, KVM_CHECK_EXTENSION,
			  (void *)(unsigned long)KVM_CAP_TSC_DEADLINE_TIMER) > 0)
		set_bits(&e->ecx, 24, 1, 1);
}

static void fix_amd(struct kvm_cpuid2 *c, u32 id, u32 n)
{
	struct kvm_cpuid_entry2 *e = find(c, 0x80000008, 0);

	if (e)
		e->ecx = n > 1 ? core_bits(n) << 12 | (n - 1) : 0;
	e = find(c, 0x8000001e, 0);
	if (e) {
		e->eax = id;
		e->ebx = id & 0xff;
		e->ecx = 0;
	}
	e = find(c, 0x80000001, 0);
	if (e)
		set_bits(&e->ecx, 1, 1, n > 1);			/* CmpLegacy */
}

static bool is_amd(struct kvm_cpuid2 *c)
{
	const struct kvm_cpuid_entry2 *e = find(c, 0, 0);

	return e && (e->ebx == 0x68747541 || e->ebx == 0x6f677948);
}

int cpuid_new(struct machine *m, struct kvm_cpuid2 **out)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_MAX * sizeof(c->entries[0]));
	int err;

	if (!c)
		return -ENOMEM;
	c->nent = CPUID_MAX;
	err = m->kvm->ioctl(m->sys_fd, KVM_GET_SUPPORTED_CPUID, c);
	if (err) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void cpuid_for_vcpu(struct machine *m, struct kvm_cpuid2 *c, u32 id)
{
	fix_leaf1(m, c, id);
	fix_caches(c, 4, m->n_vcpus, true);
	add_topology(c, id, m->n_vcpus);
	if (is_amd(c)) {
		fix_caches(c, 0x8000001d, m->n_vcpus, false);
		fix_amd(c, id, m->n_vcpus);
	}
}

unsigned int cpuid_phys_bits(struct machine *m)
{
	const struct kvm_cpuid_entry2 *e;
	unsigned int bits = 36;
	struct kvm_cpuid2 *c;

	if (cpuid_new(m, &c))
		return bits;
	e = find(c, 0x80000008, 0);
	if (e)
		bits = e->eax & 0xff;
	free(c);
	return bits;
}
