package matrix

import (
	"cmp"
	"slices"
	"strings"
)

// languageNames are all the names that a language has here, each with the one that rows use. A language of the JVM is java.
var languageNames = map[string]string{
	"golang": "go", "nodejs": "node", "node.js": "node", "javascript": "node", "js": "node", "typescript": "node", "ts": "node",
	"python2": "python", "python3": "python", "py": "python",
	"scala": "java", "kotlin": "java", "clojure": "java", "groovy": "java", "jruby": "java", "jvm": "java",
	"csharp": "c#", ".net": "c#", "dotnet": "c#", "cpp": "c++", "rb": "ruby",
}

// knownLanguages are those of which nothing else has to be known.
var knownLanguages = []string{
	"java", "go", "python", "node", "ruby", "c#", "f#", "c++", "c", "rust", "php", "perl", "elixir", "erlang", "haskell", "swift",
	"r", "lua", "julia", "dart", "ocaml", "cobol", "powershell", "bash", "other",
}

// languageOf returns the one name of a language.
func languageOf(name string) string {
	name = strings.ToLower(name)
	return cmp.Or(languageNames[name], name)
}

func isLanguage(name string) bool { return slices.Contains(knownLanguages, languageOf(name)) }

// languages are all names of languages.
func languages() []string {
	names := slices.Clone(knownLanguages)
	for alias := range languageNames {
		names = append(names, alias)
	}
	slices.Sort(names)
	return names
}

// plainName is a name as tables of names have it: in lower case, with - for blanks and _.
func plainName(s string) string {
	return strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(strings.TrimSpace(s)))
}

// didYouMean names those of names that come nearest to one that is not among them, in words; nothing where none is near.
func didYouMean(name string, names []string) string {
	if near := nearestNames(name, names); len(near) > 0 {
		return " (did you mean " + strings.Join(near, ", ") + "?)"
	}
	return ""
}

// nearestNames returns up to three names: those that contain it or are contained, and those a third of whose letters differ at most.
func nearestNames(name string, names []string) []string {
	type near struct {
		name string
		far  int
	}
	var all []near
	for _, n := range names {
		d := distance(name, n)
		long, short := max(len(n), len(name)), min(len(n), len(name))
		switch {
		case short > 2 && (strings.Contains(n, name) || strings.Contains(name, n)):
			all = append(all, near{n, min(d, long/3)})
		case d <= long/3 || long == 4 && d == 2 && sortedLetters(n) == sortedLetters(name):
			all = append(all, near{n, d})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int { return cmp.Compare(a.far, b.far) })
	var out []string
	for _, n := range all {
		if len(out) < 3 && !slices.Contains(out, n.name) {
			out = append(out, n.name)
		}
	}
	return out
}

func sortedLetters(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}

// distance is Levenshtein's: how many letters have to be put in, taken out or replaced.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
