package kpldaemon

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// measure puts 10 records into each stream, one of which fails, after a request that fails as a whole.
func (c *client) measure() {
	throttled := false
	c.setFault(func(r kinesisfake.Request) kinesisfake.Fault {
		if r.Operation != "PutRecords" || throttled {
			return kinesisfake.Fault{}
		}
		throttled = true
		return kinesisfake.Fault{ErrorCode: "ProvisionedThroughputExceededException"}
	})
	for id := range uint64(10) {
		c.putRecord(id, "a", "k", "", "12345")
	}
	c.result(9)
	c.put(10, "nosuch")
	c.result(10)
}

func (c *client) metrics(name *string, seconds *uint64) map[string]*kplpb.Stats {
	c.Helper()
	c.send(77, &kplpb.Message{ActualMessage: &kplpb.Message_MetricsRequest{MetricsRequest: &kplpb.MetricsRequest{Name: name, Seconds: seconds}}})
	time.Sleep(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	got := map[string]*kplpb.Stats{}
	m := c.other[len(c.other)-1]
	if m.GetSourceId() != 77 {
		c.Errorf("the answer is to %d", m.GetSourceId())
	}
	for _, x := range m.GetMetricsResponse().GetMetrics() {
		key := x.GetName()
		for _, d := range x.GetDimensions() {
			key += " " + d.GetKey() + "=" + d.GetValue()
		}
		if got[key] != nil {
			c.Errorf("%s is there twice", key)
		}
		got[key] = x.GetStats()
	}
	return got
}

// TestMetrics: a metrics_request is answered from what has happened, with the KPL's names and dimensions.
func TestMetrics(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.config.AdditionalMetricDims = []*kplpb.AdditionalDimension{{Key: proto.String("host"), Value: proto.String("one"), Granularity: proto.String("global")}}
	}, func(b *bench) {
		c := b.connect()
		c.measure()
		const shard = " ShardId=shardId-000000000001"
		got := c.metrics(nil, nil)
		for key, want := range map[string][2]float64{ // count and sum
			"UserRecordsPut":                                  {11, 10},
			"UserRecordsPut host=one":                         {11, 10},
			"UserRecordsPut host=one StreamName=a":            {10, 10},
			"UserRecordsPut host=one StreamName=a" + shard:    {10, 10},
			"UserRecordsPut host=one StreamName=nosuch":       {1, 0},
			"UserRecordsDataPut":                              {10, 50},
			"KinesisRecordsPut host=one StreamName=a" + shard: {1, 1},
			"AllErrors":                       {3, 2},
			"AllErrors host=one StreamName=a": {2, 1},
			"ErrorsByCode":                    {2, 2},
			"ErrorsByCode host=one":           {2, 2},
			"ErrorsByCode host=one ErrorCode=ResourceNotFoundException":                           {1, 1},
			"ErrorsByCode host=one ErrorCode=ProvisionedThroughputExceededException StreamName=a": {1, 1},
			"RetriesPerRecord":                                              {11, 10},
			"UserRecordsReceived host=one StreamName=a":                     {10, 10},
			"UserRecordsPerKinesisRecord host=one StreamName=a":             {2, 20},
			"UserRecordsPerPutRecordsRequest host=one StreamName=a":         {2, 20},
			"KinesisRecordsPerPutRecordsRequest host=one StreamName=nosuch": {1, 1},
			"UserRecordsPending":                                            {1, 0},
		} {
			if s := got[key]; s.GetCount() != want[0] || s.GetSum() != want[1] || s.GetMean() != want[1]/want[0] {
				t.Errorf("%s: %v, want count and sum %v", key, s, want)
			}
		}
		if s := got["BufferingTime"]; s.GetCount() != 21 || s.GetMin() < 40 || s.GetMax() > 300 {
			t.Errorf("BufferingTime: %v", s)
		}
		time.Sleep(10 * time.Second)
		if s := c.metrics(proto.String("UserRecordsPut"), proto.Uint64(5)); len(s) != 5 || s["UserRecordsPut"].GetCount() != 0 {
			t.Errorf("of the last 5 seconds: %v", s)
		}
		if s := c.metrics(proto.String("UserRecordsPut"), proto.Uint64(20)); s["UserRecordsPut"].GetCount() != 11 {
			t.Errorf("of the last 20 seconds: %v", s)
		}
	})
}

