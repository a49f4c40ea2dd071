package separate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// bench is a Parent with scripted children.
type bench struct {
	*testing.T
	ctx context.Context
	cfg Config
	log bytes.Buffer

	mu       sync.Mutex
	fates    []fate // of the children, in turn; those that follow are in order
	children []*scripted
	born     []time.Time
	got      []string                     // "child: data" of each put, in the order that the children read
	onPut    func(*scripted, kplpipe.Put) // answers at once unless it is set
	results  map[string][]producer.Result // by data
	keys     []*kplpb.Credentials         // with which children were started
}

func inBubble(t *testing.T, test func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, ctx: context.Background(), results: map[string][]producer.Result{}}
		b.cfg = Config{Command: []string{"child", "daemon"}, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "s", "")}
		b.cfg.Logger = slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		b.answer(func(s *scripted, p kplpipe.Put) { s.stored(p.ID) })
		test(b)
		time.Sleep(time.Minute) // children that are dead notice it
	})
}

func (b *bench) launch(keys *kplpb.Credentials) (process, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var f fate
	if len(b.fates) > 0 {
		f, b.fates = b.fates[0], b.fates[1:]
	}
	s := newScripted(len(b.children)+1, f, rand.New(rand.NewPCG(1, 1)))
	b.children, b.born, b.keys = append(b.children, s), append(b.born, time.Now()), append(b.keys, keys)
	go s.play(func(p kplpipe.Put) {
		b.mu.Lock()
		b.got = append(b.got, fmt.Sprintf("%d: %s", s.number, p.Data))
		onPut := b.onPut
		b.mu.Unlock()
		onPut(s, p)
	})
	return s, nil
}

// child is the n-th, once nothing more happens at this time.
func (b *bench) child(n int) *scripted {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.children[n-1]
}

// count is how many children there have been.
func (b *bench) count() int {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.children)
}

func (b *bench) start() (*Parent, error) { return start(b.ctx, b.cfg.withDefaults(), b.launch) }

// answer says what the children do with a put.
func (b *bench) answer(onPut func(*scripted, kplpipe.Put)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onPut = onPut
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) started() *Parent {
	b.Helper()
	p, err := b.start()
	b.must(err)
	return p
}

func (b *bench) put(p *Parent, data string) {
	b.Helper()
	b.must(p.Put(b.ctx, "orders", producer.Record{PartitionKey: "k", Data: []byte(data)}, b.done))
}

func (b *bench) done(r producer.Record, res producer.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results[string(r.Data)] = append(b.results[string(r.Data)], res)
}

// result is the one of a record.
func (b *bench) result(data string) producer.Result {
	b.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.results[data]) != 1 {
		b.Fatalf("%s has the results %v", data, b.results[data])
	}
	return b.results[data][0]
}

// TestRestart: what has no result is sent again, in order and before new records.
func TestRestart(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.answer(func(s *scripted, p kplpipe.Put) {
			if s.number == 1 && string(p.Data) != "2" {
				return
			}
			s.stored(p.ID)
		})
		p := b.started()
		for _, data := range []string{"1", "2", "3"} {
			b.put(p, data)
		}
		synctest.Wait()
		if p.PID() != 1 {
			b.Errorf("PID %d", p.PID())
		}
		died := time.Now()
		b.child(1).kill()
		b.put(p, "4")
		synctest.Wait()
		if wait := b.born[1].Sub(died); wait != 0 || p.PID() != 2 {
			b.Errorf("child %d came after %v", p.PID(), wait)
		}
		if want := []string{"1: 1", "1: 2", "1: 3", "2: 1", "2: 3", "2: 4"}; !slices.Equal(b.got, want) {
			b.Errorf("%v, want %v", b.got, want)
		}
		b.must(p.Close(b.ctx))
		s := p.Stats()
		if s.SentAgain == 3 { // 4 was written to the one that was dead
			s.SentAgain--
		}
		if want := (Stats{Puts: 4, Results: 4, Restarts: 1, SentAgain: 2}); s != want || p.PID() != 0 {
			b.Errorf("%+v, want %+v; PID %d", s, want, p.PID())
		}
		if !strings.Contains(b.log.String(), "signal: killed") {
			b.Errorf("log: %s", b.log.String())
		}
	})
}

