/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/kvm.h>
#include "core/vm.h"
#include "core/api/pv.h"
#include "core/api/tsc.h"
#include "core/x86/cpuid.h"
#include "core/x86/msr.h"

/* Where plain values live in v->msr. */
enum msr_slot {
	MS_PAT, MS_MISC_ENABLE, MS_MCG_CAP, MS_MCG_STATUS, MS_MCG_CTL, MS_HWCR,
	MS_DE_CFG, MS_UCODE, MS_HSAVE, MS_POWER_CTL, MS_PLATFORM,
	MS_MISC_FEATURES, MS_VM_CR, MS_ARCH_CAPS,
	MS_MTRR_DEF, MS_MTRR_FIX, MS_MTRR_VAR = MS_MTRR_FIX + 11, MS_COUNT = MS_MTRR_VAR + 16
};
_Static_assert(MS_COUNT < 96, "vcpu.msr is too small");

enum msr_kind {
	MK_CPU,			/* a field of x86_cpu */
	MK_VALUE,		/* v->msr[slot] */
	MK_CONST,		/* always reads as reset; writes vanish or fault */
	MK_FN,			/* read and write below */
};

/* Flags. */
#define ML	1u		/* in KVM_GET_MSR_INDEX_LIST */
#define MH	2u		/* only user space may write */
#define MG	4u		/* writing anything raises #GP */
#define MC	8u		/* the value must be canonical */
#define MHR	16u		/* only user space may read or write */
#define MT	32u		/* made canonical instead of refused */

typedef int (*msr_get_fn)(struct vcpu *v, u32 idx, u64 *val, bool host);
typedef int (*msr_set_fn)(struct vcpu *v, u32 idx, u64 val, bool host);

struct msr_row {
	u32 first, last;
	u8 kind, flags;
	u16 where;		/* slot, or offset in x86_cpu */
	u64 reset;		/* first value; what MK_CONST reads as */
	u64 ignored;		/* bits that writes may set without effect */
	u64 writable;		/* other bits raise #GP when user space or the guest sets them */
	msr_get_fn get;
	msr_set_fn set;
};

/* --- rows with behaviour of their own --- */

void vcpu_tsc_changed(struct vcpu *v)
{
	hv_clock_changed(v->vm);
	vcpu_request(v, REQ_CLOCK);
}

static int tsc_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = vcpu_guest_tsc(v);
	return 0;
}

static int tsc_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	u64 diff;

	if (host) {
		tsc_synchronize(v, val);
	} else {
		diff = val - vcpu_guest_tsc(v);
		v->tsc_offset += diff;
		v->tsc_adjust += diff;
	}
	vcpu_tsc_changed(v);
	return 0;
}

static int tsc_adjust_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = v->tsc_adjust;
	return 0;
}

static int tsc_adjust_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (!x86_has(&v->cpu, XF_TSC_ADJUST))
		return 0;
	if (!host) {
		v->tsc_offset += val - v->tsc_adjust;
		vcpu_tsc_changed(v);
	}
	v->tsc_adjust = val;
	return 0;
}

static int efer_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = v->cpu.efer;
	return 0;
}

static int efer_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	const u64 known = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE |
			  X86_EFER_AUTOIBRS;

	if (!host)
		return x86_set_efer(&v->cpu, val);
	/* User space may say so before it has said what the CPUID is. */
	if (val & ~known)
		return 1;
	v->cpu.efer = (val & ~(u64)X86_EFER_LMA) | (v->cpu.efer & X86_EFER_LMA);
	x86_mode_update(&v->cpu);
	v->cpu.env->flush(&v->cpu, X86_FLUSH_ALL, 0);	/* NX may mean something now */
	return 0;
}

static int seg_base_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = v->cpu.seg[idx == 0xc0000100 ? X86_FS : X86_GS].base;
	return 0;
}

