// SPDX-License-Identifier: GPL-2.0-or-later
/* op_name.c - the manual's names of operations, for traces and test reports. */
#include "core/x86/insn.h"

static const char *const names[OP_COUNT] = {
#define X86_OP(name) [OP_##name] = #name,
#include "core/x86/ops.h"
#undef X86_OP
};

const char *x86_op_name(enum x86_op op)
{
	return (unsigned int)op < OP_COUNT ? names[op] : "?";
}
