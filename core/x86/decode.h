/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.h - the opcode maps' entries. Private to decode*.c.
 *
 * Operands are written in the manual's letters (SDM vol. 2, "Opcode Map"):
 * E is ModRM.rm as a general register or memory, G is ModRM.reg as a general
 * register, V and W the same for XMM, P and Q for MMX, S for a segment
 * register, C and D for control and debug registers, I an immediate.
 */
#ifndef CORE_X86_DECODE_H
#define CORE_X86_DECODE_H

#include "core/x86/insn.h"

/*
 * Which registers a field of ModRM names: general ones, as byte offsets;
 * numbers that REX extends (XMM, CR, DR); numbers it does not (MMX, Sreg).
 */
enum { RC_GPR, RC_EXT, RC_NUM };

#define OPND(form, reg, rm)	((form) | (reg) << 4 | (rm) << 6)
enum {
	O_N	= OPND(FORM_NONE, 0, 0),
	O_EG	= OPND(FORM_RM_R, RC_GPR, RC_GPR),
	O_GE	= OPND(FORM_R_RM, RC_GPR, RC_GPR),
	O_EI	= OPND(FORM_RM_I, RC_GPR, RC_GPR),
	O_GEI	= OPND(FORM_R_RM_I, RC_GPR, RC_GPR),
	O_EGI	= OPND(FORM_RM_R_I, RC_GPR, RC_GPR),
	O_E	= OPND(FORM_RM, RC_GPR, RC_GPR),
	O_ES	= OPND(FORM_RM, RC_NUM, RC_GPR),	/* Sreg in reg */
	O_EC	= OPND(FORM_RM, RC_EXT, RC_GPR),	/* CR, DR in reg */
	O_R	= OPND(FORM_R, RC_GPR, 0),
	O_RI	= OPND(FORM_R_I, RC_GPR, 0),
	O_I	= OPND(FORM_I, 0, 0),
	O_MOFFS	= OPND(FORM_MOFFS, 0, 0),
	O_X87	= OPND(FORM_RM, RC_NUM, RC_NUM),

	O_VW	= OPND(FORM_R_RM, RC_EXT, RC_EXT),
	O_WV	= OPND(FORM_RM_R, RC_EXT, RC_EXT),
	O_VWI	= OPND(FORM_R_RM_I, RC_EXT, RC_EXT),
	O_WI	= OPND(FORM_RM_I, RC_NUM, RC_EXT),
	O_VE	= OPND(FORM_R_RM, RC_EXT, RC_GPR),
	O_EV	= OPND(FORM_RM_R, RC_EXT, RC_GPR),
	O_GW	= OPND(FORM_R_RM, RC_GPR, RC_EXT),
	O_VEI	= OPND(FORM_R_RM_I, RC_EXT, RC_GPR),
	O_EVI	= OPND(FORM_RM_R_I, RC_EXT, RC_GPR),
	O_GWI	= OPND(FORM_R_RM_I, RC_GPR, RC_EXT),

	O_PQ	= OPND(FORM_R_RM, RC_NUM, RC_NUM),
	O_QP	= OPND(FORM_RM_R, RC_NUM, RC_NUM),
	O_PQI	= OPND(FORM_R_RM_I, RC_NUM, RC_NUM),
	O_QI	= OPND(FORM_RM_I, RC_NUM, RC_NUM),
	O_PE	= OPND(FORM_R_RM, RC_NUM, RC_GPR),
	O_EP	= OPND(FORM_RM_R, RC_NUM, RC_GPR),
	O_GQ	= OPND(FORM_R_RM, RC_GPR, RC_NUM),
	O_PEI	= OPND(FORM_R_RM_I, RC_NUM, RC_GPR),
	O_GQI	= OPND(FORM_R_RM_I, RC_GPR, RC_NUM),
	O_VQ	= OPND(FORM_R_RM, RC_EXT, RC_NUM),
	O_PW	= OPND(FORM_R_RM, RC_NUM, RC_EXT),
};

/* How the operand size follows from mode and prefixes: rows of size_of[]. */
enum {
	SC_B, SC_W, SC_D, SC_Q, SC_X,	/* 1, 2, 4, 8, 16 whatever the prefixes */
	SC_V,		/* 2, 4, 8 */
	SC_Z,		/* 2, 4: REX.W has no effect */
	SC_Y,		/* 4, or 8 with REX.W: 66 has no effect */
	SC_STK,		/* as V, but 8 by default in 64-bit mode */
	SC_NEAR,	/* as V, but always 8 in 64-bit mode */
	SC_NAT,		/* 8 in 64-bit mode, else 4 */
	SC_COUNT
};

