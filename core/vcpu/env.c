/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * env.c - the world around a vCPU's instructions: RAM, in-core devices, and
 * what user space must answer.
 *
 * An access that user space must make is recorded as a fragment and the
 * instruction gives up with RUN_EXIT. When KVM_RUN is called again the
 * instruction runs from its start; accesses already answered replay from the
 * fragments, so instructions need not know about any of this.
 */
#include "core/vm.h"
#include "core/api/msr_filter.h"
#include "core/api/pv.h"
#include "core/x86/cpuid.h"
#include "core/x86/debug.h"
#include "core/x86/msr.h"
#include "core/x86/walk.h"

/* Registers that change when a repeated instruction commits an iteration. */
static u64 io_signature(const struct x86_cpu *c)
{
	return c->gpr[X86_RCX] * 3 + c->gpr[X86_RSI] * 5 + c->gpr[X86_RDI] * 7;
}

/* An earlier iteration's fragments are of no use to this one. */
static void io_drop_stale(struct vcpu *v)
{
	u64 sig = io_signature(&v->cpu);

	if (v->io.n && v->io.signature != sig) {
		v->io.n = 0;
		v->io.cursor = 0;
	}
	v->io.signature = sig;
}

static int give_up(struct vcpu *v)
{
	v->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	v->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	v->run->internal.ndata = 0;
	return RUN_EXIT;
}

static int frag_exit(struct vcpu *v, const struct vcpu_frag *f)
{
	struct kvm_run *run = v->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = f->gpa;
	run->mmio.len = f->len;
	run->mmio.is_write = f->write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	memcpy(run->mmio.data, f->data, f->len);
	v->io.pending = true;
	return RUN_EXIT;
}

/* One access of up to 8 bytes that nothing in the core answers. */
static int frag_access(struct vcpu *v, u64 gpa, void *buf, unsigned int n, bool write)
{
	struct vcpu_io *io = &v->io;
	struct vcpu_frag *f;

	io_drop_stale(v);
	f = &io->frag[io->cursor];
	if (io->cursor < io->n && f->done && f->gpa == gpa && f->len == n && f->write == write) {
		io->cursor++;
		if (!write)
			memcpy(buf, f->data, n);
		return RUN_OK;
	}
	/* No x86 instruction that we run needs as many. */
	if (io->cursor >= VCPU_FRAGS)
		return give_up(v);
	io->n = io->cursor + 1;
	*f = (struct vcpu_frag){ .gpa = gpa, .len = n, .write = write };
	if (write)
		memcpy(f->data, buf, n);
	return frag_exit(v, f);
}

static int mmio_piece(struct vcpu *v, u64 gpa, void *buf, unsigned int n, bool write)
{
	int err;

	if (v->apic && lapic_in_range(v, gpa))
		return write ? lapic_mmio_write(v, gpa, buf, n) : lapic_mmio_read(v, gpa, buf, n);
	err = write ? bus_write(&v->vm->mmio, v, gpa, buf, n) :
		      bus_read(&v->vm->mmio, v, gpa, buf, n);
	if (!err)
		return RUN_OK;
	return frag_access(v, gpa, buf, n, write);
}

static int mmio_access(struct vcpu *v, u64 gpa, void *buf, unsigned int n, bool write)
{
	u8 *p = buf;
	int r;

	while (n) {
		unsigned int piece = min(n, 8u);

		r = mmio_piece(v, gpa, p, piece, write);
		if (r)
			return r;
		gpa += piece;
		p += piece;
		n -= piece;
	}
	return RUN_OK;
}

static int env_read(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n)
{
	struct vcpu *v = cpu_vcpu(c);
	const struct slot *s = slot_find_as(v->vm, vcpu_as(v), gpa);

	if (likely(s))
		return host_read_hva(buf, (void *)slot_hva(s, gpa), n);
	return mmio_access(v, gpa, buf, n, false);
}

static int env_write(struct x86_cpu *c, u64 gpa, const void *buf, unsigned int n)
{
	struct vcpu *v = cpu_vcpu(c);
	const struct slot *s = slot_find_as(v->vm, vcpu_as(v), gpa);
	int err;

	if (unlikely(!s || s->flags & KVM_MEM_READONLY))
		return mmio_access(v, gpa, (void *)buf, n, true);
	err = host_write_hva((void *)slot_hva(s, gpa), buf, n);
	if (err)
		return err;
	if (s->dirty)
		dirty_mark(v, s, gpa);
	if (v->vm->engine->memory_written)
		v->vm->engine->memory_written(v->vm, slot_as(s), gpa, n);
	return RUN_OK;
}

