// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pvh.c - the start_info structure of the Xen PVH boot ABI (version 1):
 * xen/include/public/arch-x86/hvm/start_info.h describes it.
 */
#include "vmm/boot/boot.h"

#define START_INFO_MAGIC	0x336ec578u

struct start_info {
	u32 magic, version, flags, n_modules;
	u64 modules, cmdline, rsdp, memmap;
	u32 n_memmap, reserved;
};

struct module {
	u64 addr, size, cmdline, reserved;
};

struct memmap {
	u64 addr, size;
	u32 type, reserved;		/* types as in E820 */
};

struct pvh_page {
	struct start_info info;
	struct module module;
	struct memmap map[BOOT_E820_MAX];
};

int pvh_start_info(struct boot_env *b)
{
	struct e820 e[BOOT_E820_MAX];
	struct pvh_page p = { 0 };
	unsigned int n = boot_e820(b->ram, e);
	int err;

	err = boot_place_cmdline(b);
	if (!err)
		err = boot_place_initrd(b);
	if (err)
		return err;
	p.info = (struct start_info){
		.magic = START_INFO_MAGIC,
		.version = 1,
		.n_modules = b->initrd.len ? 1 : 0,
		.modules = b->initrd.len ? BOOT_INFO + offsetof(struct pvh_page, module) : 0,
		.cmdline = BOOT_CMDLINE,
		.rsdp = b->req->rsdp,
		.memmap = BOOT_INFO + offsetof(struct pvh_page, map),
		.n_memmap = n,
	};
	p.module = (struct module){ .addr = b->initrd_addr, .size = b->initrd.len };
	for (unsigned int i = 0; i < n; i++)
		p.map[i] = (struct memmap){ e[i].addr, e[i].len, e[i].type, 0 };
	return boot_put(b, BOOT_INFO, &p, sizeof(p), sizeof(p));
}
