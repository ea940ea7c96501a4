/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pit.c - the i8254 interval timer. */
#include "core/irq/pit.h"
#include "core/irq/lapic.h"

#define NS_PER_SEC	1000000000ull
/* A guest that asks for more would only keep the host busy. */
#define PERIOD_MIN_NS	200000ull
#define PENDING_MAX	100000u
#define PIT_GSI		0

static u64 ns_to_ticks(u64 ns)
{
	return ns / NS_PER_SEC * PIT_HZ + ns % NS_PER_SEC * PIT_HZ / NS_PER_SEC;
}

static u64 ticks_to_ns(u32 ticks)
{
	return (ticks * NS_PER_SEC + PIT_HZ - 1) / PIT_HZ;
}

/* --- what a channel shows at a given time --- */

/* Does a low gate stop the counting, or does it only wait for a rising edge? */
static bool gate_holds(const struct pit_channel *c)
{
	return c->mode != 1 && c->mode != 5;
}

static u64 elapsed(const struct pit_channel *c, u64 now)
{
	return ns_to_ticks(!c->gate && gate_holds(c) ? c->held : now - c->load_time);
}

static u16 to_bcd(u32 n)
{
	n %= 10000;
	return n / 1000 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10;
}

static u32 from_bcd(u16 n)
{
	return (n >> 12) * 1000 + (n >> 8 & 15) * 100 + (n >> 4 & 15) * 10 + (n & 15);
}

static u16 channel_count(const struct pit_channel *c, u64 now)
{
	u64 d = elapsed(c, now);
	u32 wrap = c->bcd ? 10000 : 0x10000, n;

	switch (c->mode) {
	case 2:
		n = c->count - d % c->count;
		break;
	case 3:		/* counts by two, an odd count rounded down */
		n = c->count - 2 * d % c->count;
		n &= ~1u;
		break;
	default:	/* goes on below zero */
		n = (c->count + wrap - d % wrap) % wrap;
	}
	return c->bcd ? to_bcd(n) : n;
}

static bool channel_out(const struct pit_channel *c, u64 now)
{
	u64 d = elapsed(c, now);

	switch (c->mode) {
	case 0:
	case 1:
		return d >= c->count;
	case 2:
		return d % c->count != c->count - 1;
	case 3:
		return d % c->count < (c->count + 1) / 2;
	default:	/* 4, 5: a strobe of one tick */
		return d != c->count;
	}
}

/* --- channel 0's interrupt --- */

/* A watchdog's NMI may come from IRQ 0 through LINT0. */
static void pit_nmi(struct vm *vm)
{
	u32 i, n = vm_vcpu_count(vm);

	for (i = 0; i < n; i++) {
		struct lapic *a = vm_vcpu_nr(vm, i)->apic;

		if (a && lvt_is_nmi(lapic_reg(a, LAPIC_LVT0)))
			lapic_local_deliver(a, LAPIC_LVT0);
	}
}

static void pit_pulse(struct vm *vm)
{
	irq_set_level(vm, IRQ_SOURCE_PIT, PIT_GSI, true);
	irq_set_level(vm, IRQ_SOURCE_PIT, PIT_GSI, false);
	if (unlikely(READ_ONCE(vm->irqs.lint0_nmi)))
		pit_nmi(vm);
}

/* With reinjection every tick is delivered once, one after the other. */
static bool tick_counts(struct pit *pit, u64 ticks)
{
	bool fire = true;

	host_spin_lock(&pit->tick_lock);
	if (pit->reinject) {
		pit->pending = min(pit->pending + ticks, (u64)PENDING_MAX);
		fire = pit->acked;
		pit->acked = false;
	}
	host_spin_unlock(&pit->tick_lock);
	return fire;
}

void pit_acked_locked(struct pit *pit)
{
	bool fire;

	host_spin_lock(&pit->tick_lock);
	if (pit->pending)
		pit->pending--;
	fire = pit->reinject && pit->pending;
	pit->acked = !fire;
	host_spin_unlock(&pit->tick_lock);
	if (!fire)
		return;
	irq_set_level_locked(pit->vm, IRQ_SOURCE_PIT, PIT_GSI, true);
	irq_set_level_locked(pit->vm, IRQ_SOURCE_PIT, PIT_GSI, false);
}

