/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parts.h - what the files of vmm/machine share with one another only. */
#ifndef VMM_MACHINE_PARTS_H
#define VMM_MACHINE_PARTS_H

#include <stdio.h>
#include "vmm/machine/machine.h"

/* --- provider.c: which KVM API runs the guest --- */

struct engine_choice {
	const struct kvm_provider *kvm;
	int fd;			/* the system descriptor; the caller closes it */
	char why[160];		/* for people: "software engine: ..." */
};

/* name: auto, kvm or soft. Prints the reason of a failure. */
int engine_choose(const char *name, struct engine_choice *out);
/* `kvist info`: what this host offers. */
void engine_info(FILE *out);

/* --- cpuid.c --- */

struct kvm_cpuid2;

/* What the engine supports; the caller frees *out. */
int cpuid_new(struct machine *m, struct kvm_cpuid2 **out);
/* Makes it the CPUID of the vCPU with this APIC id. */
void cpuid_for_vcpu(struct machine *m, struct kvm_cpuid2 *c, u32 id);
unsigned int cpuid_phys_bits(struct machine *m);

/* --- vcpu.c --- */

struct boot_state;

int vcpu_create(struct machine *m, unsigned int index);
void vcpu_destroy(struct machine_vcpu *v);
/* Registers of the boot processor as the image's boot protocol wants them. */
int vcpu_boot(struct machine_vcpu *v, const struct boot_state *b);
int vcpus_start(struct machine *m);
void vcpus_stop(struct machine *m);	/* kicks and joins all that run */
/* Signal dispositions vcpus_stop() needs; once, before the first thread. */
int vcpus_signals(void);

/* --- route.c --- */

int routes_new(struct machine *m);
void routes_free(struct machine *m);

/* --- acpi.c --- */

struct acpi_image {
	u8 *buf;		/* what goes to ACPI_BASE; the caller frees it */
	size_t len;
	u64 rsdp;		/* guest address of the RSDP */
};

#define ACPI_BASE	0xe0000u
#define ACPI_END	0x100000u

/* All tables for n_cpus processors; phys_bits says whether the 64-bit PCI
 * window can be reached. -ENOMEM, -ENOSPC. */
int acpi_build(unsigned int n_cpus, unsigned int phys_bits, struct acpi_image *out);

#endif