static int env_cmpxchg(struct x86_cpu *c, u64 gpa, u64 *old, u64 new_val, unsigned int n)
{
	struct vcpu *v = cpu_vcpu(c);
	const struct slot *s = slot_find_as(v->vm, vcpu_as(v), gpa);
	u64 want = *old, now = 0;
	int r;

	if (s && !(s->flags & KVM_MEM_READONLY)) {
		r = gmem_cmpxchg(v, s, gpa, old, new_val, n);
		return r < 0 ? r : RUN_OK;
	}
	r = env_read(c, gpa, &now, n);
	if (r)
		return r;
	*old = now;
	return now == want ? env_write(c, gpa, &new_val, n) : RUN_OK;
}

static bool env_in_ram(struct x86_cpu *c, u64 gpa, bool write)
{
	struct vcpu *v = cpu_vcpu(c);
	const struct slot *s = slot_find_as(v->vm, vcpu_as(v), gpa);

	return s && !(write && s->flags & KVM_MEM_READONLY);
}

static void env_filled(struct x86_cpu *c, const struct x86_xlat *x)
{
	struct vcpu *v = cpu_vcpu(c);

	if (v->vm->engine->filled)
		v->vm->engine->filled(v, x);
}

static void env_flush(struct x86_cpu *c, enum x86_flush what, u64 lin)
{
	struct vcpu *v = cpu_vcpu(c);

	if (v->vm->engine->flush)
		v->vm->engine->flush(v, what, lin);
}

static void env_mode_changed(struct x86_cpu *c)
{
	struct vcpu *v = cpu_vcpu(c);

	if (v->vm->engine->mode_changed)
		v->vm->engine->mode_changed(v);
}

/* A debugger's breakpoints take the place of the guest's. */
static void env_debug_changed(struct x86_cpu *c)
{
	struct vcpu *v = cpu_vcpu(c);

	x86_watch(c, v->guest_debug & KVM_GUESTDBG_USE_HW_BP ? v->guest_dr : c->dr);
}

/* --- ports --- */

static u8 *pio_page(struct vcpu *v)
{
	return (u8 *)v->run + KVM_PIO_PAGE_OFFSET * 4096;
}

/* Elements that in-core devices answered; stops at the first that none does. */
static unsigned int pio_in_core(struct vcpu *v, u16 port, unsigned int size, bool in,
				u8 *data, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++, data += size) {
		int err = in ? bus_read(&v->vm->pio, v, port, data, size) :
			       bus_write(&v->vm->pio, v, port, data, size);
		if (err)
			break;
	}
	return i;
}

static int env_pio(struct x86_cpu *c, u16 port, unsigned int size, bool in,
		   void *data, unsigned int count)
{
	struct vcpu *v = cpu_vcpu(c);
	struct kvm_run *run = v->run;

	if (v->io.pio_done) {
		/* Stays so until the instruction retires: INS may have to ask
		 * user space once more, for its store. */
		if (in)
			memcpy(data, pio_page(v), size * count);
		return RUN_OK;
	}
	/* A device is there for all elements or for none. */
	if (pio_in_core(v, port, size, in, data, count) == count)
		return RUN_OK;
	if (size * count > 4096)
		return -EINVAL;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * 4096;
	if (!in)
		memcpy(pio_page(v), data, size * count);
	v->io.pio_pending = true;
	return RUN_EXIT;
}

/* --- everything else --- */

/* User space wanted to decide about such an MSR, or it is #GP. */
static int msr_refused(struct vcpu *v, u32 index, u64 val, bool write, u32 why)
{
	struct kvm_run *run = v->run;

	if (!(READ_ONCE(v->vm->user_msr) & why))
		return x86_raise_err(&v->cpu, X86_GP, 0);
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	memset(&run->msr, 0, sizeof(run->msr));
	run->msr.reason = why;
	run->msr.index = index;
	run->msr.data = val;
	v->io.msr_pending = true;
	return RUN_EXIT;
}

static u32 why_refused(u32 index)
{
	return msr_known(index) ? KVM_MSR_EXIT_REASON_INVAL : KVM_MSR_EXIT_REASON_UNKNOWN;
}

