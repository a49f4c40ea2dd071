package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/recordio"
)

// tally is what kplkit deagg --stats counts besides deagg.Stats.
type tally struct {
	storedBytes, userBytes     int64 // of data
	largestStored, largestUser int
	inAggregates, mostInOne    int64 // user records
	inThis                     int64 // of the stored record that is read
	before                     int64 // the sub-sequence number of the last of them
	keys                       keyCounts
	withoutKey                 int64 // with no partition key, or that of a damaged aggregate, which has none of its user records'
	shards                     shardCounts
}

// stored counts a stored record, before its user records.
func (t *tally) stored(r *recordio.Record, hashes hashkey.Range) {
	t.storedBytes += int64(len(r.Data))
	t.largestStored = max(t.largestStored, len(r.Data))
	t.inThis = 0
	t.shards.saw(r.ShardID, hashes)
}

// user counts a user record of a stored record that was in a shard.
func (t *tally) user(u *deagg.UserRecord, shardID string, hashes hashkey.Range) {
	t.userBytes += int64(len(u.Data))
	t.largestUser = max(t.largestUser, len(u.Data))
	if u.Aggregated {
		if u.SubSequenceNumber <= t.before { // of the next one, where its lines say nothing of the last one
			t.inThis = 0
		}
		t.inAggregates++
		t.inThis, t.before = t.inThis+1, u.SubSequenceNumber
		t.mostInOne = max(t.mostInOne, t.inThis)
		if u.Last {
			t.inThis = 0
		}
	}
	if u.PartitionKey == "" || u.Malformed != nil && !u.Aggregated {
		t.withoutKey++
		t.shards.unknown++
		return
	}
	t.keys.add(u.PartitionKey)
	t.shards.add(u, shardID, hashes)
}

// statsLine is a line of kplkit deagg --stats --json.
type statsLine struct {
	V             int            `json:"v"`
	Stats         statsCounts    `json:"stats"`
	PartitionKeys []keyCountLine `json:"partition_keys"`
	noRange       bool           // no ranges were looked at
}

type statsCounts struct {
	Stored             int64         `json:"stored"`
	Aggregated         int64         `json:"aggregated"`
	User               int64         `json:"user"`
	Strays             int64         `json:"strays"`
	Dropped            int64         `json:"dropped"`
	Skipped            int64         `json:"skipped"`
	Malformed          int64         `json:"malformed"`
	StoredBytes        int64         `json:"stored_bytes"`
	LargestStored      int           `json:"largest_stored_bytes"`
	UserBytes          int64         `json:"user_bytes"`
	LargestUser        int           `json:"largest_user_bytes"`
	InAggregates       int64         `json:"user_in_aggregates"`
	MostInOne          int64         `json:"most_user_in_an_aggregate"`
	Exact              bool          `json:"partition_keys_exact"`
	Missed             int64         `json:"partition_keys_missed_at_most"` // records of any key that is not in the list, and of one of it by which its count may be too low
	WithoutKey         int64         `json:"user_without_partition_key"`
	Shards             []shardLine   `json:"shards"`
	UserOfUnknownShard int64         `json:"user_of_unknown_shard"`
	Unwrapped          *unwrapCounts `json:"unwrapped,omitempty"`
}

type keyCountLine struct {
	Key    *string `json:"partition_key,omitempty"`
	Bytes  []byte  `json:"partition_key_base64,omitempty"` // instead, where it is not UTF-8
	N      int64   `json:"user_records"`
	Missed int64   `json:"missed_at_most,omitempty"`
}

type shardLine struct {
	ID    string      `json:"shard_id,omitempty"`
	Start hashkey.Key `json:"starting_hash_key"`
	End   hashkey.Key `json:"ending_hash_key"`
	N     int64       `json:"user_records"`
}

