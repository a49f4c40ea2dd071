package cli

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// replacement is a file that is written next to the one that was asked for, and takes its place when it is whole: nobody
// ever finds half of it there.
type replacement struct {
	target string // what was asked for, without symbolic links
	part   *os.File
}

// checkReplaced refuses a file that is there and would lose what is needed of it: one that is read, too, or is where
// stdout or stderr go. It returns what it is without symbolic links, and what the system says of it, nil if it is not there.
func checkReplaced(name string, s Streams, inputs []string) (target string, info os.FileInfo, err error) {
	target = realName(name)
	if info, err = os.Stat(name); err != nil {
		return target, nil, nil // what is wrong is said when it is made
	}
	switch {
	case isStream(info, s.Out):
		err = errors.New("it is stdout, too, and would be lost; name another file")
	case isStream(info, s.Err):
		err = errors.New("it is stderr, too, and would be lost; name another file")
	case info.Mode().IsRegular() && isInput(info, s.In, inputs):
		err = errors.New("it is read, too, and what is not read of it would be lost; name another file")
	}
	return target, info, err
}

// realName follows symbolic links, also to a file that is not there yet: what is replaced is never the link.
func realName(name string) string {
	for range 40 { // links may go in a circle
		if real, err := filepath.EvalSymlinks(name); err == nil {
			return real
		}
		next, err := os.Readlink(name)
		if err != nil {
			break
		}
		if folder, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil && !filepath.IsAbs(next) {
			next = filepath.Join(folder, next)
		}
		name = next
	}
	return name
}

// isStream reports whether a regular file is where a stream goes.
func isStream(file os.FileInfo, stream io.Writer) bool {
	f, ok := stream.(*os.File)
	if !ok || !file.Mode().IsRegular() {
		return false
	}
	info, err := f.Stat()
	return err == nil && os.SameFile(file, info)
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

// replace begins a file with a mode, or with that of the one that it replaces.
func replace(target string, mode os.FileMode) (*replacement, error) {
	info, replaced := os.Stat(target)
	for try := 0; ; try++ {
		part, err := os.OpenFile(fmt.Sprintf("%s.%08x.part", target, rand.Uint32()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, os.ErrExist) && try < 100 {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := &replacement{target, part}
		if replaced == nil {
			if err := part.Chmod(info.Mode().Perm()); err != nil {
				r.discard()
				return nil, err
			}
		}
		return r, nil
	}
}

// finish puts the file in its place. After an error, also one of writing, the place stays as it was, and what is written,
// unless that is nothing, is kept under its own name.
func (r *replacement) finish(written error) (kept string, err error) {
	if err = written; err == nil {
		err = r.part.Sync()
	}
	part := r.part.Name()
	if err = errors.Join(err, r.part.Close()); err == nil {
		err = os.Rename(part, r.target)
	}
	if err == nil {
		return "", nil
	}
	if info, _ := os.Stat(part); info == nil || info.Size() == 0 {
		os.Remove(part)
		return "", err
	}
	return part, err
}

// discard leaves everything as it was.
func (r *replacement) discard() {
	r.part.Close()
	os.Remove(r.part.Name())
}

// replaceWith writes a file as a whole. What is there and is no regular file, as a pipe, is written to.
func replaceWith(name string, text []byte) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, text, 0)
	}
	r, err := replace(realName(name), 0o666)
	if err != nil {
		return err
	}
	_, err = r.part.Write(text)
	kept, err := r.finish(err)
	if kept != "" {
		os.Remove(kept) // it can be drawn again
	}
	return err
}
