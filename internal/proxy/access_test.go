package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

var theirs = &AccessKey{"AKIACLIENT", "the client's secret"}

// signed is a request that the SDK's signer has signed, as a client sends it.
func signed(t *testing.T, key *AccessKey, body string, change func(*http.Request)) *http.Request {
	r, err := http.NewRequest(http.MethodPost, "http://proxy.test:4568/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", targetPrefix+"PutRecord")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("User-Agent", "sdk/1  with   spaces")
	if change != nil {
		change(r)
	}
	hash := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: key.id, SecretAccessKey: key.secret}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hex.EncodeToString(hash[:]), "kinesis", "xx-any-9", time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

// sendTo sends a request to a proxy and returns the error in the answer, "" if there is none.
func sendTo(t *testing.T, p *proxied, r *http.Request) (code string, answer *http.Response) {
	tr := p.net.transport()
	defer tr.CloseIdleConnections()
	answer, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode == 200 {
		return "", answer
	}
	_, code, _ = strings.Cut(string(body), `"__type":"`)
	code, _, _ = strings.Cut(code, `"`)
	return code, answer
}

// TestAccessKey: whoever signs with the pair is served, and nobody else, whatever is changed in a request.
func TestAccessKey(t *testing.T) {
	const (
		missing, incomplete = "MissingAuthenticationTokenException", "IncompleteSignatureException"
		unknown, invalid    = "UnrecognizedClientException", "InvalidSignatureException"
	)
	replace := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	for _, tt := range []struct {
		name   string
		before func(*http.Request) // it is signed
		after  func(*http.Request)
		want   string
	}{
		{"as it is", nil, nil, ""},
		{"a query, an odd path, a header twice", func(r *http.Request) {
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/a b/c/é", "/a%20b%2Fc/%C3%A9", "b=%20x&a=1&a=0&c"
			r.Header["X-Amz-Odd"] = []string{" one  two ", "three"}
		}, nil, ""},
		{"an empty body", func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }, nil, invalid}, // signed for another
		{"no signature", nil, func(r *http.Request) { r.Header.Del("Authorization") }, missing},
		{"signed in the query", nil, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + strings.Repeat("0", 64)
		}, missing},
		{"two signatures", nil, func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, incomplete},
		{"another algorithm", nil, replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), incomplete},
		{"another service", nil, replace("/kinesis/", "/dynamodb/"), incomplete},
		{"no signed headers", nil, replace("SignedHeaders=", "Signed="), incomplete},
		{"a short signature", nil, func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Set("Authorization", a[:len(a)-2])
		}, incomplete},
		{"host is not signed", nil, replace("host;", ""), incomplete},
		{"the date is not signed", nil, replace("x-amz-date;", ""), incomplete},
		{"the operation is not signed", nil, replace(";x-amz-target", ""), incomplete},
		{"no date", nil, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, incomplete},
		{"a date that is none", nil, func(r *http.Request) { r.Header.Set("X-Amz-Date", "now") }, incomplete},
		{"two operations", nil, func(r *http.Request) { r.Header.Add("X-Amz-Target", targetPrefix+"ListStreams") }, incomplete},
		{"another key", nil, replace("AKIACLIENT", "AKIAOTHER"), unknown},
		{"no key", nil, replace("AKIACLIENT", ""), unknown},
		{"another operation", nil, func(r *http.Request) { r.Header.Set("X-Amz-Target", targetPrefix+"DeleteStream") }, invalid},
		{"another host", nil, func(r *http.Request) { r.Host = "elsewhere" }, invalid},
		{"another path", nil, func(r *http.Request) { r.URL.Path = "/x" }, invalid},
		{"another query", nil, func(r *http.Request) { r.URL.RawQuery = "x=1" }, invalid},
		{"another method", nil, func(r *http.Request) { r.Method = "PUT" }, invalid},
		{"another region", nil, replace("xx-any-9", "xx-any-8"), invalid},
		{"another body", nil, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, invalid},
		{"another body, with the hash of the first", func(r *http.Request) {
			hash := sha256.Sum256([]byte("{}"))
			r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(hash[:]))
		}, func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{ }")), 3 }, invalid},
		{"a minute's difference", nil, func(*http.Request) { time.Sleep(time.Minute) }, ""},
		{"six minutes late", nil, func(*http.Request) { time.Sleep(6 * time.Minute) }, invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serve(t, Config{AccessKey: theirs, Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return answerOf(r, 200, ""), nil })}, false)
				r := signed(t, theirs, "{}", tt.before)
				if tt.after != nil {
					tt.after(r)
				}
				if got, answer := sendTo(t, p, r); got != tt.want || got != "" && answer.StatusCode != 400 {
					t.Errorf("%d %q, want %q: %s", answer.StatusCode, got, tt.want, p.log)
				}
			})
		})
	}
}

