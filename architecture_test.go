// Package kplkit_test holds what is true of the repository as a whole.
package kplkit_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kplkit/kplkit/"

// mayImport is who may import whom inside the module (docs/design.md draws it). A package that is not listed is a
// room that the design does not have.
var mayImport = map[string][]string{
	"cmd/kplkit":                   {"internal/cli"},
	"deagg":                        {"deagg/hashkey", "internal/wire", "seqnum"},
	"deagg/deaggaws":               {"deagg", "deagg/hashkey", "internal/wire", "seqnum"},
	"deagg/hashkey":                {},
	"internal/aggpb":               {},
	"internal/cli":                 {"deagg", "deagg/hashkey", "internal/dynamofake", "internal/kinesisfake", "internal/kpldaemon", "internal/recordio", "internal/wire", "kclcompat", "kclcompat/vmwarekcl", "matrix", "producer", "producer/aggregator", "producer/separate", "seqnum"},
	"internal/dynamofake":          {},
	"internal/kinesisfake":         {"deagg/hashkey", "seqnum"},
	"internal/kpldaemon":           {"internal/kpldaemon/parentpid", "internal/kplpipe", "internal/kplpipe/kplpb", "producer", "producer/aggregator", "seqnum"},
	"internal/kpldaemon/parentpid": {},
	"internal/kplpipe":             {"internal/kplpipe/kplpb"},
	"internal/kplpipe/kplpb":       {},
	"internal/pbgen":               {},
	"internal/recordio":            {"deagg", "deagg/hashkey"},
	"internal/scale":               {},
	"internal/sim":                 {"internal/dynamofake", "internal/kinesisfake"},
	"internal/vectors":             {},
	"internal/wire":                {},
	"kclcompat":                    {"deagg", "seqnum"},
	"kclcompat/vmwarekcl":          {"deagg", "deagg/deaggaws", "kclcompat", "seqnum"},
	"matrix":                       {"kclcompat"},
	"producer":                     {"deagg/hashkey", "internal/wire", "producer/aggregator", "seqnum"},
	"producer/aggregator":          {"deagg/hashkey", "internal/wire"},
	"producer/separate":            {"internal/kplpipe", "internal/kplpipe/kplpb", "producer", "seqnum"},
	"seqnum":                       {},
}

// mayUse is which modules outside the standard library a package may import; packages not listed may use any.
var mayUse = map[string][]string{
	"deagg":               {"google.golang.org/protobuf/encoding/protowire"},
	"deagg/hashkey":       {},
	"kclcompat":           {},
	"matrix":              {},
	"seqnum":              {},
	"internal/wire":       {},
	"producer/aggregator": {"google.golang.org/protobuf/encoding/protowire"},
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range sources(t) {
		room := path.Dir(file)
		allowed, known := mayImport[room]
		if !known {
			t.Errorf("%s: the design has no room %s", file, room)
			continue
		}
		seen[room] = true
		for _, imported := range importsOf(t, file) {
			outside, restricted := mayUse[room]
			switch inside, isInside := strings.CutPrefix(imported, module); {
			case isInside && !slices.Contains(allowed, inside):
				t.Errorf("%s imports %s, which the design does not have", file, inside)
			case !isInside && strings.Contains(imported, ".") && restricted && !slices.Contains(outside, imported):
				t.Errorf("%s imports %s; %s stands on the standard library", file, imported, room)
			}
		}
	}
	for room := range mayImport {
		if !seen[room] {
			t.Errorf("the design's room %s is empty", room)
		}
	}
}

// sources returns the shipped Go files of this module: no tests, no nested modules.
func sources(t *testing.T) (files []string) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || exists(filepath.Join(name, "go.mod"))):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	return files
}

func importsOf(t *testing.T, file string) (paths []string) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
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
	named := map[string]string{"internal/cli": "kplkit put", "internal/kpldaemon": "kplkit daemon", "internal/sim": ""} // what a package is called there; sim is for tests
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
