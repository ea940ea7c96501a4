/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * soft_fd.c - the KVM API inside the process: descriptors that are real ones
 * (so that they can be passed, polled, closed and counted like any other), a
 * table that says which object each stands for, and the way into the core's
 * call tables.
 *
 * A VM lives as long as a descriptor of it or of one of its vCPUs is open.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/api/call.h"
#include "core/api/provider.h"
#include "core/vm.h"
#include "engine/engine.h"
#include "port/posix/fault.h"

#define RUN_BYTES	((size_t)API_VCPU_PAGES * 4096)
#define RING_PAGE	2u

enum soft_kind { SOFT_SYSTEM, SOFT_VM, SOFT_VCPU };

struct soft_obj {
	enum soft_kind kind;
	u32 refs;		/* guarded by fds.lock */
	struct vm *vm;
	struct vcpu *vcpu;
	struct soft_obj *owner;	/* a vCPU's VM: counted */
	/* of a VM: */
	struct kvm_run *run[VM_VCPUS_MAX];	/* in vm->lock's order of creation */
	int ring_fd;		/* first vCPU's memory, whose ring all share; or -1 */
};

static struct {
	pthread_mutex_t lock;	/* the table and all counts */
	struct soft_obj **obj;	/* by descriptor */
	u32 n;
} fds = { PTHREAD_MUTEX_INITIALIZER, NULL, 0 };

static int table_put(int fd, struct soft_obj *o)
{
	struct soft_obj **obj;
	u32 n;
	int err = 0;

	pthread_mutex_lock(&fds.lock);
	if ((u32)fd >= fds.n) {
		n = max((u32)fd + 1, fds.n * 2);
		obj = realloc(fds.obj, n * sizeof(*obj));
		if (obj) {
			memset(obj + fds.n, 0, (n - fds.n) * sizeof(*obj));
			fds.obj = obj;
			fds.n = n;
		} else {
			err = -ENOMEM;
		}
	}
	if (!err)
		fds.obj[fd] = o;
	pthread_mutex_unlock(&fds.lock);
	return err;
}

/* The object of a descriptor, counted; or NULL. */
static struct soft_obj *table_get(int fd)
{
	struct soft_obj *o = NULL;

	pthread_mutex_lock(&fds.lock);
	if (fd >= 0 && (u32)fd < fds.n)
		o = fds.obj[fd];
	if (o)
		o->refs++;
	pthread_mutex_unlock(&fds.lock);
	return o;
}

static struct soft_obj *table_take(int fd)
{
	struct soft_obj *o = NULL;

	pthread_mutex_lock(&fds.lock);
	if (fd >= 0 && (u32)fd < fds.n) {
		o = fds.obj[fd];
		fds.obj[fd] = NULL;
	}
	pthread_mutex_unlock(&fds.lock);
	return o;
}

static struct soft_obj *obj_new(enum soft_kind kind)
{
	struct soft_obj *o = host_alloc(sizeof(*o));

	if (o) {
		o->kind = kind;
		o->refs = 1;
		o->ring_fd = -1;
	}
	return o;
}

static void obj_free_vm(struct soft_obj *o)
{
	vm_free(o->vm);
	for (u32 i = 0; i < VM_VCPUS_MAX; i++)
		if (o->run[i])
			munmap(o->run[i], RUN_BYTES);
	if (o->ring_fd >= 0)
		close(o->ring_fd);
}

static void obj_put(struct soft_obj *o)
{
	struct soft_obj *owner;
	bool last;

	while (o) {
		pthread_mutex_lock(&fds.lock);
		last = !--o->refs;
		pthread_mutex_unlock(&fds.lock);
		if (!last)
			return;
		owner = o->owner;
		if (o->kind == SOFT_VM)
			obj_free_vm(o);
		host_free(o);
		o = owner;
	}
}

/* Bind a new descriptor to an object. On failure both are the caller's still. */
static int obj_open(struct soft_obj *o, int fd)
{
	int err;

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : -ENOMEM;
	err = table_put(fd, o);
	return err ? err : fd;
}

static int soft_open(const char *device)
{
	struct soft_obj *o = obj_new(SOFT_SYSTEM);
	int fd, r;

	if (!o)
		return -ENOMEM;
	fault_init();
	fd = eventfd(0, EFD_CLOEXEC);
	r = obj_open(o, fd);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		obj_put(o);
	}
	return r;
}

static long create_vm(unsigned long type)
{
	struct soft_obj *o;
	int fd = -1, r;

	if (type)
		return -EINVAL;
	o = obj_new(SOFT_VM);
	if (!o)
		return -ENOMEM;
	r = vm_new(&engine_soft, &o->vm);
	if (r < 0) {
		host_free(o);
		return r;
	}
	fd = eventfd(0, EFD_CLOEXEC);
	r = obj_open(o, fd);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		obj_put(o);
	}
	return r;
}

/* --- vCPUs --- */

/* Memory for kvm_run and what follows it, mapped for the core. */
static int run_new(struct kvm_run **run)
{
	int fd = memfd_create("kvist-vcpu", MFD_CLOEXEC);
	void *p;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, RUN_BYTES) < 0)
		goto fail;
	p = mmap(NULL, RUN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	*run = p;
	return fd;
fail:
	close(fd);
	return -ENOMEM;
}

