// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Integer instructions, decoded from their bytes and run on a cpu with 64 KiB
 * of flat memory. Each test runs twice: through host pointers and without a
 * TLB, where every access takes the slow path.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "core/x86/cpuid.h"
#include "core/x86/flags.h"
#include "core/x86/insn.h"
#include "core/x86/mem.h"
#include "core/x86/walk.h"

#define RAM_SIZE	0x10000u
#define MMIO		0x20000u	/* nothing there: RUN_EXIT */
#define CODE		0x1000u
#define STACK		0x8000u

static struct {
	struct x86_cpu c;
	struct x86_tlb tlb;
	u8 ram[RAM_SIZE] __attribute__((aligned(4096)));
	bool use_tlb, mmio_answers;
	unsigned int writes, cmpxchg_lose, pio_exits, pio_calls, pio_count;
	u32 pio_value;
} t;

static int env_read(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n)
{
	if (gpa >= RAM_SIZE) {
		memset(buf, 0x5a, n);
		return t.mmio_answers ? RUN_OK : RUN_EXIT;
	}
	memcpy(buf, t.ram + gpa, n);
	return RUN_OK;
}

static int env_write(struct x86_cpu *c, u64 gpa, const void *buf, unsigned int n)
{
	t.writes++;
	if (gpa >= RAM_SIZE)
		return t.mmio_answers ? RUN_OK : RUN_EXIT;
	memcpy(t.ram + gpa, buf, n);
	return RUN_OK;
}

/* Loses as often as asked: another processor adds one to the first byte. */
static int env_cmpxchg(struct x86_cpu *c, u64 gpa, u64 *old, u64 val, unsigned int n)
{
	u64 now = 0;

	if (gpa >= RAM_SIZE)
		return RUN_EXIT;
	if (t.cmpxchg_lose) {
		t.cmpxchg_lose--;
		t.ram[gpa]++;
	}
	memcpy(&now, t.ram + gpa, n);
	if (now == *old)
		memcpy(t.ram + gpa, &val, n);
	*old = now;
	return RUN_OK;
}

static void env_filled(struct x86_cpu *c, const struct x86_xlat *x)
{
	u64 page = x->lin & X86_PAGE_MASK;
	struct x86_tlbe *e = x86_tlb_entry(&t.tlb, page);

	if (!t.use_tlb || page >= RAM_SIZE)
		return;
	*e = (struct x86_tlbe){ .rd = page, .wr = page, .off = (u64)t.ram };
}

static int env_pio(struct x86_cpu *c, u16 port, unsigned int size, bool in, void *data,
		   unsigned int count)
{
	t.pio_calls++;
	t.pio_count = count;
	if (t.pio_exits) {
		t.pio_exits--;
		return RUN_EXIT;
	}
	if (in)
		memset(data, t.pio_value, size * count);
	else
		memcpy(&t.pio_value, data, size);
	return RUN_OK;
}

static const struct x86_env env = {
	.read = env_read, .write = env_write, .cmpxchg = env_cmpxchg, .filled = env_filled,
	.pio = env_pio,
};

static void set_segs(u16 code_attr, u16 data_attr, u32 limit)
{
	unsigned int i;

	for (i = X86_ES; i <= X86_GS; i++)
		t.c.seg[i] = (struct x86_seg){ .sel = 8, .limit = limit, .attr = data_attr };
	t.c.seg[X86_CS].attr = code_attr;
}

static void start(enum x86_mode mode)
{
	bool use_tlb = t.use_tlb;
	unsigned int i;

	memset(&t, 0, sizeof(t));
	t.use_tlb = use_tlb;
	for (i = 0; i < X86_TLB_SIZE; i++)
		t.tlb.e[i] = (struct x86_tlbe){ .rd = X86_TLB_NONE, .wr = X86_TLB_NONE };
	t.c.env = &env;
	t.c.tlb = &t.tlb;
	memset(t.c.features, 0xff, sizeof(t.c.features));
	t.c.cr0 = X86_CR0_ET | (mode == X86_MODE16 ? 0 : X86_CR0_PE);
	x86_set_rflags(&t.c, 0);
	if (mode == X86_MODE64) {
		t.c.efer = X86_EFER_LME | X86_EFER_LMA;
		set_segs(0xa9b, 0xc93, 0xffffffff);
	} else if (mode == X86_MODE32) {
		set_segs(0xc9b, 0xc93, 0xffffffff);
	} else {
		set_segs(0x93, 0x93, 0xffff);
	}
	x86_mode_update(&t.c);
	t.c.gpr[X86_RIP] = CODE;
	t.c.gpr[X86_RSP] = STACK;
}

/* As a run loop would do it, one instruction. */
static int step(const u8 *code, size_t n)
{
	struct x86_insn in;
	int r;

	assert_int_equal(x86_decode(&in, t.c.mode, code, n), 0);
	assert_int_equal(in.len, n);
	x86_bind(&in, NULL);
	t.c.gpr[X86_RIP] += in.len;
	r = in.exec(&t.c, &in);
	if (r != RUN_OK && r != RUN_END)
		t.c.gpr[X86_RIP] -= in.len;
	return r;
}

