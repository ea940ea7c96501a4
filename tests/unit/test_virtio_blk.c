/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_virtio_blk.c - requests to a disk, good and bad. */
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "tests/unit/virtio_bed.h"

#define SLOT		1
#define DISK_SECTORS	128u
#define NUM		16
#define HDR		BED_BUF			/* a header for each request, 16 bytes */
#define STATUS		(BED_BUF + 0x1000)	/* a status byte for each */
#define DATA		(BED_BUF + 0x2000)

static struct drv drv;
static char path[] = "/tmp/kvist-blk-XXXXXX";
static int file;
static unsigned int n_req;

static int make_disk(bool readonly, u64 drop_features)
{
	const struct disk_config cfg = { .path = path, .serial = "disk-0042",
					 .readonly = readonly };
	u8 sector[512];
	unsigned int i;

	strcpy(path, "/tmp/kvist-blk-XXXXXX");
	file = mkstemp(path);
	for (i = 0; i < DISK_SECTORS; i++) {
		memset(sector, (int)i, sizeof(sector));
		if (write(file, sector, sizeof(sector)) != sizeof(sector))
			return -1;
	}
	if (virtio_blk_new(&bed.m, &cfg))
		return -1;
	n_req = 0;
	drv_init(&drv, SLOT, drop_features, 1, NUM);
	bed_start();
	return 0;
}

static int setup(void **state)
{
	return bed_setup(state) ? -1 : make_disk(false, 0);
}

static int setup_readonly(void **state)
{
	return bed_setup(state) ? -1 : make_disk(true, 0);
}

static int setup_no_flush(void **state)
{
	return bed_setup(state) ? -1 : make_disk(false, 1ull << VIRTIO_BLK_F_FLUSH);
}

static int teardown(void **state)
{
	int err = bed_teardown(state);

	close(file);
	unlink(path);
	return err;
}

static u8 file_byte(u64 off)
{
	u8 b = 0;

	assert_int_equal(pread(file, &b, 1, (off_t)off), 1);
	return b;
}

static u8 *status(unsigned int i)
{
	return bed.ram + STATUS + i;
}

/* Publishes a request; data_flags 0: the disk reads it. Returns its number. */
static unsigned int publish(u32 type, u64 sector, u64 addr, u32 len, u16 data_flags)
{
	unsigned int i = n_req++;
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };
	u16 head;

	memcpy(bed.ram + HDR + 16 * i, &h, sizeof(h));
	*status(i) = 0xee;
	head = drv_put(&drv, 0, HDR + 16 * i, sizeof(h), VRING_DESC_F_NEXT);
	if (len)
		drv_put(&drv, 0, addr, len, VRING_DESC_F_NEXT | data_flags);
	drv_put(&drv, 0, STATUS + i, 1, VRING_DESC_F_WRITE);
	drv_publish(&drv, 0, head);
	return i;
}

/* One request from start to end; its status. */
static u8 request(u32 type, u64 sector, u64 addr, u32 len, u16 data_flags)
{
	unsigned int i = publish(type, sector, addr, len, data_flags);

	drv_notify(&drv, 0);
	drv_wait(&drv, 0);
	return *status(i);
}

static u8 read_disk(u64 sector, u32 len)
{
	return request(VIRTIO_BLK_T_IN, sector, DATA, len, VRING_DESC_F_WRITE);
}

static u8 write_disk(u64 sector, u32 len)
{
	return request(VIRTIO_BLK_T_OUT, sector, DATA, len, 0);
}

static u8 range(u32 type, u64 sector, u32 n, u32 flags)
{
	struct virtio_blk_discard_write_zeroes r = { .sector = sector, .num_sectors = n,
						     .flags = flags };

	memcpy(bed.ram + DATA, &r, sizeof(r));
	return request(type, 0, DATA, sizeof(r), 0);
}

/* ---- what works ---- */

static void capacity_is_shown(void **state)
{
	assert_int_equal(reg_r(&drv, REG_DEVICE, 8), DISK_SECTORS);
}

static void read_brings_the_data(void **state)
{
	assert_int_equal(read_disk(5, 1024), VIRTIO_BLK_S_OK);
	assert_int_equal(bed.ram[DATA], 5);
	assert_int_equal(bed.ram[DATA + 511], 5);
	assert_int_equal(bed.ram[DATA + 1023], 6);
}

static void used_length_counts_data_and_status(void **state)
{
	publish(VIRTIO_BLK_T_IN, 0, DATA, 512, VRING_DESC_F_WRITE);
	drv_notify(&drv, 0);
	assert_int_equal(drv_wait(&drv, 0).len, 513);
	publish(VIRTIO_BLK_T_OUT, 0, DATA, 512, 0);
	drv_notify(&drv, 0);
	assert_int_equal(drv_wait(&drv, 0).len, 1);
}

