package interop

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
)

// book is what became of the user records of a run.
type book struct {
	Put     int `json:"put"`
	Stored  int `json:"stored"`  // those that the wrapper said are stored
	Failed  int `json:"failed"`  // it said that they are not
	Refused int `json:"refused"` // it did not take them
	Silent  int `json:"silent"`  // it never said a word of them

	Elsewhere int `json:"elsewhere"` // stored, but not as put in the stored record that was reported
	Foreign   int `json:"foreign"`   // in the stream, never put
	Yet       int `json:"yet"`       // failed or refused, and in the stream all the same

	KCL     view `json:"kcl"`     // delivered by the real AggregatorUtil, which knows the shards' ranges
	Decoder view `json:"decoder"` // by kplkit's Decoder, which knows the ranges and the ancestors
	Stream  view `json:"stream"`  // what lies in the stream
	Records int  `json:"records"` // stored ones
}

// view is what a reader delivers of the user records that are said to be stored.
type view struct {
	Lost  int `json:"lost"`  // never delivered
	Twice int `json:"twice"` // deliveries beyond the first of each
}

func (b *book) add(c book) {
	for _, n := range [][2]*int{
		{&b.Put, &c.Put}, {&b.Stored, &c.Stored}, {&b.Failed, &c.Failed}, {&b.Refused, &c.Refused}, {&b.Silent, &c.Silent}, {&b.Elsewhere, &c.Elsewhere},
		{&b.Foreign, &c.Foreign}, {&b.Yet, &c.Yet}, {&b.Records, &c.Records}, {&b.KCL.Lost, &c.KCL.Lost}, {&b.KCL.Twice, &c.KCL.Twice},
		{&b.Decoder.Lost, &c.Decoder.Lost}, {&b.Decoder.Twice, &c.Decoder.Twice}, {&b.Stream.Lost, &c.Stream.Lost}, {&b.Stream.Twice, &c.Stream.Twice},
	} {
		*n[0] += *n[1]
	}
}

// same is what two user records have in common that a reader can't tell apart.
type same struct{ key, hashKey, data string }

// audit compares what was put into a stream with what lies there, and with what readers deliver of it.
func audit(t *testing.T, all []lying, puts []*put) (b book) {
	in := lie(t, all)
	b.Put, b.Records = len(puts), len(all)
	stored, other, lies := map[same]int{}, map[same]int{}, count(in)
	places := map[string]map[same]int{} // by shard and sequence number
	for _, u := range in {
		place := u.shard + "/" + u.number
		if places[place] == nil {
			places[place] = map[same]int{}
		}
		places[place][u.same()]++
	}
	for _, p := range puts {
		id := same{p.key, p.hashKey, string(p.data)}
		switch {
		case p.stored():
			b.Stored++
			stored[id]++
			if place := places[p.shard+"/"+p.number]; place[id] > 0 {
				place[id]--
			} else {
				b.Elsewhere++
			}
			continue
		case p.refused:
			b.Refused++
		case p.silent:
			b.Silent++
		default:
			b.Failed++
		}
		other[id]++
	}
	for id, n := range lies {
		if stored[id]+other[id] == 0 {
			b.Foreign += n
		}
		b.Yet += min(max(0, n-stored[id]), other[id])
	}
	b.Stream = look(stored, other, lies)
	b.Decoder = look(stored, other, count(lossless(all)))
	b.KCL = look(stored, other, count(byKCL(t, all)))
	return b
}

func (u lies) same() same { return same{u.key, u.hashKey, u.data} }

func count(users []lies) map[same]int {
	n := map[same]int{}
	for _, u := range users {
		n[u.same()]++
	}
	return n
}

// look compares what is said to be stored, and what else was put, with what is delivered.
func look(stored, other, delivered map[same]int) (v view) {
	for id, n := range stored {
		v.Lost += max(0, n-delivered[id])
		v.Twice += max(0, delivered[id]-n-other[id])
	}
	return v
}

// lie returns all user records that lie in a stream, none dropped.
func lie(t *testing.T, all []lying) (users []lies) {
	for _, r := range all {
		u, err := takeApart(r)
		if err != nil {
			t.Error(err)
		}
		users = append(users, u...)
	}
	return users
}

// byKCL returns what the KCL's worker hands to its record processor: of each shard, what AggregatorUtil makes of it
// with the shard's range. Our Decoder has to deliver the same under the KCL's policy.
func byKCL(t *testing.T, all []lying) (delivered []lies) {
	stored := make([]storedRecord, len(all))
	for i, r := range all {
		stored[i] = r.storedRecord
	}
	theirs := kcl2.deaggregate(t, stored)
	for _, r := range all {
		mine, _ := ours(t, r.storedRecord, deagg.KCL)
		if diff := cmp.Diff(len(mine), len(theirs[r.SequenceNumber])); diff != "" {
			t.Errorf("the KCL delivers another number of user records than the Decoder (-) by its policy: %s", diff)
		}
		for i, u := range theirs[r.SequenceNumber] {
			hashKey := ""
			switch {
			case u.Error != "":
				t.Errorf("the KCL fails: %s", u.Error)
			case !*u.Aggregated:
				hashKey = r.plain().hashKey
			case u.ExplicitHashKey != nil:
				hashKey = *u.ExplicitHashKey
			}
			if i < len(mine) && (mine[i].PartitionKey != u.PartitionKey || string(mine[i].Data) != string(u.Data)) {
				t.Errorf("%s: the KCL delivers another user record %d than the Decoder by its policy", r.SequenceNumber, i)
			}
			delivered = append(delivered, lies{r.shard, u.SequenceNumber, u.PartitionKey, hashKey, string(u.Data)})
		}
	}
	return delivered
}

func (b book) String() string {
	return fmt.Sprintf("%5d put %5d stored %4d failed %4d refused %d silent | %d elsewhere %d foreign %d yet | KCL lost %d twice %d | Decoder lost %d twice %d | stream lost %d twice %d in %d records",
		b.Put, b.Stored, b.Failed, b.Refused, b.Silent, b.Elsewhere, b.Foreign, b.Yet, b.KCL.Lost, b.KCL.Twice, b.Decoder.Lost, b.Decoder.Twice, b.Stream.Lost, b.Stream.Twice, b.Records)
}
