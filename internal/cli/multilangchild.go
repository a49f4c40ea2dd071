package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/childproc"
	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
	"github.com/kplkit/kplkit/seqnum"
)

const (
	lastWords   = 10 * time.Second // for CMD to end where no checkpoint is possible any more
	lastLines   = time.Second      // for what CMD has written, when it has ended: processes of its own may hold its pipes
	mostAnswers = 10_000           // to checkpoints, that CMD has not read
)

// childOptions are the flags of kplkit multilang run.
type childOptions struct {
	command  []string
	ahead    int
	patience time.Duration
	log      io.Writer
}

// child is CMD, as the Processor of a shard. One goroutine writes to it and one reads what it says, always, so that neither
// waits for the other; a third waits for its end. The Processor's methods serve its checkpoints meanwhile.
type child struct {
	childOptions
	shardID string
	cmd     *exec.Cmd     // nil before it was started
	jobs    chan feeding  // for the goroutine that writes
	replies chan struct{} // there are answers to write
	news    chan struct{} // something has changed
	gone    chan struct{} // closed when CMD has ended

	mu       sync.Mutex
	commits  *kclcompat.Checkpointer
	given    []handed        // to CMD, and not done
	looked   int             // how many of them were looked at, to find those that CMD names
	done     seqnum.Extended // as CMD has said
	asked    int             // checkpoints to be made
	answers  []string        // lines to be written
	unfed    int             // feedings that are not written
	heard    time.Time       // when CMD last took a record or said something
	stopping bool            // it may end by itself
	exited   bool
	failure  error // the first one
}

// handed is a record that was given to CMD. Its data is not kept.
type handed struct {
	at seqnum.Extended
	u  deagg.UserRecord
}

func newChild(shardID string, o childOptions) *child {
	return &child{childOptions: o, shardID: shardID, jobs: make(chan feeding), replies: make(chan struct{}, 1), news: make(chan struct{}, 1), gone: make(chan struct{}), heard: time.Now()}
}

// Start starts CMD.
func (c *child) Start(ctx context.Context) error {
	said, out, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(c.command[0], c.command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, c.log, lastLines
	childproc.OwnGroup(cmd) // what ends the daemon's group must not end it before its last checkpoint
	childproc.EndWithParent(cmd)
	in, err := cmd.StdinPipe()
	read := make(chan struct{})
	if err == nil {
		err = c.live(cmd, said, read)
	}
	out.Close()
	if err != nil {
		said.Close()
		return fmt.Errorf("start CMD: %w", err)
	}
	go func() { defer close(read); c.read(said) }()
	go c.feed(in)
	d, _ := multilang.FromContext(ctx)
	return c.start(context.WithoutCancel(ctx), c.patience, feeding{last: startLine(c.shardID, d.From)})
}

// live starts CMD, and waits for its end in a goroutine that keeps its thread: the system kills CMD at the thread's end.
func (c *child) live(cmd *exec.Cmd, said io.Closer, read <-chan struct{}) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			c.cmd = cmd
		}
		started <- err
		if err == nil {
			c.wait(said, read)
		}
	}()
	return <-started
}

// ProcessRecords gives CMD a batch, and returns when it is done, but for as many records as CMD may be ahead.
func (c *child) ProcessRecords(ctx context.Context, b kclcompat.Batch, commits *kclcompat.Checkpointer) error {
	c.mu.Lock()
	c.commits = commits
	c.mu.Unlock()
	if err := c.start(ctx, c.patience, feeding{records: b.Records, last: batchEndLine(b.BehindLatest)}); err != nil {
		return err
	}
	return c.serve(ctx, c.patience, func() bool { return c.unfed == 0 && len(c.given) <= c.ahead })
}

