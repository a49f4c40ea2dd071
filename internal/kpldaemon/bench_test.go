package kpldaemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// BenchmarkPuts is a put and its result over pipes, with an embedded Kinesis that counts, too.
func BenchmarkPuts(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) { benchmarkPuts(b, size) })
	}
}

func benchmarkPuts(b *testing.B, size int) {
	server := kinesisfake.New(kinesisfake.Options{})
	defer server.Close()
	client := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"),
		Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: server.Transport()}})
	if _, err := client.CreateStream(b.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("a"), ShardCount: aws.Int32(4)}); err != nil {
		b.Fatal(err)
	}
	d, err := New(b.Context(), Options{
		Configuration: &kplpb.Configuration{Region: proto.String("us-east-1"), KinesisEndpoint: proto.String("http://kinesis.test"), MetricsLevel: proto.String("none"), RateLimit: proto.Uint64(100_000)},
		Kinesis:       Keys{Pipe: akid("a")}, Logger: NewLogger(io.Discard, "off"), Transport: server.Transport(),
	})
	if err != nil {
		b.Fatal(err)
	}
	in, to, _ := os.Pipe()
	from, out, _ := os.Pipe()
	go d.Serve("parent", in, out)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		w := kplpipe.NewWriter(to, kplpipe.DaemonLimit)
		stream, data := "a", []byte(strings.Repeat("x", size))
		for id := range uint64(b.N) {
			key := fmt.Sprint("key", id%1000)
			_ = w.Send(context.Background(), &kplpb.Message{Id: &id, ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{StreamName: &stream, PartitionKey: &key, Data: data}}})
		}
	}()
	r := kplpipe.NewReader(from, kplpipe.WrapperLimit)
	for range b.N {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	d.Close(ended)
}
