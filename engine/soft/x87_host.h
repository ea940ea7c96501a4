/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87_host.h - one x87 operation on the host.
 *
 * The host's x87 is at rest between operations: empty stack, control word
 * 37fh, some exception flags. An operation runs with the guest's control word,
 * unmasked exceptions included: nothing waits for the host's x87 before
 * FNCLEX has withdrawn them, so no signal is raised, and results are what the
 * manual says of unmasked exceptions (scaled exponents and so on).
 *
 * Flags of earlier operations may stay in the host's status word if the guest
 * has them too, since clearing them is slow.
 */
#ifndef SOFT_X87_HOST_H
#define SOFT_X87_HOST_H

#include "engine/soft/x87.h"

static __always_inline void host_x87_begin(const struct x86_fpu *f)
{
	u16 sw;

	__asm__ volatile("fnstsw %0" : "=a"(sw));
	if (unlikely(sw & (FSW_EXC | FSW_SF) & ~f->fsw))
		__asm__ volatile("fnclex");
	if (unlikely(f->fcw != FCW_INIT))
		__asm__ volatile("fldcw %0" : : "m"(f->fcw));
}

static __always_inline void host_x87_end(const struct x86_fpu *f)
{
	u16 cw = FCW_INIT;

	if (unlikely(f->fcw != FCW_INIT))
		__asm__ volatile("fldcw %0" : : "m"(cw));
}

/* After the operation: its status in sw, and nothing pending any more. */
#define X87_STATUS \
	"fnstsw %w[sw]\n\t" \
	"testb $0x80, %b[sw]\n\t" \
	"jz 9f\n\t" \
	"fnclex\n" \
	"9:\n\t"

#endif
