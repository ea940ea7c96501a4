# SPDX-License-Identifier: GPL-2.0-or-later
# make fuzz: every tests/fuzz/fuzz_NAME.c as build/fuzz/fuzz_NAME. How each is
# built is in make/fuzz_NAME.mk, which makes build/fuzz/NAME.
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(B)/fuzz/fuzz_%,$(wildcard tests/fuzz/fuzz_*.c))

$(FUZZERS): $(B)/fuzz/fuzz_%: $(B)/fuzz/%
	ln -f $< $@
fuzz: $(FUZZERS)

.PHONY: fuzz
