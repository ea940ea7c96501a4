/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_emulate.c - the same guest twice, in any mode: by KVM_RUN, that is by
 * cached blocks and TLBs, and instruction by instruction with x86_emulate() and
 * every translation forgotten in between. Both must come to the same end.
 *
 * Input: mode, options, 16 register choices, 48 bytes of descriptors, code.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "core/api/call.h"
#include "core/vm.h"
#include "engine/soft/fpu.h"
#include "port/posix/fault.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/x86_env.h"

#define HEADER	(2 + 16 + 48)
#define STEPS	3000
#define SMBASE	0x30000
#define RUN_NS	3000000	/* endless guests */

struct side {
	struct vm *vm;
	struct vcpu *v;
	struct kvm_run *run;
	u8 *ram;
};

static struct side side[2];
static timer_t alarm_timer;
static struct vcpu *volatile running;

static void on_alarm(int sig)
{
	if (!running)
		return;
	running->interrupted = true;
	vcpu_kick(running);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };

	fault_init();
	for (unsigned int i = 0; i < 2; i++) {
		side[i].ram = mmap(NULL, BED_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		side[i].run = mmap(NULL, API_VCPU_PAGES * 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		require(side[i].ram != MAP_FAILED && side[i].run != MAP_FAILED);
	}
	sigaction(SIGRTMIN, &sa, NULL);
	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	require(!timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &alarm_timer));
	return 0;
}

static void set_alarm(struct vcpu *v, long ns)
{
	struct itimerspec t = { .it_value.tv_nsec = ns };

	running = v;
	timer_settime(alarm_timer, 0, &t, NULL);
}

/* ---- the guest ---- */

static void set_mode(u8 how)
{
	switch (how % 8) {
	case 0: bed_real(); break;
	case 1: bed_protected(0); break;
	case 2: bed_protected(3); break;
	case 3: bed_long(0, true); break;
	case 4: bed_long(3, true); break;
	case 5: bed_long(0, false); break;
	case 6: bed_long(3, false); break;
	case 7: bed_v86(how >> 3 & 3); break;
	}
	/* Page tables are out of reach: what one side has forgotten and the
	 * other has not would both be right. */
	for (u64 p = BED_PT; C->cr0 & X86_CR0_PG && p < BED_PT + 0x4000; p += 4096)
		bed_put64(bed_pte_at(p, 1), 0);
}

static u64 value(u8 pick)
{
	static const u64 v[] = {
		0, 1, ~0ull, BED_DATA, BED_DATA + 0xffe, BED_STACK, BED_GDT, BED_IDT, BED_TSS,
		BED_CODE + 0xff8, BED_CODE, BED_CODE + 16, BED_RAM, 0x80000000, 0xfffffffe, 1ull << 63,
		0x7fffffffffff, 0x800000000000, 0xffff800000000000, SEL_TSS2, SEL_LDT, SEL_FREE,
		SEL_CODE16, SEL_UCODE64 | 3, 0x1f80, 4, 0xffff, 0x10000, 8, 63, 0x101,
		0x80000011,
	};

	return pick & 0x80 ? (u64)(s64)(s8)pick << (pick & 7) * 8 : v[pick & 31];
}

static void set_options(u8 opt)
{
	if (opt & 1)
		C->rflags |= X86_F_TF;
	if (opt & 2)
		C->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
	if (opt & 4)
		C->cr0 |= X86_CR0_AM | X86_CR0_WP | X86_CR0_NE;
	if (opt & 16)
		C->rflags |= X86_F_AC | X86_F_IOPL;
	if (opt & 32)
		C->cr4 |= X86_CR4_UMIP | X86_CR4_DE;
	if (opt & 64)
		C->cr4 |= X86_CR4_FSGSBASE | X86_CR4_SMEP | X86_CR4_SMAP;
	if (opt & 128)
		C->rflags |= X86_F_DF | X86_F_NT;
	C->xcr0 = opt & 2 ? 3 : 1;
}

