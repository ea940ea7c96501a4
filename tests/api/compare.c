/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare - what each call answers, on the software engine and on a device.
 *
 * The expected column is KVM 6.1's. The software engine must answer so; where
 * the device of this machine answers otherwise (a newer kernel, a
 * paravirtual one) that is shown and counted, and no failure.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include "tests/api/client.h"

#define ANY	0x7fffffffl	/* >= 0 */

static struct client *c;

#define SYS(nr, arg)	c_ioctl(c, c->sys, nr, (void *)(uintptr_t)(arg))
#define VM(nr, arg)	c_ioctl(c, c->vm, nr, (void *)(uintptr_t)(arg))
#define CPU(nr, arg)	c_ioctl(c, c->cpu, nr, (void *)(uintptr_t)(arg))
#define BAD		16ul	/* a pointer to nothing */

static long region(uint32_t slot, uint64_t gpa, uint64_t size, uint64_t off, uint32_t flags)
{
	struct kvm_userspace_memory_region r = { slot, flags, gpa, size,
						 (uintptr_t)c->ram + off };

	return VM(KVM_SET_USER_MEMORY_REGION, &r);
}

/* Slot 1 exists: 1 MiB to 1 MiB + 64 KiB. */
static long with_slot1(long r)
{
	long err = region(1, RAM_BYTES, 0x10000, 0, 0);

	return err ? err : r;
}

static long cap(uint32_t n)
{
	return VM(KVM_CHECK_EXTENSION, n);
}

static long enable(uint32_t n, uint32_t flags, uint64_t arg)
{
	struct kvm_enable_cap e = { .cap = n, .flags = flags, .args = { arg } };

	return VM(KVM_ENABLE_CAP, &e);
}

static long ioev(uint64_t addr, uint32_t len, uint32_t flags, uint64_t match)
{
	static int fd = -1;
	struct kvm_ioeventfd e = { .addr = addr, .len = len, .flags = flags, .datamatch = match };

	if (fd < 0)
		fd = eventfd(0, 0);
	e.fd = fd;
	return VM(KVM_IOEVENTFD, &e);
}

static long irqfd(int fd, uint32_t gsi, uint32_t flags)
{
	struct kvm_irqfd e = { .fd = fd, .gsi = gsi, .flags = flags };

	return VM(KVM_IRQFD, &e);
}

static long sregs(void (*change)(struct kvm_sregs *s))
{
	struct kvm_sregs s;
	long err = CPU(KVM_GET_SREGS, &s);

	if (err)
		return err;
	change(&s);
	return CPU(KVM_SET_SREGS, &s);
}

static void same(struct kvm_sregs *s) { }
static void pg_without_pe(struct kvm_sregs *s) { s->cr0 = 1ul << 31; }
static void nw_without_cd(struct kvm_sregs *s) { s->cr0 = 1 << 29; }
static void cr0_high(struct kvm_sregs *s) { s->cr0 |= 1ul << 40; }
static void lma_alone(struct kvm_sregs *s) { s->efer = 1 << 10; }
static void cs_l(struct kvm_sregs *s) { s->cs.l = 1; }
static void apic_reserved(struct kvm_sregs *s) { s->apic_base |= 1; }
static void long_without_pae(struct kvm_sregs *s)
{
	s->efer = 0x500;
	s->cr0 = 0x80000011;
}

static long msr(uint32_t idx, uint64_t val, bool set)
{
	union { struct kvm_msrs h; char room[64]; } m = { .room = { 0 } };

	m.h.nmsrs = 1;
	m.h.entries[0] = (struct kvm_msr_entry){ idx, 0, val };
	return CPU(set ? KVM_SET_MSRS : KVM_GET_MSRS, &m);
}

static long events(uint32_t flags, int injected, int nr)
{
	struct kvm_vcpu_events e = { .flags = flags };

	e.exception.injected = injected;
	e.exception.nr = nr;
	return CPU(KVM_SET_VCPU_EVENTS, &e);
}

static long debugregs(uint64_t dr6, uint64_t dr7, uint64_t flags)
{
	struct kvm_debugregs d = { .dr6 = dr6, .dr7 = dr7, .flags = flags };

	return CPU(KVM_SET_DEBUGREGS, &d);
}