static int seg_base_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	unsigned int seg = idx == 0xc0000100 ? X86_FS : X86_GS;

	v->cpu.seg[seg].base = val;
	v->cpu.eseg[seg].base = val;
	return 0;
}

static int apic_base_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = lapic_get_base(v);
	return 0;
}

static int apic_base_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	u64 reserved = ~0ull << v->cpu.maxphyaddr | 0x2ff;

	if (v->apic)
		return lapic_set_base(v, val, host);
	if (val & reserved)
		return 1;
	v->apic_base = val;
	return 0;
}

static int deadline_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = v->apic ? lapic_get_tsc_deadline(v) : 0;
	return 0;
}

static int deadline_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (v->apic)
		lapic_set_tsc_deadline(v, val);
	return 0;
}

static int x2apic_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	return v->apic ? lapic_msr_read(v, idx, val) : 1;
}

static int x2apic_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	return v->apic ? lapic_msr_write(v, idx, val) : 1;
}

static int tsc_aux_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	if (!host && !x86_has(&v->cpu, XF_RDTSCP) && !x86_has(&v->cpu, XF_RDPID))
		return 1;
	*val = v->cpu.tsc_aux;
	return 0;
}

static int tsc_aux_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (!host && !x86_has(&v->cpu, XF_RDTSCP) && !x86_has(&v->cpu, XF_RDPID))
		return 1;
	v->cpu.tsc_aux = (u32)val;
	return 0;
}

static int xss_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	if (!host && !x86_has(&v->cpu, XF_XSAVES))
		return 1;
	*val = v->cpu.xss;
	return 0;
}

static int xss_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	/* No supervisor component is there to be saved. */
	if ((!host && !x86_has(&v->cpu, XF_XSAVES)) || val)
		return 1;
	return 0;
}

/* MTRRs, APM vol. 2, "Memory-Type Range Registers": kept, and without effect,
 * since guest memory has the host's memory type. */
static bool mem_type_ok(u8 t)
{
	return t == 0 || t == 1 || (t >= 4 && t <= 6);
}

static int pat_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	for (u32 i = 0; i < 8; i++)
		if (!mem_type_ok(val >> i * 8) && (u8)(val >> i * 8) != 7)
			return 1;
	v->msr[MS_PAT] = val;
	return 0;
}

static int mtrr_def_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (val & ~0xcffull || !mem_type_ok(val))
		return 1;
	v->msr[MS_MTRR_DEF] = val;
	return 0;
}

static int mtrr_fix_slot(u32 idx)
{
	if (idx == 0x250)
		return MS_MTRR_FIX;
	if (idx == 0x258 || idx == 0x259)
		return MS_MTRR_FIX + 1 + (idx - 0x258);
	return MS_MTRR_FIX + 3 + (idx - 0x268);
}

static int mtrr_fix_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = v->msr[mtrr_fix_slot(idx)];
	return 0;
}

static int mtrr_fix_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	for (u32 i = 0; i < 8; i++)
		if (!mem_type_ok(val >> i * 8))
			return 1;
	v->msr[mtrr_fix_slot(idx)] = val;
	return 0;
}

static int mtrr_var_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = v->msr[MS_MTRR_VAR + idx - 0x200];
	return 0;
}

static int mtrr_var_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	u64 reserved = ~0ull << v->cpu.maxphyaddr | (idx & 1 ? 0x7ff : 0xf00);

	if (val & reserved || (!(idx & 1) && !mem_type_ok(val)))
		return 1;
	v->msr[MS_MTRR_VAR + idx - 0x200] = val;
	return 0;
}

static int hwcr_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	/* TLB cache, flush filter and IGNNE bits do nothing here; McStatusWrEn
	 * and TscFreqSel are kept. */
	val &= ~0x148ull;
	if (val & ~(1ull << 18 | 1ull << 24))
		return 1;
	v->msr[MS_HWCR] = val;
	return 0;
}

