/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signal.c - signals end KVM_RUN.
 *
 * The kernel notices a signal before its handler runs, leaves the guest, and
 * runs the handler on the way out. So here: handlers are wrapped. When one is
 * called within KVM_RUN the wrapper sends the signal to its thread again, with
 * all that came with it, blocks all signals and tells the engine. KVM_RUN
 * returns -EINTR, and as it does so the thread's signals are let in: the handler
 * runs with KVM_RUN left behind, may call what it likes and leave by
 * siglongjmp().
 *
 * With KVM_SET_SIGNAL_MASK the signals let in at the end are those of before,
 * so that one which only the mask admits stays pending, as it must.
 */
#include <linux/kvm.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "port/posix/fault.h"
#include "preload/shim.h"

#define SIGNALS		64

static struct {
	pthread_mutex_t lock;		/* who changes anything below */
	bool on;
	struct sigaction user[SIGNALS + 1];	/* what the program set; handlers atomic */
	u64 interrupts;			/* siginterrupt(): no SA_RESTART for these */
} sg = { PTHREAD_MUTEX_INITIALIZER };

static __thread volatile sig_atomic_t in_run;

/* SIGSEGV and SIGBUS are how the engine finds that guest memory is not there. */
static bool is_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS;
}

static bool is_handler(sighandler_t h)
{
	return h != SIG_DFL && h != SIG_IGN;
}

/* All but the faults and the C library's own two. */
static void fill(sigset_t *set)
{
	sigfillset(set);
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
}

static void send_again(int sig, siginfo_t *si)
{
	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), sig, si);
}

static void defer(int sig, siginfo_t *si, ucontext_t *uc)
{
	sigset_t all;

	fill(&all);
	/* It may be unblocked here: SA_NODEFER. */
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	send_again(sig, si);
	/* Only what the kernel's type holds: the rest of the frame is not ours. */
	memcpy(&uc->uc_sigmask, &all, SIGNALS / 8);
	soft_signal_hit();
}

static void die(int sig, siginfo_t *si)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };

	REAL(sigaction)(sig, &dfl, NULL);
	/* A fault happens again by itself when this returns. */
	if (!is_fault(sig) || si->si_code <= 0)
		send_again(sig, si);
}

static void call_user(int sig, siginfo_t *si, ucontext_t *uc)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct sigaction *u = &sg.user[sig];
	sighandler_t fn = __atomic_load_n(&u->sa_handler, __ATOMIC_ACQUIRE);
	sigset_t mask;

	if (fn == SIG_IGN && !(is_fault(sig) && si->si_code > 0))
		return;
	if (!is_handler(fn)) {
		die(sig, si);
		return;
	}
	if (u->sa_flags & (int)SA_RESETHAND) {
		if (is_fault(sig))
			__atomic_store_n(&u->sa_handler, SIG_DFL, __ATOMIC_RELEASE);
		else
			REAL(sigaction)(sig, &dfl, NULL);
	}
	/* The wrapper of these two runs unmasked. */
	if (is_fault(sig)) {
		mask = u->sa_mask;
		if (!(u->sa_flags & SA_NODEFER))
			sigaddset(&mask, sig);
		pthread_sigmask(SIG_BLOCK, &mask, NULL);
	}
	/* The kernel too passes all three, whatever the handler takes. */
	((void (*)(int, siginfo_t *, void *))(void *)fn)(sig, si, uc);
}

/* Of the instruction that runs, not sent by anybody. */
static bool is_synchronous(int sig, const siginfo_t *si)
{
	return (sig == SIGFPE || sig == SIGILL || sig == SIGTRAP) && si->si_code > 0;
}

static void wrapper(int sig, siginfo_t *si, void *uc)
{
	int err = errno;

	if (is_fault(sig) && fault_claim(si, uc))
		return;
	if (!in_run || is_fault(sig) || is_synchronous(sig, si)) {
		call_user(sig, si, uc);
		return;
	}
	defer(sig, si, uc);
	errno = err;
}

