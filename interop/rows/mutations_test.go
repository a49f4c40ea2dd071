package rows

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestHarness tests the harness itself, without any of the real parts: runs of them, recorded once (-record), pass as
// they are, and with anything changed that could go wrong they fail. A line for each says whether it was caught.
func TestHarness(t *testing.T) {
	for _, id := range recorded(t) {
		s, r := recordedRun(t, id)
		for _, wrong := range judge(s, r) {
			t.Errorf("%s, unchanged: %s", id, wrong)
		}
	}
	if t.Failed() {
		return // what is wrong anyhow shows nothing
	}
	missed := 0
	tell := func(name string, caught bool, why string) {
		word := "caught"
		if !caught {
			word = "missed"
			missed++
		}
		fmt.Printf("%s  %s%s\n", word, name, why)
	}
	for _, m := range mutations() {
		for _, id := range m.runs {
			s, r := recordedRun(t, id)
			m.change(&r)
			wrong := judge(s, r)
			why := ""
			if len(wrong) > 0 {
				why = fmt.Sprintf(": %.150s", wrong[0])
			}
			tell(m.name+", "+id, len(wrong) > 0, why)
		}
	}
	for _, m := range slices.Concat(eitherMutations(t), jarMutations(t), forgeries(t), comparisons(t)) {
		tell(m.name, m.err != nil, fmt.Sprintf(": %.150v", m.err))
	}
	if missed > 0 {
		t.Errorf("%d missed", missed)
	}
}

const recordings = "testdata/recordings"

// recorded are the ids of the runs that are there, PART/RUN.
func recorded(t *testing.T) (ids []string) {
	files, err := filepath.Glob(filepath.Join(recordings, "*.json.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, file := range files {
		ids = append(ids, strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".json.gz"), "--", "/"))
	}
	return ids
}

func recordedRun(t *testing.T, id string) (scenario, recording) {
	s, found := scenarioOf(id)
	if !found {
		t.Fatalf("%s is recorded, and there is no such run", id)
	}
	return s, readRecording(t, filepath.Join(recordings, streamName(id)+".json.gz"))
}

// scenarioOf finds a run by PART/RUN.
func scenarioOf(id string) (scenario, bool) {
	name, run, _ := strings.Cut(id, "/")
	for _, p := range parts() {
		if i := slices.IndexFunc(p.scenarios, func(s scenario) bool { return s.id == run }); p.name == name && i >= 0 {
			return p.scenarios[i], true
		}
	}
	return scenario{}, false
}

// mutation is something that goes wrong in a run.
type mutation struct {
	name   string
	change func(*recording)
	runs   []string
}

// Runs that are changed.
const (
	inside140   = "kcl-1.4.0/extended/inside"
	first140    = "kcl-1.4.0/sequence-number/first"
	damaged140  = "kcl-1.4.0/damaged"
	latest140   = "kcl-1.4.0/latest"
	raw130      = "kcl-1.3.0/raw"
	refusing272 = "hand-over/3.5.1-to-2.7.2/extended"
	stale140    = "hand-over/1.4.0-to-1.3.0-to-1.4.0/stale"
	split140    = "reshard/kpl-1.0.7/kcl-1.4.0"
	split11410  = "reshard/kpl-1.0.7/kcl-1.14.10"
	dropped272  = "row-1/python-aggregator/kcl-2.7.2"
	killed272   = "row-1/client-go-killed/kcl-2.7.2"
	dyingSDK    = "sdk-go/damaged/protobuf"
)

func mutations() []mutation {
	return slices.Concat(consumerMutations(), producerMutations(), readingMutations())
}

