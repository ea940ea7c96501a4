/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - KVM_RUN: requests, sleeping, events, the engine, and what user space
 * is told.
 *
 * v->in_guest is 1 from the start to the end of a run, but for sleeping. The
 * moment at which requests are taken is a safe point: the vCPU then holds no
 * slot and no host address (slots_set waits for that).
 */
#include "core/vm.h"
#include "core/api/pv.h"

bool vcpu_replaying(const struct vcpu *v)
{
	return v->io.n || v->io.pio_done || v->io.msr_done || v->io.call_done;
}

/* User space has answered: let the instruction find it when it runs again. */
static void io_complete(struct vcpu *v)
{
	struct vcpu_io *io = &v->io;

	if (io->pending) {
		struct vcpu_frag *f = &io->frag[io->n - 1];

		if (!f->write)
			memcpy(f->data, v->run->mmio.data, f->len);
		f->done = true;
		io->pending = false;
	}
	if (io->pio_pending) {
		io->pio_pending = false;
		io->pio_done = true;
	}
	if (io->msr_pending) {
		io->msr_pending = false;
		io->msr_done = true;
	}
	if (io->call_pending) {
		io->call_pending = false;
		io->call_done = true;
	}
	if (v->hv)
		hv_exit_answered(v);
	io->cursor = 0;
}

void vcpu_io_retired(struct vcpu *v)
{
	v->io.n = 0;
	v->io.cursor = 0;
	v->io.pio_done = v->io.msr_done = v->io.call_done = v->io.event = false;
}

static bool intr_window_open(const struct vcpu *v)
{
	return v->cpu.rflags & X86_F_IF && !v->cpu.shadow && !v->exc_pending &&
	       !v->exc_injected && !v->nmi_injected;
}

static bool nmi_window_open(const struct vcpu *v)
{
	return !v->cpu.nmi_masked && !v->cpu.shadow;
}

/* A shadow puts it off as well: which instruction has one is not saved. What
 * KVM_INTERRUPT gave is on its way already. */
static bool smi_window_open(const struct vcpu *v)
{
	return !v->cpu.smm && !v->cpu.shadow &&
	       !(v->intr_injected && v->vm->irqs.mode == IRQCHIP_NONE);
}

/* An external interrupt that no in-kernel controller provides: KVM_INTERRUPT. */
static bool user_intr_queued(const struct vcpu *v)
{
	return v->intr_injected;
}

/* Would KVM_INTERRUPT arrive now? */
static bool user_may_inject(struct vcpu *v)
{
	return v->vm->irqs.mode != IRQCHIP_KERNEL && intr_window_open(v) &&
	       !user_intr_queued(v) && !vcpu_replaying(v) &&
	       (v->vm->irqs.mode == IRQCHIP_NONE || vcpu_accepts_extint(v));
}

static bool user_wants_window(struct vcpu *v)
{
	return v->run->request_interrupt_window && user_may_inject(v);
}

bool vcpu_wants_window(struct vcpu *v)
{
	return user_intr_queued(v) || (v->apic && vcpu_intr_pending(v)) ||
	       (v->run->request_interrupt_window && v->vm->irqs.mode != IRQCHIP_KERNEL);
}

/* What was accepted already, or the last instruction's own doing. */
static bool event_owed(const struct vcpu *v)
{
	return v->exc_pending || v->exc_injected || v->nmi_injected ||
	       (user_intr_queued(v) && v->vm->irqs.mode == IRQCHIP_NONE);
}

static bool intr_arrived(struct vcpu *v)
{
	if (!intr_window_open(v))
		return false;
	return user_intr_queued(v) ? vcpu_accepts_extint(v) : v->apic && vcpu_intr_pending(v);
}

static bool event_arrived(struct vcpu *v)
{
	if (READ_ONCE(v->smi_pending) && smi_window_open(v))
		return true;
	if (READ_ONCE(v->nmi_pending) && nmi_window_open(v))
		return true;
	return intr_arrived(v);
}

/* A debugger may keep new interrupts out while it steps. */
static bool irqs_blocked(const struct vcpu *v)
{
	return v->guest_debug & KVM_GUESTDBG_BLOCKIRQ;
}

static bool event_deliverable(struct vcpu *v)
{
	/* What the hardware delivers comes first. */
	if (v->injecting)
		return false;
	return event_owed(v) || (!irqs_blocked(v) && event_arrived(v)) || user_wants_window(v);
}

