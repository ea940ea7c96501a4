// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any access of an instruction may be one that user space must make. Then the
 * instruction must leave the processor as it was, and running it again must
 * give what it gives when nothing is in its way. Each case is run with its
 * first access refused, then with its second, until it has no more.
 */
#include "x86_env.h"

#define TARGET	0x00, 0x00, 0x02, 0x00	/* BED_DATA */
#define FLAGS	(X86_F_IF | X86_F_1 | X86_F_ZF)

struct retry {
	const char *name;
	void (*setup)(void);
	u8 len, code[15];
	int (*go)(void);	/* instead of code */
};

static void data(void)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		C->gpr[i] = i == X86_RSP ? BED_STACK : 0x1000 + i;
	C->gpr[X86_RBX] = BED_DATA;
	C->gpr[X86_RSI] = BED_DATA + 0x100;
	C->gpr[X86_RDI] = BED_DATA + 0x200;
	for (i = 0; i < 0x400; i++)
		bed.ram[BED_DATA + i] = i * 7;
	for (i = 0; i < 0x100; i++)
		bed.ram[BED_STACK + i] = i * 5 + 1;
	bed_put32(BED_DATA, BED_DATA);
	bed_put16(BED_DATA + 4, SEL_CODE32);
	C->gpr[X86_RBP] = BED_STACK + 0x40;
	x86_set_rflags(C, FLAGS);
}

static void push32(u32 v)
{
	C->gpr[X86_RSP] -= 4;
	bed_put32(C->gpr[X86_RSP], v);
}

static void push64(u64 v)
{
	C->gpr[X86_RSP] -= 8;
	bed_put64(C->gpr[X86_RSP], v);
}

static void flat(void)
{
	bed_protected(0);
	data();
	bed_idt32(0x80, bed_gate(SEL_CODE32, BED_DATA, 0xe, 3));
	bed_idt32(0x81, bed_gate(SEL_TSS2, 0, 5, 3));
}

static void user(void)
{
	bed_protected(3);
	data();
	bed_idt32(0x80, bed_gate(SEL_CODE32, BED_DATA, 0xe, 3));
	bed_gdt(SEL_FREE, bed_gate(SEL_CODE32, BED_DATA, 0xc, 3) | 2ull << 32);
	C->gpr[X86_RSP] = BED_STACK - 0x40;
}

static void real(void)
{
	bed_real();
	data();
	C->gpr[X86_RBX] = 0x400;
	C->gpr[X86_RBP] = BED_STACK + 0x40;
	bed_put32(0x80 * 4, 0x20000010);
	bed_put32(0x400, 0x20000010);
}

static void v86(void)
{
	bed_v86(3);
	data();
	x86_set_rflags(C, FLAGS | X86_F_VM | X86_F_IOPL);
	bed_idt32(0x80, bed_gate(SEL_CODE32, BED_DATA, 0xe, 3));
}

static void v86_redirected(void)
{
	v86();
	C->cr4 |= X86_CR4_VME;
	bed_put16(BED_TSS + 0x66, 0x88);
	bed_put32(0x80 * 4, 0x20000010);
}

static void lng(void)
{
	bed_long(0, true);
	data();
	bed_put16(BED_DATA + 4, SEL_CODE64);
	bed_idt64(0x80, SEL_CODE64, BED_DATA, 0xe, 3, 1);
}

static void long_user(void)
{
	bed_long(3, true);
	data();
	bed_idt64(0x80, SEL_CODE64, BED_DATA, 0xe, 3, 0);
	bed_gdt(SEL_FREE, bed_gate(SEL_CODE64, BED_DATA, 0xc, 3));
	bed_gdt(SEL_FREE + 8, 0);
	bed_put32(BED_DATA, 0);
	bed_put16(BED_DATA + 4, SEL_FREE | 3);
}

static void long_ret_out(void)
{
	lng();
	push64(SEL_UDATA | 3);
	push64(BED_STACK + 0x800);
	push64(SEL_UCODE64 | 3);
	push64(BED_DATA);
}

