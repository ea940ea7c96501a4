/* SPDX-License-Identifier: GPL-2.0-or-later */
/* native.c - a test program's surroundings as a Linux process. */
#include <stdio.h>
#include <stdlib.h>
#include "prog.h"

void put(const char *what, u64 v)
{
	printf("%s %016llx\n", what, (unsigned long long)v);
}

int main(int argc, char **argv)
{
	u64 n = argc > 1 ? strtoull(argv[1], NULL, 10) : PROG_DEFAULT;

	put(prog_name, n);
	prog(n);
	return 0;
}
