package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	awslabs "github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// page answers every request with the same GetRecords output, so that nothing but the client is measured.
type page []byte

func (p page) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body: io.NopCloser(bytes.NewReader(p)), ContentLength: int64(len(p)),
	}, nil
}

// perAggregate is how many user records the aggregates of a page have.
const perAggregate = 400

// newPage returns an answer of user records of a size.
func newPage(b *testing.B, users, size int) page {
	type record struct {
		SequenceNumber, PartitionKey string
		ApproximateArrivalTimestamp  float64
		Data                         []byte
	}
	var out struct {
		Records            []record
		NextShardIterator  string
		MillisBehindLatest int
	}
	out.NextShardIterator = strings.Repeat("A", 200)
	e := aggregator.Encoder{MaxBytes: 1 << 20}
	for i := range users {
		r := aggregator.Record{PartitionKey: fmt.Sprintf("user-%d", i%10), Data: bytes.Repeat([]byte{byte(i)}, size)}
		if ok, err := e.Add(r); err != nil || !ok {
			b.Fatal(ok, err)
		}
		if e.Len() == perAggregate || i == users-1 {
			n := fmt.Sprintf("495903382714902566085596925383615710959215759891365888%02d", len(out.Records))
			out.Records = append(out.Records, record{n, "a", 1.795529850e9, e.AppendTo(nil)})
			e.Reset()
		}
	}
	body, err := json.Marshal(out)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// BenchmarkGetRecords reads a page of 10,000 user records by the SDK alone, with kplkit's middleware, and with awslabs'
// de-aggregation behind it, in turn. What the two add to the SDK's own time comes last.
func BenchmarkGetRecords(b *testing.B) {
	for _, size := range []int{100, 300, 1000} {
		b.Run(fmt.Sprintf("%d-bytes", size), func(b *testing.B) { benchmarkGetRecords(b, size) })
	}
}

func benchmarkGetRecords(b *testing.B, size int) {
	const users = 10_000
	p := newPage(b, users, size)
	client := func(opts ...func(*kinesis.Options)) *kinesis.Client {
		return kinesis.New(kinesis.Options{
			Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: p},
		}, opts...)
	}
	read := func(c *kinesis.Client) *kinesis.GetRecordsOutput {
		out, err := c.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: aws.String("x")})
		if err != nil {
			b.Fatal(err)
		}
		return out
	}
	bare, kplkit := client(), client(deaggaws.WithDeaggregation())
	times := map[string]time.Duration{}
	timed := func(name string, f func() int, want int) {
		start := time.Now()
		if got := f(); got != want {
			b.Fatalf("%s: %d records, want %d", name, got, want)
		}
		times[name] += time.Since(start)
	}
	for b.Loop() {
		timed("sdk", func() int { return len(read(bare).Records) }, users/perAggregate)
		timed("kplkit", func() int { return len(read(kplkit).Records) }, users)
		timed("awslabs", func() int {
			records, err := awslabs.DeaggregateRecords(read(bare).Records)
			if err != nil {
				b.Fatal(err)
			}
			return len(records)
		}, users)
	}
	for name, t := range times {
		b.ReportMetric(float64(t.Nanoseconds())/float64(b.N*users), name+"-ns/record")
	}
	b.ReportMetric(100*(float64(times["kplkit"])/float64(times["sdk"])-1), "kplkit-%-over-sdk")
	b.ReportMetric(100*(float64(times["awslabs"])/float64(times["sdk"])-1), "awslabs-%-over-sdk")
}
