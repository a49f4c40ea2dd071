package bench

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	awslabs "github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// perAggregate is how many user records the aggregates of a page have.
const perAggregate = 400

// newPage returns an answer of user records of a size, each alone if plain.
func newPage(b *testing.B, users, size int, plain bool) canned {
	var d dataSet
	add := func(key string, data []byte) {
		n := fmt.Sprintf("4959033827149025660855969253836157109592157598913658%05d", len(d.stored))
		d.stored = append(d.stored, deagg.StoredRecord{SequenceNumber: n, PartitionKey: key, Data: data})
	}
	e := aggregator.Encoder{MaxBytes: 1 << 20}
	for i := range users {
		r := aggregator.Record{PartitionKey: fmt.Sprintf("user-%d", i%10), Data: bytes.Repeat([]byte{byte(i)}, size)}
		if plain {
			add(r.PartitionKey, r.Data)
			continue
		}
		if ok, err := e.Add(r); err != nil || !ok {
			b.Fatal(ok, err)
		}
		if e.Len() == perAggregate || i == users-1 {
			add("a", e.AppendTo(nil))
			e.Reset()
		}
	}
	return answerOf(d)
}

// BenchmarkGetRecords reads an answer by the SDK alone, with kplkit's middleware (as it is, and without its own reader),
// and with awslabs' de-aggregation behind it, by turns: CPU time of the process, all threads and garbage included, for a
// user record, and of what the SDK alone takes, medians of the rounds.
//
//	go test -run '^$' -bench GetRecords -benchtime 15x .
func BenchmarkGetRecords(b *testing.B) {
	for _, c := range []struct {
		name        string
		users, size int
		plain       bool
	}{
		{"10000x100", 10_000, 100, false},
		{"10000x300", 10_000, 300, false},
		{"10000x1000", 10_000, 1000, false},
		{"one-aggregate", perAggregate, 100, false},
		{"plain", 10_000, 100, true},
		{"one-plain", 1, 100, true},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkGetRecords(b, newPage(b, c.users, c.size, c.plain), c.users) })
	}
}

func benchmarkGetRecords(b *testing.B, p canned, users int) {
	client := func(opts ...func(*kinesis.Options)) *kinesis.Client { return reader(p, false, opts...) }
	read := func(c *kinesis.Client) []types.Record {
		out, err := c.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
		if err != nil {
			b.Fatal(err)
		}
		return out.Records
	}
	check := func(records []types.Record) {
		if len(records) != users {
			b.Fatalf("%d records, want %d", len(records), users)
		}
	}
	bare, kplkit, own := client(), client(deaggaws.WithDeaggregation()), client(deaggaws.WithDeaggregation(deaggaws.WithSDKReader()))
	contenders := []contender{
		{name: "sdk", pass: func() { read(bare) }},
		{name: "kplkit", pass: func() { check(read(kplkit)) }},
		{name: "kplkit-sdk-reader", pass: func() { check(read(own)) }},
		{name: "awslabs", pass: func() {
			records, err := awslabs.DeaggregateRecords(read(bare))
			if err != nil {
				b.Fatal(err)
			}
			check(records)
		}},
	}
	spent := turns(b, 30*time.Millisecond, contenders)
	for i, c := range contenders {
		b.ReportMetric(spent[i].per(users).median, c.name+"-ns/record")
		if i > 0 {
			b.ReportMetric(spent[i].over(spent[0]).median, c.name+"/sdk")
		}
	}
}
