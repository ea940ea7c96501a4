/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/api/plain.h"

char plain_why[256];

#define MUST(cond) do { \
		if (!(cond)) { \
			snprintf(plain_why, sizeof(plain_why), "setting up: %s: %s", #cond, \
				 strerror(errno)); \
			return false; \
		} \
	} while (0)

bool box_add(struct box *b, int sys, bool irqchip, const void *code, size_t n)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM };
	struct kvm_regs regs = { .rip = CODE, .rsp = 0x8000, .rflags = 2 };
	struct kvm_sregs s;

	*b = (struct box){ .sys = sys, .vm = -1, .cpu = -1 };
	MUST((b->vm = ioctl(sys, KVM_CREATE_VM, 0)) >= 0);
	if (irqchip) {
		MUST(!ioctl(b->vm, KVM_SET_TSS_ADDR, 0xfffbd000));
		MUST(!ioctl(b->vm, KVM_CREATE_IRQCHIP, 0));
	}
	b->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(b->ram != MAP_FAILED);
	memcpy(b->ram + CODE, code, n);
	r.userspace_addr = (uintptr_t)b->ram;
	MUST(!ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &r));
	MUST((b->cpu = ioctl(b->vm, KVM_CREATE_VCPU, 0)) >= 0);
	b->run_size = ioctl(sys, KVM_GET_VCPU_MMAP_SIZE, 0);
	b->run = mmap(NULL, b->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, b->cpu, 0);
	MUST(b->run != MAP_FAILED);
	MUST(!ioctl(b->cpu, KVM_GET_SREGS, &s));
	s.cs.base = 0;
	s.cs.selector = 0;
	MUST(!ioctl(b->cpu, KVM_SET_SREGS, &s));
	MUST(!ioctl(b->cpu, KVM_SET_REGS, &regs));
	return true;
}

bool box_open(struct box *b, bool irqchip, const void *code, size_t n)
{
	int sys = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	MUST(sys >= 0);
	return box_add(b, sys, irqchip, code, n);
}

void box_close(struct box *b)
{
	if (b->run && b->run != MAP_FAILED)
		munmap(b->run, b->run_size);
	close(b->cpu);
	close(b->vm);
	close(b->sys);
	munmap(b->ram, RAM);
}

void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static int test_run(const struct plain_test *t)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(30);
		t->fn();
		if (*plain_why)
			printf("FAIL %s: %s\n", t->name, plain_why);
		else
			printf("ok %s\n", t->name);
		fflush(stdout);
		_exit(*plain_why ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	if (WIFSIGNALED(status))
		printf("FAIL %s: %s\n", t->name, strsignal(WTERMSIG(status)));
	return status != 0;
}

int plain_main(const struct plain_test *t, size_t n, int argc, char **argv)
{
	int bad = 0;

	for (size_t i = 0; i < n; i++)
		if (argc < 2 || !strcmp(argv[1], t[i].name))
			bad += test_run(&t[i]);
	return bad != 0;
}
