/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diff.h - random instructions on this machine's processor and on the model,
 * compared. See main.c for the options.
 *
 * Both sides see the same linear addresses. Natively they are mappings of
 * this process, for the model its page tables lead to a buffer of its own.
 */
#ifndef TESTS_DIFF_H
#define TESTS_DIFF_H

#include "core/x86/insn.h"

#define DATA_LIN	0x10000000ull	/* RW_PAGES writable ones, then a read-only one */
#define RW_PAGES	2u
#define DATA_PAGES	(RW_PAGES + 1)
#define DATA_SIZE	(DATA_PAGES * 4096u)
#define RW_SIZE		(RW_PAGES * 4096u)
#define CODE_LIN	0x20000000ull	/* readable and executable */
#define CODE_PAGES	2u
#define CODE_SIZE	(CODE_PAGES * 4096u)
#define START_OFF	0x800u		/* of the code under test */
#define START_LIN	(CODE_LIN + START_OFF)
#define FILLER		0xf4		/* one byte that raises #GP: hlt */
/* Branch targets that end the test like the end of the block, cheaper than a fault. */
#define PAD_LIN		(CODE_LIN + 0x40)
#define PAD8_LIN	(START_LIN - 0x60)
#define EXIT64_LIN	(CODE_LIN + 0x20)
#define EXIT_LEN	8u

/*
 * 64, 32 or 16: code in a segment of that kind (0: not chosen). Set before anything else. With
 * 16 bits the segments have bases and limits and are just the pages above; in
 * registers and in struct state there are offsets then.
 */
extern unsigned int diff_bits;

static inline enum x86_mode diff_mode(void)
{
	return diff_bits == 64 ? X86_MODE64 : diff_bits == 32 ? X86_MODE32 : X86_MODE16;
}

static inline u64 data_base(void)
{
	return diff_bits == 16 ? DATA_LIN : 0;
}

static inline u64 code_base(void)
{
	return diff_bits == 16 ? CODE_LIN : 0;
}

#define START_IP	(START_LIN - code_base())
#define SEL_DATA16	0x07		/* LDT entries 0 and 1 */
#define SEL_CODE16	0x0f
/* Linux's GDT, as programs see it. */
#define SEL_CODE32	0x23
#define SEL_DATA	0x2b
#define SEL_CODE64	0x33
#define SEL_PERCPU	0x7b		/* its limit tells the processor's number */
#define GDT_ENTRIES	16u

static inline u16 data_sel(void)
{
	return diff_bits == 64 ? 0 : diff_bits == 32 ? SEL_DATA : SEL_DATA16;
}

static inline u16 code_sel(void)
{
	return diff_bits == 64 ? SEL_CODE64 : diff_bits == 32 ? SEL_CODE32 : SEL_CODE16;
}

/* Known to native_asm.S by offset. */
struct state {
	u64 gpr[16];
	u64 rip;		/* 128 */
	u64 flags;		/* 136 */
	u64 fsbase, gsbase;	/* 144, 152 */
	s32 vector;		/* 160; -1: none */
	u32 err;
	u64 cr2;
	u16 sel[6];		/* 176: by enum x86_segreg; CS only after a fault */
	u32 pad;
	u8 fx[512];		/* 192 */
} __attribute__((aligned(64)));

#define MAX_INSNS	16u
#define MAX_CODE	256u

/* What is run: code at START_LIN, and what its last instruction leads to. */
struct block {
	u8 code[MAX_CODE];
	unsigned int len;
	unsigned int n;		/* instructions that were asked for */
	u16 op[MAX_INSNS];
	u16 at[MAX_INSNS];	/* where it begins */
	u8 class[MAX_INSNS];
	struct x86_insn last;	/* what may leave flags undefined at the end */
	bool cs_read;		/* one reads data by CS */
	bool segments;		/* one looks at descriptors */
	u32 turns;		/* of a loop, or 0 */
	bool smc;		/* changes itself */
	bool mmx;		/* one of them uses MMX registers */
	bool rep32;		/* one is a repeated string instruction with 67 */
	bool area;		/* one saves or loads the FPU state */
	bool wide;		/* one accesses 16 bytes or more */
	/* Memory the block's instructions write with host-dependent content
	 * (instruction pointers in an x87 environment): not compared. */
	bool skip_mem;
};

