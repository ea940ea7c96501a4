/* SPDX-License-Identifier: GPL-2.0-or-later */
/* soft.c - the software engine's table, and its parts' lives. */
#include <sched.h>
#include <sys/mman.h>
#include "engine/soft/soft.h"

static bool soft_present(void)
{
	return true;
}

static int soft_vm_init(struct vm *vm)
{
	return 0;
}

static void soft_vm_fini(struct vm *vm)
{
}

static int soft_vcpu_init(struct vcpu *v)
{
	soft_tlb_init(soft_of(v));
	soft_mode_changed(v);
	return 0;
}

static void soft_vcpu_fini(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);

	host_log(HOST_INFO, "vcpu %u: insns %llu blocks-made-insns %llu revalidated %llu "
		 "fetch-fills %llu data-fills %llu arena-flushes %llu", v->id,
		 (unsigned long long)s->insns, (unsigned long long)s->decoded,
		 (unsigned long long)s->revalidated, (unsigned long long)s->itlb_fills,
		 (unsigned long long)s->dtlb_fills, (unsigned long long)s->arena_flushes);
	if (s->arena)
		munmap(s->arena, s->arena_size);
}

static void soft_kick(struct vcpu *v)
{
	__atomic_store_n(&soft_of(v)->interrupt, 1, __ATOMIC_SEQ_CST);
}

static void soft_stop(struct vcpu *v)
{
	soft_of(v)->end = NULL;
	soft_kick(v);
}

static void soft_state_changed(struct vcpu *v)
{
	soft_flush(v, X86_FLUSH_ALL, 0);
	soft_mode_changed(v);
}

/* Make every vCPU drop its translations, and wait until those in the guest did. */
static void flush_everyone(struct vm *vm)
{
	u32 n = READ_ONCE(vm->n_vcpus);

	for (u32 i = 0; i < n; i++)
		if (vm->vcpu[i]) {
			vcpu_request(vm->vcpu[i], REQ_TLB_FLUSH);
			vcpu_kick(vm->vcpu[i]);
		}
	for (u32 i = 0; i < n; i++) {
		struct vcpu *v = vm->vcpu[i];

		while (v && __atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&v->requests, __ATOMIC_SEQ_CST) & REQ_TLB_FLUSH)
			sched_yield();
	}
}

static int soft_slot_init(struct vm *vm, struct slot *s)
{
	struct soft_slot *a = host_alloc(sizeof(*a) + (s->len >> 12) * sizeof(a->page[0]));

	if (!a)
		return -ENOMEM;
	a->pages = s->len >> 12;
	s->arch = a;
	return 0;
}

static void soft_slot_fini(struct vm *vm, struct slot *s)
{
	host_free(s->arch);
	s->arch = NULL;
}

static void soft_memory_changed(struct vm *vm, unsigned int as, u64 gpa, u64 len)
{
	flush_everyone(vm);
}

static void soft_counters(const struct vcpu *v, u64 *insns, u64 *tlb_fills)
{
	const struct soft_vcpu *s = v->engine;

	*insns = s->insns;
	*tlb_fills = s->itlb_fills + s->dtlb_fills;
}

const struct engine engine_soft = {
	.name = "soft",
	.present = soft_present,
	.dirty_ring = true,
	.tsc_scaling = true,
	.vm_size = sizeof(struct soft_vm),
	.vcpu_size = sizeof(struct soft_vcpu),
	.vm_init = soft_vm_init,
	.vm_fini = soft_vm_fini,
	.vcpu_init = soft_vcpu_init,
	.vcpu_fini = soft_vcpu_fini,
	.run = soft_run,
	.kick = soft_kick,
	.stop = soft_stop,
	.state_changed = soft_state_changed,
	.slot_init = soft_slot_init,
	.slot_fini = soft_slot_fini,
	.memory_changed = soft_memory_changed,
	.write_protect = soft_memory_changed,
	.memory_written = soft_memory_written,
	.filled = soft_filled,
	.flush = soft_flush,
	.counters = soft_counters,
	.mode_changed = soft_mode_changed,
};