static void write_reaches_the_file(void **state)
{
	memset(bed.ram + DATA, 0xab, 1024);
	assert_int_equal(write_disk(7, 1024), VIRTIO_BLK_S_OK);
	assert_int_equal(file_byte(7 * 512 - 1), 6);
	assert_int_equal(file_byte(7 * 512), 0xab);
	assert_int_equal(file_byte(9 * 512 - 1), 0xab);
	assert_int_equal(file_byte(9 * 512), 9);
}

static void last_sector_can_be_used(void **state)
{
	assert_int_equal(read_disk(DISK_SECTORS - 1, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(write_disk(DISK_SECTORS - 1, 512), VIRTIO_BLK_S_OK);
}

static void flush_succeeds(void **state)
{
	assert_int_equal(request(VIRTIO_BLK_T_FLUSH, 0, 0, 0, 0), VIRTIO_BLK_S_OK);
}

static void write_without_flush_feature_succeeds(void **state)
{
	memset(bed.ram + DATA, 0xcd, 512);
	assert_int_equal(write_disk(1, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(file_byte(512), 0xcd);
}

static void serial_is_given(void **state)
{
	assert_int_equal(request(VIRTIO_BLK_T_GET_ID, 0, DATA, 20, VRING_DESC_F_WRITE),
			 VIRTIO_BLK_S_OK);
	assert_string_equal((char *)bed.ram + DATA, "disk-0042");
}

static void write_zeroes_zeroes_its_range_only(void **state)
{
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 8, 16, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(file_byte(8 * 512 - 1), 7);
	assert_int_equal(file_byte(8 * 512), 0);
	assert_int_equal(file_byte(24 * 512 - 1), 0);
	assert_int_equal(file_byte(24 * 512), 24);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 32, 8,
			       VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP), VIRTIO_BLK_S_OK);
	assert_int_equal(file_byte(32 * 512), 0);
}

static void discard_of_several_ranges_keeps_the_size(void **state)
{
	struct virtio_blk_discard_write_zeroes r[3] = {
		{ .sector = 8, .num_sectors = 8 }, { .sector = 24, .num_sectors = 8 },
		{ .sector = 120, .num_sectors = 8 },
	};
	struct stat st;

	memcpy(bed.ram + DATA, r, sizeof(r));
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, DATA, sizeof(r), 0), VIRTIO_BLK_S_OK);
	assert_int_equal(file_byte(24 * 512), 0);
	assert_int_equal(file_byte(23 * 512), 23);
	fstat(file, &st);
	assert_int_equal(st.st_size, DISK_SECTORS * 512);
}

static void many_requests_are_served_at_once(void **state)
{
	unsigned int i;

	for (i = 0; i < NUM / 3; i++)
		publish(VIRTIO_BLK_T_IN, 10 + i, DATA + 512 * i, 512, VRING_DESC_F_WRITE);
	drv_notify(&drv, 0);
	for (i = 0; i < NUM / 3; i++)
		drv_wait(&drv, 0);
	for (i = 0; i < NUM / 3; i++) {
		assert_int_equal(*status(i), VIRTIO_BLK_S_OK);
		assert_int_equal(bed.ram[DATA + 512 * i], 10 + i);
	}
}

/* Header and status may share descriptors with the data, in any cut. */
static void framing_does_not_matter(void **state)
{
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_OUT, .sector = 3 };
	u16 head;

	memcpy(bed.ram + DATA, &h, sizeof(h));
	memset(bed.ram + DATA + 16, 0x77, 512);
	head = drv_put(&drv, 0, DATA, 7, VRING_DESC_F_NEXT);
	drv_put(&drv, 0, DATA + 7, 100, VRING_DESC_F_NEXT);
	drv_put(&drv, 0, DATA + 107, 421, VRING_DESC_F_NEXT);
	drv_put(&drv, 0, STATUS, 1, VRING_DESC_F_WRITE);
	drv_publish(&drv, 0, head);
	drv_notify(&drv, 0);
	drv_wait(&drv, 0);
	assert_int_equal(*status(0), VIRTIO_BLK_S_OK);
	assert_int_equal(file_byte(3 * 512), 0x77);
	assert_int_equal(file_byte(4 * 512 - 1), 0x77);
	assert_int_equal(file_byte(4 * 512), 4);
}

