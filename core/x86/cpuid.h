/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpuid.h - CPUID policy: what an engine supports, and what a given vCPU was
 * told it has (KVM_SET_CPUID2), as a bit set that instructions can test.
 */
#ifndef CORE_X86_CPUID_H
#define CORE_X86_CPUID_H

#include "core/x86/cpu.h"

/* Words of cpu->features, each a CPUID output register. */
enum x86_feature_word {
	XFW_1_EDX, XFW_1_ECX, XFW_7_EBX, XFW_7_ECX, XFW_81_EDX, XFW_81_ECX,
	XFW_D1_EAX, XFW_7_EDX, XFW_8021_EAX, XFW_COUNT
};

#define XF(word, bit)	((word) * 64 + (bit))
enum x86_feature {
	XF_FPU = XF(XFW_1_EDX, 0), XF_VME = XF(XFW_1_EDX, 1), XF_DE = XF(XFW_1_EDX, 2),
	XF_PSE = XF(XFW_1_EDX, 3), XF_TSC = XF(XFW_1_EDX, 4), XF_MSR = XF(XFW_1_EDX, 5),
	XF_PAE = XF(XFW_1_EDX, 6), XF_MCE = XF(XFW_1_EDX, 7), XF_CX8 = XF(XFW_1_EDX, 8),
	XF_APIC = XF(XFW_1_EDX, 9), XF_SEP = XF(XFW_1_EDX, 11), XF_MTRR = XF(XFW_1_EDX, 12),
	XF_PGE = XF(XFW_1_EDX, 13), XF_MCA = XF(XFW_1_EDX, 14), XF_CMOV = XF(XFW_1_EDX, 15),
	XF_PAT = XF(XFW_1_EDX, 16), XF_PSE36 = XF(XFW_1_EDX, 17), XF_CLFLUSH = XF(XFW_1_EDX, 19),
	XF_MMX = XF(XFW_1_EDX, 23), XF_FXSR = XF(XFW_1_EDX, 24), XF_SSE = XF(XFW_1_EDX, 25),
	XF_SSE2 = XF(XFW_1_EDX, 26),
	XF_SSE3 = XF(XFW_1_ECX, 0), XF_PCLMUL = XF(XFW_1_ECX, 1), XF_MONITOR = XF(XFW_1_ECX, 3),
	XF_SSSE3 = XF(XFW_1_ECX, 9), XF_FMA = XF(XFW_1_ECX, 12), XF_CX16 = XF(XFW_1_ECX, 13),
	XF_PCID = XF(XFW_1_ECX, 17), XF_SSE41 = XF(XFW_1_ECX, 19), XF_SSE42 = XF(XFW_1_ECX, 20),
	XF_X2APIC = XF(XFW_1_ECX, 21), XF_MOVBE = XF(XFW_1_ECX, 22), XF_POPCNT = XF(XFW_1_ECX, 23),
	XF_TSCDEADLINE = XF(XFW_1_ECX, 24), XF_AES = XF(XFW_1_ECX, 25),
	XF_XSAVE = XF(XFW_1_ECX, 26), XF_OSXSAVE = XF(XFW_1_ECX, 27), XF_AVX = XF(XFW_1_ECX, 28),
	XF_F16C = XF(XFW_1_ECX, 29), XF_RDRAND = XF(XFW_1_ECX, 30), XF_HYPERVISOR = XF(XFW_1_ECX, 31),
	XF_FSGSBASE = XF(XFW_7_EBX, 0), XF_TSC_ADJUST = XF(XFW_7_EBX, 1), XF_BMI1 = XF(XFW_7_EBX, 3),
	XF_AVX2 = XF(XFW_7_EBX, 5), XF_SMEP = XF(XFW_7_EBX, 7), XF_BMI2 = XF(XFW_7_EBX, 8),
	XF_ERMS = XF(XFW_7_EBX, 9), XF_INVPCID = XF(XFW_7_EBX, 10), XF_RDSEED = XF(XFW_7_EBX, 18),
	XF_ADX = XF(XFW_7_EBX, 19), XF_SMAP = XF(XFW_7_EBX, 20), XF_CLFLUSHOPT = XF(XFW_7_EBX, 23),
	XF_CLWB = XF(XFW_7_EBX, 24), XF_SHA = XF(XFW_7_EBX, 29),
	XF_UMIP = XF(XFW_7_ECX, 2), XF_PKU = XF(XFW_7_ECX, 3), XF_OSPKE = XF(XFW_7_ECX, 4),
	XF_LA57 = XF(XFW_7_ECX, 16), XF_RDPID = XF(XFW_7_ECX, 22),
	XF_SYSCALL = XF(XFW_81_EDX, 11), XF_NX = XF(XFW_81_EDX, 20), XF_MMXEXT = XF(XFW_81_EDX, 22),
	XF_FFXSR = XF(XFW_81_EDX, 25), XF_PDPE1GB = XF(XFW_81_EDX, 26),
	XF_RDTSCP = XF(XFW_81_EDX, 27), XF_LM = XF(XFW_81_EDX, 29),
	XF_LAHF64 = XF(XFW_81_ECX, 0), XF_SVM = XF(XFW_81_ECX, 2), XF_CR8LEGACY = XF(XFW_81_ECX, 4),
	XF_LZCNT = XF(XFW_81_ECX, 5), XF_SSE4A = XF(XFW_81_ECX, 6), XF_PREFETCHW = XF(XFW_81_ECX, 8),
	XF_XSAVEOPT = XF(XFW_D1_EAX, 0), XF_XSAVEC = XF(XFW_D1_EAX, 1), XF_XGETBV1 = XF(XFW_D1_EAX, 2),
	XF_XSAVES = XF(XFW_D1_EAX, 3),
	XF_AUTOIBRS = XF(XFW_8021_EAX, 8),
	XF_FSRM = XF(XFW_7_EDX, 4), XF_SERIALIZE = XF(XFW_7_EDX, 14), XF_ARCHCAP = XF(XFW_7_EDX, 29),
};

