/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.h - interrupts of one VM: GSI routing to PIC, IOAPIC and MSI, irqfds,
 * and what a vCPU's run loop asks of its local APIC.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include <linux/kvm.h>
#include "core/host.h"

struct vm;
struct vcpu;
struct pic;
struct ioapic;
struct pit;
struct irq_routes;
struct irqfd;

enum irqchip_mode { IRQCHIP_NONE, IRQCHIP_KERNEL, IRQCHIP_SPLIT };

struct irqs {
	enum irqchip_mode mode;
	struct pic *pic;
	struct ioapic *ioapic;
	struct pit *pit;
	u32 n_pins;			/* SPLIT: IOAPIC pins user space emulates */
	host_mutex_t lock;		/* routes replacement, irqfds */
	host_spin_t route_lock;		/* reading routes */
	struct irq_routes *routes;
	struct irqfd *irqfds;		/* changed under both locks */
	bool x2apic_32bit_ids, x2apic_no_broadcast_quirk;

	/* Inputs whose EOI somebody waits for (PIT, resampling irqfds), by
	 * pin; written under route_lock, read anywhere. */
	u32 ack_pic, ack_ioapic;
	bool ack_sint;			/* some SINT; irq_sint_acked() finds which */
	bool odd_xapic_ids;		/* some xAPIC ID is not its vCPU's id */
	u32 lint0_nmi;			/* APICs with LVT0 in NMI mode, atomic */
};

int irqs_init(struct vm *vm);
void irqs_fini(struct vm *vm);

/* KVM_CREATE_IRQCHIP, KVM_CAP_SPLIT_IRQCHIP, KVM_CREATE_PIT2, ...: KVM's errors.
 * The three that create take vm->lock themselves. */
int irqs_create(struct vm *vm);
int irqs_create_split(struct vm *vm, u32 pins);
int irqs_get_chip(struct vm *vm, struct kvm_irqchip *chip);
int irqs_set_chip(struct vm *vm, const struct kvm_irqchip *chip);
int pit_create(struct vm *vm, const struct kvm_pit_config *cfg);
int pit_get(struct vm *vm, struct kvm_pit_state2 *st);
int pit_set(struct vm *vm, const struct kvm_pit_state2 *st);
int pit_reinject(struct vm *vm, const struct kvm_reinject_control *rc);

/* KVM_SET_GSI_ROUTING; entries already in host memory. */
int irq_set_routes(struct vm *vm, const struct kvm_irq_routing_entry *e, u32 n);
/* Sources, at most 64. */
enum { IRQ_SOURCE_USER, IRQ_SOURCE_RESAMPLE, IRQ_SOURCE_PIT };
/* Drive a GSI; source tells sharers of a line apart (KVM_IRQ_LINE is 0).
 * Returns >0 delivered, 0 coalesced, <0 ignored (masked, no such GSI). */
int irq_set_level(struct vm *vm, u32 source, u32 gsi, bool level);
/* KVM_SIGNAL_MSI: >0 delivered, 0 blocked, -EINVAL. */
int irq_msi(struct vm *vm, u64 addr, u32 data);
/* KVM_IRQFD, with resample. */
int irqfd_ioctl(struct vm *vm, const struct kvm_irqfd *arg);
/* An EOI broadcast for vector reached the IOAPIC: resample, redeliver. */
void irq_eoi(struct vm *vm, struct vcpu *v, u8 vector, bool level);

/* A vCPU is done with what came through a SINT of its SynIC. */
void irq_sint_acked(struct vm *vm, u32 vp_index, u32 sint);

/* --- local APIC, as its vCPU sees it (lapic.c). Without one (v->apic is NULL)
 * only lapic_reset and lapic_{get,set}_base may be called. --- */

