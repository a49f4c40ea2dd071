package rows

import (
	"crypto/md5"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/aggpb"
)

// putDamaged puts an aggregate of three user records, the second with a key index that its table doesn't have. It
// returns their data.
func (w *world) putDamaged(t *testing.T, stream string) (users []string) {
	users = []string{"x0", "x1", "x2"}
	message := &aggpb.AggregatedRecord{PartitionKeyTable: []string{"key-x"}}
	for i, user := range users {
		index := uint64(0)
		if i == 1 {
			index = 7
		}
		message.Records = append(message.Records, &aggpb.Record{PartitionKeyIndex: &index, Data: []byte(user)})
	}
	body, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(body)
	data := append(append([]byte("\xF3\x89\x9A\xC2"), body...), sum[:]...)
	_, err = w.client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("a"), Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return users
}
