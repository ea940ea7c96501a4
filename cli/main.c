// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - kvist: commands and help. */
#include <signal.h>
#include <stdio.h>
#include "cli/cli.h"
#include "vmm/machine/parts.h"

static int finish_output(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		fail(0, "cannot write to standard output");
		return STATUS_ERROR;
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "";

	/* Before anything that the command would inherit. */
	if (!strcmp(cmd, "shim"))
		return finish_output(cli_shim(argc - 2, argv + 2));
	signal(SIGXFSZ, SIG_IGN);	/* a limit on files' sizes is an error code */
	if (!strcmp(cmd, "run"))
		return finish_output(cli_run(argc - 2, argv + 2));
	if (!strcmp(cmd, "--help") || !strcmp(cmd, "-h") || !strcmp(cmd, "help")) {
		cli_help();
		return finish_output(0);
	}
	if (argc == 2 && (!strcmp(cmd, "--version") || !strcmp(cmd, "version"))) {
		puts("kvist " KVIST_VERSION);
		return finish_output(0);
	}
	if (argc == 2 && !strcmp(cmd, "info")) {
		engine_info(stdout);
		return finish_output(0);
	}
	if (!*cmd)
		fail(0, "no command: run, shim, info; see kvist --help");
	else if (!strcmp(cmd, "info") || !strcmp(cmd, "--version") || !strcmp(cmd, "version"))
		fail(0, "%s: takes no arguments", cmd);
	else
		fail(0, "unknown command '%s': run, shim, info; see kvist --help", cmd);
	return STATUS_USAGE;
}
