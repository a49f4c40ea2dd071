package interop

import (
	"maps"
	"math/rand/v2"
	"testing"
	"time"
)

// killsEvidence is what the part found, and the file that it leaves behind.
type killsEvidence struct {
	V        int               `json:"v"`
	Part     string            `json:"part"`
	Date     string            `json:"date"`
	Seed     uint64            `json:"seed"`
	Versions map[string]string `json:"versions"`
	Kills    []killing         `json:"kills"`
}

const (
	fiveKills     = 5
	workingWithin = 100 // milliseconds, the median: what kplkit's clients have to keep to
)

// TestKills kills kplkit daemon five times under the KPL's wrappers, and the same under each of kplkit's clients: same load,
// same Kinesis, one after the other.
func TestKills(t *testing.T) {
	e := &killsEvidence{V: 1, Part: "kills", Date: time.Now().UTC().Format(time.DateOnly), Seed: *seed, Versions: kcl2.versions(t)}
	maps.Copy(e.Versions, languageVersions(t))
	program, w := buildKplkit(t), newDaemonWorld(t, 10*time.Millisecond)
	for _, version := range wrappers {
		s := newDaemonSession(t, w, version, program)
		r := s.kill(t, s.daemon, fiveKills)
		if r.Failed == 0 || r.Refused == 0 {
			t.Errorf("wrapper %s fails %d and refuses %d: it did both whenever it was measured", version, r.Failed, r.Refused)
		}
		e.Kills = append(e.Kills, r)
	}
	commands := clientCommands(t)
	for _, language := range []string{"Go", "Python", "Node"} {
		c := newChild(t, "kplkit daemon", "'"+program+"'") // the client says daemon itself
		r := w.kill(t, language, startClient(t, w, language, commands[language], c), c, fiveKills, rand.New(rand.NewPCG(*seed, 14)))
		if r.Stored != r.Put || r.WorksAfter.Median > workingWithin {
			t.Errorf("%s: %d of %d stored, works again after %+v ms", language, r.Stored, r.Put, r.WorksAfter)
		}
		e.Kills = append(e.Kills, r)
	}
	writeEvidence(t, e.Part, e)
}