int lapic_new(struct vcpu *v);
void lapic_free(struct vcpu *v);
void lapic_reset(struct vcpu *v, bool init);
u64 lapic_get_base(struct vcpu *v);			/* IA32_APIC_BASE */
int lapic_set_base(struct vcpu *v, u64 val, bool host);	/* 0 or 1: #GP */
int lapic_get_state(struct vcpu *v, struct kvm_lapic_state *s);
int lapic_set_state(struct vcpu *v, const struct kvm_lapic_state *s);
/* MMIO when xAPIC is enabled: is gpa in this vCPU's APIC page? Then read, write. */
bool lapic_in_range(struct vcpu *v, u64 gpa);
int lapic_mmio_read(struct vcpu *v, u64 gpa, void *buf, unsigned int n);
int lapic_mmio_write(struct vcpu *v, u64 gpa, const void *buf, unsigned int n);
/* x2APIC MSRs 800h-8ffh: 0 or 1 (#GP). */
int lapic_msr_read(struct vcpu *v, u32 index, u64 *val);
int lapic_msr_write(struct vcpu *v, u32 index, u64 val);
/* Hyper-V's MSRs for the same in both modes, by number from HV_EOI. */
enum { LAPIC_HV_EOI, LAPIC_HV_ICR, LAPIC_HV_TPR };
int lapic_hv_read(struct vcpu *v, unsigned int which, u64 *val);
int lapic_hv_write(struct vcpu *v, unsigned int which, u64 val);
u64 lapic_get_tsc_deadline(struct vcpu *v);
void lapic_set_tsc_deadline(struct vcpu *v, u64 tsc);
/* v->tsc_offset has changed: the deadline is at another time now. */
void lapic_tsc_changed(struct vcpu *v);
/* PV EOI: before guest code runs, and after (where pv_eoi_pending is set). v's
 * thread in KVM_RUN. */
void lapic_pv_eoi_to_guest(struct vcpu *v);
void lapic_pv_eoi_from_guest(struct vcpu *v);
u64 lapic_get_cr8(struct vcpu *v);
void lapic_set_cr8(struct vcpu *v, u64 val);

/* One interrupt, as ICR says, to each vCPU that has a bit in map: APIC IDs first
 * to first + 127. Returns how many took it. icr has none of LAPIC_ICR_DESTS. */
#define LAPIC_ICR_DESTS		(1u << 11 | 3u << 18)	/* logical, shorthand */
int lapic_send_map(struct vcpu *src, const u64 map[2], u32 first, u32 icr);

/* Does an interrupt wait that could be taken now if IF allowed it? Counts the
 * PIC where its output reaches this vCPU (LVT0 ExtINT, virtual wire). */
bool vcpu_intr_pending(struct vcpu *v);
/* Acknowledge it: the vector (0-255), or -1 when it has gone away. */
int vcpu_intr_ack(struct vcpu *v);
/* Would the PIC's (or, with a split irqchip, user space's) ExtINT reach it? */
bool vcpu_accepts_extint(struct vcpu *v);
/* Split irqchip: a vector whose EOI user space must hear of (KVM_EXIT_IOAPIC_EOI),
 * or -1. REQ_IOAPIC_EOI is requested when there is one; ask until -1. */
int lapic_take_eoi_exit(struct vcpu *v);
/* INIT and SIPI that arrived since: LAPIC_INIT and LAPIC_SIPI bits, cleared by
 * the call; a SIPI's vector is in v->sipi_vector. NMIs go to v->nmi_pending. */
enum { LAPIC_INIT = 1, LAPIC_SIPI = 2 };
unsigned int lapic_take_init_sipi(struct vcpu *v);
bool lapic_has_init_sipi(struct vcpu *v);
/* In SMM: INIT waits, SIPI is lost. KVM_*_VCPU_EVENTS' latched_init. */
void lapic_drop_sipi(struct vcpu *v);
bool lapic_init_latched(struct vcpu *v);
void lapic_latch_init(struct vcpu *v, bool latched);
/* A SIPI with the vector in v->sipi_vector, from user space. */
void lapic_latch_sipi(struct vcpu *v);

#endif
