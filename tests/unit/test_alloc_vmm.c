/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine of every kind of device and console, and loaders of every kind of
 * kernel, run out of memory at their nth allocation, for each n: they say so in
 * one line, return -ENOMEM, and leave neither memory nor descriptors behind.
 */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <stdlib.h>
#include <cmocka.h>
/* cmocka has a macro of this name. */
#undef fail
#include "vmm/fail.h"
#include "port/test/alloc.h"
#include "vmm/boot/boot.h"
#include "vmm/machine/machine.h"

#define CODE		0x100000u
#define ALLOCS_MAX	400

static char dir[64], kernel[96], disk[96], out[96];

/* ---- what the user reads ---- */

static char said[8][256];
static unsigned int said_lines;

int fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said[said_lines++ % ARRAY_SIZE(said)], sizeof(said[0]), fmt, ap);
	va_end(ap);
	return err ? err : -EINVAL;
}

void warn(const char *fmt, ...)
{
}

void note(const char *fmt, ...)
{
}

void fail_set_prefix(const char *(*fn)(void))
{
}

/* One line says why; what was said is shown if not. */
static void assert_one_line(long n, int err)
{
	for (unsigned int i = 0; i < said_lines && said_lines != 1; i++)
		print_error("%ld, error %d: '%s'\n", n, err, said[i % ARRAY_SIZE(said)]);
	assert_int_equal(said_lines, 1);
}

const struct kvm_provider kvm_provider_device;	/* absent: there is the software engine */

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

