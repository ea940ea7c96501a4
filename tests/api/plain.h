/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plain.h - for tests that are ordinary KVM clients: they open /dev/kvm, and
 * neither know nor care who answers. tests/api/table.sh runs them on the preload
 * library and on the device.
 */
#ifndef TESTS_API_PLAIN_H
#define TESTS_API_PLAIN_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RAM	0x10000ul
#define CODE	0x1000

struct box {
	int sys, vm, cpu;
	size_t run_size;
	struct kvm_run *run;
	uint8_t *ram;
};

/* What failed, for the table. The first one counts. */
extern char plain_why[256];

#define CHECK(cond) do { \
		if (!(cond) && !*plain_why) \
			snprintf(plain_why, sizeof(plain_why), "line %d: %s (errno %d)", \
				 __LINE__, #cond, errno); \
		if (*plain_why) \
			return; \
	} while (0)
/* A call that must fail with e. */
#define FAILS(e, call) CHECK((errno = 0, (long)(call) == -1) && errno == (e))

/* /dev/kvm, a VM with some RAM, one vCPU in real mode at CODE. False: plain_why. */
bool box_open(struct box *b, bool irqchip, const void *code, size_t n);
bool box_add(struct box *b, int sys, bool irqchip, const void *code, size_t n);
void box_close(struct box *b);
static inline int box_run(struct box *b)
{
	return ioctl(b->cpu, KVM_RUN, 0);
}

void pause_ms(long ms);

struct plain_test {
	const char *name;
	void (*fn)(void);
};
#define T(f) { #f, f }
/* Each in a process of its own, with a time limit; "ok NAME" or "FAIL NAME: why". */
int plain_main(const struct plain_test *t, size_t n, int argc, char **argv);

#endif