/* Ticks sent while nobody could get them are not owed. */
void pit_unmasked(struct pit *pit)
{
	host_spin_lock(&pit->tick_lock);
	pit->pending = 0;
	pit->acked = true;
	host_spin_unlock(&pit->tick_lock);
}

static void pit_rings(void *arg)
{
	struct pit *pit = arg;
	u64 now = host_now_ns(), ticks = 0;

	host_spin_lock(&pit->lock);
	if (pit->armed && now >= pit->expiry) {
		ticks = 1;
		if (pit->period) {
			ticks += (now - pit->expiry) / pit->period;
			pit->expiry += ticks * pit->period;
			host_timer_set(&pit->timer, pit->expiry);
		} else {
			pit->armed = false;
		}
	}
	if (pit->flags & KVM_PIT_FLAGS_HPET_LEGACY)
		ticks = 0;
	host_spin_unlock(&pit->lock);
	if (ticks && tick_counts(pit, ticks))
		pit_pulse(pit->vm);
}

static void timer_arm_locked(struct pit *pit)
{
	const struct pit_channel *c = &pit->ch[0];
	u64 ns = ticks_to_ns(c->count);

	host_spin_assert_held(&pit->lock);
	pit->armed = c->mode <= 5;
	pit->period = 0;
	if (c->mode == 2 || c->mode == 3)
		pit->period = ns = max(ns, PERIOD_MIN_NS);
	pit_unmasked(pit);
	if (!pit->armed)
		return;
	pit->expiry = c->load_time + ns;
	host_timer_set(&pit->timer, pit->expiry);
}

/* --- programming --- */

static void load_locked(struct pit *pit, unsigned int nr, u16 val)
{
	struct pit_channel *c = &pit->ch[nr];
	u32 count = c->bcd ? from_bcd(val) : val;

	c->count = count ? count : c->bcd ? 10000 : 0x10000;
	c->load_time = host_now_ns();
	c->held = 0;
	if (nr == 0)
		timer_arm_locked(pit);
}

static void write_count_locked(struct pit *pit, unsigned int nr, u8 val)
{
	struct pit_channel *c = &pit->ch[nr];

	switch (c->write_state) {
	case PIT_RW_LSB:
		load_locked(pit, nr, val);
		break;
	case PIT_RW_MSB:
		load_locked(pit, nr, val << 8);
		break;
	case PIT_RW_WORD:
		c->write_low = val;
		c->write_state = PIT_RW_WORD_MSB;
		break;
	case PIT_RW_WORD_MSB:
		c->write_state = PIT_RW_WORD;
		load_locked(pit, nr, val << 8 | c->write_low);
		break;
	}
}

static void latch_count(struct pit_channel *c, u64 now)
{
	if (c->count_latched)
		return;
	c->latched = channel_count(c, now);
	c->count_latched = c->rw;
}

static void latch_status(struct pit_channel *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status = channel_out(c, now) << 7 | c->rw << 4 | (c->mode & 7) << 1 | c->bcd;
	c->status_latched = true;
}

static void read_back(struct pit *pit, u8 val, u64 now)
{
	unsigned int nr;

	for (nr = 0; nr < 3; nr++) {
		if (!(val & 2 << nr))
			continue;
		if (!(val & 0x20))
			latch_count(&pit->ch[nr], now);
		if (!(val & 0x10))
			latch_status(&pit->ch[nr], now);
	}
}

static void write_control_locked(struct pit *pit, u8 val)
{
	unsigned int nr = val >> 6, rw = val >> 4 & 3, mode = val >> 1 & 7;
	u64 now = host_now_ns();
	struct pit_channel *c;

	if (nr == 3) {
		read_back(pit, val, now);
		return;
	}
	c = &pit->ch[nr];
	if (!rw) {
		latch_count(c, now);
		return;
	}
	c->rw = c->read_state = c->write_state = rw;
	c->count_latched = 0;
	c->status_latched = false;
	c->mode = mode > 5 ? mode - 4 : mode;
	c->bcd = val & 1;
	/* It counts again when it gets its count. */
	if (nr == 0)
		pit->armed = false;
}

static u8 read_count(struct pit_channel *c, u64 now)
{
	u16 n;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->count_latched) {
		bool low = c->count_latched != PIT_RW_MSB;

		c->count_latched = c->count_latched == PIT_RW_WORD ? PIT_RW_MSB : 0;
		return low ? c->latched : c->latched >> 8;
	}
	n = channel_count(c, now);
	switch (c->read_state) {
	case PIT_RW_WORD:
		c->read_state = PIT_RW_WORD_MSB;
		return n;
	case PIT_RW_WORD_MSB:
		c->read_state = PIT_RW_WORD;
		return n >> 8;
	case PIT_RW_MSB:
		return n >> 8;
	default:
		return n;
	}
}

