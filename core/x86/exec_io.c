/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_io.c - in out ins outs. After RUN_EXIT the instruction runs again and
 * asks for the same transfer; so nothing is changed before env->pio succeeds.
 */
#include "core/x86/debug.h"
#include "core/x86/exec_int.h"
#include "core/x86/sys.h"

#define IO_BATCH 512u	/* bytes: a disk sector */

static u16 io_port(const struct x86_cpu *c, const struct x86_insn *in)
{
	return in->form == FORM_I ? (u8)in->imm : (u16)c->gpr[X86_RDX];
}

static int io_pass(struct x86_cpu *c, u16 port, unsigned int size, bool in, void *data,
		   unsigned int n)
{
	int r = c->env->pio(c, port, size, in, data, n);

	if (unlikely(c->watch) && !r)
		x86_watch_io(c, port, size);
	return r;
}

EXEC(io_in)
{
	u16 port = io_port(c, in);
	u32 v = 0;
	int r = x86_io_allowed(c, port, in->opsize);

	if (!r)
		r = io_pass(c, port, in->opsize, true, &v, 1);
	if (!r)
		x86_reg_set(c, 8 * X86_RAX, in->opsize, v);
	return r;
}

EXEC(io_out)
{
	u16 port = io_port(c, in);
	u32 v = c->gpr[X86_RAX];
	int r = x86_io_allowed(c, port, in->opsize);

	return r ? r : io_pass(c, port, in->opsize, false, &v, 1);
}

/*
 * How many elements to transfer at once: upwards, those in the page of
 * seg:ea and below the end of the address size.
 */
static unsigned int io_count(const struct x86_cpu *c, const struct x86_insn *in,
			     unsigned int seg, u64 ea, u64 left)
{
	u64 room = X86_PAGE_SIZE - ((c->eseg[seg].base + ea) & ~X86_PAGE_MASK);

	if (left == 1 || c->rflags & X86_F_DF)
		return 1;
	if (in->adsize != 8)
		room = min(room, (1ull << 8 * in->adsize) - ea);
	room = min(room, (u64)IO_BATCH) / in->opsize;
	return room ? min(room, left) : 1;
}

/* n elements are done. */
static int io_step(struct x86_cpu *c, const struct x86_insn *in, unsigned int reg,
		   unsigned int n, u64 left)
{
	u64 bytes = (u64)n * in->opsize;

	x86_reg_set(c, 8 * reg, in->adsize,
		    c->gpr[reg] + (c->rflags & X86_F_DF ? -bytes : bytes));
	if (!(in->flags & (IN_REP | IN_REPNE)))
		return RUN_OK;
	x86_reg_set(c, 8 * X86_RCX, in->adsize, c->gpr[X86_RCX] - n);
	if (left == n)
		return RUN_OK;
	/* One transfer a call; the run loop looks at interrupts in between. */
	c->gpr[X86_RIP] -= in->len;
	return RUN_END;
}

/* The segment may allow one element where it does not allow a batch. What has
 * no host address may be MMIO, and user space answers that piece by piece. */
static int io_probe(struct x86_cpu *c, const struct x86_insn *in, unsigned int seg, u64 ea,
		    bool write, unsigned int *n)
{
	int r = x86_probe(c, seg, ea, *n * in->opsize, write);

	if (!r && *n > 1 && !x86_host_ptr(c, seg, ea, *n * in->opsize, write))
		*n = 1;
	if (r != RUN_FAULT || *n == 1)
		return r;
	*n = 1;
	return x86_probe(c, seg, ea, in->opsize, write);
}

static __always_inline u64 io_left(const struct x86_cpu *c, const struct x86_insn *in)
{
	if (!(in->flags & (IN_REP | IN_REPNE)))
		return 1;
	return x86_reg_get(c, 8 * X86_RCX, in->adsize);
}

EXEC(io_ins)
{
	u64 left = io_left(c, in), ea = x86_reg_get(c, 8 * X86_RDI, in->adsize);
	u16 port = c->gpr[X86_RDX];
	u8 buf[IO_BATCH] __attribute__((aligned(8)));
	unsigned int n;
	int r;

	/* The permission is checked even when there is nothing to transfer. */
	r = x86_io_allowed(c, port, in->opsize);
	if (r || !left)
		return r;
	n = io_count(c, in, X86_ES, ea, left);
	/* What is read from a port cannot be put back. */
	r = io_probe(c, in, X86_ES, ea, true, &n);
	if (!r)
		r = io_pass(c, port, in->opsize, true, buf, n);
	if (!r)
		r = x86_store_buf(c, X86_ES, ea, buf, n * in->opsize);
	return r ? r : io_step(c, in, X86_RDI, n, left);
}

EXEC(io_outs)
{
	u64 left = io_left(c, in), ea = x86_reg_get(c, 8 * X86_RSI, in->adsize);
	u16 port = c->gpr[X86_RDX];
	u8 buf[IO_BATCH] __attribute__((aligned(8)));
	unsigned int n;
	int r;

	r = x86_io_allowed(c, port, in->opsize);
	if (r || !left)
		return r;
	n = io_count(c, in, in->seg, ea, left);
	r = io_probe(c, in, in->seg, ea, false, &n);
	if (!r)
		r = x86_load_buf(c, in->seg, ea, buf, n * in->opsize);
	if (!r)
		r = io_pass(c, port, in->opsize, false, buf, n);
	return r ? r : io_step(c, in, X86_RSI, n, left);
}

x86_exec_fn x86_pick_io(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_in: return io_in;
	case OP_out: return io_out;
	case OP_ins: return io_ins;
	}
	return io_outs;
}
