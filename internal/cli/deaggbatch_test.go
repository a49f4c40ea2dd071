package cli

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// mixedCapture writes records of all kinds that a capture may mix: aggregates small and large, plain ones, user records, shards and ranges.
func mixedCapture(t *testing.T, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 2))
	var lines bytes.Buffer
	for i := range 300 {
		data := make([]byte, random.IntN(300))
		if random.IntN(3) > 0 {
			e := aggregator.Encoder{MaxBytes: 1 << 20}
			for j := range 1 + random.IntN(4) {
				if _, err := e.Add(aggregator.Record{PartitionKey: fmt.Sprint("key-", j), Data: make([]byte, random.IntN(1<<random.IntN(17)))}); err != nil {
					t.Fatal(err)
				}
			}
			data = e.AppendTo(nil)
		}
		fmt.Fprintf(&lines, `{"sequence_number":"%d","partition_key":"key-%d","data":%q`, 1000+i, i%7, base64.StdEncoding.EncodeToString(data))
		for bit, field := range []string{
			`,"shard_id":"shardId-00000000000%d"`, `,"starting_hash_key":"0","ending_hash_key":"%d70141183460469231731687303715884105727"`,
			`,"ancestor_ranges":["%d-99"]`, `,"sub_sequence_number":%d`,
		} {
			if random.IntN(3+4*bit) == 0 {
				fmt.Fprintf(&lines, field, random.IntN(3))
			}
		}
		lines.WriteString("}\n")
	}
	return lines.Bytes()
}

// TestBatches: what waits for others comes out as what does not, with the same counts. Under strict nothing waits.
func TestBatches(t *testing.T) {
	for seed := range uint64(3) {
		capture := mixedCapture(t, seed)
		file := filepath.Join(t.TempDir(), "capture.jsonl")
		if err := os.WriteFile(file, capture, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, data := range []string{"base64", "raw"} {
			want, counts, code := run(nil, "deagg", "--policy", "strict", "--data", data, file)
			if code != exitFine {
				t.Fatal(counts)
			}
			for name, in := range map[string]io.Reader{"a file": nil, "a pipe": bytes.NewReader(capture), "halves": iotest.HalfReader(bytes.NewReader(capture))} {
				args := []string{"deagg", "--data", data}
				if in == nil {
					args = append(args, file)
				}
				if got, errs, code := run(in, args...); got != want || errs != counts || code != exitFine {
					t.Errorf("seed %d, %s, %s: %d bytes, want %d; %s, want %s", seed, name, data, len(got), len(want), errs, counts)
				}
			}
		}
	}
}

// TestAncestorsAreOfTheirRecord: the ancestor ranges of a record drop nothing of the next one, which brings none.
func TestAncestorsAreOfTheirRecord(t *testing.T) {
	var e aggregator.Encoder
	for _, hash := range []string{"1", "99"} {
		if _, err := e.Add(aggregator.Record{PartitionKey: "k", ExplicitHashKey: hash, Data: []byte(hash)}); err != nil {
			t.Fatal(err)
		}
	}
	const line = `{"sequence_number":"%d","partition_key":"a","data":%q,"starting_hash_key":"0","ending_hash_key":"9"%s}` + "\n"
	data := base64.StdEncoding.EncodeToString(e.AppendTo(nil))
	in := fmt.Sprintf(line, 1, data, "") + fmt.Sprintf(line, 2, data, `,"ancestor_ranges":["0-99"]`) + fmt.Sprintf(line, 3, data, "")
	if got, counts, _ := run(bytes.NewReader([]byte(in)), "deagg", "--data", "raw"); got != "1\n99\n"+"1\n"+"1\n99\n" {
		t.Errorf("%q, %s", got, counts)
	}
}

// TestLongKeysFillABatch: what waits is bounded by its keys, too.
func TestLongKeysFillABatch(t *testing.T) {
	line := `{"sequence_number":"1","partition_key":"` + strings.Repeat("k", batchSize) + `","data":"QQ=="}` + "\n"
	file := filepath.Join(t.TempDir(), "capture.jsonl")
	if err := os.WriteFile(file, []byte(strings.Repeat(line, 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, _, code := run(nil, "deagg", "--data", "raw", file)
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) / batchSize; used > 24 || code != exitFine || got != strings.Repeat("A\n", 32) {
		t.Errorf("%d MiB for keys of 1 MiB each; %q, %d", used, got, code)
	}
}
