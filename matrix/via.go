package matrix

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Via is the library, program or service through which a consumer reads.
type Via uint8

// The libraries that were run. A consumer on kplkit reads by deaggaws or vmwarekcl.
const (
	SDK       Via = iota + 1 // GetRecords or SubscribeToShard in a loop of one's own
	KCL                      // the Java KCL
	MultiLang                // the Java KCL's MultiLangDaemon, in front of a process in any language
	VMware                   // vmware-go-kcl-v2 alone
	Harlow                   // harlow/kinesis-consumer alone
	OnKplkit
	OnMultiLang  // the MultiLangDaemon in front of a record processor on kplkit: package multilang, or kplkit multilang run
	LambdaKplkit // an AWS Lambda function on kplkit's deagglambda
	Proxy        // any client of Kinesis, by kplkit proxy
)

// Those that were read, and not run.
const (
	viaLambda Via = iota + Proxy + 1
	viaFirehose
	viaPipes
	viaAnalyticsSQL
	viaFlink    // which of the two is not said
	viaFlinkOld // FlinkKinesisConsumer
	viaFlinkNew // KinesisStreamsSource
	viaSpark
	viaBeam
	viaDruid
	viaPinot
	viaLogstash
	viaFluentBit
	viaTelegraf
	viaBento
	viaVector
	viaOTel
	viaZIO
	viaVMware1
	viaKinsumer
	viaLifion
	viaNotRead // and all that follow: only their names are known
)

// viaNames are the names in the order of the constants; what comes after zio and its like was neither run nor read.
var viaNames = []string{
	"", "sdk", "kcl", "multilang", "vmware", "harlow", "kplkit", "multilang-kplkit", "lambda-kplkit", "proxy",
	"lambda", "firehose", "pipes", "analytics-sql", "flink", "flink-connector-kinesis", "flink-aws-kinesis-streams", "spark", "beam", "druid", "pinot",
	"logstash", "fluent-bit", "telegraf", "bento", "vector", "otel", "zio", "vmware-v1", "kinsumer", "lifion-kinesis",
	"async-kinesis", "go-kcl", "nifi", "pulsar", "spring", "camel", "akka", "kinesis4cats", "snowplow", "hudi", "redshift", "risingwave", "databricks",
	"elastic-serverless-forwarder", "opensearch-ingestion", "storm", "kinesumer", "kinesis-client-rust",
}

// viaAliases are other names of them.
var viaAliases = map[string]Via{
	"aws-sdk": SDK, "boto3": SDK, "aws-cli": SDK, "awscli": SDK, "get-records": SDK, "getrecords": SDK, "subscribe-to-shard": SDK, "loop": SDK,
	"amazon-kinesis-client": KCL, "kcl-java": KCL, "java-kcl": KCL,
	"multilangdaemon": MultiLang, "multi-lang": MultiLang, "mld": MultiLang, "kclpy": MultiLang, "amazon-kclpy": MultiLang, "aws-kcl": MultiLang,
	"kclrb": MultiLang, "aws-kclrb": MultiLang, "kcl-net": MultiLang,
	"vmware-go-kcl-v2": VMware, "vmware-v2": VMware, "vmware-go-kcl": viaVMware1,
	"kinesis-consumer": Harlow, "harlow/kinesis-consumer": Harlow,
	"deaggaws": OnKplkit, "vmwarekcl": OnKplkit, "deagglambda": LambdaKplkit, "kplkit-proxy": Proxy, "kplkit-multilang": OnMultiLang,
	"aws-lambda": viaLambda, "esm": viaLambda, "event-source-mapping": viaLambda, "powertools": viaLambda,
	"kinesis-firehose": viaFirehose, "data-firehose": viaFirehose, "amazon-data-firehose": viaFirehose, "kdf": viaFirehose,
	"eventbridge-pipes": viaPipes, "eventbridge": viaPipes,
	"kda": viaAnalyticsSQL, "kda-sql": viaAnalyticsSQL, "kinesis-analytics": viaAnalyticsSQL, "kinesis-data-analytics": viaAnalyticsSQL, "analytics": viaAnalyticsSQL,
	"managed-flink": viaFlink, "flinkkinesisconsumer": viaFlinkOld, "flink-kinesis-consumer": viaFlinkOld, "flink-old": viaFlinkOld,
	"kinesisstreamssource": viaFlinkNew, "aws-kinesis-streams": viaFlinkNew, "flink-connector-aws-kinesis-streams": viaFlinkNew,
	"kinesis-streams-source": viaFlinkNew, "flink-new": viaFlinkNew,
	"kinesis-asl": viaSpark, "spark-streaming": viaSpark, "spark-streaming-kinesis-asl": viaSpark, "pyspark": viaSpark,
	"kinesisio": viaBeam, "apache-beam": viaBeam, "dataflow": viaBeam, "apache-druid": viaDruid, "apache-pinot": viaPinot, "apache-spark": viaSpark,
	"logstash-input-kinesis": viaLogstash, "fluentbit": viaFluentBit, "kinesis-consumer-telegraf": viaTelegraf,
	"benthos": viaBento, "redpanda-connect": viaBento, "redpanda": viaBento, "connect": viaBento, "warpstream-bento": viaBento,
	"opentelemetry": viaOTel, "otel-collector": viaOTel, "opentelemetry-collector": viaOTel, "zio-kinesis": viaZIO, "lifion": viaLifion,
}

// languageOfVia is the language of a consumer that says only by what it reads, where there can be one alone.
var languageOfVia = map[Via]string{KCL: "java", VMware: "go", Harlow: "go", OnKplkit: "go", LambdaKplkit: "go", viaVMware1: "go", viaKinsumer: "go", viaLifion: "node"}

// ParseVia reads sdk, kcl, multilang, vmware, harlow, kplkit, lambda-kplkit or proxy, or the name of a service, program or library that reads a stream.
// A name that it does not know is an error, which names the nearest.
func ParseVia(s string) (Via, error) {
	name := plainName(s)
	if i := slices.Index(viaNames, name); i > 0 {
		return Via(i), nil
	}
	if v, ok := viaAliases[name]; ok {
		return v, nil
	}
	return 0, fmt.Errorf("via %q%s: known are %s", s, didYouMean(name, allViaNames()), strings.Join(viaNames[1:], ", "))
}

func allViaNames() []string {
	names := slices.Clone(viaNames[1:])
	for alias := range viaAliases {
		names = append(names, alias)
	}
	slices.Sort(names)
	return names
}

// Vias returns the names that ParseVia reads, without their aliases.
func Vias() []string { return slices.Clone(viaNames[1:]) }

// String returns the name that ParseVia reads.
func (v Via) String() string {
	if int(v) >= len(viaNames) {
		v = 0
	}
	return cmp.Or(viaNames[v], "unknown")
}

// needsLanguage tells whether the answer hangs on the language.
func (v Via) needsLanguage() bool { return v == SDK || v == MultiLang }
