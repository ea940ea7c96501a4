// SPDX-License-Identifier: GPL-2.0-or-later
/* The dirty ring: its rules, what user space may do to it, and a guest that fills it. */
#include <sys/mman.h>
#include "core/api/provider.h"
#include "tests/unit/api_vm.h"

#define GFN		struct kvm_dirty_gfn
#define RING_BYTES	4096u
#define ENTRIES		(RING_BYTES / sizeof(GFN))
#define LIMIT		(ENTRIES - DIRTY_RING_SPARE)
#define LOG_OFF		(KVM_DIRTY_LOG_PAGE_OFFSET * 4096ul)
#define LOG_GPA		0x10000u
#define LOG_PAGES	224u

/* --- KVM_ENABLE_CAP --- */

static long enable(u32 cap, u64 bytes, u32 flags)
{
	struct kvm_enable_cap c = { .cap = cap, .flags = flags, .args = { bytes } };

	return vm_call(KVM_ENABLE_CAP, &c);
}

static void capability_is_the_largest_size(void **state)
{
	assert_int_equal(cap_value(KVM_CAP_DIRTY_LOG_RING), 1 << 20);
	assert_int_equal(cap_value(KVM_CAP_DIRTY_LOG_RING_ACQ_REL), 1 << 20);
}

static void sizes_are_checked(void **state)
{
	static const u64 bad[] = { 0, 1, 1024, 2048, 4097, 12288, 1ull << 32 };

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(enable(KVM_CAP_DIRTY_LOG_RING, bad[i], 0), -EINVAL);
	assert_int_equal(enable(KVM_CAP_DIRTY_LOG_RING, 2 << 20, 0), -E2BIG);
	/* As KVM, that looks at 32 bits of the size and at no flags. */
	assert_int_equal(enable(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 1ull << 32 | 4096, 1), 0);
	assert_int_equal(enable(KVM_CAP_DIRTY_LOG_RING, 4096, 0), -EINVAL);
}

static void rings_come_before_vcpus(void **state)
{
	assert_int_equal(enable(KVM_CAP_DIRTY_LOG_RING, 4096, 0), -EINVAL);
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), -EINVAL);
}

static void bitmap_calls_are_refused(void **state)
{
	struct kvm_dirty_log get = { .slot = 99999 };
	struct kvm_clear_dirty_log clear = { .slot = 99999 };

	assert_int_equal(vm_call(KVM_GET_DIRTY_LOG, &get), -EINVAL);
	assert_int_equal(enable(KVM_CAP_DIRTY_LOG_RING, 4096, 0), 0);
	assert_int_equal(vm_call(KVM_GET_DIRTY_LOG, &get), -ENXIO);
	assert_int_equal(vm_call(KVM_CLEAR_DIRTY_LOG, &clear), -ENXIO);
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), 0);
}

/* --- the ring itself, without a guest --- */

static u8 *shared[2], *ram;

static void ring_vm(u32 bytes, u32 vcpus)
{
	struct vcpu *x;

	assert_int_equal(enable(KVM_CAP_DIRTY_LOG_RING, bytes, 0), 0);
	for (u32 i = 0; i < vcpus; i++) {
		shared[i] = mmap(NULL, LOG_OFF + bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_int_equal(vm_create_vcpu(vm, i, (void *)shared[i], &x), 0);
	}
	v = vm->vcpu[0];
	ram = mmap(NULL, LOG_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
}

static GFN *ring(u32 i)
{
	return (GFN *)(shared[i] + LOG_OFF);
}

static void log_slot(u32 id, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = id, .guest_phys_addr = LOG_GPA, .memory_size = LOG_PAGES * 4096,
		.userspace_addr = (uintptr_t)ram, .flags = flags,
	};

	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &r), 0);
}

static void write_page(struct vcpu *x, u32 page)
{
	u8 b = 1;

	assert_int_equal(gmem_write(x, LOG_GPA + page * 4096 + 5, &b, 1), 0);
}

