//go:build !race

package vmwarekcl_test

const raceDetector = false