static int setup(void **state)
{
	u32 h[8] = { 0x1badb002, 1 << 16, -(0x1badb002u + (1 << 16)), CODE, CODE, 0, 0, CODE + sizeof(h) };
	FILE *f;
	int fd;

	snprintf(dir, sizeof(dir), "/tmp/kvist-alloc-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
	snprintf(disk, sizeof(disk), "%s/disk", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	f = fopen(kernel, "w");
	if (!f || fwrite(h, sizeof(h), 1, f) != 1 || fclose(f))
		return -1;
	fd = open(disk, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		return -1;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	test_alloc_libc = false;
	unlink(kernel);
	unlink(disk);
	unlink(out);
	return rmdir(dir);
}

/* ---- machines ---- */

static struct machine_config config(enum console_kind console)
{
	return (struct machine_config){
		.engine = "soft", .kernel = kernel, .append = "", .cpus = 2, .memory = 8 << 20,
		.console = console, .console_path = out, .debug_exit = true, .testdev = true,
		.n_disks = 2, .disk = { { .path = disk, .serial = "one", .readonly = true },
					{ .path = disk, .readonly = true } },
		.n_nets = 1,
	};
}

static bool machine_attempt(const struct machine_config *cfg, long n, bool once)
{
	unsigned int fds = open_fds();
	struct machine *m = NULL;
	bool failed;
	int err;

	said_lines = 0;
	test_alloc_libc = true;
	test_alloc_fail(n, once);
	err = machine_new(&m, cfg);
	failed = test_alloc_fail(-1, false);
	test_alloc_libc = false;
	if (!failed)
		assert_int_equal(err, 0);
	if (err) {
		assert_one_line(n, err);
		if (err != -ENOMEM)
			print_error("%ld: '%s'\n", n, said[0]);
		assert_int_equal(err, -ENOMEM);
		assert_null(m);
	} else {
		machine_free(m);
	}
	assert_int_equal(open_fds(), fds);
	return failed;
}

static void machine_loop(const struct machine_config *cfg)
{
	for (int once = 0; once <= 1; once++) {
		long n = 0;

		while (machine_attempt(cfg, n, once))
			assert_true(++n < ALLOCS_MAX);
		assert_true(n > 10);
	}
}

static void machine_with_every_device(void **state)
{
	struct machine_config cfg = config(CONSOLE_FILE);

	machine_loop(&cfg);
}

static void machine_with_a_socket_console(void **state)
{
	struct machine_config cfg = config(CONSOLE_SOCKET);

	cfg.n_disks = cfg.n_nets = 0;
	unlink(out);
	machine_loop(&cfg);
}

static void machine_with_a_pty_console(void **state)
{
	struct machine_config cfg = config(CONSOLE_PTY);
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	if (fd < 0)
		skip();
	close(fd);
	cfg.n_disks = cfg.n_nets = 0;
	machine_loop(&cfg);
}

/* A tap that is not there fails before or after memory does. */
static void machine_with_a_missing_tap(void **state)
{
	struct machine_config cfg = config(CONSOLE_FILE);
	long n = 0;
	int err;

	cfg.n_disks = 0;
	cfg.net[0] = (struct net_config){ .kind = NET_TAP, .tap = "kvist-none0" };
	do {
		unsigned int fds = open_fds();
		struct machine *m = NULL;

		said_lines = 0;
		test_alloc_libc = true;
		test_alloc_fail(n, false);
		err = machine_new(&m, &cfg);
		test_alloc_libc = false;
		assert_true(err == -ENOMEM || err == -ENODEV);
		assert_one_line(n, err);
		assert_int_equal(open_fds(), fds);
		n++;
	} while (test_alloc_fail(-1, false));
	assert_int_equal(err, -ENODEV);
}

/* As many descriptors as are open, and n more. */
static void machine_survives_a_full_descriptor_table(void **state)
{
	struct machine_config cfg = config(CONSOLE_FILE);
	struct rlimit old, few;
	int err = -1, lowest, n = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	for (; err; n++) {
		unsigned int fds = open_fds();
		struct machine *m = NULL;

		lowest = dup(2);
		close(lowest);
		few = (struct rlimit){ lowest + n, old.rlim_max };
		said_lines = 0;
		setrlimit(RLIMIT_NOFILE, &few);
		err = machine_new(&m, &cfg);
		if (!err)
			machine_free(m);
		setrlimit(RLIMIT_NOFILE, &old);
		if (err)
			assert_one_line(n, err);
		assert_int_equal(open_fds(), fds);
		if (n > 97)
			print_error("error %d: '%s'\n", err, said[0]);
		assert_true(n < 100);
	}
}

/* ---- loaders ---- */

static void load_loop(const void *image, size_t size, const char *initrd)
{
	struct boot_request req = { .kernel = kernel, .initrd = initrd, .append = "a=b", .rsdp = 0xe0000 };
	FILE *f = fopen(kernel, "w");
	bool failed = true;

	assert_non_null(f);
	assert_int_equal(fwrite(image, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	for (long n = 0; failed; n++) {
		unsigned int fds = open_fds();
		struct boot_state start;
		struct ram ram = { 0 };
		int err;

		assert_true(n < ALLOCS_MAX);
		said_lines = 0;
		test_alloc_libc = true;
		test_alloc_fail(n, false);
		err = ram_init(&ram, 16 << 20, 1ull << 31, 1ull << 32);
		if (!err)
			err = boot_load(&ram, &req, &start);
		failed = test_alloc_fail(-1, false);
		test_alloc_libc = false;
		if (said_lines && !failed)
			print_error("error %d: '%s'\n", err, said[0]);
		assert_int_equal(err, failed ? -ENOMEM : 0);
		if (err)
			assert_one_line(n, err);
		ram_fini(&ram);
		assert_int_equal(open_fds(), fds);
	}
}

static u8 elf[16384];

/* 64-bit ELF, one segment, entered at its start. */
static size_t make_elf(void)
{
	Elf64_Ehdr *e = (void *)elf;
	Elf64_Phdr *p = (void *)(elf + sizeof(*e));

	memset(elf, 0, sizeof(elf));
	memcpy(e->e_ident, ELFMAG "\2\1\1", 7);
	*e = (Elf64_Ehdr){ .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1, .e_entry = 4 << 20,
			   .e_phoff = sizeof(*e), .e_ehsize = sizeof(*e), .e_phentsize = sizeof(*p), .e_phnum = 1 };
	memcpy(e->e_ident, ELFMAG "\2\1\1", 7);
	*p = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 4096, .p_vaddr = 4 << 20, .p_paddr = 4 << 20,
			   .p_filesz = 4096, .p_memsz = 8192 };
	return 8192;
}

static void elf_and_initrd(void **state)
{
	load_loop(elf, make_elf(), disk);
}

static void multiboot(void **state)
{
	u32 h[8] = { 0x1badb002, 1 << 16, -(0x1badb002u + (1 << 16)), CODE, CODE, 0, 0, CODE + sizeof(h) };

	load_loop(h, sizeof(h), disk);
}

/* A bzImage around a payload that is packed so. */
static void bzimage(const u8 *payload, size_t n)
{
	static u8 img[65536];
	u32 at = 0x400, len = (u32)n + 4, size = 8192, align = 1 << 21, init = 1 << 22, max = 0x7fffffff, line = 2047;
	u64 pref = 4 << 20;

	memset(img, 0, sizeof(img));
	img[0x1f1] = 1;				/* setup sectors */
	len = sizeof(img) / 16 - 64;		/* paragraphs after the setup */
	memcpy(img + 0x1f4, &len, 4);
	len = (u32)n + 4;
	img[0x1fe] = 0x55;
	img[0x1ff] = 0xaa;
	img[0x200] = 0xeb;
	img[0x201] = 0x66;
	memcpy(img + 0x202, "HdrS", 4);
	img[0x206] = 0x0f;			/* protocol 2.15 */
	img[0x207] = 2;
	img[0x211] = 1;				/* loaded high */
	memcpy(img + 0x22c, &max, 4);
	memcpy(img + 0x230, &align, 4);
	img[0x234] = 1;				/* relocatable */
	img[0x236] = 1;				/* 64-bit entry */
	memcpy(img + 0x238, &line, 4);
	memcpy(img + 0x258, &pref, 8);
	memcpy(img + 0x260, &init, 4);
	memcpy(img + 0x248, &at, 4);		/* in the protected-mode part */
	memcpy(img + 0x24c, &len, 4);
	assert_true(1024 + at + len <= sizeof(img));
	memcpy(img + 1024 + at, payload, n);
	memcpy(img + 1024 + at + n, &size, 4);	/* unpacked */
	load_loop(img, sizeof(img), NULL);
}

static void bzimage_gzip(void **state)
{
	static u8 packed[16384];
	z_stream z = { 0 };
	size_t n = make_elf();

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = elf;
	z.avail_in = (uInt)n;
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = z.total_out;
	deflateEnd(&z);
	bzimage(packed, n);
}

static void bzimage_zstd(void **state)
{
	static u8 packed[16384];
	size_t n = ZSTD_compress(packed, sizeof(packed), elf, make_elf(), 3);

	assert_false(ZSTD_isError(n));
	bzimage(packed, n);
}

static int reset(void **state)
{
	test_alloc_libc = false;
	test_alloc_fail(-1, false);
	return 0;
}

#define T(f) cmocka_unit_test_setup(f, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(machine_with_every_device),
		T(machine_with_a_socket_console),
		T(machine_with_a_pty_console),
		T(machine_with_a_missing_tap),
		T(machine_survives_a_full_descriptor_table),
		T(elf_and_initrd),
		T(multiboot),
		T(bzimage_gzip),
		T(bzimage_zstd),
	};

	return cmocka_run_group_tests_name("alloc_vmm", tests, setup, teardown);
}
