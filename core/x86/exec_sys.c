// SPDX-License-Identifier: GPL-2.0-or-later
/* exec_sys.c - the table of system instructions, and those about RFLAGS, MSRs,
 * time and identity. */
#include "core/x86/exec_sys.h"

x86_exec_fn x86_exec_sys(const struct x86_insn *in)
{
#define ROW(name) [OP_##name] = x86_sys_##name
	static const x86_exec_fn table[OP_COUNT] = {
		ROW(popf), ROW(cli), ROW(sti), ROW(hlt), ROW(int), ROW(int3), ROW(int1),
		ROW(into), ROW(iret), ROW(push_seg), ROW(pop_seg), ROW(mov_from_seg),
		ROW(mov_to_seg), ROW(call_far), ROW(call_far_ind), ROW(jmp_far),
		ROW(jmp_far_ind), ROW(ret_far), ROW(arpl), ROW(lar), ROW(lsl), ROW(verr),
		ROW(verw), ROW(sldt), ROW(str), ROW(lldt), ROW(ltr), ROW(sgdt), ROW(sidt),
		ROW(lgdt), ROW(lidt), ROW(smsw), ROW(lmsw), ROW(clts), ROW(invlpg),
		ROW(invpcid), ROW(mov_from_cr), ROW(mov_to_cr), ROW(mov_from_dr),
		ROW(mov_to_dr), ROW(rdmsr), ROW(wrmsr), ROW(rdtsc), ROW(rdtscp), ROW(rdpmc),
		ROW(rdpid), ROW(cpuid), ROW(syscall), ROW(sysret), ROW(sysenter),
		ROW(sysexit), ROW(swapgs), ROW(rsm), ROW(wbinvd), ROW(xgetbv), ROW(xsetbv),
		ROW(clac), ROW(stac), ROW(rdpkru), ROW(wrpkru), ROW(monitor), ROW(mwait),
		ROW(rdfsbase), ROW(rdgsbase), ROW(wrfsbase), ROW(wrgsbase), ROW(serialize),
		[OP_lds] = x86_sys_lxs, [OP_les] = x86_sys_lxs, [OP_lss] = x86_sys_lxs,
		[OP_lfs] = x86_sys_lxs, [OP_lgs] = x86_sys_lxs,
		[OP_invd] = x86_sys_wbinvd,
		[OP_vmcall] = x86_sys_hypercall, [OP_vmmcall] = x86_sys_hypercall,
		[OP_ud] = x86_sys_undefined, [OP_ud0] = x86_sys_undefined,
		[OP_ud1] = x86_sys_undefined,
		/* SVM is not there while EFER.SVME cannot be made to mean anything. */
		[OP_vmrun] = x86_sys_undefined, [OP_vmload] = x86_sys_undefined,
		[OP_vmsave] = x86_sys_undefined, [OP_stgi] = x86_sys_undefined,
		[OP_clgi] = x86_sys_undefined, [OP_skinit] = x86_sys_undefined,
		[OP_invlpga] = x86_sys_undefined,
	};
#undef ROW
	return table[in->op];
}

EXEC(undefined)
{
	return exec_ud(c);
}

/*
 * POPF's rules. What may change: the arithmetic and mode flags always, IF at
 * CPL <= IOPL, IOPL at CPL 0, AC and ID with 32 bits or more; RF becomes 0,
 * VM, VIF and VIP stay.
 */
int x86_popf_value(struct x86_cpu *c, u64 val, unsigned int size)
{
	u64 old = x86_rflags(c), mask = X86_F_ARITH | X86_F_TF | X86_F_DF | X86_F_NT, new;

	if (size > 2)
		mask |= X86_F_AC | X86_F_ID | X86_F_RF;
	if (x86_v86(c) && x86_iopl(c) < 3) {
		if (!(c->cr4 & X86_CR4_VME) || size != 2 || val & X86_F_TF ||
		    (val & X86_F_IF && old & X86_F_VIP))
			return exec_gp0(c);
		mask |= X86_F_VIF;
		val = (val & ~(u64)X86_F_VIF) | (val & X86_F_IF ? X86_F_VIF : 0);
	} else {
		if (c->cpl <= x86_iopl(c))
			mask |= X86_F_IF;
		if (c->cpl == 0)
			mask |= X86_F_IOPL;
	}
	new = (old & ~mask) | (val & mask & ~(u64)X86_F_RF);
	x86_update_rflags(c, new);
	return (old ^ new) & (X86_F_IF | X86_F_TF | X86_F_AC | X86_F_VIF) ? RUN_END : RUN_OK;
}

