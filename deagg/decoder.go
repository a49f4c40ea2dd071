package deagg

import (
	"iter"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/seqnum"
)

// Policy decides what becomes of damaged aggregates and of strays, user records outside their shard's range.
type Policy uint8

const (
	// Lossless delivers everything. A structurally damaged aggregate comes whole, as one user record that is marked
	// as Malformed; a user record whose key index is out of its table comes without that key, marked. A stray is
	// dropped only on evidence that its writer stores it again, see Decoder.
	Lossless Policy = iota

	// KCL does what the Java KCL's AggregatorUtil (2.7.2) does, its losses included: a stray makes the whole
	// aggregate vanish, a bad index or an explicit hash key that is not a number the rest of it. It is there to compare
	// with a Java consumer, not to consume with.
	KCL
)

// Decoder turns stored records into user records. Its zero value is ready to use and drops nothing.
//
// Use one Decoder per shard, and finish one iteration before the next: they share memory. The exported fields may be
// changed between iterations.
//
// # After
//
// After holds for every iteration until it is changed: whatever lies at or before it is skipped, whenever it comes. A
// consumer that ends an iteration early may set it to the Position of what it has processed, and go on with the same
// stored records or with the next ones. What comes in order is all delivered once the position has passed.
//
// Where stored records are another kplkit layer's output (those of a client with deaggaws, or its records written to a
// file), the last user record of an aggregate has a bare sequence number, or as digits that of all of the stored record, as
// a plain stored record has. With After at
// (SEQ, k), a bare SEQ that is not an aggregate
//
//   - is skipped if After is all of SEQ, and delivered if k is 1 or more: it comes after user record k;
//   - is skipped if k is 0, since the Java KCL writes (SEQ, 0) for a plain stored record; but if the Decoder has met a
//     user record SEQ:s before it, it is the last of that aggregate, and delivered.
//
// One case can't be told from a plain stored record: k is 0, and the input begins with the bare last user record of an
// aggregate of two. It is skipped. So hand over a de-aggregated aggregate from its first user record on, which every
// kplkit layer does when it is asked to start at SEQ.
//
// # Strays
//
// After a reshard the KPL stores again those user records of an aggregate that landed in a shard they do not belong
// to. With HashRange and Ancestors set, Lossless drops such a stray if all of this speaks for its being stored again:
// the stored record's partition key is the mark of a writer that does so ("a", the KPL's, or "kplkit"), its first
// user record's hash key lies in HashRange, and all its hash keys lie in one of Ancestors. Of an aggregate with the
// mark "kplkit" everything is dropped then, since its writer stores all of it again.
//
// The evidence can be wrong where others than the KPL and kplkit write to the stream, so set the two only for
// streams that these alone write.
type Decoder struct {
	Policy    Policy
	HashRange hashkey.Range   // the shard's; zero: unknown, nothing is dropped
	Ancestors []hashkey.Range // of the shards it came from; none: unknown, nothing is dropped
	After     seqnum.Extended // skip what is done; zero: nothing is

	stats     Stats
	agg       AggregatedRecord
	user      UserRecord // the one that is delivered
	hashes    keyHashes
	checks    *checker // nil before there is more than one stored record to check
	after     afterText
	apart     seqnum.Number // After's, once its aggregate has come as finished user records
	lastApart []byte        // the number of the last aggregate that did
}

// Stats counts what a Decoder did. All but Stored and Aggregated count user records, where a stored record that is
// plain, or passes whole, is one user record.
type Stats struct {
	Stored     int64 // stored records
	Aggregated int64 // those of them that are aggregates, also those without a user record
	User       int64 // delivered
	Strays     int64 // out of the shard's range, delivered or not
	Dropped    int64 // not delivered: stored again by their writer (Lossless), or lost (KCL)
	Skipped    int64 // not delivered: done before, by After
	Malformed  int64 // marked as such; under KCL also an aggregate whose rest is lost for a bad index or hash key
}

// Stats returns the counts of all iterations so far.
func (d *Decoder) Stats() Stats { return d.stats }