/* Sizes of the destination and, where it differs, of rm (srcsize). */
#define SZ2(op, src)	((op) | (src) << 4)
#define SZ(c)		SZ2(SC_##c, SC_##c)
enum {
	B = SZ(B), W = SZ(W), D = SZ(D), Q = SZ(Q), X = SZ(X), V = SZ(V),
	Z = SZ(Z), Y = SZ(Y), STK = SZ(STK), NEAR = SZ(NEAR), NAT = SZ(NAT),
};

enum {
	I_NO,
	I_1,		/* no byte: the constant 1 */
	I_B,		/* byte, zero-extended */
	I_SB,		/* byte, sign-extended */
	I_W,
	I_Z,		/* opsize bytes; 4, sign-extended, when opsize is 8 */
	I_V,		/* opsize bytes */
	I_J,		/* as I_Z, always sign-extended */
	I_MOFFS,	/* adsize bytes */
	I_FAR,		/* offset of opsize bytes, selector */
	I_ENTER,
};

enum {
	A_I64	= 1 << 0,	/* #UD in 64-bit mode */
	A_O64	= 1 << 1,	/* #UD in all others */
	A_MEM	= 1 << 2,	/* rm must be memory */
	A_REG	= 1 << 3,	/* rm must be a register */
	A_NOMOD	= 1 << 4,	/* ModRM.mod has no meaning: rm is a register */
	A_LOCK	= 1 << 5,	/* LOCK is legal if rm is memory */
	A_REP	= 1 << 6,	/* F3 and F2 repeat */
	A_NP	= 1 << 7,	/* #UD with 66, F2, F3 */
	A_BR	= 1 << 8,	/* IN_BRANCH */
	A_STOP	= 1 << 9,	/* IN_STOP */
	A_FIX	= 1 << 10,	/* something irregular: see fix() */
	A_SUB_REG = 1 << 11,	/* go on in x86_sub[op], at ModRM.reg */
	A_SUB_RM = 1 << 12,	/* at ModRM.rm */
	A_SUB_MOD = 1 << 13,	/* at 0 for memory, 1 for a register */
	A_SUB	= A_SUB_REG | A_SUB_RM | A_SUB_MOD,
};

struct x86_dent {	/* all zero: OP_ud, not an instruction */
	u16 op;		/* enum x86_op, or the index in x86_sub */
	u8 opnd;	/* OPND() */
	u8 size;	/* SZ2() */
	u8 imm;
	u16 attr;
};

#define OP5(o, opnds, sz, im, at) \
	{ .op = OP_##o, .opnd = O_##opnds, .size = (sz), .imm = (im), .attr = (at) }
#define SUB(kind, table) { .op = SUB_##table, .attr = A_SUB_##kind }

enum x86_sub_id {
	SUB_GRP1_B, SUB_GRP1_V, SUB_GRP1_SB, SUB_GRP1A,
	SUB_GRP2_B_I, SUB_GRP2_V_I, SUB_GRP2_B_1, SUB_GRP2_V_1, SUB_GRP2_B_CL, SUB_GRP2_V_CL,
	SUB_GRP3_B, SUB_GRP3_V, SUB_GRP4, SUB_GRP5, SUB_GRP6,
	SUB_GRP7, SUB_GRP7_MEM, SUB_GRP7_REG, SUB_GRP7_0, SUB_GRP7_1, SUB_GRP7_2,
	SUB_GRP7_3, SUB_GRP7_5, SUB_GRP7_7,
	SUB_GRP8, SUB_GRP9, SUB_GRP9_MEM, SUB_GRP9_REG, SUB_GRP9_F2, SUB_GRP9_F3, SUB_GRP9_F3_REG,
	SUB_GRP11_B, SUB_GRP11_V,
	SUB_GRP12_MMX, SUB_GRP12, SUB_GRP13_MMX, SUB_GRP13, SUB_GRP14_MMX, SUB_GRP14,
	SUB_GRP15, SUB_GRP15_MEM, SUB_GRP15_REG, SUB_GRP15_66, SUB_GRP15_66_MEM,
	SUB_GRP15_F3, SUB_GRP15_F3_REG, SUB_GRP16, SUB_GRP16_MEM, SUB_GRP17,
	SUB_COUNT
};

extern const struct x86_dent x86_map1[256];
extern const struct x86_dent x86_sub[SUB_COUNT][8];
/* The second index is the mandatory prefix: none, 66, F3, F2. */
extern const struct x86_dent x86_map_0f[256][4];
extern const struct x86_dent x86_map_0f38[256][4];
extern const struct x86_dent x86_map_0f3a[256][4];
/* VEX maps 2 (0F38) from F0h to F7h, and 3 (0F3A) F0h: general registers. */
extern const struct x86_dent x86_vex_0f38[8][4];
extern const struct x86_dent x86_vex_0f3a_f0[4];

#endif
