/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calls - the KVM API beyond what every client uses: machine checks, bus locks,
 * hypercalls, older forms of calls, who is told of what. */
#include <sys/eventfd.h>
#include "tests/api/plain.h"

#define ARRAY(a)	(sizeof(a) / sizeof((a)[0]))
#define CR4_MCE		(1ul << 6)
#define MCI_VALID	(1ull << 63)
#define MCI_OVER	(1ull << 62)
#define MCI_UC		(1ull << 61)
#define MCI_EN		(1ull << 60)
#define MCI_PCC		(1ull << 57)
#define MCG_MCIP	(1ull << 2)
#define MCG_CTL_P	(1ull << 8)
#define MSR_MCG_STATUS	0x17a
#define MC_STATUS(n)	(0x401 + 4 * (n))

static const uint8_t halt[] = { 0xf4 };
static struct box b;

static int cap(int fd, long n)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, n);
}

static int enable(long n, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = n, .args = { arg } };

	return ioctl(b.vm, KVM_ENABLE_CAP, &c);
}

/* Interrupt vector of the real-mode guest: out port, al. */
static void handler(int vector, uint8_t port)
{
	uint8_t *code = b.ram + 0x3000 + 16 * vector;
	uint16_t far[2] = { 0x3000 + 16 * vector, 0 };

	memcpy(b.ram + 4 * vector, far, 4);
	code[0] = 0xe6;
	code[1] = port;
	code[2] = 0xcf;
}

static bool came_to(uint8_t port)
{
	return !box_run(&b) && b.run->exit_reason == KVM_EXIT_IO && b.run->io.port == port;
}

static uint64_t msr(uint32_t index)
{
	union { struct kvm_msrs h; char room[64]; } m = { .room = { 0 } };

	m.h.nmsrs = 1;
	m.h.entries[0].index = index;
	return ioctl(b.cpu, KVM_GET_MSRS, &m) == 1 ? m.h.entries[0].data : ~0ull;
}

static bool set_msr(uint32_t index, uint64_t val)
{
	union { struct kvm_msrs h; char room[64]; } m = { .room = { 0 } };

	m.h.nmsrs = 1;
	m.h.entries[0].index = index;
	m.h.entries[0].data = val;
	return ioctl(b.cpu, KVM_SET_MSRS, &m) == 1;
}

/* --- machine checks --- */

static bool mce_box(bool cr4_mce)
{
	uint64_t mcg_cap = 4 | MCG_CTL_P;
	struct kvm_sregs s;

	if (!box_open(&b, false, halt, sizeof(halt)) ||
	    ioctl(b.cpu, KVM_X86_SETUP_MCE, &mcg_cap) || ioctl(b.cpu, KVM_GET_SREGS, &s))
		return false;
	if (cr4_mce)
		s.cr4 |= CR4_MCE;
	handler(18, 0x92);
	return !ioctl(b.cpu, KVM_SET_SREGS, &s);
}

static int inject(uint8_t bank, uint64_t status, uint64_t mcg)
{
	struct kvm_x86_mce m = { .status = status, .addr = 0x1234, .misc = 0x8c,
				 .mcg_status = mcg, .bank = bank };

	return ioctl(b.cpu, KVM_X86_SET_MCE, &m);
}

static void machine_check_is_delivered(void)
{
	const uint64_t status = MCI_VALID | MCI_UC | MCI_EN | MCI_PCC;

	CHECK(mce_box(true));
	CHECK(!inject(1, status, MCG_MCIP | 1));
	CHECK(came_to(0x92));
	CHECK(msr(MC_STATUS(1)) == status && msr(MC_STATUS(1) + 1) == 0x1234);
	CHECK(msr(MSR_MCG_STATUS) == (MCG_MCIP | 1));
	/* Another, while the first is not done with. */
	CHECK(!inject(2, status, MCG_MCIP | 1));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_SHUTDOWN);
}

static void machine_check_without_cr4_mce_shuts_down(void)
{
	CHECK(mce_box(false));
	CHECK(!inject(1, MCI_VALID | MCI_UC | MCI_PCC, MCG_MCIP));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_SHUTDOWN);
	CHECK(!msr(MC_STATUS(1)));
}

