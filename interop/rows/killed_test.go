package rows

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kplkit/kplkit/interop/servers"
)

const (
	kills        = 10 // of the child of a client, in a run
	usersPerKill = 50
	// killStep is how much later each kill comes after its user records are put than the one before: the child holds
	// them for 100 ms, and has their answers answerTime later.
	killStep   = 15 * time.Millisecond
	answerTime = 30 * time.Millisecond
)

// killed is a client whose child is killed while it has user records without a result.
type killed struct{ client }

func (k killed) put(t *testing.T, stream string, _ bool, users []string) (stored []string) {
	requireClients(t)
	launcher, started := newLauncher(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.world.iterators.ServeHTTP(servers.Late(w, answerTime), r)
	}))
	t.Cleanup(service.Close)
	p := k.start(t, launcher, service.URL)
	p.wake(t, stream)
	uncounted(stream)
	for i := range kills {
		some := users[i*usersPerKill:][:usersPerKill]
		results := p.begin(t, stream, false, some)
		time.Sleep(time.Duration(i) * killStep)
		pids := started()
		if err := syscall.Kill(pids[len(pids)-1], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for j, r := range results {
			if got := p.wait(t, r); got.err == "" {
				stored = append(stored, some[j])
			} else {
				t.Errorf("%s is not stored: %s", some[j], got.err)
			}
		}
		for deadline := time.Now().Add(patience); len(started()) == len(pids); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not start another child\n%s", p.name, p.log)
			}
		}
	}
	return stored
}

// newLauncher writes a script that notes its process and becomes kplkit. started returns the processes so far.
func newLauncher(t *testing.T) (script string, started func() []int) {
	folder := t.TempDir()
	script, pids := filepath.Join(folder, "kplkit"), filepath.Join(folder, "pids")
	kplkit, err := filepath.Abs(builtKplkit)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\necho $$ >>'%s'\nexec '%s' \"$@\"\n", pids, kplkit)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return script, func() (found []int) {
		text, _ := os.ReadFile(pids)
		for _, line := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(line); err == nil {
				found = append(found, pid)
			}
		}
		return found
	}
}
