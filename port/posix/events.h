/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events.h - the part of host_event_t that both userspace ports share. */
#ifndef PORT_POSIX_EVENTS_H
#define PORT_POSIX_EVENTS_H

#include "core/host.h"

struct host_event {
	int fd;				/* our own reference to the eventfd */
	long id;			/* the kernel's of this eventfd; else ~ the number given */
	u32 refs;			/* atomic */
	void (*fn)(void *arg);
	void *arg;
	bool watched, running;		/* guarded by the watcher's lock */
	struct host_event *next;	/* the watcher's dead list */
	u32 drops;			/* references it is to drop */
};

/* Take what the eventfd holds; false when it was empty. */
bool host_event_drain(struct host_event *e);

#endif
