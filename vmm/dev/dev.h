/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dev.h - the small devices every PC has. Each *_new puts itself on the buses;
 * 0 or -errno, the reason printed. Freeing takes it off again. */
#ifndef VMM_DEV_H
#define VMM_DEV_H

#include "vmm/chardev.h"
#include "vmm/field.h"
#include "vmm/machine/machine.h"

struct serial;
struct rtc;
struct pm;
struct misc;
struct testdev;

/* 16550A UART: ports base to base + 7. */
int serial_new(struct machine *m, u16 base, unsigned int irq, struct chardev *c,
	       struct serial **out);
void serial_free(struct serial *s);
extern const struct field serial_fields[];
extern const size_t serial_size;

/* MC146818 clock and CMOS RAM: ports 70h and 71h, IRQ 8. */
int rtc_new(struct machine *m, struct rtc **out);
void rtc_free(struct rtc *r);
extern const struct field rtc_fields[];
extern const size_t rtc_size;

/* ACPI fixed hardware at MACHINE_PM_BASE, SCI on IRQ 9. */
#define PM_SCI		9
#define PM_EVT		0x00		/* status, enable */
#define PM_CNT		0x04
#define PM_TMR		0x08
#define PM_GPE		0x20
#define PM_GPE_LEN	4
#define PM_SLP_TYP_S5	5
int pm_new(struct machine *m, struct pm **out);
void pm_free(struct pm *p);
/* The power button: asks the guest to shut down. */
void pm_power_button(struct pm *p);
extern const struct field pm_fields[];
extern const size_t pm_size;

/* Ports that are a line or two each: reset (64h, 92h), POST code (80h),
 * and with debug_exit, 0f4h. */
int misc_new(struct machine *m, bool debug_exit, struct misc **out);
void misc_free(struct misc *d);
extern const struct field misc_fields[];
extern const size_t misc_size;

/* What kvm-unit-tests expects of QEMU's pc-testdev and pci-testdev. */
int testdev_new(struct machine *m, struct testdev **out);
void testdev_free(struct testdev *t);
extern const struct field testdev_fields[];
extern const size_t testdev_size;

#endif
