# SPDX-License-Identifier: GPL-2.0-or-later
# make fuzz: $(FUZZ_DIR)/fuzz_NAME from tests/fuzz/fuzz_NAME.c, by libFuzzer,
# against the tree and the test port, all with ASan and UBSan. Seeds:
# tests/fuzz/corpus/NAME/.
FUZZ_CC	 ?= clang-14
FUZZ_SAN ?= -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined
FUZZ_DIR ?= $(B)/fuzz
FUZZ_OBJ := $(FUZZ_DIR)/obj
FUZZLIB	 := $(FUZZ_OBJ)/lib.a
FUZZERS	 := $(patsubst tests/fuzz/%.c,$(FUZZ_DIR)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

$(FUZZ_OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CFLAGS_ALL) -O1 -Iport/test -DKVIST_TEST $(FUZZ_SAN) -fsanitize=fuzzer-no-link \
		-fno-omit-frame-pointer -c -o $@ $<

$(FUZZLIB): $(patsubst %.c,$(FUZZ_OBJ)/%.o,$(CORE) $(SOFT) $(filter-out vmm/kvm_device.c,$(VMM)) \
	    $(filter-out cli/main.c,$(CLI)) $(wildcard port/test/*.c))
	@rm -f $@
	$(Q)ar rcs $@ $^

$(FUZZ_DIR)/fuzz_%: $(FUZZ_OBJ)/tests/fuzz/fuzz_%.o $(FUZZLIB)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -pthread $(FUZZ_SAN) -fsanitize=fuzzer $(WRAP) -o $@ $^ $(LIBS)

fuzz: $(FUZZERS)

# By clang, what no fuzzer contains.
clang-rest: $(patsubst %.c,$(B)/clang/%.o,$(POSIX) $(wildcard preload/*.c) vmm/kvm_device.c cli/main.c)
$(B)/clang/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CFLAGS_ALL) -O1 -Iport/posix -c -o $@ $<
.PHONY: fuzz clang-rest
-include $(wildcard $(B)/clang/*/*.d $(B)/clang/*/*/*.d $(FUZZ_OBJ)/*/*.d $(FUZZ_OBJ)/*/*/*.d)
