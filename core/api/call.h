/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call.h - the KVM API as tables: one row is one ioctl. The dispatcher copies
 * arguments in and out by these rows, so handlers see only checked host memory
 * and never a user pointer (but for what an argument itself points to).
 */
#ifndef CORE_API_CALL_H
#define CORE_API_CALL_H

#include <linux/kvm.h>
#include "core/host.h"

struct vcpu;
struct vm;
struct engine;

enum call_flag {
	CALL_IN = 1,		/* copy the argument in */
	CALL_OUT = 2,		/* copy it back on success */
	CALL_BACK = 4,		/* copy the fixed part back on -E2BIG too */
	CALL_CLAMP = 8,		/* too many elements: take max, not -E2BIG */
	CALL_NULL = 16,		/* a null pointer is fine, and passed on */
	CALL_TAIL_IN = 32,
	CALL_TAIL_OUT = 64,
	CALL_VALUE = 128,	/* the argument is a number: arg is it, as a pointer */
};

struct api_call {
	u32 nr;			/* the whole request: some share their low bits */
	/* obj is the engine, the VM or the vCPU. >= 0, or -errno. */
	long (*fn)(void *obj, void *arg);
	u16 size;		/* fixed part */
	u8 flags;		/* enum call_flag */
	u16 elem;		/* variable tail: bytes per element */
	u16 count_off;		/* where the tail's u32 count lives */
	u16 max;		/* most elements accepted */
	s16 over;		/* -errno for more */
};

#define CALL_DIR_FLAGS(nr)	((_IOC_DIR(nr) & _IOC_WRITE ? CALL_IN : 0) | \
				 (_IOC_DIR(nr) & _IOC_READ ? CALL_OUT : 0))

/* As the request number says. */
#define CALL(nr, fn) \
	{ nr, fn, _IOC_SIZE(nr), CALL_DIR_FLAGS(nr), 0, 0, 0, 0 }
/* _IO requests whose argument is a number. */
#define CALL_NUM(nr, fn)	{ nr, fn, 0, CALL_VALUE, 0, 0, 0, 0 }
/* The request number says nothing of the argument, or the wrong direction. */
#define CALL_ARG(nr, fn, type, flags) \
	{ nr, fn, sizeof(type), flags, 0, 0, 0, 0 }
#define CALL_TAIL(nr, fn, type, count, tail, max, over, flags) \
	{ nr, fn, sizeof(type), CALL_DIR_FLAGS(nr) | (flags), sizeof(((type *)0)->tail[0]), \
	  offsetof(type, count), max, over }

struct api_table {
	const struct api_call *row;
	u32 n;
	int unknown;		/* -errno for a request that has no row */
};

extern const struct api_table system_calls, vm_calls, vcpu_calls;

const struct api_call *api_find(const struct api_table *t, u32 nr);
/* One ioctl. The caller holds what the object needs (a vCPU's lock). */
long api_dispatch(const struct api_table *t, void *obj, u32 nr, void *uarg);
/* One of a vCPU, whose lock is held. */
long vcpu_dispatch(struct vcpu *v, u32 nr, void *uarg);

/* KVM_CHECK_EXTENSION, same for the system and every VM. What an engine need not
 * have is there for NULL. */
long cap_value(u32 cap);
long cap_of_engine(const struct engine *e, u32 cap);
long vm_enable_cap(struct vm *vm, const struct kvm_enable_cap *c);

/* KVM_CAP_DISABLE_QUIRKS2: those that can be disabled. */
#define API_QUIRKS	0x7fu
/* KVM_CAP_EXIT_HYPERCALL: those that can go to user space. */
#define API_HYPERCALLS	(1u << 12)	/* KVM_HC_MAP_GPA_RANGE */

#define API_VCPU_PAGES	3u	/* kvm_run, PIO data, coalesced ring */

#endif
