package kpldaemon

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

// texts are valid values of settings that are texts.
var texts = map[string]string{
	"cloudwatch_endpoint": "localhost", "kinesis_endpoint": "localhost", "log_level": "error", "metrics_granularity": "global",
	"metrics_level": "summary", "metrics_namespace": "Mine", "region": "eu-west-1", "proxy_host": "proxy", "proxy_user_name": "u", "proxy_password": "p",
}

// other sets a setting to a valid value that is not its default.
func other(t *testing.T, c *kplpb.Configuration, s kplpipe.Setting) {
	m := c.ProtoReflect()
	f := m.Descriptor().Fields().ByName(protoreflect.Name(s.Name))
	switch s.Kind {
	case "bool":
		m.Set(f, protoreflect.ValueOfBool(s.Default != "true"))
	case "number":
		value := s.Min + 7
		switch f.Kind() {
		case protoreflect.Uint32Kind:
			m.Set(f, protoreflect.ValueOfUint32(uint32(value)))
		default:
			m.Set(f, protoreflect.ValueOfUint64(value))
		}
	case "text":
		m.Set(f, protoreflect.ValueOfString(texts[s.Name]))
	case "enum":
		m.Set(f, protoreflect.ValueOfEnum(1))
	case "list":
		c.AdditionalMetricDims = []*kplpb.AdditionalDimension{{Key: proto.String("k"), Value: proto.String("v"), Granularity: proto.String("shard")}}
	}
	if err := kplpipe.Validate(c); err != nil {
		t.Fatal(err)
	}
}

// TestSettings: docs/separate-process.md says of each setting what it does here; those that have no effect, and no
// others, are logged by name when they are set.
func TestSettings(t *testing.T) {
	text, err := os.ReadFile("../../docs/separate-process.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range kplpipe.Settings() {
		_, row, found := strings.Cut(string(text), fmt.Sprintf("\n| %s | %s | ", s.Name, s.Kind))
		row, _, _ = strings.Cut(row, " |\n")
		says := row[strings.LastIndex(row, " | ")+1:]
		if !found || len(strings.Trim(says, " |")) < 3 {
			t.Errorf("docs/separate-process.md does not say what %s does", s.Name)
			continue
		}
		c := &kplpb.Configuration{Region: proto.String("us-east-1"), RecordMaxBufferedTime: proto.Uint64(10)}
		other(t, c, s)
		var log lines
		if _, err := newSettings(t.Context(), Options{Configuration: c, Logger: NewLogger(&log, "info")}); err != nil {
			t.Fatal(err)
		}
		if named := strings.Contains(log.String(), s.Name); named != strings.Contains(says, "no effect") {
			t.Errorf("%s: the docs say %q, the log %q", s.Name, says, log.String())
		}
	}
}

func TestEndpoint(t *testing.T) {
	for _, c := range []struct {
		host string
		port uint64
		want string
	}{
		{"", 4567, ""},
		{"localhost", 443, "https://localhost:443"},
		{"localhost", 4567, "https://localhost:4567"},
		{"10.0.0.1", 4567, "https://10.0.0.1:4567"},
		{"http://localhost:4567", 443, "http://localhost:4567"},
		{"http://localhost:4567", 4568, "http://localhost:4567"},
		{"http://localhost", 4567, "http://localhost:4567"},
		{"http://localhost", 443, "http://localhost"},
		{"https://[::1]", 4567, "https://[::1]:4567"},
	} {
		if got := endpoint(c.host, c.port); got != c.want {
			t.Errorf("%s, port %d: %s, want %s", c.host, c.port, got, c.want)
		}
	}
}

