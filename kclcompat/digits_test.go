package kclcompat_test

import (
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	. "github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// TestDigits: a user record that somebody made of a client's record alone, whose number is a position as digits, is where the
// digits say: inside an aggregate, or all of a stored record. What was left of an aggregate is never called finished.
func TestDigits(t *testing.T) {
	first, second := seqnum.MustParse(strings.Repeat("5", 56)), seqnum.MustParse(strings.Repeat("5", 55)+"6")
	user := func(n seqnum.Number, sub string) deagg.UserRecord {
		return deagg.UserRecord{SequenceNumber: n.String() + sub, Last: true}
	}
	sink := &memorySink{style: SubSequenceNumber}
	c := newCheckpointer(t, sink, seqnum.TrimHorizon(), "kplkit")
	for _, step := range []struct {
		u       deagg.UserRecord
		written seqnum.Extended
	}{
		{user(first, "999999999"), seqnum.At(first, 0)}, // as Java writes a plain one
		{user(second, "000000000"), seqnum.At(second, 0)},
		{user(second, "000000003"), seqnum.At(second, 3)},
	} {
		c.Done(step.u)
		if r, err := c.Checkpoint(t.Context()); err != nil || r.Written != step.written {
			t.Errorf("%s: %v, %v; want %v", step.u.SequenceNumber, r.Written, err, step.written)
		}
	}
	if last := sink.writes[len(sink.writes)-1]; !strings.HasSuffix(last, " "+first.String()) {
		t.Errorf("finished is not the first stored record: %s", last)
	}
	c.Done(user(second, "999999999")) // as with a bare number, it can't be told from a plain one
	if _, err := c.Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "AppendUserRecords") {
		t.Errorf("%v", err)
	}
}
