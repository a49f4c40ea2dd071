package bench

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var write = flag.String("write", "", "TestPerformance measures in full, and writes performance.md and its plots into this folder")

// subjects are what TestPerformance measures, in the order of the document.
var subjects = []struct {
	title   string
	measure func(*session)
}{
	{"Limits of this machine", limits},
	{"Taking aggregates apart", deaggregation},
	{"Batches, ranges and plain records", decoding},
	{"GetRecords", getRecords},
	{"vmware-go-kcl-v2", underVMware},
	{"kplkit deagg as a process", commandLine},
	{"Making aggregates", aggregation},
	{"The producer", producing},
	{"The producer by shards", byShards},
	{"The producer at a trickle", trickle},
}

// TestPerformance measures kplkit beside its peers, in one run, and holds it against its goals:
//
//	go test -count 1 -timeout 20m -run TestPerformance -v -write ../docs .
//
// Without -write, or with -short, it takes a minute or two and says little; a part of it runs by
// -run 'TestPerformance/The_producer'. A goal that is missed is written down, and fails nothing: the machine may be at fault.
func TestPerformance(t *testing.T) {
	s := &session{rounds: 9, each: 80 * time.Millisecond, volume: 8 << 20}
	if *write == "" || testing.Short() {
		s.rounds, s.each, s.volume = 3, 10*time.Millisecond, 2<<20
	}
	for _, subject := range subjects {
		t.Run(subject.title, func(t *testing.T) {
			s.t = t
			s.parts = append(s.parts, &part{title: subject.title})
			subject.measure(s)
			t.Log("\n" + s.part().text())
		})
	}
	if *write != "" {
		s.t = t
		s.writeDocument(*write)
	}
}

func (s *session) short() bool { return s.rounds < 9 }

// session is a run of TestPerformance.
type session struct {
	t      *testing.T
	rounds int
	each   time.Duration // for a contender, in each round
	volume int           // bytes of data
	parts  []*part
	plots  []*plot
}

// part is what a subject has found.
type part struct {
	title   string
	goals   []goal
	notes   []string
	columns []string // of the table
	rows    [][]string
}

func (s *session) part() *part { return s.parts[len(s.parts)-1] }

// note adds a sentence to the part.
func (s *session) note(format string, args ...any) {
	p := s.part()
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// table begins the part's table, and row adds to it.
func (s *session) table(columns ...string) { s.part().columns = columns }
func (s *session) row(cells ...string)     { s.part().rows = append(s.part().rows, cells) }

// goal is a figure that should be at least, or at most, as large as its limit. Without a limit it is only told.
type goal struct {
	name          string
	measured      summary
	limit         float64
	atLeast, unit string
}

func (g goal) met() bool {
	return g.limit == 0 || g.atLeast == "≥" && g.measured.median >= g.limit || g.atLeast == "≤" && g.measured.median <= g.limit
}

func (s *session) atLeast(limit float64, name string, measured summary, unit string) {
	s.part().goals = append(s.part().goals, goal{name, measured, limit, "≥", unit})
}

func (s *session) atMost(limit float64, name string, measured summary, unit string) {
	s.part().goals = append(s.part().goals, goal{name, measured, limit, "≤", unit})
}

// text is the part as it is written into the document, after its title.
func (p *part) text() string {
	var b strings.Builder
	for _, n := range p.notes {
		fmt.Fprintf(&b, "%s\n\n", n)
	}
	if len(p.goals) > 0 {
		writeTable(&b, []string{"figure", "goal", "measured", "range", ""}, goalRows(p.goals))
	}
	if len(p.rows) > 0 {
		writeTable(&b, p.columns, p.rows)
	}
	return b.String()
}

func goalRows(goals []goal) (rows [][]string) {
	for _, g := range goals {
		limit, met := "–", ""
		if g.limit > 0 {
			limit, met = g.atLeast+" "+number(g.limit)+g.unit, "met"
		}
		if !g.met() {
			met = "**missed**"
		}
		rows = append(rows, []string{g.name, limit, number(g.measured.median) + g.unit, number(g.measured.low) + " to " + number(g.measured.high), met})
	}
	return rows
}

func writeTable(b *strings.Builder, columns []string, rows [][]string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, r := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(r, " | "))
	}
	b.WriteString("\n")
}

// number writes three digits that count.
func number(x float64) string {
	switch {
	case x >= 1000:
		return fmt.Sprintf("%.0f", x)
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}
