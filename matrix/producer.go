package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Producer is what puts into the stream. The zero Producer is the KPL from Java.
type Producer struct {
	language string
	kpl      [3]int // the KPL's version, where it is said
}

// Java is the KPL, called from Java.
func Java() Producer { return Producer{} }

// Kplkit is package producer of this module, kplkit put, or one of the clients for Go, Python and Node over kplkit daemon: the
// KPL's format without the KPL.
func Kplkit() Producer { return Producer{language: "kplkit"} }

// Language is a producer in a language, with neither the KPL nor kplkit. A language of the JVM calls the KPL, as Java does.
func Language(name string) Producer {
	if name = languageOf(name); name != "java" {
		return Producer{language: name}
	}
	return Java()
}

// Classes of producers, as rows name them. A producer of none of them puts plain records, and is its own class.
const (
	classKPL        = "java"
	classAggregator = "aggregator"   // user records of several shards in one aggregate, and no stray is ever stored again
	classOneKey     = "one-key"      // all user records of an aggregate carry one partition key: none is a stray
	classNotRun     = "not-run"      // an aggregator that nobody has run or read
	classPlain      = "plain-record" // by name: no aggregates
)

// producerKind is what is known of a producer that has a name of its own.
type producerKind struct {
	name, class string
	disable     string // how it turns aggregation off; empty for the KPL's own way
	aliases     []string
}

// producerKinds are producers other than Java, kplkit and bare languages.
var producerKinds = []producerKind{
	{"maxwell", classKPL, "aggregation off in its KPL properties file", nil},
	{"logstash", classKPL, "aggregation_enabled => false", []string{"logstash-output-kinesis"}},
	{"pulsar", classKPL, "its sink's setting for aggregation, where that version has one", []string{"pulsar-io-kinesis"}},
	{"flink-kinesis-producer", classKPL, `"AggregationEnabled" "false" among its properties`, []string{"flinkkinesisproducer"}},

	{"python-aggregator", classAggregator, "put_record with the data itself, without aws_kinesis_agg", []string{
		"aws-kinesis-agg-python", "python-agg", "aws-kinesis-agg.py", "kinesis-aggregation-python",
	}},
	{"node-aggregator", classAggregator, "putRecords with the data itself, without aws-kinesis-agg", []string{
		"aws-kinesis-agg", "node-agg", "nodejs-aggregator", "kinesis-aggregation-node",
	}},
	{"java-aggregator", classAggregator, "putRecords with the data itself, without RecordAggregator", []string{
		"amazon-kinesis-aggregator", "recordaggregator", "kinesis-aggregation", "kinesis-aggregation-java",
	}},
	{"ruby", classAggregator, "put_records with the data itself, without the gem", []string{"ruby-aggregator", "kinesis-aggregation-ruby"}},
	{"fluent-bit", classAggregator, "aggregation false; the plugin kinesis_streams, in C, does not aggregate", []string{
		"fluentbit", "aws-for-fluent-bit", "amazon-kinesis-streams-for-fluent-bit", "fluent-bit-go",
	}},
	{"async-kinesis", classAggregator, "another of its aggregators than KPLAggregator", []string{"asynckinesis"}},

	{"a8m", classOneKey, "AggregateBatchCount: 1", []string{"a8m-kinesis-producer", "a8m/kinesis-producer", "go-aggregator"}},
	{"fluentd", classOneKey, "kinesis_streams instead of kinesis_streams_aggregated", []string{
		"aws-fluent-plugin-kinesis", "fluent-plugin-kinesis", "kinesis-streams-aggregated",
	}},

	{"zio", classNotRun, "Producer without aggregation", []string{"zio-kinesis"}},
	{"kinesis4cats", classNotRun, "its producer without aggregation", nil},
	{"aiokpl", classNotRun, "its producer without aggregation", nil},
	{"ex-kpl", classNotRun, "ExAws.Kinesis.put_records", []string{"exkpl", "erlmld"}},
	{"kinesis-producer-go", classNotRun, "its producer without aggregation", []string{"kinesis-producer-go/kinesis-producer"}},

	{"plain", classPlain, "", []string{"sdk", "aws-sdk", "put-records", "none"}},
	{"fluent-bit-c", classPlain, "", []string{"kinesis-streams"}},
	{"vector", classPlain, "", nil},
	{"otel", classPlain, "", []string{"opentelemetry", "otel-collector", "opentelemetry-collector"}},
	{"kinesis-agent", classPlain, "", []string{"amazon-kinesis-agent", "agent"}},
	{"cloudwatch-logs", classPlain, "", []string{"cwl", "cloudwatch"}},
	{"boto3", classPlain, "", nil},
}

