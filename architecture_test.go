// Package kplkit_test holds what is true of the repository as a whole.
package kplkit_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kplkit/kplkit/"

// room is what docs/design.md says of a package, or of another folder.
type room struct {
	inside  []string // what it imports of this module, or one of the two texts below
	outside string   // a key of mayUse, or "" for any
}

const (
	ownModule = "a module of its own"
	notGo     = "not Go"
)

// mayUse is what a room may import of other modules, by the words in which the table says so.
var mayUse = map[string][]string{
	"Standard library only":               {},
	"Standard library and protowire only": {"google.golang.org/protobuf/encoding/protowire"},
}

// TestRooms: the table in docs/design.md has each package, and what it imports, no less and no more.
func TestRooms(t *testing.T) {
	design, found := designOf(t), roomsOf(t)
	for name, r := range found {
		listed, ok := design[name]
		if !ok {
			t.Errorf("the design has no room %s", name)
			continue
		}
		if !slices.Equal(r.inside, listed.inside) {
			t.Errorf("%s imports %q, the design says %q", name, r.inside, listed.inside)
		}
	}
	for name, r := range design {
		_, ok := found[name]
		if !ok && !(slices.Equal(r.inside, []string{notGo}) && exists(name)) {
			t.Errorf("the design's room %s is empty", name)
		}
	}
}

// TestOutside: what stands on the standard library, by the same table, does so.
func TestOutside(t *testing.T) {
	design, held := designOf(t), map[string]bool{}
	for _, file := range sources(t) {
		words := design[path.Dir(file)].outside
		held[words] = true
		for _, imported := range importsOf(t, file) {
			first, _, _ := strings.Cut(imported, "/")
			other := strings.Contains(first, ".") && !strings.HasPrefix(imported, module)
			if other && words != "" && !slices.Contains(mayUse[words], imported) {
				t.Errorf("%s imports %s; the design says %q", file, imported, words)
			}
		}
	}
	for _, room := range []string{"deagg", "deagg/hashkey", "seqnum", "kclcompat", "matrix", "producer/aggregator"} {
		if design[room].outside == "" {
			t.Errorf("the design no longer says of %s what it may import", room)
		}
	}
	for words := range mayUse {
		if !held[words] {
			t.Errorf("no room is held to %q: its words in the design have changed", words)
		}
	}
}

// TestBuilds: docs/design.md says how many modules a package brings into the build of its user.
func TestBuilds(t *testing.T) {
	text := section(t, "docs/design.md", "## What a user of a package gets")
	first, _, _ := strings.Cut(text, "\nThe second column")
	rows := tableRows(first)
	if len(rows) == 0 {
		t.Error("docs/design.md: no packages")
	}
	for _, row := range rows {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./"+row[0]).Output()
		if err != nil {
			t.Fatalf("go list of %s: %v", row[0], err)
		}
		modules := slices.Sorted(slices.Values(strings.Fields(string(out))))
		if modules = slices.Compact(modules); strconv.Itoa(len(modules)) != row[1] {
			t.Errorf("%s brings %d modules, the design says %s: %q", row[0], len(modules), row[1], modules)
		}
	}
}

var roomLink = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)

// designOf reads the table of docs/design.md: a room or several, what they hold, and what they import inside the module.
func designOf(t *testing.T) map[string]room {
	design := map[string]room{}
	for _, row := range tableRows(section(t, "docs/design.md", "## Rooms, and who imports whom")) {
		if len(row) != 3 {
			t.Fatalf("docs/design.md: a row that this test can't read: %q", row)
		}
		var r room
		for words := range mayUse {
			if strings.HasSuffix(row[1], ". "+words) {
				r.outside = words
			}
		}
		if row[2] != "–" {
			r.inside = strings.Split(row[2], ", ")
		}
		slices.Sort(r.inside)
		links := roomLink.FindAllStringSubmatch(row[0], -1)
		if len(links) == 0 {
			t.Errorf("docs/design.md: a row without a room: %q", row)
		}
		for _, link := range links {
			if _, twice := design[link[1]]; twice || link[2] != "../"+link[1] {
				t.Errorf("docs/design.md: room %s is there twice, or leads to %s", link[1], link[2])
			}
			design[link[1]] = r
		}
	}
	return design
}

// section returns what stands below a heading of a document, up to the next heading of that level.
func section(t *testing.T, document, heading string) string {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", document, heading)
	}
	below, _, _ = strings.Cut(below, "\n## ")
	return below
}

// tableRows returns the cells of the rows of a Markdown table, below its head.
func tableRows(text string) (rows [][]string) {
	for line := range strings.Lines(text) {
		inner, isRow := strings.CutPrefix(strings.TrimSpace(line), "|")
		if !isRow {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(inner, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows[min(2, len(rows)):]
}

// roomsOf returns the packages of this module as they are, and the modules nested in it.
func roomsOf(t *testing.T) map[string]room {
	found := map[string]room{}
	for _, file := range sources(t) {
		name := path.Dir(file)
		r := found[name]
		for _, imported := range importsOf(t, file) {
			if inside, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(r.inside, inside) {
				r.inside = append(r.inside, inside)
			}
		}
		slices.Sort(r.inside)
		found[name] = r
	}
	for _, file := range files(t, func(string) bool { return false }) {
		if path.Base(file) == "go.mod" && file != "go.mod" {
			found[path.Dir(file)] = room{inside: []string{ownModule}}
		}
	}
	return found
}

// sources returns the shipped Go files of this module: no tests, no nested modules.
func sources(t *testing.T) []string {
	all := files(t, func(folder string) bool { return exists(filepath.Join(folder, "go.mod")) })
	return slices.DeleteFunc(all, func(file string) bool {
		return !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go")
	})
}

// files returns the files of the tree, without hidden folders, testdata and those that skip names.
func files(t *testing.T, skip func(folder string) bool) (files []string) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || skip(name)):
			return filepath.SkipDir
		case !d.IsDir():
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
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
