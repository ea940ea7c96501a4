/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvist.h - between kvist.ko and the modules of its engines. */
#ifndef PORT_LINUX_KVIST_H
#define PORT_LINUX_KVIST_H

#include <linux/module.h>

struct engine;

/* Guests run on e from now on, and /dev/kvist is there. -EBUSY: another engine is. */
int kvist_register(const struct engine *e, struct module *owner);
/* No VM of it is left: owner was in use by each. */
void kvist_unregister(const struct engine *e);

/* fd.c: an open /dev/kvist. */
struct file_operations;
extern const struct file_operations kvist_system_fops;
/* The engine, with its module held; NULL: none. kvist_put() lets go. */
const struct engine *kvist_get(void);
void kvist_put(void);

#endif
