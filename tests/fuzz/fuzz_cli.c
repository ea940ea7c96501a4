/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_cli.c - the command line: one argument a line. What is not
 * taken gets exactly one line; what is taken makes a whole configuration.
 */
#include "cli/cli.h"
#include "vmm/net/net.h"
#include "tests/fuzz/fuzz.h"

static unsigned int lines;

int fail(int err, const char *fmt, ...)
{
	char text[65536];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lines++;
	return err ? err : -EINVAL;
}

void warn(const char *fmt, ...)
{
}

void note(const char *fmt, ...)
{
}

void fail_set_prefix(const char *(*fn)(void))
{
}

static void check(const struct machine_config *c)
{
	require(c->kernel && *c->kernel && c->engine && c->append);
	require(c->cpus >= 1 && c->cpus <= MACHINE_VCPUS_MAX);
	require(c->memory);
	require(c->n_disks <= ARRAY_SIZE(c->disk) && c->n_nets <= ARRAY_SIZE(c->net));
	for (unsigned int i = 0; i < c->n_disks; i++) {
		require(c->disk[i].path && *c->disk[i].path);
		require(!c->disk[i].serial || strlen(c->disk[i].serial) <= 20);
	}
	for (unsigned int i = 0; i < c->n_nets; i++) {
		require(c->net[i].n_hostfwd <= ARRAY_SIZE(c->net[i].hostfwd));
		require(c->net[i].kind != NET_TAP || (*c->net[i].tap && strlen(c->net[i].tap) <= 15));
		for (unsigned int k = 0; k < c->net[i].n_hostfwd; k++) {
			struct hostfwd f;

			lines = 0;
			if (hostfwd_parse(c->net[i].hostfwd[k], 1, &f))
				require(lines == 1);
			else
				require(f.host_port && f.guest_port && !lines);
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct machine_config cfg = { 0 };
	char *buf, *argv[64];
	u64 size;
	int argc = 0, r;

	if (n > 4096)
		return -1;
	buf = malloc(n + 1);
	memcpy(buf, data, n);
	buf[n] = 0;
	for (size_t i = 0; i < n; i++)
		if (buf[i] == '\n')
			buf[i] = 0;
	for (size_t i = 0; i < n && argc < 63; i += strlen(buf + i) + 1)
		argv[argc++] = buf + i;
	argv[argc] = NULL;
	lines = 0;
	r = cli_parse_run(argc, argv, &cfg);
	if (!r)
		check(&cfg);
	else
		require(r > 0 ? !lines : lines == 1, "%d: %u lines", r, lines);
	if (argc)
		cli_parse_size(argv[0], &size);
	free(buf);
	return 0;
}
