package rows

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	userRecords = 100   // of a stream
	all         = 1000  // more stored records than a stream has
	end         = "END" // the data of the record that ends the last worker
)

// stage is where a scenario is played: a stream of its own.
type stage struct {
	*world
	scenario    scenario
	stream      string
	application string // the lease table; "": named as the stream
	plan        *plan
	workers     int
	files       string  // a folder
	seen        []event // what was delivered, by all workers
	recorder    *recorder
}

// streamName returns a name that Kinesis, DynamoDB and a file can have.
func streamName(run string) string { return strings.ReplaceAll(run, "/", "--") }

// play is what most scenarios do.
func (st *stage) play(t *testing.T) ledger {
	stored := st.putAsPlanned(t)
	st.plan = st.choose(t)
	refused := ""
	for i, stop := range st.scenario.stops {
		o := st.work(t, stop.by, merged(stop.settings, map[string]string{
			"ROW_CHECKPOINT": stop.checkpoint, "ROW_WHEN": stop.when, "ROW_AT": st.plan.users[st.plan.stops[i]].text,
		}))
		refused = cmp.Or(refused, o.refused)
	}
	st.putPlain(t, st.stream, end)
	o := st.work(t, st.scenario.last, st.scenario.settings)
	return newLedger(stored, st.seen, cmp.Or(refused, o.refused))
}

// putAsPlanned puts into a new stream, and into another until the KPL has packed one as packed says: on a busy machine it
// may take less into an aggregate, and what is lost in a batch would be another number.
func (st *stage) putAsPlanned(t *testing.T) (stored []string) {
	for name, i := st.stream, 0; ; i++ {
		if i > 0 {
			st.stream = fmt.Sprintf("%s--%d", name, i)
		}
		st.createStream(t, st.stream, 1)
		stored = st.put(t)
		got := st.stored(t, st.stream)
		want, err := packed(st.scenario, len(stored))
		if err == nil && slices.EqualFunc(got, want, sameShape) {
			return stored
		}
		if t.Logf("the KPL has packed %d user records as %v; once more", len(stored), shape(got)); i == mostTries {
			t.Fatal("the KPL does not pack as planned")
		}
	}
}

const mostTries = 20

// shape is how many user records each has.
func shape(stored []storedRecord) (sizes []int) {
	for _, r := range stored {
		sizes = append(sizes, len(r.Users))
	}
	return sizes
}

func sameShape(a, b storedRecord) bool {
	return len(a.Users) == len(b.Users) && a.Aggregate == b.Aggregate && a.Damaged == b.Damaged
}

// put puts the user records by the KPL, with the damaged aggregate in their middle if there is one, and returns
// those that were acknowledged and can be read.
func (st *stage) put(t *testing.T) (stored []string) {
	names := names(userRecords)
	const half = userRecords / 2
	stored = st.kpl(t).put(t, st.stream, st.scenario.plain, names[:half])
	if st.scenario.damage != "" {
		stored = append(stored, st.putDamaged(t, st.stream, st.scenario.damage)...)
	}
	return append(stored, st.kpl(t).put(t, st.stream, st.scenario.plain, names[half:])...)
}

// names are the data of n user records.
func names(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("r%03d", i)
	}
	return names
}

// work runs one worker more, and keeps what it was handed.
func (st *stage) work(t *testing.T, by program, settings map[string]string) outcome {
	o := st.end(t, st.begin(t, by, settings))
	st.seen = append(st.seen, o.records...)
	return o
}

// end waits for a worker to stop, and records what it did and what its checkpoint is then.
func (st *stage) end(t *testing.T, w *worker) outcome {
	o := w.wait(t)
	r := w.told
	r.Events, r.Refused, r.LeaseLost, r.Lease = o.records, o.refused, o.leaseLost, st.lease(t)
	st.recorder.note(w.stream, r)
	return o
}

// begin starts one worker more, by the part's consumer if no other is named.
func (st *stage) begin(t *testing.T, by program, settings map[string]string) *worker {
	if by.command == nil {
		by = st.part.consumer
	}
	application := st.table()
	if st.workers == 0 && (by.index || st.scenario.needsIndex()) {
		st.createLeaseTable(t, application)
	}
	st.workers++
	limit := st.scenario.max
	if limit == 0 {
		limit = all
	}
	common := map[string]string{
		"ROW_KINESIS": st.kinesisURL, "ROW_DYNAMODB": st.dynamodbURL, "ROW_STREAM": st.stream, "ROW_APPLICATION": application,
		"ROW_WORKER": fmt.Sprintf("worker-%d", st.workers), "ROW_CHECKPOINT": "nothing", "ROW_AT": "", "ROW_WHEN": "at",
		"ROW_MAX": fmt.Sprint(limit), "ROW_POSITION": "TRIM_HORIZON", "ROW_SELF": "", "ROW_ENDS": "1",
		"ROW_CHECKPOINT_FILE": filepath.Join(st.files, "checkpoint"),
	}
	return by.start(t, merged(common, settings))
}

// table is the application's name, and its lease table's.
func (st *stage) table() string { return cmp.Or(st.application, st.stream) }

// needsIndex tells whether one of the workers does.
func (s scenario) needsIndex() bool {
	return s.last.index || slices.ContainsFunc(s.stops, func(stop stop) bool { return stop.by.index })
}
