// SPDX-License-Identifier: GPL-2.0-or-later
/* shim.c - `kvist shim -- COMMAND`: runs a KVM client on the software engine,
 * which the library found here shows it as /dev/kvm. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"
#include "vmm/fail.h"

#define LIBRARY "libkvist-preload.so"

/* dir is where this program is. Beside it, or as an installation has it. */
static bool find_library(char *out, size_t n)
{
	static const char *const places[] = { "", "../lib/kvist/", "../lib/" };
	char self[4096], *end;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0)
		return false;
	self[len] = 0;
	end = strrchr(self, '/');
	if (!end)
		return false;
	end[1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if ((size_t)snprintf(out, n, "%s%s" LIBRARY, self, places[i]) < n &&
		    !access(out, R_OK))
			return true;
	return false;
}

/* As execvp(3) would find it: 0, or -errno. */
static int find_command(const char *name, char *out, size_t n)
{
	const char *path = getenv("PATH"), *end;
	int err = -ENOENT;
	struct stat st;

	if (strchr(name, '/')) {
		snprintf(out, n, "%s", name);
		return access(out, X_OK) ? -errno : 0;
	}
	for (path = path ? path : "/bin:/usr/bin"; *name && *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if ((size_t)snprintf(out, n, "%.*s%s%s", (int)(end - path), path,
				     end == path ? "" : "/", name) >= n)
			continue;
		if (!access(out, X_OK) && !stat(out, &st) && S_ISREG(st.st_mode))
			return 0;
		if (errno == EACCES)
			err = -EACCES;
	}
	return err;
}

/* Does an ELF file name a dynamic loader? */
static bool has_interpreter(int fd, const Elf64_Ehdr *h)
{
	Elf64_Phdr p;

	for (unsigned int i = 0; i < h->e_phnum; i++)
		if (pread(fd, &p, sizeof(p), h->e_phoff + (off_t)i * h->e_phentsize) ==
		    sizeof(p) && p.p_type == PT_INTERP)
			return true;
	return false;
}

/* What cannot be helped is said before it fails in a stranger way. */
static int check_file(const char *path)
{
	Elf64_Ehdr h;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n;

	if (fd < 0)
		return 0;	/* may be executable all the same */
	n = read(fd, &h, sizeof(h));
	if (n < (ssize_t)sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG))
		goto out;	/* a script: its interpreter is what matters */
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != EM_X86_64)
		err = fail(0, "shim: %s is no 64-bit x86 program", path);
	else if (!has_interpreter(fd, &h))
		err = fail(0, "shim: %s is statically linked, which leaves no way to show it /dev/kvm",
			   path);
	else if (!fstat(fd, &st) && ((st.st_mode & S_ISUID && st.st_uid != getuid()) ||
				     (st.st_mode & S_ISGID && st.st_gid != getgid())))
		err = fail(0, "shim: %s is set-user-ID or set-group-ID: the loader ignores LD_PRELOAD there",
			   path);
out:
	close(fd);
	return err;
}

static int set_preload(const char *lib)
{
	const char *old = getenv("LD_PRELOAD");
	char *all;
	int err;

	/* The loader knows no way to write these in a name. */
	if (strpbrk(lib, " :"))
		return fail(0, "shim: the library's path has a space or a colon in it: %s", lib);
	if (asprintf(&all, "%s%s%s", lib, old && *old ? ":" : "", old ? old : "") < 0)
		return fail(-ENOMEM, "shim");
	err = setenv("LD_PRELOAD", all, 1) ? -errno : 0;
	free(all);
	return err ? fail(err, "shim") : 0;
}

int cli_shim(int argc, char **argv)
{
	char lib[4200], path[4096];
	int err;

	if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		cli_help();
		return 0;
	}
	if (argc && !strcmp(argv[0], "--")) {
		argc--;
		argv++;
	} else if (argc && argv[0][0] == '-') {
		fail(0, "shim: unknown option '%s'; kvist shim -- COMMAND [ARGUMENT]...", argv[0]);
		return STATUS_USAGE;
	}
	if (!argc) {
		fail(0, "shim: no command; kvist shim -- COMMAND [ARGUMENT]...");
		return STATUS_USAGE;
	}
	err = find_command(argv[0], path, sizeof(path));
	if (err) {
		if (err == -ENOENT && !strchr(argv[0], '/'))
			fail(0, "shim: %s: command not found", argv[0]);
		else
			fail(err, "shim: %s", argv[0]);
		return STATUS_ERROR;
	}
	if (!find_library(lib, sizeof(lib))) {
		fail(0, "shim: " LIBRARY " is neither beside kvist nor in ../lib");
		return STATUS_ERROR;
	}
	if (check_file(path) || set_preload(lib))
		return STATUS_ERROR;
	execv(path, argv);
	fail(-errno, "shim: %s", path);
	return STATUS_ERROR;
}
