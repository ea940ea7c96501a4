// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * decode_tables.c - the one-byte opcode map, the groups that ModRM selects
 * from, and the VEX instructions on general registers.
 *
 * Source: Intel SDM vol. 2, appendix "Opcode Map".
 */
#include "core/x86/decode.h"

/* clang-format off */

#define N(o, sz, at)		OP5(o, N, sz, I_NO, at)

/* Two rows of eight: the arithmetic and logical operations. */
#define ALU(at, o, lock) \
	[(at) + 0] = OP5(o, EG, B, I_NO, lock), [(at) + 1] = OP5(o, EG, V, I_NO, lock), \
	[(at) + 2] = OP5(o, GE, B, I_NO, 0), [(at) + 3] = OP5(o, GE, V, I_NO, 0), \
	[(at) + 4] = OP5(o, RI, B, I_B, 0), [(at) + 5] = OP5(o, RI, V, I_Z, 0)

#define EIGHT(at, e) \
	[(at) + 0] = e, [(at) + 1] = e, [(at) + 2] = e, [(at) + 3] = e, \
	[(at) + 4] = e, [(at) + 5] = e, [(at) + 6] = e, [(at) + 7] = e

#define PUSH_SEG	N(push_seg, STK, A_I64 | A_FIX)
#define POP_SEG		N(pop_seg, STK, A_I64 | A_FIX)
#define JCC		OP5(jcc, I, NEAR, I_SB, A_BR)
#define MOV_R		OP5(mov, RI, B, I_B, 0)
#define XCHG_R		OP5(xchg, R, V, I_NO, A_FIX)
#define X87		OP5(x87, X87, Z, I_NO, 0)

