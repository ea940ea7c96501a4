// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * multiboot.c - Multiboot 1 images: ELF32, or raw with addresses in the
 * header. Source: Multiboot Specification 0.6.96.
 */
#include <errno.h>
#include "vmm/boot/boot.h"
#include "vmm/fail.h"

#define MB_MAGIC	0x1badb002u
#define MB_SEARCH	8192
#define MB_ALIGN_MODS	(1u << 0)
#define MB_MEMINFO	(1u << 1)
#define MB_VIDEO	(1u << 2)
#define MB_ADDRESSES	(1u << 16)

#define MBI_MEM		(1u << 0)
#define MBI_CMDLINE	(1u << 2)
#define MBI_MODS	(1u << 3)
#define MBI_MMAP	(1u << 6)
#define MBI_LOADER	(1u << 9)

struct mb_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end, bss_end, entry;	/* MB_ADDRESSES */
};

struct mb_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name;
	u32 apm_table;
};

struct mb_module {
	u32 start, end, string, reserved;
};

struct mb_mmap {
	u32 size;
	u64 addr, len;
	u32 type;
} __attribute__((packed));

struct mb_page {
	struct mb_info info;
	struct mb_module module;
	struct mb_mmap map[BOOT_E820_MAX];
	char loader[8], initrd[256];
};

const void *multiboot_find(const u8 *p, size_t len)
{
	for (size_t off = 0; off + 12 <= min(len, (size_t)MB_SEARCH); off += 4) {
		struct mb_header h;

		memcpy(&h, p + off, 12);
		if (h.magic == MB_MAGIC && !(h.magic + h.flags + h.checksum))
			return p + off;
	}
	return NULL;
}

/* A raw image: the header says where the file goes. */
static int load_raw(struct boot_env *b, const struct boot_image *img, const u8 *at,
		    const struct mb_header *h)
{
	u64 skip = h->header_addr - h->load_addr, pos = at - img->data, n, mem;

	if (h->load_addr > h->header_addr || skip > pos || h->load_addr < BOOT_HIGH)
		return fail(0, "kernel %s: broken addresses in its Multiboot header", img->path);
	pos -= skip;
	n = h->load_end ? h->load_end - (u64)h->load_addr : img->len - pos;
	if (n > img->len - pos)
		return fail(0, "kernel %s: truncated: its Multiboot header says more bytes",
			    img->path);
	mem = h->bss_end ? max(n, h->bss_end - (u64)h->load_addr) : n;
	if (boot_put(b, h->load_addr, img->data + pos, n, mem))
		return fail(-ENOSPC, "kernel %s: needs memory up to %llu MiB; give more --memory",
			    img->path, (unsigned long long)(h->load_addr + mem) >> 20);
	b->kernel_end = h->load_addr + mem;
	return 0;
}

/* The first word of the command line is the image's name. */
static int build_cmdline(struct boot_env *b, char *buf, size_t n)
{
	int r = snprintf(buf, n, "%s%s%s", b->req->kernel, *b->cmdline ? " " : "", b->cmdline);

	if (r < 0 || (size_t)r >= n)
		return fail(0, "--append: %d bytes with the image's name, but %zu at most", r,
			    n - 1);
	b->cmdline = buf;
	b->cmdline_max = n - 1;
	return boot_place_cmdline(b);
}

static int build_info(struct boot_env *b)
{
	struct e820 e[BOOT_E820_MAX];
	struct mb_page p = { 0 };
	unsigned int n = boot_e820(b->ram, e);

	p.info = (struct mb_info){
		.flags = MBI_MEM | MBI_CMDLINE | MBI_MODS | MBI_MMAP | MBI_LOADER,
		.mem_lower = BOOT_LOW_END >> 10,
		.mem_upper = (boot_low_ram(b->ram) - BOOT_HIGH) >> 10,
		.cmdline = BOOT_CMDLINE,
		.mods_count = b->initrd.len ? 1 : 0,
		.mods_addr = BOOT_INFO + offsetof(struct mb_page, module),
		.mmap_length = n * sizeof(p.map[0]),
		.mmap_addr = BOOT_INFO + offsetof(struct mb_page, map),
		.loader_name = BOOT_INFO + offsetof(struct mb_page, loader),
	};
	p.module = (struct mb_module){
		.start = b->initrd_addr,
		.end = b->initrd_addr + b->initrd.len,
		.string = BOOT_INFO + offsetof(struct mb_page, initrd),
	};
	memcpy(p.loader, "kvist", 6);
	if (b->initrd.len)
		snprintf(p.initrd, sizeof(p.initrd), "%s", b->initrd.path);
	for (unsigned int i = 0; i < n; i++)
		p.map[i] = (struct mb_mmap){ sizeof(p.map[0]) - 4, e[i].addr, e[i].len, e[i].type };
	return boot_put(b, BOOT_INFO, &p, sizeof(p), sizeof(p));
}

int multiboot_load(struct boot_env *b, const struct boot_image *img, struct boot_state *out)
{
	const u8 *at = multiboot_find(img->data, img->len);
	char cmdline[BOOT_CMDLINE_MAX];
	struct elf_info info = { 0 };
	struct mb_header h = { 0 };
	int err;

	memcpy(&h, at, min(sizeof(h), (size_t)(img->data + img->len - at)));
	if (h.flags & 0xffff & ~(MB_ALIGN_MODS | MB_MEMINFO | MB_VIDEO))
		return fail(0, "kernel %s: asks for Multiboot features that do not exist here (%#x)",
			    img->path, h.flags);
	if (h.flags & MB_ADDRESSES)
		err = load_raw(b, img, at, &h);
	else if (!elf_detect(img->data, img->len))
		err = fail(0, "kernel %s: a Multiboot image without load addresses", img->path);
	else
		err = elf_load(b, img->path, img->data, img->len, &info);
	if (err)
		return err;
	if (info.is64 && info.entry > UINT32_MAX)
		return fail(0, "kernel %s: a Multiboot image that starts above 4 GiB", img->path);
	err = build_cmdline(b, cmdline, sizeof(cmdline));
	if (!err)
		err = boot_place_initrd(b);
	if (!err)
		err = build_info(b);
	if (err)
		return err;
	*out = (struct boot_state){ .kind = BOOT_MULTIBOOT,
				    .entry = h.flags & MB_ADDRESSES ? h.entry : info.entry,
				    .info = BOOT_INFO };
	return 0;
}