EXEC(popf)
{
	u64 sp = c->gpr[X86_RSP], val;
	int r = x86_pop(c, in->opsize, &val);

	if (r)
		return r;
	r = x86_popf_value(c, val, in->opsize);
	if (r == RUN_FAULT)
		c->gpr[X86_RSP] = sp;
	return r;
}

/* CLI and STI: which flag do they mean? 0: none, #GP(0). */
static u32 interrupt_flag(const struct x86_cpu *c)
{
	if (!(c->cr0 & X86_CR0_PE) || c->cpl <= x86_iopl(c))
		return X86_F_IF;
	if (x86_v86(c))
		return c->cr4 & X86_CR4_VME ? X86_F_VIF : 0;
	return c->cpl == 3 && c->cr4 & X86_CR4_PVI ? X86_F_VIF : 0;
}

EXEC(cli)
{
	u32 flag = interrupt_flag(c);

	if (!flag)
		return exec_gp0(c);
	c->rflags &= ~(u64)flag;
	return RUN_OK;
}

EXEC(sti)
{
	u32 flag = interrupt_flag(c);

	if (!flag || (flag == X86_F_VIF && c->rflags & X86_F_VIP))
		return exec_gp0(c);
	if (c->rflags & flag)
		return RUN_OK;
	c->rflags |= flag;
	if (flag == X86_F_IF)
		c->shadow = X86_SHADOW_STI;
	return RUN_END;
}

EXEC(hlt)
{
	return c->cpl ? exec_gp0(c) : RUN_HALT;
}

static int set_ac(struct x86_cpu *c, u64 ac)
{
	if (c->cpl || !x86_has(c, XF_SMAP))
		return exec_ud(c);
	x86_update_rflags(c, (x86_rflags(c) & ~(u64)X86_F_AC) | ac);
	return RUN_OK;
}

EXEC(clac) { return set_ac(c, 0); }
EXEC(stac) { return set_ac(c, X86_F_AC); }

EXEC(rdmsr)
{
	u64 val;
	int r;

	if (c->cpl)
		return exec_gp0(c);
	r = c->env->rdmsr(c, c->gpr[X86_RCX], &val);
	if (!r)
		exec_set_edx_eax(c, val);
	return r;
}

EXEC(wrmsr)
{
	int r;

	if (c->cpl)
		return exec_gp0(c);
	r = c->env->wrmsr(c, c->gpr[X86_RCX], exec_edx_eax(c));
	/* It may have been EFER or a segment base. */
	return r == RUN_OK ? RUN_END : r;
}

static bool tsc_forbidden(const struct x86_cpu *c)
{
	return c->cpl && c->cr4 & X86_CR4_TSD && c->cr0 & X86_CR0_PE;
}

EXEC(rdtsc)
{
	if (tsc_forbidden(c))
		return exec_gp0(c);
	exec_set_edx_eax(c, c->env->tsc(c));
	return RUN_OK;
}

EXEC(rdtscp)
{
	if (!x86_has(c, XF_RDTSCP))
		return exec_ud(c);
	if (tsc_forbidden(c))
		return exec_gp0(c);
	exec_set_edx_eax(c, c->env->tsc(c));
	c->gpr[X86_RCX] = (u32)c->tsc_aux;
	return RUN_OK;
}

EXEC(rdpid)
{
	if (!x86_has(c, XF_RDPID))
		return exec_ud(c);
	x86_reg_set(c, in->rm, 8, (u32)c->tsc_aux);
	return RUN_OK;
}

/* There are no performance counters. */
EXEC(rdpmc)
{
	return exec_gp0(c);
}

EXEC(cpuid)
{
	u32 out[4] = { 0 };

	c->env->cpuid(c, c->gpr[X86_RAX], c->gpr[X86_RCX], out);
	c->gpr[X86_RAX] = out[0];
	c->gpr[X86_RBX] = out[1];
	c->gpr[X86_RCX] = out[2];
	c->gpr[X86_RDX] = out[3];
	return RUN_OK;
}