static void reset_waits_for_what_is_in_flight(void **state)
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		publish(VIRTIO_BLK_T_OUT, i, DATA, 512, 0);
	drv_notify(&drv, 0);
	reg_w(&drv, COMMON(device_status), 1, 0);
	assert_int_equal(drv_status(&drv), 0);
	drv_init(&drv, SLOT, 0, 1, NUM);
	n_req = 0;
	assert_int_equal(read_disk(100, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(bed.ram[DATA], 100);
}

/* ---- what must fail, and only fail ---- */

static void requests_past_the_end_fail(void **state)
{
	assert_int_equal(read_disk(DISK_SECTORS, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_disk(DISK_SECTORS - 1, 1024), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_disk(~0ull, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_disk(~0ull / 512 + 1, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_disk(0, (DISK_SECTORS + 1) * 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(drv_status(&drv), 15);
}

static void part_sectors_fail(void **state)
{
	assert_int_equal(read_disk(0, 100), VIRTIO_BLK_S_IOERR);
	assert_int_equal(write_disk(0, 513), VIRTIO_BLK_S_IOERR);
}

static void unknown_requests_are_unsupported(void **state)
{
	assert_int_equal(request(999, 0, DATA, 512, 0), VIRTIO_BLK_S_UNSUPP);
}

static void bad_ranges_fail(void **state)
{
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, DISK_SECTORS, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, ~0ull, 2, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 0xffffffff, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 1, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0x80000000), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, DATA, 15, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, DATA, 16 * 65, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(VIRTIO_BLK_T_DISCARD, 0, 0, 0, 0), VIRTIO_BLK_S_IOERR);
}

static void readonly_disk_takes_no_writes(void **state)
{
	assert_true(drv.features >> VIRTIO_BLK_F_RO & 1);
	assert_false(drv.features >> VIRTIO_BLK_F_DISCARD & 1);
	assert_int_equal(read_disk(5, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(write_disk(5, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range(VIRTIO_BLK_T_DISCARD, 0, 1, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(file_byte(5 * 512), 5);
}

static void file_that_shrank_gives_errors(void **state)
{
	assert_int_equal(ftruncate(file, 512 * 10), 0);
	assert_int_equal(read_disk(9, 1024), VIRTIO_BLK_S_IOERR);
	assert_int_equal(read_disk(9, 512), VIRTIO_BLK_S_OK);
}

/* As a full disk: the host refuses, the guest hears of it, and all goes on. */
static void host_errors_reach_the_guest(void **state)
{
	struct rlimit old, small = { 0 };

	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ 1024, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(ftruncate(file, 1024), 0);
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(write_disk(20, 512), VIRTIO_BLK_S_IOERR);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(write_disk(20, 512), VIRTIO_BLK_S_OK);
}

static bool broken(void)
{
	return drv_status(&drv) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void request_without_a_header_breaks_the_device(void **state)
{
	u16 head = drv_put(&drv, 0, DATA, 15, VRING_DESC_F_NEXT);

	drv_put(&drv, 0, STATUS, 1, VRING_DESC_F_WRITE);
	drv_publish(&drv, 0, head);
	drv_notify(&drv, 0);
	assert_true(broken());
}

static void request_without_a_status_breaks_the_device(void **state)
{
	drv_publish(&drv, 0, drv_put(&drv, 0, DATA, 16, 0));
	drv_notify(&drv, 0);
	assert_true(broken());
	drv_init(&drv, SLOT, 0, 1, NUM);
	assert_int_equal(read_disk(1, 512), VIRTIO_BLK_S_OK);
}

static void data_outside_ram_breaks_the_device(void **state)
{
	publish(VIRTIO_BLK_T_IN, 0, BED_RAM - 256, 512, VRING_DESC_F_WRITE);
	drv_notify(&drv, 0);
	assert_true(broken());
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(capacity_is_shown),
		T(read_brings_the_data),
		T(used_length_counts_data_and_status),
		T(write_reaches_the_file),
		T(last_sector_can_be_used),
		T(flush_succeeds),
		cmocka_unit_test_setup_teardown(write_without_flush_feature_succeeds,
						setup_no_flush, teardown),
		T(serial_is_given),
		T(write_zeroes_zeroes_its_range_only),
		T(discard_of_several_ranges_keeps_the_size),
		T(many_requests_are_served_at_once),
		T(framing_does_not_matter),
		T(reset_waits_for_what_is_in_flight),
		T(requests_past_the_end_fail),
		T(part_sectors_fail),
		T(unknown_requests_are_unsupported),
		T(bad_ranges_fail),
		cmocka_unit_test_setup_teardown(readonly_disk_takes_no_writes,
						setup_readonly, teardown),
		T(file_that_shrank_gives_errors),
		T(host_errors_reach_the_guest),
		T(request_without_a_header_breaks_the_device),
		T(request_without_a_status_breaks_the_device),
		T(data_outside_ram_breaks_the_device),
	};

	return cmocka_run_group_tests_name("virtio_blk", tests, NULL, NULL);
}
