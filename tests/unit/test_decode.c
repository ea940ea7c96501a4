// SPDX-License-Identifier: GPL-2.0-or-later
/* test_decode.c - the decoder: lengths, operations, operands, what is no instruction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/x86/insn.h"

#define M16 X86_MODE16
#define M32 X86_MODE32
#define M64 X86_MODE64

static struct x86_insn in;

/* Decode the bytes of a string literal, followed by nops. */
#define DECODE(mode, s) decode(mode, (const u8 *)(s), sizeof(s) - 1)

static int decode(enum x86_mode mode, const u8 *s, unsigned int n)
{
	u8 code[32];

	memset(code, 0x90, sizeof(code));
	memcpy(code, s, n);
	return x86_decode(&in, mode, code, sizeof(code));
}

struct row {
	const char *bytes;
	u8 n;
	u8 mode;
	u8 form, opsize, srcsize;
	u16 op;
	u64 imm;
};

#define ROW(m, s, o, f, sz, src, i) { s, sizeof(s) - 1, m, FORM_##f, sz, src, OP_##o, i }

static const struct row rows[] = {
	/* arithmetic, sizes and immediates */
	ROW(M64, "\x01\xd8", add, RM_R, 4, 4, 0),
	ROW(M64, "\x66\x01\xd8", add, RM_R, 2, 2, 0),
	ROW(M64, "\x48\x01\xd8", add, RM_R, 8, 8, 0),
	ROW(M64, "\x66\x48\x01\xd8", add, RM_R, 8, 8, 0),
	ROW(M16, "\x01\xd8", add, RM_R, 2, 2, 0),
	ROW(M16, "\x66\x01\xd8", add, RM_R, 4, 4, 0),
	ROW(M64, "\x83\xc0\xff", add, RM_I, 4, 4, ~0ull),
	ROW(M64, "\x81\xc0\xff\xff\xff\xff", add, RM_I, 4, 4, 0xffffffff),
	ROW(M64, "\x48\x81\xc0\xff\xff\xff\xff", add, RM_I, 8, 8, ~0ull),
	ROW(M64, "\x66\x05\x34\x12", add, R_I, 2, 2, 0x1234),
	ROW(M32, "\x82\xc0\x80", add, RM_I, 1, 1, 0x80),
	ROW(M64, "\x6b\xc3\xfe", imul2, R_RM_I, 4, 4, -2ull),
	ROW(M64, "\x48\xb8\x88\x77\x66\x55\x44\x33\x22\x11", mov, R_I, 8, 8, 0x1122334455667788),
	ROW(M64, "\xb8\x00\x00\x00\x80", mov, R_I, 4, 4, 0x80000000),
	ROW(M64, "\x48\xc7\xc0\x00\x00\x00\x80", mov, RM_I, 8, 8, 0xffffffff80000000),
	ROW(M64, "\xa1\x88\x77\x66\x55\x44\x33\x22\x11", mov, MOFFS, 4, 4, 0x1122334455667788),
	ROW(M64, "\x67\xa1\x88\x77\x66\x55", mov, MOFFS, 4, 4, 0x55667788),
	ROW(M16, "\xa0\x34\x12", mov, MOFFS, 1, 1, 0x1234),
	ROW(M64, "\x0f\xb6\xc4", movzx, R_RM, 4, 1, 0),
	ROW(M64, "\x48\x0f\xbf\xc4", movsx, R_RM, 8, 2, 0),
	ROW(M64, "\x48\x63\xc4", movsxd, R_RM, 8, 4, 0),
	ROW(M32, "\x63\xc4", arpl, RM_R, 2, 2, 0),
	ROW(M64, "\xc1\xe0\x05", shl, RM_I, 4, 4, 5),
	ROW(M64, "\xc1\xf0\x05", shl, RM_I, 4, 4, 5),
	ROW(M64, "\xd1\xf8", sar, RM_I, 4, 4, 1),
	ROW(M64, "\xd3\xe8", shr, RM, 4, 4, 0),
	ROW(M64, "\x0f\xa4\xc8\x03", shld, RM_R_I, 4, 4, 3),
	ROW(M64, "\x0f\xad\xc8", shrd, RM_R, 4, 4, 0),
	ROW(M64, "\xf6\xc8\x55", test, RM_I, 1, 1, 0x55),
	ROW(M64, "\x66\xf2\x0f\x38\xf1\xc0", crc32, R_RM, 4, 2, 0),
	ROW(M64, "\xf2\x48\x0f\x38\xf0\xc0", crc32, R_RM, 8, 1, 0),
	ROW(M64, "\xf3\x0f\xb8\xc0", popcnt, R_RM, 4, 4, 0),
	ROW(M64, "\xf3\x0f\xbc\xc0", tzcnt, R_RM, 4, 4, 0),
	ROW(M64, "\xf2\x0f\xbc\xc0", bsf, R_RM, 4, 4, 0),
	/* stack and branches */
	ROW(M64, "\x50", push, R, 8, 8, 0),
	ROW(M64, "\x66\x50", push, R, 2, 2, 0),
	ROW(M32, "\x50", push, R, 4, 4, 0),
	ROW(M64, "\x6a\x80", push, I, 8, 8, -128ull),
	ROW(M64, "\x68\x00\x00\x00\x80", push, I, 8, 8, 0xffffffff80000000),
	ROW(M64, "\xc8\x34\x12\x05", enter, I, 8, 8, 0x51234),
	ROW(M64, "\xe8\xfb\xff\xff\xff", call, I, 8, 8, -5ull),
	ROW(M64, "\x66\xe8\xfb\xff\xff\xff", call, I, 8, 8, -5ull),
	ROW(M32, "\x66\xe8\xfb\xff", call, I, 2, 2, -5ull),
	ROW(M16, "\xeb\xfe", jmp, I, 2, 2, -2ull),
	ROW(M64, "\x0f\x84\x00\x01\x00\x00", jcc, I, 8, 8, 0x100),
	ROW(M64, "\xff\xe0", jmp_ind, RM, 8, 8, 0),
	ROW(M64, "\xc3", ret, I, 8, 8, 0),
	ROW(M64, "\xc2\x08\x00", ret, I, 8, 8, 8),
	ROW(M64, "\x48\xcb", ret_far, I, 8, 8, 0),
	ROW(M32, "\x9a\x78\x56\x34\x12\x08\x00", call_far, I, 4, 4, 0x812345678),
	ROW(M16, "\xea\x34\x12\x00\xf0", jmp_far, I, 2, 2, 0xf00000001234),
	ROW(M64, "\xcd\x80", int, I, 4, 4, 0x80),
	/* segments, system */
	ROW(M64, "\x8c\xd8", mov_from_seg, RM, 4, 4, 0),
	ROW(M64, "\x8c\x18", mov_from_seg, RM, 2, 2, 0),
	ROW(M64, "\x0f\x20\xc0", mov_from_cr, RM, 8, 8, 0),
	ROW(M32, "\x0f\x22\x18", mov_to_cr, RM, 4, 4, 0),
	ROW(M64, "\x0f\x01\xf8", swapgs, NONE, 8, 8, 0),
	ROW(M32, "\x0f\x01\x10", lgdt, RM, 4, 4, 0),
	ROW(M64, "\x66\x0f\x01\x10", lgdt, RM, 8, 8, 0),
	ROW(M32, "\xc5\x00", lds, R_RM, 4, 4, 0),
	ROW(M32, "\xc4\x00", les, R_RM, 4, 4, 0),
	ROW(M32, "\x62\x00", bound, R_RM, 4, 4, 0),
	ROW(M64, "\xf3\x0f\x1e\xfa", endbr, RM, 4, 4, 0),
	ROW(M64, "\xf3\x90", pause, NONE, 4, 4, 0),
	ROW(M64, "\x41\x90", xchg, RM_R, 4, 4, 0),
	ROW(M64, "\x93", xchg, RM_R, 4, 4, 0),
	ROW(M64, "\x0f\xc7\x08", cmpxchg8b, RM, 8, 8, 0),
	ROW(M64, "\x48\x0f\xc7\x08", cmpxchg16b, RM, 16, 16, 0),
	/* MMX and SSE */
	ROW(M64, "\x0f\x6f\xc1", movq, R_RM, 8, 8, 0),
	ROW(M64, "\x66\x0f\x6f\xc1", movdqa, R_RM, 16, 16, 0),
	ROW(M64, "\x66\xf3\x0f\x6f\xc1", movdqu, R_RM, 16, 16, 0),
	ROW(M64, "\xf2\xf3\x0f\x10\xc1", movss, R_RM, 16, 16, 0),
	ROW(M64, "\xf3\xf2\x0f\x10\xc1", movsd_x, R_RM, 16, 16, 0),
	ROW(M64, "\xf3\x48\x0f\x2a\xc0", cvtsi2ss, R_RM, 16, 8, 0),
	ROW(M64, "\x66\x0f\x7e\xc0", movd_st, RM_R, 16, 4, 0),
	ROW(M64, "\x66\x0f\x71\xd1\x04", psrlw_i, RM_I, 16, 16, 4),
	ROW(M64, "\x66\x0f\x3a\x14\x00\x03", pextrb, RM_R_I, 16, 1, 3),
	ROW(M64, "\x66\x0f\x3a\x14\xc0\x03", pextrb, RM_R_I, 16, 4, 3),
	ROW(M64, "\x66\x48\x0f\x3a\x22\xc0\x01", pinsrd, R_RM_I, 16, 8, 1),
	ROW(M64, "\x0f\x38\xc8\xc1", sha1nexte, R_RM, 16, 16, 0),
	/* VEX on general registers */
	ROW(M64, "\xc4\xe2\x70\xf2\xc2", andn, R_RM, 4, 4, 0),
	ROW(M64, "\xc4\xe2\xf0\xf2\xc2", andn, R_RM, 8, 8, 0),
	ROW(M32, "\xc4\xe2\xf0\xf2\xc2", andn, R_RM, 4, 4, 0),
	ROW(M64, "\xc4\xe3\x7b\xf0\xc2\x07", rorx, R_RM_I, 4, 4, 7),
	/* x87 */
	ROW(M64, "\xd9\x20", x87, RM, 4, 4, 0),
	ROW(M64, "\x66\xd9\x20", x87, RM, 2, 2, 0),
};

