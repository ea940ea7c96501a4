/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops.h - every operation, once. Include with X86_OP(name) defined.
 *
 * A name is the manual's mnemonic, lower case. imul2 is the two- and three-operand
 * form; movsd_x and the like tell SSE moves from string and MMX ones.
 */

/* Not an instruction, or one that always raises #UD. */
X86_OP(ud)

/* Integer: exec_int.c. Size in opsize unless said otherwise. */
X86_OP(add) X86_OP(or) X86_OP(adc) X86_OP(sbb) X86_OP(and) X86_OP(sub) X86_OP(xor)
X86_OP(cmp) X86_OP(test) X86_OP(not) X86_OP(neg) X86_OP(inc) X86_OP(dec) X86_OP(mul)
X86_OP(imul) X86_OP(div) X86_OP(idiv)
X86_OP(imul2) X86_OP(mov) X86_OP(movzx) X86_OP(movsx) X86_OP(movsxd) X86_OP(xchg)
X86_OP(xadd) X86_OP(cmpxchg) X86_OP(cmpxchg8b) X86_OP(cmpxchg16b) X86_OP(lea) X86_OP(cmov)
X86_OP(setcc) X86_OP(bswap) X86_OP(movbe)
X86_OP(rol) X86_OP(ror) X86_OP(rcl) X86_OP(rcr) X86_OP(shl) X86_OP(shr) X86_OP(sar)
X86_OP(shld) X86_OP(shrd) X86_OP(bt) X86_OP(bts) X86_OP(btr) X86_OP(btc) X86_OP(bsf)
X86_OP(bsr) X86_OP(tzcnt) X86_OP(lzcnt) X86_OP(popcnt) X86_OP(crc32)
X86_OP(andn) X86_OP(bextr) X86_OP(blsi) X86_OP(blsmsk) X86_OP(blsr) X86_OP(bzhi)
X86_OP(pdep) X86_OP(pext) X86_OP(mulx) X86_OP(rorx) X86_OP(sarx) X86_OP(shlx) X86_OP(shrx)
X86_OP(adcx) X86_OP(adox)
X86_OP(cbw) X86_OP(cwd) X86_OP(aaa) X86_OP(aas) X86_OP(aam) X86_OP(aad) X86_OP(daa)
X86_OP(das) X86_OP(salc) X86_OP(xlat) X86_OP(lahf) X86_OP(sahf) X86_OP(clc) X86_OP(stc) X86_OP(cmc)
X86_OP(cld) X86_OP(std)
X86_OP(push) X86_OP(pop) X86_OP(pusha) X86_OP(popa) X86_OP(pushf) X86_OP(enter)
X86_OP(leave) X86_OP(movs) X86_OP(cmps) X86_OP(stos) X86_OP(lods) X86_OP(scas) X86_OP(ins)
X86_OP(outs) X86_OP(in) X86_OP(out)
X86_OP(jcc) X86_OP(jmp) X86_OP(jmp_ind) X86_OP(call) X86_OP(call_ind) X86_OP(ret)
X86_OP(loop) X86_OP(loope) X86_OP(loopne) X86_OP(jcxz) X86_OP(nop) X86_OP(pause)
X86_OP(endbr) X86_OP(bound)
X86_OP(rdrand) X86_OP(rdseed) X86_OP(movnti) X86_OP(fence) X86_OP(prefetch)
X86_OP(clflush)

/* System: exec_sys*.c. */
X86_OP(popf) X86_OP(cli) X86_OP(sti) X86_OP(hlt) X86_OP(int) X86_OP(int3) X86_OP(int1)
X86_OP(into) X86_OP(iret) X86_OP(push_seg) X86_OP(pop_seg) X86_OP(mov_from_seg)
X86_OP(mov_to_seg) X86_OP(lds) X86_OP(les) X86_OP(lss) X86_OP(lfs) X86_OP(lgs)
X86_OP(call_far) X86_OP(call_far_ind) X86_OP(jmp_far) X86_OP(jmp_far_ind) X86_OP(ret_far)
X86_OP(arpl) X86_OP(lar) X86_OP(lsl) X86_OP(verr) X86_OP(verw)
X86_OP(sldt) X86_OP(str) X86_OP(lldt) X86_OP(ltr) X86_OP(sgdt) X86_OP(sidt) X86_OP(lgdt)
X86_OP(lidt) X86_OP(smsw) X86_OP(lmsw) X86_OP(clts) X86_OP(invlpg) X86_OP(invpcid)
X86_OP(mov_from_cr) X86_OP(mov_to_cr) X86_OP(mov_from_dr) X86_OP(mov_to_dr) X86_OP(rdmsr)
X86_OP(wrmsr) X86_OP(rdtsc) X86_OP(rdtscp) X86_OP(rdpmc) X86_OP(rdpid) X86_OP(cpuid)
X86_OP(syscall) X86_OP(sysret) X86_OP(sysenter) X86_OP(sysexit) X86_OP(swapgs) X86_OP(rsm)
X86_OP(invd) X86_OP(wbinvd) X86_OP(ud0) X86_OP(ud1)
X86_OP(xgetbv) X86_OP(xsetbv) X86_OP(clac) X86_OP(stac) X86_OP(rdpkru) X86_OP(wrpkru)
X86_OP(vmcall) X86_OP(vmmcall) X86_OP(monitor) X86_OP(mwait)
X86_OP(rdfsbase) X86_OP(rdgsbase) X86_OP(wrfsbase) X86_OP(wrgsbase) X86_OP(serialize)
X86_OP(vmrun) X86_OP(vmload) X86_OP(vmsave) X86_OP(stgi) X86_OP(clgi) X86_OP(skinit)
X86_OP(invlpga)

