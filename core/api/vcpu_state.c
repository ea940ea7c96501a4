/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/vm.h"
#include "core/api/vcpu_state.h"
#include "core/x86/cpuid.h"
#include "core/x86/debug.h"
#include "core/x86/flags.h"
#include "core/x86/msr.h"
#include "core/x86/walk.h"

#define MSR_APIC_BASE	0x1b
#define APIC_BASE_X2	(1u << 10)
#define APIC_BASE_EN	(1u << 11)
#define EFER_KNOWN	((u64)(X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | \
			       X86_EFER_AUTOIBRS))

static void state_written(struct vcpu *v)
{
	if (v->vm->engine->state_changed)
		v->vm->engine->state_changed(v);
}

/* kvm_regs counts registers in another order than the processor. */
static const struct {
	u8 reg;
	u8 off;
} gprs[] = {
	{ X86_RAX, offsetof(struct kvm_regs, rax) }, { X86_RBX, offsetof(struct kvm_regs, rbx) },
	{ X86_RCX, offsetof(struct kvm_regs, rcx) }, { X86_RDX, offsetof(struct kvm_regs, rdx) },
	{ X86_RSI, offsetof(struct kvm_regs, rsi) }, { X86_RDI, offsetof(struct kvm_regs, rdi) },
	{ X86_RSP, offsetof(struct kvm_regs, rsp) }, { X86_RBP, offsetof(struct kvm_regs, rbp) },
	{ X86_R8, offsetof(struct kvm_regs, r8) }, { X86_R9, offsetof(struct kvm_regs, r9) },
	{ X86_R10, offsetof(struct kvm_regs, r10) }, { X86_R11, offsetof(struct kvm_regs, r11) },
	{ X86_R12, offsetof(struct kvm_regs, r12) }, { X86_R13, offsetof(struct kvm_regs, r13) },
	{ X86_R14, offsetof(struct kvm_regs, r14) }, { X86_R15, offsetof(struct kvm_regs, r15) },
	{ X86_RIP, offsetof(struct kvm_regs, rip) },
};

long vcpu_get_regs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_regs *r = arg;

	for (u32 i = 0; i < ARRAY_SIZE(gprs); i++)
		memcpy((u8 *)r + gprs[i].off, &v->cpu.gpr[gprs[i].reg], 8);
	r->rflags = x86_rflags(&v->cpu);
	return 0;
}

/* What user space still owed to the interrupted instruction no longer counts
 * when the instruction pointer moves. */
static void forget_io(struct vcpu *v)
{
	vcpu_io_retired(v);
	v->io.pending = v->io.pio_pending = v->io.msr_pending = v->io.call_pending = false;
}

long vcpu_set_regs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_regs *r = arg;

	if (r->rip != v->cpu.gpr[X86_RIP])
		forget_io(v);
	for (u32 i = 0; i < ARRAY_SIZE(gprs); i++)
		memcpy(&v->cpu.gpr[gprs[i].reg], (const u8 *)r + gprs[i].off, 8);
	x86_set_rflags(&v->cpu, r->rflags);
	v->exc_pending = false;
	x86_mode_update(&v->cpu);
	state_written(v);
	return 0;
}

/* --- segments --- */

static void seg_export(const struct x86_seg *s, struct kvm_segment *k)
{
	*k = (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = s->attr & X86_SEG_TYPE, .present = !!(s->attr & X86_SEG_P),
		.dpl = (s->attr & X86_SEG_DPL) >> X86_SEG_DPL_SHIFT,
		.db = !!(s->attr & X86_SEG_DB), .s = !!(s->attr & X86_SEG_S),
		.l = !!(s->attr & X86_SEG_L), .g = !!(s->attr & X86_SEG_G),
		.avl = !!(s->attr & X86_SEG_AVL),
		.unusable = s->attr & X86_SEG_UNUSABLE || !(s->attr & X86_SEG_P),
	};
}

static void seg_import(struct x86_seg *s, const struct kvm_segment *k)
{
	s->base = k->base;
	s->limit = k->limit;
	s->sel = k->selector;
	s->attr = (k->type & X86_SEG_TYPE) | (k->s & 1 ? X86_SEG_S : 0) |
		  (k->dpl & 3) << X86_SEG_DPL_SHIFT | (k->avl & 1 ? X86_SEG_AVL : 0) |
		  (k->l & 1 ? X86_SEG_L : 0) | (k->db & 1 ? X86_SEG_DB : 0) |
		  (k->g & 1 ? X86_SEG_G : 0) | (k->unusable ? X86_SEG_UNUSABLE : 0);
	if (k->present & 1 && !k->unusable)
		s->attr |= X86_SEG_P;
}