// TestHang: a child that is silent for 30 s with a question open is killed; one that answers questions is not, whatever
// becomes of the records.
func TestHang(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.fates = []fate{{hang: 4}} // credentials twice, a question, and then
		b.cfg.RecordTTL = time.Hour
		p := b.started()
		begin := time.Now()
		b.put(p, "1")
		time.Sleep(39 * time.Second)
		synctest.Wait()
		if b.count() != 1 {
			b.Errorf("killed before its time")
		}
		time.Sleep(3 * time.Second)
		if r := b.result("1"); r.Err != nil || b.count() != 2 {
			b.Errorf("%+v, %d children after %v", r, b.count(), time.Since(begin))
		}
		b.onPut = func(*scripted, kplpipe.Put) {} // Kinesis is out of reach
		b.put(p, "2")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if b.count() != 2 || b.child(2).asked.Load() < 50 {
			b.Errorf("%d children, %d questions", b.count(), b.child(2).asked.Load())
		}
		b.child(2).kill()
		b.answer(func(s *scripted, p kplpipe.Put) { s.stored(p.ID) })
		b.must(p.Close(b.ctx))
		b.result("2")
	})
}

// TestCrashLoop: it ends, and says why, to everybody.
func TestCrashLoop(t *testing.T) {
	inBubble(t, func(b *bench) {
		p := b.started()
		b.answer(func(s *scripted, _ kplpipe.Put) {
			s.says("++++\n[time] [info] [main.go:1] hello\n----\npanic: out of luck\n\ngoroutine 1 [running]:\n" + strings.Repeat("main.main()\n", 30))
			s.die("exit status 2")
		})
		b.put(p, "1")
		waits := make(chan error)
		go func() { waits <- p.Flush(b.ctx) }()
		time.Sleep(time.Minute)
		b.must(<-waits)
		synctest.Wait()
		err := b.result("1").Err
		var child *ChildError
		if !errors.As(err, &child) || child.Status != "exit status 2" || !slices.Contains(child.Words, "panic: out of luck") || !strings.Contains(err.Error(), "10 times in a row") {
			b.Errorf("%v", err)
		}
		if b.count() != 10 || b.born[9].Sub(b.born[0]) < 10*time.Second || b.born[1] != b.born[0] {
			b.Errorf("children: %v", b.born)
		}
		if text := err.Error(); !strings.HasPrefix(text, `separate: stream "orders": record "k" of 1 bytes: no result, so it may be stored all the same`) ||
			!strings.Contains(text, "start another Parent, and put it again if twice") || strings.Count(text, "separate:") != 1 {
			b.Errorf("the result: %v", err)
		}
		var other *ChildError
		again := p.Put(b.ctx, "orders", producer.Record{PartitionKey: "k"}, b.done)
		if !errors.As(again, &other) || other != child || !strings.Contains(again.Error(), `record "k" of 0 bytes: not taken`) || strings.Contains(again.Error(), "may be stored") {
			b.Errorf("Put: %v", again)
		}
		if flush := p.Flush(b.ctx); flush != child {
			b.Errorf("Flush: %v", flush)
		}
		b.must(p.Close(b.ctx))
	})
}

