package scale

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kplkit/kplkit/internal/sim"
)

// A table of ten units takes ten writes a second, and what it has not used of the last 300 seconds.
func TestCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &capacity{}
		if !c.admits("UpdateItem", nil) {
			t.Error("refused before there is a table")
		}
		c.charge("CreateTable", []byte(`{"ProvisionedThroughput":{"ReadCapacityUnits":10,"WriteCapacityUnits":10}}`), 0)
		writes := func() (n int) {
			for c.admits("UpdateItem", nil) {
				n++
			}
			return n
		}
		if n := writes(); n != 3000 {
			t.Errorf("%d writes at once, want 3000", n)
		}
		time.Sleep(2 * time.Second)
		if n := writes(); n != 20 {
			t.Errorf("%d writes after two seconds more, want 20", n)
		}
		c.charge("Scan", []byte(`{"ConsistentRead":true}`), 4096*3100)
		if c.admits("GetItem", nil) {
			t.Error("admitted when the units are used up")
		}
	})
}

// What DynamoDB refuses, the SDK takes for throttling and tries again; all of it is metered, but for the test's own calls.
func TestRefusalIsThrottling(t *testing.T) {
	sim.RunLarge(t, faults, func(w *sim.World) {
		c := newCloud(w)
		get := func(cfg aws.Config) error {
			_, err := dynamodb.NewFromConfig(cfg).GetItem(context.Background(), &dynamodb.GetItemInput{
				TableName: aws.String("t"), Key: map[string]types.AttributeValue{"k": &types.AttributeValueMemberS{Value: "v"}},
			})
			return err
		}
		c.refuse(time.Minute)
		host := w.Host("h")
		if err := get(configOf(host)); !errors.As(err, new(*types.ProvisionedThroughputExceededException)) {
			w.T.Errorf("refused: %v", err)
		}
		if n := c.meter.lap().n(reads...); n != 3 {
			w.T.Errorf("%d calls were metered, want 3 attempts", n)
		}
		_ = get(w.Control())
		time.Sleep(time.Minute)
		if err := get(configOf(host)); !errors.As(err, new(*types.ResourceNotFoundException)) {
			w.T.Errorf("afterwards: %v", err)
		}
		if n := c.meter.lap().n(reads...); n != 1 {
			w.T.Errorf("%d calls were metered, want 1", n)
		}
	})
}

// Owners come and go in the ledger; one that notices late that it has lost its lease makes no gap.
func TestLedger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a, b := newLedger(), &member{name: "a"}, &member{name: "b"}
		one := l.begin(a, "1")
		l.begin(a, "2")
		l.lap()
		l.begin(b, "1") // stolen
		one.lose()
		l.gone(a)
		time.Sleep(12 * time.Second)
		l.begin(b, "2").lose()
		if owned := l.owned(); owned != 1 {
			t.Errorf("%d shards are owned, want 1", owned)
		}
		got := l.lap()
		if got.lost != 2 || got.lostWhileFree != 0 || got.gap != 12*time.Second || got.most() != 1 || got.mean(2) != 1 {
			t.Errorf("got %+v", got)
		}
		time.Sleep(12 * time.Second)
		l.begin(b, "3").lose()
		if got := l.lap(); got.lostWhileFree != 1 || got.gap != 12*time.Second {
			t.Errorf("got %+v, while shard 2 was free", got)
		}
	})
}

// A record is lost if it was acknowledged and never delivered; a second delivery is a repeat.
func TestBook(t *testing.T) {
	b := &book{}
	for i := range 4 {
		_, data := b.add()
		if i > 0 {
			b.acknowledge(i)
		}
		if i == 2 {
			b.deliver(data)
			b.deliver(data)
		}
	}
	if got := b.balance(); got.acked != 3 || got.lost != 2 || got.repeats != 1 {
		t.Errorf("got %+v", got)
	}
}

// The memory of workers is what is allocated and kept, not what the books of the test hold.
func TestMemoryOfWorkers(t *testing.T) {
	before := memoryOfWorkers()
	kept := make([][]byte, 40)
	for i := range kept {
		kept[i] = make([]byte, 500_000) // so large that each is sampled
	}
	b := &book{}
	for range 100_000 {
		b.add()
	}
	after := memoryOfWorkers()
	if grown := after.heap - before.heap; grown < 17 || grown > 23 {
		t.Errorf("20 MB more are seen as %.1f MB", grown)
	}
	runtime.KeepAlive(kept)
	runtime.KeepAlive(b)
}

// Figures that miss every goal fail each of them: none holds by itself.
func TestGoalsCanBeMissed(t *testing.T) {
	bad := calls{took: 5 * time.Minute, by: map[string]count{
		"GetItem": {all: 1 << 20}, "ListShards": {all: 1 << 20}, "UpdateItem": {all: 1 << 20},
	}}
	missed := figures{
		size:     size{shards: 20, workers: 1, steady: true, refusing: 4 * time.Second},
		consumed: never, reached: never, shares: []int{20, 0}, startErrors: 1,
		turnover: turnover{moves: map[string]int{"1": 3}, lost: 1, lostWhileFree: 1},
		delivery: delivery{lost: 1, repeats: 1},
		steady:   bad, first: memory{1, 100}, last: memory{100, 1000},
	}
	for _, g := range goals {
		f := missed
		if strings.HasPrefix(g.says, "1,000 shards") {
			f.shards, f.workers = 1000, 20
		}
		if g.met(f) {
			t.Errorf("%s: %s: met by the worst of figures", g.scenario, g.says)
		}
	}
}
