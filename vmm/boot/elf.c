// SPDX-License-Identifier: GPL-2.0-or-later
/* elf.c - ELF images: segments at their physical addresses, and the PVH note. */
#include <elf.h>
#include <errno.h>
#include "vmm/boot/boot.h"
#include "vmm/fail.h"

#define XEN_NOTE_PHYS32_ENTRY	18
#define PHNUM_MAX		128

bool elf_detect(const u8 *p, size_t len)
{
	return len >= SELFMAG && !memcmp(p, ELFMAG, SELFMAG);
}

static bool in_file(u64 off, u64 n, size_t len)
{
	return off <= len && n <= len - off;
}

/* One header, whichever class the file has, in the wider form. */
static void read_phdr(const u8 *p, bool is64, Elf64_Phdr *out)
{
	Elf32_Phdr h;

	if (is64) {
		memcpy(out, p, sizeof(*out));
		return;
	}
	memcpy(&h, p, sizeof(h));
	*out = (Elf64_Phdr){ .p_type = h.p_type, .p_offset = h.p_offset, .p_paddr = h.p_paddr,
			     .p_vaddr = h.p_vaddr, .p_filesz = h.p_filesz, .p_memsz = h.p_memsz,
			     .p_align = h.p_align };
}

/* Looks for Xen's note with the 32-bit entry point. */
static void read_notes(const u8 *p, size_t n, u64 align, struct elf_info *out)
{
	u64 a = align == 8 ? 8 : 4;
	size_t pos = 0;

	while (n - pos >= sizeof(Elf32_Nhdr)) {
		Elf32_Nhdr h;
		u64 name, desc, next;

		memcpy(&h, p + pos, sizeof(h));
		name = pos + sizeof(h);
		desc = name + (((u64)h.n_namesz + a - 1) & ~(a - 1));
		next = desc + (((u64)h.n_descsz + a - 1) & ~(a - 1));
		if (desc > n || h.n_descsz > n - desc)
			return;
		if (h.n_type == XEN_NOTE_PHYS32_ENTRY && h.n_namesz == 4 &&
		    !memcmp(p + name, "Xen", 4) && (h.n_descsz == 4 || h.n_descsz == 8)) {
			u64 entry = 0;

			memcpy(&entry, p + desc, h.n_descsz);
			if (entry <= UINT32_MAX) {
				out->pvh_entry = entry;
				out->has_pvh = true;
			}
		}
		if (next > n)
			return;
		pos = next;
	}
}

static int load_segment(struct boot_env *b, const char *path, const u8 *p, size_t len,
			const Elf64_Phdr *h)
{
	u64 need = h->p_paddr + h->p_memsz;

	if (!h->p_memsz)
		return 0;
	if (h->p_filesz > h->p_memsz || need < h->p_paddr)
		return fail(0, "kernel %s: broken ELF segment", path);
	if (!in_file(h->p_offset, h->p_filesz, len))
		return fail(0, "kernel %s: truncated: a segment ends beyond the end of the file",
			    path);
	if (h->p_paddr < BOOT_HIGH && need > BOOT_RESERVED)
		return fail(0, "kernel %s: wants addresses %#llx to %#llx, which the loader needs",
			    path, (unsigned long long)h->p_paddr, (unsigned long long)need);
	if (boot_put(b, h->p_paddr, p + h->p_offset, h->p_filesz, h->p_memsz))
		return fail(-ENOSPC, "kernel %s: needs memory up to %llu MiB; give more --memory",
			    path, (unsigned long long)(need + (1 << 20) - 1) >> 20);
	b->kernel_end = max(b->kernel_end, need);
	return 0;
}

/* The table's place and size; -errno when the header makes no sense. */
static int read_ehdr(const char *path, const u8 *p, size_t len, struct elf_info *out, u64 *off,
		     unsigned int *n, size_t *size)
{
	Elf64_Ehdr h = { 0 };
	Elf32_Ehdr h32;

	if (len < sizeof(h32) || len < (p[EI_CLASS] == ELFCLASS64 ? sizeof(h) : sizeof(h32)))
		return fail(0, "kernel %s: truncated: an ELF header cut short", path);
	out->is64 = p[EI_CLASS] == ELFCLASS64;
	if (p[EI_DATA] != ELFDATA2LSB)
		return fail(0, "kernel %s: not an ELF image for x86", path);
	if (out->is64) {
		memcpy(&h, p, sizeof(h));
	} else {
		memcpy(&h32, p, sizeof(h32));
		h.e_machine = h32.e_machine;
		h.e_entry = h32.e_entry;
		h.e_phoff = h32.e_phoff;
		h.e_phnum = h32.e_phnum;
		h.e_phentsize = h32.e_phentsize;
	}
	*size = out->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if (h.e_machine != EM_X86_64 && h.e_machine != EM_386)
		return fail(0, "kernel %s: an ELF image for another processor", path);
	if (h.e_phentsize != *size || !h.e_phnum || h.e_phnum > PHNUM_MAX)
		return fail(0, "kernel %s: an ELF file without loadable segments", path);
	if (!in_file(h.e_phoff, (u64)h.e_phnum * *size, len))
		return fail(0, "kernel %s: truncated: no program headers", path);
	out->entry = h.e_entry;
	*off = h.e_phoff;
	*n = h.e_phnum;
	return 0;
}

int elf_load(struct boot_env *b, const char *path, const u8 *p, size_t len, struct elf_info *out)
{
	struct elf_info info = { 0 };
	unsigned int n = 0;
	size_t size = 0;
	u64 off = 0;
	int err = read_ehdr(path, p, len, &info, &off, &n, &size);

	for (unsigned int i = 0; !err && i < n; i++) {
		Elf64_Phdr h;

		read_phdr(p + off + i * size, info.is64, &h);
		if (h.p_type == PT_LOAD)
			err = load_segment(b, path, p, len, &h);
		else if (h.p_type == PT_NOTE && in_file(h.p_offset, h.p_filesz, len))
			read_notes(p + h.p_offset, h.p_filesz, h.p_align, &info);
	}
	if (!err && !b->kernel_end)
		err = fail(0, "kernel %s: an ELF file without loadable segments", path);
	if (!err)
		*out = info;
	return err;
}
