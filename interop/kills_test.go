package interop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
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
	Cores    int               `json:"cores"`
	Load     float64           `json:"load"` // of the machine, the mean of the minute in which the clients were killed
	Kills    []killing         `json:"kills"`
}

const (
	fiveKills     = 5
	workingWithin = 100 // milliseconds, the median: what kplkit's clients have to keep to, unless the machine is busy
)

// TestKills kills kplkit daemon five times under each of kplkit's clients, and the same under the KPL's wrappers: same load,
// same Kinesis, one after the other.
func TestKills(t *testing.T) {
	e := &killsEvidence{V: 1, Part: "kills", Date: time.Now().UTC().Format(time.DateOnly), Seed: *seed, Versions: kcl2.versions(t), Cores: runtime.NumCPU()}
	maps.Copy(e.Versions, languageVersions(t))
	program, w := buildKplkit(t), newDaemonWorld(t, 5*time.Millisecond)
	commands := clientCommands(t)
	for _, language := range []string{"Go", "Python", "Node"} {
		c := newChild(t, "kplkit daemon", "'"+program+"'") // the client says daemon itself
		r := w.kill(t, language, startClient(t, w, language, commands[language], c), c, fiveKills, rand.New(rand.NewPCG(*seed, 14)))
		e.Load = load(t)
		if r.Stored != r.Put || r.NextResult.Median > workingWithin && e.Load <= float64(2*e.Cores) {
			t.Errorf("%s: %d of %d stored, works again after %+v ms, under a load of %v", language, r.Stored, r.Put, r.NextResult, e.Load)
		}
		e.Kills = append(e.Kills, r)
	}
	for _, version := range wrappers {
		s := newDaemonSession(t, w, version, program)
		r := s.kill(t, s.daemon, fiveKills)
		if r.Failed == 0 || r.Refused == 0 {
			t.Errorf("wrapper %s fails %d and refuses %d: it did both whenever it was measured", version, r.Failed, r.Refused)
		}
		e.Kills = append(e.Kills, r)
	}
	writeEvidence(t, e.Part, e)
}

// load is how many processes wanted a core in the last minute.
func load(t *testing.T) (mean float64) {
	text, err := os.ReadFile("/proc/loadavg")
	if _, scanned := fmt.Sscan(string(text), &mean); err != nil || scanned != nil {
		t.Fatal(err, scanned)
	}
	return mean
}
