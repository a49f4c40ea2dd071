package kinesisjson_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kinesisjson"
)

// anew is a transport that writes all that goes through it anew: requests, answers, and events in their frames.
type anew struct {
	*testing.T
	http.RoundTripper
}

func (a anew) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	o, err := kinesisjson.ReadObject(body)
	if err != nil {
		a.Errorf("%s: %v", body, err)
	}
	written := o.AppendTo(nil)
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(written)), int64(len(written))
	res, err := a.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "SubscribeToShard") && res.StatusCode == http.StatusOK {
		res.Body = io.NopCloser(&events{T: a.T, from: res.Body})
		return res, nil
	}
	answer, _ := io.ReadAll(res.Body)
	if written := rewrite(answer); len(answer) > 0 && strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetRecords") {
		if written == nil {
			a.Errorf("not read: %s", answer)
		}
		answer = written
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(answer)), int64(len(answer))
	return res, nil
}

// events are those of a subscription, written anew.
type events struct {
	*testing.T
	from io.Reader
	rest []byte
}

func (e *events) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		f, err := kinesisjson.ReadFrame(e.from, nil, limit)
		if err != nil {
			return 0, err
		}
		payload := f.Payload
		if f.Header(":event-type") == "SubscribeToShardEvent" {
			if payload = rewrite(payload); payload == nil {
				e.Errorf("not read: %s", f.Payload)
			}
		}
		e.rest = kinesisjson.AppendFrame(nil, f.Headers, payload)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestWritten: the SDK reads a shard to its end, in both ways, as it does when nothing stands between.
func TestWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a consumer may subscribe only once in five seconds
		server := kinesisfake.New(kinesisfake.Options{})
		clientOf := func(transport http.RoundTripper) *kinesis.Client {
			return kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"),
				Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: transport}})
		}
		direct, between := clientOf(server.Transport()), clientOf(anew{t, server.Transport()})
		consumer := fill(t, between)
		if want, got := polled(t, direct), polled(t, between); len(want) < 3 || !cmp.Equal(want, got, ignoreUnexported) {
			t.Error(cmp.Diff(want, got, ignoreUnexported))
		}
		want := subscribed(t, direct, consumer)
		time.Sleep(6 * time.Second)
		if got := subscribed(t, between, consumer); len(want) < 1 || !cmp.Equal(want, got, ignoreUnexported) {
			t.Error(cmp.Diff(want, got, ignoreUnexported))
		}
		server.Close()
	})
}

const shard0 = "shardId-000000000000"

// fill makes a stream whose first shard has records and is split, and a consumer.
func fill(t *testing.T, c *kinesis.Client) (consumer *string) {
	ctx, stream := t.Context(), aws.String("s")
	_, err := c.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: aws.Int32(1)})
	for i := 0; i < 30 && err == nil; i++ {
		_, err = c.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String(fmt.Sprintf("ü\"%d", i)), Data: bytes.Repeat([]byte{byte(i)}, i)})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: stream, ShardToSplit: aws.String(shard0), NewStartingHashKey: aws.String("1000")}); err != nil {
		t.Fatal(err)
	}
	s, err := c.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: s.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String("c")})
	if err != nil {
		t.Fatal(err)
	}
	return out.Consumer.ConsumerARN
}

func polled(t *testing.T, c *kinesis.Client) (all []*kinesis.GetRecordsOutput) {
	it, err := c.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{StreamName: aws.String("s"), ShardId: aws.String(shard0), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		t.Fatal(err)
	}
	for next := it.ShardIterator; next != nil; {
		out, err := c.GetRecords(context.Background(), &kinesis.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(10)})
		if err != nil {
			t.Fatal(err)
		}
		if next = out.NextShardIterator; next != nil {
			out.NextShardIterator = aws.String("an iterator") // each is another one
		}
		out.MillisBehindLatest = nil // the clock moves on
		all = append(all, out)
	}
	return all
}

func subscribed(t *testing.T, c *kinesis.Client, consumer *string) (all []types.SubscribeToShardEvent) {
	out, err := c.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: aws.String(shard0),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
	if err != nil {
		t.Fatal(err)
	}
	for e := range out.GetStream().Events() {
		event := e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		event.MillisBehindLatest = nil
		all = append(all, event)
	}
	if err := out.GetStream().Err(); err != nil {
		t.Error(err)
	}
	return all
}
