/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alloc.h - allocations that fail on request, beyond test_alloc_budget. */
#ifndef PORT_TEST_ALLOC_H
#define PORT_TEST_ALLOC_H

#include "core/host.h"

extern bool test_alloc_libc;	/* malloc, calloc and realloc count too */
/* Sets the budget; once: only one allocation fails, later ones do not. Did one
 * fail since the last call? */
bool test_alloc_fail(long budget, bool once);
bool test_alloc_fails(void);	/* for allocators: must this one fail? */

#endif