// TestExitCode1: of the first child it is the error of Start, at once. Of one that came after a child which had answered it
// is an end like any other: what is wrong may pass.
func TestExitCode1(t *testing.T) {
	inBubble(t, func(b *bench) {
		exit := func(s *scripted) {
			s.says("++++\n[time] [error] [x] CA_FILE is not there\n----\n")
			s.die("exit status 1")
		}
		b.fates = []fate{{hang: 1}}
		go func() {
			time.Sleep(time.Millisecond)
			exit(b.child(1))
		}()
		begin := time.Now()
		var child *ChildError
		if _, err := b.start(); !errors.As(err, &child) || child.Status != "exit status 1" || !strings.Contains(err.Error(), "CA_FILE") || time.Since(begin) > time.Second || b.count() != 1 {
			b.Errorf("%v after %v, %d children", err, time.Since(begin), b.count())
		}
		p := b.started()
		b.answer(func(s *scripted, p kplpipe.Put) {
			if s.number < 5 || string(p.Data) == "never" {
				exit(s)
				return
			}
			s.stored(p.ID)
		})
		b.put(p, "1")
		time.Sleep(time.Second)
		if r := b.result("1"); r.Err != nil || b.count() != 5 {
			b.Errorf("%v after %d children", r.Err, b.count())
		}
		b.put(p, "never")
		time.Sleep(20 * time.Second)
		if err := b.result("never").Err; !errors.As(err, &child) || child.Status != "exit status 1" || !strings.Contains(err.Error(), "10 times in a row") {
			b.Errorf("%v", err)
		}
		if !strings.Contains(b.log.String(), `level=ERROR msg="[time] [error] [x] CA_FILE is not there" from=child`) {
			b.Errorf("log: %s", b.log.String())
		}
		b.must(p.Close(b.ctx))
	})
}

// TestStartInTime: Start honours its context, and leaves nothing.
func TestStartInTime(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.fates = []fate{{hang: 1}, {hang: 1}}
		ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := start(ctx, b.cfg.withDefaults(), b.launch); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 3*time.Second {
			b.Errorf("%v after %v", err, time.Since(begin))
		}
		if _, err := b.start(); !errors.Is(err, errHang) { // without a limit
			b.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// TestExpired: a record's time counts from its Put; what the child says later is ignored. The child's word comes first
// where there is one.
func TestExpired(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.cfg.RecordTTL = 2 * time.Second
		b.answer(func(s *scripted, p kplpipe.Put) {
			switch string(p.Data) {
			case "late":
				go func() { time.Sleep(3 * time.Second); s.stored(p.ID) }()
			case "why":
				go func() { time.Sleep(2 * time.Second); s.failed(p.ID, "Throttled", "Expired") }()
			}
		})
		p := b.started()
		b.put(p, "late")
		b.put(p, "why")
		time.Sleep(2200 * time.Millisecond)
		for data, want := range map[string]string{"late": "may be stored all the same", "why": "Throttled: of the test"} {
			if r := b.result(data); !errors.Is(r.Err, producer.ErrExpired) || !strings.Contains(r.Err.Error(), want) {
				b.Errorf("%s: %+v", data, r)
			}
		}
		time.Sleep(time.Second)
		b.result("late")
		b.must(p.Close(b.ctx))
		if s := p.Stats(); s.Ignored != 1 {
			b.Errorf("%+v", s)
		}
	})
}

// TestExpiredWords: a record that expires before the crash loop has an end says what the child said, if that came after its Put.
func TestExpiredWords(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.cfg.RecordTTL = 500 * time.Millisecond
		p := b.started()
		b.answer(func(s *scripted, p kplpipe.Put) {
			if string(p.Data) == "crash" {
				s.says("panic: out of luck\n\ngoroutine 1 [running]:\nmain.main()\n")
				s.die("exit status 2")
			} else if string(p.Data) == "warn" {
				s.says("++++\n[time] [warning] no way to Kinesis\n----\n")
			}
		})
		for data, want := range map[string]string{"crash": "the last thing that was heard of the child: it has ", "warn": "child: [time] [warning] no way to Kinesis; put it again", "quiet": ""} {
			b.put(p, data)
			time.Sleep(6 * time.Second)
			err := b.result(data).Err
			if !errors.Is(err, producer.ErrExpired) || !strings.Contains(err.Error(), want) || want == "" && strings.Contains(err.Error(), "heard") {
				b.Errorf("%s: %v", data, err)
			}
			if data == "crash" && !strings.Contains(err.Error(), "(exit status 2): panic: out of luck; put it again") {
				b.Errorf("%s: %v", data, err)
			}
		}
		b.must(p.Close(b.ctx))
	})
}