static int ring_teardown(void **state)
{
	u32 bytes = vm->ring_bytes;
	int r = vm_teardown(state);

	for (u32 i = 0; i < 2; i++)
		if (shared[i])
			munmap(shared[i], LOG_OFF + bytes);
	shared[0] = shared[1] = NULL;
	munmap(ram, LOG_PAGES * 4096);
	return r;
}

static void a_page_is_told_once_by_whoever_is_first(void **state)
{
	ring_vm(RING_BYTES, 2);
	log_slot(3, KVM_MEM_LOG_DIRTY_PAGES);
	write_page(vm->vcpu[1], 7);
	write_page(v, 7);
	write_page(v, 9);
	assert_int_equal(ring(1)[0].flags, KVM_DIRTY_GFN_F_DIRTY);
	assert_int_equal(ring(1)[0].slot, 3);
	assert_int_equal(ring(1)[0].offset, 7);
	assert_int_equal(ring(1)[1].flags, 0);
	assert_int_equal(ring(0)[0].offset, 9);
	assert_int_equal(ring(0)[1].flags, 0);
}

static void what_is_not_logged_is_not_told(void **state)
{
	ring_vm(RING_BYTES, 1);
	log_slot(3, 0);
	write_page(v, 7);
	assert_int_equal(ring(0)[0].flags, 0);
}

static void only_collected_pages_are_given_back(void **state)
{
	ring_vm(RING_BYTES, 2);
	log_slot(3, KVM_MEM_LOG_DIRTY_PAGES);
	write_page(v, 1);
	write_page(v, 2);
	write_page(vm->vcpu[1], 3);
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), 0);
	ring(0)[0].flags = KVM_DIRTY_GFN_F_RESET;
	ring(1)[0].flags |= KVM_DIRTY_GFN_F_RESET;	/* DIRTY may stay */
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), 2);
	assert_int_equal(ring(0)[0].flags, 0);
	write_page(v, 1);
	write_page(v, 2);
	write_page(v, 3);
	assert_int_equal(ring(0)[1].offset, 2);
	assert_int_equal(ring(0)[2].offset, 1);
	assert_int_equal(ring(0)[3].offset, 3);
	assert_int_equal(ring(0)[4].flags, 0);
}

static void entries_wrap_around(void **state)
{
	ring_vm(RING_BYTES, 1);
	log_slot(3, KVM_MEM_LOG_DIRTY_PAGES);
	for (u32 i = 0; i < 3 * ENTRIES; i++) {
		write_page(v, i % LOG_PAGES);
		assert_int_equal(ring(0)[i % ENTRIES].offset, i % LOG_PAGES);
		ring(0)[i % ENTRIES].flags = KVM_DIRTY_GFN_F_RESET;
		assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), 1);
	}
}

static void a_full_ring_loses_nothing_that_is_in_it(void **state)
{
	ring_vm(RING_BYTES, 1);
	log_slot(3, KVM_MEM_LOG_DIRTY_PAGES);
	for (u32 i = 0; i < LOG_PAGES; i++)
		write_page(v, i);
	v->dirty.reset -= ENTRIES - LOG_PAGES;		/* as if it had been full */
	log_slot(3, 0);
	log_slot(3, KVM_MEM_LOG_DIRTY_PAGES);
	write_page(v, 9);
	for (u32 i = 0; i < LOG_PAGES; i++)
		assert_int_equal(ring(0)[i].offset, i);
	assert_int_equal(v->dirty.dirty, LOG_PAGES);
}

