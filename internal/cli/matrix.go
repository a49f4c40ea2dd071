package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/matrix"
)

// tableWidth is how wide the matrix is written.
const tableWidth = 100

func newMatrix(s Streams) *cobra.Command {
	var ruleSet string
	var markdown bool
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: "Tells where the KPL's aggregation has to be disabled, and what happens otherwise",
		Long: `Writes the usage matrix of the Kinesis Producer Library (KPL): what to do about its aggregation, for each consumer and
each way to checkpoint, and what a run of the real thing came to where the advice was ignored.

The rule set today is what holds now, the ways of kplkit included. The rule set 2015 is AWS's page, which dates from
KCL 1.4: its seven rows in other words. 'kplkit matrix check' answers for one consumer.

  ok                   leave aggregation on
  deaggregate          leave it on, and take aggregates apart after GetRecords
  disable-or-extended  turn it off, or store extended sequence numbers
  disable              turn it off, or change the consumer
  not-applicable       there is nothing to aggregate, or no such checkpoint
  unknown              nobody has run it

With --json: a line for each row, with the fields of 'kplkit matrix check --json', and one for each condition.`,
		Example: `  kplkit matrix
  kplkit matrix --rule-set 2015
  kplkit matrix check --consumer java --via kcl --kcl 2.7 --checkpoint none`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := matrix.ParseRuleSet(ruleSet)
			switch {
			case err != nil:
				return usageError{err}
			case markdown && jsonFlag(cmd):
				return usageError{errors.New("--json and --markdown: which of them?")}
			}
			var out bytes.Buffer
			switch {
			case markdown:
				err = matrix.WriteMarkdown(&out, set)
			case jsonFlag(cmd):
				err = writeMatrixJSON(&out, set)
			case set == matrix.Year2015:
				writeMatrix2015(&out)
			default:
				writeMatrixToday(&out)
			}
			if err == nil {
				_, err = s.Out.Write(out.Bytes())
			}
			return err
		},
	}
	addRuleSet(cmd, &ruleSet)
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write Markdown")
	cmd.AddCommand(newMatrixCheck(s))
	return cmd
}

func addRuleSet(cmd *cobra.Command, ruleSet *string) {
	cmd.Flags().StringVar(ruleSet, "rule-set", "today", "`SET` of rows: today, or 2015 for AWS's page")
	completeValues(cmd, "rule-set", "today", "2015")
}

// completeValues offers the values of a flag to the shell.
func completeValues(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func writeMatrixJSON(out *bytes.Buffer, set matrix.RuleSet) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, r := range matrix.Rows(set) {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	for _, c := range matrix.Conditions(set) {
		if err := encoder.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

func writeMatrix2015(out *bytes.Buffer) {
	const line = "%-14s %-29s %-15s %-3s %-19s %s\n"
	fmt.Fprintf(out, line, "ROW", "PRODUCER: CONSUMER", "CHECKPOINT", "KPL", "AGGREGATION", "IF IGNORED")
	for _, r := range matrix.Rows(matrix.Year2015) {
		usable := map[bool]string{true: "yes", false: "no"}[r.KPLUsable]
		fmt.Fprintf(out, line, r.Rule, r.Producer+": "+r.Consumer, r.Checkpoint, usable, r.Aggregation, firstOutcome(r.Ignored))
	}
	fmt.Fprintf(out, "\nThe rows are those of AWS's page, which dates from KCL 1.4. What holds now: %s matrix\n", programName())
}

func writeMatrixToday(out *bytes.Buffer) {
	const line = "  %-15s %-19s  %-25s  %s\n"
	fmt.Fprintf(out, line, "CHECKPOINT", "AGGREGATION", "IF IGNORED", "ROW")
	about := ""
	for _, r := range matrix.Rows(matrix.Today) {
		if r.About() != about {
			about = r.About()
			fmt.Fprintln(out, strings.ToUpper(about[:1])+about[1:])
		}
		fmt.Fprintf(out, line, r.Checkpoint, r.Aggregation, firstOutcome(r.IfIgnored()), r.Rule)
	}
	fmt.Fprint(out, "\nnone is checkpoint() once the whole batch is processed; ignored, it was called inside a batch.\n")
	fmt.Fprint(out, "ok is about checkpoints: what the KPL puts, a KCL from 1.4 on loses in part at a reshard.\n")
	fmt.Fprint(out, "\nBesides, whatever the checkpoint:\n")
	for _, c := range matrix.Conditions(matrix.Today) {
		fmt.Fprintf(out, "  %-27s  %s\n", c.Condition, cmp.Or(c.Measured, "read, not run"))
		wrap(out, c.What+". What to do: "+c.Change+".", "      ")
	}
	fmt.Fprintf(out, "\nFor a consumer of yours, and what to do: %s matrix check --help\n", programName())
}

// firstOutcome returns the first of several outcomes of runs.
func firstOutcome(outcomes string) string {
	first, _, _ := strings.Cut(outcomes, " / ")
	first, _, _ = strings.Cut(first, "; ")
	return cmp.Or(first, "-")
}

// wrap writes text in lines that begin with indent.
func wrap(w io.Writer, text, indent string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > tableWidth-len(indent) {
			fmt.Fprintln(w, indent+line)
			line = ""
		}
		line += map[bool]string{true: "", false: " "}[line == ""] + word
	}
	fmt.Fprintln(w, indent+line)
}
