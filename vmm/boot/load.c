// SPDX-License-Identifier: GPL-2.0-or-later
/* load.c - which kind of image it is, and what all kinds need. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm/boot/boot.h"
#include "vmm/fail.h"

#define FILE_MAX	(1ull << 32)

static int read_all(int fd, u8 *p, size_t n)
{
	while (n) {
		ssize_t r = read(fd, p, min(n, (size_t)1 << 30));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			return -EIO;		/* shrank while we read it */
		p += r;
		n -= r;
	}
	return 0;
}

int file_load(const char *what, const char *path, struct boot_image *out)
{
	struct boot_image img = { .path = path };
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0)
		return fail(-errno, "%s %s", what, path);
	if (fstat(fd, &st) < 0)
		err = fail(-errno, "%s %s", what, path);
	else if (S_ISDIR(st.st_mode))
		err = fail(-EISDIR, "%s %s", what, path);
	else if (!S_ISREG(st.st_mode))
		err = fail(0, "%s %s: not a regular file", what, path);
	else if (!st.st_size)
		err = fail(0, "%s %s: empty file", what, path);
	else if ((u64)st.st_size > FILE_MAX)
		err = fail(-EFBIG, "%s %s", what, path);
	else
		err = 0;
	if (err)
		goto out;
	img.len = st.st_size;
	img.data = malloc(img.len);
	err = img.data ? read_all(fd, img.data, img.len) : -ENOMEM;
	if (err) {
		free(img.data);
		fail(err, "%s %s", what, path);
		goto out;
	}
	*out = img;
out:
	close(fd);
	return err;
}

void file_free(struct boot_image *img)
{
	free(img->data);
	*img = (struct boot_image){ 0 };
}

u64 boot_low_ram(const struct ram *ram)
{
	return ram->n ? ram->region[0].len : 0;
}

int boot_put(struct boot_env *b, u64 addr, const void *data, size_t len, u64 memlen)
{
	u8 *p = ram_ptr(b->ram, addr, memlen);

	if (!p)
		return -ENOSPC;
	memcpy(p, data, len);
	/* Fresh RAM is zero, but segments may overlap what came before. */
	memset(p + len, 0, memlen - len);
	return 0;
}

unsigned int boot_e820(const struct ram *ram, struct e820 *e)
{
	unsigned int n = 0;

	e[n++] = (struct e820){ 0, BOOT_LOW_END, 1 };
	e[n++] = (struct e820){ BOOT_LOW_END, 0xa0000 - BOOT_LOW_END, 2 };
	e[n++] = (struct e820){ 0xe0000, 0x20000, 2 };		/* ACPI tables */
	e[n++] = (struct e820){ BOOT_HIGH, boot_low_ram(ram) - BOOT_HIGH, 1 };
	/* Linux uses ECAM only where the memory map says it is taken. */
	e[n++] = (struct e820){ 0xe0000000, 0x10000000, 2 };
	/* The pages KVM needs for itself on Intel, and the space a BIOS would have. */
	e[n++] = (struct e820){ 0xfffb0000, 0x50000, 2 };
	for (unsigned int i = 1; i < ram->n && n < BOOT_E820_MAX; i++)
		e[n++] = (struct e820){ ram->region[i].gpa, ram->region[i].len, 1 };
	return n;
}

int boot_place_cmdline(struct boot_env *b)
{
	size_t n = strlen(b->cmdline);

	if (n > b->cmdline_max || n >= BOOT_CMDLINE_MAX)
		return fail(0, "--append: %zu bytes, but this kernel takes at most %zu", n,
			    min(b->cmdline_max, (size_t)BOOT_CMDLINE_MAX - 1));
	return boot_put(b, BOOT_CMDLINE, b->cmdline, n + 1, n + 1);
}

int boot_place_initrd(struct boot_env *b)
{
	u64 top = min(boot_low_ram(b->ram), b->initrd_max + 1), addr;

	if (!b->initrd.len)
		return 0;
	addr = top > b->initrd.len ? (top - b->initrd.len) & ~0xfffull : 0;
	if (addr < max(b->kernel_end, (u64)BOOT_HIGH))
		return fail(-ENOSPC,
			    "initrd %s: %llu MiB do not fit into memory; give more --memory",
			    b->initrd.path, (unsigned long long)(b->initrd.len >> 20) + 1);
	b->initrd_addr = addr;
	return boot_put(b, addr, b->initrd.data, b->initrd.len, b->initrd.len);
}

static int load_elf(struct boot_env *b, const struct boot_image *img, struct boot_state *out)
{
	struct elf_info info;
	int err = elf_load(b, img->path, img->data, img->len, &info);

	if (err)
		return err;
	if (!info.has_pvh && !info.is64)
		return fail(0, "kernel %s: an ELF image with neither a PVH note nor a Multiboot header",
			    img->path);
	err = info.has_pvh ? pvh_start_info(b) : linux_zero_page(b, NULL, 0);
	if (err)
		return err;
	*out = (struct boot_state){
		.kind = info.has_pvh ? BOOT_PVH : BOOT_LINUX64,
		.entry = info.has_pvh ? info.pvh_entry : info.entry,
		.info = info.has_pvh ? BOOT_INFO : BOOT_ZERO_PAGE,
	};
	return 0;
}

int boot_load(struct ram *ram, const struct boot_request *req, struct boot_state *out)
{
	struct boot_env b = { .ram = ram, .req = req, .initrd_max = 0xffffffff,
			      .cmdline = req->append ? req->append : "", .cmdline_max = 2047 };
	struct boot_image img = { 0 };
	int err;

	if (boot_low_ram(ram) < 2 * BOOT_HIGH)
		return fail(0, "--memory: less than 2 MiB");
	err = file_load("kernel", req->kernel, &img);
	if (!err && req->initrd)
		err = file_load("initrd", req->initrd, &b.initrd);
	if (err)
		goto out;
	if (bzimage_detect(img.data, img.len))
		err = bzimage_load(&b, &img, out);
	else if (elf_detect(img.data, img.len) && !multiboot_find(img.data, img.len))
		err = load_elf(&b, &img, out);
	else if (multiboot_find(img.data, img.len))
		err = multiboot_load(&b, &img, out);
	else
		err = fail(0, "kernel %s: not a bzImage, ELF or Multiboot image", req->kernel);
	if (!err && !ram_ptr(ram, out->entry, 1))
		err = fail(0, "kernel %s: starts at %#llx, where no memory is", req->kernel,
			   (unsigned long long)out->entry);
out:
	file_free(&img);
	file_free(&b.initrd);
	return err;
}
