// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * acpi.c - the tables that describe this machine, written as it is built.
 * Source: ACPI 6.4, "ACPI Software Programming Model"; MCFG: PCI Firmware
 * Specification 3.x.
 */
#include <errno.h>
#include "vmm/dev/dev.h"
#include "vmm/machine/aml.h"
#include "vmm/machine/parts.h"

#define IOAPIC_ADDR	0xfec00000u
#define LAPIC_ADDR	0xfee00000u
#define N_LINKS		8		/* GSI 16 to 23, see machine_intx_gsi() */
#define N_SLOTS		32
#define MMIO64_PHYS_BITS 40

static void link_name(char out[5], unsigned int i)
{
	snprintf(out, 5, "LNK%u", i & 7);
}

/* --- DSDT --- */

static void dsdt_host_bridge_crs(struct aml *a, unsigned int phys_bits)
{
	size_t res;

	aml_def(a, "_CRS");
	res = aml_resources(a);
	aml_res_bus(a, 0, 255);
	aml_res_io(a, 0xcf8, 8);
	aml_res_window_io(a, 0, 0xcf7);
	aml_res_window_io(a, 0xd00, 0xffff);
	aml_res_window_mem32(a, MACHINE_MMIO32_BASE, MACHINE_MMIO32_END - 1);
	if (phys_bits >= MMIO64_PHYS_BITS)
		aml_res_window_mem64(a, MACHINE_MMIO64_BASE, MACHINE_MMIO64_END - 1);
	aml_resources_end(a, res);
}

static void dsdt_prt(struct aml *a)
{
	size_t pkg, entry;
	char name[5];

	aml_def(a, "_PRT");
	pkg = aml_package(a, N_SLOTS * 4);
	for (unsigned int slot = 0; slot < N_SLOTS; slot++) {
		for (unsigned int pin = 0; pin < 4; pin++) {
			entry = aml_package(a, 4);
			aml_int(a, slot << 16 | 0xffff);
			aml_int(a, pin);
			link_name(name, machine_intx_gsi(slot, pin) - 16);
			aml_name(a, name);
			aml_int(a, 0);
			aml_end(a, entry);
		}
	}
	aml_end(a, pkg);
}

/* INTx goes through link devices although it is fixed: a bare GSI in _PRT would
 * be active low, and KVM's IOAPIC takes levels as active high. */
static void dsdt_link(struct aml *a, unsigned int i)
{
	static const char *const lists[] = { "_CRS", "_PRS" };
	static const char *const empty[] = { "_DIS", "_SRS" };
	char name[5];
	size_t dev;

	link_name(name, i);
	dev = aml_device(a, name);
	aml_def_eisaid(a, "_HID", "PNP0C0F");
	aml_def_int(a, "_UID", i);
	aml_def_int(a, "_STA", 0xb);
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		size_t res;

		aml_def(a, lists[k]);
		res = aml_resources(a);
		aml_res_gsi(a, 16 + i);
		aml_resources_end(a, res);
	}
	for (size_t k = 0; k < ARRAY_SIZE(empty); k++)
		aml_end(a, aml_method(a, empty[k], k));
	aml_end(a, dev);
}

static void dsdt_pci(struct aml *a, unsigned int phys_bits)
{
	size_t dev = aml_device(a, "PCI0");

	aml_def_eisaid(a, "_HID", "PNP0A08");
	aml_def_eisaid(a, "_CID", "PNP0A03");
	aml_def_int(a, "_SEG", 0);
	aml_def_int(a, "_BBN", 0);
	aml_def_int(a, "_UID", 0);
	aml_def_int(a, "_CCA", 1);
	dsdt_host_bridge_crs(a, phys_bits);
	dsdt_prt(a);
	aml_end(a, dev);
	for (unsigned int i = 0; i < N_LINKS; i++)
		dsdt_link(a, i);
}

static void dsdt_isa_device(struct aml *a, const char *name, const char *hid, u16 port, u8 ports,
			    u8 irq)
{
	size_t dev = aml_device(a, name), res;

	aml_def_eisaid(a, "_HID", hid);
	aml_def_int(a, "_UID", 1);
	aml_def_int(a, "_STA", 0xf);
	aml_def(a, "_CRS");
	res = aml_resources(a);
	aml_res_io(a, port, ports);
	aml_res_irq(a, irq);
	aml_resources_end(a, res);
	aml_end(a, dev);
}

/* What no other device claims: Linux wants ECAM listed here. */
static void dsdt_board(struct aml *a)
{
	size_t dev = aml_device(a, "MBRD"), res;

	aml_def_eisaid(a, "_HID", "PNP0C02");
	aml_def_int(a, "_UID", 1);
	aml_def(a, "_CRS");
	res = aml_resources(a);
	aml_res_fixed32(a, MACHINE_ECAM_BASE, MACHINE_ECAM_SIZE);
	aml_res_io(a, MACHINE_PM_BASE, 0x40);
	aml_resources_end(a, res);
	aml_end(a, dev);
}