static int de_cfg_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	/* LFENCE is serializing whatever is written: only user space says no. */
	if (val & ~2ull || (!host && val != v->msr[MS_DE_CFG]))
		return 1;
	v->msr[MS_DE_CFG] = val;
	return 0;
}

static int ucode_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (host)
		v->msr[MS_UCODE] = val;
	return 0;
}

#define MISC_MWAIT		(1ull << 18)
#define QUIRK_MISC_NO_MWAIT	(1ull << 4)	/* KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT */

static int misc_enable_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	const u64 absent = 1ull << 12 | 1ull << 11;	/* PEBS, BTS unavailable */
	const u64 pmu = 1ull << 7;			/* PMU available: writes are lost */
	u64 old = v->msr[MS_MISC_ENABLE];

	if (!host) {
		if ((old ^ val) & absent)
			return 1;
		val = (val & ~pmu) | (old & pmu);
	}
	v->msr[MS_MISC_ENABLE] = val;
	if ((old ^ val) & MISC_MWAIT && READ_ONCE(v->vm->quirks_off) & QUIRK_MISC_NO_MWAIT)
		cpuid_set_mwait(v, val & MISC_MWAIT);
	return 0;
}

/* PLATFORM_INFO: user space may want the guest not to see it. */
static int platform_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	*val = v->msr[MS_PLATFORM];
	return !host && READ_ONCE(v->vm->no_platform_info);
}

static int hsave_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (!host && (val & 0xfff || val >> v->cpu.maxphyaddr))
		return 1;
	v->msr[MS_HSAVE] = val & ~0xfffull;
	return 0;
}

static int tsc_ratio_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	return host && (!val || val == 1ull << 32) ? 0 : 1;
}

/* --- machine check --- */

static u32 mce_banks(const struct vcpu *v)
{
	return v->msr[MS_MCG_CAP] & 0xff;
}

static int mcg_ctl_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	if (!(v->msr[MS_MCG_CAP] & MSR_MCG_CAP) && !host)
		return 1;
	*val = v->msr[MS_MCG_CTL];
	return 0;
}

static int mcg_ctl_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (!(v->msr[MS_MCG_CAP] & MSR_MCG_CAP) && (val || !host))
		return 1;
	if (val && val != ~0ull)
		return 1;
	v->msr[MS_MCG_CTL] = val;
	return 0;
}

static int mce_bank_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	u32 bank = (idx - 0x400) / 4;

	if (bank >= mce_banks(v))
		return 1;
	*val = v->mce_bank[bank][idx & 3];
	return 0;
}

static int mce_bank_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	u32 bank = (idx - 0x400) / 4, reg = idx & 3;

	if (bank >= mce_banks(v))
		return 1;
	/* MCi_CTL takes all or nothing, but for bits that old kernels clear. */
	if (reg == 0 && val && (val | 1 << 10 | 1) != ~0ull)
		return 1;
	/* MCi_STATUS is cleared only, unless HWCR.McStatusWrEn. */
	if (reg == 1 && val && !host && !(v->msr[MS_HWCR] & 1ull << 18))
		return 1;
	v->mce_bank[bank][reg] = val;
	return 0;
}

int mce_setup(struct vcpu *v, u64 cap)
{
	u32 banks = cap & 0xff;

	if (!banks || banks > MSR_MCE_BANKS ||
	    cap & ~(u64)(MSR_MCG_CAP | MSR_MCG_SER | 0xff | 0xff0000))
		return -EINVAL;
	v->msr[MS_MCG_CAP] = cap;
	if (cap & MSR_MCG_CAP)
		v->msr[MS_MCG_CTL] = ~0ull;
	for (u32 i = 0; i < banks; i++)
		v->mce_bank[i][0] = ~0ull;
	return 0;
}

#define MCI_VALID	(1ull << 63)
#define MCI_OVER	(1ull << 62)
#define MCI_UC		(1ull << 61)
#define MCI_PCC		(1ull << 57)
#define MCI_S		(1ull << 56)
#define MCI_AR		(1ull << 55)
#define MCG_MCIP	(1ull << 2)

