/* SPDX-License-Identifier: GPL-2.0-or-later */
/* soft_fd.h - what the preload library needs of the software engine's
 * descriptors, beyond core/api/provider.h. */
#ifndef PORT_POSIX_SOFT_FD_H
#define PORT_POSIX_SOFT_FD_H

#include <sys/types.h>
#include "core/host.h"

struct vcpu;

/* Of a thread: in KVM_RUN, which vCPU runs; did a signal arrive since the owner
 * of this last cleared hit? KVM_RUN then ends with -EINTR. */
struct soft_signal {
	u32 hit;
	struct vcpu *v;
};
extern __thread struct soft_signal soft_signal;

/* A signal for this thread's KVM_RUN. In a signal handler. */
void soft_signal_hit(void);

/* Thread t is being cancelled: its KVM_RUN ends. */
void soft_fd_cancel(pthread_t t);

/* Is fd a descriptor of the software engine? Any context. */
bool soft_fd_is(int fd);
/* Is it one of /dev/kvm itself? */
bool soft_fd_system(int fd);
/* The first such descriptor that is not below fd, or -1. */
int soft_fd_next(int fd);
/* fd is a duplicate of as. False: as is none of ours, or fd too high for us. */
bool soft_fd_bind(int fd, int as);
/* fd no longer is what it was; who calls this closes it. */
void soft_fd_unbind(int fd);
/* mmap(2) of one of our descriptors. */
void *soft_fd_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);

/* In a fork's child, where only one thread is left: the parent's VMs and vCPUs
 * answer -EIO from here on, its system descriptors work. Also the timers and
 * the watched eventfds of the parent are forgotten. */
void soft_forked(void);
void host_timers_forked(void);
void host_events_forked(void);

#endif
