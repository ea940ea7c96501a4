// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole machine on the software engine: every step of its building fails
 * once and leaves nothing behind; small guests end in each of the ways a run
 * can end.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/said.h"
#include "cli/cli.h"
#include "vmm/machine/machine.h"

#define CODE	0x100000u

static char dir[64], kernel[96], disk[96], out[96];

/* --- "/dev/kvm": the software engine, whose nth call fails --- */

static long budget = -1;		/* calls left; <0: no limit */

static bool spent(void)
{
	if (budget < 0)
		return false;
	return !budget-- && (budget = 0, true);
}

static int dev_open(const char *path)
{
	return spent() ? -EACCES : kvm_provider_soft.open(NULL);
}

static long dev_ioctl(int fd, unsigned long req, void *arg)
{
	return spent() ? -EIO : kvm_provider_soft.ioctl(fd, req, arg);
}

static void *dev_mmap(int fd, size_t len, size_t off)
{
	return spent() ? NULL : kvm_provider_soft.mmap(fd, len, off);
}

static void dev_munmap(void *p, size_t len)
{
	kvm_provider_soft.munmap(p, len);
}

static int dev_close(int fd)
{
	return kvm_provider_soft.close(fd);
}

const struct kvm_provider kvm_provider_device = {
	.name = "kvm", .open = dev_open, .ioctl = dev_ioctl, .mmap = dev_mmap,
	.munmap = dev_munmap, .close = dev_close,
};

