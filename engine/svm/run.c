// SPDX-License-Identifier: GPL-2.0-or-later
/* run.c - entering the guest. */
#include <linux/context_tracking.h>
#include <linux/hw_breakpoint.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/vtime.h>
#include <asm/debugreg.h>
#include <asm/fpu/xcr.h>
#include "core/x86/flags.h"
#include "engine/svm/svm.h"

#define DR7_ENABLED	0xffu

static void gif(bool on)
{
	if (on)
		asm volatile("stgi" ::: "memory");
	else
		asm volatile("clgi" ::: "memory");
}

/* What the core looks at to see whether an event can be delivered. */
void svm_mirror(struct vcpu *v)
{
	const struct vmcb *b = svm_of(v)->vmcb;

	v->cpu.rflags = (b->s.rflags & ~(u64)X86_F_ARITH) | X86_F_1;
	v->cpu.shadow = b->c.int_state & 1 ? X86_SHADOW_STI : 0;
}

bool svm_inject(struct vcpu *v, const struct x86_event *ev)
{
	static const u32 types[] = {
		[X86_EV_EXC] = VMCB_EV_EXC, [X86_EV_INTR] = VMCB_EV_INTR, [X86_EV_NMI] = VMCB_EV_NMI,
	};
	struct vmcb_control *c = &svm_of(v)->vmcb->c;

	/* A software interrupt is the business of its instruction. */
	if (ev->kind == X86_EV_SOFT || !svm_of(v)->live || c->event_inj & VMCB_EV_VALID)
		return false;
	c->event_inj = VMCB_EV_VALID | types[ev->kind] | ev->vector |
		       (ev->has_err ? VMCB_EV_HAS_ERR | (u64)ev->err << 32 : 0);
	v->injecting = true;
	return true;
}

/* Have the guest stop when it can take what waits. */
static void windows(struct vcpu *v)
{
	struct vmcb_control *c = &svm_of(v)->vmcb->c;

	c->int_ctl = VMCB_INT_MASKING;
	c->intercept1 &= ~(VMCB_I1_VINTR | VMCB_I1_IRET);
	if (vcpu_wants_window(v)) {
		/* A virtual interrupt that nobody gets: it exits when it could
		 * be taken. */
		c->int_ctl |= VMCB_INT_V_IRQ | VMCB_INT_PRIO_MAX | VMCB_INT_IGN_TPR;
		c->int_vector = 0;
		c->intercept1 |= VMCB_I1_VINTR;
	}
	if (v->cpu.nmi_masked)
		c->intercept1 |= VMCB_I1_IRET;
	else if (v->injecting && READ_ONCE(v->nmi_pending))
		smp_send_reschedule(smp_processor_id());	/* exit at once */
}

/* The guest has taken what was injected, or the exit says what of it is left. */
static void injected(struct vcpu *v)
{
	struct vmcb_control *c = &svm_of(v)->vmcb->c;
	u64 ev = c->exit_int_info;
	u8 vector = ev & VMCB_EV_VECTOR;

	/* Software interrupts and breakpoints come again by themselves, when
	 * their instruction is executed again. */
	if (ev & VMCB_EV_VALID && ((ev & VMCB_EV_TYPE) == VMCB_EV_SOFT ||
	    ((ev & VMCB_EV_TYPE) == VMCB_EV_EXC && (vector == X86_BP || vector == X86_OF))))
		ev = 0;
	c->event_inj = ev & VMCB_EV_VALID ? ev : 0;
	v->injecting = c->event_inj;
}

/* An address space identifier that no stale entry of this processor's TLB has. */
static void choose_asid(struct svm_vcpu *sv, struct svm_cpu *cpu)
{
	struct vmcb_control *c = &sv->vmcb->c;
	bool flush = __atomic_exchange_n(&sv->flush, 0, __ATOMIC_SEQ_CST);

	c->tlb_control = VMCB_FLUSH_NONE;
	if (!flush && sv->last_cpu == sv->cpu && sv->asid_gen == cpu->asid_gen)
		return;
	if (cpu->asid_next > cpu->asid_max) {
		cpu->asid_next = 1;
		cpu->asid_gen++;
		c->tlb_control = VMCB_FLUSH_ALL;
	}
	c->asid = cpu->asid_next++;
	sv->asid_gen = cpu->asid_gen;
	sv->last_cpu = sv->cpu;
	c->clean = 0;
}

/* XCR0 is not switched by VMRUN. */
static void xcr0_enter(struct vcpu *v, u64 host)
{
	if (svm_of(v)->vmcb->s.cr4 & X86_CR4_OSXSAVE && v->cpu.xcr0 != host)
		xsetbv(0, v->cpu.xcr0);
}

