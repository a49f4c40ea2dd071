package cli

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"processor": processor,
		"signaller": signaller,
		"kplkit": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			context.AfterFunc(ctx, stop) // as main does
			os.Exit(Run(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// TestScripts runs the commands as a user does.
func TestScripts(t *testing.T) {
	kinesis := kinesisfake.New(kinesisfake.Options{})
	t.Cleanup(kinesis.Close) // after the scripts, which are parallel tests
	if err := createStream(kinesis, "orders:2"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(kinesis)
	t.Cleanup(server.Close)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0") // under -race each command would sleep a second before it ends
			e.Setenv("KINESIS", server.URL)
			e.Setenv("CONFIGURATION", configurationOf(t, server.URL))
			captures, err := filepath.Abs("../../deagg/testdata/kpl-mini")
			e.Setenv("CAPTURES", captures)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// configurationOf returns the argument -c of kplkit daemon for a Kinesis.
func configurationOf(t *testing.T, url string) string {
	t.Helper()
	text, err := kplpipe.FormatArgument(&kplpb.Message{Id: new(uint64), ActualMessage: &kplpb.Message_Configuration{Configuration: &kplpb.Configuration{
		Region: proto.String("us-east-1"), KinesisEndpoint: &url, MetricsLevel: proto.String("none"),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// exits CODE ARG… runs kplkit and checks its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: exits CODE ARG…")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec("kplkit", args[1:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
