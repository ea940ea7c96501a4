/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli.h - the command line. */
#ifndef CLI_H
#define CLI_H

#include "vmm/machine/machine.h"

#define KVIST_VERSION	"0.1.0"

/*
 * Exit statuses. The debug exit device gives odd numbers, (code << 1) | 1, so
 * everything of our own is even.
 */
enum {
	STATUS_POWEROFF	= 0,
	STATUS_USAGE	= 2,		/* the command line makes no sense */
	STATUS_ERROR	= 4,		/* kvist could not do it, or failed */
	STATUS_CRASH	= 6,		/* the guest crashed */
	STATUS_RESET	= 8,		/* the guest asked for a reset */
	STATUS_QUIT	= 10,		/* Ctrl-a x or a signal */
};

/*
 * Options of `kvist run` into *cfg, which starts zeroed. Strings stay in argv,
 * whose option values are cut at their commas. 0, or -EINVAL after one line
 * about the first mistake; 1: help was asked for.
 */
int cli_parse_run(int argc, char **argv, struct machine_config *cfg);

/* "512M": bytes, with K, M, G or T. 0 or -EINVAL. */
int cli_parse_size(const char *s, u64 *out);

int cli_status(const struct machine *m);
void cli_help(void);
int cli_run(int argc, char **argv);
/* Returns only when the command cannot be run. */
int cli_shim(int argc, char **argv);

#endif
