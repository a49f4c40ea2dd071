package matrix

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteMarkdown writes the table of a rule set, and what comes on top of it.
func WriteMarkdown(w io.Writer, s RuleSet) error {
	text := table2015()
	if s == Today {
		text = tableToday() + "\n" + tableConditions()
	}
	_, err := io.WriteString(w, text)
	return err
}

func table2015() string {
	var b strings.Builder
	b.WriteString("| row | producer | consumer | checkpoint | KPL usable | aggregation | measured: ignored | measured: followed |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range Rows(Year2015) {
		usable := map[bool]string{true: "yes", false: "no"}[r.KPLUsable]
		writeCells(&b, r.Rule, r.Producer, r.Consumer, r.Checkpoint, usable, string(r.Aggregation), r.Ignored, r.Followed)
	}
	return b.String()
}

func tableToday() string {
	var b strings.Builder
	b.WriteString("| consumer | checkpoint | aggregation | measured: ignored | measured: followed | what to do | row |\n|---|---|---|---|---|---|---|\n")
	for _, r := range Rows(Today) {
		writeCells(&b, r.About(), r.Checkpoint, string(r.Aggregation), r.Ignored, r.Followed, r.Change, r.Rule)
	}
	return b.String()
}

func tableConditions() string {
	var b strings.Builder
	b.WriteString("| condition | what happens | measured | what to do |\n|---|---|---|---|\n")
	for _, c := range Conditions(Today) {
		writeCells(&b, c.Condition, c.What, cmp.Or(c.Measured, "read"), c.Change)
	}
	return b.String()
}

func tableEvidence() string {
	var b strings.Builder
	b.WriteString("| run | date | versions | what | put | raw | delivered | lost | twice | refused |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, e := range embedded() {
		n := e.Counts
		writeCells(&b, e.ID, e.Date, versionsOf(e), e.What, fmt.Sprint(n.Put), fmt.Sprint(n.Raw), fmt.Sprint(n.Delivered),
			fmt.Sprint(n.Lost), fmt.Sprint(n.Twice), n.Refused)
	}
	return b.String()
}

// versionsOf returns the versions of a run in one line.
func versionsOf(e Evidence) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(e.Versions)) {
		parts = append(parts, name+" "+e.Versions[name])
	}
	return strings.Join(parts, ", ")
}

func writeCells(b *strings.Builder, cells ...string) {
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ")
	for _, c := range cells {
		b.WriteString("| " + cmp.Or(escape.Replace(c), "–") + " ")
	}
	b.WriteString("|\n")
}
