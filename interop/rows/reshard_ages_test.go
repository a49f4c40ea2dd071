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
)

// What is put while shards change. A KPL loses nothing unless several of its calls are under way then: the first answer
// makes it list the shards anew, and those that come after that it judges by the new ones. So answers take longer than
// it takes to send all waves.
const (
	waves     = 3
	waveEvery = 500 * time.Millisecond // longer than the KPL buffers
	lateBy    = 2 * time.Second
)

// oldAge is how long an old worker has read before shards change: KCL 1.14 keeps its list of the shards for 30 s.
const oldAge = 45 * time.Second

// The ages of a worker's list of the shards.
const (
	fresh     = "fresh"     // its first worker starts after the change
	restarted = "restarted" // its worker stopped before the change, and another goes on from its leases after it
	young     = "young"     // it runs, for some seconds
	old       = "old"       // it runs, for oldAge or longer
)

var ageWords = map[string]string{
	fresh:     "a worker that starts afterwards, without leases",
	restarted: "a worker that starts afterwards, on the leases of one that stopped before",
	young:     "a worker that started some seconds before",
	old:       fmt.Sprintf("a worker that started %.0f s before or more", oldAge.Seconds()),
}

// agedStream is a stream whose shards change while a producer puts, and all who read it.
type agedStream struct {
	change string // split: two shards into four; merge: two into one
	kpl    string // "": kplkit's producer
	fanOut bool   // read by enhanced fan-out, too

	stored  []string // what the producer said is stored
	readers []*agedReader
}

// agedStreams are all of them.
type agedStreams struct {
	streams []*agedStream
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

// reshardAges is what a KCL delivers after a reshard, by how old its worker's list of the shards is.
func reshardAges() part {
	p := part{name: "reshard-ages", versions: map[string]string{"Java": javaVersion()}}
	all := &agedStreams{streams: []*agedStream{
		{change: "split", kpl: "1.0.7", fanOut: true}, {change: "split", kpl: "0.14.13"}, {change: "split", fanOut: true}, {change: "merge", kpl: "1.0.7"},
	}}
	for _, s := range all.streams {
		s.readers = readersOf(s.fanOut)
		for _, r := range s.readers {
			p.scenarios = append(p.scenarios, all.scenario(s, r))
		}
	}
	return p
}

// readersOf is one of each version and age.
func readersOf(fanOut bool) (readers []*agedReader) {
	for _, version := range []string{"1.14.10", "2.7.2", "3.5.1"} {
		for _, age := range []string{fresh, restarted, young, old} {
			readers = append(readers, &agedReader{kcl: version, age: age})
			if fanOut && version != "1.14.10" {
				readers = append(readers, &agedReader{kcl: version, age: age, fanOut: true})
			}
		}
	}
	return readers
}

// scenario is one reader of a stream. The first that is played runs all of them: they take long, and mostly sleep.
func (all *agedStreams) scenario(s *agedStream, r *agedReader) scenario {
	versions := map[string]string{"KCL": r.kcl}
	if s.kpl != "" {
		versions["KPL"] = s.kpl
	}
	return scenario{
		id: s.name() + "/" + r.name(), what: s.what(r), versions: versions,
		play: func(st *stage, t *testing.T) ledger {
			all.once.Do(func() {
				var streams sync.WaitGroup
				for _, s := range all.streams {
					streams.Go(func() { s.run(t, st) })
				}
				streams.Wait()
			})
			if !r.done {
				t.Fatal("the stream was not read")
			}
			return newLedger(s.stored, r.outcome.records, r.outcome.refused)
		},
	}
}

func (s *agedStream) what(r *agedReader) string {
	changes := map[string]string{"split": "both shards are split", "merge": "both shards are merged"}[s.change]
	what := fmt.Sprintf("%d user records are put while %s, and answers take %.0f s; %s", reshardRecords, changes, lateBy.Seconds(), ageWords[r.age])
	if r.fanOut {
		what += ", by enhanced fan-out"
	}
	return what
}

func (s *agedStream) name() string {
	if s.kpl == "" {
		return s.change + "/kplkit"
	}
	return s.change + "/kpl-" + s.kpl
}

func (r *agedReader) name() string {
	name := "kcl-" + r.kcl + "-" + r.age
	if r.fanOut {
		name += "-fan-out"
	}
	return name
}

// run puts the stream and lets all read it.
func (s *agedStream) run(t *testing.T, st *stage) {
	stream := streamName("ages/" + s.name())
	st.createStream(t, stream, 2)
	p := s.producer(t, st)
	s.stored = p.put(t, stream, false, names(reshardRecords)[:beforeSplits])
	st.endShards(t, stream)
	parents := len(st.openShards(t, stream))

	// Each reads an END of each shard that is there while it reads.
	for _, r := range s.readers {
		r.stage = st.reader(stream, r.program())
		r.stage.application = streamName(s.name() + "/" + r.name())
	}
	s.start(t, parents, restarted)
	s.wait(t, restarted)
	s.start(t, parents+s.children(), old)
	awake := s.awake(t, old)
	time.Sleep(time.Until(awake.Add(oldAge / 2)))
	s.start(t, parents+s.children(), young)
	s.awake(t, young)
	time.Sleep(time.Until(awake.Add(oldAge)))
	for _, r := range s.readers {
		t.Logf("%s has read for %v", r.name(), time.Since(r.awake))
	}

	s.reshard(t, st.world, stream)
	s.stored = append(s.stored, putInWaves(t, p, stream, names(reshardRecords)[beforeSplits:])...)
	st.endShards(t, stream)
	s.start(t, s.children(), restarted)
	s.start(t, parents+s.children(), fresh)
	s.wait(t, fresh, restarted, young, old)
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
			w = lateAnswer{w, lateBy}
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

// start starts a worker of each reader of an age, which ends with that many END.
func (s *agedStream) start(t *testing.T, ends int, age string) {
	for r := range s.aged(age) {
		r.worker = r.stage.begin(t, r.program(), map[string]string{"ROW_ENDS": fmt.Sprint(ends), "ROW_CHECKPOINT": "none", "ROW_WHEN": "later"})
	}
}

// awake returns when each worker of an age has been handed a record, and since when the last of them has.
func (s *agedStream) awake(t *testing.T, age string) (last time.Time) {
	var all sync.WaitGroup
	for r := range s.aged(age) {
		all.Go(func() {
			began := time.Now()
			r.worker.awaitRecord(t)
			r.awake = time.Now()
			t.Logf("%s awakes in %v", r.name(), r.awake.Sub(began))
		})
	}
	all.Wait()
	return time.Now()
}

// wait returns when the workers of ages have stopped.
func (s *agedStream) wait(t *testing.T, ages ...string) {
	for _, age := range ages {
		for r := range s.aged(age) {
			o := r.worker.wait(t)
			r.outcome.records = append(r.outcome.records, o.records...)
			r.outcome.refused = cmp.Or(r.outcome.refused, o.refused)
			r.done = true
		}
	}
}

func (s *agedStream) aged(age string) iter.Seq[*agedReader] {
	return func(yield func(*agedReader) bool) {
		for _, r := range s.readers {
			if r.age == age && !yield(r) {
				return
			}
		}
	}
}
