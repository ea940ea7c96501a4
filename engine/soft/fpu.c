// SPDX-License-Identifier: GPL-2.0-or-later
/* fpu.c - the way in: which handler executes an x87 or SIMD instruction. */
#include <cpuid.h>
#include "engine/soft/sse.h"

/* Bit 31 says that the rest is known. Racing threads store the same value. */
static unsigned int host_simd;

unsigned int soft_host_simd(void)
{
	unsigned int a, b, cx = 0, d, v;

	v = __atomic_load_n(&host_simd, __ATOMIC_RELAXED);
	if (v)
		return v;
	v = 1u << 31;
	if (__get_cpuid(1, &a, &b, &cx, &d)) {
		v |= cx & bit_SSE4_2 ? SOFT_HOST_SSE42 : 0;
		v |= cx & bit_AES ? SOFT_HOST_AES : 0;
		v |= cx & bit_PCLMUL ? SOFT_HOST_PCLMUL : 0;
	}
	__atomic_store_n(&host_simd, v, __ATOMIC_RELAXED);
	return v;
}

void soft_host_simd_hide(unsigned int mask)
{
	unsigned int v = soft_host_simd() & ~(mask & ~(1u << 31));

	__atomic_store_n(&host_simd, v, __ATOMIC_RELAXED);
}

int sse_denied(struct x86_cpu *c, enum x86_feature f)
{
	if (c->cr0 & X86_CR0_EM || !(c->cr4 & X86_CR4_OSFXSR) || !x86_has(c, f))
		return x86_raise(c, X86_UD);
	return x86_raise(c, X86_NM);
}

int mmx_denied(struct x86_cpu *c, enum x86_feature f)
{
	if (c->cr0 & X86_CR0_EM || !x86_has(c, f))
		return x86_raise(c, X86_UD);
	return x86_raise(c, c->cr0 & X86_CR0_TS ? X86_NM : X86_MF);
}

static bool misaligned(const struct x86_cpu *c, const struct x86_insn *in, unsigned int n)
{
	return ((c->eseg[in->seg].base + x86_ea(c, in)) & (n - 1)) != 0;
}

/* Those instructions that allow unaligned 16 bytes do not raise #AC either. */
int simd_load_slow(struct x86_cpu *c, const struct x86_insn *in, void *buf, unsigned int n,
		   bool aligned)
{
	bool ac = c->ac_check;
	int r;

	if (aligned && misaligned(c, in, n))
		return x86_raise_err(c, X86_GP, 0);
	if (n == 16)
		c->ac_check = false;
	r = x86_load_buf(c, in->seg, x86_ea(c, in), buf, n);
	c->ac_check = ac;
	return r;
}

int simd_store_slow(struct x86_cpu *c, const struct x86_insn *in, const void *buf,
		    unsigned int n, bool aligned)
{
	bool ac = c->ac_check;
	int r;

	if (aligned && misaligned(c, in, n))
		return x86_raise_err(c, X86_GP, 0);
	if (n == 16)
		c->ac_check = false;
	r = x86_store_buf(c, in->seg, x86_ea(c, in), buf, n);
	c->ac_check = ac;
	return r;
}

int simd_xm_slow(struct x86_cpu *c, const struct x86_insn *in, simd_fn fn, unsigned int n,
		 bool aligned)
{
	__m128i b = _mm_setzero_si128();
	int r = simd_load_slow(c, in, &b, n, aligned);

	if (!r)
		xmm_set(c, in->reg, fn(xmm(c, in->reg), b, (unsigned int)in->imm));
	return r;
}

int simd_mm_slow(struct x86_cpu *c, const struct x86_insn *in, simd_fn fn, unsigned int n)
{
	__m128i b = _mm_setzero_si128();
	int r = simd_load_slow(c, in, &b, n, false);

	if (r)
		return r;
	b = fn(low64(mmx(c, in->reg)), b, (unsigned int)in->imm);
	mmx_enter(c);
	mmx_set(c, in->reg, get64(b));
	return RUN_OK;
}

x86_exec_fn soft_exec_fpu(const struct x86_insn *in)
{
	static x86_exec_fn (*const parts[])(const struct x86_insn *) = {
		soft_exec_move, soft_exec_packed, soft_exec_float, soft_exec_convert,
		soft_exec_ext, soft_exec_string, soft_exec_crypto,
	};
	x86_exec_fn fn;

	if (in->op < OP_x87 || in->op > OP_sha256msg2)
		return NULL;
	if (in->op == OP_x87 || in->op == OP_fwait)
		return soft_exec_x87(in);
	if (in->op < SIMD_FIRST)
		return soft_exec_xsave(in);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		fn = parts[i](in);
		if (fn)
			return fn;
	}
	return NULL;
}