const struct x86_dent x86_map1[256] = {
	ALU(0x00, add, A_LOCK), [0x06] = PUSH_SEG, [0x07] = POP_SEG,
	ALU(0x08, or, A_LOCK), [0x0e] = PUSH_SEG,
	ALU(0x10, adc, A_LOCK), [0x16] = PUSH_SEG, [0x17] = POP_SEG,
	ALU(0x18, sbb, A_LOCK), [0x1e] = PUSH_SEG, [0x1f] = POP_SEG,
	ALU(0x20, and, A_LOCK), [0x27] = N(daa, B, A_I64),
	ALU(0x28, sub, A_LOCK), [0x2f] = N(das, B, A_I64),
	ALU(0x30, xor, A_LOCK), [0x37] = N(aaa, B, A_I64),
	ALU(0x38, cmp, 0), [0x3f] = N(aas, B, A_I64),

	EIGHT(0x40, OP5(inc, R, V, I_NO, A_I64)),
	EIGHT(0x48, OP5(dec, R, V, I_NO, A_I64)),
	EIGHT(0x50, OP5(push, R, STK, I_NO, 0)),
	EIGHT(0x58, OP5(pop, R, STK, I_NO, 0)),

	[0x60] = N(pusha, V, A_I64),
	[0x61] = N(popa, V, A_I64),
	[0x62] = OP5(bound, GE, V, I_NO, A_I64 | A_MEM),
	[0x63] = OP5(movsxd, GE, SZ2(SC_V, SC_D), I_NO, A_FIX),	/* ARPL outside 64-bit mode */
	[0x68] = OP5(push, I, STK, I_Z, 0),
	[0x69] = OP5(imul2, GEI, V, I_Z, 0),
	[0x6a] = OP5(push, I, STK, I_SB, 0),
	[0x6b] = OP5(imul2, GEI, V, I_SB, 0),
	[0x6c] = N(ins, B, A_REP),
	[0x6d] = N(ins, Z, A_REP),
	[0x6e] = N(outs, B, A_REP),
	[0x6f] = N(outs, Z, A_REP),
	EIGHT(0x70, JCC),
	EIGHT(0x78, JCC),

	[0x80] = SUB(REG, GRP1_B),
	[0x81] = SUB(REG, GRP1_V),
	[0x82] = { .op = SUB_GRP1_B, .attr = A_SUB_REG | A_I64 },
	[0x83] = SUB(REG, GRP1_SB),
	[0x84] = OP5(test, EG, B, I_NO, 0),
	[0x85] = OP5(test, EG, V, I_NO, 0),
	[0x86] = OP5(xchg, EG, B, I_NO, A_LOCK),
	[0x87] = OP5(xchg, EG, V, I_NO, A_LOCK),
	[0x88] = OP5(mov, EG, B, I_NO, 0),
	[0x89] = OP5(mov, EG, V, I_NO, 0),
	[0x8a] = OP5(mov, GE, B, I_NO, 0),
	[0x8b] = OP5(mov, GE, V, I_NO, 0),
	[0x8c] = OP5(mov_from_seg, ES, V, I_NO, A_FIX),
	[0x8d] = OP5(lea, GE, V, I_NO, A_MEM),
	[0x8e] = OP5(mov_to_seg, ES, W, I_NO, A_FIX),
	[0x8f] = SUB(REG, GRP1A),

	[0x90] = N(nop, V, A_FIX),
	[0x91] = XCHG_R, [0x92] = XCHG_R, [0x93] = XCHG_R, [0x94] = XCHG_R,
	[0x95] = XCHG_R, [0x96] = XCHG_R, [0x97] = XCHG_R,
	[0x98] = N(cbw, V, 0),
	[0x99] = N(cwd, V, 0),
	[0x9a] = OP5(call_far, I, V, I_FAR, A_I64 | A_BR),
	[0x9b] = N(fwait, B, 0),
	[0x9c] = N(pushf, STK, 0),
	[0x9d] = N(popf, STK, A_STOP),
	[0x9e] = N(sahf, B, 0),
	[0x9f] = N(lahf, B, 0),

	[0xa0] = OP5(mov, MOFFS, B, I_MOFFS, 0),
	[0xa1] = OP5(mov, MOFFS, V, I_MOFFS, 0),
	[0xa2] = OP5(mov, MOFFS, B, I_MOFFS, 0),
	[0xa3] = OP5(mov, MOFFS, V, I_MOFFS, 0),
	[0xa4] = N(movs, B, A_REP),
	[0xa5] = N(movs, V, A_REP),
	[0xa6] = N(cmps, B, A_REP),
	[0xa7] = N(cmps, V, A_REP),
	[0xa8] = OP5(test, RI, B, I_B, 0),
	[0xa9] = OP5(test, RI, V, I_Z, 0),
	[0xaa] = N(stos, B, A_REP),
	[0xab] = N(stos, V, A_REP),
	[0xac] = N(lods, B, A_REP),
	[0xad] = N(lods, V, A_REP),
	[0xae] = N(scas, B, A_REP),
	[0xaf] = N(scas, V, A_REP),
	EIGHT(0xb0, MOV_R),
	EIGHT(0xb8, OP5(mov, RI, V, I_V, 0)),

	[0xc0] = SUB(REG, GRP2_B_I),
	[0xc1] = SUB(REG, GRP2_V_I),
	[0xc2] = OP5(ret, I, NEAR, I_W, A_BR),
	[0xc3] = OP5(ret, I, NEAR, I_NO, A_BR),
	[0xc4] = OP5(les, GE, V, I_NO, A_MEM),
	[0xc5] = OP5(lds, GE, V, I_NO, A_MEM),
	[0xc6] = SUB(REG, GRP11_B),
	[0xc7] = SUB(REG, GRP11_V),
	[0xc8] = OP5(enter, I, STK, I_ENTER, 0),
	[0xc9] = N(leave, STK, 0),
	[0xca] = OP5(ret_far, I, V, I_W, A_BR),
	[0xcb] = OP5(ret_far, I, V, I_NO, A_BR),
	[0xcc] = N(int3, V, A_BR),
	[0xcd] = OP5(int, I, V, I_B, A_BR),
	[0xce] = N(into, V, A_I64 | A_BR),
	[0xcf] = N(iret, V, A_BR | A_STOP),

	[0xd0] = SUB(REG, GRP2_B_1),
	[0xd1] = SUB(REG, GRP2_V_1),
	[0xd2] = SUB(REG, GRP2_B_CL),
	[0xd3] = SUB(REG, GRP2_V_CL),
	[0xd4] = OP5(aam, I, B, I_B, A_I64),
	[0xd5] = OP5(aad, I, B, I_B, A_I64),
	[0xd6] = N(salc, B, A_I64),
	[0xd7] = N(xlat, B, 0),
	EIGHT(0xd8, X87),

	[0xe0] = OP5(loopne, I, NEAR, I_SB, A_BR),
	[0xe1] = OP5(loope, I, NEAR, I_SB, A_BR),
	[0xe2] = OP5(loop, I, NEAR, I_SB, A_BR),
	[0xe3] = OP5(jcxz, I, NEAR, I_SB, A_BR),
	[0xe4] = OP5(in, I, B, I_B, 0),
	[0xe5] = OP5(in, I, Z, I_B, 0),
	[0xe6] = OP5(out, I, B, I_B, 0),
	[0xe7] = OP5(out, I, Z, I_B, 0),
	[0xe8] = OP5(call, I, NEAR, I_J, A_BR),
	[0xe9] = OP5(jmp, I, NEAR, I_J, A_BR),
	[0xea] = OP5(jmp_far, I, V, I_FAR, A_I64 | A_BR),
	[0xeb] = OP5(jmp, I, NEAR, I_SB, A_BR),
	[0xec] = N(in, B, 0),
	[0xed] = N(in, Z, 0),
	[0xee] = N(out, B, 0),
	[0xef] = N(out, Z, 0),

	[0xf1] = N(int1, V, A_BR),
	[0xf4] = N(hlt, B, A_STOP),
	[0xf5] = N(cmc, B, 0),
	[0xf6] = SUB(REG, GRP3_B),
	[0xf7] = SUB(REG, GRP3_V),
	[0xf8] = N(clc, B, 0),
	[0xf9] = N(stc, B, 0),
	[0xfa] = N(cli, B, 0),
	[0xfb] = N(sti, B, A_STOP),
	[0xfc] = N(cld, B, 0),
	[0xfd] = N(std, B, 0),
	[0xfe] = SUB(REG, GRP4),
	[0xff] = SUB(REG, GRP5),
};

