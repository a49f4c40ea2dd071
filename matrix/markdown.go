package matrix

import (
	"cmp"
	"io"
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
	heading(&b, "row", "producer", "consumer", "checkpoint", "KPL usable", "aggregation", "measured: ignored", "measured: followed", "what to do")
	for _, r := range Rows(Year2015) {
		usable := map[bool]string{true: "yes", false: "no"}[r.KPLUsable]
		cells(&b, r.Rule, r.Producer, r.Consumer, r.Checkpoint, usable, string(r.Aggregation), r.Ignored, r.Followed, r.Change)
	}
	return b.String()
}

func tableToday() string {
	var b strings.Builder
	heading(&b, "consumer", "checkpoint", "aggregation", "measured: ignored", "measured: followed", "what to do", "row")
	for _, r := range Rows(Today) {
		cells(&b, r.About(), r.Checkpoint, string(r.Aggregation), r.Ignored, r.Followed, r.Change, r.Rule)
	}
	return b.String()
}

func tableConditions() string {
	var b strings.Builder
	heading(&b, "condition", "what happens", "measured", "what to do")
	for _, c := range Conditions(Today) {
		cells(&b, c.Condition, c.What, cmp.Or(c.Measured, "read"), c.Change)
	}
	return b.String()
}

func heading(b *strings.Builder, names ...string) {
	cells(b, names...)
	b.WriteString(strings.Repeat("|---", len(names)) + "|\n")
}

func cells(b *strings.Builder, texts ...string) {
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ")
	for _, c := range texts {
		b.WriteString("| " + cmp.Or(escape.Replace(c), "–") + " ")
	}
	b.WriteString("|\n")
}
