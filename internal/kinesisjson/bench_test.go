//go:build unix

package kinesisjson_test

import (
	"bytes"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// sizes are answers of 1 MB of data: plain records, and aggregates.
var sizes = []struct{ records, size int }{{10_000, 100}, {1000, 1000}, {20, 50_000}, {1, 1_000_000}}

// BenchmarkRead reads answers by turns as the SDK does, in its place (each record's data with memory of its own), with
// all memory used again, and without the data. The figures are CPU time, of all threads, for a record, and the
// medians of what it is of the SDK's.
func BenchmarkRead(b *testing.B) {
	for _, s := range sizes {
		b.Run(fmt.Sprintf("%dx%d", s.records, s.size), func(b *testing.B) {
			body := answerOf(s.records, s.size)
			var a kinesisjson.Answer
			var data []byte
			takeTurns(b, s.records, []candidate{
				{"SDK", func() error { _, err := bySDK(body); return err }},
				{"in-its-place", func() error { _, err := byUs(body); return err }},
				{"reused", func() (err error) { data, err = readAll(&a, body, data[:0]); return err }},
				{"no-data", func() error { return a.Read(body, limit) }},
			})
		})
	}
}

// BenchmarkWrite writes answers beside what the SDK takes to read them: the records as they came, as one user record
// each, and as user records of one aggregate.
func BenchmarkWrite(b *testing.B) {
	for _, s := range sizes {
		b.Run(fmt.Sprintf("%dx%d", s.records, s.size), func(b *testing.B) {
			body, data := answerOf(s.records, s.size), bytes.Repeat([]byte("data"), s.size/4)
			var a kinesisjson.Answer
			if err := a.Read(body, limit); err != nil {
				b.Fatal(err)
			}
			var w kinesisjson.Writer
			var out []byte
			write := func(record func(r *kinesisjson.Record)) func() error {
				return func() error {
					w.Begin(&a, out[:0])
					for i := range a.Records {
						record(&a.Records[i])
					}
					out = w.End(&a.Object)
					return nil
				}
			}
			takeTurns(b, s.records, []candidate{
				{"SDK-reads", func() error { _, err := bySDK(body); return err }},
				{"as-they-came", write(w.Record)},
				{"others", write(func(r *kinesisjson.Record) { w.UserRecord(r, r.SequenceNumber, nil, r.PartitionKey, data) })},
				{"of-one", write(func(r *kinesisjson.Record) {
					w.UserRecord(&a.Records[0], r.SequenceNumber, nil, r.PartitionKey, data)
				})},
			})
		})
	}
}

type candidate struct {
	name string
	run  func() error
}

// takeTurns runs each candidate for some milliseconds, again and again.
func takeTurns(b *testing.B, records int, candidates []candidate) {
	spent, ratios := make([][]float64, len(candidates)), make([][]float64, len(candidates))
	for b.Loop() {
		for i, c := range candidates {
			n, before := 0, cpu()
			for n == 0 || cpu()-before < 20*time.Millisecond {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
				n++
			}
			spent[i] = append(spent[i], float64(cpu()-before)/float64(n*records))
			ratios[i] = append(ratios[i], spent[i][len(spent[i])-1]/spent[0][len(spent[0])-1])
		}
	}
	for i, c := range candidates {
		b.ReportMetric(median(spent[i]), c.name+"-ns/record")
		if i > 0 {
			b.ReportMetric(median(ratios[i]), c.name+"/"+candidates[0].name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readAll reads an answer and the data of its records, which it appends to data.
func readAll(a *kinesisjson.Answer, body, data []byte) ([]byte, error) {
	err := a.Read(body, limit)
	for i := 0; i < len(a.Records) && err == nil; i++ {
		data, err = a.Records[i].AppendData(data)
	}
	return data, err
}
