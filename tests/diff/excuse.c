// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * excuse.c - where two processors may differ and both be right. Each excuse
 * has a name and a reason, is as narrow as can be told from outside, and is
 * counted when the states agree because of it.
 */
#include "tests/diff/diff.h"

struct pair {
	const struct block *b;
	const struct state *n;	/* native */
	struct state *m;	/* model: made like the native one */
};

static bool memory_fault(const struct state *s)
{
	return s->vector == X86_PF || s->vector == X86_GP || s->vector == X86_AC ||
	       s->vector == X86_SS_EXC || s->vector == X86_XM;
}

static bool has_op(const struct block *b, unsigned int op)
{
	unsigned int i;

	for (i = 0; i < b->n; i++)
		if (b->op[i] == op)
			return true;
	return false;
}

static void take_exception(struct pair *p)
{
	p->m->vector = p->n->vector;
	p->m->err = p->n->err;
	p->m->cr2 = p->n->cr2;
}

static void take_all(struct pair *p)
{
	*p->m = *p->n;
	memcpy(model_data(), native_data(), RW_SIZE);
}

static bool call_push(struct pair *p)
{
	u64 mask = diff_bits == 16 ? 0xffff : ~0ull, at;
	unsigned int i;

	if ((!has_op(p->b, OP_call_ind) && !has_op(p->b, OP_call_far) &&
	     !has_op(p->b, OP_call_far_ind)) ||
	    !memory_fault(p->n) || p->n->vector != p->m->vector)
		return false;
	for (i = 1; i <= 16; i++) {
		at = ((p->n->gpr[X86_RSP] - i) & mask) + data_base() - DATA_LIN;
		if (at < RW_SIZE)
			model_data()[at] = native_data()[at];
	}
	return true;
}

/* The image has x87 registers in the order of the stack. */
static bool same_mantissas(const u8 *a, const u8 *b)
{
	unsigned int i, top_a = a[3] >> 3 & 7, top_b = b[3] >> 3 & 7;

	for (i = 0; i < 8; i++)
		if (memcmp(a + 32 + 16 * ((i - top_a) & 7), b + 32 + 16 * ((i - top_b) & 7), 8))
			return false;
	return true;
}

static bool mmx_fault(struct pair *p)
{
	if (!p->b->mmx || !memory_fault(p->n) || p->n->vector != p->m->vector ||
	    !same_mantissas(p->n->fx, p->m->fx))
		return false;
	memcpy(p->m->fx, p->n->fx, 160);
	return true;
}

static bool in_exit(const struct block *b, u64 lin)
{
	return lin - CODE_LIN < PAD_LIN - CODE_LIN + EXIT_LEN || lin - PAD8_LIN < EXIT_LEN ||
	       lin - (START_LIN + b->len + 1) < EXIT_LEN - 1;
}

static bool strayed(struct pair *p)
{
	u64 base = p->m->sel[X86_CS] == SEL_CODE16 ? CODE_LIN : code_base();
	u64 m = p->m->rip + base, n = p->n->rip;

	/* The exit code's last part is 64-bit code. */
	if (!(p->m->vector == X86_GP && in_exit(p->b, m)) &&
	    !(p->n->vector == X86_DB && (in_exit(p->b, n) || in_exit(p->b, n + code_base()))))
		return false;
	take_all(p);
	return true;
}

static bool exit_read(struct pair *p)
{
	if (!p->b->cs_read)
		return false;
	take_all(p);
	return true;
}

static bool area_partly(struct pair *p)
{
	if (!p->b->area || p->n->vector != -1 || !memory_fault(p->m))
		return false;
	take_all(p);
	return true;
}

static bool area_order(struct pair *p)
{
	if ((!p->b->skip_mem && !p->b->area) || !memory_fault(p->n) || !memory_fault(p->m))
		return false;
	take_exception(p);
	return true;
}

static bool rep32_upper(struct pair *p)
{
	static const u8 str[3] = { X86_RCX, X86_RSI, X86_RDI };
	bool used = false;
	unsigned int i;

	for (i = 0; p->b->rep32 && i < 3; i++)
		if ((u32)p->m->gpr[str[i]] == p->n->gpr[str[i]] &&
		    p->m->gpr[str[i]] != p->n->gpr[str[i]]) {
			p->m->gpr[str[i]] = p->n->gpr[str[i]];
			used = true;
		}
	return used;
}

