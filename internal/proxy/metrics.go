package proxy

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Metrics counts what a Handler does, and answers with it in Prometheus' text form. The counts of records are for the
// one who changes answers.
type Metrics struct {
	UserRecords, StoredRecords, Malformed, Dropped atomic.Uint64
	Unusual                                        atomic.Uint64 // answers that can not be read

	requestBytes, answerBytes, upstreamErrors, refusals atomic.Uint64
	requests, connections                               atomic.Int64 // now
	operations                                          map[string]*operationMetrics
}

// otherOperation is what is not known to be one operation. Names come from a list: a client can't make new ones.
const otherOperation = "other"

// buckets are upper bounds in seconds.
var buckets = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

type operationMetrics struct {
	answers [6]atomic.Uint64 // by the first digit of the status; 0: the client got none
	buckets [len(buckets) + 1]atomic.Uint64
	nanos   atomic.Uint64
}

func newMetrics() *Metrics {
	m := &Metrics{operations: map[string]*operationMetrics{otherOperation: {}}}
	for name := range operations {
		m.operations[name] = new(operationMetrics)
	}
	return m
}

// answered counts an answer, and how long it took.
func (m *Metrics) answered(operation string, status int, took time.Duration) {
	o := m.operations[operation]
	o.answers[min(max(status/100, 0), 5)].Add(1)
	i, _ := slices.BinarySearch(buckets[:], took.Seconds())
	o.buckets[i].Add(1)
	o.nanos.Add(uint64(took))
}

// ServeHTTP answers with all metrics. Operations that nobody has called are left out.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	for _, c := range []struct {
		name, kind, help string
		value            any
	}{
		{"user_records_total", "counter", "User records that clients were given.", m.UserRecords.Load()},
		{"stored_records_total", "counter", "Stored records that they came from.", m.StoredRecords.Load()},
		{"malformed_records_total", "counter", "Records that are damaged, and were passed on marked as such.", m.Malformed.Load()},
		{"dropped_records_total", "counter", "User records outside their shard, which come from another one.", m.Dropped.Load()},
		{"unusual_answers_total", "counter", "Answers of Kinesis that are not in a known form, and were refused.", m.Unusual.Load()},
		{"request_bytes_total", "counter", "Bytes of the bodies of clients' requests.", m.requestBytes.Load()},
		{"answer_bytes_total", "counter", "Bytes of the bodies of answers to clients.", m.answerBytes.Load()},
		{"upstream_errors_total", "counter", "Requests to which Kinesis gave no answer, or not all of it.", m.upstreamErrors.Load()},
		{"refusals_total", "counter", "Requests that the proxy refused by itself: access, --read-only, limits.", m.refusals.Load()},
		{"requests", "gauge", "Requests under way, subscriptions included.", m.requests.Load()},
		{"connections", "gauge", "Connections of clients.", m.connections.Load()},
	} {
		fmt.Fprintf(&b, "# HELP kplkit_proxy_%s %s\n# TYPE kplkit_proxy_%[1]s %[3]s\nkplkit_proxy_%[1]s %[4]v\n", c.name, c.help, c.kind, c.value)
	}
	m.writeOperations(&b)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(b.Bytes())
}

func (m *Metrics) writeOperations(b *bytes.Buffer) {
	const answers, latency = "kplkit_proxy_answers_total", "kplkit_proxy_request_duration_seconds"
	var a, l bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(m.operations)) {
		o, count := m.operations[name], uint64(0)
		for digit := range o.answers {
			if n := o.answers[digit].Load(); n > 0 {
				fmt.Fprintf(&a, "%s{operation=%q,code=\"%dxx\"} %d\n", answers, name, digit, n)
			}
		}
		for i := range o.buckets {
			count += o.buckets[i].Load()
		}
		if count == 0 {
			continue
		}
		sum := uint64(0)
		for i := range o.buckets {
			bound := "+Inf"
			if i < len(buckets) {
				bound = strconv.FormatFloat(buckets[i], 'g', -1, 64)
			}
			sum += o.buckets[i].Load()
			fmt.Fprintf(&l, "%s_bucket{operation=%q,le=%q} %d\n", latency, name, bound, sum)
		}
		fmt.Fprintf(&l, "%s_sum{operation=%q} %g\n", latency, name, time.Duration(o.nanos.Load()).Seconds())
		fmt.Fprintf(&l, "%s_count{operation=%q} %d\n", latency, name, sum)
	}
	fmt.Fprintf(b, "# HELP %s Answers to clients; 0xx: the client was gone.\n# TYPE %[1]s counter\n%s", answers, a.Bytes())
	fmt.Fprintf(b, "# HELP %s Until the end of an answer; of a subscription, until its beginning.\n# TYPE %[1]s histogram\n%s", latency, l.Bytes())
}