#define RUN(...) step((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
#define OK(...) assert_int_equal(RUN(__VA_ARGS__), RUN_OK)
#define REG(r) t.c.gpr[X86_##r]
#define FLAGS(f) assert_int_equal(x86_flags_arith(&t.c), f)

static void faults(int r, u8 vector)
{
	assert_int_equal(r, RUN_FAULT);
	assert_int_equal(t.c.exc.vector, vector);
}

static u64 mem(u32 at, unsigned int n)
{
	u64 v = 0;

	memcpy(&v, t.ram + at, n);
	return v;
}

static void poke(u32 at, u64 v, unsigned int n)
{
	memcpy(t.ram + at, &v, n);
}

static void add_sets_all_flags(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 0x7fffffff;
	OK(0x83, 0xc0, 1);				/* add eax, 1 */
	assert_int_equal(REG(RAX), 0x80000000);
	FLAGS(X86_F_OF | X86_F_SF | X86_F_AF | X86_F_PF);
	REG(RAX) = 0xff;
	OK(0x04, 1);					/* add al, 1 */
	assert_int_equal(REG(RAX), 0);
	FLAGS(X86_F_CF | X86_F_ZF | X86_F_AF | X86_F_PF);
	OK(0x14, 0x7f);					/* adc al, 7f */
	FLAGS(X86_F_OF | X86_F_SF | X86_F_AF);
	OK(0x3c, 0x80);					/* cmp al, 80 */
	FLAGS(X86_F_ZF | X86_F_PF);
}

static void inc_and_dec_keep_carry(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 0x7fff;
	OK(0xf9);					/* stc */
	OK(0x66, 0xff, 0xc0);				/* inc ax */
	FLAGS(X86_F_CF | X86_F_OF | X86_F_SF | X86_F_AF | X86_F_PF);
	OK(0x66, 0xff, 0xc8);				/* dec ax */
	FLAGS(X86_F_CF | X86_F_OF | X86_F_AF | X86_F_PF);
	OK(0xf8);					/* clc */
	FLAGS(X86_F_OF | X86_F_AF | X86_F_PF);
	REG(RAX) = 0;
	OK(0x48, 0xff, 0xc8);				/* dec rax */
	FLAGS(X86_F_SF | X86_F_AF | X86_F_PF);
}

static void wide_write_clears_upper_half_narrow_does_not(void **state)
{
	start(X86_MODE64);
	REG(RAX) = REG(RBX) = ~0ull;
	OK(0xb8, 1, 0, 0, 0);				/* mov eax, 1 */
	assert_int_equal(REG(RAX), 1);
	OK(0x66, 0xbb, 1, 0);				/* mov bx, 1 */
	assert_int_equal(REG(RBX), 0xffffffffffff0001ull);
	OK(0x88, 0xc4);					/* mov ah, al */
	assert_int_equal(REG(RAX), 0x101);
	REG(RCX) = ~0ull;
	OK(0xf9);					/* stc */
	OK(0x0f, 0x43, 0xc8);				/* cmovae ecx, eax: not taken */
	assert_int_equal(REG(RCX), 0xffffffff);
}

static void memory_operand_read_modify_write(void **state)
{
	start(X86_MODE64);
	REG(RBX) = 0x4000;
	REG(RSI) = 2;
	REG(RAX) = 5;
	poke(0x4010, 0x1122334455667788, 8);
	OK(0x48, 0x01, 0x44, 0xb3, 0x08);		/* add [rbx+rsi*4+8], rax */
	assert_int_equal(mem(0x4010, 8), 0x112233445566778d);
	OK(0x80, 0x63, 0x10, 0x0f);			/* and byte [rbx+10], 0f */
	assert_int_equal(mem(0x4010, 8), 0x112233445566770d);
	OK(0x0f, 0xb6, 0x4b, 0x17);			/* movzx ecx, byte [rbx+17] */
	assert_int_equal(REG(RCX), 0x11);
	REG(RIP) = CODE;
	OK(0x8b, 0x15, 0x0a, 0x30, 0, 0);		/* mov edx, [rip+300a] */
	assert_int_equal(REG(RDX), 0x5566770d);
}

static void access_across_pages(void **state)
{
	start(X86_MODE64);
	REG(RBX) = 0x4ffd;
	REG(RAX) = 0x1122334455667788;
	OK(0x48, 0x89, 0x03);				/* mov [rbx], rax */
	assert_int_equal(mem(0x4ffd, 8), 0x1122334455667788);
	OK(0xf0, 0x48, 0x83, 0x03, 0x01);		/* lock add qword [rbx], 1 */
	assert_int_equal(mem(0x4ffd, 8), 0x1122334455667789);
	OK(0x48, 0x8b, 0x0b);				/* mov rcx, [rbx] */
	assert_int_equal(REG(RCX), 0x1122334455667789);
}