/* The vCPU is the VM's from here on, descriptor or not. */
static int vcpu_adopt(struct soft_obj *vmo, u32 id, int fd, struct kvm_run *run,
		      struct vcpu **v)
{
	int err = vm_create_vcpu(vmo->vm, id, run, v);

	if (err)
		return err;
	pthread_mutex_lock(&fds.lock);
	vmo->run[(*v)->index] = run;
	if (!(*v)->index)
		vmo->ring_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	pthread_mutex_unlock(&fds.lock);
	return 0;
}

static long create_vcpu(struct soft_obj *vmo, unsigned long id)
{
	struct soft_obj *o;
	struct kvm_run *run = NULL;
	int fd, r;

	if (id >> 32)
		return -EINVAL;
	o = obj_new(SOFT_VCPU);
	if (!o)
		return -ENOMEM;
	fd = run_new(&run);
	if (fd < 0) {
		host_free(o);
		return fd;
	}
	/* An entry of its own first, so that nothing can fail afterwards. */
	r = table_put(fd, NULL);
	if (!r)
		r = vcpu_adopt(vmo, id, fd, run, &o->vcpu);
	if (r) {
		munmap(run, RUN_BYTES);
		close(fd);
		host_free(o);
		return r;
	}
	pthread_mutex_lock(&fds.lock);
	vmo->refs++;
	o->owner = vmo;
	pthread_mutex_unlock(&fds.lock);
	table_put(fd, o);
	return fd;
}

/* KVM_SET_SIGNAL_MASK for the time of KVM_RUN. */
static void mask_from(u64 bits, sigset_t *set)
{
	sigemptyset(set);
	for (int sig = 1; sig <= 64; sig++)
		if (bits >> (sig - 1) & 1)
			sigaddset(set, sig);
	/* The engine lives from these two. */
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
}

/* Is a signal waiting that mask would let through? */
static bool signal_waits(const sigset_t *mask)
{
	sigset_t pending;

	sigpending(&pending);
	for (int sig = 1; sig <= 64; sig++)
		if (sigismember(&pending, sig) == 1 && sigismember(mask, sig) == 0)
			return true;
	return false;
}

static long run_masked(struct vcpu *v, void *arg)
{
	sigset_t mask, old;
	long r;

	mask_from(v->sigmask, &mask);
	if (signal_waits(&mask)) {
		v->run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	r = api_dispatch(&vcpu_calls, v, KVM_RUN, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static long vcpu_ioctl(struct vcpu *v, u32 req, void *arg)
{
	long r;

	host_mutex_lock(&v->lock);
	if (req == KVM_RUN && v->sigmask_set)
		r = run_masked(v, arg);
	else
		r = api_dispatch(&vcpu_calls, v, req, arg);
	host_mutex_unlock(&v->lock);
	return r;
}

static long soft_ioctl(int fd, unsigned long req, void *arg)
{
	struct soft_obj *o = table_get(fd);
	u32 nr = (u32)req;
	long r;

	if (!o)
		return fcntl(fd, F_GETFD) < 0 ? -EBADF : -ENOTTY;
	if (o->kind == SOFT_VCPU)
		r = vcpu_ioctl(o->vcpu, nr, arg);
	else if (o->kind == SOFT_VM && nr == KVM_CREATE_VCPU)
		r = create_vcpu(o, (unsigned long)arg);
	else if (o->kind == SOFT_VM)
		r = api_dispatch(&vm_calls, o->vm, nr, arg);
	else if (nr == KVM_CREATE_VM)
		r = create_vm((unsigned long)arg);
	else
		r = api_dispatch(&system_calls, (void *)&engine_soft, nr, arg);
	obj_put(o);
	return r;
}

/* kvm_run is the vCPU's own memory, the ring behind it the VM's. */
static void *soft_mmap(int fd, size_t len)
{
	struct soft_obj *o = table_get(fd);
	int ring = -1;
	void *p;

	if (!o || o->kind != SOFT_VCPU || len > RUN_BYTES) {
		obj_put(o);
		return NULL;
	}
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (o->vcpu->index)
		ring = o->owner->ring_fd;
	if (p != MAP_FAILED && ring >= 0 && len == RUN_BYTES &&
	    mmap((u8 *)p + RING_PAGE * 4096, 4096, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, ring, RING_PAGE * 4096) == MAP_FAILED) {
		munmap(p, len);
		p = MAP_FAILED;
	}
	obj_put(o);
	return p == MAP_FAILED ? NULL : p;
}

static void soft_munmap(void *p, size_t len)
{
	if (p)
		munmap(p, len);
}

static int soft_close(int fd)
{
	struct soft_obj *o = table_take(fd);

	if (!o)
		return -EBADF;
	close(fd);
	obj_put(o);
	return 0;
}

const struct kvm_provider kvm_provider_soft = {
	.name = "soft",
	.open = soft_open,
	.ioctl = soft_ioctl,
	.mmap = soft_mmap,
	.munmap = soft_munmap,
	.close = soft_close,
};
