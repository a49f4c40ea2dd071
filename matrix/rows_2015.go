package matrix

import "github.com/kplkit/kplkit/kclcompat"

func kcl14(c kclcompat.Style) who {
	return who{
		producers: inJava, languages: inJava, vias: []Via{KCL}, from: Version{1, 4}, before: Version{1, 5}, checkpoints: []kclcompat.Style{c},
	}
}

// rows2015 are the seven rows of AWS's page "Integrating the KPL with Producer Code", in our words, with runs of ours beside them. The
// page dates from KCL 1.4, and has no other version. Its row 6 names two ways out; the second is row 6-extended here.
var rows2015 = []row{
	{
		id:       "row-1",
		who:      who{producers: notInJava},
		says:     NotApplicable,
		consumer: "any",
		stake:    "There is no KPL to call. What writes its format from other languages is not the KPL: aggregates for several shards are dropped by the KCL.",
		change:   "put plain records; rule set today has ways to write the KPL's format without the KPL",
		reason:   "AWS's page has the KPL for producers in Java only.",
		ignored:  []string{"row-1/python-aggregator/kcl-2.7.2"}, followed: []string{"row-1/python-plain/kcl-2.7.2"},
	},
	{
		id:       "row-2",
		who:      who{producers: inJava, languages: inJava, vias: []Via{SDK}},
		says:     Deaggregate,
		consumer: "Java, SDK",
		stake:    "GetRecords hands out aggregates as they are stored: raw bytes instead of user records.",
		change:   "after each GetRecords: records = new AggregatorUtil().deaggregate(records) (KCL 2 and 3), UserRecord.deaggregate(records) (KCL 1)",
		reason:   "The SDK does not know the KPL's format.",
		ignored:  []string{"sdk-java/raw"}, followed: []string{"sdk-java/deaggregated"},
	},
	{
		id:       "row-3",
		who:      who{producers: inJava, languages: notInJava, vias: []Via{SDK}},
		says:     Disable,
		consumer: "not Java, SDK",
		stake:    "GetRecords hands out aggregates as they are stored: raw bytes instead of user records.",
		change:   "{disable}; or take aggregates apart, which is row sdk/python, sdk/node or sdk/go of rule set today",
		reason:   "AWS's page knows no de-aggregation but Java's. Today there is.",
		variants: []string{"python", "node", "go"},
		ignored:  []string{"sdk-*/raw"}, followed: []string{"sdk-*/unaggregated"},
	},
	{
		id:       "row-4",
		who:      who{producers: inJava, languages: inJava, vias: []Via{KCL}, from: Version{1, 3}, before: Version{1, 4}},
		says:     Disable,
		consumer: "Java, KCL 1.3",
		stake:    "The processor gets aggregates as they are stored. One that takes them apart loses the rest of an aggregate after a checkpoint inside it.",
		change:   "{disable}; or KCL 1.4 or newer",
		reason:   "KCL 1.3 does not take aggregates apart, and resumes after the stored record.",
		ignored:  []string{"kcl-1.3.0/raw", "kcl-1.3.0/sequence-number/inside"}, followed: []string{"kcl-1.3.0/unaggregated/sequence-number"},
	},
	{
		id:       "row-5",
		who:      kcl14(kclcompat.NoArguments),
		reader:   kclcompat.KCL(1, 4),
		says:     OK,
		consumer: "Java, KCL 1.4",
		stake:    "Nothing, once the whole batch is processed. AWS's page does not have this condition: checkpoint() inside a batch loses the rest of the batch.",
		page:     "no caveat",
		change:   "nothing; call checkpoint() after the loop over the batch, never inside it",
		ignored:  []string{"kcl-1.4.0/none/inside-batch"}, followed: []string{"kcl-1.4.0/none/after-batch"},
	},
	{
		id:       "row-6",
		who:      kcl14(kclcompat.SequenceNumber),
		reader:   kclcompat.KCL(1, 4),
		says:     DisableOrExtended,
		consumer: "Java, KCL 1.4",
		stake:    "User records of the aggregate that were done come again; none is lost. AWS's page does not say which.",
		page:     "aggregation has to be disabled, or extended sequence numbers used; what happens otherwise is not said",
		change:   "checkpointer.checkpoint(r.getSequenceNumber(), ((UserRecord) r).getSubSequenceNumber()); or {disable}",
		ignored:  []string{"kcl-1.4.0/sequence-number/inside", "kcl-1.4.0/sequence-number/last"}, followed: []string{"kcl-1.4.0/extended/inside", "kcl-1.4.0/unaggregated/sequence-number"},
	},
	{
		id:       "row-6-extended",
		who:      kcl14(kclcompat.SubSequenceNumber),
		reader:   kclcompat.KCL(1, 4),
		says:     OK,
		consumer: "Java, KCL 1.4",
		stake:    "Nothing, with the user record's own sub-sequence number. One beyond the aggregate is accepted, and loses its rest.",
		change:   "nothing",
		reason:   "The way out that row 6 names has been taken.",
		ignored:  []string{"kcl-1.4.0/extended/beyond"}, followed: []string{"kcl-1.4.0/extended/inside"},
	},
	{
		id:       "row-7",
		who:      who{producers: inJava, languages: notInJava, vias: []Via{MultiLang}, from: Version{1, 3}, before: Version{1, 4}},
		says:     Disable,
		consumer: "not Java, MultiLang 1.3",
		stake:    "The child gets aggregates as they are stored: raw bytes instead of user records.",
		change:   "{disable}; or the MultiLangDaemon of KCL 1.14 or newer; or, which AWS's page does not know, the same daemon with a record processor on kplkit: row multilang-kplkit/1.3 of rule set today (--via multilang-kplkit)",
		reason:   "The daemon of KCL 1.3 does not take aggregates apart.",
		ignored:  []string{"multilang-1.3.0/raw"}, followed: []string{"multilang-1.3.0/unaggregated/sequence-number", "multilang-kplkit-1.3.0/go/decoded", "multilang-kplkit-1.3.0/go/last", "multilang-kplkit-1.3.0/python/last"},
	},
}
