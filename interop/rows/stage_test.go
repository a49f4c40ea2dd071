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
}

// streamName returns a name that Kinesis, DynamoDB and a file can have.
func streamName(run string) string { return strings.ReplaceAll(run, "/", "--") }

// play is what most scenarios do.
func (st *stage) play(t *testing.T) ledger {
	st.createStream(t, st.stream, 1)
	stored := st.put(t)
	st.plan = newPlan(t, st.readBack(t, st.stream), st.scenario)
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
	o := st.begin(t, by, settings).wait(t)
	st.seen = append(st.seen, o.records...)
	return o
}

// begin starts one worker more, by the part's consumer if no other is named.
func (st *stage) begin(t *testing.T, by program, settings map[string]string) *worker {
	if by.command == nil {
		by = st.part.consumer
	}
	application := st.application
	if application == "" {
		application = st.stream
	}
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

// needsIndex tells whether one of the workers does.
func (s scenario) needsIndex() bool {
	return s.last.index || slices.ContainsFunc(s.stops, func(stop stop) bool { return stop.by.index })
}