static long xcr0(uint32_t n, uint32_t flags, uint64_t val)
{
	struct kvm_xcrs x = { .nr_xcrs = n, .flags = flags };

	x.xcrs[0].value = val;
	return CPU(KVM_SET_XCRS, &x);
}

static long mp_state(uint32_t s)
{
	struct kvm_mp_state m = { s };

	return CPU(KVM_SET_MP_STATE, &m);
}

static long interrupt(uint32_t n)
{
	struct kvm_interrupt i = { n };

	return CPU(KVM_INTERRUPT, &i);
}

static long sigmask(uint32_t len)
{
	union { struct kvm_signal_mask h; char room[128]; } m = { .room = { 0 } };

	m.h.len = len;
	return CPU(KVM_SET_SIGNAL_MASK, &m);
}

static long irqchip(unsigned long nr, uint32_t id)
{
	struct kvm_irqchip i = { .chip_id = id };

	return VM(nr, &i);
}

static long line(unsigned long nr, uint32_t irq)
{
	struct kvm_irq_level l = { .irq = irq, .level = 1 };

	return VM(nr, &l);
}

static long msi(uint32_t flags)
{
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0x40, .flags = flags };

	return VM(KVM_SIGNAL_MSI, &m);
}

static long routes(uint32_t n, uint32_t flags, uint32_t type, uint32_t chip, uint32_t pin)
{
	union { struct kvm_irq_routing h; char room[64]; } r = { .room = { 0 } };

	r.h.nr = n;
	r.h.flags = flags;
	r.h.entries[0] = (struct kvm_irq_routing_entry){ .type = type,
							 .u.irqchip = { chip, pin } };
	return VM(KVM_SET_GSI_ROUTING, &r);
}

static long pit2(void)
{
	struct kvm_pit_config p = { 0 };

	return VM(KVM_CREATE_PIT2, &p);
}

static long zone(uint32_t pio)
{
	struct kvm_coalesced_mmio_zone z = { .addr = 0xa0000, .size = 0x1000, .pio = pio };

	return VM(KVM_REGISTER_COALESCED_MMIO, &z);
}

static long clock_set(uint32_t flags)
{
	struct kvm_clock_data d = { .flags = flags };

	return VM(KVM_SET_CLOCK, &d);
}

static long cpuid2(unsigned long nr, int fd, uint32_t n)
{
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + 300 * sizeof(t->entries[0]));
	long r;

	t->nent = n;
	r = c_ioctl(c, fd, nr, t);
	free(t);
	return r;
}

static long msr_list(uint32_t n)
{
	struct kvm_msr_list *l = calloc(1, sizeof(*l) + 4096 * 4);
	long r;

	l->nmsrs = n;
	r = SYS(KVM_GET_MSR_INDEX_LIST, l);
	free(l);
	return r;
}

static long identity(void)
{
	uint64_t a = 0xfeffc000;

	return VM(KVM_SET_IDENTITY_MAP_ADDR, &a);
}

static long mce(uint64_t v)
{
	return CPU(KVM_X86_SETUP_MCE, &v);
}

static long xsave_bits(uint64_t bv, uint8_t comp)
{
	static struct kvm_xsave x;
	long err = CPU(KVM_GET_XSAVE, &x);

	if (err)
		return err;
	memcpy((char *)&x + 512, &bv, 8);
	((uint8_t *)&x)[520] = comp;
	return CPU(KVM_SET_XSAVE, &x);
}

static long buf_call(unsigned long nr, int fd)
{
	static char buf[8192];

	return c_ioctl(c, fd, nr, buf);
}