/*
 * The guest is in SMM, and its RSM leads to where it would have begun, but for
 * what the descriptors' bytes change in the save area.
 */
static void into_smm(const u8 *d)
{
	x86_smm_enter(C);
	for (unsigned int i = 0; i < 6; i++, d += 8)
		if (d[0])
			bed_put(SMBASE + 0xfe00 + ((d[0] | d[1] << 8) & 0x1f8), d + 2, 1 + d[2] % 6);
}

static void guest_from(const u8 *data, size_t n)
{
	size_t len = min(n - HEADER, (size_t)0x1000);

	set_mode(data[0]);
	for (unsigned int i = 0; i < 16; i++)
		if (data[2 + i])
			C->gpr[i] = value(data[2 + i]);
	set_options(data[1]);
	x86_mode_update(C);
	bed_put(BED_GDT + SEL_FREE, data + 18, 48);
	bed_put(BED_IDT + 0x80, data + 18, 48);
	bed_put(BED_CODE, data + HEADER, len);
	bed_put(BED_DATA, data + HEADER, len);
	bed_put(SMBASE + 0x8000, data + HEADER, len);
	/* So that handlers end somewhere: the empty vectors go to a HLT. */
	bed_put(0xf00, "\xf4", 1);
	for (unsigned int i = 0; i < 32; i++) {
		if (C->efer & X86_EFER_LMA)
			bed_idt64(i, SEL_CODE64, 0xf00 + i, 14, 3, 0);
		else if (C->cr0 & X86_CR0_PE)
			bed_idt32(i, bed_gate(SEL_CODE32, 0xf00 + i, 14, 3));
		else
			bed_put32(i * 4, 0xf00 + i);
		bed_put(0xf00 + i, "\xf4", 1);
	}
	if (data[1] & 8)
		into_smm(data + 18);
}

/* ---- the two sides ---- */

static void make(struct side *s)
{
	struct kvm_userspace_memory_region r = { .memory_size = BED_RAM, .userspace_addr = (u64)s->ram };
	static u64 buf[(sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)) / 8];
	struct kvm_cpuid2 *cpuid = (void *)buf;
	struct x86_cpu *c;

	memcpy(s->ram, bed.ram, BED_RAM);
	memset(s->run, 0, API_VCPU_PAGES * 4096);
	require(!vm_new(&engine_soft, &s->vm));
	require(!vm_create_vcpu(s->vm, 0, s->run, &s->v));
	require(!api_dispatch(&vm_calls, s->vm, KVM_SET_USER_MEMORY_REGION, &r));
	r.slot = 1 << 16;
	require(!api_dispatch(&vm_calls, s->vm, KVM_SET_USER_MEMORY_REGION, &r));
	cpuid->nent = 256;
	require(!api_dispatch(&system_calls, (void *)&engine_soft, KVM_GET_SUPPORTED_CPUID, cpuid));
	require(!api_dispatch(&vcpu_calls, s->v, KVM_SET_CPUID2, cpuid));
	c = &s->v->cpu;
	memcpy(c->gpr, C->gpr, sizeof(c->gpr));
	memcpy(c->seg, C->seg, sizeof(c->seg));
	memcpy(c->dr, C->dr, sizeof(c->dr));
	c->cc_res = C->cc_res;
	c->cc_aux = C->cc_aux;
	c->rflags = C->rflags;
	c->cpl = C->cpl;
	c->gdt = C->gdt;
	c->idt = C->idt;
	c->cr0 = C->cr0;
	c->cr3 = C->cr3;
	c->cr4 = C->cr4;
	c->efer = C->efer;
	c->xcr0 = C->xcr0;
	c->fpu = C->fpu;
	c->smm = C->smm;
	c->nmi_masked = C->nmi_masked;
	x86_mode_update(c);
	engine_soft.state_changed(s->v);
}

/* KVM_RUN to its end: 0, or -EINTR when the guest found none. */
static long run_fast(struct side *s)
{
	long r;

	s->v->interrupted = false;
	set_alarm(s->v, RUN_NS);
	r = vcpu_run(s->v);
	set_alarm(NULL, 0);
	require(!r || r == -EINTR, "KVM_RUN: %ld", r);
	return r;
}

