/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/mman.h>
#include "core/vm.h"

#define PAGE	4096ull
#define RAM	(64 * PAGE)

/* An engine that only notes what it is told. */
static struct {
	unsigned int changed, protected, written;
	u64 gpa, len;
	u64 slots_seen;		/* in the published table, when told */
} told;

static void note_changed(struct vm *vm, unsigned int as, u64 gpa, u64 len)
{
	told.changed++;
	told.gpa = gpa;
	told.len = len;
	told.slots_seen = vm->slots.as[0].table->n;
}

static void note_protect(struct vm *vm, unsigned int as, u64 gpa, u64 len)
{
	told.protected++;
	told.gpa = gpa;
	told.len = len;
}

static void note_written(struct vm *vm, unsigned int as, u64 gpa, u64 len)
{
	told.written++;
}

static const struct engine notes = { .name = "notes", .memory_changed = note_changed,
				     .write_protect = note_protect,
				     .memory_written = note_written };

static struct vm *vm;
static struct vcpu writer;	/* whose log it is */
static u8 *ram;

static int setup(void **state)
{
	test_alloc_budget = -1;
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	assert_int_equal(vm_new(&notes, &vm), 0);
	writer.vm = vm;
	memset(&told, 0, sizeof(told));
	return 0;
}

static int teardown(void **state)
{
	vm_free(vm);
	munmap(ram, RAM);
	return 0;
}

static int set(u32 slot, u64 gpa, u64 len, u64 hva, u32 flags)
{
	struct kvm_userspace_memory_region r = { .slot = slot, .guest_phys_addr = gpa,
						 .memory_size = len, .userspace_addr = hva,
						 .flags = flags };

	return slots_set(vm, &r);
}

#define HVA(page) ((u64)(uintptr_t)ram + (page) * PAGE)

static void slots_refuse_what_kvm_refuses(void **state)
{
	u64 end = 1ull << 47;

	assert_int_equal(set(0, 1, PAGE, HVA(0), 0), -EINVAL);
	assert_int_equal(set(0, 0, PAGE + 1, HVA(0), 0), -EINVAL);
	assert_int_equal(set(0, 0, PAGE, HVA(0) + 8, 0), -EINVAL);
	assert_int_equal(set(0, 0, PAGE, HVA(0), 4), -EINVAL);
	assert_int_equal(set(SLOTS_MAX, 0, PAGE, HVA(0), 0), -EINVAL);
	assert_int_equal(set(2u << 16, 0, PAGE, HVA(0), 0), -EINVAL);
	assert_int_equal(set(1u << 16 | SLOTS_MAX, 0, PAGE, HVA(0), 0), -EINVAL);
	assert_int_equal(set(1u << 16, 0, 0, HVA(0), 0), -EINVAL);
	assert_int_equal(set(0, -PAGE, 2 * PAGE, HVA(0), 0), -EINVAL);
	assert_int_equal(set(0, 0, PAGE, end, 0), -EINVAL);
	assert_int_equal(set(0, 0, end, PAGE, 0), -EINVAL);
	assert_int_equal(set(0, 0, -PAGE, PAGE, 0), -EINVAL);
	assert_int_equal(set(0, 1ull << 52, PAGE, HVA(0), 0), -EINVAL);
	assert_int_equal(set(0, 0, 0, HVA(0), 0), -EINVAL);	/* nothing to delete */
	assert_int_equal(vm->slots.as[0].table->n, 0);
	assert_int_equal(told.changed, 0);
}

