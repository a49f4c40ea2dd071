//go:build !purego

#include "textflag.h"

// func decode64(dst, src *byte, n int) int
TEXT ·decode64(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX

	VMOVDQU64 ·values+0(SB), Z0
	VMOVDQU64 ·values+64(SB), Z1
	VMOVDQU64 ·order(SB), Z2
	MOVL $0x01400140, BX              // times 64, times 1
	VPBROADCASTD BX, Z3
	MOVL $0x00011000, BX              // times 4096, times 1
	VPBROADCASTD BX, Z4
	MOVQ $0x0000ffffffffffff, BX
	KMOVQ BX, K1

next:
	CMPQ AX, CX
	JGE  end
	VMOVDQU64 (SI), Z5
	VMOVDQA64 Z5, Z6
	VPERMI2B Z1, Z0, Z6               // what each stands for
	VPORQ Z5, Z6, Z5                  // bit 7 is set in what is not ASCII, too
	VPMOVB2M Z5, K2
	KORTESTQ K2, K2
	JNZ  end
	VPMADDUBSW Z3, Z6, Z6             // two letters in 16 bits
	VPMADDWD Z4, Z6, Z6               // four in 32
	VPERMB Z6, Z2, Z6
	VMOVDQU8 Z6, K1, (DI)
	ADDQ $64, SI
	ADDQ $48, DI
	INCQ AX
	JMP  next

end:
	MOVQ AX, ret+24(FP)
	VZEROUPPER
	RET

// func encode64(dst, src *byte, n int) int
TEXT ·encode64(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	XORL AX, AX

	VMOVDQU64 ·letters(SB), Z0
	VMOVDQU64 ·spread(SB), Z1
	MOVQ $0x3036242a1016040a, BX      // where each 6-bit value begins in 64 bits
	VPBROADCASTQ BX, Z2
	MOVQ $0x0000ffffffffffff, BX
	KMOVQ BX, K1

next:
	CMPQ AX, CX
	JGE  end
	VMOVDQU8.Z (SI), K1, Z3
	VPERMB Z3, Z1, Z3
	VPMULTISHIFTQB Z3, Z2, Z3
	VPERMB Z0, Z3, Z3                 // it looks at the lowest 6 bits alone
	VMOVDQU64 Z3, (DI)
	ADDQ $48, SI
	ADDQ $64, DI
	INCQ AX
	JMP  next

end:
	MOVQ AX, ret+24(FP)
	VZEROUPPER
	RET
