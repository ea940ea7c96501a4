// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vcpu.c - vCPUs: creation, the state they start with, and the threads that
 * run them. A thread takes the machine lock for as long as a device access
 * lasts, and never while the guest runs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include "vmm/boot/boot.h"
#include "vmm/machine/parts.h"

#define SIG_KICK	(SIGRTMIN + 1)

#define MSR_MISC_ENABLE		0x1a0
#define MSR_MTRR_DEF_TYPE	0x2ff
#define APIC_LVT0		0x350
#define APIC_LVT1		0x360
#define APIC_MODE_EXTINT	0x700
#define APIC_MODE_NMI		0x400

static int set_cpuid(struct machine_vcpu *v)
{
	struct kvm_cpuid2 *c;
	int err = cpuid_new(v->m, &c);

	if (err)
		return fail(err, "KVM_GET_SUPPORTED_CPUID");
	cpuid_for_vcpu(v->m, c, v->index);
	err = v->m->kvm->ioctl(v->fd, KVM_SET_CPUID2, c);
	free(c);
	return err ? fail(err, "KVM_SET_CPUID2") : 0;
}

/* What firmware would have set: fast strings, and memory cached by default. */
static int set_msrs(struct machine_vcpu *v)
{
	static const struct kvm_msr_entry entries[] = {
		{ .index = MSR_MISC_ENABLE, .data = 1 },
		{ .index = MSR_MTRR_DEF_TYPE, .data = 0x800 | 6 },
	};
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(entries));
	long r;

	if (!msrs)
		return fail(-ENOMEM, "vCPU %u", v->index);
	msrs->nmsrs = ARRAY_SIZE(entries);
	memcpy(msrs->entries, entries, sizeof(entries));
	r = v->m->kvm->ioctl(v->fd, KVM_SET_MSRS, msrs);
	free(msrs);
	return r < 0 ? fail(r, "KVM_SET_MSRS") : 0;
}

static void set_apic_reg(struct kvm_lapic_state *s, unsigned int off, u32 val)
{
	memcpy(s->regs + off, &val, sizeof(val));
}

/* The virtual wire: LINT0 takes the PIC's interrupts on the first CPU. */
static int set_lapic(struct machine_vcpu *v)
{
	struct kvm_lapic_state s;
	long err = v->m->kvm->ioctl(v->fd, KVM_GET_LAPIC, &s);

	if (err)
		return fail(err, "KVM_GET_LAPIC");
	if (!v->index)
		set_apic_reg(&s, APIC_LVT0, APIC_MODE_EXTINT);
	set_apic_reg(&s, APIC_LVT1, APIC_MODE_NMI);
	err = v->m->kvm->ioctl(v->fd, KVM_SET_LAPIC, &s);
	return err ? fail(err, "KVM_SET_LAPIC") : 0;
}

int vcpu_create(struct machine *m, unsigned int index)
{
	struct machine_vcpu *v = &m->vcpu[index];
	int err;

	*v = (struct machine_vcpu){ .m = m, .index = index };
	v->fd = m->kvm->ioctl(m->vm_fd, KVM_CREATE_VCPU, (void *)(unsigned long)index);
	if (v->fd < 0)
		return fail(v->fd, "KVM_CREATE_VCPU %u", index);
	v->run = m->kvm->mmap(v->fd, m->run_size, 0);
	if (!v->run) {
		m->kvm->close(v->fd);
		return fail(-ENOMEM, "vCPU %u: cannot map kvm_run", index);
	}
	err = set_cpuid(v);
	if (!err)
		err = set_msrs(v);
	if (!err)
		err = set_lapic(v);
	if (err)
		vcpu_destroy(v);
	return err;
}

void vcpu_destroy(struct machine_vcpu *v)
{
	v->m->kvm->munmap(v->run, v->m->run_size);
	v->m->kvm->close(v->fd);
}

/* --- the state a boot protocol asks for --- */

static const u64 gdt[] = {
	0, 0,
	0x00cf9b000000ffff,	/* 10h: flat 32-bit code */
	0x00cf93000000ffff,	/* 18h: flat data */
	0x00af9b000000ffff,	/* 20h: 64-bit code */
	0x00008b0000000067,	/* 28h: a busy TSS */
};

static struct kvm_segment segment(u16 sel, u8 type, bool l)
{
	return (struct kvm_segment){ .limit = 0xffffffff, .selector = sel, .type = type,
				     .present = 1, .s = 1, .g = 1, .l = l, .db = !l };
}

