// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - kvist.ko: the devices, and which engine is behind them. */
#include <linux/kvm.h>
#include <linux/miscdevice.h>
#include "core/host.h"
#include "engine/engine.h"
#include "port/linux/kvist.h"

static DEFINE_MUTEX(lock);		/* engine, engine_module */
static const struct engine *engine;
static struct module *engine_module;
static bool has_kvm;			/* /dev/kvm is ours too */

static struct miscdevice dev_kvist = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvist",
	.mode = 0660,
	.fops = &kvist_system_fops,
};

static struct miscdevice dev_kvm = {
	.minor = KVM_MINOR,
	.name = "kvm",
	.mode = 0660,
	.fops = &kvist_system_fops,
};

const struct engine *kvist_get(void)
{
	const struct engine *e = NULL;

	mutex_lock(&lock);
	if (engine && try_module_get(engine_module))
		e = engine;
	mutex_unlock(&lock);
	return e;
}
EXPORT_SYMBOL_GPL(kvist_get);

/* Whoever has got it keeps engine_module from changing. */
void kvist_put(void)
{
	module_put(engine_module);
}
EXPORT_SYMBOL_GPL(kvist_put);

static int engine_set(const struct engine *e, struct module *owner)
{
	int err = -EBUSY;

	mutex_lock(&lock);
	if (!engine || !e) {
		engine = e;
		engine_module = owner;
		err = 0;
	}
	mutex_unlock(&lock);
	return err;
}

/* The devices come and go without the lock: opening one takes it. */
int kvist_register(const struct engine *e, struct module *owner)
{
	int err = engine_set(e, owner);

	if (err)
		return err;
	err = misc_register(&dev_kvist);
	if (err) {
		engine_set(NULL, NULL);
		return err;
	}
	has_kvm = !misc_register(&dev_kvm);
	pr_info("kvist: guests run on %s, through /dev/kvist%s\n", e->name,
		has_kvm ? " and /dev/kvm" : "; /dev/kvm is another hypervisor's");
	return 0;
}
EXPORT_SYMBOL_GPL(kvist_register);

void kvist_unregister(const struct engine *e)
{
	misc_deregister(&dev_kvist);
	if (has_kvm)
		misc_deregister(&dev_kvm);
	engine_set(NULL, NULL);
}
EXPORT_SYMBOL_GPL(kvist_unregister);

static int __init kvist_init(void)
{
	return 0;
}
module_init(kvist_init);

static void __exit kvist_exit(void)
{
}
module_exit(kvist_exit);

MODULE_DESCRIPTION("kvist: virtual machines by the KVM API");
MODULE_LICENSE("GPL");
