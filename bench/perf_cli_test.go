package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// commandLine runs kplkit deagg --data raw and the peers as whole processes over one capture of JSON lines, their start included.
func commandLine(s *session) {
	folder := s.t.TempDir()
	kplkit := filepath.Join(folder, "kplkit")
	build := exec.Command("go", "build", "-o", kplkit, "./cmd/kplkit")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	size := 64 << 20
	if s.short() {
		size = 8 << 20
	}
	s.note("A capture of %d MiB of aggregates of 50 KB, 100 B records. Whole processes: CPU and elapsed seconds, medians.", size>>20)
	capture, users := writeCapture(s, folder, size)
	commands := []struct {
		name  string
		start func() *exec.Cmd
		goal  float64
	}{{"kplkit", func() *exec.Cmd { return exec.Command(kplkit, "deagg", "--data", "raw", capture) }, 0}}
	for _, p := range []struct {
		peer
		goal float64
	}{{python, 9}, {node, 6}} {
		if p.there(s) {
			commands = append(commands, struct {
				name  string
				start func() *exec.Cmd
				goal  float64
			}{p.name, func() *exec.Cmd { return p.on(capture) }, p.goal})
		}
	}
	var cs []contender
	want := outputOf(s, commands[0].start())
	for _, c := range commands {
		if outputOf(s, c.start()) != want {
			s.t.Errorf("%s writes something else than kplkit", c.name)
		}
		cs = append(cs, contender{name: c.name, timed: func(time.Duration) spending { return whole(s, c.start()) }})
	}
	spent := takeTurns(min(s.rounds, 7), 0, cs)
	s.table("program", "CPU s", "elapsed s", "ns of CPU per user record")
	for _, c := range commands {
		x := spent[c.name]
		s.row(c.name, number(x.per(1e9).median), number(x.perWall(1e9).median), number(x.per(users).median))
		if c.goal > 0 {
			s.atLeast(c.goal, "`kplkit deagg --data raw`, × "+c.name+", whole process", x.over(spent["kplkit"]), "")
		}
	}
}

func writeCapture(s *session, folder string, size int) (file string, users int) {
	d := aggregates(size, usualAggregate, 100, 10)
	var b bytes.Buffer
	for _, r := range d.stored {
		fmt.Fprintf(&b, `{"sequence_number":"%s","partition_key":"a","approximate_arrival_timestamp":1795529839.123,"data":"%s"}`+"\n",
			r.SequenceNumber, base64.StdEncoding.EncodeToString(r.Data))
	}
	file = filepath.Join(folder, "capture.jsonl")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file, d.users
}

// whole is what a process takes whose output nobody reads.
func whole(s *session, cmd *exec.Cmd) spending {
	began := time.Now()
	if err := cmd.Run(); err != nil {
		s.t.Fatal(cmd.Args, err)
	}
	return spending{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), time.Since(began)}
}

func outputOf(s *session, cmd *exec.Cmd) [32]byte {
	cmd.Stderr = nil
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatal(cmd.Args, err)
	}
	return sha256.Sum256(out)
}
