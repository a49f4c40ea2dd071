package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kplkit/kplkit/kclcompat"
)

// Consumer is what reads the stream.
type Consumer struct {
	Language   string          // in lower case; "go" and "node" for all their names
	Via        Via             // the library that it reads by
	KCL        Version         // of KCL, MultiLang and OnMultiLang
	Checkpoint kclcompat.Style // the call that is used; zero is not said: the worst of them counts
	Stream     Stream          // that it reads

	NeverResharded bool // the shards of its stream are never split, merged or scaled
}

var styles = []kclcompat.Style{kclcompat.NoArguments, kclcompat.SequenceNumber, kclcompat.RecordArgument, kclcompat.SubSequenceNumber}

// shortNames are what the matrix calls two styles, after AWS's page.
var shortNames = map[kclcompat.Style]string{kclcompat.NoArguments: "none", kclcompat.SubSequenceNumber: "extended"}

// nameOf returns the name of a style in the matrix.
func nameOf(s kclcompat.Style) string { return cmp.Or(shortNames[s], s.String()) }

// styleAliases are names that people use for them.
var styleAliases = map[string]kclcompat.Style{
	"batch": kclcompat.NoArguments, "each-batch": kclcompat.NoArguments, "per-batch": kclcompat.NoArguments, "every-batch": kclcompat.NoArguments,
	"end-of-batch": kclcompat.NoArguments, "after-batch": kclcompat.NoArguments, "checkpoint()": kclcompat.NoArguments, "no-args": kclcompat.NoArguments,
	"no-argument": kclcompat.NoArguments, "empty": kclcompat.NoArguments, "auto": kclcompat.NoArguments,
	"sequence": kclcompat.SequenceNumber, "seq": kclcompat.SequenceNumber, "number": kclcompat.SequenceNumber, "sequencenumber": kclcompat.SequenceNumber,
	"seq-number": kclcompat.SequenceNumber, "checkpoint(sequencenumber)": kclcompat.SequenceNumber,
	"user-record": kclcompat.RecordArgument, "userrecord": kclcompat.RecordArgument, "checkpoint(record)": kclcompat.RecordArgument,
	"sub-sequence": kclcompat.SubSequenceNumber, "subsequence": kclcompat.SubSequenceNumber, "subsequencenumber": kclcompat.SubSequenceNumber,
	"subsequence-number": kclcompat.SubSequenceNumber, "sub-seq": kclcompat.SubSequenceNumber, "extended-sequence-number": kclcompat.SubSequenceNumber,
	"checkpoint(sequencenumber,-subsequencenumber)": kclcompat.SubSequenceNumber,
}

// parseStyle reads a style by its name in the matrix, by that of kclcompat, or by one that people use.
func parseStyle(text string) (kclcompat.Style, error) {
	name := plainName(text)
	known, all := []string{}, []string{}
	for _, s := range styles {
		if name == nameOf(s) || name == s.String() {
			return s, nil
		}
		known, all = append(known, nameOf(s)), append(all, nameOf(s), s.String())
	}
	if s, ok := styleAliases[name]; ok {
		return s, nil
	}
	for alias := range styleAliases {
		all = append(all, alias)
	}
	slices.Sort(all)
	return 0, fmt.Errorf("checkpoint %q%s: known are %s", text, didYouMean(name, all), strings.Join(known, ", "))
}

// Version is a version of the Java KCL; releases of a minor version are alike. The zero Version is none.
type Version struct{ Major, Minor int }

// newest is the newest minor version that there is, as far as anybody here knows.
var newest = map[int]int{1: 15, 2: 7, 3: 5}

// exists tells whether the version is one that is known.
func (v Version) exists() bool { return v.Minor <= newest[v.Major] }

// ParseVersion reads 1.4, 1.4.0 or 1.4.x, which are the same, and 2 or 2.x for what 2 has newest.
func ParseVersion(s string) (Version, error) {
	parts := strings.Split(s, ".")
	numbers := []int{}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil && !(i > 0 && i == len(parts)-1 && p == "x") || len(parts) > 3 {
			return Version{}, fmt.Errorf("KCL version %q: want one such as 1.4, 1.4.0 or 1.4.x", s)
		}
		if err == nil {
			numbers = append(numbers, int(n))
		}
	}
	v := Version{Major: numbers[0]}
	switch {
	case v.Major < 1 || v.Major > 3:
		return Version{}, fmt.Errorf("KCL version %q: there is no such major version; there are 1, 2 and 3", s)
	case len(numbers) > 1:
		v.Minor = numbers[1]
	case v.Major == 1:
		return Version{}, fmt.Errorf("KCL version %q: 1.3 and 1.4 differ, say which minor version it is", s)
	default:
		v.Minor = newest[v.Major]
	}
	return v, nil
}

