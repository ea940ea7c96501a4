/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.h - a machine of memory, an event loop and a PCI bus, with nobody in it. */
#ifndef TESTS_FUZZ_MACHINE_H
#define TESTS_FUZZ_MACHINE_H

#include <sys/eventfd.h>
#include <unistd.h>
#include "tests/fuzz/fuzz.h"
#include "vmm/pci/pci.h"

#define RAM_SIZE	0x40000u

static u8 memory[RAM_SIZE];

static long no_ioctl(int fd, unsigned long req, void *arg)
{
	return 0;
}

static const struct kvm_provider provider = { .name = "fuzz", .ioctl = no_ioctl };

void machine_stop(struct machine *m, enum machine_end end, int code)
{
}

void machine_irq(struct machine *m, unsigned int gsi, bool level)
{
	require(gsi < 24);
}

int machine_msi_new(struct machine *m, int *out_eventfd, unsigned int *out_gsi)
{
	*out_gsi = 24;
	*out_eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return *out_eventfd < 0 ? -errno : 0;
}

int machine_msi_update(struct machine *m, unsigned int gsi, u64 addr, u32 data, bool masked)
{
	return 0;
}

void machine_msi_free(struct machine *m, unsigned int gsi, int fd)
{
	close(fd);
}

int machine_ioeventfd(struct machine *m, u64 addr, unsigned int len, bool pio, int fd, bool add)
{
	return -ENOTTY;
}

static void machine_up(struct machine *m)
{
	memset(memory, 0, sizeof(memory));
	*m = (struct machine){ .kvm = &provider };
	m->ram.region[0] = (struct ram_region){ .gpa = 0, .len = RAM_SIZE, .hva = memory };
	m->ram.n = 1;
	require(!loop_new(&m->loop) && !pci_bus_new(m, &m->pci));
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

/* What is ready now, and no more: doorbells, completions, sockets. */
static void loop_round(struct machine *m)
{
	require(!loop_post(m->loop, stop_loop, m->loop) && !loop_run(m->loop));
}

#endif
