//go:build unix

package kpldaemon

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// process is a run of the daemon in this process, with a Kinesis that has the stream a.
type process struct {
	*testing.T
	log   lines
	stop  context.CancelFunc
	ready chan string
	ended chan error
}

// start runs the daemon with these arguments, and a configuration and credentials if they have none.
func start(t *testing.T, a Arguments, in io.Reader, out io.Writer) *process {
	t.Helper()
	a.Grace = 4 * time.Second
	return startBeside(t, kinesisfake.Options{}, a, in, out)
}

func startBeside(t *testing.T, o kinesisfake.Options, a Arguments, in io.Reader, out io.Writer) *process {
	t.Helper()
	kin := kinesisfake.New(o)
	t.Cleanup(kin.Close)
	server := httptest.NewServer(kin)
	t.Cleanup(server.Close)
	client := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: aws.AnonymousCredentials{}})
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("a"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	a.Configuration = hexOf(t, &kplpb.Message{Id: proto.Uint64(0), ActualMessage: &kplpb.Message_Configuration{Configuration: &kplpb.Configuration{
		Region: proto.String("us-east-1"), KinesisEndpoint: &server.URL, MetricsLevel: proto.String("none"), RecordMaxBufferedTime: proto.Uint64(10)}}})
	a.Credentials = hexOf(t, &kplpb.Message{Id: proto.Uint64(0), ActualMessage: &kplpb.Message_SetCredentials{SetCredentials: &kplpb.SetCredentials{Credentials: akid("a")}}})
	a.MaxBuffered = DefaultMaxBuffered
	p := &process{T: t, ready: make(chan string, 1), ended: make(chan error, 1)}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	t.Cleanup(p.stop)
	go func() {
		p.ended <- Run(ctx, a, in, out, func(addr string) { p.ready <- addr }, NewLogger(&p.log, "info"))
	}()
	return p
}

