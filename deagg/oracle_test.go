package deagg_test

import (
	"crypto/md5"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/aggpb"
	"github.com/kplkit/kplkit/internal/wire"
)

// seal puts magic and MD5 around protobuf bytes.
func seal(body []byte) []byte {
	sum := md5.Sum(body)
	return append(append([]byte(wire.Magic), body...), sum[:]...)
}

// aggregateOf returns an aggregate as the generated code writes it.
func aggregateOf(t testing.TB, m *aggpb.AggregatedRecord) []byte {
	body, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return seal(body)
}

func message(keys, hashKeys []string, users ...*aggpb.Record) *aggpb.AggregatedRecord {
	return &aggpb.AggregatedRecord{PartitionKeyTable: keys, ExplicitHashKeyTable: hashKeys, Records: users}
}

func user(key uint64, data string) *aggpb.Record {
	return &aggpb.Record{PartitionKeyIndex: proto.Uint64(key), Data: []byte(data)}
}

func userWithHash(key, hashKey uint64, data string) *aggpb.Record {
	u := user(key, data)
	u.ExplicitHashKeyIndex = proto.Uint64(hashKey)
	return u
}

// collect returns clones of all user records.
func collect(d *deagg.Decoder, rs ...deagg.StoredRecord) (us []deagg.UserRecord) {
	for u := range d.UserRecords(rs...) {
		us = append(us, u.Clone())
	}
	return us
}

// checkAgainstOracle holds the reader against the generated code, on any protobuf bytes.
func checkAgainstOracle(t rapid.TB, body []byte) {
	stored := deagg.StoredRecord{SequenceNumber: "7", PartitionKey: "outer", Data: seal(body)}
	if len(body) == 0 {
		return // too short for an aggregate, whatever protobuf thinks of it
	}
	var want aggpb.AggregatedRecord
	oracle := proto.Unmarshal(body, &want)
	a, err := deagg.Parse(stored)
	if (err == nil) != (oracle == nil) {
		t.Fatalf("body %x: %v, the oracle says %v", body, err, oracle)
	}
	if err != nil {
		var format *deagg.FormatError
		if !errors.As(err, &format) || format.Offset < len(wire.Magic) || format.Offset > len(stored.Data) {
			t.Fatalf("body %x: error %#v", body, err)
		}
		return
	}
	i := 0
	for u := range a.UserRecords() {
		checkUser(t, u, &want, i)
		i++
	}
	if i != len(want.Records) || a.Len() != i {
		t.Fatalf("%d user records, want %d", i, len(want.Records))
	}
}

func checkUser(t rapid.TB, u deagg.UserRecord, want *aggpb.AggregatedRecord, i int) {
	r := want.Records[i]
	key, keyOK := at(want.PartitionKeyTable, r.GetPartitionKeyIndex())
	hashKey, hashKeyOK := "", true
	if r.ExplicitHashKeyIndex != nil {
		hashKey, hashKeyOK = at(want.ExplicitHashKeyTable, r.GetExplicitHashKeyIndex())
	}
	if string(u.Data) != string(r.Data) || u.PartitionKey != key || u.ExplicitHashKey != hashKey ||
		u.SubSequenceNumber != int64(i) || u.SequenceNumber != "7" || !u.Aggregated || u.Last != (i == len(want.Records)-1) {
		t.Fatalf("user record %d is %+v, want %v", i, u, r)
	}
	if errors.Is(u.Malformed, deagg.ErrIndex) != (!keyOK || !hashKeyOK) {
		t.Fatalf("user record %d: %v", i, u.Malformed)
	}
	if cap(u.Data) != len(u.Data) {
		t.Fatalf("user record %d: %d bytes with capacity %d", i, len(u.Data), cap(u.Data))
	}
}

// checkMarks: what is malformed says so by a *FormatError that names it.
func checkMarks(t rapid.TB, us []deagg.UserRecord) {
	for _, u := range us {
		if u.Malformed == nil {
			continue
		}
		e, ok := u.Malformed.(*deagg.FormatError)
		if !ok || e.SequenceNumber != u.SequenceNumber || u.Aggregated != (e.SubSequenceNumber == u.SubSequenceNumber) {
			t.Fatalf("%+v is marked by a %T: %v", u, u.Malformed, u.Malformed)
		}
	}
}

func at(table []string, index uint64) (string, bool) {
	if index >= uint64(len(table)) {
		return "", false
	}
	return table[index], true
}