static void corrected_errors_are_only_logged(void)
{
	CHECK(mce_box(true));
	CHECK(!inject(0, MCI_VALID, 0));
	CHECK(msr(MC_STATUS(0)) == MCI_VALID);
	CHECK(!inject(0, MCI_VALID | 5, 0));
	CHECK(msr(MC_STATUS(0)) == (MCI_VALID | MCI_OVER | 5));
	/* No action required: logged, and no exception. */
	CHECK(!inject(3, MCI_VALID | MCI_UC | MCI_EN, 0));
	CHECK(msr(MC_STATUS(3)) == (MCI_VALID | MCI_UC | MCI_EN));
	/* What is worse stays. */
	CHECK(!inject(3, MCI_VALID | 7, 0));
	CHECK(msr(MC_STATUS(3)) == (MCI_VALID | MCI_OVER | MCI_UC | MCI_EN));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_HLT);
}

static void machine_check_reporting_can_be_off(void)
{
	CHECK(mce_box(true));
	CHECK(set_msr(0x404, 0));			/* MC1_CTL */
	CHECK(!inject(1, MCI_VALID | MCI_UC | MCI_PCC, MCG_MCIP));
	CHECK(!msr(MC_STATUS(1)));
	CHECK(set_msr(0x17b, 0));			/* MCG_CTL */
	CHECK(!inject(2, MCI_VALID | MCI_UC | MCI_PCC, MCG_MCIP));
	CHECK(!msr(MC_STATUS(2)));
	FAILS(EINVAL, inject(4, MCI_VALID, 0));
	FAILS(EINVAL, inject(0, MCI_UC, 0));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_HLT);
}

/* --- older forms --- */

static void cpuid_of_the_first_form(void)
{
	union { struct kvm_cpuid h; char room[256]; } old = { .room = { 0 } };
	union { struct kvm_cpuid2 h; char room[4096]; } now = { .room = { 0 } };

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	old.h.nent = 257;
	FAILS(E2BIG, ioctl(b.cpu, KVM_SET_CPUID, &old));
	old.h.nent = 2;
	old.h.entries[0] = (struct kvm_cpuid_entry){ .function = 0, .eax = 1, .ebx = 0x61626364 };
	old.h.entries[1] = (struct kvm_cpuid_entry){ .function = 1, .eax = 0x600 };
	CHECK(!ioctl(b.cpu, KVM_SET_CPUID, &old));
	now.h.nent = 64;
	CHECK(!ioctl(b.cpu, KVM_GET_CPUID2, &now));
	CHECK(now.h.nent == 2 && now.h.entries[0].ebx == 0x61626364);
	CHECK(now.h.entries[1].function == 1 && now.h.entries[1].eax == 0x600);
	CHECK(!now.h.entries[1].flags);
}

static void emulated_cpuid_is_movbe_and_rdpid(void)
{
	union { struct kvm_cpuid2 h; char room[1024]; } t = { .room = { 0 } };

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(cap(b.sys, KVM_CAP_EXT_EMUL_CPUID) == 1);
	t.h.nent = 1;
	FAILS(E2BIG, ioctl(b.sys, KVM_GET_EMULATED_CPUID, &t));
	t.h.nent = 20;
	CHECK(!ioctl(b.sys, KVM_GET_EMULATED_CPUID, &t));
	CHECK(t.h.nent == 3);
	CHECK(t.h.entries[1].function == 1 && t.h.entries[1].ecx == 1u << 22);
	CHECK(t.h.entries[2].function == 7 && t.h.entries[2].flags == 1);
}

static void pit_of_the_first_form(void)
{
	struct kvm_pit_state s = { 0 };
	struct kvm_pit_state2 s2 = { 0 };

	CHECK(box_open(&b, true, halt, sizeof(halt)));
	FAILS(ENXIO, ioctl(b.vm, KVM_GET_PIT, &s));
	CHECK(!ioctl(b.vm, KVM_CREATE_PIT, 0));
	FAILS(EEXIST, ioctl(b.vm, KVM_CREATE_PIT, 0));
	CHECK(!ioctl(b.vm, KVM_GET_PIT, &s));
	s.channels[1].count = 0x4321;
	s.channels[1].mode = 2;
	CHECK(!ioctl(b.vm, KVM_SET_PIT, &s));
	CHECK(!ioctl(b.vm, KVM_GET_PIT2, &s2));
	CHECK(s2.channels[1].count == 0x4321 && s2.channels[1].mode == 2);
}

