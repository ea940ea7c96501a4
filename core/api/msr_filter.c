/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source: Documentation/virt/kvm/api.rst, KVM_X86_SET_MSR_FILTER. */
#include "core/api/msr_filter.h"

#define BITMAP_BYTES_MAX	0x600u
#define X2APIC_FIRST		0x800u
#define X2APIC_LAST		0x8ffu

struct msr_range {
	u32 flags, base, n;
	u8 *bits;
};

struct msr_filter {
	bool allow;		/* what no range says anything about */
	u32 n;
	struct msr_range range[KVM_MSR_FILTER_MAX_RANGES];
};

static void filter_free(struct msr_filter *f)
{
	for (u32 i = 0; f && i < f->n; i++)
		host_free(f->range[i].bits);
	host_free(f);
}

static int range_add(struct msr_filter *f, const struct kvm_msr_filter_range *r)
{
	struct msr_range *to = &f->range[f->n];
	size_t bytes = ((size_t)r->nmsrs + 63) / 64 * 8;
	int err;

	if (!r->nmsrs)
		return 0;
	if (bytes > BITMAP_BYTES_MAX || !r->flags ||
	    r->flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE))
		return -EINVAL;
	to->bits = host_alloc(bytes);
	if (!to->bits)
		return -ENOMEM;
	err = host_copy_from_user(to->bits, r->bitmap, bytes);
	if (err) {
		host_free(to->bits);
		return err;
	}
	to->flags = r->flags;
	to->base = r->base;
	to->n = r->nmsrs;
	f->n++;
	return 0;
}

static int filter_new(const struct kvm_msr_filter *arg, struct msr_filter **out)
{
	struct msr_filter *f;
	bool empty = true;
	int err;

	for (u32 i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++)
		empty &= !arg->ranges[i].nmsrs;
	/* Nothing at all allowed is not a filter, but a mistake. */
	if (arg->flags & ~KVM_MSR_FILTER_DEFAULT_DENY ||
	    (empty && arg->flags & KVM_MSR_FILTER_DEFAULT_DENY))
		return -EINVAL;
	f = host_alloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->allow = !(arg->flags & KVM_MSR_FILTER_DEFAULT_DENY);
	for (u32 i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		err = range_add(f, &arg->ranges[i]);
		if (err) {
			filter_free(f);
			return err;
		}
	}
	*out = f;
	return 0;
}

int msr_filter_set(struct vm *vm, const struct kvm_msr_filter *arg)
{
	struct msr_filter *f, *old;
	int err = filter_new(arg, &f);

	if (err)
		return err;
	host_spin_lock(&vm->filter_lock);
	old = vm->msr_filter;
	vm->msr_filter = f;
	host_spin_unlock(&vm->filter_lock);
	filter_free(old);
	return 0;
}

void msr_filter_free(struct vm *vm)
{
	filter_free(vm->msr_filter);
	vm->msr_filter = NULL;
}

/* The first range that has the MSR and is about this kind of access decides. */
static bool filter_allows(const struct msr_filter *f, u32 index, u32 what)
{
	for (u32 i = 0; i < f->n; i++) {
		const struct msr_range *r = &f->range[i];
		u32 bit = index - r->base;

		if (index >= r->base && bit < r->n && r->flags & what)
			return r->bits[bit / 8] >> (bit & 7) & 1;
	}
	return f->allow;
}

bool msr_allowed(struct vm *vm, u32 index, u32 what)
{
	bool r = true;

	if (likely(!READ_ONCE(vm->msr_filter)) || (index >= X2APIC_FIRST && index <= X2APIC_LAST))
		return true;
	host_spin_lock(&vm->filter_lock);
	if (vm->msr_filter)
		r = filter_allows(vm->msr_filter, index, what);
	host_spin_unlock(&vm->filter_lock);
	return r;
}