static void instructions_decode_as_the_manual_says(void **state)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];

		assert_int_equal(decode(r->mode, (const u8 *)r->bytes, r->n), 0);
		assert_string_equal(x86_op_name(in.op), x86_op_name(r->op));
		assert_int_equal(in.len, r->n);
		assert_int_equal(in.form, r->form);
		assert_int_equal(in.opsize, r->opsize);
		assert_int_equal(in.srcsize, r->srcsize);
		assert_int_equal(in.imm, r->imm);
	}
}

static void every_truncation_asks_for_more(void **state)
{
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (n = 0; n < rows[i].n; n++) {
			/* An exact copy, so that ASan sees a byte too many. */
			u8 *code = malloc(n + !n);

			memcpy(code, rows[i].bytes, n);
			assert_int_equal(x86_decode(&in, rows[i].mode, code, n), -ENODATA);
			assert_int_equal(in.op, OP_ud);
			free(code);
		}
	}
}

struct bad {
	const char *bytes;
	u8 n, modes;		/* bit set of enum x86_mode */
};

#define BAD(m, s) { s, sizeof(s) - 1, m }
#define ALL (1 << M16 | 1 << M32 | 1 << M64)
#define IN64 (1 << M64)
#define NOT64 (1 << M16 | 1 << M32)

