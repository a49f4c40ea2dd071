package separate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kplkit/kplkit/producer"
)

// ChildError says that a child has ended, or could not be started, and what it said last. As the error of Start and Flush, and
// within that of Put and of results, it means that no child will be started any more: close the Parent, and look at the reason.
type ChildError struct {
	Command string   // the program
	Status  string   // how it ended: "exit status 2", "signal: killed"; "" if it never ran
	Words   []string // the last lines that it wrote to stderr, and the one that says why it crashed
	Err     error    // why the parent takes it for ended, or does not start it again
}

func (e *ChildError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, prefix+"%s: %v", e.Command, e.Err)
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

// brief is all of it in a line: of the words that of a crash, or the last.
func (e *ChildError) brief() string {
	text := e.Err.Error()
	if e.Status != "" {
		text += " (" + e.Status + ")"
	}
	if len(e.Words) == 0 {
		return text
	}
	words := e.Words[len(e.Words)-1]
	if isCrash(e.Words[0]) {
		words = e.Words[0]
	}
	return text + ": " + words
}

// Unwrap returns Err.
func (e *ChildError) Unwrap() error { return e.Err }

// errZero is that of a Parent that Start has not made.
var errZero = errors.New(prefix + "this Parent is the zero value, which has no child: Start makes one")

// What follows is only half an error, until a recordError wraps it.
var (
	errNoStream = errors.New("there can be no stream of this name: want 1 to 128 of a-z, A-Z, 0-9, _, . and -, or an ARN")

	errClosed  = fmt.Errorf("%w, so start another Parent", producer.ErrClosed)
	errGivenUp = fmt.Errorf("%w: no result when the context of Close was done, though it may be stored; give Close more time, or put it again", producer.ErrClosed)
)

// recordError is an error of a record: which one. It keeps none of its data.
type recordError struct {
	stream, key string
	bytes       int
	advice      string // before the error, which may be long
	err         error
}

// notTaken is the error of Put, resulted that of a result.
func (e *pending) notTaken(err error) error {
	return e.errorOf(err, "not taken, since no child runs any more; look at why, and start another Parent")
}

func (e *pending) resulted(err error) error {
	return e.errorOf(err, "no result, so it may be stored all the same, and no child runs any more; look at why, start another Parent, and put it again if twice is better than never")
}

// errorOf says which record an error is about, and of a child's what to do.
func (e *pending) errorOf(err error, advice string) error {
	if _, ok := err.(*ChildError); !ok {
		advice = ""
	}
	return &recordError{e.stream, e.record.PartitionKey, len(e.record.Data), advice, err}
}

func (e *recordError) Error() string {
	text := e.err.Error()
	if e.advice != "" {
		text = e.advice + ": " + strings.TrimPrefix(text, prefix)
	}
	return fmt.Sprintf(prefix+"stream %.300q: record %.50q of %d bytes: %s", e.stream, e.key, e.bytes, text)
}

// prefix begins all errors of the package.
const prefix = "separate: "

func (e *recordError) Unwrap() error { return e.err }
