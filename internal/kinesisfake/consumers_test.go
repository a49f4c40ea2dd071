package kinesisfake_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/seqnum"
)

func (w world) register(name string) *string {
	w.Helper()
	out, err := w.RegisterStreamConsumer(w.ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: aws.String(arnPrefix + "s"), ConsumerName: &name})
	return must(w, out, err).Consumer.ConsumerARN
}

func TestConsumers(t *testing.T) {
	both(t, kinesisfake.Options{}, func(w world) {
		w.create("s", 1)
		arn := aws.String(arnPrefix + "s")
		for _, name := range []string{"c", "a", "b"} {
			w.register(name)
		}
		_, err := w.RegisterStreamConsumer(w.ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("a")})
		wantError[*types.ResourceInUseException](w, err)
		names := ""
		for pages := kinesis.NewListStreamConsumersPaginator(w, &kinesis.ListStreamConsumersInput{StreamARN: arn, MaxResults: aws.Int32(2)}); pages.HasMorePages(); {
			for _, c := range must1(pages.NextPage(w.ctx)).Consumers {
				names += *c.ConsumerName
			}
			names += " "
		}
		if names != "ab c " || *w.summary("s").ConsumerCount != 3 {
			t.Errorf("listed %q", names)
		}
		d := must1(w.DescribeStreamConsumer(w.ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("a")})).ConsumerDescription
		if *d.StreamARN != *arn || d.ConsumerStatus != types.ConsumerStatusActive {
			t.Errorf("described as %+v", d)
		}
		_, err = w.DeleteStream(w.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s")})
		wantError[*types.ResourceInUseException](w, err)
		must1(w.DeregisterStreamConsumer(w.ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: d.ConsumerARN}))
		_, err = w.DescribeStreamConsumer(w.ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: d.ConsumerARN})
		wantError[*types.ResourceNotFoundException](w, err)
		must1(w.DeleteStream(w.ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s"), EnforceConsumerDeletion: aws.Bool(true)}))
	})
}

// trySubscribe uses a client of its own: subscriptions of one client share a buffer in smithy-go up to 1.28.9, which
// the race detector minds.
func (w world) trySubscribe(consumer *string, shard int, at types.StartingPosition) (*kinesis.SubscribeToShardEventStream, error) {
	out, err := w.another().SubscribeToShard(w.ctx, &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: id(shard), StartingPosition: &at})
	if err != nil {
		return nil, err
	}
	w.Cleanup(func() { out.GetStream().Close() })
	return out.GetStream(), nil
}

func (w world) subscribe(consumer *string, shard int, at types.StartingPosition) *kinesis.SubscribeToShardEventStream {
	w.Helper()
	events, err := w.trySubscribe(consumer, shard, at)
	return must(w, events, err)
}

// next returns the next event, nil at the end.
func next(events *kinesis.SubscribeToShardEventStream) *types.SubscribeToShardEvent {
	for e := range events.Events() {
		return &e.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
	}
	return nil
}

var fromTrimHorizon = types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}

func TestSubscription(t *testing.T) {
	both(t, kinesisfake.Options{}, func(w world) {
		w.create("s", 1)
		consumer := w.register("c")
		a := w.put("s", "k", "a")
		events := w.subscribe(consumer, 0, fromTrimHorizon)
		if e := next(events); !cmp.Equal(texts(e.Records), []string{"a"}) || *e.ContinuationSequenceNumber != *a.SequenceNumber {
			t.Errorf("first event %+v", e)
		}
		b := w.put("s", "k", "b") // pushed while the subscription waits
		if e := next(events); !cmp.Equal(texts(e.Records), []string{"b"}) || *e.MillisBehindLatest != 0 {
			t.Errorf("pushed event %+v, want b", e)
		}
		_, err := w.trySubscribe(consumer, 0, fromTrimHorizon)
		wantError[*types.ResourceInUseException](w, err)
		w.put("s", "k", "c")
		next(events)
		w.split("s", 0, half)
		e := next(events)
		if e.ContinuationSequenceNumber != nil || len(e.ChildShards) != 2 || len(e.Records) != 0 {
			t.Errorf("at the end of the shard: %+v", e)
		}
		if next(events) != nil || events.Err() != nil {
			t.Errorf("the subscription goes on, or ended with %v", events.Err())
		}
		other := w.subscribe(w.register("d"), 0, types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: b.SequenceNumber})
		if e := next(other); !cmp.Equal(texts(e.Records), []string{"c"}) {
			t.Errorf("continued with %+v, want c", e)
		}
		_, err = w.trySubscribe(aws.String(*consumer+"9"), 1, fromTrimHorizon)
		wantError[*types.ResourceNotFoundException](w, err)
		_, err = w.trySubscribe(consumer, 1, types.StartingPosition{Type: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: b.SequenceNumber})
		wantError[*types.InvalidArgumentException](w, err)
	})
}

