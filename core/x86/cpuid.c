/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpuid.c - CPUID policy: an AMD family 17h processor as the core and its
 * engine can be one, and the table that user space gives each vCPU.
 *
 * Sources: APM vol. 3, appendix "Obtaining Processor Information Via the CPUID
 * Instruction"; Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_CPUID;
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#include <linux/kvm.h>
#include "core/vm.h"
#include "core/api/pv.h"
#include "core/x86/cpuid.h"

#define B(n)		(1u << (n))
#define SIGNATURE	0x00830f10u	/* family 17h, model 31h, stepping 0 */
#define PHYS_BITS	48
#define LIN_BITS	48
#define MAX_BASIC	0xdu
#define MAX_EXT		0x80000021u
#define MAX_KVM		0x40000001u
#define XCR0_SUPPORTED	(3u | X86_XC_PKRU)	/* x87, SSE, PKRU */

enum { EAX, EBX, ECX, EDX };

/* Bits of 1.EDX that 80000001.EDX repeats on AMD processors. */
#define EDX_COMMON	0x0183f3ffu

#define F1_EDX	(B(0) | B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9) | \
		 B(11) | B(12) | B(13) | B(14) | B(15) | B(16) | B(17) | B(19) | B(23) | \
		 B(24) | B(25) | B(26))
/* SSE3 PCLMUL SSSE3 CX16 PCID SSE4.1 SSE4.2 x2APIC MOVBE POPCNT TSC-deadline AES
 * XSAVE RDRAND hypervisor */
#define F1_ECX	(B(0) | B(1) | B(9) | B(13) | B(17) | B(19) | B(20) | B(21) | B(22) | \
		 B(23) | B(24) | B(25) | B(26) | B(30) | B(31))
/* FSGSBASE TSC_ADJUST BMI1 SMEP BMI2 ERMS INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB SHA */
#define F7_EBX	(B(0) | B(1) | B(3) | B(7) | B(8) | B(9) | B(10) | B(18) | B(19) | B(20) | \
		 B(23) | B(24) | B(29))
#define F7_ECX	(B(2) | B(3) | B(22))	/* UMIP PKU RDPID */
#define FD1_EAX	(B(0) | B(1) | B(2))	/* XSAVEOPT XSAVEC XGETBV1 */
#define F7_EDX	B(4)			/* FSRM: string moves are the fastest copy */
/* LAHF CR8-legacy ABM PREFETCHW */
#define F81_ECX	(B(0) | B(4) | B(5) | B(8))
/* SYSCALL NX MMXEXT 1-GiB-pages RDTSCP LM */
#define F81_EDX	((F1_EDX & EDX_COMMON) | B(11) | B(20) | B(22) | B(26) | B(27) | B(29))

static void host_cpuid(u32 leaf, u32 sub, u32 o[4])
{
	__asm__ volatile("cpuid" : "=a"(o[EAX]), "=b"(o[EBX]), "=c"(o[ECX]), "=d"(o[EDX])
			 : "0"(leaf), "2"(sub));
}

/* Random numbers come from the host's instructions, if it has them. */
static void mask_random(u32 leaf, u32 o[4])
{
	u32 h[4], max[4];

	host_cpuid(leaf, 0, h);
	if (leaf == 1)
		o[ECX] &= ~B(30) | (h[ECX] & B(30));
	host_cpuid(0, 0, max);
	if (leaf == 7)
		o[EBX] &= ~B(18) | (max[EAX] >= 7 ? h[EBX] & B(18) : 0);
}

