package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/recordio"
)

// line is what the lines of both commands have in common.
type line struct {
	ShardID         string  `json:"shard_id"`
	PartitionKey    string  `json:"partition_key"`
	ExplicitHashKey *string `json:"explicit_hash_key"`
	Data            []byte  `json:"data"`
	Aggregated      bool    `json:"aggregated"`
}

// kplkit runs a command line that has to succeed with the code and returns the lines of its output and its stderr.
func kplkit(t *testing.T, code int, in string, args ...string) (out string, lines []line, stderr string) {
	t.Helper()
	var stdout, errs bytes.Buffer
	if got := Run(context.Background(), args, Streams{strings.NewReader(in), &stdout, &errs}); got != code {
		t.Fatalf("kplkit %v: exit code %d, want %d\n%s", args, got, code, errs.String())
	}
	for d := json.NewDecoder(bytes.NewReader(stdout.Bytes())); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return stdout.String(), lines, errs.String()
}

// TestAggRoundTrip packs the user records of a capture and takes them apart again: each shard has its own, in order.
func TestAggRoundTrip(t *testing.T) {
	user, put, _ := kplkit(t, exitFine, "", "deagg", "../../deagg/testdata/kpl-mini/kpl-1-0-7-2-reshard-31102.raw.jsonl.gz")
	for _, shards := range []int{2, 7} {
		stored, _, _ := kplkit(t, exitFine, user, "agg", "--shards", fmt.Sprint(shards), "--max-bytes", "2000")
		_, read, _ := kplkit(t, exitFine, stored, "deagg")
		want, got := map[string][]line{}, map[string][]line{}
		for _, l := range put {
			id := owner(t, l, shards)
			want[id] = append(want[id], l)
		}
		aggregated := 0
		for _, l := range read {
			at := len(got[l.ShardID])
			if l.Aggregated {
				aggregated++
			} else if at < len(want[l.ShardID]) { // the stream does not tell a plain record's explicit hash key
				l.ExplicitHashKey = want[l.ShardID][at].ExplicitHashKey
			}
			got[l.ShardID] = append(got[l.ShardID], l)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(bytes.Equal), cmpopts.IgnoreFields(line{}, "ShardID", "Aggregated")); diff != "" {
			t.Errorf("%d shards (-put +read):\n%s", shards, diff)
		}
		if aggregated == 0 || aggregated == len(read) {
			t.Errorf("%d of %d user records came out of aggregates, want some", aggregated, len(read))
		}
	}
}

// owner finds the shard of a user record by looking at every range.
func owner(t *testing.T, l line, shards int) string {
	t.Helper()
	key := hashkey.Of(l.PartitionKey)
	if l.ExplicitHashKey != nil {
		var err error
		if key, err = hashkey.Parse(*l.ExplicitHashKey); err != nil {
			t.Fatal(err)
		}
	}
	i := slices.IndexFunc(hashkey.Whole().Split(shards), func(r hashkey.Range) bool { return r.Contains(key) })
	return fmt.Sprintf("shardId-%012d", i)
}

// TestAggLimits packs up to what a stream takes, and one byte more.
func TestAggLimits(t *testing.T) {
	input := func(sizes ...int) string {
		var b []byte
		for _, n := range sizes {
			b = append(recordio.AppendBase64(append(b, `{"partition_key":"key","data":`...), make([]byte, n)), "}\n"...)
		}
		return string(b)
	}
	const mib = 1 << 20
	for _, tt := range []struct {
		name  string
		args  []string
		sizes []int
		code  int
		want  []int // how many bytes the stored records have
	}{
		{"one larger than a stream takes", nil, []int{5, mib - 3, mib - 2, 6}, exitFailed, []int{5, mib - 3, 6}},
		{"on a stream that takes more", []string{"--max-bytes", "2097152"}, []int{2*mib - 2, 2*mib - 3}, exitFailed, []int{2*mib - 3}},
		{"room for the key", []string{"--max-bytes", "1048576"}, []int{mib / 2, mib/2 - 1100}, exitFine, []int{mib - 1100 + 45}},
		{"no room for the key", []string{"--max-bytes", "1048576"}, []int{mib / 2, mib/2 - 1000}, exitFine, []int{mib / 2, mib/2 - 1000}},
	} {
		_, stored, stderr := kplkit(t, tt.code, input(tt.sizes...), append([]string{"agg"}, tt.args...)...)
		var got []int
		for _, s := range stored {
			got = append(got, len(s.Data))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: stored records of %d bytes, want %d\n%s", tt.name, got, tt.want, stderr)
		}
	}
}
