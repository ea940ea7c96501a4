/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fds - /dev/kvm and its descriptors as files: opened, copied, mapped, closed,
 * waited for, inherited. */
#include <linux/openat2.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include "tests/api/plain.h"

/* out 80h, al; hlt */
static const uint8_t talk[] = { 0xe6, 0x80, 0xf4 };
/* out 80h, al; jmp back */
static const uint8_t chatter[] = { 0xe6, 0x80, 0xeb, 0xfc };
/* inc word [2000h]; jmp back */
static const uint8_t spin[] = { 0xff, 0x06, 0x00, 0x20, 0xeb, 0xfa };

static struct box b;

static int dev(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

static bool is_kvm(int fd)
{
	return ioctl(fd, KVM_GET_API_VERSION, 0) == 12;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void opens_in_every_way(void)
{
	int dir = open("/dev", O_RDONLY | O_DIRECTORY), fd[7];

	fd[0] = open("/dev/kvm", O_RDWR);
	fd[1] = open64("/dev/kvm", O_RDWR);
	fd[2] = openat(AT_FDCWD, "/dev/kvm", O_RDWR);
	fd[3] = openat64(-1, "/dev/kvm", O_RDWR);
	fd[4] = openat(dir, "kvm", O_RDWR);
	fd[5] = open("//dev//kvm", O_RDWR);
	CHECK(!chdir("/dev"));
	fd[6] = open("kvm", O_RDWR);
	for (int i = 0; i < 7; i++) {
		CHECK(fd[i] >= 0 && is_kvm(fd[i]));
		for (int j = 0; j < i; j++)
			CHECK(fd[i] != fd[j]);
	}
}

static void open_flags_are_kept(void)
{
	int a = open("/dev/kvm", O_RDWR), c = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	CHECK(!(fcntl(a, F_GETFD) & FD_CLOEXEC));
	CHECK(fcntl(c, F_GETFD) & FD_CLOEXEC);
	CHECK((fcntl(a, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(!ioctl(a, FIOCLEX) && fcntl(a, F_GETFD) & FD_CLOEXEC);
	FAILS(ENOTDIR, open("/dev/kvm", O_RDONLY | O_DIRECTORY));
	FAILS(EEXIST, open("/dev/kvm", O_RDWR | O_CREAT | O_EXCL, 0600));
}

static void opens_as_a_stream(void)
{
	FILE *f = fopen("/dev/kvm", "r+e"), *g = fopen("/dev/kvm", "r");
	int fd;

	CHECK(f && g && is_kvm(fileno(f)) && is_kvm(fileno(g)));
	CHECK(fcntl(fileno(f), F_GETFD) & FD_CLOEXEC && !(fcntl(fileno(g), F_GETFD) & FD_CLOEXEC));
	fd = fileno(g);
	CHECK(!fclose(g));
	FAILS(EBADF, ioctl(fd, KVM_GET_API_VERSION, 0));
	CHECK(open("/dev/null", O_RDWR) == fd);
	FAILS(ENOTTY, ioctl(fd, KVM_GET_API_VERSION, 0));
	CHECK(is_kvm(fileno(f)));
	g = fopen("/dev/null", "r");
	CHECK(g && !fclose(g));
}

/* syscall(2), as programs do that are older than a function, or newer. */
static void calls_by_number_are_the_same(void)
{
	struct open_how how = { .flags = O_RDWR | O_CLOEXEC };
	int fd[3], low;
	char *p;

	fd[0] = syscall(SYS_openat, AT_FDCWD, "/dev/kvm", O_RDWR);
	fd[1] = syscall(SYS_openat2, AT_FDCWD, "/dev/kvm", &how, sizeof(how));
	fd[2] = syscall(SYS_dup, fd[0]);
	for (int i = 0; i < 3; i++) {
		CHECK(fd[i] >= 0 && syscall(SYS_ioctl, fd[i], KVM_GET_API_VERSION, 0) == 12);
		CHECK(is_kvm(fd[i]) && !syscall(SYS_close, fd[i]));
		FAILS(EBADF, syscall(SYS_ioctl, fd[i], KVM_GET_API_VERSION, 0));
	}
	CHECK(syscall(SYS_getpid) == getpid());
	FAILS(ENOSYS, syscall(100000));
	CHECK(box_open(&b, true, talk, sizeof(talk)));
	p = (char *)syscall(SYS_mmap, NULL, b.run_size, PROT_READ, MAP_SHARED, b.cpu, 0);
	CHECK(p != MAP_FAILED);
	CHECK(!syscall(SYS_ioctl, b.cpu, KVM_RUN, 0));
	CHECK(((struct kvm_run *)p)->exit_reason == KVM_EXIT_IO);
	low = b.sys < b.vm ? b.sys : b.vm;
	CHECK(!syscall(SYS_close_range, low, ~0u, 0));
	FAILS(EBADF, ioctl(b.cpu, KVM_RUN, 0));
	CHECK(box_open(&b, true, talk, sizeof(talk)));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
}

static void other_files_are_left_alone(void)
{
	int fd;

	FAILS(ENOENT, open("/dev/kvm2", O_RDWR));
	FAILS(ENOTDIR, open("/dev/kvm/x", O_RDWR));
	FAILS(ENOENT, open("kvm-is-not-here", O_RDWR));
	FAILS(EFAULT, open((const char *)16, O_RDWR));
	CHECK(box_open(&b, false, talk, sizeof(talk)));
	fd = open("/dev/null", O_RDWR);
	FAILS(ENOTTY, ioctl(fd, KVM_GET_API_VERSION, 0));
	FAILS(EBADF, ioctl(-1, KVM_GET_API_VERSION, 0));
	close(fd);
	FAILS(EBADF, ioctl(fd, KVM_GET_API_VERSION, 0));
}

static void stat_says_a_character_device(void)
{
	struct statx sx;
	struct stat st;
	int fd = dev();

	CHECK(!stat("/dev/kvm", &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 232));
	CHECK(!lstat("/dev/kvm", &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 232));
	CHECK(!fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 232));
	CHECK(!fstatat(AT_FDCWD, "/dev/kvm", &st, 0) && st.st_rdev == makedev(10, 232));
	CHECK(!statx(AT_FDCWD, "/dev/kvm", 0, STATX_BASIC_STATS, &sx));
	CHECK(S_ISCHR(sx.stx_mode) && sx.stx_rdev_major == 10 && sx.stx_rdev_minor == 232);
	CHECK(!statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) && S_ISCHR(sx.stx_mode));
	CHECK(!access("/dev/kvm", F_OK) && !access("/dev/kvm", R_OK | W_OK));
	CHECK(!faccessat(AT_FDCWD, "/dev/kvm", R_OK | W_OK, AT_EACCESS));
	CHECK(!eaccess("/dev/kvm", R_OK | W_OK));
	FAILS(ENOENT, access("/dev/kvm2", F_OK));
	FAILS(ENOENT, stat("/dev/kvm2", &st));
}

static void made_descriptors_close_on_exec(void)
{
	CHECK(box_open(&b, false, talk, sizeof(talk)));
	CHECK(fcntl(b.vm, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(b.cpu, F_GETFD) & FD_CLOEXEC);
}

static void copies_are_the_same_thing(void)
{
	int d[5];

	CHECK(box_open(&b, false, chatter, sizeof(chatter)));
	d[0] = dup(b.cpu);
	d[1] = dup2(b.cpu, 100);
	d[2] = dup3(b.cpu, 101, O_CLOEXEC);
	d[3] = fcntl(b.cpu, F_DUPFD, 110);
	d[4] = fcntl(b.cpu, F_DUPFD_CLOEXEC, 110);
	CHECK(d[1] == 100 && d[2] == 101 && d[3] >= 110 && d[4] > d[3]);
	CHECK(dup2(b.cpu, b.cpu) == b.cpu);
	FAILS(EINVAL, dup3(b.cpu, b.cpu, 0));
	FAILS(EBADF, dup2(-1, 5));
	CHECK(!close(b.cpu));
	FAILS(EBADF, ioctl(b.cpu, KVM_RUN, 0));
	for (int i = 0; i < 5; i++) {
		CHECK(!ioctl(d[i], KVM_RUN, 0) && b.run->exit_reason == KVM_EXIT_IO);
		CHECK(!close(d[i]));
	}
	FAILS(EBADF, ioctl(d[4], KVM_RUN, 0));
	/* A file over a VM's descriptor, and a VM's over a file's. */
	d[0] = open("/dev/null", O_RDWR);
	d[1] = dup(b.vm);
	CHECK(dup2(d[0], d[1]) == d[1]);
	FAILS(ENOTTY, ioctl(d[1], KVM_CHECK_EXTENSION, 0));
	CHECK(dup2(b.vm, d[0]) == d[0]);
	CHECK(ioctl(d[0], KVM_CHECK_EXTENSION, KVM_CAP_CHECK_EXTENSION_VM) == 1);
}

static void vm_lives_as_long_as_a_vcpu(void)
{
	CHECK(box_open(&b, false, talk, sizeof(talk)));
	close(b.sys);
	close(b.vm);
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
	CHECK(!munmap(b.run, b.run_size));
	b.run = mmap(NULL, b.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, b.cpu, 0);
	CHECK(b.run != MAP_FAILED && b.run->exit_reason == KVM_EXIT_IO);
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_HLT);
	CHECK(!close(b.cpu));
	CHECK(b.run->exit_reason == KVM_EXIT_HLT);
}

static void numbers_are_used_again(void)
{
	for (int i = 0; i < 20; i++) {
		CHECK(box_open(&b, i & 1, talk, sizeof(talk)));
		CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
		box_close(&b);
		CHECK(!is_open(b.vm) && !is_open(b.cpu) && !is_open(b.sys));
	}
}

static long resident_kib(void)
{
	long total, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &total, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4;
}

static int open_files(void)
{
	int n = 0;

	for (int i = 0; i < 1024; i++)
		n += is_open(i);
	return n;
}

static void nothing_is_left_behind(void)
{
	long before = 0;
	int files = 0;

	for (int i = 0; i < 300; i++) {
		CHECK(box_open(&b, true, talk, sizeof(talk)));
		CHECK(ioctl(b.vm, KVM_CREATE_VCPU, 1) == b.cpu + 1);
		CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
		close(b.cpu + 1);
		box_close(&b);
		if (i == 50) {
			before = resident_kib();
			files = open_files();
		}
	}
	CHECK(open_files() == files);
	CHECK(resident_kib() < before + 2048);
}

static void maps_as_kvm_does(void)
{
	int page = 4096, cpu2;
	char *p, *q;

	CHECK(box_open(&b, false, talk, sizeof(talk)));
	FAILS(ENODEV, mmap(NULL, page, PROT_READ, MAP_SHARED, b.sys, 0));
	FAILS(ENODEV, mmap(NULL, page, PROT_READ, MAP_SHARED, b.vm, 0));
	/* Pages alone, somewhere, twice. */
	p = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mmap(p + page, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, b.cpu, 0) ==
	      p + page);
	CHECK(!box_run(&b));
	CHECK(((struct kvm_run *)(p + page))->exit_reason == KVM_EXIT_IO);
	q = mmap(NULL, page, PROT_READ, MAP_SHARED, b.cpu, page);
	CHECK(q != MAP_FAILED && !memcmp(q, (char *)b.run + page, page));
	/* The coalesced ring is the VM's, whichever vCPU it is mapped from. */
	if (ioctl(b.sys, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO) != 2)
		return;
	cpu2 = ioctl(b.vm, KVM_CREATE_VCPU, 1);
	p = mmap(NULL, b.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu2, 0);
	q = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, cpu2, 2 * page);
	CHECK(p != MAP_FAILED && q != MAP_FAILED);
	((char *)b.run)[2 * page + 100] = 77;
	CHECK(p[2 * page + 100] == 77 && q[100] == 77);
	((char *)b.run)[page + 100] = 77;
	CHECK(p[page + 100] != 77);
}

static void kvm_run_can_be_moved(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_run *old;

	CHECK(box_open(&b, false, talk, sizeof(talk)));
	old = b.run;
	b.run = mremap(old, b.run_size, b.run_size, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	CHECK((char *)b.run == p);
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
	CHECK(!munmap(b.run, b.run_size));
	CHECK(!box_run(&b));
}

/* The number of an eventfd says nothing once it is given to KVM. */
static void eventfd_may_be_closed(void)
{
	/* PIC: all but IRQ 0 masked; out to 81h; sti; hlt */
	static const uint8_t waits[] = {
		0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21,
		0xb0, 0x01, 0xe6, 0x21, 0xb0, 0xfe, 0xe6, 0x21, 0xe6, 0x81, 0xfb, 0xf4, 0xeb, 0xfd,
	};
	struct kvm_irqfd f = { .gsi = 0 };
	uint64_t one = 1;

	CHECK(box_open(&b, true, waits, sizeof(waits)));
	memcpy(b.ram + 0x20 * 4, (uint16_t[]){ 0x3000, 0 }, 4);
	memcpy(b.ram + 0x3000, talk, sizeof(talk));
	/* An interrupt before the PIC is set up would be lost. */
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO && b.run->io.port == 0x81);
	f.fd = eventfd(0, 0);
	CHECK(!ioctl(b.vm, KVM_IRQFD, &f));
	FAILS(EBUSY, ioctl(b.vm, KVM_IRQFD, &f));
	CHECK(!close(f.fd));
	CHECK(eventfd(0, 0) == (int)f.fd);
	CHECK(write(f.fd, &one, 8) == 8);
	CHECK(!ioctl(b.vm, KVM_IRQFD, &f));	/* what was written before counts */
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO && b.run->io.port == 0x80);
	CHECK(!close(f.fd));
	f.flags = KVM_IRQFD_FLAG_DEASSIGN;
	FAILS(EBADF, ioctl(b.vm, KVM_IRQFD, &f));
}