static void lost_ticks_can_be_left_lost(void)
{
	struct kvm_reinject_control c = { .pit_reinject = 0 };

	CHECK(box_open(&b, true, halt, sizeof(halt)));
	FAILS(ENXIO, ioctl(b.vm, KVM_REINJECT_CONTROL, &c));
	CHECK(!ioctl(b.vm, KVM_CREATE_PIT, 0));
	CHECK(!ioctl(b.vm, KVM_REINJECT_CONTROL, &c));
	c.pit_reinject = 1;
	CHECK(!ioctl(b.vm, KVM_REINJECT_CONTROL, &c));
}

/* --- coalesced ports --- */

static void coalesced_ports_wait_in_the_ring(void)
{
	/* mov dx, 70h; out dx, al; out dx, ax; out 81h, al; hlt */
	static const uint8_t code[] = { 0xba, 0x70, 0, 0xee, 0xef, 0xe6, 0x81, 0xf4 };
	struct kvm_coalesced_mmio_zone z = { .addr = 0x70, .size = 2, .pio = 1 };
	struct kvm_coalesced_mmio_ring *ring;

	CHECK(box_open(&b, false, code, sizeof(code)));
	CHECK(cap(b.sys, KVM_CAP_COALESCED_PIO) == 1);
	ring = (void *)((char *)b.run + 4096 * cap(b.sys, KVM_CAP_COALESCED_MMIO));
	CHECK(!ioctl(b.vm, KVM_REGISTER_COALESCED_MMIO, &z));
	CHECK(came_to(0x81));
	CHECK(ring->first == 0 && ring->last == 2);
	CHECK(ring->coalesced_mmio[0].phys_addr == 0x70 && ring->coalesced_mmio[0].len == 1);
	CHECK(ring->coalesced_mmio[0].pio == 1 && ring->coalesced_mmio[1].len == 2);
	CHECK(!ioctl(b.vm, KVM_UNREGISTER_COALESCED_MMIO, &z));
	z.pio = 2;
	FAILS(EINVAL, ioctl(b.vm, KVM_REGISTER_COALESCED_MMIO, &z));
}

/* --- what ends KVM_RUN on request --- */

static void split_locks_can_end_the_run(void)
{
	/* lock inc word [203fh]; inc ax; hlt */
	static const uint8_t code[] = { 0xf0, 0xff, 0x06, 0x3f, 0x20, 0x40, 0xf4 };

	CHECK(box_open(&b, false, code, sizeof(code)));
	CHECK(cap(b.sys, KVM_CAP_X86_BUS_LOCK_EXIT) == 3);
	FAILS(EINVAL, enable(KVM_CAP_X86_BUS_LOCK_EXIT, 3));
	FAILS(EINVAL, enable(KVM_CAP_X86_BUS_LOCK_EXIT, 4));
	CHECK(!enable(KVM_CAP_X86_BUS_LOCK_EXIT, KVM_BUS_LOCK_DETECTION_OFF));
	CHECK(!enable(KVM_CAP_X86_BUS_LOCK_EXIT, KVM_BUS_LOCK_DETECTION_EXIT));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_X86_BUS_LOCK);
	CHECK(b.run->flags & KVM_RUN_X86_BUS_LOCK);
	CHECK(b.ram[0x203f] == 1);
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_HLT);
	CHECK(!(b.run->flags & KVM_RUN_X86_BUS_LOCK) && b.ram[0x203f] == 1);
}

