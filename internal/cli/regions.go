package cli

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/internal/wire"
)

// regionKind is what the bytes of a region are.
type regionKind uint8

const (
	magicRegion regionKind = iota
	partitionKeyRegion
	explicitKeyRegion
	recordRegion // tag and length of a user record's field, or of its data
	indexRegion
	dataRegion
	tagsRegion
	unknownRegion // a field that nobody knows
	unreadRegion
	checksumRegion
	wrongChecksumRegion
	plainRegion
	regionKinds
)

var regionNames = [regionKinds]string{
	"magic", "partition keys", "explicit hash keys", "record frames", "record key indexes", "record data",
	"record tags", "unknown fields", "can't be read", "checksum", "checksum, WRONG", "plain data",
}

// region is a piece of a record's data that is one thing.
type region struct {
	kind       regionKind
	start, end int
	index      int // of the key in its table, or of the user record
}

// title says what a region is, in a few words.
func (r region) title(a *anatomy) string {
	name := regionNames[r.kind]
	switch {
	case r.kind == partitionKeyRegion && r.index < len(a.PartitionKeys):
		name = fmt.Sprintf("partition key %d: %v", r.index, a.PartitionKeys[r.index].Key)
	case r.kind == explicitKeyRegion && r.index < len(a.ExplicitKeys):
		name = fmt.Sprintf("explicit hash key %d: %v", r.index, a.ExplicitKeys[r.index].Key)
	case r.kind >= recordRegion && r.kind <= tagsRegion:
		name = fmt.Sprintf("user record %d: %s", r.index, strings.TrimPrefix(name, "record "))
	}
	return fmt.Sprintf("%s, %d bytes at %d", name, r.end-r.start, r.start)
}

// eachRegion hands out the regions of a record in order. They cover all of it, without gaps, and none is empty.
func (a *anatomy) eachRegion(each func(region)) {
	give := func(kind regionKind, start, end, index int) {
		if start < end {
			each(region{kind, start, end, index})
		}
	}
	if !a.Aggregated {
		give(plainRegion, 0, len(a.data), 0)
		return
	}
	end := len(a.data)
	if a.Checksum != nil {
		end = a.Checksum.Offset
	}
	give(magicRegion, 0, len(wire.Magic), 0)
	var keys, explicit, users int
	at := len(wire.Magic)
	for at < end {
		number, typ, value, n, err := consume(a.data[at:end])
		if err != nil {
			break
		}
		switch {
		case typ == protowire.BytesType && number == wire.PartitionKeyTable:
			give(partitionKeyRegion, at, at+n, keys)
			keys++
		case typ == protowire.BytesType && number == wire.ExplicitHashKeyTable:
			give(explicitKeyRegion, at, at+n, explicit)
			explicit++
		case typ == protowire.BytesType && number == wire.Records:
			give(recordRegion, at, at+n-len(value), users)
			a.eachOfRecord(at+n-len(value), at+n, users, give)
			users++
		default:
			give(unknownRegion, at, at+n, 0)
		}
		at += n
	}
	give(unreadRegion, at, end, 0)
	if a.Checksum != nil {
		kind := checksumRegion
		if !a.Checksum.OK {
			kind = wrongChecksumRegion
		}
		give(kind, end, len(a.data), 0)
	}
}

// eachOfRecord hands out the regions of message Record between at and end.
func (a *anatomy) eachOfRecord(at, end, user int, give func(kind regionKind, start, end, index int)) {
	for at < end {
		number, typ, value, n, err := consume(a.data[at:end])
		if err != nil {
			break
		}
		switch {
		case typ == protowire.VarintType && (number == wire.PartitionKeyIndex || number == wire.ExplicitHashKeyIndex):
			give(indexRegion, at, at+n, user)
		case typ == protowire.BytesType && number == wire.Data:
			give(recordRegion, at, at+n-len(value), user)
			give(dataRegion, at+n-len(value), at+n, user)
		case typ == protowire.BytesType && number == wire.Tags:
			give(tagsRegion, at, at+n, user)
		default:
			give(unknownRegion, at, at+n, user)
		}
		at += n
	}
	give(unreadRegion, at, end, user)
}
