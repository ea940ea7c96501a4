// SPDX-License-Identifier: GPL-2.0-or-later
/* FXSAVE, XSAVE and relatives: layouts, checks, and that the host's processor
 * reads and writes the same images. */
#include <cpuid.h>
#include "tests/unit/fpu_bed.h"

#define AREA	BED_DATA
#define BV	(AREA + 512)
#define COMP	(AREA + 520)
#define AVX	(AREA + 576)
#define COMPACT	(1ull << 63)

static void fill_state(void)
{
	for (unsigned int i = 0; i < 16; i++)
		for (unsigned int j = 0; j < 4; j++)
			F->v[i].q[j] = fpu_rnd();
	for (unsigned int i = 0; i < 8; i++)
		F->st[i] = (struct x87_reg){ .mant = fpu_rnd(), .se = fpu_rnd() };
	F->fcw = 0x0f7f;
	F->fsw = 0x2d25;
	F->ftw = 0x5a;
	F->fop = 0x123;
	F->fip = 0x1122334455667788;
	F->fdp = 0x99aabbccddeeff00;
	F->fcs = 0x33;
	F->fds = 0x2b;
	F->mxcsr = 0x9fa2;
}

static void assert_same(const struct x86_fpu *a, const struct x86_fpu *b)
{
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(a->st[i].mant, b->st[i].mant);
		assert_int_equal(a->st[i].se, b->st[i].se);
	}
	assert_memory_equal(a->v, b->v, sizeof(a->v));
	assert_int_equal(a->fcw | a->fsw << 16, b->fcw | b->fsw << 16);
	assert_int_equal(a->ftw, b->ftw);
	assert_int_equal(a->mxcsr, b->mxcsr);
}

static void set_request(u64 v)
{
	C->gpr[X86_RAX] = (u32)v;
	C->gpr[X86_RDX] = v >> 32;
}

static void fxsave_image_has_its_layout(void **state)
{
	fill_state();
	memset(bed.ram + AREA, 0xee, 600);
	RUN(0x0f, 0xae, 0x03);
	assert_int_equal(bed_get(AREA, 8), 0x0123005a2d250f7f);
	assert_int_equal(bed_get(AREA + 8, 8), 0x3355667788);
	assert_int_equal(bed_get(AREA + 16, 8), 0x2bddeeff00);
	assert_int_equal(bed_get(AREA + 24, 8), 0xffff00009fa2);
	assert_int_equal(bed_get(AREA + 32, 8), F->st[5].mant);	/* ST(0) */
	assert_int_equal(bed_get(AREA + 40, 8), F->st[5].se);
	assert_memory_equal(bed.ram + AREA + 160 + 15 * 16, &F->v[15], 16);
	assert_int_equal(bed_get(AREA + 464, 1), 0xee);		/* software's */
	RUN(0x48, 0x0f, 0xae, 0x03);
	assert_int_equal(bed_get(AREA + 8, 8), F->fip);
	assert_int_equal(bed_get(AREA + 16, 8), F->fdp);
}

static void fxrstor_brings_everything_back(void **state)
{
	struct x86_fpu before;

	fill_state();
	before = *F;
	RUN(0x48, 0x0f, 0xae, 0x03);
	for (unsigned int i = 0; i < 16; i++)
		F->v[i].q[0] = F->v[i].q[1] = 0;
	memset(F->st, 0, sizeof(F->st));
	RUN(0xdb, 0xe3);
	F->mxcsr = 0x1f80;
	RUN(0x48, 0x0f, 0xae, 0x0b);
	assert_same(F, &before);
	assert_int_equal(F->fip, before.fip);
	assert_int_equal(F->fop, before.fop);
}

static void fxrstor_refuses_reserved_mxcsr_bits(void **state)
{
	struct x86_fpu before;

	fill_state();
	RUN(0x0f, 0xae, 0x03);
	bed_put32(AREA + 24, 0x11f80);
	before = *F;
	assert_fault(FX(0x0f, 0xae, 0x0b), X86_GP, 0);
	assert_memory_equal(F, &before, sizeof(before));
	bed_put32(AREA, 0x11f80);
	assert_fault(FX(0x0f, 0xae, 0x13), X86_GP, 0);	/* ldmxcsr */
}

