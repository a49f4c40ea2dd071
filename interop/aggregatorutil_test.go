package interop

import (
	"encoding/base64"
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/aggpb"
	"github.com/kplkit/kplkit/internal/vectors"
)

var aggregates = flag.Int("aggregates", 30_000, "how many aggregates the differential test generates")

// TestAggregatorUtil: deagg's KCL policy does what the Java KCL does, to the letter, on aggregates of all kinds.
func TestAggregatorUtil(t *testing.T) {
	e := newEvidence("aggregatorutil", *seed)
	stored := slices.Concat(generated(), vectorRecords(t), characterRecords(t))
	e.Input["generated aggregates"] = *aggregates
	e.Input["vectors and characters"] = len(stored) - *aggregates
	users := make([][]userRecord, len(stored))
	for i, r := range stored {
		var stats deagg.Stats
		users[i], stats = ours(t, r, deagg.KCL)
		e.Outcomes[outcome(stats)]++
	}
	checkVariety(t, e.Outcomes)
	for _, p := range []peer{kcl1, kcl2, kcl3} {
		c := e.comparison(p.name, p.versions(t))
		theirs := p.deaggregate(t, stored)
		for i, r := range stored {
			c.compare(t, shownRecord{r}, users[i], append([]userRecord{}, theirs[r.SequenceNumber]...))
		}
	}
	e.report(t)
}

// outcome is what becomes of a stored record under the KCL policy.
func outcome(s deagg.Stats) string {
	switch {
	case s.Aggregated == 0 && s.Malformed > 0:
		return "damaged, whole"
	case s.Aggregated == 0:
		return "not aggregated"
	case s.Strays > 0:
		return "dropped for a stray"
	case s.Malformed > 0:
		return "cut off at a bad key"
	case s.User == 0:
		return "no user records"
	}
	return "all user records"
}

// checkVariety: the comparison means little unless every outcome occurs often.
func checkVariety(t *testing.T, outcomes map[string]int) {
	for _, s := range []deagg.Stats{
		{Malformed: 1}, {}, {Aggregated: 1, Strays: 1}, {Aggregated: 1, Malformed: 1}, {Aggregated: 1}, {Aggregated: 1, User: 1},
	} {
		if n := outcomes[outcome(s)]; n < 100 {
			t.Errorf("only %d of: %s", n, outcome(s))
		}
	}
}

func generated() (stored []storedRecord) {
	g := newGenerator(*seed)
	for i := range *aggregates {
		stored = append(stored, g.stored(i))
	}
	return stored
}

// vectorRecords returns the vectors of internal/vectors, whose outcome under the KCL policy deagg's own tests hold.
func vectorRecords(t *testing.T) (stored []storedRecord) {
	all, err := vectors.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		r := storedRecord{SequenceNumber: v.Name, PartitionKey: v.PartitionKey, Data: v.Data}
		r.StartingHashKey, r.EndingHashKey, _ = strings.Cut(v.Range, "-")
		stored = append(stored, r)
	}
	return stored
}

// characterRecords returns an aggregate for each character of Unicode's basic plane, which stands in an explicit hash
// key: they show which are digits to Java.
func characterRecords(t *testing.T) (stored []storedRecord) {
	for c := range rune(math.MaxUint16) {
		if 0xd800 <= c && c < 0xe000 {
			continue // surrogates are no characters
		}
		body, err := proto.Marshal(&aggpb.AggregatedRecord{
			PartitionKeyTable:    []string{"key"},
			ExplicitHashKeyTable: []string{"1" + string(c)},
			Records: []*aggpb.Record{
				{PartitionKeyIndex: proto.Uint64(0), Data: []byte("without")},
				{PartitionKeyIndex: proto.Uint64(0), ExplicitHashKeyIndex: proto.Uint64(0), Data: []byte("with")},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, storedRecord{SequenceNumber: fmt.Sprintf("%U", c), PartitionKey: "a", Data: seal(body)})
	}
	return stored
}

// shownRecord is a stored record as a failure shows it, ready for kplkit inspect.
type shownRecord struct{ storedRecord }

func (s shownRecord) String() string {
	return fmt.Sprintf("%s, range %s-%s, %s", s.SequenceNumber, s.StartingHashKey, s.EndingHashKey, base64.StdEncoding.EncodeToString(s.Data))
}