static void noncanonical_access_changes_nothing(void **state)
{
	start(X86_MODE64);
	REG(RBX) = 1ull << 60;
	REG(RAX) = 7;
	OK(0xf9);
	faults(RUN(0x48, 0x11, 0x03), X86_GP);		/* adc [rbx], rax */
	faults(RUN(0x48, 0x13, 0x03), X86_GP);		/* adc rax, [rbx] */
	faults(RUN(0x48, 0x87, 0x03), X86_GP);		/* xchg [rbx], rax */
	faults(RUN(0xff, 0x33), X86_GP);		/* push [rbx] */
	faults(RUN(0x8f, 0x03), X86_GP);		/* pop [rbx] */
	assert_int_equal(REG(RAX), 7);
	assert_int_equal(REG(RSP), STACK);
	assert_int_equal(REG(RIP), CODE + 1);
	FLAGS(X86_F_CF);
	REG(RSP) = 1ull << 60;
	faults(RUN(0x50), X86_SS_EXC);			/* push rax */
	faults(RUN(0xe8, 0, 0, 0, 0), X86_SS_EXC);	/* call */
	faults(RUN(0xc3), X86_SS_EXC);			/* ret */
	faults(RUN(0xc8, 8, 0, 0), X86_SS_EXC);		/* enter */
	assert_int_equal(REG(RSP), 1ull << 60);
	assert_int_equal(REG(RIP), CODE + 1);
}

static void exit_leaves_state_for_a_retry(void **state)
{
	start(X86_MODE64);
	REG(RBX) = MMIO;
	REG(RAX) = 1;
	assert_int_equal(RUN(0x01, 0x03), RUN_EXIT);	/* add [rbx], eax */
	assert_int_equal(RUN(0xf0, 0x0f, 0xc1, 0x03), RUN_EXIT); /* lock xadd */
	FLAGS(0);
	assert_int_equal(REG(RAX), 1);
	assert_int_equal(REG(RIP), CODE);
	t.mmio_answers = true;
	OK(0x03, 0x03);					/* add eax, [rbx] */
	assert_int_equal(REG(RAX), 0x5a5a5a5b);
}

static void locked_loop_retries_until_it_wins(void **state)
{
	start(X86_MODE64);
	t.use_tlb = false;
	REG(RBX) = 0x4000;
	REG(RAX) = 10;
	t.cmpxchg_lose = 3;
	OK(0xf0, 0x01, 0x03);				/* lock add [rbx], eax */
	assert_int_equal(mem(0x4000, 4), 13);
	t.cmpxchg_lose = 2;
	OK(0x87, 0x03);					/* xchg [rbx], eax */
	assert_int_equal(REG(RAX), 15);
	assert_int_equal(mem(0x4000, 4), 10);
}

static void cmpxchg_writes_even_on_mismatch(void **state)
{
	start(X86_MODE64);
	t.use_tlb = false;
	REG(RBX) = 0x4000;
	poke(0x4000, 5, 4);
	REG(RAX) = 4;
	REG(RCX) = 9;
	OK(0x0f, 0xb1, 0x0b);				/* cmpxchg [rbx], ecx */
	assert_int_equal(t.writes, 1);
	assert_int_equal(REG(RAX), 5);
	assert_int_equal(x86_zf(&t.c), false);
	OK(0xf0, 0x0f, 0xb1, 0x0b);
	assert_int_equal(mem(0x4000, 4), 9);
	assert_int_equal(x86_zf(&t.c), true);
}

static void cmpxchg_of_registers_writes_one(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 0xffffffff00000001ull;
	REG(RBX) = 0xffffffff00000002ull;
	REG(RCX) = 3;
	OK(0x0f, 0xb1, 0xcb);				/* cmpxchg ebx, ecx */
	assert_int_equal(REG(RAX), 2);
	assert_int_equal(REG(RBX), 0xffffffff00000002ull);
	OK(0x0f, 0xb1, 0xcb);
	assert_int_equal(REG(RAX), 2);
	assert_int_equal(REG(RBX), 3);
}

static void cmpxchg16b_swaps_and_wants_alignment(void **state)
{
	start(X86_MODE64);
	REG(RBX) = 3;
	REG(RCX) = 4;
	REG(RDX) = 2;
	REG(RAX) = 1;
	REG(RSI) = 0x4000;
	poke(0x4000, 1, 8);
	poke(0x4008, 2, 8);
	OK(0xf9);
	OK(0xf0, 0x48, 0x0f, 0xc7, 0x0e);		/* lock cmpxchg16b [rsi] */
	assert_int_equal(mem(0x4000, 8), 3);
	assert_int_equal(mem(0x4008, 8), 4);
	FLAGS(X86_F_CF | X86_F_ZF);
	OK(0x48, 0x0f, 0xc7, 0x0e);
	assert_int_equal(REG(RAX), 3);
	assert_int_equal(REG(RDX), 4);
	FLAGS(X86_F_CF);
	REG(RSI) = 0x4008;
	faults(RUN(0x48, 0x0f, 0xc7, 0x0e), X86_GP);
}

