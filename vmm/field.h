/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * field.h - what the state of a device is. A table of these lists every byte of
 * a device's struct once: saved members are what migration, snapshots and
 * `info` show; transient members are rebuilt or belong to the host. A unit
 * test requires that nothing is left out, so a new member must be decided on.
 * Padding counts as left out: order members, or name the hole.
 */
#ifndef VMM_FIELD_H
#define VMM_FIELD_H

#include <stddef.h>
#include "core/host.h"

struct field {
	const char *name;	/* NULL ends the table */
	u32 off, size;
	bool transient;
	const struct field *sub;	/* a struct with a table of its own */
};

#define FIELD_(type, member, is_transient, table) \
	{ #member, offsetof(type, member), sizeof(((type *)0)->member), is_transient, table }
#define FIELD(type, member)		FIELD_(type, member, false, NULL)
#define FIELD_TRANSIENT(type, member)	FIELD_(type, member, true, NULL)
#define FIELD_SUB(type, member, table)	FIELD_(type, member, false, table)
#define FIELD_END			{ NULL, 0, 0, false, NULL }

/*
 * The first byte of a struct of the given size that no entry, or more than
 * one, covers; -1 when the table is exact.
 */
static inline long field_table_gap(const struct field *table, size_t size)
{
	size_t off = 0;
	const struct field *f;

	while (off < size) {
		const struct field *hit = NULL;

		for (f = table; f->name; f++) {
			if (off - f->off >= f->size || off < f->off)
				continue;
			if (hit)
				return (long)off;
			hit = f;
		}
		if (!hit || hit->off != off)
			return (long)off;
		off += hit->size;
	}
	return -1;
}

#endif
