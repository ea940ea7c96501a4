// SPDX-License-Identifier: GPL-2.0-or-later
/* The ACPI tables: found, summed, linked; and read by iasl where it is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/said.h"
#include "vmm/machine/aml.h"
#include "vmm/machine/parts.h"

static struct acpi_image img;

static u32 get32(u64 addr)
{
	u32 v;

	assert_true(addr >= ACPI_BASE && addr + 4 <= ACPI_BASE + img.len);
	memcpy(&v, img.buf + (addr - ACPI_BASE), sizeof(v));
	return v;
}

static u64 get64(u64 addr)
{
	return get32(addr) | (u64)get32(addr + 4) << 32;
}

static const u8 *at(u64 addr, size_t n)
{
	assert_true(addr >= ACPI_BASE && addr + n <= ACPI_BASE + img.len);
	return img.buf + (addr - ACPI_BASE);
}

/* The address of a table that the XSDT lists. */
static u64 find_table(const char *sig)
{
	u64 xsdt = get64(img.rsdp + 24);
	u32 n = (get32(xsdt + 4) - 36) / 8;

	for (u32 i = 0; i < n; i++) {
		u64 t = get64(xsdt + 36 + i * 8);

		if (!memcmp(at(t, 4), sig, 4))
			return t;
	}
	return 0;
}

static int build(unsigned int cpus, unsigned int bits)
{
	return acpi_build(cpus, bits, &img);
}

static int teardown(void **state)
{
	free(img.buf);
	img = (struct acpi_image){ 0 };
	return 0;
}

static void assert_sum(u64 addr)
{
	u32 n = get32(addr + 4);
	const u8 *p = at(addr, n);
	u8 sum = 0;

	while (n--)
		sum += *p++;
	assert_int_equal(sum, 0);
}

static void rsdp_is_found_and_summed(void **state)
{
	u8 sum = 0;

	assert_int_equal(build(1, 46), 0);
	assert_int_equal(img.rsdp % 16, 0);
	assert_memory_equal(at(img.rsdp, 8), "RSD PTR ", 8);
	for (unsigned int i = 0; i < 20; i++)
		sum += at(img.rsdp, 36)[i];
	assert_int_equal(sum, 0);
	for (unsigned int i = 20; i < 36; i++)
		sum += at(img.rsdp, 36)[i];
	assert_int_equal(sum, 0);
}

static void tables_are_summed_and_in_both_roots(void **state)
{
	static const char *const sigs[] = { "FACP", "APIC", "MCFG" };
	u64 rsdt;

	assert_int_equal(build(4, 46), 0);
	rsdt = get32(img.rsdp + 16);
	assert_sum(rsdt);
	assert_sum(get64(img.rsdp + 24));
	for (u32 i = 0; i < ARRAY_SIZE(sigs); i++) {
		u64 t = find_table(sigs[i]);

		assert_true(t);
		assert_sum(t);
		assert_int_equal(get32(rsdt + 36 + i * 4), t);
	}
	assert_sum(get32(find_table("FACP") + 40));
	assert_memory_equal(at(get32(find_table("FACP") + 36), 4), "FACS", 4);
	assert_int_equal(get32(find_table("FACP") + 36) % 64, 0);
}

static void fadt_has_its_length_and_ports(void **state)
{
	u64 t;

	assert_int_equal(build(1, 46), 0);
	t = find_table("FACP");
	assert_int_equal(get32(t + 4), 276);
	assert_int_equal(get32(t + 56), MACHINE_PM_BASE);
	assert_int_equal(get32(t + 76), MACHINE_PM_BASE + 8);
	assert_int_equal(get64(t + 116 + 4), 0xcf9);
	assert_int_equal(at(t, 276)[128], 6);
	assert_int_equal(get64(t + 140), get32(t + 40));
	assert_int_equal(get64(t + 148 + 4), MACHINE_PM_BASE);
	assert_int_equal(get64(t + 172 + 4), MACHINE_PM_BASE + 4);
	assert_int_equal(get64(t + 208 + 4), MACHINE_PM_BASE + 8);
}

