/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The software engine and the run loop: small real-mode guests. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/mman.h>
#include "core/api/call.h"
#include "core/vm.h"
#include "core/x86/debug.h"
#include "core/x86/msr.h"
#include "port/posix/fault.h"

#define RAM_SIZE	0x100000ull
#define CODE		0x1000u

struct bed {
	struct vm *vm;
	struct vcpu *v;
	u8 *ram;
};

static void map_ram(struct bed *b, u64 gpa, u32 id, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = id, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = RAM_SIZE, .userspace_addr = (u64)b->ram };

	assert_int_equal(slots_set(b->vm, &r), 0);
}

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct x86_cpu *c;

	assert_int_equal(vm_new(&engine_soft, &b->vm), 0);
	b->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(b->ram != MAP_FAILED);
	map_ram(b, 0, 0, 0);
	assert_int_equal(vcpu_new(b->vm, 0, &b->v), 0);
	b->vm->vcpu[0] = b->v;
	b->vm->n_vcpus = 1;
	b->v->run = aligned_alloc(4096, 3 * 4096);
	memset(b->v->run, 0, 3 * 4096);
	c = &b->v->cpu;
	c->seg[X86_CS].sel = 0;
	c->seg[X86_CS].base = 0;
	c->gpr[X86_RIP] = CODE;
	c->gpr[X86_RSP] = 0x8000;
	x86_mode_update(c);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	b->vm->n_vcpus = 0;
	b->vm->vcpu[0] = NULL;
	free(b->v->run);
	vcpu_free(b->v);
	vm_free(b->vm);
	munmap(b->ram, RAM_SIZE);
	free(b);
	return 0;
}

#define LOAD(b, ...) do { \
	static const u8 code_[] = { __VA_ARGS__ }; \
	memcpy((b)->ram + CODE, code_, sizeof(code_)); } while (0)

static void run_to(struct bed *b, u32 reason)
{
	assert_int_equal(vcpu_run(b->v), 0);
	assert_int_equal(b->v->run->exit_reason, reason);
}

static void hlt_leaves_to_user_space_without_irqchip(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xb8, 0x34, 0x12, 0x05, 0x01, 0x00, 0xf4);	/* mov ax; add; hlt */
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RAX], 0x1235);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 7);
}

static void out_shows_data_and_retires_on_the_next_run(void **state)
{
	struct bed *b = *state;
	struct kvm_run *run = b->v->run;

	LOAD(b, 0xb0, 0x5a, 0xe6, 0x80, 0xf4);		/* mov al; out 80h; hlt */
	run_to(b, KVM_EXIT_IO);
	assert_int_equal(run->io.direction, KVM_EXIT_IO_OUT);
	assert_int_equal(run->io.port, 0x80);
	assert_int_equal(run->io.size, 1);
	assert_int_equal(run->io.count, 1);
	assert_int_equal(*((u8 *)run + run->io.data_offset), 0x5a);
	run_to(b, KVM_EXIT_HLT);
}

static void in_takes_what_user_space_left(void **state)
{
	struct bed *b = *state;
	struct kvm_run *run = b->v->run;

	LOAD(b, 0xe5, 0x60, 0xf4);			/* in ax, 60h; hlt */
	run_to(b, KVM_EXIT_IO);
	assert_int_equal(run->io.direction, KVM_EXIT_IO_IN);
	memcpy((u8 *)run + run->io.data_offset, "\xcd\xab", 2);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RAX] & 0xffff, 0xabcd);
}

static void ins_to_mmio_reads_the_port_once(void **state)
{
	struct bed *b = *state;
	struct kvm_run *run = b->v->run;

	b->v->cpu.seg[X86_ES].base = 0xd00000;
	x86_mode_update(&b->v->cpu);
	LOAD(b, 0xb9, 0x02, 0x00, 0xf3, 0x6d, 0xf4);	/* mov cx, 2; rep insw; hlt */
	for (unsigned int i = 0; i < 2; i++) {
		run_to(b, KVM_EXIT_IO);
		assert_int_equal(run->io.count, 1);
		memcpy((u8 *)run + run->io.data_offset, i ? "\x33\x44" : "\x11\x22", 2);
		run_to(b, KVM_EXIT_MMIO);
		assert_true(run->mmio.is_write);
		assert_int_equal(run->mmio.phys_addr, 0xd00000 + 2 * i);
		assert_memory_equal(run->mmio.data, i ? "\x33\x44" : "\x11\x22", 2);
	}
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RDI], 4);
}

