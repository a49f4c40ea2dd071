package cli

import (
	"github.com/spf13/cobra"
)

// deaggOptions are the flags of kplkit deagg.
type deaggOptions struct {
	policy, data string
	hashRange    string
	ancestors    []string
	noRange      bool
	after        string
	stats        bool
	unwrap       []string
}

func newDeagg(s Streams) *cobra.Command {
	var o deaggOptions
	cmd := &cobra.Command{
		Use:   "deagg [FILE…]",
		Short: "Turns stored records into user records",
		Long: `Turns the stored records of a Kinesis stream into the user records that were put: aggregated records of the KPL are
taken apart, plain ones pass.

In: JSON lines and JSON documents, from files or stdin (-), packed by gzip or not:
  objects with sequence_number, partition_key, data (base64) and, if known, shard_id, approximate_arrival_timestamp,
  starting_hash_key, ending_hash_key, ancestor_ranges (a list of "START-END"); or with the names of the Kinesis API
  output of 'aws kinesis get-records', with --output text, too
  Lambda events: Kinesis, Kinesis Data Analytics, Firehose (whose records are user records already, and pass), those of
    EventBridge Pipes, and the event in an on-failure object or in messages of SQS and SNS
  data alone, a line each: base64, or hex

What can't be read of a record, but its data, is left out, reported once a file and counted; a range so lost is unknown, and
drops nothing. With --after a record has to have a sequence number. SEQ:SUB with a SUB that its stored record does not
have is reported, and skips nothing of it. Of many errors of one kind in an input the first 10 are reported, and how many
more there are.

Out: a JSON object a line, in order, with v, sub_sequence_number, aggregated, last, data, explicit_hash_key and, where
known, sequence_number, partition_key, approximate_arrival_timestamp, shard_id, malformed. Keys that are no UTF-8
come as partition_key_base64 and explicit_hash_key_base64. Counts follow on stderr.

--data says how data is written:
  base64  always
  text    as a JSON string; as data_base64 where it is no UTF-8. For people: it does not read back as input
  raw     no JSON, only the bytes of each user record and a line end

--policy says what becomes of damaged aggregates:
  lossless  they come whole, marked as malformed and counted
  strict    as lossless, but the first one ends it with exit code 1, before any of it is written
  kcl       what the Java KCL does, its losses included

--stats writes what is in the input instead of the user records: counts and sizes, the 20 partition keys of user records
that come most often, and user records by shard, predicted from the hash key ranges in the input: the record's own shard if
its range holds the hash key, else the newest one whose range does. With --json that is one line
{"v":1,"stats":{…},"partition_keys":[{"partition_key":…,"user_records":…},…]} with all keys. Up to 20,000 partition keys
all counts are exact. Of more, the rarest are forgotten: then only keys are listed that come more often than any other
can, and missed_at_most says by how much a count may be too low.

--unwrap opens user records whose data is packed once more, and writes what is in them:
  gzip, zlib  the data, unpacked; "unwrapped" says from what
  cwl         CloudWatch Logs subscriptions, which are gzip: a line for each log event, whose data is its message, with
              log_event (index, count, id, timestamp, log_group, …). Control messages are counted, and have no line
Data that is something else stays as it is, also if it only starts like one of them, which is counted (not_packed), or
has more than 32 MiB in it, which is reported (too_large). Of the lines of a subscription only the last one has
sequence_number and may have last: whoever remembers positions line by line, and goes on with --after, misses no event.
log_event.sequence_number is there in all of them.

Exit code 3 says that aggregates were malformed, or packed data was too large.`,
		Example: `  kplkit deagg capture.jsonl.gz
  aws kinesis get-records --shard-iterator "$ITERATOR" | kplkit deagg --data text
  kplkit deagg --stats capture.jsonl.gz
  kplkit deagg --unwrap gzip,cwl --data raw logs.jsonl
  kplkit deagg --policy strict --after 49680523765537302257773285470013077594121277589726167042:7 *.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := newDeaggregation(o, s.Out)
			if err != nil {
				return usageError{err}
			}
			return d.run(cmd.Context(), s, args, jsonFlag(cmd))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.policy, "policy", "lossless", "what becomes of damaged aggregates: lossless, strict or kcl")
	f.StringVar(&o.data, "data", "base64", "how data is written: base64, text or raw")
	f.StringVar(&o.hashRange, "range", "", "hash key range `START-END` of the shard, for records that do not bring theirs")
	f.StringArrayVar(&o.ancestors, "ancestor-range", nil, "range `START-END` of a shard it came from (repeatable), likewise")
	f.BoolVar(&o.noRange, "no-range", false, "ignore all ranges, those of the records too")
	f.StringVar(&o.after, "after", "", "skip what is done: `SEQ`, SEQ:SUB, these as 65 digits, or a sentinel, in every shard")
	f.BoolVar(&o.stats, "stats", false, "write counts, sizes, hot partition keys and shards instead of the user records")
	f.StringSliceVar(&o.unwrap, "unwrap", nil, "open user records that are packed once more: `FORMS` are gzip, zlib, cwl")
	complete(cmd, "unwrap", "gzip", "zlib", "cwl", "gzip,zlib,cwl")
	complete(cmd, "policy", "lossless", "strict", "kcl")
	complete(cmd, "data", "base64", "text", "raw")
	return cmd
}

// complete offers the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values ...cobra.Completion) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
