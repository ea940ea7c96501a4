/* SPDX-License-Identifier: GPL-2.0-or-later */
/* signals - how signals end KVM_RUN, and what their handlers find then. */
#include <setjmp.h>
#include <sys/time.h>
#include "tests/api/plain.h"

#define KICK	SIGUSR1

/* inc word [2000h]; jmp back */
static const uint8_t spin[] = { 0xff, 0x06, 0x00, 0x20, 0xeb, 0xfa };
/* cli; hlt */
static const uint8_t halted[] = { 0xfa, 0xf4 };
/* out 80h, al; jmp back */
static const uint8_t talk[] = { 0xe6, 0x80, 0xeb, 0xfc };

static struct box b;
static volatile int handled;
static volatile pthread_t handled_by;

static void count(int sig)
{
	handled++;
	handled_by = pthread_self();
}

static void on(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

static void block(int sig, int how)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	pthread_sigmask(how, &s, NULL);
}

/* What KVM_RUN is told to let in, beside all that is not blocked here. */
static int mask_without(int fd, int sig)
{
	union { struct kvm_signal_mask h; char room[16]; } m = { .room = { 0 } };
	uint64_t bits = ~(1ull << (sig - 1));

	m.h.len = 8;
	memcpy(m.room + sizeof(m.h), &bits, 8);
	return ioctl(fd, KVM_SET_SIGNAL_MASK, &m);
}

struct runner {
	struct box *b;
	pthread_t thread;
	int result, error;
	volatile int started, done;
	int mask;		/* block this first, and admit it in KVM_RUN */
	int blocked;		/* or only block it */
	bool left;		/* KICK is pending afterwards */
	int handled_at_end;
};

static void *runner_main(void *arg)
{
	struct runner *r = arg;
	sigset_t pending;

	if (r->mask) {
		block(r->mask, SIG_BLOCK);
		mask_without(r->b->cpu, r->mask);
	}
	if (r->blocked)
		block(r->blocked, SIG_BLOCK);
	r->started = 1;
	do
		r->result = box_run(r->b);
	while (!r->result && r->b->run->exit_reason == KVM_EXIT_IO);
	r->error = errno;
	r->handled_at_end = handled;
	sigpending(&pending);
	r->left = sigismember(&pending, KICK) == 1;
	r->done = 1;
	return NULL;
}

static void start(struct runner *r)
{
	r->b = &b;
	pthread_create(&r->thread, NULL, runner_main, r);
	while (!r->started)
		pause_ms(1);
	pause_ms(30);
}

static bool ended(struct runner *r, int ms)
{
	for (; !r->done && ms > 0; ms -= 5)
		pause_ms(5);
	if (r->done)
		pthread_join(r->thread, NULL);
	return r->done;
}

static bool eintr(const struct runner *r)
{
	return r->result == -1 && r->error == EINTR && b.run->exit_reason == KVM_EXIT_INTR;
}

static void kick_ends_a_busy_guest(void)
{
	struct runner r = { 0 };

	on(KICK, count, 0);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	CHECK(!r.done);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r));
	CHECK(handled == 1 && r.handled_at_end == 1 && pthread_equal(handled_by, r.thread));
	CHECK(b.ram[0x2000] || b.ram[0x2001]);
}

static void kick_ends_a_halted_guest(void)
{
	struct runner r = { 0 };

	on(KICK, count, 0);
	CHECK(box_open(&b, true, halted, sizeof(halted)));
	start(&r);
	CHECK(!r.done);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && handled == 1);
}

static void restart_flag_makes_no_difference(void)
{
	struct runner r = { 0 };

	on(KICK, count, SA_RESTART);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && handled == 1);
}

static void a_process_signal_ends_it_too(void)
{
	struct runner r = { 0 };

	on(KICK, count, 0);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	/* Nobody else can take it. */
	block(KICK, SIG_BLOCK);
	kill(getpid(), KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && handled == 1);
}

static void ignored_and_blocked_signals_do_not(void)
{
	struct runner r = { .blocked = SIGUSR2 };

	on(KICK, SIG_IGN, 0);
	on(SIGUSR2, count, 0);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	pthread_kill(r.thread, KICK);
	pthread_kill(r.thread, SIGUSR2);
	CHECK(!ended(&r, 100));
	CHECK(!handled);
	on(KICK, count, 0);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && handled == 1);
}