/* Corrected machine check interrupts are not offered: their bank registers are
 * user space's only, and 0. */
static int mce_ctl2_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	return !host || idx - 0x280 >= mce_banks(v);
}

static int mce_ctl2_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	return !host || val || idx - 0x280 >= mce_banks(v);
}

enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

static void bank_fill(u64 *bank, const struct kvm_x86_mce *m, u64 over)
{
	bank[BANK_ADDR] = m->addr;
	bank[BANK_MISC] = m->misc;
	bank[BANK_STATUS] = m->status | over;
}

/* #MC, unless the processor could not take it: then it shuts down. */
static void mce_raise(struct vcpu *v, const struct kvm_x86_mce *m, u64 *bank)
{
	if (v->msr[MS_MCG_STATUS] & MCG_MCIP || !(v->cpu.cr4 & X86_CR4_MCE)) {
		vcpu_request(v, REQ_TRIPLE);
		return;
	}
	bank_fill(bank, m, bank[BANK_STATUS] & MCI_VALID ? MCI_OVER : 0);
	v->msr[MS_MCG_STATUS] = m->mcg_status;
	v->exc = (struct x86_exc){ .vector = X86_MC };
	v->exc_pending = true;
	vcpu_request(v, REQ_EVENT);
}

/* SDM vol. 3, "Machine-Check Architecture", and its overwrite rules. */
int mce_inject(struct vcpu *v, const struct kvm_x86_mce *m)
{
	bool uncorrected = m->status & MCI_UC;
	u64 *bank;

	if (m->bank >= mce_banks(v) || !(m->status & MCI_VALID))
		return -EINVAL;
	bank = v->mce_bank[m->bank];
	/* Uncorrected, and no action required: only logged. */
	if (uncorrected && !m->mcg_status && !(m->status & (MCI_PCC | MCI_S | MCI_AR))) {
		bank_fill(bank, m, 0);
		v->msr[MS_MCG_STATUS] = m->mcg_status;
	} else if (uncorrected) {
		/* Reporting may be off, as a whole or for the bank. */
		if (v->msr[MS_MCG_CAP] & MSR_MCG_CAP && v->msr[MS_MCG_CTL] != ~0ull)
			return 0;
		if (bank[BANK_CTL] == ~0ull)
			mce_raise(v, m, bank);
	} else if (bank[BANK_STATUS] & MCI_VALID && bank[BANK_STATUS] & MCI_UC) {
		bank[BANK_STATUS] |= MCI_OVER;
	} else {
		bank_fill(bank, m, bank[BANK_STATUS] & MCI_VALID ? MCI_OVER : 0);
	}
	return 0;
}

/* --- what the processor tells of itself --- */

/* ARCH_CAPABILITIES: RDCL_NO, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, PSCHANGE_MC_NO,
 * GDS_NO, RFDS_NO. An interpreter has no such defects. */
#define ARCH_CAPS	(1ull << 0 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 6 | \
			 1ull << 26 | 1ull << 27)

static bool cpuid_bit(const struct vcpu *v, u32 leaf, bool ecx, u32 bit)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(v, leaf, 0);

	return e && (ecx ? e->ecx : e->edx) >> bit & 1;
}

static int arch_caps_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	if (!host && !cpuid_bit(v, 7, false, 29))
		return 1;
	*val = v->msr[MS_ARCH_CAPS];
	return 0;
}

static int arch_caps_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	if (!host)
		return 1;
	v->msr[MS_ARCH_CAPS] = val;
	return 0;
}

/* PERF_CAPABILITIES: there is no PMU. */
static int perf_caps_get(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	return !host && !cpuid_bit(v, 1, true, 15);
}

static int perf_caps_set(struct vcpu *v, u32 idx, u64 val, bool host)
{
	return !host || val;
}

/* --- the table --- */

