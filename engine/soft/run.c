/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run.c - the interpreter's loop: blocks at full speed, single instructions
 * where something has to be looked at after each. */
#include "core/x86/debug.h"
#include "engine/soft/soft.h"
#include "engine/soft/x87.h"

#define POLL_BLOCKS 2048	/* how often user space's immediate_exit is read */

#define DR6_BD		(1u << 13)
#define DR6_BS		(1u << 14)
#define DR7_ENABLED	0xffu
#define DR7_GD		(1u << 13)

/* An instruction faulted at its start: deliver what it raised. */
static int deliver_fault(struct vcpu *v)
{
	struct x86_exc exc = v->cpu.exc;
	int r;

	v->cpu.watch_hit = 0;
	r = x86_deliver_exc(&v->cpu);

	if (r == RUN_EXIT) {
		v->exc = exc;
		v->exc_injected = true;
		v->io.event = v->io.pending;
	}
	return r == RUN_OK ? RUN_END : r;
}

static int stopped(struct vcpu *v, const struct x86_insn *in, int r)
{
	if (r == RUN_FAULT) {
		v->cpu.gpr[X86_RIP] -= in->len;
		return deliver_fault(v);
	}
	if (r == RUN_EXIT || r < 0)
		v->cpu.gpr[X86_RIP] -= in->len;
	return r;
}

/* RIP is kept in a register here: reading it back from memory after each
 * instruction would make every one wait for the one before. */
static __always_inline int block_exec(struct vcpu *v, struct soft_vcpu *s,
				      const struct soft_block *b)
{
	struct x86_cpu *c = &v->cpu;
	const struct x86_insn *in = b->insn;
	u64 rip = c->gpr[X86_RIP];
	int r;

	s->end = in + b->n;
	s->block = b;
	s->block_rip = rip;
	do {
		rip += in->len;
		c->gpr[X86_RIP] = rip;
		r = in->exec(c, in);
		if (unlikely(r)) {
			s->insns += in - b->insn + (r == RUN_END || r == RUN_HALT);
			return stopped(v, in, r);
		}
	} while (++in < s->end);
	s->insns += in - b->insn;
	return RUN_OK;
}

/* The block that b went to before, when that still holds. */
static __always_inline struct soft_block *follow(const struct soft_vcpu *s,
						 const struct soft_block *b, u64 rip)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct soft_block *n = b->succ[i];

		if (b->succ_epoch[i] == s->epoch && n->lin == rip &&
		    n->version == READ_ONCE(*n->page))
			return n;
	}
	return NULL;
}

static void link_blocks(struct soft_vcpu *s, const struct x86_cpu *c, struct soft_block *b,
			struct soft_block *n)
{
	unsigned int i = b->succ_epoch[0] == s->epoch && b->succ[0] != n;

	/* Neither a block across two pages nor a segment limit is checked in
	 * follow(); what is not in the cache has no page. */
	if (n->crosses || c->mode != X86_MODE64 || !n->page)
		return;
	b->succ[i] = n;
	b->succ_epoch[i] = s->epoch;
}

static int run_blocks(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);
	unsigned int left = POLL_BLOCKS;
	struct soft_block *b = NULL, *n;
	int r;

	do {
		n = b ? follow(s, b, v->cpu.gpr[X86_RIP]) : NULL;
		if (unlikely(!n)) {
			u64 flushes = s->arena_flushes;

			s->block = NULL;	/* a fetch that fails is no instruction's fault */
			r = soft_block_get(v, &n);
			if (unlikely(r))
				return r == RUN_FAULT ? deliver_fault(v) : r;
			if (b && b->page && flushes == s->arena_flushes)
				link_blocks(s, &v->cpu, b, n);
		}
		b = n;
		r = block_exec(v, s, b);
		if (r)
			return r;
	} while (!READ_ONCE(s->interrupt) && --left);
	return RUN_OK;
}

/* --- one at a time --- */

