package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kplkit/kplkit/kclcompat"
)

// Verdict is the answer for a producer and a consumer.
type Verdict struct {
	V              int         `json:"v"`
	KPLUsable      bool        `json:"kpl_usable"`
	Aggregation    Aggregation `json:"aggregation"`
	AtStake        string      `json:"at_stake"`
	LostAtReshard  string      `json:"lost_at_reshard,omitempty"` // the first sentence of AtStake, where acknowledged records are lost
	Change         string      `json:"change"`
	Reason         string      `json:"reason"`
	Rule           string      `json:"rule"`                      // the row
	CheckpointRule string      `json:"checkpoint_rule,omitempty"` // of kclcompat, where one decides
	MeasuredWith   string      `json:"measured_with,omitempty"`   // the release of the KCL that was run for this answer; another one is taken from it
	Evidence       []Evidence  `json:"evidence"`
}

// Fine reports whether nothing has to change but that the consumer de-aggregates with what is named. It is not where a
// reshard loses acknowledged records.
func (v Verdict) Fine() bool {
	return v.KPLUsable && (v.Aggregation == OK || v.Aggregation == Deaggregate) && v.LostAtReshard == ""
}

func (s RuleSet) verdict(r row, p Producer, c Consumer) Verdict {
	ignored, followed := runsOf(r.ignored, r.variants, c), runsOf(r.followed, r.variants, c)
	v := Verdict{
		V: 1, KPLUsable: r.usable(), Aggregation: r.advice(), Rule: r.name(), CheckpointRule: r.rule().ID,
		AtStake: r.stake + measured(" Measured where the advice was ignored: %s.", ignored) + measured(" Measured where it was followed: %s.", followed),
		Change:  changeFor(r.change, p), Reason: r.reasonFor(p, c),
	}
	lost := s.putLossFirst(&v, p, c)
	if kind, release := releaseOf(slices.Concat(followed, ignored)); release != "" && c.KCL != (Version{}) {
		v.MeasuredWith = release
		v.Reason += " " + takenFrom(c, kind, release)
	}
	besides, runs, read := s.besides(p, c)
	if besides != "" {
		v.AtStake += " Besides: " + besides + "."
	}
	if r.read != "" {
		read = append(read, Evidence{Kind: "read", ID: r.name(), Source: r.read})
	}
	v.Evidence = append(evidenceOf(slices.Concat(lost, ignored, followed, runs)), read...)
	return v
}

// putLossFirst lets a verdict begin with what a reshard loses, and returns the runs that show it.
func (s RuleSet) putLossFirst(v *Verdict, p Producer, c Consumer) (runs []string) {
	for _, k := range s.conditions() {
		if c.Via == 0 || c.NeverResharded || k.lost == "" || !k.who.covers(p, c) || p.strays() == storesAll {
			continue
		}
		runs = runsOf(k.runs, k.variants, c)
		v.LostAtReshard = strings.ToUpper(k.lost[:1]) + k.lost[1:] + measured(" (%s)", runs) + "."
		v.AtStake = v.LostAtReshard + " Without a reshard: " + v.AtStake
		v.Change = "against the loss at a reshard: " + k.change + ". Without reshards: " + v.Change
		break // of one version there is one
	}
	return runs
}

// releaseOf returns what the first of the runs was made with: kcl or multilang, and its release; nothing where it was neither.
func releaseOf(ids []string) (kind, release string) {
	for _, id := range ids {
		part, rest, _ := strings.Cut(id, "/")
		if part == "row-1" { // the KCL that read is in the run's name
			part = rest[strings.LastIndex(rest, "/")+1:]
		}
		kind, release, _ = strings.Cut(part, "-")
		if its, on := strings.CutPrefix(release, "kplkit-"); on {
			kind, release = OnMultiLang.String(), its
		}
		if release+"/" == others { // as there
			release, _, _ = strings.Cut(rest, "/")
		}
		if _, ok := versionOf(release); ok {
			return kind, release
		}
	}
	return "", ""
}

// takenFrom says whether the version was run, or which one the answer is taken from.
func takenFrom(c Consumer, kind, release string) string {
	name := map[string]string{"kcl": "KCL", "multilang": "MultiLangDaemon", "multilang-kplkit": "MultiLangDaemon"}
	if v, _ := versionOf(release); v == c.KCL && kind == c.Via.String() {
		return fmt.Sprintf("%s %s was run, as %s.", name[kind], c.KCL, release)
	}
	return fmt.Sprintf("%s %s was not run: this is taken from the runs of %s %s.", name[c.Via.String()], c.KCL, name[kind], release)
}

