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
#include <sys/mman.h>
#include <unistd.h>
#include "core/api/call.h"
#include "core/api/provider.h"
#include "core/api/stats.h"
#include "core/vm.h"
#include "engine/engine.h"
#include "port/posix/fault.h"
#include "port/posix/soft_fd.h"

#define RUN_BYTES	((size_t)API_VCPU_PAGES * 4096)
#define RING_PAGE	2u
/* Mapped for the core: kvm_run and what follows, and the largest dirty ring. */
#define LOG_OFFSET	((size_t)KVM_DIRTY_LOG_PAGE_OFFSET * 4096)
#define MAP_BYTES	(LOG_OFFSET + DIRTY_RING_MAX * sizeof(struct kvm_dirty_gfn))

enum soft_kind { SOFT_SYSTEM, SOFT_VM, SOFT_VCPU, SOFT_FOREIGN };

struct soft_obj {
	enum soft_kind kind;
	u32 refs;		/* guarded by fds.lock */
	struct vm *vm;
	struct vcpu *vcpu;
	struct soft_obj *owner;	/* a vCPU's VM: counted */
	u8 *stats;		/* the statistics file's memory; NULL: none yet */
	int stats_fd;		/* and it, or -1 */
	pthread_t runner;	/* who was last in KVM_RUN, if running */
	u32 running, cancelled;	/* atomic */
	int ring_fd;		/* first vCPU's memory, whose ring all share; or -1 */
	struct kvm_run *run[];	/* of a VM: its vCPUs', in vm->lock's order of creation */
};

/* Higher descriptors there may be, but not of ours. */
#define FDS_MAX		(1u << 18)
#define REFS_FOREVER	(1u << 30)

static struct {
	pthread_mutex_t lock;	/* all counts, and who changes the table */
	struct soft_obj *obj[FDS_MAX];	/* by descriptor */
	u32 end;		/* none from here on */
} fds = { PTHREAD_MUTEX_INITIALIZER };

__thread struct soft_signal soft_signal;

/* Descriptor fd is o's from now on; what it was before is returned. */
static struct soft_obj *table_set(int fd, struct soft_obj *o)
{
	struct soft_obj *old = fds.obj[fd];

	__atomic_store_n(&fds.obj[fd], o, __ATOMIC_RELEASE);
	fds.end = max(fds.end, (u32)fd + 1);
	return old;
}

/* The object of a descriptor, counted; or NULL. */
static struct soft_obj *table_get(int fd)
{
	struct soft_obj *o;

	if (!soft_fd_is(fd))
		return NULL;
	pthread_mutex_lock(&fds.lock);
	o = fds.obj[fd];
	if (o)
		o->refs++;
	pthread_mutex_unlock(&fds.lock);
	return o;
}

static struct soft_obj *table_take(int fd)
{
	struct soft_obj *o;

	if (!soft_fd_is(fd))
		return NULL;
	pthread_mutex_lock(&fds.lock);
	o = table_set(fd, NULL);
	pthread_mutex_unlock(&fds.lock);
	return o;
}

static struct soft_obj *obj_new(enum soft_kind kind)
{
	size_t runs = kind == SOFT_VM ? VM_VCPUS_MAX * sizeof(struct kvm_run *) : 0;
	struct soft_obj *o = host_alloc(sizeof(*o) + runs);

	if (o) {
		o->kind = kind;
		o->refs = 1;
		o->ring_fd = -1;
		o->stats_fd = -1;
	}
	return o;
}

static void obj_free_vm(struct soft_obj *o)
{
	vm_free(o->vm);
	for (u32 i = 0; i < VM_VCPUS_MAX; i++)
		if (o->run[i])
			munmap(o->run[i], MAP_BYTES);
	if (o->ring_fd >= 0)
		close(o->ring_fd);
}

static void stats_free(struct soft_obj *o)
{
	if (o->stats_fd < 0)
		return;
	munmap(o->stats, STATS_BYTES_MAX);
	close(o->stats_fd);
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
		stats_free(o);
		host_free(o);
		o = owner;
	}
}

