/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System management mode of a virtual machine: SMIs, the second address space,
 * what waits meanwhile, and how KVM's calls show it. The guest is 16-bit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "core/api/call.h"
#include "core/irq/lapic.h"
#include "core/vm.h"
#include "core/x86/cpuid.h"
#include "core/x86/msr.h"
#include "port/posix/fault.h"

#define RAM_SIZE	0x100000ull
#define CODE		0x1000u
#define SMBASE		0x30000u
#define HANDLER		(SMBASE + 0x8000)
#define AREA(at)	(SMBASE + 0x8000 + (at))
#define SMM_SLOT	(1u << 16)

static struct vm *vm;
static struct vcpu *v;
static u8 *ram, *smram;		/* smram: 64 KiB at SMBASE, seen from SMM only */
static u8 pages[2][API_VCPU_PAGES * 4096] __attribute__((aligned(4096)));

static long call(u32 nr, void *arg)
{
	return api_dispatch(&vcpu_calls, v, nr, arg);
}

static void map(u32 id, u64 gpa, u64 len, void *hva, u32 flags)
{
	struct kvm_userspace_memory_region r = { .slot = id, .flags = flags, .guest_phys_addr = gpa,
						 .memory_size = len, .userspace_addr = (u64)hva };

	assert_int_equal(api_dispatch(&vm_calls, vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
}

static struct vcpu *add_vcpu(u32 id)
{
	struct kvm_cpuid_entry2 e[CPUID_ENTRIES_MAX];
	int n = cpuid_supported(&engine_soft, e, CPUID_ENTRIES_MAX);
	struct vcpu *x;

	memset(pages[id], 0, sizeof(pages[id]));
	assert_int_equal(vm_create_vcpu(vm, id, (void *)pages[id], &x), 0);
	assert_int_equal(cpuid_set(x, e, n), 0);
	x->cpu.seg[X86_CS].sel = 0;
	x->cpu.seg[X86_CS].base = 0;
	x->cpu.gpr[X86_RIP] = CODE;
	x->cpu.gpr[X86_RSP] = 0x8000;
	x86_mode_update(&x->cpu);
	return x;
}

static int make(bool irqchip)
{
	assert_int_equal(vm_new(&engine_soft, &vm), 0);
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	smram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(ram != MAP_FAILED && smram != MAP_FAILED);
	map(0, 0, RAM_SIZE, ram, 0);
	/* SMM sees the same, but for its own 64 KiB. */
	map(SMM_SLOT, 0, SMBASE, ram, 0);
	map(SMM_SLOT | 1, SMBASE, 0x10000, smram, KVM_MEM_LOG_DIRTY_PAGES);
	map(SMM_SLOT | 2, SMBASE + 0x10000, RAM_SIZE - SMBASE - 0x10000, ram + SMBASE + 0x10000, 0);
	if (irqchip)
		assert_int_equal(irqs_create(vm), 0);
	v = add_vcpu(0);
	return 0;
}

static int setup(void **state) { return make(false); }
static int setup_irqchip(void **state) { return make(true); }

static int teardown(void **state)
{
	vm_free(vm);
	munmap(ram, RAM_SIZE);
	munmap(smram, 0x10000);
	return 0;
}

#define CODE_AT(gpa, ...) do {							\
	static const u8 code_[] = { __VA_ARGS__ };				\
	memcpy(ram + (gpa), code_, sizeof(code_));				\
} while (0)
#define HANDLER_IS(...) do {							\
	static const u8 code_[] = { __VA_ARGS__ };				\
	memcpy(smram + 0x8000, code_, sizeof(code_));				\
} while (0)
#define OUT(port) 0xe6, port		/* out port, al: an exit to look around at */
#define HLT	0xf4
#define RSM	0x0f, 0xaa

static void run_to(u32 reason)
{
	assert_int_equal(vcpu_run(v), 0);
	assert_int_equal(v->run->exit_reason, reason);
}

