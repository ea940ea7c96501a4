/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hyperv.h - the part of Hyper-V's guest interface that KVM offers: synthetic
 * MSRs, hypercalls, the synthetic interrupt controller (SynIC) with its timers,
 * and the reference time.
 *
 * Sources: Microsoft, "Hypervisor Top Level Functional Specification" (TLFS);
 * Documentation/virt/kvm/api.rst.
 */
#ifndef CORE_HYPERV_H
#define CORE_HYPERV_H

#include <linux/kvm.h>
#include "core/host.h"

struct vm;
struct vcpu;
struct hv_conn;

#define HV_SINTS	16
#define HV_STIMERS	4

enum hv_msr {
	HV_GUEST_OS_ID = 0x40000000, HV_HYPERCALL, HV_VP_INDEX, HV_RESET,
	HV_VP_RUNTIME = 0x40000010,
	HV_TIME_REF_COUNT = 0x40000020, HV_REFERENCE_TSC, HV_TSC_FREQUENCY, HV_APIC_FREQUENCY,
	HV_EOI = 0x40000070, HV_ICR, HV_TPR, HV_VP_ASSIST_PAGE,
	HV_SCONTROL = 0x40000080, HV_SVERSION, HV_SIEFP, HV_SIMP, HV_EOM,
	HV_SINT0 = 0x40000090, HV_SINT15 = HV_SINT0 + HV_SINTS - 1,
	HV_STIMER0_CONFIG = 0x400000b0, HV_STIMER0_COUNT, HV_STIMER3_COUNT = 0x400000b7,
	HV_DBG_CONTROL = 0x400000f1, HV_DBG_STATUS, HV_DBG_SEND, HV_DBG_RECV, HV_DBG_PENDING,
	HV_DBG_OPTIONS = 0x400000ff,
	HV_CRASH_P0 = 0x40000100, HV_CRASH_P4 = 0x40000104, HV_CRASH_CTL,
	HV_REENLIGHTENMENT, HV_TSC_EMULATION, HV_TSC_EMULATION_STATUS,
};

/* CPUID 40000003h EAX, EBX, EDX. */
#define HVF_RUNTIME	(1u << 0)
#define HVF_TIME_REF	(1u << 1)
#define HVF_SYNIC	(1u << 2)
#define HVF_STIMER	(1u << 3)
#define HVF_APIC	(1u << 4)
#define HVF_HYPERCALL	(1u << 5)
#define HVF_VP_INDEX	(1u << 6)
#define HVF_RESET	(1u << 7)
#define HVF_REF_TSC	(1u << 9)
#define HVF_FREQUENCY	(1u << 11)
#define HVF_REENLIGHTEN	(1u << 13)
#define HVF_B_POST	(1u << 4)
#define HVF_B_SIGNAL	(1u << 5)
#define HVF_B_DEBUG	(1u << 11)
#define HVF_D_DEBUGGING	(1u << 1)
#define HVF_D_XMM	(1u << 4)
#define HVF_D_FREQUENCY	(1u << 8)
#define HVF_D_CRASH	(1u << 10)
#define HVF_D_DBG_MSRS	(1u << 11)
#define HVF_D_DIRECT	(1u << 19)
/* CPUID 40000004h EAX: what the guest had better use. */
#define HVE_FLUSH	(1u << 2)
#define HVE_APIC	(1u << 3)
#define HVE_RELAXED	(1u << 5)
#define HVE_NO_AUTO_EOI	(1u << 9)
#define HVE_IPI		(1u << 10)
#define HVE_SETS	(1u << 11)
#define HVE_NO_SHARING	(1u << 18)
/* CPUID 40000082h EAX. */
#define HVD_ALLOWED	(1u << 1)

enum hv_page_status {		/* of the reference TSC page */
	HV_PAGE_OFF,
	HV_PAGE_GUEST_CHANGED,	/* the guest has put it somewhere: write it */
	HV_PAGE_HOST_CHANGED,	/* the time or the host has changed: write it */
	HV_PAGE_SET,
	HV_PAGE_BROKEN,		/* no memory there, or no such time */
};

/* Of a VM: what the TLFS calls partition-wide. */
struct vm_hv {
	host_mutex_t lock;	/* all below; after slots.lock */
	u64 guest_os_id;	/* 0: no hypercalls; also read without the lock */
	u64 hypercall, tsc_page, crash[5], crash_ctl;
	u64 reenlightenment, tsc_emulation, tsc_emulation_status;
	u64 dbg[5], dbg_options;
	u64 tsc_scale, tsc_offset;	/* reference time = (tsc * scale >> 64) + offset */
	u8 page_status;			/* enum hv_page_status */
	struct hv_conn *conns;		/* KVM_HYPERV_EVENTFD */
	u32 n_conns;
};

struct hv_stimer {
	struct vcpu *v;
	host_timer_t timer;
	u64 config, count;
	u64 expiry;		/* reference time; 0: not running */
	bool msg_pending;	/* expired, and the message slot was not free */
};

