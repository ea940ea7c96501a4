/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x87, SSE and AVX state, as the FXSAVE and XSAVE images of SDM vol. 1. */
#include "core/vm.h"
#include "core/api/vcpu_state.h"
#include "core/x86/cpuid.h"

#define FX_MXCSR	24	/* offsets in the FXSAVE image */
#define FX_ST		32
#define FX_XMM		160
#define XS_BV		512	/* in the XSAVE header */
#define XS_COMP		520
#define XS_AVX		576
#define XC_X87		1u
#define XC_SSE		2u
#define XC_AVX		4u

/* An engine may keep the registers elsewhere. */
static void fetch(struct vcpu *v)
{
	if (v->vm->engine->fpu_fetch)
		v->vm->engine->fpu_fetch(v);
}

static void state_written(struct vcpu *v)
{
	if (v->vm->engine->state_changed)
		v->vm->engine->state_changed(v);
}

long vcpu_get_fpu(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_fpu *f = arg;
	u8 image[X86_XSAVE_LEGACY];

	fetch(v);
	x86_fpu_export(&v->cpu.fpu, image);
	memset(f, 0, sizeof(*f));
	memcpy(f->fpr, image + FX_ST, sizeof(f->fpr));
	memcpy(&f->fcw, image, 2);
	memcpy(&f->fsw, image + 2, 2);
	f->ftwx = image[4];
	memcpy(&f->last_opcode, image + 6, 2);
	memcpy(&f->last_ip, image + 8, 8);
	memcpy(&f->last_dp, image + 16, 8);
	memcpy(f->xmm, image + FX_XMM, sizeof(f->xmm));
	memcpy(&f->mxcsr, image + FX_MXCSR, 4);
	return 0;
}

/* As KVM, MXCSR is not taken from here: KVM_SET_XSAVE does that. */
long vcpu_set_fpu(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_fpu *f = arg;
	u8 image[X86_XSAVE_LEGACY];
	int err;

	fetch(v);
	x86_fpu_export(&v->cpu.fpu, image);
	memcpy(image + FX_ST, f->fpr, sizeof(f->fpr));
	memcpy(image, &f->fcw, 2);
	memcpy(image + 2, &f->fsw, 2);
	image[4] = f->ftwx;
	memcpy(image + 6, &f->last_opcode, 2);
	memcpy(image + 8, &f->last_ip, 8);
	memcpy(image + 16, &f->last_dp, 8);
	memcpy(image + FX_XMM, f->xmm, sizeof(f->xmm));
	err = x86_fpu_import(&v->cpu.fpu, image);
	if (!err)
		state_written(v);
	return err;
}

/* Components the engine has, whatever the vCPU was told. */
static u64 components(struct vcpu *v)
{
	return (cpuid_xcr0_supported(v) | XC_X87 | XC_SSE) & X86_XCR0_ALL;
}

long vcpu_get_xsave(void *obj, void *arg)
{
	struct vcpu *v = obj;
	u8 *area = arg;
	u64 have = components(v);

	fetch(v);
	memset(area, 0, sizeof(struct kvm_xsave));
	x86_fpu_export(&v->cpu.fpu, area);
	memcpy(area + XS_BV, &have, sizeof(have));
	if (have & XC_AVX)
		for (u32 i = 0; i < 16; i++)
			memcpy(area + XS_AVX + i * 16, &v->cpu.fpu.v[i].b[16], 16);
	if (have & X86_XC_PKRU)
		memcpy(area + X86_XSAVE_PKRU, &v->cpu.pkru, sizeof(v->cpu.pkru));
	return 0;
}

/* A component that the image leaves out is in its initial state. */
static void fill_initial(u8 *area, u64 given)
{
	struct x86_fpu init;
	u8 image[X86_XSAVE_LEGACY];

	memset(&init, 0, sizeof(init));
	x86_fpu_reset(&init);
	x86_fpu_export(&init, image);
	if (!(given & XC_X87)) {
		memcpy(area, image, FX_MXCSR);
		memcpy(area + FX_ST, image + FX_ST, FX_XMM - FX_ST);
	}
	if (!(given & XC_SSE))
		memcpy(area + FX_XMM, image + FX_XMM, 256);
	/* MXCSR belongs to SSE and AVX both. */
	if (!(given & (XC_SSE | XC_AVX)))
		memcpy(area + FX_MXCSR, image + FX_MXCSR, 4);
	if (!(given & XC_AVX))
		memset(area + XS_AVX, 0, 256);
	if (!(given & X86_XC_PKRU))
		memset(area + X86_XSAVE_PKRU, 0, 8);
}

long vcpu_set_xsave(void *obj, void *arg)
{
	struct vcpu *v = obj;
	u8 *area = arg;
	u64 given, rest = 0;
	int err;

	fetch(v);
	memcpy(&given, area + XS_BV, sizeof(given));
	if (given & ~components(v))
		return -EINVAL;
	/* XCOMP_BV and the reserved part of the header. */
	for (u32 i = XS_COMP; i < XS_AVX; i++)
		rest |= area[i];
	if (rest)
		return -EINVAL;
	fill_initial(area, given);
	err = x86_fpu_import(&v->cpu.fpu, area);
	if (err)
		return err;
	for (u32 i = 0; i < 16; i++)
		memcpy(&v->cpu.fpu.v[i].b[16], area + XS_AVX + i * 16, 16);
	memcpy(&v->cpu.pkru, area + X86_XSAVE_PKRU, sizeof(v->cpu.pkru));
	state_written(v);
	return 0;
}

long vcpu_get_xcrs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	struct kvm_xcrs *x = arg;

	memset(x, 0, sizeof(*x));
	x->nr_xcrs = 1;
	x->xcrs[0].value = v->cpu.xcr0;
	return 0;
}

long vcpu_set_xcrs(void *obj, void *arg)
{
	struct vcpu *v = obj;
	const struct kvm_xcrs *x = arg;
	u64 val;

	if (x->nr_xcrs > KVM_MAX_XCRS || x->flags)
		return -EINVAL;
	for (u32 i = 0; i < x->nr_xcrs; i++) {
		if (x->xcrs[i].xcr)
			continue;
		val = x->xcrs[i].value;
		if (!(val & XC_X87) || (val & XC_AVX && !(val & XC_SSE)) ||
		    val & ~(cpuid_xcr0_supported(v) | XC_X87))
			return -EINVAL;
		v->cpu.xcr0 = val;
		state_written(v);
		break;
	}
	return 0;
}
