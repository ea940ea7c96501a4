/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pit.h - the i8254 interval timer and port 61h.
 *
 * Source: Intel 8254 data sheet. A count is not stepped: it is worked out from
 * the time when it was loaded.
 */
#ifndef CORE_IRQ_PIT_H
#define CORE_IRQ_PIT_H

#include "core/irq/route.h"

#define PIT_HZ		1193182ull

struct pit_channel {
	u32 count;		/* 1 to 10000h; as binary, also in BCD mode */
	u64 load_time;		/* host_now_ns() when counting (re)started */
	u64 held;		/* ns counted when the gate fell */
	u16 latched;
	u8 count_latched;	/* 0, or PIT_RW_* still to be read */
	u8 status;
	bool status_latched, bcd, gate;
	u8 rw, read_state, write_state;	/* PIT_RW_* */
	u8 write_low;
	u8 mode;		/* 0-5; 0xff before the first control word */
};

enum { PIT_RW_LSB = 1, PIT_RW_MSB, PIT_RW_WORD, PIT_RW_WORD_MSB };

struct pit {
	host_spin_t lock;	/* channels, timer state, speaker, flags */
	struct pit_channel ch[3];
	host_timer_t timer;	/* channel 0's output */
	bool armed;
	u64 expiry, period;	/* period 0: one shot */
	bool speaker;		/* port 61h bit 1 */
	u32 flags;		/* KVM_PIT_FLAGS_HPET_LEGACY */

	host_spin_t tick_lock;	/* below; taken under route_lock */
	bool reinject;
	bool acked;		/* the last tick's interrupt was taken */
	u32 pending;		/* ticks not yet acknowledged */

	struct vm *vm;
	bool has_speaker;
	struct bus_dev ports, port61;
};

void pit_free(struct pit *pit);
/* Under route_lock: IRQ 0 was acknowledged; its pin was unmasked. */
void pit_acked_locked(struct pit *pit);
void pit_unmasked(struct pit *pit);

#endif
