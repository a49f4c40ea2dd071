package matrix

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

// The files are written by interop/run.sh, and by nothing else.
//
//go:embed evidence
var evidenceFiles embed.FS

// Evidence is what a row stands on: a run of the real thing, or what was read.
type Evidence struct {
	Kind     string            `json:"kind"` // "run" or "read"
	ID       string            `json:"id,omitempty"`
	What     string            `json:"what,omitempty"`
	Date     string            `json:"date,omitempty"`
	Seed     int64             `json:"seed,omitempty"`
	Versions map[string]string `json:"versions,omitempty"`
	Counts   Counts            `json:"-"`                // of a run, else zero; in JSON they stand beside the other fields, and only of a run
	Source   string            `json:"source,omitempty"` // of what was read
}

// evidenceJSON is how Evidence stands in JSON.
type evidenceJSON struct {
	evidenceFields
	*Counts // nil where nothing was run
}

type evidenceFields Evidence // without its methods

// String names the evidence, and tells how its run ended or where it was read.
func (e Evidence) String() string {
	if e.Kind == "run" {
		return e.ID + ": " + e.Counts.String()
	}
	return e.ID + ": " + e.Kind + ", " + e.Source
}

// MarshalJSON writes the counts of a run beside the other fields, and none where nothing was run.
func (e Evidence) MarshalJSON() ([]byte, error) {
	shape := evidenceJSON{evidenceFields: evidenceFields(e)}
	if e.Kind == "run" {
		shape.Counts = &e.Counts
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // whoever encodes it decides
	err := encoder.Encode(shape)
	return out.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON has written.
func (e *Evidence) UnmarshalJSON(text []byte) error {
	shape := evidenceJSON{evidenceFields: evidenceFields(*e), Counts: &e.Counts}
	err := json.Unmarshal(text, &shape)
	shape.evidenceFields.Counts = e.Counts
	*e = Evidence(shape.evidenceFields)
	return err
}

// Counts are user records. Put is how many the producer was told are stored.
type Counts struct {
	Put       int    `json:"put"`
	Raw       int    `json:"raw"`       // aggregates that were handed out whole, and that nobody took apart
	Delivered int    `json:"delivered"` // distinct ones
	Lost      int    `json:"lost"`
	Twice     int    `json:"twice"`
	Refused   string `json:"refused"` // the error of a reader that did not start, or of a call
}

// String tells how a run ended, in a few words.
func (c Counts) String() string {
	if c.Refused != "" && c.Delivered == 0 {
		return "refused"
	}
	var parts []string
	switch {
	case c.Raw > 0:
		parts = append(parts, fmt.Sprintf("%d of %d raw", c.Lost, c.Put))
	case c.Refused != "" && c.Lost > 0:
		parts = append(parts, fmt.Sprintf("%d of %d stuck", c.Lost, c.Put)) // behind the error
	case c.Lost > 0:
		parts = append(parts, fmt.Sprintf("%d of %d lost", c.Lost, c.Put))
	}
	switch {
	case c.Twice > 0 && len(parts) > 0:
		parts = append(parts, fmt.Sprintf("%d twice", c.Twice))
	case c.Twice > c.Put:
		parts = append(parts, fmt.Sprintf("%d repeats of %d", c.Twice, c.Put))
	case c.Twice > 0:
		parts = append(parts, fmt.Sprintf("%d of %d twice", c.Twice, c.Put))
	}
	if c.Refused != "" {
		parts = append(parts, "an error")
	}
	if len(parts) == 0 {
		return fmt.Sprintf("all %d once", c.Put)
	}
	return strings.Join(parts, ", ")
}

// part is an evidence file.
type part struct {
	V        int               `json:"v"`
	Part     string            `json:"part"`
	Date     string            `json:"date"`
	Seed     int64             `json:"seed"`
	Versions map[string]string `json:"versions"`
	Runs     []struct {
		ID       string            `json:"id"`
		What     string            `json:"what"`
		Versions map[string]string `json:"versions"` // where they differ from the part's
		Counts
	} `json:"runs"`
}

// Runs returns every run that is embedded, in the order of their ids.
func Runs() []Evidence { return slices.Clone(embedded()) }

var embedded = sync.OnceValue(func() []Evidence {
	runs, err := readRuns()
	if err != nil {
		panic(err) // a test has read them
	}
	return runs
})

func readRuns() (runs []Evidence, err error) {
	entries, err := evidenceFiles.ReadDir("evidence")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name, isJSON := strings.CutSuffix(entry.Name(), ".json")
		if !isJSON {
			continue
		}
		text, err := evidenceFiles.ReadFile(path.Join("evidence", entry.Name()))
		if err != nil {
			return nil, err
		}
		p, err := readPart(name, text)
		if err != nil {
			return nil, err
		}
		runs = append(runs, p...)
	}
	slices.SortFunc(runs, func(a, b Evidence) int { return cmp.Compare(a.ID, b.ID) })
	return runs, nil
}

func readPart(name string, text []byte) (runs []Evidence, err error) {
	var p part
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("matrix: evidence/%s.json: %w", name, err)
	}
	if p.V != 1 || p.Part != name || p.Date == "" || len(p.Versions) == 0 || len(p.Runs) == 0 {
		return nil, fmt.Errorf("matrix: evidence/%s.json: want v 1, part %s, a date, versions and runs", name, name)
	}
	for i, r := range p.Runs {
		if i > 0 && r.ID <= p.Runs[i-1].ID {
			return nil, fmt.Errorf("matrix: evidence/%s.json: run %q comes after %q: want each once, in order", name, r.ID, p.Runs[i-1].ID)
		}
		if r.ID == "" || r.Lost != r.Put-r.Delivered {
			return nil, fmt.Errorf("matrix: evidence/%s.json: run %q: lost %d is not put %d - delivered %d", name, r.ID, r.Lost, r.Put, r.Delivered)
		}
		versions := maps.Clone(p.Versions)
		maps.Copy(versions, r.Versions)
		runs = append(runs, Evidence{
			Kind: "run", ID: name + "/" + r.ID, What: r.What, Date: p.Date, Seed: p.Seed, Versions: versions, Counts: r.Counts,
		})
	}
	return runs, nil
}

// runOf returns the run of an id.
func runOf(id string) (Evidence, bool) {
	i, found := slices.BinarySearchFunc(embedded(), id, func(e Evidence, id string) int { return cmp.Compare(e.ID, id) })
	if !found {
		return Evidence{}, false
	}
	return embedded()[i], true
}