// consumerMutations are what a worker may do, or not do.
func consumerMutations() []mutation {
	return []mutation{
		{"the consumer delivers nothing but the end mark", func(r *recording) {
			each(r, func(w *workerRecording) {
				w.Events = slices.DeleteFunc(w.Events, func(e event) bool { return string(e.Record) != end })
			})
			r.recount()
		}, []string{split140, inside140, dropped272}},
		{"the first worker stops at once and checkpoints nothing", func(r *recording) {
			s := r.Streams[0]
			s.Workers[0].Events, s.Workers[0].Lease = nil, "TRIM_HORIZON"
			l := &s.Workers[len(s.Workers)-1]
			l.Events = nil
			for _, stored := range s.Stored {
				for sub, u := range stored.Users {
					l.Events = append(l.Events, event{Record: []byte(u.Text), PartitionKey: u.Key, SequenceNumber: stored.SequenceNumber, SubSequenceNumber: int64(sub)})
				}
			}
			r.recount()
		}, []string{inside140, first140, "kcl-1.4.0/extended/last", "kcl-1.4.0/record/inside", "kcl-1.4.0/record/last", "kcl-1.4.0/none/after-batch", "kcl-1.4.0/unaggregated/sequence-number"}},
		{"a worker loses its lease", func(r *recording) { r.worker(0).LeaseLost = true }, []string{inside140}},
		{"the first worker checkpoints nothing", func(r *recording) { r.worker(0).Lease = "TRIM_HORIZON" }, []string{first140, stale140}},
		{"the checkpoint is one user record farther", func(r *recording) {
			number, sub, _ := strings.Cut(r.worker(0).Lease, ":")
			r.worker(0).Lease = fmt.Sprintf("%s:%c", number, sub[0]+1)
		}, []string{inside140, first140}},
		{"the stale sub-sequence number is gone", func(r *recording) { r.worker(1).Lease, _, _ = strings.Cut(r.worker(1).Lease, ":") }, []string{stale140}},
		{"the first worker stops one user record early", func(r *recording) {
			w := r.worker(0)
			w.Events = w.Events[:len(w.Events)-1]
			r.recount()
		}, []string{inside140, latest140, damaged140}},
		{"the first worker goes one user record too far", func(r *recording) {
			r.worker(0).Events = append(r.worker(0).Events, r.worker(1).Events[0])
			r.recount()
		}, []string{inside140}},
		{"the second worker skips a user record", func(r *recording) {
			r.worker(1).Events = r.worker(1).Events[1:]
			r.recount()
		}, []string{inside140, first140}},
		{"the second worker does not come to the end", func(r *recording) {
			w := r.worker(1)
			w.Events = w.Events[:len(w.Events)-1]
		}, []string{inside140}},
		{"a user record comes twice", func(r *recording) {
			w := r.worker(0)
			w.Events = append(w.Events, w.Events[len(w.Events)-1])
			r.recount()
		}, []string{inside140, damaged140, split140, split11410, killed272}},
		{"two user records come in the wrong order", func(r *recording) {
			e := r.worker(0).Events
			e[20], e[21] = e[21], e[20]
		}, []string{inside140, damaged140}},
		{"what is refused is not refused", func(r *recording) {
			each(r, func(w *workerRecording) { w.Refused = "" })
			r.Ledger.Refused = ""
		}, []string{refusing272, dyingSDK}},
		{"2.7.2's main jar is deleted", func(r *recording) {
			l := r.last()
			l.Version, l.Refused, r.Ledger.Refused = "", "ended without a word: exit status 1", "ended without a word: exit status 1"
		}, []string{refusing272}},
		{"the refusal has another reason", func(r *recording) {
			r.last().Refused, r.Ledger.Refused = "java.net.ConnectException: refused", "java.net.ConnectException: refused"
		}, []string{refusing272, dyingSDK}},
		{"a worker reports an error", func(r *recording) { r.last().Refused = "java.lang.IllegalStateException" }, []string{inside140, split140}},
		{"a worker was not started", func(r *recording) { r.Streams[0].Workers = r.Streams[0].Workers[:1]; r.recount() }, []string{inside140}},
	}
}

