/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source of the rules: Documentation/virt/kvm/api.rst, section
 * KVM_SET_USER_MEMORY_REGION. */
#include "core/vm.h"

#define PAGE		4096ull
#define PAGES_MAX	((1ull << 31) - 1)
#define GPA_END		(1ull << 52)
#define USER_END	((1ull << 47) - PAGE)	/* what a process may map */

int slots_init(struct slots *s)
{
	memset(s, 0, sizeof(*s));
	host_mutex_init(&s->lock);
	for (u32 i = 0; i < AS_COUNT; i++)
		s->as[i].table = host_alloc(sizeof(*s->as[i].table));
	if (s->as[AS_NORMAL].table && s->as[AS_SMM].table)
		return 0;
	for (u32 i = 0; i < AS_COUNT; i++)
		host_free(s->as[i].table);
	return -ENOMEM;
}

static void table_free(struct vm *vm, struct slot_table *t)
{
	for (u32 i = 0; t && i < t->n; i++) {
		host_free(t->slot[i].dirty);
		if (t->slot[i].arch)
			vm->engine->slot_fini(vm, &t->slot[i]);
	}
	host_free(t);
}

void slots_fini(struct slots *s)
{
	struct vm *vm = container_of(s, struct vm, slots);

	for (u32 i = 0; i < AS_COUNT; i++) {
		table_free(vm, s->as[i].table);
		host_free(s->as[i].base_of);
		s->as[i] = (struct slot_space){ 0 };
	}
}

/* Where a slot with this id is; the id is valid. */
static struct slot_space *space_of(struct vm *vm, u32 id)
{
	return &vm->slots.as[id >> 16];
}

static u64 dirty_words(u64 len)
{
	return (len / PAGE + 63) / 64;
}

