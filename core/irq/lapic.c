/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lapic.c - a local APIC: accepting, prioritizing and acknowledging interrupts. */
#include "core/irq/lapic.h"
#include "core/irq/ioapic.h"
#include "core/irq/pic.h"
#include "core/x86/cpuid.h"

#define NMI_QUEUE_MAX	2u

/* --- arrival: any thread --- */

static void notify(struct vcpu *v)
{
	vcpu_request(v, REQ_EVENT);
	vcpu_kick(v);
}

/* One NMI in service masks the next, which waits; a third is lost. */
static void accept_nmi(struct vcpu *v)
{
	u32 limit = READ_ONCE(v->cpu.nmi_masked) ? 1 : NMI_QUEUE_MAX;
	u32 n = READ_ONCE(v->nmi_pending);

	while (n < limit && !__atomic_compare_exchange_n(&v->nmi_pending, &n, n + 1, false,
							 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	notify(v);
}

static int accept_fixed(struct lapic *a, u8 vector, bool level)
{
	u32 bit = 1u << (vector % 32);
	u32 *tmr = &a->reg[LAPIC_TMR + vector / 32];
	u32 *irr = &a->reg[LAPIC_IRR + vector / 32];

	if (a->mode == LAPIC_OFF || !lapic_sw_enabled(a))
		return 0;
	if (unlikely(vector < 16)) {
		lapic_error(a, LAPIC_ESR_RECV_ILLEGAL);
		return 0;
	}
	if (unlikely(!!(READ_ONCE(*tmr) & bit) != level)) {
		if (level)
			__atomic_fetch_or(tmr, bit, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(tmr, ~bit, __ATOMIC_SEQ_CST);
	}
	/* Who set the bit first has told the vCPU already. */
	if (__atomic_fetch_or(irr, bit, __ATOMIC_SEQ_CST) & bit)
		return 1;
	__atomic_store_n(&a->irr_pending, true, __ATOMIC_RELEASE);
	notify(a->v);
	return 1;
}

int lapic_accept(struct lapic *a, unsigned int mode, u8 vector, bool level, bool assert)
{
	struct vcpu *v = a->v;

	switch (mode) {
	case LAPIC_DM_FIXED:
	case LAPIC_DM_LOWEST:
		return level && !assert ? 0 : accept_fixed(a, vector, level);
	case LAPIC_DM_NMI:
		accept_nmi(v);
		return 1;
	case LAPIC_DM_SMI:
		WRITE_ONCE(v->smi_pending, true);
		notify(v);
		return 1;
	case LAPIC_DM_INIT:
		if (level && !assert)
			return 0;
		/* An INIT undoes a SIPI that was not taken yet. */
		__atomic_store_n(&a->init_sipi, LAPIC_INIT, __ATOMIC_SEQ_CST);
		notify(v);
		return 1;
	case LAPIC_DM_STARTUP:
		WRITE_ONCE(v->sipi_vector, vector);
		__atomic_fetch_or(&a->init_sipi, LAPIC_SIPI, __ATOMIC_SEQ_CST);
		notify(v);
		return 1;
	default:	/* ExtINT: vcpu_accepts_extint() sees to it; remote read */
		return 0;
	}
}

int lapic_local_deliver(struct lapic *a, unsigned int lvt)
{
	u32 val = lapic_reg(a, lvt);
	bool pin = lvt == LAPIC_LVT0 || lvt == LAPIC_LVT1;

	if (a->mode == LAPIC_OFF || val & LAPIC_LVT_MASKED)
		return 0;
	return lapic_accept(a, lvt == LAPIC_LVTT || lvt == LAPIC_LVTERR ? LAPIC_DM_FIXED :
			    val >> 8 & 7, val, pin && val & LAPIC_LVT_LEVEL, true);
}

void lapic_error(struct lapic *a, u32 esr_bit)
{
	u32 lvt = lapic_reg(a, LAPIC_LVTERR);

	if (__atomic_fetch_or(&a->esr_pending, esr_bit, __ATOMIC_SEQ_CST) & esr_bit)
		return;
	if ((lvt & 0xff) >= 16)		/* or it would be one more error */
		lapic_local_deliver(a, LAPIC_LVTERR);
}

/* --- priority: the vCPU's thread --- */

int lapic_highest(const struct lapic *a, unsigned int bank)
{
	int i;

	for (i = 7; i >= 0; i--) {
		u32 w = READ_ONCE(a->reg[bank + i]);

		if (w)
			return i * 32 + 31 - __builtin_clz(w);
	}
	return -1;
}

void lapic_update_ppr(struct lapic *a)
{
	int in_service = lapic_highest(a, LAPIC_ISR);
	u32 tpr = lapic_reg(a, LAPIC_TPR), isr = in_service < 0 ? 0 : in_service & 0xf0;

	lapic_set_reg(a, LAPIC_PPR, (tpr & 0xf0) >= isr ? tpr : isr);
}

/* The vector that would be delivered now, or -1. */
static int deliverable(struct lapic *a)
{
	int vector;

	if (!__atomic_load_n(&a->irr_pending, __ATOMIC_ACQUIRE))
		return -1;
	vector = lapic_highest(a, LAPIC_IRR);
	if (unlikely(vector < 0)) {
		/* A sender sets IRR before irr_pending: look once more after
		 * clearing, or its interrupt would be lost. */
		__atomic_store_n(&a->irr_pending, false, __ATOMIC_SEQ_CST);
		vector = lapic_highest(a, LAPIC_IRR);
		if (vector < 0)
			return -1;
		__atomic_store_n(&a->irr_pending, true, __ATOMIC_SEQ_CST);
	}
	if (a->mode == LAPIC_OFF)
		return -1;
	return (vector & 0xf0) > (lapic_reg(a, LAPIC_PPR) & 0xf0) ? vector : -1;
}

void lapic_reconsider(struct lapic *a)
{
	if (vcpu_intr_pending(a->v))
		notify(a->v);
}

bool vcpu_accepts_extint(struct vcpu *v)
{
	const struct lapic *a = v->apic;
	u32 lvt0;

	if (!a)
		return false;
	if (READ_ONCE(a->mode) == LAPIC_OFF)
		return true;
	lvt0 = lapic_reg(a, LAPIC_LVT0);
	return !(lvt0 & LAPIC_LVT_MASKED) && (lvt0 >> 8 & 7) == LAPIC_DM_EXTINT;
}

static bool extint_pending(struct vcpu *v)
{
	struct pic *pic = v->vm->irqs.pic;

	return pic && pic_output(pic) && vcpu_accepts_extint(v);
}

bool vcpu_intr_pending(struct vcpu *v)
{
	return v->apic && (deliverable(v->apic) >= 0 || extint_pending(v));
}

int vcpu_intr_ack(struct vcpu *v)
{
	struct lapic *a = v->apic;
	int vector;

	if (!a)
		return -1;
	if (extint_pending(v))
		return pic_ack(v->vm->irqs.pic);
	vector = deliverable(a);
	if (vector < 0)
		return -1;
	__atomic_fetch_and(&a->reg[LAPIC_IRR + vector / 32], ~(1u << (vector % 32)),
			   __ATOMIC_SEQ_CST);
	if (unlikely(hv_auto_eoi(v, vector)))
		return vector;		/* in service no longer than that */
	a->reg[LAPIC_ISR + vector / 32] |= 1u << (vector % 32);
	a->injected = vector;
	/* Above all that is in service, or it would not have been chosen. */
	lapic_set_reg(a, LAPIC_PPR, vector & 0xf0);
	return vector;
}

/* --- what the guest does to priorities --- */

static void set_tpr(struct lapic *a, u8 tpr)
{
	lapic_set_reg(a, LAPIC_TPR, tpr);
	lapic_update_ppr(a);
	lapic_reconsider(a);
}

u64 lapic_get_cr8(struct vcpu *v)
{
	return lapic_reg(v->apic, LAPIC_TPR) >> 4;
}

void lapic_set_cr8(struct vcpu *v, u64 val)
{
	u8 tpr = (val & 15) << 4;

	if (tpr != lapic_reg(v->apic, LAPIC_TPR))
		set_tpr(v->apic, tpr);
}

void lapic_eoi(struct lapic *a)
{
	struct vcpu *v = a->v;
	int vector = lapic_highest(a, LAPIC_ISR);
	bool level;

	if (vector < 0)
		return;
	a->reg[LAPIC_ISR + vector / 32] &= ~(1u << (vector % 32));
	a->injected = -1;
	lapic_update_ppr(a);
	level = lapic_test(a, LAPIC_TMR, vector);
	hv_eoi(v, vector);
	if (level || ioapic_wants_eoi(v->vm->irqs.ioapic, vector))
		irq_eoi(v->vm, v, vector, level);
	lapic_reconsider(a);
}

int lapic_take_eoi_exit(struct vcpu *v)
{
	struct lapic *a = v->apic;
	unsigned int i, n;

	for (i = 0; a && i < 8; i++) {
		if (!a->eoi_exit[i])
			continue;
		n = __builtin_ctz(a->eoi_exit[i]);
		a->eoi_exit[i] &= a->eoi_exit[i] - 1;
		return i * 32 + n;
	}
	return -1;
}

unsigned int lapic_take_init_sipi(struct vcpu *v)
{
	return v->apic ? __atomic_exchange_n(&v->apic->init_sipi, 0, __ATOMIC_SEQ_CST) : 0;
}

bool lapic_has_init_sipi(struct vcpu *v)
{
	return v->apic && __atomic_load_n(&v->apic->init_sipi, __ATOMIC_SEQ_CST);
}

void lapic_drop_sipi(struct vcpu *v)
{
	__atomic_fetch_and(&v->apic->init_sipi, ~(u32)LAPIC_SIPI, __ATOMIC_SEQ_CST);
}

bool lapic_init_latched(struct vcpu *v)
{
	return v->apic && __atomic_load_n(&v->apic->init_sipi, __ATOMIC_SEQ_CST) & LAPIC_INIT;
}

void lapic_latch_init(struct vcpu *v, bool latched)
{
	if (latched)
		__atomic_fetch_or(&v->apic->init_sipi, LAPIC_INIT, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&v->apic->init_sipi, ~(u32)LAPIC_INIT, __ATOMIC_SEQ_CST);
}

void lapic_latch_sipi(struct vcpu *v)
{
	__atomic_fetch_or(&v->apic->init_sipi, LAPIC_SIPI, __ATOMIC_SEQ_CST);
}

/* --- registers --- */

#define R(n)		(1ull << (n))
#define R8(n)		(0xffull << (n))
#define R_LVTS		(0x3full << LAPIC_LVTT)
#define READABLE	(R(LAPIC_ID) | R(LAPIC_LVR) | R(LAPIC_TPR) | R(LAPIC_PPR) | R(LAPIC_LDR) | \
			 R(LAPIC_SVR) | R8(LAPIC_ISR) | R8(LAPIC_TMR) | R8(LAPIC_IRR) | \
			 R(LAPIC_ESR) | R(LAPIC_ICR) | R_LVTS | R(LAPIC_TMICT) | \
			 R(LAPIC_TMCCT) | R(LAPIC_TDCR))
#define READABLE_XAPIC	(READABLE | R(LAPIC_ARB) | R(LAPIC_DFR) | R(LAPIC_ICR2))

int lapic_reg_read(struct lapic *a, unsigned int nr, u32 *val)
{
	u64 mask = a->mode == LAPIC_X2APIC ? READABLE : READABLE_XAPIC;

	if (nr >= LAPIC_NREG || !(mask >> nr & 1))
		return 1;
	if (nr == LAPIC_TMCCT)
		*val = lapic_timer_count(a);
	else if (nr == LAPIC_ARB)
		*val = 0;
	else
		*val = lapic_reg(a, nr);
	return 0;
}

static u32 lvt_mask(const struct lapic *a, unsigned int nr)
{
	switch (nr) {
	case LAPIC_LVTT:
		return 0x100ff | LAPIC_LVTT_PERIODIC |
		       (x86_has(&a->v->cpu, XF_TSCDEADLINE) ? LAPIC_LVTT_DEADLINE : 0);
	case LAPIC_LVTERR:
		return 0x100ff;
	case LAPIC_LVT0:
	case LAPIC_LVT1:
		return 0x1a7ff;		/* mode, polarity, trigger */
	default:
		return 0x107ff;
	}
}

static void set_lvt(struct lapic *a, unsigned int nr, u32 val)
{
	struct vcpu *v = a->v;
	u32 old = lapic_reg(a, nr);

	val &= lvt_mask(a, nr);
	if (!lapic_sw_enabled(a))
		val |= LAPIC_LVT_MASKED;
	lapic_set_reg(a, nr, val);
	if (nr == LAPIC_LVTT)
		lapic_timer_set_mode(a);
	if (nr != LAPIC_LVT0)
		return;
	if (lvt_is_nmi(val) != lvt_is_nmi(old))
		__atomic_fetch_add(&v->vm->irqs.lint0_nmi, lvt_is_nmi(val) ? 1 : -1,
				   __ATOMIC_SEQ_CST);
	lapic_reconsider(a);		/* the PIC may be waiting behind it */
}

static void set_svr(struct lapic *a, u32 val)
{
	unsigned int nr;

	lapic_set_reg(a, LAPIC_SVR, val & 0x3ff);
	if (val & LAPIC_SVR_ENABLE)
		return;
	for (nr = LAPIC_LVTT; nr <= LAPIC_LVTERR; nr++)
		set_lvt(a, nr, lapic_reg(a, nr) | LAPIC_LVT_MASKED);
}

static void set_xapic_id(struct lapic *a, u32 id)
{
	lapic_set_reg(a, LAPIC_ID, id << 24);
	if (id != a->v->id)
		WRITE_ONCE(a->v->vm->irqs.odd_xapic_ids, true);
}

/* Registers that x2APIC mode does not have, or not writable. */
static int write_xapic_only(struct lapic *a, unsigned int nr, u32 val)
{
	if (a->mode == LAPIC_X2APIC)
		return 1;
	switch (nr) {
	case LAPIC_ID:
		set_xapic_id(a, val >> 24);
		return 0;
	case LAPIC_LDR:
		lapic_set_reg(a, nr, val & 0xff000000);
		return 0;
	case LAPIC_DFR:
		lapic_set_reg(a, nr, val | 0x0fffffff);
		return 0;
	case LAPIC_ICR2:
		lapic_set_reg(a, nr, val & 0xff000000);
		return 0;
	}
	return 1;
}

static int write_esr(struct lapic *a, u32 val)
{
	if (a->mode == LAPIC_X2APIC && val)
		return 1;
	lapic_set_reg(a, LAPIC_ESR, __atomic_exchange_n(&a->esr_pending, 0, __ATOMIC_SEQ_CST));
	return 0;
}

static int write_timer(struct lapic *a, unsigned int nr, u32 val)
{
	if (nr == LAPIC_TDCR) {
		lapic_set_reg(a, nr, val & 0xb);
		lapic_timer_set_divide(a);
	} else if ((lapic_reg(a, LAPIC_LVTT) & LAPIC_LVTT_MODE) != LAPIC_LVTT_DEADLINE) {
		lapic_set_reg(a, nr, val);
		lapic_timer_start(a);
	}
	return 0;
}

int lapic_reg_write(struct lapic *a, unsigned int nr, u32 val)
{
	bool x2apic = a->mode == LAPIC_X2APIC;

	switch (nr) {
	case LAPIC_EOI:
		if (x2apic && val)
			return 1;
		lapic_eoi(a);
		return 0;
	case LAPIC_TPR:
		if (x2apic && val & ~0xffu)
			return 1;
		set_tpr(a, val);
		return 0;
	case LAPIC_SVR:
		set_svr(a, val);
		return 0;
	case LAPIC_ICR:
		lapic_set_reg(a, nr, val & ~LAPIC_ICR_BUSY);
		lapic_icr(a, val, lapic_reg(a, LAPIC_ICR2) >> 24);
		return 0;
	case LAPIC_LVTT:
	case LAPIC_LVTTHMR:
	case LAPIC_LVTPC:
	case LAPIC_LVT0:
	case LAPIC_LVT1:
	case LAPIC_LVTERR:
		set_lvt(a, nr, val);
		return 0;
	case LAPIC_TMICT:
	case LAPIC_TDCR:
		return write_timer(a, nr, val);
	case LAPIC_ESR:
		return write_esr(a, val);
	case LAPIC_SELF_IPI:
		if (!x2apic || val & ~0xffu)
			return 1;
		lapic_icr(a, LAPIC_SH_SELF << 18 | val, 0);
		return 0;
	default:
		return write_xapic_only(a, nr, val);
	}
}

/* --- the two ways in --- */

/* The guest looks at registers: what it did in memory comes first. */
static void guest_comes(struct vcpu *v)
{
	if (unlikely(v->pv_eoi_pending))
		lapic_pv_eoi_from_guest(v);
}

bool lapic_in_range(struct vcpu *v, u64 gpa)
{
	/* Where no xAPIC answers, the page reads as ones, as KVM has it. */
	return v->apic && (gpa & LAPIC_BASE_ADDR) == (READ_ONCE(v->apic_base) & LAPIC_BASE_ADDR);
}

int lapic_mmio_read(struct vcpu *v, u64 gpa, void *buf, unsigned int n)
{
	struct lapic *a = v->apic;
	unsigned int off = gpa & 0xfff, nr = off >> 4;
	u32 val = 0;

	if (a->mode != LAPIC_XAPIC) {
		memset(buf, 0xff, n);
		return 0;
	}
	guest_comes(v);
	memset(buf, 0, n);
	off &= 15;
	if (off >= 4)
		return 0;
	if (lapic_reg_read(a, nr, &val) && nr != LAPIC_EOI)
		lapic_error(a, LAPIC_ESR_REGISTER);
	memcpy(buf, (u8 *)&val + off, min(n, 4 - off));
	return 0;
}

int lapic_mmio_write(struct vcpu *v, u64 gpa, const void *buf, unsigned int n)
{
	struct lapic *a = v->apic;
	u32 val;

	/* The SDM knows aligned 32-bit accesses only. */
	if (a->mode != LAPIC_XAPIC || n != 4 || gpa & 15)
		return 0;
	guest_comes(v);
	memcpy(&val, buf, 4);
	if (lapic_reg_write(a, (gpa & 0xfff) >> 4, val))
		lapic_error(a, LAPIC_ESR_REGISTER);
	return 0;
}

/* Bits 63-32 are the destination. */
#define X2APIC_ICR_RESERVED	0xfff32000u

int lapic_msr_read(struct vcpu *v, u32 index, u64 *val)
{
	struct lapic *a = v->apic;
	u32 lo;

	if (!a || a->mode != LAPIC_X2APIC)
		return 1;
	guest_comes(v);
	if (lapic_reg_read(a, index - 0x800, &lo))
		return 1;
	*val = lo;
	if (index - 0x800 == LAPIC_ICR)
		*val |= (u64)lapic_reg(a, LAPIC_ICR2) << 32;
	return 0;
}

static void write_icr64(struct lapic *a, u64 val)
{
	lapic_set_reg(a, LAPIC_ICR, val & ~(u64)LAPIC_ICR_BUSY);
	lapic_set_reg(a, LAPIC_ICR2, val >> 32);
	lapic_icr(a, val, a->mode == LAPIC_X2APIC ? val >> 32 : val >> 56);
}

int lapic_msr_write(struct vcpu *v, u32 index, u64 val)
{
	struct lapic *a = v->apic;

	if (!a || a->mode != LAPIC_X2APIC)
		return 1;
	guest_comes(v);
	if (index - 0x800 == LAPIC_ICR) {
		if (val & X2APIC_ICR_RESERVED)
			return 1;
		write_icr64(a, val);
		return 0;
	}
	if (val >> 32)
		return 1;
	return lapic_reg_write(a, index - 0x800, val);
}

int lapic_hv_read(struct vcpu *v, unsigned int which, u64 *val)
{
	struct lapic *a = v->apic;

	if (!a || which == LAPIC_HV_EOI)
		return 1;
	*val = which == LAPIC_HV_TPR ? lapic_reg(a, LAPIC_TPR) :
	       (u64)lapic_reg(a, LAPIC_ICR2) << 32 | lapic_reg(a, LAPIC_ICR);
	return 0;
}

int lapic_hv_write(struct vcpu *v, unsigned int which, u64 val)
{
	struct lapic *a = v->apic;

	if (!a || (which != LAPIC_HV_ICR && val >> 32))
		return 1;
	guest_comes(v);
	switch (which) {
	case LAPIC_HV_EOI: lapic_eoi(a); break;
	case LAPIC_HV_ICR: write_icr64(a, val); break;
	case LAPIC_HV_TPR: set_tpr(a, val); break;
	}
	return 0;
}