// Shutdown tells CMD, and waits for its end.
func (c *child) Shutdown(ctx context.Context, r kclcompat.Reason, commits *kclcompat.Checkpointer) error {
	if c.cmd == nil {
		return nil
	}
	c.mu.Lock()
	c.commits, c.stopping = cmp.Or(c.commits, commits), true
	failure := c.failure
	c.mu.Unlock()
	if failure != nil {
		return failure // end kills it
	}
	patience, lost := c.patience, r == kclcompat.LeaseLost
	if lost {
		patience, ctx = lastWords, context.WithoutCancel(ctx)
	}
	if err := c.start(ctx, patience, feeding{last: shutdownLine(r), closing: lost}); err != nil {
		return err
	}
	if err := c.serve(ctx, patience, func() bool { return c.exited }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.given); n > 0 && r == kclcompat.ShardEnded {
		return fmt.Errorf("CMD has ended, and %d records of the shard are not done, the first at %s", n, c.given[0].at)
	}
	return nil
}

// end kills CMD if it still runs, and returns how it has failed.
func (c *child) end() error {
	if c.cmd == nil {
		return nil
	}
	c.mu.Lock()
	c.stopping = true
	exited, failure := c.exited, c.failure
	c.mu.Unlock()
	if !exited {
		failure = cmp.Or(failure, errors.New("CMD was killed, since it did not end"))
		childproc.Kill(c.cmd.Process)
		<-c.gone
	}
	return failure
}

// serve makes the checkpoints that CMD asks for until it is ready.
func (c *child) serve(ctx context.Context, patience time.Duration, ready func() bool) error {
	began := time.Now()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		c.mu.Lock()
		asked, over, failure, heard := c.asked, ready(), c.failure, c.heard
		c.asked = 0
		c.mu.Unlock()
		switch {
		case failure != nil:
			return failure
		case asked > 0:
			c.checkpoint(ctx, asked)
			continue
		case over:
			return nil
		}
		if heard.Before(began) {
			heard = began
		}
		left := patience - time.Since(heard)
		if left <= 0 {
			return c.fail(fmt.Errorf("CMD has said nothing and taken no record for %v (--patience), with %s: an answer is {\"done\":POSITION} or {\"checkpoint\":POSITION} in a line by itself, and flushed", patience, c.owing()))
		}
		timer.Reset(left)
		select {
		case <-c.news:
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *child) owing() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.given) == 0 {
		return "all records done"
	}
	return fmt.Sprintf("%d records not done, the first at %s", len(c.given), c.given[0].at)
}

// checkpoint stores what is done by now, and answers all that have asked before.
func (c *child) checkpoint(ctx context.Context, asked int) {
	c.mu.Lock()
	commits := c.commits
	c.mu.Unlock()
	r, err := commits.Checkpoint(ctx)
	line := checkpointedLine(r, err)
	c.mu.Lock()
	c.answers = append(c.answers, slices.Repeat([]string{line}, asked)...)
	c.heard = time.Now() // it may have waited for this answer
	c.mu.Unlock()
	wake(c.replies)
}

// fail keeps the first failure, and returns it.
func (c *child) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = cmp.Or(c.failure, err)
	wake(c.news)
	return c.failure
}

// wake says that there is something, to who has not been told yet.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wait waits for CMD's end. What it has said before counts, and so long is it listened to.
func (c *child) wait(said io.Closer, read <-chan struct{}) {
	err := c.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // a process of its own still has its stderr
	}
	select {
	case <-read:
	case <-time.After(lastLines):
		said.Close()
		<-read
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	how := "exit status 0"
	if err != nil {
		how = err.Error()
	}
	switch {
	case !c.stopping:
		c.failure = cmp.Or(c.failure, fmt.Errorf("CMD (%s) has ended by itself: %s", strings.Join(c.command, " "), how))
	case err != nil:
		c.failure = cmp.Or(c.failure, fmt.Errorf("CMD (%s) has ended: %s", strings.Join(c.command, " "), how))
	}
	c.exited = true
	close(c.gone)
	wake(c.news)
}

// oneAtATime lets CMD's stderr and its stray lines share a writer.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}
