package rows

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/interop/servers"
)

// What is put while shards change. A KPL loses nothing unless several of its calls are under way then: the first answer
// makes it list the shards anew, and those that come after that it judges by the new ones. So answers take longer than
// it takes to send all waves.
const (
	waves     = 3
	waveEvery = 500 * time.Millisecond // longer than the KPL buffers
	lateBy    = 2 * time.Second
)

// agedLanes is how many streams are run at once: more workers make a machine of two cores too busy for the young to be young.
const agedLanes = 3

// agedStream is a stream whose shards change while a producer puts, and all who read it.
type agedStream struct {
	change  string   // split: two shards into four; merge: two into one
	kpl     string   // "": kplkit's producer
	stored  []string // what the producer said is stored
	readers []*agedReader
}

// agedStreams are all of them.
type agedStreams struct {
	streams []*agedStream
	lanes   chan struct{} // for as many at once
	once    sync.Once
}

// agedReader is an application that reads it.
type agedReader struct {
	kcl, age string
	fanOut   bool
	stage    *stage
	worker   *worker
	awake    time.Time // when it was handed its first record
	outcome  outcome
	done     bool
}

// run puts the stream and lets all read it. On a machine that is too busy for the young to be young it does so again.
func (s *agedStream) run(t *testing.T, st *stage) {
	for attempt := range ageAttempts {
		if s.attempt(t, st, fmt.Sprint(attempt)) {
			return
		}
	}
	t.Error("the machine is too busy: no worker was young, or one lost its lease")
}

// attempt reports whether all were as old as they have to be, and kept their leases. Each reads an END of each shard that is there while it reads.
func (s *agedStream) attempt(t *testing.T, st *stage, attempt string) bool {
	stream := streamName("ages/" + s.name() + "/" + s.readers[0].name() + "/" + attempt)
	st.createStream(t, stream, 2)
	p := s.producer(t, st)
	s.stored = p.put(t, stream, false, names(reshardRecords)[:beforeSplits])
	st.endShards(t, stream)
	parents := len(st.openShards(t, stream))
	for _, r := range s.readers {
		r.stage, r.outcome = st.reader(stream, r.program()), outcome{}
		r.stage.application, r.stage.recorder = streamName(s.name()+"/"+r.name()+"/"+attempt), new(recorder)
	}
	s.start(t, parents, restarted)
	s.start(t, parents+s.children(), old, young)
	kept := s.wait(t, restarted)
	s.awake(t)
	s.reshard(t, st.world, stream)
	if !s.agesHold(t) {
		s.kill(old, young)
		return false
	}
	s.stored = append(s.stored, putInWaves(t, p, stream, names(reshardRecords)[beforeSplits:])...)
	st.endShards(t, stream)
	s.start(t, s.children(), restarted)
	s.start(t, parents+s.children(), fresh)
	return s.wait(t, fresh, restarted, young, old) && kept
}

func (r *agedReader) program() program {
	p := kcl(r.kcl)
	if r.fanOut {
		p.env = []string{"ROW_FAN_OUT=1"}
	}
	return p
}

// producer starts one whose answers are late.
func (s *agedStream) producer(t *testing.T, st *stage) putter {
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutRecords") {
			w = servers.Late(w, lateBy)
		}
		st.iterators.ServeHTTP(w, r)
	}))
	st.test.Cleanup(service.CloseClientConnections)
	if s.kpl != "" {
		service.StartTLS()
		return startKPL(st.test, s.kpl, service.URL[strings.LastIndexByte(service.URL, ':')+1:], "")
	}
	service.Start()
	o := newOurs(st.world)
	o.client = kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(service.URL), Credentials: aws.CredentialsProviderFunc(anybody),
	})
	return o
}

// putInWaves puts in parts, one after the other, without a look at the results in between.
func putInWaves(t *testing.T, p putter, stream string, users []string) (stored []string) {
	parts := make([][]string, waves)
	var all sync.WaitGroup
	for i, wave := range slices.Collect(slices.Chunk(users, (len(users)+waves-1)/waves)) {
		all.Go(func() { parts[i] = p.put(t, stream, false, wave) })
		time.Sleep(waveEvery)
	}
	all.Wait()
	return slices.Concat(parts...)
}

// reshard changes the shards.
func (s *agedStream) reshard(t *testing.T, w *world, stream string) {
	if s.change == "split" {
		w.splitAll(t, stream)
		return
	}
	shards := w.shards(t, stream)
	_, err := w.client.MergeShards(t.Context(), &kinesis.MergeShardsInput{
		StreamName: &stream, ShardToMerge: shards[0].ShardId, AdjacentShardToMerge: shards[1].ShardId,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// children is how many shards the change makes.
func (s *agedStream) children() int { return map[string]int{"split": 4, "merge": 1}[s.change] }

// start starts a worker of each reader of ages, which ends with that many END.
func (s *agedStream) start(t *testing.T, ends int, ages ...string) {
	for r := range s.aged(ages...) {
		r.worker = r.stage.begin(t, r.program(), map[string]string{"ROW_ENDS": fmt.Sprint(ends), "ROW_CHECKPOINT": "none", "ROW_WHEN": "later"})
	}
}

// awake returns when each worker that reads across the change has been handed a record, the old ones oldAge ago.
func (s *agedStream) awake(t *testing.T) {
	var all sync.WaitGroup
	for r := range s.aged(old, young) {
		all.Go(func() {
			r.worker.awaitRecord(t)
			r.awake = time.Now()
			if r.age == old {
				time.Sleep(oldAge)
			}
		})
	}
	all.Wait()
}

// agesHold is asked when the shards have changed.
func (s *agedStream) agesHold(t *testing.T) bool {
	hold := true
	for r := range s.aged(old, young) {
		age := time.Since(r.awake)
		t.Logf("%s/%s has read for %v", s.name(), r.name(), age)
		hold = hold && (r.age == old || age <= youngAge)
	}
	return hold
}

// kill ends the workers of ages, whose reading does not count.
func (s *agedStream) kill(ages ...string) {
	for r := range s.aged(ages...) {
		r.worker.cancel()
		<-r.worker.stopped
	}
}

// wait returns when the workers of ages have stopped, and whether each has kept its leases.
func (s *agedStream) wait(t *testing.T, ages ...string) bool {
	kept := true
	for r := range s.aged(ages...) {
		o := r.stage.end(t, r.worker)
		r.outcome.records = append(r.outcome.records, o.records...)
		r.outcome.refused = cmp.Or(r.outcome.refused, o.refused)
		kept = kept && !o.leaseLost
		r.done = true
	}
	return kept
}

func (s *agedStream) aged(ages ...string) iter.Seq[*agedReader] {
	return func(yield func(*agedReader) bool) {
		for _, r := range s.readers {
			if slices.Contains(ages, r.age) && !yield(r) {
				return
			}
		}
	}
}
