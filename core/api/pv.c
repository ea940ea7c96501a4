/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv.c - kvmclock. All vCPUs of a VM count from the same pair of host time and
 * host TSC, so their clocks agree and the stable flag may be set.
 */
#include "core/api/pv.h"
#include "core/vm.h"
#include "core/x86/msr.h"

#define MSR_WALL_CLOCK		0x11
#define MSR_SYSTEM_TIME		0x12
#define MSR_WALL_CLOCK_NEW	0x4b564d00
#define MSR_SYSTEM_TIME_NEW	0x4b564d01
#define MSR_POLL_CONTROL	0x4b564d05

#define PV_TSC_STABLE		1u
#define PV_GUEST_STOPPED	2u

struct vcpu_pv {
	u64 time_msr;		/* MSR_KVM_SYSTEM_TIME; bit 0: on */
	u64 poll_control;
	bool stopped;		/* report PV_GUEST_STOPPED with the next update */
};

struct pv_time_info {		/* msr.rst: struct pvclock_vcpu_time_info */
	u32 version;		/* odd while being written */
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;
	u32 mul;
	s8 shift;
	u8 flags;
	u8 pad[2];
};

struct pv_wall_clock {
	u32 version, sec, nsec;
};

/* ns = (tsc << shift) * mul >> 32, with mul as large as fits in 32 bits. */
static void tsc_scale(u32 khz, u32 *mul, s8 *shift)
{
	u64 hz = (u64)khz * 1000;
	s8 s = 0;

	for (; hz > 2000000000; s--)
		hz >>= 1;
	for (; hz && hz <= 1000000000; s++)
		hz <<= 1;
	*mul = hz ? (1000000000ull << 32) / hz : 0;
	*shift = s;
}

static u64 scale(u64 tsc, u32 mul, s8 shift)
{
	tsc = shift < 0 ? tsc >> -shift : tsc << shift;
	return (unsigned __int128)tsc * mul >> 32;
}

/* A time and a TSC read as close together as can be. */
static void time_sample(u64 *ns, u64 *tsc)
{
	u64 before = host_tsc();

	*ns = host_now_ns();
	*tsc = before + (host_tsc() - before) / 2;
}

static u64 clock_now_locked(struct vm *vm, u64 tsc)
{
	u32 mul;
	s8 shift;

	host_spin_assert_held(&vm->time_lock);
	tsc_scale(host_tsc_khz(), &mul, &shift);
	if ((s64)(tsc - vm->time_tsc) < 0)
		tsc = vm->time_tsc;
	return vm->time_ns + vm->clock_offset + scale(tsc - vm->time_tsc, mul, shift);
}

void pv_clock_base(struct vm *vm, struct pv_clock_base *out)
{
	host_spin_lock(&vm->time_lock);
	out->tsc = vm->time_tsc;
	out->ns = vm->time_ns + vm->clock_offset;
	host_spin_unlock(&vm->time_lock);
	tsc_scale(host_tsc_khz(), &out->mul, &out->shift);
}

u64 pv_clock_now(struct vm *vm, u64 *tsc)
{
	u64 now = host_tsc(), ns;

	host_spin_lock(&vm->time_lock);
	ns = clock_now_locked(vm, now);
	host_spin_unlock(&vm->time_lock);
	if (tsc)
		*tsc = now;
	return ns;
}

void pv_clock_set(struct vm *vm, u64 ns)
{
	u32 n;

	host_spin_lock(&vm->time_lock);
	time_sample(&vm->time_ns, &vm->time_tsc);
	vm->clock_offset = ns - vm->time_ns;
	host_spin_unlock(&vm->time_lock);
	hv_clock_changed(vm);
	n = __atomic_load_n(&vm->n_vcpus, __ATOMIC_ACQUIRE);
	for (u32 i = 0; i < n; i++) {
		vcpu_request(vm->vcpu[i], REQ_CLOCK);
		vcpu_kick(vm->vcpu[i]);
	}
}

int pv_init(struct vcpu *v)
{
	v->pv = host_alloc(sizeof(*v->pv));
	return v->pv ? 0 : -ENOMEM;
}