/*
 * x87: all of D8 to DF is one op; cond is the escape's low three bits, modrm the
 * raw byte. Engine soft. The state instructions below are ops of their own.
 */
X86_OP(x87) X86_OP(fwait) X86_OP(emms) X86_OP(fxsave) X86_OP(fxrstor) X86_OP(ldmxcsr)
X86_OP(stmxcsr) X86_OP(xsave) X86_OP(xsavec) X86_OP(xsaveopt) X86_OP(xsaves)
X86_OP(xrstor) X86_OP(xrstors)

/*
 * MMX and SSE. opsize is the register width: 8 for MMX, 16 for XMM. How much
 * memory is touched follows from the op. Where a general register or its
 * memory is an operand, srcsize is its size. _st: rm is the destination.
 *
 * Moves.
 */
X86_OP(movups) X86_OP(movupd) X86_OP(movss) X86_OP(movsd_x) X86_OP(movlps) X86_OP(movlpd)
X86_OP(movhps) X86_OP(movhpd) X86_OP(movaps) X86_OP(movapd) X86_OP(movdqa) X86_OP(movdqu)
X86_OP(movq)
X86_OP(movups_st) X86_OP(movupd_st) X86_OP(movss_st) X86_OP(movsd_x_st) X86_OP(movlps_st)
X86_OP(movlpd_st) X86_OP(movhps_st) X86_OP(movhpd_st) X86_OP(movaps_st) X86_OP(movapd_st)
X86_OP(movdqa_st) X86_OP(movdqu_st) X86_OP(movq_st) X86_OP(movq_x) X86_OP(movq_x_st)
X86_OP(movd) X86_OP(movd_st) X86_OP(movq2dq) X86_OP(movdq2q)
X86_OP(movsldup) X86_OP(movshdup) X86_OP(movddup) X86_OP(lddqu) X86_OP(movntps)
X86_OP(movntpd) X86_OP(movntdq) X86_OP(movntq) X86_OP(movntdqa) X86_OP(movmskps)
X86_OP(movmskpd) X86_OP(pmovmskb)
X86_OP(maskmovq) X86_OP(maskmovdqu)

/* Floating point arithmetic. */
X86_OP(addps) X86_OP(addpd) X86_OP(addss) X86_OP(addsd) X86_OP(mulps) X86_OP(mulpd)
X86_OP(mulss) X86_OP(mulsd) X86_OP(subps) X86_OP(subpd) X86_OP(subss) X86_OP(subsd)
X86_OP(divps) X86_OP(divpd) X86_OP(divss) X86_OP(divsd)
X86_OP(minps) X86_OP(minpd) X86_OP(minss) X86_OP(minsd) X86_OP(maxps) X86_OP(maxpd)
X86_OP(maxss) X86_OP(maxsd) X86_OP(sqrtps) X86_OP(sqrtpd) X86_OP(sqrtss) X86_OP(sqrtsd)
X86_OP(rsqrtps) X86_OP(rsqrtss) X86_OP(rcpps) X86_OP(rcpss)
X86_OP(andps) X86_OP(andpd) X86_OP(andnps) X86_OP(andnpd) X86_OP(orps) X86_OP(orpd)
X86_OP(xorps) X86_OP(xorpd) X86_OP(cmpps) X86_OP(cmppd) X86_OP(cmpss) X86_OP(cmpsd)
X86_OP(ucomiss) X86_OP(ucomisd) X86_OP(comiss) X86_OP(comisd)
X86_OP(haddps) X86_OP(haddpd) X86_OP(hsubps) X86_OP(hsubpd) X86_OP(addsubps)
X86_OP(addsubpd) X86_OP(dpps) X86_OP(dppd) X86_OP(roundps) X86_OP(roundpd) X86_OP(roundss)
X86_OP(roundsd)
X86_OP(blendps) X86_OP(blendpd) X86_OP(blendvps) X86_OP(blendvpd) X86_OP(shufps)
X86_OP(shufpd) X86_OP(unpcklps) X86_OP(unpcklpd) X86_OP(unpckhps) X86_OP(unpckhpd)
X86_OP(insertps) X86_OP(extractps)

