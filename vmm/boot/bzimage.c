// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bzimage.c - Linux kernels as distributions ship them. The payload is
 * unpacked here rather than by the guest's own decompressor: it takes the host
 * a second, and a software engine a minute.
 */
#include <errno.h>
#include "vmm/boot/boot.h"
#include "vmm/fail.h"

/* Offsets in the zero page and in the image's first sectors alike. */
enum {
	ZP_ACPI_RSDP = 0x70, ZP_E820_ENTRIES = 0x1e8,
	HDR = 0x1f1,
	HDR_SETUP_SECTS = 0x1f1, HDR_SYSSIZE = 0x1f4, HDR_BOOT_FLAG = 0x1fe, HDR_JUMP = 0x200,
	HDR_MAGIC = 0x202, HDR_VERSION = 0x206, HDR_LOADER = 0x210, HDR_LOADFLAGS = 0x211,
	HDR_CODE32 = 0x214, HDR_RAMDISK = 0x218, HDR_RAMDISK_SIZE = 0x21c,
	HDR_CMDLINE = 0x228, HDR_INITRD_MAX = 0x22c, HDR_ALIGN = 0x230,
	HDR_RELOCATABLE = 0x234, HDR_XLOADFLAGS = 0x236, HDR_CMDLINE_SIZE = 0x238,
	HDR_PAYLOAD = 0x248, HDR_PAYLOAD_LEN = 0x24c, HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	ZP_E820 = 0x2d0, ZP_SIZE = 0x1000,
};

#define SECTOR		512
#define LOADED_HIGH	0x01
#define KEEP_SEGMENTS	0x40
#define XLF_KERNEL_64	0x01
#define LOADER_OTHER	0xff

static u8 get8(const u8 *p, size_t off) { return p[off]; }

