//go:build unix

package rows

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStart: what kplkit multilang init writes fetches the jars of each version and starts its daemon, which hands all over. At SIGTERM
// to the process group, as a terminal sends an interrupt, the last checkpoint is stored, inside an aggregate too.
func TestStart(t *testing.T) {
	for _, version := range []string{"1.14.10", "2.7.2", "3.1.3"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			st := &stage{world: newWorld(t, part{name: "multilang-start-" + version}), stream: "start-" + version, application: "start-" + version + "-consumer"}
			st.createStream(t, st.stream, 1)
			newOurs(st.world).put(t, st.stream, false, names(userRecords))
			if version > "3" {
				st.createLeaseTable(t, st.application)
			}
			daemon, delivered := startDaemon(t, st, version)
			waitForLines(t, delivered, userRecords, "r099")
			if err := syscall.Kill(-daemon.cmd.Process.Pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			_ = daemon.cmd.Wait() // by the signal
			text, _ := os.ReadFile(delivered)
			if lines := strings.Fields(string(text)); lines[len(lines)-1] != "stopping" {
				t.Errorf("it was ended by %s", lines[len(lines)-1])
			}
			stored := st.stored(t, st.stream)
			last := stored[len(stored)-1]
			if want := fmt.Sprintf("%s:%d", last.SequenceNumber, len(last.Users)-1); st.lease(t) != want {
				t.Errorf("the lease says %s, want %s\n%.4000s", st.lease(t), want, daemon.said)
			}
		})
	}
}

// startedDaemon is a start.sh.
type startedDaemon struct {
	cmd  *exec.Cmd
	said *bytes.Buffer
}

// startDaemon starts what init writes, with settings for the test's servers besides. The file gets what is delivered.
func startDaemon(t *testing.T, st *stage, version string) (d startedDaemon, delivered string) {
	folder := t.TempDir()
	delivered = filepath.Join(folder, "delivered")
	program, err := filepath.Abs("../python/last_word.py")
	if err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Abs(filepath.Join(cache, "row"))
	if err != nil {
		t.Fatal(err)
	}
	init := exec.Command(filepath.Join(bin, "kplkit"), "multilang", "init", st.stream, "--kcl", version, "--dir", folder, "--", "python3", program, delivered)
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	settings := filepath.Join(folder, "multilang.properties")
	written, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	written = fmt.Appendf(written, "kinesisEndpoint = %s\ndynamoDBEndpoint = %s\nmetricsLevel = NONE\nretrievalMode = POLLING\n", st.kinesisURL, st.dynamodbURL)
	if err := os.WriteFile(settings, written, 0o666); err != nil {
		t.Fatal(err)
	}
	d = startedDaemon{exec.Command(filepath.Join(folder, "start.sh")), new(bytes.Buffer)}
	repository, _ := filepath.Abs(filepath.Join(cache, "maven"))
	d.cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "MAVEN_OPTS=-Dmaven.repo.local="+repository,
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"JAVA_TOOL_OPTIONS=-Dcom.amazonaws.sdk.disableCbor=true -Daws.cborEnabled=false -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1") // our Kinesis speaks JSON
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.cmd.Stdout, d.cmd.Stderr = d.said, d.said
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL) }) // no error where it has ended
	return d, delivered
}

// waitForLines waits until a file has a line that is the last one to come, and as many others.
func waitForLines(t *testing.T, file string, n int, last string) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		if bytes.Contains(text, []byte(last+"\n")) && bytes.Count(text, []byte("\n")) >= n {
			return
		}
	}
	t.Fatalf("not all were delivered in %v", patience)
}
