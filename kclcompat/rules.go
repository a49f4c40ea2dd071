package kclcompat

// family is a set of reader versions that behave alike.
type family struct {
	name    string
	resumes resumption
	rules   [4]behaviour // by Style, from the first one on
}

// resumption is how a reader resumes from a stored pair (number, sub-sequence number).
type resumption uint8

const (
	resumesAfter  resumption = iota // after the stored record, whatever the sub-sequence number
	resumesAt                       // at the stored record, up to the sub-sequence number skipped; a number alone means 0
	resumesInside                   // likewise, but a number alone means all of the stored record
)

// behaviour is what comes of a style when nobody helps.
type behaviour struct {
	inside, atLast Effect
	why            string
	runs           string // the measured runs, or where it was read
}

const (
	whyBatch    = "checkpoint() stores the last user record of the batch, wherever in it the call was made; after the whole batch that is right"
	whyAfter    = "it resumes after the stored record and knows no sub-sequence number, so the rest of the aggregate never comes"
	whySubZero  = "checkpoint(sequence number) stores sub-sequence number 0, and it resumes after the aggregate's first user record"
	whyKeepsSub = "the sub-sequence number is stored, and it resumes after that user record; a number beyond the aggregate's end is accepted and loses the rest"
	whyNoRecord = "the daemon's checkpoint message holds no record"
	whyHangs    = "the daemon knows no sub-sequence number: it skips the message, never answers it, and the child hangs"
)

var (
	kcl13 = family{"kcl-1.3", resumesAfter, [4]behaviour{
		{Loses, Exact, whyBatch, "none/inside-batch, none/after-batch"},
		{Loses, Exact, whyAfter, "sequence-number/first, sequence-number/inside, sequence-number/last"},
		{Loses, Exact, "1.3 has no such call, and of one made by a newer worker it ignores the sub-sequence number: " + whyAfter, "hand-over/1.4.0-to-1.3.0/extended, which a UserRecord stores alike"},
		{Loses, Exact, "1.3 has no such call, and of one made by a newer worker it ignores the sub-sequence number: " + whyAfter, "hand-over/1.4.0-to-1.3.0/extended"},
	}}
	kcl14 = family{"kcl-1.4", resumesAt, [4]behaviour{
		{Loses, Exact, whyBatch, "none/inside-batch, none/after-batch"},
		{Repeats, Repeats, whySubZero, "sequence-number/first, sequence-number/inside, sequence-number/last"},
		{Exact, Exact, "of a UserRecord the sub-sequence number is stored, of any other record it is 0; it resumes after that user record", "record/inside, record/last; of another record than a UserRecord plainrecord-mid, 2026-11-24"},
		{Exact, Exact, whyKeepsSub, "extended/inside, extended/last, extended/beyond"},
	}}
	kcl2 = family{"kcl-2", resumesAt, [4]behaviour{
		{Loses, Exact, whyBatch, "none/inside-batch, none/after-batch"},
		{Repeats, Repeats, whySubZero, "sequence-number/first, sequence-number/inside, sequence-number/last"},
		{Repeats, Repeats, "checkpoint(record) takes the SDK's Record, which has no sub-sequence number: 0 is stored, and it resumes after the aggregate's first user record", "record/inside, record/last"},
		{Exact, Exact, whyKeepsSub, "extended/inside, extended/last, extended/beyond"},
	}}
	multiLang13 = family{"multilang-1.3", resumesAfter, [4]behaviour{
		{Loses, Exact, whyBatch, "none/inside-batch, none/after-batch"},
		{Loses, Exact, "the child gets whole aggregates; " + whyAfter, "sequence-number/inside"},
		{Refuses, Refuses, whyNoRecord, "what daemon and child say to each other"},
		{Refuses, Refuses, whyHangs, "extended/inside"},
	}}
	multiLang14 = family{"multilang-1.4", resumesAt, [4]behaviour{
		{Loses, Exact, whyBatch, "none/inside-batch, none/after-batch"},
		{Repeats, Repeats, whySubZero, "sequence-number/inside"},
		{Refuses, Refuses, whyNoRecord, "what daemon and child say to each other"},
		{Refuses, Refuses, whyHangs, "extended/inside"},
	}}
	multiLang114 = family{"multilang-1.14", resumesAt, [4]behaviour{
		{Loses, Exact, whyBatch, "none/inside-batch, none/after-batch"},
		{Repeats, Repeats, whySubZero, "sequence-number/inside"},
		{Refuses, Refuses, whyNoRecord, "what daemon and child say to each other"},
		{Exact, Exact, whyKeepsSub, "extended/inside"},
	}}
	sdkReaders = family{"sdk", resumesAfter, [4]behaviour{
		{Loses, Exact, "a batch is marked as done as a whole", "Lambda's batch handling, AWS's documentation"},
		{Loses, Exact, whyAfter, "vmware-go-kcl-v2 1.0.0 and harlow/kinesis-consumer 0.5.0, read: AFTER_SEQUENCE_NUMBER"},
		{Loses, Exact, "of a record the sequence number alone is stored; " + whyAfter, "vmware-go-kcl-v2 1.0.0 and harlow/kinesis-consumer 0.5.0, read: AFTER_SEQUENCE_NUMBER"},
		{Loses, Exact, whyAfter, "vmware-go-kcl-v2 1.0.0 and harlow/kinesis-consumer 0.5.0, read: AFTER_SEQUENCE_NUMBER"},
	}}
	kplkitReaders = family{"kplkit", resumesInside, [4]behaviour{
		{Loses, Exact, "a batch is marked as done as a whole", "this package's tests"},
		{Loses, Exact, "a number alone means all of the stored record, so the rest of the aggregate never comes", "seqnum.ParseExtended"},
		{Exact, Exact, "a record carries its whole position, and it resumes after that user record", "this package's tests"},
		{Exact, Exact, "the whole position is stored, and it resumes after that user record", "this package's tests"},
	}}
)

