/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run - guest programs of a few instructions through KVM_RUN: what the client
 * sees of port I/O, MMIO, halting, interrupts, memory that changes under a
 * running guest.
 *
 *	run soft | run kvm
 */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include "tests/api/client.h"

static const struct kvm_provider *provider;
static int failed;

#define CHECK(cond) do { \
		if (!(cond)) { \
			printf("  %s:%d: %s\n", __func__, __LINE__, #cond); \
			failed++; \
			goto out; \
		} \
	} while (0)

static long run(struct client *c)
{
	return c_ioctl(c, c->cpu, KVM_RUN, NULL);
}

static struct kvm_regs regs(struct client *c)
{
	struct kvm_regs r = { 0 };

	c_ioctl(c, c->cpu, KVM_GET_REGS, &r);
	return r;
}

/* Run with immediate_exit: finishes what the last exit asked for, no more. */
static void finish(struct client *c)
{
	c->run->immediate_exit = 1;
	run(c);
	c->run->immediate_exit = 0;
}

static void port_io(void)
{
	static const uint8_t code[] = {
		0xb0, 0x48,		/* mov al, 'H' */
		0xba, 0xf8, 0x03,	/* mov dx, 3f8h */
		0xee,			/* out dx, al */
		0xe5, 0x60,		/* in ax, 60h */
		0xf4,			/* hlt */
	};
	struct client c;
	uint8_t *data;

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	CHECK(!run(&c));
	data = (uint8_t *)c.run + c.run->io.data_offset;
	CHECK(c.run->exit_reason == KVM_EXIT_IO && c.run->io.direction == KVM_EXIT_IO_OUT);
	CHECK(c.run->io.port == 0x3f8 && c.run->io.size == 1 && c.run->io.count == 1);
	CHECK(*data == 'H');
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_IO && c.run->io.direction == KVM_EXIT_IO_IN);
	CHECK(c.run->io.port == 0x60 && c.run->io.size == 2);
	data = (uint8_t *)c.run + c.run->io.data_offset;
	data[0] = 0x34;
	data[1] = 0x12;
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_HLT);
	CHECK((regs(&c).rax & 0xffff) == 0x1234);
	CHECK(regs(&c).rip == CODE + sizeof(code));
out:
	client_close(&c);
}

static void string_io(void)
{
	static const uint8_t code[] = {
		0xbe, 0x00, 0x20,	/* mov si, 2000h */
		0xb9, 0x05, 0x00,	/* mov cx, 5 */
		0xba, 0xe9, 0x00,	/* mov dx, 0e9h */
		0xf3, 0x6e,		/* rep outsb */
		0xf4,
	};
	char got[8] = "";
	struct client c;
	size_t n = 0;

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	memcpy(c.ram + 0x2000, "hello", 5);
	for (;;) {
		CHECK(!run(&c));
		if (c.run->exit_reason == KVM_EXIT_HLT)
			break;
		CHECK(c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 0xe9);
		CHECK(n + c.run->io.count <= 5);
		memcpy(got + n, (uint8_t *)c.run + c.run->io.data_offset, c.run->io.count);
		n += c.run->io.count;
	}
	CHECK(!strcmp(got, "hello"));
	CHECK((regs(&c).rcx & 0xffff) == 0 && (regs(&c).rsi & 0xffff) == 0x2005);
out:
	client_close(&c);
}

static void mmio(void)
{
	static const uint8_t code[] = {
		0xb8, 0x00, 0xf0,		/* mov ax, 0f000h: no RAM there */
		0x8e, 0xd8,			/* mov ds, ax */
		0xa1, 0x10, 0xf0,		/* mov ax, [0f010h] */
		0x05, 0x01, 0x00,		/* add ax, 1 */
		0xa3, 0x20, 0xf0,		/* mov [0f020h], ax */
		0xff, 0x06, 0x30, 0xf0,		/* inc word [0f030h] */
		0xf4,
	};
	struct kvm_userspace_memory_region low = { .memory_size = 0x80000 };
	struct kvm_userspace_memory_region off = { 0 };
	struct client c;

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	/* RAM below 512 KiB only. */
	low.userspace_addr = (uintptr_t)c.ram;
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &off));
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &low));
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_MMIO && !c.run->mmio.is_write);
	CHECK(c.run->mmio.phys_addr == 0xff010 && c.run->mmio.len == 2);
	memcpy(c.run->mmio.data, "\x99\x00", 2);
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_MMIO && c.run->mmio.is_write);
	CHECK(c.run->mmio.phys_addr == 0xff020 && c.run->mmio.data[0] == 0x9a);
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_MMIO && !c.run->mmio.is_write);
	memcpy(c.run->mmio.data, "\xff\x00", 2);
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_MMIO && c.run->mmio.is_write);
	CHECK(c.run->mmio.phys_addr == 0xff030 && c.run->mmio.data[1] == 1);
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_HLT);
	CHECK((regs(&c).rax & 0xffff) == 0x9a);
