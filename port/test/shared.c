/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the test port shares with the posix port, as it is. */
#include "port/posix/fault.c"
#include "port/posix/events_fd.c"