#define GRP1(sz, im, at) { \
	OP5(add, EI, sz, im, (at) | A_LOCK), OP5(or, EI, sz, im, (at) | A_LOCK), \
	OP5(adc, EI, sz, im, (at) | A_LOCK), OP5(sbb, EI, sz, im, (at) | A_LOCK), \
	OP5(and, EI, sz, im, (at) | A_LOCK), OP5(sub, EI, sz, im, (at) | A_LOCK), \
	OP5(xor, EI, sz, im, (at) | A_LOCK), OP5(cmp, EI, sz, im, at) }

/* /6 is an undocumented twin of /4 that every processor has. */
#define GRP2(form, sz, im) { \
	OP5(rol, form, sz, im, 0), OP5(ror, form, sz, im, 0), \
	OP5(rcl, form, sz, im, 0), OP5(rcr, form, sz, im, 0), \
	OP5(shl, form, sz, im, 0), OP5(shr, form, sz, im, 0), \
	OP5(shl, form, sz, im, 0), OP5(sar, form, sz, im, 0) }

#define GRP3(sz, im) { \
	OP5(test, EI, sz, im, 0), OP5(test, EI, sz, im, 0), \
	OP5(not, E, sz, I_NO, A_LOCK), OP5(neg, E, sz, I_NO, A_LOCK), \
	OP5(mul, E, sz, I_NO, 0), OP5(imul, E, sz, I_NO, 0), \
	OP5(div, E, sz, I_NO, 0), OP5(idiv, E, sz, I_NO, 0) }

#define SHIFT_MMX(o)	OP5(o, QI, Q, I_B, A_REG)
#define SHIFT_XMM(o)	OP5(o, WI, X, I_B, A_REG)

