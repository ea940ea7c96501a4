/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu_state.h - calls that move a vCPU's registers in and out. */
#ifndef CORE_API_VCPU_STATE_H
#define CORE_API_VCPU_STATE_H

long vcpu_get_regs(void *obj, void *arg);
long vcpu_set_regs(void *obj, void *arg);
long vcpu_get_sregs(void *obj, void *arg);
long vcpu_set_sregs(void *obj, void *arg);
long vcpu_get_sregs2(void *obj, void *arg);
long vcpu_set_sregs2(void *obj, void *arg);
long vcpu_translate(void *obj, void *arg);
long vcpu_get_debugregs(void *obj, void *arg);
long vcpu_set_debugregs(void *obj, void *arg);

long vcpu_get_events(void *obj, void *arg);
long vcpu_set_events(void *obj, void *arg);

long vcpu_get_fpu(void *obj, void *arg);
long vcpu_set_fpu(void *obj, void *arg);
long vcpu_get_xsave(void *obj, void *arg);
long vcpu_set_xsave(void *obj, void *arg);
long vcpu_get_xcrs(void *obj, void *arg);
long vcpu_set_xcrs(void *obj, void *arg);

#endif