// UserRecords returns the user records of stored records, in order. It can't fail: what is damaged comes marked as
// Malformed. Of many aggregates it checks the MD5s side by side, up to 32 at a time, before the first of them is taken apart:
// a processor with AVX2 or AVX-512 does that for little more than the time of one, so hand over what there is.
// It allocates nothing once the Decoder has met an aggregate as large.
func (d *Decoder) UserRecords(rs ...StoredRecord) iter.Seq[UserRecord] {
	return func(yield func(UserRecord) bool) {
		d.Each(rs, func(_ int, u *UserRecord) bool { return yield(*u) })
	}
}

// All returns what UserRecords does, each user record with the index in rs of the stored record that it came out of.
// Indexes come in order; that of a stored record of which nothing is delivered is left out.
func (d *Decoder) All(rs []StoredRecord) iter.Seq2[int, UserRecord] {
	return func(yield func(int, UserRecord) bool) {
		d.Each(rs, func(i int, u *UserRecord) bool { return yield(i, *u) })
	}
}

// Each calls f with what All returns, one after the other, until f returns false. It is the fastest way, since nothing is
// copied: u holds until f returns, and the next user record takes its place. f must change neither it nor rs.
func (d *Decoder) Each(rs []StoredRecord, f func(i int, u *UserRecord) bool) {
	if len(rs) > 1 && d.checks == nil {
		d.checks = new(checker)
	}
	if d.checks != nil {
		d.checks.restart()
	}
	d.after.read(d.After)
	for i := range rs {
		sum := unchecked
		if len(rs) > 1 && HasMagic(rs[i].Data) {
			sum = d.checks.verdict(rs[i:])
		}
		if !d.stored(&rs[i], sum, target{i, f}) {
			break
		}
	}
	d.agg.clear() // so that no stored record is pinned
	d.user = UserRecord{}
}

// target is who gets the user records of stored record i.
type target struct {
	i int
	f func(i int, u *UserRecord) bool
}

// stored delivers the user records of one stored record. It returns false if its target did.
func (d *Decoder) stored(r *StoredRecord, sum verdict, to target) bool {
	d.stats.Stored++
	number, sub, finished := numbersOf(r.SequenceNumber)
	done := d.doneOf(number)
	if finished { // whether more of its stored record follows is not known
		d.note(number)
		d.user.plain(r, number)
		d.user.SubSequenceNumber, d.user.Aggregated, d.user.Last = sub, true, false
		return d.deliver(done, to)
	}
	if !HasMagic(r.Data) {
		d.user.plain(r, number)
		return d.bare(done, to)
	}
	if err := d.agg.parse(r, number, dialect(d.Policy == KCL), sum); err != nil {
		d.user.plain(r, number)
		d.user.Malformed = err
		return d.bare(done, to)
	}
	d.stats.Aggregated++
	d.agg.common(&d.user)
	if d.Policy == KCL {
		return d.kcl(done, to)
	}
	return d.lossless(done, to)
}

// note remembers that an aggregate comes as finished user records, so that its last one, which is bare, can be told
// from a plain stored record: After's aggregate, whatever other shards' records come between, and the last one, to
// which After may be set next. That one is a copy, since the caller may reuse the memory.
func (d *Decoder) note(sequenceNumber string) {
	if after, ok := d.After.Number(); ok && after.String() == sequenceNumber {
		d.apart = after
	}
	d.lastApart = append(d.lastApart[:0], sequenceNumber...)
}

// bare hands on a stored record that is not an aggregate: a plain or a damaged one, which counts as user record 0, or the
// last user record of an aggregate that was taken apart before, which comes after all others.
func (d *Decoder) bare(done int64, to target) bool {
	number := d.user.SequenceNumber
	inside := done == 0 && (d.apart.String() == number || string(d.lastApart) == number)
	if inside || done > 0 && done < everything {
		done = nothing
	}
	return d.deliver(done, to)
}

// deliver hands d.user on, unless it is done. It returns false if the target did.
func (d *Decoder) deliver(done int64, to target) bool {
	u := &d.user
	if u.SubSequenceNumber <= done {
		d.stats.Skipped++
		return true
	}
	d.stats.User++
	if u.Malformed != nil {
		d.stats.Malformed++
	}
	return to.f(to.i, u)
}
