package rows

import (
	"crypto/md5"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/aggpb"
)

// What is expected of a run comes from here: from what its stream holds, by a reading of the format with Google's
// protobuf, which shares nothing with package deagg.

// storedRecord is one of a stream.
type storedRecord struct {
	Shard          string       `json:"shard"`
	Low            string       `json:"low"` // the shard's hash keys, in decimal
	High           string       `json:"high"`
	SequenceNumber string       `json:"sequence_number"`
	Aggregate      bool         `json:"aggregate,omitempty"`
	Damaged        bool         `json:"damaged,omitempty"` // it has the mark of an aggregate, and something is wrong with it
	Users          []storedUser `json:"users"`             // of what can't be read: one, with all of the data
}

// storedUser is a user record in it.
type storedUser struct {
	Text string `json:"text"`
	Key  string `json:"key"` // of its partition; "" where it can't be read
}

const aggregateMark = "\xF3\x89\x9A\xC2"

// takeApart reads data that was stored under a partition key.
func takeApart(data []byte, key string) (users []storedUser, aggregate, damaged bool) {
	whole := []storedUser{{textOf(data), key}}
	body, marked := strings.CutPrefix(string(data), aggregateMark)
	if !marked {
		return whole, false, false
	}
	length := max(0, len(body)-md5.Size)
	var message aggpb.AggregatedRecord
	if sum := md5.Sum([]byte(body[:length])); body[length:] != string(sum[:]) || proto.Unmarshal([]byte(body[:length]), &message) != nil {
		return whole, false, true
	}
	for _, r := range message.Records {
		u := storedUser{Text: textOf(r.Data)}
		if i := r.GetPartitionKeyIndex(); i < uint64(len(message.PartitionKeyTable)) {
			u.Key = message.PartitionKeyTable[i]
		} else {
			damaged = true
		}
		users = append(users, u)
	}
	return users, !damaged, damaged
}

// textOf is data as a text, which JSON can hold.
func textOf(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	return fmt.Sprintf("0x%x", data)
}

// isAggregate tells whether data that was handed to user code is still a good aggregate.
func isAggregate(data []byte) bool {
	_, aggregate, _ := takeApart(data, "")
	return aggregate
}

// strays counts the user records whose keys belong into another shard.
func (r storedRecord) strays() (n int) {
	low, _ := new(big.Int).SetString(r.Low, 10)
	high, _ := new(big.Int).SetString(r.High, 10)
	for _, u := range r.Users {
		sum := md5.Sum([]byte(u.Key))
		if key := new(big.Int).SetBytes(sum[:]); key.Cmp(low) < 0 || key.Cmp(high) > 0 {
			n++
		}
	}
	return n
}

// Which stored records a reader delivers the user records of.

func everyOne(storedRecord) bool { return true }

// noneMixed is a KCL that knows its shard: an aggregate with a stray in it is dropped whole.
func noneMixed(r storedRecord) bool { return !r.Aggregate || r.strays() == 0 }

// stored returns all that a stream holds, shard by shard.
func (w *world) stored(t *testing.T, stream string) (all []storedRecord) {
	for _, shard := range w.shards(t, stream) {
		for _, r := range w.readShard(t, stream, *shard.ShardId) {
			s := storedRecord{
				Shard: *shard.ShardId, Low: *shard.HashKeyRange.StartingHashKey, High: *shard.HashKeyRange.EndingHashKey, SequenceNumber: *r.SequenceNumber,
			}
			s.Users, s.Aggregate, s.Damaged = takeApart(r.Data, *r.PartitionKey)
			all = append(all, s)
		}
	}
	return all
}

func (w *world) readShard(t *testing.T, stream, shard string) (stored []types.Record) {
	from, err := w.client.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
		StreamName: &stream, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	for iterator := from.ShardIterator; iterator != nil; {
		out, err := w.client.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, out.Records...)
		if len(out.Records) == 0 {
			break
		}
		iterator = out.NextShardIterator
	}
	return stored
}

// certainLoss tells whether a reader that keeps only some stored records can't deliver all of the user records.
func certainLoss(stored []storedRecord, users []string, keeps func(storedRecord) bool) bool {
	kept := copiesOf(stored, keeps)
	for _, user := range users {
		if kept[user] == 0 {
			return true
		}
	}
	return false
}

// copiesOf counts the user records in those stored records.
func copiesOf(stored []storedRecord, keeps func(storedRecord) bool) map[string]int {
	copies := map[string]int{}
	for _, r := range stored {
		if keeps(r) {
			for _, u := range r.Users {
				copies[u.Text]++
			}
		}
	}
	return copies
}

func (r storedRecord) String() string {
	return fmt.Sprintf("%s %s with %d user records", r.Shard, r.SequenceNumber, len(r.Users))
}