/* Why no file could be made, as KVM says it. */
static int no_fd(void)
{
	return errno == EMFILE || errno == ENFILE ? -errno : -ENOMEM;
}

/* A new descriptor for an object. It is a file of no length: always ready for
 * poll(2), and unknown to epoll(7), as KVM's are. */
static int obj_open(struct soft_obj *o, const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return no_fd();
	if (fd >= (int)FDS_MAX) {
		close(fd);
		return -EMFILE;
	}
	pthread_mutex_lock(&fds.lock);
	table_set(fd, o);
	pthread_mutex_unlock(&fds.lock);
	return fd;
}

static int soft_open(const char *device)
{
	struct soft_obj *o = obj_new(SOFT_SYSTEM);
	int fd;

	if (!o)
		return -ENOMEM;
	fault_init();
	fd = obj_open(o, "kvist-kvm");
	if (fd < 0)
		obj_put(o);
	return fd;
}

static long create_vm(unsigned long type)
{
	struct soft_obj *o;
	int fd;

	if (type)
		return -EINVAL;
	o = obj_new(SOFT_VM);
	if (!o)
		return -ENOMEM;
	fd = vm_new(&engine_soft, &o->vm);
	if (fd < 0) {
		host_free(o);
		return fd;
	}
	fd = obj_open(o, "kvist-vm");
	if (fd < 0)
		obj_put(o);
	return fd;
}

/* --- vCPUs --- */