static void run_to_port(u16 port)
{
	run_to(KVM_EXIT_IO);
	assert_int_equal(v->run->io.port, port);
}

static void smi(void)
{
	assert_int_equal(call(KVM_SMI, NULL), 0);
}

static void smi_runs_the_handler_and_rsm_returns(void **state)
{
	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(0xb0, 0x42, OUT(7), RSM);		/* mov al, 42h */
	run_to_port(1);
	assert_int_equal(v->run->flags & KVM_RUN_X86_SMM, 0);
	smi();
	run_to_port(7);
	assert_int_equal(v->run->flags & KVM_RUN_X86_SMM, KVM_RUN_X86_SMM);
	assert_int_equal(v->cpu.gpr[X86_RAX] & 0xff, 0x42);
	run_to_port(2);
	assert_int_equal(v->run->flags & KVM_RUN_X86_SMM, 0);
	assert_int_equal(v->cpu.gpr[X86_RAX] & 0xff, 0);
	run_to(KVM_EXIT_HLT);
}

static void smi_during_smm_waits_for_rsm(void **state)
{
	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	smi();
	run_to_port(7);
	smi();
	smi();			/* one waits at most */
	run_to_port(7);
	assert_int_equal(v->cpu.smi_count, 2);
	run_to_port(2);
	run_to(KVM_EXIT_HLT);
	assert_int_equal(v->cpu.smi_count, 2);
}

static void smram_is_seen_in_smm_only(void **state)
{
	/* mov al, [DS:8000h] with DS = 3000h; out; again */
	CODE_AT(CODE, 0xb8, 0x00, 0x30, 0x8e, 0xd8, 0xa0, 0x10, 0x80, OUT(1), 0xa0, 0x10, 0x80,
		0xc6, 0x06, 0x11, 0x80, 0x55, OUT(2), HLT);
	ram[HANDLER + 0x10] = 0x11;
	smram[0x8010] = 0x22;
	/* mov ax, 3000h; mov ds, ax; mov al, [8010h]; mov byte [8012h], 66h; out; rsm */
	HANDLER_IS(0xb8, 0x00, 0x30, 0x8e, 0xd8, 0xeb, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		   0x22, 0xa0, 0x10, 0x80, 0xc6, 0x06, 0x12, 0x80, 0x66, OUT(7), RSM);
	run_to_port(1);			/* its translation is warm now */
	assert_int_equal(v->cpu.gpr[X86_RAX] & 0xff, 0x11);
	smi();
	run_to_port(7);
	assert_int_equal(v->cpu.gpr[X86_RAX] & 0xff, 0x22);
	assert_int_equal(smram[0x8012], 0x66);
	assert_int_equal(ram[HANDLER + 0x12], 0);
	run_to_port(2);
	assert_int_equal(v->cpu.gpr[X86_RAX] & 0xff, 0x11);
	assert_int_equal(ram[HANDLER + 0x11], 0x55);
	assert_int_equal(smram[0x8011], 0xa0);
}

/* The same linear address holds different code in the two. */
static void code_of_one_space_does_not_run_in_the_other(void **state)
{
	memset(ram + HANDLER, 0x90, 64);
	CODE_AT(HANDLER + 8, OUT(1), OUT(2), 0xea, 0x00, 0x80, 0x00, 0x30);	/* jmp 3000:8000 */
	HANDLER_IS(0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, OUT(7), RSM);
	CODE_AT(CODE, 0xea, 0x00, 0x80, 0x00, 0x30);
	for (unsigned int i = 0; i < 3; i++) {
		run_to_port(1);
		smi();
		run_to_port(7);
		run_to_port(2);
	}
}

/* What SMM writes to memory that both have is seen as code outside. */
static void code_written_from_smm_runs(void **state)
{
	CODE_AT(CODE, OUT(1), 0xeb, 0xfc, HLT);		/* out 1; jmp back */
	/* mov byte [CODE + 1], 2; rsm */
	HANDLER_IS(0xc6, 0x06, (CODE + 1) & 0xff, (CODE + 1) >> 8, 0x02, RSM);
	run_to_port(1);
	run_to_port(1);
	smi();
	run_to_port(2);
}

