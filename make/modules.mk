# SPDX-License-Identifier: GPL-2.0-or-later
# make modules: build/modules/kvist.ko and kvist-amd.ko, for the kernel whose
# headers KDIR has.
MOUT	:= $(B)/modules
MSRC	:= $(CORE) $(wildcard engine/tdp/*.c port/linux/*.c)
MAMD	:= $(wildcard engine/svm/*.c engine/svm/*.S)
mobj	= $(addsuffix .o,$(basename $(1)))

$(MOUT)/Kbuild: $(MSRC) $(MAMD) make/modules.mk
	@mkdir -p $(MOUT)
	@{ echo 'ccflags-y := -I$$(src) -I$$(src)/port/linux -Wno-declaration-after-statement -Wno-implicit-fallthrough'; \
	   echo 'obj-m := kvist.o kvist-amd.o'; \
	   echo 'kvist-y := $(call mobj,$(MSRC))'; \
	   echo 'kvist-amd-y := $(call mobj,$(MAMD))'; } >$@

# Kbuild writes objects beside their sources, so it gets a copy of them.
modules: $(MOUT)/Kbuild
ifeq ($(KDIR),)
	@echo "modules: no kernel headers; install linux-headers-amd64" >&2; exit 1
else
	@mkdir -p $(MOUT)/engine $(MOUT)/port && cp -rup core $(MOUT)/ && \
	 cp -rup engine/engine.h engine/svm engine/tdp $(MOUT)/engine/ && cp -rup port/linux $(MOUT)/port/
	+$(MAKE) -C $(KDIR) M=$(abspath $(MOUT)) modules
endif
.PHONY: modules