static void shift_counts_are_masked(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 0xffffffff80000001ull;
	OK(0xf9);
	OK(0xc1, 0xe0, 32);				/* shl eax, 32: only clears */
	assert_int_equal(REG(RAX), 0x80000001);
	FLAGS(X86_F_CF);
	OK(0xd1, 0xe0);					/* shl eax, 1 */
	assert_int_equal(REG(RAX), 2);
	FLAGS(X86_F_CF | X86_F_OF);
	REG(RCX) = 65;
	REG(RAX) = 3;
	OK(0x48, 0xd3, 0xe8);				/* shr rax, cl */
	assert_int_equal(REG(RAX), 1);
	FLAGS(X86_F_CF);
	REG(RAX) = 0x80;
	REG(RCX) = 31;
	OK(0xd2, 0xf8);					/* sar al, cl */
	assert_int_equal(REG(RAX), 0xff);
	assert_true(x86_cf(&t.c));
}

static void rotates_through_carry(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 0x80;
	REG(RCX) = 9;
	OK(0xf9);
	OK(0xd2, 0xd0);					/* rcl al, cl: all the way round */
	assert_int_equal(REG(RAX), 0x80);
	assert_true(x86_cf(&t.c));
	OK(0xd0, 0xd0);					/* rcl al, 1 */
	assert_int_equal(REG(RAX), 1);
	FLAGS(X86_F_CF | X86_F_OF);
	OK(0x48, 0xd1, 0xd8);				/* rcr rax, 1 */
	assert_int_equal(REG(RAX), 0x8000000000000000ull);
	OK(0x48, 0xc1, 0xc0, 4);			/* rol rax, 4 */
	assert_int_equal(REG(RAX), 8);
	assert_false(x86_cf(&t.c));
}

static void bit_string_reaches_both_ways(void **state)
{
	start(X86_MODE64);
	REG(RBX) = 0x4000;
	REG(RAX) = -1ll;
	poke(0x3ff8, 1ull << 63, 8);
	OK(0x48, 0x0f, 0xa3, 0x03);			/* bt [rbx], rax */
	assert_true(x86_cf(&t.c));
	OK(0xf0, 0x48, 0x0f, 0xb3, 0x03);		/* lock btr [rbx], rax */
	assert_int_equal(mem(0x3ff8, 8), 0);
	REG(RAX) = 100;
	OK(0x0f, 0xab, 0x03);				/* bts [rbx], eax */
	assert_int_equal(mem(0x400c, 4), 1 << 4);
	assert_false(x86_cf(&t.c));
	OK(0x0f, 0xba, 0x3b, 35);			/* btc dword [rbx], 35: modulo 32 */
	assert_int_equal(mem(0x4000, 8), 8);
}

static void scan_of_zero_keeps_destination(void **state)
{
	start(X86_MODE64);
	REG(RAX) = ~0ull;
	OK(0x0f, 0xbc, 0xc3);				/* bsf eax, ebx */
	assert_int_equal(REG(RAX), ~0ull);
	assert_true(x86_zf(&t.c));
	OK(0xf3, 0x0f, 0xbc, 0xc3);			/* tzcnt eax, ebx */
	assert_int_equal(REG(RAX), 32);
	FLAGS(X86_F_CF);
	REG(RBX) = 0x10;
	memset(t.c.features, 0, sizeof(t.c.features));
	OK(0xf3, 0x0f, 0xbd, 0xc3);			/* lzcnt, unknown: bsr */
	assert_int_equal(REG(RAX), 4);
	faults(RUN(0xf3, 0x0f, 0xb8, 0xc3), X86_UD);	/* popcnt */
}

static void divide_errors(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 7;
	faults(RUN(0xf7, 0xf3), X86_DE);		/* div ebx: by 0 */
	REG(RBX) = 5;
	REG(RDX) = 5;
	faults(RUN(0x48, 0xf7, 0xf3), X86_DE);		/* quotient too big */
	REG(RDX) = 4;
	OK(0x48, 0xf7, 0xf3);				/* div rbx */
	assert_int_equal(REG(RAX), 0xcccccccccccccccdull + 1);
	REG(RAX) = 1ull << 63;
	REG(RDX) = ~0ull;
	REG(RBX) = ~0ull;
	faults(RUN(0x48, 0xf7, 0xfb), X86_DE);		/* idiv rbx: -2^63 / -1 */
	REG(RBX) = 1;
	OK(0x48, 0xf7, 0xfb);
	assert_int_equal(REG(RAX), 1ull << 63);
	REG(RAX) = 0x80000000;
	REG(RDX) = 0xffffffff;
	REG(RBX) = 0xffffffff;
	faults(RUN(0xf7, 0xfb), X86_DE);		/* idiv ebx: -2^31 / -1 */
	REG(RAX) = 0;
	REG(RDX) = 0x80000000;
	faults(RUN(0xf7, 0xfb), X86_DE);		/* idiv ebx: -2^63 / -1 */
	REG(RAX) = -7ll;
	REG(RDX) = -1ll;
	REG(RBX) = 2;
	OK(0x48, 0xf7, 0xfb);
	assert_int_equal(REG(RAX), -3ll);
	assert_int_equal(REG(RDX), -1ll);
	faults(RUN(0x48, 0xf7, 0xf6), X86_DE);		/* div rsi: by 0 */
}

