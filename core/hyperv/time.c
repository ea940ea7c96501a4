/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * time.c - the partition's reference time: kvmclock in units of 100 ns, and the
 * page by which guests work it out from the TSC alone.
 *
 * While the page is good the time follows its formula exactly, so that a guest
 * may mix the page and the MSR.
 */
#include "core/vm.h"
#include "core/api/pv.h"
#include "core/x86/msr.h"

#define PAGE_ENABLE	1ull

struct tsc_page {		/* TLFS, "Partition Reference TSC Mechanism" */
	u32 sequence;		/* 0: use the MSR instead */
	u32 reserved;
	u64 scale, offset;
};

static u64 scaled(u64 tsc, u64 scale)
{
	return (unsigned __int128)tsc * scale >> 64;
}

u64 hv_time(struct vm *vm)
{
	struct vm_hv *hv = &vm->hv;
	u64 t;

	host_mutex_lock(&hv->lock);
	t = hv->page_status == HV_PAGE_SET ?
	    scaled(vcpu_guest_tsc(vm->vcpu[0]), hv->tsc_scale) + hv->tsc_offset :
	    pv_clock_now(vm, NULL) / 100;
	host_mutex_unlock(&hv->lock);
	return t;
}

/* All vCPUs read one page, so their TSCs must be the same. */
static bool tscs_agree(struct vm *vm)
{
	u32 n = __atomic_load_n(&vm->n_vcpus, __ATOMIC_ACQUIRE);

	for (u32 i = 1; i < n; i++)
		if (READ_ONCE(vm->vcpu[i]->tsc_offset) != READ_ONCE(vm->vcpu[0]->tsc_offset) ||
		    READ_ONCE(vm->vcpu[i]->tsc_ratio) != READ_ONCE(vm->vcpu[0]->tsc_ratio))
			return false;
	return true;
}

/*
 * kvmclock is ns = base.ns + ((tsc - base.tsc) << shift) * mul >> 32; a hundredth
 * of it gives scale = mul << (32 + shift) / 100, if that fits in 64 bits.
 */
static bool page_compute(struct vm *vm, struct tsc_page *p)
{
	struct pv_clock_base b;
	u32 up;

	pv_clock_base(vm->vcpu[0], &b);
	up = 32 + b.shift;
	if (!tscs_agree(vm) || b.mul >= 100ull << (32 - b.shift))
		return false;
	p->scale = ((u64)(b.mul / 100) << up) + ((u64)(b.mul % 100) << up) / 100;
	p->offset = b.ns / 100 - scaled(b.tsc, p->scale);
	return true;
}

/* A guest that migrated between TSC frequencies wants the page to stay until it
 * has ended TSC emulation. */
static bool page_frozen(const struct vm_hv *hv)
{
	return hv->page_status != HV_PAGE_GUEST_CHANGED && hv->tsc_emulation;
}

static int page_write_locked(struct vcpu *v, u64 gpa)
{
	struct vm_hv *hv = &v->vm->hv;
	struct tsc_page p;
	u32 sequence;

	host_mutex_assert_held(&hv->lock);
	if (gmem_read(v->vm, gpa, &p, sizeof(p)))
		return -EFAULT;
	sequence = p.sequence;
	if (!sequence || !page_frozen(hv)) {
		/* While it is being written, guests are to use the MSR. */
		p.sequence = p.reserved = 0;
		if (gmem_write(v, gpa, &p, sizeof(p.sequence)))
			return -EFAULT;
		if (!page_compute(v->vm, &p))
			return -ENODATA;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (gmem_write(v, gpa, &p, sizeof(p)))
			return -EFAULT;
		sequence++;
		p.sequence = sequence && sequence != ~0u ? sequence : 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (gmem_write(v, gpa, &p, sizeof(p.sequence)))
			return -EFAULT;
	}
	hv->tsc_scale = p.scale;
	hv->tsc_offset = p.offset;
	return 0;
}

void hv_tsc_page_update(struct vcpu *v)
{
	struct vm_hv *hv = &v->vm->hv;
	u8 status = READ_ONCE(hv->page_status);

	if (status != HV_PAGE_GUEST_CHANGED && status != HV_PAGE_HOST_CHANGED)
		return;
	host_mutex_lock(&hv->lock);
	status = hv->page_status;
	if ((status == HV_PAGE_GUEST_CHANGED || status == HV_PAGE_HOST_CHANGED) &&
	    hv->tsc_page & PAGE_ENABLE)
		WRITE_ONCE(hv->page_status, page_write_locked(v, hv->tsc_page & ~0xfffull) ?
					    HV_PAGE_BROKEN : HV_PAGE_SET);
	host_mutex_unlock(&hv->lock);
}

void hv_clock_changed(struct vm *vm)
{
	struct vm_hv *hv = &vm->hv;

	if (READ_ONCE(hv->page_status) != HV_PAGE_SET)
		return;
	host_mutex_lock(&hv->lock);
	if (hv->page_status == HV_PAGE_SET && !page_frozen(hv))
		WRITE_ONCE(hv->page_status, HV_PAGE_HOST_CHANGED);
	host_mutex_unlock(&hv->lock);
}
