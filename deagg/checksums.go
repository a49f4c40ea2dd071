package deagg

import (
	"crypto/md5"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kplkit/kplkit/internal/wire"
)

// sideBySide is how many bytes of aggregates are worth a second goroutine: some tens of microseconds of MD5.
const sideBySide = 64 << 10

// verdict is what is known of an aggregate's checksum.
type verdict uint8

const (
	unchecked verdict = iota
	right
	wrong
)

// checksum returns the verdict on data, unchecked if it is too short for an aggregate or starts without the magic.
func checksum(data []byte) verdict {
	if !HasMagic(data) || len(data) <= wire.Overhead {
		return unchecked
	}
	end := len(data) - wire.DigestSize
	if sum := md5.Sum(data[len(wire.Magic):end]); string(sum[:]) != string(data[end:]) {
		return wrong
	}
	return right
}

// checksums returns the verdicts on many stored records, computed side by side on all processors: MD5 takes most of the
// time of de-aggregation. It returns nil where that is not worth it, and reuses verdicts.
func checksums(rs []StoredRecord, verdicts []verdict) []verdict {
	size := 0
	for i := range rs {
		if HasMagic(rs[i].Data) {
			size += len(rs[i].Data)
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(rs), size/sideBySide)
	if workers < 2 {
		return nil
	}
	data := make([][]byte, len(rs)) // a copy, so that one stored record alone need not be on the heap
	for i := range rs {
		data[i] = rs[i].Data
	}
	if cap(verdicts) < len(rs) {
		verdicts = make([]verdict, len(rs))
	}
	verdicts = verdicts[:len(rs)]
	var next atomic.Int64
	check := func() {
		for i := next.Add(1) - 1; i < int64(len(data)); i = next.Add(1) - 1 {
			verdicts[i] = checksum(data[i])
		}
	}
	var others sync.WaitGroup
	for range workers - 1 {
		others.Go(check)
	}
	check()
	others.Wait()
	return verdicts
}
