# SPDX-License-Identifier: GPL-2.0-or-later
# build/fuzz/decode: the decoder on any bytes (libFuzzer).
FUZZ_DECODE_SRC := tests/fuzz/fuzz_decode.c $(wildcard core/x86/decode*.c)

$(B)/fuzz/decode: $(FUZZ_DECODE_SRC) core/x86/decode.h core/x86/insn.h core/x86/ops.h
	@mkdir -p $(@D)
	clang -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize=alignment -fno-sanitize-recover=all -I. -Iport/test \
		-o $@ $(FUZZ_DECODE_SRC)
