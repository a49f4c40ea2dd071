package producer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/producer"
)

// uplink is a way to a Kinesis that takes so many bytes a second, one request after the other, and no larger request
// than most: then it answers HTTP 413, as proxies do.
type uplink struct {
	next http.RoundTripper
	rate int  // 0: without limit
	most int  // 0: likewise
	mute bool // the 413 has no body

	mu       sync.Mutex
	free     time.Time
	requests int
	bytes    int
}

func (u *uplink) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if u.most > 0 && len(body) > u.most {
		page := "<html>413</html>"
		if u.mute {
			page = ""
		}
		return &http.Response{StatusCode: http.StatusRequestEntityTooLarge, Body: io.NopCloser(strings.NewReader(page)), Request: r}, nil
	}
	u.mu.Lock()
	u.requests++
	u.bytes += len(body)
	now := time.Now()
	begin := now
	if u.free.After(now) {
		begin = u.free
	}
	if u.rate > 0 {
		u.free = begin.Add(time.Duration(len(body)) * time.Second / time.Duration(u.rate))
	}
	arrives := time.NewTimer(u.free.Sub(now))
	u.mu.Unlock()
	defer arrives.Stop()
	select {
	case <-arrives.C:
		return u.next.RoundTrip(r)
	case <-r.Context().Done():
		u.mu.Lock()
		if u.free.After(time.Now()) { // what is not sent yet never is
			u.free = time.Now()
		}
		u.mu.Unlock()
		return nil, r.Context().Err()
	}
}

// over returns a client that goes over the uplink.
func (b *bench) over(u *uplink) *kinesis.Client {
	u.next = b.server.Transport()
	return kinesis.New(b.client.Options(), func(o *kinesis.Options) { o.HTTPClient = &http.Client{Transport: u} })
}

// putOver puts n records of a size over an uplink, and returns how long that took, and how many were stored.
func (b *bench) putOver(u *uplink, n, size int, opts ...producer.Option) (stored int, took time.Duration) {
	p, err := producer.New(b.over(u), "s", opts...)
	b.must(p, err)
	begin := time.Now()
	for i := range n {
		b.must(nil, p.Put(b.ctx, producer.Record{PartitionKey: fmt.Sprint("key-", i), Data: make([]byte, size)}, func(_ producer.Record, r producer.Result) {
			if r.Err == nil {
				stored++
			} else if stored == 0 {
				b.Log(r.Err)
			}
		}))
	}
	b.must(nil, p.Close(b.ctx))
	return stored, time.Since(begin)
}

// TestSlowUplink: over a way that is too slow for whole requests, smaller ones get there.
func TestSlowUplink(t *testing.T) {
	for name, c := range map[string]struct {
		shards, n, size int
		opts            []producer.Option
		within          time.Duration
	}{
		"aggregates":     {1, 2000, 1000, nil, 25 * time.Second}, // they take 17 s
		"four shards":    {4, 2000, 1000, nil, 30 * time.Second},
		"plain records":  {1, 2000, 1000, []producer.Option{producer.WithAggregation(producer.AggregateNever)}, 28 * time.Second},
		"a large record": {1, 1, 1_000_000, nil, 16 * time.Second}, // 8.5 s: longer than an attempt has
		"large ones":     {1, 3, 1_000_000, []producer.Option{producer.WithTimeToLive(time.Minute)}, 45 * time.Second},
		"for long":       {1, 20_000, 1000, []producer.Option{producer.WithMaxBuffered(2 * mebibyte)}, 200 * time.Second}, // 167 s
		"too much":       {1, 20_000, 1000, nil, 300 * time.Second},                                                       // most of it is too old when it is tried
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.shards, func(b *bench) {
				u := &uplink{rate: 160_000}
				stored, took := b.putOver(u, c.n, c.size, c.opts...)
				b.Logf("%d of %d stored in %v, %d requests of %d bytes", stored, c.n, took, u.requests, u.bytes)
				if stored != c.n || took > c.within {
					b.Errorf("want all in %v", c.within)
				}
			})
		})
	}
}

// TestRequestTooLarge: what a proxy does not take is divided, down to a record, and the rest of the stream goes on.
func TestRequestTooLarge(t *testing.T) {
	for _, c := range []struct {
		most, n int
		wasted  float64 // at most, for each byte put
	}{{5_000_000, 5000, 0}, {300_000, 20_000, 0.3}, {60_000, 5000, 1.5}} { // the last one is less than an aggregate
		t.Run(fmt.Sprint(c.most), func(t *testing.T) {
			inBubble(t, 2, func(b *bench) {
				o := &observed{}
				u := &uplink{most: c.most}
				stored, _ := b.putOver(u, c.n, 1000, o.trace())
				refused := 0
				for _, a := range o.attempts {
					if a.Err != nil {
						refused += a.Bytes
					}
				}
				b.Logf("%d stored, %d requests of %d bytes; %d bytes in those that were refused", stored, u.requests, u.bytes, refused)
				if stored != c.n || float64(refused) > c.wasted*float64(c.n)*1000 {
					b.Errorf("want all, and %.0f %% sent in vain at most", 100*c.wasted)
				}
			})
		})
	}
	for _, mute := range []bool{false, true} {
		inBubble(t, 1, func(b *bench) { // one that can't be divided is refused; the service has no code for it
			p, err := producer.New(b.over(&uplink{most: 60_000, mute: mute}), "s")
			b.must(p, err)
			_, err = p.PutSync(b.ctx, producer.Record{PartitionKey: "k", Data: make([]byte, 100_000)})
			var refused *producer.RefusedError
			if !errors.As(err, &refused) || !errors.Is(err, producer.ErrRefused) || refused.Permanent || refused.Code != "" || !strings.Contains(err.Error(), "413") {
				b.Errorf("%v: %+v", err, refused)
			}
			b.must(nil, p.Close(b.ctx))
		})
	}
}