/* No access takes the fast path then, but code that changes must be noticed. */
static void code_changed_while_alignment_is_checked_is_decoded_again(void **state)
{
	struct bed *b = *state;
	struct x86_cpu *c = &b->v->cpu;

	c->cr0 |= X86_CR0_PE | X86_CR0_AM;
	c->cpl = 3;
	for (unsigned int i = X86_ES; i <= X86_GS; i++)
		c->seg[i] = (struct x86_seg){ .limit = ~0u, .sel = 0x23, .attr = 0xcf3 };
	c->seg[X86_CS].attr = 0xcfb;
	c->idt.limit = 0;
	x86_mode_update(c);
	x86_update_rflags(c, X86_F_1 | X86_F_AC);
	assert_true(c->ac_check);
	/* mov byte [CODE + 8], 22h; mov al, 11h; hlt: #GP, and there is no IDT */
	LOAD(b, 0xc6, 0x05, 0x08, 0x10, 0x00, 0x00, 0x22, 0xb0, 0x11, 0xf4);
	run_to(b, KVM_EXIT_SHUTDOWN);
	assert_int_equal((u8)c->gpr[X86_RAX], 0x22);
}

static void immediate_exit_finishes_the_answered_instruction_first(void **state)
{
	struct bed *b = *state;
	struct kvm_run *run = b->v->run;

	LOAD(b, 0xe4, 0x60, 0xb3, 0x01, 0xf4);		/* in al; mov bl; hlt */
	run_to(b, KVM_EXIT_IO);
	*((u8 *)run + run->io.data_offset) = 0x77;
	run->immediate_exit = 1;
	assert_int_equal(vcpu_run(b->v), -EINTR);
	assert_int_equal(run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(b->v->cpu.gpr[X86_RAX] & 0xff, 0x77);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 2);
}

static void code_that_is_nowhere_is_an_internal_error(void **state)
{
	struct bed *b = *state;

	b->v->cpu.seg[X86_CS].base = 0xd00000;
	x86_mode_update(&b->v->cpu);
	run_to(b, KVM_EXIT_INTERNAL_ERROR);
	assert_int_equal(b->v->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
	assert_false(vcpu_replaying(b->v));
}

static void mmio_read_and_write_replay_once_each(void **state)
{
	struct bed *b = *state;
	struct kvm_run *run = b->v->run;

	b->v->cpu.seg[X86_DS].base = 0xd00000;
	x86_mode_update(&b->v->cpu);
	LOAD(b, 0x01, 0x07, 0xf4);			/* add [bx], ax; hlt */
	b->v->cpu.gpr[X86_RAX] = 5;
	run_to(b, KVM_EXIT_MMIO);
	assert_int_equal(run->mmio.phys_addr, 0xd00000);
	assert_int_equal(run->mmio.len, 2);
	assert_false(run->mmio.is_write);
	run->mmio.data[0] = 10;
	run->mmio.data[1] = 0;
	run_to(b, KVM_EXIT_MMIO);
	assert_true(run->mmio.is_write);
	assert_int_equal(run->mmio.data[0], 15);
	run_to(b, KVM_EXIT_HLT);
}

static void string_from_mmio_commits_each_iteration(void **state)
{
	struct bed *b = *state;
	struct x86_cpu *c = &b->v->cpu;

	c->seg[X86_DS].base = 0xd00000;
	x86_mode_update(c);
	LOAD(b, 0xf3, 0xa4, 0xf4);			/* rep movsb; hlt */
	c->gpr[X86_RCX] = 3;
	c->gpr[X86_RDI] = 0x2000;
	for (int i = 0; i < 3; i++) {
		run_to(b, KVM_EXIT_MMIO);
		assert_int_equal(b->v->run->mmio.phys_addr, 0xd00000 + i);
		b->v->run->mmio.data[0] = 'a' + i;
	}
	run_to(b, KVM_EXIT_HLT);
	assert_memory_equal(b->ram + 0x2000, "abc", 3);
	assert_int_equal(c->gpr[X86_RCX], 0);
}

static void code_that_changes_its_next_instruction_runs_the_new_one(void **state)
{
	struct bed *b = *state;

	/* mov byte [CODE+6], 42h; inc ax (becomes inc dx); hlt */
	LOAD(b, 0xc6, 0x06, 0x05, 0x10, 0x42, 0x40, 0xf4);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RAX], 0);
	assert_int_equal(b->v->cpu.gpr[X86_RDX] & 0xffff, 0x601 & 0xffff);
}

