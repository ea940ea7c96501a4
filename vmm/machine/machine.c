// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * machine.c - the board: machine_new() builds it from top to bottom, the
 * labels at its end take it down from bottom to top.
 */
#include <errno.h>
#include <signal.h>
#include "vmm/boot/boot.h"
#include "vmm/chardev.h"
#include "vmm/dev/dev.h"
#include "vmm/machine/parts.h"
#include "vmm/pci/pci.h"
#include "vmm/virtio/virtio.h"

#define IDENTITY_MAP_ADDR	(MACHINE_TSS_ADDR - 0x1000)
#define MEMORY_MIN		(2ull << 20)
#define MEMORY_MAX		(MACHINE_MMIO64_BASE - MACHINE_HIGH_RAM_BASE)
#define COM1			0x3f8
#define COM1_IRQ		4

struct board {
	struct serial *serial;
	struct rtc *rtc;
	struct pm *pm;
	struct misc *misc;
	struct testdev *testdev;
};

/* --- the VM --- */

static const struct {
	unsigned long cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY" }, { KVM_CAP_IRQCHIP, "IRQCHIP" },
	{ KVM_CAP_PIT2, "PIT2" }, { KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING" },
	{ KVM_CAP_IRQFD, "IRQFD" }, { KVM_CAP_IOEVENTFD, "IOEVENTFD" },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID" }, { KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
};

static int check_caps(struct machine *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (m->kvm->ioctl(m->sys_fd, KVM_CHECK_EXTENSION, (void *)needed[i].cap) <= 0)
			return fail(-ENOTSUP, "this KVM lacks KVM_CAP_%s", needed[i].name);
	return 0;
}

static int create_vm(struct machine *m)
{
	long r;

	/* A signal during the creation of a VM makes it fail: try again. */
	do
		r = m->kvm->ioctl(m->sys_fd, KVM_CREATE_VM, NULL);
	while (r == -EINTR);
	if (r < 0)
		return fail(r, "KVM_CREATE_VM");
	m->vm_fd = r;
	r = m->kvm->ioctl(m->sys_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (r < (long)sizeof(struct kvm_run))
		return fail(r < 0 ? r : -EPROTO, "KVM_GET_VCPU_MMAP_SIZE");
	m->run_size = r;
	return 0;
}

/* Fixed addresses, interrupt controllers and timer. */
static int create_chips(struct machine *m)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	u64 identity = IDENTITY_MAP_ADDR;
	long r = m->kvm->ioctl(m->vm_fd, KVM_SET_TSS_ADDR, (void *)(unsigned long)MACHINE_TSS_ADDR);

	if (r)
		return fail(r, "KVM_SET_TSS_ADDR");
	r = m->kvm->ioctl(m->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (r)
		return fail(r, "KVM_SET_IDENTITY_MAP_ADDR");
	r = m->kvm->ioctl(m->vm_fd, KVM_CREATE_IRQCHIP, NULL);
	if (r)
		return fail(r, "KVM_CREATE_IRQCHIP");
	r = m->kvm->ioctl(m->vm_fd, KVM_CREATE_PIT2, &pit);
	return r ? fail(r, "KVM_CREATE_PIT2") : 0;
}

static int create_ram(struct machine *m)
{
	u64 size = m->cfg->memory;
	int err;

	if (size < MEMORY_MIN || size > MEMORY_MAX || size % 4096)
		return fail(0, "--memory: %llu bytes: 2M to %lluG in steps of 4K",
			    (unsigned long long)size, (unsigned long long)MEMORY_MAX >> 30);
	err = ram_init(&m->ram, size, MACHINE_LOW_RAM_END, MACHINE_HIGH_RAM_BASE);
	if (err)
		return fail(err, "--memory: cannot get %llu MiB from the host",
			    (unsigned long long)(size >> 20));
	for (unsigned int i = 0; i < m->ram.n; i++) {
		struct kvm_userspace_memory_region r = {
			.slot = i,
			.guest_phys_addr = m->ram.region[i].gpa,
			.memory_size = m->ram.region[i].len,
			.userspace_addr = (unsigned long)m->ram.region[i].hva,
		};

		err = m->kvm->ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);
		if (err) {
			ram_fini(&m->ram);
			return fail(err, "KVM_SET_USER_MEMORY_REGION");
		}
	}
	return 0;
}

static void free_vcpus(struct machine *m)
{
	while (m->n_vcpus)
		vcpu_destroy(&m->vcpu[--m->n_vcpus]);
}

/* n_vcpus is what the devices and CPUID see, so it is set first. */
static int create_vcpus(struct machine *m)
{
	unsigned int n = m->cfg->cpus, i;
	int err = 0;

	if (n < 1 || n > MACHINE_VCPUS_MAX)
		return fail(0, "--cpus: 1 to %d", MACHINE_VCPUS_MAX);
	m->n_vcpus = n;
	for (i = 0; i < n && !err; i++)
		err = vcpu_create(m, i);
	if (err) {
		m->n_vcpus = i - 1;
		free_vcpus(m);
	}
	return err;
}

/* --- devices --- */

static void board_free(struct board *b)
{
	if (!b)
		return;
	testdev_free(b->testdev);
	misc_free(b->misc);
	pm_free(b->pm);
	rtc_free(b->rtc);
	serial_free(b->serial);
	free(b);
}

static int board_new(struct machine *m, struct board **out)
{
	struct board *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return fail(-ENOMEM, "board");
	err = serial_new(m, COM1, COM1_IRQ, m->console, &b->serial);
	if (!err)
		err = rtc_new(m, &b->rtc);
	if (!err)
		err = pm_new(m, &b->pm);
	if (!err)
		err = misc_new(m, m->cfg->debug_exit, &b->misc);
	if (!err && m->cfg->testdev)
		err = testdev_new(m, &b->testdev);
	if (err) {
		board_free(b);
		return err;
	}
	*out = b;
	return 0;
}

/* On PCI slots in this order, which decides the names in the guest. */
static int add_virtio(struct machine *m)
{
	const struct machine_config *c = m->cfg;
	int err = 0;

	for (unsigned int i = 0; i < c->n_disks && !err; i++)
		err = virtio_blk_new(m, &c->disk[i]);
	for (unsigned int i = 0; i < c->n_nets && !err; i++)
		err = virtio_net_new(m, &c->net[i], i);
	if (!err)
		err = virtio_console_new(m);
	if (!err)
		err = virtio_rng_new(m);
	return err;
}

/* --- what the guest finds in memory --- */

static int load_guest(struct machine *m)
{
	struct boot_request req = { .kernel = m->cfg->kernel, .initrd = m->cfg->initrd,
				    .append = m->cfg->append };
	struct acpi_image acpi;
	struct boot_state start;
	int err = acpi_build(m->n_vcpus, cpuid_phys_bits(m), &acpi);

	if (err)
		return fail(err, "ACPI tables");
	req.rsdp = acpi.rsdp;
	err = boot_load(&m->ram, &req, &start);
	if (!err && ram_write(&m->ram, ACPI_BASE, acpi.buf, acpi.len))
		err = fail(-ENOSPC, "ACPI tables");
	free(acpi.buf);
	return err ? err : vcpu_boot(&m->vcpu[0], &start);
}

int machine_new(struct machine **out, const struct machine_config *cfg)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct engine_choice engine;
	int err;

	if (!m)
		return fail(-ENOMEM, "machine");
	m->cfg = cfg;
	m->vm_fd = -1;
	err = loop_new(&m->loop);
	if (err) {
		fail(err, "event loop");
		goto fail_alloc;
	}
	err = engine_choose(cfg->engine, &engine);
	if (err)
		goto fail_loop;
	m->kvm = engine.kvm;
	m->sys_fd = engine.fd;
	err = check_caps(m);
	if (err)
		goto fail_engine;
	err = create_vm(m);
	if (err)
		goto fail_vm;
	err = create_chips(m);
	if (err)
		goto fail_vm;
	err = create_ram(m);
	if (err)
		goto fail_vm;
	err = routes_new(m);
	if (err)
		goto fail_ram;
	err = create_vcpus(m);
	if (err)
		goto fail_routes;
	err = load_guest(m);
	if (err)
		goto fail_vcpus;
	err = chardev_new(m, cfg->console, cfg->console_path, &m->console);
	if (err)
		goto fail_vcpus;
	err = pci_bus_new(m, &m->pci);
	if (err)
		goto fail_console;
	err = board_new(m, &m->board);
	if (err)
		goto fail_pci;
	err = add_virtio(m);
	if (err)
		goto fail_board;
	note("%s", engine.why);
	*out = m;
	return 0;

fail_board:
	board_free(m->board);
fail_pci:
	pci_bus_free(m->pci);
fail_console:
	chardev_free(m->console);
fail_vcpus:
	free_vcpus(m);
fail_routes:
	routes_free(m);
fail_ram:
	ram_fini(&m->ram);
fail_vm:
	if (m->vm_fd >= 0)
		m->kvm->close(m->vm_fd);
fail_engine:
	m->kvm->close(m->sys_fd);
fail_loop:
	loop_free(m->loop);
fail_alloc:
	free(m);
	return err;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	board_free(m->board);
	pci_bus_free(m->pci);
	chardev_free(m->console);
	free_vcpus(m);
	m->kvm->close(m->vm_fd);
	routes_free(m);
	ram_fini(&m->ram);
	m->kvm->close(m->sys_fd);
	loop_free(m->loop);
	free(m);
}

