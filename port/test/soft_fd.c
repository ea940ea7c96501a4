/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "port/posix/soft_fd.c"
