//go:build race

package sim

// RaceDetector tells whether this test binary has the race detector, under which requests take ten times as long.
const RaceDetector = true