static int debug_exit(struct vcpu *v, u32 vector, u64 dr6)
{
	struct kvm_debug_exit_arch *d = &v->run->debug.arch;

	v->run->exit_reason = KVM_EXIT_DEBUG;
	*d = (struct kvm_debug_exit_arch){ .exception = vector, .dr6 = dr6 | 0xffff0ff0,
					   .pc = v->cpu.gpr[X86_RIP], .dr7 = v->cpu.dr[7] };
	return RUN_EXIT;
}

/* Before an instruction: RUN_OK to execute it. */
static int debug_before(struct vcpu *v, const struct x86_insn *in)
{
	struct x86_cpu *c = &v->cpu;
	u64 lin = c->gpr[X86_RIP];
	u32 hit;

	if (c->mode != X86_MODE64)
		lin = (u32)(lin + c->seg[X86_CS].base);
	if (v->guest_debug & KVM_GUESTDBG_USE_SW_BP && in->op == OP_int3)
		return debug_exit(v, X86_BP, 0);
	if (v->guest_debug & KVM_GUESTDBG_USE_HW_BP) {
		hit = x86_break_exec(v->guest_dr, lin);
		if (v->guest_dr[7] & DR7_GD && (in->op == OP_mov_from_dr || in->op == OP_mov_to_dr))
			hit |= DR6_BD;
		if (hit && !v->bp_passed)
			return debug_exit(v, X86_DB, hit);
	} else if (c->dr[7] & DR7_ENABLED && !(c->rflags & X86_F_RF)) {
		/* Even after MOV SS, on AMD processors. */
		hit = x86_break_exec(c->dr, lin);
		if (hit) {
			x86_raise(c, X86_DB);
			c->exc.dr6 = hit;
			return RUN_FAULT;
		}
	}
	return RUN_OK;
}

/* INTn and its like clear TF on entry to the handler: no trap after them. */
static bool clears_tf(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_int: case OP_int3: case OP_int1: case OP_into:
	case OP_syscall: case OP_sysret:
		return true;
	}
	return false;
}

/* Traps of an instruction that is done: single step, data breakpoints. */
static int trap_after(struct vcpu *v, const struct x86_insn *in, bool tf, int r)
{
	u32 hit = v->cpu.watch_hit;

	v->cpu.watch_hit = 0;
	if (v->guest_debug & KVM_GUESTDBG_SINGLESTEP && !clears_tf(in))
		return debug_exit(v, X86_DB, DR6_BS | hit);
	if (v->guest_debug & KVM_GUESTDBG_USE_HW_BP && hit)
		return debug_exit(v, X86_DB, hit);
	if (tf && !clears_tf(in))
		hit |= DR6_BS;
	if (!hit)
		return r;
	x86_raise(&v->cpu, X86_DB);
	v->cpu.exc.dr6 = hit;
	return deliver_fault(v);
}

/* A breakpoint on a repeated instruction is met once, not with each piece. */
static bool goes_on(const struct x86_cpu *c, const struct x86_insn *in, u64 rip)
{
	return in->flags & (IN_REP | IN_REPNE) && !(in->flags & IN_BRANCH) &&
	       c->gpr[X86_RIP] == rip;
}

