/* SPDX-License-Identifier: GPL-2.0-or-later */
/* said.h - stands in for vmm/fail.c: keeps what the user would have read. */
#ifndef TESTS_SAID_H
#define TESTS_SAID_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka has a macro of this name. */
#undef fail
#include "vmm/fail.h"

static char said[1024];
static unsigned int said_lines;

static void say(const char *fmt, va_list ap)
{
	said_lines++;
	vsnprintf(said, sizeof(said), fmt, ap);
}

int fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return err ? err : -EINVAL;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void fail_set_prefix(const char *(*fn)(void))
{
	(void)fn;
}

static inline void said_nothing_yet(void)
{
	said[0] = 0;
	said_lines = 0;
}

/* One line, and it holds this. */
#define assert_said(text) \
	do { \
		if (said_lines != 1 || !strstr(said, text)) { \
			print_error("said %u lines, last '%s'\n", said_lines, said); \
			_fail(__FILE__, __LINE__); \
		} \
	} while (0)

#endif
