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

// func encode32(dst, src *byte, n int) int
TEXT ·encode32(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX

	VBROADCASTI128 ·spread(SB), Y0
	VBROADCASTI128 ·away(SB), Y1
	MOVL $0x0fc0fc00, BX              // the first and the third value of a word
	VMOVD BX, X2
	VPBROADCASTD X2, Y2
	MOVL $0x04000040, BX              // down by 10, by 6
	VMOVD BX, X3
	VPBROADCASTD X3, Y3
	MOVL $0x003f03f0, BX              // the second and the fourth
	VMOVD BX, X4
	VPBROADCASTD X4, Y4
	MOVL $0x01000010, BX              // up by 4, by 8
	VMOVD BX, X5
	VPBROADCASTD X5, Y5
	MOVL $0x33333333, BX              // 51
	VMOVD BX, X6
	VPBROADCASTD X6, Y6
	MOVL $0x1a1a1a1a, BX              // 26
	VMOVD BX, X7
	VPBROADCASTD X7, Y7
	MOVL $0x0d0d0d0d, BX              // 13
	VMOVD BX, X8
	VPBROADCASTD X8, Y8

next:
	CMPQ AX, CX
	JGE  end
	VMOVDQU (SI), X9
	VINSERTI128 $1, 12(SI), Y9, Y9    // reads 4 bytes more than it takes
	VPSHUFB Y0, Y9, Y9
	VPAND Y2, Y9, Y10
	VPMULHUW Y3, Y10, Y10
	VPAND Y4, Y9, Y9
	VPMULLW Y5, Y9, Y9
	VPOR Y10, Y9, Y9                  // four values
	VPSUBUSB Y6, Y9, Y10
	VPCMPGTB Y9, Y7, Y11              // -1 below 26
	VPAND Y8, Y11, Y11
	VPOR Y11, Y10, Y10
	VPSHUFB Y10, Y1, Y10
	VPADDB Y10, Y9, Y9
	VMOVDQU Y9, (DI)
	ADDQ $24, SI
	ADDQ $32, DI
	INCQ AX
	JMP  next

end:
	MOVQ AX, ret+24(FP)
	VZEROUPPER
	RET
