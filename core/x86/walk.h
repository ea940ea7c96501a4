/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk.h - the one walker of guest page tables: 32-bit (with PSE), PAE,
 * 4-level and 5-level.
 *
 * Source: SDM vol. 3, chapter "Paging"; APM vol. 2, "Page Translation and
 * Protection".
 */
#ifndef CORE_X86_WALK_H
#define CORE_X86_WALK_H

#include "core/x86/cpu.h"
#include "core/x86/mem.h"

struct x86_xlat {
	u64 lin, gpa;		/* of the byte asked for */
	u64 size;		/* of the page: 4K, 2M, 4M, 1G */
	bool user, writable, exec, global, dirty;	/* all levels combined */
	u8 pkey;
	unsigned int access;	/* what was asked */
};

/*
 * Translate lin for an access at the present CPL (or supervisor, with
 * ACC_IMPLICIT): permissions by U/S, R/W with CR0.WP, NX, SMEP, SMAP with
 * RFLAGS.AC, PKU; reserved bits; accessed and dirty bits set atomically.
 * RUN_OK, RUN_FAULT (#PF recorded), RUN_EXIT or -errno. Without paging the
 * translation is the identity.
 */
int x86_walk(struct x86_cpu *c, u64 lin, unsigned int access, struct x86_xlat *x);

/* As KVM_TRANSLATE: no permission check, nothing set. -ENOENT: not mapped. */
int x86_translate(struct x86_cpu *c, u64 lin, struct x86_xlat *x);

/* May these be the four PAE pointers? No bit that must be zero is set. */
bool x86_pdptes_valid(const struct x86_cpu *c, const u64 p[4]);
/* Load the four PAE pointers at CR3 into c->pdpte. RUN_FAULT is #GP(0). */
int x86_load_pdptes(struct x86_cpu *c, u64 cr3);

#endif
