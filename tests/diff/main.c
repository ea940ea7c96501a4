// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - differential test of the model against this machine's processor.
 *
 *	build/diff/diff [--seed N] [--count N] [--seconds N] [--ops REGEX] [--not REGEX]
 *		   [--block N] [--errors N] [--no-fpu] [--table] [--core | --blocks]
 *		   [--all] [--reject] [--bits 16|32|64]
 *
 * Without --bits all three kinds of segment get a share of the tests or the time.
 * --errors is how many mismatches of each operation are printed in full.
 * Exits with 1 on a mismatch. A test depends on the seed and its number only
 * through the memory that earlier ones leave, so rerun with the same options.
 */
#include <getopt.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/diff/diff.h"

static struct {
	u64 seed, count, errors;
	double seconds;
	const char *ops, *not_ops;
	unsigned int block;
	bool table, reject;
	int how;		/* enum how; -1: at random */
} opt = { .seed = 1, .count = 1000000, .errors = 1, .ops = ".", .how = -1 };

#define MAX_REPORTS 40

static unsigned int reports;
static u64 skipped;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static int usage(void)
{
	fprintf(stderr, "usage: diff [--seed N] [--count N] [--seconds N] [--ops REGEX] "
		"[--not REGEX] [--block N]\n\t[--errors N] [--no-fpu] [--table] "
		"[--core | --blocks] [--all] [--reject] [--bits 16|32|64]\n");
	return 2;
}

static int options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", 1, NULL, 's' }, { "count", 1, NULL, 'c' }, { "seconds", 1, NULL, 't' },
		{ "ops", 1, NULL, 'o' }, { "not", 1, NULL, 'n' }, { "block", 1, NULL, 'b' }, { "errors", 1, NULL, 'e' },
		{ "no-fpu", 0, NULL, 'F' }, { "table", 0, NULL, 'T' },
		{ "all", 0, NULL, 'a' },
		{ "reject", 0, NULL, 'R' },
		{ "bits", 1, NULL, 'B' }, { "core", 0, NULL, 'l' }, { "blocks", 0, NULL, 'L' }, { 0 }
	};
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 's': opt.seed = strtoull(optarg, NULL, 0); break;
		case 'c': opt.count = strtoull(optarg, NULL, 0); break;
		case 't': opt.seconds = strtod(optarg, NULL); opt.count = ~0ull; break;
		case 'o': opt.ops = optarg; break;
		case 'n': opt.not_ops = optarg; break;
		case 'b': opt.block = strtoul(optarg, NULL, 0); break;
		case 'e': opt.errors = strtoull(optarg, NULL, 0); break;
		case 'F': model_no_fpu = true; break;
		case 'T': opt.table = true; break;
		case 'a': report_all = true; break;
		case 'B': diff_bits = strtoul(optarg, NULL, 0); break;
		case 'R': opt.reject = true; break;
		case 'l': opt.how = HOW_CORE; break;
		case 'L': opt.how = HOW_BLOCKS; break;
		default: return usage();
		}
	}
	if (diff_bits && diff_bits != 16 && diff_bits != 32 && diff_bits != 64)
		return usage();
	return optind == argc ? 0 : usage();
}

static bool memory_equal(const struct block *b)
{
	bool same = !memcmp(native_code() + START_OFF, model_code() + START_OFF, b->len);

	if (b->skip_mem)
		memcpy(model_data(), native_data(), RW_SIZE);
	return same && !memcmp(model_data(), native_data(), RW_SIZE);
}

static void mismatch(u64 i, enum how how, const struct block *b, const struct state *in,
		     const struct state *n, const struct state *m, u64 undef)
{
	unsigned int k;

	if (count_bad(b->op[b->n - 1]) < opt.errors && reports++ < MAX_REPORTS) {
		printf("mismatch in test %llu, %s%s%s:", (unsigned long long)i,
		       how == HOW_CORE ? "core" : "blocks", b->turns ? ", loop" : "",
		       b->smc ? ", self-modifying" : "");
		for (k = 0; k < b->n; k++)
			printf(" %s", x86_op_name(b->op[k]));
		printf("\n");
		report(b, in, n, m, undef);
	}
	memcpy(model_data(), native_data(), RW_SIZE);
}