static void leaf_basic(u32 leaf, u32 sub, u32 o[4])
{
	switch (leaf) {
	case 0:
		o[EAX] = MAX_BASIC;
		memcpy(&o[EBX], "Auth", 4);
		memcpy(&o[ECX], "cAMD", 4);
		memcpy(&o[EDX], "enti", 4);
		break;
	case 1:
		o[EAX] = SIGNATURE;
		o[EBX] = 1 << 16 | 8 << 8;	/* one logical processor, CLFLUSH 64 */
		o[ECX] = F1_ECX;
		o[EDX] = F1_EDX;
		mask_random(1, o);
		break;
	case 6:
		o[EAX] = B(2);			/* the APIC timer never stops */
		break;
	case 7:
		if (sub)
			break;
		o[EBX] = F7_EBX;
		o[ECX] = F7_ECX;
		o[EDX] = F7_EDX;
		mask_random(7, o);
		break;
	case 0xd:
		if (sub == 0) {
			o[EAX] = XCR0_SUPPORTED;
			o[EBX] = o[ECX] = x86_xsave_size(XCR0_SUPPORTED);
		} else if (sub == 1) {
			o[EAX] = FD1_EAX;
			o[EBX] = x86_xsave_compact(XCR0_SUPPORTED);
		} else if (sub == 9) {
			o[EAX] = 8;
			o[EBX] = X86_XSAVE_PKRU;
		}
		break;
	}
}

static void leaf_kvm(u32 leaf, u32 o[4])
{
	static const char sig[12] = "KVMKVMKVM";

	if (leaf == 0x40000000) {
		o[EAX] = MAX_KVM;
		memcpy(o + EBX, sig, sizeof(sig));
	} else if (leaf == 0x40000001) {
		o[EAX] = pv_supported();
	}
}

/* Data, instruction, second and third level; APM, "Cache Topology". */
static void leaf_cache(u32 sub, u32 o[4])
{
	static const struct {
		u8 type, level;
		u16 ways;
		u32 sets;
	} cache[] = {
		{ 1, 1, 8, 64 }, { 2, 1, 8, 64 }, { 3, 2, 8, 1024 }, { 3, 3, 16, 16384 },
	};

	if (sub >= ARRAY_SIZE(cache))
		return;
	o[EAX] = cache[sub].type | cache[sub].level << 5 | B(8);
	o[EBX] = (u32)(cache[sub].ways - 1) << 22 | (64 - 1);
	o[ECX] = cache[sub].sets - 1;
	o[EDX] = cache[sub].level > 1 ? B(1) : 0;	/* inclusive of lower levels */
}

static void leaf_ext(u32 leaf, u32 sub, u32 o[4])
{
	static const char name[48] = "kvist software x86-64 processor";

	switch (leaf) {
	case 0x80000000:
		leaf_basic(0, 0, o);
		o[EAX] = MAX_EXT;
		break;
	case 0x80000001:
		o[EAX] = SIGNATURE;
		o[ECX] = F81_ECX;
		o[EDX] = F81_EDX;
		break;
	case 0x80000002: case 0x80000003: case 0x80000004:
		memcpy(o, name + (leaf - 0x80000002) * 16, 16);
		break;
	case 0x80000005:			/* 32 KiB, 8 ways, 64-byte lines */
		o[ECX] = o[EDX] = 32u << 24 | 8 << 16 | 1 << 8 | 64;
		break;
	case 0x80000006:			/* 512 KiB and 16 MiB, 8 and 16 ways */
		o[ECX] = 512u << 16 | 6 << 12 | 1 << 8 | 64;
		o[EDX] = 32u << 18 | 8 << 12 | 1 << 8 | 64;
		break;
	case 0x80000007:
		o[EDX] = B(8);			/* invariant TSC */
		break;
	case 0x80000008:
		o[EAX] = PHYS_BITS | LIN_BITS << 8;
		o[EBX] = B(26) | B(29);		/* as below: SSB_NO, BTC_NO */
		break;
	case 0x8000001d:
		leaf_cache(sub, o);
		break;
	case 0x80000021:
		/*
		 * LFENCE always serializes. An interpreter has no branch
		 * predictor that guest code could train, so the guest need not
		 * spend instructions on that: AUTOIBRS, SRSO_NO, TSA_SQ_NO,
		 * TSA_L1_NO.
		 */
		o[EAX] = B(2) | B(8) | B(29);
		o[ECX] = B(1) | B(2);
		break;
	}
}

/* What the core offers with this engine; engine may be NULL. */
static void supported_leaf(const struct engine *e, u32 leaf, u32 sub, u32 o[4])
{
	memset(o, 0, 4 * sizeof(*o));
	if (leaf >= 0x80000000)
		leaf_ext(leaf, sub, o);
	else if (leaf >= 0x40000000)
		leaf_kvm(leaf, o);
	else
		leaf_basic(leaf, sub, o);
	if (e && e->cpuid_adjust)
		e->cpuid_adjust(leaf, sub, o);
}

