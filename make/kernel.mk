# SPDX-License-Identifier: GPL-2.0-or-later
# The core as the kernel would build it: objects through Kbuild, and a check
# that it asks nothing of its host but what core/host.h lists.

KDIR	?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	   $(lastword $(sort $(wildcard /usr/src/linux-headers-*-amd64))))
KOUT	:= $(B)/kernel
KSRC	:= $(CORE) port/linux/host_linux.c

# Kbuild writes objects beside their sources, so it gets a copy of them.
$(KOUT)/Kbuild: $(KSRC) make/kernel.mk
	@mkdir -p $(KOUT)/engine $(KOUT)/port
	@{ echo 'ccflags-y := -I$$(src) -I$$(src)/port/linux -Wno-declaration-after-statement -Wno-implicit-fallthrough'; \
	   for f in $(KSRC:.c=.o); do echo "obj-m += $$f"; done; } >$@

kernel-objs: $(KOUT)/Kbuild
ifeq ($(KDIR),)
	@echo "kernel-objs: no kernel headers; install linux-headers-amd64" >&2; exit 1
else
	@cp -rup core $(KOUT)/ && cp -up engine/engine.h $(KOUT)/engine/ && \
	 cp -rup port/linux $(KOUT)/port/
	+$(MAKE) -C $(KDIR) M=$(abspath $(KOUT)) $(KSRC:.c=.o)
endif

# Freestanding, without FPU or vector registers, as in the kernel.
CHECKOBJ := $(patsubst %.c,$(B)/check/%.o,$(CORE))
$(B)/check/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -O2 -ffreestanding -mgeneral-regs-only -mno-red-zone \
		-fno-stack-protector -U_FORTIFY_SOURCE -Iport/posix -c -o $@ $<

# Beyond host_*: memory functions, engine hooks, and what the posix port's
# macros for locks and assertions expand to.
CORE_MAY := ^(host_[a-z_]+|mem(cpy|move|set|cmp)|engine_[a-z]+|free|pthread_mutex_[a-z]+|__assert_fail)$$
core-check: $(CHECKOBJ)
	@nm --defined-only $(CHECKOBJ) | awk 'NF == 3 { print $$3 }' | sort -u >$(B)/check/has
	@nm -u $(CHECKOBJ) | awk 'NF == 2 { print $$2 }' | sort -u | \
	 comm -23 - $(B)/check/has | grep -Ev '$(CORE_MAY)' >$(B)/check/extra; \
	 if [ -s $(B)/check/extra ]; then \
		echo "core-check: the core uses what core/host.h does not list:"; \
		for s in $$(cat $(B)/check/extra); do \
			nm -uA $(CHECKOBJ) | grep -w "$$s"; done; exit 1; \
	 else echo "core-check: ok"; fi
-include $(wildcard $(B)/check/core/*.d $(B)/check/core/*/*.d)
