/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocations that fail on request: the core's, and with test_alloc_libc also
 * what vmm/ asks of libc. Programs are linked with --wrap for these names.
 */
#include <stdlib.h>
#include "port/test/alloc.h"

long test_alloc_budget = -1;
bool test_alloc_libc;

static bool once_only, failed;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

bool test_alloc_fail(long budget, bool once)
{
	bool was = failed;

	test_alloc_budget = budget;
	once_only = once;
	failed = false;
	return was;
}

bool test_alloc_fails(void)
{
	if (test_alloc_budget < 0)
		return false;
	if (test_alloc_budget > 0) {
		test_alloc_budget--;
		return false;
	}
	failed = true;
	if (once_only)
		test_alloc_budget = -1;
	return true;
}

void *host_alloc(size_t n)
{
	return test_alloc_fails() ? NULL : __real_calloc(1, n ? n : 1);
}

void *__wrap_malloc(size_t n)
{
	return test_alloc_libc && test_alloc_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return test_alloc_libc && test_alloc_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return test_alloc_libc && test_alloc_fails() ? NULL : __real_realloc(p, n);
}
