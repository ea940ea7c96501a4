/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pv.c - kvmclock, and the paravirtual MSRs. All vCPUs of a VM count from the same pair of host time and
 * host TSC, so their clocks agree and the stable flag may be set.
 */
#include "core/api/pv.h"
#include "core/api/tsc.h"
#include "core/vm.h"
#include "core/x86/msr.h"

#define MSR_WALL_CLOCK		0x11
#define MSR_SYSTEM_TIME		0x12
#define MSR_WALL_CLOCK_NEW	0x4b564d00
#define MSR_SYSTEM_TIME_NEW	0x4b564d01
#define MSR_APF_EN		0x4b564d02
#define MSR_STEAL_TIME		0x4b564d03
#define MSR_PV_EOI		0x4b564d04
#define MSR_POLL_CONTROL	0x4b564d05
#define MSR_APF_INT		0x4b564d06
#define MSR_APF_ACK		0x4b564d07

#define PV_TSC_STABLE		1u
#define PV_GUEST_STOPPED	2u

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

void pv_clock_base(const struct vcpu *v, struct pv_clock_base *out)
{
	struct vm *vm = v->vm;

	host_spin_lock(&vm->time_lock);
	out->tsc = tsc_scaled(v, vm->time_tsc) + READ_ONCE(v->tsc_offset);
	out->ns = vm->time_ns + vm->clock_offset;
	host_spin_unlock(&vm->time_lock);
	tsc_scale(tsc_guest_khz(v), &out->mul, &out->shift);
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
	if (!v->pv)
		return -ENOMEM;
	v->pv->poll_control = 1;
	return 0;
}

/* The next even number: readers see an odd one while the rest is written. */
int pv_version_begin(struct vcpu *v, u64 gpa, u32 *version)
{
	u32 odd;
	int err = gmem_read(v->vm, gpa, version, sizeof(*version));

	if (err)
		return err;
	odd = *version | 1;
	*version = odd + 1;
	return gmem_write(v, gpa, &odd, sizeof(odd));
}

void pv_version_end(struct vcpu *v, u64 gpa, u32 version)
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
	u8 old;

	if (!v->pv || !(v->pv->time_msr & 1))
		return;
	gpa = v->pv->time_msr & ~1ull;
	pv_clock_base(v, &base);
	info.tsc_timestamp = base.tsc;
	info.system_time = base.ns;
	info.mul = base.mul;
	info.shift = base.shift;
	/* The guest clears that it was stopped, once it has seen it. */
	if (gmem_read(vm, gpa + offsetof(struct pv_time_info, flags), &old, 1))
		return;
	info.flags |= old & PV_GUEST_STOPPED;
	if (v->pv->stopped)
		info.flags |= PV_GUEST_STOPPED;
	if (pv_version_begin(v, gpa, &info.version))
		return;
	gmem_write(v, gpa + offsetof(struct pv_time_info, pad0), &info.pad0,
		   sizeof(info) - offsetof(struct pv_time_info, pad0));
	pv_version_end(v, gpa, info.version);
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
	if (!gpa || pv_version_begin(v, gpa, &wc.version))
		return;
	gmem_write(v, gpa + sizeof(u32), &wc.sec, 2 * sizeof(u32));
	pv_version_end(v, gpa, wc.version);
}

u32 pv_supported(void)
{
	return host_run_delay_ns() == HOST_NO_RUN_DELAY ? PV_FEATURES & ~PV_STEAL_TIME : PV_FEATURES;
}

void pv_reset(struct vcpu *v)
{
	v->pv_eoi = 0;
	v->pv_eoi_pending = false;
	if (!v->pv)
		return;
	v->pv->time_msr = v->pv->steal_msr = 0;
	v->pv->apf_en = v->pv->apf_int = 0;
	v->pv->stopped = v->pv->preempted = v->pv->apf_wake_all = false;
}

struct pv_pairing {		/* hypercalls.rst: struct kvm_clock_pairing */
	s64 sec, nsec;
	u64 tsc;
	u32 flags, pad[9];
};

bool pv_clock_pair(struct vcpu *v, u64 gpa)
{
	u64 ns = host_wall_ns();
	struct pv_pairing p = {
		.sec = ns / 1000000000, .nsec = ns % 1000000000, .tsc = vcpu_guest_tsc(v),
	};

	return !gmem_write(v, gpa, &p, sizeof(p));
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
	case MSR_APF_EN: return PV_APF;
	case MSR_APF_INT: case MSR_APF_ACK: return PV_APF_INT;
	case MSR_STEAL_TIME: return PV_STEAL_TIME;
	case MSR_PV_EOI: return PV_EOI;
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
	if ((!host && !pv_offered(v, msr_feature(idx))) || !v->pv)
		return 1;
	switch (idx) {
	case MSR_WALL_CLOCK: case MSR_WALL_CLOCK_NEW: *val = READ_ONCE(v->vm->wall_gpa); break;
	case MSR_SYSTEM_TIME: case MSR_SYSTEM_TIME_NEW: *val = v->pv->time_msr; break;
	case MSR_APF_EN: *val = v->pv->apf_en; break;
	case MSR_APF_INT: *val = v->pv->apf_int; break;
	case MSR_APF_ACK: *val = 0; break;
	case MSR_STEAL_TIME: *val = v->pv->steal_msr; break;
	case MSR_PV_EOI: *val = v->pv_eoi; break;
	case MSR_POLL_CONTROL: *val = v->pv->poll_control; break;
	}
	return 0;
}

int pv_eoi_set(struct vcpu *v, u64 val)
{
	if (val & 2 || (val & 1 && !gmem_writable(v->vm, val & ~3ull, 1)))
		return 1;
	/* Under the old address it is over. */
	if (v->pv_eoi_pending)
		lapic_pv_eoi_from_guest(v);
	v->pv_eoi = val;
	return 0;
}

static int msr_write_locked(struct vcpu *v, u32 idx, u64 val, bool host)
{
	switch (idx) {
	case MSR_WALL_CLOCK: case MSR_WALL_CLOCK_NEW:
		WRITE_ONCE(v->vm->wall_gpa, val);
		write_wall_clock(v, val);
		return 0;
	case MSR_SYSTEM_TIME: case MSR_SYSTEM_TIME_NEW:
		v->pv->time_msr = val;
		vcpu_request(v, REQ_CLOCK);
		return 0;
	case MSR_APF_EN:
		return pv_apf_enable(v, val, host);
	case MSR_APF_INT:
		return pv_apf_vector(v, val, host);
	case MSR_APF_ACK:
		if (val & 1 && v->pv->apf_wake_all)
			pv_apf_deliver(v);
		return 0;
	case MSR_STEAL_TIME:
		return pv_steal_msr(v, val);
	case MSR_PV_EOI:
		return pv_eoi_set(v, val);
	}
	if (val > 1)
		return 1;
	v->pv->poll_control = val;
	return 0;
}

int pv_msr_write(struct vcpu *v, u32 idx, u64 val, bool host)
{
	int r;

	if ((!host && !pv_offered(v, msr_feature(idx))) || !v->pv)
		return 1;
	/* The guest's own thread reads slots without their lock. */
	if (host)
		host_mutex_lock(&v->vm->slots.lock);
	r = msr_write_locked(v, idx, val, host);
	if (host)
		host_mutex_unlock(&v->vm->slots.lock);
	return r;
}
