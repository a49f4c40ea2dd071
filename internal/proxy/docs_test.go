package proxy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreats: each line of the threat model in docs/proxy.md names tests that there are.
func TestThreats(t *testing.T) {
	text, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| threat |")
	if !found {
		t.Fatal("docs/proxy.md has no table of threats")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	tests := testsOf(t, "*_test.go") + testsOf(t, "../cli/proxy_test.go")
	name := regexp.MustCompile(`\b(Test|Fuzz)\w+`)
	rows := strings.Split(table, "\n")[2:]
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		named := name.FindAllString(cells[len(cells)-1], -1)
		if len(cells) != 3 || len(named) == 0 {
			t.Errorf("no test is named: %s", row)
		}
		for _, test := range named {
			if !strings.Contains(tests, "\nfunc "+test+"(") {
				t.Errorf("there is no %s: %s", test, row)
			}
		}
	}
	if len(rows) < 10 {
		t.Errorf("%d threats", len(rows))
	}
}

func testsOf(t *testing.T, pattern string) (text string) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	return text
}

// TestLimitsAreDocumented: docs/proxy.md says what holds.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	l := defaultLimits()
	for want, holds := range map[string]bool{
		"16 MiB each": l.body == 16<<20, "256 MiB together": l.bodies == 256<<20, "4,096 connections, 4,096 requests": l.connections == 4096 && l.requests == 4096,
		"250 streams": l.streams == 250, "headers of 64 KiB": l.header == 64<<10, "header of a request 10 s, body 1 minute": l.headerTime.Seconds() == 10 && l.bodyTime.Minutes() == 1,
		"answer 1 minute": l.answerTime.Minutes() == 1, "takes nothing 2 minutes": l.writeTime.Minutes() == 2, "idle connection 3 minutes": l.idleTime.Minutes() == 3,
	} {
		if !holds || !strings.Contains(string(text), want) {
			t.Errorf("%q does not hold, or docs/proxy.md does not say it", want)
		}
	}
}