static void hypercalls_can_go_to_user_space(void)
{
	/* vmcall; out 83h, al; hlt */
	static const uint8_t code[] = { 0x0f, 0x01, 0xc1, 0xe6, 0x83, 0xf4 };
	struct kvm_regs r = { .rip = CODE, .rsp = 0x8000, .rflags = 2, .rax = 12, .rbx = 0x4000,
			      .rcx = 3, .rdx = 0x10 };

	CHECK(box_open(&b, false, code, sizeof(code)));
	CHECK(cap(b.sys, KVM_CAP_EXIT_HYPERCALL) == 1 << 12);
	FAILS(EINVAL, enable(KVM_CAP_EXIT_HYPERCALL, 1 << 11));
	CHECK(!ioctl(b.cpu, KVM_SET_REGS, &r));
	CHECK(came_to(0x83));
	CHECK(!ioctl(b.cpu, KVM_GET_REGS, &r) && (int32_t)r.rax == -1000);
	CHECK(!enable(KVM_CAP_EXIT_HYPERCALL, 1 << 12));
	r.rip = CODE;
	r.rax = 12;
	CHECK(!ioctl(b.cpu, KVM_SET_REGS, &r));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_HYPERCALL);
	CHECK(b.run->hypercall.nr == 12 && b.run->hypercall.args[0] == 0x4000);
	CHECK(b.run->hypercall.args[1] == 3 && b.run->hypercall.args[2] == 0x10);
	CHECK(!b.run->hypercall.longmode);
	b.run->hypercall.ret = 77;
	CHECK(came_to(0x83));
	CHECK(!ioctl(b.cpu, KVM_GET_REGS, &r) && r.rax == 77);
	/* An address that is no page's: refused without asking. */
	r.rip = CODE;
	r.rax = 12;
	r.rbx = 0x4001;
	CHECK(!ioctl(b.cpu, KVM_SET_REGS, &r));
	CHECK(came_to(0x83));
	CHECK(!ioctl(b.cpu, KVM_GET_REGS, &r) && (int32_t)r.rax == -22);
}

static void on_alarm(int sig)
{
}

static void halting_can_stay_in_the_guest(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	FAILS(EINVAL, enable(KVM_CAP_X86_DISABLE_EXITS, 1 << 4));
	CHECK(cap(b.sys, KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_HLT);
	CHECK(!enable(KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_HLT));
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	FAILS(EINTR, box_run(&b));
	CHECK(b.run->exit_reason == KVM_EXIT_INTR);
}

/* --- a debugger --- */

static bool debug(uint32_t control)
{
	struct kvm_guest_debug d = { .control = control };

	return !ioctl(b.cpu, KVM_SET_GUEST_DEBUG, &d);
}

static void stepping_can_keep_interrupts_out(void)
{
	/* sti; nop; nop; nop; hlt */
	static const uint8_t code[] = { 0xfb, 0x90, 0x90, 0x90, 0xf4 };
	const uint32_t step = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;

	CHECK(box_open(&b, false, code, sizeof(code)));
	CHECK(cap(b.sys, KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ);
	handler(2, 0x94);
	CHECK(!ioctl(b.cpu, KVM_NMI, 0));
	CHECK(debug(step | KVM_GUESTDBG_BLOCKIRQ));
	for (unsigned int i = 1; i <= 3; i++) {
		CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_DEBUG);
		CHECK(b.run->debug.arch.pc == CODE + i);
	}
	CHECK(debug(0));
	CHECK(came_to(0x94));
}

static void exceptions_of_a_debugger(void)
{
	CHECK(box_open(&b, false, halt, sizeof(halt)));
	handler(1, 0x95);
	handler(3, 0x96);
	CHECK(debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB));
	errno = 0;
	CHECK(!debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_BP) && errno == EBUSY);
	CHECK(came_to(0x95));
	CHECK(debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_BP));
	CHECK(came_to(0x96));
}

/* --- memory --- */

static void tables_outside_memory_are_no_device(void)
{
	struct kvm_sregs s;

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(!ioctl(b.cpu, KVM_GET_SREGS, &s));
	/* 32-bit paging by tables that no slot holds; no handler can run. */
	s.cs = (struct kvm_segment){ .selector = 8, .type = 11, .present = 1, .s = 1, .db = 1,
				     .g = 1, .limit = 0xffffffff };
	s.ss = s.ds = s.es = (struct kvm_segment){ .selector = 16, .type = 3, .present = 1,
						   .s = 1, .db = 1, .g = 1, .limit = 0xffffffff };
	s.cr0 = 0x80000011;
	s.cr3 = 0x40000000;
	CHECK(!ioctl(b.cpu, KVM_SET_SREGS, &s));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_SHUTDOWN);
}