/* Each row: in-kernel irqchip or not, what KVM 6.1 answers, the call. */
#define ROWS \
	X(0, 12, SYS(KVM_GET_API_VERSION, 0)) \
	X(0, -EINVAL, SYS(KVM_GET_API_VERSION, 1)) \
	X(0, ANY, SYS(KVM_GET_VCPU_MMAP_SIZE, 0)) \
	X(0, -EINVAL, SYS(KVM_GET_VCPU_MMAP_SIZE, 1)) \
	X(0, -EINVAL, SYS(KVM_CREATE_VM, 99)) \
	X(0, -EINVAL, SYS(KVM_RUN, 0)) \
	X(0, -EINVAL, SYS(_IO(KVMIO, 0xee), 0)) \
	X(0, -ENOTTY, VM(_IO(KVMIO, 0xee), 0)) \
	X(0, -EINVAL, CPU(_IO(KVMIO, 0xee), 0)) \
	X(0, 1, cap(KVM_CAP_IRQCHIP)) X(0, 1, cap(KVM_CAP_HLT)) X(0, 1, cap(KVM_CAP_USER_MEMORY)) \
	X(0, 1, cap(KVM_CAP_IMMEDIATE_EXIT)) X(0, 1, cap(KVM_CAP_MP_STATE)) \
	X(0, 2, cap(KVM_CAP_COALESCED_MMIO)) X(0, 1, cap(KVM_CAP_EXT_CPUID)) \
	X(0, 32, cap(KVM_CAP_MCE)) X(0, 1, cap(KVM_CAP_PIT2)) X(0, 1, cap(KVM_CAP_IRQFD)) \
	X(0, 4096, cap(KVM_CAP_IRQ_ROUTING)) X(0, 1, cap(KVM_CAP_XSAVE)) X(0, 1, cap(KVM_CAP_XCRS)) \
	X(0, 1, cap(KVM_CAP_SPLIT_IRQCHIP)) X(0, 3, cap(KVM_CAP_X2APIC_API)) \
	X(0, 14, cap(KVM_CAP_ADJUST_CLOCK)) X(0, 1, cap(KVM_CAP_READONLY_MEM)) \
	X(0, 4096, cap(KVM_CAP_XSAVE2)) X(0, 0, cap(0xffff)) \
	X(0, -E2BIG, cpuid2(KVM_GET_SUPPORTED_CPUID, c->sys, 0)) \
	X(0, -E2BIG, cpuid2(KVM_GET_SUPPORTED_CPUID, c->sys, 2)) \
	X(0, 0, cpuid2(KVM_GET_SUPPORTED_CPUID, c->sys, 256)) \
	X(0, -EFAULT, SYS(KVM_GET_SUPPORTED_CPUID, BAD)) \
	X(0, -E2BIG, msr_list(0)) X(0, 0, msr_list(4096)) \
	X(0, -EFAULT, SYS(KVM_GET_MSR_INDEX_LIST, BAD)) \
	X(0, -EFAULT, VM(KVM_SET_USER_MEMORY_REGION, BAD)) \
	X(0, 0, region(1, RAM_BYTES, 0x10000, 0, 0)) \
	X(0, -EINVAL, region(1, RAM_BYTES + 1, 0x10000, 0, 0)) \
	X(0, -EINVAL, region(1, RAM_BYTES, 0x10001, 0, 0)) \
	X(0, -EINVAL, region(1, RAM_BYTES, 0x10000, 1, 0)) \
	X(0, -EINVAL, region(1, RAM_BYTES, 0x10000, 0, 1 << 7)) \
	X(0, -EINVAL, region(1, RAM_BYTES, 0, 0, 0)) \
	X(0, -EINVAL, region(40000, RAM_BYTES, 0x10000, 0, 0)) \
	X(0, -EINVAL, region(5u << 16, RAM_BYTES, 0x10000, 0, 0)) \
	X(0, -EINVAL, region(1, ~0xffful, 0x10000, 0, 0)) \
	X(0, -EEXIST, region(1, RAM_BYTES - 0x1000, 0x10000, 0, 0)) \
	X(0, 0, with_slot1(region(1, 4 * RAM_BYTES, 0x10000, 0, 0))) \
	X(0, -EINVAL, with_slot1(0) ?: region(1, RAM_BYTES, 0x8000, 0, 0)) \
	X(0, -EINVAL, with_slot1(0) ?: region(1, RAM_BYTES, 0x10000, 0x1000, 0)) \
	X(0, -EINVAL, with_slot1(0) ?: region(1, RAM_BYTES, 0x10000, 0, KVM_MEM_READONLY)) \
	X(0, 0, with_slot1(0) ?: region(1, RAM_BYTES, 0x10000, 0, KVM_MEM_LOG_DIRTY_PAGES)) \
	X(0, 0, with_slot1(0) ?: region(1, RAM_BYTES, 0, 0, 0)) \
	X(0, -EINVAL, VM(KVM_CREATE_VCPU, 1ul << 20)) X(0, -EEXIST, VM(KVM_CREATE_VCPU, 0)) \
	X(0, ANY, VM(KVM_CREATE_VCPU, 5)) \
	X(0, 0, VM(KVM_SET_TSS_ADDR, 0xfffbd000)) X(0, -EINVAL, VM(KVM_SET_TSS_ADDR, 0xffffe000)) \
	X(0, -EINVAL, identity()) X(0, -EBUSY, VM(KVM_SET_BOOT_CPU_ID, 0)) \
	X(0, -EINVAL, VM(KVM_CREATE_IRQCHIP, 0)) X(1, -EEXIST, VM(KVM_CREATE_IRQCHIP, 0)) \
	X(0, -ENOENT, pit2()) X(1, 0, pit2()) X(1, -EEXIST, pit2() ?: pit2()) \
	X(0, -ENXIO, irqchip(KVM_GET_IRQCHIP, 0)) X(1, 0, irqchip(KVM_GET_IRQCHIP, 2)) \
	X(1, -EINVAL, irqchip(KVM_GET_IRQCHIP, 3)) X(1, -EINVAL, irqchip(KVM_SET_IRQCHIP, 9)) \
	X(0, -ENXIO, buf_call(KVM_GET_PIT2, c->vm)) X(1, -ENXIO, buf_call(KVM_GET_PIT2, c->vm)) \
	X(0, -ENXIO, line(KVM_IRQ_LINE, 4)) X(1, 0, line(KVM_IRQ_LINE, 4)) \
	X(1, 0, line(KVM_IRQ_LINE_STATUS, 500)) \
	X(0, -EINVAL, msi(0)) X(1, -EINVAL, msi(2)) X(1, ANY, msi(0)) \
	X(0, -EINVAL, routes(0, 0, 0, 0, 0)) X(1, 0, routes(0, 0, 0, 0, 0)) \
	X(1, -EINVAL, routes(0, 1, 0, 0, 0)) X(1, -EINVAL, routes(5000, 0, 0, 0, 0)) \
	X(1, -EINVAL, routes(1, 0, 77, 0, 0)) X(1, 0, routes(1, 0, KVM_IRQ_ROUTING_IRQCHIP, 2, 23)) \
	X(1, -EINVAL, routes(1, 0, KVM_IRQ_ROUTING_IRQCHIP, 2, 24)) \
	X(1, -EINVAL, routes(1, 0, KVM_IRQ_ROUTING_IRQCHIP, 5, 0)) \
	X(0, -EINVAL, irqfd(eventfd(0, 0), 1, 0)) X(1, 0, irqfd(eventfd(0, 0), 1, 0)) \
	X(1, -EBADF, irqfd(-1, 1, 0)) X(1, -EINVAL, irqfd(2, 1, 0)) \
	X(1, -EINVAL, irqfd(eventfd(0, 0), 1, 1 << 9)) \
	X(1, 0, irqfd(eventfd(0, 0), 99999, 0)) \
	X(0, 0, ioev(0x100, 4, 0, 0)) X(0, -EINVAL, ioev(0x100, 3, 0, 0)) \
	X(0, -EINVAL, ioev(0x100, 4, 1 << 9, 0)) X(0, -EINVAL, ioev(~0ul, 4, 0, 0)) \
	X(0, -EINVAL, ioev(0x100, 0, KVM_IOEVENTFD_FLAG_DATAMATCH, 0)) \
	X(0, -ENOENT, ioev(0x100, 4, KVM_IOEVENTFD_FLAG_DEASSIGN, 0)) \
	X(0, -EEXIST, ioev(0x100, 4, 0, 0) ?: ioev(0x100, 4, KVM_IOEVENTFD_FLAG_DATAMATCH, 3)) \
	X(0, 0, zone(0)) X(0, 0, zone(1)) X(0, -EINVAL, zone(2)) \
	X(0, 0, buf_call(KVM_GET_CLOCK, c->vm)) X(0, 0, clock_set(0)) X(0, -EINVAL, clock_set(1)) \
	X(0, -EINVAL, enable(KVM_CAP_SPLIT_IRQCHIP, 0, 99999)) \
	X(0, -EEXIST, enable(KVM_CAP_SPLIT_IRQCHIP, 0, 24)) \
	X(1, -EEXIST, enable(KVM_CAP_SPLIT_IRQCHIP, 0, 24)) \
	X(0, -EINVAL, enable(KVM_CAP_X2APIC_API, 1, 1)) X(0, 0, enable(KVM_CAP_X2APIC_API, 0, 1)) \
	X(0, -EINVAL, enable(KVM_CAP_X2APIC_API, 0, 64)) X(0, -EINVAL, enable(0x7777, 0, 0)) \
	X(0, -EINVAL, CPU(KVM_RUN, 1)) \
	X(0, -EFAULT, CPU(KVM_GET_REGS, BAD)) X(0, -EFAULT, CPU(KVM_SET_REGS, BAD)) \
	X(0, -EFAULT, CPU(KVM_GET_SREGS, BAD)) X(0, -EFAULT, CPU(KVM_SET_SREGS, BAD)) \
	X(0, 0, sregs(same)) X(1, 0, sregs(same)) X(0, -EINVAL, sregs(pg_without_pe)) \
	X(0, -EINVAL, sregs(nw_without_cd)) X(0, -EINVAL, sregs(cr0_high)) \
	X(0, -EINVAL, sregs(lma_alone)) X(0, -EINVAL, sregs(cs_l)) \
	X(0, -EINVAL, sregs(long_without_pae)) X(1, -EINVAL, sregs(apic_reserved)) \
	X(0, 0, buf_call(KVM_GET_SREGS2, c->cpu)) \
	X(0, -E2BIG, cpuid2(KVM_SET_CPUID2, c->cpu, 257)) X(0, 0, cpuid2(KVM_SET_CPUID2, c->cpu, 0)) \
	X(0, -E2BIG, client_cpuid(c) ?: cpuid2(KVM_GET_CPUID2, c->cpu, 1)) \
	X(0, 0, client_cpuid(c) ?: cpuid2(KVM_GET_CPUID2, c->cpu, 256)) \
	X(0, 1, msr(0x10, 0, false)) X(0, 0, msr(0x4711, 0, false)) X(0, 0, msr(0x4711, 1, true)) \
	X(0, 1, msr(0x174, 8, true)) X(0, 1, msr(0x1a0, 1, true)) X(0, 1, msr(0x2ff, 0x806, true)) \
	X(0, 0, msr(0x2ff, 0x807, true)) X(0, 1, msr(0x277, 0x0007040600070406, true)) \
	X(0, 0, msr(0x277, 0x0207040600070406, true)) X(0, 0, msr(0xc0000082, 1ul << 50, true)) \
	X(0, 1, msr(0x250, 0x0606060606060606, true)) X(0, 0, msr(0x17b, ~0ul, true)) \
	X(0, 1, mce(10 | 1 << 8) ?: msr(0x17b, ~0ul, true)) \
	X(0, -EINVAL, mce(0)) X(0, -EINVAL, mce(33)) X(0, -EINVAL, mce(1 | 1 << 9)) X(0, 0, mce(10)) \
	X(0, 0, events(0, 0, 0)) X(0, -EINVAL, events(1 << 30, 0, 0)) X(0, 0, events(0, 1, 13)) \
	X(0, -EINVAL, events(0, 1, 2)) X(0, -EINVAL, events(0, 1, 32)) \
	X(0, -EINVAL, events(KVM_VCPUEVENT_VALID_PAYLOAD, 0, 0)) \
	X(0, 0, debugregs(0xffff0ff0, 0x400, 0)) X(0, -EINVAL, debugregs(1ul << 32, 0x400, 0)) \
	X(0, -EINVAL, debugregs(0, 1ul << 32, 0)) X(0, -EINVAL, debugregs(0, 0x400, 1)) \
	X(0, 0, client_cpuid(c) ?: xcr0(1, 0, 3)) X(0, -EINVAL, client_cpuid(c) ?: xcr0(1, 0, 2)) \
	X(0, -EINVAL, xcr0(17, 0, 1)) X(0, -EINVAL, xcr0(1, 1, 1)) \
	X(0, -EINVAL, client_cpuid(c) ?: xcr0(1, 0, 1ul << 60 | 3)) \
	X(0, 0, xsave_bits(3, 0)) X(0, -EINVAL, xsave_bits(1ul << 60, 0)) \
	X(0, -EINVAL, xsave_bits(3, 1)) \
	X(0, -EINVAL, mp_state(KVM_MP_STATE_HALTED)) X(1, 0, mp_state(KVM_MP_STATE_HALTED)) \
	X(0, 0, mp_state(KVM_MP_STATE_RUNNABLE)) X(1, -EINVAL, mp_state(77)) \
	X(0, 0, interrupt(32)) X(0, -EINVAL, interrupt(256)) X(1, -ENXIO, interrupt(32)) \
	X(0, 0, CPU(KVM_NMI, 0)) X(0, 0, sigmask(8)) X(0, -EINVAL, sigmask(16)) \
	X(0, 0, CPU(KVM_SET_SIGNAL_MASK, 0)) \
	X(0, -EINVAL, buf_call(KVM_GET_LAPIC, c->cpu)) X(1, 0, buf_call(KVM_GET_LAPIC, c->cpu)) \
	X(0, -EINVAL, CPU(KVM_KVMCLOCK_CTRL, 0)) X(0, ANY, CPU(KVM_GET_TSC_KHZ, 0)) \
	X(0, 0, buf_call(KVM_TRANSLATE, c->cpu)) X(0, 0, buf_call(KVM_GET_FPU, c->cpu)) \
	X(0, 0, buf_call(KVM_GET_XSAVE, c->cpu)) X(0, 0, buf_call(KVM_GET_XCRS, c->cpu))