// version is a reader that has rules of its own.
type version struct {
	reader  Reader
	release string // that was run; "" where nothing was
	family  *family
	sampled string // not every run was made with it: those that were
	date    string // of the runs; "" for those in matrix/evidence
}

// What was run with the releases of part kcl-others.
const (
	otherRuns = "none/inside-batch, none/after-batch, sequence-number/inside, record/inside, extended/inside; the rest from 2.7.2 and 3.5.1"
	otherDay  = "2026-11-29"
)

// versions are in order of age within a kind and a major version.
var versions = []version{
	{KCL(1, 3), "1.3.0", &kcl13, "", ""},
	{KCL(1, 4), "1.4.0", &kcl14, "", ""},
	{KCL(1, 14), "1.14.10", &kcl14, "", ""},
	{KCL(1, 15), "1.15.3", &kcl14, "noargs-mid, seq-mid, record-mid, sub-mid; the rest from 1.14.10", "2026-11-24"},
	{KCL(2, 2), "2.2.11", &kcl2, otherRuns, otherDay},
	{KCL(2, 4), "2.4.8", &kcl2, otherRuns, otherDay},
	{KCL(2, 6), "2.6.0", &kcl2, "noargs-mid, seq-mid, sub-mid; the rest from 2.7.2", "2026-11-24"},
	{KCL(2, 7), "2.7.2", &kcl2, "", ""},
	{KCL(3, 0), "3.0.0", &kcl2, "noargs-mid, seq-mid, sub-mid; the rest from 2.7.2 and 3.5.1", "2026-11-24"},
	{KCL(3, 1), "3.1.3", &kcl2, otherRuns, otherDay},
	{KCL(3, 2), "3.2.1", &kcl2, otherRuns, otherDay},
	{KCL(3, 3), "3.3.0", &kcl2, otherRuns, otherDay},
	{KCL(3, 4), "3.4.2", &kcl2, otherRuns, otherDay},
	{KCL(3, 5), "3.5.1", &kcl2, "", ""},
	{MultiLang(1, 3), "1.3.0", &multiLang13, "", ""},
	{MultiLang(1, 4), "1.4.0", &multiLang14, "", ""},
	{MultiLang(1, 14), "1.14.10", &multiLang114, "", ""},
	{MultiLang(2, 7), "2.7.2", &multiLang114, "", ""},
	{MultiLang(3, 1), "3.1.3", &multiLang114, "none/inside-batch, none/after-batch, sequence-number/inside, extended/inside", ""},
	{SDK(), "", &sdkReaders, "", ""},
	{Kplkit(), "", &kplkitReaders, "", ""},
}

// fleet is what comes on top when readers of both sides resume from one lease table, as in an upgrade and its way back.
type fleet struct {
	id             string
	old, new       func(Reader) bool
	inside, atLast Effect
	condition, why string
	source         string
}

var fleets = []fleet{
	{
		"fleet-1.3-and-newer", Reader.ignoresSub, Reader.storesSub, Loses, Repeats,
		"workers of KCL 1.3 and of 1.4 or newer take over each other's leases",
		"1.3 resumes after the stored record, whatever the sub-sequence number, and leaves a stale one beside its own checkpoint; a newer worker then skips as far as the stale number says, or, where none is stored, comes back to the first user record",
		"measured 2026-11-26, KCL 1.3.0 with 1.4.0 and 2.7.2: hand-over in matrix/evidence",
	},
	{
		"fleet-3.5-and-older", Reader.beforeSingleTable, Reader.singleTable, Refuses, Refuses,
		"workers of KCL 3.5 or newer and of KCL 1 or 2 use one lease table",
		"the newer ones keep leader, migration and worker items in the lease table, and the older ones do not start on it; only the phase CLIENT_VERSION_CONFIG_COMPATIBLE_WITH_2X_PHASE1 writes none",
		"measured 2026-11-26, KCL 3.5.1 with 2.7.2 (hand-over in matrix/evidence), and 2026-11-24 with 1.4.0 and 1.14.10: every worker gave up; 2026-11-29 (hand-over-3): 2.7.2 goes on exactly after that phase, as after 3.0.3, 3.1.3, 3.2.1, 3.3.0 and 3.4.2, of which 3.0.3 and 3.4.2 go on after 3.5.1, too",
	},
}

func (r Reader) java() bool { return r.kind == kcl || r.kind == multiLang }

func (r Reader) ignoresSub() bool { return r.java() && r.major == 1 && r.minor < 4 }

// takesPlainRecord reports whether its checkpoint(record) takes a record without a sub-sequence number.
func (r Reader) takesPlainRecord() bool { return r.java() && r.major > 1 }

func (r Reader) storesSub() bool { return r.java() && !r.ignoresSub() }

func (r Reader) singleTable() bool { return r.java() && r.major == 3 && r.minor >= 5 }

// beforeSingleTable reports whether it does not start on such a table: KCL 3.0 to 3.4 do.
func (r Reader) beforeSingleTable() bool { return r.java() && r.major < 3 }