static void pdptrs_move_with_sregs2(void)
{
	struct kvm_sregs2 s, back;

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(cap(b.sys, KVM_CAP_SREGS2) == 1);
	CHECK(!ioctl(b.cpu, KVM_GET_SREGS2, &s) && !s.flags);
	s.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	FAILS(EINVAL, ioctl(b.cpu, KVM_SET_SREGS2, &s));	/* no PAE paging */
	s.cr0 = 0x80000011;
	s.cr4 = 1 << 5;
	for (int i = 0; i < 4; i++)
		s.pdptrs[i] = 0x4001 + 0x1000 * i;
	CHECK(!ioctl(b.cpu, KVM_SET_SREGS2, &s));
	CHECK(!ioctl(b.cpu, KVM_GET_SREGS2, &back));
	CHECK(back.flags == KVM_SREGS2_FLAGS_PDPTRS_VALID);
	CHECK(!memcmp(back.pdptrs, s.pdptrs, sizeof(s.pdptrs)));
	s.flags = 2;
	FAILS(EINVAL, ioctl(b.cpu, KVM_SET_SREGS2, &s));
}

/* --- interrupts --- */

static int irqfd(int fd, uint32_t gsi, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = fd, .gsi = gsi, .flags = flags };

	return ioctl(b.vm, KVM_IRQFD, &f);
}

static void an_irqfd_is_its_file(void)
{
	int fd = eventfd(0, 0), copy = dup(fd), again;

	CHECK(box_open(&b, true, halt, sizeof(halt)));
	CHECK(!irqfd(fd, 5, 0));
	FAILS(EBUSY, irqfd(fd, 6, 0));
	FAILS(EBUSY, irqfd(copy, 6, 0));
	/* The number is another file's now. */
	close(fd);
	again = eventfd(0, 0);
	CHECK(again == fd);
	CHECK(!irqfd(again, 6, 0));
	CHECK(!irqfd(copy, 5, KVM_IRQFD_FLAG_DEASSIGN));
	CHECK(!irqfd(copy, 5, 0));
	FAILS(EINVAL, irqfd(copy, 5, 4));
	FAILS(EINVAL, irqfd(open("/dev/null", O_RDWR), 7, 0));
	FAILS(EBADF, irqfd(-1, 7, 0));
}

static int ioevent(int fd, uint64_t addr, uint32_t flags)
{
	struct kvm_ioeventfd e = { .fd = fd, .addr = addr, .len = 4, .flags = flags };

	return ioctl(b.vm, KVM_IOEVENTFD, &e);
}

static void an_ioeventfd_is_its_file(void)
{
	int fd = eventfd(0, 0), copy = dup(fd), other = eventfd(0, 0);

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(!ioevent(fd, 0xd0000000, 0));
	FAILS(EEXIST, ioevent(other, 0xd0000000, 0));
	FAILS(ENOENT, ioevent(other, 0xd0000000, KVM_IOEVENTFD_FLAG_DEASSIGN));
	CHECK(!ioevent(copy, 0xd0000000, KVM_IOEVENTFD_FLAG_DEASSIGN));
	FAILS(ENOENT, ioevent(fd, 0xd0000000, KVM_IOEVENTFD_FLAG_DEASSIGN));
}

static int route(uint32_t gsi, uint32_t type, uint32_t flags)
{
	union { struct kvm_irq_routing h; char room[128]; } r = { .room = { 0 } };

	r.h.nr = 1;
	r.h.entries[0] = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = type, .flags = flags };
	if (type == KVM_IRQ_ROUTING_MSI)
		r.h.entries[0].u.msi.address_lo = 0xfee00000;
	return ioctl(b.vm, KVM_SET_GSI_ROUTING, &r);
}

static void routes_take_device_ids_for_msis_only(void)
{
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0x50, .flags = KVM_MSI_VALID_DEVID };

	CHECK(box_open(&b, true, halt, sizeof(halt)));
	CHECK(!cap(b.vm, KVM_CAP_MSI_DEVID));
	CHECK(!route(30, KVM_IRQ_ROUTING_MSI, KVM_MSI_VALID_DEVID));
	FAILS(EINVAL, route(30, KVM_IRQ_ROUTING_MSI, 2));
	FAILS(EINVAL, route(3, KVM_IRQ_ROUTING_IRQCHIP, KVM_MSI_VALID_DEVID));
	FAILS(EINVAL, route(4096, KVM_IRQ_ROUTING_MSI, 0));
	CHECK(ioctl(b.vm, KVM_SIGNAL_MSI, &m) >= 0);
	m.flags = 2;
	FAILS(EINVAL, ioctl(b.vm, KVM_SIGNAL_MSI, &m));
}