static bool header_of_stats(int of)
{
	struct kvm_stats_header h = { 0 };
	int fd = ioctl(of, KVM_GET_STATS_FD, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool good = fd >= 0 && read(fd, &h, sizeof(h)) == sizeof(h) && h.num_desc && h.name_size &&
		    poll(&p, 1, 0) == 1;

	return !close(fd) && good;
}

static void statistics_survive_closing_all_others(void)
{
	CHECK(box_open(&b, true, talk, sizeof(talk)));
	CHECK(header_of_stats(b.vm) && header_of_stats(b.cpu));
	for (int i = 3; i < 1024; i++)
		if (i != b.sys && i != b.vm && i != b.cpu)
			close(i);
	CHECK(header_of_stats(b.vm) && header_of_stats(b.cpu));
}

static void always_ready(void)
{
	int fd[3], e = epoll_create1(0);

	CHECK(box_open(&b, false, talk, sizeof(talk)));
	fd[0] = b.sys, fd[1] = b.vm, fd[2] = b.cpu;
	for (int i = 0; i < 3; i++) {
		struct pollfd p = { .fd = fd[i], .events = POLLIN | POLLOUT };
		struct epoll_event ev = { .events = EPOLLIN };
		fd_set s;

		CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
		FD_ZERO(&s);
		FD_SET(fd[i], &s);
		CHECK(select(fd[i] + 1, &s, NULL, NULL, &(struct timeval){ 0 }) == 1);
		FAILS(EPERM, epoll_ctl(e, EPOLL_CTL_ADD, fd[i], &ev));
	}
}

static void two_vms_side_by_side(void)
{
	struct box c;

	CHECK(box_open(&b, false, talk, sizeof(talk)));
	CHECK(box_add(&c, b.sys, true, talk, sizeof(talk)));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
	CHECK(c.run->exit_reason == 0);
	b.run->exit_reason = 99;
	CHECK(!box_run(&c) && c.run->exit_reason == KVM_EXIT_IO);
	CHECK(b.run->exit_reason == 99);
	close(c.cpu);
	close(c.vm);
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_HLT);
}

