//go:build !purego

#include "textflag.h"

// Where the bytes of 4 words stand, the highest of their three first; as order has it.
DATA pack<>+0(SB)/8, $0x090a040506000102
DATA pack<>+8(SB)/8, $0xffffffff0c0d0e08
GLOBL pack<>(SB), RODATA, $16

// func decode32(dst, src *byte, n int) int
TEXT ·decode32(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX

	VBROADCASTI128 ·lowBad(SB), Y0
	VBROADCASTI128 ·highIs(SB), Y1
	VBROADCASTI128 ·steps(SB), Y2
	VBROADCASTI128 pack<>(SB), Y3
	MOVL $0x01400140, BX              // times 64, times 1
	VMOVD BX, X4
	VPBROADCASTD X4, Y4
	MOVL $0x00011000, BX              // times 4096, times 1
	VMOVD BX, X5
	VPBROADCASTD X5, Y5
	MOVL $0x0f0f0f0f, BX
	VMOVD BX, X6
	VPBROADCASTD X6, Y6
	MOVL $0x2f2f2f2f, BX              // slashes
	VMOVD BX, X7
	VPBROADCASTD X7, Y7

next:
	CMPQ AX, CX
	JGE  end
	VMOVDQU (SI), Y8
	VPSRLD $4, Y8, Y9
	VPAND Y6, Y9, Y9                  // high halves
	VPAND Y6, Y8, Y10                 // low halves
	VPSHUFB Y10, Y0, Y10
	VPSHUFB Y9, Y1, Y11
	VPTEST Y10, Y11
	JNZ  end
	VPCMPEQB Y7, Y8, Y10              // -1 where a slash is
	VPADDB Y10, Y9, Y9
	VPSHUFB Y9, Y2, Y9
	VPADDB Y9, Y8, Y8                 // what each stands for
	VPMADDUBSW Y4, Y8, Y8             // two letters in 16 bits
	VPMADDWD Y5, Y8, Y8               // four in 32
	VPSHUFB Y3, Y8, Y8                // 12 bytes in each half
	VEXTRACTI128 $1, Y8, X9
	VMOVQ X8, (DI)
	VPEXTRD $2, X8, 8(DI)
	VMOVQ X9, 12(DI)
	VPEXTRD $2, X9, 20(DI)
	ADDQ $32, SI
	ADDQ $24, DI
	INCQ AX
	JMP  next

end:
	MOVQ AX, ret+24(FP)
	VZEROUPPER
	RET
