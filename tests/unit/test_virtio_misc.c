/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_virtio_misc.c - the console and the entropy device. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "tests/unit/virtio_bed.h"
#include "vmm/chardev.h"

#define SLOT	1
#define RX	0
#define TX	1
#define NUM	8

static struct drv drv;
static char path[] = "/tmp/kvist-console-XXXXXX";

static int setup_rng(void **state)
{
	if (bed_setup(state) || virtio_rng_new(&bed.m))
		return -1;
	drv_init(&drv, SLOT, 0, 1, NUM);
	return 0;
}

static void request_is_filled(void **state)
{
	unsigned int i, zeroes = 0;

	drv_publish(&drv, 0, drv_put(&drv, 0, BED_BUF, 256, VRING_DESC_F_WRITE));
	drv_notify(&drv, 0);
	assert_int_equal(drv_wait(&drv, 0).len, 256);
	for (i = 0; i < 256; i++)
		zeroes += !bed.ram[BED_BUF + i];
	assert_true(zeroes < 32);
	assert_int_equal(bed.ram[BED_BUF + 256], 0);
}

static void large_request_gets_a_part(void **state)
{
	u32 len;

	drv_publish(&drv, 0, drv_put(&drv, 0, BED_BUF, 1 << 20, VRING_DESC_F_WRITE));
	drv_notify(&drv, 0);
	len = drv_wait(&drv, 0).len;
	assert_true(len > 0 && len <= 65536);
	assert_int_equal(bed.ram[BED_BUF + len], 0);
}

static void read_only_buffer_gets_nothing(void **state)
{
	drv_publish(&drv, 0, drv_put(&drv, 0, BED_BUF, 64, 0));
	drv_notify(&drv, 0);
	assert_int_equal(drv_wait(&drv, 0).len, 0);
	assert_int_equal(bed.ram[BED_BUF], 0);
}

/* ---- console ---- */

static int setup_console(void **state)
{
	int fd;

	strcpy(path, "/tmp/kvist-console-XXXXXX");
	fd = mkstemp(path);
	close(fd);
	unlink(path);
	if (bed_setup(state) || chardev_new(&bed.m, CONSOLE_SOCKET, path, &bed.m.console) ||
	    virtio_console_new(&bed.m))
		return -1;
	drv_init(&drv, SLOT, 0, 2, NUM);
	bed_start();
	return 0;
}

static int teardown_console(void **state)
{
	struct chardev *c = bed.m.console;

	if (bed.threaded) {
		loop_stop(bed.m.loop);
		pthread_join(bed.thread, NULL);
		bed.threaded = false;
	}
	pci_bus_free(bed.m.pci);
	bed.m.pci = NULL;
	chardev_free(c);
	unlink(path);
	return bed_teardown(state);
}

static int peer(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	assert_int_equal(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	return s;
}

static void guest_says(const char *text)
{
	memcpy(bed.ram + BED_BUF + 0x10000, text, strlen(text));
	drv_publish(&drv, TX, drv_put(&drv, TX, BED_BUF + 0x10000, (u32)strlen(text), 0));
	drv_notify(&drv, TX);
	drv_wait(&drv, TX);
}

static void expect(int s, const char *text)
{
	char buf[64];
	size_t n = 0;
	ssize_t k;

	while (n < strlen(text) && (k = read(s, buf + n, sizeof(buf) - n)) > 0)
		n += (size_t)k;
	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, n);
}

static void output_reaches_the_peer(void **state)
{
	int s = peer();

	guest_says("hello");
	expect(s, "hello");
	close(s);
}

static void input_reaches_the_guest_once_it_spoke(void **state)
{
	int s = peer();

	drv_publish(&drv, RX, drv_put(&drv, RX, BED_BUF, 2, VRING_DESC_F_WRITE));
	drv_publish(&drv, RX, drv_put(&drv, RX, BED_BUF + 16, 64, VRING_DESC_F_WRITE));
	guest_says("?");
	expect(s, "?");
	assert_int_equal(write(s, "abcde", 5), 5);
	assert_int_equal(drv_wait(&drv, RX).len, 2);
	assert_int_equal(drv_wait(&drv, RX).len, 3);
	assert_memory_equal(bed.ram + BED_BUF, "ab", 2);
	assert_memory_equal(bed.ram + BED_BUF + 16, "cde", 3);
	close(s);
}

static void input_waits_for_buffers(void **state)
{
	int s = peer();

	guest_says("?");
	expect(s, "?");
	assert_int_equal(write(s, "xyz", 3), 3);
	usleep(20000);
	drv_publish(&drv, RX, drv_put(&drv, RX, BED_BUF, 64, VRING_DESC_F_WRITE));
	drv_notify(&drv, RX);
	assert_int_equal(drv_wait(&drv, RX).len, 3);
	assert_memory_equal(bed.ram + BED_BUF, "xyz", 3);
	close(s);
}

static void huge_output_is_bounded(void **state)
{
	drv_publish(&drv, TX, drv_put(&drv, TX, BED_BUF, 2 << 20, 0));
	drv_notify(&drv, TX);
	drv_wait(&drv, TX);
	assert_int_equal(drv_status(&drv), 15);
}

#define RNG(f) cmocka_unit_test_setup_teardown(f, setup_rng, bed_teardown)
#define CON(f) cmocka_unit_test_setup_teardown(f, setup_console, teardown_console)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RNG(request_is_filled),
		RNG(large_request_gets_a_part),
		RNG(read_only_buffer_gets_nothing),
		CON(output_reaches_the_peer),
		CON(input_reaches_the_guest_once_it_spoke),
		CON(input_waits_for_buffers),
		CON(huge_output_is_bounded),
	};

	return cmocka_run_group_tests_name("virtio_misc", tests, NULL, NULL);
}