static int env_rdmsr(struct x86_cpu *c, u32 index, u64 *val)
{
	struct vcpu *v = cpu_vcpu(c);

	if (v->io.msr_done) {
		*val = v->run->msr.data;
		return v->run->msr.error ? x86_raise_err(c, X86_GP, 0) : RUN_OK;
	}
	if (!msr_allowed(v->vm, index, KVM_MSR_FILTER_READ))
		return msr_refused(v, index, 0, false, KVM_MSR_EXIT_REASON_FILTER);
	if (msr_read(v, index, val, false))
		return msr_refused(v, index, 0, false, why_refused(index));
	return RUN_OK;
}

static int env_wrmsr(struct x86_cpu *c, u32 index, u64 val)
{
	struct vcpu *v = cpu_vcpu(c);

	if (v->io.msr_done)
		return v->run->msr.error ? x86_raise_err(c, X86_GP, 0) : RUN_OK;
	if (!msr_allowed(v->vm, index, KVM_MSR_FILTER_WRITE))
		return msr_refused(v, index, val, true, KVM_MSR_EXIT_REASON_FILTER);
	if (msr_write(v, index, val, false))
		return msr_refused(v, index, val, true, why_refused(index));
	return RUN_OK;
}

static void env_cpuid(struct x86_cpu *c, u32 leaf, u32 sub, u32 out[4])
{
	vcpu_cpuid(cpu_vcpu(c), leaf, sub, out);
}

static u64 env_tsc(struct x86_cpu *c)
{
	return vcpu_guest_tsc(cpu_vcpu(c));
}

static u64 env_get_cr8(struct x86_cpu *c)
{
	struct vcpu *v = cpu_vcpu(c);

	return v->apic ? lapic_get_cr8(v) : v->cr8;
}

static void env_set_cr8(struct x86_cpu *c, u64 val)
{
	struct vcpu *v = cpu_vcpu(c);

	if (v->apic)
		lapic_set_cr8(v, val);
	else
		v->cr8 = val & 15;
}

/* --- system management mode --- */

static int env_ram(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n, bool write)
{
	struct vcpu *v = cpu_vcpu(c);

	return write ? gmem_write_as(v, vcpu_as(v), gpa, buf, n) :
		       gmem_read_as(v->vm, vcpu_as(v), gpa, buf, n);
}

static int env_give_up(struct x86_cpu *c)
{
	struct vcpu *v = cpu_vcpu(c);

	vcpu_io_retired(v);
	v->io.pending = false;
	return give_up(v);
}

/* INIT and SMI may have waited for this. */
static void env_smm_left(struct x86_cpu *c)
{
	vcpu_request(cpu_vcpu(c), REQ_EVENT);
}

/* Trap-like: the instruction is finished, and KVM_RUN then ends. */
static void env_split_lock(struct x86_cpu *c)
{
	struct vcpu *v = cpu_vcpu(c);

	if (!READ_ONCE(v->vm->bus_lock_exits))
		return;
	vcpu_request(v, REQ_BUS_LOCK);
	if (v->vm->engine->stop)
		v->vm->engine->stop(v);
}

static bool env_alone(struct x86_cpu *c)
{
	return READ_ONCE(cpu_vcpu(c)->vm->n_vcpus) == 1;
}

static bool env_quirk_off(struct x86_cpu *c, u64 quirk)
{
	return READ_ONCE(cpu_vcpu(c)->vm->quirks_off) & quirk;
}

static void env_bus_lock(struct x86_cpu *c)
{
	host_mutex_lock(&cpu_vcpu(c)->vm->bus_lock);
}

static void env_bus_unlock(struct x86_cpu *c)
{
	host_mutex_unlock(&cpu_vcpu(c)->vm->bus_lock);
}

const struct x86_env vcpu_env = {
	.read = env_read,
	.write = env_write,
	.cmpxchg = env_cmpxchg,
	.in_ram = env_in_ram,
	.filled = env_filled,
	.flush = env_flush,
	.mode_changed = env_mode_changed,
	.debug_changed = env_debug_changed,
	.pio = env_pio,
	.rdmsr = env_rdmsr,
	.wrmsr = env_wrmsr,
	.cpuid = env_cpuid,
	.tsc = env_tsc,
	.get_cr8 = env_get_cr8,
	.set_cr8 = env_set_cr8,
	.hypercall = vcpu_hypercall,
	.ram = env_ram,
	.give_up = env_give_up,
	.smm_left = env_smm_left,
	.alone = env_alone,
	.quirk_off = env_quirk_off,
	.split_lock = env_split_lock,
	.bus_lock = env_bus_lock,
	.bus_unlock = env_bus_unlock,
};
