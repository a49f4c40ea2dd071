package kpldaemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
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
