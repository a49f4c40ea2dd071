package matrix

import "slices"

// Row is a line of the matrix, with the verdict on all that it is about.
type Row struct {
	Producer   string `json:"producer"`
	Consumer   string `json:"consumer"`
	Checkpoint string `json:"checkpoint"`
	Verdict
	Ignored  string `json:"ignored,omitempty"` // how the runs ended that ignore the advice
	Followed string `json:"followed,omitempty"`
	Read     string `json:"read,omitempty"` // the source of what was read and not run
}

// Rows returns the rows of a rule set, in the order of their table.
func Rows(s RuleSet) (rows []Row) {
	for _, r := range s.rows() {
		ignored, followed := runsOf(r.ignored, r.variants, Consumer{}), runsOf(r.followed, r.variants, Consumer{})
		rows = append(rows, Row{
			Producer: r.producer(), Consumer: r.consumer, Checkpoint: r.checkpoint(), Verdict: s.verdict(r, Java(), Consumer{}),
			Ignored: measured("%s", ignored), Followed: measured("%s", followed), Read: r.read,
		})
	}
	return rows
}

func (r row) producer() string {
	switch {
	case slices.Contains(r.who.producers, classAggregator) && !r.usable():
		return "an aggregator that is not the KPL"
	case !r.usable():
		return "not Java"
	case slices.Contains(r.who.producers, "kplkit"):
		return "Java, kplkit"
	}
	return "Java"
}

func (r row) checkpoint() string {
	var names []string
	for _, c := range r.who.checkpoints {
		if c != 0 {
			names = append(names, nameOf(c))
		}
	}
	switch len(names) {
	case 0:
		return "any"
	case 1:
		return names[0]
	}
	return "any other" // the row above has the one that is left
}

// Condition is what comes on top of rows, whatever the checkpoint.
type Condition struct {
	V         int        `json:"v"`
	Condition string     `json:"condition"`
	What      string     `json:"what"`
	Change    string     `json:"change"`
	Measured  string     `json:"measured,omitempty"` // how the runs ended
	Evidence  []Evidence `json:"evidence"`
}

// Conditions returns those of a rule set. AWS's page has none.
func Conditions(s RuleSet) (conditions []Condition) {
	for _, k := range s.conditions() {
		runs := runsOf(k.runs, k.variants, Consumer{})
		c := Condition{V: 1, Condition: k.id, What: k.what, Change: k.change, Evidence: evidenceOf(runs), Measured: measured("%s", runs)}
		if k.read != "" {
			c.Evidence = append(c.Evidence, Evidence{Kind: "read", ID: k.id, Source: k.read})
		}
		conditions = append(conditions, c)
	}
	return conditions
}

// About names whom the row is about, in a few words.
func (r Row) About() string {
	if r.Consumer != "any" {
		return r.Consumer
	}
	return "any consumer, from a producer that is neither Java nor kplkit"
}

// IfIgnored tells in a few words how the runs ended that ignore the advice, and whether it was run at all.
func (r Row) IfIgnored() string {
	switch {
	case r.Read != "" && r.Ignored == "" && r.Followed == "":
		return "read, not run"
	case r.Read != "":
		return r.Ignored + "; partly read"
	}
	return r.Ignored
}