// TestUplinkRecovers: when the way is fast again, requests grow to what they were.
func TestUplinkRecovers(t *testing.T) {
	inBubble(t, 4, func(b *bench) {
		o, u := &observed{}, &uplink{rate: 20_000}
		p, err := producer.New(b.over(u), "s", o.trace(), producer.WithRateLimit(0), producer.WithTimeToLive(time.Hour))
		b.must(p, err)
		largest := func(from int) (bytes int) {
			for _, a := range o.attempts[from:] {
				bytes = max(bytes, a.Bytes)
			}
			return bytes
		}
		put := func(n int) {
			for i := range n {
				b.must(nil, p.Put(b.ctx, producer.Record{PartitionKey: fmt.Sprint("key-", i), Data: make([]byte, 1000)}, nil))
			}
			b.must(nil, p.Flush(b.ctx))
		}
		put(5000)
		slow := len(o.attempts) - 3
		if bytes := largest(slow); bytes > 120_000 {
			b.Errorf("%d bytes in a request over a slow way", bytes)
		}
		u.rate = 0
		put(40_000)
		if bytes := largest(len(o.attempts) - 3); bytes < 2_000_000 {
			b.Errorf("%d bytes at most in the last requests, %d of them", bytes, len(o.attempts)-slow)
		}
		b.must(nil, p.Close(b.ctx))
	})
}

// TestDeadUplink: where nothing ever arrives, each record has its one attempt, and the end comes all the same.
func TestDeadUplink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := stuck{}
		p, err := producer.New(&oddAPI{put: func(ctx context.Context, _ *kinesis.PutRecordsInput) (*kinesis.PutRecordsOutput, error) {
			return api.PutRecords(ctx, nil)
		}}, "s")
		if err != nil {
			t.Fatal(err)
		}
		attempts, n := map[int]int{}, 0
		for ; n < 10_000 && t.Context().Err() == nil; n++ {
			err := p.TryPut(producer.Record{PartitionKey: "k", Data: make([]byte, 4000)}, func(_ producer.Record, r producer.Result) { attempts[r.Attempts]++ })
			if err != nil {
				break
			}
		}
		begin := time.Now()
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		t.Logf("%d records, by attempts %v, after %v", n, attempts, time.Since(begin))
		if attempts[0] > 0 || time.Since(begin) > 3*time.Minute {
			t.Error("want an attempt for each, within 3 minutes")
		}
	})
}

// TestVerySlowUplink: what is too old when its turn comes has its attempt in a request that arrives.
func TestVerySlowUplink(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		u := &uplink{rate: 80_000}
		if stored, took := b.putOver(u, 10_000, 1000); stored != 10_000 {
			b.Errorf("%d of 10000 stored in %v", stored, took)
		}
	})
}

// TestSilence: a small record is tried often while nothing is answered, so that it is stored soon after that.
func TestSilence(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		begin := time.Now().Add(time.Second)
		b.fault = func(_ int, r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "PutRecords" && time.Since(begin) < 19*time.Second {
				f.Delay = time.Hour
			}
			return f
		}
		p := b.producer()
		time.Sleep(time.Second)
		res, err := p.PutSync(b.ctx, producer.Record{PartitionKey: "k", Data: make([]byte, 100)})
		if err != nil || time.Since(begin) > 27*time.Second {
			b.Errorf("after %v and %d attempts: %v", time.Since(begin), res[0].Attempts, err)
		}
		b.must(nil, p.Close(b.ctx))
	})
}

// TestLostAnswersOnLongWay: where the way alone takes more than half of the request timeout, an answer that is lost now and
// then does not slow the rest down for good.
func TestLostAnswersOnLongWay(t *testing.T) {
	inBubble(t, 1, func(b *bench) {
		b.fault = func(n int, r kinesisfake.Request) (f kinesisfake.Fault) {
			if r.Operation == "PutRecords" {
				if f.Delay = 110 * time.Millisecond; n%50 == 0 {
					f.Delay = time.Hour
				}
			}
			return f
		}
		p := b.producer(producer.WithRequestTimeout(200 * time.Millisecond))
		var took []time.Duration
		for range 12_000 { // 200 a second of 1000 bytes
			at := time.Now()
			b.must(nil, p.Put(b.ctx, producer.Record{PartitionKey: "k", Data: make([]byte, 1000)}, func(_ producer.Record, r producer.Result) {
				b.must(nil, r.Err)
				took = append(took, time.Since(at))
			}))
			time.Sleep(5 * time.Millisecond)
		}
		b.must(nil, p.Close(b.ctx))
		slices.Sort(took)
		if median, most := took[len(took)/2], took[len(took)-1]; median > time.Second || most > 5*time.Second {
			b.Errorf("results after %v, and %v at most", median, most)
		}
	})
}
