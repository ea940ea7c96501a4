/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault.h - surviving SIGSEGV and SIGBUS on guest memory that user space has
 * unmapped, truncated or never mapped.
 *
 * Two ways. The fault_copy() family touches memory that may not be there and
 * returns -EFAULT. A recovery point lets code that dereferences guest memory
 * directly (the interpreter) be left when it faults:
 *
 *	struct fault_point p = { .claim = addr_is_guest, .arg = vm };
 *
 *	if (fault_enter(&p)) {
 *		... p.addr faulted, and the point is already left ...
 *		return -EFAULT;
 *	}
 *	...
 *	fault_leave(&p);
 *
 * No lock may be held where such a fault can happen. Signals that nobody
 * claims go to the handler that was there before.
 */
#ifndef PORT_POSIX_FAULT_H
#define PORT_POSIX_FAULT_H

#include <setjmp.h>
#include <signal.h>
#include "core/host.h"

struct fault_point {
	/* Called in the signal handler: is addr this point's concern? NULL: yes. */
	bool (*claim)(struct fault_point *p, u64 addr);
	void *arg;		/* the caller's */
	u64 addr;		/* what faulted */
	struct fault_point *outer;
	sigjmp_buf env;
};

extern __thread struct fault_point *fault_here;

/* Install the handlers; any number of times. Called by all below. */
void fault_init(void);
/* For who has handlers of its own in place: they call fault_claim() for both
 * signals, and leave it at that when it returns true. Ours are not installed. */
void fault_claimed_elsewhere(void);
bool fault_claim(siginfo_t *si, void *ctx);

/* 0, or 1 when control came back by a fault. A macro: the frame that sets the
 * point must be alive when it is used. */
#define fault_enter(p) \
	(fault_init(), (p)->outer = fault_here, \
	 sigsetjmp((p)->env, 0) ? 1 : (fault_here = (p), 0))

static inline void fault_leave(struct fault_point *p)
{
	fault_here = p->outer;
}

/* 0 or -EFAULT; part may have been copied then. */
int fault_copy(void *dst, const void *src, size_t n);
/* 0 stored, 1 *old did not match and was updated, -EFAULT. n is 1, 2, 4 or 8. */
int fault_cmpxchg(void *p, u64 *old, u64 new_val, unsigned int n);

#endif
