package deaggaws

import (
	"crypto/md5"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/position"
	"github.com/kplkit/kplkit/internal/wire"
)

// form is how user records are written as the SDK's records.
type form struct {
	secondPass bool // data that starts with the magic is wrapped
	digits     bool // positions are digits alone
}

// expand returns the user records of a batch, which is stored, as the SDK's records. It fails only for digits that there are
// not. All memory that their number decides is allocated once, for as many as there can be: they may be 25 times as large as
// what they are made of.
func expand(d *deagg.Decoder, batch []types.Record, stored []deagg.StoredRecord, how form) ([]types.Record, error) {
	most, each := 0, make([]int, len(batch))
	for i := range batch {
		each[i] = deagg.Count(batch[i].Data)
		most += each[i]
	}
	x := expansion{out: make([]types.Record, 0, most), secondPass: how.secondPass, numbers: position.Numbers{Digits: how.digits}}
	at, err := -1, error(nil)
	d.Each(stored, func(i int, u *deagg.UserRecord) bool {
		if i != at {
			err = x.begin(&batch[i], u, each[i])
			at = i
		}
		if err == nil {
			x.add(u)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	if len(x.out) < most/2 {
		return slices.Clone(x.out), nil // most of it was damaged, or done before
	}
	return x.out, nil
}

// expansion collects user records. Those of one stored record share the memory of their texts.
type expansion struct {
	secondPass bool
	out        []types.Record
	stored     *types.Record
	count      int // of its user records, at most
	numbers    position.Numbers
	keys       keyPointers
	made       []string // sequence numbers, whose text is in
	texts      []byte
}

// begin takes the stored record that the next user records come out of, and the first of them.
func (x *expansion) begin(r *types.Record, u *deagg.UserRecord, count int) error {
	x.stored, x.count, x.made = r, count, nil
	x.keys.begin(count)
	return x.numbers.Begin(aws.ToString(r.SequenceNumber), u)
}

func (x *expansion) add(u *deagg.UserRecord) {
	x.out = append(x.out, *x.stored)
	r := &x.out[len(x.out)-1]
	r.Data = u.Data
	magic := deagg.HasMagic(u.Data)
	if u.Aggregated && !x.numbers.Finished {
		r.PartitionKey = x.keys.of(u.PartitionKey)
	}
	switch how := x.numbers.How(u, magic); how {
	case position.Inside, position.Whole:
		r.SequenceNumber = x.number(how, u.SubSequenceNumber)
	case position.Bare:
		r.SequenceNumber = aws.String(x.numbers.Sequence)
	}
	if magic && x.secondPass {
		r.Data = wrap(u.PartitionKey, u.Data)
	}
}

// number returns SEQUENCE:SUB or digits.
func (x *expansion) number(how position.How, sub int64) *string {
	if len(x.made) == cap(x.made) {
		x.makeRoom(sub)
	}
	from := len(x.texts)
	x.texts = x.numbers.Append(x.texts, how, sub) // never moved: there is room
	x.made = append(x.made, unsafe.String(&x.texts[from], len(x.texts)-from))
	return &x.made[len(x.made)-1]
}

// makeRoom makes room for the numbers of the stored record from sub on.
func (x *expansion) makeRoom(sub int64) {
	last := sub
	if !x.numbers.Finished {
		last = max(sub, int64(x.count)-1)
	}
	n := int(last - sub + 1)
	x.made = make([]string, 0, n)
	x.texts = make([]byte, 0, n*(len(x.numbers.Sequence)+max(9, 1+len(strconv.FormatInt(last, 10)))))
}

// maxKey is the length of the longest partition key that Kinesis takes: 256 characters.
const maxKey = 256 * utf8.UTFMax

// wrap returns an aggregate of one user record. A longer key than Kinesis takes is left out: all user records of an
// aggregate may have the same, and the memory for a copy in each would have no bound.
func wrap(key string, data []byte) []byte {
	if len(key) > maxKey {
		key = ""
	}
	size := 2 + protowire.SizeTag(wire.Data) + protowire.SizeBytes(len(data)) // of the record: its key index takes two
	b := make([]byte, 0, wire.Overhead+1+protowire.SizeBytes(len(key))+1+protowire.SizeBytes(size))
	b = append(b, wire.Magic...)
	b = protowire.AppendTag(b, wire.PartitionKeyTable, protowire.BytesType)
	b = protowire.AppendString(b, key)
	b = protowire.AppendTag(b, wire.Records, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = protowire.AppendTag(b, wire.PartitionKeyIndex, protowire.VarintType)
	b = protowire.AppendVarint(b, 0)
	b = protowire.AppendTag(b, wire.Data, protowire.BytesType)
	b = protowire.AppendBytes(b, data)
	sum := md5.Sum(b[len(wire.Magic):])
	return append(b, sum[:]...)
}
