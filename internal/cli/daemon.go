package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kplkit/kplkit/internal/kpldaemon"
)

// daemonOptions are the flags of kplkit daemon.
type daemonOptions struct {
	kpldaemon.Arguments
	logLevel   string
	stackTrace bool
}

// exitDaemonFailed is the KPL's code of an error that may be gone when the process is started again.
const exitDaemonFailed = 2

// daemonGC is how much garbage may come on top of what is held, in percent. The process runs beside the user's program: it
// takes a quarter of the native binary's time, and should take no more memory either.
const daemonGC = 25

func newDaemon(s Streams) *cobra.Command {
	var o daemonOptions
	cmd := &cobra.Command{
		Use:   "daemon -o FIFO -i FIFO -c HEX [flags]",
		Short: "Puts records for another process, as the KPL's native binary does",
		Long: `Puts records for another process: stands in for the KPL's native binary, with the same arguments, frames and log lines.
docs/separate-process.md says what they hold. The Java wrapper takes it by setNativeExecutable: give it a script of one
line, exec kplkit daemon "$@".

In: frames from -o, which the parent writes. Out: frames to -i, which the parent reads. Both at once may be -: frames
come on stdin then, and go to stdout. With --listen, any number of clients connect to a socket: PATH is a Unix socket
that only this user can open; tcp:PORT is a port of the loopback interface, where a client's first frame has to be the
token that the environment variable ` + kpldaemon.TokenVariable + ` holds. Each client has its own ids.
The line {"listen":ADDRESS} on stdout says that it can connect. Logs go to stderr.

It ends when its parent closes the pipe or dies, at SIGTERM, and without a parent at an interrupt: it sends what it
holds for --grace at most, and answers as long as somebody reads. A socket is removed.

Exit codes are the KPL's: 1 for a bad argument or setting, where starting again does not help, 2 for any other error.`,
		Example: `  kplkit daemon -o to-child -i from-child -c 0801320CBA0109… -k 08014A20…
  kplkit daemon -o - -i - -c 0801320CBA0109…
  kplkit daemon --listen /run/user/1000/kplkit.sock -c 0801320CBA0109… --default-credentials`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDaemon(cmd.Context(), s, o) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return err }) // exit code 1, as the KPL's users know it
	f := cmd.Flags()
	f.StringVarP(&o.From, "output-pipe", "o", "", "`FIFO` that the parent writes and kplkit reads; -: stdin (required)")
	f.StringVarP(&o.To, "input-pipe", "i", "", "`FIFO` that the parent reads and kplkit writes; -: stdout (required)")
	f.StringVarP(&o.Configuration, "configuration", "c", "", "a Message with configuration, in `HEX` (required)")
	f.StringVarP(&o.Credentials, "kinesis-credentials", "k", "", "a Message with set_credentials, in `HEX`; without it they come in a frame")
	f.StringVarP(&o.Cloudwatch, "cloudwatch-credentials", "w", "", "the same for CloudWatch, in `HEX`")
	f.BoolVar(&o.DefaultCredentials, "default-credentials", false, "without -k, look where AWS's tools do: environment, ~/.aws, the machine's role")
	f.StringVarP(&o.logLevel, "log-level", "l", "", "`LEVEL`: trace, debug, info, warning, error, fatal or off; warning unless given")
	f.BoolVarP(&o.stackTrace, "enable-stack-trace", "t", false, "write the stacks of all goroutines at a crash")
	f.StringVarP(&o.CAPath, "ca-path", "a", os.Getenv("CA_DIR"), "`FOLDER` with certificates to trust; CA_DIR unless given, and the file CA_FILE")
	f.StringVar(&o.Listen, "listen", "", "serve clients on a Unix socket, `PATH`, or on tcp:PORT")
	f.DurationVar(&o.Grace, "grace", 4*time.Second, "how long what is held is sent at the end")
	f.Int64Var(&o.MaxBuffered, "max-buffered", kpldaemon.DefaultMaxBuffered, "`BYTES` of records without an answer; when they are reached, no more are read")
	return cmd
}

func runDaemon(ctx context.Context, s Streams, o daemonOptions) error {
	o.CAFile = os.Getenv("CA_FILE")
	o.Token = os.Getenv(kpldaemon.TokenVariable)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(daemonGC)
	}
	if o.stackTrace {
		debug.SetTraceback("all")
	}
	if o.From != "" {
		ctx = context.WithoutCancel(ctx) // an interrupt at the terminal is the parent's business
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends the process at once
	signal.Ignore(syscall.SIGPIPE)
	ready := func(addr string) {
		if o.To != "-" {
			_ = json.NewEncoder(s.Out).Encode(map[string]string{"listen": addr})
		}
	}
	log := kpldaemon.NewLogger(s.Err, o.logLevel)
	err := kpldaemon.Run(ctx, o.Arguments, s.In, s.Out, ready, log)
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	if strings.EqualFold(o.logLevel, "off") || strings.EqualFold(o.logLevel, "fatal") {
		log = kpldaemon.NewLogger(s.Err, "error") // why it ends is said at any rate
	}
	log.Error(err.Error(), slog.Int("exit", daemonExit(err)))
	return exitError{daemonExit(err)}
}

func daemonExit(err error) int {
	if errors.Is(err, kpldaemon.ErrSetting) {
		return exitFailed
	}
	return exitDaemonFailed
}

// exitError ends a command that has said why with an exit code of another program.
type exitError struct{ code int }

func (exitError) Error() string { return "" }
