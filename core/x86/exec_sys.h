/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec_sys.h - what the handlers of system instructions share (exec_sys*.c). */
#ifndef CORE_X86_EXEC_SYS_H
#define CORE_X86_EXEC_SYS_H

#include "core/x86/cpuid.h"
#include "core/x86/insn.h"
#include "core/x86/seg.h"

#define EXEC(name) int x86_sys_##name(struct x86_cpu *c, const struct x86_insn *in)

static inline int exec_gp0(struct x86_cpu *c) { return x86_raise_err(c, X86_GP, 0); }
static inline int exec_ud(struct x86_cpu *c) { return x86_raise(c, X86_UD); }

/* The operand of ModRM.rm. */
static inline int exec_rm_get(struct x86_cpu *c, const struct x86_insn *in, unsigned int size,
			      u64 *val)
{
	if (in->flags & IN_MEM)
		return x86_load(c, in->seg, x86_ea(c, in), size, val);
	*val = x86_reg_get(c, in->rm, size);
	return RUN_OK;
}

static inline int exec_rm_set(struct x86_cpu *c, const struct x86_insn *in, unsigned int size,
			      u64 val)
{
	if (in->flags & IN_MEM)
		return x86_store(c, in->seg, x86_ea(c, in), size, val);
	x86_reg_set(c, in->rm, size, val);
	return RUN_OK;
}

/* EDX:EAX, as RDMSR, RDTSC and XGETBV return it. */
static inline void exec_set_edx_eax(struct x86_cpu *c, u64 v)
{
	c->gpr[X86_RAX] = (u32)v;
	c->gpr[X86_RDX] = v >> 32;
}

static inline u64 exec_edx_eax(const struct x86_cpu *c)
{
	return (u32)c->gpr[X86_RAX] | c->gpr[X86_RDX] << 32;
}

/* The caller of a handler that faulted puts RIP back; a fault that belongs to
 * a task switched to must keep that task's. */
static inline int exec_moved(struct x86_cpu *c, const struct x86_insn *in, int r, bool moved)
{
	if (r == RUN_FAULT && moved)
		c->gpr[X86_RIP] += in->len;
	return r == RUN_OK ? RUN_END : r;
}

#define SYS_OPS(X)									\
	X(popf) X(cli) X(sti) X(hlt) X(int) X(int3) X(int1) X(into) X(iret)		\
	X(push_seg) X(pop_seg) X(mov_from_seg) X(mov_to_seg) X(lxs)			\
	X(call_far) X(call_far_ind) X(jmp_far) X(jmp_far_ind) X(ret_far)		\
	X(arpl) X(lar) X(lsl) X(verr) X(verw) X(sldt) X(str) X(lldt) X(ltr)		\
	X(sgdt) X(sidt) X(lgdt) X(lidt) X(smsw) X(lmsw) X(clts) X(invlpg) X(invpcid)	\
	X(mov_from_cr) X(mov_to_cr) X(mov_from_dr) X(mov_to_dr) X(rdmsr) X(wrmsr)	\
	X(rdtsc) X(rdtscp) X(rdpmc) X(rdpid) X(cpuid) X(syscall) X(sysret) X(sysenter)	\
	X(sysexit) X(swapgs) X(rsm) X(wbinvd) X(xgetbv) X(xsetbv) X(clac) X(stac)	\
	X(rdpkru) X(wrpkru) X(hypercall) X(monitor) X(mwait) X(rdfsbase) X(rdgsbase)	\
	X(wrfsbase) X(wrgsbase) X(serialize) X(undefined)

#define SYS_DECLARE(name) EXEC(name);
SYS_OPS(SYS_DECLARE)

#endif
