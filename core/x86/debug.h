/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debug.h - breakpoints. Those on code are looked for by who runs the code;
 * those on data and ports, while any is enabled, by the accesses themselves:
 * cpu->watch is not NULL then, no watched page is in a TLB, and what was met is
 * collected in cpu->watch_hit until the instruction is done and traps.
 */
#ifndef CORE_X86_DEBUG_H
#define CORE_X86_DEBUG_H

#include "core/x86/cpu.h"

/* What the registers make of a value written to them. */
static inline u64 x86_dr6_value(u64 val) { return (val & 0xe00f) | 0xffff0ff0; }
static inline u64 x86_dr7_value(u64 val) { return (val & 0xffff23ff) | 0x400; }

/* DR6 bits of the breakpoints in dr[] on executing at lin. */
u32 x86_break_exec(const u64 *dr, u64 lin);

/* Watch what dr[] says: the guest's registers or a debugger's. dr is kept. */
void x86_watch(struct x86_cpu *c, const u64 *dr);
/* cpu->dr has changed: watch that, unless the environment knows better. */
void x86_debug_changed(struct x86_cpu *c);

/* Only while cpu->watch is set. Linear addresses; n bytes. */
void x86_watch_data(struct x86_cpu *c, u64 lin, unsigned int n, bool write);
void x86_watch_io(struct x86_cpu *c, u16 port, unsigned int n);
/* Is there a breakpoint on data in lin's page? */
bool x86_watch_page(const struct x86_cpu *c, u64 lin);

#endif
