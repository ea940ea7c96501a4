/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seg.h - segment descriptors, and what the files of the system half share.
 *
 * Source: SDM vol. 3, "Segment Descriptors", "System Descriptor Types".
 */
#ifndef CORE_X86_SEG_H
#define CORE_X86_SEG_H

#include "core/x86/cpu.h"
#include "core/x86/flags.h"
#include "core/x86/mem.h"
#include "core/x86/sys.h"

/* Types of system descriptors. In long mode AVL_TSS32 is a 64-bit TSS, and the
 * 32-bit gates are 64-bit gates. */
enum x86_sysdesc {
	DESC_AVL_TSS16 = 1, DESC_LDT = 2, DESC_BUSY_TSS16 = 3, DESC_CALL16 = 4,
	DESC_TASK_GATE = 5, DESC_INT16 = 6, DESC_TRAP16 = 7, DESC_AVL_TSS32 = 9,
	DESC_BUSY_TSS32 = 11, DESC_CALL32 = 12, DESC_INT32 = 14, DESC_TRAP32 = 15,
};

/* Beside the values of enum run_result: the selector is outside its table. */
#define X86_DESC_NONE	64

/* Attributes of the flat segments that SYSCALL and its kin load. */
#define X86_ATTR_CODE64	(X86_SEG_G | X86_SEG_L | X86_SEG_P | X86_SEG_S | 0xb)
#define X86_ATTR_CODE32	(X86_SEG_G | X86_SEG_DB | X86_SEG_P | X86_SEG_S | 0xb)
#define X86_ATTR_DATA	(X86_SEG_G | X86_SEG_DB | X86_SEG_P | X86_SEG_S | 0x3)

static inline bool x86_sel_null(u16 sel) { return !(sel & 0xfffc); }

static inline u16 x86_desc_attr(u64 d) { return (d >> 40 & 0xff) | (d >> 44 & 0xf00); }
static inline u64 x86_desc_base(u64 d) { return (d >> 16 & 0xffffff) | d >> 56 << 24; }
static inline u32 x86_desc_limit(u64 d)
{
	u32 l = (d & 0xffff) | (d >> 32 & 0xf0000);

	return d >> 55 & 1 ? l << 12 | 0xfff : l;
}

static inline unsigned int x86_attr_dpl(u16 a) { return a >> X86_SEG_DPL_SHIFT & 3; }
static inline unsigned int x86_attr_type(u16 a) { return a & X86_SEG_TYPE; }
static inline bool x86_attr_code(u16 a) { return (a & 0x18) == 0x18; }
static inline bool x86_attr_system(u16 a) { return !(a & X86_SEG_S); }
static inline bool x86_attr_conforming(u16 a) { return (a & 0x1c) == 0x1c; }
static inline bool x86_attr_writable(u16 a) { return (a & 0x1a) == 0x12; }
static inline bool x86_attr_readable(u16 a) { return a & 0x10 && (a & 0xa) != 8; }

static inline unsigned int x86_iopl(const struct x86_cpu *c) { return c->rflags >> 12 & 3; }
static inline bool x86_v86(const struct x86_cpu *c) { return c->rflags & X86_F_VM; }

/* The descriptor a selector names. X86_DESC_NONE, RUN_OK or a fault of the
 * table itself. The second form reads the 16 bytes of a long mode descriptor. */
int x86_desc_read(struct x86_cpu *c, u16 sel, u64 *d);
int x86_desc_read16(struct x86_cpu *c, u16 sel, u64 d[2]);
/* The same, with a selector outside the table raised as vec(sel | ext). */
int x86_desc_get(struct x86_cpu *c, u16 sel, u64 *d, u8 vec, u32 ext);
/* Set the accessed bit in memory and in *d, when it is not set. */
int x86_desc_accessed(struct x86_cpu *c, u16 sel, u64 *d);
/* Set or clear the busy bit of a TSS descriptor in memory. */
int x86_desc_busy(struct x86_cpu *c, u16 sel, bool busy);