static const struct bad bads[] = {
	BAD(ALL, "\x0f\x0b"), BAD(ALL, "\x0f\x04"), BAD(ALL, "\x0f\x0e"),
	BAD(IN64, "\x06"), BAD(IN64, "\x27"), BAD(IN64, "\x60"), BAD(IN64, "\x82\xc0\x01"),
	BAD(IN64, "\x9a"), BAD(IN64, "\xce"), BAD(IN64, "\xd4\x0a"), BAD(IN64, "\xea"),
	BAD(NOT64, "\x0f\x01\xf8"), BAD(NOT64, "\xf3\x0f\xae\xc0"),
	/* LOCK needs a memory destination and an operation that allows it */
	BAD(ALL, "\xf0\x01\xd8"), BAD(ALL, "\xf0\x03\x00"), BAD(ALL, "\xf0\x89\x00"),
	BAD(ALL, "\xf0\x39\x00"), BAD(ALL, "\xf0\x90"), BAD(ALL, "\xf0\x0f\xa3\x00"),
	BAD(ALL, "\xf0\x0f\x20\xd8"),
	/* groups with holes, forms that want memory or a register */
	BAD(ALL, "\x8f\xc8"), BAD(ALL, "\xfe\xd0"), BAD(ALL, "\xff\xf8"), BAD(ALL, "\xc6\xc8"),
	BAD(ALL, "\xff\xd8"), BAD(ALL, "\xff\xe8"), BAD(ALL, "\x8d\xc0"), BAD(ALL, "\x0f\xb2\xc0"),
	BAD(ALL, "\x0f\xba\xc0\x01"), BAD(ALL, "\x0f\xc7\xc8"), BAD(ALL, "\x0f\xc3\xc0"),
	BAD(ALL, "\x0f\x50\x00"), BAD(ALL, "\x0f\x71\x10\x01"), BAD(ALL, "\x0f\x13\xc0"),
	BAD(ALL, "\x8e\xc8"), BAD(ALL, "\x8e\xf0"), BAD(ALL, "\x8c\xf0"),
	/* control registers that are none */
	BAD(ALL, "\x0f\x20\xc8"), BAD(ALL, "\x0f\x22\xf8"), BAD(IN64, "\x44\x0f\x21\xc0"),
	/* mandatory prefixes */
	BAD(ALL, "\xf3\x0f\x28\xc0"), BAD(ALL, "\xf2\x0f\x6f\xc0"), BAD(ALL, "\x0f\xb8\xc0"),
	BAD(ALL, "\x66\x0f\x01\xd0"), BAD(ALL, "\xf3\x0f\xc3\x00"), BAD(ALL, "\x66\x0f\xae\x00"),
	/* VEX: after other prefixes, with L, of AVX; EVEX; XOP */
	BAD(ALL, "\x66\xc4\xe2\x70\xf2\xc2"), BAD(IN64, "\x48\xc4\xe2\x70\xf2\xc2"),
	BAD(ALL, "\xc4\xe2\x74\xf2\xc2"), BAD(ALL, "\xc5\xf8\x77"),
	BAD(ALL, "\xc4\xe3\x73\xf0\xc2\x07"), BAD(ALL, "\x62\xf1\x7c\x48\x10\xc0"),
	BAD(ALL, "\x8f\xe9\x78\x12\xc0"),
};

