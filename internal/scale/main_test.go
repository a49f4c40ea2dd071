package scale

import (
	"flag"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/sirupsen/logrus"
)

var (
	full   = flag.Bool("scale.full", false, "run every scenario at its full size, with and without kplkit")
	update = flag.Bool("update", false, "write the tables into docs/fleets.md")
)

// vmware's worker sleeps until a second has passed and then asks whether more than a second has: in virtual time it
// asks for ever. Its clock is a package variable; here it runs a nanosecond ahead.
//
//go:linkname rateLimitTimeSince github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker.rateLimitTimeSince
var rateLimitTimeSince func(time.Time) time.Duration

func TestMain(m *testing.M) {
	rateLimitTimeSince = func(t time.Time) time.Duration { return time.Since(t) + 1 }
	runtime.MemProfileRate = 64 << 10 // fine enough for memoryOfWorkers
	debug.SetGCPercent(400)           // fleets allocate much and keep little,
	debug.SetMemoryLimit(1 << 30)     // but a soak has millions of records stored
	logrus.SetOutput(io.Discard)      // vmware logs some errors past its configured logger
	os.Exit(m.Run())
}