// TestAccessClock: a client's clock may differ by five minutes, and the day of the key is that of the time.
func TestAccessClock(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		4 * time.Minute: "", 6 * time.Minute: "InvalidSignatureException", -4 * time.Minute: "", -6 * time.Minute: "InvalidSignatureException",
	} {
		synctest.Test(t, func(t *testing.T) {
			p := serve(t, Config{AccessKey: theirs, Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return answerOf(r, 200, ""), nil })}, false)
			time.Sleep(time.Hour)
			r := signed(t, theirs, "{}", nil)
			hash := sha256.Sum256([]byte("{}"))
			creds := aws.Credentials{AccessKeyID: theirs.id, SecretAccessKey: theirs.secret}
			if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hex.EncodeToString(hash[:]), "kinesis", "us-east-1", time.Now().Add(ahead)); err != nil {
				t.Fatal(err)
			}
			if got, _ := sendTo(t, p, r); got != want {
				t.Errorf("%v: %q, want %q", ahead, got, want)
			}
			r = signed(t, theirs, "{}", nil)
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/20000101/", "/20000102/", 1))
			if got, _ := sendTo(t, p, r); got != "IncompleteSignatureException" {
				t.Errorf("another day: %q", got)
			}
		})
	}
}

// TestAccessUnsignedPayload: a signature has to cover the body.
func TestAccessUnsignedPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, Config{AccessKey: theirs}, false)
		r := signed(t, theirs, "{}", nil)
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		creds := aws.Credentials{AccessKeyID: theirs.id, SecretAccessKey: theirs.secret}
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, "UNSIGNED-PAYLOAD", "kinesis", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		if got, _ := sendTo(t, p, r); got != "InvalidSignatureException" {
			t.Errorf("%q", got)
		}
	})
}

// TestAccessSDK: the real SDK works with the pair; with another pair it gets AWS's error.
func TestAccessSDK(t *testing.T) {
	for _, protocol := range []func(*http.Transport, *kinesis.Options){func(*http.Transport, *kinesis.Options) {}, unencryptedHTTP2} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := before(t, kinesisfake.Options{}, Config{AccessKey: theirs}, false)
			c := p.client(protocol, func(_ *http.Transport, o *kinesis.Options) { o.Credentials = keyPair(theirs.id, theirs.secret) })
			useSDK(t, c)
			stranger := p.client(protocol, func(_ *http.Transport, o *kinesis.Options) { o.Credentials = keyPair(theirs.id, "a guess") })
			_, err := stranger.ListStreams(t.Context(), nil)
			if e := smithy.APIError(nil); !errors.As(err, &e) || e.ErrorCode() != "InvalidSignatureException" {
				t.Error(err)
			}
		})
	}
}

// TestAccessBeforeBody: who has no key can't make the proxy hold anything.
func TestAccessBeforeBody(t *testing.T) {
	h, _ := newHandler(t, Config{AccessKey: theirs})
	r := signed(t, &AccessKey{"AKIAOTHER", "x"}, "", nil)
	r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { t.Error("the body is read"); return 0, io.EOF }))
	w := &recorder{header: http.Header{}}
	h.ServeHTTP(w, r)
	if w.status != 400 {
		t.Error(w.status)
	}
}