static void a_loop_over_changing_code_sees_each_change(void **state)
{
	struct bed *b = *state;

	/* 1: inc byte [imm of mov]; mov al, imm; loop 1b; hlt */
	LOAD(b, 0xfe, 0x06, 0x05, 0x10, 0xb0, 0x00, 0xe2, 0xf8, 0xf4);
	b->v->cpu.gpr[X86_RCX] = 100;
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RAX] & 0xff, 100);
}

static void code_written_by_a_device_is_seen_after_the_exit(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xb0, 0x01, 0xe6, 0x80, 0xeb, 0xfa);	/* 1: mov al; out; jmp 1b */
	run_to(b, KVM_EXIT_IO);
	run_to(b, KVM_EXIT_IO);
	b->ram[CODE + 1] = 0x99;
	run_to(b, KVM_EXIT_IO);
	assert_int_equal(*((u8 *)b->v->run + b->v->run->io.data_offset), 0x99);
}

static void an_instruction_across_pages_sees_changes_in_both(void **state)
{
	struct bed *b = *state;
	u8 *p = b->ram + 0x1fff;

	b->v->cpu.gpr[X86_RIP] = 0x1fff;
	memcpy(p, "\xb0\x07\xf4", 3);			/* mov al, 7; hlt */
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RAX] & 0xff, 7);
	p[1] = 8;
	b->v->cpu.gpr[X86_RIP] = 0x1fff;
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RAX] & 0xff, 8);
	p[0] = 0xb3;					/* mov bl */
	b->v->cpu.gpr[X86_RIP] = 0x1fff;
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RBX] & 0xff, 8);
}

static void fault_while_delivering_double_fault_shuts_down(void **state)
{
	struct bed *b = *state;

	b->v->cpu.idt.limit = 0;
	LOAD(b, 0xcd, 0x20);				/* int 20h */
	run_to(b, KVM_EXIT_SHUTDOWN);
}

static void user_interrupt_is_delivered_through_the_ivt(void **state)
{
	struct bed *b = *state;

	memcpy(b->ram + 4 * 0x21, "\x00\x20\x00\x00", 4);
	b->ram[0x2000] = 0xf4;
	LOAD(b, 0x90, 0xeb, 0xfd);			/* 1: nop; jmp 1b */
	b->v->cpu.rflags |= X86_F_IF;
	b->v->intr_vector = 0x21;
	b->v->intr_injected = true;
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], 0x2001);
	assert_int_equal(b->v->cpu.gpr[X86_RSP], 0x7ffa);
}

static void interrupt_window_opens_one_instruction_after_sti(void **state)
{
	struct bed *b = *state;

	b->v->run->request_interrupt_window = 1;
	LOAD(b, 0x90, 0xfb, 0x40, 0x40, 0xf4);		/* nop; sti; inc ax; inc ax */
	run_to(b, KVM_EXIT_IRQ_WINDOW_OPEN);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 3);
	assert_int_equal(b->v->run->if_flag, 1);
	assert_int_equal(b->v->run->ready_for_interrupt_injection, 1);
}

static void single_step_traps_after_each_instruction(void **state)
{
	struct bed *b = *state;

	memcpy(b->ram + 4 * 1, "\x00\x20\x00\x00", 4);
	b->ram[0x2000] = 0xf4;
	LOAD(b, 0x40, 0x40, 0xf4);
	b->v->cpu.rflags |= X86_F_TF;
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RAX] & 0xffff, 1);
	assert_int_equal(*(u16 *)(b->ram + 0x7ffa), CODE + 1);
}

