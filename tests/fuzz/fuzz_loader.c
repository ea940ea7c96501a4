/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_loader.c - kernel images of every kind through boot_load(): it refuses
 * with one line, or the processor starts inside memory. The first byte says
 * how large memory is, and whether there is an initrd and a command line.
 */
#include <sys/mman.h>
#include <unistd.h>
#include "tests/fuzz/fuzz.h"
#include "vmm/boot/boot.h"
#include "vmm/fail.h"

static unsigned int lines;

int fail(int err, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lines++;
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

static int file_with(const void *p, size_t n, char path[32])
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	char kernel[32], initrd[32];
	struct boot_request req = { .kernel = kernel };
	struct boot_state start;
	struct ram ram = { 0 };
	u64 size = (4ull << 20) << (data[0] & 3);
	int fd, fd2 = -1, r;

	if (n < 2 || n > 1 << 20)
		return -1;
	/* Memory in two parts at times. */
	require(!ram_init(&ram, size, data[0] & 32 ? size / 2 : 1ull << 31, 1ull << 32));
	fd = file_with(data + 1, n - 1, kernel);
	if (data[0] & 4) {
		fd2 = file_with(data, min(n, (size_t)5000), initrd);
		req.initrd = initrd;
	}
	if (data[0] & 8)
		req.append = "console=ttyS0 a=b";
	req.rsdp = data[0] & 16 ? 0xe0000 : 0;
	lines = 0;
	r = boot_load(&ram, &req, &start);
	require(r ? r < 0 && lines == 1 : !lines, "%d, %u lines", r, lines);
	if (!r) {
		u8 byte;

		require(start.kind <= BOOT_MULTIBOOT);
		require(!ram_read(&ram, start.entry, &byte, 1), "entry %llx", (long long)start.entry);
		require(!ram_read(&ram, start.info, &byte, 1));
	}
	ram_fini(&ram);
	close(fd);
	if (fd2 >= 0)
		close(fd2);
	return 0;
}
