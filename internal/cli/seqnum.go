package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/seqnum"
)

func newSeqnum(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seqnum",
		Short: "Explains, compares and sorts sequence numbers",
		Long: `Explains, compares and sorts sequence numbers. A value is one of
  SEQ           a sequence number: as a position, "done with all of this stored record"
  SEQ:SUB       an extended sequence number: "done up to and including user record SUB of it"
  65 digits     one of these two for a store of numbers: SEQ and nine digits of SUB, 999999999 for all of SEQ
  TRIM_HORIZON, LATEST, AT_TIMESTAMP, SHARD_END

They compare as numbers, in the order of the Java KCL:
  AT_TIMESTAMP < TRIM_HORIZON < LATEST < numbers < SHARD_END`,
	}
	group(cmd)
	cmd.SetFlagErrorFunc(negativeValue)
	cmd.AddCommand(newSeqnumExplain(s), newSeqnumCompare(s), newSeqnumSort(s))
	return cmd
}

// negativeValue takes what was read as a flag, but is a number with a sign, for the invalid value that it is.
func negativeValue(_ *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && strings.Trim(unknown.GetSpecifiedShortnames(), "0123456789:") == "" {
		if _, syntax := seqnum.ParseExtended("-" + unknown.GetSpecifiedShortnames()); syntax != nil {
			return syntax
		}
	}
	return usageError{err}
}

func newSeqnumExplain(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain VALUE…",
		Short: "Tells what is in a sequence number",
		Example: `  kplkit seqnum explain 49680523765537302257773285470013077594121277589726167042
  kplkit seqnum explain --json 49680523765537302257773285470013077594121277589726167042:7 TRIM_HORIZON`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			for _, arg := range args {
				e, syntax := seqnum.ParseExtended(arg)
				if syntax != nil {
					fmt.Fprintf(s.Err, "kplkit: %v\n", syntax)
					err = errReported
					continue
				}
				if failed := writeExplanation(s.Out, explain(e), jsonFlag(cmd)); failed != nil {
					return failed
				}
			}
			return err
		},
	}
}

// explanation is what a position says; JSON leaves out what it does not have.
type explanation struct {
	V                 int    `json:"v"`
	SequenceNumber    string `json:"sequence_number,omitempty"`
	SubSequenceNumber *int64 `json:"sub_sequence_number,omitempty"`
	Sentinel          string `json:"sentinel,omitempty"`
	Version           int    `json:"version,omitempty"`
	ShardID           string `json:"shard_id,omitempty"`
	Digits            string `json:"digits,omitempty"` // the position as digits alone
	Doubt             string `json:"doubt,omitempty"`  // why it can't be one of Kinesis's
}

func explain(e seqnum.Extended) explanation {
	x := explanation{V: 1}
	n, ok := e.Number()
	if !ok {
		x.Sentinel = e.String()
		return x
	}
	x.SequenceNumber = n.String()
	if !e.Whole() {
		sub := e.SubSequenceNumber()
		x.SubSequenceNumber = &sub
	}
	x.Version = n.Version()
	if shard, ok := n.ShardIndex(); ok {
		x.ShardID = fmt.Sprintf("shardId-%012d", shard)
	}
	x.Digits, _ = e.Digits()
	x.Doubt = doubtOf(e)
	return x
}

func writeExplanation(w io.Writer, x explanation, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(x)
	}
	var b strings.Builder
	switch {
	case x.Sentinel != "":
		fmt.Fprintf(&b, "%s\n  %s\n", x.Sentinel, sentinelMeanings[x.Sentinel])
	case x.SubSequenceNumber != nil:
		fmt.Fprintf(&b, "%s:%d\n  done up to and including user record %[2]d of this stored record\n", x.SequenceNumber, *x.SubSequenceNumber)
	default:
		fmt.Fprintf(&b, "%s\n  as a position: done with all of this stored record\n", x.SequenceNumber)
	}
	if x.Version != 0 {
		fmt.Fprintf(&b, "  version  %d\n", x.Version)
	}
	if x.ShardID != "" {
		fmt.Fprintf(&b, "  shard    %s\n", x.ShardID)
	}
	if x.Digits != "" {
		fmt.Fprintf(&b, "  digits   %s\n", x.Digits)
	}
	if x.Doubt != "" {
		fmt.Fprintf(&b, "  doubt    %s\n", x.Doubt)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var sentinelMeanings = map[string]string{
	"TRIM_HORIZON": "before the oldest record that the stream still holds",
	"LATEST":       "after the newest record, whichever that is when it is asked for",
	"AT_TIMESTAMP": "at a time that is kept elsewhere",
	"SHARD_END":    "after the last record of a closed shard",
}

func newSeqnumCompare(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "compare A B",
		Short: "Tells which of two positions comes first",
		Long:  "Tells which of two positions comes first. A bare sequence number stands for all of its stored record.",
		Example: `  kplkit seqnum compare 9 10
  kplkit seqnum compare --json LATEST 49680523765537302257773285470013077594121277589726167042:7`,
		Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, errA := seqnum.ParseExtended(args[0])
			b, errB := seqnum.ParseExtended(args[1])
			if err := errors.Join(errA, errB); err != nil {
				return err
			}
			c := a.Compare(b)
			if jsonFlag(cmd) {
				_, err := fmt.Fprintf(s.Out, "{\"v\":1,\"compare\":%d}\n", c)
				return err
			}
			_, err := fmt.Fprintf(s.Out, "%v %c %v\n", a, "<=>"[c+1], b)
			return err
		},
	}
}

func newSeqnumSort(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "sort",
		Short: "Sorts positions from stdin, one a line",
		Long: `Sorts positions from stdin, one a line, in the order of the Java KCL. Equal ones keep their order; empty lines are
left out. If a line is not a position, nothing is written.`,
		Example: "  jq -r .sequence_number capture.jsonl | kplkit seqnum sort",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			positions, err := readPositions(recordio.Interruptible(ctx, s.In), s.Err)
			switch {
			case ctx.Err() != nil:
				return errInterrupted
			case err != nil:
				return err
			}
			slices.SortStableFunc(positions, func(a, b position) int { return a.Compare(b.Extended) })
			w := bufio.NewWriter(s.Out)
			enc := json.NewEncoder(w)
			for _, p := range positions {
				if jsonFlag(cmd) {
					_ = enc.Encode(explain(p.Extended)) // the writer keeps its error for Flush
				} else {
					fmt.Fprintln(w, p.text)
				}
			}
			return w.Flush()
		},
	}
}

// position is a position and how it was written.
type position struct {
	seqnum.Extended
	text string
}

// readPositions reads a position from each line of r. Every line that is none is named on stderr.
func readPositions(r io.Reader, stderr io.Writer) (positions []position, err error) {
	const longest = 1 << 20 // far beyond any value: a line without end must not fill the memory
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longest)
	line := 0
	for lines.Scan() {
		line++
		text := strings.TrimSuffix(lines.Text(), "\r")
		if text == "" {
			continue
		}
		e, syntax := seqnum.ParseExtended(text)
		if syntax != nil {
			fmt.Fprintf(stderr, "kplkit: stdin:%d: %v\n", line, syntax)
			err = errReported
			continue
		}
		positions = append(positions, position{e, text})
	}
	if scan := lines.Err(); scan != nil {
		if errors.Is(scan, bufio.ErrTooLong) {
			scan = errors.New("a line of more than 1 MiB is not a position")
		}
		return nil, fmt.Errorf("stdin:%d: %w", line+1, scan)
	}
	return positions, err
}
