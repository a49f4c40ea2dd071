package separate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/kplkit/kplkit/internal/childproc"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// process is a child that runs, as the supervisor sees it.
type process interface {
	pid() int
	in() io.WriteCloser // what it reads; closing it asks the child to end
	out() io.ReadCloser // the frames that it writes
	log() io.ReadCloser // its stderr
	wait() string       // returns when it has ended: how, in words. Called once
	kill()              // ends it at once; harmless when it has ended
}

// launcher starts a child with the credentials of now. Tests have their own.
type launcher func(credentials *kplpb.Credentials) (process, error)

// kplkit stops reading while half of its buffer is full, and holds records that have expired here a little longer. So that
// it never has to, its buffer is this many times as large; it is told so where its own default, in bytes, is less.
const (
	childShare  = 4
	childBuffer = 256 * mebibyte

	mostBuffered = kplpipe.MostBuffered / childShare // of the parent, so that the child can have that
)

// piped is a real child on its standard input and output.
type piped struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr io.ReadCloser
}

func (p *piped) pid() int           { return p.cmd.Process.Pid }
func (p *piped) in() io.WriteCloser { return p.stdin }
func (p *piped) out() io.ReadCloser { return p.stdout }
func (p *piped) log() io.ReadCloser { return p.stderr }
func (p *piped) kill()              { childproc.Kill(p.cmd.Process) }

func (p *piped) wait() string {
	p.cmd.Wait() // its error says the same
	return p.cmd.ProcessState.String()
}

// newLauncher returns what starts the child that the Config names.
func newLauncher(cfg *Config, settings *kplpb.Configuration) (launcher, error) {
	argument, err := kplpipe.FormatArgument(&kplpb.Message{Id: new(uint64(0)), ActualMessage: &kplpb.Message_Configuration{Configuration: settings}})
	if err != nil {
		return nil, fmt.Errorf("separate: %w", err)
	}
	command := append(cfg.Command[:len(cfg.Command):len(cfg.Command)], "-c", argument, "-l", cfg.LogLevel)
	if cfg.isKplkit() {
		command = append(command, "-i", "-", "-o", "-")
		if most := childShare * int64(cfg.MaxBuffered); most > childBuffer {
			command = append(command, "--max-buffered", strconv.FormatInt(most, 10))
		}
		return func(*kplpb.Credentials) (process, error) { return startPiped(command) }, nil
	}
	return func(credentials *kplpb.Credentials) (process, error) { return startNative(command, credentials) }, nil
}

// startPiped starts a child. Its pipes are not those of os/exec, which closes them when the child has ended: what the
// child wrote last would be lost.
func startPiped(command []string) (_ process, err error) {
	var ours, theirs [3]*os.File
	defer func() {
		closeAll(theirs[:])
		if err != nil {
			closeAll(ours[:])
		}
	}()
	for i := range ours {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		if ours[i], theirs[i] = r, w; i == 0 {
			ours[i], theirs[i] = w, r
		}
	}
	cmd := newCommand(command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &piped{cmd, ours[0], ours[1], ours[2]}, nil
}

// newCommand is a child in a process group of its own, so that Ctrl-C at the terminal leaves it to the program.
func newCommand(command []string) *exec.Cmd {
	cmd := exec.Command(command[0], command[1:]...)
	childproc.OwnGroup(cmd)
	return cmd
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// notStarted is why a child could not be started.
func notStarted(program string, err error) error {
	var at *fs.PathError
	if errors.Is(err, exec.ErrNotFound) || errors.As(err, &at) && at.Path == program {
		return fmt.Errorf(`%w: install kplkit, or set Config.Command to {"/path/to/kplkit", "daemon"}`, err)
	}
	return err
}

// misnamed is the first error of a kplkit that is started as if it were the KPL's native binary.
const misnamed = "unknown shorthand flag: 'c'"

// withoutDaemon adds to why a child ended that it is kplkit, where Config.Command does not say so.
func (c *Config) withoutDaemon(end *ChildError) error {
	if !c.isKplkit() && strings.Contains(strings.Join(end.Words, "\n"), misnamed) {
		return fmt.Errorf(`%w: it is kplkit, so set Config.Command to {%q, "daemon"}`, end.Err, c.Command[0])
	}
	return end.Err
}
