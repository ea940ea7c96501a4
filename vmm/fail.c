// SPDX-License-Identifier: GPL-2.0-or-later
/* fail.c - messages to the user: one line each, written in one piece. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "vmm/fail.h"

static const char *(*line_prefix)(void);

void fail_set_prefix(const char *(*fn)(void))
{
	line_prefix = fn;
}

/* One write(2), so that lines of several threads do not mix. */
static void say(const char *kind, int err, const char *fmt, va_list ap)
{
	char line[1024];
	const char *pre = line_prefix ? line_prefix() : "";
	size_t n = 0, room = sizeof(line) - 2;
	int r;

	r = snprintf(line, room, "%skvist: %s", pre, kind);
	if (r > 0)
		n = r;
	r = vsnprintf(line + n, room - n, fmt, ap);
	if (r > 0)
		n = n + r < room ? n + r : room - 1;
	if (err) {
		r = snprintf(line + n, room - n, ": %s", strerror(err));
		if (r > 0)
			n = n + r < room ? n + r : room - 1;
	}
	if (*pre)
		line[n++] = '\r';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

int fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", -err, fmt, ap);
	va_end(ap);
	return err ? err : -EINVAL;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", 0, fmt, ap);
	va_end(ap);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", 0, fmt, ap);
	va_end(ap);
}
