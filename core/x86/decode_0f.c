// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * decode_0f.c - the opcode maps after 0F, 0F38 and 0F3A. Each opcode has an
 * entry for no mandatory prefix, 66, F3 and F2.
 *
 * Source: Intel SDM vol. 2, appendix "Opcode Map".
 */
#include "core/x86/decode.h"

/* clang-format off */

#define NO		{ 0 }
#define ALL(...)	{ __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__ }
#define ANY(...)	ALL(OP5(__VA_ARGS__))
#define N(o, sz, at)	ANY(o, N, sz, I_NO, at)
#define NP(...)		{ OP5(__VA_ARGS__), NO, NO, NO }
#define P66(...)	{ NO, OP5(__VA_ARGS__), NO, NO }

#define EIGHT(at, ...) \
	[(at) + 0] = __VA_ARGS__, [(at) + 1] = __VA_ARGS__, [(at) + 2] = __VA_ARGS__, \
	[(at) + 3] = __VA_ARGS__, [(at) + 4] = __VA_ARGS__, [(at) + 5] = __VA_ARGS__, \
	[(at) + 6] = __VA_ARGS__, [(at) + 7] = __VA_ARGS__

#define VW(o)		OP5(o, VW, X, I_NO, 0)
#define VM(o)		OP5(o, VW, X, I_NO, A_MEM)	/* from memory only */
#define WV(o)		OP5(o, WV, X, I_NO, 0)
#define MV(o)		OP5(o, WV, X, I_NO, A_MEM)
#define VWI(o)		OP5(o, VWI, X, I_B, 0)
#define PQ(o)		OP5(o, PQ, Q, I_NO, 0)

/* The floating point operations in their four types, and in two of them. */
#define PS_PD_SS_SD(o)	{ VW(o##ps), VW(o##pd), VW(o##ss), VW(o##sd) }
#define PS_PD(o)	{ VW(o##ps), VW(o##pd), NO, NO }
#define PS_SS(o)	{ VW(o##ps), NO, VW(o##ss), NO }
/* Integer operations on MMX and XMM registers. */
#define MX(o)		{ PQ(o), VW(o), NO, NO }
#define X66(o)		{ NO, VW(o), NO, NO }
#define X66I(o)		{ NO, VWI(o), NO, NO }
#define XNP(o)		{ VW(o), NO, NO, NO }

#define CMOV		ANY(cmov, GE, V, I_NO, 0)
#define JCC		ANY(jcc, I, NEAR, I_J, A_BR)
#define SETCC		ANY(setcc, E, B, I_NO, 0)
#define HINT_NOP	ANY(nop, E, V, I_NO, A_FIX)
#define BSWAP		ANY(bswap, R, V, I_NO, 0)
#define MOVCR(o, at)	ANY(o, EC, NAT, I_NO, A_FIX | A_NOMOD | (at))

/* General register operands: srcsize is theirs. */
#define XY	SZ2(SC_X, SC_Y)
#define QY	SZ2(SC_Q, SC_Y)
#define XD	SZ2(SC_X, SC_D)
#define QD	SZ2(SC_Q, SC_D)