#define CPU(i, field, fl)	{ i, i, MK_CPU, fl, offsetof(struct x86_cpu, field), \
				  .writable = ~0ull }
#define VALUE(i, slot, fl, rst, wr) \
	{ i, i, MK_VALUE, fl, slot, rst, .writable = wr }
#define VALUE_SET(i, slot, fl, rst, fn) \
	{ i, i, MK_VALUE, fl, slot, rst, .set = fn }
#define CONST(a, b, fl, v)	{ a, b, MK_CONST, fl, 0, v }
#define FN(a, b, fl, g, s)	{ a, b, MK_FN, fl, 0, 0, .get = g, .set = s }

/* Sorted by index. */
static const struct msr_row rows[] = {
	CONST(0x0, 0x1, MG, 0),				/* P5_MC_ADDR, P5_MC_TYPE */
	FN(0x10, 0x10, ML, tsc_get, tsc_set),
	FN(0x11, 0x12, ML, pv_msr_read, pv_msr_write),
	CONST(0x17, 0x17, MG, 0),			/* PLATFORM_ID */
	FN(0x1b, 0x1b, 0, apic_base_get, apic_base_set),
	CONST(0x2a, 0x2a, MG, 0),			/* EBL_CR_POWERON */
	CONST(0x2c, 0x2c, MG, 1 << 24),			/* EBC_FREQUENCY_ID */
	CPU(0x34, smi_count, ML | MH),
	FN(0x3b, 0x3b, ML, tsc_adjust_get, tsc_adjust_set),
	CONST(0x79, 0x79, 0, 0),			/* IA32_UCODE_WRITE */
	VALUE_SET(0x8b, MS_UCODE, ML, 0x08301055, ucode_set),
	CPU(0x9e, smbase, ML | MHR),
	CONST(0xc1, 0xc2, 0, 0),			/* PERFCTR */
	CONST(0xcd, 0xcd, MG, 3),			/* FSB frequency */
	{ 0xce, 0xce, MK_VALUE, ML | MH, MS_PLATFORM, .writable = ~0ull, .get = platform_get },
	CONST(0xfe, 0xfe, MG, 0x508),			/* MTRRcap: WC, fixed, 8 variable */
	{ 0x10a, 0x10a, MK_VALUE, ML, MS_ARCH_CAPS, ARCH_CAPS, .get = arch_caps_get,
	  .set = arch_caps_set },
	CONST(0x119, 0x119, 0, 0xbe702111),		/* BBL_CR_CTL3 */
	VALUE(0x140, MS_MISC_FEATURES, ML, 0, 0),
	CPU(0x174, sysenter_cs, ML),
	CPU(0x175, sysenter_esp, ML | MT),
	CPU(0x176, sysenter_eip, ML | MT),
	VALUE(0x179, MS_MCG_CAP, MG, MSR_MCE_BANKS, 0),
	VALUE(0x17a, MS_MCG_STATUS, ML, 0, ~0ull),
	FN(0x17b, 0x17b, ML, mcg_ctl_get, mcg_ctl_set),
	CONST(0x186, 0x187, 0, 0),			/* EVNTSEL */
	CONST(0x198, 0x198, MG, 4ull << 40 | 1000),	/* PERF_STATUS */
	CONST(0x199, 0x199, MG, 0),			/* PERF_CTL */
	VALUE_SET(0x1a0, MS_MISC_ENABLE, ML, 1 << 12 | 1 << 11, misc_enable_set),
	CPU(0x1d9, debugctl, 0),
	CONST(0x1db, 0x1de, MG, 0),			/* last branch, last exception */
	VALUE(0x1fc, MS_POWER_CTL, ML, 0, ~0ull),
	FN(0x200, 0x20f, 0, mtrr_var_get, mtrr_var_set),
	FN(0x250, 0x250, 0, mtrr_fix_get, mtrr_fix_set),
	FN(0x258, 0x259, 0, mtrr_fix_get, mtrr_fix_set),
	FN(0x268, 0x26f, 0, mtrr_fix_get, mtrr_fix_set),
	VALUE_SET(0x277, MS_PAT, ML, 0x0007040600070406, pat_set),
	FN(0x280, 0x29f, 0, mce_ctl2_get, mce_ctl2_set),
	VALUE_SET(0x2ff, MS_MTRR_DEF, 0, 0, mtrr_def_set),
	FN(0x345, 0x345, ML, perf_caps_get, perf_caps_set),
	FN(0x400, 0x47f, 0, mce_bank_get, mce_bank_set),
	CONST(0x606, 0x606, MG, 0),			/* RAPL */
	CONST(0x611, 0x611, MG, 0),
	CONST(0x619, 0x619, MG, 0),
	CONST(0x639, 0x639, MG, 0),
	CONST(0x641, 0x641, MG, 0),
	FN(0x6e0, 0x6e0, ML, deadline_get, deadline_set),
	FN(0x800, 0x8ff, 0, x2apic_get, x2apic_set),
	FN(0xda0, 0xda0, 0, xss_get, xss_set),
	FN(0x40000000, 0x40000003, ML, hv_msr_read, hv_msr_write),
	FN(0x40000004, 0x4000000f, 0, hv_msr_read, hv_msr_write),	/* none yet */
	FN(0x40000010, 0x40000010, ML, hv_msr_read, hv_msr_write),
	FN(0x40000011, 0x4000001f, 0, hv_msr_read, hv_msr_write),
	FN(0x40000020, 0x40000023, ML, hv_msr_read, hv_msr_write),
	FN(0x40000024, 0x40000072, 0, hv_msr_read, hv_msr_write),
	FN(0x40000073, 0x40000073, ML, hv_msr_read, hv_msr_write),
	FN(0x40000074, 0x4000007f, 0, hv_msr_read, hv_msr_write),
	/* One of the SynIC and one of its timers stand for the others. */
	FN(0x40000080, 0x40000080, ML, hv_msr_read, hv_msr_write),
	FN(0x40000081, 0x4000009f, 0, hv_msr_read, hv_msr_write),
	FN(0x400000b0, 0x400000b0, ML, hv_msr_read, hv_msr_write),
	FN(0x400000b1, 0x400000b7, 0, hv_msr_read, hv_msr_write),
	FN(0x400000f1, 0x400000f5, ML, hv_msr_read, hv_msr_write),
	FN(0x400000ff, 0x40000108, ML, hv_msr_read, hv_msr_write),
	FN(0x4b564d00, 0x4b564d07, ML, pv_msr_read, pv_msr_write),
	FN(0xc0000080, 0xc0000080, 0, efer_get, efer_set),
	CPU(0xc0000081, star, ML),
	CPU(0xc0000082, lstar, ML | MC),
	CPU(0xc0000083, cstar, ML | MC),
	CPU(0xc0000084, sfmask, ML),
	FN(0xc0000100, 0xc0000101, MC, seg_base_get, seg_base_set),
	CPU(0xc0000102, kernel_gs_base, ML | MC),
	FN(0xc0000103, 0xc0000103, ML, tsc_aux_get, tsc_aux_set),
	{ 0xc0000104, 0xc0000104, MK_CONST, MHR, .reset = 1ull << 32, .set = tsc_ratio_set },
	CONST(0xc0010000, 0xc0010007, 0, 0),		/* K7 performance counters */
	CONST(0xc0010010, 0xc0010010, MG, 0),		/* SYSCFG */
	VALUE_SET(0xc0010015, MS_HWCR, ML, 1 << 24, hwcr_set),
	CONST(0xc001001b, 0xc001001b, 0, 0x20000000),	/* K7_CLK_CTL */
	CONST(0xc001001f, 0xc001001f, 0, 0),		/* NB_CFG */
	CONST(0xc0010020, 0xc0010020, 0, 0),		/* PATCH_LOADER */
	CONST(0xc0010055, 0xc0010055, MG, 0),		/* INT_PENDING */
	VALUE(0xc0010058, MS_COUNT, 0, 0, 0),		/* MMIO_CONF_BASE: 0 only */
	CONST(0xc0010112, 0xc0010113, MG, 0),		/* TSEG */
	VALUE(0xc0010114, MS_VM_CR, 0, 0, 0),
	VALUE_SET(0xc0010117, MS_HSAVE, ML, 0, hsave_set),
	CONST(0xc0011021, 0xc0011023, 0, 0),		/* IC_CFG, DC_CFG, TW_CFG */
	VALUE_SET(0xc0011029, MS_DE_CFG, 0, 2, de_cfg_set),
	CONST(0xc001102a, 0xc001102a, 0, 0),		/* BU_CFG2 */
	CONST(0xc001102c, 0xc001102c, 0, 0),		/* EX_CFG */
};