// TestNeverExpire: the longest time to live is long.
func TestNeverExpire(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.cfg.RecordTTL = math.MaxInt64
		b.answer(func(s *scripted, p kplpipe.Put) {
			go func() { time.Sleep(time.Hour); s.stored(p.ID) }()
		})
		p := b.started()
		b.put(p, "1")
		b.must(p.Close(b.ctx))
		if r := b.result("1"); r.Err != nil {
			b.Error(r.Err)
		}
	})
}

// failed answers a put that was tried in vain.
func (s *scripted) failed(id uint64, codes ...string) {
	r := &kplpb.PutRecordResult{Success: proto.Bool(false)}
	for _, code := range codes {
		if code = strings.ReplaceAll(code, "&", " "); code == " " {
			code = ""
		}
		r.Attempts = append(r.Attempts, &kplpb.Attempt{
			Delay: proto.Uint32(0), Duration: proto.Uint32(0), Success: proto.Bool(false), ErrorCode: proto.String(code), ErrorMessage: proto.String("of the test"),
		})
	}
	s.answer(id, &kplpb.Message{ActualMessage: &kplpb.Message_PutRecordResult{PutRecordResult: r}})
}

// TestFailures: each code is an error of package producer, and the service's. Its text names stream and record once.
func TestFailures(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.answer(func(s *scripted, p kplpipe.Put) { s.failed(p.ID, strings.Fields(string(p.Data))...) })
		p := b.started()
		for codes, want := range map[string]struct {
			kind error
			text string
		}{
			"":                                       {nil, "does not say why"},
			"Expired":                                {producer.ErrExpired, "not stored within the time to live: of the test"},
			"Throttled Expired":                      {producer.ErrExpired, "twice is better than never"},
			"Wrong&Shard Expired":                    {producer.ErrWrongShard, "its aggregate is stored in a shard"},
			"ResourceNotFoundException":              {producer.ErrRefused, "refuses all records of the stream"},
			"AccessDeniedException":                  {producer.ErrRefused, "refuses all records of the stream"},
			"KMSDisabledException":                   {producer.ErrRefused, "refuses all records of the stream"},
			"ValidationException":                    {producer.ErrRefused, "now and always so"},
			"InvalidRecord":                          {producer.ErrRefused, "refuses all records of the stream"}, // its keys are good: Put has looked
			"RequestTooLarge":                        {producer.ErrRefused, "now and always so"},
			"InvalidSignatureException":              {nil, "not stored: api error"},
			"RequestEntityTooLargeException":         {producer.ErrRefused, "now and always so"},
			"&":                                      {nil, "not stored: of the test; put it again"},
			"ProvisionedThroughputExceededException": {producer.ErrThrottled, "slow down"},
			"InternalFailure":                        {nil, "not stored: api error"},
		} {
			b.put(p, codes)
			r := b.result(codes)
			kinds := []error{producer.ErrRefused, producer.ErrExpired, producer.ErrThrottled}
			if r.Err == nil || want.kind != nil && !errors.Is(r.Err, want.kind) || want.kind == nil && slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(r.Err, k) }) {
				b.Errorf("%q: %v", codes, r.Err)
			}
			code, _, _ := strings.Cut(strings.ReplaceAll(codes, "&", " "), " Expired")
			if code = strings.TrimSpace(code); code == "RequestTooLarge" {
				code = "" // the service has said nothing
			}
			var api smithy.APIError
			if coded := code != "" && code != "Expired"; errors.As(r.Err, &api) != coded || coded && api.ErrorCode() != code {
				b.Errorf("%q: %+v", codes, r)
			}
			requests := 1
			if codes == "" || codes == "Expired" || codes == "InvalidRecord" {
				requests = 0
			}
			if tries := slices.Collect(r.Tries()); r.Attempts != requests || len(tries) != requests || requests > 0 && tries[0].Err == nil {
				b.Errorf("%q: %d attempts, %+v", codes, r.Attempts, tries)
			}
			var refused *producer.RefusedError
			if errors.As(r.Err, &refused) != (want.kind == producer.ErrRefused) || refused != nil && (refused.Code != code || refused.Permanent != strings.Contains(want.text, "all records")) {
				b.Errorf("%q: %+v", codes, refused)
			}
			if where := fmt.Sprintf(`separate: stream "orders": record "k" of %d bytes: `, len(codes)); !strings.HasPrefix(r.Err.Error(), where) || strings.Count(r.Err.Error(), want.text) != 1 {
				b.Errorf("%q: %v", codes, r.Err)
			}
		}
		b.must(p.Close(b.ctx))
	})
}