static void what_is_no_instruction_is_refused(void **state)
{
	unsigned int i, m;

	for (i = 0; i < ARRAY_SIZE(bads); i++) {
		for (m = M16; m <= M64; m++) {
			if (!(bads[i].modes >> m & 1))
				continue;
			assert_int_equal(decode(m, (const u8 *)bads[i].bytes, bads[i].n), -EINVAL);
			assert_int_equal(in.op, OP_ud);
		}
	}
}

static void more_than_15_bytes_are_too_many(void **state)
{
	u8 code[16];

	memset(code, 0x66, sizeof(code));
	code[14] = 0x90;
	assert_int_equal(x86_decode(&in, M64, code, 16), 0);
	assert_int_equal(in.len, 15);
	code[14] = 0x66;
	code[15] = 0x90;
	assert_int_equal(x86_decode(&in, M64, code, 16), -E2BIG);
	assert_int_equal(x86_decode(&in, M64, code, 14), -ENODATA);
	/* The immediate goes beyond the limit. */
	code[13] = 0xb0;
	assert_int_equal(x86_decode(&in, M64, code, 16), 0);
	code[13] = 0xb8;
	assert_int_equal(x86_decode(&in, M64, code, 16), -E2BIG);
}

static void check_ea(unsigned int base, unsigned int index, unsigned int scale, s32 disp,
		     unsigned int seg, unsigned int adsize)
{
	assert_true(in.flags & IN_MEM);
	assert_int_equal(in.base, base);
	assert_int_equal(in.index, index);
	assert_int_equal(in.scale, scale);
	assert_int_equal(in.disp, disp);
	assert_int_equal(in.seg, seg);
	assert_int_equal(in.adsize, adsize);
}