static void long_iret_out(void)
{
	lng();
	push64(SEL_UDATA | 3);
	push64(BED_STACK + 0x800);
	push64(FLAGS);
	push64(SEL_UCODE64 | 3);
	push64(BED_DATA);
}

static void ret_same(void)
{
	flat();
	push32(SEL_CODE32);
	push32(BED_DATA);
}

static void ret_out(void)
{
	flat();
	push32(SEL_UDATA | 3);
	push32(BED_STACK + 0x800);
	push32(0x1111);
	push32(0x2222);
	push32(SEL_UCODE32 | 3);
	push32(BED_DATA);
}

static void iret_same(void)
{
	flat();
	push32(FLAGS | X86_F_CF);
	push32(SEL_CODE32);
	push32(BED_DATA);
}

static void iret_out(void)
{
	flat();
	push32(SEL_UDATA | 3);
	push32(BED_STACK + 0x800);
	push32(FLAGS);
	push32(SEL_UCODE32 | 3);
	push32(BED_DATA);
}

static void iret_v86(void)
{
	unsigned int i;

	flat();
	for (i = 0; i < 4; i++)
		push32(0x1000 + i);
	push32(0x1800);
	push32(BED_STACK + 0x800);
	push32(FLAGS | X86_F_VM);
	push32(0x2000);
	push32(0x10);
}

static void iret_real(void)
{
	real();
	bed_put16(BED_STACK, 0x10);
	bed_put16(BED_STACK + 2, 0x2000);
	bed_put16(BED_STACK + 4, FLAGS);
}

/* A table of descriptors and a selector, for what loads them. */
static void selectors(void)
{
	flat();
	bed_put16(BED_DATA, 0xff);
	bed_put32(BED_DATA + 2, BED_GDT);
	bed_put16(BED_DATA + 0x10, SEL_LDT);
	bed_put16(BED_DATA + 0x20, SEL_TSS2);
	bed_put16(BED_DATA + 0x30, SEL_DATA);
	bed_put32(BED_DATA + 0x40, 0x12345678);
	bed_put16(BED_DATA + 0x44, SEL_UDATA);
	bed_put32(BED_STACK, SEL_DATA);
	C->gpr[X86_RAX] = SEL_LDT;
	bed_gdt(SEL_FREE, bed_desc(0, 0xfffff, 0xc92));	/* not accessed yet */
	bed_put16(BED_DATA + 0x50, SEL_FREE);
}

static void empty_idt(void)
{
	flat();
	bed_idt32(X86_PF, bed_gate(SEL_CODE32, BED_DATA, 0xe, 0));
	C->cr2 = 0x1234;	/* is loaded before all else */
}

/* One task nested in another, each with all that a switch loads. */
static void tasks(void)
{
	static const u16 segs[] = { SEL_DATA, SEL_CODE32, SEL_DATA, SEL_DATA, 0, 0 };
	unsigned int i;

	flat();
	C->gpr[X86_RIP] = BED_CODE;
	bed_put32(BED_TSS2 + 0x20, BED_DATA);
	bed_put32(BED_TSS2 + 0x24, FLAGS);
	bed_put32(BED_TSS2 + 0x38, BED_STACK);
	for (i = 0; i < 6; i++)
		bed_put16(BED_TSS2 + 0x48 + i * 4, segs[i]);
	bed_put16(BED_TSS2 + 0x60, SEL_LDT);
}

static void nested_task(void)
{
	tasks();
	bed_put16(BED_TSS, SEL_TSS2);
	bed_gdt(SEL_TSS2, bed_desc(BED_TSS2, 0x67, 0x08b));
	x86_set_rflags(C, FLAGS | X86_F_NT);
}

/* In 64-bit mode: tables to load, and what some want in registers. */
static void long_misc(void)
{
	lng();
	bed_put16(BED_DATA, 0xff);
	bed_put64(BED_DATA + 2, BED_GDT);
	bed_put64(BED_DATA + 0x100, 0);
	bed_put64(BED_DATA + 0x108, 0x5000);
	C->gpr[X86_RAX] = BED_DATA;
	C->gpr[X86_RCX] = 0;
}

