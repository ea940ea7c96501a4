// SPDX-License-Identifier: GPL-2.0-or-later
/* exit.c - why the guest stopped, and what is done about it. */
#include "core/x86/sys.h"
#include "engine/svm/svm.h"

/* The instruction at RIP, by the core's emulator. */
int svm_emulate(struct vcpu *v)
{
	svm_store(v);
	return x86_emulate(&v->cpu, NULL);
}

/*
 * An exception was on its way into the guest when it stopped: the core delivers
 * it anew. Software interrupts and breakpoints come again by themselves, when
 * their instruction is executed again.
 */
static bool delivery_interrupted(struct vcpu *v)
{
	struct vmcb *b = svm_of(v)->vmcb;
	u64 info = b->c.exit_int_info;
	u8 vector = info & VMCB_EV_VECTOR;

	if (!(info & VMCB_EV_VALID) || (info & VMCB_EV_TYPE) != VMCB_EV_EXC ||
	    vector == X86_BP || vector == X86_OF)
		return false;
	v->exc = (struct x86_exc){ .vector = vector, .has_err = info & VMCB_EV_HAS_ERR,
				   .err = info >> 32, .cr2 = b->s.cr2 };
	v->exc_injected = true;
	return true;
}

static int exit_page_fault(struct vcpu *v, bool in_delivery)
{
	struct vmcb_control *c = &svm_of(v)->vmcb->c;
	int err = tdp_fault(svm_tdp(v), c->exit_info2, c->exit_info1 & VMCB_NPF_WRITE);

	if (err == -ENOENT)
		return in_delivery ? RUN_END : svm_emulate(v);
	return err;
}

/* One element, no prefix: the exit has all there is to know. */
static int exit_io(struct vcpu *v)
{
	struct vmcb *b = svm_of(v)->vmcb;
	u64 info = b->c.exit_info1;
	unsigned int size = info >> 4 & 7;
	u32 data = b->s.rax;
	int r;

	if (info & (VMCB_IO_STRING | VMCB_IO_REP))
		return svm_emulate(v);
	r = v->cpu.env->pio(&v->cpu, info >> 16, size, info & VMCB_IO_IN, &data, 1);
	if (r != RUN_OK)
		return r;
	if (info & VMCB_IO_IN && size == 4)
		b->s.rax = data;
	else if (info & VMCB_IO_IN)
		memcpy(&b->s.rax, &data, size);
	b->s.rip = b->c.exit_info2;
	b->c.int_state = 0;
	return RUN_OK;
}

static int exit_exception(struct vcpu *v, u8 vector)
{
	switch (vector) {
	case X86_UD:
		return svm_emulate(v);
	case X86_MC:
		/* The host's: have it see to it. */
		asm volatile("int $18");
		return RUN_OK;
	case X86_AC:
	case X86_DB:
		/* Only looked at so that a guest cannot keep its processor busy
		 * with delivering them for ever. */
		v->exc = (struct x86_exc){ .vector = vector, .has_err = vector == X86_AC };
		v->exc_pending = true;
		return RUN_END;
	}
	return RUN_OK;
}

static int exit_unknown(struct vcpu *v, u64 code)
{
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	v->run->hw.hardware_exit_reason = code;
	return RUN_EXIT;
}

int svm_exit(struct vcpu *v)
{
	struct vmcb_control *c = &svm_of(v)->vmcb->c;
	u64 code = c->exit_code;
	bool in_delivery = delivery_interrupted(v);
	int r = RUN_OK;

	if ((u32)code == (u32)VMEXIT_INVALID)
		r = svm_emulate(v);	/* a control register that cannot be so: #GP */
	else if (code >= VMEXIT_EXC && code <= VMEXIT_EXC_LAST)
		r = exit_exception(v, code - VMEXIT_EXC);
	else if (code == VMEXIT_NPF)
		r = exit_page_fault(v, in_delivery);
	else if (code == VMEXIT_IOIO)
		r = exit_io(v);
	else if (code == VMEXIT_SHUTDOWN)
		r = RUN_SHUTDOWN;
	else if (code == VMEXIT_TASK_SWITCH && in_delivery)
		r = RUN_END;
	else if (code < VMEXIT_INTR || (code > VMEXIT_VINTR && code < VMEXIT_NPF))
		r = svm_emulate(v);
	else if (code > VMEXIT_VINTR)
		r = exit_unknown(v, code);
	return r == RUN_OK && in_delivery ? RUN_END : r;
}