// TestTooLargeBeforeBody: what says itself that it is too large is not read.
func TestTooLargeBeforeBody(t *testing.T) {
	h, _ := newHandler(t, Config{})
	r, _ := http.NewRequest(http.MethodPost, "http://x/", io.NopCloser(readerFunc(func([]byte) (int, error) { t.Error("the body is read"); return 0, io.EOF })))
	r.ContentLength = int64(h.limits.body) + 1
	w := &recorder{header: http.Header{}}
	if h.ServeHTTP(w, r); w.status != 413 {
		t.Error(w.status)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type recorder struct {
	header http.Header
	status int
	strings.Builder
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(s int)   { r.status = s }

// TestBrowsers: without an access key no page in a browser is served, whatever it asks for.
func TestBrowsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			t.Error("it went upstream")
			return answerOf(r, 200, ""), nil
		})}, false)
		for _, method := range []string{"POST", "OPTIONS", "GET"} {
			a, body := p.do(method, "/", "", "Origin", "http://page.test")
			if a.StatusCode != 400 || !strings.Contains(body, "AccessDeniedException") || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %d %s", method, a.StatusCode, body)
			}
		}
	})
}

// TestOperations: the list has all operations of the SDK, and those read that are called so.
func TestOperations(t *testing.T) {
	c, found := reflect.TypeFor[*kinesis.Client](), 0
	for i := range c.NumMethod() {
		name := c.Method(i).Name
		if c.Method(i).Type.NumIn() != 4 { // client, ctx, input, options
			continue
		}
		found++
		reads := false
		for _, begin := range []string{"Get", "List", "Describe", "Subscribe"} {
			reads = reads || strings.HasPrefix(name, begin)
		}
		if got, known := operations[name]; !known || got != reads {
			t.Errorf("%s: known %v, reads %v, want %v", name, known, got, reads)
		}
	}
	if found != len(operations) {
		t.Errorf("the SDK has %d operations, the list %d", found, len(operations))
	}
}

// TestOddCalls: a call of which it is not beyond doubt whether it reads a shard does not go upstream, since its answer might have
// aggregates; those of other operations do.
func TestOddCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, changed := 0, 0
		p := serve(t, Config{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) { sent++; return answerOf(r, 200, ""), nil }),
			Change:    func(context.Context, *Call) error { changed++; return nil },
		}, false)
		for _, name := range []string{"GetRecords", "GetShardIterator", "SubscribeToShard", "ListShards"} {
			target := targetPrefix + name
			for _, odd := range [][]string{
				{"POST", "/", "X-Amz-Target", target}, // as it has to be
				{"POST", "/?x=1", "X-Amz-Target", target}, {"POST", "/kinesis", "X-Amz-Target", target}, {"POST", "//", "X-Amz-Target", target},
				{"GET", "/", "X-Amz-Target", target}, {"PUT", "/", "X-Amz-Target", target}, {"POST", "/", "X-Amz-Target", "Kinesis_20260101." + name},
				{"POST", "/", "X-Amz-Target", strings.ToLower(target)}, {"POST", "/", "X-Amz-Target", target + ","},
				{"POST", "/", "X-Amz-Target", target, "X-Amz-Target", targetPrefix + "ListStreams"},
				{"POST", "/", "X-Amz-Target", targetPrefix + "ListStreams", "X-Amz-Target", target},
				{"POST", pathPrefix + name + "/"}, {"POST", pathPrefix + name, "X-Amz-Target", target}, {"POST", "/a" + pathPrefix + name},
				{"POST", "/?Action=" + name}, {"GET", pathPrefix + name}, {"POST", strings.Replace(pathPrefix+name, "e", "%65", 1)},
			} {
				sent, changed = 0, 0
				a, body := p.do(odd[0], odd[1], "{}", odd[2:]...)
				usual := len(odd) == 4 && odd[0] == "POST" && odd[1] == "/" && odd[3] == target
				switch {
				case (usual || name == "ListShards") && sent == 1 && (changed == 1) == (name != "ListShards"):
				case !usual && sent == 0 && changed == 0 && a.StatusCode == 400 && strings.Contains(body, "UnknownOperationException"):
				default:
					t.Errorf("%s %q: sent %d times, changed %d times, %d %s", name, odd, sent, changed, a.StatusCode, body)
				}
			}
		}
	})
}