/* Which leaves are listed, with how many subleaves; 0: the leaf has none. */
static const struct {
	u32 leaf;
	u8 subs;
} listed[] = {
	{ 0x0, 0 }, { 0x1, 0 }, { 0x5, 0 }, { 0x6, 0 }, { 0x7, 1 }, { 0xa, 0 }, { 0xb, 1 },
	{ 0xd, 10 },
	{ 0x40000000, 0 }, { 0x40000001, 0 },
	{ 0x80000000, 0 }, { 0x80000001, 0 }, { 0x80000002, 0 }, { 0x80000003, 0 },
	{ 0x80000004, 0 }, { 0x80000005, 0 }, { 0x80000006, 0 }, { 0x80000007, 0 },
	{ 0x80000008, 0 }, { 0x8000001d, 4 }, { 0x8000001e, 0 }, { 0x80000021, 0 },
};

int cpuid_supported(const struct engine *e, struct kvm_cpuid_entry2 *ent, u32 max)
{
	u32 n = 0, o[4];

	for (u32 i = 0; i < ARRAY_SIZE(listed); i++)
		for (u32 sub = 0; sub < listed[i].subs || !sub; sub++) {
			supported_leaf(e, listed[i].leaf, sub, o);
			/* Those of 0xd are there with the component. */
			if (sub > 1 && !o[EAX])
				continue;
			if (n >= max)
				return -E2BIG;
			ent[n++] = (struct kvm_cpuid_entry2){
				.function = listed[i].leaf, .index = sub,
				.flags = listed[i].subs ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
				.eax = o[EAX], .ebx = o[EBX], .ecx = o[ECX], .edx = o[EDX],
			};
		}
	return n;
}

