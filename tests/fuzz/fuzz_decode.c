// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_decode.c - any bytes, in every mode: the decoder reads no byte too many,
 * and what it gives is fit for executing without further checks.
 */
#include "core/x86/insn.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static bool is_size(unsigned int n)
{
	return n == 1 || n == 2 || n == 4 || n == 8 || n == 16;
}

static void check_insn(const struct x86_insn *in)
{
	check(in->op > OP_ud && in->op < OP_COUNT);
	check(in->form <= FORM_MOFFS);
	check(is_size(in->opsize) && is_size(in->srcsize));
	check(in->adsize == 2 || in->adsize == 4 || in->adsize == 8);
	/* A register is within gpr[], or a number below 16. */
	check(in->reg < 16 * 8 && in->rm < 16 * 8);
	check(in->base < X86_NREG && in->index < X86_NREG && in->scale < 4);
	check(in->seg <= X86_GS && in->vvvv < 16 && in->cond < 16);
	if (in->flags & IN_LOCK)
		check(in->flags & IN_MEM || in->op == OP_mov_to_cr || in->op == OP_mov_from_cr);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct x86_insn in, again;
	enum x86_mode mode;
	u8 *code;
	int r;

	if (!n)
		return 0;
	mode = data[0] % 3;
	data++;
	n--;
	r = x86_decode(&in, mode, data, n);
	check(in.len <= n && in.len <= X86_INSN_MAX);
	check(r == 0 || r == -EINVAL || (r == -E2BIG && n >= X86_INSN_MAX) ||
	      (r == -ENODATA && n < X86_INSN_MAX));
	check(!r == (in.op != OP_ud));
	if (r)
		return 0;
	check_insn(&in);
	/* Its own bytes are enough, and none of them can be missing. */
	code = malloc(in.len);
	check(code != NULL);
	memcpy(code, data, in.len);
	check(!x86_decode(&again, mode, code, in.len));
	check(!memcmp(&again, &in, sizeof(in)));
	check(x86_decode(&again, mode, code, in.len - 1) == -ENODATA);
	free(code);
	return 0;
}