static void stack_instructions_64(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 0x1234;
	OK(0x50);					/* push rax */
	OK(0x54);					/* push rsp */
	assert_int_equal(mem(STACK - 16, 8), STACK - 8);
	OK(0x66, 0x6a, 0xff);				/* push word -1 */
	assert_int_equal(REG(RSP), STACK - 18);
	assert_int_equal(mem(STACK - 18, 2), 0xffff);
	REG(RSP) = STACK - 8;
	OK(0x8f, 0x44, 0x24, 0x10);			/* pop [rsp+10], after the pop */
	assert_int_equal(mem(STACK + 0x10, 8), 0x1234);
	poke(STACK, 0x5678, 8);
	OK(0x5c);					/* pop rsp */
	assert_int_equal(REG(RSP), 0x5678);
	REG(RBP) = 0x7000;
	poke(0x7000, 0x42, 8);
	OK(0xc9);					/* leave */
	assert_int_equal(REG(RSP), 0x7008);
	assert_int_equal(REG(RBP), 0x42);
}

static void enter_copies_frame_pointers(void **state)
{
	start(X86_MODE64);
	REG(RBP) = 0x7000;
	poke(0x6ff8, 0xaaaa, 8);
	OK(0xc8, 0x20, 0, 2);				/* enter 32, 2 */
	assert_int_equal(mem(STACK - 8, 8), 0x7000);
	assert_int_equal(mem(STACK - 16, 8), 0xaaaa);
	assert_int_equal(mem(STACK - 24, 8), STACK - 8);
	assert_int_equal(REG(RBP), STACK - 8);
	assert_int_equal(REG(RSP), STACK - 24 - 32);
}

static void pusha_popa_16(void **state)
{
	unsigned int i;

	start(X86_MODE16);
	for (i = X86_RAX; i <= X86_RDI; i++)
		if (i != X86_RSP)
			t.c.gpr[i] = 0x100 + i;
	OK(0x60);
	assert_int_equal(REG(RSP), STACK - 16);
	assert_int_equal(mem(STACK - 10, 2), STACK);
	for (i = X86_RAX; i <= X86_RDI; i++)
		if (i != X86_RSP)
			t.c.gpr[i] = 0;
	OK(0x61);
	assert_int_equal(REG(RSP), STACK);
	assert_int_equal(REG(RDI), 0x107);
	assert_int_equal(REG(RAX), 0x100);
}

static void stack_pointer_wraps_at_16_bits(void **state)
{
	start(X86_MODE16);
	REG(RSP) = 0xabcd0000;
	REG(RAX) = 0x1234;
	OK(0x50);					/* push ax */
	assert_int_equal(REG(RSP), 0xabcdfffe);
	assert_int_equal(mem(0xfffe, 2), 0x1234);
	OK(0x5b);					/* pop bx */
	assert_int_equal(REG(RSP), 0xabcd0000);
	assert_int_equal(REG(RBX), 0x1234);
}

static void pushf_image(void **state)
{
	start(X86_MODE64);
	t.c.rflags |= X86_F_RF | X86_F_IF | X86_F_ID;
	OK(0xf9);
	OK(0x9c);
	assert_int_equal(mem(STACK - 8, 8), X86_F_ID | X86_F_IF | X86_F_CF | X86_F_1);
	start(X86_MODE16);
	t.c.cr0 |= X86_CR0_PE;
	t.c.rflags |= X86_F_VM | X86_F_VIF;
	faults(RUN(0x9c), X86_GP);
	t.c.cr4 |= X86_CR4_VME;
	OK(0x9c);
	assert_int_equal(mem(STACK - 2, 2), X86_F_IOPL | X86_F_IF | X86_F_1);
	faults(RUN(0x66, 0x9c), X86_GP);
}

static void branches_check_their_target(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 1ull << 47;
	faults(RUN(0xff, 0xe0), X86_GP);		/* jmp rax */
	faults(RUN(0xff, 0xd0), X86_GP);		/* call rax */
	poke(STACK, 1ull << 47, 8);
	faults(RUN(0xc3), X86_GP);			/* ret */
	assert_int_equal(REG(RSP), STACK);
	assert_int_equal(REG(RIP), CODE);
	t.c.cr4 |= X86_CR4_LA57;
	OK(0xff, 0xe0);
	assert_int_equal(REG(RIP), 1ull << 47);

	start(X86_MODE32);
	t.c.seg[X86_CS].limit = 0x1fff;
	faults(RUN(0xe9, 0, 0x10, 0, 0), X86_GP);	/* jmp +1000 */
	OK(0x66, 0xe9, 0xf0, 0xff);			/* jmp -16, 16 bits */
	assert_int_equal(REG(RIP), CODE + 4 - 16);
}

