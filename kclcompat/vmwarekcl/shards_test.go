package vmwarekcl

import (
	"strings"
	"testing"

	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestOtherThan: births decide where both numbers have one, else the shard's first number.
func TestOtherThan(t *testing.T) {
	const (
		old  = "49377645732552018086022006619685110462917712929150205954" // of 2000-01-01T00:00:00Z
		more = "49377645732552018086022006619693572943655015470812102674" // the same shard, later
		anew = "49590338271490256608559692538361571095921575989136588898" // of 2018-11-21T04:57:38Z
	)
	for _, c := range []struct {
		name, first, checkpoint, position, birth, timeout string
		other                                             string // what is said
	}{
		{name: "nothing", first: anew},
		{name: "its own number", first: old, checkpoint: more},
		{name: "an older birth", first: anew, checkpoint: old, other: "it stands at"},
		{name: "a younger birth", first: old, checkpoint: anew, other: "it stands at"},
		{name: "inside an aggregate", first: anew, checkpoint: "1", position: "1|" + old + ":3", other: "it stands at"},
		{name: "version 1, before the shard", first: "200", checkpoint: "100", other: "after that"},
		{name: "version 1, in the shard", first: "100", checkpoint: "200"},
		{name: "a number without a birth, before a shard with one", first: anew, checkpoint: "100", other: "after that"},
		{name: "a birth, and a shard without one", first: "100", checkpoint: anew},
		{name: "the start", first: anew, checkpoint: "TRIM_HORIZON", birth: old},
		{name: "finished, of this birth", first: old, checkpoint: chk.ShardEnd, birth: old},
		{name: "finished, of another birth", first: anew, checkpoint: chk.ShardEnd, birth: old, other: "SHARD_END"},
		{name: "finished, and nothing else is known", first: anew, checkpoint: chk.ShardEnd},
		{name: "finished, and held after the shard was made", first: anew, checkpoint: chk.ShardEnd, timeout: "2018-11-21T04:57:00Z"},
		{name: "finished, and held before that", first: anew, checkpoint: chk.ShardEnd, timeout: "2018-11-21T04:56:00Z", other: "SHARD_END"},
		{name: "an odd birth", first: anew, checkpoint: chk.ShardEnd, birth: "odd"},
		{name: "an unknown shard", checkpoint: old},
	} {
		it := item{}
		for key, value := range map[string]string{
			checkpointKey: c.checkpoint, positionKey: c.position, birthKey: c.birth, timeoutKey: c.timeout,
		} {
			if value != "" {
				it[key] = &types.AttributeValueMemberS{Value: value}
			}
		}
		why := listedShard{start: c.first}.otherThan(it)
		if (why != "") != (c.other != "") || !strings.Contains(why, c.other) {
			t.Errorf("%s: %q, want %q", c.name, why, c.other)
		}
	}
}
