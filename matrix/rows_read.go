package matrix

import "github.com/kplkit/kplkit/kclcompat"

// rowsStream are those in which the stream decides, whoever reads.
var rowsStream = []row{{
	id:       "service-managed",
	who:      who{producers: []string{classKPL, classAggregator, classOneKey}, streams: []Stream{ServiceManaged}},
	says:     Disable,
	consumer: "any, on a service-managed stream",
	stake:    "Aggregates land in any shard: the KCL drops whole ones without a word, and they are lost; or the KPL reports Wrong Shard until its time to live is over.",
	change:   "{disable}; or kplkit's producer, which does not aggregate on such a stream (--producer kplkit)",
	reason:   "On a service-managed stream (record distribution strategy AUTO) partition keys and explicit hash keys do not decide where a record lands.",
	read:     `AWS, "Aggregation is not supported on service-managed streams"`,
}}

func readRow(via Via, checkpoints ...kclcompat.Style) who {
	return who{producers: format, vias: []Via{via}, checkpoints: checkpoints}
}

// What several of them say.
const (
	bytesStake = "A stored record is handed on as it is: the bytes of an aggregate instead of user records."
	noInput    = "It has no input for Kinesis data streams: it is a producer."
	noInputDo  = "say what reads the stream; as a producer it is --producer "
)

