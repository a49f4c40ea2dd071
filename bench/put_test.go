package bench

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net/http"
	"testing"
	"time"

	a8m "github.com/a8m/kinesis-producer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	kinesisv1 "github.com/aws/aws-sdk-go/service/kinesis" //lint:ignore SA1019 a8m knows no other

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

const (
	putRecords = 1_000_000
	putShards  = 4
	putSize    = 100
)

var buffered = flag.Int("buffered", 64<<20, "bytes that kplkit may buffer in BenchmarkPut: WithMaxBuffered")

// BenchmarkPut puts 1,000,000 records of 100 bytes into an embedded Kinesis of four shards, by turns with kplkit and
// with a8m, each with its defaults and without a rate limit (a8m has none), from one goroutine. Both go through the
// same SDK client. Time runs until everything is sent. What is stored is read back: a record that is missing fails it.
//
// Over sockets the Kinesis is another process, so that memory, CPU time and allocations are those of the producer, the
// SDK and the caller, who makes each record's data anew. Memory is what the process has above what it had before.
func BenchmarkPut(b *testing.B) {
	b.Run("in-process", func(b *testing.B) { benchmarkPut(b, inProcess) })
	b.Run("sockets", func(b *testing.B) { benchmarkPut(b, overSockets) })
}

func benchmarkPut(b *testing.B, start func(testing.TB) *kinesis.Client) {
	producers := []struct {
		name string
		put  func(testing.TB, *kinesis.Client)
	}{{"kplkit", putByKplkit}, {"a8m", putByA8m}}
	sums := make([]usage, len(producers))
	for b.Loop() {
		for i, p := range producers {
			client := start(b)
			sums[i].add(measure(func() { p.put(b, client) }))
			otherKeys := readBack(b, p.name, client)
			b.Logf("%s: %d records back, %d under another partition key", p.name, putRecords, otherKeys)
		}
	}
	for i, p := range producers {
		sums[i].report(b, p.name)
	}
	b.ReportMetric(sums[1].took.Seconds()/sums[0].took.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op") // says nothing: it holds both, and the reading
}

// putData returns a record's data, which begins with its number.
func putData(i int) []byte {
	data := make([]byte, putSize)
	binary.BigEndian.PutUint64(data, uint64(i))
	return data
}

// putKey holds the partition keys, by the record's number modulo their count.
var putKey = func() (keys [1000]string) {
	for i := range keys {
		keys[i] = fmt.Sprint("device-", i)
	}
	return keys
}()

func putByKplkit(b testing.TB, client *kinesis.Client) {
	p, err := producer.New(client, "s", producer.WithRateLimit(0), producer.WithMaxBuffered(*buffered))
	if err != nil {
		b.Fatal(err)
	}
	results := 0
	done := func(_ producer.Record, r producer.Result) {
		if results++; r.Err != nil {
			b.Error(r.Err)
		}
	}
	for i := range putRecords {
		if err := p.Put(context.Background(), producer.Record{PartitionKey: putKey[i%len(putKey)], Data: putData(i)}, done); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(context.Background()); err != nil || results != putRecords {
		b.Fatal(results, err)
	}
}

func putByA8m(b testing.TB, client *kinesis.Client) {
	p := a8m.New(&a8m.Config{StreamName: "s", Client: putter{client}, Logger: silent{}})
	failures := p.NotifyFailures()
	go func() {
		for f := range failures {
			b.Error(f)
		}
	}()
	p.Start()
	for i := range putRecords {
		if err := p.Put(putData(i), putKey[i%len(putKey)]); err != nil {
			b.Fatal(err)
		}
	}
	p.Stop()
}

// putter lets a8m, which knows the SDK v1 only, put through the client that kplkit puts through.
type putter struct{ *kinesis.Client }

func (p putter) PutRecords(in *kinesisv1.PutRecordsInput) (*kinesisv1.PutRecordsOutput, error) {
	records := make([]types.PutRecordsRequestEntry, len(in.Records))
	for i, r := range in.Records {
		records[i] = types.PutRecordsRequestEntry{Data: r.Data, PartitionKey: r.PartitionKey, ExplicitHashKey: r.ExplicitHashKey}
	}
	out, err := p.Client.PutRecords(context.Background(), &kinesis.PutRecordsInput{StreamName: in.StreamName, Records: records})
	if err != nil {
		return nil, err
	}
	v1 := &kinesisv1.PutRecordsOutput{FailedRecordCount: aws.Int64(int64(*out.FailedRecordCount))}
	for _, r := range out.Records {
		v1.Records = append(v1.Records, &kinesisv1.PutRecordsResultEntry{
			ShardId: r.ShardId, SequenceNumber: r.SequenceNumber, ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
		})
	}
	return v1, nil
}

type silent struct{}

func (silent) Info(string, ...a8m.LogValue)         {}
func (silent) Error(string, error, ...a8m.LogValue) {}

// inProcess returns a client of a Kinesis in this process, without sockets.
func inProcess(b testing.TB) *kinesis.Client {
	server := kinesisfake.New(kinesisfake.Options{})
	return newClient(b, "http://kinesis.test", server.Transport())
}

func newClient(b testing.TB, url string, transport http.RoundTripper) *kinesis.Client {
	client := kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &url, Credentials: aws.AnonymousCredentials{},
		HTTPClient: &http.Client{Transport: transport, Timeout: time.Minute},
	})
	in := &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(putShards)}
	if _, err := client.CreateStream(context.Background(), in); err != nil {
		b.Fatal(err)
	}
	return client
}
