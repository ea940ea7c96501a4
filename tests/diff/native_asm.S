/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * native_asm.S - load a whole register state, run code, save the state. The
 * code under test owns every register, so all is addressed from RIP.
 */
	.text

#define FX	192
#define SEL	176
#define ES	0
#define SS	4
#define DS	6
#define FS	8
#define GS	10

	.macro	SAVE_HOST
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, nat_host_rsp(%rip)
	cmpb	$0, nat_avx(%rip)
	je	1f
	vzeroall
1:
	fxrstor64 nat_in+FX(%rip)
	mov	nat_in+SEL+ES(%rip), %es
	mov	nat_in+SEL+DS(%rip), %ds
	mov	nat_in+144(%rip), %rax
	wrfsbase %rax
	mov	nat_in+152(%rip), %rax
	wrgsbase %rax
	pushq	nat_in+136(%rip)
	popfq
	.endm

	.macro	LOAD_REGS
	mov	nat_in+0(%rip), %rax
	mov	nat_in+8(%rip), %rcx
	mov	nat_in+16(%rip), %rdx
	mov	nat_in+24(%rip), %rbx
	mov	nat_in+32(%rip), %rsp
	mov	nat_in+40(%rip), %rbp
	mov	nat_in+48(%rip), %rsi
	mov	nat_in+56(%rip), %rdi
	mov	nat_in+64(%rip), %r8
	mov	nat_in+72(%rip), %r9
	mov	nat_in+80(%rip), %r10
	mov	nat_in+88(%rip), %r11
	mov	nat_in+96(%rip), %r12
	mov	nat_in+104(%rip), %r13
	mov	nat_in+112(%rip), %r14
	mov	nat_in+120(%rip), %r15
	.endm

	.globl	nat_enter
	.type	nat_enter, @function
nat_enter:
	SAVE_HOST
	LOAD_REGS
	jmp	*nat_in+128(%rip)

/* The same for code in a 16-bit or 32-bit segment, which needs the others too. */
	.globl	nat_enter32
	.type	nat_enter32, @function
nat_enter32:
	mov	nat_in+SEL+SS(%rip), %ss
	SAVE_HOST
	LOAD_REGS
	ljmp	*nat_far(%rip)

	.globl	nat_exit
nat_exit:
	mov	%rax, nat_out+0(%rip)
	mov	%rcx, nat_out+8(%rip)
	mov	%rdx, nat_out+16(%rip)
	mov	%rbx, nat_out+24(%rip)
	mov	%rsp, nat_out+32(%rip)
	mov	%rbp, nat_out+40(%rip)
	mov	%rsi, nat_out+48(%rip)
	mov	%rdi, nat_out+56(%rip)
	mov	%r8, nat_out+64(%rip)
	mov	%r9, nat_out+72(%rip)
	mov	%r10, nat_out+80(%rip)
	mov	%r11, nat_out+88(%rip)
	mov	%r12, nat_out+96(%rip)
	mov	%r13, nat_out+104(%rip)
	mov	%r14, nat_out+112(%rip)
	mov	%r15, nat_out+120(%rip)
	mov	nat_host_rsp(%rip), %rsp
	pushfq
	popq	nat_out+136(%rip)
	pushq	$0x202
	popfq
	fxsave64 nat_out+FX(%rip)
	rdfsbase %rax
	mov	%rax, nat_out+144(%rip)
	rdgsbase %rax
	mov	%rax, nat_out+152(%rip)
	mov	%es, nat_out+SEL+ES(%rip)
	mov	%ss, nat_out+SEL+SS(%rip)
	mov	%ds, nat_out+SEL+DS(%rip)
	mov	%fs, nat_out+SEL+FS(%rip)
	mov	%gs, nat_out+SEL+GS(%rip)
	/* The signal handler comes back here; it has filled in nat_out. */
	.globl	nat_leave
nat_leave:
	mov	$0x2b, %eax
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%fs, %ecx
	mov	%gs, %edx
	or	%edx, %ecx
	jz	2f
	mov	%eax, %fs
	mov	%eax, %gs
2:
	mov	nat_host_fs(%rip), %rcx
	wrfsbase %rcx
	wrgsbase %rax
	cmpb	$0, nat_avx(%rip)
	je	1f
	vzeroupper
1:
	fninit
	ldmxcsr	nat_host_mxcsr(%rip)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.globl	nat_end
nat_end:

	.data
nat_host_mxcsr:
	.long	0x1f80
	.globl	nat_avx
nat_avx:
	.byte	0
	.balign	4
	.globl	nat_far
nat_far:
	.long	0
	.word	0x23
	.section .note.GNU-stack, "", @progbits
