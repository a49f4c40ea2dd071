package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// BenchmarkProxy: calls of GetRecords over sockets, beside httputil's proxy before the same upstream, which does not sign.
//
//	go test ./internal/proxy -run '^$' -bench Proxy -benchmem -cpu 1
func BenchmarkProxy(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"1MiB", 1 << 20}, {"1KiB", 1 << 10}} {
		data := bytes.Repeat([]byte("x"), size.bytes)
		upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header()["Content-Length"] = nil // in chunks
			w.Write(data)
		}))
		defer upstream.Close()
		h, err := New(Config{AWS: aws.Config{Region: "us-east-1", BaseEndpoint: &upstream.URL, Credentials: keyPair(ourKey, ourSecret)}})
		if err != nil {
			b.Fatal(err)
		}
		at, _ := url.Parse(upstream.URL)
		for _, way := range []struct {
			name string
			http.Handler
		}{{"kplkit", h}, {"httputil", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}}} {
			b.Run(size.name+"/"+way.name, func(b *testing.B) {
				front := httptest.NewServer(way.Handler)
				defer front.Close()
				b.SetBytes(int64(size.bytes))
				b.ReportAllocs()
				for b.Loop() {
					r, _ := http.NewRequest(http.MethodPost, front.URL, strings.NewReader(`{"ShardIterator":"AAAA"}`))
					r.Header.Set("X-Amz-Target", targetPrefix+"GetRecords")
					a, err := http.DefaultClient.Do(r)
					if err != nil {
						b.Fatal(err)
					}
					io.Copy(io.Discard, a.Body)
					a.Body.Close()
				}
			})
		}
	}
}
