package kpldaemon

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestOrphan: a process whose parent died before it began knows that the one that it has is another.
func TestOrphan(t *testing.T) {
	const inside = "KPLKIT_TEST_ORPHAN"
	if os.Getenv(inside) != "" {
		fmt.Println("orphan:", orphan())
		os.Exit(0)
	}
	for name, c := range map[string]struct {
		script string // its sh is the parent, unless that is exec
		own    bool   // the sh has a session of its own
		want   string
	}{
		"the parent lives":                  {`"$0" -test.run='^TestOrphan$'; :`, false, "orphan: false\n"},
		"and has a session of its own":      {`"$0" -test.run='^TestOrphan$'; :`, true, "orphan: false\n"},
		"the child has one":                 {`exec "$0" -test.run='^TestOrphan$'`, true, "orphan: false\n"},
		"the parent is dead when it begins": {`(sleep 0.2; exec "$0" -test.run='^TestOrphan$') & exit`, true, "orphan: true\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", c.script, os.Args[0])
			cmd.Env = append(os.Environ(), inside+"=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: c.own}
			out, err := cmd.Output() // ends when nobody has the pipe any more
			if err != nil || string(out) != c.want {
				t.Errorf("%q, %v, want %q", out, err, c.want)
			}
		})
	}
}
