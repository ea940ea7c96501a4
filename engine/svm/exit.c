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

static int exit_page_fault(struct vcpu *v)
{
	struct vmcb_control *c = &svm_of(v)->vmcb->c;
	int err = tdp_fault(svm_tdp(v), &svm_of(v)->spare, c->exit_info2,
			    c->exit_info1 & VMCB_NPF_WRITE);

	if (err != -ENOENT)
		return err;
	if (!v->injecting)
		return svm_emulate(v);
	/* A stack or a table that is no RAM: the core delivers the event. */
	svm_store(v);
	return RUN_END;
}

/* One element, no prefix: the exit has all there is to know. */
int svm_exit_io(struct vcpu *v)
{
	struct vmcb *b = svm_of(v)->vmcb;
	u64 info = b->c.exit_info1;
	unsigned int size = info >> 4 & 7;
	u32 data = b->s.rax;
	int r;

	if (info & (VMCB_IO_STRING | VMCB_IO_REP))
		return svm_emulate(v);
	r = v->cpu.env->pio(&v->cpu, info >> 16, size, info & VMCB_IO_IN, &data, 1);
	if (r != RUN_OK) {
		svm_of(v)->asked_io = r == RUN_EXIT;
		return r;
	}
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

static int exit_task_switch(struct vcpu *v)
{
	/* By a gate, for an event: the core delivers that. */
	if (!v->injecting)
		return svm_emulate(v);
	svm_store(v);
	return RUN_END;
}

int svm_exit(struct vcpu *v)
{
	u64 code = svm_of(v)->vmcb->c.exit_code;
	int r;

	switch (code) {
	case VMEXIT_INTR: case VMEXIT_NMI: case VMEXIT_SMI: case VMEXIT_INIT: case VMEXIT_VINTR:
		return RUN_OK;	/* the host's, or a look at what can be delivered now */
	case VMEXIT_NPF:
		return exit_page_fault(v);
	case VMEXIT_IOIO:
		return svm_exit_io(v);
	case VMEXIT_SHUTDOWN:
		return RUN_SHUTDOWN;
	case VMEXIT_TASK_SWITCH:
		return exit_task_switch(v);
	case VMEXIT_CPUID: case VMEXIT_MSR: case VMEXIT_HLT: case VMEXIT_VMMCALL:
		r = svm_fast(v, code);
		return r == RUN_FAULT ? svm_emulate(v) : r;
	}
	if ((u32)code == (u32)VMEXIT_INVALID)
		return svm_emulate(v);	/* a control register that cannot be so: #GP */
	if (code >= VMEXIT_EXC && code <= VMEXIT_EXC_LAST)
		return exit_exception(v, code - VMEXIT_EXC);
	return code < VMEXIT_NPF ? svm_emulate(v) : exit_unknown(v, code);
}