/* --- how many, what kinds --- */

static void vcpu_ids_can_be_limited(void)
{
	int max = cap(open("/dev/kvm", O_RDWR), KVM_CAP_MAX_VCPU_ID);

	CHECK(max >= 1024);
	CHECK(box_open(&b, false, halt, sizeof(halt)));
	/* The first vCPU settled it. */
	FAILS(EINVAL, enable(KVM_CAP_MAX_VCPU_ID, 8));
	CHECK(!enable(KVM_CAP_MAX_VCPU_ID, max));
	FAILS(EINVAL, ioctl(b.vm, KVM_CREATE_VCPU, max));
	CHECK(ioctl(b.vm, KVM_CREATE_VCPU, max - 1) >= 0);
	FAILS(EEXIST, ioctl(b.vm, KVM_CREATE_VCPU, max - 1));
	b.vm = ioctl(b.sys, KVM_CREATE_VM, 0);
	FAILS(EINVAL, enable(KVM_CAP_MAX_VCPU_ID, max + 1));
	CHECK(!enable(KVM_CAP_MAX_VCPU_ID, 8));
	CHECK(!enable(KVM_CAP_MAX_VCPU_ID, 8));
	FAILS(EINVAL, enable(KVM_CAP_MAX_VCPU_ID, 9));
	FAILS(EINVAL, ioctl(b.vm, KVM_CREATE_VCPU, 8));
	CHECK(ioctl(b.vm, KVM_CREATE_VCPU, 7) >= 0);
}

static void vcpus_by_the_hundred(void)
{
	int n = cap(open("/dev/kvm", O_RDWR), KVM_CAP_MAX_VCPUS);

	CHECK(n >= 288);
	CHECK(box_open(&b, true, halt, sizeof(halt)));
	for (int i = 1; i < 288; i++)
		CHECK(ioctl(b.vm, KVM_CREATE_VCPU, i) >= 0);
}

static void attributes_of_the_system(void)
{
	uint64_t val = 0;
	struct kvm_device_attr a = { .attr = KVM_X86_XCOMP_GUEST_SUPP, .addr = (uintptr_t)&val };

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(cap(b.sys, KVM_CAP_SYS_ATTRIBUTES) == 1);
	CHECK(!ioctl(b.sys, KVM_HAS_DEVICE_ATTR, &a));
	CHECK(!ioctl(b.sys, KVM_GET_DEVICE_ATTR, &a) && (val & 3) == 3);
	a.addr = 16;
	FAILS(EFAULT, ioctl(b.sys, KVM_GET_DEVICE_ATTR, &a));
	a.attr = 1;
	FAILS(ENXIO, ioctl(b.sys, KVM_HAS_DEVICE_ATTR, &a));
	a.group = 1;
	FAILS(ENXIO, ioctl(b.sys, KVM_GET_DEVICE_ATTR, &a));
	FAILS(EINVAL, ioctl(b.sys, KVM_SET_DEVICE_ATTR, &a));
}

static void attributes_of_a_vcpu(void)
{
	int64_t val = 0;
	struct kvm_device_attr a = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
				     .addr = (uintptr_t)&val };

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(!ioctl(b.cpu, KVM_HAS_DEVICE_ATTR, &a));
	CHECK(!ioctl(b.cpu, KVM_GET_DEVICE_ATTR, &a));
	val -= 1000000;
	CHECK(!ioctl(b.cpu, KVM_SET_DEVICE_ATTR, &a));
	a.attr = 9;
	FAILS(ENXIO, ioctl(b.cpu, KVM_HAS_DEVICE_ATTR, &a));
}

