package rows

import (
	"crypto/md5"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// damage is what is wrong with the one aggregate of a run.
type damage string

const (
	badIndex    damage = "one of its key indexes is not in its table"
	badMD5      damage = "its MD5 is wrong"
	badProtobuf damage = "its protobuf is cut short, under a matching MD5"
)

// broken is a run with a damaged aggregate among good ones, read with a checkpoint after each user record. dies says
// that the consumer does not get over it; it is then started a second time.
func broken(id string, d damage, dies bool, w want) scenario {
	what := "one aggregate is damaged: " + string(d) + "; checkpoint after each user record"
	if dies {
		what += "; the consumer ends with an error, and so does the next one"
	}
	s := scenario{id: id, what: what, max: 4, refuses: dies, want: w}
	s.play = func(st *stage, t *testing.T) ledger { return st.playBroken(t, d) }
	return s
}

// playBroken counts the user records of the damaged aggregate only if it can be read but for a key: nobody gets them
// out otherwise.
func (st *stage) playBroken(t *testing.T, d damage) ledger {
	names := names(userRecords)
	const half = 1 + userRecords/2
	st.createStream(t, st.stream, 1)
	stored := st.kpl(t).put(t, st.stream, false, names[:1])
	stored = append(stored, st.kpl(t).put(t, st.stream, false, names[1:half])...)
	if d == badIndex {
		stored = append(stored, st.putDamaged(t, st.stream)...)
	} else {
		st.putTorn(t, st.stream, d)
	}
	stored = append(stored, st.kpl(t).put(t, st.stream, false, names[half:])...)
	st.plan = newPlan(t, st.readBack(t, st.stream), st.scenario)
	st.putPlain(t, st.stream, end)
	settings := merged(st.scenario.settings, map[string]string{"ROW_CHECKPOINT": "sequence-number"})
	o := st.work(t, st.scenario.last, settings)
	if o.refused == "" {
		return newLedger(stored, st.seen, "")
	}
	if again := st.work(t, st.scenario.last, settings); again.refused == "" {
		t.Errorf("%s, but the next worker came to the end", o.refused)
	}
	return newLedger(stored, st.seen, o.refused)
}

// putTorn puts an aggregate that nobody can read.
func (w *world) putTorn(t *testing.T, stream string, d damage) {
	var e aggregator.Encoder
	for _, text := range []string{"x0", "x1", "x2"} {
		if _, err := e.Add(aggregator.Record{PartitionKey: "key-" + text, Data: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	data := e.AppendTo(nil)
	if d == badMD5 {
		data[len(data)-1] ^= 1
	} else {
		const magic = 4
		message := data[magic : len(data)-md5.Size-1]
		sum := md5.Sum(message)
		data = slices.Concat(data[:magic], message, sum[:])
	}
	_, err := w.client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: &stream, PartitionKey: aws.String("a"), Data: data})
	if err != nil {
		t.Fatal(err)
	}
}

// fromBatchLost: with the damaged aggregate goes all that came in the same answer, and all that follows.
func fromBatchLost(p *plan) (lost, twice int) {
	for _, u := range p.users {
		if p.batch(u) >= p.damaged/p.max && readable(u) {
			lost++
		}
	}
	return lost, 0
}

// fromBatchLostAgain: and all before it comes twice, since the checkpoints were not written yet.
func fromBatchLostAgain(p *plan) (lost, twice int) {
	lost, _ = fromBatchLost(p)
	for _, u := range p.users {
		if p.batch(u) < p.damaged/p.max {
			twice++
		}
	}
	return lost, twice
}
