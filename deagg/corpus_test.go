package deagg_test

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// capture is a line of a corpus file: a stored record and the range of its shard.
type capture struct {
	ShardID         string `json:"shard_id"`
	StartingHashKey string `json:"starting_hash_key"`
	EndingHashKey   string `json:"ending_hash_key"`
	SequenceNumber  string `json:"sequence_number"`
	PartitionKey    string `json:"partition_key"`
	Data            []byte `json:"data"`
}

func (c capture) stored() deagg.StoredRecord {
	return deagg.StoredRecord{SequenceNumber: c.SequenceNumber, PartitionKey: c.PartitionKey, Data: c.Data}
}

func (c capture) hashRange(t testing.TB) hashkey.Range {
	r, err := hashkey.ParseRange(c.StartingHashKey, c.EndingHashKey)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readLines returns the JSON lines of a gzip file.
func readLines[T any](t testing.TB, name string) (lines []T) {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(zr)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var line T
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines = append(lines, line)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// put is a line of a .user file: a user record as it was handed to the KPL, and the KPL's answer.
type put struct {
	OK              bool    `json:"ok"`
	ShardID         string  `json:"shard_id"`
	SequenceNumber  string  `json:"sequence_number"`
	PartitionKey    string  `json:"partition_key"`
	ExplicitHashKey *string `json:"explicit_hash_key"`
	DataLen         int     `json:"data_len"`
	DataSHA256      string  `json:"data_sha256"`
}

// identity is what of a user record can be compared with what was put.
type identity struct {
	sequenceNumber, partitionKey, explicitHashKey, sha256 string
	length                                                int
}

func identityOf(u deagg.UserRecord) identity {
	sum := sha256.Sum256(u.Data)
	return identity{u.SequenceNumber, u.PartitionKey, u.ExplicitHashKey, hex.EncodeToString(sum[:]), len(u.Data)}
}

// wanted returns the identities of what was put. The explicit hash key of a record that was stored plain can't be
// read back. After a reshard the KPL may store a user record more than once and reports the last time: neither the
// sequence number nor the explicit hash key can be compared then.
func wanted(puts []put, captures []capture, reshard bool) map[identity]int {
	plain := map[string]bool{}
	for _, c := range captures {
		plain[c.SequenceNumber] = !deagg.HasMagic(c.Data)
	}
	want := map[identity]int{}
	for _, p := range puts {
		id := identity{p.SequenceNumber, p.PartitionKey, "", p.DataSHA256, p.DataLen}
		if p.ExplicitHashKey != nil && !plain[p.SequenceNumber] {
			id.explicitHashKey = *p.ExplicitHashKey
		}
		if reshard {
			id.sequenceNumber, id.explicitHashKey = "", ""
		}
		want[id]++
	}
	return want
}

// differences returns how many of want are not in got, and how many of got are more than want has.
func differences(want, got map[identity]int) (lost, twice int) {
	for id, n := range want {
		lost += max(0, n-got[id])
	}
	for id, n := range got {
		twice += max(0, n-want[id])
	}
	return lost, twice
}

// corpusFiles returns the raw files of the captures that travel with the project, and of others where
// KPLKIT_CORPUS names a folder of the same kind.
func corpusFiles(t *testing.T) []string {
	folders := []string{filepath.Join("testdata", "kpl-mini")}
	if more := os.Getenv("KPLKIT_CORPUS"); more != "" {
		folders = append(folders, more)
	}
	var files []string
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.raw.jsonl.gz"))
		if err != nil || len(names) == 0 {
			t.Fatalf("no captures in %s (%v)", folder, err)
		}
		files = append(files, names...)
	}
	return files
}

// reshardLosses is what the policies make of the captures that were taken while shards were split: the KPL
// acknowledged every user record, and the Java KCL's policy loses some of them (docs/policies.md).
var reshardLosses = map[string]map[string]struct{ lost, twice int }{
	"kpl-1-0-7-2-reshard-31101": {"lossless": {0, 132}, "ancestors": {0, 61}, "kcl": {0, 0}},
	"kpl-1-0-7-2-reshard-31102": {"lossless": {0, 105}, "ancestors": {0, 33}, "kcl": {29, 0}},
	"kpl-1-0-7-2-reshard-31103": {"lossless": {0, 134}, "ancestors": {0, 61}, "kcl": {0, 0}},
}

// TestCorpus reads back what the real KPL stored. Every user record comes back exactly once with the keys, the data
// and the sequence number that the KPL reported; after a reshard, see reshardLosses.
func TestCorpus(t *testing.T) {
	for _, file := range corpusFiles(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".raw.jsonl.gz")
		t.Run(name, func(t *testing.T) {
			puts := readLines[put](t, strings.Replace(file, ".raw.", ".user.", 1))
			captures := readLines[capture](t, file)
			reshard := strings.Contains(name, "-reshard-")
			want := wanted(puts, captures, reshard)
			for policy, decoder := range decoders(t, captures) {
				got := map[identity]int{}
				for _, c := range captures {
					for u := range decoder(c).UserRecords(c.stored()) {
						id := identityOf(u)
						if u.Malformed != nil {
							t.Errorf("%s: %v", policy, u.Malformed)
						}
						if reshard {
							id.sequenceNumber, id.explicitHashKey = "", ""
						}
						got[id]++
					}
				}
				lost, twice := differences(want, got)
				expected, known := reshardLosses[name][policy]
				switch {
				case reshard && !known && policy != "kcl":
					expected.twice = twice // a capture that does not travel with the project: nothing is lost, at least
				case reshard && !known:
					expected.lost, expected.twice = lost, twice
				}
				if lost != expected.lost || twice != expected.twice {
					t.Errorf("%s: of %d put, %d lost and %d twice; want %d and %d", policy, len(puts), lost, twice, expected.lost, expected.twice)
				}
			}
		})
	}
}

// decoders returns for each policy the Decoder of a line's shard.
func decoders(t *testing.T, captures []capture) map[string]func(capture) *deagg.Decoder {
	var ranges []hashkey.Range
	for _, c := range captures {
		if r := c.hashRange(t); !slices.Contains(ranges, r) {
			ranges = append(ranges, r)
		}
	}
	perShard := func(set func(*deagg.Decoder, hashkey.Range)) func(capture) *deagg.Decoder {
		byShard := map[string]*deagg.Decoder{}
		return func(c capture) *deagg.Decoder {
			if byShard[c.ShardID] == nil {
				byShard[c.ShardID] = new(deagg.Decoder)
				set(byShard[c.ShardID], c.hashRange(t))
			}
			return byShard[c.ShardID]
		}
	}
	return map[string]func(capture) *deagg.Decoder{
		"lossless": perShard(func(*deagg.Decoder, hashkey.Range) {}),
		"ancestors": perShard(func(d *deagg.Decoder, r hashkey.Range) {
			d.HashRange = r
			for _, other := range ranges { // the streams were only split: a wider range is an ancestor's
				if other != r && other.Contains(r.Start()) && other.Contains(r.End()) {
					d.Ancestors = append(d.Ancestors, other)
				}
			}
		}),
		"kcl": perShard(func(d *deagg.Decoder, r hashkey.Range) { d.Policy, d.HashRange = deagg.KCL, r }),
	}
}
