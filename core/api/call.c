/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/api/call.h"

#define CALL_STACK_BYTES 256u

const struct api_call *api_find(const struct api_table *t, u32 nr)
{
	for (u32 i = 0; i < t->n; i++)
		if (t->row[i].nr == nr)
			return &t->row[i];
	return NULL;
}

static u32 tail_count(const struct api_call *c, const void *arg)
{
	u32 n;

	memcpy(&n, (const u8 *)arg + c->count_off, sizeof(n));
	return n;
}

/* How many elements the tail has room for, or -errno. */
static long tail_room(const struct api_call *c, void *uarg)
{
	u32 n;
	int err;

	if (!c->elem)
		return 0;
	err = host_copy_from_user(&n, (u8 *)uarg + c->count_off, sizeof(n));
	if (err)
		return err;
	if (n <= c->max)
		return n;
	return c->flags & CALL_CLAMP ? c->max : c->over;
}

static int copy_in(const struct api_call *c, void *arg, const void *uarg, u32 room)
{
	size_t tail = (size_t)room * c->elem;
	u32 now;
	int err;

	if (!(c->flags & CALL_IN))
		return 0;
	err = host_copy_from_user(arg, uarg, c->size);
	if (!err && tail && c->flags & CALL_TAIL_IN)
		err = host_copy_from_user((u8 *)arg + c->size, (const u8 *)uarg + c->size, tail);
	if (err || !c->elem)
		return err;
	/* User space may have changed the count since it was looked at. */
	now = tail_count(c, arg);
	if (now > room) {
		now = room;
		memcpy((u8 *)arg + c->count_off, &now, sizeof(now));
	}
	return 0;
}

static int copy_out(const struct api_call *c, const void *arg, void *uarg, u32 room)
{
	u32 n = c->elem ? min(tail_count(c, arg), room) : 0;
	int err = 0;

	if (c->flags & CALL_OUT)
		err = host_copy_to_user(uarg, arg, c->size);
	if (!err && n && c->flags & CALL_TAIL_OUT)
		err = host_copy_to_user((u8 *)uarg + c->size, (const u8 *)arg + c->size,
					(size_t)n * c->elem);
	return err;
}

static long call_with(const struct api_call *c, void *obj, void *uarg, void *arg, u32 room)
{
	long r = copy_in(c, arg, uarg, room);
	int err = 0;

	if (r)
		return r;
	r = c->fn(obj, arg);
	if (r >= 0)
		err = copy_out(c, arg, uarg, room);
	else if (r == -E2BIG && c->flags & CALL_BACK)
		err = host_copy_to_user(uarg, arg, c->size);
	return err ? err : r;
}

long api_dispatch(const struct api_table *t, void *obj, u32 nr, void *uarg)
{
	const struct api_call *c = api_find(t, nr);
	u64 small[CALL_STACK_BYTES / 8];
	size_t size;
	void *big;
	long room, r;

	if (!c)
		return t->unknown;
	if (c->flags & CALL_VALUE || !c->size)
		return c->fn(obj, uarg);
	if (!uarg && c->flags & CALL_NULL)
		return c->fn(obj, NULL);
	room = tail_room(c, uarg);
	if (room < 0)
		return room;
	size = c->size + (size_t)room * c->elem;
	if (size <= sizeof(small)) {
		memset(small, 0, sizeof(small));
		return call_with(c, obj, uarg, small, room);
	}
	big = host_alloc(size);
	if (!big)
		return -ENOMEM;
	r = call_with(c, obj, uarg, big, room);
	host_free(big);
	return r;
}
