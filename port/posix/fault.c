/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include "port/posix/fault.h"

__thread struct fault_point *fault_here;

static struct sigaction old_segv, old_bus;
static bool ready;

/*
 * Everything between the two labels may fault; the handler then continues at
 * fault_fixup, which returns -EFAULT to the caller. So nothing here may touch
 * the stack but the return address.
 */
__asm__(
"	.pushsection .text.kvist_fault, \"ax\", @progbits\n"
"	.globl	fault_text, fault_text_end, fault_fixup\n"
"	.hidden	fault_text, fault_text_end, fault_fixup\n"
"fault_text:\n"
"	.globl	fault_raw_copy\n"
"	.hidden	fault_raw_copy\n"
"	.type	fault_raw_copy, @function\n"
"fault_raw_copy:\n"			/* (rdi dst, rsi src, rdx n) */
"	cmp	$8, %rdx\n"
"	jne	1f\n"
"	mov	(%rsi), %rax\n"
"	mov	%rax, (%rdi)\n"
"	jmp	9f\n"
"1:	cmp	$4, %rdx\n"
"	jne	2f\n"
"	mov	(%rsi), %eax\n"
"	mov	%eax, (%rdi)\n"
"	jmp	9f\n"
"2:	cmp	$2, %rdx\n"
"	jne	3f\n"
"	movzwl	(%rsi), %eax\n"
"	mov	%ax, (%rdi)\n"
"	jmp	9f\n"
"3:	mov	%rdx, %rcx\n"
"	rep movsb\n"
"9:	xor	%eax, %eax\n"
"	ret\n"
"	.size	fault_raw_copy, . - fault_raw_copy\n"
"	.globl	fault_raw_cas\n"
"	.hidden	fault_raw_cas\n"
"	.type	fault_raw_cas, @function\n"
"fault_raw_cas:\n"			/* (rdi p, rsi old, rdx new, ecx n) */
"	mov	(%rsi), %rax\n"
"	cmp	$8, %ecx\n"
"	je	8f\n"
"	cmp	$4, %ecx\n"
"	je	4f\n"
"	cmp	$2, %ecx\n"
"	je	2f\n"
"	lock cmpxchg %dl, (%rdi)\n"
"	movzbl	%al, %ecx\n"
"	jmp	9f\n"
"2:	lock cmpxchg %dx, (%rdi)\n"
"	movzwl	%ax, %ecx\n"
"	jmp	9f\n"
"4:	lock cmpxchg %edx, (%rdi)\n"
"	mov	%eax, %ecx\n"
"	jmp	9f\n"
"8:	lock cmpxchg %rdx, (%rdi)\n"
"	mov	%rax, %rcx\n"
"9:	je	1f\n"
"	mov	%rcx, (%rsi)\n"
"	mov	$1, %eax\n"
"	ret\n"
"1:	xor	%eax, %eax\n"
"	ret\n"
"	.size	fault_raw_cas, . - fault_raw_cas\n"
"fault_text_end:\n"
"fault_fixup:\n"
"	mov	$-14, %eax\n"		/* -EFAULT */
"	ret\n"
"	.popsection\n");

extern const char fault_text[], fault_text_end[], fault_fixup[];
int fault_raw_copy(void *dst, const void *src, size_t n);
int fault_raw_cas(void *p, u64 *old, u64 new_val, unsigned int n);

static void pass_on(const struct sigaction *old, int sig, siginfo_t *si, void *uc)
{
	if (old->sa_flags & SA_SIGINFO && old->sa_sigaction) {
		old->sa_sigaction(sig, si, uc);
	} else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
		old->sa_handler(sig);
	} else {
		/* Returning runs the instruction again, and dies properly. */
		signal(sig, SIG_DFL);
	}
}

bool fault_claim(siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	u64 rip = uc->uc_mcontext.gregs[REG_RIP];
	struct fault_point *p = fault_here;

	if (rip >= (u64)fault_text && rip < (u64)fault_text_end) {
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(u64)fault_fixup;
		return true;
	}
	/* si_code > 0: from the processor, not from kill(). */
	if (p && si->si_code > 0 && (!p->claim || p->claim(p, (u64)si->si_addr))) {
		p->addr = (u64)si->si_addr;
		fault_here = p->outer;
		siglongjmp(p->env, 1);
	}
	return false;
}

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	if (!fault_claim(si, ctx))
		pass_on(sig == SIGSEGV ? &old_segv : &old_bus, sig, si, ctx);
}

static void install(void)
{
	/* NODEFER: leaving by siglongjmp must not leave the signal blocked. */
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGSEGV, &sa, &old_segv);
	sigaction(SIGBUS, &sa, &old_bus);
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

void fault_claimed_elsewhere(void)
{
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

void fault_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

#ifdef KVIST_TEST
	struct sigaction now;

	/* cmocka puts handlers of its own in place for each test. */
	sigaction(SIGSEGV, NULL, &now);
	if (now.sa_sigaction != on_fault)
		install();
#endif
	if (likely(__atomic_load_n(&ready, __ATOMIC_ACQUIRE)))
		return;
	pthread_once(&once, install);
}

int fault_copy(void *dst, const void *src, size_t n)
{
	fault_init();
	return fault_raw_copy(dst, src, n);
}

int fault_cmpxchg(void *p, u64 *old, u64 new_val, unsigned int n)
{
	/* A locked access across a page is slow but right, split or not. */
	fault_init();
	return fault_raw_cas(p, old, new_val, n);
}
