package userview_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisjson"
	"github.com/kplkit/kplkit/internal/userview"
)

// consumer registers one for enhanced fan-out.
func (w *world) consumer() *string {
	stream, err := w.raw.DescribeStreamSummary(w.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s")})
	if err != nil {
		w.Fatal(err)
	}
	out, err := w.raw.RegisterStreamConsumer(w.Context(), &kinesis.RegisterStreamConsumerInput{
		StreamARN: stream.StreamDescriptionSummary.StreamARN, ConsumerName: aws.String("c")})
	if err != nil {
		w.Fatal(err)
	}
	return out.Consumer.ConsumerARN
}

// subscribe returns the events of a subscription until the shard's end, or until n user records have come.
func subscribe(t testing.TB, c *kinesis.Client, consumer *string, shard string, at types.StartingPosition, n int) (events []types.SubscribeToShardEvent, err error) {
	t.Helper()
	time.Sleep(6 * time.Second) // of virtual time: before, another subscription is refused
	out, err := c.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ConsumerARN: consumer, ShardId: &shard, StartingPosition: &at})
	if err != nil {
		return nil, err
	}
	defer out.GetStream().Close()
	for got := 0; n < 0 || got < n; {
		event, open := <-out.GetStream().Events()
		if !open {
			break
		}
		e := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		got += len(e.Records)
		events = append(events, e)
	}
	return events, out.GetStream().Err()
}

func recordsOf(events []types.SubscribeToShardEvent) (list []types.Record) {
	for _, e := range events {
		list = append(list, e.Records...)
	}
	return list
}

var trimHorizon = types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}

// TestEventsAsDeaggaws: subscriptions of a client that knows nothing of aggregates get, through a split and a merge, what
// deaggaws gives, ContinuationSequenceNumber and the end of shards included; and go on after any record, in either form.
func TestEventsAsDeaggaws(t *testing.T) {
	for _, k := range kinds() {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			shards := w.resharded(rand.New(rand.NewPCG(7, 7)), 8)
			consumer, ours, theirs := w.consumer(), w.proxy(k.config), w.byDeaggaws(k.opts...)
			for _, shard := range shards {
				n := -1
				if shard == shards[3] { // it is open
					n = len(read(t, iteratorAt(t, theirs, shard, types.ShardIteratorTypeTrimHorizon, ""), 0, theirs))
				}
				want, err := subscribe(t, theirs, consumer, shard, trimHorizon, n)
				if err != nil {
					t.Fatal(err)
				}
				got, err := subscribe(t, ours.another(), consumer, shard, trimHorizon, n)
				if err != nil || len(got) != len(want) {
					t.Fatalf("%v, %d events, want %d", err, len(got), len(want))
				}
				all := recordsOf(want)
				same(t, lines(recordsOf(got)), lines(all), "%s %s", k.name, shard)
				for i := range got {
					if a, b := aws.ToString(got[i].ContinuationSequenceNumber), aws.ToString(want[i].ContinuationSequenceNumber); a != b && len(got[i].Records) > 0 || len(got[i].ChildShards) != len(want[i].ChildShards) {
						t.Errorf("event %d: goes on at %s, want %s", i, a, b)
					}
				}
				for i := range all {
					at := types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: all[i].SequenceNumber}
					if n >= 0 {
						n--
					}
					if n == 0 {
						break
					}
					rest, err := subscribe(t, ours.another(), consumer, shard, at, n)
					if err != nil {
						t.Fatal(err)
					}
					same(t, lines(recordsOf(rest)), lines(all[i+1:]), "%s %s after %s", k.name, shard, *all[i].SequenceNumber)
					if i%5 > 0 {
						continue
					}
					same := func(a, b *string) bool { return aws.ToString(a) == aws.ToString(b) }
					others, err := subscribe(t, theirs, consumer, shard, at, n)
					for j := range others {
						if err != nil || j >= len(rest) || len(rest[j].Records) > 0 && !same(rest[j].ContinuationSequenceNumber, others[j].ContinuationSequenceNumber) {
							t.Errorf("%v: after %s, event %d goes on elsewhere than at %s", err, *all[i].SequenceNumber, j, aws.ToString(others[j].ContinuationSequenceNumber))
						}
					}
				}
			}
		})
	}
}