static void writes_mark_the_dirty_log(void **state)
{
	struct bed *b = *state;
	u64 map[4];

	map_ram(b, 0, 0, KVM_MEM_LOG_DIRTY_PAGES);
	LOAD(b, 0xa3, 0x00, 0x50, 0xf4, 0xa3, 0x00, 0x60, 0xa3, 0x00, 0x50, 0xf4);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(slots_get_dirty(b->vm, 0, map), 0);
	assert_int_equal(map[0], 1 << 5);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(slots_get_dirty(b->vm, 0, map), 0);
	assert_int_equal(map[0], 3 << 5);
}

static struct sigaction our_segv;

static void memory_that_went_away_fails_with_efault(void **state)
{
	struct bed *b = *state;

	/* cmocka puts its own handler in front for the length of a test. */
	sigaction(SIGSEGV, &our_segv, NULL);

	LOAD(b, 0x40, 0xa3, 0x00, 0x50, 0xf4);		/* inc ax; mov [5000], ax */
	mprotect(b->ram + 0x5000, 4096, PROT_NONE);
	assert_int_equal(vcpu_run(b->v), -EFAULT);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 1);
	mprotect(b->ram + 0x5000, 4096, PROT_READ | PROT_WRITE);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(*(u16 *)(b->ram + 0x5000), 1);
}

static void removed_slot_turns_into_mmio(void **state)
{
	struct bed *b = *state;
	struct kvm_userspace_memory_region r = { .slot = 1 };

	map_ram(b, 0x200000, 1, 0);
	b->v->cpu.seg[X86_DS].base = 0x200000;
	x86_mode_update(&b->v->cpu);
	LOAD(b, 0xa1, 0x00, 0x50, 0xf4, 0xa1, 0x00, 0x50);
	run_to(b, KVM_EXIT_HLT);
	r.guest_phys_addr = 0x200000;
	assert_int_equal(slots_set(b->vm, &r), 0);
	run_to(b, KVM_EXIT_MMIO);
	assert_int_equal(b->v->run->mmio.phys_addr, 0x205000);
}

static void write_to_read_only_slot_is_mmio(void **state)
{
	struct bed *b = *state;

	map_ram(b, 0x200000, 1, KVM_MEM_READONLY);
	b->v->cpu.seg[X86_DS].base = 0x200000;
	x86_mode_update(&b->v->cpu);
	LOAD(b, 0xa1, 0x00, 0x50, 0xa3, 0x00, 0x50);
	run_to(b, KVM_EXIT_MMIO);
	assert_true(b->v->run->mmio.is_write);
}

static void locked_add_across_cache_lines(void **state)
{
	struct bed *b = *state;
	u32 v = 0x00ffffff;

	LOAD(b, 0x66, 0xf0, 0x01, 0x06, 0x3e, 0x50, 0xf4);	/* lock add [503e],eax; hlt */
	memcpy(b->ram + 0x503e, &v, 4);
	b->v->cpu.gpr[X86_RAX] = 0x01000002;
	run_to(b, KVM_EXIT_HLT);
	memcpy(&v, b->ram + 0x503e, 4);
	assert_int_equal(v, 0x02000001);
	assert_int_equal(b->ram[0x5042], 0);
}

/* --- breakpoints --- */

#define DB_HANDLER	0x2000u
#define BP_HANDLER	0x2100u
#define WATCHED		0x5000u
enum { ON_WRITE = 1, ON_IO = 2, ON_ACCESS = 3 };

/* DR0 says addr; len as DR7 encodes it. The handlers of #DB and #BP halt. */
static void watch(struct bed *b, u64 addr, unsigned int type, unsigned int len)
{
	static const u16 db[2] = { DB_HANDLER }, bp[2] = { BP_HANDLER };

	memcpy(b->ram + 4 * X86_DB, db, 4);
	memcpy(b->ram + 4 * X86_BP, bp, 4);
	b->ram[DB_HANDLER] = 0xf4;
	b->ram[BP_HANDLER] = 0xf4;
	b->v->cpu.dr[0] = addr;
	b->v->cpu.dr[7] = 0x402 | type << 16 | len << 18;
	x86_debug_changed(&b->v->cpu);
}