/* 10h is the 64-bit code segment for Linux' 64-bit entry (__BOOT_CS). */
static int put_gdt(struct ram *ram, bool is64)
{
	u64 g[ARRAY_SIZE(gdt)];

	memcpy(g, gdt, sizeof(g));
	if (is64)
		g[2] = gdt[4];
	return ram_write(ram, BOOT_GDT, g, sizeof(g));
}

/* Identity map of the first 4 GiB by 2 MiB pages. */
static int put_page_tables(struct ram *ram)
{
	u64 *t = ram_ptr(ram, BOOT_PAGES, 6 * 4096);

	if (!t)
		return -EFAULT;
	memset(t, 0, 6 * 4096);
	t[0] = (BOOT_PAGES + 4096) | 3;
	for (unsigned int i = 0; i < 4; i++)
		t[512 + i] = (BOOT_PAGES + (2 + i) * 4096) | 3;
	for (u64 i = 0; i < 4 * 512; i++)
		t[2 * 512 + i] = i << 21 | 0x83;
	return 0;
}

static int set_sregs(struct machine_vcpu *v, bool is64)
{
	struct machine *m = v->m;
	struct kvm_sregs s;
	long err = m->kvm->ioctl(v->fd, KVM_GET_SREGS, &s);

	if (err)
		return fail(err, "KVM_GET_SREGS");
	s.cs = segment(0x10, 0xb, is64);
	s.ds = s.es = s.fs = s.gs = s.ss = segment(0x18, 0x3, false);
	s.tr = (struct kvm_segment){ .limit = 0x67, .selector = 0x28, .type = 0xb, .present = 1 };
	s.ldt = (struct kvm_segment){ .unusable = 1 };
	s.gdt.base = BOOT_GDT;
	s.gdt.limit = sizeof(gdt) - 1;
	s.idt.base = 0;
	s.idt.limit = 0;
	s.cr0 = 0x11;				/* PE, ET */
	if (is64) {
		s.cr0 |= 1u << 31;
		s.cr4 |= 1 << 5;		/* PAE */
		s.cr3 = BOOT_PAGES;
		s.efer |= 0x500;		/* LME, LMA */
	}
	err = m->kvm->ioctl(v->fd, KVM_SET_SREGS, &s);
	return err ? fail(err, "KVM_SET_SREGS") : 0;
}

int vcpu_boot(struct machine_vcpu *v, const struct boot_state *b)
{
	struct kvm_regs r = { .rflags = 2, .rip = b->entry };
	bool is64 = b->kind == BOOT_LINUX64;
	long err = put_gdt(&v->m->ram, is64);

	if (!err && is64)
		err = put_page_tables(&v->m->ram);
	if (err)
		return fail(err, "boot tables");
	switch (b->kind) {
	case BOOT_PVH:
		r.rbx = b->info;
		break;
	case BOOT_MULTIBOOT:
		r.rax = 0x2badb002;
		r.rbx = b->info;
		break;
	case BOOT_LINUX32:
	case BOOT_LINUX64:
		r.rsi = b->info;
		break;
	}
	err = set_sregs(v, is64);
	if (err)
		return err;
	err = v->m->kvm->ioctl(v->fd, KVM_SET_REGS, &r);
	return err ? fail(err, "KVM_SET_REGS") : 0;
}

/* --- running --- */

static void exit_io(struct machine_vcpu *v)
{
	struct kvm_run *run = v->run;
	u8 *p = (u8 *)run + run->io.data_offset;
	unsigned int size = run->io.size;
	struct iobus *bus = &v->m->pio;

	/* The kernel's numbers, but a provider may be in this process. */
	if (size > 4 || run->io.data_offset > v->m->run_size ||
	    (u64)run->io.count * size > v->m->run_size - run->io.data_offset)
		return;
	loop_lock(v->m->loop);
	for (u32 i = 0; i < run->io.count; i++, p += size) {
		u64 val = 0;

		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&val, p, size);
			iobus_write(bus, run->io.port, size, val);
		} else {
			val = iobus_read(bus, run->io.port, size);
			memcpy(p, &val, size);
		}
	}
	loop_unlock(v->m->loop);
}

