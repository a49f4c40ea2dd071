package rows

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// source is a producer that is not Java.
type source struct {
	id, what   string
	versions   map[string]string
	aggregates bool
	users      int // that it puts; userRecords if 0
	check      func(ledger) bool
	by         func(*world) putter
}

func sources() []source {
	all := []source{
		{id: "python-aggregator", what: "Python's aws_kinesis_agg puts ten user records into each aggregate", versions: map[string]string{"aws_kinesis_agg": aggregatorVersion()},
			aggregates: true, check: allLost, by: func(w *world) putter { return python{w, perAggregate} }},
		{id: "python-plain", what: "Python puts each user record by itself", check: allOnce, by: func(w *world) putter { return python{w, 0} }},
		{id: "kplkit-put", what: "kplkit's producer puts ten user records into each aggregate", aggregates: true, check: allOnce, by: func(w *world) putter { return newOurs(w) }},
	}
	all = append(all, clientSources("go", "Go", map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}, builtClient)...)
	all = append(all, clientSources("python", "Python", map[string]string{"Python": pythonVersion()}, "python3", "../clients/put.py")...)
	return append(all, clientSources("node", "Node", map[string]string{"Node.js": nodeVersion()}, "node", "../clients/put.js")...)
}

// clientSources is one of kplkit's clients, left alone and with its child killed.
func clientSources(id, language string, versions map[string]string, command ...string) []source {
	what := "kplkit's client for " + language + ", over kplkit daemon, puts ten user records into each aggregate"
	return []source{
		{id: "client-" + id, what: what, versions: versions, aggregates: true, check: allOnce, by: func(w *world) putter { return client{w, command} }},
		{id: "client-" + id + "-killed", what: fmt.Sprintf("%s; its child is killed %d times meanwhile (kill -9), and sends again what has no result", what, kills), versions: versions,
			aggregates: true, users: kills * usersPerKill, check: noneLost, by: func(w *world) putter { return killed{client{w, command}} }},
	}
}

func allOnce(l ledger) bool { return l.Put == userRecords && l.Delivered == userRecords && exactly(l) }

// allLost: what shares an aggregate with user records of other shards, as here all do, is dropped.
func allLost(l ledger) bool { return l.Put == userRecords && l.Lost == userRecords }

// noneLost: each is acknowledged and comes at least once, and once more at most for each kill under it.
func noneLost(l ledger) bool {
	const most = kills * usersPerKill
	return l.Put == most && l.Lost+l.Raw == 0 && l.Twice <= most
}

// rowOne is each producer that is not Java, on a stream of four shards.
func rowOne() part {
	part := part{name: "row-1", versions: map[string]string{"Java": javaVersion()}}
	for _, version := range []string{"2.7.2", "3.5.1"} {
		for _, s := range sources() {
			part.scenarios = append(part.scenarios, scenario{
				id: s.id + "/kcl-" + version, what: s.what, versions: merged(s.versions, map[string]string{"KCL": version}),
				check: s.check, keeps: noneMixed, users: cmp.Or(s.users, userRecords), last: kcl(version), play: readFourShards(s),
			})
		}
	}
	return part
}

// witness is a stored record that every reader delivers: one that delivers nothing is not taken for one that drops what it
// must.
const witness = "witness"

// readFourShards is a scenario: all is put, and one worker reads it.
func readFourShards(s source) func(*stage, *testing.T) ledger {
	return func(st *stage, t *testing.T) ledger {
		st.createStream(t, st.stream, 4)
		users := cmp.Or(s.users, userRecords)
		stored := s.by(st.world).put(t, st.stream, false, names(users))
		if n := st.aggregated(t, st.stream); s.aggregates && n < userRecords/2 || !s.aggregates && n > 0 {
			t.Errorf("%d user records are in aggregates", n)
		}
		st.putPlain(t, st.stream, witness)
		st.endShards(t, st.stream)
		o := st.work(t, st.scenario.last, endsOfFour)
		return newLedger(stored, o.records, o.refused)
	}
}

// aggregated counts the user records of a stream that are in aggregates.
func (w *world) aggregated(t *testing.T, stream string) (n int) {
	for _, r := range w.stored(t, stream) {
		if r.Aggregate {
			n += len(r.Users)
		}
	}
	return n
}

// Versions of what is installed.
var (
	aggregatorVersion = sync.OnceValue(func() string {
		return said(pythonProgram, "-c", "import importlib.metadata; print(importlib.metadata.version('aws_kinesis_agg'))")
	})
	nodeVersion = sync.OnceValue(func() string { return said("node", "-p", "process.versions.node") })
)

var pythonProgram = filepath.Join(cache, "python", "bin", "python")

// said is what a command writes.
func said(command ...string) string {
	out, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// python puts what aws_kinesis_agg makes of user records.
type python struct {
	world        *world
	perAggregate int // 0: it is not asked
}

func (p python) put(t *testing.T, stream string, _ bool, users []string) (stored []string) {
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	planned(stream, users...)
	for _, user := range users {
		lines.Encode(map[string]any{"partition_key": "key-" + user, "data": []byte(user)}) // a buffer takes all
	}
	cmd := exec.CommandContext(t.Context(), pythonProgram, "../python/aggregate.py", fmt.Sprint(p.perAggregate))
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
			for _, user := range users {
				resultOf(stream, putResult{Text: user})
			}
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
