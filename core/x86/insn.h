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
 * Conventions, by kind of instruction. Where nothing is said the form alone
 * tells: the first operand is the destination, in the manual's order.
 *
 *  test          RM_R, RM_I or R_I
 *  xchg, xadd, cmpxchg   RM_R; 91 to 97 (xchg with rAX): rm = rAX,
 *                reg = the other
 *  cmpxchg8b/16b FORM_RM, opsize 8 and 16
 *  shifts        RM_I (D0 and D1: imm = 1), or FORM_RM: the count is CL. imm
 *                is not masked
 *  shld, shrd    RM_R_I, or RM_R: the count is CL
 *  imul2         R_RM, or R_RM_I
 *  bt family     RM_R with a register index (memory beyond the operand may be
 *                meant), or RM_I
 *  movzx, movsx, movsxd, crc32, lar, lsl: srcsize is rm's size; a byte
 *                register in rm is already resolved (AH is offset 1)
 *  mov moffs     FORM_MOFFS, the offset in imm; cond & 2: store, else load
 *  mov_from_seg, mov_to_seg   FORM_RM, the Sreg number in reg. opsize is 2 for
 *                memory. Loading CS and numbers above GS do not decode
 *  push_seg, pop_seg   FORM_R, the Sreg number in reg
 *  lds les lss lfs lgs, bound   R_RM; memory holds an offset of opsize, then
 *                a selector (two values of opsize)
 *  mov_from_cr, mov_to_cr and dr   FORM_RM: reg is the CR or DR number, rm the
 *                general register; opsize is 8 in 64-bit mode, else 4. With
 *                IN_LOCK it is AMD's LOCK MOV CR0, reg is already 8: raise
 *                #UD without XF_CR8LEGACY. DR4 and DR5 are not resolved
 *  push, pop, pushf, popf, enter, leave, push_seg: opsize 8 in 64-bit mode, 2
 *                with 66. push imm is FORM_I, imm sign-extended
 *  jcc jmp call loop* jcxz   FORM_I, imm is the sign-extended displacement;
 *                cut the new RIP to opsize, which in 64-bit mode is always 8.
 *                loop* and jcxz count in a register of adsize
 *  jmp_ind, call_ind   FORM_RM, opsize likewise
 *  ret, ret_far  FORM_I, imm bytes to pop, 0 without
 *  call_far, jmp_far   FORM_I; *_far_ind FORM_RM, memory holds an offset of
 *                opsize, then a selector
 *  int aam aad   FORM_I
 *  in, out       FORM_I: port in imm; FORM_NONE: port in DX. opsize is the data's
 *  string ops    FORM_NONE, opsize is the element's, adsize that of rSI, rDI and
 *                rCX. IN_REP and IN_REPNE differ for cmps and scas only; for
 *                the others both repeat
 *  xlat, monitor, maskmovq, maskmovdqu: seg and adsize of the implicit address
 *  nop, ud0, ud1, prefetch: the operand is not accessed
 *  sldt str smsw opsize of the register; 2 for memory. lmsw lldt ltr verr verw: 2
 *  sgdt and the like   opsize 8 in 64-bit mode: ten bytes; 4 or 2: six
 *  sysret, sysexit   opsize 8 (with REX.W) or 4
 *  fence         modrm tells: reg 5 lfence, 6 mfence, 7 sfence
 *  clflush       also clflushopt (66, /7) and clwb (66, /6)
 *  tzcnt, lzcnt  without the CPUID bit they execute as bsf and bsr
 *  VEX (andn, bextr, ...): FORM_R_RM; bls*: FORM_RM, the destination is vvvv;
 *                andn: vvvv is the first source; bextr bzhi pdep pext sarx shlx
 *                shrx: reg = rm op vvvv, but pdep pext: vvvv is the source and
 *                rm the mask; mulx: vvvv low and reg high half. #UD in real
 *                and virtual-8086 mode is execution's to raise. vvvv is a
 *                plain number
 *  x87           cond is the opcode's low three bits; FORM_RM; rm is ST(i) when
 *                IN_MEM is clear; opsize 2 or 4, for the environment's layout
 *
 * MMX and SSE: register numbers are plain. opsize 8 (MMX) or 16 (XMM) says
 * which registers are meant; ops with both (cvtpi2ps, cvttpd2pi, movq2dq, ...)
 * have 16. General registers are byte offsets and srcsize is their size:
 *
 *  movd, movd_st, cvtsi2ss/sd, cvt(t)ss/sd2si   4, or 8 with REX.W
 *  pinsrd, pextrd    likewise: with 8 it is pinsrq and pextrq
 *  pinsrb, pinsrw, pextrb, pextrw   4 for a register (extracting clears the rest),
 *                1 and 2 for memory. pextrw is R_RM_I (0F C5, reg is the
 *                general register) or RM_R_I (0F 3A 15)
 *  extractps     4, or 8 with REX.W; 4 for memory
 *  movmskps, movmskpd, pmovmskb   R_RM, 4
 *  movhlps is movlps, and movlhps is movhps, with IN_MEM clear
 *  movq_x        F3 0F 7E: load 8 bytes, clear the rest; movq_x_st: 66 0F D6;
 *                movq and movq_st are MMX's
 *  shifts        psrlw: count in rm, R_RM; psrlw_i: FORM_RM_I, rm is the
 *                destination; psrldq and pslldq too
 *  pcmpestri/m   IN_REXW: lengths in RAX and RDX, else EAX and EDX
 *  fxsave, xsave and the like   IN_REXW selects the 64-bit form
 */

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
 * caller puts RIP back by subtracting len; not from a copy, because a fault that
 * belongs to where control already went, as after a task switch, has RIP ahead
 * by len). A repeated string instruction
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
