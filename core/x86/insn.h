/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn.h - a decoded instruction.
 *
 * x86_decode() resolves prefixes, modes, mandatory prefixes and operand sizes,
 * so that executing needs no knowledge of encodings: an op, an operand size,
 * registers as byte offsets into cpu->gpr, and an effective address that is
 * always gpr[base] + (gpr[index] << scale) + disp, cut to the address size.
 */
#ifndef CORE_X86_INSN_H
#define CORE_X86_INSN_H

#include "core/x86/cpu.h"

#define X86_INSN_MAX 15

/* One name an operation, in the manuals' spelling: OP_add, OP_movzx, ... */
enum x86_op {
#define X86_OP(name) OP_##name,
#include "core/x86/ops.h"
#undef X86_OP
	OP_COUNT
};

struct x86_insn;
typedef int (*x86_exec_fn)(struct x86_cpu *c, const struct x86_insn *in);

/* Where the operands are. "rm" is the operand of ModRM.rm, register or memory. */
enum x86_form {
	FORM_NONE,	/* implicit operands only, or op-specific */
	FORM_RM_R,	/* rm is the destination, reg the source */
	FORM_R_RM,	/* reg is the destination, rm the source */
	FORM_RM_I,	/* rm, imm */
	FORM_R_RM_I,	/* reg, rm, imm (imul, pshufd, shld's imm8 is RM_R_I) */
	FORM_RM_R_I,	/* rm, reg, imm */
	FORM_RM,	/* rm alone */
	FORM_R_I,	/* register rAX or in the opcode (in->reg), imm */
	FORM_R,		/* register in the opcode (in->reg) */
	FORM_I,		/* imm alone: push, int, ret n, jcc and call rel (imm is
			 * the sign-extended displacement) */
	FORM_MOFFS,	/* mov rAX, moffs and back: address in imm, seg in seg */
};

enum x86_insn_flag {
	IN_MEM	= 1 << 0,	/* rm is memory, at the effective address */
	IN_LOCK	= 1 << 1,	/* legal LOCK: rm is memory and is written */
	IN_REP	= 1 << 2,	/* F3 as REP/REPE (not as a mandatory prefix) */
	IN_REPNE = 1 << 3,	/* F2 likewise */
	IN_BRANCH = 1 << 4,	/* may change RIP: ends a straight line */
	IN_REXW	= 1 << 5,	/* REX.W, for ops whose opsize means other things */
	IN_STOP	= 1 << 6,	/* changes mode, mappings, interruptibility or
				 * serializes: ends a straight line too */
	IN_VEX	= 1 << 7,	/* VEX-encoded (reserved for AVX) */
};

struct x86_insn {
	x86_exec_fn exec;	/* set by x86_bind() */
	u64 imm;		/* immediate, sign-extended to 64 bits where the
				 * instruction sign-extends it, else zero-extended;
				 * far pointers: offset | (u64)selector << 32;
				 * ENTER: size | level << 16 */
	s32 disp;
	u16 op;			/* enum x86_op */
	u8 form;		/* enum x86_form */
	u8 flags;		/* enum x86_insn_flag */
	u8 len;			/* bytes, 1 to 15 */
	u8 opsize;		/* 1, 2, 4 or 8 bytes, of the destination; movzx and
				 * movsx have the source's size in srcsize; in
				 * MMX and SSE ops the register width, 8 or 16, and
				 * srcsize is that of a general register operand */
	u8 srcsize;
	u8 adsize;		/* 2, 4 or 8 */
	u8 reg;			/* ModRM.reg or opcode register. For general registers
				 * the byte offset in cpu->gpr (AH is 1, CX is 8);
				 * for all others (Sreg, CR, DR, XMM, MMX, x87)
				 * the plain number */
	u8 rm;			/* likewise for ModRM.rm when IN_MEM is clear */
	u8 base, index, scale;	/* indices in cpu->gpr (not byte offsets); the
				 * absent ones are X86_ZERO, RIP-relative is X86_RIP */
	u8 seg;			/* enum x86_segreg of the memory operand, default
				 * and override resolved; in string instructions
				 * that of the source */
	u8 modrm;		/* the raw byte, for x87 and diagnostics */
	u8 vvvv;		/* VEX.vvvv register number */
	u8 cond;		/* low four opcode bits: Jcc, SETcc, CMOVcc */
};

/*
 * Decode the instruction at code[0..n). Returns 0; -ENODATA when n bytes are
 * too few to tell (n < 15); -EINVAL for what raises #UD; -E2BIG for more than
 * 15 bytes, which raises #GP(0). In all failures in->op is OP_ud and in->len
 * what was consumed. Encodings that depend on CPUID or control registers
 * decode; executing them raises #UD where they are not there.
 */
int x86_decode(struct x86_insn *in, enum x86_mode mode, const u8 *code, size_t n);

/* The manual's name of an op: "add". */
const char *x86_op_name(enum x86_op op);

/*
 * Choose in->exec. Integer and system ops are the core's (exec_int.c,
 * exec_sys.c); extra, or NULL, is asked first: the software engine supplies
 * x87, MMX and SSE there. What nobody implements gets a function that raises #UD.
 */
void x86_bind(struct x86_insn *in, x86_exec_fn (*extra)(const struct x86_insn *in));

/* Each returns NULL for ops that are not its own. */
x86_exec_fn x86_exec_int(const struct x86_insn *in);
x86_exec_fn x86_exec_sys(const struct x86_insn *in);

/* The contract of an exec function: on entry gpr[X86_RIP] is already that of
 * the next instruction. It changes nothing it cannot take back before its last
 * fallible access (so RUN_FAULT and RUN_EXIT leave the state as it was; the
 * caller puts RIP back by subtracting len). A repeated string instruction
 * commits each iteration; to be interrupted it puts RIP back to itself and
 * returns RUN_END. */

/* Effective address of the memory operand, cut to the address size. */
static __always_inline u64 x86_ea(const struct x86_cpu *c, const struct x86_insn *in)
{
	u64 ea = c->gpr[in->base] + (c->gpr[in->index] << in->scale) + (u64)(s64)in->disp;

	if (likely(in->adsize == 8))
		return ea;
	return in->adsize == 4 ? (u32)ea : (u16)ea;
}

static __always_inline u64 x86_reg_get(const struct x86_cpu *c, u8 off, unsigned int size)
{
	const u8 *p = (const u8 *)c->gpr + off;

	switch (size) {
	case 1: return *p;
	case 2: return *(const u16 *)p;
	case 4: return *(const u32 *)p;
	}
	return *(const u64 *)p;
}

/* A 32-bit write clears the upper half, as in 64-bit mode; it is harmless in
 * the others, where nothing can see the upper half. */
static __always_inline void x86_reg_set(struct x86_cpu *c, u8 off, unsigned int size, u64 v)
{
	u8 *p = (u8 *)c->gpr + off;

	switch (size) {
	case 1: *p = v; break;
	case 2: *(u16 *)p = v; break;
	case 4: *(u64 *)p = (u32)v; break;
	default: *(u64 *)p = v;
	}
}

#endif