static int deliver_pf(void)
{
	C->exc = (struct x86_exc){ .vector = X86_PF, .has_err = true, .err = 2, .cr2 = 0x1234 };
	return x86_deliver_exc(C);
}

static int deliver_nmi(void)
{
	static const struct x86_event nmi = { .kind = X86_EV_NMI, .vector = 0x80 };

	return x86_deliver_event(C, &nmi);
}

#define CODE(n, s, ...) { n, s, sizeof((const u8[]){ __VA_ARGS__ }), { __VA_ARGS__ } }

static const struct retry cases[] = {
	CODE("call far", flat, 0x9a, TARGET, SEL_CODE32, 0),
	CODE("jmp far", flat, 0xea, TARGET, SEL_CODE32, 0),
	CODE("call far, conforming", flat, 0x9a, TARGET, SEL_CONF, 0),
	CODE("call far [ebx]", flat, 0xff, 0x1b),
	CODE("jmp far [ebx]", flat, 0xff, 0x2b),
	CODE("call through a gate", user, 0x9a, 0, 0, 0, 0, SEL_FREE | 3, 0),
	CODE("call far in real mode", real, 0x9a, 0x10, 0, 0, 0x20),
	CODE("jmp far [bx] in real mode", real, 0xff, 0x2f),
	CODE("64-bit call far", lng, 0xff, 0x1b),
	CODE("64-bit call through a gate", long_user, 0xff, 0x1b),
	CODE("retf", ret_same, 0xcb),
	CODE("retf 8 to user", ret_out, 0xca, 8, 0),
	CODE("64-bit retf to user", long_ret_out, 0x48, 0xcb),
	CODE("iret", iret_same, 0xcf),
	CODE("iret to user", iret_out, 0xcf),
	CODE("iret to virtual-8086 mode", iret_v86, 0xcf),
	CODE("iret in real mode", iret_real, 0xcf),
	CODE("iretq to user", long_iret_out, 0x48, 0xcf),
	CODE("int, same privilege", flat, 0xcd, 0x80),
	CODE("int, from user", user, 0xcd, 0x80),
	CODE("int in real mode", real, 0xcd, 0x80),
	CODE("int in virtual-8086 mode", v86, 0xcd, 0x80),
	CODE("int redirected by VME", v86_redirected, 0xcd, 0x80),
	CODE("64-bit int with IST", lng, 0xcd, 0x80),
	CODE("64-bit int from user", long_user, 0xcd, 0x80),
	{ "#PF", empty_idt, .go = deliver_pf },
	{ "NMI from user", user, .go = deliver_nmi },
	{ "NMI in long mode", lng, .go = deliver_nmi },
	CODE("pusha", flat, 0x60), CODE("popa", flat, 0x61),
	CODE("enter 16, 3", flat, 0xc8, 16, 0, 3), CODE("enter 16, 0", flat, 0xc8, 16, 0, 0),
	CODE("leave", flat, 0xc9), CODE("push [ebx]", flat, 0xff, 0x33),
	CODE("pop [ebx]", flat, 0x8f, 0x03), CODE("pushf", flat, 0x9c),
	CODE("popf", flat, 0x9d), CODE("call [ebx]", flat, 0xff, 0x13), CODE("ret", flat, 0xc3),
	CODE("64-bit leave", lng, 0xc9), CODE("64-bit pop [rbx]", lng, 0x8f, 0x03),
	CODE("lgdt", selectors, 0x0f, 0x01, 0x13), CODE("sgdt", selectors, 0x0f, 0x01, 0x03),
	CODE("lidt", selectors, 0x0f, 0x01, 0x1b), CODE("sidt", selectors, 0x0f, 0x01, 0x0b),
	CODE("lldt", selectors, 0x0f, 0x00, 0x53, 0x10),
	CODE("ltr", selectors, 0x0f, 0x00, 0x5b, 0x20),
	CODE("sldt", selectors, 0x0f, 0x00, 0x03), CODE("str", selectors, 0x0f, 0x00, 0x0b),
	CODE("smsw", selectors, 0x0f, 0x01, 0x23), CODE("lmsw", selectors, 0x0f, 0x01, 0x73, 0x40),
	CODE("mov ds, [ebx]", selectors, 0x8e, 0x5b, 0x30),
	CODE("mov ss, [ebx]", selectors, 0x8e, 0x53, 0x50),
	CODE("mov fs, [ebx], first use", selectors, 0x8e, 0x63, 0x50),
	CODE("mov [ebx], ds", selectors, 0x8c, 0x1b), CODE("pop ds", selectors, 0x1f),
	CODE("pop ss", selectors, 0x17), CODE("push fs", selectors, 0x0f, 0xa0),
	CODE("les", selectors, 0xc4, 0x4b, 0x40), CODE("lfs", selectors, 0x0f, 0xb4, 0x4b, 0x40),
	CODE("lar", selectors, 0x0f, 0x02, 0x4b, 0x30), CODE("lsl", selectors, 0x0f, 0x03, 0x4b, 0x30),
	CODE("verr", selectors, 0x0f, 0x00, 0x63, 0x30), CODE("verw", selectors, 0x0f, 0x00, 0x6b, 0x30),
	CODE("arpl", selectors, 0x63, 0x4b, 0x30),
	CODE("64-bit lgdt", long_misc, 0x0f, 0x01, 0x13), CODE("64-bit sidt", lng, 0x0f, 0x01, 0x0b),
	CODE("add [ebx], ecx", flat, 0x01, 0x0b), CODE("lock add", flat, 0xf0, 0x01, 0x0b),
	CODE("lock inc", flat, 0xf0, 0xff, 0x03), CODE("lock not", flat, 0xf0, 0xf7, 0x13),
	CODE("xchg", flat, 0x87, 0x0b), CODE("xadd", flat, 0x0f, 0xc1, 0x0b),
	CODE("lock xadd", flat, 0xf0, 0x0f, 0xc1, 0x0b),
	CODE("cmpxchg", flat, 0x0f, 0xb1, 0x0b), CODE("lock cmpxchg", flat, 0xf0, 0x0f, 0xb1, 0x0b),
	CODE("cmpxchg8b", flat, 0x0f, 0xc7, 0x0b), CODE("lock cmpxchg8b", flat, 0xf0, 0x0f, 0xc7, 0x0b),
	CODE("cmpxchg16b", lng, 0x48, 0x0f, 0xc7, 0x0b),
	CODE("lock bts", flat, 0xf0, 0x0f, 0xab, 0x0b), CODE("btr", flat, 0x0f, 0xb3, 0x0b),
	CODE("rcl", flat, 0xd1, 0x13), CODE("shld", flat, 0x0f, 0xa4, 0x0b, 4),
	CODE("shrd cl", flat, 0x0f, 0xad, 0x0b),
	CODE("mul", flat, 0xf7, 0x23), CODE("imul", flat, 0x69, 0x0b, 9, 0, 0, 0),
	CODE("cmovz", flat, 0x0f, 0x44, 0x0b), CODE("setz", flat, 0x0f, 0x94, 0x03),
	CODE("movbe load", flat, 0x0f, 0x38, 0xf0, 0x0b), CODE("movbe store", flat, 0x0f, 0x38, 0xf1, 0x0b),
	CODE("movsx", flat, 0x0f, 0xbf, 0x0b), CODE("xlat", flat, 0xd7),
	CODE("mov across pages", flat, 0x89, 0x8b, 0xfe, 0x0f, 0, 0),
	CODE("mov moffs", flat, 0xa1, TARGET), CODE("movnti", flat, 0x0f, 0xc3, 0x0b),
	CODE("movs", flat, 0xa5), CODE("stos", flat, 0xab), CODE("lods", flat, 0xad),
	CODE("scas", flat, 0xaf), CODE("cmps", flat, 0xa7),
	CODE("64-bit clflush", lng, 0x0f, 0xae, 0x3b),
	CODE("monitor", long_misc, 0x0f, 0x01, 0xc8),
	CODE("popcnt", flat, 0xf3, 0x0f, 0xb8, 0x0b), CODE("bextr", lng, 0xc4, 0xe2, 0x70, 0xf7, 0x03),
	CODE("andn", lng, 0xc4, 0xe2, 0x70, 0xf2, 0x03), CODE("blsr", lng, 0xc4, 0xe2, 0x70, 0xf3, 0x0b),
	CODE("mulx", lng, 0xc4, 0xe2, 0x73, 0xf6, 0x03), CODE("rorx", lng, 0xc4, 0xe3, 0x7b, 0xf0, 0x03, 4),
	CODE("pdep", lng, 0xc4, 0xe2, 0x73, 0xf5, 0x03), CODE("shlx", lng, 0xc4, 0xe2, 0x71, 0xf7, 0x03),
	CODE("adcx", lng, 0x66, 0x0f, 0x38, 0xf6, 0x0b), CODE("crc32", lng, 0xf2, 0x0f, 0x38, 0xf1, 0x0b),
	CODE("invpcid", long_misc, 0x66, 0x0f, 0x38, 0x82, 0x8b, 0, 1, 0, 0),
	CODE("jmp to a task", tasks, 0xea, 0, 0, 0, 0, SEL_TSS2, 0),
	CODE("call a task", tasks, 0x9a, 0, 0, 0, 0, SEL_TSS2, 0),
	CODE("int through a task gate", tasks, 0xcd, 0x81),
	CODE("iret to a task", nested_task, 0xcf),
};

