package kclcompat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Rule tells what a reader does with a style of checkpoint when nobody helps, a crash following right after it. RuleFor returns
// one; the zero Rule promises nothing.
type Rule struct {
	ID     string // kcl-1.4/sequence-number; of several readers fleet-… or the worst one's
	Style  Style
	Inside Effect // of a checkpoint before the aggregate's last user record; of NoArguments: before the batch's last
	AtLast Effect // of one at it

	// Condition names the readers, and whether they were measured. Why tells the reason and Source where it is known from.
	Condition, Why, Source string

	form    form    // in which the style leaves a position in the lease
	meaning meaning // what the readers take that for
}

// measured returns the version whose rules r takes.
func (r Reader) measured() (v version, known bool) {
	for _, candidate := range versions {
		c := candidate.reader
		if c.kind == r.kind && c.major == r.major && (!known || c.minor <= r.minor) {
			v, known = candidate, true
		}
	}
	return v, known
}

func knownReaders() (names []string) {
	for _, v := range versions {
		names = append(names, v.reader.String())
	}
	return names
}

// RuleFor returns the rule for checkpoints of style s that readers resume from. Of several, as in a rolling upgrade or where
// an old deployment may come back, the worst decides. Without any nothing is known: every effect is Refuses.
func RuleFor(s Style, readers ...Reader) Rule {
	if len(readers) == 0 {
		readers = []Reader{{}}
	}
	worst := ruleOf(s, readers[0])
	for _, r := range readers[1:] {
		worst = worst.join(ruleOf(s, r))
	}
	for _, f := range fleets {
		if slices.ContainsFunc(readers, f.old) && slices.ContainsFunc(readers, f.new) {
			worst = Rule{
				ID: f.id, Style: s, Inside: f.inside, AtLast: f.atLast,
				Condition: f.condition, Why: f.why, Source: f.source,
			}.join(worst)
		}
	}
	worst.form = formOf(s, readers)
	worst.meaning = meaningOf(worst.form, readers)
	return worst
}

// join returns the worse of both rules, effect by effect. Where each is the worse in one, it tells both.
func (a Rule) join(b Rule) Rule {
	if b.Inside <= a.Inside && b.AtLast <= a.AtLast {
		return a
	}
	if a.Inside <= b.Inside && a.AtLast <= b.AtLast {
		return b
	}
	a.ID += "+" + b.ID
	a.Inside, a.AtLast = max(a.Inside, b.Inside), max(a.AtLast, b.AtLast)
	a.Condition += "; " + b.Condition
	a.Why += "; " + b.Why
	a.Source += "; " + b.Source
	return a
}

func ruleOf(s Style, r Reader) Rule {
	v, known := r.measured()
	if !known || s == 0 || int(s) > len(v.family.rules) {
		return Rule{
			ID: "unknown", Style: s, Inside: Refuses, AtLast: Refuses,
			Condition: fmt.Sprintf("%s resumes from checkpoints of style %s", r, s),
			Why:       "nothing is known of it; known readers are " + strings.Join(knownReaders(), ", "),
			Source:    "no measurement",
		}
	}
	b := v.family.rules[s-1]
	return Rule{
		ID: v.family.name + "/" + s.String(), Style: s, Inside: b.inside, AtLast: b.atLast,
		Condition: v.condition(r), Why: b.why, Source: v.source(b),
	}
}

func (v version) condition(r Reader) string {
	switch {
	case r == v.reader:
		return fmt.Sprintf("%s resumes", r)
	case v.reader.minor < r.minor:
		return fmt.Sprintf("%s resumes; it was not measured and is taken as %s, the nearest older one that was", r, v.reader)
	}
	return fmt.Sprintf("%s resumes; it was not measured and is taken as %s, the oldest of its major version that was", r, v.reader)
}

func (v version) source(b behaviour) string {
	if v.release == "" {
		return b.runs
	}
	return fmt.Sprintf("measured %s, KCL %s: %s", cmp.Or(v.date, "2026-11-26"), v.release, cmp.Or(v.sampled, b.runs))
}

// refuses reports whether nothing can be promised, as by the zero Rule and any other that RuleFor did not make.
func (r Rule) refuses() bool { return max(r.Inside, r.AtLast) >= Refuses || r.form == 0 }

// String returns the rule as one sentence, as errors quote it.
func (r Rule) String() string {
	return fmt.Sprintf("rule %s (%s): %s inside an aggregate, %s at its last user record: %s [%s]",
		r.ID, r.Condition, r.Inside, r.AtLast, r.Why, r.Source)
}