static void call_and_ret(void **state)
{
	start(X86_MODE64);
	OK(0xe8, 0x10, 0, 0, 0);
	assert_int_equal(REG(RIP), CODE + 0x15);
	assert_int_equal(mem(STACK - 8, 8), CODE + 5);
	OK(0xc2, 8, 0);					/* ret 8 */
	assert_int_equal(REG(RIP), CODE + 5);
	assert_int_equal(REG(RSP), STACK + 8);
}

static void loop_counts_by_address_size(void **state)
{
	start(X86_MODE64);
	REG(RCX) = 0x100000001ull;
	OK(0xe2, 0x10);					/* loop: rcx left */
	assert_int_equal(REG(RIP), CODE + 0x12);
	REG(RCX) = 0x100000001ull;
	OK(0x67, 0xe2, 0x10);				/* ecx: none left */
	assert_int_equal(REG(RIP), CODE + 0x15);
	assert_int_equal(REG(RCX), 0);
	OK(0xe3, 0x01);					/* jrcxz */
	assert_int_equal(REG(RIP), CODE + 0x18);
}

static void all_conditions(void **state)
{
	static const u32 sets[] = { 0, X86_F_CF, X86_F_ZF, X86_F_SF, X86_F_OF, X86_F_PF,
				    X86_F_SF | X86_F_OF, X86_F_ARITH };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		u32 f = sets[i];
		bool lt = !(f & X86_F_SF) != !(f & X86_F_OF);
		bool is[8] = { f & X86_F_OF, f & X86_F_CF, f & X86_F_ZF,
			       f & (X86_F_CF | X86_F_ZF), f & X86_F_SF, f & X86_F_PF, lt,
			       lt || f & X86_F_ZF };

		for (k = 0; k < 16; k++) {
			start(X86_MODE64);
			x86_flags_set_arith(&t.c, f);
			OK(0x70 | k, 0x10);
			assert_int_equal(REG(RIP) == CODE + 0x12, is[k / 2] ^ (k & 1));
			OK(0x0f, 0x90 | k, 0xc3);
			assert_int_equal(REG(RBX), is[k / 2] ^ (k & 1));
			FLAGS(f);
		}
	}
}

/* Until it is done, as the run loop would. */
static unsigned int rep_until_done(const u8 *code, size_t n)
{
	unsigned int calls = 1;
	u64 rip = REG(RIP);

	while (step(code, n) == RUN_END) {
		assert_int_equal(REG(RIP), rip);
		assert_true(++calls < 100000);
	}
	assert_int_equal(REG(RIP), rip + n);
	return calls;
}
#define REP(...) rep_until_done((const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static void rep_movs_crosses_pages(void **state)
{
	unsigned int i;

	start(X86_MODE64);
	for (i = 0; i < 0x3000; i++)
		t.ram[0x2ff3 + i] = i * 7;
	REG(RSI) = 0x2ff3;
	REG(RDI) = 0x9005;
	REG(RCX) = 0x600;
	REP(0xf3, 0x48, 0xa5);				/* rep movsq */
	assert_memory_equal(t.ram + 0x2ff3, t.ram + 0x9005, 0x3000);
	assert_int_equal(REG(RCX), 0);
	assert_int_equal(REG(RSI), 0x5ff3);
	assert_int_equal(REG(RDI), 0xc005);
}

static void overlapping_rep_movs_replicates(void **state)
{
	start(X86_MODE64);
	poke(0x4000, 0x030201, 3);
	REG(RSI) = 0x4000;
	REG(RDI) = 0x4003;
	REG(RCX) = 9;
	REP(0xf3, 0xa4);				/* rep movsb */
	assert_memory_equal(t.ram + 0x4000, "\1\2\3\1\2\3\1\2\3\1\2\3", 12);
	OK(0xfd);					/* std */
	REG(RSI) = 0x4002;
	REG(RDI) = 0x400b;
	REG(RCX) = 3;
	t.ram[0x4002] = 9;
	REP(0xf3, 0xa4);
	assert_memory_equal(t.ram + 0x4009, "\1\2\11", 3);
	assert_int_equal(REG(RDI), 0x4008);
}

static void long_rep_lets_interrupts_in(void **state)
{
	start(X86_MODE64);
	REG(RDI) = 0;
	REG(RCX) = 0x10000;
	REG(RAX) = 0x77;
	assert_true(REP(0xf3, 0xaa) > 1);		/* rep stosb */
	assert_int_equal(t.ram[0], 0x77);
	assert_int_equal(t.ram[0xffff], 0x77);
	assert_int_equal(REG(RDI), 0x10000);
}

static void rep_fault_keeps_what_was_done(void **state)
{
	start(X86_MODE32);
	t.c.seg[X86_ES].limit = 0x4007;
	x86_mode_update(&t.c);
	REG(RDI) = 0x4000;
	REG(RCX) = 5;
	REG(RAX) = 0x11223344;
	while (RUN(0xf3, 0xab) == RUN_END)		/* rep stosd */
		;
	assert_int_equal(t.c.exc.vector, X86_GP);
	assert_int_equal(REG(RCX), 3);
	assert_int_equal(REG(RDI), 0x4008);
	assert_int_equal(mem(0x4004, 8), 0x11223344);
	assert_int_equal(REG(RIP), CODE);
}

