package matrix

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kplkit/kplkit/kclcompat"
)

// who is what a row is about. A list that is empty stands for all; one of names with a ! for all but those.
type who struct {
	producers   []string // classes of them
	languages   []string // of the consumer
	vias        []Via
	from        Version // the first version of the KCL
	before      Version // the first one that is too new; the zero Version is none
	checkpoints []kclcompat.Style
	streams     []Stream
}

func (w who) covers(p Producer, c Consumer) bool {
	return w.misses(p, c) == 0
}

// misses tells how far a consumer is from what w is about. Another stream, producer or library is farthest.
func (w who) misses(p Producer, c Consumer) (n int) {
	for weight, missed := range []bool{
		!covers(w.checkpoints, c.Checkpoint),
		!w.coversVersion(c.KCL),
		!coversName(w.languages, c.Language),
		!covers(w.vias, c.Via),
		!coversName(w.producers, p.class()),
		!covers(w.streams, c.Stream),
	} {
		if missed {
			n += 1 << weight
		}
	}
	return n
}

func (w who) coversVersion(v Version) bool {
	return v.compare(w.from) >= 0 && (w.before == Version{} || v.compare(w.before) < 0)
}

func covers[T comparable](list []T, x T) bool { return len(list) == 0 || slices.Contains(list, x) }

func coversName(list []string, name string) bool {
	if len(list) > 0 && strings.HasPrefix(list[0], "!") {
		return !slices.Contains(list, "!"+name)
	}
	return covers(list, name)
}

// row is a line of the matrix. What checkpoints do is not in it: kclcompat's rule for reader and checkpoint says that.
type row struct {
	id  string // kclcompat's rule gives it, where it is empty
	who who

	reader kclcompat.Reader // who resumes; the zero Reader where no checkpoint decides
	says   Aggregation      // what the rule can't know; empty where it decides alone

	consumer string // in words, for the table
	stake    string // what happens when the advice is ignored, in words: the counts are the runs'
	change   string // {disable} stands for how the producer turns aggregation off
	reason   string // besides the rule's
	page     string // what AWS's page says of it, where the runs say otherwise

	// Runs, by id. A * in one stands for each of variants: releases of the KCL, or languages.
	variants          []string
	ignored, followed []string // what happens when the advice is ignored, and when it is followed
	read              string   // the source of what was not run
}

// rule returns kclcompat's rule, the zero Rule where none decides.
func (r row) rule() kclcompat.Rule {
	if r.reader == (kclcompat.Reader{}) {
		return kclcompat.Rule{}
	}
	return kclcompat.RuleFor(r.who.checkpoints[0], r.reader)
}

func (r row) name() string {
	if r.id != "" {
		return r.id
	}
	return r.rule().ID
}

// covers reports whether the row answers for a consumer: it is who the row is about, and the same rule decides.
func (r row) covers(p Producer, c Consumer) bool {
	return r.who.covers(p, c) && r.sameRule(c)
}

func (r row) sameRule(c Consumer) bool {
	return r.reader == (kclcompat.Reader{}) || kclcompat.RuleFor(r.who.checkpoints[0], c.reader()).ID == r.rule().ID
}

// advice is what to do about aggregation.
func (r row) advice() Aggregation {
	if r.says != "" {
		return r.says
	}
	rule := r.rule()
	effect := max(rule.Inside, rule.AtLast)
	if rule.Style == kclcompat.NoArguments {
		effect = rule.AtLast // that it was called too early is at stake, and is no other call
	}
	extended := kclcompat.RuleFor(kclcompat.SubSequenceNumber, r.reader)
	switch {
	case effect == kclcompat.Exact:
		return OK
	case effect == kclcompat.Refuses:
		return NotApplicable
	case max(extended.Inside, extended.AtLast) == kclcompat.Exact:
		return DisableOrExtended
	}
	return Disable
}

// runsOf returns the full ids of runs, for the variant of a consumer, or for all where it has none.
func runsOf(ids, variants []string, c Consumer) (full []string) {
	chosen := variants
	if v := variantFor(variants, c); v != "" {
		chosen = []string{v}
	}
	for _, id := range ids {
		if !strings.Contains(id, "*") {
			full = append(full, id)
			continue
		}
		for _, v := range chosen {
			full = append(full, strings.Replace(id, "*", v, 1))
		}
	}
	return full
}

// others begins the variants that are runs of part kcl-others: of some of a row's runs, as many as show that they are alike.
const others = "others/"

// variantFor chooses as kclcompat does: the nearest older release of the major version, else its oldest.
func variantFor(variants []string, c Consumer) (chosen string) {
	if slices.Contains(variants, c.Language) {
		return c.Language
	}
	for _, release := range variants {
		v, ok := versionOf(release)
		if ok && v.Major == c.KCL.Major && (chosen == "" || v.Minor <= c.KCL.Minor) {
			chosen = release
		}
	}
	return chosen
}

func versionOf(release string) (Version, bool) {
	parts := strings.Split(strings.TrimPrefix(release, others), ".")
	if len(parts) != 3 {
		return Version{}, false
	}
	major, errMajor := strconv.Atoi(parts[0])
	minor, errMinor := strconv.Atoi(parts[1])
	return Version{major, minor}, errMajor == nil && errMinor == nil
}

// condition is what comes on top of rows, whatever the checkpoint.
type condition struct {
	id       string
	who      who
	lost     string // what is lost, where that heads the verdicts: acknowledged records, in ordinary operation
	short    string // a few words for what a verdict has besides; without both it stands in the table alone
	what     string // what happens
	strays   string // of KPLs that store strays alone, or all of the aggregate, again; empty for both
	change   string
	variants []string
	runs     []string
	read     string
}

// ofReshard reports whether it needs one to happen.
func (k condition) ofReshard() bool { return strings.HasPrefix(k.id, "reshard/") }
