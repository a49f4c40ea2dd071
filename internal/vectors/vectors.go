// Package vectors holds test cases of the aggregated record's format as small text files, readable from any language.
//
// A file has header lines, a blank line, and the stored record's data in base64. The headers before the first
// "policy" tell of the stored record and its shard:
//
//	comment: TEXT
//	sequence-number: TEXT
//	partition-key: KEY       absent where the stored record has none
//	range: START-END         of the shard
//	ancestor: START-END      may be repeated
//
// Each "policy: lossless|kcl" opens what has to come out under it:
//
//	expect: ok | plain | truncated | checksum | wire | index | hash-key
//	user: SUB KEY EXPLICIT-HASH-KEY SHA256-OF-DATA
//
// A KEY is the text itself, "-" where there is none, or "base64:…" where it is no UTF-8.
package vectors

import (
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed testdata/*.txt
var files embed.FS

// Vector is one case.
type Vector struct {
	Name, Comment                string
	SequenceNumber, PartitionKey string
	Range                        string
	Ancestors                    []string
	Data                         []byte
	Policies                     map[string]Outcome // by "lossless" and "kcl"
}

// Outcome is what a policy makes of a vector.
type Outcome struct {
	Expect string
	Users  []string // as they stand in the file
}

// All returns every vector, by name.
func All() ([]Vector, error) {
	names, err := fs.Glob(files, "testdata/*.txt")
	if err != nil {
		return nil, err
	}
	all := make([]Vector, 0, len(names))
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		v, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("vectors: %s: %w", name, err)
		}
		v.Name = strings.TrimSuffix(path.Base(name), ".txt")
		all = append(all, v)
	}
	return all, nil
}

func parse(text string) (Vector, error) {
	v := Vector{Policies: map[string]Outcome{}}
	head, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		return v, fmt.Errorf("no blank line after the headers")
	}
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil {
		return v, err
	}
	v.Data = data
	policy := ""
	for line := range strings.Lines(head) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			return v, fmt.Errorf("header %q", line)
		}
		if name == "policy" {
			policy = value
		} else if err := v.header(policy, name, value); err != nil {
			return v, err
		}
	}
	return v, nil
}

func (v *Vector) header(policy, name, value string) error {
	if o := v.Policies[policy]; policy != "" {
		switch name {
		case "expect":
			o.Expect = value
		case "user":
			o.Users = append(o.Users, value)
		default:
			return fmt.Errorf("header %q of a policy", name)
		}
		v.Policies[policy] = o
		return nil
	}
	switch name {
	case "comment":
		v.Comment = value
	case "sequence-number":
		v.SequenceNumber = value
	case "partition-key":
		v.PartitionKey = value
	case "range":
		v.Range = value
	case "ancestor":
		v.Ancestors = append(v.Ancestors, value)
	default:
		return fmt.Errorf("header %q", name)
	}
	return nil
}