static void exit_mmio(struct machine_vcpu *v)
{
	struct kvm_run *run = v->run;
	u64 val = 0;

	if (run->mmio.len > sizeof(run->mmio.data))
		return;
	loop_lock(v->m->loop);
	if (run->mmio.is_write) {
		memcpy(&val, run->mmio.data, run->mmio.len);
		iobus_write(&v->m->mmio, run->mmio.phys_addr, run->mmio.len, val);
	} else {
		val = iobus_read(&v->m->mmio, run->mmio.phys_addr, run->mmio.len);
		memcpy(run->mmio.data, &val, run->mmio.len);
	}
	loop_unlock(v->m->loop);
}

/* Where the guest was, for the message of a crash. */
static void describe(struct machine_vcpu *v, char *buf, size_t n)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	buf[0] = 0;
	if (!v->m->kvm->ioctl(v->fd, KVM_GET_REGS, &r) &&
	    !v->m->kvm->ioctl(v->fd, KVM_GET_SREGS, &s))
		snprintf(buf, n, " at %04x:%016llx, CR0 %llx, CR3 %llx", s.cs.selector,
			 (unsigned long long)r.rip, (unsigned long long)s.cr0,
			 (unsigned long long)s.cr3);
}

static void crash(struct machine_vcpu *v, const char *what, u64 code)
{
	char where[128];

	describe(v, where, sizeof(where));
	if (__atomic_load_n(&v->m->end, __ATOMIC_ACQUIRE) == END_NONE)
		note("guest crashed: CPU %u: %s%s%.0llu%s", v->index, what, code ? " " : "",
		     (unsigned long long)code, where);
	machine_stop(v->m, END_GUEST_CRASH, 0);
}

static void exit_system_event(struct machine_vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN: machine_stop(v->m, END_POWEROFF, 0); break;
	case KVM_SYSTEM_EVENT_RESET: machine_stop(v->m, END_RESET, 0); break;
	default: crash(v, "system event", v->run->system_event.type); break;
	}
}

static void handle_exit(struct machine_vcpu *v)
{
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO: exit_io(v); break;
	case KVM_EXIT_MMIO: exit_mmio(v); break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_HLT:		/* only without an in-kernel APIC */
		break;
	case KVM_EXIT_SHUTDOWN: crash(v, "triple fault", 0); break;
	case KVM_EXIT_SYSTEM_EVENT: exit_system_event(v); break;
	case KVM_EXIT_FAIL_ENTRY:
		crash(v, "the processor refused the guest's state, reason",
		      run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		crash(v, run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ?
		      "KVM cannot emulate an instruction, suberror" :
		      "KVM internal error", run->internal.suberror);
		break;
	default: crash(v, "unexpected KVM exit", run->exit_reason); break;
	}
}

static void *vcpu_thread(void *arg)
{
	struct machine_vcpu *v = arg;
	struct machine *m = v->m;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", v->index);
	pthread_setname_np(pthread_self(), name);
	while (!__atomic_load_n(&m->stopping, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&m->end, __ATOMIC_SEQ_CST) == END_NONE) {
		long r = m->kvm->ioctl(v->fd, KVM_RUN, NULL);

		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r < 0) {
			fail(r, "KVM_RUN, CPU %u", v->index);
			machine_stop(m, END_ERROR, 0);
			break;
		}
		handle_exit(v);
	}
	return NULL;
}

static void on_kick(int sig)
{
}

int vcpus_signals(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	return sigaction(SIG_KICK, &sa, NULL) < 0 ? -errno : 0;
}

/* vCPU threads take the kick and their own faults; all else is the main thread's. */
int vcpus_start(struct machine *m)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	sigset_t all, old;
	int err = 0;

	sigfillset(&all);
	sigdelset(&all, SIG_KICK);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned int i = 0; i < m->n_vcpus && !err; i++) {
		err = pthread_create(&m->vcpu[i].thread, NULL, vcpu_thread, &m->vcpu[i]);
		m->vcpu[i].started = !err;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? fail(-err, "vCPU thread") : 0;
}

/* immediate_exit is set first: a signal that comes before KVM_RUN is not lost. */
void vcpus_stop(struct machine *m)
{
	__atomic_store_n(&m->stopping, true, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < m->n_vcpus; i++) {
		struct machine_vcpu *v = &m->vcpu[i];

		if (!v->started)
			continue;
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		pthread_kill(v->thread, SIG_KICK);
	}
	for (unsigned int i = 0; i < m->n_vcpus; i++) {
		if (!m->vcpu[i].started)
			continue;
		pthread_join(m->vcpu[i].thread, NULL);
		m->vcpu[i].started = false;
	}
}
