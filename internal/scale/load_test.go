package scale

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/producer"
)

const (
	stream       = "s"
	producerHost = "producer"
)

// seed puts one record into each shard of a new stream.
func (f *fleet) seed(shards int) {
	client := kinesis.NewFromConfig(f.Control())
	width := new(big.Int).Lsh(big.NewInt(1), 128)
	width.Div(width, big.NewInt(int64(shards)))
	f.book.seeded = shards
	for first := 0; first < shards; first += 500 {
		var entries []types.PutRecordsRequestEntry
		for shard := first; shard < min(shards, first+500); shard++ {
			id, data := f.book.add()
			f.book.acknowledge(id)
			key := new(big.Int).Mul(width, big.NewInt(int64(shard)))
			entries = append(entries, types.PutRecordsRequestEntry{
				Data: data, PartitionKey: aws.String("k"), ExplicitHashKey: aws.String(key.Add(key, big.NewInt(1)).String()),
			})
		}
		out, err := client.PutRecords(context.Background(), &kinesis.PutRecordsInput{StreamName: aws.String(stream), Records: entries})
		if err == nil && *out.FailedRecordCount > 0 {
			err = errors.New("some were refused")
		}
		if err != nil {
			f.T.Fatalf("the first records can't be put: %v", err)
		}
	}
}

// produce puts user records through a Producer, so many a second, until the returned function is called, which waits
// until all of them have their result.
func (f *fleet) produce(perSecond int) (stop func()) {
	p, err := producer.New(kinesis.NewFromConfig(configOf(f.Host(producerHost))), stream)
	if err != nil {
		f.T.Fatal(err)
	}
	stopping, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticks := time.NewTicker(50 * time.Millisecond)
		defer ticks.Stop()
		for began, n := time.Now(), 0; ; {
			select {
			case <-stopping:
				if err := p.Close(context.Background()); err != nil {
					f.T.Errorf("the producer: %v", err)
				}
				return
			case <-ticks.C:
			}
			for ; n < int(time.Since(began).Seconds()*float64(perSecond)); n++ {
				f.put(p)
			}
		}
	}()
	return func() {
		close(stopping)
		<-done
	}
}

func (f *fleet) put(p *producer.Producer) {
	id, data := f.book.add()
	err := p.Put(context.Background(), producer.Record{PartitionKey: fmt.Sprint(id), Data: data}, func(_ producer.Record, r producer.Result) {
		if r.Err == nil {
			f.book.acknowledge(id)
		}
	})
	if err != nil {
		f.T.Errorf("the producer: %v", err)
	}
}

// drain waits until every acknowledged record was delivered. What is not after an hour is lost.
func (f *fleet) drain() delivery {
	until(patience, func() bool { return f.book.undelivered() == 0 })
	time.Sleep(5 * time.Second) // for repeats
	return f.book.balance()
}