/* native.c */
bool native_supported(void);
int native_init(void);
void native_protect(void);		/* makes the last data page read-only */
u8 *native_data(void);			/* DATA_SIZE, writable */
u8 *native_code(void);			/* CODE_SIZE, writable alias */
u32 native_percpu_limit(void);		/* of SEL_PERCPU on this processor, now */
void native_run(const struct block *b, const struct state *in, struct state *out);
/* False when the code ran too long and was stopped. */
bool native_ok(void);
extern const u8 nat_exit[];

/* machine.c: the guest that both ways to run the model share */
struct machine {
	u8 *ram;
	struct vm *vm;
	struct vcpu *v;		/* the software engine's */
	struct x86_cpu *core;	/* one of its own, for the core without an engine */
};
extern struct machine machine;
int machine_init(void);
u8 *model_data(void);
u8 *model_code(void);
void machine_code(const struct block *b);
/* Ready to enter user mode. */
void machine_enter(struct x86_cpu *c, const struct state *in);
/* After an exception led to the supervisor: what a program would see. */
void machine_left(struct x86_cpu *c, const struct block *b, struct state *out);
void machine_percpu_limit(u32 limit);

/* model.c */
enum how { HOW_CORE, HOW_BLOCKS };	/* the core alone, or the engine's blocks */
/* again: the code is there already. Flags that came out undefined are set in
 * *undef. Returns how many instructions were executed. */
u64 model_run(enum how how, const struct block *b, bool again, const struct state *in,
	      struct state *out, u64 *undef);
void model_tick(void);			/* from the timer's signal handler */
extern bool model_no_fpu;
extern u64 executed[OP_COUNT];		/* by HOW_CORE */

/* gen.c */
/* not_regex may be NULL. */
int gen_init(const char *regex, const char *not_regex, u64 seed);
void gen_block(struct block *b, struct state *s, unsigned int insns);
void gen_again(const struct block *b, struct state *s);
void gen_data(u8 *data, unsigned int n);
u64 rnd(void);
u32 rnd_below(u32 n);
static inline bool one_in(u32 n) { return rnd_below(n) == 0; }

/* reject.c */
void reject_run(u64 count);

/* rules.c: what is worth running, and what is not defined */
bool rule_runs(const struct x86_insn *in);
/* Why an operation is never run, or NULL. */
const char *rule_excluded(unsigned int op);
u64 rule_undefined_flags(const struct x86_insn *in, const struct x86_cpu *c);
/* The result itself is undefined with these operands. */
bool rule_undefined_result(const struct x86_insn *in, const struct x86_cpu *c);
/* Writes memory that depends on the processor's history. */
bool rule_skip_mem(const struct x86_insn *in);
/* Saves or loads a whole FPU state: worth its own operands. */
bool rule_fpu_area(const struct x86_insn *in);

/* compare.c */
bool state_equal(const struct block *b, const struct state *n, const struct state *m, u64 undef);
extern bool report_all;
void report(const struct block *b, const struct state *in, const struct state *n,
	    const struct state *m, u64 undef);

/* excuse.c */
/* Make the model's state and memory agree where processors differ. */
void excuse(const struct block *b, const struct state *n, struct state *m);
void excuse_report(void);
u64 excuses_of(unsigned int op);

/* count.c: what was run */
enum class {
	CLASS_INT, CLASS_STRING, CLASS_BRANCH, CLASS_SYSTEM, CLASS_X87, CLASS_MMX, CLASS_SSE,
	CLASS_CRYPTO, CLASS_COUNT
};
enum class class_of(const struct x86_insn *in);
void count_test(enum how how, const struct block *b, const struct state *n, u64 insns, bool ok);
void count_report(bool table);
u64 count_bad(unsigned int op);

#endif
