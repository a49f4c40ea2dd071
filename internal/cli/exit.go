package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

// The exit codes. When several apply, wrong usage goes before failure, and failure before findings.
const (
	exitFine     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitFindings = 3
)

// usageError is an error in how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errReported ends a command that failed, and has told why.
var errReported = errors.New("")

// errFindings ends a command that finished and found something to act on.
var errFindings = errors.New("") // a second value: they are told apart by identity

func exitCode(err error) int {
	other := exitError{}
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &other):
		return other.code
	case errors.As(err, new(usageError)):
		return exitUsage
	case err == errFindings:
		return exitFindings
	}
	return exitFailed
}

// usageArgs makes what check refuses a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}
