package rows

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/producer"
)

// ours puts by kplkit's producer, in aggregates as large as the KPL's.
type ours struct {
	world     *world
	client    *kinesis.Client
	producers map[string]*producer.Producer // by stream
}

func newOurs(w *world) *ours { return &ours{w, w.client, map[string]*producer.Producer{}} }

func (o *ours) put(t *testing.T, stream string, _ bool, users []string) (stored []string) {
	p := o.producers[stream]
	if p == nil {
		var err error
		if p, err = producer.New(o.client, stream, producer.WithMaxAggregate(51200, perAggregate)); err != nil {
			t.Fatal(err)
		}
		o.producers[stream] = p
		awake(t, p)
		beside(stream, "awake")
		o.world.test.Cleanup(func() { p.Close(context.Background()) })
	}
	var mu sync.Mutex
	aggregated := 0
	planned(stream, users...)
	for _, user := range users {
		r := producer.Record{PartitionKey: "key-" + user, Data: []byte(user)}
		err := p.Put(t.Context(), r, func(r producer.Record, result producer.Result) {
			mu.Lock()
			defer mu.Unlock()
			said := putResult{Text: string(r.Data), Shard: result.ShardID}
			if n, ok := result.Position.Number(); ok {
				said.SequenceNumber = n.String()
			}
			if result.Err != nil {
				said.Error = result.Err.Error()
			}
			resultOf(stream, said)
			if result.Err == nil {
				stored = append(stored, string(r.Data))
				if !result.Position.Whole() {
					aggregated++
				}
			} else {
				t.Errorf("%s is not stored: %v", r.Data, result.Err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(users) > perAggregate && aggregated < len(users)/2 {
		t.Errorf("%d of %d user records are in aggregates", aggregated, len(users))
	}
	return stored
}

// awake returns when the producer knows the shards: before that it puts plain, and there is nothing to see.
func awake(t *testing.T, p *producer.Producer) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		var aggregated atomic.Bool
		for range 2 {
			err := p.Put(t.Context(), producer.Record{PartitionKey: "awake", Data: []byte("awake")}, func(_ producer.Record, r producer.Result) {
				if r.Err == nil && !r.Position.Whole() {
					aggregated.Store(true)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if aggregated.Load() {
			return
		}
	}
	t.Fatal("the producer does not aggregate")
}
