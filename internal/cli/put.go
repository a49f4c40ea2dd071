package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/producer"
	"github.com/kplkit/kplkit/producer/aggregator"
)

// putOptions are the flags of kplkit put.
type putOptions struct {
	aws                        awsFlags
	lines                      bool
	partitionKey               string // "": a random one for each line
	noAggregation, strictOrder bool
	strict                     bool // stored records are an error
	linger                     time.Duration
	rateLimit                  float64
	failed                     string // "": what fails is only reported
}

// putTime is how long a user record is tried. The input waits meanwhile, so that it may be long: a stream in order stores
// all that is buffered in half of it.
const putTime = 10 * time.Minute

func newPut(s Streams) *cobra.Command {
	var o putOptions
	cmd := &cobra.Command{
		Use:   "put STREAM [FILE…]",
		Short: "Puts user records into a stream, in the KPL's format",
		Long: `Puts user records into a stream, given by name or ARN, in the format of the Kinesis Producer Library (KPL): those
that belong to one shard share an aggregated record. After a reshard an aggregate counts as put only if every consumer
finds all of it; else it is put again.

In: JSON lines with partition_key, explicit_hash_key (null or absent for none) and data (base64), as 'kplkit deagg'
writes them, from files or stdin (-), packed by gzip or not. With --lines each line of text is the data of a user
record, without its line end (LF or CRLF); an empty one, too. Stored records have to go through 'kplkit deagg' first: an
aggregate that is put as a user record may not come out as one. Where that is seen (data that is an aggregate, a
sequence number that is not of deagg's lines, or with --lines a record in JSON) a warning names the way; with --strict
reading ends there.

Out: a summary, with --json as one line {"v":1,"summary":{…}}, always the last one: put and failed together are what
was read; unsent are those of the failed that were given up when the run was ended; retried is how often a user record
was sent again; stored is how many stored records were written; bytes is the data of what was put. On a terminal
progress is shown meanwhile: a bar of what is put (or has failed) of all files, not of what is only read, and how long
the rest will take (ETA) if it goes on like this.

What fails is reported with its file and line, on stderr or with --json as {"v":1,"file":…,"line":…,"error":…} on
stdout, and makes the exit code 1. After a user record that the stream does not take (keys, size), or that was tried for
10 minutes in vain, the others are put all the same. At a line that is not such JSON, or has no base64, reading ends: what
came before is put. A stream that does not exist ends the run before anything is read, without a summary; one that
refuses everything ends it, too. What is unsent is reported as a whole then, with --json also line by line.

--failed FILE keeps what failed, in the order in which it failed, as JSON lines: partition_key (of --lines, too, where
it was a random one), explicit_hash_key, data, and file, line and error, which are ignored when 'kplkit put STREAM FILE'
(without --lines) puts them again. FILE is replaced as a whole when the run ends, and empty if nothing failed; until
then, when the program is killed, and when it is interrupted before it has read anything, FILE stays as it was. What has
failed so far is in FILE.*.part, also where that can't replace FILE. FILE can't be one of the inputs, or where stdout or
stderr go. Lines that can't be read, or are too long, are only reported.

What is waited for is said on stderr where nothing is answered for 3 seconds. If the first call has no answer within 20
seconds, the run ends before anything is read.

An interrupt ends reading, too, and ends with the summary whenever it comes; what was read is sent for 2 seconds more,
and the error says where to go on. A second one ends the program at once. What failed may be stored all the same where
no answer came, and so come twice when put again.
Where nobody reads stdout any more, everything is put all the same, and the exit code is 1.`,
		Example: `  kplkit put orders user-records.jsonl.gz
  kplkit deagg capture.jsonl.gz | kplkit put orders --endpoint-url http://127.0.0.1:4567
  kplkit put orders --failed failed.jsonl user-records.jsonl; kplkit put orders failed.jsonl
  kplkit put logs --lines --partition-key host-1 --strict-order access.log`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(args[0], cmd.Flags().Changed("partition-key")); err != nil {
				return usageError{err}
			}
			if cmd.Flags().Changed("failed") && (o.failed == "" || o.failed == "-") {
				return usageError{fmt.Errorf("--failed %q: want the name of a file", o.failed)}
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			signal.Ignore(syscall.SIGPIPE) // that nobody reads the report must not cost records
			return runPut(ctx, s, o, args[0], args[1:], jsonFlag(cmd))
		},
	}
	f := cmd.Flags()
	o.aws.add(f)
	f.BoolVar(&o.lines, "lines", false, "each line of the input is the data of a user record")
	f.StringVar(&o.failed, "failed", "", "write what failed to `FILE`, as lines that can be put again")
	f.StringVar(&o.partitionKey, "partition-key", "", "`KEY` of all lines; a random one for each unless given")
	f.BoolVar(&o.noAggregation, "no-aggregation", false, "put each user record as a stored record of its own")
	f.BoolVar(&o.strictOrder, "strict-order", false, "keep the order of each partition key even when something is sent again")
	f.BoolVar(&o.strict, "strict", false, strictUsage)
	f.DurationVar(&o.linger, "linger", 100*time.Millisecond, "how long a user record waits for others to share a request with")
	f.Float64Var(&o.rateLimit, "rate-limit", 1.5, "`FACTOR` of a shard's rates (1 MiB, 1,000 stored records a second) to use at most; 0: no limit")
	return cmd
}

