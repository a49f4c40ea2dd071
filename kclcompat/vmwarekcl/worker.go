package vmwarekcl

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
)

// Worker is vmware's worker, with an end of its own. NewWorker makes one.
type Worker struct {
	err    error // of NewWorker's arguments
	inner  *worker.Worker
	leases *leaseTable

	starting chan struct{} // holds a token while vmware's worker starts, or is told to stop
	started  bool          // guarded by starting
	stopping atomic.Bool
	stopped  chan struct{}
	cause    error // why it has stopped by itself
}

var errZero = errors.New("vmwarekcl: the Worker is empty: NewWorker makes one")

// Start starts to work, in goroutines. It fails if something is wrong with NewWorker's arguments, the stream's name or the
// lease table, if the table holds leases of another stream (ErrNewStream, OnNewStream), and with what the services
// answer: first of all Kinesis, which is asked for the stream's shards before a table is made. Where a service can't be
// reached it fails after the attempts of the SDK. It may be called again after an error, and only then.
func (w *Worker) Start() error {
	switch {
	case w.stopped == nil:
		return errZero
	case w.err != nil:
		return w.err
	}
	w.starting <- struct{}{}
	defer func() { <-w.starting }()
	switch {
	case w.leases.running.Err() != nil:
		return errors.New("vmwarekcl: the worker was shut down: make a new one")
	case w.started:
		return errors.New("vmwarekcl: the worker was started before")
	}
	if err := w.leases.listFirst(); err != nil {
		return err
	}
	err := w.inner.Start()
	w.started = err == nil
	return err
}

// Shutdown stops the worker and returns when it has ended. The contexts of all ProcessRecords calls end at once; each
// Processor is then shut down with the reason Stopping and the leases are handed back.
//
// It returns within one failover time after the last call into a Processor has returned, whatever Kinesis and DynamoDB
// do, and however long vmware sleeps; what is left of it ends by itself. A Processor that does not return is waited for, so
// never call Shutdown from one: go worker.Shutdown().
func (w *Worker) Shutdown() {
	if w.stopped != nil {
		w.shutdown(nil)
	}
}

// Wait returns when the worker has ended: nil after Shutdown, or why it stopped by itself (WithFailureLimit). For a worker
// that was not started it returns an error at once; while Start runs it waits for that.
func (w *Worker) Wait() error {
	if w.stopped == nil {
		return errZero
	}
	select {
	case <-w.stopped:
		return w.cause
	case w.starting <- struct{}{}:
	}
	started := w.started
	<-w.starting
	if !started && !w.stopping.Load() {
		return errors.New("vmwarekcl: the worker was not started: call Start first, and Wait where that returns nil")
	}
	<-w.stopped
	return w.cause
}

func (w *Worker) shutdown(cause error) {
	if w.stopping.Swap(true) {
		<-w.stopped
		return
	}
	defer close(w.stopped)
	w.cause = cause
	if w.leases == nil {
		return
	}
	began := time.Now()
	w.leases.stop()
	cut := time.AfterFunc(w.leases.failover()/2, w.leases.calls.cut)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var both sync.WaitGroup
		both.Go(w.leases.releaseAll)
		both.Go(w.stopVMware)
		both.Wait()
		w.leases.calls.cut()
		cut.Stop()
	}()
	w.await(ended, began)
}

func (w *Worker) stopVMware() {
	w.starting <- struct{}{}
	defer func() { <-w.starting }()
	w.inner.Shutdown()
}

// await waits until vmware's worker has ended, or nothing has come of it for a failover time though no Processor is
// at work.
func (w *Worker) await(ended <-chan struct{}, began time.Time) {
	lt := w.leases
	for {
		since, quiet := lt.calls.idle()
		if since.Before(began) {
			since = began
		}
		var patience <-chan time.Time
		if quiet == nil {
			left := lt.failover() - time.Since(since)
			if left <= 0 {
				lt.cfg.Logger.Warnf("kplkit: worker %s: vmware-go-kcl-v2 still sleeps, or waits for an answer of Kinesis or DynamoDB: that ends by itself", lt.cfg.WorkerID)
				return
			}
			patience = time.After(left)
		}
		select {
		case <-ended:
			return
		case <-quiet:
		case <-patience:
		}
	}
}
