// SPDX-License-Identifier: GPL-2.0-or-later
/* x87_mem.c - loads from memory and stores to it, in all formats. */
#include "core/x86/cpuid.h"
#include "engine/soft/x87_host.h"

#define HANDLER(name) static int name(struct x86_cpu *c, const struct x86_insn *in)

/* A memory operand: at most ten bytes. */
union operand {
	u64 q;
	u8 b[10];
};

/* Ten bytes are two accesses, as on processors: the first part of a store may
 * be done when the second faults. */
static __always_inline int operand_load(struct x86_cpu *c, const struct x86_insn *in, u64 ea,
					union operand *v, unsigned int n)
{
	u64 high;
	int r = x86_load(c, in->seg, ea, min(n, 8u), &v->q);

	if (n <= 8 || unlikely(r))
		return r;
	r = x86_load(c, in->seg, ea + 8, 2, &high);
	memcpy(v->b + 8, &high, 2);
	return r;
}

static __always_inline int operand_store(struct x86_cpu *c, const struct x86_insn *in, u64 ea,
					 const union operand *v, unsigned int n)
{
	u16 high;
	int r = x86_store(c, in->seg, ea, min(n, 8u), v->q);

	if (n <= 8 || unlikely(r))
		return r;
	memcpy(&high, v->b + 8, 2);
	return x86_store(c, in->seg, ea + 8, 2, high);
}

/* Loads. Integers and BCD raise nothing, floats may. */

typedef u16 (*load_fn)(struct x87_reg *r, const union operand *v);

#define HOST_LOAD(name, insn) \
	static u16 host_##name(struct x87_reg *r, const union operand *v) \
	{ \
		u16 sw; \
		__asm__ volatile(insn " %[v]\n\t" X87_STATUS "fstpt %[r]" \
				 : [sw] "=&a"(sw), [r] "=m"(*r) : [v] "m"(*v) : "cc"); \
		return sw; \
	}
/* An unmasked invalid operation keeps a float from being pushed, and only that. */
#define HOST_LOAD_FLOAT(name, insn) \
	static u16 host_##name(struct x87_reg *r, const union operand *v) \
	{ \
		u16 sw, before; \
		__asm__ volatile("fnstsw %w[sw]\n\tmovw %w[sw], %[old]\n\t" \
				 insn " %[v]\n\t" X87_STATUS \
				 "xorw %w[sw], %[old]\n\ttestw $0x3800, %[old]\n\tjz 8f\n\t" \
				 "fstpt %[r]\n8:" \
				 : [sw] "=&a"(sw), [old] "=&r"(before), [r] "+m"(*r) \
				 : [v] "m"(*v) : "cc"); \
		return sw; \
	}

static __always_inline int load(struct x86_cpu *c, const struct x86_insn *in, load_fn fn,
				unsigned int n)
{
	struct x87_reg r = x87_indefinite;
	struct x86_fpu *f = &c->fpu;
	u64 ea = x86_ea(c, in);
	union operand v;
	bool go;
	int err;
	u16 sw;

	if (x87_off(c))
		return x87_denied(c);
	err = operand_load(c, in, ea, &v, n);
	if (unlikely(err))
		return err;
	x87_note(c, in, ea);
	if (unlikely(!x87_empty(f, 7))) {
		go = x87_stack_fault(f, true);
	} else {
		host_x87_begin(f);
		sw = fn(&r, &v);
		host_x87_end(f);
		go = x87_done(f, sw, FSW_C1, FSW_IE);
	}
	if (go)
		x87_push(f, &r);
	return RUN_OK;
}

