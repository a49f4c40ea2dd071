package vmwarekcl_test

import (
	"os"
	"runtime/debug"
	"testing"
	"time"
	_ "unsafe" // for go:linkname
)

// vmware's worker sleeps until a second has passed and then asks whether more than a second has: in virtual time it
// asks for ever. Its clock is a package variable; here it runs a nanosecond ahead.
//
//go:linkname rateLimitTimeSince github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker.rateLimitTimeSince
var rateLimitTimeSince func(time.Time) time.Duration

func TestMain(m *testing.M) {
	rateLimitTimeSince = func(t time.Time) time.Duration { return time.Since(t) + 1 }
	debug.SetGCPercent(400) // worlds allocate much and keep little
	os.Exit(m.Run())
}
