package scale

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// row is a line of a table.
type row struct {
	engine string
	figures
}

// document has a part for each scenario, between <!-- scale: NAME --> and <!-- end -->, that -update writes.
const document = "../../docs/fleets.md"

// publish logs the tables of a scenario, and writes them into the document if that is wanted.
func publish(t *testing.T, s scenario, rows []row) {
	text := table(s.columns, rows)
	if long := longOnes(rows); len(s.more) > 0 && len(long) > 0 {
		text += "\n" + table(s.more, long)
	}
	t.Logf("%s\n%s", s.name, text)
	if !*update {
		return
	}
	if len(rows) < s.rows() || t.Failed() {
		t.Fatal("only a full run that has passed, of all sizes, is written into " + document)
	}
	old, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`(?s)(<!-- scale: ` + s.name + ` -->\n).*?(<!-- end -->)`)
	if !part.Match(old) {
		t.Fatalf("%s has no part for %s", document, s.name)
	}
	text += "\n" + versions(t) + "\n"
	neu := part.ReplaceAll(old, []byte("${1}"+strings.ReplaceAll(text, "$", "$$")+"${2}"))
	if err := os.WriteFile(document, neu, 0o644); err != nil {
		t.Fatal(err)
	}
}

// rows is how many there are in a full run.
func (s scenario) rows() (n int) {
	for _, size := range s.full {
		if n += len(engines); size.alone {
			n = n - len(engines) + 1
		}
	}
	return n
}

func longOnes(rows []row) (long []row) {
	for _, r := range rows {
		if r.size.steady {
			long = append(long, r)
		}
	}
	return long
}

// table writes rows in Markdown.
func table(columns []column, rows []row) string {
	var b strings.Builder
	b.WriteString("| | |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s |", c.head)
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(columns)+2) + "\n")
	for _, r := range rows {
		b.WriteString(r.line(columns) + "\n")
	}
	return b.String()
}

func (r row) line(columns []column) string {
	text := fmt.Sprintf("| %v | %s |", r.size, r.engine)
	for _, c := range columns {
		text += " " + c.of(r.figures) + " |"
	}
	return text
}

// versions says when and with what a table was measured.
func versions(t *testing.T) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("the test binary has no build information")
	}
	texts := []string{time.Now().Format("2006-01-02"), runtime.Version()}
	for _, m := range info.Deps {
		switch m.Path {
		case "github.com/vmware/vmware-go-kcl-v2", "github.com/aws/aws-sdk-go-v2":
			texts = append(texts, m.Path[strings.LastIndex(m.Path, "/")+1:]+" "+m.Version)
		}
	}
	return strings.Join(texts, ", ")
}

// TestDocument: the document has a part for every scenario.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		if !strings.Contains(string(text), "<!-- scale: "+s.name+" -->\n") {
			t.Errorf("%s has no part for %s", document, s.name)
		}
	}
}