// TestDaemonsWords: of a text of package producer's the parent takes the kind, and leaves out what it says itself, whatever
// the names are.
func TestDaemonsWords(t *testing.T) {
	for _, name := range []string{"k", producer.ErrTooLarge.Error(), producer.ErrExpired.Error(), `a" of 4 bytes: record is too large`, "é: \\"} {
		for _, where := range []string{"", ", shardId-000000000000"} {
			about := fmt.Sprintf("producer: stream %q%s: record %q of 4 bytes: ", name, where, name)
			for _, c := range []struct {
				code, message, want string
				kind                error
			}{
				{"InvalidRecord", about + producer.ErrTooLarge.Error() + ": 5 of 4", "record is too large: 5 of 4", producer.ErrTooLarge},
				{"InvalidRecord", about + "of the test", "the service refuses all records of the stream: api error InvalidRecord: ", producer.ErrRefused},
				{"Expired", about + producer.ErrExpired.Error() + ": 5 of 4", "not stored within the time to live: 5 of 4", producer.ErrExpired},
				{"Expired", producer.ErrExpired.Error() + ": " + about + "Put waited", "not stored within the time to live: Put waited", producer.ErrExpired},
				{"Expired", producer.ErrExpired.Error(), "not stored within the time to live", producer.ErrExpired},
			} {
				err := failure([]*kplpb.Attempt{{ErrorCode: &c.code, ErrorMessage: &c.message}})
				if !errors.Is(err, c.kind) || c.kind != producer.ErrRefused && err.Error() != c.want || !strings.HasPrefix(err.Error(), c.want) {
					t.Errorf("%s: %v\nwant %s", c.message, err, c.want)
				}
			}
		}
	}
}

// TestTries: a result has the child's attempts, with their times; the last one that was none is left out.
func TestTries(t *testing.T) {
	attempt := func(delay, took uint32, code string) *kplpb.Attempt {
		a := &kplpb.Attempt{Delay: &delay, Duration: &took, Success: proto.Bool(code == "")}
		if code != "" {
			a.ErrorCode, a.ErrorMessage = &code, proto.String("of the test")
		}
		return a
	}
	for last, success := range map[string]bool{"": true, "Expired": false} {
		r := resultOf(&kplpb.PutRecordResult{Success: &success, SequenceNumber: proto.String("1"), Attempts: []*kplpb.Attempt{
			attempt(5, 30, "Throttling"), attempt(7, 20, "Wrong Shard"), attempt(0, 1, last),
		}})
		tries := slices.Collect(r.Tries())
		if !success {
			tries = append(tries, producer.Try{Took: time.Millisecond})
		}
		if len(tries) != 3 || r.Attempts != 3 && success || r.Attempts != 2 && !success || (r.Err == nil) != success {
			t.Fatalf("%q: %+v of %+v", last, tries, r)
		}
		var api smithy.APIError
		if !errors.As(tries[0].Err, &api) || api.ErrorCode() != "Throttling" || !errors.Is(tries[1].Err, producer.ErrWrongShard) {
			t.Errorf("%+v", tries)
		}
		tries[0].Err, tries[1].Err = nil, nil
		if want := []producer.Try{{Delay: 5 * time.Millisecond, Took: 30 * time.Millisecond}, {Delay: 7 * time.Millisecond, Took: 20 * time.Millisecond}, {Took: time.Millisecond}}; !slices.Equal(tries, want) {
			t.Errorf("%+v, want %+v", tries, want)
		}
	}
}

