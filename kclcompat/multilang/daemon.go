package multilang

import (
	"context"
	"fmt"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/seqnum"
)

// Daemon is what is known of the daemon, by its messages so far.
type Daemon struct {
	Version string          // in words, such as "1.7.2 or newer"
	From    seqnum.Extended // where the shard is read from; not valid with daemons before 1.7.2, which do not say it

	// What a crash right after a checkpoint does: of one inside an aggregate, at its last user record, and where all of
	// the batch is Done.
	Inside, AtLast, AtBatchEnd kclcompat.Effect
}

// FromContext returns what is known of the daemon, by the context of a Processor's method.
func FromContext(ctx context.Context) (d Daemon, ok bool) {
	d, ok = ctx.Value(daemonKey{}).(Daemon)
	return d, ok
}

type daemonKey struct{}

// Starter is a Processor that wants to begin before the first batch. An error gives the shard up.
type Starter interface {
	kclcompat.Processor
	Start(ctx context.Context) error
}

// dialect is what a daemon can do, and how far its records are known.
type dialect struct {
	from    seqnum.Extended
	pairs   bool          // it knows sub-sequence numbers: 1.7.2 or newer
	whole   bool          // it hands over aggregates: 1.3
	split   bool          // it hands over user records without sub-sequence numbers: 1.4
	begun   bool          // a record was handed out
	decoder deagg.Decoder // of aggregates
}

// newDialect takes the message initialize.
func newDialect(m *message) (d *dialect, err error) {
	d = &dialect{pairs: m.positioned}
	if m.sequence == nil {
		return d, nil
	}
	sub := int64(0)
	if m.sub != nil {
		sub = *m.sub
	}
	if d.from, err = seqnum.FromCheckpoint(*m.sequence, sub); err != nil {
		return nil, fmt.Errorf("initialize: %w", err)
	}
	return d, nil
}

func (d *dialect) daemon() Daemon {
	k := Daemon{From: d.from, Version: "1.3 or 1.4", Inside: kclcompat.Repeats, AtLast: kclcompat.Repeats, AtBatchEnd: kclcompat.Exact}
	switch {
	case d.pairs:
		k.Version, k.Inside, k.AtLast = "1.7.2 or newer", kclcompat.Exact, kclcompat.Exact
	case d.whole:
		k.Version, k.AtLast = "1.3", kclcompat.Exact
	case d.split:
		k.Version = "1.4"
	}
	return k
}

// readers are those that may resume from the checkpoints. As long as it may be 1.3 a number has to be right for both: 1.3
// takes it for all of the stored record, 1.4 for the first user record in it.
func (d *dialect) readers() []kclcompat.Reader {
	switch {
	case d.pairs:
		return []kclcompat.Reader{kclcompat.MultiLang(1, 14)}
	case d.whole:
		return []kclcompat.Reader{kclcompat.MultiLang(1, 3)}
	}
	return []kclcompat.Reader{kclcompat.MultiLang(1, 3), kclcompat.MultiLang(1, 4)}
}

// userRecords returns the user records of a batch. A stored record is never split between two batches.
func (d *dialect) userRecords(records []record) ([]deagg.UserRecord, error) {
	if err := check(records); err != nil {
		return nil, err
	}
	if !d.pairs {
		d.look(records)
	}
	defer func() { d.begun = d.begun || len(records) > 0 }()
	users := make([]deagg.UserRecord, 0, len(records))
	if d.whole {
		stored := make([]deagg.StoredRecord, len(records))
		for i, r := range records {
			stored[i] = r.stored()
		}
		for u := range d.decoder.UserRecords(stored...) {
			users = append(users, u)
		}
		return users, nil
	}
	for i, sub := 0, int64(0); i < len(records); i++ {
		u := d.userRecord(records, i, sub)
		if sub++; u.Last {
			sub = 0
		}
		users = append(users, u)
	}
	d.markFirst(users)
	return users, nil
}

// check refuses what has no place in the shard.
func check(records []record) error {
	for i, r := range records {
		if _, err := seqnum.Parse(r.SequenceNumber); err != nil {
			return fmt.Errorf("record %d of a batch: %w", i+1, err)
		}
		if r.Sub != nil && *r.Sub < 0 {
			return fmt.Errorf("record %d of a batch: sub-sequence number %d", i+1, *r.Sub)
		}
	}
	return nil
}

// look finds out whether the daemon takes aggregates apart. Two records of one number were in one; an aggregate that comes
// whole was not, unless a user has put one into another.
func (d *dialect) look(records []record) {
	for i, r := range records {
		if sameStored(records, i, i-1) {
			d.split, d.whole = true, false
			return
		}
		if !d.split && !d.whole && deagg.HasMagic(r.Data) {
			_, err := deagg.Parse(r.stored())
			d.whole = err == nil
		}
	}
}

func sameStored(records []record, i, j int) bool {
	return j >= 0 && j < len(records) && records[i].SequenceNumber == records[j].SequenceNumber
}

func (r record) stored() deagg.StoredRecord {
	return deagg.StoredRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data, ArrivalTime: r.arrival()}
}

// userRecord returns record i, the sub-th of its stored record in the batch.
func (d *dialect) userRecord(records []record, i int, sub int64) deagg.UserRecord {
	r := records[i]
	if r.Sub != nil {
		sub = *r.Sub
	}
	u := deagg.UserRecord{
		SequenceNumber: r.SequenceNumber, SubSequenceNumber: sub, PartitionKey: r.PartitionKey, Data: r.Data, ArrivalTime: r.arrival(),
		Aggregated: sub > 0 || sameStored(records, i, i-1) || sameStored(records, i, i+1),
		Last:       !sameStored(records, i, i+1),
	}
	if !u.Aggregated && deagg.HasMagic(r.Data) {
		_, u.Malformed = deagg.Parse(r.stored())
	}
	return u
}

// markFirst says of the first user record of all that it may be a part of a stored record, where a daemon without
// sub-sequence numbers hands over no other one of that: what precedes it may have been done before, so that a checkpoint by its
// number would bring it again.
func (d *dialect) markFirst(users []deagg.UserRecord) {
	if !d.pairs && !d.begun && len(users) > 0 && !users[0].Aggregated && users[0].Malformed == nil {
		users[0].Aggregated, users[0].Last = true, false
	}
}
