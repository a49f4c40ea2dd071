package separate

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kplkit/kplkit/internal/kplpipe"
)

func valid() Config {
	return Config{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}}
}

// TestEverySetting: each of the KPL's settings has a field of its name, which sets it and nothing else.
func TestEverySetting(t *testing.T) {
	plain := valid().withDefaults()
	before, err := plain.configuration()
	if err != nil {
		t.Fatal(err)
	}
	fields := before.ProtoReflect().Descriptor().Fields()
	for i, s := range kplpipe.Settings() {
		cfg := valid()
		name := strings.ReplaceAll(s.Name, "_", "")
		switch name {
		case "kinesisendpoint", "kinesisport": // Endpoint
			continue
		}
		field := reflect.ValueOf(&cfg).Elem().FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, name) })
		if !field.IsValid() {
			t.Errorf("Config has no field for %s", s.Name)
			continue
		}
		fill(field, s)
		cfg = cfg.withDefaults()
		after, err := cfg.configuration()
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		for j := range fields.Len() {
			f := fields.Get(j)
			a, b := before.ProtoReflect(), after.ProtoReflect()
			same := a.Has(f) == b.Has(f) && a.Get(f).Equal(b.Get(f))
			if same == (i == j) {
				t.Errorf("%s: %s is %v, was %v", s.Name, f.Name(), b.Get(f), a.Get(f))
			}
		}
	}
}

// fill sets a field to what is not its default.
func fill(field reflect.Value, s kplpipe.Setting) {
	switch field.Interface().(type) {
	case *bool:
		field.Set(reflect.ValueOf(new(false)))
	case bool:
		field.SetBool(true)
	case uint64, uint32:
		field.SetUint(max(s.Min, 1))
	case time.Duration:
		field.Set(reflect.ValueOf(time.Duration(max(s.Min, 2)) * time.Millisecond))
	case []MetricDimension:
		field.Set(reflect.ValueOf([]MetricDimension{{"k", "v", "stream"}}))
	case string:
		text := map[string]string{"region": "eu-west-1", "log_level": "error", "metrics_level": "none", "metrics_granularity": "global", "thread_config": "POOLED"}[s.Name]
		if text == "" {
			text = "other"
		}
		field.SetString(text)
	}
}

func TestEndpoint(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_KINESIS", "")
	t.Setenv("AWS_ENDPOINT_URL", "")
	for _, c := range []struct {
		endpoint, command, host string
		port                    uint64
		wrong                   string
	}{
		{"", "kplkit daemon", "", 0, ""},
		{"http://127.0.0.1:4567", "kplkit daemon", "http://127.0.0.1:4567", 0, ""},
		{"https://kinesis.test:4567", "kinesis_producer", "kinesis.test", 4567, ""},
		{"https://kinesis.test", "kinesis_producer", "kinesis.test", 0, ""},
		{"http://127.0.0.1:4567", "kinesis_producer", "", 0, "speaks nothing else"},
		{"kinesis.test", "kplkit daemon", "", 0, "want a URL"},
	} {
		cfg := valid()
		cfg.Endpoint, cfg.Command = c.endpoint, strings.Fields(c.command)
		cfg = cfg.withDefaults()
		k, err := cfg.configuration()
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil || k.GetKinesisEndpoint() != c.host || c.port != 0 && k.GetKinesisPort() != c.port {
			t.Errorf("%+v: %v, %v", c, k, err)
		}
	}
}

// TestBadConfig: each bad setting is named, at once.
func TestBadConfig(t *testing.T) {
	_, err := Start(t.Context(), Config{
		Command: []string{""}, MaxBuffered: 1, CollectionMaxCount: 501, ConnectTimeout: time.Nanosecond, RecordTTL: -1, ThreadConfig: "MANY",
		MetricsLevel: "all", AdditionalMetricDims: []MetricDimension{{"k", "v", "planet"}},
	})
	for _, want := range []string{
		"Command: ", `Region (region): "", want one`, "Credentials: ", "MaxBuffered: 1, want", "CollectionMaxCount (collection_max_count): 501, want 1 to 500 stored records",
		"ConnectTimeout (connect_timeout): 1ns, want 100ms to 5m0s", "RecordTTL (record_ttl): -1ns, want 100ms or more", `ThreadConfig (thread_config): "MANY", want PER_REQUEST or POOLED`,
		`MetricsLevel (metrics_level): "all", want none, summary or detailed`,
		`AdditionalMetricDims[0].Granularity (additional_metric_dims[0].granularity): "planet", want global, stream or shard`,
	} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("%s is not in: %v", want, err)
		}
	}
}

// TestEnvironmentEndpoint: where Endpoint is "", that of the environment counts, as for AWS's SDKs.
func TestEnvironmentEndpoint(t *testing.T) {
	for _, c := range []struct{ own, kinesis, all, ignore, want, named string }{
		{"", "", "", "", "", ""},
		{"", "http://a:1", "http://b:2", "", "http://a:1", ""},
		{"", "", "http://b:2", "", "http://b:2", ""},
		{"http://c:3", "http://a:1", "http://b:2", "", "http://c:3", ""},
		{"", "http://a:1", "http://b:2", "true", "", ""},
		{"", "", "b:2", "", "", "AWS_ENDPOINT_URL (kinesis_endpoint): "},
		{"", "http://user:password@a", "", "", "", "AWS_ENDPOINT_URL_KINESIS (kinesis_endpoint): "},
		{"b:2", "http://a:1", "", "", "", "Endpoint (kinesis_endpoint): "},
	} {
		t.Setenv("AWS_ENDPOINT_URL_KINESIS", c.kinesis)
		t.Setenv("AWS_ENDPOINT_URL", c.all)
		t.Setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", c.ignore)
		cfg := valid()
		cfg.Endpoint = c.own
		cfg = cfg.withDefaults()
		k, err := cfg.configuration()
		if c.named != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.named) || strings.Contains(err.Error(), "password@") {
				t.Errorf("%+v: %v", c, err)
			}
		} else if err != nil || k.GetKinesisEndpoint() != c.want {
			t.Errorf("%+v: %q, %v", c, k.GetKinesisEndpoint(), err)
		}
	}
}