// besides tells what comes on top, and its evidence. Where no consumer was named nothing does.
func (s RuleSet) besides(p Producer, c Consumer) (text string, runs []string, read []Evidence) {
	var parts []string
	for _, k := range s.conditions() {
		said := k.short
		if strays := p.strays(); k.strays != "" && strays != "" {
			said = map[bool]string{true: cmp.Or(k.short, k.what)}[strays == k.strays]
		}
		if c.Via == 0 || said == "" || k.lost != "" || !k.who.covers(p, c) || k.ofReshard() && c.NeverResharded {
			continue
		}
		its := runsOf(k.runs, k.variants, c)
		parts = append(parts, said+measured(" (%s)", its))
		runs = append(runs, its...)
		if k.read != "" {
			read = append(read, Evidence{Kind: "read", ID: k.id, Source: k.read})
		}
	}
	return strings.Join(parts, "; "), runs, read
}

// usable reports whether the row's producers can use the KPL, or write its format.
func (r row) usable() bool { return coversName(r.who.producers, "java") }

func (r row) reasonFor(p Producer, c Consumer) string {
	var parts []string
	if p == Kplkit() && r.usable() {
		parts = append(parts, "kplkit writes the KPL's format without the KPL.")
	}
	if r.reason != "" {
		parts = append(parts, r.reason)
	}
	if note := strayNotes[p.language]; note != "" && slices.Contains(javaReads, c.Via) {
		parts = append(parts, note)
	}
	if r.read != "" && len(r.ignored)+len(r.followed) == 0 {
		parts = append(parts, "This was read, not run.")
	}
	if rule := r.rule(); rule.ID != "" {
		if c.Via != 0 { // of the version that is asked for
			rule = kclcompat.RuleFor(rule.Style, c.reader())
		}
		parts = append(parts, fmt.Sprintf("Rule %s (%s): %s.", rule.ID, rule.Condition, rule.Why))
	}
	return strings.Join(parts, " ")
}

// changeFor says it for the producer that there is.
func changeFor(change string, p Producer) string {
	disable := "KinesisProducerConfiguration.setAggregationEnabled(false)"
	if k := kindOf(p.language); k.disable != "" {
		disable = k.disable
	}
	if p == Kplkit() {
		disable = "kplkit put --no-aggregation, producer.WithAggregation(producer.AggregateNever), or in the clients " +
			"AggregationEnabled: new(false) (Go), aggregation_enabled=False (Python), aggregationEnabled: false (Node)"
	}
	return strings.ReplaceAll(change, "{disable}", disable)
}

// measured tells how runs ended, each outcome once. More than two that differ in their repeats alone are a range.
func measured(format string, ids []string) string {
	var outcomes []string
	for _, e := range evidenceOf(ids) {
		if outcome := e.Counts.String(); !slices.Contains(outcomes, outcome) {
			outcomes = append(outcomes, outcome)
		}
	}
	if len(outcomes) == 0 {
		return ""
	}
	if repeats := rangeOfRepeats(evidenceOf(ids)); repeats != "" && len(outcomes) > 2 {
		return fmt.Sprintf(format, repeats)
	}
	return fmt.Sprintf(format, strings.Join(outcomes, " / "))
}

// rangeOfRepeats is one outcome for runs of as many user records, of which all came and some came again; else "".
func rangeOfRepeats(runs []Evidence) string {
	put, least, most := runs[0].Counts.Put, runs[0].Counts.Twice, runs[0].Counts.Twice
	for _, e := range runs {
		twice := e.Counts.Twice
		if e.Counts != (Counts{Put: put, Delivered: put, Twice: twice}) {
			return ""
		}
		least, most = min(least, twice), max(most, twice)
	}
	return fmt.Sprintf("%d to %d of %d twice", least, most, put)
}

// evidenceOf returns the runs of ids, each once. A test holds that they all exist.
func evidenceOf(ids []string) []Evidence {
	found := []Evidence{}
	for i, id := range ids {
		if e, ok := runOf(id); ok && !slices.Contains(ids[:i], id) {
			found = append(found, e)
		}
	}
	return found
}
