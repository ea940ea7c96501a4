/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aio.c - choosing how file I/O is done. */
#include "vmm/block/aio.h"

int aio_new(struct loop *l, const struct aio_class *cls, struct aio **out)
{
	int err;

	if (cls)
		return cls->new(l, out);
	err = aio_uring.new(l, out);
	if (!err)
		return 0;
	/* Forbidden by a sandbox, too little locked memory, an old kernel. */
	host_log(HOST_DEBUG, "io_uring: error %d, using threads", err);
	return aio_threads.new(l, out);
}

void aio_free(struct aio *a)
{
	if (a)
		a->cls->free(a);
}

void aio_submit(struct aio *a, struct aio_req *r)
{
	a->in_flight++;
	a->cls->submit(a, r);
}

void aio_kick(struct aio *a)
{
	a->cls->kick(a);
}

void aio_drain(struct aio *a)
{
	aio_kick(a);
	while (a->in_flight)
		a->cls->wait(a);
}