static void masked_signal_ends_it_and_stays_pending(void)
{
	struct runner r = { .mask = KICK };

	on(KICK, count, 0);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	CHECK(!r.done);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && r.left && !handled);
}

static void masked_signal_needs_no_handler(void)
{
	struct runner r = { .mask = KICK };

	CHECK(box_open(&b, true, halted, sizeof(halted)));
	start(&r);
	CHECK(!r.done);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && r.left);
}

static void pending_masked_signal_ends_the_next_run(void)
{
	struct timespec zero = { 0 };
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, KICK);
	CHECK(box_open(&b, false, talk, sizeof(talk)));
	block(KICK, SIG_BLOCK);
	CHECK(!mask_without(b.cpu, KICK));
	for (int i = 0; i < 3; i++) {
		CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
		raise(KICK);
		FAILS(EINTR, box_run(&b));
		CHECK(b.run->exit_reason == KVM_EXIT_INTR);
		FAILS(EINTR, box_run(&b));
		CHECK(sigtimedwait(&s, NULL, &zero) == KICK);
	}
	/* Without the mask it is any blocked signal. */
	raise(KICK);
	CHECK(!ioctl(b.cpu, KVM_SET_SIGNAL_MASK, NULL));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
}

static void default_action_kills(void)
{
	struct runner r = { 0 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!box_open(&b, false, spin, sizeof(spin)))
			_exit(2);
		start(&r);
		pthread_kill(r.thread, SIGUSR2);
		pause_ms(5000);
		_exit(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2);
}

static volatile int rip_in_handler;

static void look(int sig)
{
	struct kvm_regs r;

	if (!ioctl(b.cpu, KVM_GET_REGS, &r))
		rip_in_handler = r.rip;
}

static void handler_may_call_the_vcpu(void)
{
	struct runner r = { 0 };

	on(KICK, look, 0);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r));
	CHECK(rip_in_handler == CODE || rip_in_handler == CODE + 4);
}

static sigjmp_buf out;

static void jump(int sig)
{
	siglongjmp(out, 1);
}

static void handler_may_jump_out(void)
{
	struct itimerval t = { .it_value.tv_usec = 30000 };

	on(SIGALRM, jump, 0);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	for (volatile int i = 0; i < 3; i++) {
		setitimer(ITIMER_REAL, &t, NULL);
		if (!sigsetjmp(out, 1)) {
			box_run(&b);
			CHECK(!"reached");
		}
	}
	memcpy(b.ram + CODE, talk, sizeof(talk));
	alarm(30);
	while (b.ram[CODE] == talk[0]) {
		struct kvm_regs r = { .rip = CODE, .rflags = 2 };

		CHECK(!ioctl(b.cpu, KVM_SET_REGS, &r));
		CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
		break;
	}
}

static void info(int sig, siginfo_t *si, void *uc)
{
	handled = si->si_code == SI_QUEUE && si->si_value.sival_int == 77 &&
		  si->si_pid == getpid();
}

static void handler_gets_what_was_sent(void)
{
	struct sigaction sa = { .sa_sigaction = info, .sa_flags = SA_SIGINFO };
	struct runner r = { 0 };

	sigaction(KICK, &sa, NULL);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	pthread_sigqueue(r.thread, KICK, (union sigval){ .sival_int = 77 });
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && handled);
}

static volatile int in_mask;

static void look_at_mask(int sig)
{
	sigset_t s;

	pthread_sigmask(SIG_SETMASK, NULL, &s);
	in_mask = sigismember(&s, KICK) * 4 + sigismember(&s, SIGUSR2) * 2 +
		  sigismember(&s, SIGTERM);
}

static void handler_runs_with_its_mask(void)
{
	struct sigaction sa = { .sa_handler = look_at_mask };
	struct runner r = { 0 };

	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(KICK, &sa, NULL);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(in_mask == 6);
}

static void mask_is_as_before(void)
{
	struct runner r = { 0 };
	sigset_t was, now;

	on(SIGALRM, count, 0);
	block(SIGUSR2, SIG_BLOCK);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	pthread_sigmask(SIG_SETMASK, NULL, &was);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 30000 }, NULL);
	FAILS(EINTR, box_run(&b));
	CHECK(handled == 1);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	for (int s = 1; s < 65; s++)
		CHECK(sigismember(&was, s) == sigismember(&now, s));
	(void)r;
}

