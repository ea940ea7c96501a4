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

/* Known to native_asm.S by offset. */
struct state {
	u64 gpr[16];
	u64 rip;		/* 128 */
	u64 flags;		/* 136 */
	u64 fsbase, gsbase;	/* 144, 152 */
	s32 vector;		/* 160; -1: none */
	u32 err;
	u64 cr2;
	u64 pad[2];
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
void native_run(const struct block *b, const struct state *in, struct state *out);
/* False when the code ran too long and was stopped. */
bool native_ok(void);
extern const u8 nat_exit[];

/* model.c */
int model_init(void);
u8 *model_data(void);
/* tlb: fill the data TLB as usual, else make every access take the slow path.
 * Flags that came out undefined are set in *undef. */
void model_run(const struct block *b, const struct state *in, struct state *out,
	       bool tlb, u64 *undef);
extern bool model_no_fpu;

/* gen.c */
/* not_regex may be NULL. */
int gen_init(const char *regex, const char *not_regex, u64 seed);
void gen_block(struct block *b, struct state *s, unsigned int insns);
void gen_data(u8 *data, unsigned int n);
u64 rnd(void);
u32 rnd_below(u32 n);
static inline bool one_in(u32 n) { return rnd_below(n) == 0; }

/* reject.c */
void reject_run(u64 count);

/* rules.c: what is worth running, and what is not defined */
bool rule_runs(const struct x86_insn *in);
u64 rule_undefined_flags(const struct x86_insn *in, const struct x86_cpu *c);
/* The result itself is undefined with these operands. */
bool rule_undefined_result(const struct x86_insn *in, const struct x86_cpu *c);
/* Writes memory that depends on the processor's history. */
bool rule_skip_mem(const struct x86_insn *in);
/* Saves or loads a whole FPU state: worth its own operands. */
bool rule_fpu_area(const struct x86_insn *in);

/* compare.c */
bool state_equal(const struct block *b, const struct state *n, const struct state *m, u64 undef);
/* Make the model's state and memory agree where processors differ. */
void excuse(const struct block *b, const struct state *n, struct state *m);
extern bool report_all;
void report(const struct block *b, const struct state *in, const struct state *n,
	    const struct state *m, u64 undef);

#endif
