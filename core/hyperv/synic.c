/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * synic.c - the synthetic interrupt controller: sixteen sources (SINTs) a vCPU,
 * each a vector of its local APIC, and a page with a message slot for each.
 * Source: TLFS, "Virtual Interrupt Control", "Inter-Partition Communication".
 */
#include "core/vm.h"
#include "core/irq/lapic.h"

#define SINT_VECTOR(s)	((u8)(s))
#define SINT_MASKED	(1ull << 16)
#define SINT_AUTO_EOI	(1ull << 17)
#define PAGE_ENABLE	1ull
#define SLOT_BYTES	256u

struct msg_header {
	u32 type;		/* 0: the slot is free */
	u8 size, flags;		/* bit 0: another message waits */
	u8 reserved[2];
};

static void bit_assign(u32 *map, u8 nr, bool on)
{
	u32 bit = 1u << (nr % 32);

	map[nr / 32] = on ? map[nr / 32] | bit : map[nr / 32] & ~bit;
}

/* Several SINTs may have the same vector. */
static void vector_update(struct vcpu_hv *hv, u8 vector)
{
	bool used = false, automatic = false;

	for (u32 i = 0; i < HV_SINTS; i++) {
		if (hv->sint[i] & SINT_MASKED || SINT_VECTOR(hv->sint[i]) != vector)
			continue;
		used = true;
		automatic |= !!(hv->sint[i] & SINT_AUTO_EOI);
	}
	if (vector < 16)
		return;
	bit_assign(hv->vectors, vector, used);
	bit_assign(hv->auto_eoi, vector, automatic);
}

static int set_sint(struct vcpu_hv *hv, u32 n, u64 val, bool host)
{
	u8 old = SINT_VECTOR(hv->sint[n]);

	/* Masked ones may have any vector: Hyper-V itself writes 10000h. */
	if (!host && SINT_VECTOR(val) < 16 && !(val & SINT_MASKED))
		return 1;
	WRITE_ONCE(hv->sint[n], val);
	vector_update(hv, old);
	vector_update(hv, SINT_VECTOR(val));
	return 0;
}

static void acked(struct vcpu *v, u32 sint)
{
	hv_stimers_acked(v, sint);
	irq_sint_acked(v->vm, v->hv->vp_index, sint);
}

bool hv_wants_eoi(const struct vcpu *v, u8 vector)
{
	return v->hv && v->hv->vectors[vector / 32] >> (vector % 32) & 1;
}

void hv_eoi(struct vcpu *v, u8 vector)
{
	const struct vcpu_hv *hv = v->hv;

	if (!hv_wants_eoi(v, vector))
		return;
	for (u32 i = 0; i < HV_SINTS; i++)
		if (!(hv->sint[i] & SINT_MASKED) && SINT_VECTOR(hv->sint[i]) == vector)
			acked(v, i);
}

bool hv_auto_eoi(const struct vcpu *v, u8 vector)
{
	return v->hv && v->hv->auto_eoi[vector / 32] >> (vector % 32) & 1;
}

/* --- interrupts and messages --- */

static int raise(struct vcpu *v, u32 sint)
{
	u64 val = READ_ONCE(v->hv->sint[sint]);

	if (val & SINT_MASKED)
		return -ENOENT;
	return lapic_accept(v->apic, LAPIC_DM_FIXED, SINT_VECTOR(val), false, true);
}

int hv_sint_raise(struct vm *vm, u32 vp_index, u32 sint)
{
	u32 n = __atomic_load_n(&vm->n_vcpus, __ATOMIC_ACQUIRE);

	for (u32 i = 0; i < n && sint < HV_SINTS; i++) {
		struct vcpu_hv *hv = vm->vcpu[i]->hv;

		if (hv && READ_ONCE(hv->vp_index) == vp_index)
			return __atomic_load_n(&hv->active, __ATOMIC_ACQUIRE) ?
			       raise(vm->vcpu[i], sint) : -EINVAL;
	}
	return -EINVAL;
}

int hv_post(struct vcpu *v, u32 sint, const void *msg, u32 len, bool once)
{
	u64 slot = (v->hv->simp & ~0xfffull) + sint * SLOT_BYTES;
	struct msg_header h;
	int r;

	if (!(v->hv->simp & PAGE_ENABLE))
		return -ENOENT;
	r = gmem_read(v->vm, slot, &h, sizeof(h));
	if (r)
		return r;
	if (h.type) {
		if (once)
			return 1;
		h.flags = 1;	/* so the guest will write EOM */
		r = gmem_write(v, slot + offsetof(struct msg_header, flags), &h.flags, 1);
		return r ? r : -EAGAIN;
	}
	r = gmem_write(v, slot, msg, len);
	if (r)
		return r;
	r = raise(v, sint);
	return r > 0 ? 0 : r ? r : -EFAULT;
}

/* --- registers --- */

long hv_synic_activate(struct vcpu *v, bool keep_pages)
{
	if (!v->apic)
		return -EINVAL;
	v->hv->keep_pages = keep_pages;
	v->hv->control = 1;
	__atomic_store_n(&v->hv->active, true, __ATOMIC_RELEASE);
	return 0;
}

int hv_synic_read(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	const struct vcpu_hv *hv = v->hv;

	if (!hv->active && !host)
		return 1;
	switch (idx) {
	case HV_SCONTROL: *val = hv->control; break;
	case HV_SVERSION: *val = hv->version; break;
	case HV_SIEFP: *val = hv->siefp; break;
	case HV_SIMP: *val = hv->simp; break;
	case HV_EOM: *val = 0; break;
	default: *val = hv->sint[idx - HV_SINT0];
	}
	return 0;
}

static int page_clear(struct vcpu *v, u64 gpa)
{
	static const u8 zeros[256];
	int err = 0;

	for (u32 at = 0; at < 4096 && !err; at += sizeof(zeros))
		err = gmem_write(v, gpa + at, zeros, sizeof(zeros));
	return err;
}

static void tell_user(struct vcpu *v, u32 idx)
{
	struct vcpu_hv *hv = v->hv;

	hv->exit = (struct kvm_hyperv_exit){ .type = KVM_EXIT_HYPERV_SYNIC };
	hv->exit.u.synic.msr = idx;
	hv->exit.u.synic.control = hv->control;
	hv->exit.u.synic.evt_page = hv->siefp;
	hv->exit.u.synic.msg_page = hv->simp;
	hv->pending |= HV_DO_EXIT;
	vcpu_request(v, REQ_HYPERV);
}

/* The guest's pages are its own from now on; user space learns where they are. */
static int set_page(struct vcpu *v, u64 *page, u64 val, bool host)
{
	if (!host && val & PAGE_ENABLE && !v->hv->keep_pages &&
	    page_clear(v, val & ~0xfffull))
		return 1;
	*page = val;
	return 0;
}

int hv_synic_write(struct vcpu *v, u32 idx, u64 val, bool host)
{
	struct vcpu_hv *hv = v->hv;
	int r = 0;

	if (!hv->active && (!host || val))
		return 1;
	switch (idx) {
	case HV_SCONTROL: hv->control = val; break;
	case HV_SVERSION: hv->version = host ? val : hv->version; return !host;
	case HV_SIEFP: r = set_page(v, &hv->siefp, val, host); break;
	case HV_SIMP: r = set_page(v, &hv->simp, val, host); break;
	case HV_EOM:
		for (u32 i = 0; i < HV_SINTS && hv->active; i++)
			acked(v, i);
		return 0;
	default: return set_sint(hv, idx - HV_SINT0, val, host);
	}
	if (!r && !host)
		tell_user(v, idx);
	return r;
}
