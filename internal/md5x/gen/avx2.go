package main

// avx2 writes the kernel of 8 messages. The words of a block lie on the stack.
func avx2(f *file) {
	f.constants()

	f.text("block8(state *[4][16]uint32, messages *[16]*byte, blocks int)", "block8", 512, 24)
	f.op("MOVQ state+0(FP), DI")
	f.op("MOVQ messages+8(FP), SI")
	f.op("MOVQ blocks+16(FP), CX")
	f.op("LEAQ constants<>(SB), BX")
	f.op("XORQ DX, DX // how far the messages are read")
	f.op("VPCMPEQD Y15, Y15, Y15")
	for i := range 4 {
		f.op("VMOVDQU %d(DI), Y%d", 64*i, i)
	}
	f.line("loop:")
	f.words8(0)
	f.words8(1)
	f.steps8()
	f.op("ADDQ $64, DX")
	f.op("DECQ CX")
	f.op("JNE loop")
	for i := range 4 {
		f.op("VMOVDQU Y%d, %d(DI)", i, 64*i)
	}
	f.op("VZEROUPPER")
	f.op("RET")
}

// words8 loads half a block of each message and puts its words on the stack.
func (f *file) words8(half int) {
	t := transposer{f: f, kind: "Y"}
	for r := 4; r < 15; r++ {
		t.free = append(t.free, r)
	}
	rows := make([]int, 8)
	for i := range rows {
		rows[i] = t.take()
		f.op("MOVQ %d(SI), AX", 8*i)
		f.op("VMOVDQU %d(AX)(DX*1), Y%d", 32*half, rows[i])
	}
	q := t.quarters(rows)
	for i := range 4 {
		low, high := t.pair("VPERM2I128 $0x20,", "VPERM2I128 $0x31,", q[i], q[4+i])
		f.op("VMOVDQU Y%d, %d(SP)", low, 32*(8*half+i))
		f.op("VMOVDQU Y%d, %d(SP)", high, 32*(8*half+4+i))
	}
}

// steps8 takes the state in Y0 to Y3 through a block. Y15 is all ones.
func (f *file) steps8() {
	for i := range 4 {
		f.op("VMOVDQU Y%d, Y%d", i, 4+i)
	}
	a, b, c, d := 0, 1, 2, 3
	for i := range 64 {
		sum, x, y := 8+i%2*3, 9+i%2*3, 10+i%2*3
		f.op("VPBROADCASTD %d(BX), Y%d", 4*i, sum)
		f.op("VPADDD %d(SP), Y%d, Y%d", 32*word(i), sum, sum)
		f.op("VPADDD Y%d, Y%d, Y%d", a, sum, sum)
		switch i / 16 { // what comes of b, the newest, is computed last
		case 0: // d ^ b&(c^d)
			f.op("VPXOR Y%d, Y%d, Y%d", c, d, x)
			f.op("VPAND Y%d, Y%d, Y%d", b, x, x)
			f.op("VPXOR Y%d, Y%d, Y%d", d, x, x)
		case 1: // c&^d + b&d
			f.op("VPANDN Y%d, Y%d, Y%d", c, d, x)
			f.op("VPADDD Y%d, Y%d, Y%d", x, sum, sum)
			f.op("VPAND Y%d, Y%d, Y%d", b, d, x)
		case 2: // b ^ c ^ d
			f.op("VPXOR Y%d, Y%d, Y%d", c, d, x)
			f.op("VPXOR Y%d, Y%d, Y%d", b, x, x)
		case 3: // c ^ (b | ^d)
			f.op("VPXOR Y15, Y%d, Y%d", d, x)
			f.op("VPOR Y%d, Y%d, Y%d", b, x, x)
			f.op("VPXOR Y%d, Y%d, Y%d", c, x, x)
		}
		f.op("VPADDD Y%d, Y%d, Y%d", x, sum, sum)
		f.op("VPSLLD $%d, Y%d, Y%d", rotation(i), sum, y)
		f.op("VPSRLD $%d, Y%d, Y%d", 32-rotation(i), sum, sum)
		f.op("VPOR Y%d, Y%d, Y%d", y, sum, sum)
		f.op("VPADDD Y%d, Y%d, Y%d", b, sum, a)
		a, b, c, d = d, a, b, c
	}
	for i := range 4 {
		f.op("VPADDD Y%d, Y%d, Y%d", 4+i, i, i)
	}
}
