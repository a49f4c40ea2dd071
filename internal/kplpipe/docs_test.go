package kplpipe

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocumentedSettings: the table of settings in docs/separate-process.md is what the code says. More columns may follow.
func TestDocumentedSettings(t *testing.T) {
	text, err := os.ReadFile("../../docs/separate-process.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Settings() {
		if row := row(s); !strings.Contains(string(text), "\n"+row) {
			t.Errorf("docs/separate-process.md lacks the row\n%s", row)
		}
	}
}

func row(s Setting) string {
	limits := ""
	switch {
	case s.Pattern != "":
		limits = "`" + strings.ReplaceAll(s.Pattern, "|", `\|`) + "`"
	case s.Max == anyNumber:
		limits = fmt.Sprintf("%d … 2^63 − 1", s.Min)
	case s.Max > 0:
		limits = fmt.Sprintf("%d … %d", s.Min, s.Max)
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", s.Name, s.Kind, s.Default, limits)
}