static void addresses_in_64_bit_mode(void **state)
{
	DECODE(M64, "\x8b\x05\xf0\xff\xff\xff");
	check_ea(X86_RIP, X86_ZERO, 0, -16, X86_DS, 8);
	DECODE(M64, "\x67\x8b\x05\xf0\xff\xff\xff");
	check_ea(X86_RIP, X86_ZERO, 0, -16, X86_DS, 4);
	DECODE(M64, "\x8b\x04\x25\x00\x00\x00\x80");
	check_ea(X86_ZERO, X86_ZERO, 0, (s32)0x80000000, X86_DS, 8);
	DECODE(M64, "\x8b\x44\x24\x08");
	check_ea(X86_RSP, X86_ZERO, 0, 8, X86_SS, 8);
	DECODE(M64, "\x8b\x45\x80");
	check_ea(X86_RBP, X86_ZERO, 0, -128, X86_SS, 8);
	DECODE(M64, "\x41\x8b\x45\x80");
	check_ea(X86_R13, X86_ZERO, 0, -128, X86_DS, 8);
	DECODE(M64, "\x43\x8b\x04\xa4");		/* [r12 + r12 * 4] */
	check_ea(X86_R12, X86_R12, 2, 0, X86_DS, 8);
	DECODE(M64, "\x8b\x04\xe0");			/* no index */
	check_ea(X86_RAX, X86_ZERO, 0, 0, X86_DS, 8);
	DECODE(M64, "\x8b\x04\xcd\x10\x00\x00\x00");	/* [rcx * 8 + 16] */
	check_ea(X86_ZERO, X86_RCX, 3, 16, X86_DS, 8);
	DECODE(M64, "\x64\x2e\x8b\x00");		/* CS: does not undo FS: */
	check_ea(X86_RAX, X86_ZERO, 0, 0, X86_FS, 8);
}

static void addresses_in_16_and_32_bit_modes(void **state)
{
	DECODE(M16, "\x8b\x00");
	check_ea(X86_RBX, X86_RSI, 0, 0, X86_DS, 2);
	DECODE(M16, "\x8b\x42\xff");
	check_ea(X86_RBP, X86_RSI, 0, -1, X86_SS, 2);
	DECODE(M16, "\x26\x8b\x42\xff");
	check_ea(X86_RBP, X86_RSI, 0, -1, X86_ES, 2);
	DECODE(M16, "\x8b\x06\x34\x82");
	check_ea(X86_ZERO, X86_ZERO, 0, (s16)0x8234, X86_DS, 2);
	DECODE(M16, "\x67\x8b\x04\x4b");
	check_ea(X86_RBX, X86_RCX, 1, 0, X86_DS, 4);
	DECODE(M32, "\x8b\x05\x78\x56\x34\x12");
	check_ea(X86_ZERO, X86_ZERO, 0, 0x12345678, X86_DS, 4);
	DECODE(M32, "\x67\x8b\x87\x00\x80");
	check_ea(X86_RBX, X86_ZERO, 0, -0x8000, X86_DS, 2);
}

