package deagglambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

const (
	first  = "49590338271490256608559692538361571095921575989136588898"
	second = "49590338271490256608559692538361571095921575989136588899"
	third  = "49590338271490256608559692538361571095921575989136588900"
)

// pack returns an aggregate of user records.
func pack(t *testing.T, users ...string) []byte {
	var e aggregator.Encoder
	for _, u := range users {
		if ok, err := e.Add(aggregator.Record{PartitionKey: "k", Data: []byte(u)}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return e.AppendTo(nil)
}

func abc(t *testing.T) deagglambda.Event {
	return deagglambda.Event{Records: []deagglambda.Record{
		record(first, "a", pack(t, "a0", "a1")), record(second, "a", pack(t, "b0", "b1", "b2")), record(third, "p", []byte("c")),
	}}
}

var quiet = deagglambda.WithLogger(slog.New(slog.DiscardHandler))

func failures(r deagglambda.Response) (ids []string) {
	for _, f := range r.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// The answer names the stored record that failed; the rest is not tried; a Store has what was done of it skipped.
func TestFailure(t *testing.T) {
	for _, withStore := range []bool{false, true} {
		var got []string
		failing := "b1"
		opts := []deagglambda.Option{quiet}
		if withStore {
			opts = append(opts, deagglambda.WithStore(&memory{at: map[string]seqnum.Extended{}}))
		}
		handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
			if string(u.Data) == failing {
				return errors.New("no")
			}
			got = append(got, string(u.Data))
			return nil
		}, opts...)
		answer, err := handler(t.Context(), abc(t))
		if ids := failures(answer); err != nil || !slices.Equal(ids, []string{second}) || !slices.Equal(got, []string{"a0", "a1", "b0"}) {
			t.Errorf("store %v: %v %v %v", withStore, ids, got, err)
		}
		got, failing = nil, ""
		again := abc(t)
		again.Records = again.Records[1:]
		answer, err = handler(t.Context(), again)
		want := []string{"b0", "b1", "b2", "c"}
		if withStore {
			want = want[1:]
		}
		if len(answer.BatchItemFailures) > 0 || err != nil || !slices.Equal(got, want) {
			t.Errorf("store %v: %v %v %v, want %v", withStore, answer, got, err, want)
		}
		if text := string(marshal(t, answer)); text != `{"batchItemFailures":[]}` {
			t.Errorf("success is answered as %s", text)
		}
	}
}

// EventBridge Pipes is given all that has to come again, by eventID.
func TestPipes(t *testing.T) {
	var e deagglambda.Event
	flat := []string{}
	for _, n := range []string{first, second, third} {
		flat = append(flat, fmt.Sprintf(`{"sequenceNumber":%q,"partitionKey":"p","data":"SGk=","eventSource":"aws:kinesis","eventID":"%s:%s","eventSourceARN":%q}`, n, shard, n, arn))
	}
	if err := json.Unmarshal([]byte("["+strings.Join(flat, ",")+"]"), &e); err != nil {
		t.Fatal(err)
	}
	handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
		if u.SequenceNumber == second {
			return errors.New("no")
		}
		return nil
	}, quiet)
	answer, err := handler(t.Context(), e)
	if ids := failures(answer); err != nil || !slices.Equal(ids, []string{shard + ":" + second, shard + ":" + third}) {
		t.Error(ids, err)
	}
}

// A tumbling window's state comes back as it was, with and without records.
func TestWindow(t *testing.T) {
	var e deagglambda.Event
	if err := json.Unmarshal([]byte(windowEvent), &e); err != nil {
		t.Fatal(err)
	}
	answer, err := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil })(t.Context(), e)
	if text := string(marshal(t, answer)); err != nil || text != `{"batchItemFailures":[],"state":{"1":282,"2":715}}` {
		t.Error(text, err)
	}
	e.Records = nil
	if _, err := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil })(t.Context(), e); err != nil {
		t.Errorf("a window without records: %v", err)
	}
	if !e.IsFinalInvokeForWindow || e.Window.End.Sub(e.Window.Start) != 2*time.Minute {
		t.Errorf("%+v", e)
	}
}

// Keys are what design.md fixes: the event source's ARN and the shard; with PerKey the stored record's partition key, too.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		opts []deagglambda.Option
		want []string
	}{
		{nil, []string{arn + "/" + shard}},
		{[]deagglambda.Option{deagglambda.PerKey()}, []string{arn + "/" + shard + "/a", arn + "/" + shard + "/p"}},
	} {
		store := &memory{at: map[string]seqnum.Extended{}}
		handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil }, append(c.opts, deagglambda.WithStore(store), quiet)...)
		if _, err := handler(t.Context(), abc(t)); err != nil {
			t.Fatal(err)
		}
		var keys []string
		for k := range store.at {
			keys = append(keys, k)
		}
		if slices.Sort(keys); !slices.Equal(keys, c.want) {
			t.Errorf("%q, want %q", keys, c.want)
		}
	}
}

// A position for the shard loses records where its batches run at a time; one for each partition key does not.
func TestParallelization(t *testing.T) {
	for _, perKey := range []bool{false, true} {
		done := map[string]bool{}
		failing := true
		opts := []deagglambda.Option{deagglambda.WithStore(&memory{at: map[string]seqnum.Extended{}}), quiet}
		if perKey {
			opts = append(opts, deagglambda.PerKey())
		}
		handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
			if failing && u.PartitionKey == "x" {
				return errors.New("not yet")
			}
			done[string(u.Data)] = true
			return nil
		}, opts...)
		one := deagglambda.Event{Records: []deagglambda.Record{record(first, "x", []byte("from x"))}}
		other := deagglambda.Event{Records: []deagglambda.Record{record(second, "y", []byte("from y"))}}
		for _, e := range []deagglambda.Event{one, other} {
			handler(t.Context(), e)
		}
		failing = false
		handler(t.Context(), one)
		if done["from x"] != perKey || !done["from y"] {
			t.Errorf("PerKey %v: done %v: the documents say what is lost, and with what not", perKey, done)
		}
	}
}

