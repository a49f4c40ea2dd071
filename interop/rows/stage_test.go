package rows

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	userRecords = 101   // of a stream; the first goes alone, since the KPL has no shard map yet
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
		refused += o.refused
	}
	st.putPlain(t, st.stream, end)
	o := st.work(t, st.scenario.last, st.scenario.settings)
	return newLedger(stored, st.seen, refused+o.refused)
}

// put puts the user records by the KPL, with the damaged aggregate in their middle if there is one, and returns
// those that were acknowledged.
func (st *stage) put(t *testing.T) (stored []string) {
	names := names(userRecords)
	half := 1 + userRecords/2
	stored = st.kpl(t).put(t, st.stream, st.scenario.plain, names[:1])
	stored = append(stored, st.kpl(t).put(t, st.stream, st.scenario.plain, names[1:half])...)
	if st.scenario.damaged {
		stored = append(stored, st.putDamaged(t, st.stream)...)
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

// createLeaseTable makes the table as KCL 3 does.
func (w *world) createLeaseTable(t *testing.T, name string) {
	const table = `{"TableName": %q, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}, {"AttributeName": "leaseOwner", "AttributeType": "S"}],
		"KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
		"GlobalSecondaryIndexes": [{"IndexName": "LeaseOwnerToLeaseKeyIndex", "Projection": {"ProjectionType": "KEYS_ONLY"},
			"KeySchema": [{"AttributeName": "leaseOwner", "KeyType": "HASH"}, {"AttributeName": "leaseKey", "KeyType": "RANGE"}]}]}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.dynamodbURL, strings.NewReader(fmt.Sprintf(table, name)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.CreateTable")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Date", "20261126T000000Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20261126/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=a")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("the lease table was not created: %s", text)
	}
}