static void dirty_log_of_smram_is_its_own(void **state)
{
	u64 bits = 0;

	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	assert_int_equal(slots_get_dirty(vm, SMM_SLOT | 1, &bits), 0);
	assert_int_equal(bits, 0);
	smi();
	run_to_port(7);
	assert_int_equal(slots_get_dirty(vm, SMM_SLOT | 1, &bits), 0);
	assert_int_equal(bits, 1 << 15);	/* the save area */
	assert_int_equal(slots_get_dirty(vm, 0, &bits), -ENOENT);
}

static void slots_of_smm_may_change_while_in_it(void **state)
{
	static u8 other[0x10000] __attribute__((aligned(4096)));

	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(OUT(7), OUT(8), RSM);
	run_to_port(1);
	smi();
	run_to_port(7);
	memcpy(other, smram, sizeof(other));
	other[0x8003] = 9;			/* OUT(8)'s port */
	map(SMM_SLOT | 1, SMBASE, 0, NULL, 0);
	map(SMM_SLOT | 1, SMBASE, sizeof(other), other, 0);
	run_to_port(9);
	run_to_port(2);
}

static void nothing_at_smbase_is_an_internal_error(void **state)
{
	u64 base = 0x90000000;

	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	assert_int_equal(msr_write(v, 0x9e, base, true), 0);
	run_to_port(1);
	smi();
	run_to(KVM_EXIT_INTERNAL_ERROR);
	assert_int_equal(v->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
	assert_int_equal(v->run->flags & KVM_RUN_X86_SMM, KVM_RUN_X86_SMM);
	/* Memory for the handler, none for the save area. */
	map(SMM_SLOT | 3, base + 0x8000, 0x1000, smram + 0x8000, 0);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(7);
	run_to(KVM_EXIT_INTERNAL_ERROR);
	run_to(KVM_EXIT_INTERNAL_ERROR);
	assert_true(v->cpu.smm);
	assert_int_equal(v->cpu.gpr[X86_RIP], 0x8002);
	/* A base that only user space can give. */
	assert_int_equal(msr_write(v, 0x9e, 1ull << 45, true), 0);
	run_to(KVM_EXIT_INTERNAL_ERROR);
}

static void bad_state_shuts_down(void **state)
{
	u64 cr4 = 1ull << 50;

	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	smi();
	run_to_port(7);
	memcpy(smram + 0xff48, &cr4, 8);
	run_to(KVM_EXIT_SHUTDOWN);
	assert_int_equal(v->run->flags & KVM_RUN_X86_SMM, 0);
}

static void nmi_waits_for_rsm(void **state)
{
	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	CODE_AT(0x2000, OUT(3), 0xcf);		/* NMI handler: out; iret */
	memcpy(ram + 2 * 4, "\x00\x20\x00\x00", 4);
	HANDLER_IS(OUT(7), OUT(8), RSM);
	run_to_port(1);
	smi();
	assert_int_equal(call(KVM_NMI, NULL), 0);	/* SMI goes first */
	run_to_port(7);
	assert_int_equal(call(KVM_NMI, NULL), 0);
	run_to_port(8);
	run_to_port(3);
	assert_false(v->cpu.smm);
	run_to_port(3);				/* two were there */
	run_to_port(2);
}

static void smi_in_an_nmi_keeps_it_masked(void **state)
{
	struct kvm_vcpu_events e;

	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	CODE_AT(0x2000, OUT(3), OUT(4), 0xcf);
	memcpy(ram + 2 * 4, "\x00\x20\x00\x00", 4);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	assert_int_equal(call(KVM_NMI, NULL), 0);
	run_to_port(3);
	assert_int_equal(call(KVM_NMI, NULL), 0);
	smi();
	run_to_port(7);
	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.smi.smm_inside_nmi, 1);
	run_to_port(4);				/* the first goes on */
	run_to_port(3);				/* and the second comes */
	run_to_port(4);
	run_to_port(2);
}

