#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The posix port's threads: timers, sleeping, eventfds.
set -e
cd "$(dirname "$0")/../.."
make -s build/api/host
exec timeout 60 build/api/host