static const struct msr_row *row_find(u32 idx)
{
	u32 lo = 0, hi = ARRAY_SIZE(rows);

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (rows[mid].last < idx)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ARRAY_SIZE(rows) && rows[lo].first <= idx ? &rows[lo] : NULL;
}

static u64 *row_value(struct vcpu *v, const struct msr_row *r)
{
	if (r->kind == MK_CPU)
		return (u64 *)((u8 *)&v->cpu + r->where);
	return &v->msr[r->where];
}

void msr_reset(struct vcpu *v)
{
	bool boot = v->id == v->vm->boot_cpu_id;

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == MK_VALUE)
			v->msr[rows[i].where] = rows[i].reset;
	if (!v->apic)
		v->apic_base = 0xfee00800 | (boot ? 0x100 : 0);
	v->tsc_adjust = 0;
	tsc_synchronize(v, 0);
}

bool msr_known(u32 idx)
{
	return row_find(idx) != NULL;
}

int msr_read(struct vcpu *v, u32 idx, u64 *val, bool host)
{
	const struct msr_row *r = row_find(idx);

	*val = 0;
	if (!r || (r->flags & MHR && !host))
		return 1;
	if (r->get)
		return r->get(v, idx, val, host);
	*val = r->kind == MK_CONST ? r->reset : *row_value(v, r);
	return 0;
}

