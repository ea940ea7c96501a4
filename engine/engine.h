/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine.h - what runs guest code. One constant table an engine. */
#ifndef ENGINE_H
#define ENGINE_H

#include "core/host.h"

struct vm;
struct vcpu;
struct slot;
struct slot_table;
struct x86_event;

struct engine {
	const char *name;
	bool (*present)(void);
	/* Dirty rings: vCPUs' shared memory has room for them, and every page that is
	 * written goes through dirty_mark(). TSC scaling: vcpu->tsc_ratio is heeded. */
	bool dirty_ring, tsc_scaling;
	size_t vm_size, vcpu_size;	/* private parts, allocated zeroed by the core */
	int (*vm_init)(struct vm *vm);
	void (*vm_fini)(struct vm *vm);
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_fini)(struct vcpu *v);

	/* KVM_RUN begins, and ends, in its thread. May be NULL. */
	void (*begin)(struct vcpu *v);
	void (*end)(struct vcpu *v);
	/* Bring v->cpu up to date, but for fpu: an engine may keep it elsewhere
	 * from one run() to the next. Called by whoever looks at more of it, or
	 * changes more, than RFLAGS.IF and the interrupt shadow. NULL: it always is. */
	void (*fetch)(struct vcpu *v);
	/* Have the guest take ev, before anything else, when run() enters it:
	 * v->injecting holds until it has. An event that it could not take is put
	 * back by fetch(). False: the core must deliver it. May be NULL. */
	bool (*inject)(struct vcpu *v, const struct x86_event *ev);
	/* Bring v->cpu.fpu up to date; it is taken from there by the next begin().
	 * Only outside KVM_RUN. NULL: it always is. */
	void (*fpu_fetch)(struct vcpu *v);
	/*
	 * Run guest code until something needs the core. On entry the core has
	 * injected what could be; v->cpu is current before and after (see fetch). Returns
	 * an enum run_result: RUN_END (requests pending or an event became
	 * deliverable), RUN_EXIT (v->run filled in), RUN_HALT, RUN_SHUTDOWN;
	 * or -errno (-EFAULT: guest memory gone).
	 */
	int (*run)(struct vcpu *v);
	/* Leave run() soon. Any context, must not sleep. */
	void (*kick)(struct vcpu *v);

	/* The running instruction is to be the last before run() returns. Only
	 * from within run(). May be NULL. */
	void (*stop)(struct vcpu *v);

	/* Guest state was written from outside (KVM_SET_*). */
	void (*state_changed)(struct vcpu *v);
	/* A slot of its own part (slot->arch). -ENOMEM. May be NULL. */
	int (*slot_init)(struct vm *vm, struct slot *s);
	void (*slot_fini)(struct vm *vm, struct slot *s);
	/* Slots are about to change: no vCPU may use host addresses of [gpa,
	 * gpa + len) of the address space after this returns. Called with the
	 * new table published. */
	void (*memory_changed)(struct vm *vm, unsigned int as, u64 gpa, u64 len);
	/* Forget writable mappings of the range, so that the next write marks
	 * the dirty log again. */
	void (*write_protect)(struct vm *vm, unsigned int as, u64 gpa, u64 len);
	/* A device or the core wrote guest RAM at gpa (code caches). May be NULL. */
	void (*memory_written)(struct vm *vm, unsigned int as, u64 gpa, u64 len);

	/* x86_env's TLB hooks for this engine; any may be NULL. */
	void (*filled)(struct vcpu *v, const void *xlat);
	void (*flush)(struct vcpu *v, int what, u64 lin);
	void (*mode_changed)(struct vcpu *v);

	/* What the engine counts: instructions run, TLB misses. May be NULL. */
	void (*counters)(const struct vcpu *v, u64 *insns, u64 *tlb_fills);

	/* Feature bits this engine adds to or takes from the core's CPUID. */
	void (*cpuid_adjust)(u32 leaf, u32 sub, u32 out[4]);
};

extern const struct engine engine_soft;

#endif
