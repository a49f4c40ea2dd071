package interop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/seqnum"
)

const (
	producerFlushes = 60
	producerShards  = 4
)

// produced puts user records through the producer into an embedded Kinesis, reads the stored records back from it,
// and holds that each is where its result says.
func produced(t *testing.T, random *rand.Rand) (stored []storedRecord, users int) {
	synctest.Test(t, func(t *testing.T) {
		server := kinesisfake.New(kinesisfake.Options{})
		defer server.Close()
		client := kinesis.New(kinesis.Options{
			Region: "us-east-1", BaseEndpoint: aws.String("http://kinesis.test"), Credentials: aws.AnonymousCredentials{},
			HTTPClient: &http.Client{Transport: server.Transport()},
		})
		_, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("s"), ShardCount: aws.Int32(producerShards)})
		if err != nil {
			t.Fatal(err)
		}
		put := putByProducer(t, client, random)
		stored, users = readShards(server), len(put)
		checkProduced(t, put, stored)
	})
	return stored, users
}

// putByProducer returns what was put, by the position that its result tells.
func putByProducer(t *testing.T, client *kinesis.Client, random *rand.Rand) map[seqnum.Extended]producer.Record {
	p, err := producer.New(client, "s")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // until it has listed the shards; before that it aggregates nothing
	put := map[seqnum.Extended]producer.Record{}
	done := func(r producer.Record, res producer.Result) {
		if before, twice := put[res.Position]; res.Err != nil || twice {
			t.Errorf("%+v: %+v, where %+v is", r, res, before)
		}
		put[res.Position] = r
	}
	count := 0
	for range producerFlushes {
		for _, u := range drawRecords(random, 1+random.IntN(150)) {
			if random.IntN(60) == 0 { // as large as an aggregate may be, or larger
				u.Data = append(u.Data, make([]byte, 40_000+random.IntN(40_000))...)
			}
			r := producer.Record{PartitionKey: u.PartitionKey, ExplicitHashKey: u.ExplicitHashKey, Data: u.Data}
			if err := p.Put(t.Context(), r, done); err != nil {
				t.Fatal(err)
			}
			count++
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(context.Background()); err != nil || len(put) != count {
		t.Fatalf("%d put, %d have a place of their own: %v", count, len(put), err)
	}
	return put
}

// readShards returns all that is stored, with the range of its shard.
func readShards(server *kinesisfake.Server) (stored []storedRecord) {
	records := server.Records("s")
	for i, keys := range hashkey.Whole().Split(producerShards) {
		for _, r := range records[fmt.Sprintf("shardId-%012d", i)] {
			stored = append(stored, storedRecord{
				SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data,
				StartingHashKey: keys.Start().String(), EndingHashKey: keys.End().String(),
			})
		}
	}
	return stored
}

// checkProduced: our own decoder, asked to drop strays as the KCL does, finds each user record where its result says,
// and nothing else.
func checkProduced(t *testing.T, put map[seqnum.Extended]producer.Record, stored []storedRecord) {
	aggregates, plain := 0, 0
	for _, s := range stored {
		d := deagg.Decoder{Policy: deagg.KCL, HashRange: s.hashRange(t)}
		for u := range d.UserRecords(deagg.StoredRecord{SequenceNumber: s.SequenceNumber, PartitionKey: s.PartitionKey, Data: s.Data}) {
			at, err := u.Position()
			want, known := put[at]
			if err != nil || !known || u.PartitionKey != want.PartitionKey || string(u.Data) != string(want.Data) ||
				u.Aggregated && (u.ExplicitHashKey != want.ExplicitHashKey || s.PartitionKey != wire.MarkKplkit) {
				t.Fatalf("at %v: %+v, put was %+v (%v)", at, u, want, err)
			}
			delete(put, at)
		}
		if d.Stats().Aggregated > 0 {
			aggregates++
		} else {
			plain++
		}
	}
	if len(put) > 0 || aggregates < 100 || plain < 20 {
		t.Fatalf("%d not read back, of %d aggregates and %d plain records", len(put), aggregates, plain)
	}
}