const struct x86_dent x86_map_0f[256][4] = {
	[0x00] = ALL(SUB(REG, GRP6)),
	[0x01] = ALL(SUB(MOD, GRP7)),
	[0x02] = ANY(lar, GE, SZ2(SC_V, SC_W), I_NO, 0),
	[0x03] = ANY(lsl, GE, SZ2(SC_V, SC_W), I_NO, 0),
	[0x05] = N(syscall, NAT, A_BR | A_STOP),
	[0x06] = N(clts, B, A_STOP),
	[0x07] = N(sysret, Y, A_BR | A_STOP),
	[0x08] = N(invd, B, A_STOP),
	[0x09] = N(wbinvd, B, A_STOP),
	[0x0d] = ANY(prefetch, E, B, I_NO, A_FIX),

	[0x10] = { VW(movups), VW(movupd), VW(movss), VW(movsd_x) },
	[0x11] = { WV(movups_st), WV(movupd_st), WV(movss_st), WV(movsd_x_st) },
	[0x12] = { VW(movlps), VM(movlpd), VW(movsldup), VW(movddup) },
	[0x13] = { MV(movlps_st), MV(movlpd_st), NO, NO },
	[0x14] = PS_PD(unpckl),
	[0x15] = PS_PD(unpckh),
	[0x16] = { VW(movhps), VM(movhpd), VW(movshdup), NO },
	[0x17] = { MV(movhps_st), MV(movhpd_st), NO, NO },
	[0x18] = ALL(SUB(MOD, GRP16)),
	[0x19] = HINT_NOP, [0x1a] = HINT_NOP, [0x1b] = HINT_NOP, [0x1c] = HINT_NOP,
	[0x1d] = HINT_NOP, [0x1e] = HINT_NOP, [0x1f] = HINT_NOP,

	[0x20] = MOVCR(mov_from_cr, 0),
	[0x21] = MOVCR(mov_from_dr, 0),
	[0x22] = MOVCR(mov_to_cr, A_STOP),
	[0x23] = MOVCR(mov_to_dr, A_STOP),
	[0x28] = PS_PD(mova),
	[0x29] = { WV(movaps_st), WV(movapd_st), NO, NO },
	[0x2a] = { OP5(cvtpi2ps, VQ, X, I_NO, 0), OP5(cvtpi2pd, VQ, X, I_NO, 0),
		   OP5(cvtsi2ss, VE, XY, I_NO, 0), OP5(cvtsi2sd, VE, XY, I_NO, 0) },
	[0x2b] = { MV(movntps), MV(movntpd), NO, NO },
	[0x2c] = { OP5(cvttps2pi, PW, X, I_NO, 0), OP5(cvttpd2pi, PW, X, I_NO, 0),
		   OP5(cvttss2si, GW, XY, I_NO, 0), OP5(cvttsd2si, GW, XY, I_NO, 0) },
	[0x2d] = { OP5(cvtps2pi, PW, X, I_NO, 0), OP5(cvtpd2pi, PW, X, I_NO, 0),
		   OP5(cvtss2si, GW, XY, I_NO, 0), OP5(cvtsd2si, GW, XY, I_NO, 0) },
	[0x2e] = { VW(ucomiss), VW(ucomisd), NO, NO },
	[0x2f] = { VW(comiss), VW(comisd), NO, NO },

	[0x30] = N(wrmsr, B, A_STOP),
	[0x31] = N(rdtsc, B, 0),
	[0x32] = N(rdmsr, B, 0),
	[0x33] = N(rdpmc, B, 0),
	[0x34] = N(sysenter, B, A_BR | A_STOP),
	[0x35] = N(sysexit, Y, A_BR | A_STOP),
	EIGHT(0x40, CMOV),
	EIGHT(0x48, CMOV),

	[0x50] = { OP5(movmskps, GW, XD, I_NO, A_REG), OP5(movmskpd, GW, XD, I_NO, A_REG), NO, NO },
	[0x51] = PS_PD_SS_SD(sqrt),
	[0x52] = PS_SS(rsqrt),
	[0x53] = PS_SS(rcp),
	[0x54] = PS_PD(and),
	[0x55] = PS_PD(andn),
	[0x56] = PS_PD(or),
	[0x57] = PS_PD(xor),
	[0x58] = PS_PD_SS_SD(add),
	[0x59] = PS_PD_SS_SD(mul),
	[0x5a] = { VW(cvtps2pd), VW(cvtpd2ps), VW(cvtss2sd), VW(cvtsd2ss) },
	[0x5b] = { VW(cvtdq2ps), VW(cvtps2dq), VW(cvttps2dq), NO },
	[0x5c] = PS_PD_SS_SD(sub),
	[0x5d] = PS_PD_SS_SD(min),
	[0x5e] = PS_PD_SS_SD(div),
	[0x5f] = PS_PD_SS_SD(max),

	[0x60] = MX(punpcklbw), [0x61] = MX(punpcklwd), [0x62] = MX(punpckldq),
	[0x63] = MX(packsswb), [0x64] = MX(pcmpgtb), [0x65] = MX(pcmpgtw),
	[0x66] = MX(pcmpgtd), [0x67] = MX(packuswb), [0x68] = MX(punpckhbw),
	[0x69] = MX(punpckhwd), [0x6a] = MX(punpckhdq), [0x6b] = MX(packssdw),
	[0x6c] = X66(punpcklqdq), [0x6d] = X66(punpckhqdq),
	[0x6e] = { OP5(movd, PE, QY, I_NO, 0), OP5(movd, VE, XY, I_NO, 0), NO, NO },
	[0x6f] = { PQ(movq), VW(movdqa), VW(movdqu), NO },
	[0x70] = { OP5(pshufw, PQI, Q, I_B, 0), VWI(pshufd), VWI(pshufhw), VWI(pshuflw) },
	[0x71] = { SUB(REG, GRP12_MMX), SUB(REG, GRP12), NO, NO },
	[0x72] = { SUB(REG, GRP13_MMX), SUB(REG, GRP13), NO, NO },
	[0x73] = { SUB(REG, GRP14_MMX), SUB(REG, GRP14), NO, NO },
	[0x74] = MX(pcmpeqb), [0x75] = MX(pcmpeqw), [0x76] = MX(pcmpeqd),
	[0x77] = NP(emms, N, Q, I_NO, 0),
	[0x7c] = { NO, VW(haddpd), NO, VW(haddps) },
	[0x7d] = { NO, VW(hsubpd), NO, VW(hsubps) },
	[0x7e] = { OP5(movd_st, EP, QY, I_NO, 0), OP5(movd_st, EV, XY, I_NO, 0), VW(movq_x), NO },
	[0x7f] = { OP5(movq_st, QP, Q, I_NO, 0), WV(movdqa_st), WV(movdqu_st), NO },

	EIGHT(0x80, JCC),
	EIGHT(0x88, JCC),
	EIGHT(0x90, SETCC),
	EIGHT(0x98, SETCC),

	[0xa0] = N(push_seg, STK, A_FIX),
	[0xa1] = N(pop_seg, STK, A_FIX),
	[0xa2] = N(cpuid, B, A_STOP),
	[0xa3] = ANY(bt, EG, V, I_NO, 0),
	[0xa4] = ANY(shld, EGI, V, I_B, 0),
	[0xa5] = ANY(shld, EG, V, I_NO, 0),
	[0xa8] = N(push_seg, STK, A_FIX),
	[0xa9] = N(pop_seg, STK, A_FIX),
	[0xaa] = N(rsm, B, A_BR | A_STOP),
	[0xab] = ANY(bts, EG, V, I_NO, A_LOCK),
	[0xac] = ANY(shrd, EGI, V, I_B, 0),
	[0xad] = ANY(shrd, EG, V, I_NO, 0),
	[0xae] = { SUB(MOD, GRP15), SUB(MOD, GRP15_66), SUB(MOD, GRP15_F3), NO },
	[0xaf] = ANY(imul2, GE, V, I_NO, 0),
	[0xb0] = ANY(cmpxchg, EG, B, I_NO, A_LOCK),
	[0xb1] = ANY(cmpxchg, EG, V, I_NO, A_LOCK),
	[0xb2] = ANY(lss, GE, V, I_NO, A_MEM | A_STOP),
	[0xb3] = ANY(btr, EG, V, I_NO, A_LOCK),
	[0xb4] = ANY(lfs, GE, V, I_NO, A_MEM),
	[0xb5] = ANY(lgs, GE, V, I_NO, A_MEM),
	[0xb6] = ANY(movzx, GE, SZ2(SC_V, SC_B), I_NO, 0),
	[0xb7] = ANY(movzx, GE, SZ2(SC_V, SC_W), I_NO, 0),
	[0xb8] = { NO, NO, OP5(popcnt, GE, V, I_NO, 0), NO },
	[0xb9] = ANY(ud1, GE, V, I_NO, 0),
	[0xba] = ALL(SUB(REG, GRP8)),
	[0xbb] = ANY(btc, EG, V, I_NO, A_LOCK),
	[0xbc] = { OP5(bsf, GE, V, I_NO, 0), OP5(bsf, GE, V, I_NO, 0),
		   OP5(tzcnt, GE, V, I_NO, 0), OP5(bsf, GE, V, I_NO, 0) },
	[0xbd] = { OP5(bsr, GE, V, I_NO, 0), OP5(bsr, GE, V, I_NO, 0),
		   OP5(lzcnt, GE, V, I_NO, 0), OP5(bsr, GE, V, I_NO, 0) },
	[0xbe] = ANY(movsx, GE, SZ2(SC_V, SC_B), I_NO, 0),
	[0xbf] = ANY(movsx, GE, SZ2(SC_V, SC_W), I_NO, 0),

	[0xc0] = ANY(xadd, EG, B, I_NO, A_LOCK),
	[0xc1] = ANY(xadd, EG, V, I_NO, A_LOCK),
	[0xc2] = { VWI(cmpps), VWI(cmppd), VWI(cmpss), VWI(cmpsd) },
	[0xc3] = NP(movnti, EG, Y, I_NO, A_MEM),
	[0xc4] = { OP5(pinsrw, PEI, QD, I_B, A_FIX), OP5(pinsrw, VEI, XD, I_B, A_FIX), NO, NO },
	[0xc5] = { OP5(pextrw, GQI, QD, I_B, A_REG), OP5(pextrw, GWI, XD, I_B, A_REG), NO, NO },
	[0xc6] = { VWI(shufps), VWI(shufpd), NO, NO },
	[0xc7] = { SUB(MOD, GRP9), SUB(MOD, GRP9), SUB(MOD, GRP9_F3), SUB(MOD, GRP9_F2) },
	EIGHT(0xc8, BSWAP),

	[0xd0] = { NO, VW(addsubpd), NO, VW(addsubps) },
	[0xd1] = MX(psrlw), [0xd2] = MX(psrld), [0xd3] = MX(psrlq), [0xd4] = MX(paddq),
	[0xd5] = MX(pmullw),
	[0xd6] = { NO, WV(movq_x_st), OP5(movq2dq, VQ, X, I_NO, A_REG),
		   OP5(movdq2q, PW, X, I_NO, A_REG) },
	[0xd7] = { OP5(pmovmskb, GQ, QD, I_NO, A_REG), OP5(pmovmskb, GW, XD, I_NO, A_REG), NO, NO },
	[0xd8] = MX(psubusb), [0xd9] = MX(psubusw), [0xda] = MX(pminub), [0xdb] = MX(pand),
	[0xdc] = MX(paddusb), [0xdd] = MX(paddusw), [0xde] = MX(pmaxub), [0xdf] = MX(pandn),
	[0xe0] = MX(pavgb), [0xe1] = MX(psraw), [0xe2] = MX(psrad), [0xe3] = MX(pavgw),
	[0xe4] = MX(pmulhuw), [0xe5] = MX(pmulhw),
	[0xe6] = { NO, VW(cvttpd2dq), VW(cvtdq2pd), VW(cvtpd2dq) },
	[0xe7] = { OP5(movntq, QP, Q, I_NO, A_MEM), MV(movntdq), NO, NO },
	[0xe8] = MX(psubsb), [0xe9] = MX(psubsw), [0xea] = MX(pminsw), [0xeb] = MX(por),
	[0xec] = MX(paddsb), [0xed] = MX(paddsw), [0xee] = MX(pmaxsw), [0xef] = MX(pxor),
	[0xf0] = { NO, NO, NO, VM(lddqu) },
	[0xf1] = MX(psllw), [0xf2] = MX(pslld), [0xf3] = MX(psllq), [0xf4] = MX(pmuludq),
	[0xf5] = MX(pmaddwd), [0xf6] = MX(psadbw),
	[0xf7] = { OP5(maskmovq, PQ, Q, I_NO, A_REG), OP5(maskmovdqu, VW, X, I_NO, A_REG), NO, NO },
	[0xf8] = MX(psubb), [0xf9] = MX(psubw), [0xfa] = MX(psubd), [0xfb] = MX(psubq),
	[0xfc] = MX(paddb), [0xfd] = MX(paddw), [0xfe] = MX(paddd),
	[0xff] = ANY(ud0, GE, V, I_NO, 0),
};

