/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aml.h - writing ACPI tables: bytes, AML terms and resource descriptors into
 * a growing buffer. Source: ACPI 6.4, "ACPI Machine Language Specification"
 * and "Resource Data Types". An allocation failure sticks; check aml_failed().
 */
#ifndef VMM_AML_H
#define VMM_AML_H

#include <stddef.h>
#include "core/host.h"

struct aml {
	u8 *p;
	size_t len, cap;
	bool failed;
};

static inline bool aml_failed(const struct aml *a) { return a->failed; }

void aml_bytes(struct aml *a, const void *p, size_t n);
void aml_zero(struct aml *a, size_t n);
void aml_u8(struct aml *a, u8 v);
void aml_u16(struct aml *a, u16 v);
void aml_u32(struct aml *a, u32 v);
void aml_u64(struct aml *a, u64 v);
void aml_align(struct aml *a, size_t n);

/* Terms. A name is at most four characters; "\\" before it means the root. */
void aml_name(struct aml *a, const char *name);		/* a NameString */
void aml_int(struct aml *a, u64 v);
void aml_string(struct aml *a, const char *s);
void aml_eisaid(struct aml *a, const char *id);		/* "PNP0A08" */

/* Each opens a term; aml_end() with what it returned closes it. */
size_t aml_scope(struct aml *a, const char *name);
size_t aml_device(struct aml *a, const char *name);
size_t aml_method(struct aml *a, const char *name, u8 args);
size_t aml_package(struct aml *a, u8 n);
void aml_end(struct aml *a, size_t at);

/* Name(name, ...): the value follows, or is given. */
void aml_def(struct aml *a, const char *name);
void aml_def_int(struct aml *a, const char *name, u64 v);
void aml_def_eisaid(struct aml *a, const char *name, const char *id);

/* Resource template: a buffer of descriptors between begin and end. */
size_t aml_resources(struct aml *a);
void aml_resources_end(struct aml *a, size_t at);
void aml_res_io(struct aml *a, u16 base, u8 len);
void aml_res_irq(struct aml *a, u8 irq);		/* edge, active high */
void aml_res_gsi(struct aml *a, u32 gsi);		/* level, active high, shared */
void aml_res_fixed32(struct aml *a, u32 base, u32 len);
/* Address windows a bridge passes on; end is the last address. */
void aml_res_bus(struct aml *a, u16 first, u16 last);
void aml_res_window_io(struct aml *a, u16 first, u16 last);
void aml_res_window_mem32(struct aml *a, u32 first, u32 last);
void aml_res_window_mem64(struct aml *a, u64 first, u64 last);

/* A table header at the current place; aml_table_end() fills in its length
 * and checksum. Returns its offset. */
size_t aml_table(struct aml *a, const char sig[4], u8 revision);
void aml_table_end(struct aml *a, size_t at);
u8 aml_checksum(const u8 *p, size_t n);			/* makes the sum zero */

#endif
