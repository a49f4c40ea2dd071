package bench

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// installed is where interop/run.sh keeps the peers in other languages, or another checkout has them.
var installed = cmp.Or(os.Getenv("KPLKIT_PEERS"), "../interop/.cache")

// peer is another language's de-aggregator: how it is run on a file.
type peer struct {
	name, part string // part of interop/run.sh that installs it
	needs      string // a file of its installation
	command    []string
	env        string
}

var (
	javaKCL = peer{"Java KCL 3.5.1", "kcl-3.5.1", "kcl-3.5.1/lib", []string{"java", "-cp", installed + "/kcl-3.5.1/lib/*", "peers/Deaggregate.java"}, ""}
	python  = peer{"Python", "decoders", "python/bin/python", []string{installed + "/python/bin/python", "peers/deaggregate.py"}, ""}
	node    = peer{"Node", "decoders", "node/node_modules", []string{"node", "peers/deaggregate.js"}, "NODE_PATH=" + installed + "/node/node_modules"}
)

// there reports whether the peer can be run, and says in the document where it can't.
func (p peer) there(s *session) bool {
	if _, err := os.Stat(filepath.Join(installed, p.needs)); err == nil {
		if _, err := exec.LookPath(p.command[0]); err == nil {
			return true
		}
	}
	s.note("%s was not run: it is not installed (`interop/run.sh %s`).", p.name, p.part)
	return false
}

func (p peer) on(file string) *exec.Cmd {
	cmd := exec.Command(p.command[0], append(p.command[1:len(p.command):len(p.command)], file)...)
	cmd.Env = append(os.Environ(), p.env)
	cmd.Stderr = os.Stderr
	return cmd
}

// warmJava returns the Java KCL as a contender over d, in a process that lives until the test ends.
func warmJava(t *testing.T, d dataSet) contender {
	file := filepath.Join(t.TempDir(), "aggregates")
	var all []byte
	for _, r := range d.stored {
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(r.Data))), r.Data...)
	}
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := javaKCL.on(file)
	cmd.Stderr = nil // its logger
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	lines := bufio.NewReader(out)
	run := func(d0 time.Duration) (s spending) {
		fmt.Fprintln(in, d0.Milliseconds())
		users := 0
		if _, err := fmt.Fscanln(lines, &s.cpu, &s.wall, &users); err != nil || users != d.users {
			t.Fatalf("%s: %d user records, want %d: %v", javaKCL.name, users, d.users, err)
		}
		return s
	}
	for last, i := run(time.Second), 0; i < 20; i++ { // until it is warm
		next := run(time.Second)
		if next.cpu > last.cpu*95/100 && i > 1 {
			break
		}
		last = next
	}
	return contender{name: javaKCL.name, timed: run}
}
