/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_fpu.c - x87, MMX, SSE and the instructions that save their state, with
 * any registers, control words and images in memory. Each instruction runs
 * twice, with the host's extensions and with the C code that stands in for
 * them: both must come to the same end, and to a state that can be.
 *
 * Input: mode 1, options 1, MXCSR 2, FCW 2, FSW 2, FTW 1; then steps:
 *	0-1	D8-DF with any ModRM
 *	2-4	0F, 0F38, 0F3A with a prefix and any opcode
 *	5	0F AE and 0F C7: FXSAVE, XSAVE, ... and LDMXCSR
 *	6	an XMM or x87 register
 *	7	bytes of memory where the operands are
 */
#include "engine/soft/x87.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fpu_bed.h"

#define AREA	2048u		/* memory that operands are in, and that is compared */
#define MIDDLE	1024u

struct end {
	int r;
	struct x86_fpu fpu;
	u64 gpr[X86_NREG];
	u64 rflags;
	u8 mem[AREA];
};

static void start(struct input *in)
{
	u8 mode = take(in, 1), opt = take(in, 1);

	switch (mode & 3) {
	case 0: case 1: bed_long(mode & 4 ? 3 : 0, true); break;
	case 2: bed_protected(mode & 4 ? 3 : 0); break;
	default: bed_real(); break;
	}
	bed.fill = mode & 8;
	C->cr0 = (C->cr0 & ~(u64)(X86_CR0_EM | X86_CR0_TS)) | X86_CR0_MP | (opt & 1 ? X86_CR0_NE : 0) |
		 (opt & 2 && opt & 4 ? X86_CR0_TS : 0);
	C->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXSAVE | (opt & 8 ? 0 : X86_CR4_OSXMMEXCPT);
	C->xcr0 = opt & 16 ? 3 : opt & 32 ? 1 : 7;
	x86_mode_update(C);
	x86_fpu_reset(&C->fpu);
	C->fpu.mxcsr = take(in, 2);
	x87_set_fcw(&C->fpu, take(in, 2));
	x87_set_fsw(&C->fpu, take(in, 2));
	C->fpu.ftw = take(in, 1);
	if ((mode & 3) == 3) {
		C->seg[X86_DS].base = C->seg[X86_SS].base = BED_DATA;
		x86_mode_update(C);
	}
}

static void end_of(struct end *e, int r)
{
	memset(e, 0, sizeof(*e));
	e->r = r;
	e->fpu = C->fpu;
	memcpy(e->gpr, C->gpr, sizeof(e->gpr));
	e->rflags = x86_rflags(C);
	memcpy(e->mem, bed.ram + BED_DATA, AREA);
}

static void check_state(int r)
{
	u8 image[X86_XSAVE_LEGACY], again[X86_XSAVE_LEGACY];
	struct x86_fpu copy = C->fpu;

	require(r >= 0 && r <= RUN_SHUTDOWN, "%d", r);
	require(!(C->fpu.mxcsr & ~0xffffu), "%x", C->fpu.mxcsr);
	require(!C->gpr[X86_ZERO] && !bed.lock_depth);
	x86_fpu_export(&C->fpu, image);
	require(!x86_fpu_import(&copy, image));
	x86_fpu_export(&copy, again);
	require(!memcmp(image, again, sizeof(image)));
}

static void execute(const u8 *code, size_t n)
{
	static struct end a, b;
	u64 base = C->cr0 & X86_CR0_PE ? BED_DATA : 0;
	struct x86_cpu before;
	u8 mem[AREA];
	int r;

	/* Whatever the last one made of them. */
	C->gpr[X86_RBX] = C->gpr[X86_RDI] = base + MIDDLE;
	C->gpr[11] = base + MIDDLE + 64;
	C->gpr[X86_RAX] = C->gpr[X86_RDX] = ~0u;
	before = *C;
	memcpy(mem, bed.ram + BED_DATA, AREA);
	soft_host_simd_hide(0);
	r = fpu_exec(code, n);
	check_state(r);
	end_of(&a, r);
	*C = before;
	memcpy(bed.ram + BED_DATA, mem, AREA);
	soft_host_simd_hide(~0u);
	r = fpu_exec(code, n);
	soft_host_simd_hide(0);
	end_of(&b, r);
	if (memcmp(&a, &b, sizeof(a))) {
		for (size_t i = 0; i < n; i++)
			fprintf(stderr, "%02x ", code[i]);
		require(a.r == b.r, "%d, %d", a.r, b.r);
		require(a.fpu.mxcsr == b.fpu.mxcsr, "%x, %x", a.fpu.mxcsr, b.fpu.mxcsr);
		for (unsigned int i = 0; i < X86_NREG; i++)
			require(a.gpr[i] == b.gpr[i], "register %u: %llx, %llx", i,
				(long long)a.gpr[i], (long long)b.gpr[i]);
		require(a.rflags == b.rflags, "%llx, %llx", (long long)a.rflags, (long long)b.rflags);
		require(!memcmp(&a.fpu, &b.fpu, sizeof(a.fpu)), "x87 or vectors");
		require(false, "memory");
	}
	if (r == RUN_FAULT)	/* not delivered: the next step starts as this one did */
		*C = before;
}

/* A memory operand is at rBX (or r11) and an 8-bit displacement. */
static u8 modrm(struct input *in)
{
	u8 v = take(in, 1);

	if (v >= 0xc0)
		return v;
	return (v & 0x38) | 0x40 | (C->mode == X86_MODE16 ? 7 : 3);
}

static void step(struct input *in)
{
	static const u8 prefix[] = { 0, 0x66, 0xf2, 0xf3 };
	u8 op = take(in, 1), code[15] = { 0 };
	size_t n = 0;

	switch (op & 7) {
	case 0: case 1:
		code[n++] = 0xd8 | (op >> 3 & 7);
		code[n++] = modrm(in);
		break;
	case 2: case 3: case 4: case 5:
		if (prefix[op >> 3 & 3])
			code[n++] = prefix[op >> 3 & 3];
		if (op & 32)
			code[n++] = C->mode == X86_MODE64 ? 0x40 | (op >> 6) | (op & 128 ? 8 : 0) : 0x3e;
		code[n++] = 0x0f;
		if ((op & 7) == 3)
			code[n++] = 0x38;
		if ((op & 7) == 4)
			code[n++] = 0x3a;
		code[n++] = (op & 7) == 5 ? (op & 64 ? 0xc7 : 0xae) : take(in, 1);
		code[n++] = modrm(in);
		/* Not RDRAND and RDSEED, which never come to the same end. */
		if (code[n - 2] == 0xc7 && code[n - 1] >= 0xf0)
			code[n - 1] &= 0x7f;
		break;
	case 6:
		if (op & 128) {
			C->fpu.st[op >> 3 & 7].se = take(in, 2);
			C->fpu.st[op >> 3 & 7].mant = take(in, 8);
			C->fpu.ftw |= 1 << (op >> 3 & 7);
		} else {
			take_buf(in, &C->fpu.v[op >> 3 & 15], op & 64 ? 32 : 16);
		}
		return;
	default:
		take_buf(in, bed.ram + BED_DATA + (take(in, 2) & (AREA - 1)), op >> 3);
		return;
	}
	/* BT and its relatives go as far from the operand as a register says. */
	if ((op & 7) == 2 && (code[n - 2] & 0xe7) == 0xa3)
		return;
	/* Displacement or immediate. */
	code[n++] = take(in, 1);
	execute(code, sizeof(code));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct input in = { data, n };

	if (n > 2048)
		return -1;
	start(&in);
	while (in.n)
		step(&in);
	return 0;
}
