package scale

import (
	"math"
	"runtime"
	"strings"
)

// memory is what a fleet holds.
type memory struct {
	heap       float64 // MB
	goroutines int
}

// heldByOthers marks the stacks that allocate for the services, the producer and the books of the test.
var heldByOthers = []string{
	"/internal/kinesisfake.", "/internal/dynamofake.", "/kplkit/producer.", ".(*book).", ".(*ledger).", ".(*meter).",
}

// memoryOfWorkers is the heap that was allocated on the stacks of workers and is still in use, by the samples of the
// runtime's profile, and the goroutines of the process. What is stored in the embedded services grows with every record,
// so the whole heap says nothing.
func memoryOfWorkers() memory {
	runtime.GC() // the profile is that of the last collection but one
	runtime.GC()
	records := make([]runtime.MemProfileRecord, 10_000)
	n, ok := runtime.MemProfile(records, false)
	for !ok {
		records = make([]runtime.MemProfileRecord, n+1000)
		n, ok = runtime.MemProfile(records, false)
	}
	var bytes float64
	for _, r := range records[:n] {
		if !isOthers(r.Stack()) {
			bytes += inUse(r)
		}
	}
	return memory{bytes / 1e6, runtime.NumGoroutine()}
}

// inUse scales a sample up: an object is sampled the more likely, the larger it is.
func inUse(r runtime.MemProfileRecord) float64 {
	bytes, objects := float64(r.InUseBytes()), float64(r.InUseObjects())
	if objects == 0 {
		return 0
	}
	return bytes / (1 - math.Exp(-bytes/objects/float64(runtime.MemProfileRate)))
}

func isOthers(stack []uintptr) bool {
	for frames := runtime.CallersFrames(stack); ; {
		frame, more := frames.Next()
		for _, mark := range heldByOthers {
			if strings.Contains(frame.Function, mark) {
				return true
			}
		}
		if !more {
			return false
		}
	}
}
