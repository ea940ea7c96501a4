// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * exits.c - what leaving a guest costs: ticks of the time stamp counter from one
 * instruction that exits to the next, medians of several runs. Under QEMU's
 * -icount a tick is an instruction, and the figures repeat exactly.
 *
 * usage: exits [DEVICE]     prints lines "NAME TICKS"
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOW_BYTES	(2ul << 20)	/* page tables and code */
#define CODE		0x8000ul
#define PML4		0x1000ul
#define PDPT		0x2000ul
#define PD		0x3000ul	/* maps 4 GiB: four pages */
#define FRESH		0x40000000ul	/* memory that nothing has touched */
#define FRESH_BYTES	(64ul << 20)
#define MMIO		0xd0000000ul	/* nothing */
#define HUGE		(2ul << 20)
#define RUNS		9

struct machine {
	int vm, vcpu;
	struct kvm_run *run;
	uint8_t *low, *fresh;
};

/* Guest code: %r15d times what is between top and loop, then port 10h. */
struct load {
	const char *name;
	uint8_t code[16];
	unsigned int len, times;
	uint64_t rax, rsi;
	int user;		/* each exits to user space */
	uint64_t step;		/* touches fresh memory, this far apart; 0: does not */
};

static const struct load loads[] = {
	{ "cpuid", { 0x31, 0xc0, 0x0f, 0xa2 }, 4, 1000, 0, 0, 0, 0 },
	{ "hypercall", { 0xb8, 99, 0, 0, 0, 0x0f, 0x01, 0xd9 }, 8, 1000, 0, 0, 0, 0 },
	{ "rdmsr", { 0xb9, 0x3b, 0, 0, 0, 0x0f, 0x32 }, 7, 1000, 0, 0, 0, 0 },
	{ "pio-user", { 0xe6, 0x80 }, 2, 1000, 0, 0, 1, 0 },
	{ "mmio-user", { 0x8b, 0x06 }, 2, 1000, 0, MMIO, 1, 0 },
	/* mov %al,(%rsi); add $4096,%rsi */
	{ "fault-4k", { 0x88, 0x06, 0x48, 0x81, 0xc6, 0, 0x10, 0, 0 }, 9, 1000, 0, FRESH, 0, 4096 },
	/* mov %al,(%rsi); add $2097152,%rsi */
	{ "fault-2m", { 0x88, 0x06, 0x48, 0x81, 0xc6, 0, 0, 0x20, 0 }, 9, 24, 0, FRESH, 0, HUGE },
};

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static int call(int fd, unsigned long req, void *arg, const char *name)
{
	int r = ioctl(fd, req, arg);

	if (r < 0)
		err(1, "%s", name);
	return r;
}
#define CALL(fd, req, arg) call(fd, req, (void *)(uintptr_t)(arg), #req)

