#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The demo's guest sees its CPUs, mounts, writes, reads back, fetches, serves,
# has entropy, powers off; its disk is clean afterwards.
# limit: 600
. "$(dirname "$0")/lib.sh"
exec "$TOP/demo" --batch --engine soft