/* Memory for kvm_run and what follows it, mapped for the core. */
static int run_new(struct kvm_run **run)
{
	int fd = memfd_create("kvist-vcpu", MFD_CLOEXEC);
	void *p;

	if (fd < 0)
		return -errno;
	if (fd >= (int)FDS_MAX) {
		close(fd);
		return -EMFILE;
	}
	if (ftruncate(fd, MAP_BYTES) < 0)
		goto fail;
	p = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
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
	/* Now it is known whether there is a dirty ring. */
	if (ftruncate(fd, vmo->vm->ring_bytes ? LOG_OFFSET + vmo->vm->ring_bytes : RUN_BYTES) < 0)
		host_log(HOST_WARN, "cannot shorten a vCPU's shared memory: %s", strerror(errno));
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
	r = vcpu_adopt(vmo, id, fd, run, &o->vcpu);
	if (r) {
		munmap(run, MAP_BYTES);
		close(fd);
		host_free(o);
		return r;
	}
	pthread_mutex_lock(&fds.lock);
	vmo->refs++;
	o->owner = vmo;
	table_set(fd, o);
	pthread_mutex_unlock(&fds.lock);
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
	/* What waits need not be let in: this run ends before it starts. */
	if (signal_waits(&mask)) {
		v->interrupted = true;
		return vcpu_dispatch(v, KVM_RUN, arg);
	}
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	r = vcpu_dispatch(v, KVM_RUN, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

void soft_signal_hit(void)
{
	struct vcpu *v = soft_signal.v;

	soft_signal.hit = true;
	if (!v)
		return;
	__atomic_store_n(&v->interrupted, true, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

static long run(struct soft_obj *o, void *arg)
{
	struct vcpu *v = o->vcpu;
	long r;

	v->interrupted = false;
	__atomic_store_n(&soft_signal.v, v, __ATOMIC_SEQ_CST);
	/* It may have come before this vCPU was known. */
	if (soft_signal.hit || __atomic_load_n(&o->cancelled, __ATOMIC_SEQ_CST))
		v->interrupted = true;
	r = v->sigmask_set ? run_masked(v, arg) : vcpu_dispatch(v, KVM_RUN, arg);
	__atomic_store_n(&soft_signal.v, NULL, __ATOMIC_SEQ_CST);
	return r;
}

/* --- statistics --- */

/* Readers see what was counted when the vCPU last left KVM_RUN. */
static void stats_write(struct soft_obj *o)
{
	if (!o->stats)
		return;
	if (o->kind == SOFT_VCPU)
		stats_vcpu(o->vcpu, o->stats);
	else
		stats_vm(o->vm, o->stats);
}

static int stats_new(struct soft_obj *o)
{
	u8 file[STATS_BYTES_MAX];
	u32 len = o->kind == SOFT_VCPU ? stats_vcpu(o->vcpu, file) : stats_vm(o->vm, file);
	int file_fd = memfd_create("kvist-stats", MFD_CLOEXEC), fd;
	void *p;

	if (file_fd < 0)
		return no_fd();
	/* Not a number that the program could close. */
	fd = fcntl(file_fd, F_DUPFD_CLOEXEC, 0);
	close(file_fd);
	if (fd < 0)
		return no_fd();
	p = mmap(NULL, STATS_BYTES_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || ftruncate(fd, len) < 0) {
		if (p != MAP_FAILED)
			munmap(p, STATS_BYTES_MAX);
		close(fd);
		return -ENOMEM;
	}
	memcpy(p, file, len);
	o->stats = p;
	o->stats_fd = fd;
	return 0;
}

/* Each descriptor reads from its own position, so it is opened anew. */
static long stats_open(struct soft_obj *o)
{
	char path[40];
	int fd, err = 0;

	pthread_mutex_lock(&fds.lock);
	if (o->stats_fd < 0)
		err = stats_new(o);
	stats_write(o);
	pthread_mutex_unlock(&fds.lock);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", o->stats_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * A thread that is cancelled leaves KVM_RUN first, as if by a signal, so that
 * no lock stays behind. It must not be cancelled in between.
 */
static long run_cancellable(struct soft_obj *o, void *arg)
{
	long r;

	o->runner = pthread_self();
	__atomic_store_n(&o->running, 1, __ATOMIC_SEQ_CST);
	host_mutex_lock(&o->vcpu->lock);
	r = run(o, arg);
	stats_write(o);
	host_mutex_unlock(&o->vcpu->lock);
	__atomic_store_n(&o->running, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&o->cancelled, 0, __ATOMIC_SEQ_CST);
	return r;
}

static long vcpu_ioctl(struct soft_obj *o, u32 req, void *arg)
{
	struct vcpu *v = o->vcpu;
	long r;

	if (req == KVM_RUN)
		return run_cancellable(o, arg);
	host_mutex_lock(&v->lock);
	r = vcpu_dispatch(v, req, arg);
	host_mutex_unlock(&v->lock);
	return r;
}

void soft_fd_cancel(pthread_t t)
{
	pthread_mutex_lock(&fds.lock);
	for (u32 i = 0; i < fds.end; i++) {
		struct soft_obj *o = fds.obj[i];

		if (!o || o->kind != SOFT_VCPU ||
		    !__atomic_load_n(&o->running, __ATOMIC_SEQ_CST) || !pthread_equal(o->runner, t))
			continue;
		__atomic_store_n(&o->cancelled, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&o->vcpu->interrupted, true, __ATOMIC_SEQ_CST);
		vcpu_kick(o->vcpu);
	}
	pthread_mutex_unlock(&fds.lock);
}

static long obj_ioctl(int fd, unsigned long req, void *arg)
{
	struct soft_obj *o = table_get(fd);
	u32 nr = (u32)req;
	long r;

	if (!o)
		return fcntl(fd, F_GETFD) < 0 ? -EBADF : -ENOTTY;
	if (o->kind == SOFT_FOREIGN)
		r = -EIO;
	else if (nr == KVM_GET_STATS_FD && o->kind != SOFT_SYSTEM)
		r = stats_open(o);
	else if (o->kind == SOFT_VCPU)
		r = vcpu_ioctl(o, nr, arg);
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

static long soft_ioctl(int fd, unsigned long req, void *arg)
{
	int state, type;
	long r;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	r = obj_ioctl(fd, req, arg);
	/* Made asynchronous again in the order that leaves PTHREAD_CANCELED as
	 * the thread's result. */
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	pthread_setcancelstate(state, NULL);
	pthread_setcanceltype(type, NULL);
	return r;
}

/* A dirty ring is written by the core as well: it can be shared, or not be had. */
static bool in_dirty_ring(const struct vm *vm, size_t off)
{
	return off >= LOG_OFFSET && off < LOG_OFFSET + vm->ring_bytes;
}

static bool may_map(const struct vm *vm, size_t len, int prot, int flags, size_t off)
{
	if (!in_dirty_ring(vm, off) && !in_dirty_ring(vm, off + len - 1))
		return true;
	return !(prot & PROT_EXEC) && (flags & MAP_TYPE) != MAP_PRIVATE;
}

/* kvm_run is the vCPU's own memory, the ring behind it the VM's. */
void *soft_fd_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	const off_t ring = RING_PAGE * 4096;
	struct soft_obj *o = table_get(fd);
	int ring_fd = -1;
	void *p;

	if (!o || o->kind != SOFT_VCPU) {
		errno = ENODEV;
		obj_put(o);
		return MAP_FAILED;
	}
	if (!may_map(o->vcpu->vm, len, prot, flags, off)) {
		errno = EINVAL;
		obj_put(o);
		return MAP_FAILED;
	}
	p = mmap(addr, len, prot, flags, fd, off);
	if (o->vcpu->index)
		ring_fd = o->owner->ring_fd;
	if (p != MAP_FAILED && ring_fd >= 0 && off <= ring && (size_t)(ring - off) < len &&
	    mmap((u8 *)p + (ring - off), 4096, prot, flags | MAP_FIXED, ring_fd, ring) == MAP_FAILED) {
		munmap(p, len);
		p = MAP_FAILED;
	}
	obj_put(o);
	return p;
}

static void *soft_mmap(int fd, size_t len, size_t off)
{
	size_t end = off < LOG_OFFSET ? RUN_BYTES : MAP_BYTES;
	void *p = MAP_FAILED;

	if (off <= end && len <= end - off)
		p = soft_fd_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off);
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

/* --- for who stands between a program and its system calls --- */

bool soft_fd_is(int fd)
{
	return fd >= 0 && (u32)fd < FDS_MAX && __atomic_load_n(&fds.obj[fd], __ATOMIC_ACQUIRE);
}

bool soft_fd_system(int fd)
{
	struct soft_obj *o = table_get(fd);
	bool r = o && o->kind == SOFT_SYSTEM;

	obj_put(o);
	return r;
}

bool soft_fd_bind(int fd, int as)
{
	struct soft_obj *o = fd >= 0 && (u32)fd < FDS_MAX ? table_get(as) : NULL;

	if (!o)
		return false;
	pthread_mutex_lock(&fds.lock);
	o = table_set(fd, o);
	pthread_mutex_unlock(&fds.lock);
	obj_put(o);
	return true;
}

void soft_fd_unbind(int fd)
{
	obj_put(table_take(fd));
}

int soft_fd_next(int fd)
{
	for (u32 i = max(fd, 0); i < READ_ONCE(fds.end); i++)
		if (soft_fd_is(i))
			return i;
	return -1;
}

/* What was behind the VMs stays where it is: it belongs to a process that still
 * exists, and to threads that here do not. */
void soft_forked(void)
{
	static struct soft_obj foreign, system;

	fds.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	foreign = (struct soft_obj){ .kind = SOFT_FOREIGN, .refs = REFS_FOREVER };
	system = (struct soft_obj){ .kind = SOFT_SYSTEM, .refs = REFS_FOREVER };
	for (u32 i = 0; i < fds.end; i++)
		if (fds.obj[i])
			fds.obj[i] = fds.obj[i]->kind == SOFT_SYSTEM ? &system : &foreign;
}

const struct kvm_provider kvm_provider_soft = {
	.name = "soft",
	.open = soft_open,
	.ioctl = soft_ioctl,
	.mmap = soft_mmap,
	.munmap = soft_munmap,
	.close = soft_close,
};