#define MOVBE(opnds)	OP5(movbe, opnds, V, I_NO, A_MEM)

const struct x86_dent x86_map_0f38[256][4] = {
	[0x00] = MX(pshufb), [0x01] = MX(phaddw), [0x02] = MX(phaddd), [0x03] = MX(phaddsw),
	[0x04] = MX(pmaddubsw), [0x05] = MX(phsubw), [0x06] = MX(phsubd),
	[0x07] = MX(phsubsw), [0x08] = MX(psignb), [0x09] = MX(psignw), [0x0a] = MX(psignd),
	[0x0b] = MX(pmulhrsw),
	[0x10] = X66(pblendvb), [0x14] = X66(blendvps), [0x15] = X66(blendvpd),
	[0x17] = X66(ptest), [0x1c] = MX(pabsb), [0x1d] = MX(pabsw), [0x1e] = MX(pabsd),
	[0x20] = X66(pmovsxbw), [0x21] = X66(pmovsxbd), [0x22] = X66(pmovsxbq),
	[0x23] = X66(pmovsxwd), [0x24] = X66(pmovsxwq), [0x25] = X66(pmovsxdq),
	[0x28] = X66(pmuldq), [0x29] = X66(pcmpeqq), [0x2a] = { NO, VM(movntdqa), NO, NO },
	[0x2b] = X66(packusdw),
	[0x30] = X66(pmovzxbw), [0x31] = X66(pmovzxbd), [0x32] = X66(pmovzxbq),
	[0x33] = X66(pmovzxwd), [0x34] = X66(pmovzxwq), [0x35] = X66(pmovzxdq),
	[0x37] = X66(pcmpgtq), [0x38] = X66(pminsb), [0x39] = X66(pminsd),
	[0x3a] = X66(pminuw), [0x3b] = X66(pminud), [0x3c] = X66(pmaxsb),
	[0x3d] = X66(pmaxsd), [0x3e] = X66(pmaxuw), [0x3f] = X66(pmaxud),
	[0x40] = X66(pmulld), [0x41] = X66(phminposuw),
	[0x82] = P66(invpcid, GE, NAT, I_NO, A_MEM | A_STOP),
	[0xc8] = XNP(sha1nexte), [0xc9] = XNP(sha1msg1), [0xca] = XNP(sha1msg2),
	[0xcb] = XNP(sha256rnds2), [0xcc] = XNP(sha256msg1), [0xcd] = XNP(sha256msg2),
	[0xdb] = X66(aesimc), [0xdc] = X66(aesenc), [0xdd] = X66(aesenclast),
	[0xde] = X66(aesdec), [0xdf] = X66(aesdeclast),
	[0xf0] = { MOVBE(GE), MOVBE(GE), NO, OP5(crc32, GE, SZ2(SC_Y, SC_B), I_NO, 0) },
	[0xf1] = { MOVBE(EG), MOVBE(EG), NO, OP5(crc32, GE, SZ2(SC_Y, SC_V), I_NO, 0) },
	[0xf6] = { NO, OP5(adcx, GE, Y, I_NO, 0), OP5(adox, GE, Y, I_NO, 0), NO },
};

