package vmwarekcl_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"math/big"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/aggpb"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// writeAndReshard puts records while shards are split and merged: stored records of all sorts, or user records through
// our producer. The channel is closed when all is done.
func (w *world) writeAndReshard() <-chan struct{} {
	written, reshards, produce := make(chan struct{}), w.rnd.IntN(5), w.rnd.IntN(3) == 0
	go func() {
		defer close(written)
		resharded := w.Reshard("s", reshards, 12*time.Second)
		if produce {
			w.produce("producer", storedRecords)
		} else {
			w.write("writer", storedRecords)
		}
		<-resharded
	}()
	return written
}

// write puts n stored records of all sorts, until each was acknowledged.
func (w *world) write(name string, n int) {
	client, rnd := kinesis.NewFromConfig(w.Host(name).AWS()), w.Rand(name)
	for id := 0; id < n; {
		var batch []types.PutRecordsRequestEntry
		for range 1 + rnd.IntN(min(12, n-id)) {
			batch = append(batch, w.entry(fmt.Sprint(name, id), rnd))
			id++
		}
		for len(batch) > 0 {
			batch = put(client, batch)
		}
		time.Sleep(time.Duration(rnd.Int64N(int64(600 * time.Millisecond))))
	}
}

// produce puts user records through a producer, in n bursts, and tells the ledger which of them are acknowledged.
func (w *world) produce(name string, n int) {
	p, err := producer.New(kinesis.NewFromConfig(w.Host(name).AWS()), "s", producer.WithMaxAggregate(51_200, 14))
	if err != nil {
		panic(err)
	}
	rnd, ctx := w.Rand(name), context.Background()
	for id := range n {
		for i, data := range texts(fmt.Sprint(name, id), 1+rnd.IntN(14)) {
			r := producer.Record{PartitionKey: fmt.Sprint("key-", i), Data: []byte(data)}
			if err := p.Put(ctx, r, w.ledger.acknowledged); err != nil {
				panic(err)
			}
		}
		time.Sleep(time.Duration(rnd.Int64N(int64(400*time.Millisecond))) | 1)
	}
	if err := p.Close(ctx); err != nil {
		panic(err)
	}
}

// put returns the entries that have to be put again.
func put(client *kinesis.Client, batch []types.PutRecordsRequestEntry) (rest []types.PutRecordsRequestEntry) {
	out, err := client.PutRecords(context.Background(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: batch})
	if err != nil {
		return batch
	}
	for i, r := range out.Records {
		if r.ErrorCode != nil {
			rest = append(rest, batch[i])
		}
	}
	return rest
}

// entry invents a stored record, and tells the ledger which user records it holds.
func (w *world) entry(id string, rnd *rand.Rand) types.PutRecordsRequestEntry {
	data, holds := w.invent(id, rnd)
	w.ledger.expect(data, holds)
	key := "a"
	if w.forwarded {
		key = "forwarded-" + id
	}
	hashKey := new(big.Int).SetUint64(rnd.Uint64())
	hashKey.Lsh(hashKey, 64)
	return types.PutRecordsRequestEntry{PartitionKey: &key, ExplicitHashKey: aws.String(hashKey.String()), Data: data}
}

// invent returns a stored record and the user records that it holds. What vmware without kplkit loses is left out where
// such a worker takes part.
func (w *world) invent(id string, rnd *rand.Rand) (data []byte, holds []string) {
	n := 2 + rnd.IntN(14)
	whole := func(data []byte) ([]byte, []string) { return data, []string{string(data)} }
	switch kind := rnd.IntN(20); {
	case kind < 5:
		return whole([]byte(id))
	case kind == 5:
		return aggregate(texts(id, 1))
	case kind < 8: // some payloads are aggregates themselves
		holds = texts(id, n)
		for i := range holds {
			if rnd.IntN(3) == 0 {
				inner, _ := aggregate(texts(holds[i], 2))
				holds[i] = string(inner)
			}
		}
		return aggregate(holds)
	case kind == 8: // a checksum that is wrong
		data, _ = aggregate(texts(id, n))
		data[len(data)-1] ^= 1
		return whole(data)
	case kind == 9:
		return whole([]byte(wire.Magic + id)[:len(wire.Magic)+3])
	case kind == 10: // no user record at all
		return seal(&aggpb.AggregatedRecord{PartitionKeyTable: []string{id}}), []string{}
	case kind == 11 && !w.bareSecond: // the wire format is broken, under a right checksum
		return whole(sealed("\x1a\x7f" + id))
	case kind == 12 && !w.bareSecond: // an index out of its table
		return misindexed(texts(id, n), rnd)
	}
	return aggregate(texts(id, n))
}

// texts returns n payloads.
func texts(id string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("%s.%d", id, i))
	}
	return list
}

func aggregate(holds []string) ([]byte, []string) {
	var e aggregator.Encoder
	for i, data := range holds {
		if ok, err := e.Add(aggregator.Record{PartitionKey: fmt.Sprint("key-", i%5), Data: []byte(data)}); !ok || err != nil {
			panic(fmt.Sprint("does not fit: ", err))
		}
	}
	return e.AppendTo(nil), holds
}

func misindexed(holds []string, rnd *rand.Rand) ([]byte, []string) {
	a := &aggpb.AggregatedRecord{PartitionKeyTable: []string{"key"}}
	for _, data := range holds {
		a.Records = append(a.Records, &aggpb.Record{PartitionKeyIndex: proto.Uint64(0), Data: []byte(data)})
	}
	a.Records[rnd.IntN(len(holds))].PartitionKeyIndex = proto.Uint64(7)
	return seal(a), holds
}

func seal(a *aggpb.AggregatedRecord) []byte {
	body, err := proto.Marshal(a)
	if err != nil {
		panic(err)
	}
	return sealed(string(body))
}

func sealed(body string) []byte {
	sum := md5.Sum([]byte(body))
	return []byte(wire.Magic + body + string(sum[:]))
}
