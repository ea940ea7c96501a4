/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic.h - the local APIC's inside, for core/irq. What vCPUs and the API use
 * is in irq.h.
 *
 * Source: Intel SDM vol. 3, "Advanced Programmable Interrupt Controller".
 *
 * Registers belong to the vCPU's thread (or to an ioctl that holds v->lock).
 * Any thread may set bits of IRR and TMR, atomically, and may read identity
 * and LVTs. There is no lock but the timer's.
 */
#ifndef CORE_IRQ_LAPIC_H
#define CORE_IRQ_LAPIC_H

#include "core/irq/route.h"

/* Register numbers: offset in the xAPIC page / 16, or x2APIC MSR - 800h. */
enum {
	LAPIC_ID = 0x02, LAPIC_LVR = 0x03, LAPIC_TPR = 0x08, LAPIC_ARB = 0x09,
	LAPIC_PPR = 0x0a, LAPIC_EOI = 0x0b, LAPIC_LDR = 0x0d, LAPIC_DFR = 0x0e,
	LAPIC_SVR = 0x0f, LAPIC_ISR = 0x10, LAPIC_TMR = 0x18, LAPIC_IRR = 0x20,
	LAPIC_ESR = 0x28, LAPIC_ICR = 0x30, LAPIC_ICR2 = 0x31, LAPIC_LVTT = 0x32,
	LAPIC_LVTTHMR = 0x33, LAPIC_LVTPC = 0x34, LAPIC_LVT0 = 0x35, LAPIC_LVT1 = 0x36,
	LAPIC_LVTERR = 0x37, LAPIC_TMICT = 0x38, LAPIC_TMCCT = 0x39, LAPIC_TDCR = 0x3e,
	LAPIC_SELF_IPI = 0x3f, LAPIC_NREG = 0x40
};

enum {	/* delivery modes */
	LAPIC_DM_FIXED, LAPIC_DM_LOWEST, LAPIC_DM_SMI, LAPIC_DM_REMRD,
	LAPIC_DM_NMI, LAPIC_DM_INIT, LAPIC_DM_STARTUP, LAPIC_DM_EXTINT
};
enum { LAPIC_SH_NONE, LAPIC_SH_SELF, LAPIC_SH_ALL, LAPIC_SH_OTHERS };

#define LAPIC_BASE_BSP		(1ull << 8)
#define LAPIC_BASE_X2APIC	(1ull << 10)
#define LAPIC_BASE_ENABLE	(1ull << 11)
#define LAPIC_BASE_ADDR		(~0xfffull)
#define LAPIC_BASE_DEFAULT	0xfee00000ull

#define LAPIC_SVR_ENABLE	(1u << 8)
#define LAPIC_LVT_MASKED	(1u << 16)
#define LAPIC_LVT_LEVEL		(1u << 15)
#define LAPIC_LVT_REMOTE_IRR	(1u << 14)
#define LAPIC_LVTT_MODE		(3u << 17)
#define LAPIC_LVTT_PERIODIC	(1u << 17)
#define LAPIC_LVTT_DEADLINE	(2u << 17)
#define LAPIC_ICR_BUSY		(1u << 12)
#define LAPIC_ICR_ASSERT	(1u << 14)
#define LAPIC_ICR_LEVEL		(1u << 15)

enum {
	LAPIC_ESR_SEND_ILLEGAL = 1 << 5, LAPIC_ESR_RECV_ILLEGAL = 1 << 6,
	LAPIC_ESR_REGISTER = 1 << 7
};

enum lapic_mode { LAPIC_OFF, LAPIC_XAPIC, LAPIC_X2APIC };

struct lapic_timer {
	host_spin_t lock;	/* all below */
	host_timer_t timer;	/* may also ring for nothing: armed decides */
	bool armed;
	u32 divide;		/* 1 to 128 */
	u64 expiry;		/* host_now_ns() time */
	u64 period;		/* ns, of one run from TMICT to 0 */
	u64 deadline;		/* guest TSC; 0: none */
	u32 mode;		/* LVTT's mode bits */
};

struct lapic {
	struct vcpu *v;
	u32 reg[LAPIC_NREG];
	u8 mode;		/* enum lapic_mode */
	bool irr_pending;	/* false: surely no bit of IRR is set */
	u32 init_sipi;		/* LAPIC_INIT, LAPIC_SIPI; atomic */
	s16 injected;		/* last vector put in service, if it is sure to be the
				 * highest; or -1 */
	u32 esr_pending;	/* not yet latched into ESR; atomic */
	u32 eoi_exit[8];	/* vectors for lapic_take_eoi_exit(), own thread */
	struct lapic_timer t;
};

static inline u32 lapic_reg(const struct lapic *a, unsigned int nr)
{
	return READ_ONCE(a->reg[nr]);
}

static inline void lapic_set_reg(struct lapic *a, unsigned int nr, u32 val)
{
	WRITE_ONCE(a->reg[nr], val);
}

static inline bool lapic_test(const struct lapic *a, unsigned int bank, u8 vector)
{
	return READ_ONCE(a->reg[bank + vector / 32]) >> (vector % 32) & 1;
}

static inline bool lapic_sw_enabled(const struct lapic *a)
{
	return lapic_reg(a, LAPIC_SVR) & LAPIC_SVR_ENABLE;
}

static inline bool lvt_is_nmi(u32 lvt)
{
	return !(lvt & LAPIC_LVT_MASKED) && (lvt >> 8 & 7) == LAPIC_DM_NMI;
}

static inline u32 lapic_x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

/* lapic.c: an interrupt arrives. Any thread. 1: accepted. */
int lapic_accept(struct lapic *a, unsigned int mode, u8 vector, bool level, bool assert);
/* The source behind a LVT register fires. */
int lapic_local_deliver(struct lapic *a, unsigned int lvt);
void lapic_error(struct lapic *a, u32 esr_bit);
void lapic_eoi(struct lapic *a);
/* The highest vector set in one of the three banks, or -1. */
int lapic_highest(const struct lapic *a, unsigned int bank);
void lapic_update_ppr(struct lapic *a);
/* Wake the vCPU if something can be delivered now. */
void lapic_reconsider(struct lapic *a);

/* 0 or 1 (no such register, or reserved bits set). */
int lapic_reg_read(struct lapic *a, unsigned int nr, u32 *val);
int lapic_reg_write(struct lapic *a, unsigned int nr, u32 val);

/* lapic_ipi.c: -1 when nobody matched, else how many accepted. */
int lapic_send(struct vm *vm, struct vcpu *src, const struct irq_msg *m);
/* ICR written. dest as the mode has it: 8 or 32 bits. */
void lapic_icr(struct lapic *a, u32 lo, u32 dest);
/* Is the target addressed? src is NULL for devices. */
bool lapic_match(const struct vm *vm, const struct lapic *target, const struct vcpu *src,
		 const struct irq_msg *m);

/* lapic_timer.c */
int lapic_timer_init(struct lapic *a);
void lapic_timer_fini(struct lapic *a);
void lapic_timer_reset(struct lapic *a);
void lapic_timer_start(struct lapic *a);	/* TMICT was written */
void lapic_timer_set_mode(struct lapic *a);	/* LVTT was written */
void lapic_timer_set_divide(struct lapic *a);	/* TDCR was written */
u32 lapic_timer_count(struct lapic *a);		/* TMCCT */
void lapic_timer_restore(struct lapic *a, u32 count);
void lapic_timer_poll(struct lapic *a);		/* fire what is due */

#endif