/* It ends HLT, blocked or not. */
static bool event_wakes(struct vcpu *v)
{
	return event_deliverable(v) || event_arrived(v);
}

/* User space wants KVM_RUN to end. */
static bool interrupted(const struct vcpu *v)
{
	return READ_ONCE(v->run->immediate_exit) || READ_ONCE(v->interrupted);
}

bool vcpu_wants_attention(struct vcpu *v)
{
	return READ_ONCE(v->requests) || event_deliverable(v) || interrupted(v);
}

/* Put an event back that could not be delivered yet (its stack is MMIO). */
static int deliver(struct vcpu *v, const struct x86_event *ev, bool *again)
{
	int r;

	*again = false;
	if (v->vm->engine->inject && v->vm->engine->inject(v, ev))
		return RUN_OK;
	vcpu_fetch(v);
	r = x86_deliver_event(&v->cpu, ev);
	*again = r == RUN_EXIT || r < 0;
	return r;
}

static int inject_exc(struct vcpu *v)
{
	int r;

	vcpu_fetch(v);
	v->cpu.exc = v->exc;
	r = x86_deliver_exc(&v->cpu);
	v->exc_pending = false;
	v->exc_injected = r == RUN_EXIT || r < 0;
	return r;
}

static int inject_nmi(struct vcpu *v)
{
	static const struct x86_event nmi = { .kind = X86_EV_NMI, .vector = X86_NMI };
	bool again;
	int r;

	if (!v->nmi_injected)
		__atomic_fetch_sub(&v->nmi_pending, 1, __ATOMIC_SEQ_CST);
	v->cpu.nmi_masked = true;
	v->stat[STAT_NMIS] += !v->io.event;
	/* One more may wait for IRET; senders on other threads can have raced. */
	if (READ_ONCE(v->nmi_pending) > 1)
		WRITE_ONCE(v->nmi_pending, 1);
	r = deliver(v, &nmi, &again);
	v->nmi_injected = again;
	return r;
}

static int inject_intr(struct vcpu *v)
{
	struct x86_event ev = { .kind = v->intr_soft ? X86_EV_SOFT : X86_EV_INTR };
	bool again;
	int vector, r;

	if (!v->intr_injected) {
		vector = vcpu_intr_ack(v);
		if (vector < 0)
			return RUN_OK;
		v->intr_vector = vector;
	}
	ev.vector = v->intr_vector;
	v->stat[STAT_IRQS] += !v->io.event;
	r = deliver(v, &ev, &again);
	v->intr_injected = again;
	if (!again)
		v->intr_soft = false;
	return r;
}

static int inject_first(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (v->injecting)
		return RUN_OK;
	if (v->exc_pending || v->exc_injected)
		return inject_exc(v);
	if (READ_ONCE(v->smi_pending) && smi_window_open(v) && !v->nmi_injected &&
	    !irqs_blocked(v)) {
		WRITE_ONCE(v->smi_pending, false);
		vcpu_fetch(v);
		x86_smm_enter(&v->cpu);
		return RUN_OK;
	}
	if (v->nmi_injected ||
	    (READ_ONCE(v->nmi_pending) && nmi_window_open(v) && !irqs_blocked(v)))
		return inject_nmi(v);
	if (event_owed(v) || (!irqs_blocked(v) && intr_arrived(v)))
		return inject_intr(v);
	if (user_wants_window(v)) {
		run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		return RUN_EXIT;
	}
	return RUN_OK;
}

/* RUN_OK: enter the guest now. */
static int inject(struct vcpu *v)
{
	int r = inject_first(v);

	/* When user space has answered, the delivery is taken up again. */
	if (r == RUN_EXIT && v->io.pending)
		v->io.event = true;
	else
		vcpu_io_retired(v);
	return r;
}

/* --- INIT, SIPI, HLT --- */