static void rep_on_mmio_ends_after_each_element(void **state)
{
	start(X86_MODE64);
	t.mmio_answers = true;
	REG(RSI) = MMIO;
	REG(RDI) = 0x4000;
	REG(RCX) = 4;
	assert_int_equal(REP(0xf3, 0xa5), 4);
	assert_int_equal(mem(0x400c, 8), 0x5a5a5a5a);
	t.mmio_answers = false;
	REG(RCX) = 4;
	assert_int_equal(RUN(0xf3, 0xa5), RUN_EXIT);
	assert_int_equal(REG(RCX), 4);
}

static void scas_and_cmps_stop_where_asked(void **state)
{
	start(X86_MODE64);
	memcpy(t.ram + 0x4ffa, "hello, world", 13);
	memcpy(t.ram + 0x6000, "hello, there", 13);
	REG(RDI) = 0x4ffa;
	REG(RCX) = ~0ull;
	REP(0xf2, 0xae);				/* repne scasb */
	assert_int_equal(REG(RDI), 0x4ffa + 13);
	assert_int_equal(REG(RCX), ~0ull - 13);
	assert_true(x86_zf(&t.c));
	REG(RSI) = 0x4ffa;
	REG(RDI) = 0x6000;
	REG(RCX) = 13;
	REP(0xf3, 0xa6);				/* repe cmpsb */
	assert_int_equal(REG(RDI), 0x6008);
	assert_int_equal(REG(RCX), 5);
	assert_false(x86_zf(&t.c));
	assert_false(x86_cf(&t.c));			/* 'w' - 't' */
	REG(RCX) = 0;
	REP(0xf3, 0xa6);
	assert_false(x86_zf(&t.c));
}

static void faulting_compare_keeps_flags(void **state)
{
	start(X86_MODE32);
	t.c.seg[X86_ES].limit = 0x4003;
	x86_mode_update(&t.c);
	REG(RSI) = REG(RDI) = 0x4000;
	REG(RCX) = 8;
	x86_flags_set_arith(&t.c, X86_F_CF | X86_F_OF);
	while (RUN(0xf3, 0xa6) == RUN_END)		/* repe cmpsb */
		;
	assert_int_equal(t.c.exc.vector, X86_GP);
	assert_int_equal(REG(RCX), 4);
	FLAGS(X86_F_CF | X86_F_OF);
}

static void rep_with_32_bit_addresses_clears_upper_halves(void **state)
{
	start(X86_MODE64);
	REG(RCX) = 0xabcd00000000ull;
	REG(RSI) = 0xabcd00004000ull;
	REG(RDI) = 0xabcd00005000ull;
	OK(0x67, 0xf3, 0xac);				/* rep lodsb */
	assert_int_equal(REG(RCX), 0);
	assert_int_equal(REG(RSI), 0xabcd00004000ull);
	OK(0x67, 0xf3, 0xa4);				/* rep movsb */
	assert_int_equal(REG(RSI), 0x4000);
	assert_int_equal(REG(RDI), 0x5000);
}

static void alignment_check_leaves_no_fast_path(void **state)
{
	start(X86_MODE64);
	REG(RBX) = 0x4001;
	OK(0x8b, 0x03);					/* mov eax, [rbx]: fills the TLB */
	t.c.cpl = 3;
	t.c.cr0 |= X86_CR0_AM;
	t.c.rflags |= X86_F_AC;
	x86_mode_update(&t.c);
	faults(RUN(0x8b, 0x03), X86_AC);
	faults(RUN(0x01, 0x03), X86_AC);		/* add [rbx], eax */
	REG(RSP) = STACK + 4;
	faults(RUN(0x50), X86_AC);			/* push rax */
	t.c.rflags &= ~(u64)X86_F_AC;
	x86_mode_update(&t.c);
	OK(0x01, 0x03);
	OK(0x50);
}

static void string_addresses_wrap_at_16_bits(void **state)
{
	start(X86_MODE16);
	REG(RDI) = 0xfffe;
	REG(RCX) = 4;
	REG(RAX) = 0x42;
	REP(0xf3, 0xaa);
	assert_int_equal(t.ram[0xffff], 0x42);
	assert_int_equal(t.ram[1], 0x42);
	assert_int_equal(t.ram[2], 0);
	assert_int_equal(REG(RDI), 2);
}

static void port_io_asks_again_after_an_exit(void **state)
{
	start(X86_MODE64);
	t.pio_exits = 1;
	t.pio_value = 0xab;
	REG(RAX) = 0x1111111122222222ull;
	assert_int_equal(RUN(0xe4, 0x60), RUN_EXIT);	/* in al, 60 */
	assert_int_equal(REG(RAX), 0x1111111122222222ull);
	OK(0xe4, 0x60);
	assert_int_equal(REG(RAX), 0x11111111222222abull);
	OK(0xef);					/* out dx, eax */
	assert_int_equal(t.pio_value, 0x222222ab);
}