static void address_spaces_do_not_meet(void **state)
{
	u64 bits = 7;
	u8 b = 1, c = 2;

	assert_int_equal(set(0, 0, 2 * PAGE, HVA(0), 0), 0);
	assert_int_equal(set(1u << 16, 0, 4 * PAGE, HVA(8), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(vm->slots.count, 2);
	assert_int_equal(vm->slots.as[1].table->n, 1);
	assert_ptr_equal(slot_find(vm, PAGE), &vm->slots.as[0].table->slot[0]);
	assert_int_equal(slot_find_as(vm, AS_SMM, PAGE)->id, 1u << 16);
	assert_null(slot_find(vm, 2 * PAGE));
	assert_non_null(slot_find_as(vm, AS_SMM, 2 * PAGE));
	assert_int_equal(gmem_write(&writer, PAGE, &b, 1), 0);
	assert_int_equal(gmem_write_as(&writer, AS_SMM, PAGE, &c, 1), 0);
	assert_int_equal(ram[PAGE], 1);
	assert_int_equal(ram[9 * PAGE], 2);
	assert_int_equal(gmem_read(vm, 3 * PAGE, &b, 1), -EFAULT);
	/* Each slot's log is its own. */
	assert_int_equal(slots_get_dirty(vm, 0, &bits), -ENOENT);
	assert_int_equal(slots_get_dirty(vm, 1u << 16, &bits), 0);
	assert_int_equal(bits, 2);
	assert_int_equal(slots_get_dirty(vm, 2u << 16, &bits), -EINVAL);
	assert_int_equal(set(1u << 16, 0, 0, 0, 0), 0);
	assert_null(slot_find_as(vm, AS_SMM, PAGE));
	assert_non_null(slot_find(vm, PAGE));
	assert_int_equal(vm->slots.count, 1);
}

static void slots_refuse_overlap(void **state)
{
	assert_int_equal(set(0, 4 * PAGE, 4 * PAGE, HVA(0), 0), 0);
	assert_int_equal(set(1, 7 * PAGE, PAGE, HVA(8), 0), -EEXIST);
	assert_int_equal(set(1, 0, 5 * PAGE, HVA(8), 0), -EEXIST);
	assert_int_equal(set(1, 0, 16 * PAGE, HVA(8), 0), -EEXIST);
	assert_int_equal(set(1, 8 * PAGE, PAGE, HVA(8), 0), 0);
	assert_int_equal(set(2, 3 * PAGE, PAGE, HVA(9), 0), 0);
	assert_int_equal(vm->slots.as[0].table->n, 3);
}

static void slots_stay_sorted(void **state)
{
	u32 order[] = { 5, 1, 9, 3, 7 };

	for (u32 i = 0; i < 5; i++)
		assert_int_equal(set(i, order[i] * PAGE, PAGE, HVA(i), 0), 0);
	for (u32 i = 1; i < 5; i++)
		assert_true(vm->slots.as[0].table->slot[i - 1].gpa < vm->slots.as[0].table->slot[i].gpa);
	assert_null(slot_find(vm, 0));
	assert_null(slot_find(vm, 2 * PAGE));
	assert_int_equal(slot_find(vm, 9 * PAGE + 4095)->id, 2);
	assert_int_equal(slot_find(vm, PAGE)->id, 1);
	assert_null(slot_find(vm, ~0ull));
}

static void slots_change_only_place_and_logging(void **state)
{
	assert_int_equal(set(0, 0, 4 * PAGE, HVA(0), 0), 0);
	assert_int_equal(set(0, 0, 2 * PAGE, HVA(0), 0), -EINVAL);
	assert_int_equal(set(0, 0, 4 * PAGE, HVA(1), 0), -EINVAL);
	assert_int_equal(set(0, 0, 4 * PAGE, HVA(0), KVM_MEM_READONLY), -EINVAL);
	told.changed = 0;
	assert_int_equal(set(0, 0, 4 * PAGE, HVA(0), 0), 0);	/* the same again */
	assert_int_equal(told.changed, 0);
	assert_int_equal(set(0, 8 * PAGE, 4 * PAGE, HVA(0), 0), 0);
	assert_int_equal(told.changed, 2);			/* where it was, where it is */
	assert_null(slot_find(vm, 0));
	assert_non_null(slot_find(vm, 8 * PAGE));
	assert_int_equal(set(1, 0, PAGE, HVA(8), 0), 0);
	assert_int_equal(set(0, 0, 4 * PAGE, HVA(0), 0), -EEXIST);
}

static void slots_engine_hears_of_new_table(void **state)
{
	assert_int_equal(set(3, 0, 4 * PAGE, HVA(0), 0), 0);
	assert_int_equal(told.changed, 1);
	assert_int_equal(told.slots_seen, 1);
	assert_int_equal(set(3, 0, 0, 0, 0), 0);
	assert_int_equal(told.changed, 2);
	assert_int_equal(told.slots_seen, 0);
	assert_int_equal(told.len, 4 * PAGE);
}

static void gmem_crosses_slots(void **state)
{
	u8 buf[8], pattern[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	/* Neighbours in the guest, apart and the other way around in the host. */
	assert_int_equal(set(0, 0, PAGE, HVA(9), 0), 0);
	assert_int_equal(set(1, PAGE, PAGE, HVA(4), 0), 0);
	assert_int_equal(gmem_write(&writer, PAGE - 3, pattern, 8), 0);
	assert_memory_equal(ram + 10 * PAGE - 3, pattern, 3);
	assert_memory_equal(ram + 4 * PAGE, pattern + 3, 5);
	assert_int_equal(gmem_read(vm, PAGE - 3, buf, 8), 0);
	assert_memory_equal(buf, pattern, 8);
	assert_int_equal(told.written, 2);
	assert_int_equal(gmem_read(vm, 2 * PAGE - 4, buf, 8), -EFAULT);
	assert_int_equal(gmem_write(&writer, 2 * PAGE - 4, buf, 8), -EFAULT);
	assert_int_equal(gmem_read(vm, ~0ull - 3, buf, 8), -EFAULT);
	assert_int_equal(gmem_read(vm, 5 * PAGE, buf, 0), 0);
}

static void gmem_readonly_refuses_writes(void **state)
{
	u8 b = 1;

	assert_int_equal(set(0, 0, PAGE, HVA(0), KVM_MEM_READONLY), 0);
	assert_int_equal(gmem_write(&writer, 0, &b, 1), -EFAULT);
	assert_int_equal(gmem_read(vm, 0, &b, 1), 0);
	assert_int_equal(b, 0);
}

static void gmem_survives_unmapped_memory(void **state)
{
	u8 buf[64];

	assert_int_equal(set(0, 0, 8 * PAGE, HVA(0), 0), 0);
	munmap(ram + 2 * PAGE, PAGE);
	assert_int_equal(gmem_read(vm, 2 * PAGE, buf, sizeof(buf)), -EFAULT);
	assert_int_equal(gmem_write(&writer, 2 * PAGE - 8, buf, sizeof(buf)), -EFAULT);
	assert_int_equal(gmem_read(vm, 3 * PAGE, buf, sizeof(buf)), 0);
}

static void dirty_log_reports_once(void **state)
{
	u64 bits[2] = { ~0ull, ~0ull };
	u8 b = 1;

	assert_int_equal(slots_get_dirty(vm, 0, bits), -ENOENT);
	assert_int_equal(slots_get_dirty(vm, SLOTS_MAX, bits), -EINVAL);
	assert_int_equal(set(0, 0, RAM, HVA(0), 0), 0);
	assert_int_equal(slots_get_dirty(vm, 0, bits), -ENOENT);	/* not logged */
	assert_int_equal(set(0, 0, RAM, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(slots_get_dirty(vm, 0, bits), 0);
	assert_int_equal(bits[0], 0);
	assert_int_equal(bits[1], ~0ull);	/* 64 pages are one word */
	assert_int_equal(told.protected, 0);

	assert_int_equal(gmem_write(&writer, 3 * PAGE, &b, 1), 0);
	assert_int_equal(gmem_write(&writer, 63 * PAGE + 4095, &b, 1), 0);
	assert_int_equal(slots_get_dirty(vm, 0, bits), 0);
	assert_int_equal(bits[0], 1ull << 3 | 1ull << 63);
	assert_int_equal(told.protected, 1);
	assert_int_equal(slots_get_dirty(vm, 0, bits), 0);
	assert_int_equal(bits[0], 0);
}

static void dirty_log_counts_every_page_of_a_write(void **state)
{
	u8 big[3 * PAGE] = { 0 };
	u64 bits;

	assert_int_equal(set(0, 0, RAM, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(gmem_write(&writer, PAGE + 100, big, 2 * PAGE), 0);
	assert_int_equal(slots_get_dirty(vm, 0, &bits), 0);
	assert_int_equal(bits, 0xe);
}

static void dirty_log_off_forgets(void **state)
{
	u64 bits;
	u8 b = 1;

	assert_int_equal(set(0, 0, RAM, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(gmem_write(&writer, 0, &b, 1), 0);
	assert_int_equal(set(0, 0, RAM, HVA(0), 0), 0);
	assert_int_equal(slots_get_dirty(vm, 0, &bits), -ENOENT);
	assert_int_equal(set(0, 0, RAM, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(slots_get_dirty(vm, 0, &bits), 0);
	assert_int_equal(bits, 0);
}

static void dirty_log_keeps_bits_when_slot_moves(void **state)
{
	u64 bits;
	u8 b = 1;

	assert_int_equal(set(0, 0, 8 * PAGE, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(gmem_write(&writer, 2 * PAGE, &b, 1), 0);
	assert_int_equal(set(0, 16 * PAGE, 8 * PAGE, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(slots_get_dirty(vm, 0, &bits), 0);
	assert_int_equal(bits, 4);
}

static void dirty_log_bad_pointer_is_efault(void **state)
{
	assert_int_equal(set(0, 0, RAM, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(slots_get_dirty(vm, 0, (void *)8), -EFAULT);
}

static void slots_survive_failing_allocations(void **state)
{
	int err;

	for (long n = 0;; n++) {
		test_alloc_budget = n;
		err = set(0, 0, RAM, HVA(0), KVM_MEM_LOG_DIRTY_PAGES);
		test_alloc_budget = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(vm->slots.as[0].table->n, 0);
	}
	test_alloc_budget = 0;
	assert_int_equal(set(0, 0, 0, 0, 0), -ENOMEM);
	test_alloc_budget = -1;
	assert_non_null(slot_find(vm, 0));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void manual_log_is_cleared_only_when_told(void **state)
{
	u64 bits[1] = { 0 }, clear[1] = { 5 };
	struct kvm_clear_dirty_log c = { .slot = 3, .num_pages = 8, .dirty_bitmap = clear };

	assert_int_equal(slots_manual_dirty(vm, KVM_DIRTY_LOG_INITIALLY_SET), -EINVAL);
	assert_int_equal(slots_manual_dirty(vm, 4), -EINVAL);
	assert_int_equal(slots_manual_dirty(vm, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
					    KVM_DIRTY_LOG_INITIALLY_SET), 0);
	assert_int_equal(slots_clear_dirty(vm, &c), -ENOENT);
	assert_int_equal(set(3, 0, 8 * PAGE, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(slots_get_dirty(vm, 3, bits), 0);
		assert_int_equal(bits[0], 0xff);
	}
	assert_int_equal(slots_clear_dirty(vm, &c), 0);
	assert_int_equal(told.protected, 1);
	assert_int_equal(slots_get_dirty(vm, 3, bits), 0);
	assert_int_equal(bits[0], 0xfa);
}

static void clearing_checks_its_range(void **state)
{
	u64 clear[3] = { ~0ull, ~0ull, ~0ull };
	struct kvm_clear_dirty_log c = { .slot = 0, .num_pages = 64, .dirty_bitmap = clear };

	assert_int_equal(set(0, 0, 32 * PAGE, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(slots_clear_dirty(vm, &c), -EINVAL);	/* beyond the end */
	c.num_pages = 31;					/* neither whole words nor the end */
	assert_int_equal(slots_clear_dirty(vm, &c), -EINVAL);
	c.num_pages = 32;
	c.first_page = 1;
	assert_int_equal(slots_clear_dirty(vm, &c), -EINVAL);
	c.first_page = 64;
	assert_int_equal(slots_clear_dirty(vm, &c), -EINVAL);
	c.first_page = 0;
	c.dirty_bitmap = NULL;
	assert_int_equal(slots_clear_dirty(vm, &c), -EFAULT);
	c.slot = SLOTS_MAX;
	assert_int_equal(slots_clear_dirty(vm, &c), -EINVAL);
}

static void slots_behind_the_last_are_added_in_place(void **state)
{
	const u32 n = 300;

	for (u32 i = 0; i < n; i++)
		assert_int_equal(set(i, i * PAGE, PAGE, HVA(0), 0), 0);
	assert_int_equal(vm->slots.as[0].table->n, n);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(slot_find(vm, i * PAGE)->id, i);
	assert_int_equal(set(n, 7 * PAGE, PAGE, HVA(0), 0), -EEXIST);
	assert_int_equal(set(7, 7 * PAGE, 0, 0, 0), 0);
	assert_null(slot_find(vm, 7 * PAGE));
	assert_int_equal(set(n, 7 * PAGE, PAGE, HVA(0), 0), 0);
	assert_int_equal(slot_find(vm, 7 * PAGE)->id, n);
	assert_int_equal(vm->slots.count, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(slots_refuse_what_kvm_refuses), T(slots_refuse_overlap), T(slots_stay_sorted),
		T(slots_change_only_place_and_logging), T(slots_engine_hears_of_new_table),
		T(address_spaces_do_not_meet), T(gmem_crosses_slots), T(gmem_readonly_refuses_writes),
		T(gmem_survives_unmapped_memory), T(dirty_log_reports_once),
		T(dirty_log_counts_every_page_of_a_write), T(dirty_log_off_forgets),
		T(dirty_log_keeps_bits_when_slot_moves), T(dirty_log_bad_pointer_is_efault),
		T(slots_survive_failing_allocations),
		T(manual_log_is_cleared_only_when_told), T(clearing_checks_its_range),
		T(slots_behind_the_last_are_added_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
