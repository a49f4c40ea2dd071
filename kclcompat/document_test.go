package kclcompat

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the rules into docs/checkpointing.md")

// TestDocument: docs/checkpointing.md has the rules that the code applies.
func TestDocument(t *testing.T) {
	const file, begin, end = "../docs/checkpointing.md", "<!-- rules -->\n", "<!-- /rules -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	written, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s lacks %q … %q", file, begin, end)
	}
	want := "\n" + effectsTable() + "\n" + fleetsTable() + "\n" + reasonsTable() + "\n"
	switch {
	case written == want:
	case *update:
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs from the rules: go test ./kclcompat -run TestDocument -update", file)
	}
}

// effectsTable has a line for each family of versions that behave alike, and a column for each style.
func effectsTable() string {
	var b strings.Builder
	b.WriteString("| who resumes | `checkpoint()` | sequence number alone | `checkpoint(record)` | with sub-sequence number |\n|---|---|---|---|---|\n")
	for _, members := range families() {
		fmt.Fprintf(&b, "| %s |", strings.Join(names(members), ", "))
		for s := NoArguments; s <= SubSequenceNumber; s++ {
			rule := RuleFor(s, members[0].reader)
			fmt.Fprintf(&b, " %s |", effects(rule.Inside, rule.AtLast))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func effects(inside, atLast Effect) string {
	mark := func(e Effect) string {
		if e == Loses {
			return "**" + e.String() + "**"
		}
		return e.String()
	}
	if inside == atLast {
		return mark(inside)
	}
	return mark(inside) + ", " + mark(atLast)
}

func fleetsTable() string {
	var b strings.Builder
	b.WriteString("| several at one lease table | effect | why | source |\n|---|---|---|---|\n")
	for _, f := range fleets {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.condition, effects(f.inside, f.atLast), f.why, f.source)
	}
	return b.String()
}

// reasonsTable has a line for each rule, with the sources of all versions that it was measured with.
func reasonsTable() string {
	var b strings.Builder
	b.WriteString("| rule | why | source |\n|---|---|---|\n")
	for _, members := range families() {
		for s := NoArguments; s <= SubSequenceNumber; s++ {
			var sources []string
			for _, v := range members {
				sources = append(sources, RuleFor(s, v.reader).Source)
			}
			rule := RuleFor(s, members[0].reader)
			fmt.Fprintf(&b, "| %s | %s | %s |\n", rule.ID, rule.Why, strings.Join(shorten(sources), " / "))
		}
	}
	return b.String()
}

// shorten leaves out of each source what the one before it begins with as well, up to the last release.
func shorten(sources []string) []string {
	const measured = "measured 2026-11-26, "
	short := slices.Clone(sources)
	for i := 1; i < len(short); i++ {
		if strings.HasPrefix(sources[i-1], measured) {
			short[i] = strings.TrimPrefix(short[i], measured)
		}
	}
	return short
}

// families returns the versions that share their rules, in the order of the rules.
func families() (groups [][]version) {
	for _, v := range versions {
		i := slices.IndexFunc(groups, func(g []version) bool { return g[0].family == v.family })
		if i < 0 {
			groups = append(groups, []version{v})
			continue
		}
		groups[i] = append(groups[i], v)
	}
	return groups
}

func names(members []version) (names []string) {
	for _, v := range members {
		names = append(names, v.reader.String())
	}
	return names
}
