package kpldaemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// Arguments are those of the process, as they were given.
type Arguments struct {
	From, To                               string // -o and -i: the FIFO that is read, and the one that is written; - is stdin and stdout
	Listen, Token                          string // --listen, and what a TCP connection has to send first
	Configuration, Credentials, Cloudwatch string // hexadecimal
	DefaultCredentials                     bool
	CAPath, CAFile                         string
	Grace                                  time.Duration
	MaxBuffered                            int64
}

// ErrSetting is wrapped in the error of an argument that will not get better by starting the process again.
var ErrSetting = errors.New("")

type settingError struct{ error }

func (settingError) Is(target error) bool { return target == ErrSetting }
func (e settingError) Unwrap() error      { return e.error }

func setting(format string, args ...any) error { return settingError{fmt.Errorf(format, args...)} }

// Run serves until its parent's pipe ends, or ctx is done. It sends what it holds then, for a.Grace at most. The ready
// function is called with the address that it listens on.
func Run(ctx context.Context, a Arguments, stdin io.Reader, stdout io.Writer, ready func(addr string), log *slog.Logger) error {
	d, err := a.daemon(ctx, log)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	if a.Listen != "" {
		l, err := listen(a.Listen, a.Token)
		if err != nil {
			return settingError{err}
		}
		defer l.Close()
		ready(l.address())
		go l.serve(d)
	}
	served := make(chan error, 1)
	if a.From != "" {
		if err := a.checkPipes(); err != nil {
			return err
		}
		go func() {
			served <- a.servePipes(ctx, d, stdin, stdout, end)
			end()
		}()
	} else {
		served <- nil
	}
	<-ctx.Done()
	log.Info("Ending: what is held is sent", slog.Duration("for_at_most", a.Grace))
	sending, cancel := context.WithTimeout(context.Background(), a.Grace)
	defer cancel()
	d.Close(sending)
	return <-served
}

// daemon reads the arguments in the KPL's order.
func (a Arguments) daemon(ctx context.Context, log *slog.Logger) (*Daemon, error) {
	for _, required := range []struct{ value, name string }{{a.From, "output-pipe"}, {a.To, "input-pipe"}} {
		if required.value == "" && (a.Listen == "" || a.From+a.To != "") {
			return nil, setting("the option '--%s' is required", required.name)
		}
	}
	if a.Configuration == "" {
		return nil, setting("the option '--configuration' is required")
	}
	if a.Grace < 0 || a.MaxBuffered < minBuffered || a.MaxBuffered > mostBuffered {
		return nil, setting("--grace %v, --max-buffered %d: want 0s or more, and %d to %d", a.Grace, a.MaxBuffered, minBuffered, mostBuffered)
	}
	o := Options{CAPath: a.CAPath, CAFile: a.CAFile, MaxBuffered: a.MaxBuffered, Logger: log}
	m, err := argument("configuration", a.Configuration)
	if err != nil {
		return nil, err
	}
	if o.Configuration = m.GetConfiguration(); o.Configuration == nil {
		return nil, setting("--configuration holds another message: want a Message with configuration")
	}
	if err := kplpipe.Validate(o.Configuration); err != nil {
		return nil, setting("--configuration: %w", err)
	}
	if o.Kinesis, err = keys("kinesis-credentials", a.Credentials); err != nil {
		return nil, err
	}
	if o.Metrics, err = keys("cloudwatch-credentials", a.Cloudwatch); err != nil {
		return nil, err
	}
	if o.Kinesis.Pipe == nil && a.DefaultCredentials {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, setting("--default-credentials: %w", err)
		}
		o.Kinesis.Provider = cfg.Credentials
	}
	d, err := New(ctx, o)
	if err != nil { // all of it is settings
		return nil, settingError{err}
	}
	return d, nil
}

// Limits of --max-buffered: the largest record twice, and what an int holds everywhere, twice.
const (
	minBuffered  = 24 << 20
	mostBuffered = 1000 << 20
)

func argument(name, text string) (*kplpb.Message, error) {
	m, err := kplpipe.ParseArgument(text)
	switch {
	case errors.Is(err, kplpipe.ErrHex):
		return nil, setting("Input is not valid hexadecimal: --%s: %w", name, err)
	case err != nil:
		return nil, setting("Could not deserialize protobuf message: --%s: %w", name, err)
	}
	return m, nil
}

func keys(name, text string) (Keys, error) {
	if text == "" {
		return Keys{}, nil
	}
	m, err := argument(name, text)
	if err != nil {
		return Keys{}, err
	}
	if m.GetSetCredentials() == nil {
		return Keys{}, setting("--%s holds another message: want a Message with set_credentials", name)
	}
	return Keys{Pipe: m.GetSetCredentials().GetCredentials()}, nil
}

// checkPipes reports what is no FIFO.
func (a Arguments) checkPipes() error {
	for _, pipe := range []struct{ option, name string }{{"--output-pipe", a.From}, {"--input-pipe", a.To}} {
		if pipe.name == "-" {
			continue
		}
		at, err := os.Stat(pipe.name)
		switch {
		case err != nil:
			return setting("%s: %w", pipe.option, err)
		case at.Mode()&os.ModeNamedPipe == 0:
			return setting("%s %s: it is not a FIFO: make one with mkfifo, or give - for the standard input and output", pipe.option, pipe.name)
		}
	}
	return nil
}

// servePipes opens both pipes and serves the parent.
func (a Arguments) servePipes(ctx context.Context, d *Daemon, stdin io.Reader, stdout io.Writer, ended func()) error {
	both, err := a.open(ctx, stdin, stdout)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	defer a.close(both)
	d.log.Info("Both pipes are open")
	if err := d.serve("parent", both.in, both.out, ended); err != nil && !errors.Is(err, errClosing) {
		d.log.Error("The parent is cut off", slog.Any("error", err))
		return err
	}
	return nil
}

// pipe is what became of one of the two pipes.
type pipe struct {
	in  io.Reader
	out io.Writer
	err error
}

// open opens both pipes at once: each waits for the parent, which may open them in any order.
func (a Arguments) open(ctx context.Context, stdin io.Reader, stdout io.Writer) (both pipe, err error) {
	opened := make(chan pipe, 2)
	go func() {
		if a.From == "-" {
			opened <- pipe{in: stdin}
			return
		}
		f, err := os.OpenFile(a.From, os.O_RDONLY, 0)
		opened <- pipe{in: f, err: err}
	}()
	go func() {
		if a.To == "-" {
			opened <- pipe{out: stdout}
			return
		}
		f, err := os.OpenFile(a.To, os.O_WRONLY, 0)
		opened <- pipe{out: f, err: err}
	}()
	parent := os.Getppid()
	watch := time.NewTicker(parentWatch)
	defer watch.Stop()
	for both.in == nil || both.out == nil {
		select {
		case p := <-opened:
			switch {
			case p.err != nil:
				return both, settingError{p.err}
			case p.in != nil:
				both.in = p.in
			default:
				both.out = p.out
			}
		case <-watch.C:
			if os.Getppid() != parent {
				return both, errors.New("the parent has died before it opened the pipes")
			}
		case <-ctx.Done():
			return both, ctx.Err()
		}
	}
	return both, nil
}

// close closes what open opened.
func (a Arguments) close(both pipe) {
	if a.From != "-" {
		both.in.(io.Closer).Close()
	}
	if a.To != "-" {
		both.out.(io.Closer).Close()
	}
}

// parentWatch is how often is looked whether the parent lives, while it has not opened the pipes.
const parentWatch = 500 * time.Millisecond