static u16 get16(const u8 *p, size_t off)
{
	u16 v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

static u32 get32(const u8 *p, size_t off)
{
	u32 v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

static u64 get64(const u8 *p, size_t off)
{
	return get32(p, off) | (u64)get32(p, off + 4) << 32;
}

static void put32(u8 *p, size_t off, u32 v)
{
	memcpy(p + off, &v, sizeof(v));
}

bool bzimage_detect(const u8 *p, size_t len)
{
	return len >= 0x268 && get16(p, HDR_BOOT_FLAG) == 0xaa55 &&
	       !memcmp(p + HDR_MAGIC, "HdrS", 4);
}

int linux_zero_page(struct boot_env *b, const u8 *bz, size_t bz_len)
{
	u8 zp[ZP_SIZE] = { 0 };
	struct e820 e[BOOT_E820_MAX];
	unsigned int n = boot_e820(b->ram, e);
	int err = boot_place_cmdline(b);

	if (!err)
		err = boot_place_initrd(b);
	if (err)
		return err;
	if (bz) {
		/* The header ends where the jump at its start goes. */
		size_t end = 0x202u + get8(bz, HDR_JUMP + 1);

		end = min(end, bz_len);
		memcpy(zp + HDR, bz + HDR, min(end, (size_t)ZP_E820) - HDR);
	} else {
		memcpy(zp + HDR_MAGIC, "HdrS", 4);
		zp[HDR_BOOT_FLAG] = 0x55;
		zp[HDR_BOOT_FLAG + 1] = 0xaa;
		put32(zp, HDR_ALIGN, 0x1000000);
		zp[HDR_VERSION] = 0x0f;
		zp[HDR_VERSION + 1] = 0x02;
		zp[HDR_LOADFLAGS] = LOADED_HIGH;
	}
	zp[HDR_LOADER] = LOADER_OTHER;
	put32(zp, HDR_CMDLINE, BOOT_CMDLINE);
	put32(zp, HDR_RAMDISK, b->initrd_addr);
	put32(zp, HDR_RAMDISK_SIZE, b->initrd.len);
	memcpy(zp + ZP_ACPI_RSDP, &b->req->rsdp, 8);
	zp[ZP_E820_ENTRIES] = n;
	memcpy(zp + ZP_E820, e, n * sizeof(e[0]));
	return boot_put(b, BOOT_ZERO_PAGE, zp, sizeof(zp), sizeof(zp));
}

/* The setup sectors and the protected-mode code, checked against the file. */
struct bz {
	const u8 *code;
	size_t code_len;
	u16 version, xloadflags;
};

static int bz_check(const struct boot_image *img, struct bz *out)
{
	const u8 *p = img->data;
	unsigned int sects = get8(p, HDR_SETUP_SECTS);
	size_t setup = (sects ? sects + 1 : 5) * SECTOR;
	u64 code = (u64)get32(p, HDR_SYSSIZE) * 16;

	out->version = get16(p, HDR_VERSION);
	if (out->version < 0x0206)
		return fail(0, "kernel %s: boot protocol %u.%02u is too old (2.06 at least)",
			    img->path, out->version >> 8, out->version & 0xff);
	if (!(get8(p, HDR_LOADFLAGS) & LOADED_HIGH))
		return fail(0, "kernel %s: a zImage; only bzImages can be booted", img->path);
	/* syssize is rounded up to paragraphs; a file may lack the padding. */
	if (img->len < setup || !code || img->len - setup + 15 < code)
		return fail(0, "kernel %s: truncated: %zu bytes, but its header says %llu",
			    img->path, img->len, (unsigned long long)(setup + code));
	out->code = p + setup;
	out->code_len = min((u64)(img->len - setup), code);
	out->xloadflags = out->version >= 0x020c ? get16(p, HDR_XLOADFLAGS) : 0;
	return 0;
}

/* Let the image unpack itself. */
static int boot_packed(struct boot_env *b, const struct boot_image *img, const struct bz *bz,
		       struct boot_state *out)
{
	const u8 *p = img->data;
	u64 addr = BOOT_HIGH, size = bz->code_len;
	bool is64 = bz->xloadflags & XLF_KERNEL_64;
	int err;

	if (bz->version >= 0x020a) {
		if (get64(p, HDR_PREF_ADDRESS) >= BOOT_HIGH)
			addr = get64(p, HDR_PREF_ADDRESS);
		size = max(size, (u64)get32(p, HDR_INIT_SIZE));
	}
	if (boot_put(b, addr, bz->code, bz->code_len, size))
		return fail(-ENOSPC, "kernel %s: needs memory up to %llu MiB; give more --memory",
			    img->path, (unsigned long long)(addr + size) >> 20);
	b->kernel_end = addr + size;
	err = linux_zero_page(b, p, img->len);
	if (err)
		return err;
	*out = (struct boot_state){ .kind = is64 ? BOOT_LINUX64 : BOOT_LINUX32,
				    .entry = addr + (is64 ? 0x200 : 0),
				    .info = BOOT_ZERO_PAGE };
	return 0;
}

static int boot_unpacked(struct boot_env *b, const struct boot_image *img, const u8 *elf,
			 size_t len, struct boot_state *out)
{
	struct elf_info info;
	int err = elf_load(b, img->path, elf, len, &info);

	if (err)
		return err;
	err = info.has_pvh ? pvh_start_info(b) : linux_zero_page(b, img->data, img->len);
	if (err)
		return err;
	*out = (struct boot_state){
		.kind = info.has_pvh ? BOOT_PVH : BOOT_LINUX64,
		.entry = info.has_pvh ? info.pvh_entry : info.entry,
		.info = info.has_pvh ? BOOT_INFO : BOOT_ZERO_PAGE,
	};
	return 0;
}

int bzimage_load(struct boot_env *b, const struct boot_image *img, struct boot_state *out)
{
	const u8 *p = img->data;
	size_t off, n, elf_len;
	struct bz bz;
	u8 *elf;
	int err = bz_check(img, &bz);

	if (err)
		return err;
	b->initrd_max = get32(p, HDR_INITRD_MAX);
	b->cmdline_max = get32(p, HDR_CMDLINE_SIZE);
	if (bz.version < 0x0208)
		return boot_packed(b, img, &bz, out);
	off = get32(p, HDR_PAYLOAD);
	n = get32(p, HDR_PAYLOAD_LEN);
	if (off > bz.code_len || n > bz.code_len - off)
		return fail(0, "kernel %s: its payload lies outside of the file", img->path);
	err = decompress(bz.code + off, n, boot_low_ram(b->ram), &elf, &elf_len);
	if (err == -ENOTSUP)
		return boot_packed(b, img, &bz, out);
	if (err == -EFBIG)
		return fail(-ENOSPC, "kernel %s: larger than the guest's memory; give more --memory",
			    img->path);
	if (err)
		return fail(err == -EBADMSG ? 0 : err, "kernel %s: %s", img->path,
			    err == -EBADMSG ? "its compressed payload is corrupt" : "cannot unpack");
	/* A 32-bit kernel boots itself: its vmlinux needs relocation. */
	if (elf_detect(elf, elf_len) && elf_len > 4 && elf[4] == 2)
		err = boot_unpacked(b, img, elf, elf_len, out);
	else
		err = boot_packed(b, img, &bz, out);
	free(elf);
	return err;
}
