//go:build unix

package separate

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// native is the KPL's own binary: it speaks through two FIFOs, in a folder that is removed as soon as both are open.
type native struct {
	piped
	folder        string
	read, written fifo
	opened        chan struct{} // closed when both are, and the folder is gone
}

func (n *native) in() io.WriteCloser { return nativeInput{&n.written, &n.piped} }
func (n *native) out() io.ReadCloser { return &n.read }

func (n *native) wait() string {
	text := n.piped.wait()
	n.read.release()
	n.written.release()
	<-n.opened
	return text
}

// nativeInput: the binary aborts at the end of its input, so it is ended by SIGTERM, as its own wrapper does.
type nativeInput struct {
	*fifo
	child *piped
}

func (n nativeInput) Close() error {
	n.child.cmd.Process.Signal(syscall.SIGTERM)
	return n.fifo.Close()
}

// startNative starts the KPL's binary. Its names of the FIFOs are the parent's view: it writes into -i, and reads -o.
func startNative(command []string, credentials *kplpb.Credentials) (process, error) {
	first := setCredentials(credentials, false)
	first.Id = new(uint64(0))
	text, err := kplpipe.FormatArgument(first)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "kplkit-separate-")
	if err != nil {
		return nil, err
	}
	n := &native{folder: folder, read: newFIFO(folder, "i"), written: newFIFO(folder, "o"), opened: make(chan struct{})}
	command = append(command, "-t", "-i", n.read.path, "-o", n.written.path, "-k", text)
	for _, f := range []*fifo{&n.read, &n.written} {
		if err := syscall.Mkfifo(f.path, 0o600); err != nil {
			os.RemoveAll(folder)
			return nil, fmt.Errorf("mkfifo %s: %w", f.path, err)
		}
	}
	p, err := startPiped(command)
	if err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	n.piped = *p.(*piped)
	n.piped.stdin.Close()
	go n.discard()
	go n.open()
	return n, nil
}

// discard reads what the binary writes to stdout, so that it never waits for it.
func (n *native) discard() {
	io.Copy(io.Discard, n.piped.stdout)
	n.piped.stdout.Close()
}

// open opens both ends side by side: the binary may open them in any order.
func (n *native) open() {
	var both sync.WaitGroup
	both.Go(func() { n.read.open(os.O_RDONLY) })
	both.Go(func() { n.written.open(os.O_WRONLY) })
	both.Wait()
	os.RemoveAll(n.folder)
	close(n.opened)
}

// fifo is one end, which is used as soon as the child has opened the other.
type fifo struct {
	path   string
	opened chan struct{}
	file   *os.File
	err    error
}

func newFIFO(folder, name string) fifo {
	return fifo{path: filepath.Join(folder, name), opened: make(chan struct{})}
}

func (f *fifo) open(flag int) {
	f.file, f.err = os.OpenFile(f.path, flag, 0)
	close(f.opened)
}

func (f *fifo) Read(b []byte) (int, error) {
	if <-f.opened; f.err != nil {
		return 0, f.err
	}
	return f.file.Read(b)
}

func (f *fifo) Write(b []byte) (int, error) {
	if <-f.opened; f.err != nil {
		return 0, f.err
	}
	return f.file.Write(b)
}

func (f *fifo) Close() error {
	f.release()
	if <-f.opened; f.err != nil {
		return nil
	}
	return f.file.Close()
}

// release lets an open go on that waits for the child. O_RDWR waits for nobody.
func (f *fifo) release() {
	select {
	case <-f.opened:
		return
	default:
	}
	if other, err := os.OpenFile(f.path, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
		<-f.opened
		other.Close()
	}
}
