package matrix

import (
	"strings"
	"testing"

	"github.com/kplkit/kplkit/kclcompat"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"1.4": {1, 4}, "1.4.0": {1, 4}, "1.4.x": {1, 4}, "1.14.10": {1, 14}, "2": {2, 7}, "2.x": {2, 7}, "3.x": {3, 5}, "3.0": {3, 0}, "1.99": {1, 99},
	} {
		if v, err := ParseVersion(text); err != nil || v != want {
			t.Errorf("%q: %v, %v, want %v", text, v, err, want)
		}
	}
	for text, says := range map[string]string{
		"0.9": "there are 1, 2 and 3", "4.0": "there are 1, 2 and 3", "4": "there are 1, 2 and 3", "1": "1.3 and 1.4 differ", "1.x": "1.3 and 1.4 differ",
		"": "1.4.x", "x": "1.4.x", "1.x.0": "1.4.x", "1.4.0.1": "1.4.x", "-1.4": "1.4.x", "1.4-beta": "1.4.x", "v1.4": "1.4.x", "1.": "1.4.x", "99999999999999999999.1": "1.4.x",
	} {
		if v, err := ParseVersion(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v, want an error with %q", text, v, err, says)
		}
	}
}

func TestParseConsumer(t *testing.T) {
	for _, tt := range []struct{ language, via, version, checkpoint, want string }{
		{"java", "", "1.4", "", "java via kcl 1.4"},
		{"Python", "", "2.7.2", "none", "python via multilang 2.7, checkpoint none"},
		{"JavaScript", "sdk", "", "", "node via sdk"},
		{"C++", "sdk", "", "record", "c++ via sdk, checkpoint record"},
		{"golang", "kplkit", "", "", "go via kplkit"},
		{"java", "", "1.4", "no-arguments", "java via kcl 1.4, checkpoint none"},
		{"java", "", "1.4", "sequence-number", "java via kcl 1.4, checkpoint sequence-number"},
		{"java", "", "1.4", "extended", "java via kcl 1.4, checkpoint extended"},
		{"java", "", "1.4", "sub-sequence-number", "java via kcl 1.4, checkpoint extended"},
		{"", "kcl", "2.7", "batch", "java via kcl 2.7, checkpoint none"},
		{"Scala", "", "2.7", "each_batch", "java via kcl 2.7, checkpoint none"},
		{"", "vmware-go-kcl-v2", "", "Sequence Number", "go via vmware, checkpoint sequence-number"},
		{"", "Firehose", "", "", "via firehose"},
		{"", "redpanda_connect", "", "", "via bento"},
		{"python", "lambda", "", "subSequenceNumber", "python via lambda, checkpoint extended"},
	} {
		if c, err := ParseConsumer(tt.language, tt.via, tt.version, tt.checkpoint); err != nil || c.String() != tt.want {
			t.Errorf("%+v: %v, %v", tt, c, err)
		}
	}
	for _, tt := range []struct{ language, via, version, checkpoint, says string }{
		{"", "sdk", "", "", "not the name of a language"},
		{"ja\nva", "sdk", "", "", "not the name of a language"},
		{"java", "", "", "", "sdk, kcl, multilang, vmware, harlow, kplkit, multilang-kplkit, lambda-kplkit, proxy"},
		{"java", "jms", "", "", "sdk, kcl, multilang, vmware, harlow, kplkit, multilang-kplkit, lambda-kplkit, proxy"},
		{"java", "kcl", "", "", "which version"},
		{"java", "sdk", "1.4", "", "no KCL version"},
		{"java", "vmware", "", "", "a library for go"},
		{"java", "kcl", "1.4", "all", "none, sequence-number, record, extended"},
		{"java", "kcl", "1.4", "unknown", "none, sequence-number, record, extended"},
		{"java", "kcl", "7.0", "none", "there are 1, 2 and 3"},
		{"java", "lamda", "", "", "did you mean lambda"},
		{"lambda", "", "", "", "--via lambda"},
		{"spark", "sdk", "", "", "--via spark"},
		{"pyhton", "sdk", "", "", "did you mean python"},
		{"java", "kcl", "1.4", "sequnce", "did you mean sequence"},
		{"java", "spark", "2.7", "", "no KCL version"},
		{"java", "vmware-v1", "", "", "a library for go"},
	} {
		if c, err := ParseConsumer(tt.language, tt.via, tt.version, tt.checkpoint); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v, %v", tt, c, err)
		}
	}
}

func TestParseProducer(t *testing.T) {
	for text, want := range map[string]Producer{
		"java": Java(), "JAVA": Java(), "kpl": Java(), "kplkit": Kplkit(), "Golang": Language("go"), "c#": Language("c#"),
		"scala": Java(), "Kotlin": Java(), "jvm": Java(), "Amazon Kinesis Producer": Java(), "other": Language("other"), "aws_kinesis_agg_python": {language: "python-aggregator"},
		"aws-for-fluent-bit": {language: "fluent-bit"}, "kpl 0.14": {kpl: [3]int{0, 14}}, "KPL-0.15.11": {kpl: [3]int{0, 15, 11}}, "kpl@1.0.x": {kpl: [3]int{1, 0}},
	} {
		p, err := ParseProducer(text)
		if err != nil || p != want {
			t.Errorf("%q: %v, %v", text, p, err)
		}
		if again, err := ParseProducer(p.String()); err != nil || again != p {
			t.Errorf("%q: its name %q is %v, %v", text, p, again, err)
		}
	}
	for text, says := range map[string]string{
		" ": "is not known", "jaav": "did you mean java", "pyton": "did you mean python", "fluent": "fluent-bit", "kpl 0.15": "differ", "kpl 7.1": "not known here", "kpl 1.x.y": "want a version",
		"node-agregator": "node-aggregator", "zzzz": "python-aggregator",
	} {
		if p, err := ParseProducer(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v, want an error with %q", text, p, err, says)
		}
	}
}