const oneKeyNote = "Where all user records of an aggregate have the same key, none is a stray."

// strayNotes say when an aggregator's user records are strays, and when not.
var strayNotes = map[string]string{
	"python-aggregator": oneKeyNote,
	"node-aggregator":   oneKeyNote,
	"java-aggregator":   oneKeyNote,
	"ruby":              oneKeyNote,
	"fluent-bit":        "Without partition_key the plugin gives all user records of an aggregate one key, and none is a stray; with it they have several, and the plugin mixes them up.",
	"async-kinesis":     "It puts one key inside, and another outside: what is not of the shard of the inner one is dropped.",
}

// kindOf returns what is known of a producer, nothing for a language.
func kindOf(name string) producerKind {
	i := slices.IndexFunc(producerKinds, func(k producerKind) bool { return k.name == name || slices.Contains(k.aliases, name) })
	if i < 0 {
		return producerKind{}
	}
	return producerKinds[i]
}

// class is what rows name.
func (p Producer) class() string {
	if k := kindOf(p.language); k.class != "" {
		return k.class
	}
	return cmp.Or(p.language, classKPL)
}

// ParseProducer reads java, kpl, kpl-0.14 with the KPL's version, kplkit, the name of another language, or that of a program or library that puts. A name that it
// does not know is an error, which names the nearest.
func ParseProducer(s string) (Producer, error) {
	name := plainName(s)
	if k := kindOf(name); k.class != "" {
		return Producer{language: k.name}, nil
	}
	switch language := languageOf(name); {
	case name == "kpl", name == "amazon-kinesis-producer", name == "jvm":
		return Java(), nil
	case name == "kplkit":
		return Kplkit(), nil
	case isLanguage(language):
		return Language(language), nil
	}
	if version, ok := strings.CutPrefix(name, "kpl"); ok && strings.ContainsAny(version, "0123456789") {
		kpl, err := parseKPL(strings.TrimLeft(version, "-@:v"))
		if err != nil {
			return Producer{}, fmt.Errorf("producer %q: %w", s, err)
		}
		return Producer{kpl: kpl}, nil
	}
	return Producer{}, fmt.Errorf("producer %q is not known%s: java (the KPL), kplkit (its clients too), another language such as python, "+
		"or an aggregator that is not the KPL, such as python-aggregator; other for a language that has no name here", s, didYouMean(name, producerNames()))
}

// Producers returns the names that ParseProducer reads, without their aliases; other languages than the four first are left out.
func Producers() []string {
	names := []string{"java", "kplkit", "go", "python", "node"}
	for _, k := range producerKinds {
		names = append(names, k.name)
	}
	return names
}

// producerNames are all names of producers.
func producerNames() []string {
	names := slices.Concat([]string{"java", "kpl", "kplkit"}, languages())
	for _, k := range producerKinds {
		names = append(append(names, k.name), k.aliases...)
	}
	return names
}

// String returns the name that ParseProducer reads.
func (p Producer) String() string {
	switch {
	case p == Java():
		return "java"
	case p.kpl != [3]int{}:
		return strings.TrimSuffix(fmt.Sprintf("kpl-%d.%d.%d", p.kpl[0], p.kpl[1], p.kpl[2]), ".0")
	}
	return p.language
}
