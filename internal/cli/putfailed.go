package cli

import (
	"errors"
	"fmt"
	"sync"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/producer"
)

// failedFile collects what a run could not put, as lines that kplkit put reads. It takes the place of the file that was
// asked for when the run has ended. A nil failedFile collects nothing.
type failedFile struct {
	name string       // as it was asked for
	file *replacement // nil: finished, or discarded

	mu   sync.Mutex // for one line after the other
	line []byte
	n    int64
	err  error // the first one of writing
}

// openFailedFile returns nil for no name. It refuses a file that is an input, too: at an interrupt the rest of that
// would be gone.
func openFailedFile(name string, s Streams, inputs []string) (*failedFile, error) {
	if name == "" {
		return nil, nil
	}
	target, info, err := checkReplaced(name, s, inputs)
	if err == nil && info != nil && !info.Mode().IsRegular() {
		err = errors.New("it is there, and not a regular file")
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--failed %s: %w", name, err)}
	}
	file, err := replace(target, 0o600) // what failed is as private as what was put
	if err != nil {
		return nil, fmt.Errorf("--failed %s: %w", name, err)
	}
	return &failedFile{name: name, file: file}, nil
}

// add appends a user record, and why it failed. An error of writing is kept for finish.
func (f *failedFile) add(at place, r *producer.Record, why error) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := recordio.AppendKeys(append(f.line[:0], `{"v":1`...), r.PartitionKey, r.ExplicitHashKey)
	b = recordio.AppendBase64(append(b, `,"data":`...), r.Data)
	f.line = append(appendFailure(b, at, why), "}\n"...)
	if f.err == nil {
		_, f.err = f.file.part.Write(f.line)
		f.n++
	}
	if cap(f.line) > 1<<20 {
		f.line = nil
	}
}

// appendFailure appends where a user record comes from, and why it failed, as fields of a JSON object.
func appendFailure(b []byte, at place, why error) []byte {
	b = recordio.AppendText(b, `,"file":`, at.file)
	b = fmt.Appendf(b, `,"line":%d`, at.line)
	return recordio.AppendText(b, `,"error":`, why.Error())
}

// finish puts the file in its place, empty if nothing failed. Where that fails the place stays as it is, and so does what is
// written: nobody else may have it.
func (f *failedFile) finish() error {
	if f == nil || f.file == nil {
		return nil
	}
	kept, err := f.file.finish(f.err)
	f.file = nil
	switch {
	case err != nil && kept != "":
		return fmt.Errorf("--failed %s is not written: %w; what is written of it is in %s", f.name, err, kept)
	case err != nil:
		return fmt.Errorf("--failed %s is not written: %w", f.name, err)
	}
	return nil
}

// discard leaves everything as it was.
func (f *failedFile) discard() {
	if f != nil && f.file != nil {
		f.file.discard()
		f.file = nil
	}
}
