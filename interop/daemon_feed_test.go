package interop

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// feed is a Java process with the KPL's wrapper (java/kpl/Feed.java), which has as many KPLs as it is told to.
type feed struct {
	*outcomes
	port string // of Kinesis
	temp string // where the wrapper makes its FIFOs

	writing sync.Mutex
	in      *bufio.Writer

	puts    []*put                 // by id
	answers map[answerOf]chan text // to all commands but P
	kpls    int
}

type (
	text     = string
	answerOf struct {
		kind byte
		kpl  int
	}
)

// startFeed starts a wrapper, which ends with the test.
func startFeed(t *testing.T, version, port string) *feed {
	home := filepath.Join(".cache", "kpl-"+version)
	f := &feed{outcomes: newOutcomes(t, "KPL "+version), port: port, temp: t.TempDir(), answers: map[answerOf]chan text{}}
	cmd := exec.CommandContext(t.Context(), "java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Djava.io.tmpdir="+f.temp,
		"-cp", filepath.Join(home, "classes")+string(filepath.ListSeparator)+filepath.Join(home, "lib", "*"), "Feed")
	cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "AWS_JAVA_V1_DISABLE_DEPRECATION_ANNOUNCEMENT=true")
	cmd.Stderr = f.log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("KPL %s: %v (is it installed? run.sh does that)", version, err)
	}
	f.in = bufio.NewWriter(in)
	go f.read(bufio.NewReader(out))
	t.Cleanup(func() {
		in.Close() // it ends with that
		select {
		case <-f.ended:
		case <-time.After(patience):
			t.Errorf("the wrapper does not end\n%s", f.log)
			cmd.Process.Kill()
		}
		cmd.Wait()
	})
	return f
}

// read takes the answers until the process ends.
func (f *feed) read(out io.Reader) {
	defer close(f.ended)
	for {
		var head struct {
			Kind           byte
			Number, Length int32
		}
		if binary.Read(out, binary.BigEndian, &head) != nil {
			return
		}
		body := make([]byte, head.Length)
		if _, err := io.ReadFull(out, body); err != nil {
			return
		}
		f.mu.Lock()
		if head.Kind == 'R' || head.Kind == 'X' {
			p := f.puts[head.Number]
			f.mu.Unlock()
			f.settle(p, head.Kind == 'X', string(body))
			continue
		}
		waiting := f.answers[answerOf{head.Kind, int(head.Number)}]
		f.mu.Unlock()
		waiting <- string(body)
	}
}

// tell sends a command: numbers, texts, and bytes. The last nil is a text that is absent.
func (f *feed) tell(kind byte, arguments ...any) {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.in.WriteByte(kind)
	for _, a := range arguments {
		switch a := a.(type) {
		case int:
			binary.Write(f.in, binary.BigEndian, int32(a))
		case string:
			binary.Write(f.in, binary.BigEndian, int32(len(a)))
			f.in.WriteString(a)
		case []byte:
			binary.Write(f.in, binary.BigEndian, int32(len(a)))
			f.in.Write(a)
		case nil:
			binary.Write(f.in, binary.BigEndian, int32(-1))
		}
	}
	if err := f.in.Flush(); err != nil {
		f.t.Errorf("the wrapper takes no command: %v\n%s", err, f.log)
	}
}

// ask sends a command and waits for its answer.
func (f *feed) ask(kind byte, kpl int, arguments ...any) text {
	f.t.Helper()
	answer := make(chan text, 1)
	f.mu.Lock()
	f.answers[answerOf{kind, kpl}] = answer
	f.mu.Unlock()
	f.tell(kind, append([]any{kpl}, arguments...)...)
	select {
	case a := <-answer:
		return a
	case <-f.ended:
		f.t.Fatalf("the wrapper has ended\n%s", f.log)
	case <-time.After(patience):
		f.t.Fatalf("the wrapper does not answer %c\n%s", kind, f.log)
	}
	return ""
}
