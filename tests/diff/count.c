// SPDX-License-Identifier: GPL-2.0-or-later
/* count.c - what was compared: by kind of instruction, and by operation. */
#include "tests/diff/diff.h"

static const char *const class_names[CLASS_COUNT] = {
	"integer", "string", "branch", "system", "x87", "MMX", "SSE", "AES/SHA/CLMUL",
};

/* In tests: those that control reached. */
static u64 reached[2][CLASS_COUNT], reached_op[OP_COUNT], faults[OP_COUNT], bad[OP_COUNT];
static u64 tests[2], blocks[2], faulted[2], insns_run[2], loops, smc;

enum class class_of(const struct x86_insn *in)
{
	if (in->op >= OP_aesenc)
		return CLASS_CRYPTO;
	if (in->op >= OP_movups)
		return in->opsize == 8 ? CLASS_MMX : CLASS_SSE;
	if (in->op >= OP_x87)
		return CLASS_X87;
	if (in->op >= OP_popf)
		return CLASS_SYSTEM;
	if (in->op >= OP_movs && in->op <= OP_outs)
		return CLASS_STRING;
	if (in->op >= OP_jcc && in->op <= OP_jcxz)
		return CLASS_BRANCH;
	return CLASS_INT;
}

void count_test(enum how how, const struct block *b, const struct state *n, u64 insns, bool ok)
{
	u64 stop = n->vector == -1 ? b->len : n->rip - START_IP;
	unsigned int i;

	tests[how]++;
	blocks[how] += b->n > 1;
	insns_run[how] += insns;
	faulted[how] += n->vector != -1;
	loops += !!b->turns;
	smc += b->smc;
	for (i = 0; i < b->n; i++) {
		if (b->at[i] > stop)
			break;
		reached[how][b->class[i]]++;
		reached_op[b->op[i]]++;
		faults[b->op[i]] += n->vector != -1 && b->at[i] == stop;
	}
	bad[b->op[b->n - 1]] += !ok;
}

u64 count_bad(unsigned int op)
{
	return bad[op];
}

static void table(bool all)
{
	unsigned int i;

	printf("%-18s %10s %10s %10s %8s %8s\n", "op", "run", "in core", "faults", "excused",
	       "bad");
	for (i = 1; i < OP_COUNT; i++) {
		const char *why = rule_excluded(i);

		if (reached_op[i] && (all || bad[i]))
			printf("%-18s %10llu %10llu %10llu %8llu %8llu\n", x86_op_name(i),
			       (unsigned long long)reached_op[i], (unsigned long long)executed[i],
			       (unsigned long long)faults[i],
			       (unsigned long long)excuses_of(i), (unsigned long long)bad[i]);
		else if (!reached_op[i] && all)
			printf("%-18s not run: %s\n", x86_op_name(i),
			       why ? why : "no such encoding, or not chosen");
	}
}

void count_report(bool all)
{
	static const char *const hows[2] = { "core", "blocks" };
	unsigned int h, i;

	table(all);
	for (h = 0; h < 2; h++) {
		printf("%u bits, %-6s: %llu tests (%llu of several instructions), "
		       "%llu instructions, %llu faults\n", diff_bits, hows[h],
		       (unsigned long long)tests[h], (unsigned long long)blocks[h],
		       (unsigned long long)insns_run[h], (unsigned long long)faulted[h]);
		printf(" ");
		for (i = 0; i < CLASS_COUNT; i++)
			printf(" %s %llu", class_names[i], (unsigned long long)reached[h][i]);
		printf("\n");
	}
	printf("  loops %llu, self-modifying %llu\n", (unsigned long long)loops,
	       (unsigned long long)smc);
	excuse_report();
}
