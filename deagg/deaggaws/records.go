package deaggaws

import (
	"crypto/md5"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/wire"
)

// form is how user records are written as the SDK's records.
type form struct {
	secondPass bool // data that starts with the magic is wrapped
	digits     bool // positions are digits alone
}

// expand returns the user records of a batch as the SDK's records. It fails only for digits that there are not.
func expand(d *deagg.Decoder, batch []types.Record, how form) ([]types.Record, error) {
	x := expansion{out: make([]types.Record, 0, len(batch)), form: how}
	for i := range batch {
		x.left += len(batch[i].Data)
	}
	at := -1
	for i, u := range d.All(AppendStored(make([]deagg.StoredRecord, 0, len(batch)), batch)) {
		if i != at {
			if err := x.end(); err != nil {
				return nil, err
			}
			for at < i { // also past those of which nothing comes
				at++
				x.left -= len(batch[at].Data)
			}
			x.begin(&batch[i], u.SequenceNumber)
		}
		x.add(&u)
	}
	err := x.end()
	return x.out, err
}

// expansion collects user records. Those of one stored record share the memory of their texts.
type expansion struct {
	form
	out      []types.Record
	left     int // bytes of the stored records that have not begun
	stored   *types.Record
	sequence string   // its sequence number, without a sub-sequence number
	first    int      // of the stored record's user records in out
	keys     []string // their partition keys
	subs     []int64  // their sub-sequence numbers, -1 for one that keeps the bare sequence number
}

// begin takes the stored record that the next user records come out of, and the sequence number that they have.
func (x *expansion) begin(r *types.Record, sequence string) {
	x.stored, x.sequence, x.first = r, sequence, len(x.out)
	x.keys, x.subs = x.keys[:0], x.subs[:0]
}

func (x *expansion) add(u *deagg.UserRecord) {
	r := *x.stored
	r.Data = u.Data
	magic := deagg.HasMagic(u.Data)
	if u.Aggregated && !(u.Last && !magic) {
		x.subs = append(x.subs, u.SubSequenceNumber)
	} else {
		x.subs = append(x.subs, -1)
	}
	if magic && x.secondPass {
		r.Data = wrap(u.PartitionKey, u.Data)
	}
	x.keys = append(x.keys, u.PartitionKey)
	x.out = append(x.out, r)
}

// end gives the stored record's user records their texts.
func (x *expansion) end() error {
	if x.stored == nil {
		return nil
	}
	defer x.reserve()
	us := x.out[x.first:]
	if len(us) == 0 {
		return nil
	}
	highest, plain := slices.Max(x.subs), len(us) == 1 && x.subs[0] < 0 && x.keys[0] == aws.ToString(x.stored.PartitionKey)
	switch {
	case x.digits:
		if err := digitError(x.sequence, highest); err != nil {
			return err
		}
	case plain && x.sequence == aws.ToString(x.stored.SequenceNumber):
		return nil // as it came
	}
	var texts strings.Builder
	texts.Grow(len(us) * (len(x.sequence) + max(9, 1+len(strconv.FormatInt(highest, 10)))))
	slab := make([]string, 2*len(us))
	for i := range us {
		key, number := &slab[2*i], &slab[2*i+1]
		if !plain { // whose key may be absent
			*key = x.keys[i]
			us[i].PartitionKey = key
		}
		if x.sequence != "" {
			*number = x.number(&texts, x.subs[i])
			us[i].SequenceNumber = number
		}
	}
	return nil
}

// number returns the text of a sub-sequence number of the stored record, -1 for all of it. texts has the memory for it.
func (x *expansion) number(texts *strings.Builder, sub int64) string {
	if !x.digits && sub < 0 {
		return x.sequence
	}
	from := texts.Len()
	texts.WriteString(x.sequence)
	var digits [20]byte
	if x.digits {
		texts.Write(appendSub(digits[:0], sub))
	} else {
		texts.WriteByte(':')
		texts.Write(strconv.AppendInt(digits[:0], sub, 10))
	}
	return texts.String()[from:]
}

// reserve makes room for the rest of the batch as if it held as many user records to the byte as the last stored
// record: memory stays in proportion to the input.
func (x *expansion) reserve() {
	n, size := len(x.out)-x.first, len(x.stored.Data)
	if n > 1 && cap(x.out)-len(x.out) < n {
		x.out = slices.Grow(x.out, int(int64(n)*int64(x.left)/int64(size))+1)
	}
}

// wrap returns an aggregate of one user record.
func wrap(key string, data []byte) []byte {
	record := protowire.AppendTag(nil, wire.PartitionKeyIndex, protowire.VarintType)
	record = protowire.AppendVarint(record, 0)
	record = protowire.AppendTag(record, wire.Data, protowire.BytesType)
	record = protowire.AppendBytes(record, data)
	b := []byte(wire.Magic)
	b = protowire.AppendTag(b, wire.PartitionKeyTable, protowire.BytesType)
	b = protowire.AppendString(b, key)
	b = protowire.AppendTag(b, wire.Records, protowire.BytesType)
	b = protowire.AppendBytes(b, record)
	sum := md5.Sum(b[len(wire.Magic):])
	return append(b, sum[:]...)
}
