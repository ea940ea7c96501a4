// SPDX-License-Identifier: GPL-2.0-or-later
/* ram.c - guest RAM: one memfd, mapped region by region. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vmm/ram.h"

/* Shared, not private: another process can map the same pages later. */
static int region_add(struct ram *r, u64 gpa, u64 len, u64 off)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		       r->memfd, off);

	if (p == MAP_FAILED)
		return -errno;
	/* A host without THP for shared memory answers EINVAL: no matter. */
	(void)madvise(p, len, MADV_HUGEPAGE);
	(void)madvise(p, len, MADV_DONTDUMP);
	r->region[r->n++] = (struct ram_region){ .gpa = gpa, .len = len, .hva = p };
	return 0;
}

int ram_init(struct ram *r, u64 size, u64 low_end, u64 high_base)
{
	u64 low = min(size, low_end);
	int err;

	*r = (struct ram){ .memfd = -1 };
	r->memfd = memfd_create("kvist-ram", MFD_CLOEXEC);
	if (r->memfd < 0)
		return -errno;
	if (ftruncate(r->memfd, size) < 0) {
		err = -errno;
		goto fail;
	}
	err = region_add(r, 0, low, 0);
	if (!err && size > low)
		err = region_add(r, high_base, size - low, low);
	if (err)
		goto fail;
	return 0;
fail:
	ram_fini(r);
	return err;
}

void ram_fini(struct ram *r)
{
	while (r->n) {
		r->n--;
		munmap(r->region[r->n].hva, r->region[r->n].len);
	}
	if (r->memfd > 0)
		close(r->memfd);
	r->memfd = -1;
}

static const struct ram_region *region_at(const struct ram *r, u64 gpa)
{
	for (unsigned int i = 0; i < r->n; i++)
		if (gpa - r->region[i].gpa < r->region[i].len && gpa >= r->region[i].gpa)
			return &r->region[i];
	return NULL;
}

void *ram_ptr(const struct ram *r, u64 gpa, size_t n)
{
	const struct ram_region *g = region_at(r, gpa);

	if (!g || n > g->len - (gpa - g->gpa))
		return NULL;
	return g->hva + (gpa - g->gpa);
}

int ram_read(const struct ram *r, u64 gpa, void *buf, size_t n)
{
	const void *p;

	if (!n)
		return 0;
	p = ram_ptr(r, gpa, n);
	if (!p)
		return -EFAULT;
	memcpy(buf, p, n);
	return 0;
}

int ram_write(struct ram *r, u64 gpa, const void *buf, size_t n)
{
	void *p;

	if (!n)
		return 0;
	p = ram_ptr(r, gpa, n);
	if (!p)
		return -EFAULT;
	memcpy(p, buf, n);
	return 0;
}