func (o *putOptions) validate(stream string, hasKey bool) error {
	switch {
	case stream == "":
		return errors.New("STREAM is empty: want a name or an ARN")
	case hasKey && !o.lines:
		return errors.New("--partition-key goes with --lines only: JSON lines have their own partition_key")
	case o.linger < 0 || o.linger >= 30*time.Second:
		return fmt.Errorf("--linger %v: want 0s to less than 30s", o.linger)
	case !(o.rateLimit == 0 || o.rateLimit >= 0.01 && o.rateLimit <= 1000):
		return fmt.Errorf("--rate-limit %v: want 0 (no limit), or 0.01 to 1000", o.rateLimit)
	}
	if hasKey {
		if _, err := (aggregator.Record{PartitionKey: o.partitionKey}).HashKey(); err != nil {
			return fmt.Errorf("--partition-key: %w", err)
		}
	}
	return nil
}

func (o *putOptions) producer() []producer.Option {
	options := []producer.Option{producer.WithLinger(o.linger), producer.WithRateLimit(o.rateLimit), producer.WithTimeToLive(putTime)}
	if o.noAggregation {
		options = append(options, producer.WithAggregation(producer.AggregateNever))
	}
	if o.strictOrder {
		options = append(options, producer.WithStrictOrder())
	}
	return options
}

func runPut(ctx context.Context, s Streams, o putOptions, stream string, names []string, asJSON bool) error {
	failures, err := openFailedFile(o.failed, s, names)
	if err != nil {
		return err
	}
	defer failures.discard() // unless the run has put it in its place
	p := newPutting(s, o, asJSON)
	p.failures = failures
	client, err := connect(ctx, o.aws, p.status, stream)
	switch {
	case err == nil:
		return p.run(ctx, client, stream, names)
	case ctx.Err() != nil: // before anything was read
		return p.end(errInterrupted)
	}
	p.status.end()
	return err
}

// connect returns a client of a stream that is there. What is waited for, now and later, is said on stderr.
func connect(ctx context.Context, flags awsFlags, stderr io.Writer, stream string) (*kinesis.Client, error) {
	cfg, err := flags.config(ctx, &waiting{stderr: stderr})
	if err != nil {
		return nil, err
	}
	client := kinesis.NewFromConfig(cfg)
	return client, checkStream(ctx, client, stream)
}

// checkPatience is how long the stream is looked for: long enough for a slow way and the SDK's three attempts, and
// somebody may be waiting.
const checkPatience = 20 * time.Second

// checkStream calls the stream before anything is read: what is wrong with all records is told once, and at once.
func checkStream(ctx context.Context, client *kinesis.Client, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	in := &kinesis.DescribeStreamSummaryInput{StreamName: &stream}
	if strings.HasPrefix(stream, "arn:") {
		in = &kinesis.DescribeStreamSummaryInput{StreamARN: &stream}
	}
	_, err := client.DescribeStreamSummary(ctx, in)
	switch code := apiErrorCode(err); code {
	case "AccessDeniedException", "UnknownOperationException":
		return nil // a producer needs PutRecords only
	case "ResourceNotFoundException":
		return fmt.Errorf("there is no stream %s in %s: create it, or look at --region and --endpoint-url", stream, where(client))
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("stream %s in %s: no answer within %v, and nothing was read: %w", stream, where(client), checkPatience, err)
	}
	return fmt.Errorf("stream %s in %s: %w", stream, where(client), err)
}

func where(client *kinesis.Client) string {
	o := client.Options()
	if o.BaseEndpoint != nil {
		return *o.BaseEndpoint
	}
	return o.Region
}

// apiErrorCode is what the service calls an error, or "".
func apiErrorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
