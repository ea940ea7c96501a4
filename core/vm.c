/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/vm.h"
#include "core/api/ioevent.h"
#include "core/api/msr_filter.h"
#include "core/api/pv.h"
#include "core/api/tsc.h"
#include "core/x86/msr.h"

static int vm_engine_init(struct vm *vm)
{
	int err = 0;

	if (vm->engine->vm_size) {
		vm->engine_vm = host_alloc(vm->engine->vm_size);
		if (!vm->engine_vm)
			return -ENOMEM;
	}
	if (vm->engine->vm_init)
		err = vm->engine->vm_init(vm);
	if (err) {
		host_free(vm->engine_vm);
		vm->engine_vm = NULL;
	}
	return err;
}

int vm_new(const struct engine *e, struct vm **out)
{
	struct vm *vm = host_alloc(sizeof(*vm));
	int err;

	if (!vm)
		return -ENOMEM;
	vm->engine = e;
	host_mutex_init(&vm->lock);
	host_mutex_init(&vm->bus_lock);
	host_spin_init(&vm->ring_lock);
	host_spin_init(&vm->time_lock);
	host_spin_init(&vm->filter_lock);
	hv_vm_init(vm);
	pv_clock_set(vm, 0);
	err = slots_init(&vm->slots);
	if (err)
		goto free_vm;
	err = bus_init(&vm->pio);
	if (err)
		goto fini_slots;
	err = bus_init(&vm->mmio);
	if (err)
		goto fini_pio;
	err = vm_engine_init(vm);
	if (err)
		goto fini_mmio;
	err = irqs_init(vm);
	if (err)
		goto fini_engine;
	*out = vm;
	return 0;

fini_engine:
	if (e->vm_fini)
		e->vm_fini(vm);
	host_free(vm->engine_vm);
fini_mmio:
	bus_fini(&vm->mmio);
fini_pio:
	bus_fini(&vm->pio);
fini_slots:
	slots_fini(&vm->slots);
free_vm:
	host_free(vm);
	return err;
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	/* What may still send interrupts goes first. */
	ioevents_free(vm);
	msr_filter_free(vm);
	hv_vm_fini(vm);
	irqs_fini(vm);
	/* An engine may be asked to flush all of them until vm_fini(): each is out
	 * of sight before it is freed. */
	for (u32 i = vm->n_vcpus; i--;) {
		__atomic_store_n(&vm->n_vcpus, i, __ATOMIC_SEQ_CST);
		vcpu_free(vm->vcpu[i]);
	}
	if (vm->engine->vm_fini)
		vm->engine->vm_fini(vm);
	host_free(vm->engine_vm);
	bus_fini(&vm->mmio);
	bus_fini(&vm->pio);
	slots_fini(&vm->slots);
	host_free(vm);
}

static int create_vcpu_locked(struct vm *vm, u32 id, struct kvm_run *run, struct vcpu **out)
{
	struct vcpu *v;
	int err;

	if (vm->n_vcpus >= VM_VCPUS_MAX)
		return -EINVAL;
	if (!vm->max_vcpu_id)
		vm->max_vcpu_id = VM_VCPU_IDS_MAX;
	if (id >= vm->max_vcpu_id)
		return -EINVAL;
	if (vm_vcpu_by_id(vm, id))
		return -EEXIST;
	err = vcpu_new(vm, id, &v);
	if (err)
		return err;
	v->index = vm->n_vcpus;
	err = pv_init(v);
	if (!err)
		err = hv_vcpu_init(v);
	if (err) {
		vcpu_free(v);
		return err;
	}
	v->run = run;
	dirty_ring_init(v);
	tsc_set_khz(v, vm->tsc_khz);
	msr_reset(v);
	if (!vm->n_vcpus)
		vm->ring = (void *)((u8 *)run + COALESCED_PAGE * 4096);
	vm->vcpu[v->index] = v;
	__atomic_store_n(&vm->n_vcpus, v->index + 1, __ATOMIC_RELEASE);
	*out = v;
	return 0;
}

int vm_create_vcpu(struct vm *vm, u32 id, struct kvm_run *run, struct vcpu **out)
{
	int err;

	host_mutex_lock(&vm->lock);
	err = create_vcpu_locked(vm, id, run, out);
	host_mutex_unlock(&vm->lock);
	return err;
}

struct vcpu *vm_vcpu_by_id(struct vm *vm, u32 id)
{
	u32 n = __atomic_load_n(&vm->n_vcpus, __ATOMIC_ACQUIRE);

	/* Ids mostly are indices. */
	if (id < n && vm->vcpu[id]->id == id)
		return vm->vcpu[id];
	for (u32 i = 0; i < n; i++)
		if (vm->vcpu[i]->id == id)
			return vm->vcpu[i];
	return NULL;
}
