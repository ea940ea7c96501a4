/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu.c - a vCPU's life, and waking it. */
#include "core/vm.h"
#include "core/api/tsc.h"

static void vcpu_power_on(struct vcpu *v)
{
	bool boot = v->id == v->vm->boot_cpu_id;

	v->cpu.env = &vcpu_env;
	v->cpu.maxphyaddr = 36;
	x86_reset(&v->cpu, false);
	/* Only an in-kernel LAPIC can hold a processor back until SIPI. */
	v->mp_state = boot || !v->apic ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED;
}

int vcpu_new(struct vm *vm, u32 id, struct vcpu **out)
{
	struct vcpu *v = host_alloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->tsc_khz = host_tsc_khz();
	v->tsc_ratio = TSC_RATIO_ONE;
	v->id = id;
	host_mutex_init(&v->lock);
	host_wait_init(&v->wait);
	if (vm->engine->vcpu_size) {
		err = -ENOMEM;
		v->engine = host_alloc(vm->engine->vcpu_size);
		if (!v->engine)
			goto err_free;
	}
	err = vm->engine->vcpu_init(v);
	if (err)
		goto err_engine;
	if (vm->irqs.mode != IRQCHIP_NONE) {
		err = lapic_new(v);
		if (err)
			goto err_init;
	}
	vcpu_power_on(v);
	*out = v;
	return 0;

err_init:
	vm->engine->vcpu_fini(v);
err_engine:
	host_free(v->engine);
err_free:
	host_wait_fini(&v->wait);
	host_free(v);
	return err;
}

void vcpu_free(struct vcpu *v)
{
	if (!v)
		return;
	hv_vcpu_fini(v);	/* its timers send interrupts */
	if (v->apic)
		lapic_free(v);
	v->vm->engine->vcpu_fini(v);
	host_free(v->engine);
	host_wait_fini(&v->wait);
	host_free(v->cpuid);
	host_free(v->pv);
	host_free(v);
}

void vcpu_kick(struct vcpu *v)
{
	host_wait_wake(&v->wait);
	if (__atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST))
		v->vm->engine->kick(v);
}
