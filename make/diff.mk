# SPDX-License-Identifier: GPL-2.0-or-later
# make diff: build/diff/diff, random instructions on this processor and the model.
DIFF_SRC := $(sort $(wildcard tests/diff/*.c))
# Only what it runs, so that it builds whatever else does not.
DIFF_OBJ := $(call obj,rel,$(DIFF_SRC) $(filter-out core/x86/msr.c core/x86/cpuid.c,$(filter core/x86/%,$(CORE))) \
	      $(filter engine/soft/fpu% engine/soft/sse% engine/soft/x87% engine/soft/xsave%,$(SOFT))) \
	    $(B)/rel/tests/diff/native_asm.o

$(B)/rel/tests/diff/native_asm.o: tests/diff/native_asm.S
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<

$(B)/diff/diff: $(DIFF_OBJ)
	@test ! -f $(@D) || rm -f $(@D)
	@mkdir -p $(@D)
	$(CC) -pthread -o $@ $^

diff: $(B)/diff/diff

# A quarter of a minute; needs a processor with FSGSBASE.
diff-check: $(B)/diff/diff
	$< --seconds 10
	$< --seconds 5 --ops '^(x87|f?xsave|f?xrstor)'
.PHONY: diff diff-check
