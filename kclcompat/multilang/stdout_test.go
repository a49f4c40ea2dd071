package multilang_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/kplkit/kplkit/kclcompat"
	"github.com/kplkit/kplkit/kclcompat/multilang"
)

func TestMain(m *testing.M) {
	switch os.Getenv("MULTILANG_CHILD") {
	case "":
		os.Exit(m.Run())
	case "prints":
		child(func() {
			fmt.Println("stray: fmt")
			early.Print("stray: log")
			cmd := exec.Command("echo", "stray: child process")
			cmd.Stdout = keptStdout
			if err := cmd.Run(); err != nil {
				log.Fatal(err)
			}
		})
		fmt.Println("after Run")
	case "panics":
		child(func() { panic("the processor's own") })
	}
}

// Who has kept os.Stdout before Run.
var (
	keptStdout = os.Stdout
	early      = log.New(os.Stdout, "", 0)
)

func child(do func()) {
	err := multilang.Run(context.Background(), os.Stdin, os.Stdout, func(string) kclcompat.Processor {
		return writer(func(context.Context, kclcompat.Batch, *kclcompat.Checkpointer) error { do(); return nil })
	})
	if err != nil {
		log.Fatal(err)
	}
}

func runChild(mode, in string) (stdout, stderr string, err error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MULTILANG_CHILD="+mode, "GORACE=atexit_sleep_ms=0")
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// TestStrayPrints: nothing but the daemon's lines reaches stdout, whoever prints.
func TestStrayPrints(t *testing.T) {
	stdout, stderr, err := runChild("prints", newInitialize+oneRecord+`{"action":"leaseLost"}`)
	want := `{"action":"status","responseFor":"initialize"}
{"action":"status","responseFor":"processRecords"}
{"action":"status","responseFor":"leaseLost"}
after Run
`
	if runtime.GOOS == "windows" {
		t.Skip("only the variable os.Stdout leads elsewhere there")
	}
	if err != nil || stdout != want {
		t.Errorf("%v: stdout is\n%s\nwant\n%s", err, stdout, want)
	}
	for _, stray := range []string{"stray: fmt", "stray: log", "stray: child process"} {
		if !strings.Contains(stderr, stray) {
			t.Errorf("stderr lacks %s:\n%s", stray, stderr)
		}
	}
}

// TestPanic: a panic of the Processor is reported and ends the process with a code that is not 0. The batch has no answer.
func TestPanic(t *testing.T) {
	stdout, stderr, err := runChild("panics", newInitialize+oneRecord+`{"action":"leaseLost"}`)
	if err == nil || !strings.Contains(stderr, "panic: the processor's own") || strings.Contains(stdout, "processRecords") {
		t.Errorf("%v: %s\n%s", err, stdout, stderr)
	}
}
