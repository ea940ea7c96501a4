// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fd.c - the KVM API's descriptors as files: the device, VMs, vCPUs, and their
 * statistics. A VM lives as long as a file of it or of one of its vCPUs is open.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/vmalloc.h>
#include "core/api/call.h"
#include "core/api/stats.h"
#include "core/vm.h"
#include "port/linux/kvist.h"

#define RING_PAGE	2

struct run_memory {		/* of a vCPU: the VM's, as the vCPU is */
	struct run_memory *next;
	void *page;		/* API_VCPU_PAGES of them */
};

struct vm_file {
	struct kref refs;
	struct vm *vm;
	struct mm_struct *mm;	/* its memory is this process's */
	struct run_memory *runs;	/* guarded by vm->lock */
};

struct vcpu_file {
	struct vm_file *owner;
	struct vcpu *v;
};

/* --- virtual machines --- */

static void vm_file_free(struct kref *refs)
{
	struct vm_file *f = container_of(refs, struct vm_file, refs);
	struct run_memory *r;

	vm_free(f->vm);
	while ((r = f->runs)) {
		f->runs = r->next;
		vfree(r->page);
		kfree(r);
	}
	mmdrop(f->mm);
	kfree(f);
	kvist_put();
}

static void vm_file_put(struct vm_file *f)
{
	kref_put(&f->refs, vm_file_free);
}

static int vm_release(struct inode *inode, struct file *file)
{
	vm_file_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops;

static long create_vm(unsigned long type)
{
	const struct engine *e;
	struct vm_file *f;
	int err;

	if (type)
		return -EINVAL;
	e = kvist_get();
	if (!e)
		return -ENODEV;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	err = f ? vm_new(e, &f->vm) : -ENOMEM;
	if (err) {
		kfree(f);
		kvist_put();
		return err;
	}
	kref_init(&f->refs);
	f->mm = current->mm;
	mmgrab(f->mm);
	err = anon_inode_getfd("kvm-vm", &vm_fops, f, O_RDWR | O_CLOEXEC);
	if (err < 0)
		vm_file_put(f);
	return err;
}

/* --- vCPUs --- */

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu_file *f = file->private_data;

	vm_file_put(f->owner);
	kfree(f);
	return 0;
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct vcpu_file *f = vmf->vma->vm_file->private_data;
	u8 *at;

	if (vmf->pgoff >= API_VCPU_PAGES)
		return VM_FAULT_SIGBUS;
	at = vmf->pgoff == RING_PAGE ? (u8 *)f->v->vm->ring :
				       (u8 *)f->v->run + vmf->pgoff * PAGE_SIZE;
	vmf->page = vmalloc_to_page(at);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = { .fault = vcpu_fault };

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

/* Signals that the thread blocks otherwise may end KVM_RUN. */
static long run(struct vcpu *v, void *arg)
{
	sigset_t mask, old;
	long r;

	v->interrupted = false;
	if (!v->sigmask_set)
		return vcpu_dispatch(v, KVM_RUN, arg);
	siginitset(&mask, v->sigmask);
	mask.sig[0] = v->sigmask & ~(sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &mask, &old);
	r = vcpu_dispatch(v, KVM_RUN, arg);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

static long stats_open(struct vm_file *owner, struct vcpu *v);

static long vcpu_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	struct vcpu_file *f = file->private_data;
	struct vcpu *v = f->v;
	long r;

	if (current->mm != f->owner->mm)
		return -EIO;
	if (nr == KVM_GET_STATS_FD)
		return stats_open(f->owner, v);
	if (mutex_lock_killable(&v->lock))
		return -EINTR;
	r = nr == KVM_RUN ? run(v, (void *)arg) : vcpu_dispatch(v, nr, (void *)arg);
	mutex_unlock(&v->lock);
	return r;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};

static int vcpu_add(struct vm_file *owner, u32 id, struct vcpu **v)
{
	struct run_memory *r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!r)
		return err;
	r->page = vmalloc_user(API_VCPU_PAGES * PAGE_SIZE);
	if (r->page)
		err = vm_create_vcpu(owner->vm, id, r->page, v);
	if (err) {
		vfree(r->page);
		kfree(r);
		return err;
	}
	mutex_lock(&owner->vm->lock);
	r->next = owner->runs;
	owner->runs = r;
	mutex_unlock(&owner->vm->lock);
	return 0;
}

static long create_vcpu(struct vm_file *owner, unsigned long id)
{
	struct vcpu_file *f;
	char name[24];
	int fd;

	if (id >> 32)
		return -EINVAL;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	fd = vcpu_add(owner, id, &f->v);
	if (fd) {
		kfree(f);
		return fd;
	}
	f->owner = owner;
	kref_get(&owner->refs);
	snprintf(name, sizeof(name), "kvm-vcpu:%lu", id);
	fd = anon_inode_getfd(name, &vcpu_fops, f, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		/* The vCPU stays, without anybody who could run it. */
		vm_file_put(owner);
		kfree(f);
	}
	return fd;
}

static long vm_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	struct vm_file *f = file->private_data;

	if (current->mm != f->mm)
		return -EIO;
	if (nr == KVM_CREATE_VCPU)
		return create_vcpu(f, arg);
	if (nr == KVM_GET_STATS_FD)
		return stats_open(f, NULL);
	return api_dispatch(&vm_calls, f->vm, nr, (void *)arg);
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.llseek = noop_llseek,
};

/* --- statistics --- */

static ssize_t stats_read(struct file *file, char __user *buf, size_t n, loff_t *pos)
{
	struct vcpu_file *f = file->private_data;
	u8 *data = kzalloc(STATS_BYTES_MAX, GFP_KERNEL);
	ssize_t r;
	u32 len;

	if (!data)
		return -ENOMEM;
	len = f->v ? stats_vcpu(f->v, data) : stats_vm(f->owner->vm, data);
	r = simple_read_from_buffer(buf, n, pos, data, len);
	kfree(data);
	return r;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.read = stats_read,
	.llseek = noop_llseek,
};

static long stats_open(struct vm_file *owner, struct vcpu *v)
{
	struct vcpu_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int fd;

	if (!f)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto fail;
	file = anon_inode_getfile("kvm-stats", &stats_fops, f, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto fail;
	}
	*f = (struct vcpu_file){ .owner = owner, .v = v };
	kref_get(&owner->refs);
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;
fail:
	kfree(f);
	return fd;
}

/* --- the device --- */

/* Whoever has it open keeps the engine. */
static int system_open(struct inode *inode, struct file *file)
{
	file->private_data = (void *)kvist_get();
	return file->private_data ? 0 : -ENODEV;
}

static int system_release(struct inode *inode, struct file *file)
{
	kvist_put();
	return 0;
}

static long system_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	if (nr == KVM_CREATE_VM)
		return create_vm(arg);
	return api_dispatch(&system_calls, file->private_data, nr, (void *)arg);
}

const struct file_operations kvist_system_fops = {
	.owner = THIS_MODULE,
	.open = system_open,
	.release = system_release,
	.unlocked_ioctl = system_ioctl,
	.llseek = noop_llseek,
};