static void images_have_to_be_aligned(void **state)
{
	C->gpr[X86_RBX] = AREA + 8;
	assert_fault(FX(0x0f, 0xae, 0x03), X86_GP, 0);
	assert_fault(FX(0x0f, 0xae, 0x0b), X86_GP, 0);
	C->gpr[X86_RBX] = AREA + 32;
	assert_fault(FX(0x0f, 0xae, 0x23), X86_GP, 0);
	assert_fault(FX(0x0f, 0xae, 0x2b), X86_GP, 0);
}

static void who_may_save(void **state)
{
	C->cr0 |= X86_CR0_TS;
	assert_fault(FX(0x0f, 0xae, 0x03), X86_NM, 0);
	assert_fault(FX(0x0f, 0xae, 0x23), X86_NM, 0);
	assert_fault(FX(0x0f, 0xae, 0x1b), X86_NM, 0);	/* stmxcsr */
	C->cr0 &= ~(u64)X86_CR0_TS;
	C->cr4 &= ~(u64)X86_CR4_OSXSAVE;
	assert_fault(FX(0x0f, 0xae, 0x23), X86_UD, 0);
	C->cr4 |= X86_CR4_OSXSAVE;
	C->features[XFW_D1_EAX] = 0;
	assert_fault(FX(0x0f, 0xae, 0x33), X86_UD, 0);	/* xsaveopt */
	assert_fault(FX(0x0f, 0xc7, 0x23), X86_UD, 0);	/* xsavec */
	assert_fault(FX(0x0f, 0xc7, 0x2b), X86_UD, 0);	/* xsaves */
	assert_fault(FX(0x0f, 0xc7, 0x1b), X86_UD, 0);	/* xrstors */
	C->features[XFW_D1_EAX] = 15;
	C->cpl = 3;
	assert_fault(FX(0x0f, 0xc7, 0x2b), X86_GP, 0);
}

static void xsave_touches_only_what_is_asked(void **state)
{
	fill_state();
	memset(bed.ram + AREA, 0xee, 1024);
	bed_put64(BV, 0x101);
	set_request(2);
	RUN(0x0f, 0xae, 0x23);
	assert_int_equal(bed_get(BV, 8), 0x103);
	assert_int_equal(bed_get(AREA, 8), 0xeeeeeeeeeeeeeeee);
	assert_int_equal(bed_get(AREA + 24, 4), F->mxcsr);
	assert_memory_equal(bed.ram + AREA + 160, &F->v[0], 16);
	assert_int_equal(bed_get(AVX, 8), 0xeeeeeeeeeeeeeeee);
	set_request(~0ull);			/* cut to XCR0 */
	RUN(0x0f, 0xae, 0x23);
	assert_int_equal(bed_get(BV, 8), 0x107);
	assert_int_equal(bed_get(AVX + 15 * 16, 8), F->v[15].q[2]);
}

static void initial_components_are_not_in_use(void **state)
{
	memset(F->v, 0, sizeof(F->v));
	bed_put64(BV, 0);
	set_request(7);
	RUN(0x0f, 0xae, 0x23);
	assert_int_equal(bed_get(BV, 8), 0);
	F->v[3].q[3] = 1;
	RUN(0x48, 0x0f, 0xae, 0x33);		/* xsaveopt64 */
	assert_int_equal(bed_get(BV, 8), 4);
	F->mxcsr = 0x1fa0;
	RUN(0x0f, 0xc7, 0x23);			/* xsavec: MXCSR counts */
	assert_int_equal(bed_get(BV, 8), 6);
	assert_int_equal(bed_get(COMP, 8), COMPACT | 7);
}

static void xrstor_initializes_what_is_not_there(void **state)
{
	fill_state();
	set_request(7);
	RUN(0x0f, 0xae, 0x23);
	bed_put64(BV, 0);
	RUN(0x0f, 0xae, 0x2b);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(F->v[i].q[0] | F->v[i].q[1] | F->v[i].q[2] | F->v[i].q[3], 0);
	assert_int_equal(F->fcw, 0x37f);
	assert_int_equal(F->ftw, 0);
	assert_int_equal(F->st[3].mant, 0);
	assert_int_equal(F->mxcsr, 0x9fa2);	/* not subject to the bit vector */
	bed_put64(COMP, COMPACT | 7);
	RUN(0x0f, 0xae, 0x2b);			/* but in the compacted form it is */
	assert_int_equal(F->mxcsr, 0x1f80);
}

