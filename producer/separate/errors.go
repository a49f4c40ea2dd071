package separate

import (
	"fmt"
	"strings"
)

// ChildError says that a child has ended, or could not be started, and what it said last. As the error of Start, Put
// and results it means that no child will be started any more: close the Parent, and look at the reason.
type ChildError struct {
	Command string   // the program
	Status  string   // how it ended: "exit status 2", "signal: killed"; "" if it never ran
	Words   []string // the last lines that it wrote to stderr, and the one that says why it crashed
	Err     error    // why the parent takes it for ended, or does not start it again
}

func (e *ChildError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "separate: %s: %v", e.Command, e.Err)
	if e.Status != "" {
		fmt.Fprintf(&b, " (%s)", e.Status)
	}
	if len(e.Words) > 0 {
		fmt.Fprintf(&b, "; its last words:\n\t%s", strings.Join(e.Words, "\n\t"))
	} else if e.Status != "" {
		b.WriteString("; it said nothing")
	}
	return b.String()
}

// Unwrap returns Err.
func (e *ChildError) Unwrap() error { return e.Err }
