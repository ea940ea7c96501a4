// SPDX-License-Identifier: GPL-2.0-or-later
/* native.c - run a block on this machine's processor, faults and all. */
#include <asm/ldt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/diff/diff.h"

struct state nat_in, nat_out;
u64 nat_host_rsp, nat_host_fs;
void nat_enter(void);
void nat_enter32(void);
extern struct { u32 off; u16 sel; } __attribute__((packed)) nat_far;
extern u8 nat_avx;
extern const u8 nat_leave[], nat_end[];

static volatile sig_atomic_t running, ticks, stopped;
static u8 *code_rw;
unsigned int diff_bits;

static inline u64 rdfsbase(void)
{
	u64 v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static const u8 greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static u64 swap_fsbase(u64 v)
{
	u64 old = rdfsbase();

	__asm__ volatile("wrfsbase %0" :: "r"(v) : "memory");
	return old;
}

/* Entering the kernel for a signal changes no more than CS and SS. */
static void save_selectors(u64 csgsfs)
{
	__asm__ volatile("mov %%es, %0" : "=m"(nat_out.sel[X86_ES]));
	__asm__ volatile("mov %%ds, %0" : "=m"(nat_out.sel[X86_DS]));
	__asm__ volatile("mov %%fs, %0" : "=m"(nat_out.sel[X86_FS]));
	__asm__ volatile("mov %%gs, %0" : "=m"(nat_out.sel[X86_GS]));
	nat_out.sel[X86_CS] = csgsfs;
	nat_out.sel[X86_SS] = csgsfs >> 48;
}

/* The thread pointer is the tested code's until the first line is done. */
static void on_fault(int sig, siginfo_t *si, void *arg)
{
	u64 fs = swap_fsbase(nat_host_fs), gs;
	ucontext_t *uc = arg;
	greg_t *g = uc->uc_mcontext.gregs;
	unsigned int i;

	__asm__ volatile("rdgsbase %0" : "=r"(gs));
	if (sig == SIGVTALRM) {
		if (!running)
			model_tick();
		if (!running || ++ticks < 2) {
			swap_fsbase(fs);
			return;
		}
		stopped = 1;
	}
	if (!running || ((u64)g[REG_RIP] >= (u64)nat_enter && (u64)g[REG_RIP] < (u64)nat_end)) {
		if (sig == SIGVTALRM) {	/* caught it on the way in or out */
			stopped = 0;
			swap_fsbase(fs);
			return;
		}
		signal(sig, SIG_DFL);
		return;
	}
	for (i = 0; i < 16; i++)
		nat_out.gpr[i] = g[greg_of[i]];
	nat_out.rip = g[REG_RIP];
	nat_out.flags = g[REG_EFL];
	nat_out.fsbase = fs;
	nat_out.gsbase = gs;
	nat_out.vector = g[REG_TRAPNO];
	nat_out.err = g[REG_ERR];
	nat_out.cr2 = g[REG_CR2];
	memcpy(nat_out.fx, uc->uc_mcontext.fpregs, sizeof(nat_out.fx));
	save_selectors(g[REG_CSGSFS]);
	g[REG_RIP] = (greg_t)nat_leave;
	g[REG_RSP] = (greg_t)nat_host_rsp;
	g[REG_EFL] = 0x202;
	g[REG_CSGSFS] = (g[REG_CSGSFS] & 0xffffffff0000ll) | 0x33 | 0x2bll << 48;
}

/* jmp *CODE_LIN: aligned, for code that leaves RFLAGS.AC set. */
static void put_exit64(u64 lin)
{
	s32 rel = (s32)(CODE_LIN - (lin + 6));
	u8 *p = code_rw + (lin - CODE_LIN);

	p[0] = 0xff;
	p[1] = 0x25;
	memcpy(p + 2, &rel, 4);
}

static void put_exit(u64 lin)
{
	u32 stub = EXIT64_LIN;
	u8 *p = code_rw + (lin - CODE_LIN);

	if (diff_bits == 64) {
		put_exit64(lin);
		return;
	}
	if (diff_bits == 16)
		*p++ = 0x66;
	p[0] = 0xea;		/* far jump to 64-bit code */
	memcpy(p + 1, &stub, 4);
	memcpy(p + 5, "\x33\0", 2);
}

static int map_shared(void)
{
	u64 target = (u64)nat_exit;
	int fd = memfd_create("kvist-diff", 0);
	void *p;

	if (fd < 0 || ftruncate(fd, CODE_SIZE) < 0)
		return -errno;
	code_rw = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	p = mmap((void *)CODE_LIN, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, 0);
	if (code_rw == MAP_FAILED || p == MAP_FAILED)
		return -errno;
	p = mmap((void *)DATA_LIN, DATA_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	memset(p, 0, DATA_SIZE);
	memset(code_rw, FILLER, CODE_SIZE);
	memcpy(code_rw, &target, 8);
	put_exit64(EXIT64_LIN);
	put_exit(PAD_LIN);
	put_exit(PAD8_LIN);
	close(fd);
	return 0;
}

bool native_supported(void)
{
	return getauxval(AT_HWCAP2) & 2;	/* FSGSBASE, and the kernel allows it */
}

static int ldt_init(void)
{
	struct user_desc data = { .entry_number = SEL_DATA16 >> 3, .base_addr = DATA_LIN,
				  .limit = DATA_SIZE - 1, .useable = 1 };
	struct user_desc code = { .entry_number = SEL_CODE16 >> 3, .base_addr = CODE_LIN,
				  .limit = CODE_SIZE - 1, .useable = 1, .contents = 2 };

	if (syscall(SYS_modify_ldt, 0x11, &data, sizeof(data)))
		return -1;
	return syscall(SYS_modify_ldt, 0x11, &code, sizeof(code)) ? -1 : 0;
}

int native_init(void)
{
	static const int sigs[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS, SIGVTALRM };
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	struct itimerval every = { { 0, 200000 }, { 0, 200000 } };
	stack_t ss = { .ss_size = 256 * 1024 };
	unsigned int i;
	int err;

	err = map_shared();
	if (err)
		return err;
	ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ss.ss_sp == MAP_FAILED || sigaltstack(&ss, NULL) < 0)
		return -errno;
	nat_host_fs = rdfsbase();
	nat_avx = !!__builtin_cpu_supports("avx");
	if (ldt_init() < 0)
		return -errno;
	nat_far.off = START_IP;
	nat_far.sel = code_sel();
	sa.sa_sigaction = on_fault;
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	setitimer(ITIMER_VIRTUAL, &every, NULL);
	return 0;
}

void native_protect(void)
{
	if (mprotect((void *)(DATA_LIN + RW_SIZE), DATA_SIZE - RW_SIZE, PROT_READ) < 0)
		abort();
}

u8 *native_data(void)
{
	return (u8 *)DATA_LIN;
}

u8 *native_code(void)
{
	return code_rw;
}

u32 native_percpu_limit(void)
{
	u32 limit = 0;

	__asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"(SEL_PERCPU) : "cc");
	return limit;
}

bool native_ok(void)
{
	return !stopped;
}

void native_run(const struct block *b, const struct state *in, struct state *out)
{
	u8 *p = code_rw + START_OFF;
	static unsigned int dirty;

	memset(p, FILLER, dirty);
	memcpy(p, b->code, b->len);
	put_exit(START_LIN + b->len);
	dirty = b->len + EXIT_LEN;
	nat_in = *in;
	nat_out.vector = -1;
	nat_out.err = 0;
	nat_out.cr2 = 0;
	nat_out.rip = START_IP + b->len;
	nat_out.sel[X86_CS] = 0;
	ticks = stopped = 0;
	running = 1;
	if (diff_bits == 64)
		nat_enter();
	else
		nat_enter32();
	running = 0;
	*out = nat_out;
}
