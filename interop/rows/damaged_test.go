package rows

import (
	"crypto/md5"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/aggpb"
)

// damage is what is wrong with the one aggregate of a run.
type damage string

const (
	badIndex    damage = "one of its key indexes is not in its table"
	badMD5      damage = "its MD5 is wrong"
	badProtobuf damage = "its protobuf is cut short, under a matching MD5"
)

// putDamaged puts an aggregate of three user records with something wrong. It returns the data of those that can be read
// all the same: all of them, the second without its key, or none.
func (w *world) putDamaged(t *testing.T, stream string, d damage) (readable []string) {
	users := []string{"x0", "x1", "x2"}
	message := &aggpb.AggregatedRecord{PartitionKeyTable: []string{"key-x"}}
	for i, user := range users {
		index := uint64(0)
		if d == badIndex && i == 1 {
			index = 7
		}
		message.Records = append(message.Records, &aggpb.Record{PartitionKeyIndex: &index, Data: []byte(user)})
	}
	body, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if d == badProtobuf {
		body = body[:len(body)-1]
	}
	sum := md5.Sum(body)
	if d == badMD5 {
		sum[0] ^= 1
	}
	data := slices.Concat([]byte("\xF3\x89\x9A\xC2"), body, sum[:])
	out, err := w.client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("a"), Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if d == badIndex {
		planned(stream, users...)
		for _, user := range users {
			resultOf(stream, putResult{Text: user, Shard: *out.ShardId, SequenceNumber: *out.SequenceNumber})
		}
		return users
	}
	beside(stream, textOf(data))
	return nil
}
