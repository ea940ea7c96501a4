# SPDX-License-Identifier: GPL-2.0-or-later
# Everything built goes under build/. Targets:
#   make              build/kvist
#   make DEBUG=1      build/debug/kvist, with ASan and UBSan
#   make unit         the unit test programs, with ASan and UBSan
#   make core-check   the core asks nothing of its host but host.h
#   make kernel-objs  the core as objects for the installed kernel headers
#   make coverage     what the tests run of core/, line by line
.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

B	:= build
Q	:= $(if $(V),,@)
CC	:= $(if $(filter default,$(origin CC)),gcc,$(CC))

WARN	:= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	   -Wpointer-arith -Wwrite-strings -Wno-unused-parameter -Wno-sign-compare \
	   -Wno-missing-field-initializers
CFLAGS_ALL := -std=gnu11 -D_GNU_SOURCE -g -pthread $(WARN) $(if $(WERROR),-Werror) -I. -MMD -MP \
	   -fno-strict-aliasing
# Without -fno-var-tracking gcc takes several times as long over sanitized code.
SAN	:= -fno-var-tracking -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# Plain names: slirp's .pc file asks for GLib's development files, which its
# headers do not use.
LIBS := -lslirp -luring -llzma -lzstd -lz -llz4

CORE	:= $(sort $(wildcard core/*/*.c core/*.c))
SOFT	:= $(sort $(wildcard engine/soft/*.c))
POSIX	:= $(sort $(wildcard port/posix/*.c))
VMM	:= $(sort $(wildcard vmm/*.c vmm/*/*.c))
CLI	:= $(sort $(wildcard cli/*.c))
PROG	:= $(CORE) $(SOFT) $(POSIX) $(VMM) $(CLI)

all: $(B)/kvist

# variant,directory,flags,port
define variant
$(B)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $(2) $$(INSTR) -Iport/$(3) -c -o $$@ $$<
endef
$(eval $(call variant,rel,-O2 -fno-plt,posix))
$(eval $(call variant,dbg,-O1 $(SAN),posix))
$(eval $(call variant,test,-O1 $(SAN) -DKVIST_TEST,test))

obj = $(patsubst %.c,$(B)/$(1)/%.o,$(2))

ifdef DEBUG
all: $(B)/debug/kvist
endif

$(B)/kvist: $(call obj,rel,$(PROG))
	$(Q)$(CC) -pthread $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/debug/kvist: $(call obj,dbg,$(PROG))
	@mkdir -p $(@D)
	$(Q)$(CC) -pthread $(SAN) -o $@ $^ $(LIBS)

# Of that, what no unit test contains.
debug-rest: $(call obj,dbg,$(POSIX) vmm/kvm_device.c cli/main.c)

# The core and the software engine, for other programs of the tree.
$(B)/libkvist.a: $(call obj,rel,$(CORE) $(SOFT) $(POSIX))
	@rm -f $@
	$(Q)ar rcs $@ $^

# Unit tests: one program a file, tests/unit/test_NAME.c, against the library
# built with sanitizers and the test port.
TESTLIB := $(B)/libtest.a
# What port/test/alloc.c stands in front of.
WRAP	:= -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,-u,__wrap_malloc,-u,__wrap_calloc,-u,__wrap_realloc
$(TESTLIB): $(call obj,test,$(CORE) $(SOFT) $(filter-out vmm/kvm_device.c,$(VMM)) $(filter-out cli/main.c,$(CLI)) $(wildcard port/test/*.c))
	@rm -f $@
	$(Q)ar rcs $@ $^
UNITS	:= $(patsubst tests/unit/test_%.c,$(B)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
$(B)/unit/%: $(B)/test/tests/unit/test_%.o $(TESTLIB)
	@mkdir -p $(@D)
	$(Q)$(CC) -pthread $(SAN) $(WRAP) $(LDFLAGS) -o $@ $< $(TESTLIB) $(LIBS) -lcmocka
unit: $(UNITS)

clean:
	rm -rf $(B)

.PHONY: all unit clean debug-rest core-check kernel-objs
.SECONDARY:
-include $(foreach v,rel dbg test,$(wildcard $(B)/$(v)/*/*.d $(B)/$(v)/*/*/*.d $(B)/$(v)/*/*/*/*.d))
-include make/*.mk