static void nonsense_in_the_ring_is_harmless(void **state)
{
	static const struct { u32 slot; u64 offset; } odd[] = {
		{ 3, LOG_PAGES }, { 3, ~0ull }, { 4, 0 }, { 0x10003, 0 }, { SLOTS_MAX, 0 },
		{ ~0u, 1 }, { 3, 1ull << 63 },
	};

	ring_vm(RING_BYTES, 1);
	log_slot(3, KVM_MEM_LOG_DIRTY_PAGES);
	for (u32 i = 0; i < ARRAY_SIZE(odd); i++)
		ring(0)[i] = (GFN){ .flags = ~0u, .slot = odd[i].slot, .offset = odd[i].offset };
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), ARRAY_SIZE(odd));
	/* It gave back what was never there: KVM says full then, too. */
	assert_true(dirty_ring_full(&v->dirty));
}

static void a_slot_that_is_gone_is_no_matter(void **state)
{
	struct kvm_userspace_memory_region r = { .slot = 3 };

	ring_vm(RING_BYTES, 1);
	log_slot(3, KVM_MEM_LOG_DIRTY_PAGES);
	write_page(v, 1);
	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &r), 0);
	ring(0)[0].flags = KVM_DIRTY_GFN_F_RESET;
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), 1);
}

static void one_call_gives_back_no_more_than_there_are_entries(void **state)
{
	ring_vm(RING_BYTES, 1);
	for (u32 i = 0; i < ENTRIES; i++)
		ring(0)[i].flags = KVM_DIRTY_GFN_F_RESET;
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), ENTRIES);
	assert_int_equal(vm_call(KVM_RESET_DIRTY_RINGS, NULL), 0);
}

/* --- with a guest, through descriptors --- */

static const struct kvm_provider *const soft = &kvm_provider_soft;

/* A store to the first byte of each page from 10000h to efffffh, then HLT. */
static const u8 code[] = {
	0xb8, 0x00, 0x10, 0x8e, 0xc0, 0x26, 0xa2, 0x00, 0x00, 0x05, 0x00, 0x01, 0x3d, 0x00, 0xf0,
	0x72, 0xf2, 0xf4,
};

struct guest {
	int sys, vm, cpu;
	u8 *ram;
	struct kvm_run *run;
	GFN *ring;
};

static void guest_start(struct guest *g)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { RING_BYTES } };
	struct kvm_userspace_memory_region r = { .memory_size = LOG_GPA };

	g->ram = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(g->ram, code, sizeof(code));
	r.userspace_addr = (uintptr_t)g->ram;
	g->sys = soft->open(NULL);
	g->vm = soft->ioctl(g->sys, KVM_CREATE_VM, NULL);
	assert_int_equal(soft->ioctl(g->vm, KVM_ENABLE_CAP, &c), 0);
	g->cpu = soft->ioctl(g->vm, KVM_CREATE_VCPU, NULL);
	assert_true(g->cpu >= 0);
	assert_int_equal(soft->ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	r = (struct kvm_userspace_memory_region){
		.slot = 1, .guest_phys_addr = LOG_GPA, .memory_size = LOG_PAGES * 4096,
		.userspace_addr = (uintptr_t)g->ram + LOG_GPA, .flags = KVM_MEM_LOG_DIRTY_PAGES,
	};
	assert_int_equal(soft->ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &r), 0);
	g->run = soft->mmap(g->cpu, 3 * 4096, 0);
	g->ring = soft->mmap(g->cpu, RING_BYTES, LOG_OFF);
	assert_non_null(g->run);
	assert_non_null(g->ring);
}

static void guest_restart(struct guest *g)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs s;

	assert_int_equal(soft->ioctl(g->cpu, KVM_SET_REGS, &regs), 0);
	assert_int_equal(soft->ioctl(g->cpu, KVM_GET_SREGS, &s), 0);
	s.cs.selector = s.cs.base = 0;
	assert_int_equal(soft->ioctl(g->cpu, KVM_SET_SREGS, &s), 0);
}

static void guest_end(struct guest *g)
{
	soft->munmap(g->run, 3 * 4096);
	soft->munmap(g->ring, RING_BYTES);
	soft->close(g->cpu);
	soft->close(g->vm);
	soft->close(g->sys);
	munmap(g->ram, 1 << 20);
}