// rowsRead are services, programs and libraries that were read; of two of them there are runs, too.
var rowsRead = []row{
	{
		id: "lambda", who: readRow(viaLambda), says: Deaggregate, consumer: "AWS Lambda",
		stake:  rawStake + " Event filters see those bytes. What is tried again, by partial batch responses too, is a whole stored record: user records of it that were done come again; none is lost.",
		change: "in the handler: aws_kinesis_agg's deaggregate_records(event['Records']) (Python), aws-kinesis-agg's deaggregateSync(record.kinesis, true, callback) (Node), awslabs' RecordDeaggregator (Java), or in Go deagglambda, which is row lambda-kplkit (--via lambda-kplkit); report the stored record's sequence number; no event filter on data; or {disable}",
		reason: "Lambda does not know the KPL's format, and Powertools does not take it apart.",
		read:   "AWS, docs.aws.amazon.com/streams/latest/dev/kinesis-record-deaggregation.html; aws-powertools/powertools-lambda issue 55",
	},
	{
		id: "firehose", who: readRow(viaFirehose), says: OK, consumer: "Amazon Data Firehose, with the stream as its source",
		stake:  "Nothing: Firehose takes aggregates apart before it delivers, and before its transforming Lambda. The multi-record de-aggregation of dynamic partitioning is another thing (JSON or delimiters).",
		change: "nothing",
		read:   "AWS, docs.aws.amazon.com/streams/latest/dev/kpl-with-firehose.html",
	},
	{
		id: "pipes", who: readRow(viaPipes), says: Disable, consumer: "EventBridge Pipes",
		stake:  bytesStake + " Filters and input templates do not find their fields.",
		change: "{disable}; or no filter and no template on data, and take aggregates apart in the enrichment or the target",
		read:   "AWS's page on a Kinesis stream as a source of EventBridge Pipes, which has no de-aggregation",
	},
	{
		id: "analytics-sql", who: readRow(viaAnalyticsSQL), says: Disable, consumer: "Kinesis Data Analytics for SQL",
		stake:  bytesStake + " Rows are missing or garbled.",
		change: "{disable}; AWS has ended SQL applications: Managed Service for Apache Flink follows",
		reason: "A preprocessing Lambda can take aggregates apart, but answers with one row for each stored record.",
		read:   "awslabs/amazon-kinesis-producer issue 96; awslabs/kinesis-aggregation issue 64, pull requests 69 and 70",
	},
	{
		id: "flink", who: readRow(viaFlink), says: Deaggregate, consumer: "Apache Flink, which source is not said",
		stake:  "KinesisStreamsSource hands out aggregates as they are stored: raw bytes. FlinkKinesisConsumer takes them apart.",
		change: "with KinesisStreamsSource a DeserializationSchema that takes aggregates apart; say which: --via flink-connector-kinesis or --via flink-aws-kinesis-streams",
		reason: "This is the worse of the two.",
		read:   "as rows flink-connector-kinesis and flink-aws-kinesis-streams",
	},
	{
		id: "flink-connector-kinesis", who: readRow(viaFlinkOld), says: OK, consumer: "Apache Flink, FlinkKinesisConsumer",
		stake:  "Nothing in ordinary operation: sub-sequence numbers are in its state. As the KCL it drops an aggregate whole that has user records of another shard: at a reshard those of the KPL that were acknowledged are lost.",
		change: "nothing; before you go over to KinesisStreamsSource, see row flink-aws-kinesis-streams",
		read:   "apache/flink pull requests 2180 (FLINK-4080) and 21002 (FLINK-29395)",
	},
	{
		id: "flink-aws-kinesis-streams", who: readRow(viaFlinkNew), says: Deaggregate, consumer: "Apache Flink, KinesisStreamsSource",
		stake:  rawStake,
		change: "a DeserializationSchema that takes aggregates apart, as in aws-samples/amazon-managed-service-for-apache-flink-examples pull request 104; or {disable}",
		reason: "Unlike FlinkKinesisConsumer, from which it takes over, it does not know the KPL's format.",
		read:   "apache/flink-connector-aws at e17153c has no de-aggregation; its pull request 188 (FLINK-32097) is open",
	},
	{
		id: "spark", who: readRow(viaSpark), says: OK, consumer: "Apache Spark Streaming, kinesis-asl",
		stake:  "None is lost. After a restart user records that were done come again, those of an aggregate too, since checkpoints have no sub-sequence number.",
		change: "nothing; expect duplicates",
		reason: "It reads by the KCL, which takes aggregates apart.",
		read:   "apache/spark connector/kinesis-asl KinesisRecordProcessor.scala at 047cc27; pull request 23772",
	},
	{
		id: "beam", who: readRow(viaBeam), says: OK, consumer: "Apache Beam, KinesisIO",
		stake:  "Nothing: it takes aggregates apart, drops none, and has sub-sequence numbers in its checkpoints. At a reshard user records come again.",
		change: "nothing",
		read:   "apache/beam SimplifiedKinesisClient.java at 379f5d3 (AggregatorUtil without a range) and ShardCheckpoint.java",
	},
	{
		id: "druid", who: readRow(viaDruid), says: OK, consumer: "Apache Druid, Kinesis ingestion",
		stake:  "Nothing with a newer one, which always takes aggregates apart and counts by stored records. An older one has raw bytes without deaggregate: true.",
		change: "nothing; with one that has the setting: deaggregate: true in the ioConfig, and before pull request 12370 amazon-kinesis-client's jar beside the extension",
		read:   "apache/druid KinesisRecordSupplier.java at 34a783f (always) and 00f563f (by setting); issue 6714, pull request 12370",
	},
	{
		id: "pinot", who: readRow(viaPinot), says: Disable, consumer: "Apache Pinot, Kinesis ingestion",
		stake: bytesStake, change: "{disable}; or take aggregates apart in front of it",
		read: "apache/pinot KinesisConsumer.java at 047e184; issue 10152, open",
	},
	{
		id: "logstash", who: readRow(viaLogstash), says: OK, consumer: "Logstash, logstash-input-kinesis",
		stake:  "Nothing: the KCL takes aggregates apart, and checkpoint() comes after the batch. Versions of the plugin before it did so lose events.",
		change: "nothing with a plugin on KCL 1.15; expect duplicates after a stop",
		reason: "It reads by KCL 1.15.0, as row kcl-1.4/no-arguments.",
		read:   "logstash-plugins/logstash-input-kinesis worker.rb at 0c22932; codekitchen/logstash-input-kinesis issue 9 for the older ones",
	},
	{
		id: "telegraf", who: readRow(viaTelegraf), says: Disable, consumer: "Telegraf, kinesis_consumer",
		stake: bytesStake + " Its parser fails, or finds garbage.", change: "kplkit proxy as its endpoint_url, which is row proxy (--via proxy); or {disable}",
		ignored: []string{"proxy/telegraf/raw"}, followed: []string{"proxy/telegraf/text", "proxy/telegraf/digits", "proxy/telegraf/plain"},
		read: "influxdata/telegraf plugins/inputs/kinesis_consumer at 09904dd, which reads by harlow/kinesis-consumer without WithAggregation, and at 18de71a",
	},
	{
		id: "bento", who: readRow(viaBento), says: Disable, consumer: "Bento, Redpanda Connect (Benthos), aws_kinesis",
		stake: bytesStake, change: "kplkit proxy by AWS_ENDPOINT_URL_KINESIS, which is row proxy (--via proxy): the input's own endpoint is for its DynamoDB, too; or {disable}",
		ignored: []string{"proxy/bento/raw"}, followed: []string{"proxy/bento/text", "proxy/bento/digits", "proxy/bento/plain"},
		read: "warpstreamlabs/bento at 7825c95 and redpanda-data/connect at 48a4b64 have no de-aggregation; redpanda-data/connect issue 1683, open",
	},
	{
		id: "kinsumer", who: readRow(viaKinsumer), says: Disable, consumer: "Go, kinsumer",
		stake: bytesStake, change: "another library, such as row kplkit/record; or {disable}",
		read: "twitchscience/kinsumer at 9a48088; issue 39, pull request 62",
	},
	{
		id: "zio", who: readRow(viaZIO), says: OK, consumer: "Scala, zio-kinesis",
		stake: "Nothing: it takes aggregates apart, and its checkpoints have sub-sequence numbers.", change: "nothing",
		read: "svroonland/zio-kinesis zionative/Consumer.scala at b338526; issue 186",
	},
	{
		id: "lifion-kinesis", who: readRow(viaLifion), says: OK, consumer: "Node, lifion-kinesis",
		stake:  "Nothing inside an aggregate: checkpoints are at the end of what GetRecords gave. Without usePausedPolling they are stored when it is handed out, not when it is processed: a stop then loses it.",
		change: "nothing with shouldDeaggregate, which is on by itself since 1.3; usePausedPolling",
		read:   "lifion/lifion-kinesis lib/polling-consumer.js at a586086; issue 325",
	},
	{
		id: "vmware-v1/no-arguments", who: readRow(viaVMware1, kclcompat.NoArguments), says: OK, consumer: "Go, vmware-go-kcl (v1) alone",
		stake: "Nothing, once the whole batch is processed.", change: "nothing; checkpoint the last record of the batch after the loop over it",
		reason: "As vmware-go-kcl-v2, which was run: row vmware/no-arguments. De-aggregation is there since pull request 84.",
		read:   "vmware-archive/vmware-go-kcl pull request 84",
	},
	{
		id: "vmware-v1/sequence-number", who: readRow(viaVMware1, kclcompat.SequenceNumber, kclcompat.RecordArgument, kclcompat.SubSequenceNumber),
		says: Disable, consumer: "Go, vmware-go-kcl (v1) alone",
		stake: insideStake, change: "vmware-go-kcl-v2 with vmwarekcl.NewWorker, which is row kplkit/record; or {disable}",
		reason: "As vmware-go-kcl-v2, which was run: row vmware/sequence-number. Checkpoints have to stand for the whole batch.",
		read:   "vmware-archive/vmware-go-kcl pull request 84",
	},
	{
		id: "fluent-bit", who: readRow(viaFluentBit), says: NotApplicable, consumer: "Fluent Bit",
		stake: "Nothing.", change: noInputDo + "fluent-bit (the plugin in Go, aggregation true) or fluent-bit-c", reason: noInput,
		read: "fluent/fluent-bit issues 3293 and 9451 (outputs)",
	},
	{
		id: "vector", who: readRow(viaVector), says: NotApplicable, consumer: "Vector",
		stake: "Nothing.", change: noInputDo + "vector", reason: noInput + " A source was asked for, and is not in a release.",
		read: "vectordotdev/vector issue 33, open",
	},
	{
		id: "otel", who: readRow(viaOTel), says: NotApplicable, consumer: "OpenTelemetry Collector",
		stake: "Nothing.", change: noInputDo + "otel", reason: noInput + " Its exporter does not aggregate.",
		read: "open-telemetry/opentelemetry-collector-contrib issue 6094 (exporter)",
	},
}