// TestLocalMetrics: beside a Kinesis on this machine nothing goes to AWS's CloudWatch, unless that is asked for; it is logged.
func TestLocalMetrics(t *testing.T) {
	for _, c := range []struct{ endpoint, level, cloudwatch, want string }{
		{"", "", "", "detailed"}, {"https://vpce-1.kinesis.us-east-1.vpce.amazonaws.com", "", "", "detailed"}, {"http://localstack:4566", "", "", "detailed"},
		{"http://127.0.0.1:4567", "", "", "none"}, {"http://localhost:4567", "", "", "none"}, {"https://[::1]:4567", "", "", "none"},
		{"http://127.0.0.1:4567", "summary", "", "summary"}, {"http://127.0.0.1:4567", "", "monitoring.test", "detailed"},
	} {
		t.Setenv("AWS_ENDPOINT_URL_KINESIS", "")
		t.Setenv("AWS_ENDPOINT_URL", c.endpoint)
		var log strings.Builder
		cfg := valid()
		cfg.MetricsLevel, cfg.CloudwatchEndpoint, cfg.Logger = c.level, c.cloudwatch, slog.New(slog.NewTextHandler(&log, nil))
		cfg = cfg.withDefaults()
		k, err := cfg.configuration()
		if err != nil || k.GetMetricsLevel() != c.want || strings.Contains(log.String(), "no metrics are sent") != (c.want == "none") {
			t.Errorf("%+v: %s, %v; log: %s", c, k.GetMetricsLevel(), err, log.String())
		}
	}
}

// TestDocumentedDefaults: the comment of each field says the KPL's default.
func TestDocumentedDefaults(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.Field); ok && len(f.Names) == 1 {
			comments[f.Names[0].Name] = strings.ReplaceAll(f.Doc.Text()+f.Comment.Text(), ",", "")
		}
		return true
	})
	for _, s := range kplpipe.Settings() {
		field, _ := reflect.TypeFor[Config]().FieldByName(fieldOf(s.Name))
		want := s.Default
		if field.Type == reflect.TypeFor[time.Duration]() {
			n, err := strconv.Atoi(want)
			if err != nil {
				t.Fatal(s)
			}
			if want += " ms"; n%1000 == 0 {
				want = fmt.Sprint(n/1000, " s")
			}
		}
		if s.Name == "kinesis_port" || want == "false" {
			continue
		}
		if !strings.Contains(comments[field.Name], want) {
			t.Errorf("%s: the default %s is not in %q", field.Name, want, comments[field.Name])
		}
	}
}

// TestMaxBuffered: what the child would refuse is refused here, by its own name.
func TestMaxBuffered(t *testing.T) {
	for bytes, ok := range map[int]bool{2*mebibyte - 1: false, 2 * mebibyte: true, 250 * mebibyte: true, 250*mebibyte + 1: false} {
		cfg := valid()
		cfg.MaxBuffered = bytes
		cfg = cfg.withDefaults()
		if _, err := cfg.configuration(); (err == nil) != ok || !ok && !strings.Contains(err.Error(), fmt.Sprintf("MaxBuffered: %d, want 2 to 250 MiB", bytes)) {
			t.Errorf("%d: %v", bytes, err)
		}
	}
}

// TestWords: the KPL's records become the logger's, with their level; other lines are warnings; a crash is remembered.
func TestWords(t *testing.T) {
	var log strings.Builder
	var heard []string
	w := words{log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})), hear: func(text string) { heard = append(heard, text) }}
	w.read(strings.NewReader("++++\n[now] [x] [INFO] [a.cc] [AWS Log: WARN] one\ntwo\n----\n++++\n[debug] three\n----\r\nfour\n" +
		strings.Repeat("x", 3*longestLog) + "\nfatal error: five\n" + strings.Repeat("six\n", 100) + "++++\n[error] the end"))
	lines := strings.Split(log.String(), "\n")
	for i, want := range []string{
		`level=INFO msg="[now] [x] [INFO] [a.cc] [AWS Log: WARN] one\ntwo" from=child`, `level=DEBUG msg="[debug] three" from=child`, `level=WARN msg=four from=child`,
	} {
		if lines[i] != want {
			t.Errorf("%s, want %s", lines[i], want)
		}
	}
	if heard[0] != "four" || heard[len(heard)-1] != "[error] the end" {
		t.Errorf("%q", heard)
	}
	if n := len(lines[3]); n < longestLog || n > longestLog+100 || !strings.Contains(log.String(), `level=ERROR msg="[error] the end"`) {
		t.Errorf("%d bytes; %s", n, lines[len(lines)-1])
	}
	if q := w.quote(); q[0] != "fatal error: five" || q[len(q)-1] != "[error] the end" || len(q) != lastLines+1 {
		t.Errorf("%q", q)
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]uint64{1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000, math.MaxInt64: 3_153_600_000_000} {
		if got := millis(d); *got != want {
			t.Errorf("%v is %d ms", d, *got)
		}
	}
	if millis(0) != nil {
		t.Error("0 is not the default")
	}
}
