package rows

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// judge says what is wrong with a run, by its recording alone. What is expected comes from what the scenario plans, from
// what the producer said and from what the stream holds.
func judge(s scenario, r recording) []string {
	v := &verdict{scenario: s, recording: r}
	if len(r.Streams) == 0 {
		v.say("nothing is recorded")
	}
	v.refusal()
	v.counts()
	for _, stream := range r.Streams {
		v.versions(stream)
		v.puts(stream)
		v.deliveries(stream)
		v.copies(stream)
		v.leases(stream)
	}
	if s.want != nil {
		v.planned()
	}
	return v.wrong
}

// verdict is what judge has found.
type verdict struct {
	scenario  scenario
	recording recording
	wrong     []string
}

func (v *verdict) say(format string, arguments ...any) {
	if len(v.wrong) < 20 { // more say no more
		v.wrong = append(v.wrong, fmt.Sprintf(format, arguments...))
	}
}

// refusal: each has the text that is expected, and where none is, there is none.
func (v *verdict) refusal() {
	refused := []string{v.recording.Ledger.Refused}
	for _, s := range v.recording.Streams {
		for _, w := range s.Workers {
			if w.Refused != "" {
				refused = append(refused, w.Refused)
			}
		}
	}
	for _, text := range refused {
		if (text != "") != (v.scenario.refuses != "") || !regexp.MustCompile(v.scenario.refuses).MatchString(text) {
			v.say("refused: %q; want %q", text, v.scenario.refuses)
		}
	}
}

// counts: the run has counted what it has recorded, and the numbers are those that have to be.
func (v *verdict) counts() {
	var sum ledger
	for _, s := range v.recording.Streams {
		sum.add(s.count())
	}
	l := v.recording.Ledger
	sum.Refused = l.Refused // judged by itself
	if sum != l {
		v.say("counted %+v; recorded is %+v", l, sum)
	}
	if v.scenario.check != nil && !v.scenario.check(l) {
		v.say("%+v is not what was expected", l)
	}
}

// leases: nobody has lost one. Each worker is alone with its application.
func (v *verdict) leases(s *streamRecording) {
	for i, w := range s.Workers {
		if w.LeaseLost {
			v.say("%s: worker %d lost its lease: the machine is too busy", s.Name, i+1)
		}
	}
}

// count counts what a stream's recording says.
func (s *streamRecording) count() ledger {
	var stored []string
	for _, p := range s.Puts {
		if p.Error == "" {
			stored = append(stored, p.Text)
		}
	}
	var delivered []event
	for _, w := range s.Workers {
		delivered = append(delivered, w.Events...)
	}
	return newLedger(stored, delivered, "")
}

// versions: the names in the evidence are those that the programs say themselves.
func (v *verdict) versions(s *streamRecording) {
	said := map[string][]string{}
	for _, w := range s.Workers {
		if w.Version != "" {
			said[w.Reader] = append(said[w.Reader], w.Version)
		}
	}
	if s.Producer != "" {
		said["KPL"] = []string{s.Producer}
	}
	for _, library := range []string{"KCL", "MultiLangDaemon", "KPL"} {
		if got := strings.Join(slices.Compact(said[library]), ", "); got != v.recording.Named[library] {
			v.say("%s is said to be %q; it says %q itself", library, v.recording.Named[library], got)
		}
	}
	if number := v.recording.Named["KPL"]; s.Native != "" && number != "" && !agentIs(s.Native, number, v.recording.Run) {
		v.say("the KPL is said to be %s; its native process says %q", number, s.Native)
	}
}

// wakes are the user records that wake a KPL, and those of a damaged aggregate.
var wakes = regexp.MustCompile(`^([ab]\d{3}|x\d)$`)

// puts: what is planned was put, each once, and is stored where the producer says. Nothing else is stored.
func (v *verdict) puts(s *streamRecording) {
	users := slices.DeleteFunc(slices.Clone(s.Planned), wakes.MatchString)
	n := v.scenario.users
	if n == 0 && v.scenario.play == nil {
		n = userRecords
	} else if n == 0 {
		n = len(users)
	}
	if slices.Sort(users); len(users) == 0 || !slices.Equal(users, names(n)) {
		v.say("%s: %d user records were planned; want %d", s.Name, len(users), n)
	}
	where := map[string]storedRecord{} // by sequence number
	known := append(slices.Clone(s.Planned), s.Beside...)
	for _, r := range s.Stored {
		where[r.SequenceNumber] = r
		for _, u := range r.Users {
			if !slices.Contains(known, u.Text) {
				v.say("%s: %.40q is stored, and nobody put it", s.Name, u.Text)
			}
		}
	}
	missing := slices.Clone(s.Planned)
	for _, p := range s.Puts {
		i := slices.Index(missing, p.Text)
		if i < 0 {
			v.say("%s: the producer said of %q what it was not asked, or twice", s.Name, p.Text)
			continue
		}
		missing = slices.Delete(missing, i, i+1)
		r, found := where[p.SequenceNumber]
		switch {
		case p.Error != "":
			v.say("%s: %q is not stored: %s", s.Name, p.Text, p.Error)
		case p.SequenceNumber != "" && (!found || p.Shard != r.Shard || !slices.ContainsFunc(r.Users, func(u storedUser) bool { return u.Text == p.Text })):
			v.say("%s: %q is not in the stored record that the producer named: %s", s.Name, p.Text, r)
		}
	}
	if len(missing) > 0 {
		v.say("%s: the ledger lacks %d that were put: %.10q", s.Name, len(missing), missing)
	}
}

