/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fail.h - one clear line on stderr, by the place that knows the reason. */
#ifndef VMM_FAIL_H
#define VMM_FAIL_H

/*
 * Prints "kvist: <message>: <strerror>" and returns err (a negative errno):
 * `return fail(-EBUSY, "disk %s: in use by another kvist", path);`
 * With err 0 prints the message alone and returns -EINVAL.
 */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same without an error to return: "kvist: warning: ...". */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Neither: "kvist: ...". */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What to print before each line; "\r" while the terminal is in raw mode, so
 * that the line starts at the left, else "". */
void fail_set_prefix(const char *(*fn)(void));

#endif