// TestGivenBack: what a child gives back because somebody else ends it goes to the next.
func TestGivenBack(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.answer(func(s *scripted, p kplpipe.Put) {
			if s.number > 1 {
				s.stored(p.ID)
				return
			}
			s.failed(p.ID, "Shutdown")
			s.die("exit status 0")
		})
		p := b.started()
		b.put(p, "1")
		if r := b.result("1"); r.Err != nil {
			b.Error(r.Err)
		}
		b.must(p.Close(b.ctx))
	})
}

// TestZeroParent: each method of the zero value says what to do, at once.
func TestZeroParent(t *testing.T) {
	var p Parent
	for method, err := range map[string]error{
		"Put": p.Put(t.Context(), "orders", producer.Record{PartitionKey: "k"}, nil), "Flush": p.Flush(t.Context()), "Close": p.Close(t.Context()),
	} {
		if err == nil || !strings.Contains(err.Error(), "Start makes one") || errors.Is(err, producer.ErrClosed) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if p.PID() != 0 || p.Stats() != (Stats{}) {
		t.Errorf("PID %d, %+v", p.PID(), p.Stats())
	}
}

// TestPutDone: with a context that is done Put takes nothing, though there is room.
func TestPutDone(t *testing.T) {
	inBubble(t, func(b *bench) {
		p := b.started()
		ctx, cancel := context.WithCancelCause(b.ctx)
		cancel(errors.New("the cause"))
		err := p.Put(ctx, "orders", producer.Record{PartitionKey: "k"}, b.done)
		if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), `separate: stream "orders": record "k" of 0 bytes: not put, since`) {
			b.Error(err)
		}
		b.must(p.Close(b.ctx))
		if s := p.Stats(); s.Puts != 0 {
			b.Errorf("%+v", s)
		}
	})
}

// TestBadRecords: they are refused at once.
func TestBadRecords(t *testing.T) {
	inBubble(t, func(b *bench) {
		p := b.started()
		for name, c := range map[string]struct {
			stream string
			record producer.Record
			want   error
		}{
			"no stream":    {"", producer.Record{PartitionKey: "k"}, producer.ErrRefused},
			"long stream":  {strings.Repeat("s", 129), producer.Record{PartitionKey: "k"}, producer.ErrRefused},
			"odd stream":   {"a/b", producer.Record{PartitionKey: "k"}, producer.ErrRefused},
			"no key":       {"orders", producer.Record{}, aggregator.ErrPartitionKey},
			"hash key":     {"orders", producer.Record{PartitionKey: "k", ExplicitHashKey: "-1"}, aggregator.ErrExplicitHashKey},
			"more than 10": {"orders", producer.Record{PartitionKey: "k", Data: make([]byte, 10*mebibyte)}, producer.ErrTooLarge},
		} {
			err := p.Put(b.ctx, c.stream, c.record, b.done)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				b.Errorf("%s: %v", name, err)
			}
			var refused *producer.RefusedError
			if errors.As(err, &refused) && (!refused.Permanent || strings.Contains(err.Error(), "fix the record")) {
				b.Errorf("%s: %v", name, err)
			}
			if !strings.HasPrefix(err.Error(), fmt.Sprintf("separate: stream %q: record %q of %d bytes: ", c.stream, c.record.PartitionKey, len(c.record.Data))) || strings.Contains(err.Error(), "aggregator") {
				b.Errorf("%s: %v", name, err)
			}
		}
		b.put(p, strings.Repeat("x", 10*mebibyte-1)) // as large as a record can be: many reads
		b.must(p.Close(b.ctx))
		if s := p.Stats(); s.Puts != 1 || s.Results != 1 {
			b.Errorf("%+v", s)
		}
	})
}

// costOf is what a record counts, for the daemon too.
func costOf(stream string, r producer.Record) int64 {
	return (&pending{stream: stream, record: r}).put().Cost()
}