static void xrstor_checks_the_header(void **state)
{
	static const struct { u16 at; u64 v; } bad[] = {
		{ 512, 8 }, { 520, 1 }, { 528, 1 }, { 520, COMPACT | 3 }, { 520, COMPACT | 15 },
		{ 520, 7 }, { 24, 0x10000 },
	};
	struct x86_fpu before;

	fill_state();
	before = *F;
	set_request(7);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(bed.ram + AREA, 0, 1024);
		bed_put64(BV, 7);
		bed_put64(AREA + bad[i].at, bad[i].v);
		assert_fault(FX(0x0f, 0xae, 0x2b), X86_GP, 0);
		assert_memory_equal(F, &before, sizeof(before));
	}
	memset(bed.ram + AREA, 0, 1024);
	assert_fault(FX(0x0f, 0xc7, 0x1b), X86_GP, 0);	/* xrstors wants compaction */
	bed_put64(COMP, COMPACT | 7);
	C->features[XFW_D1_EAX] = 0;
	assert_fault(FX(0x0f, 0xae, 0x2b), X86_GP, 0);
}

static void a_read_only_page_stops_the_whole_save(void **state)
{
	bed_put64(bed_pte_at(AREA + 0x1000, 1), (AREA + 0x1000) | 0x65);
	C->gpr[X86_RBX] = AREA + 0x1000 - 576;
	fill_state();
	set_request(7);
	assert_fault(FX(0x0f, 0xae, 0x23), X86_PF, 3);
	assert_int_equal(bed_get(AREA + 0x1000 - 576, 8), 0);
	set_request(3);
	RUN(0x0f, 0xae, 0x23);
}

static void other_modes_have_eight_registers(void **state)
{
	bed_protected(0);
	C->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
	C->cr0 &= ~(u64)X86_CR0_EM;
	C->xcr0 = 7;
	x86_mode_update(C);
	C->gpr[X86_RBX] = AREA;
	fill_state();
	memset(bed.ram + AREA, 0xee, 1024);
	RUN(0x0f, 0xae, 0x03);
	assert_int_equal(bed_get(AREA + 160 + 8 * 16, 8), 0xeeeeeeeeeeeeeeee);
	bed_put64(AREA + 160 + 8 * 16, 1);
	RUN(0x0f, 0xae, 0x0b);
	assert_true(F->v[8].q[0] != 1);
	memset(bed.ram + AREA + 512, 0, 64);
	set_request(6);
	RUN(0x0f, 0xae, 0x23);
	assert_int_equal(bed_get(AVX + 8 * 16, 8), 0xeeeeeeeeeeeeeeee);
}

static void pkru_is_a_component(void **state)
{
	C->xcr0 = 0x203;
	C->pkru = 0x55555554;
	set_request(0x200);
	memset(bed.ram + AREA, 0, 1024);
	RUN(0x0f, 0xae, 0x23);
	assert_int_equal(bed_get(AREA + 832, 8), 0x55555554);
	assert_int_equal(bed_get(BV, 8), 0x200);
	/* Unchanged: no translation need go. */
	RUN(0x0f, 0xae, 0x2b);
	C->pkru = 3;
	assert_int_equal(FX(0x0f, 0xae, 0x2b), RUN_END);
	assert_int_equal(C->pkru, 0x55555554);
	bed_put64(BV, 0);			/* initial: all keys open */
	assert_int_equal(FX(0x0f, 0xae, 0x2b), RUN_END);
	assert_int_equal(C->pkru, 0);

	C->pkru = 0x30;
	RUN(0x0f, 0xc7, 0x23);
	assert_int_equal(bed_get(COMP, 8), COMPACT | 0x200);
	assert_int_equal(bed_get(AREA + 576, 8), 0x30);
	C->xcr0 = 0x207;
	set_request(0x204);
	RUN(0x0f, 0xc7, 0x23);
	assert_int_equal(bed_get(AREA + 832, 8), 0x30);
	C->pkru = 0;
	assert_int_equal(FX(0x0f, 0xae, 0x2b), RUN_END);
	assert_int_equal(C->pkru, 0x30);
}

