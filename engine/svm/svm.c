// SPDX-License-Identifier: GPL-2.0-or-later
/* svm.c - the engine's table; switching SVM on and off; a vCPU's VMCB. */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include "core/x86/cpuid.h"
#include "engine/svm/svm.h"
#include "port/linux/kvist.h"

#define VM_CR		0xc0010114
#define VM_CR_SVMDIS	(1ull << 4)
#define VM_HSAVE_PA	0xc0010117
#define SVM_LEAF	0x8000000a
#define SVM_NP		(1u << 0)

#define IOPM_ORDER	2		/* 12 KiB */
#define MSRPM_ORDER	1		/* 8 KiB */

DEFINE_PER_CPU(struct svm_cpu, svm_cpu);
u64 svm_iopm_pa, svm_msrpm_pa;
static struct page *iopm, *msrpm;

/* --- host processors --- */

/* While there are VMs. Fails where another hypervisor has SVM on. */
static int cpu_on(unsigned int n)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & X86_EFER_SVME)
		return -EBUSY;
	wrmsrl(MSR_EFER, efer | X86_EFER_SVME);
	wrmsrl(VM_HSAVE_PA, __sme_set(__pa(cpu->hsave)));
	cpu->asid_max = cpuid_ebx(SVM_LEAF) - 1;
	cpu->asid_next = cpu->asid_max + 1;
	cpu->asid_gen++;
	cpu->last = NULL;
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		rdmsrl(MSR_TSC_AUX, cpu->tsc_aux);
	cpu->on = true;
	return 0;
}

static int cpu_off(unsigned int n)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 efer;

	if (!cpu->on)
		return 0;
	cpu->on = false;
	wrmsrl(VM_HSAVE_PA, 0);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~(u64)X86_EFER_SVME);
	return 0;
}

/* The processor that suspends the machine is never unplugged. */
static int host_suspend(void)
{
	return cpu_off(0);
}

static DEFINE_MUTEX(users_lock);
static unsigned int users;	/* VMs */
static int cpuhp;

static void host_resume(void)
{
	if (users)
		cpu_on(0);
}

static struct syscore_ops syscore = { .suspend = host_suspend, .resume = host_resume };

static int host_get(void)
{
	int err = 0;

	mutex_lock(&users_lock);
	if (!users) {
		cpuhp = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "kvist/amd:online", cpu_on, cpu_off);
		if (cpuhp < 0)
			err = cpuhp;
	}
	if (!err)
		users++;
	mutex_unlock(&users_lock);
	return err;
}

static void host_put(void)
{
	mutex_lock(&users_lock);
	if (!--users)
		cpuhp_remove_state(cpuhp);
	mutex_unlock(&users_lock);
}

/* --- virtual machines and vCPUs --- */

static void nothing(void *arg)
{
}

/* All vCPUs' TLBs: who is in the guest is made to leave, and everybody flushes
 * before entering again. */
static void svm_flush_vm(struct vm *vm)
{
	u32 n = READ_ONCE(vm->n_vcpus);
	cpumask_var_t in;
	bool all = !zalloc_cpumask_var(&in, GFP_ATOMIC);

	for (u32 i = 0; i < n; i++) {
		struct svm_vcpu *sv = svm_of(vm->vcpu[i]);

		__atomic_store_n(&sv->flush, 1, __ATOMIC_SEQ_CST);
		if (!all && READ_ONCE(sv->in_guest))
			cpumask_set_cpu(READ_ONCE(sv->cpu), in);
	}
	preempt_disable();
	smp_call_function_many(all ? cpu_online_mask : in, nothing, NULL, true);
	preempt_enable();
	if (!all)
		free_cpumask_var(in);
}

static int svm_vm_init(struct vm *vm)
{
	struct tdp *t = vm->engine_vm;
	int err = host_get();

	if (err)
		return err;
	for (unsigned int as = 0; as < AS_COUNT && !err; as++)
		err = tdp_init(&t[as], vm, as, svm_flush_vm);
	if (err) {
		for (unsigned int as = 0; as < AS_COUNT; as++)
			tdp_fini(&t[as]);
		host_put();
	}
	return err;
}

static void svm_vm_fini(struct vm *vm)
{
	for (unsigned int as = 0; as < AS_COUNT; as++)
		tdp_fini((struct tdp *)vm->engine_vm + as);
	host_put();
}