/* The next even number: readers see an odd one while the rest is written. */
static int version_begin(struct vcpu *v, u64 gpa, u32 *version)
{
	u32 odd;
	int err = gmem_read(v->vm, gpa, version, sizeof(*version));

	if (err)
		return err;
	odd = *version | 1;
	*version = odd + 1;
	return gmem_write(v, gpa, &odd, sizeof(odd));
}

static void version_end(struct vcpu *v, u64 gpa, u32 version)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	gmem_write(v, gpa, &version, sizeof(version));
}

void pv_clock_update(struct vcpu *v)
{
	struct pv_time_info info = { .flags = PV_TSC_STABLE };
	struct vm *vm = v->vm;
	struct pv_clock_base base;
	u64 gpa;

	if (!v->pv || !(v->pv->time_msr & 1))
		return;
	gpa = v->pv->time_msr & ~1ull;
	pv_clock_base(vm, &base);
	info.tsc_timestamp = base.tsc + v->tsc_offset;
	info.system_time = base.ns;
	info.mul = base.mul;
	info.shift = base.shift;
	if (v->pv->stopped)
		info.flags |= PV_GUEST_STOPPED;
	if (version_begin(v, gpa, &info.version))
		return;
	gmem_write(v, gpa + offsetof(struct pv_time_info, pad0), &info.pad0,
		   sizeof(info) - offsetof(struct pv_time_info, pad0));
	version_end(v, gpa, info.version);
	v->pv->stopped = false;
}

int pv_clock_paused(struct vcpu *v)
{
	if (!v->pv || !(v->pv->time_msr & 1))
		return -EINVAL;
	v->pv->stopped = true;
	vcpu_request(v, REQ_CLOCK);
	return 0;
}

/* The wall clock at the moment kvmclock was 0. */
static void write_wall_clock(struct vcpu *v, u64 gpa)
{
	struct pv_wall_clock wc;
	u64 boot = host_wall_ns() - pv_clock_now(v->vm, NULL);

	wc.sec = boot / 1000000000;
	wc.nsec = boot % 1000000000;
	if (!gpa || version_begin(v, gpa, &wc.version))
		return;
	gmem_write(v, gpa + sizeof(u32), &wc.sec, 2 * sizeof(u32));
	version_end(v, gpa, wc.version);
}

bool pv_offered(const struct vcpu *v, u32 feature)
{
	return !v->pv_enforced || v->pv_features & feature;
}

static u32 msr_feature(u32 idx)
{
	switch (idx) {
	case MSR_WALL_CLOCK: case MSR_SYSTEM_TIME: return PV_CLOCK;
	case MSR_WALL_CLOCK_NEW: case MSR_SYSTEM_TIME_NEW: return PV_CLOCK2;
	case MSR_POLL_CONTROL: return PV_POLL_CONTROL;
	}
	return 0;
}

bool pv_is_msr(u32 idx)
{
	return msr_feature(idx) != 0;
}

int pv_msr_read(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	if (!host && !pv_offered(v, msr_feature(idx)))
		return 1;
	if (idx == MSR_WALL_CLOCK || idx == MSR_WALL_CLOCK_NEW)
		*val = READ_ONCE(v->vm->wall_gpa);
	else if (!v->pv)
		return 1;
	else
		*val = idx == MSR_POLL_CONTROL ? v->pv->poll_control : v->pv->time_msr;
	return 0;
}

int pv_msr_write(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (!host && !pv_offered(v, msr_feature(idx)))
		return 1;
	if (idx == MSR_WALL_CLOCK || idx == MSR_WALL_CLOCK_NEW) {
		WRITE_ONCE(v->vm->wall_gpa, val);
		/* The guest's own thread reads slots without their lock. */
		if (host)
			host_mutex_lock(&v->vm->slots.lock);
		write_wall_clock(v, val);
		if (host)
			host_mutex_unlock(&v->vm->slots.lock);
		return 0;
	}
	if (!v->pv)
		return 1;
	if (idx == MSR_POLL_CONTROL) {
		if (val > 1)
			return 1;
		v->pv->poll_control = val;
		return 0;
	}
	v->pv->time_msr = val;
	vcpu_request(v, REQ_CLOCK);
	return 0;
}
