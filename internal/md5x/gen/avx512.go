package main

// avx512 writes the kernels of 16 messages: a lane of a register is a message.
func avx512(f *file) {
	f.constants()

	f.text("block16(state *[4][16]uint32, messages *[16]*byte, blocks int)", "block16", 0, 24)
	f.op("MOVQ state+0(FP), DI")
	f.op("MOVQ messages+8(FP), SI")
	f.op("MOVQ blocks+16(FP), CX")
	f.op("LEAQ constants<>(SB), BX")
	f.op("XORQ DX, DX // how far the messages are read")
	for i := range 4 {
		f.op("VMOVDQU32 %d(DI), Z%d", 64*i, i)
	}
	f.line("loop:")
	words, free := f.words16(func(row, register int) {
		f.op("MOVQ %d(SI), AX", 8*row)
		f.op("VMOVDQU32 (AX)(DX*1), Z%d", register)
	})
	f.steps16(words, free)
	f.op("ADDQ $64, DX")
	f.op("DECQ CX")
	f.op("JNE loop")
	for i := range 4 {
		f.op("VMOVDQU32 Z%d, %d(DI)", i, 64*i)
	}
	f.op("VZEROUPPER")
	f.op("RET")

	// Of a message of up to 55 bytes only its own bytes are read: a masked load touches no others.
	f.initial()
	f.text("short16(sums *[16][16]byte, messages *[16]*byte, lengths *[16]uint32)", "short16", 0, 24)
	f.op("MOVQ sums+0(FP), DI")
	f.op("MOVQ messages+8(FP), SI")
	f.op("MOVQ lengths+16(FP), DX")
	f.op("LEAQ constants<>(SB), BX")
	for i := range 4 {
		f.op("VPBROADCASTD initial<>+%d(SB), Z%d", 4*i, i)
	}
	f.op("MOVL $0x80, AX")
	f.op("VPBROADCASTB AX, Z4")
	f.op("MOVL $1, R8")
	words, free = f.words16(func(row, register int) {
		f.op("MOVQ %d(SI), AX", 8*row)
		f.op("MOVL %d(DX), CX", 4*row)
		f.op("SHLXQ CX, R8, R9")
		f.op("LEAQ -1(R9), R10")
		f.op("KMOVQ R10, K1")
		f.op("KMOVQ R9, K2")
		f.op("VMOVDQU8.Z (AX), K1, Z%d", register)
		f.op("VMOVDQU8 Z4, K2, Z%d", register)
	})
	f.op("VMOVDQU32 (DX), Z%d", words[14])
	f.op("VPSLLD $3, Z%d, Z%d", words[14], words[14])
	f.steps16(words, free)
	t := transposer{f: f, kind: "Z", free: free}
	for i, register := range t.quarters([]int{0, 1, 2, 3}) {
		for part := range 4 {
			f.op("VEXTRACTI32X4 $%d, Z%d, %d(DI)", part, register, 16*(4*part+i))
		}
	}
	f.op("VZEROUPPER")
	f.op("RET")
}

// words16 loads a block of each message and returns the registers with its words, and those that are free.
func (f *file) words16(load func(row, register int)) (words, free []int) {
	t := transposer{f: f, kind: "Z"}
	for r := 8; r < 32; r++ {
		t.free = append(t.free, r)
	}
	rows := make([]int, 16)
	for i := range rows {
		rows[i] = t.take()
		load(i, rows[i])
	}
	q := t.quarters(rows)
	half, words := make([]int, 16), make([]int, 16)
	for i := range 4 {
		half[i], half[4+i] = t.pair("VSHUFI32X4 $0x88,", "VSHUFI32X4 $0xdd,", q[i], q[4+i])
		half[8+i], half[12+i] = t.pair("VSHUFI32X4 $0x88,", "VSHUFI32X4 $0xdd,", q[8+i], q[12+i])
	}
	for i := range 8 {
		words[i], words[8+i] = t.pair("VSHUFI32X4 $0x88,", "VSHUFI32X4 $0xdd,", half[i], half[8+i])
	}
	return words, t.free
}

// steps16 takes the state in Z0 to Z3 through a block.
func (f *file) steps16(words, free []int) {
	for i := range 4 {
		f.op("VMOVDQA32 Z%d, Z%d", i, 4+i)
	}
	a, b, c, d := 0, 1, 2, 3
	for i := range 64 {
		sum, mix := free[2*i%8], free[(2*i+1)%8]
		f.op("VPADDD.BCST %d(BX), Z%d, Z%d", 4*i, words[word(i)], sum)
		f.op("VMOVDQA32 Z%d, Z%d", d, mix)
		f.op("VPADDD Z%d, Z%d, Z%d", a, sum, sum)
		f.op("VPTERNLOGD $0x%02x, Z%d, Z%d, Z%d", ternary[i/16], c, b, mix)
		f.op("VPADDD Z%d, Z%d, Z%d", mix, sum, sum)
		f.op("VPROLD $%d, Z%d, Z%d", rotation(i), sum, sum)
		f.op("VPADDD Z%d, Z%d, Z%d", b, sum, a)
		a, b, c, d = d, a, b, c
	}
	for i := range 4 {
		f.op("VPADDD Z%d, Z%d, Z%d", 4+i, i, i)
	}
}

// ternary are the tables of the four functions of MD5 for VPTERNLOGD with d, b, c.
var ternary = [4]byte{
	table(func(b, c, d byte) byte { return b&c | ^b&d }),
	table(func(b, c, d byte) byte { return b&d | c&^d }),
	table(func(b, c, d byte) byte { return b ^ c ^ d }),
	table(func(b, c, d byte) byte { return c ^ (b | ^d) }),
}

func table(f func(b, c, d byte) byte) (t byte) {
	for i := range byte(8) {
		t |= f(i>>1&1, i&1, i>>2&1) & 1 << i
	}
	return t
}