out:
	client_close(&c);
}

static void readonly_memory_reads_and_exits_on_writes(void)
{
	static const uint8_t code[] = {
		0xa0, 0x00, 0x90,		/* mov al, [9000h] */
		0xa2, 0x01, 0x90,		/* mov [9001h], al */
		0xf4,
	};
	struct kvm_userspace_memory_region r[3];
	struct client c;

	CHECK(!client_open(&c, provider, false));
	memset(r, 0, sizeof(r));
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &r[0]));
	for (int i = 0; i < 3; i++) {
		r[i].slot = i;
		r[i].guest_phys_addr = (uint64_t[]){ 0, 0x9000, 0xa000 }[i];
		r[i].memory_size = (uint64_t[]){ 0x9000, 0x1000, 0x1000 }[i];
		r[i].userspace_addr = (uintptr_t)c.ram + r[i].guest_phys_addr;
		r[i].flags = i == 1 ? KVM_MEM_READONLY : 0;
		CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &r[i]));
	}
	CHECK(!client_load(&c, code, sizeof(code)));
	c.ram[0x9000] = 0x5a;
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_MMIO && c.run->mmio.is_write);
	CHECK(c.run->mmio.phys_addr == 0x9001 && c.run->mmio.data[0] == 0x5a);
	CHECK(c.ram[0x9001] == 0);
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_HLT);
out:
	client_close(&c);
}

static const uint8_t spin[] = {
	0xff, 0x06, 0x00, 0x20,		/* inc word [2000h] */
	0xeb, 0xfa,			/* jmp back */
};

static void no_action(int sig)
{
}

struct runner {
	struct client *c;
	long result;
	pthread_t thread;
	volatile int done;
};

static void *runner_main(void *arg)
{
	struct runner *r = arg;

	r->result = run(r->c);
	r->done = 1;
	return NULL;
}

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static bool runner_stop(struct runner *r)
{
	r->c->run->immediate_exit = 1;
	for (int i = 0; i < 200 && !r->done; i++) {
		pthread_kill(r->thread, SIGUSR1);
		pause_ms(10);
	}
	if (!r->done)
		return false;
	pthread_join(r->thread, NULL);
	r->c->run->immediate_exit = 0;
	return true;
}

static void immediate_exit_stops_a_busy_guest(void)
{
	struct client c;
	struct runner r = { .c = &c };

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, spin, sizeof(spin)));
	pthread_create(&r.thread, NULL, runner_main, &r);
	pause_ms(30);
	CHECK(!r.done);
	CHECK(runner_stop(&r));
	CHECK(r.result == -EINTR && c.run->exit_reason == KVM_EXIT_INTR);
	CHECK(c.ram[0x2000] || c.ram[0x2001]);
out:
	client_close(&c);
}

static void immediate_exit_stops_a_halted_guest(void)
{
	static const uint8_t code[] = { 0xfa, 0xf4 };	/* cli; hlt */
	struct client c;
	struct runner r = { .c = &c };

	CHECK(!client_open(&c, provider, true));
	CHECK(!client_load(&c, code, sizeof(code)));
	pthread_create(&r.thread, NULL, runner_main, &r);
	pause_ms(30);
	CHECK(!r.done);
	CHECK(runner_stop(&r));
	CHECK(r.result == -EINTR);
out:
	client_close(&c);
}

