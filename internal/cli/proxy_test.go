package cli

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// startProxy runs kplkit proxy on a free port until it has written its first line. stop ends it, and returns its exit
// code and stderr.
func startProxy(t *testing.T, args ...string) (line string, stop func() (int, string)) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	stderr := new(lockedBuffer)
	code := make(chan int, 1)
	go func() {
		code <- Run(ctx, append([]string{"proxy", "--listen=127.0.0.1:0"}, args...), Streams{Out: in, Err: stderr})
		in.Close()
	}()
	stop = sync.OnceValues(func() (int, string) {
		cancel()
		select {
		case c := <-code:
			return c, stderr.String()
		case <-time.After(20 * time.Second):
			return -1, "it still runs: " + stderr.String()
		}
	})
	t.Cleanup(func() { stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_, text := stop()
		t.Fatalf("%v: %s", err, text)
	}
	return line, stop
}

type lockedBuffer struct {
	mu sync.Mutex
	strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.String()
}

func proxyURL(t *testing.T, line string) string {
	var first struct {
		V   int
		URL string
	}
	if err := json.Unmarshal([]byte(line), &first); err != nil || first.V != 1 {
		t.Fatalf("%q: %v", line, err)
	}
	return first.URL
}

// upstreamOf is an embedded Kinesis with the stream s, on a socket.
func upstreamOf(t *testing.T) string {
	k := kinesisfake.New(kinesisfake.Options{})
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	t.Cleanup(k.Close)
	if err := createStream(k, "s:1"); err != nil {
		t.Fatal(err)
	}
	return server.URL
}

func through(url, id, secret string, client *http.Client) *kinesis.Client {
	return kinesis.New(kinesis.Options{Region: "us-east-1", BaseEndpoint: &url, HTTPClient: client, Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
		})})
}

func TestProxy(t *testing.T) {
	line, stop := startProxy(t, "--endpoint-url", upstreamOf(t), "--metrics", "127.0.0.1:0", "--read-only", "--json")
	c := through(proxyURL(t, line), "any", "any", &http.Client{Transport: &http.Transport{}})
	if out, err := c.ListStreams(t.Context(), nil); err != nil || len(out.StreamNames) != 1 {
		t.Errorf("%v %v", out, err)
	}
	if _, err := c.DeleteStream(t.Context(), &kinesis.DeleteStreamInput{StreamName: aws.String("s")}); apiErrorCode(err) != "AccessDeniedException" {
		t.Error(err)
	}
	code, log := stop()
	if code != exitFine || !strings.Contains(log, `"operation":"ListStreams","status":200`) {
		t.Errorf("%d %s", code, log)
	}
}

// TestProxyByTLS: an access key and a certificate, each from a file.
func TestProxyByTLS(t *testing.T) {
	folder := t.TempDir()
	pool := writeCertificate(t, folder)
	access := filepath.Join(folder, "access")
	if err := os.WriteFile(access, []byte("[default]\naws_access_key_id=ID\naws_secret_access_key=SECRET\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	line, stop := startProxy(t, "--endpoint-url", upstreamOf(t), "--listen", "0.0.0.0:0", "--require-access-key", access,
		"--tls-cert", filepath.Join(folder, "cert.pem"), "--tls-key", filepath.Join(folder, "key.pem"))
	port, isExport := strings.CutPrefix(strings.TrimSpace(line), "export AWS_ENDPOINT_URL_KINESIS=https://127.0.0.1:")
	if !isExport {
		t.Fatalf("%q", line)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	for secret, want := range map[string]string{"SECRET": "", "another": "InvalidSignatureException"} {
		_, err := through("https://localhost:"+port, "ID", secret, client).ListStreams(t.Context(), nil)
		if apiErrorCode(err) != want || want == "" && err != nil {
			t.Errorf("%s: %v", secret, err)
		}
	}
	if code, log := stop(); code != exitFine || strings.Contains(log, "SECRET") {
		t.Errorf("%d %s", code, log)
	}
}

func writeCertificate(t *testing.T, folder string) *x509.CertPool {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

// TestProxyUsage: what would sign for strangers, or can't work, is refused before anything listens.
func TestProxyUsage(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	readable := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(readable, []byte("[default]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const upstream = "--endpoint-url=http://127.0.0.1:1"
	for _, tt := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"--listen", ":0", upstream}, exitUsage, []string{"--require-access-key", "--allow-anyone"}},
		{[]string{"--listen", "0.0.0.0:0", upstream}, exitUsage, []string{"--require-access-key", "--allow-anyone"}},
		{[]string{"--listen", "[::]:0", upstream}, exitUsage, []string{"--require-access-key", "--allow-anyone"}},
		{[]string{"--listen", "kinesis.example:0", upstream}, exitUsage, []string{"--require-access-key", "--allow-anyone"}},
		{[]string{"--allow-anyone", "--require-access-key", readable, upstream}, exitUsage, []string{"exclude each other"}},
		{[]string{"--require-access-key", readable, upstream}, exitFailed, []string{"chmod 600"}},
		{[]string{"--listen", "4568", upstream}, exitUsage, []string{"HOST:PORT"}},
		{[]string{"--positions", "hex", upstream}, exitUsage, []string{"text or digits"}},
		{[]string{"--limit", "7", upstream}, exitUsage, []string{"strict"}},
		{[]string{"--tls-cert", "x", upstream}, exitUsage, []string{"--tls-key"}},
		{[]string{"--tls-cert", "x", "--tls-key", "y", upstream}, exitFailed, []string{"--tls-cert"}},
		{[]string{"--listen", taken.Addr().String(), upstream}, exitFailed, []string{"--listen", "in use"}},
		{[]string{"--metrics", taken.Addr().String(), "--listen", "127.0.0.1:0", upstream}, exitFailed, []string{"--metrics", "in use"}},
		{[]string{"x"}, exitUsage, []string{"unknown command"}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		stderr := new(lockedBuffer)
		code := Run(ctx, append([]string{"proxy"}, tt.args...), Streams{Out: io.Discard, Err: stderr})
		cancel()
		for _, want := range tt.want {
			if code != tt.code || !strings.Contains(stderr.String(), want) {
				t.Errorf("%q: %d, want %d and %s: %s", tt.args, code, tt.code, want, stderr)
			}
		}
	}
}

// TestProxyBeforeItself: AWS_ENDPOINT_URL is for clients, and does no harm where it is set for the proxy, too.
func TestProxyBeforeItself(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	t.Setenv("AWS_ENDPOINT_URL_KINESIS", "http://"+addr)
	stderr := new(lockedBuffer)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if code := Run(ctx, []string{"proxy", "--listen", addr}, Streams{Out: io.Discard, Err: stderr}); code != exitUsage || !strings.Contains(stderr.String(), "proxy itself") {
		t.Errorf("%d %s", code, stderr)
	}
}

// TestProxyExamples: what the documents say to type is there.
func TestProxyExamples(t *testing.T) {
	flags := newProxy(Streams{}).Flags()
	for file, least := range map[string]int{"docs/proxy.md": 8, "examples/proxy/sidecar.yaml": 6, "examples/proxy/Containerfile": 2} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range regexp.MustCompile("[\\s`\\[]--([a-z][a-z-]+)").FindAllStringSubmatch(string(text), -1) {
			others := []string{"rm", "from", "stream", "lines"} // of docker, kplkit local and kplkit put
			if found++; flags.Lookup(m[1]) == nil && !slices.Contains(others, m[1]) {
				t.Errorf("%s: there is no --%s", file, m[1])
			}
		}
		if found < least {
			t.Errorf("%s: %d flags", file, found)
		}
	}
}
