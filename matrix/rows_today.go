package matrix

import (
	"slices"

	"github.com/kplkit/kplkit/kclcompat"
)

// Whom rows are about.
var (
	format    = []string{"java", "kplkit", classOneKey, classAggregator} // producers of the KPL's format; what the KCL drops of it has rows of its own
	inJava    = []string{"java"}
	notInJava = []string{"!java"}

	notAggregating = []string{"!java", "!kplkit", "!" + classOneKey, "!" + classAggregator, "!" + classNotRun}
	inGo           = []string{"go"}

	javaReads = []Via{KCL, MultiLang, OnMultiLang} // the Java KCL reads and, since 1.4, takes aggregates apart
)

// newKCLs are the releases of KCL 2 and 3 that were run.
var newKCLs = []string{
	"others/2.2.11", "others/2.4.8", "2.7.2", "others/3.0.3", "others/3.1.3", "others/3.2.1", "others/3.3.0", "others/3.4.2", "3.5.1",
}

// byKplkit are the runs in which kplkit puts: package producer by itself, and each client.
var byKplkit = []string{"row-1/kplkit-put/kcl-*", "row-1/client-go/kcl-*", "row-1/client-python/kcl-*", "row-1/client-node/kcl-*"}

// withoutSubSequence are the languages whose library by AWS sends no sub-sequence number; Python's does.
var withoutSubSequence = []string{"node", "ruby", "c#"}

// What several rows say.
const (
	noSubSequence       = "The library that AWS has for this language sends no sub-sequence number with a checkpoint; Python's does. Run was Node's; Ruby's and .NET's were read."
	noSubSequenceSource = "amazon-kinesis-client-nodejs lib/kcl/kcl_manager.js at 800c210 (as in aws-kcl 2.3.2), -ruby lib/aws/kclrb/checkpointer.rb at abe69f4, -net CheckpointAction at 3f2a6cd"
	rawStake            = "Aggregates are handed out as they are stored: raw bytes instead of user records."
	batchStake          = "Nothing, once the whole batch is processed. checkpoint() inside a batch stores its end, and loses the rest."
	repeatStake         = "User records of the aggregate that were done come again; none is lost."
	insideStake         = "A checkpoint inside an aggregate loses its rest, without an error."
	exactStake          = "Nothing, with the user record's own sub-sequence number."
	batchChange         = "nothing; call checkpoint() after the loop over the batch, never inside it"
	onKplkitChange      = "the same daemon with a record processor on kplkit, package multilang from Go or kplkit multilang run from any language (--via multilang-kplkit)"
	kcl13Change         = "KCL 1.14 or newer; or {disable}; or take aggregates apart in the processor and checkpoint only after an aggregate's last user record"
)

// onKplkitRuns are runs of a MultiLangDaemon with both record processors on kplkit.
func onKplkitRuns(release string, runs ...string) (ids []string) {
	for _, run := range runs {
		ids = append(ids, "multilang-kplkit-"+release+"/go/"+run, "multilang-kplkit-"+release+"/python/"+run)
	}
	return ids
}

func reads(languages []string, via Via, checkpoints ...kclcompat.Style) who {
	return who{producers: format, languages: languages, vias: []Via{via}, checkpoints: checkpoints}
}

// rowsToday is what holds now. The first row that covers a consumer answers.
var rowsToday = slices.Concat(rowsStream, rowsRun, rowsRead)

