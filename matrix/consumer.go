package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kplkit/kplkit/kclcompat"
)

// Producer is what puts into the stream. The zero Producer is the KPL from Java.
type Producer struct{ language string }

// Java is the KPL, called from Java.
func Java() Producer { return Producer{} }

// Kplkit is package producer of this module, kplkit put, or one of the clients for Go, Python and Node over kplkit daemon: the
// KPL's format without the KPL.
func Kplkit() Producer { return Producer{"kplkit"} }

// Language is a producer in a language, with neither the KPL nor kplkit.
func Language(name string) Producer {
	if name = languageOf(name); name != "java" {
		return Producer{name}
	}
	return Java()
}

// ParseProducer reads java, kplkit or the name of any other language.
func ParseProducer(s string) (Producer, error) {
	name, err := parseLanguage(s)
	if err != nil {
		return Producer{}, fmt.Errorf("producer %w: java (the KPL), kplkit (its clients too), or another language such as python", err)
	}
	if name == "kpl" {
		name = "java"
	}
	return Language(name), nil
}

// String returns the name that ParseProducer reads.
func (p Producer) String() string {
	if p == Java() {
		return "java"
	}
	return p.language
}

// Consumer is what reads the stream.
type Consumer struct {
	Language   string          // in lower case; "go" and "node" for all their names
	Via        Via             // the library that it reads by
	KCL        Version         // of KCL and MultiLang
	Checkpoint kclcompat.Style // the call that is used; zero is not said: the worst of them counts

	NeverResharded bool // the shards of its stream are never split, merged or scaled
}

// Via is the library through which a consumer reads.
type Via uint8

// The libraries. A consumer on kplkit reads by deaggaws or vmwarekcl.
const (
	SDK       Via = iota + 1 // GetRecords or SubscribeToShard in a loop of one's own
	KCL                      // the Java KCL
	MultiLang                // the Java KCL's MultiLangDaemon, in front of a process in any language
	VMware                   // vmware-go-kcl-v2 alone
	Harlow                   // harlow/kinesis-consumer alone
	OnKplkit
)

var viaNames = []string{"", "sdk", "kcl", "multilang", "vmware", "harlow", "kplkit"}

// ParseVia reads sdk, kcl, multilang, vmware, harlow or kplkit.
func ParseVia(s string) (Via, error) {
	if i := slices.Index(viaNames, s); i > 0 {
		return Via(i), nil
	}
	return 0, fmt.Errorf("via %q: known are %s", s, strings.Join(viaNames[1:], ", "))
}

// String returns the name that ParseVia reads.
func (v Via) String() string {
	if int(v) >= len(viaNames) {
		v = 0
	}
	return cmp.Or(viaNames[v], "unknown")
}

var styles = []kclcompat.Style{kclcompat.NoArguments, kclcompat.SequenceNumber, kclcompat.RecordArgument, kclcompat.SubSequenceNumber}

// shortNames are what the matrix calls two styles, after AWS's page.
var shortNames = map[kclcompat.Style]string{kclcompat.NoArguments: "none", kclcompat.SubSequenceNumber: "extended"}

// nameOf returns the name of a style in the matrix.
func nameOf(s kclcompat.Style) string { return cmp.Or(shortNames[s], s.String()) }

// parseStyle reads a style by its name in the matrix, or by that of kclcompat.
func parseStyle(text string) (kclcompat.Style, error) {
	names := []string{}
	for _, s := range styles {
		if text == nameOf(s) || text == s.String() {
			return s, nil
		}
		names = append(names, nameOf(s))
	}
	return 0, fmt.Errorf("checkpoint %q: known are %s", text, strings.Join(names, ", "))
}

// Version is a version of the Java KCL; releases of a minor version are alike. The zero Version is none.
type Version struct{ Major, Minor int }

// newest is the newest minor version that was run, of the major versions whose minor ones are all alike.
var newest = map[int]int{2: 7, 3: 5}

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

// ParseConsumer reads a consumer from the names of its parts. Without via, a version means the KCL or the MultiLangDaemon;
// an empty checkpoint is not said. Its names are none, sequence-number, record and extended, and those of kclcompat.Style. What contradicts itself is an error.
func ParseConsumer(language, via, version, checkpoint string) (c Consumer, err error) {
	if c.Language, err = parseLanguage(language); err != nil {
		return Consumer{}, fmt.Errorf("consumer %w: java, go, python, node or another language", err)
	}
	if via == "" {
		if version == "" {
			return Consumer{}, fmt.Errorf("via what does the consumer read? Known are %s", strings.Join(viaNames[1:], ", "))
		}
		via = map[bool]string{true: "kcl", false: "multilang"}[c.Language == "java"]
	}
	if c.Via, err = ParseVia(via); err != nil {
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
	java := c.Via == KCL || c.Via == MultiLang
	switch {
	case java && c.KCL == Version{}:
		return fmt.Errorf("via %s: which version of the KCL? For instance 1.3, 1.4, 1.14, 2.7 or 3.5", c.Via)
	case !java && c.KCL != Version{}:
		return fmt.Errorf("via %s has no KCL version: via kcl or multilang has", c.Via)
	case (c.Via == VMware || c.Via == Harlow) && c.Language != "go":
		return fmt.Errorf("via %s: that is a library for go, not for %s", c.Via, c.Language)
	}
	return nil
}

// String names the consumer in the words of the flags.
func (c Consumer) String() string {
	s := fmt.Sprintf("%s via %s", c.Language, c.Via)
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
	case MultiLang:
		return kclcompat.MultiLang(c.KCL.Major, c.KCL.Minor)
	case OnKplkit:
		return kclcompat.Kplkit()
	}
	return kclcompat.SDK()
}

var languageNames = map[string]string{
	"golang": "go", "nodejs": "node", "node.js": "node", "javascript": "node", "js": "node", "typescript": "node", "python3": "python",
}

// languageOf returns the one name of a language.
func languageOf(name string) string {
	name = strings.ToLower(name)
	if known, ok := languageNames[name]; ok {
		return known
	}
	return name
}

// parseLanguage takes any name that can be one.
func parseLanguage(s string) (string, error) {
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("+#.-_ ", r))
	}
	if name := languageOf(s); name != "" && strings.TrimSpace(name) == name && !strings.ContainsFunc(name, odd) {
		return name, nil
	}
	return "", fmt.Errorf("%q is not the name of a language", s)
}

func (v Version) compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor))
}
