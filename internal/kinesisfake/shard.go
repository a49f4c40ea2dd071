package kinesisfake

import (
	"fmt"
	"regexp"
	"sort"
	"time"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// Record is a stored record.
type Record struct {
	SequenceNumber string
	PartitionKey   string // "" where a service-managed stream took a record without one
	// ExplicitHashKey is what the record was put with, "" without one. GetRecords never returns it.
	ExplicitHashKey string
	Data            []byte
	ArrivalTime     time.Time // whole milliseconds
}

// shard is a sequence of records. Positions count its records from the first one ever, trimmed ones included.
type shard struct {
	id        string
	number    int
	hashRange hashkey.Range
	parents   []string // the shard that was split, or the two that were merged
	created   time.Time
	closed    time.Time // zero while open
	start     sequence
	records   []Record
	trimmed   int
	changed   chan struct{} // closed at the next change; nil while nobody waits
	limits    *limits       // nil without rate limits
}

func (sh *shard) isOpen() bool { return sh.closed.IsZero() }

// put stores a record, whose sequence number it fills in.
func (sh *shard) put(r Record) (sequenceNumber string) {
	place := sh.start
	place.place, place.at = uint64(sh.end())+1, r.ArrivalTime.Unix()
	r.SequenceNumber = place.String()
	sh.records = append(sh.records, r)
	sh.notify()
	return r.SequenceNumber
}

// end is the position behind the newest record.
func (sh *shard) end() int { return sh.trimmed + len(sh.records) }

func (sh *shard) close(at time.Time) {
	sh.closed = at
	sh.notify()
}

// change returns a channel that is closed when the shard changes next.
func (sh *shard) change() <-chan struct{} {
	if sh.changed == nil {
		sh.changed = make(chan struct{})
	}
	return sh.changed
}

func (sh *shard) notify() {
	if sh.changed != nil {
		close(sh.changed)
		sh.changed = nil
	}
}

// trim forgets the records older than the horizon. Answers that are being written may still hold them.
func (sh *shard) trim(horizon time.Time) {
	old := sort.Search(len(sh.records), func(i int) bool { return !sh.records[i].ArrivalTime.Before(horizon) })
	if old == 0 {
		return
	}
	sh.trimmed += old
	if sh.records = sh.records[old:]; len(sh.records) == 0 {
		sh.records = nil // otherwise the next growth of the slice lets go of the old ones
	}
}

// from returns the records at and behind a position, and where they really start.
func (sh *shard) from(position int) ([]Record, int) {
	position = min(max(position, sh.trimmed), sh.end())
	return sh.records[position-sh.trimmed:], position
}

// endingSequenceNumber is "" while the shard is open.
func (sh *shard) endingSequenceNumber() string {
	if sh.isOpen() {
		return ""
	}
	last := sh.start
	last.place, last.at = lastPlace, sh.closed.Unix()
	return last.String()
}

// locate returns the position of the first record that has the sequence number or a higher one.
func (sh *shard) locate(n string) int {
	return sh.trimmed + sort.Search(len(sh.records), func(i int) bool { return sh.records[i].SequenceNumber >= n })
}

func (sh *shard) since(t time.Time) int {
	return sh.trimmed + sort.Search(len(sh.records), func(i int) bool { return !sh.records[i].ArrivalTime.Before(t) })
}

// Types of shard iterators and of starting positions.
const (
	atSequenceNumber    = "AT_SEQUENCE_NUMBER"
	afterSequenceNumber = "AFTER_SEQUENCE_NUMBER"
	atTimestamp         = "AT_TIMESTAMP"
	trimHorizon         = "TRIM_HORIZON"
	latest              = "LATEST"
)

// startingPosition finds a position by the members of GetShardIterator and of SubscribeToShard.
func (st *stream) startingPosition(sh *shard, kind *string, number *string, at *epoch) (int, error) {
	if kind == nil {
		return 0, missing("shardIteratorType")
	}
	if err := at.known(); err != nil {
		return 0, err
	}
	switch byNumber := *kind == atSequenceNumber || *kind == afterSequenceNumber; {
	case byNumber && number == nil:
		return 0, invalidArgument("%s needs a StartingSequenceNumber, and the request has none.", *kind)
	case !byNumber && number != nil:
		return 0, invalidArgument("%s goes without a StartingSequenceNumber, and the request has one.", *kind)
	case *kind == atTimestamp && at == nil:
		return 0, invalidArgument("%s needs a Timestamp, and the request has none.", *kind)
	case *kind == atTimestamp && at.time().After(time.Now().Add(time.Millisecond)): // the client may have rounded
		return 0, invalidArgument("The Timestamp %v is greater than the current time %v.", at.time().UTC(), time.Now().UTC())
	}
	switch *kind {
	case trimHorizon:
		return sh.trimmed, nil
	case latest:
		return sh.end(), nil
	case atTimestamp:
		return sh.since(at.time()), nil
	case atSequenceNumber, afterSequenceNumber:
		return st.positionOf(sh, *number, *kind == afterSequenceNumber)
	}
	return 0, violation(*kind, "shardIteratorType", "Member must satisfy enum value set: "+
		"[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")
}

// sequenceNumber is the form that the API asks of one.
var sequenceNumber = regexp.MustCompile(`^(0|[1-9]\d{0,128})$`)

// positionOf finds the record of a sequence number, or the next one. The number must be one that this shard may
// have given out: of its records, trimmed or not, of its start or end, or between them.
func (st *stream) positionOf(sh *shard, number string, after bool) (int, error) {
	q, ok := parseSequence(number)
	switch {
	case !sequenceNumber.MatchString(number):
		return 0, violation(number, "startingSequenceNumber", `Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})`)
	case !ok:
		return 0, invalidArgument("StartingSequenceNumber %.160s used on shard %s in %v is invalid.", number, sh.id, st)
	case q.shard != sh.number:
		return 0, invalidArgument("Invalid StartingSequenceNumber. It encodes %s, while it was used in a call to a shard with %s",
			shardID(q.shard), sh.id)
	case q.created != sh.start.created || q.place > uint64(sh.end()) && (q.place != lastPlace || sh.isOpen()):
		return 0, invalidArgument("StartingSequenceNumber %s used on shard %s in %v is invalid because it did not come from this stream.",
			number, sh.id, st)
	}
	position := sh.locate(number)
	if rest, _ := sh.from(position); after && len(rest) > 0 && rest[0].SequenceNumber == number {
		position++
	}
	return position, nil
}

func shardID(number int) string { return fmt.Sprintf("shardId-%012d", number) }
