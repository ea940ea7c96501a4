/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot.h - bringing a kernel into guest memory without firmware.
 * Sources: Linux Documentation/x86/boot.rst and zero-page.rst, the Xen PVH
 * start-of-day ABI (start_info), Multiboot Specification 0.6.96, ELF.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <stddef.h>
#include "vmm/ram.h"

/* What the loaders put into the top of conventional memory; images may use all
 * below, and from 1 MiB on. */
#define BOOT_RESERVED	0x90000u
#define BOOT_GDT	0x90000u
#define BOOT_INFO	0x91000u	/* PVH start_info or Multiboot info, 8 KiB */
#define BOOT_ZERO_PAGE	0x94000u
#define BOOT_PAGES	0x95000u	/* page tables, 6 pages */
#define BOOT_CMDLINE	0x9b000u
#define BOOT_CMDLINE_MAX 4096u		/* with the final 0 */
#define BOOT_LOW_END	0x9fc00u	/* conventional memory */
#define BOOT_HIGH	0x100000u

enum boot_kind {
	BOOT_PVH, BOOT_LINUX64, BOOT_LINUX32, BOOT_MULTIBOOT,
};

/* What the boot processor starts with. */
struct boot_state {
	enum boot_kind kind;
	u64 entry;
	u64 info;		/* address of start_info, zero page or Multiboot info */
};

struct boot_request {
	const char *kernel, *initrd, *append;	/* initrd and append may be NULL */
	u64 rsdp;				/* 0: none */
};

/* Loads everything. 0 or -errno, the reason printed. */
int boot_load(struct ram *ram, const struct boot_request *req, struct boot_state *out);

/* --- between the loaders --- */

struct boot_image {		/* a whole file, in memory */
	const char *path;
	u8 *data;
	size_t len;
};

struct e820 {
	u64 addr, len;
	u32 type;		/* 1 RAM, 2 reserved */
} __attribute__((packed));

#define BOOT_E820_MAX	12

struct boot_env {
	struct ram *ram;
	const struct boot_request *req;
	struct boot_image initrd;	/* len 0: none */
	u64 kernel_end;			/* first address above the loaded image */
	u64 initrd_max;			/* highest address an initrd may end at */
	u64 initrd_addr;
	const char *cmdline;
	size_t cmdline_max;		/* without the final 0 */
};

int file_load(const char *what, const char *path, struct boot_image *out);
void file_free(struct boot_image *img);
/* Fills e, returns how many. */
unsigned int boot_e820(const struct ram *ram, struct e820 *e);
u64 boot_low_ram(const struct ram *ram);
/* Copies [data, data + len) and zeroes up to memlen; -ENOSPC when it is not RAM. */
int boot_put(struct boot_env *b, u64 addr, const void *data, size_t len, u64 memlen);
/* The command line to BOOT_CMDLINE, the initrd to the top of low memory. */
int boot_place_cmdline(struct boot_env *b);
int boot_place_initrd(struct boot_env *b);

/* An ELF image (32 or 64 bit). */
struct elf_info {
	bool is64, has_pvh;
	u64 entry, pvh_entry;
};
bool elf_detect(const u8 *p, size_t len);
/* Loads its PT_LOAD segments at their physical addresses. */
int elf_load(struct boot_env *b, const char *path, const u8 *p, size_t len, struct elf_info *out);

/* bzImage. -ENOEXEC: not one. */
bool bzimage_detect(const u8 *p, size_t len);
int bzimage_load(struct boot_env *b, const struct boot_image *img, struct boot_state *out);
/* Boot vmlinux (already loaded) by the Linux 64-bit protocol; hdr: the setup
 * header of the bzImage it came from, or NULL. */
int linux_zero_page(struct boot_env *b, const u8 *bz, size_t bz_len);
int pvh_start_info(struct boot_env *b);

const void *multiboot_find(const u8 *p, size_t len);
int multiboot_load(struct boot_env *b, const struct boot_image *img, struct boot_state *out);

/*
 * decompress.c: the payload of a bzImage. -ENOTSUP: unknown format; -EBADMSG:
 * corrupt; -EFBIG: larger than max; -ENOMEM. The caller frees *out.
 */
int decompress(const u8 *in, size_t n, size_t max, u8 **out, size_t *out_len);

#endif
