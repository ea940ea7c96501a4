/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hypercall.c - VMCALL and VMMCALL. Source: Documentation/virt/kvm/x86/
 * hypercalls.rst. */
#include "core/vm.h"
#include "core/api/pv.h"
#include "core/x86/insn.h"

#define HC_VAPIC_POLL_IRQ	1
#define HC_KICK_CPU		5
#define HC_CLOCK_PAIRING	9
#define HC_SEND_IPI		10
#define HC_SCHED_YIELD		11
#define HC_MAP_GPA_RANGE	12
#define HC_EPERM		1
#define HC_EFAULT		14
#define HC_EINVAL		22
#define HC_EOPNOTSUPP		95
#define HC_ENOSYS		1000

static void kick(struct vm *vm, u64 apic_id)
{
	struct vcpu *other = apic_id <= ~0u ? vm_vcpu_by_id(vm, apic_id) : NULL;

	if (!other)
		return;
	__atomic_store_n(&other->unhalt, 1, __ATOMIC_SEQ_CST);
	vcpu_kick(other);
}

/* A bitmap of targets, the first one's APIC ID, ICR. */
static s64 send_ipi(struct vcpu *v, const u64 *a, bool wide)
{
	u64 map[2] = { a[0], a[1] };

	if (!v->apic)
		return -HC_ENOSYS;
	if (!wide) {
		map[0] = (u32)map[0] | map[1] << 32;
		map[1] = 0;
	}
	if (a[3] & LAPIC_ICR_DESTS)
		return -HC_EINVAL;
	return lapic_send_map(v, map, a[2], a[3]);
}

static s64 clock_pairing(struct vcpu *v, u64 gpa, u64 type)
{
	if (type)			/* KVM_CLOCK_PAIRING_WALLCLOCK */
		return -HC_EOPNOTSUPP;
	return pv_clock_pair(v, gpa) ? 0 : -HC_EFAULT;
}

/* A range of pages is to be encrypted, or no longer: for user space to say.
 * RUN_EXIT, or RUN_OK with the result. */
static int map_gpa_range(struct vcpu *v, const u64 *a, bool wide, s64 *ret)
{
	struct kvm_run *run = v->run;
	u64 gfn = a[0] >> 12;

	if (v->io.call_done) {
		*ret = run->hypercall.ret;
		return RUN_OK;
	}
	if (!(READ_ONCE(v->vm->hypercall_exits) & 1u << HC_MAP_GPA_RANGE))
		return RUN_OK;
	if (a[0] & 4095 || !a[1] || gfn + a[1] <= gfn) {
		*ret = -HC_EINVAL;
		return RUN_OK;
	}
	run->exit_reason = KVM_EXIT_HYPERCALL;
	memset(&run->hypercall, 0, sizeof(run->hypercall));
	run->hypercall.nr = HC_MAP_GPA_RANGE;
	memcpy(run->hypercall.args, a, 3 * sizeof(*a));
	run->hypercall.longmode = wide;
	v->io.call_pending = true;
	return RUN_EXIT;
}

/* Number in RAX, result too. */
int vcpu_hypercall(struct x86_cpu *c)
{
	struct vcpu *v = cpu_vcpu(c);
	bool wide = c->mode == X86_MODE64;
	u64 mask = wide ? ~0ull : ~0u, nr = c->gpr[X86_RAX] & mask;
	u64 a[4] = { c->gpr[X86_RBX] & mask, c->gpr[X86_RCX] & mask, c->gpr[X86_RDX] & mask,
		     c->gpr[X86_RSI] & mask };
	s64 ret = -HC_ENOSYS;

	if (hv_has_hypercalls(v))
		return hv_hypercall(v);
	if (c->cpl) {
		ret = -HC_EPERM;
	} else if (nr == HC_VAPIC_POLL_IRQ) {
		ret = 0;
	} else if (nr == HC_KICK_CPU && pv_offered(v, PV_UNHALT)) {
		kick(v->vm, a[1]);
		ret = 0;
	} else if (nr == HC_CLOCK_PAIRING) {
		ret = clock_pairing(v, a[0], a[1]);
	} else if (nr == HC_SEND_IPI && pv_offered(v, PV_SEND_IPI)) {
		ret = send_ipi(v, a, wide);
	} else if (nr == HC_SCHED_YIELD && pv_offered(v, PV_SCHED_YIELD)) {
		ret = 0;	/* the host's scheduler knows better */
	} else if (nr == HC_MAP_GPA_RANGE && map_gpa_range(v, a, wide, &ret)) {
		return RUN_EXIT;
	}
	v->stat[STAT_HYPERCALLS]++;
	x86_reg_set(c, X86_RAX * 8, wide ? 8 : 4, ret);
	return RUN_OK;
}
