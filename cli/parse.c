// SPDX-License-Identifier: GPL-2.0-or-later
/* parse.c - the options of `kvist run`. Strict: what is not understood, given
 * twice or left over is an error. */
#include <errno.h>
#include "cli/cli.h"

#define MEMORY_DEFAULT	(512ull << 20)

int cli_parse_size(const char *s, u64 *out)
{
	static const char units[] = "KMGT";
	u64 val = 0;
	unsigned int shift = 0;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (val > (~0ull - 9) / 10)
			return -EINVAL;
		val = val * 10 + (*s - '0');
	}
	if (*s) {
		const char *u = *s >= 'A' ? strchr(units, *s & ~0x20) : NULL;

		if (!u || s[1])
			return -EINVAL;
		shift = 10 * (u - units + 1);
	}
	if (val > ~0ull >> shift)
		return -EINVAL;
	*out = val << shift;
	return 0;
}

static int parse_number(const char *opt, const char *s, unsigned int lo, unsigned int hi,
			unsigned int *out)
{
	unsigned int v = 0;
	const char *p;

	for (p = s; *p >= '0' && *p <= '9' && v <= hi; p++)
		v = v * 10 + (*p - '0');
	if (p == s || *p || v < lo || v > hi)
		return fail(0, "%s %s: not a number from %u to %u", opt, s, lo, hi);
	*out = v;
	return 0;
}

/* Cuts the next part off a comma-separated list; two commas are one in the
 * part. NULL at the end. */
static char *next_part(char **list)
{
	char *start = *list, *in = start, *out = start;

	if (!start)
		return NULL;
	for (;;) {
		if (*in == ',' && in[1] == ',')
			in++;
		else if (*in == ',' || !*in)
			break;
		*out++ = *in++;
	}
	*list = *in ? in + 1 : NULL;
	*out = 0;
	return start;
}

/* The value of "key=value", or NULL. */
static char *value_of(char *part, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(part, key, n) && part[n] == '=' ? part + n + 1 : NULL;
}

static int set_string(const char **slot, const char *opt, char *val)
{
	if (*slot)
		return fail(0, "%s: given twice", opt);
	if (!*val)
		return fail(0, "%s: empty", opt);
	*slot = val;
	return 0;
}

/* --- one function an option --- */

static int opt_engine(struct machine_config *c, const char *opt, char *val)
{
	if (strcmp(val, "auto") && strcmp(val, "kvm") && strcmp(val, "soft"))
		return fail(0, "--engine %s: auto, kvm or soft", val);
	return set_string(&c->engine, opt, val);
}

static int opt_kernel(struct machine_config *c, const char *opt, char *val)
{
	return set_string(&c->kernel, opt, val);
}

static int opt_initrd(struct machine_config *c, const char *opt, char *val)
{
	return set_string(&c->initrd, opt, val);
}

static int opt_append(struct machine_config *c, const char *opt, char *val)
{
	if (c->append)
		return fail(0, "--append: given twice");
	c->append = val;		/* may be empty */
	return 0;
}

static int opt_disk(struct machine_config *c, const char *opt, char *val)
{
	struct disk_config *d = &c->disk[c->n_disks];
	char *part, *v;

	if (c->n_disks == ARRAY_SIZE(c->disk))
		return fail(0, "--disk: at most %zu", ARRAY_SIZE(c->disk));
	part = next_part(&val);
	if (!*part)
		return fail(0, "--disk: no file");
	d->path = part;
	while ((part = next_part(&val))) {
		if (!strcmp(part, "readonly")) {
			d->readonly = true;
		} else if ((v = value_of(part, "serial"))) {
			if (d->serial || !*v || strlen(v) > 20)
				return fail(0, "--disk %s: serial: once, 1 to 20 characters",
					    d->path);
			d->serial = v;
		} else {
			return fail(0, "--disk %s: unknown option '%s' (readonly, serial=S)",
				    d->path, part);
		}
	}
	c->n_disks++;
	return 0;
}

static int net_user(struct net_config *n, char *rest)
{
	char *part, *v;

	n->kind = NET_USER;
	while ((part = next_part(&rest))) {
		v = value_of(part, "hostfwd");
		if (!v)
			return fail(0, "--net user: unknown option '%s' (hostfwd=tcp:IP:PORT-:PORT)",
				    part);
		if (n->n_hostfwd == ARRAY_SIZE(n->hostfwd))
			return fail(0, "--net user: at most %zu hostfwd", ARRAY_SIZE(n->hostfwd));
		n->hostfwd[n->n_hostfwd++] = v;
	}
	return 0;
}