// checkLossless holds what the Lossless policy promises for any stored record: nothing is lost.
func checkLossless(t rapid.TB, data []byte, r hashkey.Range, ancestors []hashkey.Range) {
	d := deagg.Decoder{HashRange: r, Ancestors: ancestors}
	us := collect(&d, deagg.StoredRecord{SequenceNumber: "7", PartitionKey: "outer", Data: data})
	checkMarks(t, us)
	s := d.Stats()
	if s.Stored != 1 || s.User != int64(len(us)) || s.Dropped != 0 || s.Skipped != 0 {
		t.Fatalf("data %x: %d user records, %+v", data, len(us), s)
	}
	a, err := deagg.Parse(deagg.StoredRecord{Data: data})
	if err == nil && a.Len() == len(us) && s.Aggregated == 1 {
		return
	}
	if err != nil && len(us) == 1 && string(us[0].Data) == string(data) && !us[0].Aggregated && us[0].Last &&
		(us[0].Malformed != nil) == deagg.HasMagic(data) && s.Malformed == map[bool]int64{true: 1}[deagg.HasMagic(data)] {
		return
	}
	t.Fatalf("data %x: Parse says %v, the Decoder delivers %+v, %+v", data, err, us, s)
}

func TestAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		body, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		checkAgainstOracle(t, body)
		checkLossless(t, seal(body), hashkey.Whole().Split(2)[0], nil)
		// Damage, with a checksum that fits it and with one that does not.
		if len(body) > 0 {
			i := rapid.IntRange(0, len(body)-1).Draw(t, "at")
			body[i] = rapid.Byte().Draw(t, "byte")
			checkAgainstOracle(t, body[:rapid.IntRange(i, len(body)).Draw(t, "cut")])
			checkAgainstOracle(t, body)
		}
		checkLossless(t, append(seal(body), 0), hashkey.Range{}, nil)
	})
}

func drawMessage(t *rapid.T) *aggpb.AggregatedRecord {
	m := message(
		rapid.SliceOfN(rapid.StringN(0, 8, 32), 0, 4).Draw(t, "keys"),
		rapid.SliceOfN(rapid.StringMatching(`[0-9]{0,41}|undefined|-130`), 0, 3).Draw(t, "hash keys"),
	)
	for range rapid.IntRange(0, 12).Draw(t, "records") {
		u := user(rapid.Uint64Range(0, 4).Draw(t, "key"), rapid.StringN(0, 20, 300).Draw(t, "data"))
		if rapid.Bool().Draw(t, "hash key") {
			u.ExplicitHashKeyIndex = proto.Uint64(rapid.Uint64Range(0, 3).Draw(t, "hash key index"))
		}
		if rapid.Bool().Draw(t, "tag") {
			u.Tags = []*aggpb.Tag{{Key: proto.String("k"), Value: proto.String("v")}}
		}
		m.Records = append(m.Records, u)
	}
	return m
}

func FuzzParse(f *testing.F) {
	for _, m := range []*aggpb.AggregatedRecord{
		message([]string{"k"}, nil, user(0, "a"), user(0, "b")),
		message([]string{"k"}, []string{"5"}, userWithHash(0, 0, "a"), user(1, "b")),
		message(nil, nil),
	} {
		f.Add(aggregateOf(f, m))
	}
	f.Add([]byte(wire.Magic + "0123456789abcdef"))
	f.Add(seal([]byte{0x0b, 0x13, 0x14, 0x0c})) // unknown groups
	f.Fuzz(func(t *testing.T, data []byte) {
		checkLossless(t, data, hashkey.Whole().Split(2)[1], nil)
		for u := range (&deagg.Decoder{Policy: deagg.KCL}).UserRecords(deagg.StoredRecord{Data: data}) {
			checkMarks(t, []deagg.UserRecord{u})
			if cap(u.Data) != len(u.Data) {
				t.Fatalf("%d bytes with capacity %d", len(u.Data), cap(u.Data))
			}
		}
		// The same bytes as a body: a fuzzer does not find checksums.
		checkLossless(t, seal(data), hashkey.Whole().Split(2)[1], nil)
		if deagg.HasMagic(data) && len(data) > wire.Overhead {
			data = data[len(wire.Magic) : len(data)-wire.DigestSize]
		}
		checkAgainstOracle(t, data)
	})
}