const struct x86_dent x86_sub[SUB_COUNT][8] = {
	[SUB_GRP1_B] = GRP1(B, I_B, 0),
	[SUB_GRP1_V] = GRP1(V, I_Z, 0),
	[SUB_GRP1_SB] = GRP1(V, I_SB, 0),
	[SUB_GRP1A] = { OP5(pop, E, STK, I_NO, 0) },
	[SUB_GRP2_B_I] = GRP2(EI, B, I_B),
	[SUB_GRP2_V_I] = GRP2(EI, V, I_B),
	[SUB_GRP2_B_1] = GRP2(EI, B, I_1),
	[SUB_GRP2_V_1] = GRP2(EI, V, I_1),
	[SUB_GRP2_B_CL] = GRP2(E, B, I_NO),
	[SUB_GRP2_V_CL] = GRP2(E, V, I_NO),
	[SUB_GRP3_B] = GRP3(B, I_B),
	[SUB_GRP3_V] = GRP3(V, I_Z),
	[SUB_GRP4] = { OP5(inc, E, B, I_NO, A_LOCK), OP5(dec, E, B, I_NO, A_LOCK) },
	[SUB_GRP5] = {
		OP5(inc, E, V, I_NO, A_LOCK),
		OP5(dec, E, V, I_NO, A_LOCK),
		OP5(call_ind, E, NEAR, I_NO, A_BR),
		OP5(call_far_ind, E, V, I_NO, A_MEM | A_BR),
		OP5(jmp_ind, E, NEAR, I_NO, A_BR),
		OP5(jmp_far_ind, E, V, I_NO, A_MEM | A_BR),
		OP5(push, E, STK, I_NO, 0),
	},
	[SUB_GRP6] = {
		OP5(sldt, E, V, I_NO, A_FIX), OP5(str, E, V, I_NO, A_FIX),
		OP5(lldt, E, W, I_NO, 0), OP5(ltr, E, W, I_NO, 0),
		OP5(verr, E, W, I_NO, 0), OP5(verw, E, W, I_NO, 0),
	},
	[SUB_GRP7] = { SUB(REG, GRP7_MEM), SUB(REG, GRP7_REG) },
	[SUB_GRP7_MEM] = {
		OP5(sgdt, E, NEAR, I_NO, 0), OP5(sidt, E, NEAR, I_NO, 0),
		OP5(lgdt, E, NEAR, I_NO, 0), OP5(lidt, E, NEAR, I_NO, 0),
		OP5(smsw, E, V, I_NO, A_FIX), { 0 },
		OP5(lmsw, E, W, I_NO, A_STOP), OP5(invlpg, E, NAT, I_NO, A_STOP),
	},
	[SUB_GRP7_REG] = {
		SUB(RM, GRP7_0), SUB(RM, GRP7_1), SUB(RM, GRP7_2), SUB(RM, GRP7_3),
		OP5(smsw, E, V, I_NO, A_FIX), SUB(RM, GRP7_5),
		OP5(lmsw, E, W, I_NO, A_STOP), SUB(RM, GRP7_7),
	},
	[SUB_GRP7_0] = { [1] = N(vmcall, NAT, A_STOP) },
	[SUB_GRP7_1] = {
		[0] = N(monitor, NAT, 0), [1] = N(mwait, NAT, A_STOP),
		[2] = N(clac, NAT, A_STOP | A_NP), [3] = N(stac, NAT, A_STOP | A_NP),
	},
	[SUB_GRP7_2] = {
		[0] = N(xgetbv, D, A_NP), [1] = N(xsetbv, D, A_NP | A_STOP),
	},
	[SUB_GRP7_3] = {
		N(vmrun, NAT, A_STOP | A_BR), N(vmmcall, NAT, A_STOP),
		N(vmload, NAT, A_STOP), N(vmsave, NAT, 0), N(stgi, NAT, A_STOP),
		N(clgi, NAT, A_STOP), N(skinit, NAT, A_STOP | A_BR), N(invlpga, NAT, A_STOP),
	},
	[SUB_GRP7_5] = {
		[0] = N(serialize, NAT, A_NP | A_STOP),
		[6] = N(rdpkru, D, A_NP), [7] = N(wrpkru, D, A_NP | A_STOP),
	},
	[SUB_GRP7_7] = { [0] = N(swapgs, NAT, A_O64), [1] = N(rdtscp, NAT, 0) },
	[SUB_GRP8] = {
		[4] = OP5(bt, EI, V, I_B, 0), [5] = OP5(bts, EI, V, I_B, A_LOCK),
		[6] = OP5(btr, EI, V, I_B, A_LOCK), [7] = OP5(btc, EI, V, I_B, A_LOCK),
	},
	[SUB_GRP9] = { SUB(REG, GRP9_MEM), SUB(REG, GRP9_REG) },
	[SUB_GRP9_MEM] = {
		[1] = OP5(cmpxchg8b, E, Q, I_NO, A_LOCK | A_FIX),
		[3] = OP5(xrstors, E, NAT, I_NO, A_NP), [4] = OP5(xsavec, E, NAT, I_NO, A_NP),
		[5] = OP5(xsaves, E, NAT, I_NO, A_NP),
	},
	[SUB_GRP9_REG] = {
		[6] = OP5(rdrand, E, V, I_NO, 0), [7] = OP5(rdseed, E, V, I_NO, 0),
	},
	[SUB_GRP9_F2] = { SUB(REG, GRP9_MEM) },
	[SUB_GRP9_F3] = { SUB(REG, GRP9_MEM), SUB(REG, GRP9_F3_REG) },
	[SUB_GRP9_F3_REG] = { [7] = OP5(rdpid, E, NAT, I_NO, 0) },
	[SUB_GRP11_B] = { OP5(mov, EI, B, I_B, 0) },
	[SUB_GRP11_V] = { OP5(mov, EI, V, I_Z, 0) },

	[SUB_GRP12_MMX] = {
		[2] = SHIFT_MMX(psrlw_i), [4] = SHIFT_MMX(psraw_i), [6] = SHIFT_MMX(psllw_i),
	},
	[SUB_GRP12] = {
		[2] = SHIFT_XMM(psrlw_i), [4] = SHIFT_XMM(psraw_i), [6] = SHIFT_XMM(psllw_i),
	},
	[SUB_GRP13_MMX] = {
		[2] = SHIFT_MMX(psrld_i), [4] = SHIFT_MMX(psrad_i), [6] = SHIFT_MMX(pslld_i),
	},
	[SUB_GRP13] = {
		[2] = SHIFT_XMM(psrld_i), [4] = SHIFT_XMM(psrad_i), [6] = SHIFT_XMM(pslld_i),
	},
	[SUB_GRP14_MMX] = { [2] = SHIFT_MMX(psrlq_i), [6] = SHIFT_MMX(psllq_i) },
	[SUB_GRP14] = {
		[2] = SHIFT_XMM(psrlq_i), [3] = SHIFT_XMM(psrldq),
		[6] = SHIFT_XMM(psllq_i), [7] = SHIFT_XMM(pslldq),
	},

	[SUB_GRP15] = { SUB(REG, GRP15_MEM), SUB(REG, GRP15_REG) },
	[SUB_GRP15_MEM] = {
		OP5(fxsave, E, NAT, I_NO, 0), OP5(fxrstor, E, NAT, I_NO, 0),
		OP5(ldmxcsr, E, D, I_NO, 0), OP5(stmxcsr, E, D, I_NO, 0),
		OP5(xsave, E, NAT, I_NO, 0), OP5(xrstor, E, NAT, I_NO, 0),
		OP5(xsaveopt, E, NAT, I_NO, 0), OP5(clflush, E, B, I_NO, 0),
	},
	[SUB_GRP15_REG] = {	/* LFENCE, MFENCE, SFENCE */
		[5] = N(fence, B, 0), [6] = N(fence, B, 0), [7] = N(fence, B, 0),
	},
	[SUB_GRP15_66] = { SUB(REG, GRP15_66_MEM) },
	[SUB_GRP15_66_MEM] = {	/* CLWB, CLFLUSHOPT */
		[6] = OP5(clflush, E, B, I_NO, 0), [7] = OP5(clflush, E, B, I_NO, 0),
	},
	[SUB_GRP15_F3] = { [1] = SUB(REG, GRP15_F3_REG) },
	[SUB_GRP15_F3_REG] = {
		OP5(rdfsbase, E, Y, I_NO, A_O64), OP5(rdgsbase, E, Y, I_NO, A_O64),
		OP5(wrfsbase, E, Y, I_NO, A_O64), OP5(wrgsbase, E, Y, I_NO, A_O64),
	},
	[SUB_GRP16] = { SUB(REG, GRP16_MEM), OP5(nop, E, V, I_NO, 0) },
	[SUB_GRP16_MEM] = {
		OP5(prefetch, E, B, I_NO, 0), OP5(prefetch, E, B, I_NO, 0),
		OP5(prefetch, E, B, I_NO, 0), OP5(prefetch, E, B, I_NO, 0),
		OP5(nop, E, V, I_NO, 0), OP5(nop, E, V, I_NO, 0),
		OP5(nop, E, V, I_NO, 0), OP5(nop, E, V, I_NO, 0),
	},
	[SUB_GRP17] = {		/* VEX: the destination is in vvvv */
		[1] = OP5(blsr, E, Y, I_NO, 0), [2] = OP5(blsmsk, E, Y, I_NO, 0),
		[3] = OP5(blsi, E, Y, I_NO, 0),
	},
};

const struct x86_dent x86_vex_0f38[8][4] = {
	[2] = { OP5(andn, GE, Y, I_NO, 0) },
	[3] = { SUB(REG, GRP17) },
	[5] = { OP5(bzhi, GE, Y, I_NO, 0), { 0 }, OP5(pext, GE, Y, I_NO, 0),
		OP5(pdep, GE, Y, I_NO, 0) },
	[6] = { { 0 }, { 0 }, { 0 }, OP5(mulx, GE, Y, I_NO, 0) },
	[7] = { OP5(bextr, GE, Y, I_NO, 0), OP5(shlx, GE, Y, I_NO, 0),
		OP5(sarx, GE, Y, I_NO, 0), OP5(shrx, GE, Y, I_NO, 0) },
};

const struct x86_dent x86_vex_0f3a_f0[4] = {
	{ 0 }, { 0 }, { 0 }, OP5(rorx, GEI, Y, I_B, 0),
};

/* clang-format on */
