package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/producer/aggregator"
)

const (
	batches         = 300 // each its own stream, of one or four shards
	mostUserRecords = 500 // in a batch
)

// reader is a peer, and how it is known to hand out what we see as the given user records.
type reader struct {
	peer
	sees func([]userRecord) []userRecord
}

var readers = []reader{
	{kcl1, func(us []userRecord) []userRecord { return us }},
	{kcl2, func(us []userRecord) []userRecord { return us }},
	{python, firstHashKeyForNone},
	{node, func(us []userRecord) []userRecord { return without(firstHashKeyForNone(us), aggregatedFlag) }},
	{awslabs, func(us []userRecord) []userRecord {
		return without(us, aggregatedFlag, subSequenceNumber, explicitHashKey)
	}},
}

// firstHashKeyForNone is a mistake of the peers that take an absent index for 0: a user record without an explicit
// hash key gets the first one of its aggregate. Of a plain record they tell no sub-sequence number.
func firstHashKeyForNone(us []userRecord) []userRecord {
	seen := slices.Clone(us)
	first := slices.IndexFunc(us, func(u userRecord) bool { return u.ExplicitHashKey != nil })
	for i := range seen {
		if !*seen[i].Aggregated {
			subSequenceNumber(&seen[i])
		} else if seen[i].ExplicitHashKey == nil && first >= 0 {
			seen[i].ExplicitHashKey = us[first].ExplicitHashKey
		}
	}
	return seen
}

func without(us []userRecord, fields ...func(*userRecord)) []userRecord {
	seen := slices.Clone(us)
	for i := range seen {
		for _, remove := range fields {
			remove(&seen[i])
		}
	}
	return seen
}

func aggregatedFlag(u *userRecord)    { u.Aggregated = nil }
func subSequenceNumber(u *userRecord) { u.SubSequenceNumber = nil }
func explicitHashKey(u *userRecord)   { u.ExplicitHashKey = nil }

// TestDecoders: what `kplkit agg` and the producer write is read alike by everyone.
func TestDecoders(t *testing.T) {
	e := newEvidence("decoders", *seed)
	var stored []storedRecord
	program := buildKplkit(t)
	random := rand.New(rand.NewPCG(*seed, 0))
	for i := range batches {
		put := drawRecords(random, 1+i*mostUserRecords/batches)
		shards := 1 + 3*(i%2)
		lines := aggregate(t, program, put, shards)
		checkPut(t, put, lines, shards)
		for _, line := range lines {
			line.SequenceNumber = strconv.Itoa(len(stored))
			stored = append(stored, line.storedRecord)
		}
		e.Input["user records of kplkit agg"] += len(put)
	}
	e.Input["stored records of kplkit agg"] = len(stored)
	byProducer, users := produced(t, random)
	e.Input["user records of the producer"], e.Input["stored records of the producer"] = users, len(byProducer)
	stored = append(stored, byProducer...)
	for _, p := range readers {
		c := e.comparison(p.name, p.versions(t))
		theirs := p.deaggregate(t, stored)
		for _, r := range stored {
			users, _ := ours(t, r, deagg.Lossless)
			c.compare(t, shownRecord{r}, p.sees(users), theirs[r.SequenceNumber])
		}
	}
	e.report(t)
}

// buildKplkit builds the command line, as one static file, and returns where it is.
func buildKplkit(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "kplkit")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/kplkit")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// userLine is a line that `kplkit agg` reads.
type userLine struct {
	PartitionKey    string `json:"partition_key"`
	ExplicitHashKey string `json:"explicit_hash_key,omitempty"`
	Data            []byte `json:"data"`
}

// storedLine is a line that it writes. Its explicit hash key is for the put, by which a plain record keeps it.
type storedLine struct {
	storedRecord
	ShardID         string `json:"shard_id"`
	ExplicitHashKey string `json:"explicit_hash_key"`
}

// aggregate runs `kplkit agg` for a stream of equal shards, and gives each stored record its shard's range.
func aggregate(t *testing.T, program string, users []userLine, shards int) (stored []storedLine) {
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	for _, u := range users {
		if err := lines.Encode(u); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "agg", "--max-bytes", "1048576", "--shards", strconv.Itoa(shards))
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kplkit agg: %v", err)
	}
	ranges := hashkey.Whole().Split(shards)
	for answers := json.NewDecoder(bytes.NewReader(out)); ; {
		var line storedLine
		if err := answers.Decode(&line); errors.Is(err, io.EOF) {
			return stored
		} else if err != nil {
			t.Fatalf("kplkit agg: %v", err)
		}
		shard := ranges[line.shard()]
		line.StartingHashKey, line.EndingHashKey = shard.Start().String(), shard.End().String()
		stored = append(stored, line)
	}
}

// shard returns the number of the line's shard: 0 also where there is but one.
func (line storedLine) shard() int {
	n, _ := strconv.Atoi(strings.TrimPrefix(line.ShardID, "shardId-"))
	return n
}

// checkPut: our own decoder gives back what was put, in each shard in the order of the input.
func checkPut(t *testing.T, put []userLine, stored []storedLine, shards int) {
	want, got := make([][]userLine, shards), make([][]userLine, shards)
	for _, u := range put {
		key, err := (aggregator.Record{PartitionKey: u.PartitionKey, ExplicitHashKey: u.ExplicitHashKey}).HashKey()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(hashkey.Whole().Split(shards), func(r hashkey.Range) bool { return r.Contains(key) })
		want[i] = append(want[i], u)
	}
	for _, line := range stored {
		users, _ := ours(t, line.storedRecord, deagg.Lossless)
		for _, u := range users {
			back := userLine{PartitionKey: u.PartitionKey, Data: u.Data}
			if !*u.Aggregated {
				back.ExplicitHashKey = line.ExplicitHashKey
			} else if u.ExplicitHashKey != nil {
				back.ExplicitHashKey = *u.ExplicitHashKey
			}
			got[line.shard()] = append(got[line.shard()], back)
		}
	}
	if !reflect.DeepEqual(want, got) { // cmp alone takes a minute
		t.Fatalf("put and read back differ (- put, + read)\n%s", cmp.Diff(want, got))
	}
}

// drawRecords returns n user records of few or many keys, with none, some or only explicit hash keys.
func drawRecords(random *rand.Rand, n int) []userLine {
	keys := 1 + random.IntN(n)
	explicit := random.IntN(3)
	records := make([]userLine, n)
	for i := range records {
		records[i] = userLine{PartitionKey: drawKey(random, random.IntN(keys)), Data: drawData(random)}
		if random.IntN(2) < explicit {
			records[i].ExplicitHashKey = drawHashKey(random)
		}
	}
	return records
}

// drawKey returns key number i of an alphabet, short or as long as Kinesis takes.
func drawKey(random *rand.Rand, i int) string {
	alphabets := []string{"key", "Schlüssel", "ключ", "鍵", "🔑", "a\tb\"c\\", strings.Repeat("k", 250)}
	return fmt.Sprint(alphabets[random.IntN(len(alphabets))], i)
}

func drawHashKey(random *rand.Rand) string {
	edges := []string{"0", "1", "18446744073709551616", "340282366920938463463374607431768211455"}
	if i := random.IntN(3 * len(edges)); i < len(edges) {
		return edges[i]
	}
	return hashkey.Of(fmt.Sprint(random.IntN(1000))).String()
}

// drawData returns up to 150 bytes, often none.
func drawData(random *rand.Rand) []byte {
	data := make([]byte, max(0, random.IntN(200)-50))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}
