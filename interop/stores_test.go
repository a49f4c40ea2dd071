package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// What is put: aggregates of so many user records each, on one shard, and END. A consumer is killed once in each of them.
const (
	storesAggregates = 40
	storesOfEach     = 100
)

// thenAlone is digits, until harlow goes on without kplkit.
const thenAlone = "digits, then harlow alone"

// harlow runs harlow/kinesis-consumer with a store in a real database.
var harlow = peer{"harlow/kinesis-consumer", []string{".cache/stores/stores"}}

// storesEvidence is what harlow did with each store.
type storesEvidence struct {
	V          int               `json:"v"`
	Part       string            `json:"part"`
	Date       string            `json:"date"`
	Seed       uint64            `json:"seed"`
	Versions   map[string]string `json:"versions"`
	Put        int               `json:"put"`
	Aggregates int               `json:"aggregates"`
	Runs       []*storesRun      `json:"runs"`
}

// storesRun is a consumer with one store, killed inside of aggregates and started again each time.
type storesRun struct {
	Store     string `json:"store"`
	Column    string `json:"column"`
	Statement string `json:"statement,omitempty"` // by which the column came to be other than in harlow's README
	Back      string `json:"back,omitempty"`      // by which the table is made ready for harlow alone, which has the last part
	SQLMode   string `json:"sql_mode,omitempty"`
	Positions string `json:"positions"`
	Kills     int    `json:"kills"`
	Delivered int    `json:"delivered"` // each time counts
	Lost      int    `json:"lost"`
	Twice     int    `json:"twice"`   // deliveries after the first one
	Refused   int    `json:"refused"` // writes of a checkpoint
	Error     string `json:"error,omitempty"`
	Example   string `json:"example"` // what the table holds after the first kill

	database *database
	want     func(p storesPlan) storesOutcome
}

type storesOutcome struct {
	lost, twice int
	refuses     bool // some writes
}

// storesPlan is where in each aggregate the consumer is killed: after the user record of this index.
type storesPlan []int

// exact is what has to come of a store that holds a position inside an aggregate.
func exact(storesPlan) storesOutcome { return storesOutcome{} }

// refusing is a store that keeps the last whole aggregate: what was done of the next one comes again.
func refusing(p storesPlan) (o storesOutcome) {
	for _, at := range p {
		o.twice += at + 1
	}
	o.refuses = true
	return o
}

// cutting is a store that cuts the position to its stored record: what was left of the aggregate never comes.
func cutting(p storesPlan) (o storesOutcome) {
	for _, at := range p {
		o.lost += storesOfEach - 1 - at
	}
	return o
}

// startingAgain is a consumer that Kinesis refuses the last position: all that was done before it comes again.
func startingAgain(p storesPlan) storesOutcome {
	last := len(p) - 1
	return storesOutcome{twice: last*storesOfEach + p[last] + 1}
}

// TestStores: with positions as digits harlow's stores in PostgreSQL and MariaDB lose and repeat nothing, with the columns of its
// README; with text once the column is one of texts. Without either they repeat, or lose, as much as follows from
// where the consumer was killed.
func TestStores(t *testing.T) {
	e := &storesEvidence{V: 1, Part: "stores", Date: newEvidence("", 0).Date, Seed: *seed, Versions: harlow.versions(t),
		Put: storesAggregates * storesOfEach, Aggregates: storesAggregates}
	postgres, mariadb := startPostgres(t), startMariaDB(t)
	for _, d := range []*database{postgres, mariadb} {
		e.Versions[d.name] = d.version(t)
	}
	plan, random := storesPlan{}, rand.New(rand.NewPCG(*seed, 17))
	for range storesAggregates {
		plan = append(plan, random.IntN(storesOfEach-1)) // never the last one, where the position is all of the aggregate
	}
	const text, digits = "text", "digits"
	e.Runs = []*storesRun{
		{database: postgres, Positions: text, want: refusing},
		{database: mariadb, Positions: text, want: refusing},
		{database: mariadb, Positions: text, SQLMode: "''", want: cutting},
		{database: postgres, Positions: digits, want: exact},
		{database: mariadb, Positions: digits, want: exact},
		{database: mariadb, Positions: digits, SQLMode: "''", want: exact},
		{database: postgres, Positions: text, Statement: postgres.toText, want: exact},
		{database: mariadb, Positions: text, Statement: mariadb.toText, want: exact},
		{database: mariadb, Positions: text, SQLMode: "''", Statement: mariadb.toText, want: exact},
		{database: postgres, Positions: thenAlone, want: startingAgain},
		{database: postgres, Positions: thenAlone, Back: postgres.toBare, want: exact},
		{database: mariadb, Positions: thenAlone, Back: mariadb.toBare, want: exact},
	}
	for _, r := range e.Runs {
		stops := plan
		if r.Back != "" { // which is for the ends of aggregates
			stops = slices.Repeat(storesPlan{storesOfEach - 1}, storesAggregates)
		}
		r.run(t, stops)
		t.Logf("%-10s %-14s sql_mode %-3s %-25s lost %4d, twice %4d, refused %4d, holds %s", r.Store, r.Column, r.SQLMode, r.Positions, r.Lost, r.Twice, r.Refused, r.Example)
		if got, want := (storesOutcome{r.Lost, r.Twice, r.Refused > 0}), r.want(plan); got != want {
			t.Errorf("%s, %s, %s: %+v, want %+v; %s", r.Store, r.Column, r.Positions, got, want, r.Error)
		}
	}
	writeEvidence(t, e.Part, e)
}

