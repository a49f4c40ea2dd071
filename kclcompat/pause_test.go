package kclcompat_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kplkit/kplkit/deagg"
	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// TestPause: what is asked for in a Pause waits, and is decided when it ends, about what is done by then and what was handed out.
func TestPause(t *testing.T) {
	for _, tt := range []struct {
		last deagg.UserRecord
		want string // what the lease says then
		then Effect
	}{
		{deagg.UserRecord{}, "2:0", Repeats},
		{userRecord(2, 2, true), "2:2", Exact},
	} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memorySink{style: SequenceNumber}
			c, err := NewCheckpointer(sink, seqnum.TrimHorizon(), []Reader{MultiLang(1, 3), MultiLang(1, 4)})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.Done(userRecord(1, 0, true))
			results := make(chan Result, 1)
			go func() {
				r, err := c.Checkpoint(context.Background())
				if err != nil {
					t.Error(err)
				}
				results <- r
			}()
			time.Sleep(time.Hour)
			if len(sink.writes) > 0 {
				t.Error("written in a pause")
			}
			c.Done(userRecord(2, 0, false))
			c.Done(userRecord(2, 2, true))
			c.Resume(tt.last)
			<-results
			if got := short(sink.last); got != tt.want {
				t.Errorf("the lease says %s, want %s", got, tt.want)
			}
			if r, err := c.Checkpoint(t.Context()); err != nil || r.Effect != tt.then {
				t.Errorf("%v, %v, want %v", r.Effect, err, tt.then)
			}
		})
	}
}

// TestResumeReaders: who resumes may turn out later. Then the better rule counts.
func TestResumeReaders(t *testing.T) {
	sink := &memorySink{style: SequenceNumber}
	c, err := NewCheckpointer(sink, seqnum.TrimHorizon(), []Reader{MultiLang(1, 3), MultiLang(1, 4)})
	if err != nil {
		t.Fatal(err)
	}
	c.Done(userRecord(1, 2, true))
	if r, err := c.Checkpoint(t.Context()); err != nil || r.Effect != Repeats {
		t.Error(r, err)
	}
	if err := c.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Resume(deagg.UserRecord{}, MultiLang(1, 3))
	c.Done(userRecord(2, 2, true))
	if r, err := c.Checkpoint(t.Context()); err != nil || r.Effect != Exact {
		t.Error(r, err)
	}
}