static void pmu_filters_are_checked(void)
{
	union { struct kvm_pmu_event_filter h; char room[64]; } f = { .room = { 0 } };

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(cap(b.sys, KVM_CAP_PMU_EVENT_FILTER) == 1);
	CHECK(!ioctl(b.vm, KVM_SET_PMU_EVENT_FILTER, &f));
	f.h.action = 2;
	FAILS(EINVAL, ioctl(b.vm, KVM_SET_PMU_EVENT_FILTER, &f));
	f.h.action = 0;
	f.h.nevents = 301;
	FAILS(E2BIG, ioctl(b.vm, KVM_SET_PMU_EVENT_FILTER, &f));
}

/* What is not there says so. */
static void what_is_left_out_is_refused(void)
{
	static const unsigned long vm_calls[] = {
		KVM_MEMORY_ENCRYPT_OP, KVM_PPC_ALLOCATE_HTAB, KVM_S390_UCAS_MAP, 0xaeff,
	};
	struct kvm_create_device dev = { .type = 99 };
	struct kvm_enable_cap no_cap = { .cap = 9999 };
	static char room[4096];

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	for (unsigned int i = 0; i < ARRAY(vm_calls); i++)
		FAILS(ENOTTY, ioctl(b.vm, vm_calls[i], room));
	FAILS(EINVAL, ioctl(b.sys, 0xaeff, 0));
	FAILS(EINVAL, ioctl(b.cpu, 0xaeff, 0));
	FAILS(ENODEV, ioctl(b.vm, KVM_CREATE_DEVICE, &dev));
	FAILS(EINVAL, enable(KVM_CAP_XEN_HVM, 0));
	FAILS(EINVAL, enable(KVM_CAP_VM_COPY_ENC_CONTEXT_FROM, b.vm));
	FAILS(EINVAL, enable(KVM_CAP_X86_NOTIFY_VMEXIT, 1));
	FAILS(EINVAL, enable(9999, 0));
	FAILS(EINVAL, ioctl(b.cpu, KVM_ENABLE_CAP, &no_cap));
	no_cap.cap = KVM_CAP_HYPERV_DIRECT_TLBFLUSH;
	FAILS(ENOTTY, ioctl(b.cpu, KVM_ENABLE_CAP, &no_cap));
	CHECK(!enable(KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1));
	FAILS(EINVAL, enable(KVM_CAP_EXIT_ON_EMULATION_FAILURE, 2));
	CHECK(!enable(KVM_CAP_HALT_POLL, 0));
	FAILS(EINVAL, enable(KVM_CAP_HALT_POLL, 1ull << 32));
	CHECK(!cap(b.sys, 9999) && !cap(b.sys, KVM_CAP_PPC_HTM));
}

static void run_says_where_the_apic_is(void)
{
	struct kvm_sregs s;

	CHECK(box_open(&b, false, halt, sizeof(halt)));
	CHECK(!box_run(&b) && b.run->apic_base == 0xfee00900);
	CHECK(!ioctl(b.cpu, KVM_GET_SREGS, &s));
	s.apic_base = 0xfed00800;
	CHECK(!ioctl(b.cpu, KVM_SET_SREGS, &s));
	CHECK(!box_run(&b) && b.run->apic_base == 0xfed00800);
}

static const struct plain_test tests[] = {
	T(machine_check_is_delivered), T(machine_check_without_cr4_mce_shuts_down),
	T(corrected_errors_are_only_logged), T(machine_check_reporting_can_be_off),
	T(cpuid_of_the_first_form), T(emulated_cpuid_is_movbe_and_rdpid), T(pit_of_the_first_form),
	T(lost_ticks_can_be_left_lost), T(coalesced_ports_wait_in_the_ring),
	T(split_locks_can_end_the_run), T(hypercalls_can_go_to_user_space),
	T(halting_can_stay_in_the_guest), T(stepping_can_keep_interrupts_out),
	T(exceptions_of_a_debugger), T(tables_outside_memory_are_no_device),
	T(pdptrs_move_with_sregs2), T(an_irqfd_is_its_file), T(an_ioeventfd_is_its_file),
	T(routes_take_device_ids_for_msis_only), T(vcpu_ids_can_be_limited), T(vcpus_by_the_hundred),
	T(attributes_of_the_system), T(attributes_of_a_vcpu), T(pmu_filters_are_checked),
	T(what_is_left_out_is_refused), T(run_says_where_the_apic_is),
};

int main(int argc, char **argv)
{
	return plain_main(tests, ARRAY(tests), argc, argv);
}
