package matrix

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/kclcompat"
)

// claim is a row or a condition, and what it stands on.
type claim struct {
	name, read        string
	ignored, followed []string
}

func claims() (all []claim) {
	for _, r := range slices.Concat(rows2015, rowsToday) {
		all = append(all, claim{r.name(), r.read, runsOf(r.ignored, r.variants, Consumer{}), runsOf(r.followed, r.variants, Consumer{})})
	}
	for _, k := range conditionsToday {
		all = append(all, claim{k.id, k.read, runsOf(k.runs, k.variants, Consumer{}), nil})
	}
	return all
}

// TestEvidence: every row has evidence that is there, and every file of evidence is a row's.
func TestEvidence(t *testing.T) {
	unused := map[string]bool{}
	for _, e := range Runs() {
		unused[partOf(e.ID)] = true
	}
	for _, c := range claims() {
		ids := slices.Concat(c.ignored, c.followed)
		if len(ids) == 0 && c.read == "" {
			t.Errorf("%s has no evidence", c.name)
		}
		for _, id := range ids {
			if _, ok := runOf(id); !ok && partOf(id) != "kcl-others" { // which has some of a row's runs
				t.Errorf("%s: there is no run %s", c.name, id)
			}
			delete(unused, partOf(id))
		}
	}
	for part := range unused {
		t.Errorf("no row uses evidence/%s.json", part)
	}
}

func partOf(id string) string {
	part, _, _ := strings.Cut(id, "/")
	return part
}

// TestAdvice: where the advice was followed nothing is lost, nothing comes twice or raw; where it was ignored something
// does.
func TestAdvice(t *testing.T) {
	for _, r := range slices.Concat(rows2015, rowsToday) {
		for _, e := range evidenceOf(runsOf(r.followed, r.variants, Consumer{})) {
			if effectOf(e) != kclcompat.Exact || e.Counts.Raw > 0 {
				t.Errorf("%s: followed, %s: %s", r.name(), e.ID, e.Counts)
			}
		}
		for _, id := range r.ignored {
			runs := evidenceOf(runsOf([]string{id}, r.variants, Consumer{}))
			if slices.ContainsFunc(runs, func(e Evidence) bool { return effectOf(e) == kclcompat.Exact }) {
				t.Errorf("%s: ignored, and nothing happens in %s", r.name(), id)
			}
		}
	}
}

func effectOf(e Evidence) kclcompat.Effect {
	switch {
	case e.Counts.Refused != "":
		return kclcompat.Refuses
	case e.Counts.Lost > 0:
		return kclcompat.Loses
	case e.Counts.Twice > 0:
		return kclcompat.Repeats
	}
	return kclcompat.Exact
}

// TestRunsAgreeWithRules: what kclcompat says of each reader and checkpoint is what came out.
func TestRunsAgreeWithRules(t *testing.T) {
	compared := 0
	for _, e := range Runs() {
		part, run, _ := strings.Cut(e.ID, "/")
		switch first, its, _ := strings.Cut(run, "/"); part {
		case "kcl-others":
			part, run = "kcl-"+first, its
		case "multilang-libraries":
			part, run = "multilang-"+e.Versions["MultiLangDaemon"], its
		}
		reader, known := readerOf(part)
		call, where, _ := strings.Cut(run, "/")
		style, err := parseStyle(call)
		if !known || err != nil {
			continue
		}
		rule := kclcompat.RuleFor(style, reader)
		want, isPlace := map[string]kclcompat.Effect{
			"inside": rule.Inside, "inside-batch": rule.Inside, "last": rule.AtLast, "after-batch": rule.AtLast,
		}[where]
		if !isPlace {
			continue
		}
		compared++
		if got := effectOf(e); got != want {
			t.Errorf("%s: %s (%s), %s says %s", e.ID, got, e.Counts, rule.ID, want)
		}
	}
	if compared < 50 {
		t.Errorf("only %d runs could be compared", compared)
	}
}

// readerOf returns whom the part of interop runs.
func readerOf(part string) (kclcompat.Reader, bool) {
	switch part {
	case "sdk-go-kplkit":
		return kclcompat.Kplkit(), true
	case "vmware", "harlow", "sdk-java", "sdk-python", "sdk-node", "sdk-go":
		return kclcompat.SDK(), true
	}
	for prefix, reader := range map[string]func(major, minor int) kclcompat.Reader{"kcl-": kclcompat.KCL, "multilang-": kclcompat.MultiLang} {
		release, ok := strings.CutPrefix(part, prefix)
		if parts := strings.Split(release, "."); ok && len(parts) == 3 {
			major, _ := strconv.Atoi(parts[0])
			minor, _ := strconv.Atoi(parts[1])
			return reader(major, minor), true
		}
	}
	return kclcompat.Reader{}, false
}

// TestReleasesAreMeasured: the answer for a release that was run names it, and shows a run of it.
func TestReleasesAreMeasured(t *testing.T) {
	for _, release := range newKCLs {
		version, _ := versionOf(release)
		release = strings.TrimPrefix(release, others)
		for _, style := range styles {
			v := Check(Today, Java(), Consumer{Language: "java", Via: KCL, KCL: version, Checkpoint: style, NeverResharded: true})
			shown := slices.ContainsFunc(v.Evidence, func(e Evidence) bool { return e.Versions["KCL"] == release && !strings.HasPrefix(e.ID, "hand-over") })
			if v.MeasuredWith != release || !shown || !strings.Contains(v.Reason, " was run, as "+release) {
				t.Errorf("KCL %s, %s: measured with %q, and shown is %v: %s", version, style, v.MeasuredWith, v.Evidence, v.Reason)
			}
		}
	}
}