int msr_write(struct vcpu *v, u32 idx, u64 val, bool host)
{
	const struct msr_row *r = row_find(idx);

	if (!r)
		return 1;
	if (r->flags & MG || (r->flags & (MH | MHR) && !host))
		return 1;
	if (r->flags & MT)
		val = (u64)((s64)(val << 16) >> 16);
	if (r->flags & MC && !x86_canonical(&v->cpu, val))
		return 1;
	if (r->set)
		return r->set(v, idx, val, host);
	if (r->kind == MK_CONST)
		return 0;
	val &= ~r->ignored;
	if (val & ~r->writable)
		return 1;
	*row_value(v, r) = val;
	return 0;
}

bool msr_list(u32 i, u32 *idx)
{
	for (u32 k = 0; k < ARRAY_SIZE(rows); k++) {
		u32 n = rows[k].last - rows[k].first + 1;

		if (!(rows[k].flags & ML))
			continue;
		if (i < n) {
			*idx = rows[k].first + i;
			return true;
		}
		i -= n;
	}
	return false;
}

/* MSRs whose first value says what the processor can do. */
static const u32 feature_msrs[] = { 0xc0011029, 0x8b, 0x10a, 0x345 };

bool msr_feature_list(u32 i, u32 *idx)
{
	if (i >= ARRAY_SIZE(feature_msrs))
		return false;
	*idx = feature_msrs[i];
	return true;
}

int msr_feature_read(u32 idx, u64 *val)
{
	for (u32 i = 0; i < ARRAY_SIZE(feature_msrs); i++)
		if (feature_msrs[i] == idx) {
			*val = row_find(idx)->reset;
			return 0;
		}
	return 1;
}
