package kplkit_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/cli"
)

// TestReadmePackages: the README lists what the design has for users to import, or to use from another language.
func TestReadmePackages(t *testing.T) {
	var listed, public []string
	for _, row := range tableRows(section(t, "README.md", "## Packages")) {
		for _, link := range roomLink.FindAllStringSubmatch(row[0], -1) {
			listed = append(listed, link[1])
			if link[2] != link[1] {
				t.Errorf("%s leads to %s", link[1], link[2])
			}
		}
	}
	for name, r := range designOf(t) {
		if !strings.HasPrefix(name, "internal/") && !strings.HasPrefix(name, "cmd/") && !slices.Equal(r.inside, []string{ownModule}) {
			public = append(public, name)
		}
	}
	slices.Sort(listed)
	slices.Sort(public)
	if diff := cmp.Diff(public, listed); diff != "" {
		t.Errorf("-the design +README\n%s", diff)
	}
}

// TestCommands: the README and the package comment of cmd/kplkit have each command, and a file of its name in internal/cli
// begins it.
func TestCommands(t *testing.T) {
	var help bytes.Buffer
	cli.Run(t.Context(), []string{"--help"}, cli.Streams{In: &help, Out: &help, Err: &help})
	_, below, _ := strings.Cut(help.String(), "Available Commands:\n")
	below, _, _ = strings.Cut(below, "\n\n")
	commands := matches(`(?m)^  (\w+) `, below)
	commands = slices.DeleteFunc(commands, func(name string) bool { return name == "completion" || name == "help" }) // cobra's
	main, err := os.ReadFile("cmd/kplkit/main.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(main), "\npackage main\n")
	for where, listed := range map[string][]string{
		"README.md":          matches("`kplkit ([a-z]+)`", section(t, "README.md", "## Commands")),
		"cmd/kplkit/main.go": matches(`(?m)^//\tkplkit (\w+)`, comment),
	} {
		if diff := cmp.Diff(commands, listed); diff != "" {
			t.Errorf("-the commands +%s\n%s", where, diff)
		}
	}
	for _, name := range commands {
		begin := "\nfunc new" + strings.ToUpper(name[:1]) + name[1:] + "(s Streams) *cobra.Command {\n"
		if text, _ := os.ReadFile("internal/cli/" + name + ".go"); !strings.Contains(string(text), begin) {
			t.Errorf("kplkit %s does not begin in internal/cli/%s.go", name, name)
		}
	}
}

// matches returns what the first group of a pattern matches in text, sorted.
func matches(pattern, text string) (found []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

var markdownLink = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// TestDocumentLinks: every relative link in a Markdown file leads to a file.
func TestDocumentLinks(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, document := range append(documents, more...) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range markdownLink.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			if target := filepath.Join(filepath.Dir(document), m[1]); !exists(target) {
				t.Errorf("%s links to %s, which is not there", document, m[1])
			}
		}
	}
	if links == 0 {
		t.Error("no links found: the documents or this test have changed")
	}
}

// TestPermissionsAreNamed: docs/permissions.md, whose table is held by a test in internal/cli, is about every package that
// may call AWS.
func TestPermissionsAreNamed(t *testing.T) {
	text, err := os.ReadFile("docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{"internal/cli": "kplkit put", "internal/kpldaemon": "kplkit daemon", "internal/proxy": "kplkit proxy", "internal/lineage": "deaggaws.WithHashRanges", "internal/opaque": "", "internal/sim": ""} // what a package is called there; opaque calls nothing, sim is for tests
	for _, file := range sources(t) {
		room := path.Dir(file)
		calls := slices.ContainsFunc(importsOf(t, file), func(imported string) bool {
			return strings.HasPrefix(imported, "github.com/aws/aws-sdk-go-v2/service/")
		})
		name, renamed := named[room]
		if !renamed {
			name = room
		}
		if calls && !strings.Contains(string(text), "| "+name) {
			t.Errorf("%s may call AWS, and docs/permissions.md has no row of %s", file, name)
		}
	}
}
