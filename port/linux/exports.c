// SPDX-License-Identifier: GPL-2.0-or-later
/* exports.c - what an engine's module uses of the core. */
#include "core/vm.h"
#include "core/x86/cpuid.h"
#include "core/x86/mem.h"
#include "core/x86/msr.h"
#include "engine/tdp/tdp.h"

EXPORT_SYMBOL_GPL(hv_has_hypercalls);
EXPORT_SYMBOL_GPL(msr_read);
EXPORT_SYMBOL_GPL(tdp_fault);
EXPORT_SYMBOL_GPL(tdp_fini);
EXPORT_SYMBOL_GPL(tdp_init);
EXPORT_SYMBOL_GPL(tdp_memory_changed);
EXPORT_SYMBOL_GPL(tdp_quiesce);
EXPORT_SYMBOL_GPL(tdp_spare_free);
EXPORT_SYMBOL_GPL(tdp_write_protect);
EXPORT_SYMBOL_GPL(vcpu_io_retired);
EXPORT_SYMBOL_GPL(vcpu_kick);
EXPORT_SYMBOL_GPL(vcpu_replaying);
EXPORT_SYMBOL_GPL(vcpu_wants_attention);
EXPORT_SYMBOL_GPL(vcpu_wants_window);
EXPORT_SYMBOL_GPL(vcpu_cpuid);
EXPORT_SYMBOL_GPL(x86_emulate);
EXPORT_SYMBOL_GPL(x86_fetch);
EXPORT_SYMBOL_GPL(x86_fpu_export);
EXPORT_SYMBOL_GPL(x86_fpu_import);
EXPORT_SYMBOL_GPL(x86_mode_update);
