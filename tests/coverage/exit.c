/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exit.c - _exit() of programs and libraries built for make coverage.
 *
 * Counters are written by exit(). Many tests run in a child that ends by
 * _exit(), and would not count. Each of what is linked has counters of its own:
 * write ours, then let the next one do as much.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);
void __gcov_reset(void);

__attribute__((visibility("default"))) void _exit(int status)
{
	void (*next)(int);

	/* After vfork() the parent goes on with these counters. */
	__gcov_dump();
	__gcov_reset();
	*(void **)&next = dlsym(RTLD_NEXT, "_exit");
	if (next)
		next(status);
	abort();
}