static int step(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);
	struct x86_cpu *c = &v->cpu;
	bool tf = c->rflags & X86_F_TF, replay = vcpu_replaying(v);
	u64 rf = c->rflags & X86_F_RF, rip = c->gpr[X86_RIP];
	u32 held = c->watch_hit;
	u8 shadow = c->shadow;
	struct soft_block *b;
	const struct x86_insn *in;
	int r;

	s->block = NULL;
	r = soft_block_get(v, &b);
	if (r)
		return r == RUN_FAULT ? deliver_fault(v) : r;
	in = b->insn;
	if (!replay)
		r = debug_before(v, in);
	if (r)
		return r == RUN_FAULT ? deliver_fault(v) : r;
	c->shadow = 0;
	c->rflags &= ~(u64)X86_F_RF;	/* for one instruction, unless that sets it */
	s->block = b;
	s->block_rip = rip;
	c->gpr[X86_RIP] += in->len;
	s->insns++;
	v->bp_passed = false;
	r = in->exec(c, in);
	if (r == RUN_EXIT || r < 0) {
		c->shadow = shadow;
		c->rflags |= rf;
		c->watch_hit = held;
	}
	if (replay && r != RUN_EXIT && r >= 0)
		vcpu_io_retired(v);
	if (r == RUN_FAULT || r == RUN_EXIT || r < 0)
		return stopped(v, in, r);
	if (c->shadow & X86_SHADOW_MOVSS && !(v->guest_debug & KVM_GUESTDBG_SINGLESTEP))
		return RUN_END;		/* traps wait for the next instruction */
	if (r == RUN_HALT && !tf)
		return r;
	if (goes_on(c, in, rip))
		c->rflags |= X86_F_RF;
	if (tf || c->watch_hit || v->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		return trap_after(v, in, tf, RUN_END);
	return r == RUN_OK ? RUN_END : r;
}

/* Does the next instruction need looking at on its own? */
static bool special(const struct vcpu *v)
{
	const struct x86_cpu *c = &v->cpu;

	return c->shadow || c->rflags & (X86_F_TF | X86_F_RF) || c->dr[7] & DR7_ENABLED ||
	       v->guest_debug || vcpu_replaying(v);
}

/* Safe point: what other vCPUs asked of this one's caches. */
static void soft_housekeeping(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);
	u32 recheck = __atomic_load_n(&((struct soft_vm *)v->vm->engine_vm)->recheck,
				      __ATOMIC_SEQ_CST);

	__atomic_store_n(&s->interrupt, 0, __ATOMIC_SEQ_CST);
	soft_drop_pending(v);
	if (s->waiting)
		soft_wait_drops(v);
	/* Without paging there are no TLB flushes to tell that a device wrote
	 * code; the times the guest was left must do. */
	if (recheck != s->recheck || !v->cpu.paging)
		soft_fetch_flush(s);
	s->recheck = recheck;
}

static int run_loop(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);
	int r;

	soft_housekeeping(v);
	if (vcpu_replaying(v))
		return step(v);
	for (;;) {
		r = special(v) ? step(v) : run_blocks(v);
		if (r != RUN_OK && r != RUN_END)
			return r;
		if (READ_ONCE(s->interrupt) || s->waiting)
			soft_housekeeping(v);
		if (vcpu_wants_attention(v))
			return RUN_END;
	}
}

/* Memory went away under an instruction of the running block: find which. */
static void rewind_fault(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);
	u64 rip = s->block_rip;

	for (unsigned int i = 0; s->block && i < s->block->n; i++) {
		u8 len = s->block->insn[i].len;

		if (rip + len == v->cpu.gpr[X86_RIP]) {
			v->cpu.gpr[X86_RIP] = rip;
			break;
		}
		rip += len;
	}
}

static bool guest_address(struct fault_point *p, u64 addr)
{
	struct vcpu *v = p->arg;

	for (unsigned int as = 0; as < AS_COUNT; as++) {
		const struct slot_table *t = __atomic_load_n(&v->vm->slots.as[as].table,
							     __ATOMIC_ACQUIRE);

		for (u32 i = 0; t && i < t->n; i++)
			if (addr - t->slot[i].hva < t->slot[i].len)
				return true;
	}
	return false;
}

int soft_run(struct vcpu *v)
{
	struct fault_point p = { .claim = guest_address, .arg = v };
	struct x86_fpu *f = &v->cpu.fpu;
	int r;

	if (fault_enter(&p)) {
		rewind_fault(v);
		return -EFAULT;
	}
	/* User space may have set words that no x87 can hold, with which
	 * operations would raise signals on the host's. */
	x87_set_fcw(f, f->fcw);
	x87_set_fsw(f, f->fsw);
	r = run_loop(v);
	fault_leave(&p);
	return r;
}
