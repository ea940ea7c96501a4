#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Serial port and virtio-console on a socket, with a second client in the queue
# and a file left by a run that was killed.
# limit: 400
. "$(dirname "$0")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
timeout 380 python3 "$TOP/tests/system/consoles.py" socket "$KVIST" "$G/vmlinuz" "$G/initrd" "$TMP"