static void dsdt_cpus(struct aml *a, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		char name[5];
		size_t dev;

		snprintf(name, sizeof(name), "CP%02X", i & 0xff);
		dev = aml_device(a, name);
		aml_def(a, "_HID");
		aml_string(a, "ACPI0007");
		aml_def_int(a, "_UID", i);
		aml_end(a, dev);
	}
}

static size_t build_dsdt(struct aml *a, unsigned int n_cpus, unsigned int phys_bits)
{
	size_t at = aml_table(a, "DSDT", 2), scope, pkg;

	scope = aml_scope(a, "\\_SB");
	dsdt_pci(a, phys_bits);
	dsdt_isa_device(a, "COM1", "PNP0501", 0x3f8, 8, 4);
	dsdt_isa_device(a, "RTC", "PNP0B00", 0x70, 2, 8);
	dsdt_board(a);
	dsdt_cpus(a, n_cpus);
	aml_end(a, scope);
	aml_def(a, "\\_S5");
	pkg = aml_package(a, 4);
	aml_int(a, PM_SLP_TYP_S5);
	aml_int(a, PM_SLP_TYP_S5);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_end(a, pkg);
	aml_table_end(a, at);
	return at;
}

/* --- the fixed tables --- */

enum gas_space { GAS_IO = 1 };

static void gas_io(struct aml *a, u16 port, u8 bytes)
{
	static const u8 access[] = { [1] = 1, [2] = 2, [4] = 3 };

	aml_u8(a, GAS_IO);
	aml_u8(a, bytes * 8);
	aml_u8(a, 0);
	aml_u8(a, access[bytes]);
	aml_u64(a, port);
}

static size_t build_facs(struct aml *a)
{
	size_t at;

	aml_align(a, 64);
	at = a->len;
	aml_bytes(a, "FACS", 4);
	aml_u32(a, 64);
	aml_zero(a, 24);
	aml_u8(a, 2);			/* version */
	aml_zero(a, 31);
	return at;
}

static void fadt_ports(struct aml *a)
{
	aml_u32(a, MACHINE_PM_BASE + PM_EVT);
	aml_u32(a, 0);
	aml_u32(a, MACHINE_PM_BASE + PM_CNT);
	aml_u32(a, 0);
	aml_u32(a, 0);
	aml_u32(a, MACHINE_PM_BASE + PM_TMR);
	aml_u32(a, MACHINE_PM_BASE + PM_GPE);
	aml_u32(a, 0);
	aml_u8(a, 4);			/* PM1 event */
	aml_u8(a, 2);			/* PM1 control */
	aml_u8(a, 0);
	aml_u8(a, 4);			/* PM timer */
	aml_u8(a, PM_GPE_LEN);
	aml_u8(a, 0);
	aml_u8(a, 0);
	aml_u8(a, 0);
}

#define FADT_WBINVD		(1u << 0)
#define FADT_PROC_C1		(1u << 2)
#define FADT_SLP_BUTTON		(1u << 5)	/* there is none */
#define FADT_TMR_VAL_EXT	(1u << 8)
#define FADT_RESET_REG_SUP	(1u << 10)
#define BOOT_LEGACY_DEVICES	(1u << 0)
#define BOOT_NO_VGA		(1u << 2)
#define BOOT_NO_ASPM		(1u << 4)

static size_t build_fadt(struct aml *a, u32 facs, u32 dsdt)
{
	size_t at = aml_table(a, "FACP", 6);

	aml_u32(a, facs);
	aml_u32(a, dsdt);
	aml_u8(a, 0);
	aml_u8(a, 4);			/* an enterprise server */
	aml_u16(a, PM_SCI);
	aml_u32(a, 0);			/* no SMI port: always in ACPI mode */
	aml_u32(a, 0);
	fadt_ports(a);
	aml_u16(a, 0xfff);		/* no C2 */
	aml_u16(a, 0xfff);		/* no C3 */
	aml_zero(a, 6);			/* flush size and stride, duty */
	aml_u8(a, 0);			/* day alarm */
	aml_u8(a, 0);			/* month alarm */
	aml_u8(a, 0x32);		/* century */
	aml_u16(a, BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM);
	aml_u8(a, 0);
	aml_u32(a, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_TMR_VAL_EXT |
		   FADT_RESET_REG_SUP);
	gas_io(a, 0xcf9, 1);
	aml_u8(a, 0x06);		/* reset value */
	aml_u16(a, 0);
	aml_u8(a, 4);			/* 6.4 */
	aml_u64(a, 0);			/* FACS: the 32-bit field counts */
	aml_u64(a, dsdt);
	gas_io(a, MACHINE_PM_BASE + PM_EVT, 4);
	aml_zero(a, 12);
	gas_io(a, MACHINE_PM_BASE + PM_CNT, 2);
	aml_zero(a, 24);
	gas_io(a, MACHINE_PM_BASE + PM_TMR, 4);
	gas_io(a, MACHINE_PM_BASE + PM_GPE, 4);
	aml_zero(a, 12 + 24 + 8);
	aml_table_end(a, at);
	return at;
}