static int opt_net(struct machine_config *c, const char *opt, char *val)
{
	struct net_config *n = &c->net[c->n_nets];
	char *part, *v;
	int err = 0;

	if (c->n_nets == ARRAY_SIZE(c->net))
		return fail(0, "--net: at most %zu", ARRAY_SIZE(c->net));
	part = next_part(&val);
	v = value_of(part, "tap");
	if (!strcmp(part, "user")) {
		err = net_user(n, val);
	} else if (v) {
		if (!*v || strlen(v) > 15 || val)
			return fail(0, "--net tap=NAME: one interface name, up to 15 characters");
		n->kind = NET_TAP;
		n->tap = v;
	} else {
		return fail(0, "--net %s: user[,hostfwd=...] or tap=NAME", part);
	}
	if (!err)
		c->n_nets++;
	return err;
}

static int opt_cpus(struct machine_config *c, const char *opt, char *val)
{
	if (c->cpus)
		return fail(0, "--cpus: given twice");
	return parse_number(opt, val, 1, MACHINE_VCPUS_MAX, &c->cpus);
}

static int opt_memory(struct machine_config *c, const char *opt, char *val)
{
	if (c->memory)
		return fail(0, "--memory: given twice");
	if (cli_parse_size(val, &c->memory) || !c->memory)
		return fail(0, "--memory %s: a size such as 512M or 2G", val);
	return 0;
}

static bool console_given(const struct machine_config *c)
{
	return c->console_path;
}

static int opt_console(struct machine_config *c, const char *opt, char *val)
{
	static const struct {
		const char *name;
		enum console_kind kind;
		bool path;
	} kinds[] = {
		{ "stdio", CONSOLE_STDIO, false }, { "pty", CONSOLE_PTY, false },
		{ "socket", CONSOLE_SOCKET, true }, { "file", CONSOLE_FILE, true },
	};

	if (console_given(c))
		return fail(0, "--console: given twice");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *path = kinds[i].path ? value_of(val, kinds[i].name) : NULL;

		if (kinds[i].path ? !path || !*path : strcmp(val, kinds[i].name))
			continue;
		c->console = kinds[i].kind;
		c->console_path = path ? path : kinds[i].name;
		return 0;
	}
	return fail(0, "--console %s: stdio, pty, socket=PATH or file=PATH", val);
}

static int opt_debug_exit(struct machine_config *c, const char *opt, char *val)
{
	c->debug_exit = true;
	return 0;
}

static int opt_testdev(struct machine_config *c, const char *opt, char *val)
{
	c->testdev = true;
	return 0;
}

static int opt_reboot(struct machine_config *c, const char *opt, char *val)
{
	c->reboot = true;
	return 0;
}

static const struct option {
	const char *name;
	bool has_value;
	int (*set)(struct machine_config *c, const char *opt, char *val);
} options[] = {
	{ "--engine", true, opt_engine },
	{ "--kernel", true, opt_kernel },
	{ "--initrd", true, opt_initrd },
	{ "--append", true, opt_append },
	{ "--disk", true, opt_disk },
	{ "--net", true, opt_net },
	{ "--cpus", true, opt_cpus },
	{ "--memory", true, opt_memory },
	{ "--console", true, opt_console },
	{ "--reboot", false, opt_reboot },
	{ "--debug-exit", false, opt_debug_exit },
	{ "--testdev", false, opt_testdev },
};

/* arg is "--name" or "--name=value"; *value is NULL for the former. */
static const struct option *find_option(const char *arg, char **value)
{
	size_t n = strcspn(arg, "=");

	*value = arg[n] ? (char *)arg + n + 1 : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strlen(options[i].name) == n && !memcmp(options[i].name, arg, n))
			return &options[i];
	return NULL;
}

static int finish(struct machine_config *c)
{
	if (!c->kernel)
		return fail(0, "run: --kernel is missing; see kvist --help");
	if (!c->engine)
		c->engine = "auto";
	if (!c->cpus)
		c->cpus = 1;
	if (!c->memory)
		c->memory = MEMORY_DEFAULT;
	if (!c->append)
		c->append = "console=ttyS0";
	return 0;
}

int cli_parse_run(int argc, char **argv, struct machine_config *cfg)
{
	for (int i = 0; i < argc; i++) {
		const struct option *o;
		char *val;
		int err;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return 1;
		o = find_option(argv[i], &val);
		if (!o)
			return fail(0, argv[i][0] == '-' ? "unknown option '%s'; see kvist --help" :
				    "unexpected argument '%s'; see kvist --help", argv[i]);
		if (o->has_value && !val) {
			if (++i == argc)
				return fail(0, "%s: a value is missing", o->name);
			val = argv[i];
		} else if (!o->has_value && val) {
			return fail(0, "%s takes no value", o->name);
		}
		err = o->set(cfg, o->name, val);
		if (err)
			return err;
	}
	return finish(cfg);
}
