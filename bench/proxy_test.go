package bench

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kplkit/kplkit/producer/aggregator"
)

// upstreamOf is a Kinesis that gives everything the same answer.
func upstreamOf(b testing.TB, body string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("Content-Length", strconv.Itoa(len(body))) // as Kinesis does
		io.WriteString(w, body)
	}))
	b.Cleanup(s.Close)
	return s.URL
}

// cannedAnswer is an answer of GetRecords of about so many bytes, whose stored records have data of each.
func cannedAnswer(size int, each []byte) string {
	var a strings.Builder
	data := base64.StdEncoding.EncodeToString(each)
	for i := 0; a.Len() < size; i++ {
		fmt.Fprintf(&a, `,{"SequenceNumber":"49680523304536297513748243888185500536114644917%09d","ApproximateArrivalTimestamp":1764400000.123,"Data":"%s","PartitionKey":"a"}`, i, data)
	}
	return `{"Records":[` + a.String()[1:] + `],"NextShardIterator":"` + strings.Repeat("A", 232) + `","MillisBehindLatest":0}`
}

func aggregateOf(records, bytes int) []byte {
	var e aggregator.Encoder
	for i := range records {
		e.Add(aggregator.Record{PartitionKey: fmt.Sprint("key-", i%16), Data: []byte(strings.Repeat("x", bytes))})
	}
	return e.AppendTo(nil)
}

const mib = 1 << 20

// BenchmarkProxyBytes: bytes of Kinesis's answers for a second of CPU time of the proxy's process, which has one core, by
// turns with httputil's reverse proxy before the same upstream, and before one that answers as much as kplkit does: user records
// may be larger than their aggregates. CPU time hangs less on what else the machine does, and so do the medians of turns.
func BenchmarkProxyBytes(b *testing.B) {
	for _, c := range []struct{ name, operation, answer string }{
		{"passed", "ListShards", cannedAnswer(mib, make([]byte, 1000))},
		{"plain-1000", "GetRecords", cannedAnswer(mib, []byte(strings.Repeat("x", 1000)))},
		{"aggregates-of-10000", "GetRecords", cannedAnswer(mib, aggregateOf(5, 10_000))},
		{"aggregates-of-1000", "GetRecords", cannedAnswer(mib, aggregateOf(50, 1000))},
		{"aggregates-of-100", "GetRecords", cannedAnswer(mib, aggregateOf(400, 100))},
	} {
		b.Run(c.name, func(b *testing.B) {
			upstream := upstreamOf(b, c.answer)
			first := newServed(b, "kplkit", upstream)
			out := first.call(c.operation)
			proxies := []*served{first, newServed(b, "httputil", upstream), newServed(b, "httputil", upstreamOf(b, strings.Repeat("x", int(out))))}
			var took [3]time.Duration
			var ratios [3][]float64
			turn := func(calls int) {
				var now [3]time.Duration
				for i, p := range proxies {
					before := p.cpu()
					for range calls {
						p.call(c.operation)
					}
					now[i] = p.cpu() - before
					took[i] += now[i]
					ratios[i] = append(ratios[i], now[i].Seconds()/now[0].Seconds())
				}
			}
			turn(20)
			took, ratios = [3]time.Duration{}, [3][]float64{}
			const rounds, calls = 40, 15
			for b.Loop() {
				for range rounds {
					turn(calls)
				}
			}
			all := float64(b.N*rounds*calls) * float64(len(c.answer)) / 1e6
			b.ReportMetric(all/took[0].Seconds(), "kplkit-MB/cpu-s")
			b.ReportMetric(all/took[1].Seconds(), "httputil-MB/cpu-s")
			b.ReportMetric(summarize(ratios[1]).median, "ratio")
			b.ReportMetric(summarize(ratios[2]).median, "ratio-out")
			b.ReportMetric(float64(out)/float64(len(c.answer)), "out/in")
			b.ReportMetric(float64(first.resident("VmHWM"))/1024, "kplkit-most-MiB")
		})
	}
}

// BenchmarkProxyLatency: 100 calls a second each without a proxy, by kplkit and by httputil, at the same time. An answer is
// one aggregate of 400 user records of 100 bytes.
func BenchmarkProxyLatency(b *testing.B) {
	upstream := upstreamOf(b, cannedAnswer(1, aggregateOf(400, 100)))
	ways := []string{"direct", "kplkit", "httputil"}
	p99 := map[string]time.Duration{}
	for b.Loop() {
		took := map[string][]time.Duration{}
		var all sync.WaitGroup
		var mu sync.Mutex
		for i, way := range ways {
			s := &served{b, way, upstream, 0, &http.Client{Transport: &http.Transport{}}}
			if way != "direct" {
				s = newServed(b, way, upstream)
			}
			s.call("GetRecords")
			all.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond / 3)
				next := time.NewTicker(10 * time.Millisecond)
				defer next.Stop()
				for range 2000 {
					<-next.C
					began := time.Now()
					s.call("GetRecords")
					mu.Lock()
					took[way] = append(took[way], time.Since(began))
					mu.Unlock()
				}
			})
		}
		all.Wait()
		for _, way := range ways {
			slices.Sort(took[way])
			p99[way] = took[way][len(took[way])*99/100]
			b.ReportMetric(float64(took[way][len(took[way])/2].Microseconds())/1000, way+"-p50-ms")
			b.ReportMetric(float64(p99[way].Microseconds())/1000, way+"-p99-ms")
		}
	}
	b.ReportMetric(float64((p99["kplkit"]-p99["direct"]).Microseconds())/1000, "added-p99-ms")
}

// BenchmarkProxyIdle: the resident memory of a proxy with 1,000 connections of clients that have made a call each and wait.
func BenchmarkProxyIdle(b *testing.B) {
	upstream := upstreamOf(b, `{"StreamNames":[]}`)
	for b.Loop() {
		for _, kind := range []string{"kplkit", "httputil"} {
			s := newServed(b, kind, upstream)
			s.call("ListStreams")
			before := s.resident("VmRSS")
			for range 1000 { // a client each, whose connection stays
				one := *s
				one.client = &http.Client{Transport: &http.Transport{}}
				one.call("ListStreams")
				b.Cleanup(one.client.CloseIdleConnections)
			}
			time.Sleep(5 * time.Second) // kplkit gives memory back after three
			b.ReportMetric(float64(s.resident("VmRSS"))/1024, kind+"-MiB")
			b.ReportMetric(float64(s.resident("VmRSS")-before)/1024, kind+"-MiB-more")
		}
	}
}