/* --- running --- */

/* Also from signal handlers: an atomic and a write(2). */
void machine_stop(struct machine *m, enum machine_end end, int code)
{
	enum machine_end none = END_NONE;

	if (__atomic_compare_exchange_n(&m->end, &none, end, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		m->end_code = code;
	loop_stop(m->loop);
}

static struct machine *volatile running;	/* for the signal handler */

static void on_quit(int sig)
{
	struct machine *m = running;

	if (m)
		machine_stop(m, END_QUIT, 0);
}

static const int quit_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void catch_signals(struct machine *m, struct sigaction *old)
{
	struct sigaction sa = { .sa_handler = on_quit, .sa_flags = SA_RESTART };

	running = m;
	for (size_t i = 0; i < ARRAY_SIZE(quit_signals); i++) {
		sigaction(quit_signals[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN)
			sigaction(quit_signals[i], &sa, NULL);
	}
	signal(SIGPIPE, SIG_IGN);	/* a reader that leaves is an error code */
	vcpus_signals();
}

static void release_signals(const struct sigaction *old)
{
	for (size_t i = 0; i < ARRAY_SIZE(quit_signals); i++)
		sigaction(quit_signals[i], &old[i], NULL);
	running = NULL;
}

int machine_run(struct machine *m)
{
	struct sigaction old[ARRAY_SIZE(quit_signals)];
	int err;

	catch_signals(m, old);
	err = vcpus_start(m);
	if (!err) {
		err = loop_run(m->loop);
		if (err)
			fail(err, "event loop");
	}
	vcpus_stop(m);
	if (err)
		machine_stop(m, END_ERROR, 0);
	release_signals(old);
	return err;
}
