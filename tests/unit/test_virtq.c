/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_virtq.c - split rings, right and wrong ones. */
#include "tests/unit/virtio_bed.h"

#define NUM	8
#define DESC	0x1000
#define AVAIL	0x2000
#define USED	0x3000
#define INDIRECT 0x4000

static struct virtq q;
static struct vchain ch;

static struct vring_desc *desc(unsigned int i)
{
	return (struct vring_desc *)(bed.ram + DESC) + i;
}

static u16 *avail(void)
{
	return (u16 *)(bed.ram + AVAIL);
}

static u16 *used(void)
{
	return (u16 *)(bed.ram + USED);
}

static struct vring_used_elem *used_elem(unsigned int i)
{
	return (struct vring_used_elem *)(bed.ram + USED + 4) + i;
}

static int setup(void **state)
{
	if (bed_setup(state))
		return -1;
	virtq_init(&q, &bed.m.ram, NUM);
	q.desc = DESC;
	q.avail = AVAIL;
	q.used = USED;
	q.enabled = q.indirect = true;
	return virtq_check(&q);
}

/* Entry i of the available ring is head, and there are i + 1 of them. */
static void offer(unsigned int i, u16 head)
{
	avail()[2 + i % NUM] = head;
	avail()[1] = (u16)(i + 1);
}

static void queue_without_entries_gives_nothing(void **state)
{
	assert_int_equal(virtq_pop(&q, &ch), 0);
}

static void chain_is_split_into_read_and_written_parts(void **state)
{
	*desc(3) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT, 5 };
	*desc(5) = (struct vring_desc){ BED_BUF + 64, 32, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 };
	*desc(1) = (struct vring_desc){ BED_BUF + 128, 8, VRING_DESC_F_WRITE, 0 };
	offer(0, 3);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(ch.head, 3);
	assert_int_equal(ch.n_out, 1);
	assert_int_equal(ch.n_in, 2);
	assert_int_equal(ch.out_len, 16);
	assert_int_equal(ch.in_len, 40);
	assert_ptr_equal(ch.iov[1].iov_base, bed.ram + BED_BUF + 64);
	assert_int_equal(virtq_pop(&q, &ch), 0);
}

static void looping_chain_is_refused(void **state)
{
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT, 0 };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), -ELOOP);
}

static void next_past_the_table_is_refused(void **state)
{
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT, NUM };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
}

static void head_past_the_table_is_refused(void **state)
{
	offer(0, NUM);
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
}

static void readable_after_writable_is_refused(void **state)
{
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 };
	*desc(1) = (struct vring_desc){ BED_BUF, 16, 0, 0 };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
}

static void buffers_outside_ram_are_refused(void **state)
{
	static const struct { u64 addr; u32 len; } bad[] = {
		{ BED_RAM, 1 }, { BED_RAM - 1, 2 }, { ~0ull, 1 }, { ~0ull - 7, 16 },
		{ BED_BUF, 0xffffffff }, { 0, BED_RAM + 1 }, { 1ull << 63, 4096 }, { BED_BUF, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		*desc(0) = (struct vring_desc){ bad[i].addr, bad[i].len, 0, 0 };
		offer(0, 0);
		assert_int_equal(virtq_pop(&q, &ch), -EFAULT);
	}
}

static void index_jump_is_refused(void **state)
{
	avail()[1] = NUM + 1;
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
	avail()[1] = 0xffff;
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
}

static void heads_offered_again_while_out_are_refused(void **state)
{
	unsigned int i;

	*desc(0) = (struct vring_desc){ BED_BUF, 16, 0, 0 };
	for (i = 0; i < NUM; i++) {
		offer(i, 0);
		assert_int_equal(virtq_pop(&q, &ch), 1);
	}
	offer(NUM, 0);
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
}

static struct vring_desc *indirect(unsigned int i)
{
	return (struct vring_desc *)(bed.ram + INDIRECT) + i;
}

static void indirect_table_is_followed(void **state)
{
	*desc(2) = (struct vring_desc){ INDIRECT, 3 * sizeof(struct vring_desc),
					VRING_DESC_F_INDIRECT, 0 };
	*indirect(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT, 2 };
	*indirect(2) = (struct vring_desc){ BED_BUF + 16, 1, VRING_DESC_F_WRITE, 0 };
	offer(0, 2);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(ch.head, 2);
	assert_int_equal(ch.n_out + ch.n_in, 2);
}

static void bad_indirect_tables_are_refused(void **state)
{
	static const struct { u64 addr; u32 len; u16 flags; int err; } bad[] = {
		{ INDIRECT, 0, 0, -EINVAL },
		{ INDIRECT, 17, 0, -EINVAL },
		{ INDIRECT, 16 * (VIRTQ_MAX + 1), 0, -EINVAL },
		{ INDIRECT, 16, VRING_DESC_F_NEXT, -EINVAL },
		{ BED_RAM - 8, 16, 0, -EFAULT },
		{ ~0ull - 7, 32, 0, -EFAULT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		*desc(0) = (struct vring_desc){ bad[i].addr, bad[i].len,
						(u16)(VRING_DESC_F_INDIRECT | bad[i].flags), 0 };
		offer(0, 0);
		assert_int_equal(virtq_pop(&q, &ch), bad[i].err);
	}
}

static void indirect_inside_indirect_is_refused(void **state)
{
	*desc(0) = (struct vring_desc){ INDIRECT, 16, VRING_DESC_F_INDIRECT, 0 };
	*indirect(0) = (struct vring_desc){ INDIRECT, 16, VRING_DESC_F_INDIRECT, 0 };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
}

static void indirect_that_was_not_negotiated_is_refused(void **state)
{
	q.indirect = false;
	*desc(0) = (struct vring_desc){ INDIRECT, 16, VRING_DESC_F_INDIRECT, 0 };
	*indirect(0) = (struct vring_desc){ BED_BUF, 16, 0, 0 };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), -EINVAL);
}

