#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Serial port and virtio-console on a pseudo-terminal.
# limit: 400
. "$(dirname "$0")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
timeout 380 python3 "$TOP/tests/system/consoles.py" pty "$KVIST" "$G/vmlinuz" "$G/initrd" "$TMP"
