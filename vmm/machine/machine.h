/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.h - one machine: KVM descriptors, memory, buses, devices. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <linux/kvm.h>
#include <pthread.h>
#include "core/api/provider.h"
#include "vmm/fail.h"
#include "vmm/iobus.h"
#include "vmm/loop.h"
#include "vmm/ram.h"

#define MACHINE_VCPUS_MAX 16
#define MACHINE_GSIS_MAX 1024	/* IOAPIC pins and MSI routes */

/* What the command line asked for. Strings belong to argv. */
struct disk_config {
	const char *path, *serial;
	bool readonly;
};

struct net_config {
	enum { NET_USER, NET_TAP } kind;
	const char *tap;
	const char *hostfwd[16];	/* "tcp:IP:PORT-:PORT" as given */
	unsigned int n_hostfwd;
};

enum console_kind { CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_SOCKET, CONSOLE_FILE };

struct machine_config {
	const char *engine;		/* auto, kvm, soft */
	const char *kernel, *initrd, *append;
	struct disk_config disk[16];
	unsigned int n_disks;
	struct net_config net[8];
	unsigned int n_nets;
	unsigned int cpus;		/* 1 to 16 */
	u64 memory;			/* bytes */
	enum console_kind console;
	const char *console_path;
	bool debug_exit, testdev;
	bool reboot;			/* a reset starts a new machine like this one */
	bool restarted;			/* which it is */
};

/* How a run ended; the CLI turns it into the exit status. */
enum machine_end {
	END_NONE, END_POWEROFF, END_RESET, END_DEBUG_EXIT, END_GUEST_CRASH,
	END_QUIT /* Ctrl-a x or a signal */, END_ERROR
};

struct pci_bus;
struct chardev;

struct machine_vcpu {
	struct machine *m;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
};

struct machine {
	const struct machine_config *cfg;
	const struct kvm_provider *kvm;
	int sys_fd, vm_fd;
	size_t run_size;
	struct loop *loop;
	struct ram ram;
	struct iobus pio, mmio;
	struct pci_bus *pci;
	struct chardev *console;	/* what 16550 and virtio-console share */
	struct machine_vcpu vcpu[MACHINE_VCPUS_MAX];
	unsigned int n_vcpus;
	struct kvm_irq_routing *routes;
	u64 gsi_used[MACHINE_GSIS_MAX / 64];	/* MSI routes taken */
	struct board *board;		/* the devices that are always there */
	bool stopping;			/* vCPU threads leave; atomic */
	enum machine_end end;
	int end_code;			/* debug exit: the guest's value */
};

/* Builds the machine top to bottom; on failure everything is undone. */
int machine_new(struct machine **out, const struct machine_config *cfg);
void machine_free(struct machine *m);
/* Runs until the guest ends or machine_stop(). Returns 0 or -errno; m->end says how. */
int machine_run(struct machine *m);
/* Any thread: end the run. The first reason wins. */
void machine_stop(struct machine *m, enum machine_end end, int code);

/* Interrupts. GSIs 0-23 are IOAPIC pins; MSI routes get numbers above. */
void machine_irq(struct machine *m, unsigned int gsi, bool level);
/* MSI: an irqfd-backed route each; update when the driver rewrites the vector. */
int machine_msi_new(struct machine *m, int *out_eventfd, unsigned int *out_gsi);
int machine_msi_update(struct machine *m, unsigned int gsi, u64 addr, u32 data, bool masked);
void machine_msi_free(struct machine *m, unsigned int gsi, int eventfd);
/* ioeventfd for a write of len bytes (0: any) at addr. */
int machine_ioeventfd(struct machine *m, u64 addr, unsigned int len, bool pio,
		      int eventfd, bool add);

/* Guest physical layout (doc/design.md has the map). */
#define MACHINE_LOW_RAM_END	0xc0000000ull	/* RAM below 4 GiB ends here at most */
#define MACHINE_MMIO32_BASE	0xd0000000ull	/* 32-bit PCI BARs */
#define MACHINE_MMIO32_END	0xe0000000ull
#define MACHINE_ECAM_BASE	0xe0000000ull	/* 256 buses of 1 MiB */
#define MACHINE_ECAM_SIZE	0x10000000ull
#define MACHINE_HIGH_RAM_BASE	0x100000000ull
#define MACHINE_MMIO64_BASE	0x8000000000ull	/* 64-bit PCI BARs */
#define MACHINE_MMIO64_END	0x9000000000ull
#define MACHINE_PCI_IO_BASE	0xc000u		/* PCI port BARs to 0xffff */
#define MACHINE_PM_BASE		0x600u		/* ACPI PM block */
#define MACHINE_TSS_ADDR	0xfffbd000u

/* INTx of PCI slots: GSI 16 + ((slot + pin) & 3) + ... as the DSDT says. */
static inline unsigned int machine_intx_gsi(unsigned int slot, unsigned int pin)
{
	return 16 + ((slot + pin) & 7);
}

#endif
