// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fpu.c - the x87 and SSE state as FXSAVE lays it out in 64-bit mode.
 *
 * Source: SDM vol. 1, "FXSAVE area"; vol. 2, "FXSAVE".
 */
#include "core/x86/fpu.h"

#define MXCSR_MASK	0xffffu
#define AT_FCW		0
#define AT_FSW		2
#define AT_FTW		4
#define AT_FOP		6
#define AT_FIP		8
#define AT_FDP		16
#define AT_MXCSR	24
#define AT_MXCSR_MASK	28
#define AT_ST		32
#define AT_XMM		160

void x86_fpu_reset(struct x86_fpu *f)
{
	memset(f, 0, sizeof(*f));
	f->fcw = 0x37f;
	f->mxcsr = 0x1f80;
}

/* ST(i) in the image is register TOP + i. */
static struct x87_reg *stack_reg(const struct x86_fpu *f, unsigned int i)
{
	return (struct x87_reg *)&f->st[((f->fsw >> 11) + i) & 7];
}

void x86_fpu_export(const struct x86_fpu *f, u8 image[X86_XSAVE_LEGACY])
{
	const u32 mask = MXCSR_MASK;
	unsigned int i;

	memset(image, 0, X86_XSAVE_LEGACY);
	memcpy(image + AT_FCW, &f->fcw, 2);
	memcpy(image + AT_FSW, &f->fsw, 2);
	image[AT_FTW] = f->ftw;
	memcpy(image + AT_FOP, &f->fop, 2);
	memcpy(image + AT_FIP, &f->fip, 8);
	memcpy(image + AT_FDP, &f->fdp, 8);
	memcpy(image + AT_MXCSR, &f->mxcsr, 4);
	memcpy(image + AT_MXCSR_MASK, &mask, 4);
	for (i = 0; i < 8; i++) {
		const struct x87_reg *r = stack_reg(f, i);

		memcpy(image + AT_ST + 16 * i, &r->mant, 8);
		memcpy(image + AT_ST + 16 * i + 8, &r->se, 2);
	}
	for (i = 0; i < 16; i++)
		memcpy(image + AT_XMM + 16 * i, f->v[i].b, 16);
}

int x86_fpu_import(struct x86_fpu *f, const u8 image[X86_XSAVE_LEGACY])
{
	unsigned int i;
	u32 mxcsr;

	memcpy(&mxcsr, image + AT_MXCSR, 4);
	if (mxcsr & ~MXCSR_MASK)
		return -EINVAL;
	f->mxcsr = mxcsr;
	memcpy(&f->fcw, image + AT_FCW, 2);
	memcpy(&f->fsw, image + AT_FSW, 2);
	f->ftw = image[AT_FTW];
	memcpy(&f->fop, image + AT_FOP, 2);
	memcpy(&f->fip, image + AT_FIP, 8);
	memcpy(&f->fdp, image + AT_FDP, 8);
	f->fcs = f->fds = 0;
	for (i = 0; i < 8; i++) {
		struct x87_reg *r = stack_reg(f, i);

		memcpy(&r->mant, image + AT_ST + 16 * i, 8);
		memcpy(&r->se, image + AT_ST + 16 * i + 8, 2);
	}
	for (i = 0; i < 16; i++)
		memcpy(f->v[i].b, image + AT_XMM + 16 * i, 16);
	return 0;
}
