// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model.c - run a block on the model, in one of two ways: by the core's
 * x86_emulate() without any cache, or by the software engine's KVM_RUN.
 */
#include "core/vm.h"
#include "core/x86/flags.h"
#include "core/x86/sys.h"
#include "engine/soft/fpu.h"
#include "engine/soft/soft.h"
#include "tests/diff/diff.h"

#define STEPS_MAX 200000u

bool model_no_fpu;
u64 executed[OP_COUNT];
static volatile unsigned int ticks;

/* The instruction at RIP, if it is one of the block's. */
static bool peek(const struct x86_cpu *c, struct x86_insn *in)
{
	u64 off = c->gpr[X86_RIP] - START_IP;

	return off < MAX_CODE && !x86_decode(in, c->mode, model_code() + START_OFF + off, 15);
}

static u64 run_core(const struct block *b, struct state *out, u64 *undef)
{
	struct x86_cpu *c = machine.core;
	u64 steps = 0, insns = 0, rip;
	struct x86_insn in;
	bool known;
	int r;

	r = x86_emulate(c, NULL);	/* IRET to the program */
	while (r == RUN_OK && c->cpl == 3 && ++steps < STEPS_MAX) {
		known = c->gpr[X86_RIP] - START_IP < b->len && peek(c, &in);
		rip = c->gpr[X86_RIP];
		if (known)
			*undef |= rule_undefined_flags(&in, c);
		r = x86_emulate(c, model_no_fpu ? NULL : soft_exec_fpu);
		/* Repeated ones come back to themselves. */
		if (known && (c->cpl == 0 || c->gpr[X86_RIP] != rip)) {
			executed[in.op]++;
			insns++;
		}
	}
	machine_left(c, b, out);
	if (r || c->cpl == 3)
		out->vector = 1000 + r;		/* matches nothing */
	return insns;
}

/* Flags are known to be defined except after the last instruction. */
static u64 undefined_at_end(const struct block *b, const struct x86_cpu *c)
{
	struct x86_cpu any = { .gpr[X86_RCX] = 31 };
	const struct x86_insn *in = &b->last;
	bool changes_cl = !(in->flags & IN_MEM) && in->rm / 8 == X86_RCX;

	return rule_undefined_flags(in, changes_cl ? &any : c);
}

static u64 run_blocks(const struct block *b, struct state *out, u64 *undef)
{
	struct vcpu *v = machine.v;
	u64 before = soft_of(v)->insns;
	int r;

	ticks = 0;
	v->run->immediate_exit = 0;
	r = vcpu_run(v);
	v->cpu.gpr[X86_RIP]--;		/* back to the HLT */
	machine_left(&v->cpu, b, out);
	*undef = undefined_at_end(b, &v->cpu);
	if (r || v->run->exit_reason != KVM_EXIT_HLT)
		out->vector = 1000 + v->run->exit_reason;	/* matches nothing */
	return soft_of(v)->insns - before;
}

/* Nothing takes as long unless it hangs. */
void model_tick(void)
{
	if (machine.v && ++ticks > 4)
		machine.v->run->immediate_exit = 1;
}

u64 model_run(enum how how, const struct block *b, bool again, const struct state *in,
	      struct state *out, u64 *undef)
{
	struct x86_cpu *c = how == HOW_CORE ? machine.core : &machine.v->cpu;

	*undef = 0;
	if (!again || memcmp(model_code() + START_OFF, b->code, b->len)) {
		machine_code(b);
		/* The engine did not see this process write. */
		engine_soft.memory_written(machine.vm, 0, model_code() - machine.ram, CODE_SIZE);
	}
	machine_enter(c, in);
	return how == HOW_CORE ? run_core(b, out, undef) : run_blocks(b, out, undef);
}