void x86_seg_set(struct x86_cpu *c, unsigned int seg, u16 sel, u64 d);
void x86_seg_null(struct x86_cpu *c, unsigned int seg, u16 sel);
/* Real and virtual-8086 mode: sel * 16. */
void x86_seg_real(struct x86_cpu *c, unsigned int seg, u16 sel);
/* Work out c->eseg[seg] again. */
void x86_eseg_update(struct x86_cpu *c, unsigned int seg);
/* Make CS and its CPL current; cheap between 64-bit segments. RIP, RFLAGS and
 * SS are the caller's, and set before where modes may change. */
void x86_cs_set(struct x86_cpu *c, u16 sel, u64 d, u8 cpl);
/* Null the data segments that a lower privilege may not keep. */
void x86_segs_drop(struct x86_cpu *c);

/* Checks of a stack segment to be loaded with privilege cpl: vec(sel | ext)
 * where the manual says, #SS when not present. *d is read. */
int x86_check_ss(struct x86_cpu *c, u16 sel, u8 cpl, u8 vec, u32 ext, u64 *d);
/* Load ES, DS, FS or GS with what is not null; refusals are vec(sel | ext).
 * c->eseg is the caller's to update. */
int x86_load_data(struct x86_cpu *c, unsigned int seg, u16 sel, u8 vec, u32 ext);
/* May an instruction stream start at ip in a code segment with these? */
bool x86_ip_ok(struct x86_cpu *c, u16 attr, u32 limit, u64 ip);

/* Would n bytes at offset ea of a segment, loaded or not, be reachable?
 * Protection and limit only; never in 64-bit mode. */
bool x86_seg_allows(const struct x86_cpu *c, const struct x86_seg *s, u64 ea,
		    unsigned int n, bool write);
/* Segment check and linear address of an access, raising what it must. */
int x86_linear(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int n, bool write,
	       u64 *lin);

/* A stack frame of k slots of size bytes, in the order they are pushed. At most
 * 31 parameters of a call gate and SS, rSP, CS, rIP. */
struct x86_frame {
	unsigned int k;
	u8 size;
	u64 slot[36];
};
static inline void x86_frame_init(struct x86_frame *f, u8 size)
{
	f->k = 0;
	f->size = size;
}
static inline void x86_frame_add(struct x86_frame *f, u64 v) { f->slot[f->k++] = v; }
/* Push it below *sp without moving rSP, and make *sp where it lies. flat: 64-bit
 * stack, ss unused. What does not fit raises #SS(ss_err). */
int x86_frame_push(struct x86_cpu *c, const struct x86_frame *f, const struct x86_seg *ss,
		   bool flat, u64 *sp, unsigned int access, u32 ss_err);

/* Stack pointer and segment of an inner level, from the TSS. */
struct x86_stack {
	u16 ss;
	u64 sp;
	u64 desc;
};
int x86_tss_stack(struct x86_cpu *c, u8 cpl, u32 ext, struct x86_stack *st);
/* A stack pointer of a 64-bit TSS: level 0 to 2, interrupt stack 1 to 7. */
#define X86_TSS_RSP(level)	(4 + (level) * 8)
#define X86_TSS_IST(n)		(28 + (n) * 8)
int x86_tss_rsp(struct x86_cpu *c, unsigned int off, u32 ext, u64 *rsp);

/* A task switch with everything; see x86_task_switch(). */
struct x86_task {
	u16 sel;
	enum x86_task_how how;
	u32 ext;
	bool has_err;
	u32 err;
	bool moved;		/* out: RUN_FAULT belongs to the new task already */
};
int x86_task_go(struct x86_cpu *c, struct x86_task *t);

/* x86_deliver, telling whether a fault was raised in a new task. */
int x86_deliver_in(struct x86_cpu *c, const struct x86_event *ev, bool *moved);

/* CR3 and its consequences, from MOV and from a task switch. */
int x86_load_cr3(struct x86_cpu *c, u64 val);

#endif