static void events_tell_and_set_smm(void **state)
{
	struct kvm_vcpu_events e, f;

	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.smi.smm | e.smi.pending | e.smi.smm_inside_nmi | e.smi.latched_init, 0);
	smi();
	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.smi.pending, 1);
	e.smi.smm = 1;
	e.smi.smm_inside_nmi = 1;
	e.smi.latched_init = 1;		/* nowhere to latch it */
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &f), 0);
	e.smi.latched_init = 0;
	assert_memory_equal(&e, &f, sizeof(e));
	/* Without the flag nothing of it changes. */
	f.flags &= ~KVM_VCPUEVENT_VALID_SMM;
	f.smi.smm = f.smi.pending = 0;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &f), 0);
	assert_true(v->cpu.smm && v->smi_pending && v->cpu.smm_nmi);
	e.smi.smm = e.smi.pending = 0;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_false(v->cpu.smm || v->smi_pending || v->cpu.smm_nmi);
}

/* The space changes with the flag, whatever was cached. */
static void set_events_changes_the_address_space(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_SMM, .smi = { .smm = 1 } };

	memcpy(ram + HANDLER, (u8 []){ OUT(1), 0xeb, 0xfc }, 4);
	memcpy(smram + 0x8000, (u8 []){ OUT(7), 0xeb, 0xfc }, 4);
	CODE_AT(CODE, 0xea, 0x00, 0x80, 0x00, 0x30);
	run_to_port(1);
	run_to_port(1);
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	run_to_port(7);
	e.smi.smm = 0;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	run_to_port(1);
}

static void translate_reads_the_present_space(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_SMM, .smi = { .smm = 1 } };
	struct kvm_translation t = { .linear_address = 0x5000 };
	u64 one = (u64)(SMBASE + 0x2000) | 7, two = (SMBASE + 0x3000) | 7;

	/* Three levels in both, that end at different pages. */
	for (unsigned int smm = 0; smm < 2; smm++) {
		u8 *base = smm ? smram : ram + SMBASE;
		u64 next = (SMBASE + 0x1000) | 7, page = smm ? 0xb007 : 0xa007;

		memcpy(base, &next, 8);
		memcpy(base + 0x1000, &one, 8);
		memcpy(base + 0x2000, &two, 8);
		memcpy(base + 0x3000 + 5 * 8, &page, 8);
	}
	v->cpu.cr3 = SMBASE;
	v->cpu.cr4 = X86_CR4_PAE;
	v->cpu.efer = X86_EFER_LME | X86_EFER_LMA;
	v->cpu.cr0 |= X86_CR0_PG | X86_CR0_PE;
	v->cpu.seg[X86_CS].attr = 0xa9b;
	x86_mode_update(&v->cpu);
	assert_int_equal(call(KVM_TRANSLATE, &t), 0);
	assert_int_equal(t.physical_address, 0xa000);
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(call(KVM_TRANSLATE, &t), 0);
	assert_int_equal(t.physical_address, 0xb000);
}

static void smm_msrs_are_user_spaces(void **state)
{
	u64 val;

	assert_int_equal(msr_read(v, 0x9e, &val, false), 1);
	assert_int_equal(msr_write(v, 0x9e, 0x40000, false), 1);
	assert_int_equal(msr_read(v, 0x9e, &val, true), 0);
	assert_int_equal(val, 0x30000);
	assert_int_equal(msr_write(v, 0x34, 3, false), 1);
	assert_int_equal(msr_write(v, 0x34, 3, true), 0);
	assert_int_equal(msr_read(v, 0x34, &val, false), 0);
	assert_int_equal(val, 3);
}

static void shadow_puts_smi_off(void **state)
{
	CODE_AT(CODE, OUT(1), 0xfb, OUT(2), OUT(3), HLT);	/* sti; out 2 */
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	run_to_port(2);
	smi();
	/* The OUT is done, and its shadow with it. */
	run_to_port(7);
	run_to_port(3);
	assert_true(v->cpu.rflags & X86_F_IF);
}