struct row {
	const char *name;
	bool irqchip;
	long expect;
};

static const struct row rows[] = {
#define X(chip, want, expr) { #expr, chip, want },
	ROWS
#undef X
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static long row_run(size_t n)
{
	size_t i = 0;

#define X(chip, want, expr) if (i++ == n) return expr;
	ROWS
#undef X
	return -ENOSYS;
}

static long row_on(size_t n, const struct kvm_provider *p)
{
	struct client one;
	long r;

	c = &one;
	r = client_open(&one, p, rows[n].irqchip);
	if (!r)
		r = row_run(n);
	else
		r = -1000;
	client_close(&one);
	return r;
}

static bool agrees(long got, long want)
{
	return want == ANY ? got >= 0 : got == want;
}

static const char *text(long r)
{
	static char buf[2][40];
	static int k;
	char *s = buf[k++ & 1];

	if (r == ANY)
		return ">= 0";
	if (r < 0 && r > -1000)
		snprintf(s, sizeof(buf[0]), "%s", strerrorname_np(-r));
	else
		snprintf(s, sizeof(buf[0]), "%ld", r);
	return s;
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "-v");
	int fd = kvm_provider_device.open(NULL), bad = 0, other = 0;

	if (fd >= 0)
		kvm_provider_device.close(fd);
	printf("%-72s %-10s %-10s %s\n", "call", "KVM 6.1", "soft", "device");
	for (size_t i = 0; i < N_ROWS; i++) {
		long soft = row_on(i, &kvm_provider_soft);
		long dev = fd >= 0 ? row_on(i, &kvm_provider_device) : rows[i].expect;
		bool ok = agrees(soft, rows[i].expect), same_dev = agrees(dev, rows[i].expect);

		bad += !ok;
		other += !same_dev;
		if (!ok || !same_dev || all) {
			printf("%-70.70s%s %-10s ", rows[i].name, ok ? "  " : " !",
			       text(rows[i].expect));
			printf("%-10s %s\n", text(soft), fd >= 0 ? text(dev) : "-");
		}
	}
	printf("%zu calls: %d of the software engine are not as expected, %d of the device\n",
	       N_ROWS, bad, other);
	return bad ? 1 : 0;
}
