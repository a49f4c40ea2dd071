package kinesisjson_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// answerOf returns an answer as Kinesis writes it, with n records of size bytes.
func answerOf(n, size int) []byte {
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("data"), size/4))
	var b strings.Builder
	b.WriteString(`{"Records":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"SequenceNumber":"4959033827149025660855969253836157109592157598913658%05d","ApproximateArrivalTimestamp":1.795529850123E9,`+
			`"Data":"%s","PartitionKey":"user-%d"}`, i, data, i%10)
	}
	return []byte(b.String() + `],"NextShardIterator":"` + strings.Repeat("A", 200) + `","MillisBehindLatest":0}`)
}

// sizes are answers of 1 MiB of data: plain records, and aggregates.
var sizes = []struct{ n, size int }{{10_000, 100}, {1000, 1000}, {20, 50_000}, {1, 1_000_000}}

func BenchmarkRead(b *testing.B) {
	for _, s := range sizes {
		body := answerOf(s.n, s.size)
		run := func(name string, read func() error) {
			b.Run(fmt.Sprintf("%dx%d/%s", s.n, s.size, name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("SDK", func() error { _, err := bySDK(body); return err })
		run("in-its-place", func() error { _, err := byUs(body); return err })
		var a kinesisjson.Answer
		var data []byte
		run("proxy", func() (err error) { data, err = readAll(&a, body, data[:0]); return err })
		run("no-data", func() error { return a.Read(body, limit) })
	}
}

// readAll reads an answer and the data of its records, which it appends to data.
func readAll(a *kinesisjson.Answer, body, data []byte) ([]byte, error) {
	err := a.Read(body, limit)
	for i := 0; i < len(a.Records) && err == nil; i++ {
		data, err = a.Records[i].AppendData(data)
	}
	return data, err
}

// BenchmarkWrite writes answers, the records as they came and as user records.
func BenchmarkWrite(b *testing.B) {
	for _, s := range sizes {
		body := answerOf(s.n, s.size)
		var a kinesisjson.Answer
		if err := a.Read(body, limit); err != nil {
			b.Fatal(err)
		}
		var w kinesisjson.Writer
		var out []byte
		data := bytes.Repeat([]byte("data"), s.size/4)
		write := func(name string, record func(r *kinesisjson.Record)) {
			b.Run(fmt.Sprintf("%dx%d/%s", s.n, s.size, name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					w.Begin(&a, out[:0])
					for i := range a.Records {
						record(&a.Records[i])
					}
					out = w.End(&a.Object)
				}
			})
		}
		write("as-it-came", w.Record)
		write("other-records", func(r *kinesisjson.Record) { w.UserRecord(r, r.SequenceNumber, r.PartitionKey, data) })
		write("of-one-aggregate", func(r *kinesisjson.Record) { w.UserRecord(&a.Records[0], r.SequenceNumber, r.PartitionKey, data) })
	}
}
