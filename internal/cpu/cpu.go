// Package cpu says which vector instructions may be used on this processor, under this operating system. With the build
// tag purego, and elsewhere than on amd64, there are none.
package cpu

// What may be used. It is set for good at the start.
var (
	AVX2       bool
	AVX512     bool // F and BW, and BMI2
	AVX512VBMI bool // beside AVX512
)