static const struct {
	u8 seg;
	u8 off;
} segs[] = {
	{ X86_CS, offsetof(struct kvm_sregs, cs) }, { X86_DS, offsetof(struct kvm_sregs, ds) },
	{ X86_ES, offsetof(struct kvm_sregs, es) }, { X86_FS, offsetof(struct kvm_sregs, fs) },
	{ X86_GS, offsetof(struct kvm_sregs, gs) }, { X86_SS, offsetof(struct kvm_sregs, ss) },
	{ X86_TR, offsetof(struct kvm_sregs, tr) }, { X86_LDTR, offsetof(struct kvm_sregs, ldt) },
};

/* kvm_sregs2 begins as kvm_sregs does, up to apic_base. */
#define SREGS_COMMON	offsetof(struct kvm_sregs, interrupt_bitmap)
_Static_assert(SREGS_COMMON == offsetof(struct kvm_sregs2, flags), "kvm_sregs2 has changed");

static void sregs_common_get(struct vcpu *v, struct kvm_sregs *s)
{
	struct x86_cpu *c = &v->cpu;
	u64 apic_base;

	for (u32 i = 0; i < ARRAY_SIZE(segs); i++)
		seg_export(&c->seg[segs[i].seg], (void *)((u8 *)s + segs[i].off));
	s->gdt = (struct kvm_dtable){ .base = c->gdt.base, .limit = c->gdt.limit };
	s->idt = (struct kvm_dtable){ .base = c->idt.base, .limit = c->idt.limit };
	s->cr0 = c->cr0;
	s->cr2 = c->cr2;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->cr8 = c->env->get_cr8(c);
	s->efer = c->efer;
	msr_read(v, MSR_APIC_BASE, &apic_base, true);
	s->apic_base = apic_base;
}

long vcpu_get_sregs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_sregs *s = arg;

	memset(s, 0, sizeof(*s));
	sregs_common_get(v, s);
	if (v->intr_injected && !v->intr_soft)
		s->interrupt_bitmap[v->intr_vector / 64] = 1ull << v->intr_vector % 64;
	return 0;
}

static bool pae_paging(const struct x86_cpu *c)
{
	return c->cr0 & X86_CR0_PG && c->cr4 & X86_CR4_PAE && !(c->efer & X86_EFER_LMA);
}