// producerMutations are what may go wrong before.
func producerMutations() []mutation {
	return []mutation{
		{"the ledger forgets a record that was put", func(r *recording) {
			for _, s := range r.Streams {
				s.Puts = s.Puts[1:]
			}
			r.recount()
		}, []string{inside140, first140, damaged140, latest140, split140, dropped272, killed272}},
		{"the run counts less than its ledger holds", func(r *recording) { r.Ledger.Put--; r.Ledger.Delivered-- }, []string{inside140, split140}},
		{"the plan is one user record short", func(r *recording) {
			s := r.Streams[0]
			s.Planned, s.Puts = s.Planned[:len(s.Planned)-1], s.Puts[:len(s.Puts)-1]
			r.recount()
		}, []string{inside140, split140, killed272}},
		{"the producer failed on a user record", func(r *recording) { r.Streams[0].Puts[30].Error = "Expired"; r.recount() }, []string{inside140, split140}},
		{"the producer names another stored record", func(r *recording) {
			p := r.Streams[0].Puts
			p[10].SequenceNumber = p[90].SequenceNumber
		}, []string{inside140, split140, killed272}},
		{"a stored record appears that nobody put", func(r *recording) {
			s := r.Streams[0]
			one := s.Stored[0]
			one.SequenceNumber, one.Users = "1", []storedUser{{"stranger", "key"}}
			s.Stored = append(s.Stored, one)
		}, []string{inside140, split140}},
		{"the jars of 1.14.10 are there under the name 1.4.0", func(r *recording) {
			each(r, func(w *workerRecording) { w.Version = "1.14.10" })
		}, []string{inside140, split140}},
		{"the second worker is of the first one's version", func(r *recording) { r.worker(1).Version = r.worker(0).Version }, []string{refusing272}},
		{"the KPL is another", func(r *recording) {
			for _, s := range r.Streams {
				s.Producer = "0.12.11"
			}
		}, []string{inside140, split140}},
		{"the KPL's native process is another's", func(r *recording) { r.Streams[0].Native = kplAgent + "0.12.11N | Linux" }, []string{inside140, split140}},
	}
}

// readingMutations are in what was handed to user code.
func readingMutations() []mutation {
	return []mutation{
		{"sub-sequence numbers are 0", func(r *recording) { every(r, func(e *event) { e.SubSequenceNumber = 0 }) }, []string{inside140, split140}},
		{"the sequence number is another's", func(r *recording) {
			e := r.worker(0).Events
			e[5].SequenceNumber = e[40].SequenceNumber
		}, []string{inside140, split140}},
		{"a user record comes under another's key", func(r *recording) {
			e := r.worker(0).Events
			e[5].PartitionKey = e[6].PartitionKey
		}, []string{inside140, split140}},
		{"no user record has a key", func(r *recording) { every(r, func(e *event) { e.PartitionKey = "" }) }, []string{inside140, split140}},
		{"one byte is changed", func(r *recording) { r.worker(0).Events[5].Record[0] ^= 1; r.recount() }, []string{inside140, split140}},
		{"one aggregate is not handed over", func(r *recording) {
			w := r.worker(0)
			w.Events = slices.DeleteFunc(w.Events, func(e event) bool { return isAggregate(e.Record) && e.SequenceNumber == w.Events[6].SequenceNumber })
			r.recount()
		}, []string{raw130}},
		{"a KCL that drops mixed aggregates delivers them", func(r *recording) {
			for _, s := range r.Streams {
				s.deliver(everyOne)
			}
			r.recount()
		}, []string{split140, dropped272}},
		{"a KCL that delivers mixed aggregates drops them", func(r *recording) {
			for _, s := range r.Streams {
				s.deliver(noneMixed)
			}
			r.recount()
		}, []string{split11410}},
		{"nothing was packed so that it is lost", func(r *recording) {
			for _, s := range r.Streams {
				s.Stored = slices.DeleteFunc(s.Stored, func(stored storedRecord) bool { return !noneMixed(stored) })
				kept := copiesOf(s.Stored, everyOne)
				s.Planned = slices.DeleteFunc(s.Planned, func(u string) bool { return kept[u] == 0 })
				s.Puts = slices.DeleteFunc(s.Puts, func(p putResult) bool { return kept[p.Text] == 0 })
			}
			r.recount()
		}, []string{split140}},
	}
}

// deliver has a worker deliver what a reader keeps.
func (s *streamRecording) deliver(keeps func(storedRecord) bool) {
	w := &s.Workers[0]
	w.Events = nil
	for _, r := range s.Stored {
		for sub, u := range r.Users {
			if keeps(r) {
				w.Events = append(w.Events, event{Record: []byte(u.Text), PartitionKey: u.Key, SequenceNumber: r.SequenceNumber, SubSequenceNumber: int64(sub)})
			}
		}
	}
}

