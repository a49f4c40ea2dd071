package kplpipe

import (
	"bytes"
	"regexp"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// Put is a put_record with its message's id: what nearly all frames to a daemon hold. Its strings and its data share
// one piece of memory, which nothing else uses: of a long frame that is the frame's.
type Put struct {
	ID                                    uint64
	Stream, PartitionKey, ExplicitHashKey string // the last is "" where it is absent
	Data                                  []byte
}

// putOverhead is what a put counts besides its bytes: for what is kept beside it, and for its result.
const putOverhead = 512

// Cost is what a put counts in bytes, in the windows of both sides. A parent that counted less would send more than the
// daemon reads, and take it for one that hangs.
func (p Put) Cost() int64 {
	return int64(putOverhead + len(p.Stream) + len(p.PartitionKey) + len(p.ExplicitHashKey) + len(p.Data))
}

// streamName is what Kinesis takes as a stream's name, or as its ARN.
var streamName = regexp.MustCompile(`^(arn:aws[a-z-]{0,20}:kinesis:[a-z0-9-]{1,40}:[0-9]{12}:stream/)?[a-zA-Z0-9_.-]{1,128}$`)

// IsStream tells whether there can be a stream of this name, or with this ARN.
func IsStream(name string) bool { return streamName.MatchString(name) }

// MostBuffered is the largest --max-buffered of the daemon, in bytes: what an int holds everywhere, twice.
const MostBuffered = 1000 << 20

// ReadPut reads the next message as Read does. A put_record comes as Put, which takes one allocation instead of nine, and
// other is nil. Every other message is other.
func (r *Reader) ReadPut() (put Put, other *kplpb.Message, err error) {
	frame, offset := r.frame+1, r.offset
	data, err := r.Next()
	if err != nil {
		return Put{}, nil, err
	}
	if !isLong(len(data)) {
		data = bytes.Clone(data) // the buffer is used again
	}
	if put, ok := parsePut(data); ok {
		return put, nil, nil
	}
	m := new(kplpb.Message)
	if err := Unmarshal(data, m); err != nil {
		return Put{}, nil, &FrameError{frame, offset, uint32(len(data)), err}
	}
	if p := m.GetPutRecord(); p != nil {
		return asPut(m.GetId(), p), nil, nil
	}
	return Put{}, m, nil
}

func asPut(id uint64, p *kplpb.PutRecord) Put {
	return Put{id, p.GetStreamName(), p.GetPartitionKey(), p.GetExplicitHashKey(), p.GetData()}
}

// parsePut reads a put_record as every known writer has it: an id, then the record, without unknown fields. ok is false
// for anything else, be it faulty or odd, which the generated code then judges.
func parsePut(message []byte) (put Put, ok bool) {
	const id, record = 1<<3 | uint64(protowire.VarintType), 3<<3 | uint64(protowire.BytesType)
	rest, ok := after(message, id)
	if !ok {
		return Put{}, false
	}
	n := 0
	if put.ID, n = protowire.ConsumeVarint(rest); n < 0 {
		return Put{}, false
	}
	if rest, ok = after(rest[n:], record); !ok {
		return Put{}, false
	}
	inner, n := protowire.ConsumeBytes(rest)
	if n < 0 || n != len(rest) {
		return Put{}, false
	}
	return put, put.parse(inner)
}

// parse reads the fields of the record, and keeps parts of it.
func (p *Put) parse(record []byte) bool {
	var seen uint8 // a bit for each field's number; of one that comes twice the last counts, as with the generated code
	for len(record) > 0 {
		field, kind, n := protowire.ConsumeTag(record)
		if n < 0 || kind != protowire.BytesType || field > 4 {
			return false
		}
		value, m := protowire.ConsumeBytes(record[n:])
		if m < 0 {
			return false
		}
		switch seen |= 1 << field; field {
		case 1:
			p.Stream = text(value)
		case 2:
			p.PartitionKey = text(value)
		case 3:
			p.ExplicitHashKey = text(value)
		case 4:
			p.Data = value[:len(value):len(value)]
		}
		record = record[n+m:]
	}
	return seen&0b10110 == 0b10110 // all that are required
}

// after returns what follows a tag.
func after(data []byte, tag uint64) ([]byte, bool) {
	if len(data) == 0 || uint64(data[0]) != tag {
		return nil, false
	}
	return data[1:], true
}

// text is b as a string without a copy: nobody changes b any more.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