// TestReadOnly: what is not known to read does not go upstream, in no form.
func TestReadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		p := serve(t, Config{ReadOnly: true, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent++
			return answerOf(r, 200, ""), nil
		})}, false)
		check := func(want bool, method, path string, header ...string) {
			t.Helper()
			sent = 0
			a, body := p.do(method, path, "", header...)
			if (sent == 1) != want || !want && (a.StatusCode != 400 || !strings.Contains(body, "AccessDeniedException")) {
				t.Errorf("%s %s %q: sent %d times, %d %s", method, path, header, sent, a.StatusCode, body)
			}
		}
		for name, reads := range operations {
			check(reads, "POST", "/", "X-Amz-Target", targetPrefix+name)
			check(reads, "POST", pathPrefix+name)
		}
		for _, h := range [][]string{nil, {"X-Amz-Target", targetPrefix + "New"}, {"X-Amz-Target", "DynamoDB_20120810.ListStreams"},
			{"X-Amz-Target", targetPrefix + "ListStreams", "X-Amz-Target", targetPrefix + "PutRecord"}, {"X-Amz-Target", "ListStreams"},
			{"X-Amz-Target", targetPrefix + "ListStreams, " + targetPrefix + "PutRecord"}} {
			check(false, "POST", "/", h...)
		}
		read := []string{"X-Amz-Target", targetPrefix + "ListStreams"}
		check(false, "POST", pathPrefix+"PutRecord", read...)
		check(false, "POST", pathPrefix+"PutRecord/../ListStreams")
		check(false, "POST", "/service/Kinesis_20131202/operation/List%53treams")
		check(false, "POST", "/?Action=PutRecord", read...)
		check(false, "GET", "/", read...)
		check(false, "POST", "//", read...)
	})
}

// TestAccessKeyFile: the form of ~/.aws/credentials, which others may not read.
func TestAccessKeyFile(t *testing.T) {
	const good = "# made by hand\n[default]\naws_access_key_id = AKIACLIENT\naws_secret_access_key = a/secret+=\n"
	for _, tt := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{good, 0o600, ""},
		{good, 0o440, ""},
		{good, 0o644, "chmod 600"},
		{strings.Replace(good, "[default]", "[other]", 1), 0o600, "want [default]"},
		{strings.Replace(good, "aws_secret", "aws_secrets", 1), 0o600, "want [default]"},
		{"AKIACLIENT:a/secret+=\n", 0o600, "want [default]"},
		{"", 0o600, "want [default]"},
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(tt.text), tt.mode); err != nil {
			t.Fatal(err)
		}
		key, err := ReadAccessKey(file)
		switch {
		case tt.want == "" && (err != nil || *key != AccessKey{"AKIACLIENT", "a/secret+="}):
			t.Errorf("%q: %v %v", tt.text, key, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "a/secret")):
			t.Errorf("%q %v: %v, want %s", tt.text, tt.mode, err, tt.want)
		}
	}
	if _, err := ReadAccessKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestNoCredentials: the client gets an error to try again with, and the log has the reason.
func TestNoCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, Config{AWS: aws.Config{Region: "us-east-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("the session is over")
		})}}, false)
		if a, body := p.do("POST", "/", ""); a.StatusCode != 503 || strings.Contains(body, "session") {
			t.Errorf("%d %s", a.StatusCode, body)
		}
		p.stop()
		synctest.Wait()
		if !strings.Contains(p.log.String(), "AWS credentials: the session is over") {
			t.Error(p.log)
		}
	})
}
