// SPDX-License-Identifier: GPL-2.0-or-later
/* bind.c - which function executes a decoded instruction. */
#include "core/x86/insn.h"

static int exec_ud(struct x86_cpu *c, const struct x86_insn *in)
{
	return x86_raise(c, X86_UD);
}

void x86_bind(struct x86_insn *in, x86_exec_fn (*extra)(const struct x86_insn *in))
{
	x86_exec_fn fn = extra ? extra(in) : NULL;

	if (!fn)
		fn = x86_exec_int(in);
	if (!fn)
		fn = x86_exec_sys(in);
	in->exec = fn ? fn : exec_ud;
}