static void memory_goes_away_under_a_running_guest(void)
{
	struct kvm_userspace_memory_region del = { .slot = 1, .guest_phys_addr = 0x80000 };
	struct kvm_userspace_memory_region one = { .memory_size = 0x80000 }, two;
	/* mov ax, 8000h; mov ds, ax; inc word [0]; jmp back */
	static const uint8_t code[] = { 0xb8, 0x00, 0x80, 0x8e, 0xd8, 0xff, 0x06, 0x00, 0x00,
					0xeb, 0xfa };
	struct kvm_userspace_memory_region off = { 0 };
	struct client c;
	struct runner r = { .c = &c };
	uint16_t a, b;

	CHECK(!client_open(&c, provider, false));
	one.userspace_addr = (uintptr_t)c.ram;
	two = (struct kvm_userspace_memory_region){ .slot = 1, .guest_phys_addr = 0x80000,
		.memory_size = 0x10000, .userspace_addr = (uintptr_t)c.ram + 0x80000 };
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &off));
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &one));
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &two));
	CHECK(!client_load(&c, code, sizeof(code)));
	pthread_create(&r.thread, NULL, runner_main, &r);
	pause_ms(20);
	CHECK(!r.done);
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &del));
	/* From here on nothing may write there. */
	memcpy(&a, c.ram + 0x80000, 2);
	for (int i = 0; i < 200 && !r.done; i++)
		pause_ms(10);
	CHECK(r.done);
	pthread_join(r.thread, NULL);
	memcpy(&b, c.ram + 0x80000, 2);
	CHECK(a == b);
	CHECK(!r.result && c.run->exit_reason == KVM_EXIT_MMIO);
	CHECK(c.run->mmio.phys_addr == 0x80000);
out:
	client_close(&c);
}

static void dirty_log_of_a_running_guest(void)
{
	struct kvm_userspace_memory_region log = { .memory_size = RAM_BYTES,
						   .flags = KVM_MEM_LOG_DIRTY_PAGES };
	uint64_t bits[RAM_BYTES / 4096 / 64];
	struct kvm_dirty_log d = { .slot = 0, .dirty_bitmap = bits };
	struct client c;
	struct runner r = { .c = &c };

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, spin, sizeof(spin)));
	CHECK(c_ioctl(&c, c.vm, KVM_GET_DIRTY_LOG, &d) == -ENOENT);
	log.userspace_addr = (uintptr_t)c.ram;
	pthread_create(&r.thread, NULL, runner_main, &r);
	pause_ms(10);
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &log));
	/* Each time anew: the page is written all the time. */
	for (int i = 0; i < 5; i++) {
		/* The guest's thread may have to wait for a processor. */
		for (int n = 0; n < 200; n++) {
			pause_ms(10);
			memset(bits, 0xff, sizeof(bits));
			CHECK(!c_ioctl(&c, c.vm, KVM_GET_DIRTY_LOG, &d));
			if (bits[0])
				break;
		}
		CHECK(bits[0] & 4);
		CHECK(!(bits[0] & ~4ull) && !bits[1]);
	}
	CHECK(runner_stop(&r));
	CHECK(!c_ioctl(&c, c.vm, KVM_GET_DIRTY_LOG, &d));
	CHECK(!c_ioctl(&c, c.vm, KVM_GET_DIRTY_LOG, &d));
	CHECK(!bits[0]);
out:
	client_close(&c);
}

static void ioeventfd_does_not_exit(void)
{
	/* mov al, 7; out 80h, al; mov al, 8; out 80h, al; hlt */
	static const uint8_t code[] = { 0xb0, 0x07, 0xe6, 0x80, 0xb0, 0x08, 0xe6, 0x80, 0xf4 };
	struct kvm_ioeventfd e = { .addr = 0x80, .len = 1, .datamatch = 7,
				   .flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH };
	struct client c;
	uint64_t n = 0;

	e.fd = eventfd(0, EFD_NONBLOCK);
	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	CHECK(!c_ioctl(&c, c.vm, KVM_IOEVENTFD, &e));
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 0x80);
	CHECK(*((uint8_t *)c.run + c.run->io.data_offset) == 8);
	CHECK(read(e.fd, &n, 8) == 8 && n == 1);
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_HLT);
out:
	close(e.fd);
	client_close(&c);
}

/* The guest's handler at IVT vector n: out 90h, al; hlt */
static void put_handler(struct client *c, unsigned int vector)
{
	static const uint8_t handler[] = { 0xe6, 0x90, 0xf4 };
	uint16_t ivt[2] = { 0x3000, 0 };

	memcpy(c->ram + vector * 4, ivt, 4);
	memcpy(c->ram + 0x3000, handler, sizeof(handler));
}

static void interrupt_window_and_injection(void)
{
	/* cli; nop; sti; nop; nop; jmp $ */
	static const uint8_t code[] = { 0xfa, 0x90, 0xfb, 0x90, 0x90, 0xeb, 0xfe };
	struct kvm_interrupt i = { .irq = 0x40 };
	struct client c;

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	put_handler(&c, 0x40);
	c.run->request_interrupt_window = 1;
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN);
	CHECK(c.run->if_flag && c.run->ready_for_interrupt_injection);
	CHECK(!c_ioctl(&c, c.cpu, KVM_INTERRUPT, &i));
	c.run->request_interrupt_window = 0;
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 0x90);
	finish(&c);
	CHECK(!(regs(&c).rflags & 0x200));
	CHECK((regs(&c).rsp & 0xffff) == 0x8000 - 6);