static void registers_are_byte_offsets(void **state)
{
	DECODE(M64, "\x88\xe1");		/* mov cl, ah */
	assert_int_equal(in.reg, 1);
	assert_int_equal(in.rm, 8);
	DECODE(M64, "\x40\x88\xe1");		/* mov cl, spl */
	assert_int_equal(in.reg, 8 * X86_RSP);
	DECODE(M64, "\x0f\xb6\xfc");		/* movzx edi, ah */
	assert_int_equal(in.reg, 8 * X86_RDI);
	assert_int_equal(in.rm, 1);
	DECODE(M64, "\x41\xb7\x01");		/* mov r15b, 1 */
	assert_int_equal(in.reg, 8 * X86_R15);
	DECODE(M64, "\x44\x0f\x6f\xc8");	/* MMX: REX.R does not count */
	assert_int_equal(in.reg, 1);
	DECODE(M64, "\x66\x44\x0f\x6f\xc8");
	assert_int_equal(in.reg, 9);
	DECODE(M64, "\x44\x0f\x20\xc3");	/* mov rbx, cr8 */
	assert_int_equal(in.reg, 8);
	assert_int_equal(in.rm, 8 * X86_RBX);
	DECODE(M32, "\xf0\x0f\x20\xc3");	/* AMD's name for it */
	assert_int_equal(in.reg, 8);
	DECODE(M64, "\x0f\xa8");
	assert_int_equal(in.reg, X86_GS);
	DECODE(M64, "\xc4\x62\x10\xf2\xc2");	/* andn r8d, r13d, edx */
	assert_int_equal(in.reg, 8 * X86_R8);
	assert_int_equal(in.vvvv, X86_R13);
	/* REX counts only right before the opcode. */
	DECODE(M64, "\x48\x66\x01\xd8");
	assert_int_equal(in.opsize, 2);
}

static void flags_tell_what_ends_a_straight_line(void **state)
{
	DECODE(M64, "\x75\x00");
	assert_true(in.flags & IN_BRANCH);
	assert_int_equal(in.cond, 5);
	DECODE(M64, "\x0f\x22\xd8");
	assert_true(in.flags & IN_STOP);
	DECODE(M64, "\x8e\xd0");
	assert_true(in.flags & IN_STOP);
	DECODE(M64, "\x8e\xd8");
	assert_false(in.flags & IN_STOP);
	DECODE(M64, "\xfa");
	assert_false(in.flags & (IN_STOP | IN_BRANCH));
	DECODE(M64, "\xf0\x01\x18");
	assert_true(in.flags & IN_LOCK);
}

static void repeat_prefixes_belong_to_string_instructions(void **state)
{
	DECODE(M64, "\xf3\xa4");
	assert_int_equal(in.flags & (IN_REP | IN_REPNE), IN_REP);
	assert_int_equal(in.seg, X86_DS);
	DECODE(M64, "\xf3\xf2\x64\xae");
	assert_int_equal(in.flags & (IN_REP | IN_REPNE), IN_REPNE);
	assert_int_equal(in.seg, X86_FS);
	DECODE(M64, "\xf3\xc3");
	assert_int_equal(in.flags & (IN_REP | IN_REPNE), 0);
}

static void every_op_has_a_name(void **state)
{
	unsigned int i;

	for (i = 0; i < OP_COUNT; i++)
		assert_non_null(x86_op_name(i));
	assert_string_equal(x86_op_name(OP_add), "add");
	assert_string_equal(x86_op_name(OP_COUNT), "?");
}

/* Whatever the bytes: a known result, a sane length, no byte read too many. */
static void any_bytes_decode_to_something(void **state)
{
	u64 x = 88172645463325252ull;
	unsigned int i, k, n;
	u8 *code;
	int r;

	for (i = 0; i < 30000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		n = x >> 50 & 15;
		code = malloc(n + !n);
		for (k = 0; k < n; k++)
			code[k] = k < 8 ? x >> 8 * k : x >> (k - 8);
		r = x86_decode(&in, i % 3, code, n);
		assert_true(r == 0 || r == -ENODATA || r == -EINVAL || r == -E2BIG);
		assert_true(in.len <= n);
		assert_true(!r == (in.op != OP_ud));
		free(code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions_decode_as_the_manual_says),
		cmocka_unit_test(every_truncation_asks_for_more),
		cmocka_unit_test(what_is_no_instruction_is_refused),
		cmocka_unit_test(more_than_15_bytes_are_too_many),
		cmocka_unit_test(addresses_in_64_bit_mode),
		cmocka_unit_test(addresses_in_16_and_32_bit_modes),
		cmocka_unit_test(registers_are_byte_offsets),
		cmocka_unit_test(flags_tell_what_ends_a_straight_line),
		cmocka_unit_test(repeat_prefixes_belong_to_string_instructions),
		cmocka_unit_test(every_op_has_a_name),
		cmocka_unit_test(any_bytes_decode_to_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
