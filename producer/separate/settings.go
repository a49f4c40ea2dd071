package separate

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/kplkit/kplkit/internal/kplpipe"
)

// units are those of the numbers.
var units = map[string]string{
	"AggregationMaxCount": " user records", "AggregationMaxSize": " bytes", "CollectionMaxCount": " stored records", "CollectionMaxSize": " bytes",
	"MaxConnections": " connections", "MinConnections": " connections", "RateLimit": " percent of a shard's rates", "ThreadPoolSize": " threads",
}

func bad(field string, value any, want string) error {
	return fmt.Errorf("%s: %#v, want %s", field, value, want)
}

// badSettings says of each *kplpipe.SettingError which field of Config it is about, in that field's unit. The KPL's name is there, too.
func (c *Config) badSettings(err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for _, fault := range err.(interface{ Unwrap() []error }).Unwrap() {
		if s := new(kplpipe.SettingError); errors.As(fault, &s) {
			fault = c.badSetting(s)
		}
		errs = append(errs, fault)
	}
	return errors.Join(errs...)
}

func (c *Config) badSetting(s *kplpipe.SettingError) error {
	name, inside, _ := strings.Cut(s.Name, "[") // additional_metric_dims[0].granularity
	field := fieldOf(name)
	if inside != "" {
		return fmt.Errorf("%s[%s (%s): %q, want %s", field, strings.Replace(inside, "granularity", "Granularity", 1), s.Name, s.Value, oneOf(s))
	}
	limits := limitsOf(name)
	switch value := reflect.ValueOf(c).Elem().FieldByName(field); {
	case limits.Kind != "number":
		return fmt.Errorf("%s (%s): %q, want %s", c.named(field), name, s.Value, oneOf(s))
	case value.Type() == reflect.TypeFor[time.Duration]():
		low, high := time.Duration(limits.Min)*time.Millisecond, longest
		if limits.Max < uint64(longest/time.Millisecond) {
			high = time.Duration(limits.Max) * time.Millisecond
			return fmt.Errorf("%s (%s): %v, want %v to %v", field, name, value, low, high)
		}
		return fmt.Errorf("%s (%s): %v, want %v or more", field, name, value, low)
	default:
		return fmt.Errorf("%s (%s): %s, want %d to %d%s", field, name, s.Value, limits.Min, limits.Max, units[field])
	}
}

// fieldOf is the field of Config for a setting of the KPL's.
func fieldOf(name string) string {
	if name == "kinesis_endpoint" || name == "kinesis_port" {
		return "Endpoint"
	}
	plain := strings.ReplaceAll(name, "_", "")
	f, _ := reflect.TypeFor[Config]().FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, plain) })
	return f.Name
}

func limitsOf(name string) (limits kplpipe.Setting) {
	for _, s := range kplpipe.Settings() {
		if s.Name == name {
			limits = s
		}
	}
	return limits
}

// oneOf is what a text has to be: one of a few words, or what the KPL's pattern says.
func oneOf(s *kplpipe.SettingError) string {
	words := strings.Split(strings.TrimPrefix(s.Want, "a text that matches "), "|")
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " or " + words[last]
	}
	return s.Want
}

// named is a field, or the variable of the environment that stands in for it.
func (c *Config) named(field string) string {
	if field == "Endpoint" {
		return cmp.Or(c.endpointFrom, field)
	}
	return field
}

// endpointVariables are where AWS's SDKs look for the URL of Kinesis, in their order.
var endpointVariables = []string{"AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL"}

// environmentEndpoint returns the URL of the environment, and in which variable it is.
func environmentEndpoint() (endpoint, variable string) {
	if strings.EqualFold(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		return "", ""
	}
	for _, name := range endpointVariables {
		if endpoint = os.Getenv(name); endpoint != "" {
			return endpoint, name
		}
	}
	return "", ""
}

// isLocal tells whether a URL leads to this machine.
func isLocal(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	return u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
}
