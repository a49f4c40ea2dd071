package kclcompat_test

import (
	"context"
	"errors"
	"strings"
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
			if err := c.Resume(tt.last); err != nil {
				t.Fatal(err)
			}
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
	if err := c.Resume(deagg.UserRecord{}, MultiLang(1, 3)); err != nil {
		t.Fatal(err)
	}
	c.Done(userRecord(2, 2, true))
	if r, err := c.Checkpoint(t.Context()); err != nil || r.Effect != Exact {
		t.Error(r, err)
	}
}

// TestResumeRefuses: a Resume that can't be is an error and leaves the Pause.
func TestResumeRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{style: SubSequenceNumber}
		c, err := NewCheckpointer(sink, seqnum.TrimHorizon(), []Reader{MultiLang(1, 14)})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Resume(deagg.UserRecord{}); err == nil {
			t.Error("Resume without a Pause")
		}
		if err := new(Checkpointer).Resume(deagg.UserRecord{}); err == nil {
			t.Error("Resume of the zero Checkpointer")
		}
		if err := c.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Resume(deagg.UserRecord{}, MultiLang(1, 4)); err == nil || !strings.Contains(err.Error(), "sequence-number would be") {
			t.Errorf("readers that take no such checkpoint: %v", err)
		}
		c.Done(userRecord(1, 1, true))
		go func() { _, _ = c.Checkpoint(context.Background()) }()
		synctest.Wait()
		if len(sink.writes) > 0 {
			t.Error("written in a pause")
		}
		if err := c.Resume(deagg.UserRecord{}); err != nil {
			t.Error(err)
		}
		if synctest.Wait(); short(sink.last) != "1:1" {
			t.Errorf("the lease says %s", short(sink.last))
		}
	})
}

// TestEffectOfHandedOut: what the sink has stored as it is stays exact for as long as the lease says it, also when more was handed
// out.
func TestEffectOfHandedOut(t *testing.T) {
	sink := &memorySink{style: SequenceNumber}
	c, err := NewCheckpointer(sink, seqnum.TrimHorizon(), []Reader{MultiLang(1, 4)}, RefuseHeld())
	if err != nil {
		t.Fatal(err)
	}
	handOut := func(last deagg.UserRecord) {
		t.Helper()
		if err := errors.Join(c.Pause(t.Context()), c.Resume(last)); err != nil {
			t.Fatal(err)
		}
	}
	handOut(userRecord(1, 2, true))
	c.Done(userRecord(1, 0, false))
	c.Done(userRecord(1, 2, true))
	for _, last := range []deagg.UserRecord{userRecord(1, 2, true), userRecord(3, 0, true), {}} {
		handOut(last)
		if r, err := c.Checkpoint(t.Context()); err != nil || r.Effect != Exact || short(r.Written) != "1:2" {
			t.Errorf("%v, %v", r, err)
		}
	}
	c.Done(userRecord(2, 2, true))
	if _, err := c.Checkpoint(t.Context()); err == nil {
		t.Error("the next stored record is written by its number")
	}
	if len(sink.writes) != 1 {
		t.Errorf("%d writes", len(sink.writes))
	}
}

// TestEffectBeforeHandedOut: a call that was made inside that stored record, and waits, comes to the same.
func TestEffectBeforeHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := NewCheckpointer(&memorySink{style: SequenceNumber}, seqnum.TrimHorizon(), []Reader{MultiLang(1, 4)})
		if err == nil {
			err = c.Pause(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Done(userRecord(1, 1, false))
		results := make(chan Result, 1)
		go func() {
			r, _ := c.Checkpoint(context.Background())
			results <- r
		}()
		synctest.Wait()
		c.Done(userRecord(1, 2, true))
		if err := c.Resume(userRecord(1, 2, true)); err != nil {
			t.Fatal(err)
		}
		if r := <-results; r.Effect != Exact || short(r.Written) != "1:2" {
			t.Error(r)
		}
	})
}
