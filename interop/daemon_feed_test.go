package interop

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// feed is a Java process with the KPL's wrapper (java/kpl/Feed.java), which has as many KPLs as it is told to.
type feed struct {
	t    *testing.T
	port string // of Kinesis
	temp string // where the wrapper makes its FIFOs

	writing sync.Mutex
	in      *bufio.Writer

	mu      sync.Mutex
	puts    []*put                 // by id
	answers map[answerOf]chan text // to all commands but P
	kpls    int
	latest  time.Time // when the latest put that is stored was begun
	ended   chan struct{}
	log     *tail
}

type (
	text     = string
	answerOf struct {
		kind byte
		kpl  int
	}
)

// put is a user record that was put, and what became of it, which may be read once done is closed.
type put struct {
	stream, key, hashKey string // the latter in decimal, "" without one
	data                 []byte

	done           chan struct{}
	refused        bool // by the wrapper, in its caller's face
	silent         bool // it has no result, and is not waited for any more
	shard, number  string
	attempts, err  string
	begun, settled time.Time
}

func (p *put) stored() bool { return p.err == "" && !p.silent }

// startFeed starts a wrapper, which ends with the test.
func startFeed(t *testing.T, version, port string) *feed {
	home := filepath.Join(".cache", "kpl-"+version)
	f := &feed{t: t, port: port, temp: t.TempDir(), answers: map[answerOf]chan text{}, ended: make(chan struct{}), log: new(tail)}
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
		if head.Kind == 'R' || head.Kind == 'X' {
			f.settle(int(head.Number), head.Kind == 'X', string(body))
			continue
		}
		f.mu.Lock()
		waiting := f.answers[answerOf{head.Kind, int(head.Number)}]
		f.mu.Unlock()
		waiting <- string(body)
	}
}

// settle notes what became of a put. A second answer to one panics: each has exactly one.
func (f *feed) settle(id int, refused bool, result string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.puts[id]
	if p.silent {
		return
	}
	if p.settled, p.refused, p.err = time.Now(), refused, result; !refused {
		r := strings.SplitN(result, "\t", 4)
		p.shard, p.number, p.attempts, p.err = r[0], r[1], r[2], r[3]
	}
	if p.stored() && p.begun.After(f.latest) {
		f.latest = p.begun
	}
	close(p.done)
}

// giveUp waits no longer for a put.
func (f *feed) giveUp(p *put) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-p.done:
	default:
		p.silent = true
	}
}

// lastStored is when the latest put that is stored was begun.
func (f *feed) lastStored() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest
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

// wait waits for the results of puts.
func (f *feed) wait(puts []*put) {
	f.t.Helper()
	late := time.After(patience)
	for _, p := range puts {
		select {
		case <-p.done:
		case <-f.ended:
			f.t.Fatalf("the wrapper has ended\n%s", f.log)
		case <-late:
			f.t.Fatalf("a put has no result\n%s", f.log)
		}
	}
}

// tail is the end of a log.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if n := len(l.text) - 4000; n > 0 {
		l.text = append([]byte(nil), l.text[n:]...)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