/* KVM_INTERRUPT's came first, and is not to be lost to a handler without IF. */
static void interrupt_on_its_way_goes_first(void **state)
{
	struct kvm_interrupt i = { .irq = 0x20 };

	CODE_AT(CODE, 0xfb, OUT(1), OUT(2), HLT);
	CODE_AT(0x2000, OUT(3), 0xcf);
	memcpy(ram + 0x20 * 4, "\x00\x20\x00\x00", 4);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	assert_int_equal(call(KVM_INTERRUPT, &i), 0);
	smi();
	run_to_port(3);
	run_to_port(7);
	run_to_port(2);
}

/* --- with interrupt controllers --- */

static void icr(struct vcpu *from, u32 dest, u32 lo)
{
	lapic_reg_write(from->apic, LAPIC_ICR2, dest << 24);
	lapic_reg_write(from->apic, LAPIC_ICR, lo);
}

#define ICR_SMI		0x4200u
#define ICR_INIT	0x4500u
#define ICR_SIPI	0x4600u

static void smi_wakes_hlt(void **state)
{
	CODE_AT(CODE, HLT, OUT(1), HLT);
	HANDLER_IS(OUT(7), RSM);
	v->mp_state = KVM_MP_STATE_HALTED;
	v->cpu.gpr[X86_RIP] = CODE + 1;
	smi();
	run_to_port(7);
	/* Behind the HLT: nothing restarts it. */
	run_to_port(1);
}

static void smi_comes_by_icr_and_msi(void **state)
{
	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	icr(v, 0, ICR_SMI);
	run_to_port(7);
	assert_int_equal(irq_msi(vm, 0xfee00000, 0x200), 1);
	run_to_port(7);
	run_to_port(2);
}

static void smi_comes_by_a_lvt(void **state)
{
	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(OUT(7), RSM);
	run_to_port(1);
	lapic_reg_write(v->apic, LAPIC_SVR, 0x1ff);
	lapic_reg_write(v->apic, LAPIC_LVT1, 0x200);
	assert_int_equal(lapic_local_deliver(v->apic, LAPIC_LVT1), 1);
	run_to_port(7);
}

static void init_waits_for_rsm(void **state)
{
	struct kvm_vcpu_events e;

	CODE_AT(CODE, OUT(1), OUT(2), HLT);
	HANDLER_IS(OUT(7), OUT(8), RSM);
	run_to_port(1);
	smi();
	run_to_port(7);
	icr(v, 0, ICR_INIT);
	icr(v, 0, ICR_SIPI);		/* lost: nobody waits for it */
	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.smi.latched_init, 1);
	run_to_port(8);
	assert_true(v->cpu.smm);
	/* At the reset vector there is no memory. */
	run_to(KVM_EXIT_INTERNAL_ERROR);
	assert_false(v->cpu.smm);
	assert_int_equal(v->cpu.gpr[X86_RIP], 0xfff0);
	assert_int_equal(v->cpu.seg[X86_CS].base, 0xffff0000);
	assert_int_equal(v->apic->init_sipi, 0);
}

/* A latched INIT is no reason to spin while halted in SMM. */
static void latched_init_does_not_wake_smm(void **state)
{
	CODE_AT(CODE, OUT(1), HLT);
	HANDLER_IS(OUT(7), HLT, OUT(8), RSM);
	run_to_port(1);
	smi();
	run_to_port(7);
	icr(v, 0, ICR_INIT);
	v->interrupted = true;		/* ends the sleep */
	assert_int_equal(vcpu_run(v), -EINTR);
	v->interrupted = false;
	assert_int_equal(v->run->exit_reason, KVM_EXIT_INTR);
	assert_true(lapic_init_latched(v));
}