out:
	client_close(&c);
}

static void nmi_reaches_a_halted_guest(void)
{
	static const uint8_t code[] = { 0xfa, 0xf4, 0xeb, 0xfd };	/* cli; hlt; jmp hlt */
	struct client c;

	CHECK(!client_open(&c, provider, true));
	CHECK(!client_load(&c, code, sizeof(code)));
	put_handler(&c, 2);
	CHECK(!c_ioctl(&c, c.cpu, KVM_NMI, NULL));
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 0x90);
out:
	client_close(&c);
}

/* 8259s set up, all but IRQ 4 masked; sti; hlt */
static const uint8_t pic_code[] = {
	0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01,
	0xe6, 0x21, 0xb0, 0xef, 0xe6, 0x21, 0xe6, 0x91, 0xfb, 0xf4, 0xeb, 0xfd,
};

/* As firmware does: the PIC reaches the processor through LINT0. */
static long virtual_wire(struct client *c)
{
	struct kvm_lapic_state l;
	uint32_t ext = 0x700, svr = 0x1ff;
	long err = c_ioctl(c, c->cpu, KVM_GET_LAPIC, &l);

	memcpy(l.regs + 0x350, &ext, 4);
	memcpy(l.regs + 0xf0, &svr, 4);
	return err ? err : c_ioctl(c, c->cpu, KVM_SET_LAPIC, &l);
}

static void irqfd_wakes_a_halted_guest(void)
{
	struct kvm_irqfd f = { .gsi = 4 };
	struct client c;
	struct runner r = { .c = &c };
	uint64_t one = 1;

	f.fd = eventfd(0, EFD_NONBLOCK);
	CHECK(!client_open(&c, provider, true));
	CHECK(!virtual_wire(&c));
	CHECK(!client_load(&c, pic_code, sizeof(pic_code)));
	put_handler(&c, 0x24);
	CHECK(!c_ioctl(&c, c.vm, KVM_IRQFD, &f));
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 0x91);
	pthread_create(&r.thread, NULL, runner_main, &r);
	pause_ms(20);
	CHECK(!r.done);
	CHECK(write(f.fd, &one, 8) == 8);
	for (int i = 0; i < 200 && !r.done; i++)
		pause_ms(10);
	CHECK(r.done);
	pthread_join(r.thread, NULL);
	CHECK(!r.result && c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 0x90);
	f.flags = KVM_IRQFD_FLAG_DEASSIGN;
	CHECK(!c_ioctl(&c, c.vm, KVM_IRQFD, &f));
out:
	close(f.fd);
	client_close(&c);
}

static void triple_fault_is_shutdown(void)
{
	/* lidt [4000h] with limit 0; int3 */
	static const uint8_t code[] = { 0x0f, 0x01, 0x1e, 0x00, 0x40, 0xcc };
	struct client c;

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_SHUTDOWN);
out:
	client_close(&c);
}

static void single_step_exits_each_instruction(void)
{
	static const uint8_t code[] = { 0x90, 0x40, 0x90, 0xf4 };
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP };
	struct client c;

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	CHECK(!c_ioctl(&c, c.cpu, KVM_SET_GUEST_DEBUG, &d));
	for (int i = 1; i <= 3; i++) {
		CHECK(!run(&c));
		CHECK(c.run->exit_reason == KVM_EXIT_DEBUG);
		CHECK(c.run->debug.arch.pc == CODE + (unsigned int)i);
	}
	d.control = 0;
	CHECK(!c_ioctl(&c, c.cpu, KVM_SET_GUEST_DEBUG, &d));
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_HLT && (regs(&c).rax & 0xffff) == 1);
out:
	client_close(&c);
}

