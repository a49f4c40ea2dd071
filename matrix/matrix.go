// Package matrix answers whether user records of the Kinesis Producer Library (KPL) reach a consumer, what is at stake, and
// what to change: AWS's seven rows, and what holds today. Every row stands on runs of the real thing, which are embedded,
// or says what was read.
//
// # Compatibility
//
// Rows and evidence are added, and change when the real thing or a run of it does. The fields of a Verdict's JSON only ever
// gain company.
package matrix

import (
	"fmt"
	"slices"
	"strings"
)

// RuleSet is a set of rows.
type RuleSet uint8

// The rule sets. The zero RuleSet is Today.
const (
	Today    RuleSet = iota
	Year2015         // AWS's page, which knows the KCL up to 1.4
)

// ParseRuleSet reads 2015 or today.
func ParseRuleSet(s string) (RuleSet, error) {
	switch s {
	case "today":
		return Today, nil
	case "2015":
		return Year2015, nil
	}
	return 0, fmt.Errorf("rule set %q: known are 2015 and today", s)
}

// String returns the name that ParseRuleSet reads.
func (s RuleSet) String() string {
	if s == Year2015 {
		return "2015"
	}
	return "today"
}

func (s RuleSet) rows() []row {
	if s == Year2015 {
		return rows2015
	}
	return rowsToday
}

// conditions are those of today: AWS's page has none.
func (s RuleSet) conditions() []condition {
	if s == Year2015 {
		return nil
	}
	return conditionsToday
}

// Aggregation is what to do about the KPL's aggregation.
type Aggregation string

// What to do, best first.
const (
	OK                Aggregation = "ok"                  // leave it on
	Deaggregate       Aggregation = "deaggregate"         // leave it on, and take aggregates apart with what the verdict names
	DisableOrExtended Aggregation = "disable-or-extended" // turn it off, or store extended sequence numbers
	Disable           Aggregation = "disable"             // turn it off, or change the consumer
	NotApplicable     Aggregation = "not-applicable"      // there is nothing to aggregate, or no such call
	Unknown           Aggregation = "unknown"             // no row covers it
)

var severity = []Aggregation{OK, Deaggregate, DisableOrExtended, Disable, NotApplicable, Unknown}

// Check answers for user records that p puts and c reads. Where no row covers them the answer is Unknown, and names the
// nearest rows. Where c does not say its Checkpoint it is the worst of those that c can use.
func Check(s RuleSet, p Producer, c Consumer) Verdict {
	if !c.KCL.exists() {
		return s.unknown(p, c)
	}
	for _, r := range s.rows() {
		if r.covers(p, c) {
			return s.verdict(r, p, c)
		}
	}
	if r, others, ok := s.worst(p, c); ok {
		v := s.verdict(r, p, c)
		v.Reason = fmt.Sprintf("Which checkpoint is used was not said: this is the worst of %s. %s", others, v.Reason)
		return v
	}
	return s.unknown(p, c)
}

// worst returns the worst row of all checkpoints that c can use, and their answers, where c does not say which it uses.
func (s RuleSet) worst(p Producer, c Consumer) (worst row, answers string, found bool) {
	if c.Checkpoint != 0 {
		return row{}, "", false
	}
	var all []string
	for _, c.Checkpoint = range styles {
		for _, r := range s.rows() {
			if !r.covers(p, c) || r.advice() == NotApplicable {
				continue
			}
			all = append(all, fmt.Sprintf("%s (%s)", nameOf(c.Checkpoint), r.advice()))
			if !found || slices.Index(severity, r.advice()) > slices.Index(severity, worst.advice()) {
				worst, found = r, true
			}
			break
		}
	}
	return worst, strings.Join(all, ", "), found
}

func (s RuleSet) unknown(p Producer, c Consumer) Verdict {
	v := Verdict{
		V: 1, KPLUsable: p.class() == classKPL || p == Kplkit(), Aggregation: Unknown, Evidence: []Evidence{},
		AtStake: "Not known: lost records, repeated ones, raw aggregates instead of user records, or nothing.",
		Change:  changeFor("{disable}, until it was run (interop/run.sh)", p),
		Reason: fmt.Sprintf("No row of rule set %s covers %s from %s. The nearest rows: %s. What would settle it: a run with it, or its source.",
			s, c, p, strings.Join(s.nearest(p, c), ", ")),
		Rule: string(Unknown),
	}
	switch {
	case !c.KCL.exists():
		last := Version{c.KCL.Major, newest[c.KCL.Major]}
		v.Reason = fmt.Sprintf("KCL %s is not known here: the newest %d.x that is, is %s. ", c.KCL, c.KCL.Major, last) + v.Reason
	case c.Via >= viaNotRead:
		v.Change = fmt.Sprintf("find out what %s reads by: the KCL is --via kcl --kcl VERSION, a loop over the SDK is --via sdk; or %s", c.Via, v.Change)
	case c.Via == SDK || c.Via == OnKplkit:
		v.Change = "let another program take aggregates apart: JSON lines of stored records | kplkit deagg; or " + v.Change
	case c.Via == KCL && c.Language != "java":
		v.Change = "say how it reaches the KCL: through its MultiLangDaemon is --via multilang, on the JVM is --consumer java; or " + v.Change
	}
	return v
}

// nearest returns the names of the rows that come closest, the three first of them.
func (s RuleSet) nearest(p Producer, c Consumer) (names []string) {
	least := -1
	if c.Via >= viaNotRead && int(c.Via) < len(viaNames) {
		c.Via = SDK // what it may read by
	}
	c.KCL.Minor = min(c.KCL.Minor, newest[c.KCL.Major]) // rows of a version that does not exist
	for _, r := range s.rows() {
		n := r.who.misses(p, c)
		if !r.sameRule(c) {
			n += 2 // as a version
		}
		switch {
		case least < 0 || n < least:
			least, names = n, []string{r.name()}
		case n == least:
			names = append(names, r.name())
		}
	}
	return names[:min(3, len(names))]
}