/* The number of slots that begin at or below gpa. */
static u32 table_upper(const struct slot_table *t, u32 n, u64 gpa)
{
	u32 lo = 0, hi = n;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->slot[mid].gpa <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct slot *slot_by_id(struct vm *vm, u32 id)
{
	struct slot_space *a = space_of(vm, id);
	struct slot_table *t = a->table;
	u64 base = a->base_of ? a->base_of[(u16)id] : 0;

	return base ? &t->slot[table_upper(t, t->n, base & ~1ull) - 1] : NULL;
}

static bool id_valid(u32 id)
{
	return id >> 16 < AS_COUNT && (u16)id < SLOTS_MAX;
}

static int region_check(const struct kvm_userspace_memory_region *r)
{
	if (r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if ((r->memory_size | r->guest_phys_addr | r->userspace_addr) & (PAGE - 1))
		return -EINVAL;
	if (r->userspace_addr > USER_END || r->memory_size > USER_END - r->userspace_addr)
		return -EINVAL;
	if (!id_valid(r->slot))
		return -EINVAL;
	if (r->guest_phys_addr + r->memory_size < r->guest_phys_addr ||
	    r->memory_size / PAGE > PAGES_MAX)
		return -EINVAL;
	return 0;
}

/* Does anything but slot id lie in the range? Slots do not overlap each other, so
 * only those next to its two ends can. */
static bool region_overlaps(const struct slot_table *t, u32 id, u64 gpa, u64 len)
{
	u32 i = table_upper(t, t->n, gpa + len - 1);

	for (u32 near = 0; i-- && near < 2; near++) {
		const struct slot *s = &t->slot[i];

		if (s->id != id && gpa < s->gpa + s->len && s->gpa < gpa + len)
			return true;
	}
	return false;
}

/* A copy of the table without slot id and with add (may be NULL). */
static struct slot_table *table_replace(const struct slot_table *old, u32 id,
					const struct slot *add)
{
	u32 cap = old->n + 1 + old->n / 2;
	struct slot_table *t = host_alloc(sizeof(*t) + cap * sizeof(t->slot[0]));

	if (!t)
		return NULL;
	t->cap = cap;
	t->generation = old->generation + 1;
	for (u32 i = 0; i < old->n; i++) {
		const struct slot *s = &old->slot[i];

		if (s->id == id)
			continue;
		if (add && add->gpa < s->gpa) {
			t->slot[t->n++] = *add;
			add = NULL;
		}
		t->slot[t->n++] = *s;
	}
	if (add)
		t->slot[t->n++] = *add;
	return t;
}

/* Behind all others there may be room: nothing need be copied. */
static bool table_append(struct slot_table *t, const struct slot *add)
{
	if (t->n == t->cap || (t->n && t->slot[t->n - 1].gpa > add->gpa))
		return false;
	t->slot[t->n] = *add;
	__atomic_store_n(&t->n, t->n + 1, __ATOMIC_RELEASE);
	return true;
}

static void tell_engine(struct vm *vm, const struct slot *s)
{
	if (vm->engine->memory_changed)
		vm->engine->memory_changed(vm, slot_as(s), s->gpa, s->len);
}

/*
 * Publish the table with add in place of old, either of which may be NULL, and
 * return once nobody uses the former one.
 */
static int table_swap(struct vm *vm, u32 id, const struct slot *old, const struct slot *add)
{
	struct slot_space *a = space_of(vm, id);
	struct slot_table *was = a->table, *t;
	struct slot gone = old ? *old : (struct slot){ 0 };

	if (!old && table_append(was, add)) {
		a->base_of[(u16)id] = add->gpa | 1;
		vm->slots.count++;
		tell_engine(vm, add);
		return 0;
	}
	t = table_replace(was, id, add);
	if (!t)
		return -ENOMEM;
	a->base_of[(u16)id] = add ? add->gpa | 1 : 0;
	vm->slots.count += t->n - was->n;
	__atomic_store_n(&a->table, t, __ATOMIC_SEQ_CST);
	if (gone.len)
		tell_engine(vm, &gone);
	if (add && (!gone.len || add->gpa != gone.gpa))
		tell_engine(vm, add);
	if (gone.dirty && (!add || gone.dirty != add->dirty))
		host_free(gone.dirty);
	if (gone.arch && !add)
		vm->engine->slot_fini(vm, &gone);
	host_free(was);
	return 0;
}

/* An empty log, or one that has every page in it. */
static u64 *dirty_new(struct vm *vm, u64 len)
{
	u64 words = dirty_words(len), last = len / PAGE % 64;
	u64 *log = host_alloc(words * 8);

	if (log && !vm->ring_bytes && vm->slots.manual & KVM_DIRTY_LOG_INITIALLY_SET) {
		memset(log, 0xff, words * 8);
		if (last)
			log[words - 1] = (1ull << last) - 1;
	}
	return log;
}

static int slots_set_locked(struct vm *vm, const struct kvm_userspace_memory_region *r)
{
	struct slot_space *a = space_of(vm, r->slot);
	struct slot *old = slot_by_id(vm, r->slot);
	struct slot add = { .gpa = r->guest_phys_addr, .len = r->memory_size,
			    .hva = r->userspace_addr, .id = r->slot, .flags = r->flags };
	bool moved = !old || old->gpa != add.gpa;
	int err;

	if (!r->memory_size)
		return old ? table_swap(vm, r->slot, old, NULL) : -EINVAL;
	if (old) {
		if (old->hva != add.hva || old->len != add.len ||
		    (old->flags ^ add.flags) & KVM_MEM_READONLY)
			return -EINVAL;
		if (!moved && old->flags == add.flags)
			return 0;
		add.arch = old->arch;
	}
	if (moved && region_overlaps(a->table, r->slot, add.gpa, add.len))
		return -EEXIST;
	if (moved && add.gpa + add.len > GPA_END)
		return -EINVAL;
	if (!a->base_of)
		a->base_of = host_alloc(SLOTS_MAX * sizeof(*a->base_of));
	if (!a->base_of)
		return -ENOMEM;
	if (add.flags & KVM_MEM_LOG_DIRTY_PAGES) {
		add.dirty = old ? old->dirty : NULL;
		if (!add.dirty)
			add.dirty = dirty_new(vm, add.len);
		if (!add.dirty)
			return -ENOMEM;
	}
	err = !old && vm->engine->slot_init ? vm->engine->slot_init(vm, &add) : 0;
	if (!err)
		err = table_swap(vm, r->slot, old, &add);
	if (!err)
		return 0;
	if (!old && add.arch)
		vm->engine->slot_fini(vm, &add);
	if (add.dirty && (!old || add.dirty != old->dirty))
		host_free(add.dirty);
	return err;
}

int slots_set(struct vm *vm, const struct kvm_userspace_memory_region *r)
{
	int err = region_check(r);

	if (err)
		return err;
	host_mutex_lock(&vm->slots.lock);
	err = slots_set_locked(vm, r);
	host_mutex_unlock(&vm->slots.lock);
	return err;
}

/* Take the bits out of the log, then have writable mappings forgotten: a page
 * written in between was dirty before, so it is in what was taken. */
static int dirty_take(struct vm *vm, struct slot *s, void *user_bitmap)
{
	u64 words = dirty_words(s->len);
	u64 *copy = host_alloc(words * 8);
	bool any = false;
	int err;

	if (!copy)
		return -ENOMEM;
	for (u64 i = 0; i < words; i++) {
		if (!READ_ONCE(s->dirty[i]))
			continue;
		copy[i] = __atomic_exchange_n(&s->dirty[i], 0, __ATOMIC_SEQ_CST);
		any = true;
	}
	if (any && vm->engine->write_protect)
		vm->engine->write_protect(vm, slot_as(s), s->gpa, s->len);
	err = host_copy_to_user(user_bitmap, copy, words * 8);
	host_free(copy);
	return err;
}

int slots_get_dirty(struct vm *vm, u32 id, void *user_bitmap)
{
	struct slot *s;
	int err = -ENOENT;

	if (READ_ONCE(vm->ring_bytes))
		return -ENXIO;
	if (!id_valid(id))
		return -EINVAL;
	host_mutex_lock(&vm->slots.lock);
	s = slot_by_id(vm, id);
	if (s && s->dirty && vm->slots.manual)
		err = host_copy_to_user(user_bitmap, s->dirty, dirty_words(s->len) * 8);
	else if (s && s->dirty)
		err = dirty_take(vm, s, user_bitmap);
	host_mutex_unlock(&vm->slots.lock);
	return err;
}

static int clear_check(const struct slot *s, const struct kvm_clear_dirty_log *arg)
{
	u64 pages = s->len / PAGE;

	if (arg->first_page & 63 || arg->first_page > pages ||
	    arg->num_pages > pages - arg->first_page)
		return -EINVAL;
	/* Whole words, but for the slot's own end. */
	return arg->num_pages < pages - arg->first_page && arg->num_pages & 63 ? -EINVAL : 0;
}

/* As in dirty_take(): the bits first, then the mappings. */
static int dirty_clear(struct vm *vm, struct slot *s, const struct kvm_clear_dirty_log *arg)
{
	u64 words = ((u64)arg->num_pages + 63) / 64, *bits;
	bool any = false;
	int err = clear_check(s, arg);

	if (err || !words)
		return err;
	bits = host_alloc(words * 8);
	if (!bits)
		return -ENOMEM;
	err = host_copy_from_user(bits, arg->dirty_bitmap, words * 8);
	for (u64 i = 0; !err && i < words; i++)
		if (bits[i]) {
			__atomic_fetch_and(&s->dirty[arg->first_page / 64 + i], ~bits[i],
					   __ATOMIC_SEQ_CST);
			any = true;
		}
	if (any && vm->engine->write_protect)
		vm->engine->write_protect(vm, slot_as(s), s->gpa, s->len);
	host_free(bits);
	return err;
}

int slots_clear_dirty(struct vm *vm, const struct kvm_clear_dirty_log *arg)
{
	struct slot *s;
	int err = -ENOENT;

	if (READ_ONCE(vm->ring_bytes))
		return -ENXIO;
	if (!id_valid(arg->slot))
		return -EINVAL;
	host_mutex_lock(&vm->slots.lock);
	s = slot_by_id(vm, arg->slot);
	if (s && s->dirty)
		err = dirty_clear(vm, s, arg);
	host_mutex_unlock(&vm->slots.lock);
	return err;
}

void slots_forget_dirty(struct vm *vm, u32 id, u64 page)
{
	struct slot *s = id_valid(id) ? slot_by_id(vm, id) : NULL;

	host_mutex_assert_held(&vm->slots.lock);
	if (s && s->dirty && page < s->len / PAGE)
		__atomic_fetch_and(&s->dirty[page / 64], ~(1ull << page % 64), __ATOMIC_SEQ_CST);
}

int slots_manual_dirty(struct vm *vm, u64 how)
{
	u64 valid = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (how & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		valid |= KVM_DIRTY_LOG_INITIALLY_SET;
	if (how & ~valid)
		return -EINVAL;
	host_mutex_lock(&vm->slots.lock);
	vm->slots.manual = how;
	host_mutex_unlock(&vm->slots.lock);
	return 0;
}

const struct slot *slot_find_as(struct vm *vm, unsigned int as, u64 gpa)
{
	struct slot_space *a = &vm->slots.as[as];
	const struct slot_table *t = __atomic_load_n(&a->table, __ATOMIC_ACQUIRE);
	u32 i = READ_ONCE(a->hint), n = __atomic_load_n(&t->n, __ATOMIC_ACQUIRE);

	if (i < n && gpa - t->slot[i].gpa < t->slot[i].len)
		return &t->slot[i];
	i = table_upper(t, n, gpa);
	if (!i || gpa - t->slot[i - 1].gpa >= t->slot[i - 1].len)
		return NULL;
	WRITE_ONCE(a->hint, i - 1);
	return &t->slot[i - 1];
}

int gmem_read_as(struct vm *vm, unsigned int as, u64 gpa, void *buf, size_t n)
{
	while (n) {
		const struct slot *s = slot_find_as(vm, as, gpa);
		size_t part;
		int err;

		if (!s)
			return -EFAULT;
		part = min((u64)n, s->len - (gpa - s->gpa));
		err = host_read_hva(buf, (const void *)(uintptr_t)slot_hva(s, gpa), part);
		if (err)
			return err;
		buf = (u8 *)buf + part;
		gpa += part;
		n -= part;
	}
	return 0;
}

static int slot_write(struct vcpu *v, const struct slot *s, u64 gpa, const void *buf, size_t n)
{
	int err = host_write_hva((void *)(uintptr_t)slot_hva(s, gpa), buf, n);

	if (err)
		return err;
	for (u64 page = gpa & ~(PAGE - 1); page < gpa + n; page += PAGE)
		dirty_mark(v, s, page < gpa ? gpa : page);
	if (v->vm->engine->memory_written)
		v->vm->engine->memory_written(v->vm, slot_as(s), gpa, n);
	return 0;
}

int gmem_write_as(struct vcpu *v, unsigned int as, u64 gpa, const void *buf, size_t n)
{
	while (n) {
		const struct slot *s = slot_find_as(v->vm, as, gpa);
		size_t part;
		int err;

		if (!s || s->flags & KVM_MEM_READONLY)
			return -EFAULT;
		part = min((u64)n, s->len - (gpa - s->gpa));
		err = slot_write(v, s, gpa, buf, part);
		if (err)
			return err;
		buf = (const u8 *)buf + part;
		gpa += part;
		n -= part;
	}
	return 0;
}

int gmem_cmpxchg(struct vcpu *v, const struct slot *s, u64 gpa, u64 *old, u64 new_val,
		 unsigned int n)
{
	int r = host_cmpxchg_hva((void *)(uintptr_t)slot_hva(s, gpa), old, new_val, n);

	if (r)
		return r;
	dirty_mark(v, s, gpa);
	if (v->vm->engine->memory_written)
		v->vm->engine->memory_written(v->vm, slot_as(s), gpa, n);
	return 0;
}

bool gmem_writable(struct vm *vm, u64 gpa, u64 n)
{
	const struct slot *s = slot_find(vm, gpa);

	return s && !(s->flags & KVM_MEM_READONLY) && s->len - (gpa - s->gpa) >= n;
}
