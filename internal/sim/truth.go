package sim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// stored names a stored record.
type stored struct{ stream, shard, sequenceNumber string }

// Acknowledged returns the stored records of a stream that some host was told of by the answer to a PutRecord or
// PutRecords, by shard id, in order. All of a stream's records are in Kinesis.Records: those too whose answer was
// lost, or reached a host that was dead by then. A large world does not know.
func (w *World) Acknowledged(stream string) map[string][]kinesisfake.Record {
	all := w.Kinesis.Records(stream)
	w.mu.Lock()
	defer w.mu.Unlock()
	for shard, records := range all {
		all[shard] = slices.DeleteFunc(records, func(r kinesisfake.Record) bool {
			return !w.acknowledged[stored{stream, shard, r.SequenceNumber}]
		})
	}
	return all
}

// acknowledge notes what an answer that has reached its host says about stored records.
func (c *call) acknowledge(response *http.Response) {
	if c.host.world.large || c.operation != "PutRecord" && c.operation != "PutRecords" || response.StatusCode != http.StatusOK {
		return
	}
	type result struct{ ShardId, SequenceNumber string }
	var request struct{ StreamName, StreamARN string }
	var answer struct {
		result
		Records []result
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(body, &answer) != nil || json.Unmarshal(c.body, &request) != nil {
		panic("sim: the answer to a " + c.operation + " is none") // the Kinesis wrote it
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	stream := request.StreamName
	if stream == "" {
		_, stream, _ = strings.Cut(request.StreamARN, "/")
	}
	w := c.host.world
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range append(answer.Records, answer.result) {
		if r.SequenceNumber != "" {
			w.acknowledged[stored{stream, r.ShardId, r.SequenceNumber}] = true
		}
	}
}
