package kinesisfake

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// Shapes of the API that several answers share.

type hashKeyRange struct{ StartingHashKey, EndingHashKey string }

func keysOf(sh *shard) hashKeyRange {
	return hashKeyRange{sh.hashRange.Start().String(), sh.hashRange.End().String()}
}

type sequenceNumberRange struct {
	StartingSequenceNumber string
	EndingSequenceNumber   string `json:",omitempty"`
}

type shardDescription struct {
	ShardId               string
	ParentShardId         string `json:",omitempty"`
	AdjacentParentShardId string `json:",omitempty"`
	HashKeyRange          hashKeyRange
	SequenceNumberRange   sequenceNumberRange
}

func describe(shards []*shard) []shardDescription {
	described := make([]shardDescription, len(shards))
	for i, sh := range shards {
		d := shardDescription{
			ShardId: sh.id, HashKeyRange: keysOf(sh),
			SequenceNumberRange: sequenceNumberRange{sh.start.String(), sh.endingSequenceNumber()},
		}
		if len(sh.parents) > 0 {
			d.ParentShardId = sh.parents[0]
		}
		if len(sh.parents) > 1 {
			d.AdjacentParentShardId = sh.parents[1]
		}
		described[i] = d
	}
	return described
}

type childShard struct {
	ShardId      string
	ParentShards []string
	HashKeyRange hashKeyRange
}

type streamModeDetails struct{ StreamMode string }

func (st *stream) mode() streamModeDetails {
	if st.onDemand {
		return streamModeDetails{"ON_DEMAND"}
	}
	return streamModeDetails{"PROVISIONED"}
}

// appendRecords writes records by hand: they are nearly all that a server of records writes.
func appendRecords(b []byte, records []Record) []byte {
	b = append(b, `"Records":[`...)
	for i, r := range records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"SequenceNumber":"`...)
		b = append(b, r.SequenceNumber...)
		b = append(b, `","ApproximateArrivalTimestamp":`...)
		b = epoch(r.ArrivalTime).append(b)
		b = append(b, `,"Data":"`...)
		b = base64.StdEncoding.AppendEncode(b, r.Data)
		b = append(b, '"')
		if r.PartitionKey != "" {
			b = append(b, `,"PartitionKey":`...)
			b = appendText(b, r.PartitionKey)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendText appends a JSON string.
func appendText(b []byte, text string) []byte {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text)
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// appendEnd appends what follows the records: how far behind they are and, at the end of a shard, its children.
func appendEnd(b []byte, millisBehind int64, children []childShard) []byte {
	b = append(b, `,"MillisBehindLatest":`...)
	b = strconv.AppendInt(b, millisBehind, 10)
	if children != nil {
		b = append(b, `,"ChildShards":`...)
		list, _ := json.Marshal(children)
		b = append(b, list...)
	}
	return b
}

// encodedSize is about what records take in an answer, so that it is allocated once.
func encodedSize(records []Record) int {
	size := 512
	for _, r := range records {
		size += 160 + len(r.PartitionKey) + base64.StdEncoding.EncodedLen(len(r.Data))
	}
	return size
}