enum hv_pending { HV_DO_CRASH = 1, HV_DO_RESET = 2, HV_DO_EXIT = 4 };

/* Of a vCPU: its own thread's, or guarded by vcpu->lock, but for what is atomic. */
struct vcpu_hv {
	bool enabled;		/* the CPUID says Hv#1 */
	bool enforced;		/* KVM_CAP_HYPERV_ENFORCE_CPUID */
	u32 feat_eax, feat_ebx, feat_edx, enl_eax, enl_ebx, dbg_eax;	/* of the CPUID */
	u32 vp_index;		/* read by anybody */
	u64 assist;		/* VP_ASSIST_PAGE */
	u64 runtime_offset;	/* 100 ns */
	bool active;		/* SynIC: KVM_CAP_HYPERV_SYNIC*; set once, read by anybody */
	bool keep_pages;	/* ...SYNIC2: user space clears SIMP and SIEFP pages */
	u64 control, version, siefp, simp;
	u64 sint[HV_SINTS];	/* read by anybody */
	u32 vectors[8], auto_eoi[8];	/* of unmasked SINTs */
	struct hv_stimer stimer[HV_STIMERS];
	u32 stimers_due;	/* bits, atomic */
	u32 pending;		/* enum hv_pending */
	bool wants_status;	/* user space will answer the exit with dbg's status */
	struct kvm_hyperv_exit exit;
};

void hv_vm_init(struct vm *vm);
void hv_vm_fini(struct vm *vm);
/* v->hv, once v->index is known; -ENOMEM. */
int hv_vcpu_init(struct vcpu *v);
void hv_vcpu_fini(struct vcpu *v);

/* --- cpuid.c --- */
/* KVM_GET_SUPPORTED_HV_CPUID; v is NULL for the system's. -E2BIG. */
long hv_cpuid_supported(const struct vcpu *v, struct kvm_cpuid2 *c);
/* The vCPU's CPUID was set. */
void hv_cpuid_changed(struct vcpu *v);
bool hv_msr_offered(const struct vcpu_hv *hv, u32 idx);

/* --- msr.c: 0, or 1 for #GP --- */
int hv_msr_read(struct vcpu *v, u32 idx, u64 *val, bool host);
int hv_msr_write(struct vcpu *v, u32 idx, u64 val, bool host);
/* REQ_HYPERV: RUN_OK, or RUN_EXIT with v->run filled in. */
int hv_requests(struct vcpu *v);
/* KVM_RUN is called again: what user space said to the last exit. */
void hv_exit_answered(struct vcpu *v);

/* --- hypercall.c --- */
/* Are VMCALL and VMMCALL Hyper-V's? Then the instruction: an enum run_result. */
bool hv_has_hypercalls(const struct vcpu *v);
int hv_hypercall(struct vcpu *v);
/* KVM_HYPERV_EVENTFD: -EINVAL, -EEXIST, -ENOENT, -EBADF, -ENOMEM. */
int hv_eventfd(struct vm *vm, const struct kvm_hyperv_eventfd *arg);

/* --- synic.c --- */
/* KVM_CAP_HYPERV_SYNIC, KVM_CAP_HYPERV_SYNIC2. */
long hv_synic_activate(struct vcpu *v, bool keep_pages);
int hv_synic_read(struct vcpu *v, u32 idx, u64 *val, bool host);
int hv_synic_write(struct vcpu *v, u32 idx, u64 val, bool host);
/* One interrupt of a SINT: >0 delivered, 0 not, <0 ignored. Any thread. */
int hv_sint_raise(struct vm *vm, u32 vp_index, u32 sint);
/* The vCPU's EOI of a vector; does somebody want to hear of it at once; is there
 * none, because it is automatic? All cheap. */
void hv_eoi(struct vcpu *v, u8 vector);
bool hv_wants_eoi(const struct vcpu *v, u8 vector);
bool hv_auto_eoi(const struct vcpu *v, u8 vector);
/* A message into a SINT's slot: 0, 1 when the slot was taken and the message is
 * not to be repeated, -EAGAIN when it was and will be free later, or an error. */
int hv_post(struct vcpu *v, u32 sint, const void *msg, u32 len, bool once);

/* --- stimer.c --- */
int hv_stimer_init(struct vcpu *v);
void hv_stimer_fini(struct vcpu *v);
void hv_stimer_read(struct vcpu *v, u32 idx, u64 *val);
int hv_stimer_write(struct vcpu *v, u32 idx, u64 val, bool host);
void hv_stimers_run(struct vcpu *v);
void hv_stimers_acked(struct vcpu *v, u32 sint);

/* --- time.c --- */
u64 hv_time(struct vm *vm);	/* reference time, 100 ns */
/* REQ_CLOCK: write the reference TSC page if it is out of date. */
void hv_tsc_page_update(struct vcpu *v);
/* The clock or a TSC was set: the page is out of date. Follow with REQ_CLOCK. */
void hv_clock_changed(struct vm *vm);

#endif