long vcpu_get_sregs2(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_sregs2 *s = arg;
	struct kvm_sregs common;

	sregs_common_get(v, &common);
	memset(s, 0, sizeof(*s));
	memcpy(s, &common, SREGS_COMMON);
	if (pae_paging(&v->cpu)) {
		memcpy(s->pdptrs, v->cpu.pdpte, sizeof(s->pdptrs));
		s->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
	return 0;
}

static bool cr0_valid(u64 cr0)
{
	if (cr0 >> 32)
		return false;
	if (cr0 & X86_CR0_NW && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || cr0 & X86_CR0_PE;
}

static bool apic_base_valid(const struct vcpu *v, u64 base)
{
	u64 reserved = ~0ull << v->cpu.maxphyaddr | 0x2ff;

	if (!x86_has(&v->cpu, XF_X2APIC))
		reserved |= APIC_BASE_X2;
	return !(base & reserved) && (base & APIC_BASE_EN || !(base & APIC_BASE_X2));
}

static bool sregs_valid(const struct vcpu *v, const struct kvm_sregs *s)
{
	u64 reserved;

	if (s->efer & X86_EFER_LME && s->cr0 & X86_CR0_PG) {
		if (!(s->cr4 & X86_CR4_PAE) || !(s->efer & X86_EFER_LMA))
			return false;
		if (s->cr3 >> v->cpu.maxphyaddr)
			return false;
	} else if (s->efer & X86_EFER_LMA || s->cs.l) {
		return false;
	}
	reserved = v->cpuid_given ? cpuid_cr4_reserved(&v->cpu) :
				    cpuid_cr4_impossible(v->vm->engine);
	return !(s->cr4 & reserved) && cr0_valid(s->cr0) &&
	       apic_base_valid(v, s->apic_base);
}

/*
 * Guest memory as other ioctls may read it: RAM only, and slots.lock is held.
 * An access that no RAM answers reads as zeros, so it leaves no trace in the
 * state of an interrupted instruction.
 */
static int quiet_read(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n)
{
	struct vcpu *v = cpu_vcpu(c);

	if (gmem_read_as(v->vm, vcpu_as(v), gpa, buf, n))
		memset(buf, 0, n);
	return RUN_OK;
}

static const struct x86_env quiet_env = { .read = quiet_read };

static void load_pdptes(struct vcpu *v)
{
	const struct x86_env *env = v->cpu.env;
	struct x86_exc exc = v->cpu.exc;

	host_mutex_lock(&v->vm->slots.lock);
	v->cpu.env = &quiet_env;
	x86_load_pdptes(&v->cpu, v->cpu.cr3);
	v->cpu.env = env;
	host_mutex_unlock(&v->vm->slots.lock);
	v->cpu.exc = exc;
}

/* A processor that user space puts back to where it starts is to run. */
static void unhalt_on_reset(struct vcpu *v, const struct kvm_sregs *s)
{
	if (v->id == v->vm->boot_cpu_id && v->cpu.gpr[X86_RIP] == 0xfff0 &&
	    s->cs.selector == 0xf000 && s->cs.base == 0xffff0000 && !(s->cr0 & X86_CR0_PE))
		v->mp_state = KVM_MP_STATE_RUNNABLE;
}

static long sregs_common_set(struct vcpu *v, const struct kvm_sregs *s, const u64 *pdpte)
{
	struct x86_cpu *c = &v->cpu;

	if (!sregs_valid(v, s) || msr_write(v, MSR_APIC_BASE, s->apic_base, true))
		return -EINVAL;
	if (s->cs.base != c->seg[X86_CS].base)
		forget_io(v);
	c->gdt = (struct x86_dtable){ .base = s->gdt.base, .limit = s->gdt.limit };
	c->idt = (struct x86_dtable){ .base = s->idt.base, .limit = s->idt.limit };
	c->cr0 = s->cr0 | X86_CR0_ET;
	c->cr2 = s->cr2;
	c->cr3 = s->cr3;
	c->cr4 = s->cr4;
	c->efer = s->efer & EFER_KNOWN;
	for (u32 i = 0; i < ARRAY_SIZE(segs); i++)
		seg_import(&c->seg[segs[i].seg], (const void *)((const u8 *)s + segs[i].off));
	c->cpl = s->ss.dpl & 3;
	c->env->set_cr8(c, s->cr8 & 15);
	if (pdpte)
		memcpy(c->pdpte, pdpte, sizeof(c->pdpte));
	else if (pae_paging(c))
		load_pdptes(v);
	x86_mode_update(c);
	x86_set_cpl(c, s->ss.dpl & 3);
	c->env->flush(c, X86_FLUSH_ALL, 0);
	unhalt_on_reset(v, s);
	state_written(v);
	return 0;
}

long vcpu_set_sregs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_sregs *s = arg;
	long r = sregs_common_set(v, s, NULL);

	for (u32 i = 0; !r && i < 256; i++)
		if (s->interrupt_bitmap[i / 64] >> i % 64 & 1) {
			v->intr_injected = true;
			v->intr_soft = false;
			v->intr_vector = i;
			break;
		}
	return r;
}

long vcpu_set_sregs2(void *obj, void *arg)
{
	const struct kvm_sregs2 *s = arg;
	bool pae = s->cr0 & X86_CR0_PG && s->cr4 & X86_CR4_PAE && !(s->efer & X86_EFER_LMA);
	bool given = s->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	struct kvm_sregs common = { 0 };

	if (s->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID || (given && !pae))
		return -EINVAL;
	memcpy(&common, s, SREGS_COMMON);
	return sregs_common_set(obj, &common, given ? (const u64 *)s->pdptrs : NULL);
}

long vcpu_translate(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_translation *t = arg;
	const struct x86_env *env = v->cpu.env;
	struct x86_xlat x = { 0 };
	int err;

	host_mutex_lock(&v->vm->slots.lock);
	v->cpu.env = &quiet_env;
	err = x86_translate(&v->cpu, t->linear_address, &x);
	v->cpu.env = env;
	host_mutex_unlock(&v->vm->slots.lock);
	t->valid = !err;
	t->physical_address = err ? ~0ull : x.gpa;
	t->writeable = 1;
	t->usermode = 0;
	return 0;
}

long vcpu_get_debugregs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_debugregs *d = arg;

	memset(d, 0, sizeof(*d));
	memcpy(d->db, v->cpu.dr, sizeof(d->db));
	d->dr6 = v->cpu.dr[6];
	d->dr7 = v->cpu.dr[7];
	return 0;
}

long vcpu_set_debugregs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_debugregs *d = arg;

	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(v->cpu.dr, d->db, sizeof(d->db));
	v->cpu.dr[6] = d->dr6;
	v->cpu.dr[7] = d->dr7;
	x86_debug_changed(&v->cpu);
	state_written(v);
	return 0;
}