// TestEventsInParts: an event of too many user records comes as several, each with the number of its last record to go on at;
// all but the last are behind, and the shard's end comes only there. A client that stops between two of them goes on.
func TestEventsInParts(t *testing.T) {
	for _, k := range kinds() {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			consumer, p := w.consumer(), w.proxy(k.config)
			p.view.SetBounds(1<<20, 1500) // eight user records
			for i := range 7 {
				w.put("a", aggregate(t, fmt.Sprint("A", i), 7))
			}
			w.split(shard0)
			events, err := subscribe(t, p.another(), consumer, shard0, trimHorizon, -1)
			if err != nil {
				t.Fatal(err)
			}
			all := recordsOf(events)
			theirs := w.byDeaggaws(k.opts...)
			same(t, lines(all), lines(read(t, iteratorAt(t, theirs, shard0, types.ShardIteratorTypeTrimHorizon, ""), 0, theirs)), "%s", k.name)
			if len(events) < 7 {
				t.Errorf("%d events", len(events))
			}
			done := 0
			for i, e := range events {
				done += len(e.Records)
				if i == len(events)-1 {
					if e.ContinuationSequenceNumber != nil || len(e.ChildShards) != 2 {
						t.Errorf("the end: %v", e)
					}
					break
				}
				if more := done < len(all); more && *e.MillisBehindLatest < 1 || e.ChildShards != nil || len(e.Records) > 8 {
					t.Errorf("event %d: %d records, %d ms behind, %v", i, len(e.Records), *e.MillisBehindLatest, e.ChildShards)
				}
				at := types.StartingPosition{Type: types.ShardIteratorTypeAfterSequenceNumber, SequenceNumber: e.ContinuationSequenceNumber}
				rest, err := subscribe(t, p.another(), consumer, shard0, at, -1)
				if err != nil {
					t.Fatal(err)
				}
				same(t, lines(recordsOf(rest)), lines(all[done:]), "%s after event %d", k.name, i)
			}
		})
	}
}

// streamOf is an upstream that answers with a stream of events.
type streamOf struct {
	body io.Reader
}

func (s streamOf) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: -1,
		Header: http.Header{"Content-Type": {"application/vnd.amazon.eventstream"}}, Body: io.NopCloser(s.body)}, nil
}

func message(kind, payload string) []byte {
	header := func(name, value string) string {
		return string(rune(len(name))) + name + "\x07\x00" + string(rune(len(value))) + value
	}
	return kinesisjson.AppendFrame(nil, []byte(header(":message-type", "event")+header(":event-type", kind)+header(":content-type", "application/json")), []byte(payload))
}

// throughProxy returns what a client gets of a stream of events.
func throughProxy(t testing.TB, body []byte) (out []byte, err error) {
	p := newWorld(t).proxyBefore(streamOf{bytes.NewReader(body)}, userview.Config{})
	answer, err := p.subscribeRaw(t)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	return io.ReadAll(answer)
}

// subscribeRaw subscribes without the SDK.
func (p proxied) subscribeRaw(t testing.TB) (io.ReadCloser, error) {
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", bytes.NewReader([]byte(
		`{"ConsumerARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1","ShardId":"shardId-000000000000","StartingPosition":{"Type":"LATEST"}}`)))
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.SubscribeToShard")
	answer, err := inProcess{p.handler}.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

func eventText(sequence string, data string) string {
	return `{"Records":[{"SequenceNumber":"` + sequence + `","PartitionKey":"a","Data":"` + data + `"}],"ContinuationSequenceNumber":"` + sequence + `","MillisBehindLatest":0}`
}

// TestDamagedEvents: a stream that breaks off anywhere, or has a byte changed, never ends well for the client: what it got
// till then is whole, and then comes an error or bytes that its own check refuses.
func TestDamagedEvents(t *testing.T) {
	initial := message("initial-response", "{}")
	body := append(bytes.Clone(initial), message("SubscribeToShardEvent", eventText("7", "eA=="))...)
	if got, err := throughProxy(t, body); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("a plain one is changed: %v %q", err, got)
	}
	for i := 1; i < len(body); i++ {
		got, err := throughProxy(t, body[:i])
		if clean := i == len(initial); (err == nil) != clean || !bytes.Equal(got, body[:i]) {
			t.Errorf("cut after %d of %d: %v, %d bytes", i, len(body), err, len(got))
		}
		damaged := bytes.Clone(body)
		damaged[i] ^= 0x40
		got, err = throughProxy(t, damaged)
		if !bytes.HasPrefix(damaged, got) || err == nil {
			t.Errorf("byte %d: %v", i, err)
		}
	}
}