static u32 collect(struct guest *g, u32 from)
{
	u32 n = 0;

	for (; g->ring[(from + n) % ENTRIES].flags == KVM_DIRTY_GFN_F_DIRTY; n++) {
		GFN *e = &g->ring[(from + n) % ENTRIES];

		assert_int_equal(e->slot, 1);
		assert_true(e->offset < LOG_PAGES);
		e->flags = KVM_DIRTY_GFN_F_RESET;
	}
	return n;
}

static u32 guest_run(struct guest *g)
{
	assert_int_equal(soft->ioctl(g->cpu, KVM_RUN, NULL), 0);
	return g->run->exit_reason;
}

static void guest_stops_when_the_ring_is_full(void **state)
{
	struct guest g;
	u32 n;

	guest_start(&g);
	guest_restart(&g);
	assert_int_equal(guest_run(&g), KVM_EXIT_DIRTY_RING_FULL);
	assert_int_equal(guest_run(&g), KVM_EXIT_DIRTY_RING_FULL);
	n = collect(&g, 0);
	/* Seen after the store that filled it, or one or two more. */
	assert_in_range(n, LIMIT, LIMIT + 2);
	assert_int_equal(soft->ioctl(g.vm, KVM_RESET_DIRTY_RINGS, NULL), n);
	assert_int_equal(guest_run(&g), KVM_EXIT_HLT);
	assert_int_equal(g.ring[(n + LOG_PAGES - n) % ENTRIES].flags, 0);
	/* Once more: those given back are told again, the others are in the ring still. */
	guest_restart(&g);
	assert_int_equal(guest_run(&g), KVM_EXIT_DIRTY_RING_FULL);
	assert_in_range(collect(&g, n), LIMIT, LIMIT + 2);
	guest_end(&g);
}

static void immediate_exit_comes_before_a_full_ring(void **state)
{
	struct guest g;

	guest_start(&g);
	guest_restart(&g);
	assert_int_equal(guest_run(&g), KVM_EXIT_DIRTY_RING_FULL);
	g.run->immediate_exit = 1;
	assert_int_equal(soft->ioctl(g.cpu, KVM_RUN, NULL), -EINTR);
	guest_end(&g);
}

static void rings_are_mapped_in_part_but_not_beyond(void **state)
{
	struct guest g;
	u8 *p;

	guest_start(&g);
	p = soft->mmap(g.cpu, 4096, LOG_OFF);
	assert_non_null(p);
	p[3] = 9;
	assert_int_equal(((u8 *)g.ring)[3], 9);
	soft->munmap(p, 4096);
	assert_null(soft->mmap(g.cpu, 4 << 20, LOG_OFF));
	assert_null(soft->mmap(g.cpu, ~0ul, LOG_OFF));
	assert_null(soft->mmap(g.cpu, 4096, ~0xffful));
	guest_end(&g);
}

#define B(f) cmocka_unit_test_setup_teardown(f, vm_setup_bare, vm_teardown)
#define V(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)
#define R(f) cmocka_unit_test_setup_teardown(f, vm_setup_bare, ring_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		B(capability_is_the_largest_size), B(sizes_are_checked),
		V(rings_come_before_vcpus), B(bitmap_calls_are_refused),
		R(a_page_is_told_once_by_whoever_is_first), R(what_is_not_logged_is_not_told),
		R(only_collected_pages_are_given_back), R(entries_wrap_around),
		R(a_full_ring_loses_nothing_that_is_in_it), R(nonsense_in_the_ring_is_harmless),
		R(a_slot_that_is_gone_is_no_matter),
		R(one_call_gives_back_no_more_than_there_are_entries),
		B(guest_stops_when_the_ring_is_full), B(immediate_exit_comes_before_a_full_ring),
		B(rings_are_mapped_in_part_but_not_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