/* --- one vCPU's table --- */

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid_entry2 *e, u32 n, u32 leaf,
					   u32 sub)
{
	for (u32 i = 0; i < n; i++)
		if (e[i].function == leaf &&
		    (!(e[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e[i].index == sub))
			return &e[i];
	return NULL;
}

const struct kvm_cpuid_entry2 *cpuid_find(const struct vcpu *v, u32 leaf, u32 sub)
{
	return find(v->cpuid, v->n_cpuid, leaf, sub);
}

/* Where each feature word comes from. */
static const struct {
	u32 leaf;
	u8 sub, reg;
} words[XFW_COUNT] = {
	[XFW_1_EDX] = { 1, 0, EDX }, [XFW_1_ECX] = { 1, 0, ECX },
	[XFW_7_EBX] = { 7, 0, EBX }, [XFW_7_ECX] = { 7, 0, ECX },
	[XFW_81_EDX] = { 0x80000001, 0, EDX }, [XFW_81_ECX] = { 0x80000001, 0, ECX },
	[XFW_D1_EAX] = { 0xd, 1, EAX }, [XFW_7_EDX] = { 7, 0, EDX },
	[XFW_8021_EAX] = { 0x80000021, 0, EAX },
};

static void entry_regs(const struct kvm_cpuid_entry2 *e, u32 o[4])
{
	o[EAX] = e->eax;
	o[EBX] = e->ebx;
	o[ECX] = e->ecx;
	o[EDX] = e->edx;
}

/* KVM's leaves may be moved up, to make room for another hypervisor's. */
static u32 pv_features(const struct vcpu *v)
{
	const struct kvm_cpuid_entry2 *e;

	for (u32 base = 0x40000000; base < 0x40010000; base += 0x100) {
		e = cpuid_find(v, base, 0);
		if (!e || e->ebx != 0x4b4d564b || e->ecx != 0x564b4d56 || e->edx != 0x4d)
			continue;
		e = cpuid_find(v, base + 1, 0);
		return e ? e->eax : 0;
	}
	return 0;
}

/*
 * What instructions may use: what user space says the processor has, as far as
 * it is there at all.
 */
static void features_update(struct vcpu *v)
{
	const struct kvm_cpuid_entry2 *e;
	u32 have[4], said[4];

	for (u32 i = 0; i < XFW_COUNT; i++) {
		e = cpuid_find(v, words[i].leaf, words[i].sub);
		v->cpu.features[i] = 0;
		if (!e)
			continue;
		entry_regs(e, said);
		supported_leaf(v->vm->engine, words[i].leaf, words[i].sub, have);
		v->cpu.features[i] = said[words[i].reg] & have[words[i].reg];
	}
	v->pv_features = pv_features(v);
	hv_cpuid_changed(v);
	e = cpuid_find(v, 0x80000008, 0);
	v->cpu.maxphyaddr = 36;
	if (e && (e->eax & 0xff) >= 32 && (e->eax & 0xff) <= 52)
		v->cpu.maxphyaddr = e->eax & 0xff;
}

static void runtime_bits(const struct vcpu *v, u32 leaf, u32 sub, u32 o[4]);

/* But for what follows the processor's state: KVM_GET_CPUID2 tells that too. */
static bool tables_equal(const struct vcpu *v, const struct kvm_cpuid_entry2 *ent, u32 n)
{
	if (n != v->n_cpuid)
		return false;
	for (u32 i = 0; i < n; i++) {
		const struct kvm_cpuid_entry2 *a = &v->cpuid[i], *b = &ent[i];
		u32 ra[4], rb[4];

		if (a->function != b->function || a->index != b->index || a->flags != b->flags)
			return false;
		entry_regs(a, ra);
		entry_regs(b, rb);
		runtime_bits(v, a->function, a->index, ra);
		runtime_bits(v, a->function, a->index, rb);
		if (memcmp(ra, rb, sizeof(ra)))
			return false;
	}
	return true;
}

int cpuid_set(struct vcpu *v, const struct kvm_cpuid_entry2 *ent, u32 n)
{
	const struct kvm_cpuid_entry2 *e;
	struct kvm_cpuid_entry2 *copy = NULL;
	u32 bits;

	/* A running processor does not change; saying the same again is fine. */
	if (v->ran)
		return tables_equal(v, ent, n) ? 0 : -EINVAL;
	e = find(ent, n, 0x80000008, 0);
	bits = e ? e->eax >> 8 & 0xff : 0;
	if (bits && bits != 48 && bits != 57)
		return -EINVAL;
	if (n) {
		copy = host_alloc(n * sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, ent, n * sizeof(*copy));
	}
	host_free(v->cpuid);
	v->cpuid = copy;
	v->n_cpuid = n;
	v->cpuid_given = true;
	features_update(v);
	return 0;
}

void cpuid_set_mwait(struct vcpu *v, bool on)
{
	for (u32 i = 0; i < v->n_cpuid; i++)
		if (v->cpuid[i].function == 1)
			v->cpuid[i].ecx = on ? v->cpuid[i].ecx | B(3) : v->cpuid[i].ecx & ~B(3);
	/* Both instructions are there, listed as supported or not. */
	v->cpu.features[XFW_1_ECX] = on ? v->cpu.features[XFW_1_ECX] | B(3) :
					  v->cpu.features[XFW_1_ECX] & ~(u64)B(3);
}

/* The entry that answers where there is none of that number: Intel's rule is
 * the highest basic leaf, AMD's is zeros. */
static const struct kvm_cpuid_entry2 *out_of_range(const struct vcpu *v, u32 leaf, u32 sub)
{
	const struct kvm_cpuid_entry2 *basic = cpuid_find(v, 0, 0), *class;
	u32 first = leaf & 0x80000000;

	if (!basic || basic->ebx == 0x68747541 || basic->ebx == 0x6f677948)	/* Auth, Hygo */
		return NULL;
	if (leaf >= 0xc0000000)
		first = 0xc0000000;
	else if (leaf >> 28 == 4)
		first = leaf & 0xffffff00;
	class = cpuid_find(v, first, 0);
	if (class && leaf <= class->eax)
		return NULL;
	return cpuid_find(v, basic->eax, sub);
}

static void set_bit32(u32 *word, u32 bit, bool on)
{
	*word = on ? *word | B(bit) : *word & ~B(bit);
}

/* Bits that follow the state of the processor. */
static void runtime_bits(const struct vcpu *v, u32 leaf, u32 sub, u32 o[4])
{
	const struct x86_cpu *c = &v->cpu;

	if (leaf == 1) {
		if (o[ECX] & B(26))
			set_bit32(&o[ECX], 27, c->cr4 & X86_CR4_OSXSAVE);
		if (v->apic)
			set_bit32(&o[EDX], 9, lapic_get_base((struct vcpu *)v) & 0x800);
	} else if (leaf == 7 && !sub && o[ECX] & B(3)) {
		set_bit32(&o[ECX], 4, c->cr4 & X86_CR4_PKE);
	} else if (leaf == 0xd && !sub) {
		o[EBX] = x86_xsave_size(c->xcr0);
	} else if (leaf == 0xd && sub == 1 && o[EAX] & (B(1) | B(3))) {
		o[EBX] = x86_xsave_compact(c->xcr0 | c->xss);
	}
}

void vcpu_cpuid(struct vcpu *v, u32 leaf, u32 sub, u32 out[4])
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(v, leaf, sub);

	if (!e) {
		e = out_of_range(v, leaf, sub);
		if (e)
			leaf = e->function;
	}
	memset(out, 0, 4 * sizeof(*out));
	if (e) {
		entry_regs(e, out);
		runtime_bits(v, leaf, sub, out);
	} else if ((leaf == 0xb || leaf == 0x1f) && (e = cpuid_find(v, leaf, 1))) {
		/* Beyond the last topology level: the level asked for, and the
		 * x2APIC id as in every other subleaf. */
		out[ECX] = sub & 0xff;
		out[EDX] = e->edx;
	}
}

void cpuid_get(const struct vcpu *v, struct kvm_cpuid_entry2 *ent)
{
	u32 o[4];

	for (u32 i = 0; i < v->n_cpuid; i++) {
		ent[i] = v->cpuid[i];
		entry_regs(&ent[i], o);
		runtime_bits(v, ent[i].function, ent[i].index, o);
		ent[i].eax = o[EAX];
		ent[i].ebx = o[EBX];
		ent[i].ecx = o[ECX];
		ent[i].edx = o[EDX];
	}
}

static bool feature_in(const u64 *set, enum x86_feature f)
{
	return set[f / 64] >> (f % 64) & 1;
}

static u64 cr4_reserved(const u64 *set)
{
	u64 ok = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE |
		 X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR |
		 X86_CR4_OSXMMEXCPT;

	ok |= feature_in(set, XF_UMIP) ? X86_CR4_UMIP : 0;
	ok |= feature_in(set, XF_LA57) ? X86_CR4_LA57 : 0;
	ok |= feature_in(set, XF_FSGSBASE) ? X86_CR4_FSGSBASE : 0;
	ok |= feature_in(set, XF_PCID) ? X86_CR4_PCIDE : 0;
	ok |= feature_in(set, XF_XSAVE) ? X86_CR4_OSXSAVE : 0;
	ok |= feature_in(set, XF_SMEP) ? X86_CR4_SMEP : 0;
	ok |= feature_in(set, XF_SMAP) ? X86_CR4_SMAP : 0;
	ok |= feature_in(set, XF_PKU) ? X86_CR4_PKE : 0;
	return ~ok;
}

u64 cpuid_cr4_reserved(const struct x86_cpu *c)
{
	return cr4_reserved(c->features);
}

u64 cpuid_cr4_impossible(const struct engine *e)
{
	u64 set[XFW_COUNT];
	u32 o[4];

	for (u32 i = 0; i < XFW_COUNT; i++) {
		supported_leaf(e, words[i].leaf, words[i].sub, o);
		set[i] = o[words[i].reg];
	}
	return cr4_reserved(set);
}

u64 cpuid_xcr0_offered(const struct engine *e)
{
	u32 o[4];

	supported_leaf(e, 0xd, 0, o);
	return (u64)o[EDX] << 32 | o[EAX];
}

u64 cpuid_xcr0_supported(const struct vcpu *v)
{
	const struct kvm_cpuid_entry2 *e = cpuid_find(v, 0xd, 0);
	u32 o[4];

	if (!e)
		return 0;
	supported_leaf(v->vm->engine, 0xd, 0, o);
	return e->eax & o[EAX];
}