/* The #DB handler was reached, from ip, with these bits in DR6. */
static void assert_trapped(struct bed *b, u16 ip, u32 dr6)
{
	u16 pushed;

	assert_int_equal(b->v->cpu.gpr[X86_RIP], DB_HANDLER + 1);
	memcpy(&pushed, b->ram + b->v->cpu.gpr[X86_RSP], 2);
	assert_int_equal(pushed, ip);
	assert_int_equal(b->v->cpu.dr[6] & 0xe00f, dr6);
}

static void fpu_state_that_cannot_be_is_put_right(void **state)
{
	struct bed *b = *state;
	struct kvm_fpu f;

	/* fninit was not executed: an unmasked exception, but no summary bit. */
	LOAD(b, 0xd8, 0x06, 0x00, 0x20, 0xdf, 0xe0, 0xf4);	/* fadd m32; fnstsw; hlt */
	assert_int_equal(api_dispatch(&vcpu_calls, b->v, KVM_GET_FPU, &f), 0);
	f.fcw = 0;
	f.fsw = 0x3f;
	assert_int_equal(api_dispatch(&vcpu_calls, b->v, KVM_SET_FPU, &f), 0);
	b->v->cpu.cr0 |= X86_CR0_NE;
	memcpy(b->ram + 16 * 4, "\x00\x18\x00\x00", 4);	/* #MF at 1800h */
	memcpy(b->ram + 0x1800, "\xdf\xe0\xf4", 3);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], 0x1803);
	assert_int_equal(b->v->cpu.gpr[X86_RAX] & 0xffff, 0x80bf);
}

static void write_breakpoint_traps_after_the_write(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xa3, 0x02, 0x50, 0xa1, 0x00, 0x50,	/* mov [5002],ax; mov ax,[5000] */
	     0xa3, 0x00, 0x50, 0xf4);			/* mov [5000],ax; hlt */
	watch(b, WATCHED, ON_WRITE, 1);
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, CODE + 9, 1);
}

static void access_breakpoint_traps_after_the_read(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xa1, 0x02, 0x50, 0xa1, 0x00, 0x50, 0xf4);
	watch(b, WATCHED, ON_ACCESS, 0);
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, CODE + 6, 1);
}

static void breakpoint_sees_any_overlap(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xa2, 0xfd, 0x4f, 0xa2, 0x08, 0x50,	/* mov [4ffd],al; mov [5008],al */
	     0x66, 0xa3, 0xfd, 0x4f, 0xf4);		/* mov [4ffd],eax; hlt */
	watch(b, WATCHED + 3, ON_WRITE, 2);		/* 8 bytes from 5000 */
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, CODE + 10, 1);
}

static void mov_ss_holds_its_trap_for_one_instruction(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0x8e, 0x16, 0x00, 0x50, 0x40, 0x40, 0xf4);	/* mov ss,[5000]; inc ax twice */
	watch(b, WATCHED, ON_ACCESS, 1);
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, CODE + 5, 1);
}

static void trap_held_by_mov_ss_comes_in_the_handler_of_int3(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0x8e, 0x16, 0x00, 0x50, 0xcc, 0xf4);
	watch(b, WATCHED, ON_ACCESS, 1);
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, BP_HANDLER, 1);
}

static void repeated_store_stops_at_the_breakpoint(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xf3, 0xaa, 0xf4);			/* rep stosb; hlt */
	b->v->cpu.gpr[X86_RCX] = 4;
	b->v->cpu.gpr[X86_RDI] = WATCHED - 2;
	watch(b, WATCHED, ON_WRITE, 0);
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, CODE, 1);
	assert_int_equal(b->v->cpu.gpr[X86_RCX], 1);
}

static void single_step_traps_after_each_element(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xf3, 0xaa, 0xf4);
	watch(b, 0, ON_WRITE, 0);
	b->v->cpu.gpr[X86_RCX] = 4;
	b->v->cpu.gpr[X86_RDI] = WATCHED;
	b->v->cpu.rflags |= X86_F_TF;
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, CODE, 0x4000);
	assert_int_equal(b->v->cpu.gpr[X86_RCX], 3);
}

