package deaggaws

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// replaceStream puts an event stream of user records into out. The SDK offers no way to: its own goroutine reads the
// Reader of the stream that it made, so replacing that is a data race, and the field that holds the stream is not
// exported. So a new stream over the old one is set by reflection; a test watches that the field is still there, and
// a caller is told if it is not.
func (d *deaggregation) replaceStream(ctx context.Context, out *kinesis.SubscribeToShardOutput, f front) error {
	old := out.GetStream()
	field := reflect.ValueOf(out).Elem().FieldByName("eventStream")
	if !field.IsValid() || field.Type() != reflect.TypeOf(old) || old == nil {
		if old != nil {
			old.Close()
		}
		return errors.New("deaggaws: this version of the AWS SDK keeps its event stream elsewhere: enhanced fan-out can't be de-aggregated with it")
	}
	reader := &userRecordReader{old: old, events: make(chan types.SubscribeToShardEventStream), closed: make(chan struct{})}
	stream := kinesis.NewSubscribeToShardEventStream(func(s *kinesis.SubscribeToShardEventStream) { s.Reader = reader })
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(reflect.ValueOf(stream))
	go reader.run(func(e *types.SubscribeToShardEvent) { d.event(ctx, e, &f) })
	return nil
}

// event replaces the records of an event by user records. As long as f's position has not passed, the number to go on
// at is that position.
func (d *deaggregation) event(ctx context.Context, e *types.SubscribeToShardEvent, f *front) {
	f.after = d.expand(ctx, &e.Records, *f)
	if f.after.IsValid() && e.ContinuationSequenceNumber != nil {
		e.ContinuationSequenceNumber = aws.String(f.after.String())
	}
}

// userRecordReader reads the events of another stream.
type userRecordReader struct {
	old    *kinesis.SubscribeToShardEventStream
	events chan types.SubscribeToShardEventStream
	closed chan struct{}
	close  sync.Once
}

// run hands on each event after change. It ends when the old stream does, or with Close.
func (r *userRecordReader) run(change func(*types.SubscribeToShardEvent)) {
	defer close(r.events)
	for event := range r.old.Events() {
		if e, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok {
			change(&e.Value)
		}
		select {
		case r.events <- event:
		case <-r.closed:
			return
		}
	}
}

func (r *userRecordReader) Events() <-chan types.SubscribeToShardEventStream { return r.events }

func (r *userRecordReader) Err() error { return r.old.Err() }

func (r *userRecordReader) Close() error {
	r.close.Do(func() { close(r.closed) })
	return r.old.Close()
}
