/* SPDX-License-Identifier: GPL-2.0-or-later */
/* start.S - PVH entry of the test guests: 32-bit flat protected mode without
 * paging, EBX = start info. Goes to 64-bit mode with 4 GiB mapped one to one. */
	.section .note.pvh, "a", @note
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	start32

	.section .bss
	.balign	4096
pml4:	.skip	4096
pdpt:	.skip	4096
pds:	.skip	4 * 4096
	.skip	65536
stack:

	.section .rodata
	.balign	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:	.word	. - gdt - 1
	.quad	gdt

	.text
	.code32
	.globl	start32
start32:
	mov	%ebx, %esi
	mov	$pds, %edi		/* 2048 pages of 2 MiB */
	mov	$0x83, %eax		/* present, writable, large */
	xor	%ecx, %ecx
1:	mov	%eax, (%edi, %ecx, 8)
	add	$0x200000, %eax
	inc	%ecx
	cmp	$2048, %ecx
	jne	1b
	mov	$pdpt, %edi
	mov	$pds + 3, %eax
	xor	%ecx, %ecx
2:	mov	%eax, (%edi, %ecx, 8)
	add	$4096, %eax
	inc	%ecx
	cmp	$4, %ecx
	jne	2b
	movl	$pdpt + 3, pml4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax		/* EFER.LME */
	wrmsr
	mov	$0x80000033, %eax	/* PG, NE, ET, MP, PE */
	mov	%eax, %cr0
	lgdt	gdtr
	ljmp	$8, $start64

	.code64
start64:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$stack, %rsp
	fninit
	mov	%esi, %edi
	call	guest_main
3:	hlt
	jmp	3b
	.section .note.GNU-stack, "", @progbits