// rowsRun are those that were run.
var rowsRun = []row{
	{
		id:       "not-java",
		who:      who{producers: notAggregating, vias: []Via{0, KCL, MultiLang, OnMultiLang}},
		says:     NotApplicable,
		consumer: "any",
		stake:    "There is no KPL to call. Aggregators of other languages put user records of several shards into one aggregate, and the KCL drops it whole.",
		change:   "kplkit put STREAM, package producer from Go, or kplkit's clients for Go, Python and Node over kplkit daemon (--producer kplkit): the KPL's format without the KPL, each user record where it belongs; or plain records",
		reason:   "The KPL is called from Java.",
		variants: []string{"2.7.2", "3.5.1"},
		ignored:  []string{"row-1/python-aggregator/kcl-*"}, followed: append([]string{"row-1/python-plain/kcl-*"}, byKplkit...),
	},

	{
		id:       "not-java/plain",
		who:      who{producers: notAggregating},
		says:     NotApplicable,
		consumer: "any consumer but the KCL, from a producer that puts plain records",
		stake:    "Nothing: plain records have nothing to take apart, and come as they were put. If an aggregator is in use, say which: --producer python-aggregator, node-aggregator, fluent-bit and others.",
		change:   "nothing for plain records; for the KPL's format without the KPL: kplkit put STREAM, package producer from Go, or kplkit's clients for Go, Python and Node over kplkit daemon (--producer kplkit)",
		reason:   "The KPL is called from Java.",
		read:     "the KPL's aggregation format: a stored record without its magic is one user record",
	},
	{
		id:       "aggregator/kcl",
		who:      who{producers: []string{classAggregator}, vias: javaReads, from: Version{1, 4}},
		says:     Disable,
		consumer: "KCL 1.4 and newer, MultiLang too, from an aggregator that is not the KPL",
		stake:    "Whole aggregates are lost: such an aggregator puts user records of several shards into one, the KCL drops it whole, and nobody stores its strays again. On a stream of one shard nothing is lost, until it is split.",
		change:   "{disable}; or one partition key for each aggregate; or kplkit put STREAM, package producer or kplkit's clients (--producer kplkit), which store each user record where it belongs",
		reason:   "It is not the KPL: it does not know the shards. Run was Python's aws_kinesis_agg; the others were read.",
		variants: []string{"2.7.2", "3.5.1"},
		ignored:  []string{"row-1/python-aggregator/kcl-*"}, followed: append([]string{"row-1/python-plain/kcl-*"}, byKplkit...),
		read: "awslabs/kinesis-aggregation issues 11, 32 and 175 (Python, Node, Java); aws/amazon-kinesis-streams-for-fluent-bit aggregate/aggregator.go at 4772e6c, " +
			"which also mixes up keys where partition_key is set; hampsterx/async-kinesis kinesis/aggregators.py at 7ce2bd8, which puts the key a inside and another outside; Ruby's gem kinesis-aggregation 0.1.0 lib/kinesis/aggregation/aggregator.rb",
	},

	// A loop over the SDK. How it checkpoints is its own affair: said nothing, it is taken to store what is done as a whole.
	{
		id:       "sdk/java",
		who:      reads(inJava, SDK, 0, kclcompat.NoArguments),
		says:     Deaggregate,
		consumer: "Java, SDK",
		stake:    rawStake,
		change:   "after each GetRecords: records = new AggregatorUtil().deaggregate(records) (KCL 2 and 3), UserRecord.deaggregate(records) (KCL 1); store a sequence number only after an aggregate's last user record",
		reason:   "The SDK does not know the KPL's format.",
		ignored:  []string{"sdk-java/raw"}, followed: []string{"sdk-java/deaggregated", "sdk-java/sequence-number/last"},
	},
	{
		id:       "sdk/python",
		who:      reads([]string{"python"}, SDK, 0, kclcompat.NoArguments),
		says:     Deaggregate,
		consumer: "Python, SDK",
		stake:    rawStake,
		change:   "pip install aws_kinesis_agg; deaggregate_records(records); store a sequence number only after an aggregate's last user record",
		reason:   "The SDK does not know the KPL's format.",
		ignored:  []string{"sdk-python/raw"}, followed: []string{"sdk-python/deaggregated", "sdk-python/sequence-number/last"},
	},
	{
		id:       "sdk/node",
		who:      reads([]string{"node"}, SDK, 0, kclcompat.NoArguments),
		says:     Deaggregate,
		consumer: "Node, SDK",
		stake:    rawStake,
		change:   "npm install aws-kinesis-agg; deaggregateSync(record, true, callback); store a sequence number only after an aggregate's last user record",
		reason:   "The SDK does not know the KPL's format.",
		ignored:  []string{"sdk-node/raw"}, followed: []string{"sdk-node/deaggregated", "sdk-node/sequence-number/last"},
	},
	{
		id:       "sdk/go",
		who:      reads(inGo, SDK, 0, kclcompat.NoArguments),
		says:     Deaggregate,
		consumer: "Go, SDK",
		stake:    rawStake,
		change:   "kinesis.NewFromConfig(cfg, deaggaws.WithDeaggregation()), which is row kplkit/record",
		reason:   "The SDK does not know the KPL's format. awslabs' package takes aggregates apart, too, but a checkpoint inside one loses its rest.",
		ignored:  []string{"sdk-go/raw"}, followed: []string{"sdk-go-kplkit/decoded", "sdk-go/deaggregated", "sdk-go/sequence-number/last"},
	},
	{
		who:      reads([]string{"java", "python", "node", "go"}, SDK, kclcompat.SequenceNumber, kclcompat.RecordArgument, kclcompat.SubSequenceNumber),
		reader:   kclcompat.SDK(),
		consumer: "Java, Python, Node, Go: SDK",
		stake:    insideStake,
		change:   "store a sequence number only after an aggregate's last user record; from Go, deaggaws.WithDeaggregation() (via kplkit); or {disable}",
		variants: []string{"java", "python", "node", "go"},
		ignored:  []string{"sdk-*/sequence-number/inside"}, followed: []string{"sdk-*/sequence-number/last", "sdk-*/unaggregated"},
	},

	// The Java KCL.
	{
		who:      reads(inJava, KCL, kclcompat.NoArguments),
		reader:   kclcompat.KCL(1, 3),
		says:     Disable,
		consumer: "Java, KCL 1.3",
		stake:    rawStake,
		change:   kcl13Change,
		reason:   "KCL 1.3 does not take aggregates apart.",
		ignored:  []string{"kcl-1.3.0/raw", "kcl-1.3.0/none/inside-batch"}, followed: []string{"kcl-1.3.0/none/after-batch"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.SequenceNumber),
		reader:   kclcompat.KCL(1, 3),
		says:     Disable,
		consumer: "Java, KCL 1.3",
		stake:    rawStake + " A processor that takes them apart loses the rest of an aggregate after a checkpoint inside it.",
		change:   kcl13Change,
		reason:   "KCL 1.3 does not take aggregates apart.",
		ignored:  []string{"kcl-1.3.0/raw", "kcl-1.3.0/sequence-number/inside"}, followed: []string{"kcl-1.3.0/sequence-number/last", "kcl-1.3.0/unaggregated/sequence-number"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.RecordArgument),
		reader:   kclcompat.KCL(1, 3),
		says:     Disable,
		consumer: "Java, KCL 1.3",
		stake:    rawStake + " There is no such call.",
		change:   kcl13Change,
		ignored:  []string{"kcl-1.3.0/raw"}, followed: []string{"kcl-1.3.0/unaggregated/sequence-number"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.SubSequenceNumber),
		reader:   kclcompat.KCL(1, 3),
		says:     Disable,
		consumer: "Java, KCL 1.3",
		stake:    rawStake + " There is no such call, and one that a newer worker made is not understood.",
		change:   kcl13Change,
		ignored:  []string{"kcl-1.3.0/raw", "hand-over/1.4.0-to-1.3.0/extended"}, followed: []string{"kcl-1.3.0/unaggregated/sequence-number"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.NoArguments),
		reader:   kclcompat.KCL(1, 4),
		consumer: "Java, KCL 1.4 to 1.15",
		stake:    batchStake,
		change:   batchChange,
		variants: []string{"1.4.0", "1.14.10"},
		ignored:  []string{"kcl-*/none/inside-batch"}, followed: []string{"kcl-*/none/after-batch"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.SequenceNumber),
		reader:   kclcompat.KCL(1, 4),
		consumer: "Java, KCL 1.4 to 1.15",
		stake:    repeatStake,
		change:   "checkpointer.checkpoint(r.getSequenceNumber(), ((UserRecord) r).getSubSequenceNumber()); or {disable}",
		variants: []string{"1.4.0", "1.14.10"},
		ignored:  []string{"kcl-*/sequence-number/inside", "kcl-*/sequence-number/last"}, followed: []string{"kcl-*/extended/inside", "kcl-*/unaggregated/sequence-number"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.RecordArgument),
		reader:   kclcompat.KCL(1, 4),
		consumer: "Java, KCL 1.4 to 1.15",
		stake:    "Nothing, with the UserRecord that was handed out.",
		change:   "nothing before KCL 2, where the same call repeats",
		variants: []string{"1.4.0", "1.14.10"},
		followed: []string{"kcl-*/record/inside", "kcl-*/record/last"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.SubSequenceNumber),
		reader:   kclcompat.KCL(1, 4),
		consumer: "Java, KCL 1.4 to 1.15",
		stake:    exactStake,
		change:   "nothing",
		variants: []string{"1.4.0", "1.14.10"},
		followed: []string{"kcl-*/extended/inside", "kcl-*/extended/last"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.NoArguments),
		reader:   kclcompat.KCL(2, 7),
		consumer: "Java, KCL 2 and 3",
		stake:    batchStake,
		change:   batchChange,
		variants: newKCLs,
		ignored:  []string{"kcl-*/none/inside-batch"}, followed: []string{"kcl-*/none/after-batch"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.SequenceNumber),
		reader:   kclcompat.KCL(2, 7),
		consumer: "Java, KCL 2 and 3",
		stake:    repeatStake,
		change:   "checkpointer.checkpoint(r.sequenceNumber(), r.subSequenceNumber()); or {disable}",
		variants: newKCLs,
		ignored:  []string{"kcl-*/sequence-number/inside", "kcl-*/sequence-number/last"}, followed: []string{"kcl-*/extended/inside", "kcl-*/unaggregated/sequence-number"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.RecordArgument),
		reader:   kclcompat.KCL(2, 7),
		consumer: "Java, KCL 2 and 3",
		stake:    repeatStake,
		change:   "checkpointer.checkpoint(r.sequenceNumber(), r.subSequenceNumber()); or {disable}",
		variants: newKCLs,
		ignored:  []string{"kcl-*/record/inside", "kcl-*/record/last"}, followed: []string{"kcl-*/extended/inside", "kcl-*/unaggregated/sequence-number"},
	},
	{
		who:      reads(inJava, KCL, kclcompat.SubSequenceNumber),
		reader:   kclcompat.KCL(2, 7),
		consumer: "Java, KCL 2 and 3",
		stake:    exactStake,
		change:   "nothing",
		variants: newKCLs,
		followed: []string{"kcl-*/extended/inside", "kcl-*/extended/last"},
	},

	// The MultiLangDaemon. The child's languages are all alike to it: run were a bare one in Python,
	// and AWS's libraries for Node and Python.
	{
		who:      reads(notInJava, MultiLang, kclcompat.NoArguments),
		reader:   kclcompat.MultiLang(1, 3),
		says:     Disable,
		consumer: "not Java, MultiLang 1.3",
		stake:    rawStake,
		change:   onKplkitChange + "; or the MultiLangDaemon of KCL 1.14 or newer; or {disable}",
		reason:   "The daemon of KCL 1.3 does not take aggregates apart.",
		ignored:  []string{"multilang-1.3.0/raw", "multilang-1.3.0/none/inside-batch"}, followed: []string{"multilang-1.3.0/none/after-batch"},
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.SequenceNumber),
		reader:   kclcompat.MultiLang(1, 3),
		says:     Disable,
		consumer: "not Java, MultiLang 1.3",
		stake:    rawStake,
		change:   onKplkitChange + "; or the MultiLangDaemon of KCL 1.14 or newer; or {disable}",
		reason:   "The daemon of KCL 1.3 does not take aggregates apart.",
		ignored:  []string{"multilang-1.3.0/raw", "multilang-1.3.0/sequence-number/inside"}, followed: []string{"multilang-1.3.0/unaggregated/sequence-number"},
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.RecordArgument),
		reader:   kclcompat.MultiLang(1, 3),
		consumer: "not Java, MultiLang 1.3",
		stake:    "There is no such call.",
		change:   "checkpoint without a number after the batch",
		read:     "the daemon's messages: a checkpoint has a sequence number, and no record",
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.SubSequenceNumber),
		reader:   kclcompat.MultiLang(1, 3),
		consumer: "not Java, MultiLang 1.3",
		stake:    "The message is not understood, and never answered: the child hangs, and nothing is checkpointed.",
		change:   onKplkitChange + "; or the MultiLangDaemon of KCL 1.14 or newer; or checkpoint without a number after the batch",
		ignored:  []string{"multilang-1.3.0/extended/inside"},
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.NoArguments),
		reader:   kclcompat.MultiLang(1, 4),
		consumer: "not Java, MultiLang 1.4 to 1.7",
		stake:    batchStake,
		change:   batchChange,
		ignored:  []string{"multilang-1.4.0/none/inside-batch"}, followed: []string{"multilang-1.4.0/none/after-batch"},
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.SequenceNumber),
		reader:   kclcompat.MultiLang(1, 4),
		consumer: "not Java, MultiLang 1.4 to 1.7",
		stake:    repeatStake,
		change:   onKplkitChange + "; or the MultiLangDaemon of KCL 1.14 or newer, whose messages have a sub-sequence number; or checkpoint without a number after the batch; or {disable}",
		ignored:  []string{"multilang-1.4.0/sequence-number/inside"}, followed: []string{"multilang-1.4.0/unaggregated/sequence-number"},
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.RecordArgument),
		reader:   kclcompat.MultiLang(1, 4),
		consumer: "not Java, MultiLang 1.4 to 1.7",
		stake:    "There is no such call.",
		change:   "checkpoint without a number after the batch",
		read:     "the daemon's messages: a checkpoint has a sequence number, and no record",
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.SubSequenceNumber),
		reader:   kclcompat.MultiLang(1, 4),
		consumer: "not Java, MultiLang 1.4 to 1.7",
		stake:    "The message is not understood, and never answered: the child hangs, and nothing is checkpointed.",
		change:   onKplkitChange + "; or the MultiLangDaemon of KCL 1.14 or newer; or checkpoint without a number after the batch",
		ignored:  []string{"multilang-1.4.0/extended/inside"},
	},
	{
		id:       "multilang-node/sequence-number",
		who:      reads(withoutSubSequence, MultiLang, kclcompat.SequenceNumber),
		reader:   kclcompat.MultiLang(1, 14),
		says:     Disable,
		consumer: "Node, Ruby, .NET: MultiLang 1.14 to 3 (1.8 to 1.13: read)",
		stake:    repeatStake,
		change:   onKplkitChange + "; or checkpoint without a number after the batch; or {disable}",
		reason:   noSubSequence,
		variants: []string{"1.14.10", "2.7.2", "3.1.3"},
		ignored:  []string{"multilang-*/sequence-number/inside", "multilang-libraries/node/sequence-number/inside"},
		followed: []string{
			"multilang-*/none/after-batch", "multilang-*/unaggregated/sequence-number",
			"multilang-libraries/node/none/after-batch", "multilang-libraries/node/unaggregated/sequence-number",
		},
		read: noSubSequenceSource,
	},
	{
		id:       "multilang-node/sub-sequence-number",
		who:      reads(withoutSubSequence, MultiLang, kclcompat.SubSequenceNumber),
		reader:   kclcompat.MultiLang(1, 14),
		says:     NotApplicable,
		consumer: "Node, Ruby, .NET: MultiLang 1.14 to 3 (1.8 to 1.13: read)",
		stake:    "There is no such call.",
		change:   "checkpoint without a number after the batch; or a child that writes subSequenceNumber into the message by itself, which is row multilang-1.14/sub-sequence-number",
		reason:   noSubSequence,
		read:     noSubSequenceSource,
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.NoArguments),
		reader:   kclcompat.MultiLang(1, 14),
		consumer: "not Java, MultiLang 1.14 to 3 (1.8 to 1.13: read)",
		stake:    batchStake,
		change:   batchChange,
		variants: []string{"1.14.10", "2.7.2", "3.1.3"},
		ignored:  []string{"multilang-*/none/inside-batch", "multilang-libraries/node/none/inside-batch", "multilang-libraries/python/none/inside-batch"},
		followed: []string{"multilang-*/none/after-batch", "multilang-libraries/node/none/after-batch", "multilang-libraries/python/none/after-batch"},
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.SequenceNumber),
		reader:   kclcompat.MultiLang(1, 14),
		consumer: "not Java, MultiLang 1.14 to 3 (1.8 to 1.13: read)",
		stake:    repeatStake,
		change:   `checkpointer.checkpoint(r.sequence_number, r.sub_sequence_number) (Python), or {"action":"checkpoint","sequenceNumber":"…","subSequenceNumber":N}; or {disable}`,
		variants: []string{"1.14.10", "2.7.2", "3.1.3"},
		ignored:  []string{"multilang-*/sequence-number/inside", "multilang-libraries/python/sequence-number/inside"},
		followed: []string{
			"multilang-*/extended/inside", "multilang-*/unaggregated/sequence-number",
			"multilang-libraries/python/extended/inside", "multilang-libraries/python/unaggregated/sequence-number",
		},
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.RecordArgument),
		reader:   kclcompat.MultiLang(1, 14),
		consumer: "not Java, MultiLang 1.14 to 3 (1.8 to 1.13: read)",
		stake:    "There is no such call.",
		change:   "checkpoint without a number after the batch; or with sequenceNumber and subSequenceNumber",
		read:     "the daemon's messages: a checkpoint has a sequence number and a sub-sequence number, and no record",
	},
	{
		who:      reads(notInJava, MultiLang, kclcompat.SubSequenceNumber),
		reader:   kclcompat.MultiLang(1, 14),
		consumer: "not Java, MultiLang 1.14 to 3 (1.8 to 1.13: read)",
		stake:    exactStake,
		change:   "nothing",
		variants: []string{"1.14.10", "2.7.2", "3.1.3"},
		followed: []string{"multilang-*/extended/inside", "multilang-libraries/python/extended/inside"},
	},

	// The MultiLangDaemon with record processors on kplkit. Run were one in Go on package multilang, and one in Python under
	// kplkit multilang run.
	{
		id:       "multilang-kplkit/1.3",
		who:      who{producers: format, vias: []Via{OnMultiLang}, before: Version{1, 4}},
		says:     OK,
		consumer: "any language, MultiLang 1.3 with kplkit",
		stake:    "Nothing is lost. A checkpoint inside an aggregate is held back to the last finished stored record: what was done of the aggregate comes again after a crash. At an aggregate's last user record it is exact.",
		change:   "nothing; to have nothing again after a crash, checkpoint at an aggregate's last user record, or after the batch",
		reason:   "The daemon of KCL 1.3 hands over aggregates, and kplkit takes them apart.",
		ignored:  onKplkitRuns("1.3.0", "inside", "split"), followed: onKplkitRuns("1.3.0", "decoded", "last", "after-batch", "unaggregated"),
	},
	{
		id:       "multilang-kplkit/1.4",
		who:      who{producers: format, vias: []Via{OnMultiLang}, from: Version{1, 4}, before: Version{1, 8}},
		says:     OK,
		consumer: "any language, MultiLang 1.4 to 1.7 with kplkit",
		stake:    "Nothing is lost. A checkpoint before the end of a batch stores the last finished stored record, and all but the first user record of that one come again after a crash, with what was done since. After the batch it is exact.",
		change:   "nothing; to have nothing again after a crash, checkpoint after the batch",
		reason:   "The daemon's messages have no sub-sequence numbers, and look like those of 1.3 before the first aggregate.",
		ignored:  onKplkitRuns("1.4.0", "inside", "last", "split"), followed: onKplkitRuns("1.4.0", "decoded", "after-batch", "unaggregated"),
	},
	{
		id:       "multilang-kplkit/1.14",
		who:      who{producers: format, vias: []Via{OnMultiLang}, from: Version{1, 8}},
		says:     OK,
		consumer: "any language, MultiLang 1.14 to 3 with kplkit (1.8 to 1.13: read)",
		stake:    "Nothing: a checkpoint is exact, inside an aggregate too.",
		change:   "nothing",
		variants: []string{"1.14.10", "2.7.2", "3.1.3"},
		followed: onKplkitRuns("*", "decoded", "inside", "last", "after-batch", "split", "unaggregated"),
	},

	// Go, without kplkit and on it.
	{
		id:       "vmware/no-arguments",
		who:      reads(inGo, VMware, kclcompat.NoArguments),
		reader:   kclcompat.SDK(),
		consumer: "Go, vmware-go-kcl-v2 alone",
		stake:    "Nothing, once the whole batch is processed: only what came since the last checkpoint comes again.",
		change:   "nothing; checkpoint the last record of the batch after the loop over it",
		followed: []string{"vmware/deaggregated", "vmware/sequence-number/last"},
	},
	{
		id:       "vmware/sequence-number",
		who:      reads(inGo, VMware, kclcompat.SequenceNumber, kclcompat.RecordArgument, kclcompat.SubSequenceNumber),
		reader:   kclcompat.SDK(),
		consumer: "Go, vmware-go-kcl-v2 alone",
		stake:    insideStake,
		change:   "vmwarekcl.NewWorker(kclConfig, awsConfig, newProcessor), which is row kplkit/record; or {disable}",
		ignored:  []string{"vmware/sequence-number/inside"}, followed: []string{"vmware-kplkit/inside", "vmware/unaggregated"},
	},
	{
		id:       "harlow/no-arguments",
		who:      reads(inGo, Harlow, kclcompat.NoArguments),
		reader:   kclcompat.SDK(),
		says:     Disable,
		consumer: "Go, harlow/kinesis-consumer alone",
		stake:    rawStake + " With WithAggregation, ScanBatch ends a batch after a number of user records or a time, inside an aggregate, and its checkpoint loses the rest.",
		change:   "consumer.WithClient(kinesis.NewFromConfig(cfg, deaggaws.WithDeaggregation())), which is row kplkit/record; or {disable}; Scan with WithAggregation(true) is exact as long as its last checkpoint is after an aggregate's last user record",
		reason:   "It takes aggregates apart if it is told to, and stores the sequence number of the last user record that ScanBatch or Scan handed out.",
		ignored:  []string{"harlow/raw", "harlow/scan-batch"}, followed: []string{"harlow-kplkit/decoded", "harlow-kplkit/scan-batch", "harlow-kplkit/inside", "harlow/unaggregated"},
	},
	{
		id:       "harlow/sequence-number",
		who:      reads(inGo, Harlow, kclcompat.SequenceNumber, kclcompat.RecordArgument, kclcompat.SubSequenceNumber),
		reader:   kclcompat.SDK(),
		consumer: "Go, harlow/kinesis-consumer alone",
		stake:    insideStake,
		change:   "consumer.WithClient(kinesis.NewFromConfig(cfg, deaggaws.WithDeaggregation())), which is row kplkit/record; or {disable}",
		ignored:  []string{"harlow/sequence-number/inside"}, followed: []string{"harlow-kplkit/inside", "harlow/unaggregated"},
	},
	{
		who:      reads(inGo, OnKplkit, kclcompat.NoArguments),
		reader:   kclcompat.Kplkit(),
		consumer: "Go, on kplkit",
		stake:    "Nothing, once the whole batch is processed.",
		change:   "nothing",
		followed: []string{"sdk-go-kplkit/decoded", "vmware-kplkit/decoded"},
	},
	{
		who:      reads(inGo, OnKplkit, kclcompat.SequenceNumber),
		reader:   kclcompat.Kplkit(),
		consumer: "Go, on kplkit",
		stake:    "The number cut off from SEQUENCE:SUB stands for the whole aggregate: its rest is lost.",
		change:   "store r.SequenceNumber as the text that it is, which is row kplkit/record",
		ignored:  []string{"sdk-go-kplkit/sequence-number/inside"}, followed: []string{"sdk-go-kplkit/inside"},
	},
	{
		who:      reads(inGo, OnKplkit, kclcompat.RecordArgument, 0),
		reader:   kclcompat.Kplkit(),
		consumer: "Go, on kplkit",
		stake:    "Nothing: the sequence number of a user record says where it is, inside an aggregate too.",
		change:   "nothing; store r.SequenceNumber as the text that it is, or let vmwarekcl do it",
		followed: []string{"sdk-go-kplkit/decoded", "sdk-go-kplkit/inside", "vmware-kplkit/decoded", "vmware-kplkit/inside", "harlow-kplkit/decoded", "harlow-kplkit/inside"},
	},
	{
		who:      reads(inGo, OnKplkit, kclcompat.SubSequenceNumber),
		reader:   kclcompat.Kplkit(),
		consumer: "Go, on kplkit",
		stake:    "Nothing.",
		change:   "nothing",
		followed: []string{"sdk-go-kplkit/inside", "vmware-kplkit/inside", "harlow-kplkit/inside"},
	},
	{
		id:       "lambda-kplkit",
		who:      who{producers: format, vias: []Via{LambdaKplkit}},
		says:     OK,
		consumer: "AWS Lambda, a function in Go on deagglambda",
		stake:    "Nothing with ReportBatchItemFailures in the event source mapping: without it Lambda takes any answer for a success. With a Store nothing comes twice; without one what was done of a stored record that failed comes again. With ParallelizationFactor above 1 a Store needs deagglambda.PerKey: a position for the whole shard loses records. Two aliases of a function need two names for their Stores: what one has done the other would skip.",
		change:   "nothing; FunctionResponseTypes: ReportBatchItemFailures; no event filter on data, which sees the stored bytes",
		reason:   "Lambda knows stored records; deagglambda takes them apart, names the one that failed, and its Store knows which of its user records are done.",
		ignored:  []string{"lambda-kplkit/no-store/inside"}, followed: []string{"lambda-kplkit/decoded", "lambda-kplkit/inside", "lambda-kplkit/last"},
	},
	{
		id:       "proxy",
		who:      who{producers: format, vias: []Via{Proxy}},
		says:     OK,
		consumer: "any client of Kinesis, by kplkit proxy",
		stake:    "Nothing: the sequence number of a user record says where it is, inside an aggregate too. What the KPL stores again at a reshard comes twice, unless the proxy has --hash-ranges.",
		change:   "nothing; store sequence numbers as the texts that they are, or let the proxy write digits (--positions digits) for a store of numbers",
		reason:   "The proxy takes aggregates apart before the client sees them, and takes the client's positions as Kinesis takes its own.",
		variants: []string{"python", "node", "node-fan-out", "java", "telegraf", "bento"},
		followed: []string{"proxy/*/text", "proxy/*/digits"},
	},
}
