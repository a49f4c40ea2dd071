package kinesisfake

import (
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/seqnum"
)

// putEntry is a record to be put.
type putEntry struct {
	Data            []byte
	PartitionKey    *string
	ExplicitHashKey *string
}

func (e *putEntry) partitionKey() string {
	if e.PartitionKey == nil {
		return ""
	}
	return *e.PartitionKey
}

// size is what a record counts for in every limit.
func (e *putEntry) size() int { return len(e.Data) + len(e.partitionKey()) }

type putRecordInput struct {
	streamRef
	putEntry
	SequenceNumberForOrdering *string
	DryRun                    bool
}

type putRecordOutput struct{ ShardId, SequenceNumber, EncryptionType string }

func (s *Server) putRecord(in *putRecordInput) (any, error) {
	st, err := s.dataStream(in.streamRef)
	if err != nil {
		return nil, err
	}
	key, err := st.check(&in.putEntry, -1)
	if err != nil {
		return nil, err
	}
	if in.SequenceNumberForOrdering != nil {
		if _, err := seqnum.Parse(*in.SequenceNumberForOrdering); err != nil {
			return nil, invalidArgument("SequenceNumberForOrdering %.160q is invalid.", *in.SequenceNumberForOrdering)
		}
	}
	if in.DryRun {
		return nil, errDryRun
	}
	sh, number, err := st.put(&in.putEntry, key)
	if err != nil {
		return nil, err
	}
	return putRecordOutput{sh.id, number, "NONE"}, nil
}

var explicitHashKey = regexp.MustCompile(`^(0|[1-9]\d{0,38})$`)

// check holds a record to the API's rules and returns its hash key, which means nothing on an AUTO stream.
// entry is its place in a PutRecords request, or -1.
func (st *stream) check(e *putEntry, entry int) (key hashkey.Key, err error) {
	switch {
	case e.Data == nil:
		return key, missing(member("data", entry))
	case e.PartitionKey == nil && !st.auto:
		return key, missing(member("partitionKey", entry))
	case e.PartitionKey != nil && *e.PartitionKey == "":
		return key, violation("", member("partitionKey", entry), "Member must have length greater than or equal to 1")
	case len(e.partitionKey()) > 256 && utf8.RuneCountInString(*e.PartitionKey) > 256:
		return key, violation(*e.PartitionKey, member("partitionKey", entry), "Member must have length less than or equal to 256")
	case len(e.Data) > 10*mebibyte:
		return key, violation(fmt.Sprintf("(%d bytes)", len(e.Data)), member("data", entry),
			fmt.Sprintf("Member must have length less than or equal to %d", 10*mebibyte))
	case e.size() > st.recordSize:
		return key, invalidArgument("A record of %d bytes, data and partition key, is larger than the %d that %v allows.",
			e.size(), st.recordSize, st)
	}
	if e.ExplicitHashKey == nil {
		return hashkey.Of(e.partitionKey()), nil
	}
	if !explicitHashKey.MatchString(*e.ExplicitHashKey) {
		return key, violation(*e.ExplicitHashKey, member("explicitHashKey", entry),
			`Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})`)
	}
	if key, err = hashkey.Parse(*e.ExplicitHashKey); err != nil {
		return key, invalidArgument("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s",
			*e.ExplicitHashKey)
	}
	return key, nil
}

// member names a member of a record to be put.
func member(name string, entry int) string {
	if entry < 0 {
		return name
	}
	return fmt.Sprintf("records.%d.member.%s", entry+1, name)
}

// put stores a record that has been checked. It fails only for a shard's rates.
func (st *stream) put(e *putEntry, key hashkey.Key) (*shard, string, error) {
	sh := st.place(key)
	sh.trim(st.horizon())
	if !sh.limits.put(e.size()) {
		return nil, "", exceeded(sh, st)
	}
	r := Record{PartitionKey: e.partitionKey(), Data: e.Data, ArrivalTime: time.UnixMilli(time.Now().UnixMilli())}
	if e.ExplicitHashKey != nil {
		r.ExplicitHashKey = *e.ExplicitHashKey
	}
	return sh, sh.put(r), nil
}

// place picks the shard of a record.
func (st *stream) place(key hashkey.Key) *shard {
	if !st.auto {
		return st.owner(key)
	}
	st.turn++
	return st.open[st.turn%len(st.open)]
}