static void *memory(size_t bytes, size_t align)
{
	uint8_t *p = mmap(NULL, bytes + align, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return (void *)(((uintptr_t)p + align - 1) & ~(align - 1));
}

static void slot(const struct machine *m, uint32_t id, uint64_t gpa, void *hva, uint64_t bytes)
{
	struct kvm_userspace_memory_region r = { .slot = id, .guest_phys_addr = gpa,
		.memory_size = bytes, .userspace_addr = (uintptr_t)hva };

	CALL(m->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

/* Identity mapping of 4 GiB in pages of 2 MiB. */
static void tables(uint8_t *low)
{
	uint64_t *pd = (uint64_t *)(low + PD);

	*(uint64_t *)(low + PML4) = PDPT | 3;
	for (unsigned int i = 0; i < 4; i++)
		((uint64_t *)(low + PDPT))[i] = (PD + i * 4096) | 3;
	for (uint64_t i = 0; i < 2048; i++)
		pd[i] = i * HUGE | 0x83;
}

static void long_mode(const struct machine *m)
{
	struct kvm_segment code = { .limit = ~0u, .selector = 8, .type = 11, .present = 1,
				    .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = ~0u, .selector = 16, .type = 3, .present = 1,
				    .db = 1, .s = 1, .g = 1 };
	struct kvm_sregs s;

	CALL(m->vcpu, KVM_GET_SREGS, &s);
	s.cs = code;
	s.ds = s.es = s.ss = s.fs = s.gs = data;
	s.cr0 = 0x80000033;
	s.cr3 = PML4;
	s.cr4 = 0x20;
	s.efer = 0x500;
	CALL(m->vcpu, KVM_SET_SREGS, &s);
}

static void machine_new(struct machine *m, int kvm)
{
	struct {
		struct kvm_cpuid2 c;
		struct kvm_cpuid_entry2 entry[128];
	} cpuid = { .c.nent = 128 };
	int size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	m->vm = CALL(kvm, KVM_CREATE_VM, 0);
	CALL(m->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	CALL(m->vm, KVM_CREATE_IRQCHIP, 0);
	m->low = memory(LOW_BYTES, 4096);
	tables(m->low);
	slot(m, 0, 0, m->low, LOW_BYTES);
	m->vcpu = CALL(m->vm, KVM_CREATE_VCPU, 0);
	m->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		err(1, "mmap of the vCPU");
	CALL(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	CALL(m->vcpu, KVM_SET_CPUID2, &cpuid);
	long_mode(m);
}

/* Memory of the process is there, but not yet in the guest's tables. */
static void fresh_memory(struct machine *m, const struct load *l)
{
	if (!l->step)
		return;
	if (m->fresh)
		slot(m, 1, FRESH, m->fresh, 0);
	else
		m->fresh = memory(FRESH_BYTES, HUGE);
	madvise(m->fresh, FRESH_BYTES, l->step == HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(m->fresh, 1, FRESH_BYTES);
	slot(m, 1, FRESH, m->fresh, FRESH_BYTES);
}

static void write_code(uint8_t *at, const struct load *l)
{
	static const uint8_t end[] = { 0x41, 0xff, 0xcf };	/* dec %r15d */

	memcpy(at, l->code, l->len);
	memcpy(at + l->len, end, sizeof(end));
	at += l->len + sizeof(end);
	at[0] = 0x75;						/* jnz */
	at[1] = -(l->len + sizeof(end) + 2);
	at[2] = 0xe6;						/* out %al,$10h */
	at[3] = 0x10;
}

static uint64_t once(struct machine *m, const struct load *l)
{
	struct kvm_regs r = { .rip = CODE, .rflags = 2, .rsp = 0x7000, .r15 = l->times,
			      .rax = l->rax, .rsi = l->rsi };
	unsigned int exits = 0;
	uint64_t start;

	fresh_memory(m, l);
	CALL(m->vcpu, KVM_SET_REGS, &r);
	start = ticks();
	for (;; exits++) {
		CALL(m->vcpu, KVM_RUN, 0);
		if (m->run->exit_reason == KVM_EXIT_IO && m->run->io.port == 0x10)
			break;
		if (!l->user || (m->run->exit_reason != KVM_EXIT_IO &&
				 m->run->exit_reason != KVM_EXIT_MMIO))
			errx(1, "%s: exit %u", l->name, m->run->exit_reason);
	}
	start = ticks() - start;
	if (l->user && exits != l->times)
		errx(1, "%s: %u exits", l->name, exits);
	return start / l->times;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	int kvm = open(argc > 1 ? argv[1] : "/dev/kvm", O_RDWR | O_CLOEXEC);
	struct machine m = { 0 };
	uint64_t t[RUNS];

	if (kvm < 0)
		err(1, "%s", argc > 1 ? argv[1] : "/dev/kvm");
	machine_new(&m, kvm);
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		write_code(m.low + CODE, &loads[i]);
		for (unsigned int n = 0; n < RUNS; n++)
			t[n] = once(&m, &loads[i]);
		qsort(t, RUNS, sizeof(t[0]), compare);
		printf("%s %llu\n", loads[i].name, (unsigned long long)t[RUNS / 2]);
	}
	return 0;
}
