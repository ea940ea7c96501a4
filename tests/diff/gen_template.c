// SPDX-License-Identifier: GPL-2.0-or-later
/* gen_template.c - every encoding the decoder knows, by operation. */
#include <regex.h>

#include "tests/diff/gen.h"

struct list {
	struct template *t;
	u32 n, cap;
};

static struct list lists[OP_COUNT];
static u16 ops[OP_COUNT + 16];		/* to pick from; x87 has several shares */
static unsigned int n_ops;
static bool wanted[OP_COUNT];

static void list_add(struct list *l, const struct template *t)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->t = realloc(l->t, l->cap * sizeof(*t));
		if (!l->t)
			abort();
	}
	l->t[l->n++] = *t;
}

/* The bytes of a template, followed by zeros. */
static void plain(const struct template *t, u8 code[32])
{
	static const u8 pp[4] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned int n = 0, i;

	memset(code, 0, 32);
	if (t->map >= 5) {
		code[n++] = 0xc4;
		code[n++] = 0xe0 | (t->map - 3);
		for (i = 0; pp[i] != t->pfx; i++)
			;
		code[n++] = (t->rex_w ? 0x80 : 0) | 0x78 | i;
	} else {
		if (t->pfx)
			code[n++] = t->pfx;
		if (t->rex_w)
			code[n++] = 0x48;
		if (t->map >= 2)
			code[n++] = 0x0f;
		if (t->map >= 3)
			code[n++] = t->map == 3 ? 0x38 : 0x3a;
	}
	code[n++] = t->opcode;
	code[n++] = t->modrm;
}

static bool is_prefix(unsigned int map, unsigned int b)
{
	if (map == 2)
		return b == 0x38 || b == 0x3a;
	if (map != 1)
		return false;
	if (b == 0x62 || b == 0xc4 || b == 0xc5)
		return diff_bits == 64;
	return b == 0x0f || (diff_bits == 64 && (b & 0xf0) == 0x40) ||
	       (b & 0xe7) == 0x26 || (b >= 0x64 && b <= 0x67) || b == 0xf0 || b == 0xf2 || b == 0xf3;
}

static void try_modrm(struct template t)
{
	struct x86_insn in;
	unsigned int m;
	u8 code[32];

	for (m = 0; m < 256; m++) {
		t.modrm = m;
		plain(&t, code);
		if (x86_decode(&in, diff_mode(), code, sizeof(code)) || !wanted[in.op] ||
		    !rule_runs(&in))
			continue;
		if (m == 1 && in.modrm == 0)
			return;		/* there is no ModRM */
		list_add(&lists[in.op], &t);
	}
}

static int choose_ops(const char *regex, bool match)
{
	unsigned int i;
	regex_t re;

	if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB))
		return -EINVAL;
	for (i = 1; i < OP_COUNT; i++)
		if (!regexec(&re, x86_op_name(i), 0, NULL, 0))
			wanted[i] = match;
	regfree(&re);
	return 0;
}

int templates_init(const char *regex, const char *not_regex)
{
	static const u8 prefixes[4] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned int map, opcode, p, w, i;
	int err = choose_ops(regex, true);

	if (!err && not_regex)
		err = choose_ops(not_regex, false);
	if (err)
		return err;
	for (map = 1; map <= 6; map++)
		for (opcode = 0; opcode < 256; opcode++)
			for (p = 0; p < 4; p++)
				for (w = 0; w < 2; w++)
					if (!is_prefix(map, opcode) && (diff_bits == 64 || !w))
						try_modrm((struct template){ .map = map,
							.opcode = opcode, .pfx = prefixes[p],
							.rex_w = w });
	for (i = 1; i < OP_COUNT; i++)
		if (lists[i].n)
			ops[n_ops++] = i;
	for (i = 0; lists[OP_x87].n && i < 12; i++)
		ops[n_ops++] = OP_x87;
	return n_ops ? 0 : -ENOENT;
}

const struct template *template_pick(void)
{
	const struct list *l = &lists[ops[rnd_below(n_ops)]];

	return &l->t[rnd_below(l->n)];
}

bool template_wants(unsigned int op)
{
	return wanted[op];
}
