/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aio.h - file I/O that does not hold up the loop: io_uring where the host has
 * it, else a few threads. Two const tables, chosen at aio_new().
 */
#ifndef VMM_AIO_H
#define VMM_AIO_H

#include <sys/uio.h>
#include "vmm/loop.h"

enum aio_op { AIO_READ, AIO_WRITE, AIO_SYNC, AIO_FALLOCATE };

struct aio_req {
	enum aio_op op;
	int fd;
	int mode;			/* AIO_FALLOCATE: its mode; AIO_WRITE: RWF_* flags */
	u64 off, len;			/* len: AIO_FALLOCATE */
	const struct iovec *iov;	/* AIO_READ, AIO_WRITE: at most IOV_MAX */
	unsigned int n_iov;
	/* On the loop: bytes moved, or 0, or -errno. May submit again. */
	void (*done)(struct aio_req *r, long result);
	long result;
	struct aio_req *next;		/* while queued */
};

struct aio;

struct aio_class {
	const char *name;
	int (*new)(struct loop *l, struct aio **out);
	void (*free)(struct aio *a);
	void (*submit)(struct aio *a, struct aio_req *r);
	void (*kick)(struct aio *a);	/* hand over what was submitted */
	/* Waits for at least one completion; done() is called in here. */
	void (*wait)(struct aio *a);
};

struct aio {
	const struct aio_class *cls;
	unsigned int in_flight;		/* submitted, done() not called yet */
};

extern const struct aio_class aio_uring, aio_threads;

/* The best this host allows. cls NULL: choose. */
int aio_new(struct loop *l, const struct aio_class *cls, struct aio **out);
void aio_free(struct aio *a);		/* idle; accepts NULL */
void aio_submit(struct aio *a, struct aio_req *r);
void aio_kick(struct aio *a);
void aio_drain(struct aio *a);

/* A FIFO of requests. */
struct aio_list {
	struct aio_req *head, **end;
};

static inline void aio_list_init(struct aio_list *l)
{
	l->head = NULL;
	l->end = &l->head;
}

static inline void aio_list_add(struct aio_list *l, struct aio_req *r)
{
	r->next = NULL;
	*l->end = r;
	l->end = &r->next;
}

static inline struct aio_req *aio_list_take(struct aio_list *l)
{
	struct aio_req *r = l->head;

	if (r) {
		l->head = r->next;
		if (!l->head)
			l->end = &l->head;
	}
	return r;
}

#endif
