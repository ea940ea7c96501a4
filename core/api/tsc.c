/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/api/tsc.h"
#include "core/vm.h"
#include "core/x86/msr.h"

u64 vcpu_guest_tsc(struct vcpu *v)
{
	return tsc_scaled(v, host_tsc()) + v->tsc_offset;
}

/* --- frequency --- */

/* Frequencies are kept in an int. */
static u32 khz_limit(void)
{
	u64 max = (unsigned __int128)host_tsc_khz() * TSC_RATIO_MAX >> 32;

	return min(max, (u64)0x7fffffff);
}

/* As good as the host's own. */
static bool khz_near(u32 khz)
{
	u32 host = host_tsc_khz(), near = (u64)host * 250 / 1000000;

	return khz <= host + near && khz >= host - near;
}

bool tsc_khz_valid(const struct engine *e, u32 khz)
{
	return e->tsc_scaling ? khz < khz_limit() : !khz || khz_near(khz);
}

int tsc_set_khz(struct vcpu *v, u32 khz)
{
	u64 ratio = TSC_RATIO_ONE;

	if (!khz)
		khz = host_tsc_khz();
	v->tsc_khz = khz;
	if (!khz_near(khz))
		ratio = ((u64)khz << 32) / host_tsc_khz();
	if (!ratio || ratio >= TSC_RATIO_MAX)
		return -EINVAL;
	WRITE_ONCE(v->tsc_ratio, ratio);
	return 0;
}

/* --- values --- */

/* Ticks in a time; in two parts, so that nothing overflows in 64 bits. */
static u64 ns_to_ticks(u64 ns, u32 khz)
{
	return ns / 1000000000 * khz * 1000 + ns % 1000000000 * khz / 1000000;
}

/*
 * User space sets one vCPU's TSC after the other's. Values that agree with
 * time passed since the last one, or 0, mean "the same as the others", so that
 * all get the same offset.
 */
void tsc_synchronize(struct vcpu *v, u64 val)
{
	struct vm *vm = v->vm;
	u64 second = (u64)v->tsc_khz * 1000, now = host_now_ns(), expect;
	bool same;

	host_spin_lock(&vm->time_lock);
	expect = vm->tsc_last_value + ns_to_ticks(now - vm->tsc_last_ns, v->tsc_khz);
	same = !val || (val < expect + second && val + second > expect);
	if (vm->tsc_set && same && vm->tsc_last_khz == v->tsc_khz) {
		v->tsc_offset = vm->tsc_last_offset;
	} else {
		v->tsc_offset = val - tsc_scaled(v, host_tsc());
		vm->tsc_last_offset = v->tsc_offset;
		vm->tsc_set = true;
	}
	vm->tsc_last_ns = now;
	vm->tsc_last_value = val;
	vm->tsc_last_khz = v->tsc_khz;
	host_spin_unlock(&vm->time_lock);
}

void tsc_set_offset(struct vcpu *v, u64 offset)
{
	struct vm *vm = v->vm;

	host_spin_lock(&vm->time_lock);
	v->tsc_offset = offset;
	vm->tsc_last_ns = host_now_ns();
	vm->tsc_last_value = vcpu_guest_tsc(v);
	vm->tsc_last_offset = offset;
	vm->tsc_last_khz = v->tsc_khz;
	vm->tsc_set = true;
	host_spin_unlock(&vm->time_lock);
}
