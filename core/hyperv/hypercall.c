/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hypercall.c - TLFS, "Hypercall Interface": remote TLB flushes, IPIs, long spin
 * waits and signalled events are done here, messages go to user space.
 */
#include "core/vm.h"
#include "core/irq/lapic.h"

#define HC_FAST		(1ull << 16)
#define HC_RESERVED	(0x1full << 27 | 0xfull << 44 | 0xfull << 60)
#define XMM_HALVES	12u	/* XMM0-5 */
#define CONNS_MAX	4096u
#define BANKS_MAX	((VM_VCPUS_MAX + 63) / 64)

enum hc_code {
	HC_FLUSH_SPACE = 0x02, HC_FLUSH_LIST = 0x03, HC_SPIN_WAIT = 0x08, HC_SEND_IPI = 0x0b,
	HC_FLUSH_SPACE_EX = 0x13, HC_FLUSH_LIST_EX = 0x14, HC_SEND_IPI_EX = 0x15,
	HC_POST_MESSAGE = 0x5c, HC_SIGNAL_EVENT = 0x5d,
	HC_POST_DEBUG = 0x69, HC_RETRIEVE_DEBUG = 0x6a, HC_RESET_DEBUG = 0x6b,
};

enum hc_status {
	HS_SUCCESS = 0, HS_INVALID_CODE = 2, HS_INVALID_INPUT = 3, HS_INVALID_ALIGNMENT = 4,
	HS_INVALID_PARAMETER = 5, HS_ACCESS_DENIED = 6, HS_OPERATION_DENIED = 8,
	HS_INVALID_PORT_ID = 17,
	HS_USER = 0x10000,	/* none of theirs: ask user space */
	HS_UD = 0x10001,	/* not a hypercall, for this guest */
};

struct hcall {
	u64 param, in, out;	/* in and out: addresses, or parameters when fast */
	u16 code, var_cnt, rep_cnt, rep_idx;
	bool fast, rep;
};

/* Virtual processors: those of bank i are numbers 64 * i to 64 * i + 63; bank[]
 * has the banks that are set in valid, one after the other. */
struct vp_set {
	u64 valid, bank[BANKS_MAX];
	bool all;
};

struct hv_conn {
	struct hv_conn *next;
	u32 id;
	host_event_t *event;
};

static u32 popcount(u64 x)
{
	u32 n = 0;

	for (; x; x &= x - 1)
		n++;
	return n;
}

/* --- sets of virtual processors --- */

static u64 xmm_half(const struct vcpu *v, u32 i)
{
	return v->cpu.fpu.v[i / 2].q[i & 1];
}

/* Banks follow the fixed input: at an offset, or after that many XMM halves. */
static int get_banks(struct vcpu *v, const struct hcall *h, u32 offset, u32 halves,
		     struct vp_set *set)
{
	u32 n = min(h->var_cnt, (u16)BANKS_MAX);	/* no vCPU is in those beyond */

	if (!h->fast)
		return gmem_read(v->vm, h->in + offset, set->bank, n * sizeof(set->bank[0]));
	if (h->var_cnt > XMM_HALVES - halves)
		return -EINVAL;
	for (u32 i = 0; i < n; i++)
		set->bank[i] = xmm_half(v, halves + i);
	return 0;
}

static bool in_set(const struct vp_set *set, const struct vcpu *v)
{
	u32 vp = READ_ONCE(v->hv->vp_index), nr;

	if (set->all)
		return true;
	if (vp / 64 >= BANKS_MAX || !(set->valid >> vp / 64 & 1))
		return false;
	nr = popcount(set->valid & ((1ull << vp / 64) - 1));
	return set->bank[nr] >> vp % 64 & 1;
}

/* --- remote TLB flush: always all of it --- */

static void flush_set(struct vcpu *v, const struct vp_set *set)
{
	u32 n = __atomic_load_n(&v->vm->n_vcpus, __ATOMIC_ACQUIRE);

	for (u32 i = 0; i < n; i++) {
		struct vcpu *x = v->vm->vcpu[i];

		if (!in_set(set, x))
			continue;
		vcpu_request(x, REQ_TLB_FLUSH);
		/* Who sleeps does it when woken. */
		if (x != v && __atomic_load_n(&x->in_guest, __ATOMIC_SEQ_CST))
			vcpu_kick(x);
	}
	vcpu_request(v, REQ_WAIT_FLUSH);
}

