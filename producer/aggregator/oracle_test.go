package aggregator

import (
	"crypto/md5"
	"slices"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/internal/aggpb"
	"github.com/kplkit/kplkit/internal/wire"
)

// oracle is a slow, readable encoder over the generated messages: what AppendTo has to append to nothing.
func oracle(t rapid.TB, records []Record) []byte {
	t.Helper()
	switch len(records) {
	case 0:
		return nil
	case 1:
		return records[0].Data
	}
	var partitionKeys, explicitHashKeys table
	m := new(aggpb.AggregatedRecord)
	for _, r := range records {
		data := r.Data
		if data == nil {
			data = []byte{} // the field is required, a nil slice would be a missing one
		}
		record := &aggpb.Record{PartitionKeyIndex: partitionKeys.index(r.PartitionKey), Data: data}
		if r.ExplicitHashKey != "" {
			record.ExplicitHashKeyIndex = explicitHashKeys.index(r.ExplicitHashKey)
		}
		m.Records = append(m.Records, record)
	}
	m.PartitionKeyTable, m.ExplicitHashKeyTable = partitionKeys.keys, explicitHashKeys.keys
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(body)
	return slices.Concat([]byte(wire.Magic), body, sum[:])
}

type table struct {
	keys []string
	at   map[string]uint64
}

// index returns the index of key, which is appended if it is new.
func (t *table) index(key string) *uint64 {
	i, ok := t.at[key]
	if !ok {
		if t.at == nil {
			t.at = map[string]uint64{}
		}
		i = uint64(len(t.keys))
		t.at[key], t.keys = i, append(t.keys, key)
	}
	return &i
}

// expand takes an aggregate apart with the generated code, digest and all.
func expand(t rapid.TB, stored []byte) []Record {
	t.Helper()
	if len(stored) < wire.Overhead || string(stored[:len(wire.Magic)]) != wire.Magic {
		t.Fatalf("no aggregate: %q", stored)
	}
	body, digest := stored[len(wire.Magic):len(stored)-wire.DigestSize], stored[len(stored)-wire.DigestSize:]
	if sum := md5.Sum(body); string(sum[:]) != string(digest) {
		t.Fatalf("MD5 is %x, want %x", digest, sum)
	}
	m := new(aggpb.AggregatedRecord)
	if err := proto.Unmarshal(body, m); err != nil {
		t.Fatal(err)
	}
	var records []Record
	for _, r := range m.Records {
		record := Record{PartitionKey: m.PartitionKeyTable[r.GetPartitionKeyIndex()], Data: r.Data}
		if r.ExplicitHashKeyIndex != nil {
			record.ExplicitHashKey = m.ExplicitHashKeyTable[*r.ExplicitHashKeyIndex]
		}
		records = append(records, record)
	}
	return records
}