static int go(const struct retry *k)
{
	return k->go ? k->go() : bed_exec(k->code, k->len);
}

static struct x86_cpu before, done;
static u8 ram_done[BED_RAM];

/* What the next run sees; the exception recorded is nobody's. */
static void snapshot(struct x86_cpu *to)
{
	*to = *C;
	memset(&to->exc, 0, sizeof(to->exc));
	to->rflags = x86_rflags(C);
	to->cc_res = to->cc_aux = 0;
}

static bool same(const struct x86_cpu *a)
{
	static struct x86_cpu now;

	snapshot(&now);
	return !memcmp(a, &now, sizeof(now));
}

/* How many accesses there are; 0 when something is wrong. */
static unsigned int exhaust(const struct retry *k)
{
	unsigned int n;
	int want, r;

	k->setup();
	want = go(k);
	snapshot(&done);
	memcpy(ram_done, bed.ram, BED_RAM);
	for (n = 1; n < 200; n++) {
		k->setup();
		snapshot(&before);
		bed.exit_at = n;
		r = go(k);
		/* Once the other task runs, exits are its own. */
		if (bed.exit_at || C->seg[X86_TR].sel != before.seg[X86_TR].sel)
			break;
		if (r != RUN_EXIT || !same(&before)) {
			print_error("%s: access %u: %s\n", k->name, n,
				    r != RUN_EXIT ? "no exit" : "state changed");
			return 0;
		}
		r = go(k);
		if (r != want || !same(&done) || memcmp(ram_done, bed.ram, BED_RAM)) {
			print_error("%s: access %u: another result the second time (%d, %d)\n",
				    k->name, n, r, want);
			return 0;
		}
	}
	if (want < 0 || want == RUN_FAULT || want == RUN_EXIT) {
		print_error("%s: does not run at all: %d, vector %u\n", k->name, want, C->exc.vector);
		return 0;
	}
	if (n == 1)
		print_error("%s: has no access\n", k->name);
	return n;
}

static void an_exit_at_any_access_changes_nothing(void **state)
{
	unsigned int bad = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		bad += exhaust(&cases[i]) < 2;
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_at_any_access_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
