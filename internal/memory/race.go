//go:build race

package memory

// raceDetector says that the race detector is on, which allocates by itself.
const raceDetector = true
