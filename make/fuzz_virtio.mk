# SPDX-License-Identifier: GPL-2.0-or-later
# build/fuzz/virtio: a hostile driver against every virtio device (libFuzzer).
FUZZ_CC	?= clang
FUZZ_VIRTIO_SRC := tests/fuzz/fuzz_virtio.c \
	$(wildcard vmm/virtio/*.c vmm/pci/*.c) vmm/net/offload.c vmm/net/tap.c \
	vmm/iobus.c vmm/ram.c vmm/loop.c vmm/fail.c $(wildcard port/test/host_test.c port/test/shared.c)

$(B)/fuzz/virtio: $(FUZZ_VIRTIO_SRC) $(wildcard vmm/virtio/*.h vmm/pci/*.h vmm/net/*.h vmm/block/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) -std=gnu11 -D_GNU_SOURCE -g -O1 -pthread -I. -Iport/test \
		-fsanitize=fuzzer,address,undefined -fno-sanitize=alignment \
		-fno-sanitize-recover=undefined -fno-strict-aliasing -o $@ $(FUZZ_VIRTIO_SRC)
