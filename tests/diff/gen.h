/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gen.h - private to gen*.c: values, and the templates instructions start from. */
#ifndef TESTS_DIFF_GEN_H
#define TESTS_DIFF_GEN_H

#include "tests/diff/diff.h"

/* gen_value.c */
void rnd_seed(u64 seed);
u64 rnd_value(void);			/* for a general register */
void rnd_vector(u8 *p);			/* 16 bytes, for an XMM register */
void rnd_state(struct state *s);
void rnd_again(struct state *s);		/* flags and FPU only */
u32 rnd_mxcsr(void);
void rnd_fpu_area(u8 p[832]);		/* as XSAVE writes it */
u64 rnd_data(unsigned int align, unsigned int size);
u64 rnd_code_target(unsigned int len);
void poke(u64 ea, const void *p, unsigned int n);	/* in both memories */

/* gen_template.c: an encoding without its random parts. */
struct template {
	u8 map;			/* 1, 2, 3, 4: one byte, 0F, 0F38, 0F3A; VEX: 5, 6 */
	u8 opcode, modrm;
	u8 pfx;			/* mandatory prefix, or 0 */
	u8 rex_w;
};

int templates_init(const char *regex, const char *not_regex);
const struct template *template_pick(void);
bool template_wants(unsigned int op);

#endif