static void intercepts(struct vmcb_control *c)
{
	c->cr_write = 1 << 0 | 1 << 4 | 1 << 8;
	c->cr_read = 1 << 8;
	c->dr_read = c->dr_write = 0xffff;
	c->exceptions = 1 << X86_UD | 1 << X86_MC | 1 << X86_AC | 1 << X86_DB;
	c->intercept1 = VMCB_I1_INTR | VMCB_I1_NMI | VMCB_I1_SMI | VMCB_I1_INIT | VMCB_I1_RDPMC |
			VMCB_I1_CPUID | VMCB_I1_RSM | VMCB_I1_INVD | VMCB_I1_HLT | VMCB_I1_INVLPGA |
			VMCB_I1_IOIO | VMCB_I1_MSR | VMCB_I1_TASK_SWITCH | VMCB_I1_SHUTDOWN;
	c->intercept2 = VMCB_I2_VMRUN | VMCB_I2_VMMCALL | VMCB_I2_VMLOAD | VMCB_I2_VMSAVE |
			VMCB_I2_STGI | VMCB_I2_CLGI | VMCB_I2_SKINIT | VMCB_I2_WBINVD |
			VMCB_I2_MONITOR | VMCB_I2_MWAIT | VMCB_I2_XSETBV | VMCB_I2_RDPRU;
}

static int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);

	sv->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!sv->vmcb)
		return -ENOMEM;
	if (!fpu_alloc_guest_fpstate(&sv->fpu)) {
		free_page((unsigned long)sv->vmcb);
		return -ENOMEM;
	}
	sv->vmcb_pa = __sme_set(__pa(sv->vmcb));
	sv->last_cpu = -1;
	sv->fpu_in_cpu = true;
	intercepts(&sv->vmcb->c);
	sv->vmcb->c.iopm = svm_iopm_pa;
	sv->vmcb->c.msrpm = svm_msrpm_pa;
	sv->vmcb->c.np_enable = 1;
	return 0;
}

static void forget(void *arg)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);

	if (cpu->last == arg)
		cpu->last = NULL;
}

static void svm_vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);

	for (unsigned int as = 0; as < AS_COUNT; as++)
		tdp_quiesce((struct tdp *)v->vm->engine_vm + as);
	on_each_cpu(forget, sv, true);
	fpu_free_guest_fpstate(&sv->fpu);
	tdp_spare_free(&sv->spare);
	free_page((unsigned long)sv->vmcb);
}

/* KVM_RUN begins and ends: whose floating-point registers are loaded. */
static void svm_begin(struct vcpu *v)
{
	svm_fpu_to_guest(v);
	fpu_swap_kvm_fpstate(&svm_of(v)->fpu, true);
}

static void svm_end(struct vcpu *v)
{
	fpu_swap_kvm_fpstate(&svm_of(v)->fpu, false);
}

static void svm_kick(struct vcpu *v)
{
	struct svm_vcpu *sv = svm_of(v);
	int cpu = READ_ONCE(sv->cpu), me = get_cpu();

	if (READ_ONCE(sv->in_guest) && cpu != me)
		smp_send_reschedule(cpu);
	put_cpu();
}

static void svm_tlb_flush(struct vcpu *v, int what, u64 lin)
{
	__atomic_store_n(&svm_of(v)->flush, 1, __ATOMIC_SEQ_CST);
}

/* All vCPUs pass a point at which they hold no slot. */
static void wait_for_vcpus(struct vm *vm)
{
	u32 n = READ_ONCE(vm->n_vcpus);

	for (u32 i = 0; i < n; i++) {
		vcpu_request(vm->vcpu[i], REQ_TLB_FLUSH);
		vcpu_kick(vm->vcpu[i]);
	}
	for (u32 i = 0; i < n; i++)
		while (__atomic_load_n(&vm->vcpu[i]->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&vm->vcpu[i]->requests, __ATOMIC_SEQ_CST) & REQ_TLB_FLUSH)
			cond_resched();
}

static void svm_memory_changed(struct vm *vm, unsigned int as, u64 gpa, u64 len)
{
	tdp_memory_changed((struct tdp *)vm->engine_vm + as, gpa, len);
	wait_for_vcpus(vm);
}

static void svm_write_protect(struct vm *vm, unsigned int as, u64 gpa, u64 len)
{
	tdp_write_protect((struct tdp *)vm->engine_vm + as, gpa, len);
}

static bool svm_present(void)
{
	u64 vm_cr;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_AMD && boot_cpu_data.x86_vendor != X86_VENDOR_HYGON)
		return false;
	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		pr_info("kvist-amd: this processor has no SVM\n");
		return false;
	}
	rdmsrl(VM_CR, vm_cr);
	if (vm_cr & VM_CR_SVMDIS) {
		pr_info("kvist-amd: SVM is disabled by the firmware\n");
		return false;
	}
	if (!(cpuid_edx(SVM_LEAF) & SVM_NP)) {
		pr_info("kvist-amd: this processor has no nested paging\n");
		return false;
	}
	return true;
}

