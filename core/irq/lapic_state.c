/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lapic_state.c - a local APIC's life: modes, reset, KVM_GET_LAPIC and KVM_SET_LAPIC. */
#include "core/irq/lapic.h"
#include "core/x86/cpuid.h"

#define LAPIC_VERSION	0x00050014u	/* integrated, six LVT entries */

/* --- IA32_APIC_BASE --- */

static bool base_valid(u64 base)
{
	return (base & (LAPIC_BASE_X2APIC | LAPIC_BASE_ENABLE)) != LAPIC_BASE_X2APIC;
}

static enum lapic_mode base_mode(u64 base)
{
	if (!(base & LAPIC_BASE_ENABLE))
		return LAPIC_OFF;
	return base & LAPIC_BASE_X2APIC ? LAPIC_X2APIC : LAPIC_XAPIC;
}

static void set_identity(struct lapic *a, enum lapic_mode mode)
{
	u32 id = a->v->id;

	if (mode == LAPIC_X2APIC) {
		lapic_set_reg(a, LAPIC_ID, id);
		lapic_set_reg(a, LAPIC_LDR, lapic_x2apic_ldr(id));
		return;
	}
	lapic_set_reg(a, LAPIC_ID, id << 24);
	if (id > 0xff)
		WRITE_ONCE(a->v->vm->irqs.odd_xapic_ids, true);
}

static void apply_base(struct vcpu *v, u64 val)
{
	struct lapic *a = v->apic;
	enum lapic_mode mode = base_mode(val);

	WRITE_ONCE(v->apic_base, val);
	if (!a)
		return;
	if (mode != a->mode && mode != LAPIC_OFF)
		set_identity(a, mode);
	WRITE_ONCE(a->mode, mode);
	lapic_reconsider(a);
}

u64 lapic_get_base(struct vcpu *v)
{
	return v->apic_base;
}

int lapic_set_base(struct vcpu *v, u64 val, bool host)
{
	enum lapic_mode old = base_mode(v->apic_base), mode = base_mode(val);
	u64 reserved = ~((1ull << v->cpu.maxphyaddr) - 1) | 0x2ff;

	if (!x86_has(&v->cpu, XF_X2APIC))
		reserved |= LAPIC_BASE_X2APIC;
	if (val & reserved || !base_valid(val))
		return 1;
	/* x2APIC is left by turning the APIC off, and entered from xAPIC. */
	if (!host && ((old == LAPIC_X2APIC && mode == LAPIC_XAPIC) ||
		      (old == LAPIC_OFF && mode == LAPIC_X2APIC)))
		return 1;
	apply_base(v, val);
	return 0;
}

/* --- reset --- */

static void reset_regs(struct lapic *a)
{
	struct vcpu *v = a->v;
	u32 id = lapic_reg(a, LAPIC_ID), ldr = lapic_reg(a, LAPIC_LDR);
	unsigned int nr;

	for (nr = 0; nr < LAPIC_NREG; nr++)
		lapic_set_reg(a, nr, 0);
	lapic_set_reg(a, LAPIC_ID, id);
	if (a->mode == LAPIC_X2APIC)
		lapic_set_reg(a, LAPIC_LDR, ldr);
	lapic_set_reg(a, LAPIC_LVR, LAPIC_VERSION);
	lapic_set_reg(a, LAPIC_DFR, ~0u);
	lapic_set_reg(a, LAPIC_SVR, 0xff);
	for (nr = LAPIC_LVTT; nr <= LAPIC_LVTERR; nr++)
		lapic_set_reg(a, nr, LAPIC_LVT_MASKED);
	/* Firmware would set up the virtual wire; without any, the PIC must
	 * reach the boot processor all the same (KVM does so too). */
	if (v->id == v->vm->boot_cpu_id)
		lapic_set_reg(a, LAPIC_LVT0, LAPIC_DM_EXTINT << 8);
}

static void count_lint0(struct lapic *a, bool before)
{
	bool now = lvt_is_nmi(lapic_reg(a, LAPIC_LVT0));

	if (now != before)
		__atomic_fetch_add(&a->v->vm->irqs.lint0_nmi, now ? 1 : -1, __ATOMIC_SEQ_CST);
}

void lapic_reset(struct vcpu *v, bool init)
{
	u64 base = LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE;
	struct lapic *a = v->apic;
	bool nmi = a && lvt_is_nmi(lapic_reg(a, LAPIC_LVT0));

	if (v->id == v->vm->boot_cpu_id)
		base |= LAPIC_BASE_BSP;
	if (!init) {
		v->apic_base = base;
		if (a) {
			WRITE_ONCE(a->mode, LAPIC_XAPIC);
			set_identity(a, LAPIC_XAPIC);
			__atomic_store_n(&a->init_sipi, 0, __ATOMIC_SEQ_CST);
		}
	}
	if (!a)
		return;
	lapic_timer_reset(a);
	reset_regs(a);
	a->injected = -1;
	count_lint0(a, nmi);
	a->esr_pending = 0;
	memset(a->eoi_exit, 0, sizeof(a->eoi_exit));
}

