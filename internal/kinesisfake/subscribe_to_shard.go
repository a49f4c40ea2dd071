package kinesisfake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

const (
	subscriptionLife = 5 * time.Minute
	takeoverAfter    = 5 * time.Second // before, another subscription of the same consumer and shard is refused
	heartbeat        = 5 * time.Second // between events of an idle shard
	eventRecords     = 1000
	eventBytes       = mebibyte
	consumerRate     = 2 * mebibyte // a second
)

type subscribeInput struct {
	ConsumerARN      *string
	ShardId          *string
	StartingPosition *startingPosition
	DryRun           bool
}

type startingPosition struct {
	Type           *string
	SequenceNumber *string
	Timestamp      *epoch
}

// subscription is one connection that records are pushed over. Its fields are under the server's lock.
type subscription struct {
	stream   *stream
	shard    *shard
	started  time.Time
	position int
	rested   time.Time // the rate allows no records before
	ended    error     // why the server ended it
	wake     chan struct{}
}

// end ends the subscription with an error.
func (sub *subscription) end(err error) {
	if sub.ended == nil {
		sub.ended = err
		close(sub.wake)
	}
}

func (s *Server) subscribeToShard(in *subscribeInput) (any, error) {
	switch {
	case in.ConsumerARN == nil:
		return nil, missing("consumerARN")
	case in.StartingPosition == nil:
		return nil, missing("startingPosition")
	}
	st, c, err := s.consumerByARN(*in.ConsumerARN)
	if err != nil {
		return nil, err
	}
	if c.status() != active {
		return nil, inUse("Consumer %s is not ACTIVE, but %s.", c.arn, c.status())
	}
	sh, err := st.shard(in.ShardId, "shardId")
	if err != nil {
		return nil, err
	}
	start := in.StartingPosition
	position, err := st.startingPosition(sh, start.Type, start.SequenceNumber, start.Timestamp)
	if err != nil {
		return nil, err
	}
	now, last := time.Now(), c.subscriptions[sh]
	switch {
	case in.DryRun:
		return nil, errDryRun
	case last != nil && now.Sub(last.started) < takeoverAfter:
		return nil, inUse("Another active subscription exists for this consumer: %s and shard %s.", c.arn, sh.id)
	case last != nil:
		last.end(inUse("Another subscription of this consumer took over: %s and shard %s.", c.arn, sh.id))
	}
	sub := &subscription{stream: st, shard: sh, started: now, position: position, wake: make(chan struct{})}
	c.subscriptions[sh] = sub
	return sub, nil
}

// event is a SubscribeToShardEvent.
type event struct {
	batch
	continuation string // "" at the end of a shard
	children     []childShard
}

func (e *event) appendJSON(b []byte) []byte {
	b = append(slices.Grow(b, encodedSize(e.records)), '{')
	b = appendRecords(b, e.records)
	b = appendEnd(b, e.millisBehind, e.children)
	if e.continuation != "" {
		b = append(b, `,"ContinuationSequenceNumber":"`...)
		b = append(b, e.continuation...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// step is what a subscription does next: send an event, end, or wait for a change but not beyond an instant.
type step struct {
	event  *event
	over   bool
	err    error // why it is over, if not by itself
	change <-chan struct{}
	until  time.Time
}

// next decides a subscription's next step. It looks at what is due in a fixed order, so that what falls on the same
// instant of virtual time comes in the same order every time.
func (s *Server) next(sub *subscription, beat time.Time) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	sub.stream.settle(now)
	switch {
	case sub.ended != nil:
		return step{over: true, err: sub.ended}
	case now.Sub(sub.started) >= subscriptionLife:
		return step{over: true}
	}
	sub.shard.trim(sub.stream.horizon())
	open, end := sub.shard.isOpen(), sub.shard.end()
	rested := !now.Before(sub.rested)
	switch {
	case rested && sub.position < end, !now.Before(beat):
		return step{event: sub.take(rested)}
	case !open && sub.position >= end:
		return step{event: &event{children: sub.stream.childrenOf(sub.shard)}, over: true}
	}
	until := sub.started.Add(subscriptionLife)
	for _, t := range []time.Time{beat, sub.rested, sub.stream.due} {
		if t.After(now) && t.Before(until) {
			until = t
		}
	}
	return step{change: sub.shard.change(), until: until}
}

// take makes an event of the records that follow, or of none while the rate allows none.
func (sub *subscription) take(rested bool) *event {
	count := 0
	if rested {
		count = eventRecords
	}
	e := &event{batch: sub.shard.read(sub.position, count, eventBytes)}
	sub.position = e.next
	if sub.stream.limited {
		sub.rested = time.Now().Add(time.Duration(e.size) * time.Second / consumerRate)
	}
	if n := len(e.records); n > 0 {
		e.continuation = e.records[n-1].SequenceNumber
	} else {
		// The place of the record before the position, at this time: behind that record, before the next one.
		at := sub.shard.start
		at.place, at.at = uint64(sub.position), time.Now().Unix()
		e.continuation = at.String()
	}
	return e
}

// push writes a subscription's events until it is over.
func (s *Server) push(w http.ResponseWriter, r *http.Request, sub *subscription) {
	s.pauseOnSocket(r)
	w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	w.WriteHeader(http.StatusOK)
	frames := frameWriter{w: w, encoder: eventstream.NewEncoder()}
	err := frames.event("initial-response", []byte("{}"))
	beat := time.Now() // an event comes at once, with or without records
	for err == nil {
		next := s.next(sub, beat)
		if next.event != nil {
			err = frames.event("SubscribeToShardEvent", next.event.appendJSON(nil))
			beat = time.Now().Add(heartbeat)
		}
		if next.err != nil {
			frames.exception(next.err)
		}
		if next.over || next.event == nil && !s.await(r.Context(), sub, next) {
			return
		}
	}
}

// await waits for the next step; false if client or server went away.
func (s *Server) await(ctx context.Context, sub *subscription, next step) bool {
	timer := time.NewTimer(time.Until(next.until))
	defer timer.Stop()
	select {
	case <-next.change:
	case <-sub.wake:
	case <-timer.C:
	case <-ctx.Done():
		return false
	case <-s.open.Done():
		return false
	}
	return true
}

// frameWriter writes messages of the event stream encoding.
type frameWriter struct {
	w       http.ResponseWriter
	encoder *eventstream.Encoder
	buffer  bytes.Buffer
}

func (f *frameWriter) event(kind string, payload []byte) error {
	return f.write("event", kind, payload)
}

// exception ends the stream with an error.
func (f *frameWriter) exception(err error) {
	payload, _ := json.Marshal(err)
	kind := "InternalFailureException"
	if e := (*apiError)(nil); errors.As(err, &e) {
		kind = e.Code
	}
	f.write("exception", kind, payload) // a client that has gone does not want it
}

func (f *frameWriter) write(message, kind string, payload []byte) error {
	var headers eventstream.Headers
	headers.Set(":message-type", eventstream.StringValue(message))
	headers.Set(":"+message+"-type", eventstream.StringValue(kind))
	headers.Set(":content-type", eventstream.StringValue("application/json"))
	f.buffer.Reset()
	if err := f.encoder.Encode(&f.buffer, eventstream.Message{Headers: headers, Payload: payload}); err != nil {
		return err
	}
	if _, err := f.w.Write(f.buffer.Bytes()); err != nil {
		return err
	}
	return http.NewResponseController(f.w).Flush()
}