// TestSameCount: what the daemon counts never exceeds the parent's window, so it reads on: tiny records with a long name.
func TestSameCount(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.cfg.MaxBuffered = 2 * mebibyte
		var held int64
		b.answer(func(_ *scripted, p kplpipe.Put) { held += p.Cost() })
		p := b.started()
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		for p.Put(ctx, strings.Repeat("s", 128), producer.Record{PartitionKey: "k"}, nil) == nil {
		}
		synctest.Wait()
		if most := int64(b.cfg.MaxBuffered); held > most || held < most-1024 {
			b.Errorf("the child holds %d bytes of %d", held, most)
		}
		b.child(1).kill()
		b.answer(func(s *scripted, p kplpipe.Put) { s.stored(p.ID) })
		b.must(p.Close(b.ctx))
	})
}

// TestFullBuffer: Put waits for room, as long as its context or the Parent.
func TestFullBuffer(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.cfg.MaxBuffered = int(2 * costOf("orders", producer.Record{PartitionKey: "k", Data: []byte("1")}))
		b.onPut = func(*scripted, kplpipe.Put) {}
		p := b.started()
		b.put(p, "1")
		b.put(p, "2")
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		third := producer.Record{PartitionKey: "k", Data: []byte("3")}
		if err := p.Put(ctx, "orders", third, b.done); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `record "k" of 1 bytes: Put waited for room: `) {
			b.Errorf("Put: %v", err)
		}
		waits := make(chan error, 1)
		go func() { waits <- p.Put(b.ctx, "orders", third, b.done) }()
		synctest.Wait()
		closing, now := context.WithCancel(b.ctx)
		now()
		err := p.Close(closing)
		if err == nil || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 records not sent") {
			b.Errorf("Close: %v", err)
		}
		if err := <-waits; !errors.Is(err, producer.ErrClosed) || !strings.Contains(err.Error(), "start another Parent") {
			b.Errorf("the Put that waited: %v", err)
		}
		if r := b.result("1"); !errors.Is(r.Err, producer.ErrClosed) {
			b.Errorf("%+v", r)
		}
	})
}

// TestDoneFails: a done that panics, or ends its goroutine, harms nobody else.
func TestDoneFails(t *testing.T) {
	for name, fails := range map[string]func(){"panic": func() { panic("of the caller") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.cfg.MaxBuffered = int(3 * costOf("orders", producer.Record{PartitionKey: "k", Data: []byte("100")}))
				p := b.started()
				for i := range 30 {
					r := producer.Record{PartitionKey: "k", Data: fmt.Append(nil, i)}
					b.must(p.Put(b.ctx, "orders", r, func(r producer.Record, res producer.Result) {
						b.done(r, res)
						if i%3 == 0 {
							fails()
						}
					}))
				}
				b.must(p.Flush(b.ctx))
				b.must(p.Close(b.ctx))
				for i := range 30 {
					b.result(fmt.Sprint(i))
				}
				if n := strings.Count(b.log.String(), "of the caller"); name == "panic" && n != 10 {
					b.Errorf("%d of 10 panics are logged", n)
				}
			})
		})
	}
}

// provider gives credentials for a minute, and fails at times.
type provider struct {
	mu    sync.Mutex
	asked int
	fails int
}

func (p *provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked++; p.asked > 1 && p.asked <= 1+p.fails {
		return aws.Credentials{}, errors.New("no answer from the provider")
	}
	return aws.Credentials{AccessKeyID: fmt.Sprint("key-", p.asked), SecretAccessKey: "s", CanExpire: true, Expires: time.Now().Add(time.Minute)}, nil
}

// TestCredentials: they come first, again before they expire, and to each child.
func TestCredentials(t *testing.T) {
	inBubble(t, func(b *bench) {
		from := &provider{fails: 3}
		b.cfg.Credentials = from
		p := b.started()
		b.put(p, "1")
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if !strings.Contains(b.log.String(), "no answer from the provider") {
			b.Errorf("log: %s", b.log.String())
		}
		b.child(1).kill()
		b.put(p, "2")
		time.Sleep(time.Second)
		synctest.Wait()
		first, second := b.child(1).keys, b.child(2).keys
		if want := []string{"key-1 false", "key-1 true", "key-5 false", "key-5 true"}; !slices.Equal(first, want) {
			b.Errorf("%v, want %v", first, want)
		}
		if want := []string{"key-5 false", "key-5 true"}; !slices.Equal(second, want) || b.keys[1].GetAkid() != "key-5" {
			b.Errorf("%v, want %v", second, want)
		}
		b.must(p.Close(b.ctx))
	})
}