static void one_shot_handler(void)
{
	struct sigaction now;
	struct runner r = { 0 };

	on(KICK, count, SA_RESETHAND);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	pthread_kill(r.thread, KICK);
	CHECK(ended(&r, 5000));
	CHECK(eintr(&r) && handled == 1);
	CHECK(!sigaction(KICK, NULL, &now) && now.sa_handler == SIG_DFL);
}

static void handlers_read_back(void)
{
	struct sigaction sa = { .sa_handler = count, .sa_flags = SA_RESTART }, old;

	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(KICK, &sa, NULL);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	CHECK(!sigaction(KICK, NULL, &old));
	CHECK(old.sa_handler == count && (old.sa_flags & (SA_RESTART | SA_SIGINFO)) == SA_RESTART);
	CHECK(sigismember(&old.sa_mask, SIGUSR2) == 1 && sigismember(&old.sa_mask, SIGHUP) == 0);
	CHECK(signal(KICK, look) == count);
	CHECK(signal(KICK, SIG_DFL) == look);
	CHECK(signal(KICK, SIG_IGN) == SIG_DFL);
	CHECK(signal(KICK, count) == SIG_IGN);
	CHECK(!sigaction(SIGSEGV, NULL, &old) && old.sa_handler == SIG_DFL);
	CHECK(signal(SIGBUS, count) == SIG_DFL && signal(SIGBUS, SIG_DFL) == count);
	raise(KICK);
	CHECK(handled == 1);
	FAILS(EINVAL, sigaction(SIGKILL, &sa, NULL));
	FAILS(EINVAL, sigaction(65, &sa, NULL));
	FAILS(EINVAL, sigaction(0, &sa, NULL));
}

static void fault_handlers_of_the_program_work(void)
{
	static const uint8_t load[] = { 0xa1, 0x00, 0x90, 0xf4 };	/* mov ax, [9000h] */
	struct sigaction sa = { .sa_handler = jump };
	volatile char *hole;

	CHECK(box_open(&b, false, load, sizeof(load)));
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	/* The guest's fault is KVM_RUN's to report ... */
	munmap(b.ram + 0x9000, 0x1000);
	FAILS(EFAULT, box_run(&b));
	/* ... and the program's own is its own. */
	hole = (volatile char *)b.ram + 0x9000;
	if (!sigsetjmp(out, 1)) {
		*hole = 1;
		CHECK(!"reached");
	}
	FAILS(EFAULT, box_run(&b));
}