func hexOf(t *testing.T, m *kplpb.Message) string {
	text, err := kplpipe.FormatArgument(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// end waits for the end of the daemon.
func (p *process) end() error {
	p.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(20 * time.Second):
		p.Fatalf("it does not end; log:\n%s", p.log.String())
		return nil
	}
}

func (p *process) address() string {
	p.Helper()
	select {
	case addr := <-p.ready:
		return addr
	case err := <-p.ended:
		p.Fatalf("it ended: %v", err)
	case <-time.After(20 * time.Second):
		p.Fatal("it does not listen")
	}
	return ""
}

// roundTrip puts a record and reads its result.
func roundTrip(t *testing.T, id uint64, w io.Writer, r io.Reader) {
	t.Helper()
	message, err := proto.Marshal(&kplpb.Message{Id: &id, ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{
		StreamName: proto.String("a"), PartitionKey: proto.String("k"), Data: []byte("d")}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(framed(message)); err != nil {
		t.Fatal(err)
	}
	m, err := kplpipe.NewReader(r, kplpipe.WrapperLimit).Read()
	if err != nil || m.GetSourceId() != id || !m.GetPutRecordResult().GetSuccess() {
		t.Fatalf("the result of put %d: %v, %v", id, m, err)
	}
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// TestUnixSocket: clients with the same ids are served side by side; the socket is the user's own, and gone at the end.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	p := start(t, Arguments{Listen: path}, nil, nil)
	if addr := p.address(); addr != path {
		t.Errorf("it listens on %s", addr)
	}
	if at, err := os.Lstat(path); err != nil || at.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v: others can connect", at.Mode(), err)
	}
	one, two := dial(t, "unix", path), dial(t, "unix", path)
	roundTrip(t, 1, one, one)
	roundTrip(t, 1, two, two)
	_, _ = io.WriteString(one, "GET / HTTP/1.1\r\n\r\n")
	if n, err := io.Copy(io.Discard, one); n != 0 || err != nil {
		t.Errorf("what does not speak the protocol gets %d bytes and %v, want an end", n, err)
	}
	roundTrip(t, 2, two, two)
	second := start(t, Arguments{Listen: path}, nil, nil)
	if err := second.end(); err == nil || !strings.Contains(err.Error(), "in use") || !errorsIsSetting(err) {
		t.Errorf("a second one on the same socket: %v", err)
	}
	p.stop()
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket file is left")
	}
	if !strings.Contains(p.log.String(), "is cut off") {
		t.Errorf("no log record of who was cut off:\n%s", p.log.String())
	}
}

// TestBadListen: a path that can't be is refused, and says why.
func TestBadListen(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string]string{
		file:                           "not a socket",
		"/" + strings.Repeat("x", 110): "too long",
		folder + "/none/s":             "no such file",
		"tcp:http":                     "want a port",
		"tcp:70000":                    "want a port",
		"tcp:0":                        TokenVariable,
	} {
		if err := start(t, Arguments{Listen: where}, nil, nil).end(); err == nil || !strings.Contains(err.Error(), want) || !errorsIsSetting(err) {
			t.Errorf("--listen %s: %v, want %q", where, err, want)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func errorsIsSetting(err error) bool {
	s, ok := err.(interface{ Is(error) bool })
	return ok && s.Is(ErrSetting)
}

// TestTCP: a connection has to send the token first.
func TestTCP(t *testing.T) {
	const token = "0123456789abcdef"
	p := start(t, Arguments{Listen: "tcp:0", Token: token}, nil, nil)
	addr := strings.TrimPrefix(p.address(), "tcp:")
	if !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Fatalf("it listens on %s", addr)
	}
	for name, first := range map[string]string{"another token": "0123456789abcdeX", "a shorter one": "0123", "a longer one": token + "x", "none": ""} {
		c := dial(t, "tcp", addr)
		_, _ = c.Write(framed([]byte(first)))
		if n, _ := io.Copy(io.Discard, c); n != 0 {
			t.Errorf("%s: it is answered", name)
		}
	}
	c := dial(t, "tcp", addr)
	_, _ = c.Write(framed([]byte(token)))
	roundTrip(t, 1, c, c)
	p.stop()
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

// TestStrangers: connections without the token take no client's place.
func TestStrangers(t *testing.T) {
	const token = "0123456789abcdef"
	l, err := listen("tcp:0", token)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.most = 2
	var log lines
	d, err := New(t.Context(), Options{Configuration: &kplpb.Configuration{Region: proto.String("us-east-1"), MetricsLevel: proto.String("none")}, Logger: NewLogger(&log, "info")})
	if err != nil {
		t.Fatal(err)
	}
	go l.serve(d)
	for range 2 * l.most {
		dial(t, "tcp", l.Addr().String())
	}
	c := dial(t, "tcp", l.Addr().String())
	c.SetDeadline(time.Now().Add(tokenTime / 2))
	_, _ = c.Write(framed([]byte(token)))
	request, _ := proto.Marshal(&kplpb.Message{Id: proto.Uint64(7), ActualMessage: &kplpb.Message_MetricsRequest{MetricsRequest: &kplpb.MetricsRequest{}}})
	_, _ = c.Write(framed(request))
	if m, err := kplpipe.NewReader(c, kplpipe.WrapperLimit).Read(); err != nil || m.GetSourceId() != 7 {
		t.Errorf("%v, %v", m, err)
	}
	c.Close()
	d.Close(t.Context())
}

// TestFIFOs: both are opened at once, so the parent may open them in any order; the daemon ends with its input.
func TestFIFOs(t *testing.T) {
	for _, readFirst := range []bool{true, false} {
		folder := t.TempDir()
		from, to := filepath.Join(folder, "from"), filepath.Join(folder, "to")
		for _, name := range []string{from, to} {
			if err := syscall.Mkfifo(name, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p := start(t, Arguments{From: from, To: to}, nil, nil)
		opened := map[string]*os.File{}
		open := func(name string, flag int) {
			f, err := os.OpenFile(name, flag, 0)
			if err != nil {
				t.Fatal(err)
			}
			opened[name] = f
		}
		if readFirst {
			open(to, os.O_RDONLY)
			open(from, os.O_WRONLY)
		} else {
			open(from, os.O_WRONLY)
			open(to, os.O_RDONLY)
		}
		roundTrip(t, 1, opened[from], opened[to])
		opened[from].Close()
		if err := p.end(); err != nil {
			t.Error(err)
		}
		if n, err := io.Copy(io.Discard, opened[to]); n != 0 || err != nil {
			t.Errorf("%d bytes and %v after the result", n, err)
		}
		opened[to].Close()
	}
}

// TestStandardStreams: - is stdin and stdout; what is held when the input ends is sent, and answered.
func TestStandardStreams(t *testing.T) {
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{in, to, from, out} {
		defer f.Close()
	}
	p := start(t, Arguments{From: "-", To: "-"}, in, out)
	roundTrip(t, 1, to, from)
	message, _ := proto.Marshal(&kplpb.Message{Id: proto.Uint64(2), ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{
		StreamName: proto.String("a"), PartitionKey: proto.String("k"), Data: []byte("d")}}})
	_, _ = to.Write(framed(message))
	to.Close()
	if err := p.end(); err != nil {
		t.Error(err)
	}
	m, err := kplpipe.NewReader(from, kplpipe.WrapperLimit).Read()
	if err != nil || m.GetSourceId() != 2 || !m.GetPutRecordResult().GetSuccess() {
		t.Errorf("%v, %v", m, err)
	}
}

// TestEndOfParent: the daemon ends after its grace, whatever Kinesis does, when the parent's pipe ends, when nobody reads
// the results, and when it is stopped.
func TestEndOfParent(t *testing.T) {
	for name, end := range map[string]func(p *process, to, from *os.File){
		"its pipe ends":      func(_ *process, to, _ *os.File) { to.Close() },
		"it is gone":         func(_ *process, to, from *os.File) { from.Close(); to.Close() },
		"nobody reads":       func(_ *process, to, from *os.File) { from.Close(); _, _ = to.Write(framed([]byte("\x08\x01\x3a\x00"))) },
		"the middle":         func(_ *process, to, _ *os.File) { _, _ = to.Write([]byte{0, 0, 0, 9, 8}); to.Close() },
		"the process's stop": func(p *process, _, _ *os.File) { p.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			var pipes [4]*os.File
			for i := range 2 {
				var err error
				if pipes[2*i], pipes[2*i+1], err = os.Pipe(); err != nil {
					t.Fatal(err)
				}
				defer pipes[2*i].Close()
				defer pipes[2*i+1].Close()
			}
			in, to, from, out := pipes[0], pipes[1], pipes[2], pipes[3]
			p := startBeside(t, kinesisfake.Options{Fault: onlyPuts(kinesisfake.Fault{Delay: time.Hour})}, Arguments{From: "-", To: "-", Grace: 300 * time.Millisecond}, in, out)
			message, _ := proto.Marshal(&kplpb.Message{Id: proto.Uint64(2), ActualMessage: &kplpb.Message_PutRecord{PutRecord: &kplpb.PutRecord{
				StreamName: proto.String("a"), PartitionKey: proto.String("k"), Data: []byte("d")}}})
			_, _ = to.Write(framed(message))
			time.Sleep(50 * time.Millisecond) // the request is under way, mostly
			began := time.Now()
			end(p, to, from)
			if err := p.end(); (err != nil) != (name == "nobody reads" || name == "the middle") {
				t.Errorf("it ended with %v", err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if name == "its pipe ends" || name == "the process's stop" {
				m, err := kplpipe.NewReader(from, kplpipe.WrapperLimit).Read()
				if err != nil || m.GetSourceId() != 2 || m.GetPutRecordResult().GetSuccess() {
					t.Errorf("%v, %v", m, err)
				}
			}
		})
	}
}

// TestNoFIFO: a file in a FIFO's place is refused.
func TestNoFIFO(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, a := range []Arguments{{From: file, To: "-"}, {From: "-", To: file}, {From: file + ".none", To: "-"}} {
		if err := start(t, a, nil, nil).end(); !errorsIsSetting(err) || !strings.Contains(err.Error(), file) {
			t.Errorf("%v: %v", a, err)
		}
	}
}