static void latched_init_moves_with_events(void **state)
{
	struct kvm_vcpu_events e;
	struct kvm_mp_state m;

	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	e.smi.smm = 1;
	e.smi.latched_init = 1;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(call(KVM_GET_MP_STATE, &m), 0);
	assert_int_equal(m.mp_state, KVM_MP_STATE_RUNNABLE);
	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.smi.latched_init, 1);
	e.smi.latched_init = 0;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_false(lapic_init_latched(v));
}

static void mp_state_and_smm_exclude_each_other(void **state)
{
	struct kvm_mp_state m = { KVM_MP_STATE_INIT_RECEIVED };
	struct kvm_vcpu_events e;

	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	smi();
	assert_int_equal(call(KVM_SET_MP_STATE, &m), -EINVAL);
	m.mp_state = KVM_MP_STATE_SIPI_RECEIVED;
	assert_int_equal(call(KVM_SET_MP_STATE, &m), -EINVAL);
	m.mp_state = KVM_MP_STATE_HALTED;
	assert_int_equal(call(KVM_SET_MP_STATE, &m), 0);
	e.smi.smm = 1;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	m.mp_state = KVM_MP_STATE_INIT_RECEIVED;
	assert_int_equal(call(KVM_SET_MP_STATE, &m), -EINVAL);
	e.smi.smm = 0;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(call(KVM_SET_MP_STATE, &m), 0);
	e.smi.smm = 1;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	e.smi = (typeof(e.smi)){ .pending = 1 };
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	e.smi.pending = 0;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
}

/* SIPI_RECEIVED is INIT_RECEIVED with a SIPI that waits: its vector may follow. */
static void sipi_received_starts_at_its_vector(void **state)
{
	struct kvm_mp_state m = { KVM_MP_STATE_SIPI_RECEIVED };
	struct kvm_vcpu_events e;

	assert_int_equal(call(KVM_SET_MP_STATE, &m), 0);
	assert_int_equal(call(KVM_GET_VCPU_EVENTS, &e), 0);
	e.flags = KVM_VCPUEVENT_VALID_SIPI_VECTOR;
	e.sipi_vector = 0x12;
	assert_int_equal(call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(call(KVM_GET_MP_STATE, &m), 0);
	assert_int_equal(m.mp_state, KVM_MP_STATE_RUNNABLE);
	assert_int_equal(v->cpu.seg[X86_CS].base, 0x12000);
	assert_int_equal(v->cpu.gpr[X86_RIP], 0);
}

static void init_forgets_a_pending_smi(void **state)
{
	smi();
	icr(v, 0, ICR_INIT);
	assert_int_equal(call(KVM_GET_MP_STATE, &(struct kvm_mp_state){ 0 }), 0);
	assert_false(v->smi_pending);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define A(f) cmocka_unit_test_setup_teardown(f, setup_irqchip, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(smi_runs_the_handler_and_rsm_returns), T(smi_during_smm_waits_for_rsm),
		T(smram_is_seen_in_smm_only), T(code_of_one_space_does_not_run_in_the_other),
		T(code_written_from_smm_runs), T(dirty_log_of_smram_is_its_own),
		T(slots_of_smm_may_change_while_in_it), T(nothing_at_smbase_is_an_internal_error),
		T(bad_state_shuts_down), T(nmi_waits_for_rsm), T(smi_in_an_nmi_keeps_it_masked),
		T(events_tell_and_set_smm), T(set_events_changes_the_address_space),
		T(translate_reads_the_present_space), T(smm_msrs_are_user_spaces),
		T(shadow_puts_smi_off), T(interrupt_on_its_way_goes_first),
		A(smi_wakes_hlt), A(smi_comes_by_icr_and_msi), A(smi_comes_by_a_lvt),
		A(init_waits_for_rsm), A(latched_init_does_not_wake_smm),
		A(latched_init_moves_with_events), A(mp_state_and_smm_exclude_each_other),
		A(sipi_received_starts_at_its_vector), A(init_forgets_a_pending_smi),
	};

	fault_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