/* --- helpers --- */

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A Multiboot image by header addresses: this code at 1 MiB. */
static void put_kernel(const u8 *code, size_t n)
{
	u32 h[8] = { 0x1badb002, 1 << 16, -(0x1badb002u + (1 << 16)), CODE, CODE, 0, 0,
		     CODE + sizeof(h) };
	FILE *f = fopen(kernel, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(h, sizeof(h), 1, f), 1);
	assert_int_equal(fwrite(code, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static struct machine_config config(void)
{
	return (struct machine_config){
		.engine = "kvm", .kernel = kernel, .append = "", .cpus = 2, .memory = 8 << 20,
		.console = CONSOLE_FILE, .console_path = out, .debug_exit = true, .testdev = true,
	};
}

static int setup(void **state)
{
	int fd;

	snprintf(dir, sizeof(dir), "/tmp/kvist-machine-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
	snprintf(disk, sizeof(disk), "%s/disk", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	fd = open(disk, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		return -1;
	close(fd);
	budget = -1;
	said_nothing_yet();
	return 0;
}

static int teardown(void **state)
{
	unlink(kernel);
	unlink(disk);
	unlink(out);
	return rmdir(dir);
}

/* Runs the code and returns the exit status kvist would give. */
static int run(const u8 *code, size_t n)
{
	struct machine_config cfg = config();
	struct machine *m;
	int status;

	put_kernel(code, n);
	assert_int_equal(machine_new(&m, &cfg), 0);
	said_nothing_yet();
	machine_run(m);
	status = cli_status(m);
	machine_free(m);
	return status;
}

/* --- tests --- */

static void every_failing_call_is_undone(void **state)
{
	static const u8 code[] = { 0xf4 };
	struct machine_config cfg = config();
	struct machine *m = NULL;
	unsigned int before, n;

	cfg.n_disks = cfg.n_nets = 1;
	cfg.disk[0].path = disk;
	put_kernel(code, sizeof(code));
	before = open_fds();
	for (n = 0; n < 2000; n++) {
		said_nothing_yet();
		budget = n;
		if (!machine_new(&m, &cfg))
			break;
		assert_null(m);
		assert_int_equal(said_lines, 1);
		assert_int_equal(open_fds(), before);
		unlink(out);
	}
	assert_true(n > 30 && n < 2000);
	assert_non_null(m);
	budget = -1;
	machine_free(m);
	assert_int_equal(open_fds(), before);
}

static void debug_exit_gives_the_guests_value(void **state)
{
	static const u8 code[] = { 0xb0, 3, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd };

	assert_int_equal(run(code, sizeof(code)), 3 << 1 | 1);
}

static void s5_is_status_0(void **state)
{
	/* mov $0x604,%dx; mov $0x3400,%ax; out %ax,(%dx); hlt */
	static const u8 code[] = { 0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x34, 0x66, 0xef,
				   0xf4, 0xeb, 0xfd };

	assert_int_equal(run(code, sizeof(code)), STATUS_POWEROFF);
}

static void reset_register_is_its_own_status(void **state)
{
	static const u8 code[] = { 0x66, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd };

	assert_int_equal(run(code, sizeof(code)), STATUS_RESET);
}

static void triple_fault_is_a_crash(void **state)
{
	static const u8 code[] = { 0x0f, 0x0b };

	assert_int_equal(run(code, sizeof(code)), STATUS_CRASH);
	assert_said("triple fault");
}

static void serial_output_reaches_the_console(void **state)
{
	/* mov $0x3f8,%dx; mov $'K',%al; out %al,(%dx); then exit */
	static const u8 code[] = { 0x66, 0xba, 0xf8, 0x03, 0xb0, 'K', 0xee, 0xb0, 0, 0xe6, 0xf4,
				   0xf4, 0xeb, 0xfd };
	char c = 0;
	int fd;

	assert_int_equal(run(code, sizeof(code)), 1);
	fd = open(out, O_RDONLY);
	assert_int_equal(read(fd, &c, 1), 1);
	assert_int_equal(c, 'K');
	close(fd);
}

static void *stopper(void *arg)
{
	usleep(30000);
	machine_stop(arg, END_QUIT, 0);
	return NULL;
}

/* The guest halts, or spins; in both it must be possible to leave. */
static void stop_from_another_thread_ends_any_guest(void **state)
{
	static const u8 halt[] = { 0xfa, 0xf4, 0xeb, 0xfd }, spin[] = { 0xeb, 0xfe };
	struct machine_config cfg = config();

	for (unsigned int i = 0; i < 2; i++) {
		struct machine *m;
		pthread_t t;

		put_kernel(i ? spin : halt, i ? sizeof(spin) : sizeof(halt));
		assert_int_equal(machine_new(&m, &cfg), 0);
		assert_int_equal(pthread_create(&t, NULL, stopper, m), 0);
		assert_int_equal(machine_run(m), 0);
		pthread_join(t, NULL);
		assert_int_equal(cli_status(m), STATUS_QUIT);
		machine_free(m);
	}
}

static void first_reason_to_end_wins(void **state)
{
	static const u8 code[] = { 0xf4 };
	struct machine_config cfg = config();
	struct machine *m;

	put_kernel(code, sizeof(code));
	assert_int_equal(machine_new(&m, &cfg), 0);
	machine_stop(m, END_DEBUG_EXIT, 5);
	machine_stop(m, END_GUEST_CRASH, 6);
	assert_int_equal(machine_run(m), 0);
	assert_int_equal(cli_status(m), 11);
	machine_free(m);
}

static void senseless_sizes_are_refused(void **state)
{
	static const u64 sizes[] = { 0, 4096, (8 << 20) + 1, ~0ull & ~4095ull };
	static const u8 code[] = { 0xf4 };
	struct machine_config cfg = config();
	struct machine *m;

	put_kernel(code, sizeof(code));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		said_nothing_yet();
		cfg.memory = sizes[i];
		assert_true(machine_new(&m, &cfg) < 0);
		assert_said("--memory");
	}
	cfg = config();
	cfg.cpus = 17;
	said_nothing_yet();
	assert_true(machine_new(&m, &cfg) < 0);
	assert_said("--cpus");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_failing_call_is_undone),
		T(debug_exit_gives_the_guests_value),
		T(s5_is_status_0),
		T(reset_register_is_its_own_status),
		T(triple_fault_is_a_crash),
		T(serial_output_reaches_the_console),
		T(stop_from_another_thread_ends_any_guest),
		T(first_reason_to_end_wins),
		T(senseless_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
