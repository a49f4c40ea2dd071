package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"golang.org/x/crypto/x509roots/fallback/bundle"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// emptyRoot is a root file system that has nothing but the program, and a Kinesis over TLS beside it.
type emptyRoot struct {
	*testing.T
	folder string
	fake   *kinesisfake.Server
	server *httptest.Server
}

func newEmptyRoot(t *testing.T) *emptyRoot {
	e := &emptyRoot{T: t, folder: t.TempDir(), fake: kinesisfake.New(kinesisfake.Options{})}
	build := exec.Command("go", "build", "-o", filepath.Join(e.folder, "kplkit"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	certificate, _, err := kinesisfake.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	e.server = httptest.NewUnstartedServer(e.fake)
	e.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	e.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	e.server.StartTLS()
	t.Cleanup(func() { e.fake.Close(); e.server.Close() })
	client := kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &e.server.URL, Credentials: aws.AnonymousCredentials{}, HTTPClient: e.server.Client()})
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	return e
}

// daemon puts one record through a daemon that sees nothing of this machine's files, and returns its result and its log.
func (e *emptyRoot) daemon(settings *kplpb.Configuration, environment ...string) (*kplpb.PutRecordResult, string) {
	settings.Region, settings.KinesisEndpoint, settings.MetricsLevel = proto.String("us-east-1"), &e.server.URL, proto.String("none")
	configuration, err := kplpipe.FormatArgument(&kplpb.Message{Id: proto.Uint64(0), ActualMessage: &kplpb.Message_Configuration{Configuration: settings}})
	if err != nil {
		e.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(e.Context(), 2*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "/kplkit", "daemon", "-o", "-", "-i", "-", "-c", configuration, "--grace", "1m")
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = "/", environment, bytes.NewReader(e.frames()), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: e.folder}
	if os.Geteuid() != 0 { // root of a user namespace may change its root, too
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
	}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EACCES) {
		e.Skipf("not run: this user may neither change a process's root nor make a user namespace: %v", err)
	} else if err != nil {
		e.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		e.Fatalf("the daemon: %v: %s", err, &stderr)
	}
	answer, err := kplpipe.NewReader(&stdout, kplpipe.WrapperLimit).Read()
	if err != nil {
		e.Fatalf("%v: %s", err, &stderr)
	}
	return answer.GetPutRecordResult(), stderr.String()
}

// frames are credentials and a put, after which the input ends.
func (e *emptyRoot) frames() (frames []byte) {
	keys := &kplpb.Credentials{Akid: proto.String("AKID"), SecretKey: proto.String("SECRET")}
	frames, err := kplpipe.AppendFrame(nil, &kplpb.Message{Id: proto.Uint64(1), ActualMessage: &kplpb.Message_SetCredentials{SetCredentials: &kplpb.SetCredentials{Credentials: keys}}})
	if err != nil {
		e.Fatal(err)
	}
	return kplpipe.AppendPut(frames, kplpipe.Put{ID: 2, Stream: "orders", PartitionKey: "k", Data: []byte("from nowhere")})
}

// TestEmptyRoot: the program without cgo needs no file but itself.
func TestEmptyRoot(t *testing.T) {
	e := newEmptyRoot(t)
	t.Run("CA_FILE says whom to trust", func(t *testing.T) {
		e := &emptyRoot{t, e.folder, e.fake, e.server}
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.server.Certificate().Raw})
		if err := os.WriteFile(filepath.Join(e.folder, "ca.pem"), ca, 0o644); err != nil {
			t.Fatal(err)
		}
		result, log := e.daemon(&kplpb.Configuration{}, "CA_FILE=/ca.pem")
		if !result.GetSuccess() || log != "" {
			t.Errorf("%v\n%s", result, log)
		}
		for shard, records := range e.fake.Records("orders") {
			if len(records) != 1 || string(records[0].Data) != "from nowhere" {
				t.Errorf("%s holds %v", shard, records)
			}
		}
	})
	// The certificates that the program brings along count, and no others: it says nothing of missing ones.
	t.Run("without CA_FILE it trusts AWS alone", func(t *testing.T) {
		e := &emptyRoot{t, e.folder, e.fake, e.server}
		result, log := e.daemon(&kplpb.Configuration{RecordTtl: proto.Uint64(1000)})
		unknown := func(a *kplpb.Attempt) bool { return strings.Contains(a.GetErrorMessage(), "unknown authority") }
		if result.GetSuccess() || !slices.ContainsFunc(result.GetAttempts(), unknown) {
			t.Errorf("a Kinesis that nobody vouches for: %v", result)
		}
		if strings.Contains(log, "no certificates") {
			t.Error(log)
		}
	})
}

// TestRootsOfAWS: Amazon's certificates are among those that the program brings along.
func TestRootsOfAWS(t *testing.T) {
	amazon := 0
	for root := range bundle.Roots() {
		if strings.Contains(string(root.Certificate), "Amazon Root CA ") { // of its subject
			amazon++
		}
	}
	if amazon != 4 {
		t.Errorf("%d of Amazon's roots 1 to 4 are there", amazon)
	}
}