// Near the end of its time the function stops as at a failure, and what is done is stored.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		store := &memory{at: map[string]seqnum.Extended{}}
		done := 0
		handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error {
			time.Sleep(900 * time.Millisecond)
			done++
			return nil
		}, deagglambda.WithStore(store), quiet)
		answer, err := handler(ctx, abc(t))
		if ids := failures(answer); err != nil || done != 3 || !slices.Equal(ids, []string{second}) || ctx.Err() != nil {
			t.Errorf("%d done, %v, %v", done, ids, err)
		}
		if at := store.at[arn+"/"+shard].String(); at != second+":0" {
			t.Errorf("stored %s", at)
		}
	})
}

// However long a function may take, the last second is enough.
func TestDeadlineFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		done := 0
		process := func(context.Context, deagg.UserRecord) error {
			if done++; done == 1 {
				time.Sleep(15*time.Minute - 1100*time.Millisecond)
			} else {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}
		if answer, err := deagglambda.Handler(process, quiet)(ctx, keys(t, 1)); err != nil || len(failures(answer)) != 1 || done != 2 {
			t.Error(done, answer, err)
		}
	})
}

// What ends without an answer, or with one that says nothing, is logged with its cause, and data and keys are not.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	store := &memory{at: map[string]seqnum.Extended{}}
	logger := deagglambda.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	fail := errors.New("the database is down")
	handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return fail }, deagglambda.WithStore(store), logger)
	handler(t.Context(), abc(t))
	for _, want := range []string{"the database is down", first, "not_tried=2", "user record 0"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, &log)
		}
	}
	log.Reset()
	fail = nil
	handler(t.Context(), abc(t))
	handler(t.Context(), abc(t))
	if !strings.Contains(log.String(), "give the store another name") || !strings.Contains(log.String(), "skipped=6") {
		t.Errorf("a replay that the store skips whole: %s", &log)
	}
	for _, cause := range []error{nil, errors.New("no")} { // after the two first, or none at all
		log.Reset()
		more := abc(t)
		store.at[arn+"/"+shard], _ = seqnum.ParseExtended(first)
		fail = cause
		handler(t.Context(), more)
		if !strings.Contains(log.String(), "skipped=2") || strings.Contains(log.String(), "give the store another name") {
			t.Errorf("part of an event is skipped: %s", &log)
		}
	}
}

// Options that are nil, no process, and events that were made without sequence numbers are errors of the call.
func TestWrong(t *testing.T) {
	ok := func(context.Context, deagg.UserRecord) error { return nil }
	if _, err := deagglambda.Handler(nil)(t.Context(), abc(t)); err == nil {
		t.Error("no process")
	}
	if _, err := deagglambda.Handler(ok, nil)(t.Context(), abc(t)); err == nil {
		t.Error("a nil option")
	}
	if _, err := deagglambda.Handler(ok)(t.Context(), deagglambda.Event{Records: []deagglambda.Record{{}}}); !errors.Is(err, deagglambda.ErrEvent) {
		t.Errorf("no sequence number: %v", err)
	}
	if _, err := deagglambda.Handler(ok)(t.Context(), deagglambda.Event{}); !errors.Is(err, deagglambda.ErrEvent) {
		t.Errorf("an event of nothing, such as an on-failure object read as another type: %v", err)
	}
}

// A panic of process passes through, and what was done before is stored.
func TestPanic(t *testing.T) {
	store := &memory{at: map[string]seqnum.Extended{}}
	handler := deagglambda.Handler(func(_ context.Context, u deagg.UserRecord) error {
		if string(u.Data) == "b2" {
			panic("out of range")
		}
		return nil
	}, deagglambda.WithStore(store), quiet)
	defer func() {
		if recover() == nil {
			t.Error("the panic did not pass")
		}
		if at := store.at[arn+"/"+shard].String(); at != second+":1" {
			t.Errorf("stored %s", at)
		}
	}()
	handler(t.Context(), abc(t))
}

// With a Store, an event that somebody put together is refused where its records are not in order, or are of no shard: a position would
// then have records skipped.
func TestPutTogether(t *testing.T) {
	for name, change := range map[string]func(*deagglambda.Event){
		"out of order": func(e *deagglambda.Event) { e.Records[0], e.Records[1] = e.Records[1], e.Records[0] },
		"twice":        func(e *deagglambda.Event) { e.Records[1] = e.Records[0] },
		"of no shard":  func(e *deagglambda.Event) { e.Records[1].EventID = "" },
		"not a number": func(e *deagglambda.Event) { e.Records[1].Kinesis.SequenceNumber = "x" },
	} {
		got := 0
		process := func(context.Context, deagg.UserRecord) error { got++; return nil }
		e := abc(t)
		change(&e)
		answer, err := deagglambda.Handler(process, deagglambda.WithStore(&memory{at: map[string]seqnum.Extended{}}), quiet)(t.Context(), e)
		if ids := failures(answer); err != nil || len(ids) != 1 || ids[0] != e.Records[1].Kinesis.SequenceNumber || got > 3 {
			t.Errorf("%s: %d processed, %v, %v", name, got, ids, err)
		}
		if got = 0; name != "not a number" {
			if answer, err = deagglambda.Handler(process)(t.Context(), e); err != nil || len(answer.BatchItemFailures) > 0 {
				t.Errorf("%s, without a Store: %v, %v", name, answer, err)
			}
		}
	}
}