static inline bool x86_has(const struct x86_cpu *c, enum x86_feature f)
{
	return c->features[f / 64] >> (f % 64) & 1;
}

struct vcpu;
struct engine;
struct kvm_cpuid_entry2;

#define CPUID_ENTRIES_MAX 80	/* more than that, old clients cannot take */

/* KVM_GET_SUPPORTED_CPUID: fills at most max entries; the count, or -E2BIG. */
int cpuid_supported(const struct engine *e, struct kvm_cpuid_entry2 *ent, u32 max);
/* KVM_SET_CPUID2 with n entries in host memory: takes a copy. 0, -EINVAL, -ENOMEM. */
int cpuid_set(struct vcpu *v, const struct kvm_cpuid_entry2 *ent, u32 n);
/* The CPUID instruction, with the bits that follow the processor's state. */
void vcpu_cpuid(struct vcpu *v, u32 leaf, u32 sub, u32 out[4]);
/* KVM_GET_CPUID2: all v->n_cpuid entries, as CPUID would answer now. */
void cpuid_get(const struct vcpu *v, struct kvm_cpuid_entry2 *ent);
/* The entry for leaf and sub as user space set it, or NULL. */
const struct kvm_cpuid_entry2 *cpuid_find(const struct vcpu *v, u32 leaf, u32 sub);
/* IA32_MISC_ENABLE switched MONITOR and MWAIT on or off. */
void cpuid_set_mwait(struct vcpu *v, bool on);
/* Before user space said anything: CR4 bits that nobody can have. */
u64 cpuid_cr4_impossible(const struct engine *e);
/* CR4 bits that the vCPU's CPUID does not offer. */
u64 cpuid_cr4_reserved(const struct x86_cpu *c);
/* XCR0 bits that may be set. */
u64 cpuid_xcr0_supported(const struct vcpu *v);
/* ... and what any CPUID may say of it. */
u64 cpuid_xcr0_offered(const struct engine *e);

#endif