static void unmapped_memory_is_efault(void)
{
	static const uint8_t code[] = { 0xa1, 0x00, 0x90, 0xf4 };	/* mov ax, [9000h] */
	struct client c;

	CHECK(!client_open(&c, provider, false));
	CHECK(!client_load(&c, code, sizeof(code)));
	munmap(c.ram + 0x9000, 0x1000);
	CHECK(run(&c) == -EFAULT);
	/* Back again, and the instruction completes. */
	CHECK(mmap(c.ram + 0x9000, 0x1000, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == c.ram + 0x9000);
	c.ram[0x9000] = 0x77;
	CHECK(!run(&c));
	CHECK(c.run->exit_reason == KVM_EXIT_HLT && (regs(&c).rax & 0xffff) == 0x77);
out:
	client_close(&c);
}

/* The handler and the saved registers are in memory that only SMM sees. */
static void smi_runs_a_handler_in_memory_of_its_own(void)
{
	static const uint8_t code[] = { 0xe6, 0x01, 0xe6, 0x02, 0xf4 };	/* out 1; out 2; hlt */
	static const uint8_t handler[] = { 0xe6, 0x07, 0x0f, 0xaa };	/* out 7; rsm */
	struct kvm_userspace_memory_region r = { .slot = 1 << 16, .guest_phys_addr = 0x30000,
						 .memory_size = 0x10000 };
	struct kvm_vcpu_events e;
	uint8_t *smram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct client c;

	CHECK(!client_open(&c, provider, false));
	if (!c_ioctl(&c, c.vm, KVM_CHECK_EXTENSION, NUM(KVM_CAP_X86_SMM)))
		goto out;
	CHECK(c_ioctl(&c, c.vm, KVM_CHECK_EXTENSION, NUM(KVM_CAP_MULTI_ADDRESS_SPACE)) == 2);
	r.userspace_addr = (uintptr_t)smram;
	CHECK(!c_ioctl(&c, c.vm, KVM_SET_USER_MEMORY_REGION, &r));
	memcpy(smram + 0x8000, handler, sizeof(handler));
	CHECK(!client_cpuid(&c) && !client_load(&c, code, sizeof(code)));
	CHECK(!run(&c) && c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 1);
	CHECK(!(c.run->flags & KVM_RUN_X86_SMM));
	CHECK(!c_ioctl(&c, c.cpu, KVM_SMI, NULL));
	CHECK(!c_ioctl(&c, c.cpu, KVM_GET_VCPU_EVENTS, &e) && e.smi.pending && !e.smi.smm);
	CHECK(!run(&c) && c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 7);
	CHECK(c.run->flags & KVM_RUN_X86_SMM);
	CHECK(!c_ioctl(&c, c.cpu, KVM_GET_VCPU_EVENTS, &e) && !e.smi.pending && e.smi.smm);
	CHECK(e.nmi.masked && !e.smi.smm_inside_nmi);
	/* SMBASE and the revision, which says that it may be changed. */
	CHECK(!memcmp(smram + 0xfefc, "\x64\x00\x02\x00\x00\x00\x03\x00", 8));
	CHECK(!c.ram[0x3fefc] && !c.ram[0x38000]);
	CHECK(!run(&c) && c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 2);
	CHECK(!(c.run->flags & KVM_RUN_X86_SMM));
	CHECK(!run(&c) && c.run->exit_reason == KVM_EXIT_HLT);
out:
	munmap(smram, 0x10000);
	client_close(&c);
}

#define T(f) { #f, f }
static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	T(port_io), T(string_io), T(mmio), T(readonly_memory_reads_and_exits_on_writes),
	T(immediate_exit_stops_a_busy_guest), T(immediate_exit_stops_a_halted_guest),
	T(memory_goes_away_under_a_running_guest), T(dirty_log_of_a_running_guest),
	T(ioeventfd_does_not_exit), T(interrupt_window_and_injection),
	T(nmi_reaches_a_halted_guest), T(irqfd_wakes_a_halted_guest),
	T(triple_fault_is_shutdown), T(single_step_exits_each_instruction),
	T(unmapped_memory_is_efault), T(smi_runs_a_handler_in_memory_of_its_own),
};

/* In a process of its own: a guest that never ends must not end the others. */
static bool run_test(void (*fn)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(20);
		fn();
		fflush(stdout);
		_exit(failed ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return false;
	if (WIFSIGNALED(status))
		printf("  %s\n", strsignal(WTERMSIG(status)));
	return !status;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = no_action };
	int bad = 0;

	sigaction(SIGUSR1, &sa, NULL);
	provider = argc > 1 && !strcmp(argv[1], "kvm") ? &kvm_provider_device : &kvm_provider_soft;
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		bool ok;

		if (argc > 2 && strcmp(argv[2], tests[i].name))
			continue;
		ok = run_test(tests[i].fn);
		printf("%s  %s\n", ok ? "pass" : "FAIL", tests[i].name);
		bad += !ok;
	}
	return bad ? 1 : 0;
}
