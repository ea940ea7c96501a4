#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Small guests through KVM_RUN of the software engine.
set -e
cd "$(dirname "$0")/../.."
make -s build/api/run
exec timeout 110 build/api/run soft