static void port_breakpoint_needs_cr4_de(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xe4, 0x60, 0xf4);			/* in al,60h; hlt */
	watch(b, 0x60, ON_IO, 0);
	run_to(b, KVM_EXIT_IO);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 3);
	b->v->cpu.gpr[X86_RIP] = CODE;
	b->v->cpu.cr4 |= X86_CR4_DE;
	run_to(b, KVM_EXIT_IO);
	run_to(b, KVM_EXIT_HLT);
	assert_trapped(b, CODE + 2, 1);
}

static void disabled_breakpoint_does_nothing(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xa3, 0x00, 0x50, 0xf4);
	watch(b, WATCHED, ON_WRITE, 1);
	b->v->cpu.dr[7] &= ~3ull;
	x86_debug_changed(&b->v->cpu);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 4);
}

static void debuggers_watchpoint_ends_the_run(void **state)
{
	struct bed *b = *state;
	struct kvm_debug_exit_arch *d = &b->v->run->debug.arch;

	LOAD(b, 0xa3, 0x02, 0x50, 0xa3, 0x00, 0x50, 0xf4);
	watch(b, WATCHED + 2, ON_WRITE, 1);		/* the guest's own gives way */
	b->v->guest_debug = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	b->v->guest_dr[1] = WATCHED;
	b->v->guest_dr[7] = 1 << 2 | ON_WRITE << 20;
	x86_debug_changed(&b->v->cpu);
	run_to(b, KVM_EXIT_DEBUG);
	assert_int_equal(d->pc, CODE + 6);
	assert_int_equal(d->exception, X86_DB);
	assert_int_equal(d->dr6 & 0xf, 2);
	run_to(b, KVM_EXIT_HLT);
}

static void debugger_is_told_of_debug_register_accesses(void **state)
{
	struct bed *b = *state;
	struct kvm_debug_exit_arch *d = &b->v->run->debug.arch;

	LOAD(b, 0x90, 0x0f, 0x21, 0xc0, 0xf4);		/* nop; mov eax, dr0; hlt */
	b->v->guest_debug = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	b->v->guest_dr[7] = 1 << 13;
	run_to(b, KVM_EXIT_DEBUG);
	assert_int_equal(d->pc, CODE + 1);
	assert_int_equal(d->dr6, 0xffff0ff0 | 1 << 13);
	b->v->guest_debug = 0;
	run_to(b, KVM_EXIT_HLT);
}

static void debugger_keeps_interrupts_out(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0x90, 0x90, 0xf4);
	memcpy(b->ram + 2 * 4, "\x00\x20\x00\x00", 4);	/* NMI: 2000h, hlt */
	b->ram[0x2000] = 0xf4;
	b->v->nmi_pending = 1;
	b->v->guest_debug = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
			    KVM_GUESTDBG_BLOCKIRQ;
	run_to(b, KVM_EXIT_DEBUG);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 1);
	b->v->guest_debug = 0;
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->cpu.gpr[X86_RIP], 0x2001);
}

/* The run ends after the instruction, and only where user space wants that. */
static void split_lock_ends_the_run(void **state)
{
	static const u16 at[] = { 0x303f, 0x3fff, 0x3000 };
	struct bed *b = *state;

	/* lock inc word [at]; inc ax; hlt */
	for (unsigned int i = 0; i < 6; i++) {
		const u8 code[] = { 0xf0, 0xff, 0x06, at[i % 3] & 0xff, at[i % 3] >> 8, 0x40, 0xf4 };

		memcpy(b->ram + CODE, code, sizeof(code));
		b->v->cpu.gpr[X86_RIP] = CODE;
		b->v->cpu.gpr[X86_RAX] = 0;
		b->ram[at[i % 3]] = 0;
		b->vm->engine->state_changed(b->v);
		b->vm->bus_lock_exits = i >= 3;
		if (i == 3 || i == 4) {
			run_to(b, KVM_EXIT_X86_BUS_LOCK);
			assert_true(b->v->run->flags & KVM_RUN_X86_BUS_LOCK);
			assert_int_equal(b->v->cpu.gpr[X86_RIP], CODE + 5);
			assert_int_equal(b->v->cpu.gpr[X86_RAX], 0);
		}
		assert_int_equal(b->ram[at[i % 3]], i == 3 || i == 4);
		run_to(b, KVM_EXIT_HLT);
		assert_false(b->v->run->flags & KVM_RUN_X86_BUS_LOCK);
		assert_int_equal(b->ram[at[i % 3]], 1);
		assert_int_equal(b->v->cpu.gpr[X86_RAX], 1);
	}
}

