package kinesisfake

import (
	"slices"
	"time"
)

const (
	maxRecords     = 10_000
	maxRecordBytes = 10 * mebibyte
)

type getRecordsInput struct {
	ShardIterator *string
	Limit         *int
	StreamARN     *string
	DryRun        bool
}

type getRecordsOutput struct {
	records      []Record
	next         string // "" at the end of a closed shard
	millisBehind int64
	children     []childShard
}

func (s *Server) getRecords(in *getRecordsInput) (any, error) {
	if in.ShardIterator == nil {
		return nil, missing("shardIterator")
	}
	if err := within(in.Limit, 1, maxRecords, "limit"); err != nil {
		return nil, err
	}
	st, sh, position, err := s.resume(*in.ShardIterator, in.StreamARN)
	switch {
	case err != nil:
		return nil, err
	case in.DryRun:
		return nil, errDryRun
	case !sh.limits.read():
		return nil, exceeded(sh, st)
	}
	count := maxRecords
	if in.Limit != nil {
		count = *in.Limit
	}
	batch := sh.read(position, count, maxRecordBytes)
	sh.limits.charge(batch.size)
	out := getRecordsOutput{records: batch.records, millisBehind: batch.millisBehind}
	if batch.next < sh.end() || sh.isOpen() {
		out.next = st.iterator(sh, batch.next)
	} else {
		out.children = st.childrenOf(sh)
	}
	return out, nil
}

// resume finds the position of a shard iterator.
func (s *Server) resume(token string, streamARN *string) (*stream, *shard, int, error) {
	it, sealed, ok := openIterator(token)
	if !ok {
		return nil, nil, 0, invalidArgument("Invalid ShardIterator.")
	}
	name := it.stream
	st, err := s.dataStream(streamRef{&name, nil})
	switch {
	case err != nil:
		return nil, nil, 0, err
	case streamARN != nil && *streamARN != st.arn(), it.created != st.created.UnixNano(), it.shard >= len(st.shards):
		return nil, nil, 0, invalidArgument("Invalid ShardIterator: it is of another stream.")
	case time.Since(sealed) > tokenLife:
		return nil, nil, 0, fail("ExpiredIteratorException", "Iterator expired. It was created at %v, more than %d milliseconds before %v.",
			sealed.UTC(), tokenLife.Milliseconds(), time.Now().UTC())
	}
	sh, err := st.shard(&st.shards[it.shard].id, "shardId")
	return st, sh, it.position, err
}

// batch is what is read at once.
type batch struct {
	records      []Record
	next         int // position behind the records
	size         int
	millisBehind int64
}

// read returns records from a position on: not more than count and size allow, but at least one if there is one.
func (sh *shard) read(position, count, size int) batch {
	records, position := sh.from(position)
	b := batch{}
	for len(b.records) < min(count, len(records)) {
		r := records[len(b.records)]
		if b.size += len(r.Data) + len(r.PartitionKey); b.size > size && len(b.records) > 0 {
			b.size -= len(r.Data) + len(r.PartitionKey)
			break
		}
		b.records = records[:len(b.records)+1]
	}
	b.next = position + len(b.records)
	if len(b.records) < len(records) {
		// Records of the very same millisecond are behind too: 0 would mean that there is nothing more.
		b.millisBehind = max(1, time.Since(records[len(b.records)].ArrivalTime).Milliseconds())
	}
	return b
}

func (out getRecordsOutput) appendJSON(b []byte) []byte {
	b = append(slices.Grow(b, encodedSize(out.records)), '{')
	b = appendRecords(b, out.records)
	b = appendEnd(b, out.millisBehind, out.children)
	if out.next != "" {
		b = append(b, `,"NextShardIterator":`...)
		b = appendText(b, out.next)
	}
	return append(b, '}')
}