// TestNoCredentials: Start says so.
func TestNoCredentials(t *testing.T) {
	inBubble(t, func(b *bench) {
		none := errors.New("none")
		b.cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, none })
		if _, err := b.start(); !errors.Is(err, none) || b.count() != 0 {
			b.Error(err)
		}
	})
}

// TestFlush: the child is told to flush after the records, and again if it is another child.
func TestFlush(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.onPut = func(*scripted, kplpipe.Put) {}
		p := b.started()
		b.put(p, "1")
		synctest.Wait()
		flushed := make(chan error)
		go func() { flushed <- p.Flush(b.ctx) }()
		synctest.Wait()
		if n := b.child(1).flushes.Load(); n != 1 {
			b.Errorf("%d flushes", n)
		}
		time.Sleep(hurryInterval)
		synctest.Wait()
		if n := b.child(1).flushes.Load(); n != 2 {
			b.Errorf("%d flushes after a while", n)
		}
		b.answer(func(s *scripted, p kplpipe.Put) { s.stored(p.ID) })
		b.child(1).kill()
		b.must(<-flushed)
		if n := b.child(2).flushes.Load(); n != 1 {
			b.Errorf("%d flushes of the next child", n)
		}
		b.result("1")
		b.must(p.Close(b.ctx))
	})
}

// TestStubborn: a child that does not end with its input is killed.
func TestStubborn(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.fates = []fate{{stays: true}}
		p := b.started()
		begin := time.Now()
		b.must(p.Close(b.ctx))
		if d := time.Since(begin); d != endPatience {
			b.Errorf("it took %v", d)
		}
	})
}

// TestSlowStream: on a stream in order no record gets too old, however much is put at once, and another stream has
// room meanwhile; a fast one gets all of the buffer.
func TestSlowStream(t *testing.T) {
	for shards, most := range map[int]int64{1: 16 * mebibyte, 2: 31 * mebibyte, 40: 64 * mebibyte} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				type stored struct {
					s *scripted
					p kplpipe.Put
				}
				queue := make(chan stored, 100_000)
				b.answer(func(s *scripted, p kplpipe.Put) {
					if p.Stream == "other" {
						s.stored(p.ID)
						return
					}
					queue <- stored{s, p}
				})
				go func() { // the shards, each at its rate
					for q := range queue {
						time.Sleep(time.Duration(len(q.p.Data)) * time.Second / time.Duration(shards*shardRate))
						q.s.stored(q.p.ID)
					}
				}()
				p := b.started()
				var failed, outstanding, highest int64
				var mu sync.Mutex
				for i := range 1400 { // 70 MB
					r := producer.Record{PartitionKey: "k", Data: make([]byte, 50_000)}
					b.must(p.Put(b.ctx, "orders", r, func(_ producer.Record, res producer.Result) {
						mu.Lock()
						defer mu.Unlock()
						if outstanding -= 50_000; res.Err != nil {
							failed++
						}
					}))
					mu.Lock()
					outstanding += 50_000
					highest = max(highest, outstanding)
					mu.Unlock()
					if i%100 == 0 {
						begin := time.Now()
						b.must(p.Put(b.ctx, "other", producer.Record{PartitionKey: "k"}, nil))
						if d := time.Since(begin); shards < 40 && d > 0 {
							b.Errorf("the other stream waited for %v", d)
						}
					}
				}
				b.must(p.Close(b.ctx))
				close(queue)
				if failed > 0 || highest > most || highest < most*2/5 {
					b.Errorf("%d failed; %d bytes at most, want up to %d", failed, highest, most)
				}
			})
		})
	}
}