void vcpu_take_init_sipi(struct vcpu *v)
{
	struct x86_seg *cs = &v->cpu.seg[X86_CS];
	unsigned int what;

	/* SMM holds INIT back, and loses SIPI. */
	if (v->cpu.smm) {
		lapic_drop_sipi(v);
		return;
	}
	what = lapic_take_init_sipi(v);

	vcpu_fetch(v);
	if (what & LAPIC_INIT) {
		x86_reset(&v->cpu, true);
		lapic_reset(v, true);
		pv_reset(v);
		vcpu_io_retired(v);
		v->exc_pending = v->exc_injected = v->nmi_injected = v->intr_injected = false;
		WRITE_ONCE(v->nmi_pending, 0);
		WRITE_ONCE(v->smi_pending, false);
		v->mp_state = v->id == v->vm->boot_cpu_id ? KVM_MP_STATE_RUNNABLE :
							    KVM_MP_STATE_INIT_RECEIVED;
		if (v->vm->engine->state_changed)
			v->vm->engine->state_changed(v);
	}
	if (what & LAPIC_SIPI && v->mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		cs->sel = v->sipi_vector << 8;
		cs->base = (u64)v->sipi_vector << 12;
		v->cpu.gpr[X86_RIP] = 0;
		x86_mode_update(&v->cpu);
		v->mp_state = KVM_MP_STATE_RUNNABLE;
	}
}

static bool vcpu_ready(void *arg)
{
	struct vcpu *v = arg;

	if (interrupted(v) || READ_ONCE(v->requests) & ~(u32)REQ_EVENT)
		return true;
	if (lapic_has_init_sipi(v) && !v->cpu.smm)
		return true;
	return v->mp_state == KVM_MP_STATE_HALTED &&
	       (event_wakes(v) || __atomic_load_n(&v->unhalt, __ATOMIC_SEQ_CST));
}

static void guest_leave(struct vcpu *v)
{
	__atomic_store_n(&v->in_guest, 0, __ATOMIC_SEQ_CST);
}

static void guest_enter(struct vcpu *v)
{
	__atomic_store_n(&v->in_guest, 1, __ATOMIC_SEQ_CST);
}

/* Until something is to do. 0 or -EINTR. */
static int vcpu_sleep(struct vcpu *v)
{
	int err;

	pv_steal_leave(v);
	guest_leave(v);
	err = host_wait_sleep(&v->wait, vcpu_ready, v);
	guest_enter(v);
	return err;
}

static void wake_up(struct vcpu *v)
{
	__atomic_store_n(&v->unhalt, 0, __ATOMIC_SEQ_CST);
	v->stat[STAT_WAKEUPS]++;
	v->mp_state = KVM_MP_STATE_RUNNABLE;
}

static bool guest_halted(struct vcpu *v)
{
	if (lapic_has_init_sipi(v))
		vcpu_take_init_sipi(v);
	if (v->mp_state == KVM_MP_STATE_RUNNABLE)
		return false;
	if (v->mp_state == KVM_MP_STATE_HALTED &&
	    (event_wakes(v) || __atomic_load_n(&v->unhalt, __ATOMIC_SEQ_CST))) {
		wake_up(v);
		return false;
	}
	return true;
}

/* --- the loop --- */

/* Split irqchip: one EOI an exit. Asked again until there is none left. */
static int tell_eoi(struct vcpu *v)
{
	int vector = v->apic ? lapic_take_eoi_exit(v) : -1;

	if (vector < 0)
		return RUN_OK;
	vcpu_request(v, REQ_IOAPIC_EOI);
	v->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	v->run->eoi.vector = vector;
	return RUN_EXIT;
}

static u32 requests(struct vcpu *v)
{
	return __atomic_exchange_n(&v->requests, 0, __ATOMIC_SEQ_CST);
}

/* Others were asked to drop their translations: go on when they have, or are out
 * of the guest. So is this one meanwhile, since two may wait for each other. */
static void wait_flush(struct vcpu *v)
{
	u32 n = __atomic_load_n(&v->vm->n_vcpus, __ATOMIC_ACQUIRE);

	guest_leave(v);
	for (u32 i = 0; i < n; i++) {
		struct vcpu *x = v->vm->vcpu[i];

		while (__atomic_load_n(&x->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&x->requests, __ATOMIC_SEQ_CST) & REQ_TLB_FLUSH)
			host_yield();
	}
	guest_enter(v);
}

