# SPDX-License-Identifier: GPL-2.0-or-later
# make diff: build/diff/diff, random instructions on this processor and the model.
DIFF_SRC := $(sort $(wildcard tests/diff/*.c))
DIFF_OBJ := $(call obj,rel,$(DIFF_SRC)) $(B)/rel/tests/diff/native_asm.o

$(B)/rel/tests/diff/native_asm.o: tests/diff/native_asm.S
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<

$(B)/diff/diff: $(DIFF_OBJ) $(B)/libkvist.a
	@test ! -f $(@D) || rm -f $(@D)
	@mkdir -p $(@D)
	$(CC) -pthread $(LDFLAGS) -o $@ $^

diff: $(B)/diff/diff

# A quarter of a minute; needs a processor with FSGSBASE.
diff-check: $(B)/diff/diff
	$< --seconds 10
	$< --seconds 5 --ops '^(x87|f?xsave|f?xrstor)'
.PHONY: diff diff-check