/* True when both agree. */
static bool run_test(u64 i, enum how how, const struct block *b, const struct state *in,
		     bool again)
{
	static struct state n, m;
	u64 undef, insns;
	bool ok;

	native_run(b, in, &n);
	if (!native_ok()) {
		skipped++;
		memcpy(native_data(), model_data(), RW_SIZE);
		return true;
	}
	insns = model_run(how, b, again, in, &m, &undef);
	ok = state_equal(b, &n, &m, undef) && memory_equal(b);
	if (!ok) {
		excuse(b, &n, &m);
		ok = state_equal(b, &n, &m, undef) && memory_equal(b);
	}
	if (!ok)
		mismatch(i, how, b, in, &n, &m, undef);
	count_test(how, b, &n, insns, ok);
	return ok;
}

/* The code of a test may run some more times, from the caches it then is in. */
#define AGAIN 6

static u64 one_test(u64 i)
{
	static struct state in;
	static struct block b;
	unsigned int size = opt.block ? opt.block : one_in(3) ? 2 + rnd_below(6) : 1;
	enum how how = opt.how >= 0 ? opt.how : size > 1 && !one_in(4) ? HOW_BLOCKS : i & 1;
	unsigned int left = how == HOW_BLOCKS && size > 1 ? rnd_below(AGAIN + 1) : 0;
	u64 bad;

	gen_block(&b, &in, size);
	if (b.segments)
		machine_percpu_limit(native_percpu_limit());
	bad = !run_test(i, how, &b, &in, false);
	/* What was stopped has not reached the model. */
	for (; left && !bad && !b.skip_mem && native_ok(); left--) {
		gen_again(&b, &in);
		bad = !run_test(i, how, &b, &in, true);
	}
	return bad;
}

static int run(void)
{
	u64 i, mismatches = 0;
	double start, t;
	int err;

	err = native_init();
	if (!err)
		err = machine_init();
	if (!err)
		err = gen_init(opt.ops, opt.not_ops, opt.seed);
	if (err) {
		fprintf(stderr, "diff: cannot start: %s\n", strerror(-err));
		return 2;
	}
	gen_data(native_data(), DATA_SIZE);
	memcpy(model_data(), native_data(), DATA_SIZE);
	native_protect();
	if (opt.reject) {
		reject_run(opt.count);
		return 0;
	}
	start = now();
	for (i = 0; i < opt.count; i++) {
		mismatches += one_test(i);
		if (opt.seconds && !(i & 1023) && now() - start > opt.seconds)
			break;
	}
	t = now() - start;
	count_report(opt.table);
	printf("%u bits, seed %llu: %llu tests, %llu mismatches, %llu stopped, %.0f a second\n", diff_bits,
	       (unsigned long long)opt.seed,
	       (unsigned long long)i, (unsigned long long)mismatches,
	       (unsigned long long)skipped, i / t);
	return mismatches != 0;
}

/* Each kind of segment in a process of its own; 64 bits get half of the time. */
static int run_all(void)
{
	static const struct { unsigned int bits, share; } parts[] = {
		{ 64, 2 }, { 32, 4 }, { 16, 4 },
	};
	unsigned int i;
	int result = 0, status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		fflush(stdout);
		pid = fork();
		if (pid < 0)
			return 2;
		if (!pid) {
			diff_bits = parts[i].bits;
			opt.seconds /= parts[i].share;
			if (!opt.seconds)
				opt.count /= parts[i].share;
			exit(run());
		}
		if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
			return 2;
		if (WEXITSTATUS(status) > result)
			result = WEXITSTATUS(status);
	}
	return result;
}

int main(int argc, char **argv)
{
	if (options(argc, argv))
		return 2;
	if (!native_supported()) {
		printf("diff: this processor or kernel has no FSGSBASE: nothing compared\n");
		return 0;
	}
	return diff_bits ? run() : run_all();
}
