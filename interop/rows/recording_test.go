package rows

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// recording is all that a run has seen: judge looks at nothing else. It is JSON, so that a run can be judged again, and
// with something changed.
type recording struct {
	Part    string             `json:"part"`
	Run     string             `json:"run"`
	Named   map[string]string  `json:"named"`   // the versions that its evidence will name
	Streams []*streamRecording `json:"streams"` // mostly one
	Ledger  ledger             `json:"ledger"`  // as the run has counted
}

// streamRecording is what became of a stream.
type streamRecording struct {
	Name    string            `json:"name"`
	Stored  []storedRecord    `json:"stored"` // at the end
	Workers []workerRecording `json:"workers"`
	book
}

// book is what was put into a stream.
type book struct {
	Producer string      `json:"producer,omitempty"` // the version that the KPL's jar says, and its native process
	Native   string      `json:"native,omitempty"`
	Planned  []string    `json:"planned"` // user records that count, each once
	Beside   []string    `json:"beside"`  // texts that don't: those that wake a producer or a worker, or end it
	Puts     []putResult `json:"puts"`    // what the producer said of the planned ones
}

// putResult is what a producer said of a user record. A producer that is not asked for each one says no number.
type putResult struct {
	Text           string `json:"text"`
	Shard          string `json:"shard,omitempty"`
	SequenceNumber string `json:"sequence_number,omitempty"`
	Error          string `json:"error,omitempty"`
}

// workerRecording is what a worker was told, and what it did.
type workerRecording struct {
	Reader     string  `json:"reader"`            // the kind of program, such as KCL
	Version    string  `json:"version,omitempty"` // as its jar says
	At         string  `json:"at,omitempty"`
	Checkpoint string  `json:"checkpoint,omitempty"`
	When       string  `json:"when,omitempty"`
	Self       bool    `json:"self,omitempty"` // it takes aggregates apart by itself
	Events     []event `json:"events"`
	Refused    string  `json:"refused,omitempty"`
	LeaseLost  bool    `json:"lease_lost,omitempty"`
	Lease      string  `json:"lease,omitempty"` // what its checkpoint was when it had stopped: SEQUENCE or SEQUENCE:SUB, a sentinel, or nothing
}

// books are those of all streams, by name. A stream's name is its run's.
var books = struct {
	sync.Mutex
	of map[string]*book
}{of: map[string]*book{}}

// write changes the book of a stream.
func write(stream string, change func(*book)) {
	books.Lock()
	defer books.Unlock()
	if books.of[stream] == nil {
		books.of[stream] = &book{}
	}
	change(books.of[stream])
}

func planned(stream string, users ...string) {
	write(stream, func(b *book) { b.Planned = append(b.Planned, users...) })
}

func beside(stream string, texts ...string) {
	write(stream, func(b *book) { b.Beside = append(b.Beside, texts...) })
}

func resultOf(stream string, r putResult) {
	write(stream, func(b *book) { b.Puts = append(b.Puts, r) })
}

// uncounted turns what was planned for a stream so far into what does not count.
func uncounted(stream string) {
	write(stream, func(b *book) { b.Beside, b.Planned, b.Puts = append(b.Beside, b.Planned...), nil, nil })
}

// recorder collects the workers of a run, by stream.
type recorder struct {
	names   []string // of streams, in order
	workers map[string][]workerRecording
}

func (r *recorder) note(stream string, w workerRecording) {
	if r.workers == nil {
		r.workers = map[string][]workerRecording{}
	}
	if !slices.Contains(r.names, stream) {
		r.names = append(r.names, stream)
	}
	r.workers[stream] = append(r.workers[stream], w)
}

// leaseLost reports whether a worker has lost its lease.
func (r *recorder) leaseLost() bool {
	for _, workers := range r.workers {
		if slices.ContainsFunc(workers, func(w workerRecording) bool { return w.LeaseLost }) {
			return true
		}
	}
	return false
}

// recording returns what the run has seen, when it has been played.
func (st *stage) recording(t *testing.T, l ledger) recording {
	named := merged(merged(st.part.versions, map[string]string{"KPL": st.part.kpl}), st.scenario.versions)
	maps.DeleteFunc(named, func(_, version string) bool { return version == "" })
	r := recording{Part: st.part.name, Run: st.scenario.id, Named: named, Ledger: l}
	for _, name := range st.recorder.names {
		s := &streamRecording{Name: name, Stored: st.stored(t, name), Workers: st.recorder.workers[name]}
		write(name, func(b *book) {
			s.book = *b
			s.Planned, s.Beside, s.Puts = slices.Clone(b.Planned), slices.Clone(b.Beside), slices.Clone(b.Puts)
		})
		s.Native = st.agents.of(name)
		r.Streams = append(r.Streams, s)
	}
	return r
}

// stopped are the workers that were stopped before the last one.
func (s *streamRecording) stopped() []workerRecording { return s.Workers[:max(0, len(s.Workers)-1)] }

// save writes the recording, if that was asked for.
func (r recording) save(t *testing.T) {
	if *recordDir == "" {
		return
	}
	out, err := os.Create(filepath.Join(*recordDir, streamName(r.Part+"/"+r.Run)+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z := gzip.NewWriter(out)
	if err := errors.Join(json.NewEncoder(z).Encode(r), z.Close()); err != nil {
		t.Fatal(err)
	}
}

// readRecording reads what save has written.
func readRecording(t *testing.T, file string) (r recording) {
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}