static u32 flush_tlb(struct vcpu *v, const struct hcall *h)
{
	bool ex = h->code == HC_FLUSH_SPACE_EX || h->code == HC_FLUSH_LIST_EX;
	u64 in[4] = { 0 };	/* address space, flags, then a mask, or format and valid banks */
	u32 n = ex ? 4 : 3;
	struct vp_set set;

	if (h->fast) {
		in[1] = h->out;
		in[2] = xmm_half(v, 0);
		in[3] = xmm_half(v, 1);
	} else if (gmem_read(v->vm, h->in, in, n * sizeof(in[0]))) {
		return HS_INVALID_INPUT;
	}
	if (!ex) {
		/* Old Windows means everybody by an empty mask, too. */
		set = (struct vp_set){ .valid = 1, .bank = { in[2] },
				       .all = in[1] & 1 || !in[2] };
	} else {
		set = (struct vp_set){ .valid = in[3], .all = in[2] != 0 };
		if (h->var_cnt != popcount(set.valid))
			return HS_INVALID_INPUT;
		if (!set.all && !h->var_cnt)
			return HS_SUCCESS;
		if (!set.all && get_banks(v, h, 32, 2, &set))
			return HS_INVALID_INPUT;
	}
	flush_set(v, &set);
	return HS_SUCCESS;
}

/* --- IPIs --- */

static u32 send_ipi(struct vcpu *v, const struct hcall *h)
{
	bool ex = h->code == HC_SEND_IPI_EX;
	u64 in[3] = { h->in, h->out, 0 };	/* vector, then a mask, or format and banks */
	u32 n = __atomic_load_n(&v->vm->n_vcpus, __ATOMIC_ACQUIRE);
	struct vp_set set = { 0 };

	if (!v->apic)
		return HS_INVALID_INPUT;
	if (h->fast)
		in[2] = xmm_half(v, 0);
	else if (gmem_read(v->vm, h->in, in, ex ? 24 : 16))
		return HS_INVALID_INPUT;
	if (!ex) {
		if (h->fast && in[0] >> 32)
			return HS_INVALID_INPUT;
		set.valid = 1;
		set.bank[0] = in[1];
	} else {
		set.valid = in[2];
		set.all = in[1] == 1;
		if (h->var_cnt != popcount(set.valid))
			return HS_INVALID_INPUT;
		if (!set.all && !h->var_cnt)
			return HS_SUCCESS;
		if (!set.all && get_banks(v, h, 24, 1, &set))
			return HS_INVALID_INPUT;
	}
	if ((u32)in[0] < 16 || (u32)in[0] > 255)
		return HS_INVALID_INPUT;
	for (u32 i = 0; i < n; i++)
		if (in_set(&set, v->vm->vcpu[i]))
			lapic_accept(v->vm->vcpu[i]->apic, LAPIC_DM_FIXED, in[0], false, true);
	return HS_SUCCESS;
}

/* --- events --- */

static struct hv_conn **conn_find_locked(struct vm_hv *hv, u32 id)
{
	struct hv_conn **at = &hv->conns;