// TestTLS: what CA_FILE and the CA folder hold is trusted, and nothing else, unless verify_certificate is off.
func TestTLS(t *testing.T) {
	kin := kinesisfake.New(kinesisfake.Options{})
	defer kin.Close()
	server := httptest.NewTLSServer(kin)
	defer server.Close()
	other := httptest.NewTLSServer(http.NotFoundHandler()) // httptest's certificate is always the same
	defer other.Close()
	folder, empty := t.TempDir(), t.TempDir()
	file := filepath.Join(folder, "0123abcd.0")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, data := range map[string][]byte{file: certificate, filepath.Join(folder, "notes.txt"): []byte("no PEM"), filepath.Join(empty, "bad.pem"): []byte("no PEM")} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	var number uint64
	fmt.Sscan(port, &number)
	for name, c := range map[string]struct {
		file, folder string
		verify       bool
		ok, refused  bool
	}{
		"file":             {file, "", true, true, false},
		"folder":           {"", folder, true, true, false},
		"both":             {file, empty, true, true, false},
		"none":             {"", "", true, false, false},
		"empty folder":     {"", empty, true, false, false},
		"no such folder":   {"", folder + "/none", true, false, false},
		"no such file":     {folder + "/none", "", true, false, true},
		"a file of no PEM": {filepath.Join(folder, "notes.txt"), folder, true, false, true},
		"not verified":     {"", "", false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newSettings(t.Context(), Options{CAFile: c.file, CAPath: c.folder, Logger: NewLogger(&lines{}, "info"), Configuration: &kplpb.Configuration{
				Region: proto.String("us-east-1"), KinesisEndpoint: &host, KinesisPort: &number, VerifyCertificate: &c.verify}})
			if err != nil {
				t.Fatal(err)
			}
			transport, err := newTransport(s)
			if (err != nil) != c.refused {
				t.Fatalf("newTransport: %v", err)
			}
			if c.refused {
				return
			}
			defer transport.CloseIdleConnections()
			client := newAPI(s, transport, aws.CredentialsProviderFunc(fixed{AccessKeyID: "a", SecretAccessKey: "b"}.Retrieve), nil).Client
			_, err = client.ListStreams(t.Context(), &kinesis.ListStreamsInput{}, func(o *kinesis.Options) { o.RetryMaxAttempts = 1 })
			if (err == nil) != c.ok {
				t.Errorf("a call: %v", err)
			}
			if unknown := new(x509.UnknownAuthorityError); err != nil && !strings.Contains(err.Error(), unknown.Error()) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestProxy: requests go through the proxy, with its user's name.
func TestProxy(t *testing.T) {
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := basicAuth(r.Header.Get("Proxy-Authorization"))
		asked.Store(fmt.Sprint(r.Method, " ", r.Host, " ", user, " ", password))
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	host, port, _ := net.SplitHostPort(proxy.Listener.Addr().String())
	var number uint64
	fmt.Sscan(port, &number)
	for _, name := range []string{host, "http://" + host} {
		s, err := newSettings(t.Context(), Options{Logger: NewLogger(&lines{}, "info"), Configuration: &kplpb.Configuration{
			Region: proto.String("us-east-1"), ProxyHost: &name, ProxyPort: &number, ProxyUserName: proto.String("me"), ProxyPassword: proto.String("p@ss")}})
		if err != nil {
			t.Fatal(err)
		}
		transport, err := newTransport(s)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
		if _, err := client.Get("https://kinesis.us-east-1.amazonaws.com"); err == nil {
			t.Error("no error of a proxy that refuses")
		}
		if got, want := asked.Load(), "CONNECT kinesis.us-east-1.amazonaws.com:443 me p@ss"; got != want {
			t.Errorf("the proxy was asked %q, want %q", got, want)
		}
	}
}

func basicAuth(header string) (user, password string, ok bool) {
	return (&http.Request{Header: http.Header{"Authorization": {header}}}).BasicAuth()
}

// TestLimitsOfFlags: each flag that is out of its limits is named, and no other one.
func TestLimitsOfFlags(t *testing.T) {
	for want, a := range map[string]Arguments{
		"--grace is -1s, want 0s or more":                           {Grace: -time.Second, MaxBuffered: DefaultMaxBuffered},
		"--max-buffered is 1048576001, want 25165824 to 1048576000": {MaxBuffered: kplpipe.MostBuffered + 1},
		"--max-buffered is 1, want 25165824 to 1048576000":          {MaxBuffered: 1},
	} {
		a.From, a.To, a.Configuration = "-", "-", "00"
		if _, err := a.daemon(t.Context(), NewLogger(&lines{}, "info")); !errors.Is(err, ErrSetting) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
