//go:build !purego

package md5x

// cpuid returns what the instruction does: eax is the leaf, ecx the part of it.
func cpuid(eax, ecx uint32) (a, b, c, d uint32)

// xgetbv returns which registers the operating system saves when it changes from one thread to another.
func xgetbv() uint32

// widest returns how many lanes this processor and its operating system have.
func widest() int {
	const (
		osxsave = 1 << 27 // leaf 1, ecx

		avx2, bmi2, avx512f, avx512bw = 1 << 5, 1 << 8, 1 << 16, 1 << 30 // leaf 7, ebx

		ymm, zmm = 0x06, 0xe6 // registers saved
	)
	if leaves, _, _, _ := cpuid(0, 0); leaves < 7 {
		return 1
	}
	if _, _, c, _ := cpuid(1, 0); c&osxsave == 0 {
		return 1
	}
	_, has, _, _ := cpuid(7, 0)
	switch saved := xgetbv(); {
	case has&(avx512f|avx512bw|bmi2) == avx512f|avx512bw|bmi2 && saved&zmm == zmm:
		return 16
	case has&avx2 == avx2 && saved&ymm == ymm:
		return 8
	}
	return 1
}