const struct x86_dent x86_map_0f3a[256][4] = {
	[0x08] = X66I(roundps), [0x09] = X66I(roundpd), [0x0a] = X66I(roundss),
	[0x0b] = X66I(roundsd), [0x0c] = X66I(blendps), [0x0d] = X66I(blendpd),
	[0x0e] = X66I(pblendw),
	[0x0f] = { OP5(palignr, PQI, Q, I_B, 0), VWI(palignr), NO, NO },
	[0x14] = P66(pextrb, EVI, XD, I_B, A_FIX),
	[0x15] = P66(pextrw, EVI, XD, I_B, A_FIX),
	[0x16] = P66(pextrd, EVI, XY, I_B, 0),
	[0x17] = P66(extractps, EVI, XY, I_B, A_FIX),
	[0x20] = P66(pinsrb, VEI, XD, I_B, A_FIX),
	[0x21] = X66I(insertps),
	[0x22] = P66(pinsrd, VEI, XY, I_B, 0),
	[0x40] = X66I(dpps), [0x41] = X66I(dppd), [0x42] = X66I(mpsadbw),
	[0x44] = X66I(pclmulqdq),
	[0x60] = X66I(pcmpestrm), [0x61] = X66I(pcmpestri), [0x62] = X66I(pcmpistrm),
	[0x63] = X66I(pcmpistri),
	[0xcc] = { VWI(sha1rnds4), NO, NO, NO },
	[0xdf] = X66I(aeskeygenassist),
};

/* clang-format on */
