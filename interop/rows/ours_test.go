package rows

import (
	"context"
	"sync"
	"testing"

	"github.com/kplkit/kplkit/producer"
)

// ours puts by kplkit's producer, in aggregates as large as the KPL's.
type ours struct {
	world     *world
	producers map[string]*producer.Producer // by stream
}

func newOurs(w *world) *ours { return &ours{w, map[string]*producer.Producer{}} }

func (o *ours) put(t *testing.T, stream string, _ bool, users []string) (stored []string) {
	p := o.producers[stream]
	if p == nil {
		var err error
		if p, err = producer.New(o.world.client, stream, producer.WithMaxAggregate(51200, perAggregate)); err != nil {
			t.Fatal(err)
		}
		o.producers[stream] = p
		o.world.test.Cleanup(func() { p.Close(context.Background()) })
	}
	var mu sync.Mutex
	for _, user := range users {
		r := producer.Record{PartitionKey: "key-" + user, Data: []byte(user)}
		err := p.Put(t.Context(), r, func(r producer.Record, result producer.Result) {
			mu.Lock()
			defer mu.Unlock()
			if result.Err == nil {
				stored = append(stored, string(r.Data))
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
	return stored
}
