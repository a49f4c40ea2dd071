package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// userLine is what the tests look at of a line that deagg writes.
type userLine struct {
	Number     string `json:"sequence_number"`
	Sub        int64  `json:"sub_sequence_number"`
	Aggregated bool   `json:"aggregated"`
	Last       bool   `json:"last"`
	Data       string `json:"data"`
}

func userLines(t *testing.T, stdin string, args ...string) (lines []userLine, out string) {
	out, errs, code := run(strings.NewReader(stdin), append([]string{"deagg"}, args...)...)
	if code != exitFine && code != exitFindings {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	eachLine(t, strings.NewReader(out), func(l userLine) { lines = append(lines, l) })
	return lines, out
}

// storedLines are JSON lines of two shards, one record of each in turn: aggregates of one to three, plain and damaged
// ones. take says in which form a consumer has them.
func storedLines(t *testing.T, take func([]types.Record) []types.Record) string {
	var b strings.Builder
	for i, users := range []int{3, 2, 2, 3, 1, 1, 0, 2, -2, 0, 2, 2} {
		var e aggregator.Encoder
		for j := range max(users, -users) {
			if ok, err := e.Add(aggregator.Record{PartitionKey: "k", Data: fmt.Appendf(nil, "%d.%d", i, j)}); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		data := fmt.Appendf(nil, "%d", i)
		if users != 0 {
			data = e.AppendTo(nil)
		}
		if users < 0 {
			data[len(data)-1] ^= 1
		}
		number := fmt.Sprint(10_000*(i%2+1) + i)
		for _, r := range take([]types.Record{{SequenceNumber: &number, PartitionKey: aws.String("k"), Data: data}}) {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s\n", line)
		}
	}
	return b.String()
}

// TestAfterAgain goes on after each user record in each form that they come in: as stored, as a consumer with deaggaws
// writes them, and as lines that deagg wrote of either. The rest of the shard is the same everywhere.
func TestAfterAgain(t *testing.T) {
	stored := storedLines(t, func(rs []types.Record) []types.Record { return rs })
	apart := storedLines(t, func(rs []types.Record) []types.Record {
		us, err := deaggaws.DeaggregateRecords(rs)
		if err != nil {
			t.Fatal(err)
		}
		return us
	})
	all, own := userLines(t, stored)
	_, ownOfApart := userLines(t, apart)
	for i, line := range all {
		shard := line.Number[:1]
		var want []string
		for _, later := range all[i+1:] {
			if later.Number[:1] == shard {
				want = append(want, later.Data)
			}
		}
		after := line.Number
		if line.Aggregated && !line.Last { // where it is the last one, the forms differ in what they know
			after = fmt.Sprint(line.Number, ":", line.Sub)
		}
		for name, input := range map[string]string{"stored": stored, "taken apart": apart, "own": own, "own of taken apart": ownOfApart} {
			lines, _ := userLines(t, input, "--after", after)
			var got []string
			for _, l := range lines {
				if l.Number[:1] == shard {
					got = append(got, l.Data)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, after %s: %q, want %q", name, after, got, want)
			}
		}
	}
}

// TestAfterLastLine: a line of deagg's own says by its fields what a bare number leaves open.
func TestAfterLastLine(t *testing.T) {
	line := `{"sequence_number":"5","sub_sequence_number":1,"aggregated":true,"last":true,"partition_key":"k","data":"eA=="}`
	for after, want := range map[string]int{"5:0": 1, "5:1": 0, "5": 0, "4": 1} {
		if got, _ := userLines(t, line, "--after", after); len(got) != want {
			t.Errorf("after %s: %d lines, want %d", after, len(got), want)
		}
	}
}