// run has a consumer read the stream, killed in each aggregate, on an empty table.
func (r *storesRun) run(t *testing.T, plan storesPlan) {
	r.Store, r.Column = r.database.name, r.database.numeric
	r.database.do(t, "DROP TABLE IF EXISTS kinesis_consumer")
	r.database.do(t, r.database.schema)
	if r.Statement != "" {
		r.database.do(t, r.Statement)
		r.Column = r.database.text
	}
	url := fake.start(t)
	putForStores(t, url)
	counts := map[string]int{}
	for i, stop := range append(plan[:len(plan):len(plan)], -1) {
		positions := r.Positions
		if positions == thenAlone {
			positions = "digits"
			if stop < 0 {
				positions = "alone"
			}
		}
		if stop < 0 && r.Back != "" {
			r.database.do(t, r.Back)
		}
		r.live(t, url, positions, fmt.Sprintf("%d.%d", i, stop), counts)
		if i == 0 {
			r.Example = r.database.do(t, "SELECT sequence_number FROM kinesis_consumer")
		}
	}
	for i := range storesAggregates {
		for j := range storesOfEach {
			switch n := counts[fmt.Sprintf("%d.%d", i, j)]; n {
			case 0:
				r.Lost++
			default:
				r.Delivered += n
				r.Twice += n - 1
			}
		}
	}
	if counts["END"] == 0 {
		t.Errorf("%s, %s: the end was not reached", r.Store, r.Positions)
	}
}

// live is one process: it is killed at a user record, or at the end.
func (r *storesRun) live(t *testing.T, url, positions, stop string, counts map[string]int) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, harlow.command[0], "-database", r.database.driver, "-source", r.database.source(r.SQLMode),
		"-kinesis", url, "-positions", positions, "-stop", stop)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("%s: %v (is it installed? run.sh does that)", harlow.name, err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var line struct{ Record, Refused, Failed string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %s: %v", harlow.name, lines.Text(), err)
		}
		switch {
		case line.Failed != "":
			t.Errorf("%s, %s: %s", r.Store, r.Positions, line.Failed)
		case line.Refused != "":
			r.Refused++
			r.Error = line.Refused
		default:
			counts[line.Record]++
		}
	}
	if err := cmd.Wait(); err == nil || ctx.Err() != nil {
		t.Fatalf("%s, %s: the consumer was not killed: %v", r.Store, r.Positions, err)
	}
	r.Kills++
}

// putForStores puts the aggregates, as kplkit's encoder writes them, and END.
func putForStores(t *testing.T, url string) {
	client := kinesis.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: aws.AnonymousCredentials{}})
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) {
		if _, err := client.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("orders"), PartitionKey: aws.String("k"), Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range storesAggregates {
		var e aggregator.Encoder
		for j := range storesOfEach {
			text := fmt.Sprintf("%d.%d", i, j)
			if ok, err := e.Add(aggregator.Record{PartitionKey: "key-" + text, Data: []byte(text)}); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		put(e.AppendTo(nil))
	}
	put([]byte("END"))
}
