package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// rowOne is a producer that is not Java, on a stream of four shards.
func rowOne() part {
	part := part{
		name: "row-1", versions: map[string]string{"KCL": "2.7.2", "Java": javaVersion()}, consumer: kcl("2.7.2"),
		scenarios: []scenario{
			{id: "python-aggregator/kcl-2.7.2", what: "Python's aws_kinesis_agg puts ten user records into each aggregate", check: losesSome,
				play: readFourShards(func(w *world) putter { return python{w, perAggregate} })},
			{id: "python-plain/kcl-2.7.2", what: "Python puts each user record by itself", check: exactly,
				play: readFourShards(func(w *world) putter { return python{w, 0} })},
			{id: "kplkit-put/kcl-2.7.2", what: "kplkit's producer puts ten user records into each aggregate", check: exactly,
				play: readFourShards(func(w *world) putter { return newOurs(w) })},
		},
	}
	for i := range part.scenarios {
		if strings.HasPrefix(part.scenarios[i].id, "python-aggregator") {
			part.scenarios[i].versions = map[string]string{"KCL": "2.7.2", "aws_kinesis_agg": aggregatorVersion()}
		}
	}
	return part
}

// readFourShards is a scenario: all is put, and one worker reads it.
func readFourShards(by func(*world) putter) func(*stage, *testing.T) ledger {
	return func(st *stage, t *testing.T) ledger {
		st.createStream(t, st.stream, 4)
		stored := by(st.world).put(t, st.stream, false, names(userRecords))
		st.endShards(t, st.stream)
		o := st.work(t, st.scenario.last, endsOfFour)
		return newLedger(stored, o.records, o.refused)
	}
}

// aggregatorVersion is that of the aws_kinesis_agg that run.sh has installed.
var aggregatorVersion = sync.OnceValue(func() string {
	const ask = "import importlib.metadata; print(importlib.metadata.version('aws_kinesis_agg'))"
	out, err := exec.Command(filepath.Join(cache, "python", "bin", "python"), "-c", ask).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
})

// python puts what aws_kinesis_agg makes of user records.
type python struct {
	world        *world
	perAggregate int // 0: it is not asked
}

func (p python) put(t *testing.T, stream string, _ bool, users []string) (stored []string) {
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	for _, user := range users {
		lines.Encode(map[string]any{"partition_key": "key-" + user, "data": []byte(user)}) // a buffer takes all
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(cache, "python", "bin", "python"), "../python/aggregate.py", fmt.Sprint(p.perAggregate))
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = &in, &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("aggregate.py: %v (is it installed? run.sh does that)\n%s", err, &complaints)
	}
	for records := json.NewDecoder(bytes.NewReader(out)); ; {
		var r struct {
			PartitionKey    string  `json:"partition_key"`
			ExplicitHashKey *string `json:"explicit_hash_key"`
			Data            []byte  `json:"data"`
		}
		if err := records.Decode(&r); errors.Is(err, io.EOF) {
			return users // each request below has succeeded
		} else if err != nil {
			t.Fatal(err)
		}
		_, err := p.world.client.PutRecord(t.Context(), &kinesis.PutRecordInput{
			StreamName: &stream, PartitionKey: &r.PartitionKey, ExplicitHashKey: r.ExplicitHashKey, Data: r.Data,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
