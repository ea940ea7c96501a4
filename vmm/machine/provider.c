// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * provider.c - which KVM API runs the guest. A /dev/kvm without VT-x or AMD-V
 * behind it (a paravirtual one) answers rightly but crawls, so `auto` looks at
 * the processor first.
 */
#include <cpuid.h>
#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "vmm/machine/parts.h"

#define DEVICE	"/dev/kvm"

/* "VT-x", "AMD-V" or NULL. */
static const char *processor_has(void)
{
	unsigned int a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && c >> 5 & 1)
		return "VT-x";
	if (__get_cpuid(0x80000001, &a, &b, &c, &d) && c >> 2 & 1)
		return "AMD-V";
	return NULL;
}

/* A descriptor of version 12, or -errno. */
static int open_checked(const struct kvm_provider *p)
{
	int fd = p->open(p == &kvm_provider_device ? DEVICE : NULL);
	long v;

	if (fd < 0)
		return fd;
	v = p->ioctl(fd, KVM_GET_API_VERSION, NULL);
	if (v == KVM_API_VERSION)
		return fd;
	p->close(fd);
	return v < 0 ? v : -EPROTO;
}

static int choose_device(struct engine_choice *out)
{
	const char *hw = processor_has();
	int fd = open_checked(&kvm_provider_device);

	if (fd == -ENOENT)
		return fail(fd, "--engine kvm: " DEVICE "%s", hw ?
			    " (is the kvm module loaded?)" : "");
	if (fd == -EACCES)
		return fail(fd, "--engine kvm: " DEVICE " (are you in group kvm?)");
	if (fd < 0)
		return fail(fd, "--engine kvm: " DEVICE);
	*out = (struct engine_choice){ .kvm = &kvm_provider_device, .fd = fd };
	snprintf(out->why, sizeof(out->why), "engine kvm (" DEVICE ", %s)",
		 hw ? hw : "though this processor shows neither VT-x nor AMD-V");
	return 0;
}

static int choose_soft(struct engine_choice *out, const char *why)
{
	int fd = open_checked(&kvm_provider_soft);

	if (fd < 0)
		return fail(fd, "software engine");
	*out = (struct engine_choice){ .kvm = &kvm_provider_soft, .fd = fd };
	snprintf(out->why, sizeof(out->why), "engine soft (%s)", why);
	return 0;
}

static int choose_auto(struct engine_choice *out)
{
	const char *hw = processor_has();
	char why[120];
	int fd;

	if (!hw)
		return choose_soft(out, "this processor has neither VT-x nor AMD-V");
	fd = open_checked(&kvm_provider_device);
	if (fd < 0) {
		snprintf(why, sizeof(why), "%s is there, but " DEVICE " is not usable: %s", hw,
			 strerror(-fd));
		return choose_soft(out, why);
	}
	*out = (struct engine_choice){ .kvm = &kvm_provider_device, .fd = fd };
	snprintf(out->why, sizeof(out->why), "engine kvm (" DEVICE " with %s)", hw);
	return 0;
}

int engine_choose(const char *name, struct engine_choice *out)
{
	if (!strcmp(name, "kvm"))
		return choose_device(out);
	if (!strcmp(name, "soft"))
		return choose_soft(out, "as asked");
	return choose_auto(out);
}

/* --- kvist info --- */

static long cap(const struct kvm_provider *p, int fd, unsigned long which)
{
	return p->ioctl(fd, KVM_CHECK_EXTENSION, (void *)which);
}

static void info_provider(FILE *out, const struct kvm_provider *p, const char *title)
{
	int fd = open_checked(p);

	if (fd < 0) {
		fprintf(out, "%-12s not usable: %s\n", title, strerror(-fd));
		return;
	}
	fprintf(out, "%-12s KVM API %d, up to %ld vCPUs, %ld memory slots%s%s\n", title,
		KVM_API_VERSION, min(cap(p, fd, KVM_CAP_MAX_VCPUS), (long)MACHINE_VCPUS_MAX),
		cap(p, fd, KVM_CAP_NR_MEMSLOTS),
		cap(p, fd, KVM_CAP_IRQFD) > 0 ? ", irqfd" : "",
		cap(p, fd, KVM_CAP_IOEVENTFD) > 0 ? ", ioeventfd" : "");
	p->close(fd);
}

static void brand(char out[49])
{
	unsigned int r[12] = { 0 };

	for (unsigned int i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &r[i * 4], &r[i * 4 + 1], &r[i * 4 + 2],
			    &r[i * 4 + 3]);
	memcpy(out, r, 48);
	out[48] = 0;
}

void engine_info(FILE *out)
{
	const char *hw = processor_has();
	struct engine_choice c;
	struct utsname u;
	char name[49];

	brand(name);
	fprintf(out, "%-12s %s, %ld online\n", "processor", name + strspn(name, " "),
		sysconf(_SC_NPROCESSORS_ONLN));
	fprintf(out, "%-12s %s\n", "hardware", hw ? hw : "neither VT-x nor AMD-V");
	fprintf(out, "%-12s %ld MiB\n", "memory",
		(long)((u64)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) >> 20));
	if (!uname(&u))
		fprintf(out, "%-12s %s %s\n", "host", u.sysname, u.release);
	info_provider(out, &kvm_provider_device, DEVICE);
	info_provider(out, &kvm_provider_soft, "software");
	if (!choose_auto(&c)) {
		fprintf(out, "%-12s %s\n", "auto picks", c.why + strlen("engine "));
		c.kvm->close(c.fd);
	}
}