static void madt_lists_every_cpu(void **state)
{
	for (unsigned int n = 1; n <= MACHINE_VCPUS_MAX; n++) {
		unsigned int cpus = 0;
		u64 t, p, end;

		assert_int_equal(build(n, 46), 0);
		t = find_table("APIC");
		end = t + get32(t + 4);
		for (p = t + 44; p < end; p += at(p, 2)[1]) {
			assert_true(at(p, 2)[1] >= 2);
			if (at(p, 2)[0] == 0)
				assert_int_equal(at(p, 8)[3], cpus++);
		}
		assert_int_equal(p, end);
		assert_int_equal(cpus, n);
		teardown(NULL);
	}
}

static void mcfg_points_at_ecam(void **state)
{
	assert_int_equal(build(1, 46), 0);
	assert_int_equal(get64(find_table("MCFG") + 44), MACHINE_ECAM_BASE);
	assert_int_equal(at(find_table("MCFG") + 44, 16)[11], 255);
}

static bool contains(const void *needle, size_t n)
{
	return memmem(img.buf, img.len, needle, n);
}

static void narrow_processor_gets_no_64_bit_window(void **state)
{
	u64 base = MACHINE_MMIO64_BASE;

	assert_int_equal(build(1, 39), 0);
	assert_false(contains(&base, sizeof(base)));
	teardown(NULL);
	assert_int_equal(build(1, 40), 0);
	assert_true(contains(&base, sizeof(base)));
}

static void aml_lengths_and_ids_are_encoded(void **state)
{
	static const u8 want[] = { 0x5b, 0x82, 0x8e, 0x00, 0x00, 'A', 'B', '_', '_', 0x08, '_', 'U',
				   'I', 'D', 0x0a, 0x07 };
	static const u8 pnp[] = { 0x0c, 0x41, 0xd0, 0x0a, 0x08 };
	struct aml a = { 0 };
	size_t dev = aml_device(&a, "AB");

	aml_def_int(&a, "_UID", 7);
	aml_end(&a, dev);
	assert_int_equal(a.len, sizeof(want));
	assert_memory_equal(a.p, want, sizeof(want));
	a.len = 0;
	aml_eisaid(&a, "PNP0A08");
	assert_memory_equal(a.p, pnp, sizeof(pnp));
	free(a.p);
}

/* iasl takes the DSDT apart and puts it together again without a complaint. */
static void iasl_accepts_the_tables(void **state)
{
	char dir[] = "/tmp/kvist-acpi-XXXXXX", cmd[512];
	u64 t;
	FILE *f;

	if (system("command -v iasl >/dev/null"))
		skip();
	assert_int_equal(build(16, 46), 0);
	assert_non_null(mkdtemp(dir));
	t = get32(find_table("FACP") + 40);
	snprintf(cmd, sizeof(cmd), "%s/dsdt.aml", dir);
	f = fopen(cmd, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(at(t, get32(t + 4)), 1, get32(t + 4), f), get32(t + 4));
	fclose(f);
	snprintf(cmd, sizeof(cmd), "cd %s && iasl -d dsdt.aml >log 2>&1 && "
		 "iasl dsdt.dsl >log 2>&1 && grep -q ' 0 Errors, 0 Warnings' log || "
		 "{ cat log; false; }", dir);
	assert_int_equal(system(cmd), 0);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
}

#define T(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rsdp_is_found_and_summed),
		T(tables_are_summed_and_in_both_roots),
		T(fadt_has_its_length_and_ports),
		T(madt_lists_every_cpu),
		T(mcfg_points_at_ecam),
		T(narrow_processor_gets_no_64_bit_window),
		T(aml_lengths_and_ids_are_encoded),
		T(iasl_accepts_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
