//go:build !purego

package cpu

// cpuid returns what the instruction does: eax is the leaf, ecx the part of it.
func cpuid(eax, ecx uint32) (a, b, c, d uint32)

// xgetbv returns which registers the operating system saves when it changes from one thread to another.
func xgetbv() uint32

func init() {
	const (
		osxsave = 1 << 27 // leaf 1, ecx

		avx2, bmi2, avx512f, avx512bw = 1 << 5, 1 << 8, 1 << 16, 1 << 30 // leaf 7, ebx
		vbmi                          = 1 << 1                           // leaf 7, ecx

		ymm, zmm = 0x06, 0xe6 // registers saved
	)
	if leaves, _, _, _ := cpuid(0, 0); leaves < 7 {
		return
	}
	if _, _, c, _ := cpuid(1, 0); c&osxsave == 0 {
		return
	}
	_, b, c, _ := cpuid(7, 0)
	saved := xgetbv()
	AVX2 = b&avx2 != 0 && saved&ymm == ymm
	AVX512 = b&(avx512f|avx512bw|bmi2) == avx512f|avx512bw|bmi2 && saved&zmm == zmm
	AVX512VBMI = AVX512 && c&vbmi != 0
}
