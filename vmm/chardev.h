/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chardev.h - a byte stream to the outside: terminal, pty, socket or file. */
#ifndef VMM_CHARDEV_H
#define VMM_CHARDEV_H

#include "vmm/machine/machine.h"

struct chardev;

struct chardev_user {
	/* Bytes arrived. Returns how many were taken; the rest is offered
	 * again after chardev_resume(). */
	size_t (*input)(void *dev, const u8 *buf, size_t n);
	void *dev;
};

/* kind and path as the command line gave them. stdio: raw mode, Ctrl-a x quits
 * (machine_stop), Ctrl-a ? helps; the terminal is restored at exit, on every
 * signal that ends the process, and after stop and continue. */
int chardev_new(struct machine *m, enum console_kind kind, const char *path,
		struct chardev **out);
void chardev_free(struct chardev *c);
/* The device that gets input now (last call wins; serial first, then
 * virtio-console once its driver opened the port). */
void chardev_attach(struct chardev *c, const struct chardev_user *u);
void chardev_resume(struct chardev *c);
/* Never blocks for long: what a slow reader does not take is buffered up to
 * 64 KiB, then dropped oldest first. */
void chardev_write(struct chardev *c, const u8 *buf, size_t n);

#endif