func (r *recording) worker(i int) *workerRecording { return &r.Streams[0].Workers[i] }

func (r *recording) last() *workerRecording {
	s := r.Streams[len(r.Streams)-1]
	return &s.Workers[len(s.Workers)-1]
}

func each(r *recording, change func(*workerRecording)) {
	for _, s := range r.Streams {
		for i := range s.Workers {
			change(&s.Workers[i])
		}
	}
}

func every(r *recording, change func(*event)) {
	each(r, func(w *workerRecording) {
		for i := range w.Events {
			change(&w.Events[i])
		}
	})
}

// recount counts as the run does, so that it is not the sum that gives the change away.
func (r *recording) recount() {
	refused := r.Ledger.Refused
	r.Ledger = ledger{Refused: refused}
	for _, s := range r.Streams {
		r.Ledger.add(s.count())
	}
}

// eitherMutations are of a reader that may drop all mixed aggregates of a stream, or none.
func eitherMutations(t *testing.T) []checked {
	const id = "reshard/kpl-1.0.7/kcl-2.7.2"
	s, _ := scenarioOf(id)
	judged := func(keeps func(storedRecord) bool) error {
		_, r := recordedRun(t, split140) // the same streams; who reads does not matter here
		for _, stream := range r.Streams {
			w := &stream.Workers[0]
			w.Events = nil
			for _, stored := range stream.Stored {
				for _, u := range stored.Users {
					if keeps(stored) {
						w.Events = append(w.Events, event{Record: []byte(u.Text)})
					}
				}
			}
		}
		v := &verdict{scenario: s, recording: r}
		for _, stream := range r.Streams {
			v.copies(stream)
		}
		if len(v.wrong) > 0 {
			return errors.New(v.wrong[0])
		}
		return nil
	}
	if err := errors.Join(judged(noneMixed), judged(everyOne)); err != nil {
		t.Errorf("%s, unchanged: %v", id, err)
	}
	some := 0
	return []checked{{"a worker drops every other mixed aggregate, " + id, judged(func(r storedRecord) bool {
		if !noneMixed(r) {
			some++
		}
		return noneMixed(r) || some%2 == 0
	})}}
}

// checked is a mutation that is not of a recording: err is what gave it away.
type checked struct {
	name string
	err  error
}

// jarMutations are what may be wrong with an installation.
func jarMutations(t *testing.T) []checked {
	install := func(jars map[string]string) (folder string) {
		folder = t.TempDir()
		if err := os.MkdirAll(filepath.Join(folder, "lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, version := range jars {
			writeJar(t, filepath.Join(folder, "lib", name), version)
		}
		return folder
	}
	is140 := func(jars map[string]string) error {
		version, err := jarVersion(install(jars), kclJar)
		if err == nil && version != "1.4.0" {
			err = fmt.Errorf("the jar says %s", version)
		}
		return err
	}
	if err := is140(map[string]string{"a.jar": "1.4.0", "b.jar": ""}); err != nil {
		t.Error(err)
	}
	return []checked{
		{"the jar of 1.14.10 is called amazon-kinesis-client-1.4.0.jar", is140(map[string]string{"amazon-kinesis-client-1.4.0.jar": "1.14.10"})},
		{"the main jar is deleted", is140(map[string]string{"b.jar": ""})},
		{"two versions are on one class path", is140(map[string]string{"a.jar": "1.4.0", "b.jar": "1.14.10"})},
	}
}

// writeJar writes one of the KCL that says a version, or says nothing.
func writeJar(t *testing.T, file, version string) {
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z := zip.NewWriter(out)
	defer z.Close()
	name := "META-INF/maven/com.amazonaws/" + kclJar + "/pom.properties"
	if version == "" {
		name = "README"
	}
	if f, err := z.Create(name); err != nil {
		t.Fatal(err)
	} else {
		fmt.Fprintf(f, "#Fri Feb 17\nversion=%s\ngroupId=com.amazonaws\n", version)
	}
}
