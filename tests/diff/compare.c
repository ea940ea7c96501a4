// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - are two states equal, and if not, how do they differ? */
#include "tests/diff/diff.h"

#define FLAGS_SEEN (X86_F_ARITH | X86_F_DF | X86_F_AC | X86_F_NT | X86_F_ID)

/*
 * In an FXSAVE image. FOP, FDP and the selectors are left out: processors store
 * them after unmasked exceptions only (CPUID's FDP_EXCPTN_ONLY), or not at all.
 * How many bits FIP keeps depends on the width of linear addresses.
 */
static bool fx_equal(const u8 *a, const u8 *b)
{
	unsigned int i;

	if (memcmp(a, b, 5) || memcmp(a + 8, b + 8, 6) || memcmp(a + 24, b + 24, 4))
		return false;
	for (i = 0; i < 8; i++)
		if (memcmp(a + 32 + 16 * i, b + 32 + 16 * i, 10))
			return false;
	return !memcmp(a + 160, b + 160, 256);
}

/* Linux hides whether a kernel address is mapped. */
static bool err_equal(const struct state *n, const struct state *m)
{
	u32 hide = n->vector == X86_PF && (s64)n->cr2 < 0 ? 1 : 0;

	return (n->err | hide) == (m->err | hide);
}

static bool exc_equal(const struct state *n, const struct state *m)
{
	return n->vector == m->vector && err_equal(n, m) &&
	       (n->vector != X86_PF || n->cr2 == m->cr2);
}

static bool gpr_equal(const struct state *n, const struct state *m)
{
	unsigned int i;

	if (diff_bits == 64)
		return !memcmp(n->gpr, m->gpr, sizeof(n->gpr));
	if (diff_bits == 32 && n->gpr[X86_RSP] != m->gpr[X86_RSP])
		return false;
	for (i = 0; i < 8; i++)
		if ((u32)n->gpr[i] != (u32)m->gpr[i])
			return false;
	return true;
}

/* A return to user mode, after any interrupt, clears a null selector's RPL. */
static bool sel_equal(const struct state *n, const struct state *m)
{
	unsigned int i;

	for (i = 0; i < 6; i++)
		if ((n->sel[i] < 4 ? 0 : n->sel[i]) != (m->sel[i] < 4 ? 0 : m->sel[i]))
			return false;
	return true;
}

bool state_equal(const struct block *b, const struct state *n, const struct state *m, u64 undef)
{
	return gpr_equal(n, m) && n->rip == m->rip &&
	       n->fsbase == m->fsbase && n->gsbase == m->gsbase &&
	       sel_equal(n, m) &&
	       !((n->flags ^ m->flags) & FLAGS_SEEN & ~undef) && exc_equal(n, m) &&
	       fx_equal(n->fx, m->fx);
}

static const char *const reg_names[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

static const char *const seg_names[6] = { "es", "cs", "ss", "ds", "fs", "gs" };

/* Print everything, not only what changed or differs. */
bool report_all;

static void line(const char *name, u64 in, u64 n, u64 m)
{
	printf("  %-8s %016llx %016llx %016llx%s\n", name, (unsigned long long)in,
	       (unsigned long long)n, (unsigned long long)m, n == m ? "" : "  <--");
}

static void bytes(const char *name, const u8 *in, const u8 *n, const u8 *m, unsigned int len)
{
	const u8 *rows[3] = { in, n, m };
	static const char *const what[3] = { "before", "native", "model" };
	unsigned int r, i;

	if (!memcmp(in, n, len) && !memcmp(n, m, len) && !report_all)
		return;
	for (r = 0; r < 3; r++) {
		printf("  %-8s %-6s ", name, what[r]);
		for (i = len; i--; )
			printf("%02x%s", rows[r][i], i % 4 || !i ? "" : " ");
		printf("%s\n", r == 2 && memcmp(n, m, len) ? "  <--" : "");
	}
}

static void report_fx(const struct state *in, const struct state *n, const struct state *m)
{
	char name[16];
	unsigned int i;
	u32 v[3];

	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "xmm%u", i);
		bytes(name, in->fx + 160 + 16 * i, n->fx + 160 + 16 * i, m->fx + 160 + 16 * i, 16);
	}
	if (!report_all && !memcmp(in->fx, n->fx, 160) && fx_equal(n->fx, m->fx))
		return;
	printf("  fcw/fsw/ftw: before %04x %04x %02x, native %04x %04x %02x, model %04x %04x %02x\n",
	       *(u16 *)in->fx, *(u16 *)(in->fx + 2), in->fx[4], *(u16 *)n->fx,
	       *(u16 *)(n->fx + 2), n->fx[4], *(u16 *)m->fx, *(u16 *)(m->fx + 2), m->fx[4]);
	printf("  fip: before %llx, native %llx, model %llx\n", *(unsigned long long *)(in->fx + 8),
	       *(unsigned long long *)(n->fx + 8), *(unsigned long long *)(m->fx + 8));
	memcpy(&v[0], in->fx + 24, 4);
	memcpy(&v[1], n->fx + 24, 4);
	memcpy(&v[2], m->fx + 24, 4);
	printf("  mxcsr: before %x, native %x, model %x\n", v[0], v[1], v[2]);
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "st%u", i);
		bytes(name, in->fx + 32 + 16 * i, n->fx + 32 + 16 * i, m->fx + 32 + 16 * i, 10);
	}
}

void report(const struct block *b, const struct state *in, const struct state *n,
	    const struct state *m, u64 undef)
{
	unsigned int i;

	printf("  code:");
	for (i = 0; i < b->len; i++)
		printf(" %02x", b->code[i]);
	printf("\n           before           native           model\n");
	for (i = 0; i < 16; i++)
		line(reg_names[i], in->gpr[i], n->gpr[i], m->gpr[i]);
	line("rip", in->rip, n->rip, m->rip);
	line("flags", in->flags, n->flags & FLAGS_SEEN & ~undef, m->flags & FLAGS_SEEN & ~undef);
	line("fsbase", in->fsbase, n->fsbase, m->fsbase);
	line("gsbase", in->gsbase, n->gsbase, m->gsbase);
	for (i = 0; i < 6; i++)
		line(seg_names[i], in->sel[i], n->sel[i], m->sel[i]);
	printf("  exception: native %d err %x cr2 %llx, model %d err %x cr2 %llx\n", n->vector,
	       n->err, (unsigned long long)n->cr2, m->vector, m->err, (unsigned long long)m->cr2);
	report_fx(in, n, m);
	if (memcmp(native_code() + START_OFF, model_code() + START_OFF, b->len))
		bytes("code", b->code, native_code() + START_OFF, model_code() + START_OFF, b->len);
	for (i = 0; i < RW_SIZE; i += 8) {
		u64 x, y;

		memcpy(&x, native_data() + i, 8);
		memcpy(&y, model_data() + i, 8);
		if (x != y)
			printf("  memory %llx: native %016llx, model %016llx\n",
			       (unsigned long long)DATA_LIN + i, (unsigned long long)x,
			       (unsigned long long)y);
	}
	fflush(stdout);
}
