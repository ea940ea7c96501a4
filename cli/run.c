// SPDX-License-Identifier: GPL-2.0-or-later
/* run.c - `kvist run`. */
#include "cli/cli.h"

int cli_status(const struct machine *m)
{
	switch (m->end) {
	case END_POWEROFF: return STATUS_POWEROFF;
	case END_RESET: return STATUS_RESET;
	case END_DEBUG_EXIT: return (m->end_code << 1 | 1) & 0xff;
	case END_GUEST_CRASH: return STATUS_CRASH;
	case END_QUIT: return STATUS_QUIT;
	default: return STATUS_ERROR;
	}
}

static int run_machine(const struct machine_config *cfg)
{
	struct machine *m;
	int status;

	if (machine_new(&m, cfg))
		return STATUS_ERROR;
	machine_run(m);
	status = cli_status(m);
	machine_free(m);
	return status;
}

int cli_run(int argc, char **argv)
{
	struct machine_config cfg = { 0 };
	int err = cli_parse_run(argc, argv, &cfg), status;

	if (err > 0) {
		cli_help();
		return STATUS_POWEROFF;
	}
	if (err)
		return STATUS_USAGE;
	/* Every device as after power-on, firmware or kernel loaded afresh. */
	while ((status = run_machine(&cfg)) == STATUS_RESET && cfg.reboot)
		cfg.restarted = true;
	if (status == STATUS_RESET)
		note("the guest asked for a reset");
	return status;
}
