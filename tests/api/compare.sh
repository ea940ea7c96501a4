#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Each call's answer, against KVM's documented one and this machine's /dev/kvm.
set -e
cd "$(dirname "$0")/../.."
make -s build/api/compare
exec timeout 60 build/api/compare
