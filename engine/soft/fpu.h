/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fpu.h - x87, MMX, SSE, AES, SHA and the instructions that save their state.
 *
 * The host is x86-64, so the host's own units do the arithmetic: results,
 * exception flags and condition codes are those of real hardware, bit by bit.
 */
#ifndef SOFT_FPU_H
#define SOFT_FPU_H

#include "core/x86/insn.h"

/* The function that executes in, or NULL for ops that are not x87 or SIMD.
 * Give it to x86_bind(). */
x86_exec_fn soft_exec_fpu(const struct x86_insn *in);

/* Host extensions that handlers use where they are there; without them C code
 * does the same. The argument clears bits, for tests of that C code. */
#define SOFT_HOST_SSE42	 (1u << 0)	/* and so SSSE3 and SSE4.1 */
#define SOFT_HOST_AES	 (1u << 1)
#define SOFT_HOST_PCLMUL (1u << 2)
unsigned int soft_host_simd(void);
void soft_host_simd_hide(unsigned int mask);

/* One file each; soft_exec_fpu() asks them all. */
x86_exec_fn soft_exec_move(const struct x86_insn *in);
x86_exec_fn soft_exec_packed(const struct x86_insn *in);
x86_exec_fn soft_exec_ext(const struct x86_insn *in);
x86_exec_fn soft_exec_string(const struct x86_insn *in);
x86_exec_fn soft_exec_float(const struct x86_insn *in);
x86_exec_fn soft_exec_convert(const struct x86_insn *in);
x86_exec_fn soft_exec_crypto(const struct x86_insn *in);
x86_exec_fn soft_exec_x87(const struct x86_insn *in);
x86_exec_fn soft_exec_xsave(const struct x86_insn *in);

#endif