int lapic_new(struct vcpu *v)
{
	struct lapic *a = host_alloc(sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->v = v;
	err = lapic_timer_init(a);
	if (err) {
		host_free(a);
		return err;
	}
	v->apic = a;
	lapic_reset(v, false);
	return 0;
}

void lapic_free(struct vcpu *v)
{
	struct lapic *a = v->apic;

	if (!a)
		return;
	lapic_timer_fini(a);
	if (lvt_is_nmi(lapic_reg(a, LAPIC_LVT0)))
		__atomic_fetch_sub(&v->vm->irqs.lint0_nmi, 1, __ATOMIC_SEQ_CST);
	v->apic = NULL;
	host_free(a);
}

/* --- KVM_GET_LAPIC, KVM_SET_LAPIC: the xAPIC page, in x2APIC mode too --- */

int lapic_get_state(struct vcpu *v, struct kvm_lapic_state *s)
{
	struct lapic *a = v->apic;
	unsigned int nr;
	u32 val;

	if (!a)
		return -EINVAL;
	/* What is due is in IRR then, not in a timer that is not saved. */
	lapic_timer_poll(a);
	memset(s, 0, sizeof(*s));
	for (nr = 0; nr < LAPIC_NREG; nr++) {
		val = nr == LAPIC_TMCCT ? lapic_timer_count(a) : lapic_reg(a, nr);
		if (nr == LAPIC_ID && a->mode == LAPIC_X2APIC && !v->vm->irqs.x2apic_32bit_ids)
			val <<= 24;
		memcpy(s->regs + nr * 16, &val, 4);
	}
	return 0;
}

static u32 state_reg(const struct kvm_lapic_state *s, unsigned int nr)
{
	u32 val;

	memcpy(&val, s->regs + nr * 16, 4);
	return val;
}

/* Bits that no guest could have set are dropped, but for vectors 0-15 in IRR:
 * their class is never above PPR's, so they are not delivered anyway. */
static u32 sane_reg(const struct lapic *a, unsigned int nr, u32 val)
{
	switch (nr) {
	case LAPIC_LVR:
		return LAPIC_VERSION;
	case LAPIC_TPR:
		return val & 0xff;
	case LAPIC_DFR:
		return val | 0x0fffffff;
	case LAPIC_SVR:
		return val & 0x3ff;
	case LAPIC_TDCR:
		return val & 0xb;
	case LAPIC_LVTT:
		val &= 0x700ff;
		return x86_has(&a->v->cpu, XF_TSCDEADLINE) ? val : val & ~LAPIC_LVTT_DEADLINE;
	case LAPIC_LVTERR:
		return val & 0x100ff;
	case LAPIC_LVTTHMR:
	case LAPIC_LVTPC:
	case LAPIC_LVT0:
	case LAPIC_LVT1:
		return val & 0x1a7ff;
	default:
		return val;
	}
}

static void restore_identity(struct lapic *a, const struct kvm_lapic_state *s)
{
	u32 id = state_reg(s, LAPIC_ID);

	if (a->mode == LAPIC_X2APIC) {
		set_identity(a, LAPIC_X2APIC);
		return;
	}
	lapic_set_reg(a, LAPIC_ID, id & 0xff000000);
	lapic_set_reg(a, LAPIC_LDR, state_reg(s, LAPIC_LDR) & 0xff000000);
	if (id >> 24 != a->v->id)
		WRITE_ONCE(a->v->vm->irqs.odd_xapic_ids, true);
}

int lapic_set_state(struct vcpu *v, const struct kvm_lapic_state *s)
{
	struct lapic *a = v->apic;
	unsigned int nr;
	bool nmi;

	if (!a)
		return -EINVAL;
	if (a->mode == LAPIC_X2APIC && v->vm->irqs.x2apic_32bit_ids &&
	    state_reg(s, LAPIC_ID) != v->id)
		return -EINVAL;
	nmi = lvt_is_nmi(lapic_reg(a, LAPIC_LVT0));
	lapic_timer_reset(a);
	for (nr = 0; nr < LAPIC_NREG; nr++)
		if (nr != LAPIC_ID && nr != LAPIC_LDR)
			__atomic_store_n(&a->reg[nr], sane_reg(a, nr, state_reg(s, nr)),
					 __ATOMIC_SEQ_CST);
	restore_identity(a, s);
	a->injected = -1;
	count_lint0(a, nmi);
	lapic_update_ppr(a);
	lapic_timer_restore(a, state_reg(s, LAPIC_TMCCT));
	lapic_set_reg(a, LAPIC_TMCCT, 0);
	__atomic_store_n(&a->irr_pending, true, __ATOMIC_SEQ_CST);
	vcpu_request(v, REQ_EVENT);
	vcpu_kick(v);
	return 0;
}
