package kinesisfake_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

const arnPrefix = "arn:aws:kinesis:us-east-1:000000000000:stream/"

// world is a server, and a client that does not retry.
type world struct {
	*testing.T
	*kinesis.Client
	another func() *kinesis.Client
	server  *kinesisfake.Server
	ctx     context.Context
}

func client(transport http.RoundTripper, url string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
		HTTPClient: &http.Client{Transport: transport},
		Retryer:    aws.NopRetryer{},
	})
}

// inProcess starts a server without sockets: fit for a synctest bubble.
func inProcess(t *testing.T, opts kinesisfake.Options) world {
	s := kinesisfake.New(opts)
	t.Cleanup(s.Close)
	return newWorld(t, s, s.Transport(), "http://kinesis.test")
}

func newWorld(t *testing.T, s *kinesisfake.Server, transport http.RoundTripper, url string) world {
	another := func() *kinesis.Client { return client(transport, url) }
	return world{t, another(), another, s, t.Context()}
}

// overSockets starts a server that listens.
func overSockets(t *testing.T, opts kinesisfake.Options) world {
	s := kinesisfake.New(opts)
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	return newWorld(t, s, http.DefaultTransport.(*http.Transport).Clone(), h.URL)
}

// both runs a test over sockets and without.
func both(t *testing.T, opts kinesisfake.Options, test func(world)) {
	t.Run("sockets", func(t *testing.T) { test(overSockets(t, opts)) })
	t.Run("in process", func(t *testing.T) { test(inProcess(t, opts)) })
}

func must[T any](w world, out T, err error) T {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// wantError checks the type of an error as callers do.
func wantError[E error](w world, err error) {
	w.Helper()
	var want E
	if !errors.As(err, &want) {
		w.Errorf("got %v, want a %T", err, want)
	}
}

// wantCode checks the code of an error that the SDK has no type for.
func wantCode(w world, err error, code string) {
	w.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		w.Errorf("got %v, want a %s", err, code)
	}
}

func (w world) create(name string, shards int) {
	w.Helper()
	_, err := w.CreateStream(w.ctx, &kinesis.CreateStreamInput{StreamName: &name, ShardCount: aws.Int32(int32(shards))})
	must(w, 0, err)
}

func (w world) put(stream, key string, data ...string) (last *kinesis.PutRecordOutput) {
	w.Helper()
	for _, d := range data {
		out, err := w.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: &key, Data: []byte(d)})
		last = must(w, out, err)
	}
	return last
}

func (w world) split(stream string, shard int, at string) {
	w.Helper()
	_, err := w.SplitShard(w.ctx, &kinesis.SplitShardInput{StreamName: &stream, ShardToSplit: id(shard), NewStartingHashKey: &at})
	must(w, 0, err)
}

func (w world) merge(stream string, a, b int) {
	w.Helper()
	_, err := w.MergeShards(w.ctx, &kinesis.MergeShardsInput{StreamName: &stream, ShardToMerge: id(a), AdjacentShardToMerge: id(b)})
	must(w, 0, err)
}

func (w world) iterator(stream string, shard int, kind types.ShardIteratorType, more ...func(*kinesis.GetShardIteratorInput)) *string {
	w.Helper()
	in := &kinesis.GetShardIteratorInput{StreamName: &stream, ShardId: id(shard), ShardIteratorType: kind}
	for _, f := range more {
		f(in)
	}
	out, err := w.GetShardIterator(w.ctx, in)
	return must(w, out, err).ShardIterator
}

func number(n *string) func(*kinesis.GetShardIteratorInput) {
	return func(in *kinesis.GetShardIteratorInput) { in.StartingSequenceNumber = n }
}

func at(t time.Time) func(*kinesis.GetShardIteratorInput) {
	return func(in *kinesis.GetShardIteratorInput) { in.Timestamp = &t }
}

func (w world) get(iterator *string) *kinesis.GetRecordsOutput {
	w.Helper()
	out, err := w.GetRecords(w.ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})
	return must(w, out, err)
}

func (w world) listed(filter *types.ShardFilter) string {
	w.Helper()
	out, err := w.ListShards(w.ctx, &kinesis.ListShardsInput{StreamName: aws.String("s"), ShardFilter: filter})
	return numbers(must(w, out, err).Shards)
}

func id(shard int) *string {
	text := "shardId-00000000000" + string(rune('0'+shard))
	return &text
}

// numbers shows shards by their last digits.
func numbers(shards []types.Shard) (digits string) {
	for _, sh := range shards {
		digits += (*sh.ShardId)[len(*sh.ShardId)-1:]
	}
	return digits
}

func texts(records []types.Record) (all []string) {
	for _, r := range records {
		all = append(all, string(r.Data))
	}
	return all
}