// String returns the version as MAJOR.MINOR.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// ParseConsumer reads a consumer from the names of its parts. Without via, a version means the KCL or the MultiLangDaemon; without
// language, via has to say it, or not to depend on it; an empty checkpoint is not said. Its names are none, sequence-number, record
// and extended, those of kclcompat.Style, and others that people use. What contradicts itself is an error.
func ParseConsumer(language, via, version, checkpoint string) (c Consumer, err error) {
	if v, err := ParseVia(language); via == "" && err == nil && !isLanguage(language) {
		return Consumer{}, isVia(language, v)
	}
	if via == "" {
		if version == "" {
			return Consumer{}, fmt.Errorf("via what does the consumer read? Known are %s", strings.Join(viaNames[1:], ", "))
		}
		via = map[bool]string{true: "kcl", false: "multilang"}[languageOf(language) == "java"]
	}
	if c.Via, err = ParseVia(via); err != nil {
		return Consumer{}, err
	}
	if c.Language, err = parseLanguage(language, c.Via); err != nil {
		return Consumer{}, err
	}
	if checkpoint != "" {
		if c.Checkpoint, err = parseStyle(checkpoint); err != nil {
			return Consumer{}, err
		}
	}
	if version != "" {
		if c.KCL, err = ParseVersion(version); err != nil {
			return Consumer{}, err
		}
	}
	return c, c.validate()
}

// validate refuses what can't be.
func (c Consumer) validate() error {
	java := slices.Contains(javaReads, c.Via)
	switch {
	case java && c.KCL == Version{}:
		return fmt.Errorf("via %s: which version of the KCL? For instance 1.3, 1.4, 1.14, 2.7 or 3.5", c.Via)
	case !java && c.KCL != Version{}:
		return fmt.Errorf("via %s has no KCL version: via kcl or multilang has", c.Via)
	case languageOfVia[c.Via] == "go" && c.Via != OnKplkit && c.Language != "go":
		return fmt.Errorf("via %s: that is a library for go, not for %s", c.Via, c.Language)
	}
	return nil
}

// String names the consumer in the words of the flags.
func (c Consumer) String() string {
	s := strings.TrimSpace(fmt.Sprintf("%s via %s", c.Language, c.Via))
	if c.KCL != (Version{}) {
		s += " " + c.KCL.String()
	}
	if c.Checkpoint != 0 {
		s += ", checkpoint " + nameOf(c.Checkpoint)
	}
	return s
}

// reader is the consumer as kclcompat knows it.
func (c Consumer) reader() kclcompat.Reader {
	switch c.Via {
	case KCL:
		return kclcompat.KCL(c.KCL.Major, c.KCL.Minor)
	case MultiLang, OnMultiLang:
		if c.KCL.Major == 1 && c.KCL.Minor >= 8 && c.KCL.Minor < 14 {
			return kclcompat.MultiLang(1, 14) // its messages are those of 1.14.10 since 1.7.2: read (docs/multilang.md)
		}
		return kclcompat.MultiLang(c.KCL.Major, c.KCL.Minor)
	case OnKplkit:
		return kclcompat.Kplkit()
	}
	return kclcompat.SDK()
}

func isVia(name string, v Via) error {
	return fmt.Errorf("consumer %q is what it reads by, not its language: --via %s", name, v)
}

// parseLanguage reads the language of a consumer. Where there is none it is that of via, or none if that does not matter.
func parseLanguage(s string, via Via) (string, error) {
	name := languageOf(strings.TrimSpace(s))
	switch {
	case name == "" && languageOfVia[via] != "":
		return languageOfVia[via], nil
	case name == "" && !via.needsLanguage():
		return "", nil
	case isLanguage(name):
		return name, nil
	}
	if v, err := ParseVia(name); name != "" && err == nil {
		return "", isVia(s, v)
	}
	return "", fmt.Errorf("consumer %q is not the name of a language that is known%s: java, go, python, node or another language; other for one that has no name here",
		s, didYouMean(name, languages()))
}

func (v Version) compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor))
}