static void close_range_closes(void)
{
	int keep = eventfd(0, 0), low;

	CHECK(dup2(keep, 90) == 90);
	CHECK(box_open(&b, true, talk, sizeof(talk)));
	low = b.sys < b.vm ? b.sys : b.vm;
	CHECK(!close_range(low, 80, 0));
	FAILS(EBADF, ioctl(b.sys, KVM_GET_API_VERSION, 0));
	FAILS(EBADF, ioctl(b.vm, KVM_CHECK_EXTENSION, 0));
	FAILS(EBADF, ioctl(b.cpu, KVM_RUN, 0));
	CHECK(is_open(90));
	CHECK(box_open(&b, true, talk, sizeof(talk)));
	CHECK(!close_range(3, ~0u, CLOSE_RANGE_CLOEXEC));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
	FAILS(EINVAL, close_range(5, 4, 0));
	/* As daemons do; what the VM needs inside must not go with it. */
	for (int i = 3; i < 1024; i++)
		if (i != b.sys && i != b.vm && i != b.cpu)
			close(i);
	FAILS(EINVAL, ioctl(b.cpu, KVM_RUN, 1));
	closefrom(3);
	for (int i = 3; i < 1024; i++)
		CHECK(ioctl(i, KVM_GET_API_VERSION, 0) < 0);
	CHECK(box_open(&b, false, talk, sizeof(talk)));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
}