// deliveries: what was handed to user code is a user record of the stream, under its key and at its position.
func (v *verdict) deliveries(s *streamRecording) {
	where := map[string]storedRecord{}
	for _, r := range s.Stored {
		where[r.SequenceNumber] = r
	}
	for _, w := range s.Workers {
		for _, e := range w.Events {
			r, found := where[e.SequenceNumber]
			if raw := isAggregate(e.Record); raw && r.Aggregate {
				continue
			}
			sub := slices.IndexFunc(r.Users, func(u storedUser) bool { return u.Text == textOf(e.Record) })
			if i := int(e.SubSequenceNumber); i > sub && i < len(r.Users) && r.Users[i].Text == textOf(e.Record) {
				sub = i // two of those that wake a producer
			}
			switch {
			case !found || sub < 0:
				v.say("%s: %.40q was delivered as of %s, which does not hold it", s.Name, e.Record, e.SequenceNumber)
			case w.tellsKeys() && e.PartitionKey != r.Users[sub].Key:
				v.say("%s: %q was delivered under the key %q; it was put under %q", s.Name, e.Record, e.PartitionKey, r.Users[sub].Key)
			case w.Version == "1.4.0" && strings.HasPrefix(v.recording.Part, "multilang-kplkit"): // counted from where the daemon goes on
			case e.SubSequenceNumber != int64(sub) && (e.SubSequenceNumber != 0 || w.tellsSubs()):
				v.say("%s: %q was delivered with the sub-sequence number %d; want %d", s.Name, e.Record, e.SubSequenceNumber, sub)
			}
		}
	}
}

func (w workerRecording) tellsKeys() bool {
	return !w.Self && (w.Reader == "KCL" || w.Reader == "Decoder")
}

// tellsSubs: others don't, or not of an aggregate's last user record. Nor does the MultiLangDaemon of 1.4.0.
func (w workerRecording) tellsSubs() bool {
	return w.Reader == "KCL" || w.Reader == "Decoder" || w.Reader == "MultiLangDaemon" && w.Version != "1.4.0"
}

// copies: a reader that reads a stream once delivers each user record as often as it is in what that reader keeps.
func (v *verdict) copies(s *streamRecording) {
	keeps, atMost := v.scenario.keeps, false
	switch {
	case keeps != nil:
	case v.scenario.play != nil && len(s.Workers) == 1 && len(v.scenario.stops) == 0 && v.scenario.damage == "":
		keeps, atMost = everyOne, true
	default:
		return
	}
	got := map[string]int{}
	for _, w := range s.Workers {
		for _, e := range w.Events {
			got[textOf(e.Record)]++
		}
	}
	want := copiesOf(s.Stored, keeps)
	if v.scenario.or != nil && v.delivered(s, got, copiesOf(s.Stored, v.scenario.or)) {
		return
	}
	for _, r := range s.Stored {
		for _, u := range r.Users {
			if n := got[u.Text]; n > want[u.Text] || n < want[u.Text] && !atMost {
				v.say("%s: %q was delivered %d times; want %d", s.Name, u.Text, n, want[u.Text])
			}
		}
	}
}

// delivered reports whether what a stream's recording counts is just that.
func (v *verdict) delivered(s *streamRecording, got, want map[string]int) bool {
	for _, r := range s.Stored {
		if slices.ContainsFunc(r.Users, func(u storedUser) bool { return got[u.Text] != want[u.Text] }) {
			return false
		}
	}
	return true
}

// agentIs: the native process's own name is that of a version; kplkit daemon in its place has another.
func agentIs(agent, version, run string) bool {
	if strings.Contains(run, "-on-kplkit") {
		return !strings.HasPrefix(agent, kplAgent)
	}
	return strings.HasPrefix(agent, kplAgent+version+"N ")
}

const kplAgent = "KinesisProducerLibrary/"