/* The guest has the host's instructions, but for what needs more than that. */
static void svm_cpuid_adjust(u32 leaf, u32 sub, u32 out[4])
{
	u32 host[4] = { 0 }, max;

	if (leaf >= 0x40000000 && leaf < 0x80000000)
		return;
	max = cpuid_eax(leaf & 0x80000000);
	if (leaf <= max)
		cpuid_count(leaf, sub, &host[0], &host[1], &host[2], &host[3]);
	switch (leaf) {
	case 1:
		/* These three the core makes itself. */
		out[2] &= host[2] | 1u << 21 | 1u << 24 | 1u << 31;
		out[3] &= host[3];
		break;
	case 7:
		out[1] &= host[1] | 1u << 1;
		out[2] &= host[2] & ~(1u << 3);		/* PKRU is not switched */
		out[3] &= host[3];
		break;
	case 0xd:
		if (sub == 0) {
			out[0] = 3;			/* x87, SSE */
			out[1] = out[2] = X86_XSAVE_LEGACY + X86_XSAVE_HEADER;
		} else if (sub == 1) {
			out[0] &= host[0];
			out[1] = X86_XSAVE_LEGACY + X86_XSAVE_HEADER;
		} else {
			memset(out, 0, 16);
		}
		break;
	case 0x80000001:
		out[2] &= host[2];
		out[3] &= host[3];
		break;
	case 0x80000008:
		out[0] = host[0];
		out[1] &= host[1];
		break;
	case 0x80000021:
		out[0] &= host[0];
		out[2] &= host[2];
		break;
	}
}

const struct engine engine_svm = {
	.name = "svm",
	.present = svm_present,
	.vm_size = AS_COUNT * sizeof(struct tdp),
	.vcpu_size = sizeof(struct svm_vcpu),
	.vm_init = svm_vm_init,
	.vm_fini = svm_vm_fini,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.begin = svm_begin,
	.end = svm_end,
	.fetch = svm_store,
	.inject = svm_inject,
	.fpu_fetch = svm_fpu_to_cpu,
	.run = svm_run,
	.kick = svm_kick,
	.memory_changed = svm_memory_changed,
	.write_protect = svm_write_protect,
	.flush = svm_tlb_flush,
	.cpuid_adjust = svm_cpuid_adjust,
};

/* --- permission maps: all ports exit, and all MSRs but those in the VMCB --- */

static void msr_allow(u8 *map, u32 msr)
{
	u32 bit = msr < 0x2000 ? msr * 2 : 0x800 * 8 + (msr - 0xc0000000) * 2;

	map[bit / 8] &= ~(3 << bit % 8);
}

static int maps_new(void)
{
	static const u32 own[] = {
		0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
		0xc0000100, 0xc0000101, 0xc0000102,
	};

	iopm = alloc_pages(GFP_KERNEL, IOPM_ORDER);
	msrpm = alloc_pages(GFP_KERNEL, MSRPM_ORDER);
	if (!iopm || !msrpm)
		return -ENOMEM;
	memset(page_address(iopm), 0xff, PAGE_SIZE << IOPM_ORDER);
	memset(page_address(msrpm), 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (u32 i = 0; i < ARRAY_SIZE(own); i++)
		msr_allow(page_address(msrpm), own[i]);
	svm_iopm_pa = __sme_set(page_to_phys(iopm));
	svm_msrpm_pa = __sme_set(page_to_phys(msrpm));
	return 0;
}

static void pages_free(void)
{
	int n;

	if (iopm)
		__free_pages(iopm, IOPM_ORDER);
	if (msrpm)
		__free_pages(msrpm, MSRPM_ORDER);
	for_each_possible_cpu(n) {
		struct svm_cpu *cpu = &per_cpu(svm_cpu, n);

		free_page((unsigned long)cpu->hsave);
		if (cpu->host)
			__free_page(cpu->host);
	}
}

static int pages_new(void)
{
	int err = maps_new(), n;

	for_each_possible_cpu(n) {
		struct svm_cpu *cpu = &per_cpu(svm_cpu, n);

		cpu->hsave = (void *)get_zeroed_page(GFP_KERNEL);
		cpu->host = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!cpu->hsave || !cpu->host) {
			err = -ENOMEM;
			break;
		}
		cpu->host_pa = __sme_set(page_to_phys(cpu->host));
	}
	if (err)
		pages_free();
	return err;
}

static int __init svm_module_init(void)
{
	int err;

	if (!svm_present())
		return -EOPNOTSUPP;
	err = pages_new();
	if (err)
		return err;
	register_syscore_ops(&syscore);
	err = kvist_register(&engine_svm, THIS_MODULE);
	if (err) {
		unregister_syscore_ops(&syscore);
		pages_free();
	}
	return err;
}
module_init(svm_module_init);

static void __exit svm_module_exit(void)
{
	kvist_unregister(&engine_svm);
	unregister_syscore_ops(&syscore);
	pages_free();
}
module_exit(svm_module_exit);

MODULE_DESCRIPTION("kvist on AMD-V");
MODULE_LICENSE("GPL");