static long run_slow(struct side *s)
{
	struct kvm_run *run = s->run;
	int r = RUN_OK;

	for (unsigned int i = 0; i < STEPS && r == RUN_OK; i++) {
		r = x86_emulate(&s->v->cpu, soft_exec_fpu);
		engine_soft.flush(s->v, X86_FLUSH_ALL, 0);
		engine_soft.mode_changed(s->v);
	}
	require(r == RUN_OK || r == RUN_EXIT || r == RUN_HALT || r == RUN_SHUTDOWN, "x86_emulate: %d", r);
	if (r == RUN_HALT)
		run->exit_reason = KVM_EXIT_HLT;
	if (r == RUN_SHUTDOWN)
		run->exit_reason = KVM_EXIT_SHUTDOWN;
	return r == RUN_OK ? -EINTR : 0;
}

static void compare(void)
{
	const struct x86_cpu *a = &side[0].v->cpu, *b = &side[1].v->cpu;
	const struct kvm_run *ra = side[0].run, *rb = side[1].run;

	require(ra->exit_reason == rb->exit_reason, "%u, %u", ra->exit_reason, rb->exit_reason);
	if (ra->exit_reason == KVM_EXIT_MMIO)
		require(!memcmp(&ra->mmio, &rb->mmio, sizeof(ra->mmio)), "%llx %llx", ra->mmio.phys_addr,
			rb->mmio.phys_addr);
	if (ra->exit_reason == KVM_EXIT_IO)
		require(!memcmp(&ra->io, &rb->io, sizeof(ra->io)));
	if (ra->exit_reason == KVM_EXIT_SHUTDOWN)
		return;
	for (unsigned int i = 0; i <= X86_RIP; i++)
		require(a->gpr[i] == b->gpr[i], "register %u: %llx, %llx", i, (long long)a->gpr[i],
			(long long)b->gpr[i]);
	require(x86_rflags(a) == x86_rflags(b), "%llx, %llx", (long long)x86_rflags(a),
		(long long)x86_rflags(b));
	require(a->cpl == b->cpl && a->mode == b->mode && a->cr0 == b->cr0 && a->cr2 == b->cr2 &&
		a->cr3 == b->cr3 && a->cr4 == b->cr4 && a->efer == b->efer && a->shadow == b->shadow &&
		a->smm == b->smm && a->smbase == b->smbase && a->nmi_masked == b->nmi_masked);
	for (unsigned int i = 0; i < X86_NSEG; i++)
		require(a->seg[i].sel == b->seg[i].sel && a->seg[i].base == b->seg[i].base &&
			a->seg[i].limit == b->seg[i].limit && a->seg[i].attr == b->seg[i].attr, "segment %u", i);
	require(a->dr[6] == b->dr[6], "%llx, %llx", (long long)a->dr[6], (long long)b->dr[6]);
	require(!memcmp(&a->fpu, &b->fpu, sizeof(a->fpu)));
	for (u32 i = 0; i < BED_RAM; i += 4096)
		if (memcmp(side[0].ram + i, side[1].ram + i, 4096))
			for (u32 k = i; k < i + 4096; k++)
				require(side[0].ram[k] == side[1].ram[k], "memory at %x", k);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	u64 cr3;

	if (n <= HEADER || n > HEADER + 0x1000)
		return -1;
	guest_from(data, n);
	cr3 = C->cr3;
	make(&side[0]);
	make(&side[1]);
	/* A guest that moves its page tables or sets breakpoints is not compared. */
	if (!run_fast(&side[0]) && !run_slow(&side[1]) && side[0].v->cpu.cr3 == cr3 &&
	    !(side[0].v->cpu.dr[7] & 0xff) && !(side[1].v->cpu.dr[7] & 0xff))
		compare();
	vm_free(side[0].vm);
	vm_free(side[1].vm);
	return 0;
}