EXEC(xgetbv)
{
	u32 index = c->gpr[X86_RCX];

	if (!(c->cr4 & X86_CR4_OSXSAVE))
		return exec_ud(c);
	if (index == 0 || (index == 1 && x86_has(c, XF_XGETBV1))) {
		exec_set_edx_eax(c, c->xcr0);
		return RUN_OK;
	}
	return exec_gp0(c);
}

EXEC(xsetbv)
{
	u64 val = exec_edx_eax(c), ok = 3;

	if (!(c->cr4 & X86_CR4_OSXSAVE))
		return exec_ud(c);
	if (x86_has(c, XF_AVX))
		ok |= X86_XC_AVX;
	if (x86_has(c, XF_PKU))
		ok |= X86_XC_PKRU;
	/* x87 always; AVX only with SSE. */
	if (c->cpl || (u32)c->gpr[X86_RCX] || val & ~(ok & X86_XCR0_ALL) || !(val & 1) ||
	    (val & 6) == 4)
		return exec_gp0(c);
	c->xcr0 = val;
	if (c->env->mode_changed)
		c->env->mode_changed(c);
	return RUN_END;
}

EXEC(rdpkru)
{
	if (!(c->cr4 & X86_CR4_PKE))
		return exec_ud(c);
	if ((u32)c->gpr[X86_RCX])
		return exec_gp0(c);
	exec_set_edx_eax(c, c->pkru);
	return RUN_OK;
}

EXEC(wrpkru)
{
	if (!(c->cr4 & X86_CR4_PKE))
		return exec_ud(c);
	if ((u32)c->gpr[X86_RCX] || (u32)c->gpr[X86_RDX])
		return exec_gp0(c);
	c->pkru = c->gpr[X86_RAX];
	/* Cached permissions include the old keys'. */
	if (c->env->flush)
		c->env->flush(c, X86_FLUSH_ALL, 0);
	return RUN_END;
}

#define QUIRK_FIX_HYPERCALL	(1ull << 5)	/* KVM_X86_QUIRK_FIX_HYPERCALL_INSN */
#define QUIRK_MWAIT_NO_UD	(1ull << 6)	/* KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS */

static bool quirk_off(struct x86_cpu *c, u64 quirk)
{
	return c->env->quirk_off && c->env->quirk_off(c, quirk);
}

/* KVM writes the processor's own instruction over the other vendor's. Ours does
 * both, so a store that fails does no harm. */
static int fix_hypercall(struct x86_cpu *c)
{
	static const u8 vmmcall[3] = { 0x0f, 0x01, 0xd9 };
	struct x86_exc exc = c->exc;
	int r;

	if (quirk_off(c, QUIRK_FIX_HYPERCALL))
		return exec_ud(c);
	r = x86_store_buf(c, X86_CS, c->gpr[X86_RIP] - sizeof(vmmcall), vmmcall, sizeof(vmmcall));
	c->exc = exc;
	return r < 0 ? r : RUN_OK;
}

EXEC(hypercall)
{
	int r = in->op == OP_vmcall && c->mode == X86_MODE64 ? fix_hypercall(c) : RUN_OK;

	if (r)
		return r;
	return c->env->hypercall ? c->env->hypercall(c) : exec_ud(c);
}

/* Guests use these without asking CPUID, and KVM lets them. */
static bool no_mwait(struct x86_cpu *c)
{
	return c->cpl || (!x86_has(c, XF_MONITOR) && quirk_off(c, QUIRK_MWAIT_NO_UD));
}

EXEC(monitor)
{
	u64 v, ea = c->gpr[X86_RAX] & (in->adsize == 8 ? ~0ull : in->adsize == 4 ? 0xffffffff : 0xffff);

	if (no_mwait(c))
		return exec_ud(c);
	if ((u32)c->gpr[X86_RCX])
		return exec_gp0(c);
	return x86_load(c, in->seg <= X86_GS ? in->seg : X86_DS, ea, 1, &v);
}

/* Waking early is allowed, so this does not wait at all. */
EXEC(mwait)
{
	if (no_mwait(c))
		return exec_ud(c);
	return c->gpr[X86_RCX] & ~1ull ? exec_gp0(c) : RUN_END;
}

EXEC(serialize)
{
	return x86_has(c, XF_SERIALIZE) ? RUN_END : exec_ud(c);
}

EXEC(wbinvd)
{
	return c->cpl ? exec_gp0(c) : RUN_OK;
}

EXEC(rsm)
{
	return x86_rsm(c);
}