/* Conversions. */
X86_OP(cvtpi2ps) X86_OP(cvtpi2pd) X86_OP(cvtsi2ss) X86_OP(cvtsi2sd) X86_OP(cvtps2pi)
X86_OP(cvtpd2pi) X86_OP(cvttps2pi) X86_OP(cvttpd2pi) X86_OP(cvtss2si) X86_OP(cvtsd2si)
X86_OP(cvttss2si)
X86_OP(cvttsd2si) X86_OP(cvtps2pd) X86_OP(cvtpd2ps) X86_OP(cvtss2sd) X86_OP(cvtsd2ss)
X86_OP(cvtdq2ps) X86_OP(cvtps2dq) X86_OP(cvttps2dq) X86_OP(cvtdq2pd) X86_OP(cvtpd2dq)
X86_OP(cvttpd2dq)

/* Packed integers. */
X86_OP(punpcklbw) X86_OP(punpcklwd) X86_OP(punpckldq) X86_OP(punpcklqdq) X86_OP(punpckhbw)
X86_OP(punpckhwd) X86_OP(punpckhdq) X86_OP(punpckhqdq)
X86_OP(packsswb) X86_OP(packuswb) X86_OP(packssdw) X86_OP(packusdw) X86_OP(pcmpgtb)
X86_OP(pcmpgtw) X86_OP(pcmpgtd) X86_OP(pcmpgtq) X86_OP(pcmpeqb) X86_OP(pcmpeqw)
X86_OP(pcmpeqd) X86_OP(pcmpeqq)
X86_OP(pshufw) X86_OP(pshufd) X86_OP(pshufhw) X86_OP(pshuflw) X86_OP(pshufb)
X86_OP(palignr)
X86_OP(psrlw) X86_OP(psrld) X86_OP(psrlq) X86_OP(psraw) X86_OP(psrad) X86_OP(psllw)
X86_OP(pslld) X86_OP(psllq) X86_OP(psrldq) X86_OP(pslldq)
X86_OP(psrlw_i) X86_OP(psrld_i) X86_OP(psrlq_i) X86_OP(psraw_i) X86_OP(psrad_i)
X86_OP(psllw_i) X86_OP(pslld_i) X86_OP(psllq_i)
X86_OP(paddb) X86_OP(paddw) X86_OP(paddd) X86_OP(paddq) X86_OP(paddsb) X86_OP(paddsw)
X86_OP(paddusb) X86_OP(paddusw) X86_OP(psubb) X86_OP(psubw) X86_OP(psubd) X86_OP(psubq)
X86_OP(psubsb) X86_OP(psubsw) X86_OP(psubusb) X86_OP(psubusw)
X86_OP(pmullw) X86_OP(pmulhw) X86_OP(pmulhuw) X86_OP(pmulhrsw) X86_OP(pmuludq)
X86_OP(pmuldq) X86_OP(pmulld) X86_OP(pmaddwd) X86_OP(pmaddubsw) X86_OP(psadbw)
X86_OP(mpsadbw)
X86_OP(pminub) X86_OP(pminuw) X86_OP(pminud) X86_OP(pminsb) X86_OP(pminsw) X86_OP(pminsd)
X86_OP(pmaxub) X86_OP(pmaxuw) X86_OP(pmaxud) X86_OP(pmaxsb) X86_OP(pmaxsw) X86_OP(pmaxsd)
X86_OP(pavgb) X86_OP(pavgw)
X86_OP(pand) X86_OP(pandn) X86_OP(por) X86_OP(pxor) X86_OP(pabsb) X86_OP(pabsw)
X86_OP(pabsd) X86_OP(psignb) X86_OP(psignw) X86_OP(psignd)
X86_OP(phaddw) X86_OP(phaddd) X86_OP(phaddsw) X86_OP(phsubw) X86_OP(phsubd)
X86_OP(phsubsw) X86_OP(phminposuw)
X86_OP(pinsrb) X86_OP(pinsrw) X86_OP(pinsrd) X86_OP(pextrb) X86_OP(pextrw) X86_OP(pextrd)
X86_OP(pblendvb) X86_OP(pblendw) X86_OP(ptest)
X86_OP(pmovsxbw) X86_OP(pmovsxbd) X86_OP(pmovsxbq) X86_OP(pmovsxwd) X86_OP(pmovsxwq)
X86_OP(pmovsxdq) X86_OP(pmovzxbw) X86_OP(pmovzxbd) X86_OP(pmovzxbq) X86_OP(pmovzxwd)
X86_OP(pmovzxwq) X86_OP(pmovzxdq)
X86_OP(pcmpestrm) X86_OP(pcmpestri) X86_OP(pcmpistrm) X86_OP(pcmpistri)

/* AES, carry-less multiplication, SHA. */
X86_OP(aesenc) X86_OP(aesenclast) X86_OP(aesdec) X86_OP(aesdeclast) X86_OP(aesimc)
X86_OP(aeskeygenassist) X86_OP(pclmulqdq)
X86_OP(sha1rnds4) X86_OP(sha1nexte) X86_OP(sha1msg1) X86_OP(sha1msg2) X86_OP(sha256rnds2)
X86_OP(sha256msg1) X86_OP(sha256msg2)
