package deagglambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/producer/aggregator"
	"github.com/kplkit/kplkit/seqnum"
)

// mapping is an event source mapping: it calls a function by the rules that AWS documents for Kinesis with
// ReportBatchItemFailures.
//
//   - An answer with items: the lowest sequence number is the checkpoint, and all from there on comes again.
//   - An error of the function: the whole batch comes again; with bisect its first half, then its second.
//   - After the last attempt what is left of the batch goes to the on-failure destination, and the shard goes on.
//   - With a parallelization factor each lane has the partition keys whose hash is its, in order, and the lanes run at a time.
type mapping struct {
	rng       *rand.Rand
	call      func(context.Context, deagglambda.Event) (deagglambda.Response, error)
	batchSize int
	attempts  int  // of a batch; 0: no end
	fresh     bool // attempts begin anew after a partial success
	bisect    bool
	factor    int

	objects    [][]byte       // at the on-failure destination
	deliveries map[string]int // of stored records, by sequence number
}

// batch is what one lane has to try.
type batch struct {
	records  []deagglambda.Record
	attempts int
}

// run plays a shard's records to the end.
func (m *mapping) run(t *testing.T, records []deagglambda.Record) {
	lanes := make([][]batch, max(m.factor, 1))
	for _, r := range records {
		lane := 0
		for _, c := range []byte(r.Kinesis.PartitionKey) {
			lane = (lane*31 + int(c)) % len(lanes)
		}
		queue := lanes[lane]
		if n := len(queue); n == 0 || len(queue[n-1].records) >= 1+m.rng.IntN(m.batchSize) {
			queue = append(queue, batch{})
		}
		last := &queue[len(queue)-1]
		last.records = append(last.records, r)
		lanes[lane] = queue
	}
	for steps := 0; ; steps++ {
		if steps > 100_000 {
			t.Fatal("the shard does not come to its end")
		}
		var ready []int
		for i := range lanes {
			if len(lanes[i]) > 0 {
				ready = append(ready, i)
			}
		}
		if len(ready) == 0 {
			return
		}
		lane := ready[m.rng.IntN(len(ready))]
		lanes[lane] = append(m.try(t, lanes[lane][0]), lanes[lane][1:]...)
	}
}

// try calls the function once, and returns what of the batch is still to do.
func (m *mapping) try(t *testing.T, b batch) []batch {
	for _, r := range b.records {
		m.deliveries[r.Kinesis.SequenceNumber]++
	}
	answer, failed := m.invoke(t, deagglambda.Event{Records: b.records})
	b.attempts++
	from := 0
	switch {
	case failed:
	case len(answer.BatchItemFailures) == 0:
		return nil
	default:
		from = m.lowest(t, b.records, answer)
	}
	rest := batch{b.records[from:], b.attempts}
	if from > 0 && m.fresh {
		rest.attempts = 0
	}
	if m.attempts > 0 && rest.attempts >= m.attempts {
		m.discard(t, rest.records)
		return nil
	}
	if n := len(rest.records); m.bisect && failed && n > 1 { // a partial answer bisects at its sequence number: the rest
		return []batch{{rest.records[:n/2], rest.attempts}, {rest.records[n/2:], rest.attempts}}
	}
	return []batch{rest}
}

// invoke sends an event as JSON, as Lambda does. A panic is an error of the function.
func (m *mapping) invoke(t *testing.T, e deagglambda.Event) (answer deagglambda.Response, failed bool) {
	return m.send(t, marshal(t, e))
}

func (m *mapping) send(t *testing.T, text []byte) (answer deagglambda.Response, failed bool) {
	var e deagglambda.Event
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); r != nil {
			failed = true
		}
	}()
	answer, err := m.call(t.Context(), e)
	text = marshal(t, answer)
	answer = deagglambda.Response{}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	return answer, err != nil
}

func (m *mapping) lowest(t *testing.T, records []deagglambda.Record, answer deagglambda.Response) int {
	for i, r := range records {
		for _, f := range answer.BatchItemFailures {
			if f.ItemIdentifier == r.Kinesis.SequenceNumber {
				return i
			}
		}
	}
	t.Fatalf("the answer names none of the batch's records: %v", answer)
	return 0
}

// discard sends a batch to the on-failure destination in S3, in the form that AWS documents.
func (m *mapping) discard(t *testing.T, records []deagglambda.Record) {
	first, last := records[0], records[len(records)-1]
	m.objects = append(m.objects, marshal(t, map[string]any{
		"requestContext":  map[string]any{"requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5", "condition": "RetryAttemptsExhausted"},
		"responseContext": map[string]any{"statusCode": 200, "functionError": nil},
		"version":         "1.0",
		"KinesisBatchInfo": map[string]any{
			"shardId": shard, "streamArn": arn, "batchSize": len(records),
			"startSequenceNumber": first.Kinesis.SequenceNumber, "endSequenceNumber": last.Kinesis.SequenceNumber,
		},
		"payload": string(marshal(t, deagglambda.Event{Records: records})),
	}))
}

func marshal(t *testing.T, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const (
	arn   = "arn:aws:kinesis:us-east-2:123456789012:stream/orders"
	shard = "shardId-000000000006"
)

// record is a stored record of an event.
func record(sequenceNumber, partitionKey string, data []byte) deagglambda.Record {
	return deagglambda.Record{
		EventID: shard + ":" + sequenceNumber, EventSource: "aws:kinesis", EventName: "aws:kinesis:record", EventSourceARN: arn, AWSRegion: "us-east-2",
		Kinesis: deagglambda.KinesisRecord{
			SchemaVersion: "1.0", PartitionKey: partitionKey, SequenceNumber: sequenceNumber, Data: data, ApproximateArrivalTimestamp: 1545084650.987,
		},
	}
}

// shardOf makes a shard's stored records, plain, aggregated and one damaged aggregate, and the data of their user records.
func shardOf(t *testing.T, rng *rand.Rand, stored int) (records []deagglambda.Record, users []string) {
	number := seqnum.MustParse("49590338271490256608559692538361571095921575989136588898").String()
	for i := range stored {
		sequence := fmt.Sprintf("%s%05d", number[:51], i)
		size := 1 + rng.IntN(6)
		if rng.IntN(3) == 0 {
			size = 1
		}
		var e aggregator.Encoder
		var inside []string
		for range size {
			user := fmt.Sprintf("user-%d", len(users)+len(inside))
			inside = append(inside, user)
			if ok, err := e.Add(aggregator.Record{PartitionKey: fmt.Sprintf("key-%d", rng.IntN(5)), Data: []byte(user)}); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		key, _ := e.Keys()
		if size > 1 {
			key = "a"
		}
		data := e.AppendTo(nil)
		if size > 1 && rng.IntN(20) == 0 { // damaged: comes whole
			data[len(data)-1]++
			inside = []string{string(data)}
		}
		records = append(records, record(sequence, key, data))
		users = append(users, inside...)
	}
	return records, users
}
