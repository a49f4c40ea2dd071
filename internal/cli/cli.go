// Package cli holds the commands of kplkit. Each begins in the file of its name.
//
// Only results go to stdout. What a command has to say about them, errors, counts and progress, goes to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Streams are the standard streams of a run.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run runs the command line args, without the program's name, and returns the exit code. When ctx is done, commands
// stop after a whole line of output and return 1.
func Run(ctx context.Context, args []string, s Streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	code := exitCode(err)
	if err != nil && err.Error() != "" {
		fmt.Fprintf(s.Err, "kplkit: %v\n", err)
	}
	if code == exitUsage {
		fmt.Fprintf(s.Err, "See '%s --help'.\n", cmd.CommandPath())
	}
	return code
}

func newRoot(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kplkit",
		Short: "Reads, explains and checks what the Kinesis Producer Library wrote",
		Long: `kplkit reads, explains and checks what the Kinesis Producer Library (KPL) put into a Kinesis stream.

It exits with 0 if all is fine, 1 if something failed, 2 on wrong usage, and 3 if it finished and found something
to act on. Only results go to stdout.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().Bool("json", false, `write JSON, one object a line, each with "v":1`)
	group(root)
	root.AddCommand(newAgg(s), newDaemon(s), newDeagg(s), newDemo(s), newDemoWorker(s), newInspect(s), newLocal(s), newMatrix(s), newMultilang(s), newProxy(s), newPut(s), newSeqnum(s))
	return root
}

// group makes cmd, which only holds other commands, refuse to run without one of them.
func group(cmd *cobra.Command) {
	cmd.Args = usageArgs(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cmd.SetOut(cmd.ErrOrStderr())
		_ = cmd.Help()
		return usageError{errors.New("which command?")}
	}
}

func jsonFlag(cmd *cobra.Command) bool {
	on, _ := cmd.Flags().GetBool("json")
	return on
}

// version is the module's version as the Go toolchain stamped it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// programName is how to call this program again.
func programName() string {
	if path, _ := os.Executable(); strings.Contains(path, "go-build") { // where go run builds
		return "go run ./cmd/kplkit"
	}
	return "kplkit"
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