static bool wrap_4g(struct pair *p)
{
	if (diff_bits != 32 || p->n->vector != X86_PF || (u32)(p->n->cr2 + 0x100) >= 0x200 ||
	    (p->m->vector != X86_GP && p->m->vector != X86_SS_EXC))
		return false;
	take_exception(p);
	return true;
}

static bool bound_lower(struct pair *p)
{
	if (p->n->vector != X86_BR || !memory_fault(p->m))
		return false;
	*p->m = *p->n;
	return true;
}

static bool popa_partly(struct pair *p)
{
	if (__builtin_cpu_is("intel"))		/* the model does as they do */
		return false;
	if (!has_op(p->b, OP_popa) || !memory_fault(p->n) || p->n->vector != p->m->vector)
		return false;
	memcpy(p->m->gpr, p->n->gpr, sizeof(p->m->gpr));
	return true;
}

static bool align_wide(struct pair *p)
{
	if ((p->n->vector == X86_AC) == (p->m->vector == X86_AC) ||
	    !(p->b->wide || (memory_fault(p->n) && memory_fault(p->m))))
		return false;
	take_all(p);
	return true;
}

static bool sysret_compat(struct pair *p)
{
	if (diff_bits == 64 || !has_op(p->b, OP_sysret) || p->n->vector != X86_UD ||
	    p->m->vector != X86_GP || p->n->rip != p->m->rip)
		return false;
	take_exception(p);
	return true;
}

static bool pop_seg_size(struct pair *p)
{
	if (!has_op(p->b, OP_pop_seg) || p->m->vector != X86_PF || p->n->vector == X86_PF)
		return false;
	take_all(p);
	return true;
}

static bool iret_order(struct pair *p)
{
	u64 d = p->n->cr2 - p->m->cr2 + 40;

	if ((!has_op(p->b, OP_iret) && !has_op(p->b, OP_ret_far) &&
	     !has_op(p->b, OP_call_far) && !has_op(p->b, OP_call_far_ind)) ||
	    p->n->vector != X86_PF || p->m->vector != X86_PF ||
	    (diff_bits == 64 ? d : (u32)d) > 80)
		return false;
	take_exception(p);
	return true;
}

static const struct excuse {
	const char *name, *reason;
	bool (*apply)(struct pair *p);
} excuses[] = {
	{ "call-push", "CALL that faults: what is already pushed, below the stack pointer", call_push },
	{ "mmx-fault", "whether a fault finds the registers already switched to MMX", mmx_fault },
	{ "strayed", "control went into the test's own exit code", strayed },
	{ "exit-read", "data was read from the test's own exit code", exit_read },
	{ "area-partly", "XSAVE and its like need not touch the whole area", area_partly },
	{ "area-order", "which end of a large area faults first", area_order },
	{ "rep32-upper", "REP with 32-bit addresses and a count of zero: upper halves of "
	  "the registers cleared or kept", rep32_upper },
	{ "wrap-4g", "an access across the end of a 4 GiB segment wraps around or faults",
	  wrap_4g },
	{ "bound-lower", "BOUND: whether the upper bound is read when the lower one fails",
	  bound_lower },
	{ "popa-partly", "POPA that faults: what was popped before is in registers or not",
	  popa_partly },
	{ "sysret-compat", "SYSRET in a 32-bit or 16-bit segment: AMD has it (#GP here), "
	  "Intel does not (#UD)", sysret_compat },
	{ "frame-order", "which part of a far transfer's frame is accessed first", iret_order },
	{ "pop-seg-size", "POP of a segment register reads the whole slot, or the selector only",
	  pop_seg_size },
	{ "align-wide", "whether 16 bytes are checked for alignment, and what comes first, "
	  "this or another fault", align_wide },
};

static u64 used[ARRAY_SIZE(excuses)], by_op[OP_COUNT];

void excuse(const struct block *b, const struct state *n, struct state *m)
{
	struct pair p = { b, n, m };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(excuses); i++)
		if (excuses[i].apply(&p)) {
			used[i]++;
			by_op[b->op[b->n - 1]]++;
		}
}

u64 excuses_of(unsigned int op)
{
	return by_op[op];
}

void excuse_report(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(excuses); i++)
		if (used[i])
			printf("  excused %-12s %8llu  %s\n", excuses[i].name,
			       (unsigned long long)used[i], excuses[i].reason);
}