func TestSubscriptionEndsAfterFiveMinutesAndContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		consumer := w.register("c")
		a := w.put("s", "k", "a")
		start := time.Now()
		events := w.subscribe(consumer, 0, fromTrimHorizon)
		var last *string
		count := 0
		for e := next(events); e != nil; e = next(events) {
			last = e.ContinuationSequenceNumber
			count++
		}
		if lasted := time.Since(start); lasted != 5*time.Minute || count != 60 || events.Err() != nil {
			t.Errorf("lasted %v with %d events, error %v", lasted, count, events.Err())
		}
		if !seqnum.MustParse(*a.SequenceNumber).Less(seqnum.MustParse(*last)) {
			t.Errorf("the continuation %s has not moved on from %s", *last, *a.SequenceNumber)
		}
		w.put("s", "k", "b")
		events = w.subscribe(consumer, 0, types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: last})
		if e := next(events); !cmp.Equal(texts(e.Records), []string{"b"}) {
			t.Errorf("continued with %+v, want b", e)
		}
	})
}

func TestSubscriptionIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{})
		w.create("s", 1)
		consumer := w.register("c")
		first := w.subscribe(consumer, 0, fromTrimHorizon)
		time.Sleep(5 * time.Second)
		second := w.subscribe(consumer, 0, fromTrimHorizon)
		for next(first) != nil {
		}
		wantError[*types.ResourceInUseException](w, first.Err())
		must1(w.DeregisterStreamConsumer(w.ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer}))
		for next(second) != nil {
		}
		wantError[*types.ResourceNotFoundException](w, second.Err())
	})
}

func TestSubscriptionWaitsForASplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inProcess(t, kinesisfake.Options{StatusDelay: 3 * time.Second})
		w.create("s", 1)
		time.Sleep(3 * time.Second)
		consumer := w.register("c")
		_, err := w.trySubscribe(consumer, 0, fromTrimHorizon)
		wantError[*types.ResourceInUseException](w, err) // CREATING
		time.Sleep(3 * time.Second)
		events := w.subscribe(consumer, 0, fromTrimHorizon)
		next(events)
		w.split("s", 0, half)
		start := time.Now()
		if e := next(events); len(e.ChildShards) != 2 || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %+v, want children after 3 s", time.Since(start), e)
		}
	})
}

// The bubble ends only when all its goroutines have: nothing may be left of subscriptions that nobody reads.
func TestNothingOutlivesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := kinesisfake.New(kinesisfake.Options{Fault: func(r kinesisfake.Request) kinesisfake.Fault {
			if r.Operation == "PutRecord" {
				return kinesisfake.Fault{Delay: time.Hour}
			}
			return kinesisfake.Fault{}
		}})
		w := newWorld(t, s, s.Transport(), "http://kinesis.test")
		w.create("s", 2)
		w.subscribe(w.register("unread"), 0, fromTrimHorizon)
		waiting := w.subscribe(w.register("c"), 1, fromTrimHorizon)
		next(waiting)
		done := make(chan error)
		go func() {
			_, err := w.PutRecord(w.ctx, &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte("x")})
			done <- err
		}()
		synctest.Wait()
		s.Close()
		if <-done == nil {
			t.Error("a delayed request went through after Close")
		}
		if e := next(waiting); e != nil || waiting.Err() != nil && !errors.Is(waiting.Err(), io.EOF) {
			t.Errorf("after Close: event %v, error %v", e, waiting.Err())
		}
		_, err := w.ListStreams(w.ctx, &kinesis.ListStreamsInput{})
		wantCode(w, err, "ServiceUnavailable")
	})
}
