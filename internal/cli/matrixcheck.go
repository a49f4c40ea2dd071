package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/matrix"
)

// checkOptions are the flags of kplkit matrix check.
type checkOptions struct {
	ruleSet, producer                  string
	consumer, via, version, checkpoint string
	neverResharded                     bool
	streamMode                         string
}

func newMatrixCheck(s Streams) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check --consumer LANGUAGE --via LIBRARY",
		Short: "Tells what to do about the KPL's aggregation for one consumer",
		Long: `Tells what to do about the KPL's aggregation for one producer and one consumer, what is at stake, what to change, and
the runs that show it. Without --checkpoint it is the answer for the worst way to checkpoint; for a loop of one's own on
the SDK, and on kplkit, it is the one for the checkpoint that is named.

  --producer    java               the KPL, from any language of the JVM; kpl-0.14 with its version
                kplkit             'kplkit put', package producer, and the clients for Go, Python and Node
                python-aggregator  an aggregator that is not the KPL; also node-aggregator, java-aggregator, ruby,
                                   fluent-bit, fluentd, async-kinesis, a8m
                maxwell            a program with the KPL in it; also logstash, pulsar
                plain              plain records, put by any means; also any other language
  --consumer    java, go, python, node, or any other language; not needed where --via says it, or it does not matter
  --via         sdk        a loop of one's own over GetRecords or SubscribeToShard
                kcl        the Java KCL (with --kcl VERSION)
                multilang  its MultiLangDaemon, for any language (with --kcl VERSION)
                multilang-kplkit
                           that daemon with a processor on package multilang, or under kplkit multilang run
                vmware     vmware-go-kcl-v2 alone; vmware-v1 for the first one
                harlow     harlow/kinesis-consumer alone
                kplkit     any of the three in Go with deaggaws or vmwarekcl
                read, not run: lambda, firehose, pipes, analytics-sql, flink-connector-kinesis, flink-aws-kinesis-streams,
                spark, beam, druid, pinot, logstash, telegraf, bento, zio, kinsumer, lifion-kinesis and others
  --kcl         1.4, 1.4.0 and 1.4.x mean the same
  --checkpoint  none             checkpoint() without arguments; batch means the same
                sequence-number  checkpoint(sequence number)
                record           checkpoint(record)
                extended         checkpoint(sequence number, sub-sequence number)
  --stream-mode provisioned, on-demand, or service-managed (record distribution strategy AUTO)

With the KPL as producer, the KCL and its MultiLangDaemon lose acknowledged records after a split of shards, however they
checkpoint: the answer says so first. If the shards are never split, merged or scaled say --never-resharded.

The exit code is 0 if there is nothing to do, or aggregates have to be taken apart with what is named; 3 if something
has to change, can't be used, is unknown, or is lost at a reshard; 2 for a value that does not exist, with those that come nearest.`,
		Example: `  kplkit matrix check --consumer java --via kcl --kcl 1.14 --checkpoint sequence-number
  kplkit matrix check --consumer go --via kplkit
  kplkit matrix check --via lambda
  kplkit matrix check --producer fluent-bit --via kcl --kcl 2.7
  kplkit matrix check --producer python --consumer java --via kcl --kcl 2.7 --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := o.check()
			if err != nil {
				return usageError{err}
			}
			var out bytes.Buffer
			if jsonFlag(cmd) {
				encoder := json.NewEncoder(&out)
				encoder.SetEscapeHTML(false)
				err = encoder.Encode(v)
			} else {
				writeVerdict(&out, v)
			}
			if err == nil {
				_, err = s.Out.Write(out.Bytes())
			}
			if err == nil && !v.Fine() {
				return errFindings
			}
			return err
		},
	}
	addRuleSet(cmd, &o.ruleSet)
	f := cmd.Flags()
	f.StringVar(&o.producer, "producer", "java", "`NAME` of the producer: java for the KPL, kplkit with its clients, a language, an aggregator or a program")
	f.StringVar(&o.consumer, "consumer", "", "`LANGUAGE` of the consumer")
	f.StringVar(&o.via, "via", "", "`LIBRARY`, program or service that it reads by: sdk, kcl, multilang, vmware, harlow, kplkit, proxy, lambda and others")
	f.StringVar(&o.version, "kcl", "", "`VERSION` of the KCL, for kcl and multilang")
	f.StringVar(&o.checkpoint, "checkpoint", "", "`CALL` that it checkpoints with: none, sequence-number, record, extended")
	f.BoolVar(&o.neverResharded, "never-resharded", false, "the stream's shards are never split, merged or scaled")
	f.StringVar(&o.streamMode, "stream-mode", "", "`MODE` of the stream: provisioned, on-demand, service-managed")
	completeValues(cmd, "producer", matrix.Producers()...)
	completeValues(cmd, "consumer", "java", "go", "python", "node")
	completeValues(cmd, "via", matrix.Vias()...)
	completeValues(cmd, "kcl", "1.3", "1.4", "1.14", "2.7", "3.5")
	completeValues(cmd, "checkpoint", "none", "sequence-number", "record", "extended")
	completeValues(cmd, "stream-mode", "provisioned", "on-demand", "service-managed")
	return cmd
}

// check answers. Where the producer decides alone no consumer has to be named.
func (o checkOptions) check() (matrix.Verdict, error) {
	set, errSet := matrix.ParseRuleSet(o.ruleSet)
	p, errProducer := matrix.ParseProducer(o.producer)
	stream, errStream := matrix.ParseStream(o.streamMode)
	if err := errors.Join(errSet, errProducer, errStream); err != nil {
		return matrix.Verdict{}, err
	}
	if o.consumer == "" && o.via == "" && o.version == "" && o.checkpoint == "" {
		if v := matrix.Check(set, p, matrix.Consumer{Stream: stream}); v.Aggregation == matrix.NotApplicable {
			return v, nil
		}
	}
	if o.consumer == "" && o.via == "" {
		return matrix.Verdict{}, errors.New("--consumer is missing: java, go, python, node or another language; or --via, where that says it")
	}
	c, err := matrix.ParseConsumer(o.consumer, o.via, o.version, o.checkpoint)
	if err != nil {
		return matrix.Verdict{}, err
	}
	c.NeverResharded = o.neverResharded
	c.Stream = stream
	return matrix.Check(set, p, c), nil
}

var aggregationMeanings = map[matrix.Aggregation]string{
	matrix.OK:                "leave aggregation on",
	matrix.Deaggregate:       "leave aggregation on, and take aggregates apart",
	matrix.DisableOrExtended: "turn aggregation off, or store extended sequence numbers",
	matrix.Disable:           "turn aggregation off, or change the consumer",
	matrix.NotApplicable:     "there is nothing to aggregate, or no such checkpoint",
	matrix.Unknown:           "nobody has run it",
}

func writeVerdict(out *bytes.Buffer, v matrix.Verdict) {
	usable := map[bool]string{true: "", false: "; the KPL is not usable"}[v.KPLUsable]
	but := map[bool]string{true: "", false: ", but not through a reshard"}[v.LostAtReshard == "" || v.Aggregation != matrix.OK]
	fmt.Fprintf(out, "%s: %s%s%s (row %s)\n", v.Aggregation, aggregationMeanings[v.Aggregation], but, usable, v.Rule)
	if v.LostAtReshard != "" {
		wrap(out, v.LostAtReshard, "")
	}
	for _, part := range [][2]string{{"At stake", v.AtStake}, {"Change", v.Change}, {"Reason", v.Reason}} {
		fmt.Fprintf(out, "\n%s\n", part[0])
		wrap(out, part[1], "  ")
	}
	if len(v.Evidence) == 0 {
		return
	}
	fmt.Fprint(out, "\nEvidence\n")
	for _, e := range v.Evidence {
		if e.Kind == "run" {
			fmt.Fprintf(out, "  %s  %-48s  %s\n", e.Date, e.ID, e.Counts)
		} else {
			wrap(out, fmt.Sprintf("read        %s: %s", e.ID, e.Source), "  ")
		}
	}
}