#define LOAD(name, insn, n, kind) \
	kind(name, insn) \
	HANDLER(do_##name) { return load(c, in, host_##name, n); }
LOAD(fld_f32, "flds", 4, HOST_LOAD_FLOAT)
LOAD(fld_f64, "fldl", 8, HOST_LOAD_FLOAT)
LOAD(fld_f80, "fldt", 10, HOST_LOAD)
LOAD(fild_16, "filds", 2, HOST_LOAD)
LOAD(fild_32, "fildl", 4, HOST_LOAD)
LOAD(fild_64, "fildll", 8, HOST_LOAD)
LOAD(fbld, "fbld", 10, HOST_LOAD)

/*
 * Stores. The host's instruction is always the popping one; an exception that
 * keeps it from storing keeps it from popping as well.
 */

typedef u16 (*store_fn)(union operand *v, const struct x87_reg *a);

#define HOST_STORE(name, insn) \
	static u16 host_##name(union operand *v, const struct x87_reg *a) \
	{ \
		u16 sw, before; \
		__asm__ volatile("fldt %[a]\n\tfnstsw %w[sw]\n\tmovw %w[sw], %[old]\n\t" \
				 insn " %[v]\n\t" X87_STATUS \
				 "xorw %w[sw], %[old]\n\ttestw $0x3800, %[old]\n\tjnz 8f\n\t" \
				 "fstp %%st(0)\n8:" \
				 : [sw] "=&a"(sw), [old] "=&r"(before), [v] "+m"(*v) \
				 : [a] "m"(*a) : "cc"); \
		return sw; \
	}

static __always_inline int store(struct x86_cpu *c, const struct x86_insn *in, store_fn fn,
				 unsigned int n, bool pop)
{
	struct x86_fpu *f = &c->fpu;
	union operand v = { 0 };
	u64 ea = x86_ea(c, in);
	u16 old = f->fsw;
	bool go;
	int err;
	u16 sw;

	if (x87_off(c))
		return x87_denied(c);
	host_x87_begin(f);
	if (unlikely(x87_empty(f, 0))) {
		go = x87_stack_fault(f, false);
		fn(&v, &x87_indefinite);
	} else {
		sw = fn(&v, x87_st(f, 0));
		go = x87_done(f, sw, FSW_C1, X87_STOP_MEM);
	}
	host_x87_end(f);
	if (likely(go)) {
		err = operand_store(c, in, ea, &v, n);
		if (unlikely(err)) {
			f->fsw = old;
			return err;
		}
	}
	x87_note(c, in, ea);
	if (go && pop)
		x87_pop(f);
	return RUN_OK;
}

#define STORE(name, insn, n) \
	HOST_STORE(name, insn) \
	HANDLER(do_##name) { return store(c, in, host_##name, n, false); } \
	HANDLER(do_##name##_pop) { return store(c, in, host_##name, n, true); }
#define STORE_POP(name, insn, n) \
	HOST_STORE(name, insn) \
	HANDLER(do_##name##_pop) { return store(c, in, host_##name, n, true); }
STORE(fst_f32, "fstps", 4)
STORE(fst_f64, "fstpl", 8)
STORE_POP(fst_f80, "fstpt", 10)
STORE(fist_16, "fistps", 2)
STORE(fist_32, "fistpl", 4)
STORE_POP(fist_64, "fistpll", 8)
STORE_POP(fbst, "fbstp", 10)

/* FISTTP came with SSE3, which a host may lack: FISTP that rounds to zero. */
#define STORE_TRUNC(n) \
	static u16 host_fistt_##n(union operand *v, const struct x87_reg *a) \
	{ \
		u16 cw, trunc, sw; \
		__asm__ volatile("fnstcw %0" : "=m"(cw)); \
		trunc = cw | 0xc00; \
		__asm__ volatile("fldcw %0" : : "m"(trunc)); \
		sw = host_fist_##n(v, a); \
		__asm__ volatile("fldcw %0" : : "m"(cw)); \
		return sw & ~FSW_C1; \
	} \
	HANDLER(do_fistt_##n##_pop) \
	{ \
		if (!x86_has(c, XF_SSE3)) \
			return x86_raise(c, X86_UD); \
		return store(c, in, host_fistt_##n, n / 8, true); \
	}
STORE_TRUNC(16)
STORE_TRUNC(32)
STORE_TRUNC(64)

x86_exec_fn x87_exec_mem(const struct x86_insn *in)
{
	static const x86_exec_fn fns[4][8] = {	/* D9, DB, DD, DF */
		{ do_fld_f32, NULL, do_fst_f32, do_fst_f32_pop },
		{ do_fild_32, do_fistt_32_pop, do_fist_32, do_fist_32_pop,
		  NULL, do_fld_f80, NULL, do_fst_f80_pop },
		{ do_fld_f64, do_fistt_64_pop, do_fst_f64, do_fst_f64_pop },
		{ do_fild_16, do_fistt_16_pop, do_fist_16, do_fist_16_pop,
		  do_fbld, do_fild_64, do_fbst_pop, do_fist_64_pop },
	};

	if (!(in->flags & IN_MEM) || !(in->cond & 1))
		return NULL;
	return fns[in->cond >> 1 & 3][in->modrm >> 3 & 7];
}