static void looping_indirect_table_is_refused(void **state)
{
	*desc(0) = (struct vring_desc){ INDIRECT, 32, VRING_DESC_F_INDIRECT, 0 };
	*indirect(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT, 1 };
	*indirect(1) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT, 0 };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), -ELOOP);
}

static void chain_longer_than_the_limit_is_refused(void **state)
{
	unsigned int i;

	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_NEXT, 1 };
	*desc(1) = (struct vring_desc){ INDIRECT, 16 * VIRTQ_MAX, VRING_DESC_F_INDIRECT, 0 };
	for (i = 0; i < VIRTQ_MAX; i++)
		*indirect(i) = (struct vring_desc){ BED_BUF, 16, i + 1 < VIRTQ_MAX, (u16)(i + 1) };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), -ELOOP);
}

static void used_entries_appear_at_the_flush(void **state)
{
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_WRITE, 0 };
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(virtq_push(&q, ch.head, 7), 0);
	assert_int_equal(used()[1], 0);
	assert_int_equal(virtq_flush(&q), 1);
	assert_int_equal(used()[1], 1);
	assert_int_equal(used_elem(0)->id, 0);
	assert_int_equal(used_elem(0)->len, 7);
	assert_int_equal(virtq_flush(&q), 0);
}

static void no_interrupt_flag_is_obeyed(void **state)
{
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_WRITE, 0 };
	avail()[0] = VRING_AVAIL_F_NO_INTERRUPT;
	offer(0, 0);
	virtq_pop(&q, &ch);
	virtq_push(&q, ch.head, 0);
	assert_int_equal(virtq_flush(&q), 0);
	assert_int_equal(used()[1], 1);
}

/* Pop and push one entry; returns what flush says. */
static int one(unsigned int i)
{
	offer(i, 0);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(virtq_push(&q, ch.head, 0), 0);
	return virtq_flush(&q);
}

static void event_index_decides_on_interrupts(void **state)
{
	q.event_idx = true;
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_WRITE, 0 };
	assert_int_equal(one(0), 1);		/* nothing was signalled before */
	avail()[2 + NUM] = 3;			/* used_event: after the entry with index 3 */
	assert_int_equal(one(1), 0);
	assert_int_equal(one(2), 0);
	assert_int_equal(one(3), 1);
	assert_int_equal(one(4), 0);
}

static void empty_queue_asks_for_a_notification(void **state)
{
	u16 *avail_event = &used()[2 + 4 * NUM];

	q.event_idx = true;
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_WRITE, 0 };
	*avail_event = 77;
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(*avail_event, 77);	/* busy: no notification wanted */
	assert_int_equal(virtq_pop(&q, &ch), 0);
	assert_int_equal(*avail_event, 1);
}

static void indexes_wrap_at_16_bits(void **state)
{
	unsigned int i;

	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_WRITE, 0 };
	for (i = 0; i < 0x10000 + 2 * NUM; i++)
		one(i);
	assert_int_equal(used()[1], 2 * NUM);
}

