// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line: what is taken, and one line about what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "tests/unit/said.h"
#include "cli/cli.h"

static struct machine_config cfg;

/* Splits a line at its blanks; a ~ stands for a blank in an argument. */
static int parse(const char *line)
{
	static char buf[4096];
	char *argv[64], *save = NULL;
	int n = 0;

	memset(&cfg, 0, sizeof(cfg));
	said_nothing_yet();
	snprintf(buf, sizeof(buf), "%s", line);
	for (char *p = strtok_r(buf, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		for (char *q = p; *q; q++)
			if (*q == '~')
				*q = ' ';
		argv[n++] = p;
	}
	argv[n] = NULL;
	return cli_parse_run(n, argv, &cfg);
}

static void sizes_have_units(void **state)
{
	static const struct {
		const char *s;
		u64 want;
	} good[] = { { "4096", 4096 }, { "1K", 1024 }, { "512M", 512ull << 20 },
		     { "2g", 2ull << 30 }, { "1T", 1ull << 40 }, { "0", 0 } };
	static const char *const bad[] = { "", "M", "-1", "1.5G", "12MB", "0x10", " 1", "1 ",
					   "99999999999999999999", "99999999999T", "1P" };
	u64 v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(cli_parse_size(good[i].s, &v), 0);
		assert_int_equal(v, good[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(cli_parse_size(bad[i], &v), -EINVAL);
}

static void defaults_are_set(void **state)
{
	assert_int_equal(parse("--kernel k"), 0);
	assert_string_equal(cfg.kernel, "k");
	assert_string_equal(cfg.engine, "auto");
	assert_string_equal(cfg.append, "console=ttyS0");
	assert_int_equal(cfg.cpus, 1);
	assert_int_equal(cfg.memory, 512ull << 20);
	assert_int_equal(cfg.console, CONSOLE_STDIO);
	assert_false(cfg.debug_exit || cfg.testdev || cfg.reboot);
}

static void everything_together(void **state)
{
	assert_int_equal(parse("--engine soft --kernel=k --initrd i --append a=b~c,d --disk f,readonly "
			       "--disk g,serial=S1 --net user,hostfwd=tcp:127.0.0.1:1-:2,"
			       "hostfwd=udp::3-:4 --net tap=tap0 --cpus 16 --memory 2G "
			       "--console socket=/s --reboot --debug-exit --testdev"), 0);
	assert_string_equal(cfg.engine, "soft");
	assert_string_equal(cfg.initrd, "i");
	assert_string_equal(cfg.append, "a=b c,d");
	assert_int_equal(cfg.n_disks, 2);
	assert_true(cfg.disk[0].readonly);
	assert_string_equal(cfg.disk[0].path, "f");
	assert_string_equal(cfg.disk[1].serial, "S1");
	assert_false(cfg.disk[1].readonly);
	assert_int_equal(cfg.n_nets, 2);
	assert_int_equal(cfg.net[0].n_hostfwd, 2);
	assert_string_equal(cfg.net[0].hostfwd[0], "tcp:127.0.0.1:1-:2");
	assert_string_equal(cfg.net[1].tap, "tap0");
	assert_int_equal(cfg.cpus, 16);
	assert_int_equal(cfg.console, CONSOLE_SOCKET);
	assert_string_equal(cfg.console_path, "/s");
	assert_true(cfg.debug_exit && cfg.testdev && cfg.reboot);
}

static void doubled_comma_is_part_of_a_name(void **state)
{
	assert_int_equal(parse("--kernel k --disk a,,b,serial=x,,y"), 0);
	assert_string_equal(cfg.disk[0].path, "a,b");
	assert_string_equal(cfg.disk[0].serial, "x,y");
}

static void help_is_not_an_error(void **state)
{
	assert_int_equal(parse("--kernel k --help"), 1);
	assert_int_equal(parse("-h"), 1);
	assert_int_equal(said_lines, 0);
}

static void mistakes_get_one_line(void **state)
{
	static const struct {
		const char *line, *text;
	} bad[] = {
		{ "", "--kernel is missing" },
		{ "--cpus 2", "--kernel is missing" },
		{ "--bogus", "unknown option '--bogus'" },
		{ "--kernel k -m 5", "unknown option '-m'" },
		{ "--kern k", "unknown option" },
		{ "stray", "unexpected argument 'stray'" },
		{ "--kernel", "--kernel: a value is missing" },
		{ "--kernel=", "--kernel: empty" },
		{ "--kernel a --kernel b", "given twice" },
		{ "--engine tcg --kernel k", "auto, kvm or soft" },
		{ "--kernel k --cpus 0", "1 to 16" },
		{ "--kernel k --cpus 17", "1 to 16" },
		{ "--kernel k --cpus 4294967297", "1 to 16" },
		{ "--kernel k --cpus 2x", "1 to 16" },
		{ "--kernel k --cpus 1 --cpus 2", "given twice" },
		{ "--kernel k --memory lots", "a size such as" },
		{ "--kernel k --memory 0", "a size such as" },
		{ "--kernel k --memory 1G --memory 1G", "given twice" },
		{ "--kernel k --disk ,readonly", "no file" },
		{ "--kernel k --disk f,rw", "unknown option 'rw'" },
		{ "--kernel k --disk f,serial=", "serial" },
		{ "--kernel k --disk f,serial=123456789012345678901", "serial" },
		{ "--kernel k --disk f,serial=a,serial=b", "serial" },
		{ "--kernel k --net", "a value is missing" },
		{ "--kernel k --net bridge", "tap=NAME" },
		{ "--kernel k --net tap=", "interface name" },
		{ "--kernel k --net tap=0123456789abcdef", "interface name" },
		{ "--kernel k --net tap=t,x", "interface name" },
		{ "--kernel k --net user,dns=1.1.1.1", "unknown option 'dns=1.1.1.1'" },
		{ "--kernel k --console vga", "stdio, pty" },
		{ "--kernel k --console file", "stdio, pty" },
		{ "--kernel k --console file=", "stdio, pty" },
		{ "--kernel k --console stdio --console pty", "given twice" },
		{ "--kernel k --debug-exit=1", "takes no value" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i].line), -EINVAL);
		assert_said(bad[i].text);
	}
}

static void too_many_of_a_kind_are_refused(void **state)
{
	char line[2048] = "--kernel k";

	for (unsigned int i = 0; i < 17; i++)
		strcat(line, " --disk d");
	assert_int_equal(parse(line), -EINVAL);
	assert_said("at most 16");
	strcpy(line, "--kernel k");
	for (unsigned int i = 0; i < 9; i++)
		strcat(line, " --net user");
	assert_int_equal(parse(line), -EINVAL);
	assert_said("at most 8");
	strcpy(line, "--kernel k --net user");
	for (unsigned int i = 0; i < 17; i++)
		strcat(line, ",hostfwd=tcp::1-:1");
	assert_int_equal(parse(line), -EINVAL);
	assert_said("at most 16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(defaults_are_set),
		cmocka_unit_test(everything_together),
		cmocka_unit_test(doubled_comma_is_part_of_a_name),
		cmocka_unit_test(help_is_not_an_error),
		cmocka_unit_test(mistakes_get_one_line),
		cmocka_unit_test(too_many_of_a_kind_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
