package matrix

import (
	"cmp"
	"io"
	"slices"
	"strings"
)

// WriteMarkdown writes the table of a rule set, and what comes on top of it.
func WriteMarkdown(w io.Writer, s RuleSet) error {
	text := table2015()
	if s == Today {
		text = tableToday() + "\n" + tableRead() + "\n" + tableConditions()
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

// tableToday has the rows that were run, with whom they are next to.
func tableToday() string {
	return tableOf(func(r Row) bool { return !r.onlyRead() })
}

// tableRead has the services, programs and libraries that were read.
func tableRead() string { return tableOf(Row.onlyRead) }

func tableOf(wanted func(Row) bool) string {
	var b strings.Builder
	heading(&b, "consumer", "checkpoint", "aggregation", "measured: ignored", "measured: followed", "what to do", "row")
	for _, r := range Rows(Today) {
		if wanted(r) {
			cells(&b, r.About(), r.Checkpoint, string(r.Aggregation), r.IfIgnored(), r.Followed, r.Change, r.Rule)
		}
	}
	return b.String()
}

// onlyRead tells whether the row is one of rowsRead, or has no run to show for another reason than that there is no such call.
func (r Row) onlyRead() bool {
	return slices.ContainsFunc(slices.Concat(rowsStream, rowsRead), func(k row) bool { return k.id == r.Rule })
}

func tableConditions() string {
	var b strings.Builder
	heading(&b, "condition", "what happens", "measured", "what to do")
	for _, c := range Conditions(Today) {
		cells(&b, c.Condition, c.What, cmp.Or(c.Measured, "read, not run"), c.Change)
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
