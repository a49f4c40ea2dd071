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
	"github.com/kplkit/kplkit/internal/wire"
	"github.com/kplkit/kplkit/seqnum"
)

// form is how user records are written as the SDK's records.
type form struct {
	secondPass bool // data that starts with the magic is wrapped
	digits     bool // positions are digits alone
}

// expand returns the user records of a batch as the SDK's records. It fails only for digits that there are not. All memory that their number decides is allocated
// once, for as many as there can be: they may be 25 times as large as what they are made of.
func expand(d *deagg.Decoder, batch []types.Record, how form) ([]types.Record, error) {
	most, each := 0, make([]int, len(batch))
	for i := range batch {
		each[i] = deagg.Count(batch[i].Data)
		most += each[i]
	}
	x := expansion{out: make([]types.Record, 0, most), form: how}
	at := -1
	for i, u := range d.All(AppendStored(make([]deagg.StoredRecord, 0, len(batch)), batch)) {
		if i != at {
			if err := x.begin(&batch[i], &u, each[i]); err != nil {
				return nil, err
			}
			at = i
		}
		x.add(&u)
	}
	if len(x.out) < most/2 {
		return slices.Clone(x.out), nil // most of it was damaged, or done before
	}
	return x.out, nil
}

// expansion collects user records. Those of one stored record share the memory of their texts.
type expansion struct {
	form
	out      []types.Record
	stored   *types.Record
	count    int    // of its user records, at most
	sequence string // its sequence number, without a sub-sequence number
	finished bool   // it is a user record already
	whole    bool   // its number is digits, which say all of it
	keys     keyPointers
	numbers  []string // sequence numbers, whose text is in
	texts    []byte
}

// begin takes the stored record that the next user records come out of, and the first of them.
func (x *expansion) begin(r *types.Record, u *deagg.UserRecord, count int) error {
	x.stored, x.count, x.finished, x.whole = r, count, false, false
	if number := aws.ToString(r.SequenceNumber); len(number) != len(u.SequenceNumber) {
		e, _ := seqnum.ParseExtended(number) // the Decoder has read it
		x.finished, x.whole = !e.Whole(), e.Whole()
	}
	x.sequence = sequenceOf(u.SequenceNumber)
	x.keys.begin(count)
	x.numbers = nil
	if !x.digits {
		return nil
	}
	return digitError(x.sequence, u.SubSequenceNumber)
}

// sequenceOf returns what a position begins with, "" where that would not be a position: so it has no more than 129
// digits, however long the text is that the stored record has instead.
func sequenceOf(text string) string {
	if len(text) <= seqnum.MaxDigits {
		return text
	}
	n, err := seqnum.Parse(text)
	if err != nil {
		return ""
	}
	return n.String()
}

func (x *expansion) add(u *deagg.UserRecord) {
	x.out = append(x.out, *x.stored)
	r := &x.out[len(x.out)-1]
	r.Data = u.Data
	magic := deagg.HasMagic(u.Data)
	if u.Aggregated && !x.finished {
		r.PartitionKey = x.keys.of(u.PartitionKey)
	}
	switch inside := u.Aggregated && !(u.Last && !magic); {
	case x.digits || inside && x.sequence != "":
		r.SequenceNumber = x.number(u.SubSequenceNumber, inside)
	case x.whole && !inside:
		r.SequenceNumber = aws.String(x.sequence)
	}
	if magic && x.secondPass {
		r.Data = wrap(u.PartitionKey, u.Data)
	}
}

// number returns SEQUENCE:SUB or digits; inside says that it is not all of the stored record.
func (x *expansion) number(sub int64, inside bool) *string {
	if len(x.numbers) == cap(x.numbers) {
		x.makeRoom(sub)
	}
	from := len(x.texts)
	x.texts = append(x.texts, x.sequence...) // never moved: there is room
	switch {
	case !x.digits:
		x.texts = strconv.AppendInt(append(x.texts, ':'), sub, 10)
	case inside:
		x.texts = appendSub(x.texts, sub)
	default:
		x.texts = appendSub(x.texts, -1)
	}
	x.numbers = append(x.numbers, unsafe.String(&x.texts[from], len(x.texts)-from))
	return &x.numbers[len(x.numbers)-1]
}

// makeRoom makes room for the numbers of the stored record from sub on.
func (x *expansion) makeRoom(sub int64) {
	last := sub
	if !x.finished {
		last = max(sub, int64(x.count)-1)
	}
	n := int(last - sub + 1)
	x.numbers = make([]string, 0, n)
	x.texts = make([]byte, 0, n*(len(x.sequence)+max(9, 1+len(strconv.FormatInt(last, 10)))))
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