// TestNames: every name of a producer and of what reads is read again as what it stands for, aliases too.
func TestNames(t *testing.T) {
	for _, name := range producerNames() {
		if _, err := ParseProducer(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range allViaNames() {
		if _, err := ParseVia(name); err != nil {
			t.Error(err)
		}
	}
	if got := Via(viaNotRead - 1).String(); got != "lifion-kinesis" {
		t.Errorf("the names have slipped: the last one that was read is %s", got)
	}
	for _, name := range []string{
		"lambda", "firehose", "pipes", "analytics-sql", "flink", "spark", "beam", "druid", "pinot", "logstash", "fluent-bit", "telegraf", "bento", "vector", "otel", "zio",
		"vmware-v1", "vmware-go-kcl-v2",
	} {
		v, err := ParseVia(name)
		if err != nil {
			t.Error(err)
		}
		c, err := ParseConsumer("", name, "", "")
		if err != nil || c.Via != v {
			t.Errorf("%s: %v, %v", name, c, err)
		}
		if answer := Check(Today, Java(), c); answer.Aggregation == Unknown || len(answer.Evidence) == 0 {
			t.Errorf("%s: %s on %v", name, answer.Aggregation, answer.Evidence)
		}
	}
}

// TestRead: what was not run says so, in the evidence and in the table.
func TestRead(t *testing.T) {
	for _, r := range Rows(Today) {
		runs := 0
		for _, e := range r.Evidence {
			if e.Kind == "run" {
				runs++
			}
		}
		if want := map[bool]string{true: "read", false: ""}[runs == 0]; !strings.Contains(r.IfIgnored(), want) {
			t.Errorf("%s: %q, and no run", r.Rule, r.IfIgnored())
		}
	}
}

// TestMeasuredWith: an answer says whether the version was run, or which one it is taken from.
func TestMeasuredWith(t *testing.T) {
	for _, tt := range []struct{ via, version, release, says string }{
		{"kcl", "1.4", "1.4.0", "KCL 1.4 was run, as 1.4.0."},
		{"kcl", "1.9", "1.4.0", "KCL 1.9 was not run: this is taken from the runs of KCL 1.4.0."},
		{"kcl", "1.15", "1.14.10", "KCL 1.15 was not run: this is taken from the runs of KCL 1.14.10."},
		{"kcl", "1.1", "1.3.0", "KCL 1.1 was not run: this is taken from the runs of KCL 1.3.0."},
		{"kcl", "2.0", "2.2.11", "KCL 2.0 was not run: this is taken from the runs of KCL 2.2.11."},
		{"kcl", "2.6", "2.4.8", "KCL 2.6 was not run: this is taken from the runs of KCL 2.4.8."},
		{"kcl", "3.2", "3.2.1", "KCL 3.2 was run, as 3.2.1."},
		{"multilang", "3.1", "3.1.3", "MultiLangDaemon 3.1 was run, as 3.1.3."},
		{"multilang", "3.4", "3.1.3", "MultiLangDaemon 3.4 was not run: this is taken from the runs of MultiLangDaemon 3.1.3."},
	} {
		c, err := ParseConsumer(map[string]string{"kcl": "java", "multilang": "python"}[tt.via], tt.via, tt.version, "none")
		if err != nil {
			t.Fatal(err)
		}
		if v := Check(Today, Java(), c); v.MeasuredWith != tt.release || !strings.Contains(v.Reason, tt.says) {
			t.Errorf("%s: with %q: %s, want %q: %s", c, v.MeasuredWith, v.Reason, tt.release, tt.says)
		}
	}
}

// TestStream: a service-managed stream decides by itself, and no other has its condition but one that may become it.
func TestStream(t *testing.T) {
	c := Consumer{Language: "java", Via: KCL, KCL: Version{2, 7}, Checkpoint: kclcompat.NoArguments}
	for text, want := range map[string]struct {
		says Aggregation
		in   bool
	}{"": {OK, true}, "provisioned": {OK, false}, "On_Demand": {OK, true}, "service-managed": {Disable, false}, "AUTO": {Disable, false}} {
		stream, err := ParseStream(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Stream = stream
		v := Check(Today, Java(), c)
		if in := strings.Contains(v.AtStake, "service-managed streams"); v.Aggregation != want.says || in != want.in {
			t.Errorf("%q: %s: %s", text, v.Aggregation, v.AtStake)
		}
		if v := Check(Today, Kplkit(), c); v.Aggregation != OK {
			t.Errorf("%q: kplkit: %s", text, v.Aggregation)
		}
	}
	if _, err := ParseStream("provisoned"); err == nil || !strings.Contains(err.Error(), "did you mean provisioned") {
		t.Error(err)
	}
}
