package kplpipe

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// Setting is one field of Configuration.
type Setting struct {
	Name     string // as in Configuration; the Java wrapper writes aggregation_max_count as aggregationMaxCount
	Kind     string // bool, number, text, enum or list
	Default  string // as text; "" also where there is none
	Min, Max uint64 // of a number
	Pattern  string // that a text has to match, as the KPL writes it; "" where any text does
}

// limit is what the KPL's native binary takes. It refuses to start with anything else.
type limit struct {
	min, max uint64
	pattern  string
	matches  func(string) bool
	want     string // where it is not what the pattern says
}

// anyNumber is the largest number where the KPL wants any: Java's are signed.
const anyNumber = math.MaxInt64

// limits are those of 1.0.7. A field that is not here takes everything that its type does.
var limits = map[string]limit{
	"aggregation_max_count":    {min: 1, max: anyNumber},
	"aggregation_max_size":     {min: 64, max: 10 << 20}, // 1 MiB before 1.0.6
	"cloudwatch_endpoint":      pattern(`^([A-Za-z0-9-\.]+)?$`),
	"cloudwatch_port":          {min: 1, max: 65535},
	"collection_max_count":     {min: 1, max: 500},
	"collection_max_size":      {min: 52224, max: anyNumber},
	"connect_timeout":          {min: 100, max: 300_000},
	"kinesis_endpoint":         endpoint(pattern(`^([A-Za-z0-9-\.]+)?$`)),
	"kinesis_port":             {min: 1, max: 65535},
	"log_level":                pattern("trace|debug|info|warning|error"),
	"max_connections":          {min: 1, max: 256},
	"metrics_granularity":      pattern("global|stream|shard"),
	"metrics_level":            pattern("none|summary|detailed"),
	"metrics_namespace":        {pattern: "(?!AWS/).{1,255}", matches: isNamespace}, // Go has no (?!
	"metrics_upload_delay":     {min: 1, max: 60_000},
	"min_connections":          {min: 1, max: 16},
	"rate_limit":               {min: 1, max: anyNumber},
	"record_max_buffered_time": {min: 0, max: anyNumber},
	"record_ttl":               {min: 100, max: anyNumber},
	"region":                   pattern("^([a-z]+-([a-z]+-)?[a-z]+-[0-9])?$"),
	"request_timeout":          {min: 100, max: 600_000},
	"proxy_host":               {matches: isProxy, want: "a host name or a URL, without user and password: those are proxy_user_name and proxy_password"},
	"proxy_port":               {min: 1, max: 65535},
	"thread_pool_size":         {min: 0, max: math.MaxUint32},
}

// pattern is the limit of a text that has to match from its first character to its last.
func pattern(p string) limit {
	return limit{pattern: p, matches: regexp.MustCompile("^(?:" + p + ")$").MatchString}
}

// endpoint also takes a URL with its scheme, which the KPL does not: its own endpoints always mean https.
// A user in it would mean nothing, and its password would show up in messages.
func endpoint(host limit) limit {
	matchesHost := host.matches
	host.matches = func(text string) bool {
		u, err := url.Parse(text)
		return matchesHost(text) || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
	}
	host.want = "a text that matches " + host.pattern + ", or a URL with http or https, without user and password"
	return host
}

// isProxy refuses a user in the host: it is never used, and errors that name the host would show the password.
func isProxy(text string) bool { return !strings.Contains(text, "@") }

func isNamespace(text string) bool {
	return !strings.HasPrefix(text, "AWS/") && len(text) >= 1 && len(text) <= 255 && !strings.ContainsAny(text, "\r\n")
}

var fields = new(kplpb.Configuration).ProtoReflect().Descriptor().Fields()

// Settings returns the fields of Configuration in the order of the schema, with the KPL's limits.
func Settings() []Setting {
	all := make([]Setting, fields.Len())
	for i := range all {
		f := fields.Get(i)
		l := limits[string(f.Name())]
		all[i] = Setting{Name: string(f.Name()), Kind: kind(f), Default: defaultOf(f), Min: l.min, Max: l.max, Pattern: l.pattern}
	}
	return all
}

func kind(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsList():
		return "list"
	case f.Kind() == protoreflect.Uint64Kind, f.Kind() == protoreflect.Uint32Kind:
		return "number"
	case f.Kind() == protoreflect.StringKind:
		return "text"
	}
	return f.Kind().String()
}

func defaultOf(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsList():
		return ""
	case f.Name() == "enable_core_dumps":
		return "" // the schema says false, but absent means: leave the limit alone
	case f.Kind() == protoreflect.EnumKind:
		return string(f.DefaultEnumValue().Name())
	}
	return f.Default().String()
}

// SettingError says which setting is out of its limits.
type SettingError struct {
	Name  string
	Value string
	Want  string // what is taken: "a number from 1 to 500", "a text that matches …"
}

func (e *SettingError) Error() string {
	return fmt.Sprintf("%s is %q, want %s", e.Name, e.Value, e.Want)
}

// Validate returns a *SettingError for each setting that the KPL's native binary would refuse, joined, or nil.
func Validate(c *kplpb.Configuration) error {
	var faults []error
	for i := range fields.Len() {
		f := fields.Get(i)
		if l, limited := limits[string(f.Name())]; limited {
			faults = append(faults, l.check(string(f.Name()), c.ProtoReflect().Get(f)))
		}
	}
	for i, d := range c.GetAdditionalMetricDims() {
		name := fmt.Sprintf("additional_metric_dims[%d].granularity", i)
		faults = append(faults, limits["metrics_granularity"].check(name, protoreflect.ValueOfString(d.GetGranularity())))
	}
	return errors.Join(faults...)
}

// hidden is a text as messages show it: without what may be a user and a password.
func hidden(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

func (l limit) check(name string, value protoreflect.Value) error {
	if l.matches != nil {
		if !l.matches(value.String()) {
			return &SettingError{name, hidden(value.String()), cmp.Or(l.want, "a text that matches "+l.pattern)}
		}
		return nil
	}
	if n := value.Uint(); n < l.min || n > l.max {
		return &SettingError{name, strconv.FormatUint(n, 10), fmt.Sprintf("a number from %d to %d", l.min, l.max)}
	}
	return nil
}
