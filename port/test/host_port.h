/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_port.h - the posix port's types, with time, timers and allocation under
 * the test's control (host_test.c).
 */
#ifndef HOST_TEST_PORT_H
#define HOST_TEST_PORT_H

#include "port/posix/host_port.h"

extern u64 test_now_ns;		/* moved by test_advance(), never by the clock */
extern u64 test_tsc;		/* follows test_now_ns at 1 GHz unless written */
extern long test_alloc_budget;	/* allocations left before one fails; <0: all succeed */
extern u64 test_run_delay_ns;	/* what host_run_delay_ns() says */
void test_advance(u64 ns);	/* runs the timers that fall due, in order */
unsigned int test_poll_events(void);	/* runs the watchers of readable eventfds; how many */

#endif
