package lineage

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// TestUnlistedShard: a shard that no listing has is asked for once for each time that the stream is listed.
func TestUnlistedShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listings := 0
		l := New(func(context.Context, string) (map[string]Lineage, error) {
			listings++
			return map[string]Lineage{"listed": {Own: hashkey.Whole()}}, nil
		})
		for range 30 {
			if !l.Shard(t.Context(), slog.Default(), "s", "listed").Own.IsValid() || l.Shard(t.Context(), slog.Default(), "s", "not listed").Own.IsValid() {
				t.Error("a wrong range")
			}
			time.Sleep(time.Second)
		}
		if listings != 2 {
			t.Errorf("listed %d times in half a minute, want 2: for the stream, and for the shard", listings)
		}
	})
}

// TestNames: what is known keeps names, and not the request in which they came, which has up to 16 MiB.
func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(func(context.Context, string) (map[string]Lineage, error) { return map[string]Lineage{}, nil })
		request := []byte("stream shard and much more")
		pinned := weak.Make(&request[0])
		text := unsafe.String(&request[0], len(request))
		l.Shard(t.Context(), slog.Default(), text[:6], text[7:12])
		request, text = nil, ""
		synctest.Wait()
		runtime.GC()
		if pinned.Value() != nil {
			t.Error("the request is kept")
		}
		runtime.KeepAlive(l)
	})
}

// TestFamily: after many splits and merges, a shard has as its ancestors only those ranges that no other has, and what
// is listed in a circle ends.
func TestFamily(t *testing.T) {
	f := family{listed: map[string]types.Shard{}, known: map[string]Lineage{}}
	add := func(id string, r hashkey.Range, parents ...string) {
		s := types.Shard{HashKeyRange: &types.HashKeyRange{
			StartingHashKey: aws.String(r.Start().String()), EndingHashKey: aws.String(r.End().String())}}
		if len(parents) > 0 {
			s.ParentShardId = &parents[0]
		}
		if len(parents) > 1 {
			s.AdjacentParentShardId = &parents[1]
		}
		f.listed[id] = s
	}
	whole, halves := hashkey.Whole(), hashkey.Whole().Split(2)
	add("0", halves[0], "trimmed")
	add("0'", halves[1], "trimmed")
	for i := range 1000 {
		add(fmt.Sprint(2*i+1), whole, fmt.Sprint(2*i), fmt.Sprint(2*i, "'"))
		add(fmt.Sprint(2*i+2), halves[0], fmt.Sprint(2*i+1))
		add(fmt.Sprint(2*i+2, "'"), halves[1], fmt.Sprint(2*i+1))
	}
	add("own parent", whole, "own parent", "0")
	for id, want := range map[string][]hashkey.Range{
		"0": nil, "1": halves, "2": {whole}, "2000'": {whole}, "1999": {whole}, "own parent": {whole},
	} {
		if got := f.lineageOf(id).Ancestors; !slices.Equal(got, want) {
			t.Errorf("ancestors of %s: %v, want %v", id, got, want)
		}
	}
}
