package aggpb

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/wire"
)

// TestFieldNumbers holds the schema and the constants of the hand-written code together.
func TestFieldNumbers(t *testing.T) {
	aggregated, record, tag := new(AggregatedRecord), new(Record), new(Tag)
	for _, tt := range []struct {
		message proto.Message
		field   string
		number  int
	}{
		{aggregated, "partition_key_table", wire.PartitionKeyTable},
		{aggregated, "explicit_hash_key_table", wire.ExplicitHashKeyTable},
		{aggregated, "records", wire.Records},
		{record, "partition_key_index", wire.PartitionKeyIndex},
		{record, "explicit_hash_key_index", wire.ExplicitHashKeyIndex},
		{record, "data", wire.Data},
		{record, "tags", wire.Tags},
		{tag, "key", wire.TagKey},
		{tag, "value", wire.TagValue},
	} {
		fields := tt.message.ProtoReflect().Descriptor().Fields()
		if f := fields.ByTextName(tt.field); f == nil || int(f.Number()) != tt.number {
			t.Errorf("%T.%s: schema has %v, internal/wire has number %d", tt.message, tt.field, f, tt.number)
		}
	}
}
