/* SPDX-License-Identifier: GPL-2.0-or-later */
/* term.h - the user's terminal: raw while the guest has it, always given back. */
#ifndef VMM_TERM_H
#define VMM_TERM_H

#include <stdbool.h>

/*
 * Puts the terminal on standard input into raw mode. It is restored by
 * term_restore(), at exit, before any signal that ends or stops the process
 * takes effect; and made raw again when a stopped process continues.
 * False when standard input is no terminal; then nothing is done.
 */
bool term_raw(void);
/* Async-signal-safe; may be called any number of times. */
void term_restore(void);

#endif