func (t *tally) line(s deagg.Stats, unwrapped *unwrapCounts) *statsLine {
	t.shards.settle()
	l := &statsLine{V: 1, PartitionKeys: []keyCountLine{}, Stats: statsCounts{
		s.Stored, s.Aggregated, s.User, s.Strays, s.Dropped, s.Skipped, s.Malformed,
		t.storedBytes, t.largestStored, t.userBytes, t.largestUser, t.inAggregates, t.mostInOne,
		t.keys.exact(), t.keys.missed, t.withoutKey, []shardLine{}, t.shards.unknown, unwrapped,
	}}
	for _, c := range t.keys.top() {
		line := keyCountLine{N: c.n, Missed: c.missed}
		if utf8.ValidString(c.key) {
			line.Key = &c.key
		} else {
			line.Bytes = []byte(c.key)
		}
		l.PartitionKeys = append(l.PartitionKeys, line)
	}
	for _, at := range t.shards.shards() {
		l.Stats.Shards = append(l.Stats.Shards, shardLine{at.id, at.hashes.Start(), at.hashes.End(), t.shards.counts[at]})
	}
	return l
}

func (l *statsLine) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(l)
}

// writeText writes it for people: the most frequent keys only.
func (l *statsLine) writeText(w io.Writer) error {
	s := &l.Stats
	fmt.Fprintf(w, "stored records   %d, %d bytes of data, the largest has %d\n", s.Stored, s.StoredBytes, s.LargestStored)
	fmt.Fprintf(w, "  aggregated     %d, with %d user records, %d at most\n", s.Aggregated, s.InAggregates, s.MostInOne)
	fmt.Fprintf(w, "user records     %d, %d bytes of data, the largest has %d\n", s.User, s.UserBytes, s.LargestUser)
	fmt.Fprintf(w, "  of them        %d strays, %d malformed; besides, %d dropped, %d skipped\n", s.Strays, s.Malformed, s.Dropped, s.Skipped)
	if s.Unwrapped != nil {
		fmt.Fprintf(w, "  unwrapped      %v\n", s.Unwrapped)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	l.writeKeys(t)
	l.writeShards(t)
	return t.Flush()
}

func (l *statsLine) writeKeys(w io.Writer) {
	const most = 20
	s := &l.Stats
	fmt.Fprint(w, "\nuser records\tshare\t  partition key\n")
	for _, k := range l.PartitionKeys[:min(most, len(l.PartitionKeys))] {
		name := key{Bytes: k.Bytes}
		if k.Key != nil {
			name.Text = *k.Key
		}
		fmt.Fprintf(w, "%d\t%s\t  %v", k.N, share(k.N, s.User), name)
		if k.Missed > 0 {
			fmt.Fprintf(w, ", up to %d more", k.Missed)
		}
		fmt.Fprintln(w)
	}
	switch more := len(l.PartitionKeys) - most; {
	case !s.Exact:
		fmt.Fprintf(w, "\t\t  more than %d partition keys: no other one has more than %d\n", mostKeys, max(s.Missed, l.next(most)))
	case more > 0:
		fmt.Fprintf(w, "\t\t  and %d others\n", more)
	}
	if s.WithoutKey > 0 {
		fmt.Fprintf(w, "%d\t%s\t  without a readable partition key\n", s.WithoutKey, share(s.WithoutKey, s.User))
	}
}

// next returns how often the first key that is not shown was there at most.
func (l *statsLine) next(shown int) int64 {
	if shown >= len(l.PartitionKeys) {
		return 0
	}
	return l.PartitionKeys[shown].N + l.PartitionKeys[shown].Missed
}

func (l *statsLine) writeShards(w io.Writer) {
	s := &l.Stats
	switch {
	case l.noRange:
		fmt.Fprint(w, "\nRanges are ignored (--no-range): user records by shard are not known.\n")
		return
	case len(s.Shards) == 0:
		fmt.Fprint(w, "\nNo record has the hash key range of its shard: user records by shard are not known.\n")
		return
	}
	fmt.Fprint(w, "\nuser records\tshare\t  predicted shard\n")
	for _, at := range s.Shards {
		fmt.Fprintf(w, "%d\t%s\t  %s %v-%v\n", at.N, share(at.N, s.User), visible(at.ID), at.Start, at.End)
	}
	if s.UserOfUnknownShard > 0 {
		fmt.Fprintf(w, "%d\t%s\t  in no range of the input\n", s.UserOfUnknownShard, share(s.UserOfUnknownShard, s.User))
	}
}

func share(n, all int64) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(all, 1))) }
