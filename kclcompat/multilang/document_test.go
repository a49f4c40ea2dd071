package multilang_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/internal/multilangfake"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
)

// TestDocument: docs/multilang.md says of each daemon what Daemon does, and under its version.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/multilang.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range multilangfake.Versions {
		var known multilang.Daemon
		d := &multilangfake.Daemon{Version: version, Shard: threeAggregates, Batch: 3}
		err := serve(t, d, writer(func(ctx context.Context, _ kclcompat.Batch, _ *kclcompat.Checkpointer) error {
			known, _ = multilang.FromContext(ctx)
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(known.Version, " ")
		_, row, found := strings.Cut(string(text), "\n| "+first+" ")
		row, _, _ = strings.Cut(row, "\n")
		cells := strings.Split(row, " | ")
		if !found || len(cells) != 4 {
			t.Fatalf("%s: no row for %q", version, known.Version)
		}
		for i, effect := range []kclcompat.Effect{known.Inside, known.AtLast, known.AtBatchEnd} {
			if exact := strings.TrimSuffix(cells[i+1], " |") == "exact"; exact != (effect == kclcompat.Exact) {
				t.Errorf("%s: %v, the document says %q", version, effect, cells[i+1])
			}
		}
	}
}