static void run_tells_apic_base_without_a_local_apic(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xf4);
	assert_int_equal(msr_write(b->v, 0x1b, 0xfed00900, true), 0);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->run->apic_base, 0xfed00900);
	/* wrmsr; hlt: the guest may move it too */
	LOAD(b, 0x0f, 0x30, 0xf4);
	b->v->cpu.gpr[X86_RIP] = CODE;
	b->v->cpu.gpr[X86_RCX] = 0x1b;
	b->v->cpu.gpr[X86_RAX] = 0xfee00800;
	b->v->cpu.gpr[X86_RDX] = 0;
	b->vm->engine->state_changed(b->v);
	run_to(b, KVM_EXIT_HLT);
	assert_int_equal(b->v->run->apic_base, 0xfee00800);
}

static void halted_guest_may_stay_inside(void **state)
{
	struct bed *b = *state;

	LOAD(b, 0xf4, 0x90, 0xf4);
	memcpy(b->ram + 2 * 4, "\x00\x20\x00\x00", 4);
	memcpy(b->ram + 0x2000, "\xe6\x80", 2);	/* NMI: out 80h, al */
	b->vm->hlt_in_guest = true;
	b->v->run->immediate_exit = 0;
	b->v->nmi_pending = 1;
	b->v->cpu.nmi_masked = false;
	run_to(b, KVM_EXIT_IO);
	assert_int_equal(b->v->mp_state, KVM_MP_STATE_RUNNABLE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(hlt_leaves_to_user_space_without_irqchip),
		T(out_shows_data_and_retires_on_the_next_run),
		T(in_takes_what_user_space_left),
		T(fpu_state_that_cannot_be_is_put_right), T(write_breakpoint_traps_after_the_write),
		T(access_breakpoint_traps_after_the_read),
		T(breakpoint_sees_any_overlap),
		T(mov_ss_holds_its_trap_for_one_instruction),
		T(trap_held_by_mov_ss_comes_in_the_handler_of_int3),
		T(repeated_store_stops_at_the_breakpoint),
		T(single_step_traps_after_each_element),
		T(port_breakpoint_needs_cr4_de),
		T(disabled_breakpoint_does_nothing),
		T(debuggers_watchpoint_ends_the_run),
		T(debugger_is_told_of_debug_register_accesses),
		T(debugger_keeps_interrupts_out), T(split_lock_ends_the_run),
		T(run_tells_apic_base_without_a_local_apic), T(halted_guest_may_stay_inside),
		T(ins_to_mmio_reads_the_port_once), T(locked_add_across_cache_lines),
		T(code_changed_while_alignment_is_checked_is_decoded_again),
		T(immediate_exit_finishes_the_answered_instruction_first),
		T(mmio_read_and_write_replay_once_each),
		T(code_that_is_nowhere_is_an_internal_error),
		T(string_from_mmio_commits_each_iteration),
		T(code_that_changes_its_next_instruction_runs_the_new_one),
		T(a_loop_over_changing_code_sees_each_change),
		T(code_written_by_a_device_is_seen_after_the_exit),
		T(an_instruction_across_pages_sees_changes_in_both),
		T(fault_while_delivering_double_fault_shuts_down),
		T(user_interrupt_is_delivered_through_the_ivt),
		T(interrupt_window_opens_one_instruction_after_sti),
		T(single_step_traps_after_each_instruction),
		T(writes_mark_the_dirty_log),
		T(memory_that_went_away_fails_with_efault),
		T(removed_slot_turns_into_mmio),
		T(write_to_read_only_slot_is_mmio),
	};

	fault_init();
	sigaction(SIGSEGV, NULL, &our_segv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