static void xcr0_leave(struct vcpu *v, u64 host)
{
	u64 now;

	if (!boot_cpu_has(X86_FEATURE_OSXSAVE))
		return;
	now = xgetbv(0);
	/* Not every emulation of SVM lets XSETBV be intercepted. */
	if (svm_of(v)->vmcb->s.cr4 & X86_CR4_OSXSAVE)
		v->cpu.xcr0 = now;
	if (now != host)
		xsetbv(0, host);
}

/* Nor is TSC_AUX, which RDTSCP and RDPID read. */
static void tsc_aux_switch(const struct vcpu *v, const struct svm_cpu *cpu, bool in)
{
	if (boot_cpu_has(X86_FEATURE_RDTSCP) && v->cpu.tsc_aux != cpu->tsc_aux)
		wrmsrl(MSR_TSC_AUX, in ? v->cpu.tsc_aux : cpu->tsc_aux);
}

static void debug_enter(struct vcpu *v)
{
	if (!(svm_of(v)->vmcb->s.dr7 & DR7_ENABLED))
		return;
	set_debugreg(v->cpu.dr[0], 0);
	set_debugreg(v->cpu.dr[1], 1);
	set_debugreg(v->cpu.dr[2], 2);
	set_debugreg(v->cpu.dr[3], 3);
}

static void cross(struct vcpu *v, struct svm_vcpu *sv, struct svm_cpu *cpu)
{
	/* Nothing of RCU is read in there: a quiescent state, as user space is. */
	if (!context_tracking_guest_enter())
		rcu_virt_note_context_switch(sv->cpu);
	svm_enter(v->cpu.gpr, sv->vmcb_pa, cpu->host_pa);
	context_tracking_guest_exit();
}

static void enter_irqoff(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 xcr0 = boot_cpu_has(X86_FEATURE_OSXSAVE) ? xgetbv(0) : 0;

	fpregs_assert_state_consistent();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
	choose_asid(sv, cpu);
	if (cpu->last != sv) {
		cpu->last = sv;
		indirect_branch_prediction_barrier();
	}
	vtime_account_guest_enter();
	gif(false);
	xcr0_enter(v, xcr0);
	debug_enter(v);
	tsc_aux_switch(v, cpu, true);
	cross(v, sv, cpu);
	tsc_aux_switch(v, cpu, false);
	xcr0_leave(v, xcr0);
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
	gif(true);
}

/* RUN_OK: the guest ran, vmcb says why it stopped. RUN_END: it could not. */
static int enter(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	int r = RUN_END;

	preempt_disable();
	local_irq_disable();
	sv->cpu = smp_processor_id();
	/* Whoever kicks sees this, or its request is seen below. */
	smp_store_mb(sv->in_guest, 1);
	svm_mirror(v);
	if (!vcpu_wants_attention(v) && !signal_pending(current) && !need_resched()) {
		windows(v);
		sv->vmcb->c.tsc_offset = v->tsc_offset;
		sv->vmcb->c.ncr3 = svm_tdp(v)->root_pa;
		enter_irqoff(v);
		injected(v);
		sv->exits++;
		r = RUN_OK;
	}
	WRITE_ONCE(sv->in_guest, 0);
	local_irq_enable();
	if (r == RUN_OK)
		vtime_account_guest_exit();
	preempt_enable();
	cond_resched();
	return r;
}

/* An event waits for the end of a shadow that no window announces: NMI, SMI. */
static bool must_step(const struct vcpu *v)
{
	return v->cpu.shadow && ((READ_ONCE(v->nmi_pending) && !v->cpu.nmi_masked) ||
				 (READ_ONCE(v->smi_pending) && !v->cpu.smm));
}

/* One instruction with user space's answer to it. */
static int replay(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	int r = sv->asked_io && sv->live ? svm_exit_io(v) : svm_emulate(v);

	sv->asked_io = false;
	if (r != RUN_EXIT && r >= 0)
		vcpu_io_retired(v);
	return r == RUN_OK ? RUN_END : r;
}

int svm_run(struct vcpu *v)
{
	int r;

	if (vcpu_replaying(v))
		return replay(v);
	if (must_step(v)) {
		r = svm_emulate(v);
		return r == RUN_OK ? RUN_END : r;
	}
	do {
		svm_load(v);
		r = enter(v);
		if (r == RUN_OK)
			r = svm_exit(v);
		if (signal_pending(current))
			WRITE_ONCE(v->interrupted, true);
	} while (r == RUN_OK);
	if (svm_of(v)->live)
		svm_mirror(v);
	return r;
}
