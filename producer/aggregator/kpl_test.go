package aggregator

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/wire"
)

// stored is a line of a capture: a stored record as the KPL put it, and the range of the shard it lies in.
type stored struct {
	PartitionKey    string `json:"partition_key"`
	Data            []byte `json:"data"`
	StartingHashKey string `json:"starting_hash_key"`
	EndingHashKey   string `json:"ending_hash_key"`
}

// TestAsTheKPL takes every aggregate of the real KPL's captures apart and puts it together again.
func TestAsTheKPL(t *testing.T) {
	files, err := filepath.Glob("../../deagg/testdata/kpl-mini/*.raw.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".raw.jsonl.gz"), func(t *testing.T) {
			aggregates := 0
			var e Encoder
			for _, s := range capture(t, file) {
				if bytes.HasPrefix(s.Data, []byte(wire.Magic)) {
					aggregates++
					e.Reset()
					sameAsKPL(t, &e, s)
				}
			}
			plain := strings.Contains(file, "noagg") || strings.Contains(file, "single")
			if (aggregates == 0) != plain {
				t.Errorf("%d aggregates in the capture", aggregates)
			}
		})
	}
}

func sameAsKPL(t *testing.T, e *Encoder, s stored) {
	t.Helper()
	for _, r := range expand(t, s.Data) {
		if ok, err := e.Add(r); !ok || err != nil {
			t.Fatalf("Add = %v, %v for user record %d of an aggregate that the KPL made", ok, err, e.Len())
		}
	}
	if got := e.AppendTo(nil); !bytes.Equal(got, s.Data) {
		t.Errorf("differs from the KPL's\n got %x\nwant %x", got, s.Data)
	}
	// The KPL sent it by the hash key of its first user record, so it lies in the shard of that one.
	shard, err := hashkey.ParseRange(s.StartingHashKey, s.EndingHashKey)
	if err != nil {
		t.Fatal(err)
	}
	partitionKey, explicitHashKey := e.Keys()
	if key, err := hashkey.Parse(explicitHashKey); err != nil || !shard.Contains(key) {
		t.Errorf("explicit hash key %q (%v) is not of the shard %v that the KPL put it into", explicitHashKey, err, shard)
	}
	if partitionKey == s.PartitionKey {
		t.Errorf("partition key is the KPL's mark %q", partitionKey)
	}
}

func capture(t *testing.T, file string) []stored {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []stored
	for d := json.NewDecoder(z); ; {
		var s stored
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}