static void set_gate(struct pit_channel *c, bool gate)
{
	u64 now = host_now_ns();

	if (gate == c->gate)
		return;
	if (!gate)
		c->held = now - c->load_time;
	else if (c->mode == 0 || c->mode == 4)
		c->load_time = now - c->held;
	else
		c->load_time = now;
	c->gate = gate;
}

/* --- ports --- */

static int pit_read(struct bus_dev *d, struct vcpu *v, u64 off, void *buf, unsigned int n)
{
	struct pit *pit = container_of(d, struct pit, ports);
	u8 *b = buf;

	memset(buf, 0, n);
	host_spin_lock(&pit->lock);
	for (; n && off < 3; n--, off++)
		*b++ = read_count(&pit->ch[off], host_now_ns());
	host_spin_unlock(&pit->lock);
	return 0;
}

static int pit_write(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf, unsigned int n)
{
	struct pit *pit = container_of(d, struct pit, ports);
	const u8 *b = buf;

	host_spin_lock(&pit->lock);
	for (; n && off < 4; n--, off++, b++) {
		if (off == 3)
			write_control_locked(pit, *b);
		else
			write_count_locked(pit, off, *b);
	}
	host_spin_unlock(&pit->lock);
	return 0;
}

/* Port 61h: gate and speaker data; refresh toggle and channel 2's output. */
static int port61_read(struct bus_dev *d, struct vcpu *v, u64 off, void *buf, unsigned int n)
{
	struct pit *pit = container_of(d, struct pit, port61);
	u64 now = host_now_ns();

	memset(buf, 0, n);
	host_spin_lock(&pit->lock);
	*(u8 *)buf = pit->ch[2].gate | pit->speaker << 1 | (now >> 14 & 1) << 4 |
		     channel_out(&pit->ch[2], now) << 5;
	host_spin_unlock(&pit->lock);
	return 0;
}

static int port61_write(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf,
			unsigned int n)
{
	struct pit *pit = container_of(d, struct pit, port61);
	u8 val = *(const u8 *)buf;

	host_spin_lock(&pit->lock);
	pit->speaker = val & 2;
	set_gate(&pit->ch[2], val & 1);
	host_spin_unlock(&pit->lock);
	return 0;
}

static const struct bus_ops pit_ops = { .read = pit_read, .write = pit_write };
static const struct bus_ops port61_ops = { .read = port61_read, .write = port61_write };

/* --- KVM_GET_PIT2, KVM_SET_PIT2, KVM_REINJECT_CONTROL --- */

int pit_get(struct vm *vm, struct kvm_pit_state2 *st)
{
	struct pit *pit = vm->irqs.pit;
	unsigned int nr;

	if (!pit)
		return -ENXIO;
	memset(st, 0, sizeof(*st));
	host_spin_lock(&pit->lock);
	for (nr = 0; nr < 3; nr++) {
		const struct pit_channel *c = &pit->ch[nr];

		st->channels[nr] = (struct kvm_pit_channel_state){
			.count = c->count, .latched_count = c->latched,
			.count_latched = c->count_latched, .status_latched = c->status_latched,
			.status = c->status, .read_state = c->read_state,
			.write_state = c->write_state, .write_latch = c->write_low,
			.rw_mode = c->rw, .mode = c->mode, .bcd = c->bcd, .gate = c->gate,
			.count_load_time = c->load_time,
		};
	}
	st->flags = pit->flags;
	if (pit->speaker)
		st->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	host_spin_unlock(&pit->lock);
	return 0;
}

static u8 sane_rw(u8 rw, u8 most)
{
	return rw > most ? PIT_RW_WORD : rw;
}

