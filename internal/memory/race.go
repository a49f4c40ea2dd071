//go:build race

package memory

// RaceDetector says that the race detector is on, which allocates by itself and takes many times as long.
const RaceDetector = true