// TestUnusualEvents: an event that can't be read ends the subscription with an error, and is counted; nothing that may be
// an aggregate is passed on.
func TestUnusualEvents(t *testing.T) {
	for _, payload := range []string{`{"Records":[{"Sequence`, `[]`, "", `{"Records":[{}]}`, eventText("7", "84ma"), eventText("7", "84mawgp!")} {
		w := newWorld(t)
		body := append(message("initial-response", "{}"), message("SubscribeToShardEvent", payload)...)
		p := w.proxyBefore(streamOf{bytes.NewReader(body)}, userview.Config{})
		out, err := p.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{ShardId: aws.String(shard0),
			ConsumerARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1"), StartingPosition: &trimHorizon})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range out.GetStream().Events() {
			n++
		}
		var api smithy.APIError
		if err := out.GetStream().Err(); payload != eventText("7", "84ma") && (n != 0 || !errors.As(err, &api) || p.handler.Metrics.Unusual.Load() != 1) {
			t.Errorf("%q: %d events, %v, %d", payload, n, err, p.handler.Metrics.Unusual.Load())
		}
		out.GetStream().Close()
	}
}

// TestEventsHeld: what subscriptions hold counts with what answers do: an event for which there is no room ends its
// subscription with an error, and one that waits for an event holds nothing.
func TestEventsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upstream, events := io.Pipe()
		p := newWorld(t).proxyBefore(streamOf{upstream}, userview.Config{})
		p.view.SetAll(4000, 1<<20)
		client, err := p.subscribeRaw(t)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // for httputil's first flush, which else may wait for a lock that a write to a client who does not read holds
		for _, n := range []int{3, 300} {
			go func() {
				events.Write(message("SubscribeToShardEvent", eventText("7", base64.StdEncoding.EncodeToString(aggregate(t, "A", n)))))
			}()
			if synctest.Wait(); n == 3 && p.view.Held() < 300 {
				t.Errorf("%d bytes are held until the client takes them", p.view.Held())
			}
			f, err := kinesisjson.ReadFrame(client, nil, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if synctest.Wait(); n == 3 && (bytes.Count(f.Payload, []byte("PartitionKey")) != 3 || p.view.Held() != 0) {
				t.Errorf("%d bytes are held by a subscription that waits: %s", p.view.Held(), f.Payload)
			} else if n == 300 && !bytes.Contains(f.Payload, []byte("too much is under way, try again")) {
				t.Errorf("%.200s", f.Payload)
			}
		}
		if _, err := io.ReadAll(client); err != nil {
			t.Error(err)
		}
		upstream.Close()
		if synctest.Wait(); p.view.Held() != 0 {
			t.Errorf("%d bytes are held after it", p.view.Held())
		}
	})
}

// TestPartsHeld: what goes to a client is held within the bound, too, also where it is more than what came and comes in parts. One for
// which there is no room ends the subscription.
func TestPartsHeld(t *testing.T) {
	event := message("SubscribeToShardEvent", eventText("7", base64.StdEncoding.EncodeToString(aggregate(t, "A", 300))))
	came := map[bool]int{}
	for all := len(event); all < 5*len(event); all += len(event) / 4 {
		synctest.Test(t, func(t *testing.T) {
			upstream, events := io.Pipe()
			defer upstream.Close()
			p := newWorld(t).proxyBefore(streamOf{upstream}, userview.Config{})
			p.view.SetBounds(1<<20, 2*len(event))
			p.view.SetAll(int64(all), 1<<20)
			client, err := p.subscribeRaw(t)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // as above
			go events.Write(event)
			if synctest.Wait(); p.view.Held() > int64(all) {
				t.Errorf("%d bytes of %d are held", p.view.Held(), all)
			}
			f, err := kinesisjson.ReadFrame(client, nil, 1<<20)
			busy := bytes.Contains(f.Payload, []byte("too much is under way, try again"))
			if came[busy]++; err != nil || busy == bytes.Contains(f.Payload, []byte("PartitionKey")) {
				t.Errorf("%.200s %v", f.Payload, err)
			}
		})
	}
	if came[true] < 5 || came[false] < 2 {
		t.Errorf("%v", came)
	}
}