/* The host's processor: restore an image, save it again with insn. */
static bool host_has(unsigned int eax_bit)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return false;
	if (!eax_bit)
		return true;
	return __get_cpuid_count(13, 1, &a, &b, &c, &d) && a & eax_bit;
}

#define SAVED	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
		"xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory"
#define HOST_PASS(save, in, out) do { \
	u8 own[4096] __attribute__((aligned(64))) = { 0 }; \
	__asm__ volatile("xsave64 (%0)\n\txrstor64 (%1)\n\t" save " (%2)\n\txrstor64 (%0)" \
			 : : "r"(own), "r"(in), "r"(out), "a"(7), "d"(0) : SAVED); \
} while (0)

/* Random images: what is in use, MXCSR and one register here and there. */
static void random_image(u8 *image)
{
	u64 header[8] = { fpu_rnd() & 7 };
	u32 mxcsr = 0x1f80 | (fpu_rnd() & 0x3f);

	for (unsigned int i = 0; i < X86_XSAVE_SIZE; i += 8)
		memcpy(image + i, (u64[]){ fpu_rnd() }, 8);
	for (unsigned int i = 0; i < 8; i++)
		memset(image + 42 + 16 * i, 0, 6);
	memcpy(image, (u16[]){ 0x37f, fpu_rnd() & 0x7f00 }, 4);
	image[5] = 0;
	memset(image + 6, 0, 18);		/* pointers: hosts differ */
	memcpy(image + 24, &mxcsr, 4);
	memcpy(image + 512, header, 64);
	if (!(fpu_rnd() & 3))			/* in use, but as after a reset */
		memset(image + 160, 0, 256);
	if (!(fpu_rnd() & 3))
		memset(image + 576, 0, 256);
}

static void host_and_model_save_alike(void **state)
{
	u8 in[X86_XSAVE_SIZE] __attribute__((aligned(64)));
	u8 out[X86_XSAVE_SIZE] __attribute__((aligned(64)));

	if (!host_has(0))
		skip();
	set_request(7);
	for (unsigned int i = 0; i < 200; i++) {
		bool compact = i & 1 && host_has(2);
		u8 *model = bed.ram + AREA;
		u64 bv;

		random_image(in);
		memset(out, 0, sizeof(out));
		if (compact)
			HOST_PASS("xsavec64", in, out);
		else
			HOST_PASS("xsave64", in, out);
		bed_put(AREA, in, sizeof(in));
		RUN(0x48, 0x0f, 0xae, 0x2b);
		memset(model, 0, sizeof(in));
		if (compact)
			RUN(0x48, 0x0f, 0xc7, 0x23);
		else
			RUN(0x48, 0x0f, 0xae, 0x23);
		/* A processor may call a component in use although it is not. */
		memcpy(&bv, out + 512, 8);
		assert_int_equal(bed_get(BV, 8) & ~bv, 0);
		if (compact && bed_get(BV, 8) != bv)
			continue;
		bed_put64(BV, bv);
		memset(out + 8, 0, 16);
		memset(model + 8, 0, 16);
		memset(model + 6, 0, 2);
		memset(out + 6, 0, 2);
		memset(out + 28, 0, 4);		/* MXCSR_MASK */
		memset(model + 28, 0, 4);
		assert_memory_equal(model, out, sizeof(out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(fxsave_image_has_its_layout),
		BOTH(fxrstor_brings_everything_back),
		BOTH(fxrstor_refuses_reserved_mxcsr_bits),
		BOTH(images_have_to_be_aligned),
		BOTH(who_may_save),
		BOTH(pkru_is_a_component),
		BOTH(xsave_touches_only_what_is_asked),
		BOTH(initial_components_are_not_in_use),
		BOTH(xrstor_initializes_what_is_not_there),
		BOTH(xrstor_checks_the_header),
		BOTH(a_read_only_page_stops_the_whole_save),
		BOTH(other_modes_have_eight_registers),
		BOTH(host_and_model_save_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