	host_mutex_assert_held(&hv->lock);
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

/* Leaves the number in h->in, which user space gets if it is to answer. */
static u32 signal_event(struct vcpu *v, struct hcall *h)
{
	struct vm_hv *hv = &v->vm->hv;
	u64 id = h->in;
	struct hv_conn *c;

	if (!h->fast && (h->in & 7 || gmem_read(v->vm, h->in, &id, sizeof(id))))
		return HS_INVALID_ALIGNMENT;
	h->in = id;
	if (id & 0xffff00000000)	/* a flag number, which nobody uses */
		return HS_USER;
	if (id & ~(u64)KVM_HYPERV_CONN_ID_MASK)
		return HS_INVALID_INPUT;
	host_mutex_lock(&hv->lock);
	c = *conn_find_locked(hv, id);
	if (c)
		host_event_signal(c->event);
	host_mutex_unlock(&hv->lock);
	return c ? HS_SUCCESS : HS_USER;
}

static int conn_add(struct vm_hv *hv, u32 id, int fd)
{
	struct hv_conn *c = host_alloc(sizeof(*c)), **at;
	int err;

	if (!c)
		return -ENOMEM;
	c->id = id;
	err = host_event_get(fd, &c->event);
	if (err) {
		host_free(c);
		return err;
	}
	host_mutex_lock(&hv->lock);
	at = conn_find_locked(hv, id);
	err = *at ? -EEXIST : hv->n_conns >= CONNS_MAX ? -ENOMEM : 0;
	if (!err) {
		*at = c;
		hv->n_conns++;
	}
	host_mutex_unlock(&hv->lock);
	if (err) {
		host_event_put(c->event);
		host_free(c);
	}
	return err;
}

static int conn_del(struct vm_hv *hv, u32 id)
{
	struct hv_conn **at, *c;

	host_mutex_lock(&hv->lock);
	at = conn_find_locked(hv, id);
	c = *at;
	if (c) {
		*at = c->next;
		hv->n_conns--;
	}
	host_mutex_unlock(&hv->lock);
	if (!c)
		return -ENOENT;
	host_event_put(c->event);
	host_free(c);
	return 0;
}

int hv_eventfd(struct vm *vm, const struct kvm_hyperv_eventfd *arg)
{
	if (arg->flags & ~(u32)KVM_HYPERV_EVENTFD_DEASSIGN ||
	    arg->conn_id & ~(u32)KVM_HYPERV_CONN_ID_MASK)
		return -EINVAL;
	return arg->flags ? conn_del(&vm->hv, arg->conn_id) :
			    conn_add(&vm->hv, arg->conn_id, arg->fd);
}

void hv_vm_fini(struct vm *vm)
{
	while (vm->hv.conns)
		conn_del(&vm->hv, vm->hv.conns->id);
}

/* --- the call --- */

bool hv_has_hypercalls(const struct vcpu *v)
{
	return v->hv && v->hv->enabled && READ_ONCE(v->vm->hv.guest_os_id);
}

static bool debugger_allowed(const struct vcpu_hv *hv)
{
	return hv->dbg_eax & HVD_ALLOWED;
}

static bool offered(const struct vcpu_hv *hv, u16 code)
{
	if (!hv->enforced)
		return true;
	switch (code) {
	case HC_SPIN_WAIT: return hv->enl_ebx && hv->enl_ebx != ~0u;
	case HC_POST_MESSAGE: return hv->feat_ebx & HVF_B_POST;
	case HC_SIGNAL_EVENT: return hv->feat_ebx & HVF_B_SIGNAL;
	/* Not allowed at all: then it is no known code, rather. */
	case HC_POST_DEBUG: case HC_RETRIEVE_DEBUG: case HC_RESET_DEBUG:
		return !debugger_allowed(hv) || hv->feat_ebx & HVF_B_DEBUG;
	case HC_FLUSH_LIST_EX: case HC_FLUSH_SPACE_EX:
		return hv->enl_eax & HVE_SETS && hv->enl_eax & HVE_FLUSH;
	case HC_FLUSH_LIST: case HC_FLUSH_SPACE: return hv->enl_eax & HVE_FLUSH;
	case HC_SEND_IPI_EX: return hv->enl_eax & HVE_SETS && hv->enl_eax & HVE_IPI;
	case HC_SEND_IPI: return hv->enl_eax & HVE_IPI;
	}
	return true;
}

static bool takes_xmm(u16 code)
{
	return code == HC_FLUSH_SPACE || code == HC_FLUSH_LIST || code == HC_FLUSH_SPACE_EX ||
	       code == HC_FLUSH_LIST_EX || code == HC_SEND_IPI_EX;
}

/* Only those named so have a variable header, only lists are repeated. */
static bool shape_ok(const struct hcall *h)
{
	bool ex = h->code == HC_FLUSH_SPACE_EX || h->code == HC_FLUSH_LIST_EX ||
		  h->code == HC_SEND_IPI_EX;

	if (!ex && h->var_cnt)
		return false;
	if (h->code == HC_FLUSH_LIST || h->code == HC_FLUSH_LIST_EX)
		return h->rep_cnt && !h->rep_idx;
	return !h->rep;
}

static u32 debug_call(const struct vcpu *v, const struct hcall *h)
{
	if (h->fast && h->code != HC_RESET_DEBUG)
		return HS_INVALID_PARAMETER;
	if (!debugger_allowed(v->hv))
		return HS_INVALID_CODE;
	return READ_ONCE(v->vm->hv.dbg_options) & 1 << 2 ? HS_USER : HS_OPERATION_DENIED;
}

/* Where the registers are the processor's while KVM_RUN lasts: end it, briefly. */
static void fetch_xmm(struct vcpu *v)
{
	const struct engine *e = v->vm->engine;

	if (!e->fpu_fetch)
		return;
	if (e->end)
		e->end(v);
	e->fpu_fetch(v);
	if (e->begin)
		e->begin(v);
}

static u32 call(struct vcpu *v, struct hcall *h)
{
	u32 r = HS_USER;

	if (!offered(v->hv, h->code))
		return HS_ACCESS_DENIED;
	if (h->param & HC_RESERVED)
		return HS_INVALID_INPUT;
	if (h->fast && takes_xmm(h->code)) {
		if (v->hv->enforced && !(v->hv->feat_edx & HVF_D_XMM))
			return HS_UD;
		fetch_xmm(v);
	}
	switch (h->code) {
	case HC_POST_DEBUG: case HC_RETRIEVE_DEBUG: case HC_RESET_DEBUG:
		return debug_call(v, h);
	case HC_SPIN_WAIT:
		return shape_ok(h) ? HS_SUCCESS : HS_INVALID_INPUT;
	case HC_SIGNAL_EVENT:
		r = shape_ok(h) ? signal_event(v, h) : HS_INVALID_INPUT;
		/* fallthrough */
	case HC_POST_MESSAGE:
		/* Without a SynIC user space has nothing to answer with. */
		return r == HS_USER && (!shape_ok(h) || !v->hv->active) ? HS_INVALID_INPUT : r;
	case HC_FLUSH_SPACE: case HC_FLUSH_LIST: case HC_FLUSH_SPACE_EX: case HC_FLUSH_LIST_EX:
		return shape_ok(h) ? flush_tlb(v, h) : HS_INVALID_INPUT;
	case HC_SEND_IPI: case HC_SEND_IPI_EX:
		return shape_ok(h) ? send_ipi(v, h) : HS_INVALID_INPUT;
	}
	return HS_INVALID_CODE;
}

static void get_input(const struct x86_cpu *c, struct hcall *h)
{
	const u64 *r = c->gpr;

	if (c->mode == X86_MODE64) {
		h->param = r[X86_RCX];
		h->in = r[X86_RDX];
		h->out = r[8];
	} else {
		h->param = r[X86_RDX] << 32 | (u32)r[X86_RAX];
		h->in = r[X86_RBX] << 32 | (u32)r[X86_RCX];
		h->out = r[X86_RDI] << 32 | (u32)r[X86_RSI];
	}
	h->code = h->param;
	h->fast = h->param & HC_FAST;
	h->var_cnt = h->param >> 17 & 0x3ff;
	h->rep_cnt = h->param >> 32 & 0xfff;
	h->rep_idx = h->param >> 48 & 0xfff;
	h->rep = h->rep_cnt || h->rep_idx;
}

static int done(struct vcpu *v, u64 result)
{
	struct x86_cpu *c = &v->cpu;

	if (c->mode == X86_MODE64) {
		c->gpr[X86_RAX] = result;
	} else {
		x86_reg_set(c, X86_RDX * 8, 4, result >> 32);
		x86_reg_set(c, X86_RAX * 8, 4, result);
	}
	v->stat[STAT_HYPERCALLS]++;
	return RUN_END;		/* requests of our own may wait */
}

int hv_hypercall(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	struct hcall h;
	u32 status;

	if (v->cpu.cpl || !(v->cpu.cr0 & X86_CR0_PE))
		return x86_raise(&v->cpu, X86_UD);
	if (v->io.call_done)
		return done(v, READ_ONCE(run->hyperv.u.hcall.result));
	get_input(&v->cpu, &h);
	status = call(v, &h);
	if (status == HS_UD)
		return x86_raise(&v->cpu, X86_UD);
	if (status != HS_USER)
		return done(v, status == HS_SUCCESS ? (u64)h.rep_cnt << 32 : status);
	run->exit_reason = KVM_EXIT_HYPERV;
	memset(&run->hyperv, 0, sizeof(run->hyperv));
	run->hyperv.type = KVM_EXIT_HYPERV_HCALL;
	run->hyperv.u.hcall.input = h.param;
	run->hyperv.u.hcall.params[0] = h.in;
	run->hyperv.u.hcall.params[1] = h.out;
	v->io.call_pending = true;
	return RUN_EXIT;
}