static void madt_override(struct aml *a, u8 irq, u32 gsi, u16 flags)
{
	aml_u8(a, 2);
	aml_u8(a, 10);
	aml_u8(a, 0);			/* ISA */
	aml_u8(a, irq);
	aml_u32(a, gsi);
	aml_u16(a, flags);
}

static size_t build_madt(struct aml *a, unsigned int n_cpus)
{
	size_t at = aml_table(a, "APIC", 5);

	aml_u32(a, LAPIC_ADDR);
	aml_u32(a, 1);			/* a pair of 8259s is there too */
	for (unsigned int i = 0; i < n_cpus; i++) {
		aml_u8(a, 0);
		aml_u8(a, 8);
		aml_u8(a, i);		/* _UID */
		aml_u8(a, i);		/* APIC id */
		aml_u32(a, 1);
	}
	aml_u8(a, 1);
	aml_u8(a, 12);
	aml_u8(a, 0);			/* IOAPIC id */
	aml_u8(a, 0);
	aml_u32(a, IOAPIC_ADDR);
	aml_u32(a, 0);
	madt_override(a, 0, 2, 0);
	madt_override(a, PM_SCI, PM_SCI, 0x000d);	/* level, active high */
	aml_u8(a, 4);			/* NMI on LINT1 of all */
	aml_u8(a, 6);
	aml_u8(a, 0xff);
	aml_u16(a, 0);
	aml_u8(a, 1);
	aml_table_end(a, at);
	return at;
}

static size_t build_mcfg(struct aml *a)
{
	size_t at = aml_table(a, "MCFG", 1);

	aml_zero(a, 8);
	aml_u64(a, MACHINE_ECAM_BASE);
	aml_u16(a, 0);			/* segment */
	aml_u8(a, 0);
	aml_u8(a, MACHINE_ECAM_SIZE / (1 << 20) - 1);
	aml_u32(a, 0);
	aml_table_end(a, at);
	return at;
}

/* Root tables: pointers of 4 or 8 bytes to the others. */
static size_t build_root(struct aml *a, const char *sig, unsigned int width, const size_t *tables,
			 size_t n)
{
	size_t at = aml_table(a, sig, 1);

	for (size_t i = 0; i < n; i++) {
		u64 addr = ACPI_BASE + tables[i];

		aml_bytes(a, &addr, width);
	}
	aml_table_end(a, at);
	return at;
}

#define RSDP_LEN	36

/* Comes first, so that a scan of the BIOS area finds it at once. */
static void fill_rsdp(struct aml *a, u32 rsdt, u64 xsdt)
{
	struct {
		char sig[8];
		u8 sum;
		char oem[6];
		u8 revision;
		u32 rsdt, length;
		u64 xsdt;
		u8 ext_sum, reserved[3];
	} __attribute__((packed)) r = {
		.revision = 2, .rsdt = rsdt, .length = RSDP_LEN, .xsdt = xsdt,
	};

	BUILD_BUG_ON(sizeof(r) != RSDP_LEN);
	memcpy(r.sig, "RSD PTR ", 8);
	memcpy(r.oem, "KVIST ", 6);
	r.sum = aml_checksum((const u8 *)&r, 20);
	r.ext_sum = aml_checksum((const u8 *)&r, sizeof(r));
	memcpy(a->p, &r, sizeof(r));
}

int acpi_build(unsigned int n_cpus, unsigned int phys_bits, struct acpi_image *out)
{
	struct aml a = { 0 };
	size_t facs, dsdt, rsdt, xsdt, tables[3];

	aml_zero(&a, RSDP_LEN);
	facs = build_facs(&a);
	dsdt = build_dsdt(&a, n_cpus, phys_bits);
	tables[0] = build_fadt(&a, ACPI_BASE + facs, ACPI_BASE + dsdt);
	tables[1] = build_madt(&a, n_cpus);
	tables[2] = build_mcfg(&a);
	rsdt = build_root(&a, "RSDT", 4, tables, ARRAY_SIZE(tables));
	xsdt = build_root(&a, "XSDT", 8, tables, ARRAY_SIZE(tables));
	if (aml_failed(&a) || a.len > ACPI_END - ACPI_BASE) {
		free(a.p);
		return aml_failed(&a) ? -ENOMEM : -ENOSPC;
	}
	fill_rsdp(&a, ACPI_BASE + rsdt, ACPI_BASE + xsdt);
	*out = (struct acpi_image){ .buf = a.p, .len = a.len, .rsdp = ACPI_BASE };
	return 0;
}