static void ins_checks_memory_before_the_port(void **state)
{
	int calls;

	start(X86_MODE64);
	REG(RDI) = 1ull << 60;
	REG(RCX) = 4;
	faults(RUN(0xf3, 0x6d), X86_GP);		/* rep insd */
	assert_int_equal(t.pio_calls, 0);
	REG(RDI) = 0x4ff0;
	REG(RCX) = 8;
	t.pio_value = 0x33;
	/* One call a page; singly where there is no host address (MMIO). */
	calls = REP(0xf3, 0x6d);
	assert_int_equal(t.pio_count, t.use_tlb ? 4 : 1);
	assert_int_equal(mem(0x500c, 8), 0x33333333);
	assert_int_equal(REG(RDI), 0x5010);
	REG(RSI) = 0x4ff0;
	REG(RCX) = 0;
	OK(0xf3, 0x6e);					/* rep outsb: nothing */
	assert_int_equal(t.pio_calls, calls);
	assert_int_equal(calls, t.use_tlb ? 2 : 8);
}

static void decimal_adjustments(void **state)
{
	start(X86_MODE32);
	REG(RAX) = 0x79;
	OK(0x04, 0x35);					/* add al, 35 */
	OK(0x27);					/* daa */
	assert_int_equal(REG(RAX), 0x14);
	assert_true(x86_cf(&t.c) && x86_af(&t.c));
	REG(RAX) = 0x12345;
	OK(0xd4, 10);					/* aam */
	assert_int_equal(REG(RAX), 0x10609);
	OK(0xd5, 10);					/* aad */
	assert_int_equal(REG(RAX), 0x10045);
	faults(RUN(0xd4, 0), X86_DE);
}

static void crc32_and_bit_counts(void **state)
{
	start(X86_MODE64);
	REG(RAX) = 0xffffffff;
	memcpy(&REG(RBX), "12345678", 8);
	OK(0xf2, 0x48, 0x0f, 0x38, 0xf1, 0xc3);		/* crc32 rax, rbx */
	REG(RBX) = '9';
	OK(0xf2, 0x0f, 0x38, 0xf0, 0xc3);		/* crc32 eax, bl */
	assert_int_equal(REG(RAX) ^ 0xffffffff, 0xe3069283);
	REG(RBX) = 0xf0f0f0f0f0f0f0f1ull;
	OK(0xf3, 0x48, 0x0f, 0xb8, 0xc3);		/* popcnt rax, rbx */
	assert_int_equal(REG(RAX), 33);
	FLAGS(0);
}

static void bound_is_inclusive(void **state)
{
	start(X86_MODE32);
	REG(RBX) = 0x4000;
	poke(0x4000, (u32)-5, 4);
	poke(0x4004, 5, 4);
	REG(RAX) = (u32)-5;
	OK(0x62, 0x03);
	REG(RAX) = 6;
	faults(RUN(0x62, 0x03), X86_BR);
}

static int with_tlb(void **state)
{
	t.use_tlb = true;
	return 0;
}

static int without_tlb(void **state)
{
	t.use_tlb = false;
	return 0;
}

#define BOTH(f) cmocka_unit_test_setup(f, with_tlb), \
	{ #f "_slow_path", f, without_tlb, NULL, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(add_sets_all_flags), BOTH(inc_and_dec_keep_carry),
		BOTH(wide_write_clears_upper_half_narrow_does_not),
		BOTH(memory_operand_read_modify_write), BOTH(access_across_pages),
		BOTH(noncanonical_access_changes_nothing), BOTH(exit_leaves_state_for_a_retry),
		BOTH(locked_loop_retries_until_it_wins), BOTH(cmpxchg_writes_even_on_mismatch),
		BOTH(cmpxchg_of_registers_writes_one), BOTH(faulting_compare_keeps_flags),
		BOTH(rep_with_32_bit_addresses_clears_upper_halves),
		BOTH(alignment_check_leaves_no_fast_path),
		BOTH(cmpxchg16b_swaps_and_wants_alignment), BOTH(shift_counts_are_masked),
		BOTH(rotates_through_carry), BOTH(bit_string_reaches_both_ways),
		BOTH(scan_of_zero_keeps_destination), BOTH(divide_errors),
		BOTH(stack_instructions_64), BOTH(enter_copies_frame_pointers),
		BOTH(pusha_popa_16), BOTH(stack_pointer_wraps_at_16_bits), BOTH(pushf_image),
		BOTH(branches_check_their_target), BOTH(call_and_ret),
		BOTH(loop_counts_by_address_size), BOTH(all_conditions),
		BOTH(rep_movs_crosses_pages), BOTH(overlapping_rep_movs_replicates),
		BOTH(long_rep_lets_interrupts_in), BOTH(rep_fault_keeps_what_was_done),
		BOTH(rep_on_mmio_ends_after_each_element), BOTH(scas_and_cmps_stop_where_asked),
		BOTH(string_addresses_wrap_at_16_bits), BOTH(port_io_asks_again_after_an_exit),
		BOTH(ins_checks_memory_before_the_port), BOTH(decimal_adjustments),
		BOTH(crc32_and_bit_counts), BOTH(bound_is_inclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