/* What the engine has inside is not the program's to close. */
static void halting_works_after_closing_all_others(void)
{
	static const uint8_t halted[] = { 0xfa, 0xf4 };
	struct kvm_regs r = { .rip = CODE, .rflags = 2 };

	CHECK(box_open(&b, true, halted, sizeof(halted)));
	for (int i = 3; i < 70000; i++)
		if (i != b.sys && i != b.vm && i != b.cpu)
			close(i);
	/* An NMI wakes it, its handler says so. */
	memcpy(b.ram + 2 * 4, (uint16_t[]){ 0x3000, 0 }, 4);
	memcpy(b.ram + 0x3000, talk, sizeof(talk));
	CHECK(!ioctl(b.cpu, KVM_SET_REGS, &r));
	CHECK(!ioctl(b.cpu, KVM_NMI, 0));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
	b.run->immediate_exit = 1;
	FAILS(EINTR, box_run(&b));
}

static int in_child(void (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(10);
		fn();
		if (*plain_why)
			fprintf(stderr, "child: %s\n", plain_why);
		_exit(*plain_why ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void child_of_fork(void)
{
	struct kvm_regs r;
	struct box c;

	FAILS(EIO, ioctl(b.cpu, KVM_GET_REGS, &r));
	FAILS(EIO, ioctl(b.cpu, KVM_RUN, 0));
	FAILS(EIO, ioctl(b.vm, KVM_CREATE_VCPU, 7));
	CHECK(is_kvm(b.sys));
	/* A VM of its own, with what is inherited. */
	CHECK(box_add(&c, b.sys, true, talk, sizeof(talk)));
	CHECK(!box_run(&c) && c.run->exit_reason == KVM_EXIT_IO);
	CHECK(!close(b.cpu) && !close(b.vm));
	FAILS(EBADF, ioctl(b.cpu, KVM_RUN, 0));
	CHECK(!close(c.cpu) && !close(c.vm));
}

static void forked_child_has_vms_of_its_own(void)
{
	CHECK(box_open(&b, true, talk, sizeof(talk)));
	CHECK(!in_child(child_of_fork));
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
	CHECK(!in_child(child_of_fork));
}

static volatile int stop;

static void nothing(int sig)
{
}

static void *spin_main(void *arg)
{
	while (!stop && !box_run(&b))
		;
	return NULL;
}

struct extra {
	pthread_t t;
	int id;
};

/* One more vCPU of the same VM, made and run here. */
static void *extra_main(void *arg)
{
	struct extra *e = arg;
	struct kvm_regs r = { .rip = 0x3000, .rflags = 2 };
	struct box c = b;

	for (int i = 0; i < 20 && !*plain_why; i++) {
		c.cpu = ioctl(b.vm, KVM_CREATE_VCPU, e->id * 20 + i);
		c.run = mmap(NULL, b.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c.cpu, 0);
		if (c.cpu < 0 || c.run == MAP_FAILED) {
			strcpy(plain_why, "no vCPU for a thread");
			break;
		}
		struct kvm_sregs s;

		if (ioctl(c.cpu, KVM_GET_SREGS, &s))
			break;
		s.cs.base = s.cs.selector = 0;
		if (ioctl(c.cpu, KVM_SET_SREGS, &s) || ioctl(c.cpu, KVM_SET_REGS, &r) || box_run(&c) ||
		    c.run->exit_reason != KVM_EXIT_IO)
			strcpy(plain_why, "a vCPU of a thread did not run");
		munmap(c.run, b.run_size);
		close(c.cpu);
	}
	return NULL;
}

static void threads_add_vcpus_while_one_runs(void)
{
	struct extra e[3];
	pthread_t t;

	signal(SIGUSR1, nothing);
	CHECK(box_open(&b, false, spin, sizeof(spin)));
	memcpy(b.ram + 0x3000, talk, sizeof(talk));
	pthread_create(&t, NULL, spin_main, NULL);
	for (int i = 0; i < 3; i++) {
		e[i].id = i + 1;
		pthread_create(&e[i].t, NULL, extra_main, &e[i]);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(e[i].t, NULL);
	stop = 1;
	b.run->immediate_exit = 1;
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
	CHECK(*(uint16_t *)(b.ram + 0x2000));
}

static void child_uses_timers(void)
{
	/* PIC: all but IRQ 0 masked; PIT: mode 2; sti; hlt; then out 80h */
	static const uint8_t ticks[] = {
		0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21,
		0xb0, 0x01, 0xe6, 0x21, 0xb0, 0xfe, 0xe6, 0x21, 0xb0, 0x34, 0xe6, 0x43,
		0xb0, 0x00, 0xe6, 0x40, 0xb0, 0x10, 0xe6, 0x40, 0xfb, 0xf4, 0xeb, 0xfd,
	};
	struct kvm_pit_config cfg = { 0 };
	struct kvm_regs r = { .rip = CODE, .rsp = 0x8000, .rflags = 2 };
	struct box c;

	CHECK(box_add(&c, b.sys, true, ticks, sizeof(ticks)));
	CHECK(!ioctl(c.vm, KVM_CREATE_PIT2, &cfg));
	memcpy(c.ram + 0x20 * 4, (uint16_t[]){ 0x3000, 0 }, 4);
	memcpy(c.ram + 0x3000, talk, sizeof(talk));
	CHECK(!ioctl(c.cpu, KVM_SET_REGS, &r));
	CHECK(!box_run(&c) && c.run->exit_reason == KVM_EXIT_IO && c.run->io.port == 0x80);
}

/* Fork while a guest runs and threads of the engine are busy. */
static void fork_in_the_middle(void)
{
	pthread_t t;

	signal(SIGUSR1, nothing);
	CHECK(box_open(&b, true, spin, sizeof(spin)));
	child_uses_timers();
	CHECK(!*plain_why);
	pthread_create(&t, NULL, spin_main, NULL);
	for (int i = 0; i < 10; i++)
		CHECK(!in_child(child_uses_timers));
	stop = 1;
	b.run->immediate_exit = 1;
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
}

static void child_of_vfork_may_close(void)
{
	int status;
	pid_t pid;

	CHECK(box_open(&b, true, talk, sizeof(talk)));
	pid = vfork();
	if (!pid) {
		for (int i = 3; i < 200; i++)
			close(i);
		close_range(3, ~0u, 0);
		signal(SIGUSR1, SIG_DFL);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
	CHECK(is_kvm(b.sys));
}

static void commands_run_as_ever(void)
{
	CHECK(box_open(&b, true, talk, sizeof(talk)));
	CHECK(!system("exit 0"));
	CHECK(system("exit 3") == 3 << 8);
	CHECK(!box_run(&b) && b.run->exit_reason == KVM_EXIT_IO);
}

static void *open_and_close(void *arg)
{
	for (int i = 0; i < 30 && !*plain_why; i++) {
		struct box c;

		if (!box_open(&c, i & 1, talk, sizeof(talk)))
			break;
		if (box_run(&c) || c.run->exit_reason != KVM_EXIT_IO)
			strcpy(plain_why, "a VM of a thread did not run");
		box_close(&c);
	}
	return NULL;
}

static void threads_with_vms_of_their_own(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, open_and_close, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

static const struct plain_test tests[] = {
	T(opens_in_every_way), T(opens_as_a_stream), T(calls_by_number_are_the_same),
	T(open_flags_are_kept), T(other_files_are_left_alone),
	T(stat_says_a_character_device), T(made_descriptors_close_on_exec),
	T(copies_are_the_same_thing), T(vm_lives_as_long_as_a_vcpu), T(numbers_are_used_again),
	T(nothing_is_left_behind),
	T(maps_as_kvm_does), T(kvm_run_can_be_moved), T(eventfd_may_be_closed),
	T(statistics_survive_closing_all_others), T(threads_add_vcpus_while_one_runs), T(always_ready), T(two_vms_side_by_side), T(close_range_closes),
	T(halting_works_after_closing_all_others), T(forked_child_has_vms_of_its_own),
	T(fork_in_the_middle), T(child_of_vfork_may_close), T(commands_run_as_ever),
	T(threads_with_vms_of_their_own),
};

int main(int argc, char **argv)
{
	return plain_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