static void fault_kills_as_ever(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!box_open(&b, false, spin, sizeof(spin)))
			_exit(2);
		signal(SIGSEGV, SIG_IGN);
		*(volatile int *)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
		_exit(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	pid = fork();
	if (!pid) {
		if (!box_open(&b, false, spin, sizeof(spin)))
			_exit(2);
		kill(getpid(), SIGBUS);
		_exit(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

/* --- races: a kick must not be lost, wherever it arrives --- */

static void set_immediate_exit(int sig)
{
	b.run->immediate_exit = 1;
	handled++;
}

static volatile int stop, loops;

static void *loop_main(void *arg)
{
	while (!stop) {
		int r = box_run(&b);

		if (r < 0 && errno == EINTR) {
			b.run->immediate_exit = 0;
			__atomic_fetch_add(&loops, 1, __ATOMIC_SEQ_CST);
		} else if (r < 0) {
			break;
		}
	}
	return NULL;
}

/* Kicks, each as soon as the one before has ended a run, as long as time
 * allows. How many; 0: one was lost. */
static int kick_and_wait(pthread_t t)
{
	time_t end = time(NULL) + 4, lost = time(NULL) + 20;
	int i;

	for (i = 0; i < 2000 && time(NULL) < end; i++) {
		int before = __atomic_load_n(&loops, __ATOMIC_SEQ_CST);

		pthread_kill(t, KICK);
		while (__atomic_load_n(&loops, __ATOMIC_SEQ_CST) == before) {
			sched_yield();
			if (time(NULL) > lost)
				return 0;
		}
	}
	return i;
}

/* As QEMU does: the handler sets immediate_exit, so that even a kick just
 * before KVM_RUN is noticed. */
static void storm(const void *code, size_t n, bool irqchip)
{
	pthread_t t;
	int sent;

	on(KICK, set_immediate_exit, 0);
	CHECK(box_open(&b, irqchip, code, n));
	pthread_create(&t, NULL, loop_main, NULL);
	sent = kick_and_wait(t);
	CHECK(sent);
	stop = 1;
	pthread_kill(t, KICK);
	pthread_join(t, NULL);
	/* The last one may have found the thread gone. */
	CHECK(handled >= sent);
}

static void no_kick_is_lost_busy(void) { storm(spin, sizeof(spin), false); }
static void no_kick_is_lost_halted(void) { storm(halted, sizeof(halted), true); }
static void no_kick_is_lost_talking(void) { storm(talk, sizeof(talk), false); }

static void *masked_loop(void *arg)
{
	struct timespec zero = { 0 };
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, KICK);
	while (!stop) {
		int r = box_run(&b);

		if (r < 0 && errno == EINTR) {
			while (sigtimedwait(&s, NULL, &zero) == KICK)
				;
			__atomic_fetch_add(&loops, 1, __ATOMIC_SEQ_CST);
		} else if (r < 0) {
			break;
		}
	}
	return NULL;
}

/* As QEMU did before there was immediate_exit. */
static void no_masked_kick_is_lost(void)
{
	pthread_t t;
	int sent;

	on(KICK, count, 0);
	CHECK(box_open(&b, true, halted, sizeof(halted)));
	block(KICK, SIG_BLOCK);
	CHECK(!mask_without(b.cpu, KICK));
	pthread_create(&t, NULL, masked_loop, NULL);
	sent = kick_and_wait(t);
	CHECK(sent);
	stop = 1;
	pthread_kill(t, KICK);
	pthread_join(t, NULL);
	CHECK(!handled);
}

static void many_kinds_at_once(void)
{
	struct runner r = { 0 };

	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		on(s, count, s & 1 ? SA_NODEFER : 0);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	start(&r);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		for (int i = 0; i < 4; i++)
			pthread_kill(r.thread, s);
	CHECK(ended(&r, 5000));
	/* Some may come when KVM_RUN is over already: all are handled. */
	for (int i = 0; i < 100 && handled < 4 * (SIGRTMAX - SIGRTMIN + 1); i++)
		pause_ms(10);
	CHECK(eintr(&r));
	CHECK(r.handled_at_end > 0);
}

static void timer_ticks_do_not_stop_progress(void)
{
	struct itimerval t = { { 0, 2000 }, { 0, 2000 } }, none = { { 0 } };
	int intr = 0;

	on(SIGALRM, count, 0);
	CHECK(box_open(&b, false, talk, sizeof(talk)));
	setitimer(ITIMER_REAL, &t, NULL);
	for (int i = 0; i < 3000; i++)
		if (box_run(&b) < 0) {
			CHECK(errno == EINTR);
			intr++;
		} else {
			CHECK(b.run->exit_reason == KVM_EXIT_IO && b.run->io.port == 0x80);
		}
	setitimer(ITIMER_REAL, &none, NULL);
	CHECK(intr < 3000);
}

static const struct plain_test tests[] = {
	T(kick_ends_a_busy_guest), T(kick_ends_a_halted_guest),
	T(restart_flag_makes_no_difference), T(a_process_signal_ends_it_too),
	T(ignored_and_blocked_signals_do_not), T(masked_signal_ends_it_and_stays_pending),
	T(masked_signal_needs_no_handler), T(pending_masked_signal_ends_the_next_run),
	T(default_action_kills), T(handler_may_call_the_vcpu), T(handler_may_jump_out),
	T(handler_gets_what_was_sent), T(handler_runs_with_its_mask), T(mask_is_as_before),
	T(one_shot_handler), T(handlers_read_back), T(fault_handlers_of_the_program_work),
	T(fault_kills_as_ever), T(no_kick_is_lost_busy), T(no_kick_is_lost_halted),
	T(no_kick_is_lost_talking), T(no_masked_kick_is_lost), T(many_kinds_at_once),
	T(timer_ticks_do_not_stop_progress),
};

int main(int argc, char **argv)
{
	return plain_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
