// SPDX-License-Identifier: GPL-2.0-or-later
/* io.c - who may use which I/O port. */
#include "core/x86/seg.h"

#define TSS_IOMAP	0x66

int x86_io_allowed(struct x86_cpu *c, u16 port, unsigned int size)
{
	const struct x86_seg *tr = &c->seg[X86_TR];
	u16 map, bits;
	u32 at;
	int r;

	if (!(c->cr0 & X86_CR0_PE) || (!x86_v86(c) && c->cpl <= x86_iopl(c)))
		return RUN_OK;
	if (tr->attr & X86_SEG_UNUSABLE || !(x86_attr_type(tr->attr) & 8) ||
	    tr->limit < TSS_IOMAP + 1)
		return x86_raise_err(c, X86_GP, 0);
	r = x86_lin_read(c, tr->base + TSS_IOMAP, &map, 2, ACC_IMPLICIT);
	if (r)
		return r;
	/* Two bytes are always read, so one more must be in the limit. */
	at = (u32)map + port / 8;
	if (at + 1 > tr->limit)
		return x86_raise_err(c, X86_GP, 0);
	r = x86_lin_read(c, tr->base + at, &bits, 2, ACC_IMPLICIT);
	if (r)
		return r;
	return bits >> (port & 7) & ((1u << size) - 1) ? x86_raise_err(c, X86_GP, 0) : RUN_OK;
}