static void channel_set(struct pit_channel *c, const struct kvm_pit_channel_state *st, u64 now)
{
	u32 wrap = st->bcd ? 10000 : 0x10000;

	*c = (struct pit_channel){
		.count = st->count && st->count <= wrap ? st->count : wrap,
		/* The load time is of another host's clock. */
		.load_time = now,
		.latched = st->latched_count, .status = st->status,
		.count_latched = sane_rw(st->count_latched, PIT_RW_WORD),
		.status_latched = st->status_latched, .bcd = st->bcd, .gate = st->gate,
		.rw = sane_rw(st->rw_mode, PIT_RW_WORD), .write_low = st->write_latch,
		.read_state = sane_rw(st->read_state, PIT_RW_WORD_MSB),
		.write_state = sane_rw(st->write_state, PIT_RW_WORD_MSB),
		.mode = st->mode <= 5 ? st->mode : 0xff,
	};
}

int pit_set(struct vm *vm, const struct kvm_pit_state2 *st)
{
	struct pit *pit = vm->irqs.pit;
	u64 now = host_now_ns();
	unsigned int nr;

	if (!pit)
		return -ENXIO;
	host_spin_lock(&pit->lock);
	for (nr = 0; nr < 3; nr++)
		channel_set(&pit->ch[nr], &st->channels[nr], now);
	pit->flags = st->flags & KVM_PIT_FLAGS_HPET_LEGACY;
	pit->speaker = st->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	timer_arm_locked(pit);
	host_spin_unlock(&pit->lock);
	return 0;
}

int pit_reinject(struct vm *vm, const struct kvm_reinject_control *rc)
{
	struct pit *pit = vm->irqs.pit;

	if (!pit)
		return -ENXIO;
	host_spin_lock(&vm->irqs.route_lock);
	host_spin_lock(&pit->tick_lock);
	pit->reinject = rc->pit_reinject;
	pit->pending = 0;
	pit->acked = true;
	host_spin_unlock(&pit->tick_lock);
	irq_update_acks_locked(vm);
	host_spin_unlock(&vm->irqs.route_lock);
	return 0;
}

/* --- life --- */

static void power_on(struct pit *pit)
{
	unsigned int nr;

	for (nr = 0; nr < 3; nr++)
		pit->ch[nr] = (struct pit_channel){
			.count = 0x10000, .load_time = host_now_ns(), .mode = 0xff,
			.rw = PIT_RW_WORD, .read_state = PIT_RW_WORD,
			.write_state = PIT_RW_WORD, .gate = nr != 2,
		};
	pit->reinject = pit->acked = true;
}

static int pit_new(struct vm *vm, bool speaker, struct pit **out)
{
	struct pit *pit = host_alloc(sizeof(*pit));
	int err;

	if (!pit)
		return -ENOMEM;
	pit->vm = vm;
	pit->has_speaker = speaker;
	host_spin_init(&pit->lock);
	host_spin_init(&pit->tick_lock);
	power_on(pit);
	err = host_timer_init(&pit->timer, pit_rings, pit);
	if (err)
		goto err_free;
	pit->ports = (struct bus_dev){ .ops = &pit_ops, .base = 0x40, .len = 4 };
	pit->port61 = (struct bus_dev){ .ops = &port61_ops, .base = 0x61, .len = 1 };
	err = bus_add(&vm->pio, &pit->ports);
	if (err)
		goto err_timer;
	if (speaker) {
		err = bus_add(&vm->pio, &pit->port61);
		if (err)
			goto err_ports;
	}
	*out = pit;
	return 0;

err_ports:
	bus_remove(&vm->pio, &pit->ports);
err_timer:
	host_timer_fini(&pit->timer);
err_free:
	host_free(pit);
	return err;
}

void pit_free(struct pit *pit)
{
	if (!pit)
		return;
	if (pit->has_speaker)
		bus_remove(&pit->vm->pio, &pit->port61);
	bus_remove(&pit->vm->pio, &pit->ports);
	host_timer_fini(&pit->timer);
	host_free(pit);
}

int pit_create(struct vm *vm, const struct kvm_pit_config *cfg)
{
	struct pit *pit;
	int err = 0;

	host_mutex_lock(&vm->lock);
	if (vm->irqs.mode != IRQCHIP_KERNEL)
		err = -ENOENT;
	else if (vm->irqs.pit)
		err = -EEXIST;
	if (!err)
		err = pit_new(vm, cfg->flags & KVM_PIT_SPEAKER_DUMMY, &pit);
	if (!err) {
		host_spin_lock(&vm->irqs.route_lock);
		vm->irqs.pit = pit;
		irq_update_acks_locked(vm);
		host_spin_unlock(&vm->irqs.route_lock);
	}
	host_mutex_unlock(&vm->lock);
	return err;
}