// watch is a CloudWatch: it counts by name and dimensions, and fails while it is told so.
type watch struct {
	down     bool
	requests []url.Values
	auth     string
}

func (w *watch) seen(sums map[string]string) map[string]string {
	for _, form := range w.requests {
		for i := 1; form.Get(fmt.Sprintf("MetricData.member.%d.MetricName", i)) != ""; i++ {
			at := fmt.Sprintf("MetricData.member.%d.", i)
			key := form.Get("Namespace") + " " + form.Get(at+"MetricName")
			for j := 1; form.Get(fmt.Sprintf("%sDimensions.member.%d.Name", at, j)) != ""; j++ {
				key += fmt.Sprintf(" %s=%s", form.Get(fmt.Sprintf("%sDimensions.member.%d.Name", at, j)), form.Get(fmt.Sprintf("%sDimensions.member.%d.Value", at, j)))
			}
			sums[key] += form.Get(at+"StatisticValues.Sum") + form.Get(at+"Unit") + ";"
		}
	}
	return sums
}

func (w *watch) answer(r *http.Request) (*http.Response, error) {
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		in, _ = gzip.NewReader(in)
	}
	body, _ := io.ReadAll(in)
	w.auth = r.Header.Get("Authorization")
	status, text := 200, "<PutMetricDataResponse><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PutMetricDataResponse>"
	if w.down {
		status, text = 400, "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
	} else if form, err := url.ParseQuery(string(body)); err == nil {
		w.requests = append(w.requests, form)
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// TestCloudWatch: metrics go to CloudWatch as level and granularity say, each once, also those that it did not take at first
// and those that are left at the end; with level none nothing goes.
func TestCloudWatch(t *testing.T) {
	for _, c := range []struct {
		level, granularity string
		want, not          []string
	}{
		{"detailed", "shard", []string{"UserRecordsPut", "UserRecordsPut StreamName=a ShardId=shardId-000000000001", "UserRecordsReceived"}, nil},
		{"detailed", "stream", []string{"UserRecordsReceived StreamName=a"}, []string{"ShardId"}},
		{"summary", "global", []string{"UserRecordsPut", "ErrorsByCode", "ErrorsByCode ErrorCode=ResourceNotFoundException"}, []string{"StreamName", "Received", "RequestTime"}},
		{"none", "shard", nil, []string{""}},
	} {
		t.Run(c.level+" "+c.granularity, func(t *testing.T) {
			var w watch
			inBubble(t, func(b *bench) {
				b.config.MetricsLevel, b.config.MetricsGranularity, b.config.MetricsUploadDelay = &c.level, &c.granularity, proto.Uint64(10_000)
				b.config.MetricsNamespace = proto.String("Mine")
				b.watch = &w
			}, func(b *bench) {
				w.down = true
				client := b.connect()
				client.credentials(akid("for-metrics"), proto.Bool(true))
				client.measure()
				time.Sleep(15 * time.Second)
				b.mu.Lock()
				w.down = false
				b.mu.Unlock()
				time.Sleep(10 * time.Second)
				client.putRecord(11, "a", "k", "", "at the end")
				client.result(11)
			})
			got := w.seen(map[string]string{})
			for _, key := range c.want {
				if got["Mine "+key] == "" {
					t.Errorf("%s is not there: %v", key, got)
				}
			}
			if c.want != nil && c.level == "detailed" {
				if got := got["Mine UserRecordsPut StreamName=a"]; got != "10Count;1Count;" {
					t.Errorf("UserRecordsPut of a: %q, want 10 and then 1", got)
				}
			}
			for key := range got {
				for _, not := range c.not {
					if strings.Contains(key, not) {
						t.Errorf("%s is there", key)
					}
				}
			}
			if c.level != "none" && !strings.Contains(w.auth, "Credential=for-metrics/") {
				t.Errorf("signed by %q", w.auth)
			}
		})
	}
}
