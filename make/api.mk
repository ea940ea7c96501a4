# SPDX-License-Identifier: GPL-2.0-or-later
# make api: build/api/NAME from tests/api/NAME.c, clients of the KVM API that
# run on the software engine and on a device.
API_BIN	:= $(patsubst tests/api/%.c,$(B)/api/%,$(sort $(wildcard tests/api/*.c)))

$(B)/api/%: $(B)/rel/tests/api/%.o $(B)/rel/vmm/kvm_device.o $(B)/libkvist.a
	@mkdir -p $(@D)
	$(CC) -pthread $(LDFLAGS) -o $@ $^

api: $(API_BIN)

.PHONY: api
