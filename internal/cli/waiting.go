package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	smithy "github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	sayAfter = 3 * time.Second  // without an answer
	sayAgain = 30 * time.Second // and from then on
)

// waiting says on stderr what a command waits for: the call that has waited longest, once nothing has been answered
// for a while. A call that fails without an answer does not end that while, since it is often tried again.
type waiting struct {
	stderr io.Writer

	mu      sync.Mutex
	calls   []*waitingCall // under way, the oldest first
	silent  time.Time      // since when nothing has been answered; zero: nothing is asked for
	next    time.Time      // not to say it before
	ticking bool
}

// waitingCall is what is waited for.
type waitingCall struct {
	what string
	host string // "": not known yet
}

// begin notes that something is asked for.
func (w *waiting) begin(what string) *waitingCall {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &waitingCall{what: what}
	w.calls = append(w.calls, c)
	if w.silent.IsZero() {
		w.silent = time.Now()
	}
	if !w.ticking {
		w.ticking = true
		time.AfterFunc(time.Second, w.tick)
	}
	return c
}

// end notes that it is over, and whether by an answer. What is still under way is waited for from here on.
func (w *waiting) end(c *waitingCall, answered bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = slices.DeleteFunc(w.calls, func(other *waitingCall) bool { return other == c })
	if answered {
		w.silent, w.next = time.Now(), time.Time{}
		if len(w.calls) == 0 {
			w.silent = time.Time{}
		}
	}
}

// tick comes every second while anything is under way. It writes without the lock: calls do not wait for stderr.
func (w *waiting) tick() {
	text, more := w.due(time.Now())
	if text != "" {
		io.WriteString(w.stderr, text)
	}
	if more {
		time.AfterFunc(time.Second, w.tick)
	}
}

// due returns what is to be said now, if anything, and whether to go on.
func (w *waiting) due(now time.Time) (text string, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.calls) == 0 {
		w.ticking, w.silent = false, time.Time{}
		return "", false
	}
	silent := now.Sub(w.silent)
	if silent < sayAfter || now.Before(w.next) {
		return "", true
	}
	w.next = now.Add(sayAgain)
	what := w.calls[0].what
	if host := w.calls[0].host; host != "" {
		what += " from " + host
	}
	return fmt.Sprintf("kplkit: no %s for %.0f seconds, still waiting\n", what, silent.Seconds()), true
}

// watch is an API option of the SDK: it tells of each call, which its attempts are part of.
func (w *waiting) watch(stack *smithy.Stack) error {
	type key struct{}
	call := func(ctx context.Context, in smithy.InitializeInput, next smithy.InitializeHandler) (smithy.InitializeOutput, smithy.Metadata, error) {
		c := w.begin("answer to " + middleware.GetOperationName(ctx))
		out, meta, err := next.HandleInitialize(smithy.WithStackValue(ctx, key{}, c), in)
		w.end(c, err == nil || apiErrorCode(err) != "")
		return out, meta, err
	}
	attempt := func(ctx context.Context, in smithy.FinalizeInput, next smithy.FinalizeHandler) (smithy.FinalizeOutput, smithy.Metadata, error) {
		c, _ := smithy.GetStackValue(ctx, key{}).(*waitingCall)
		if r, ok := in.Request.(*smithyhttp.Request); ok && c != nil {
			w.mu.Lock()
			c.host = r.URL.Host
			w.mu.Unlock()
		}
		return next.HandleFinalize(ctx, in)
	}
	if err := stack.Initialize.Add(smithy.InitializeMiddlewareFunc("kplkitWaiting", call), smithy.Before); err != nil {
		return err
	}
	return stack.Finalize.Add(smithy.FinalizeMiddlewareFunc("kplkitWaitingHost", attempt), smithy.After)
}
