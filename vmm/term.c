// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * term.c - raw mode that never outlives us. Signal handlers are the only code
 * that can run at any time, so they use tcsetattr, kill and nothing else.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include "core/host.h"
#include "vmm/fail.h"
#include "vmm/term.h"

static struct termios saved, raw;
static volatile sig_atomic_t active;	/* saved holds what to go back to */
static volatile sig_atomic_t is_raw;

static const int fatal_signals[] = {
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGXCPU, SIGXFSZ, SIGSYS,
	/* While the machine runs it takes these itself. */
	SIGINT, SIGTERM, SIGHUP,
};

void term_restore(void)
{
	int err = errno;

	if (active && is_raw) {
		is_raw = 0;
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	}
	errno = err;
}

/* Setting modes from the background would stop us; SIGCONT tries again. */
static void make_raw(void)
{
	int err = errno;

	if (active && tcgetpgrp(STDIN_FILENO) == getpgrp() &&
	    !tcsetattr(STDIN_FILENO, TCSADRAIN, &raw))
		is_raw = 1;
	errno = err;
}

static void on_fatal(int sig)
{
	term_restore();
	raise(sig);		/* SA_RESETHAND: now the default action */
}

static void on_stop(int sig)
{
	int err = errno;

	term_restore();
	raise(SIGSTOP);
	errno = err;
}

static void on_continue(int sig)
{
	make_raw();
}

static const char *line_prefix(void)
{
	return is_raw ? "\r" : "";
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags }, old;

	/* What the parent chose to ignore stays ignored. */
	if (sigaction(sig, NULL, &old) < 0 || old.sa_handler == SIG_IGN)
		return;
	sigfillset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

bool term_raw(void)
{
	static bool handlers;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) < 0)
		return false;
	raw = saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	active = 1;
	if (!handlers) {
		handlers = true;
		atexit(term_restore);
		for (size_t i = 0; i < ARRAY_SIZE(fatal_signals); i++)
			handle(fatal_signals[i], on_fatal, SA_RESETHAND | SA_NODEFER);
		handle(SIGTSTP, on_stop, SA_RESTART);
		handle(SIGCONT, on_continue, SA_RESTART);
		fail_set_prefix(line_prefix);
	}
	make_raw();
	return true;
}
