// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * debug.c - which breakpoints of DR0 to DR3 an access meets.
 *
 * Source: SDM vol. 3, "Debug Address Registers", "Debug Control Register".
 */
#include "core/x86/debug.h"

enum { BREAK_EXEC, BREAK_WRITE, BREAK_IO, BREAK_ACCESS };

static bool enabled(const u64 *dr, unsigned int i)
{
	return dr[7] >> (2 * i) & 3;
}

static unsigned int type(const u64 *dr, unsigned int i)
{
	return dr[7] >> (16 + 4 * i) & 3;
}

/* Bytes minus one; the address counts from a multiple of the length. */
static u64 length_mask(const u64 *dr, unsigned int i)
{
	static const u8 mask[4] = { 0, 1, 7, 3 };

	return mask[dr[7] >> (18 + 4 * i) & 3];
}

static bool meets(const u64 *dr, unsigned int i, u64 at, unsigned int n)
{
	u64 mask = length_mask(dr, i), first = dr[i] & ~mask;

	return at - first <= mask || first - at < n;
}

u32 x86_break_exec(const u64 *dr, u64 lin)
{
	u32 hit = 0;

	for (unsigned int i = 0; i < 4; i++)
		if (enabled(dr, i) && type(dr, i) == BREAK_EXEC && dr[i] == lin)
			hit |= 1u << i;
	return hit;
}

void x86_watch_data(struct x86_cpu *c, u64 lin, unsigned int n, bool write)
{
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int t = type(c->watch, i);

		if (enabled(c->watch, i) && meets(c->watch, i, lin, n) &&
		    (t == BREAK_ACCESS || (t == BREAK_WRITE && write)))
			c->watch_hit |= 1u << i;
	}
}

void x86_watch_io(struct x86_cpu *c, u16 port, unsigned int n)
{
	for (unsigned int i = 0; i < 4; i++)
		if (c->cr4 & X86_CR4_DE && enabled(c->watch, i) &&
		    type(c->watch, i) == BREAK_IO && meets(c->watch, i, port, n))
			c->watch_hit |= 1u << i;
}

bool x86_watch_page(const struct x86_cpu *c, u64 lin)
{
	for (unsigned int i = 0; i < 4; i++)
		if (enabled(c->watch, i) && type(c->watch, i) & 1 &&
		    !((c->watch[i] ^ lin) & X86_PAGE_MASK))
			return true;
	return false;
}

void x86_watch(struct x86_cpu *c, const u64 *dr)
{
	c->watch = NULL;
	for (unsigned int i = 0; i < 4; i++)
		if (enabled(dr, i) && type(dr, i) != BREAK_EXEC) {
			c->watch = dr;
			/* Its page may be in the TLB. */
			if (c->env->flush)
				c->env->flush(c, X86_FLUSH_PAGE, dr[i]);
		}
}

void x86_debug_changed(struct x86_cpu *c)
{
	if (c->env->debug_changed)
		c->env->debug_changed(c);
	else
		x86_watch(c, c->dr);
}
