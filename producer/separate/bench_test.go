//go:build unix

package separate

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kplkit/kplkit/producer"
)

// BenchmarkPut measures the parent alone: its child answers at once. cpu-ns/op is of this process.
func BenchmarkPut(b *testing.B) {
	for name, size := range map[string]int{"100B": 100, "1KB": 1000} {
		b.Run(name, func(b *testing.B) {
			b.Setenv(roleVariable, "kplkit")
			p, err := Start(b.Context(), childConfig("daemon", io.Discard))
			if err != nil {
				b.Fatal(err)
			}
			r := producer.Record{PartitionKey: "key", Data: bytes.Repeat([]byte("x"), size)}
			var results atomic.Int64
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				if err := p.Put(context.Background(), "orders", r, func(producer.Record, producer.Result) { results.Add(1) }); err != nil {
					b.Fatal(err)
				}
			}
			if err := p.Flush(context.Background()); err != nil || results.Load() != int64(b.N) {
				b.Errorf("%v, %d results of %d", err, results.Load(), b.N)
			}
			b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
			p.Close(context.Background())
		})
	}
}

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