/* RUN_OK, RUN_EXIT, or RUN_SHUTDOWN for an injected triple fault. */
static int take_requests(struct vcpu *v)
{
	u32 req = requests(v);
	int r;

	if (likely(!req))
		return RUN_OK;
	v->stat[STAT_REQUESTS]++;
	if (req & REQ_WAIT_FLUSH) {
		wait_flush(v);
		req |= requests(v);
	}
	if (req & REQ_TLB_FLUSH && v->vm->engine->flush)
		v->vm->engine->flush(v, X86_FLUSH_ALL, 0);
	if (req & REQ_CLOCK) {
		pv_clock_update(v);
		hv_tsc_page_update(v);
	}
	if (req & REQ_BUS_LOCK) {
		vcpu_request(v, req & (REQ_TRIPLE | REQ_IOAPIC_EOI | REQ_HYPERV));
		v->run->exit_reason = KVM_EXIT_X86_BUS_LOCK;
		return RUN_EXIT;
	}
	if (req & REQ_TRIPLE)
		return RUN_SHUTDOWN;
	r = req & REQ_IOAPIC_EOI ? tell_eoi(v) : RUN_OK;
	if (!(req & REQ_HYPERV))
		return r;
	if (!r)
		return hv_requests(v);
	vcpu_request(v, REQ_HYPERV);
	return r;
}

static int halt(struct vcpu *v)
{
	if (v->vm->irqs.mode == IRQCHIP_NONE && !READ_ONCE(v->vm->hlt_in_guest)) {
		v->run->exit_reason = KVM_EXIT_HLT;
		return RUN_EXIT;
	}
	v->stat[STAT_HALTS]++;
	v->mp_state = KVM_MP_STATE_HALTED;
	return RUN_OK;
}

/* One round: RUN_OK to go on, or what ends KVM_RUN. */
static int run_once(struct vcpu *v)
{
	int r;

	if (v->pv_eoi_pending)
		lapic_pv_eoi_from_guest(v);
	r = take_requests(v);
	if (r)
		return r;
	/* What user space answered is finished before anything else happens. */
	if (v->io.event)
		return inject(v);
	if (!vcpu_replaying(v)) {
		if (interrupted(v))
			return -EINTR;
		if (guest_halted(v))
			return vcpu_sleep(v);
		if (unlikely(dirty_ring_full(&v->dirty))) {
			v->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
			return RUN_EXIT;
		}
		pv_steal_enter(v, false);
		if (unlikely(v->pv && v->pv->apf_wake_all))
			pv_apf_deliver(v);
		r = inject(v);
		if (r)
			return r;
		if (v->pv_eoi)
			lapic_pv_eoi_to_guest(v);
	}
	r = v->vm->engine->run(v);
	if (r == RUN_END)
		return RUN_OK;
	return r == RUN_HALT ? halt(v) : r;
}

static void tell_user(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	run->if_flag = v->cpu.rflags & X86_F_IF ? 1 : 0;
	run->flags = v->cpu.smm ? KVM_RUN_X86_SMM : 0;
	if (run->exit_reason == KVM_EXIT_X86_BUS_LOCK)
		run->flags |= KVM_RUN_X86_BUS_LOCK;
	run->cr8 = v->cpu.env->get_cr8(&v->cpu);
	run->apic_base = lapic_get_base(v);
	run->ready_for_interrupt_injection =
		v->vm->irqs.mode == IRQCHIP_KERNEL || user_may_inject(v);
}

static void count_exit(struct vcpu *v)
{
	v->stat[STAT_EXITS]++;
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO: v->stat[STAT_IO_EXITS]++; break;
	case KVM_EXIT_MMIO: v->stat[STAT_MMIO_EXITS]++; break;
	case KVM_EXIT_INTR: v->stat[STAT_SIGNAL_EXITS]++; break;
	case KVM_EXIT_IRQ_WINDOW_OPEN: v->stat[STAT_WINDOW_EXITS]++; break;
	}
}

int vcpu_run(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u32 before = run->exit_reason;
	bool at_once = READ_ONCE(run->immediate_exit);
	int r;

	run->exit_reason = KVM_EXIT_UNKNOWN;
	if (!v->apic)
		v->cr8 = run->cr8 & 15;
	io_complete(v);
	if (v->vm->engine->begin)
		v->vm->engine->begin(v);
	guest_enter(v);
	pv_steal_enter(v, true);
	do
		r = run_once(v);
	while (r == RUN_OK);
	if (v->pv_eoi_pending)
		lapic_pv_eoi_from_guest(v);
	guest_leave(v);
	if (v->vm->engine->end)
		v->vm->engine->end(v);
	if (r == RUN_SHUTDOWN)
		run->exit_reason = KVM_EXIT_SHUTDOWN;
	/* Who sets immediate_exit beforehand only wants the last exit's
	 * instruction finished, and may still read about that exit. */
	if (r == -EINTR)
		run->exit_reason = at_once ? before : KVM_EXIT_INTR;
	tell_user(v);
	count_exit(v);
	return r < 0 ? r : 0;
}
