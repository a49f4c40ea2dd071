package deaggaws

import (
	"crypto/md5"
	"slices"
	"strconv"
	"sync"
	"time"
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

// work is the memory of an expansion that nothing of its result shares.
type work struct {
	decoder deagg.Decoder
	stored  []deagg.StoredRecord // the batch
	counts  []int                // how many user records each of them has, at most
}

var works = sync.Pool{New: func() any { return new(work) }}

// workOn takes memory for a batch. It is to be put back.
func workOn(batch []types.Record) *work {
	w := works.Get().(*work)
	w.stored = AppendStored(slices.Grow(w.stored, len(batch)), batch)
	return w
}

// mostKept is the largest stored record whose work is used again: the Decoder keeps up to 8.5 times as much for it.
const mostKept = wire.UsualRecord

func (w *work) putBack() {
	if slices.ContainsFunc(w.stored, func(r deagg.StoredRecord) bool { return len(r.Data) > mostKept }) {
		return
	}
	w.decoder.Reset()
	clear(w.stored) // they pin what the caller may have dropped
	w.stored = w.stored[:0]
	works.Put(w)
}

// expand returns the user records of a batch, which is stored, as the SDK's records. It fails only for digits that there are
// not. All memory that their number decides is allocated once, for as many as there can be: they may be 25 times as large as
// what they are made of.
func (w *work) expand(batch []types.Record, how form) ([]types.Record, error) {
	most := 0
	w.counts = w.counts[:0]
	for i := range batch {
		w.counts = append(w.counts, deagg.Count(batch[i].Data))
		most += w.counts[i]
	}
	x := expansion{out: make([]types.Record, 0, most), secondPass: how.secondPass, numbers: position.Numbers{Digits: how.digits}}
	at, err := -1, error(nil)
	w.decoder.Each(w.stored, func(i int, u *deagg.UserRecord) bool {
		if i != at {
			err = x.begin(&batch[i], u, w.counts[i])
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
	texts      []byte   // of which are
	used       int
}

// begin takes the stored record that the next user records come out of, and the first of them.
func (x *expansion) begin(r *types.Record, u *deagg.UserRecord, count int) error {
	x.stored, x.count, x.made = r, count, nil
	if u.Aggregated {
		x.keys.begin(count)
	} else {
		x.count = 1 // a damaged aggregate, whatever it lists, is delivered whole
	}
	return x.numbers.Begin(aws.ToString(r.SequenceNumber), u)
}

// sameFields says that a record has the fields that are set here, one by one. An SDK that adds one gets it copied, too.
const sameFields = unsafe.Sizeof(types.Record{}) == unsafe.Sizeof(struct {
	Data                         []byte
	PartitionKey, SequenceNumber *string
	ApproximateArrivalTimestamp  *time.Time
	EncryptionType               types.EncryptionType
	_                            struct{}
}{})

// add adds a user record. While the collector runs, each pointer that is written costs, even over another one, so each is
// written once.
func (x *expansion) add(u *deagg.UserRecord) {
	if len(x.out) == cap(x.out) || !sameFields {
		x.out = append(x.out, *x.stored)
	} else {
		x.out = x.out[:len(x.out)+1]
	}
	r := &x.out[len(x.out)-1]
	r.Data = u.Data
	r.ApproximateArrivalTimestamp = x.stored.ApproximateArrivalTimestamp
	if x.stored.EncryptionType != "" {
		r.EncryptionType = x.stored.EncryptionType
	}
	if u.Aggregated && !x.numbers.Finished {
		r.PartitionKey = x.keys.of(u.PartitionKey)
	} else {
		r.PartitionKey = x.stored.PartitionKey
	}
	magic := deagg.HasMagic(u.Data)
	switch how := x.numbers.How(u, magic); how {
	case position.Inside, position.Whole:
		r.SequenceNumber = x.number(how, u.SubSequenceNumber)
	case position.Bare:
		r.SequenceNumber = aws.String(x.numbers.Sequence)
	default:
		r.SequenceNumber = x.stored.SequenceNumber
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
	text := x.numbers.Append(x.texts[x.used:x.used], how, sub) // which has room there
	x.used += len(text)
	x.made = append(x.made, unsafe.String(&text[0], len(text)))
	return &x.made[len(x.made)-1]
}

// makeRoom makes room for the numbers of the stored record from sub on.
func (x *expansion) makeRoom(sub int64) {
	last := sub
	if !x.numbers.Finished {
		last = max(sub, int64(x.count)-1)
	}
	n, tail := int(last-sub+1), 1+len(strconv.FormatInt(last, 10))
	if x.numbers.Digits {
		tail = 9
	}
	x.made = make([]string, 0, n)
	x.used, x.texts = 0, make([]byte, n*(len(x.numbers.Sequence)+tail))
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
