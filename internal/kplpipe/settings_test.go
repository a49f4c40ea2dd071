package kplpipe

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// Each limit's edges, and texts that the KPL's native binary takes and refuses.
func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		settings string
		wrong    string // names, in the order of the schema
	}{
		{``, ""}, // the defaults
		{`aggregation_max_size: 64 collection_max_count: 1 record_ttl: 100`, ""},
		{`aggregation_max_size: 10485760 collection_max_count: 500 record_ttl: 9223372036854775807`, ""},
		{`aggregation_max_size: 63 collection_max_count: 0 record_ttl: 99`, "aggregation_max_size collection_max_count record_ttl"},
		{`aggregation_max_size: 10485761 collection_max_count: 501 record_ttl: 9223372036854775808`, "aggregation_max_size collection_max_count record_ttl"},
		{`record_max_buffered_time: 0 thread_pool_size: 0`, ""},
		{`region: "us-east-1"`, ""},
		{`region: "us-gov-west-1"`, ""},
		{`region: "US-EAST-1"`, "region"},
		{`region: "us-east-1\n"`, "region"},
		{`log_level: "warning"`, ""},
		{`log_level: "warn"`, "log_level"},
		{`log_level: "informative"`, "log_level"},
		{`metrics_level: ""`, "metrics_level"},
		{`metrics_namespace: "AWS/Kinesis"`, "metrics_namespace"},
		{`metrics_namespace: "AWS"`, ""},
		{`metrics_namespace: ""`, "metrics_namespace"},
		{`kinesis_endpoint: "127.0.0.1" cloudwatch_endpoint: "monitoring.example"`, ""},
		{`kinesis_endpoint: "http://127.0.0.1:4567"`, ""}, // ours
		{`kinesis_endpoint: "ftp://127.0.0.1"`, "kinesis_endpoint"},
		{`kinesis_endpoint: "http://"`, "kinesis_endpoint"},
		{`kinesis_endpoint: "127.0.0.1:4567"`, "kinesis_endpoint"},
		{`cloudwatch_endpoint: "http://127.0.0.1"`, "cloudwatch_endpoint"},
		{`additional_metric_dims { key: "k" value: "v" granularity: "global" }`, ""},
		{`additional_metric_dims { key: "k" value: "v" granularity: "all" }`, "additional_metric_dims[0].granularity"},
	} {
		var c kplpb.Configuration
		if err := prototext.Unmarshal([]byte(tt.settings), &c); err != nil {
			t.Fatal(err)
		}
		if got := faults(Validate(&c)); got != tt.wrong {
			t.Errorf("%s: wrong are %q, want %q", tt.settings, got, tt.wrong)
		}
	}
	long := &kplpb.Configuration{MetricsNamespace: proto.String(strings.Repeat("n", 256))}
	if got := faults(Validate(long)); got != "metrics_namespace" {
		t.Errorf("a namespace of 256 bytes: wrong are %q", got)
	}
}

// TestPasswords: a message about a host or a URL never has the password in it, and says that URLs are taken.
func TestPasswords(t *testing.T) {
	for _, url := range []string{"http://u:PWSECRET@127.0.0.1:9", "http://u:PWSECRET@bad host:9", "https://u:PWSECRET@127.0.0.1:bad", "u:PWSECRET@host", "http://u:PWSE@CRET@host"} {
		for name, c := range map[string]*kplpb.Configuration{
			"kinesis_endpoint": {KinesisEndpoint: &url}, "cloudwatch_endpoint": {CloudwatchEndpoint: &url}, "proxy_host": {ProxyHost: &url},
		} {
			err := Validate(c)
			if faults(err) != name || strings.Contains(err.Error(), "CRET") {
				t.Errorf("%s %s: %v", name, url, err)
			}
			if name != "cloudwatch_endpoint" && !strings.Contains(err.Error(), "a URL") {
				t.Errorf("%s: it does not say that URLs are taken: %v", name, err)
			}
		}
	}
	for _, host := range []string{"", "proxy", "http://proxy:3128"} {
		if err := Validate(&kplpb.Configuration{ProxyHost: &host}); err != nil {
			t.Error(err)
		}
	}
}

// faults returns the names of the settings that an error of Validate is about.
func faults(err error) string {
	if err == nil {
		return ""
	}
	var names []string
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		var fault *SettingError
		if errors.As(e, &fault) {
			names = append(names, fault.Name)
		}
	}
	return strings.Join(names, " ")
}

// Every limit is that of a field.
func TestLimitsHaveFields(t *testing.T) {
	for name := range limits {
		if fields.ByTextName(name) == nil {
			t.Errorf("Configuration has no field %s", name)
		}
	}
}

func TestFaultyArguments(t *testing.T) {
	for text, want := range map[string]error{
		"zz": ErrHex, "080": ErrHex, "0x08": ErrHex, "08 01": ErrHex, "": ErrNoID,
		"ffff": ErrProtobuf, "0801": ErrNoContent, "2200": ErrNoID,
	} {
		if _, err := ParseArgument(text); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
