# SPDX-License-Identifier: GPL-2.0-or-later
# build/fuzz/insn: hostile guest code on the core and the software FPU (libFuzzer).
FUZZ_INSN_SRC := tests/fuzz/fuzz_insn.c \
	$(filter-out core/x86/msr.c core/x86/cpuid.c,$(wildcard core/x86/*.c)) \
	$(wildcard engine/soft/fpu*.c engine/soft/sse*.c engine/soft/x87*.c engine/soft/xsave*.c)

$(B)/fuzz/insn: $(FUZZ_INSN_SRC) $(wildcard core/x86/*.h engine/soft/*.h tests/unit/x86_env.h)
	@mkdir -p $(@D)
	clang -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize=alignment -fno-sanitize-recover=all -fno-strict-aliasing \
		-I. -Iport/test -o $@ $(FUZZ_INSN_SRC)
