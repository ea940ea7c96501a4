/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * soft.h - the software engine: guest code runs by interpreting cached,
 * decoded blocks. See doc/design.md, "Software engine".
 *
 * How the caches stay right:
 *
 *  data TLB     one bank for each privilege that permissions depend on. An
 *               entry's wr tag is set only when the page may be written
 *               without anybody having to know: it is dirty in the guest's
 *               tables, not logged, and holds no decoded code.
 *  fetch TLB    linear page to guest page. Every fill gets a number of its
 *               own, and a block is known to be good for one fill; after a
 *               new fill its bytes are compared with memory again. So what a
 *               device or another process wrote is seen wherever hardware
 *               would need a TLB flush or a serializing instruction.
 *  code pages   a page with decoded code has CODE set in its slot's page
 *               word, and nobody's wr tag. The first write clears CODE and
 *               counts the page's version up; blocks compare versions.
 */
#ifndef ENGINE_SOFT_H
#define ENGINE_SOFT_H

#include "core/vm.h"
#include "core/x86/mem.h"
#include "core/x86/walk.h"
#include "port/posix/fault.h"

enum soft_bank { BANK_USER, BANK_SYS, BANK_SYS_AC, BANK_COUNT };

/* Per guest page, in slot->arch: bit 0 CODE, the rest a version. */
#define PAGE_CODE	1u
#define PAGE_VERSION	2u

struct soft_slot {
	u64 pages;
	u32 page[];
};

struct soft_vm {
	u32 recheck;		/* counts up: compare all blocks with memory again */
};

#define ITLB_SIZE	256u

struct soft_fetch {		/* fetch TLB entry */
	u64 lin;		/* page address | CPL is 3, or X86_TLB_NONE */
	u64 gpa;		/* page */
	const u8 *host;
	u32 *page;		/* the slot's page word; NULL: not RAM */
	u64 fill;		/* unique number of this fill */
	bool global;
};

#define BLOCK_INSNS	32
#define BLOCK_BYTES	120

struct soft_block {
	u64 lin;		/* of the first byte when last validated */
	u64 gpa;
	u64 fill;		/* valid for this fill ... */
	u32 version;		/* ... and this version of the page */
	u32 *page;
	struct soft_block *next;	/* in the hash chain */

	/* Where it went: valid for one epoch, only in 64-bit mode. */
	struct soft_block *succ[2];
	u64 succ_epoch[2];
	u16 bytes;
	u8 n, mode;
	u8 crosses;		/* 1: the last instruction goes on in the next page */
	u8 code[BLOCK_BYTES];	/* what was decoded */
	struct x86_insn insn[];
};

#define TC_BITS		13	/* by linear address */
#define HASH_BITS	15	/* by guest physical address */

struct soft_vcpu {
	struct x86_tlb bank[BANK_COUNT];
	struct soft_fetch itlb[ITLB_SIZE];
	struct soft_block *tc[1 << TC_BITS];
	struct soft_block *hash[1 << HASH_BITS];

	u32 interrupt;		/* leave straight-line execution soon, atomic */
	u64 fill;		/* last number given */
	u64 epoch;		/* bit 0: CPL 3; the rest counts flushes and mode changes */
	const struct x86_insn *end;	/* of the running block; NULL stops it */
	const struct soft_block *block;	/* the running one, and RIP at its start */
	u64 block_rip;
	u32 recheck;		/* soft_vm.recheck when last looked at */

	/* A block of one instruction, for what is not kept. */
	u64 single[(sizeof(struct soft_block) + sizeof(struct x86_insn) + 7) / 8];
	u8 *arena;
	size_t arena_used, arena_size;

	/* Guest pages that became code: drop their wr tags. */
	host_spin_t drop_lock;
	u32 drop_n;		/* > DROP_MAX: all */
	u64 drop[16];
	u8 mode;		/* cpu.mode when epoch was last set */
	bool waiting;		/* others have drops of mine they have not done yet */

	u64 insns, blocks, decoded, revalidated, itlb_fills, dtlb_fills, arena_flushes;
};

#define DROP_MAX ARRAY_SIZE(((struct soft_vcpu *)0)->drop)

static inline struct soft_vcpu *soft_of(struct vcpu *v)
{
	return v->engine;
}

/* tlb.c */
void soft_tlb_init(struct soft_vcpu *s);
void soft_filled(struct vcpu *v, const void *xlat);
void soft_flush(struct vcpu *v, int what, u64 lin);
void soft_mode_changed(struct vcpu *v);
/* The page word of gpa, or NULL when it is not RAM. */
u32 *soft_page_word(struct vm *vm, unsigned int as, u64 gpa, const struct slot **slot);
/* Page at gpa is about to be decoded: no vCPU may write it unnoticed. */
void soft_mark_code(struct vcpu *v, u64 gpa, u32 *page);
/* Do what other vCPUs asked for by soft_mark_code. */
void soft_drop_pending(struct vcpu *v);
/* After a serializing instruction: wait until all others did mine. */
void soft_wait_drops(struct vcpu *v);
/* Forget fetch translations: all blocks are compared with memory again. */
void soft_fetch_flush(struct soft_vcpu *s);
void soft_memory_written(struct vm *vm, unsigned int as, u64 gpa, u64 len);

/* block.c */
/* The block at RIP, decoded if need be. RUN_OK, RUN_FAULT (fetch), ... */
int soft_block_get(struct vcpu *v, struct soft_block **out);
/* The fetch TLB entry of a linear address at the present CPL. */
int soft_fetch_entry(struct vcpu *v, u64 lin, struct soft_fetch **out);
void soft_blocks_flush(struct soft_vcpu *s);

/* run.c */
int soft_run(struct vcpu *v);

#endif