static void chains_put_back_come_again(void **state)
{
	*desc(0) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_WRITE, 0 };
	*desc(1) = (struct vring_desc){ BED_BUF, 16, VRING_DESC_F_WRITE, 0 };
	offer(0, 0);
	offer(1, 1);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	virtq_unpop(&q, 2);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(ch.head, 0);
	assert_int_equal(q.in_flight, 1);
}

static void rings_that_do_not_fit_are_refused(void **state)
{
	struct virtq bad;

	bad = q; bad.desc = DESC + 8;
	assert_int_equal(virtq_check(&bad), -EINVAL);
	bad = q; bad.avail = AVAIL + 1;
	assert_int_equal(virtq_check(&bad), -EINVAL);
	bad = q; bad.used = USED + 2;
	assert_int_equal(virtq_check(&bad), -EINVAL);
	bad = q; bad.num = 3;
	assert_int_equal(virtq_check(&bad), -EINVAL);
	bad = q; bad.num = 16;
	assert_int_equal(virtq_check(&bad), -EINVAL);
	bad = q; bad.desc = BED_RAM - 16;
	assert_int_equal(virtq_check(&bad), -EFAULT);
	bad = q; bad.used = ~0ull & ~3ull;
	assert_int_equal(virtq_check(&bad), -EFAULT);
}

static void copies_cross_segments_and_stop_at_the_end(void **state)
{
	u8 buf[64];

	*desc(0) = (struct vring_desc){ BED_BUF, 3, VRING_DESC_F_NEXT, 1 };
	*desc(1) = (struct vring_desc){ BED_BUF + 100, 5, VRING_DESC_F_NEXT, 2 };
	*desc(2) = (struct vring_desc){ BED_BUF + 200, 2, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 3 };
	*desc(3) = (struct vring_desc){ BED_BUF + 300, 2, VRING_DESC_F_WRITE, 0 };
	memcpy(bed.ram + BED_BUF, "abc", 3);
	memcpy(bed.ram + BED_BUF + 100, "defgh", 5);
	offer(0, 0);
	assert_int_equal(virtq_pop(&q, &ch), 1);
	assert_int_equal(vchain_get(&ch, 1, buf, sizeof(buf)), 7);
	assert_memory_equal(buf, "bcdefgh", 7);
	assert_int_equal(vchain_get(&ch, 8, buf, 1), 0);
	assert_int_equal(vchain_put(&ch, 1, "xyz", 3), 3);
	assert_int_equal(bed.ram[BED_BUF + 201], 'x');
	assert_int_equal(bed.ram[BED_BUF + 301], 'z');
	assert_int_equal(vchain_put(&ch, 3, "xyz", 3), 1);
}

static void slices_keep_to_their_range(void **state)
{
	u8 b[10];
	struct iovec src[3] = { { b, 2 }, { b + 2, 3 }, { b + 5, 5 } }, dst[3];

	assert_int_equal(iov_slice(dst, src, 3, 1, 5), 3);
	assert_ptr_equal(dst[0].iov_base, b + 1);
	assert_int_equal(dst[0].iov_len, 1);
	assert_int_equal(dst[2].iov_len, 1);
	assert_int_equal(iov_slice(dst, src, 3, 10, 5), 0);
	assert_int_equal(iov_slice(dst, src, 3, 2, 3), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(queue_without_entries_gives_nothing),
		T(chain_is_split_into_read_and_written_parts),
		T(looping_chain_is_refused),
		T(next_past_the_table_is_refused),
		T(head_past_the_table_is_refused),
		T(readable_after_writable_is_refused),
		T(buffers_outside_ram_are_refused),
		T(index_jump_is_refused),
		T(heads_offered_again_while_out_are_refused),
		T(indirect_table_is_followed),
		T(bad_indirect_tables_are_refused),
		T(indirect_inside_indirect_is_refused),
		T(indirect_that_was_not_negotiated_is_refused),
		T(looping_indirect_table_is_refused),
		T(chain_longer_than_the_limit_is_refused),
		T(used_entries_appear_at_the_flush),
		T(no_interrupt_flag_is_obeyed),
		T(event_index_decides_on_interrupts),
		T(empty_queue_asks_for_a_notification),
		T(indexes_wrap_at_16_bits),
		T(chains_put_back_come_again),
		T(rings_that_do_not_fit_are_refused),
		T(copies_cross_segments_and_stop_at_the_end),
		T(slices_keep_to_their_range),
	};

	return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
