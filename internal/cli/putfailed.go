package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/kplkit/kplkit/internal/recordio"
	"github.com/kplkit/kplkit/producer"
)

// failedFile collects what a run could not put, as lines that kplkit put reads. They are written next to the file that
// was asked for, and take its place when the run has ended: nobody ever finds half a run there, or half a line. A nil
// failedFile collects nothing.
type failedFile struct {
	name   string // as it was asked for
	target string // the same without symbolic links
	part   *os.File

	mu   sync.Mutex // for one line after the other
	line []byte
	n    int64
	err  error // the first one of writing
}

// openFailedFile returns nil for no name. It refuses a file that is an input, too: at an interrupt the rest of that
// would be gone.
func openFailedFile(name string, stdin io.Reader, inputs []string) (*failedFile, error) {
	if name == "" {
		return nil, nil
	}
	f := &failedFile{name: name, target: name}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		f.target = target
	}
	mode := os.FileMode(0o600) // what failed is as private as what was put
	if info, err := os.Stat(f.target); err == nil {
		mode = info.Mode().Perm()
		switch {
		case !info.Mode().IsRegular():
			return nil, usageError{fmt.Errorf("--failed %s: it is there, and not a regular file", name)}
		case isInput(info, stdin, inputs):
			return nil, usageError{fmt.Errorf("--failed %s: it is read, too, and what is not read of it would be lost; name another file", name)}
		}
	}
	part, err := os.CreateTemp(filepath.Dir(f.target), filepath.Base(f.target)+".*.part")
	if err == nil {
		f.part = part
		err = part.Chmod(mode)
	}
	if err != nil {
		f.discard()
		return nil, fmt.Errorf("--failed %s: %w", name, err)
	}
	return f, nil
}

// isInput reports whether a file is one of the inputs, under any name.
func isInput(file os.FileInfo, stdin io.Reader, inputs []string) bool {
	for info := range inputFiles(stdin, inputs) {
		if info != nil && os.SameFile(file, info) {
			return true
		}
	}
	return false
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
		_, f.err = f.part.Write(f.line)
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
	if f == nil || f.part == nil {
		return nil
	}
	err := f.err
	if err == nil {
		err = f.part.Sync()
	}
	part := f.part.Name()
	if err = errors.Join(err, f.part.Close()); err == nil {
		err = os.Rename(part, f.target)
	}
	info, _ := os.Stat(part)
	if err != nil && (info == nil || info.Size() == 0) {
		f.discard()
		return fmt.Errorf("--failed %s is not written: %w", f.name, err)
	}
	f.part = nil
	if err != nil {
		return fmt.Errorf("--failed %s is not written: %w; what is written of it is in %s", f.name, err, part)
	}
	return nil
}

// discard leaves everything as it was.
func (f *failedFile) discard() {
	if f == nil || f.part == nil {
		return
	}
	f.part.Close()
	os.Remove(f.part.Name())
	f.part = nil
}