long signals_run(int fd, void *arg)
{
	sigset_t before;
	long r;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	soft_signal.hit = false;
	in_run = 1;
	r = kvm_provider_soft.ioctl(fd, KVM_RUN, arg);
	in_run = 0;
	/* From here on none is deferred, so hit says for certain. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (soft_signal.hit)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* --- what the program sets --- */

static int wrap_locked(int sig, const struct sigaction *act)
{
	struct sigaction sa = *act;

	sg.user[sig].sa_flags = act->sa_flags;
	sg.user[sig].sa_mask = act->sa_mask;
	__atomic_store_n(&sg.user[sig].sa_handler, act->sa_handler, __ATOMIC_RELEASE);
	sa.sa_sigaction = wrapper;
	sa.sa_flags |= SA_SIGINFO;
	/* Sending a signal again must find the handler still there. */
	sa.sa_flags &= ~(int)SA_RESETHAND;
	if (is_fault(sig)) {
		/* The engine leaves by siglongjmp, which restores no mask. */
		sa.sa_flags |= SA_NODEFER | SA_ONSTACK;
		sigemptyset(&sa.sa_mask);
	}
	return REAL(sigaction)(sig, &sa, NULL);
}

static int change_locked(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction now, new;
	int r;

	r = REAL(sigaction)(sig, NULL, &now);
	if (r < 0)
		return r;
	if (now.sa_sigaction == wrapper)
		now = sg.user[sig];
	if (act) {
		new = *act;
		/* Somebody asked the kernel for the handler, and puts it back. */
		if (new.sa_sigaction == wrapper)
			new.sa_handler = sg.user[sig].sa_handler;
		r = is_handler(new.sa_handler) || is_fault(sig) ? wrap_locked(sig, &new) :
								  REAL(sigaction)(sig, &new, NULL);
	}
	if (!r && old)
		*old = now;
	return r;
}

static void lock(sigset_t *before)
{
	sigset_t all;

	fill(&all);
	pthread_sigmask(SIG_BLOCK, &all, before);
	pthread_mutex_lock(&sg.lock);
}

static void unlock(const sigset_t *before)
{
	pthread_mutex_unlock(&sg.lock);
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

void signals_start(void)
{
	struct sigaction sa;
	sigset_t before;

	fault_claimed_elsewhere();
	lock(&before);
	for (int sig = 1; sig <= SIGNALS; sig++)
		if (!REAL(sigaction)(sig, NULL, &sa) &&
		    (is_handler(sa.sa_handler) || is_fault(sig)))
			wrap_locked(sig, &sa);
	__atomic_store_n(&sg.on, true, __ATOMIC_RELEASE);
	unlock(&before);
}

void signals_forked(void)
{
	sg.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
}

/*
 * A signal that is blocked, that only the mask admits, and that has no handler
 * ends KVM_RUN in the kernel, and is blocked again before it could kill. Here it
 * has to have a handler meanwhile.
 */
void signals_mask(const void *arg)
{
	const struct kvm_signal_mask *m = arg;
	struct sigaction sa;
	sigset_t before;
	u64 blocked;

	if (!m || host_copy_from_user(&blocked, m->sigset, sizeof(blocked)))
		return;
	lock(&before);
	for (int sig = 1; sig <= SIGNALS; sig++)
		if (!(blocked >> (sig - 1) & 1) && sigismember(&before, sig) == 1 &&
		    sig != SIGCHLD && sig != SIGURG && sig != SIGWINCH && sig != SIGCONT &&
		    sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU &&
		    !REAL(sigaction)(sig, NULL, &sa) && sa.sa_handler == SIG_DFL)
			wrap_locked(sig, &sa);
	unlock(&before);
}

EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction mine;
	sigset_t before;
	int r;

	if (!__atomic_load_n(&sg.on, __ATOMIC_ACQUIRE) || sig < 1 || sig > SIGNALS)
		return REAL(sigaction)(sig, act, old);
	/* A child of vfork() has handlers of its own, and our memory. */
	if (!shim_owner()) {
		r = REAL(sigaction)(sig, act, &mine);
		if (!r && old)
			*old = mine.sa_sigaction == wrapper ? sg.user[sig] : mine;
		return r;
	}
	lock(&before);
	r = change_locked(sig, act, old);
	unlock(&before);
	return r;
}

static sighandler_t set_signal(int sig, sighandler_t h, int flags)
{
	struct sigaction sa = { .sa_handler = h, .sa_flags = flags }, old;

	if (h == SIG_ERR || sig < 1 || sig > SIGNALS) {
		errno = EINVAL;
		return SIG_ERR;
	}
	if (!(flags & (int)SA_RESETHAND)) {
		sigaddset(&sa.sa_mask, sig);
		if (READ_ONCE(sg.interrupts) >> (sig - 1) & 1)
			sa.sa_flags &= ~SA_RESTART;
	}
	return sigaction(sig, &sa, &old) < 0 ? SIG_ERR : old.sa_handler;
}

static bool on(void)
{
	return __atomic_load_n(&sg.on, __ATOMIC_ACQUIRE);
}

#undef signal
#undef sysv_signal
sighandler_t bsd_signal(int sig, sighandler_t h);
sighandler_t sysv_signal(int sig, sighandler_t h);
sighandler_t __sysv_signal(int sig, sighandler_t h);

EXPORT sighandler_t signal(int sig, sighandler_t h)
{
	return on() ? set_signal(sig, h, SA_RESTART) : REAL(signal)(sig, h);
}

EXPORT sighandler_t bsd_signal(int sig, sighandler_t h)
{
	return signal(sig, h);
}

EXPORT sighandler_t ssignal(int sig, sighandler_t h)
{
	return signal(sig, h);
}

EXPORT sighandler_t sysv_signal(int sig, sighandler_t h)
{
	return on() ? set_signal(sig, h, SA_RESETHAND | SA_NODEFER) : REAL(sysv_signal)(sig, h);
}

EXPORT sighandler_t __sysv_signal(int sig, sighandler_t h)
{
	return sysv_signal(sig, h);
}

/* The C library keeps this for itself; signal() above has to know too. */
EXPORT int siginterrupt(int sig, int interrupt)
{
	int r = REAL(siginterrupt)(sig, interrupt);

	if (r)
		return r;
	if (interrupt)
		__atomic_fetch_or(&sg.interrupts, 1ull << (sig - 1), __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&sg.interrupts, ~(1ull << (sig - 1)), __ATOMIC_SEQ_CST);
	return r;
}

/* While a thread is in KVM_RUN it cannot be cancelled; so it has to leave. */
EXPORT int pthread_cancel(pthread_t t)
{
	int r = REAL(pthread_cancel)(t);

	if (!r && shim_owner())
		soft_fd_cancel(t);
	return r;
}
