package kinesisfake_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/internal/kinesisfake"
)

// Enhanced fan-out over TLS is HTTP/2, as with AWS.
func TestSubscriptionOverTLS(t *testing.T) {
	certificate, pool, err := kinesisfake.SelfSigned()
	if err != nil {
		t.Fatal(err)
	}
	s := kinesisfake.New(kinesisfake.Options{})
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s over %s", r.Header.Get("X-Amz-Target"), r.Proto)
		}
		s.ServeHTTP(rw, r)
	}))
	h.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	h.EnableHTTP2 = true
	h.StartTLS()
	t.Cleanup(func() { s.Close(); h.Close() })

	w := newWorld(t, s, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}, h.URL)
	w.create("s", 1)
	events := w.subscribe(w.register("c"), 0, fromTrimHorizon)
	next(events)
	w.put("s", "k", "pushed")
	if e := next(events); !cmp.Equal(texts(e.Records), []string{"pushed"}) {
		t.Errorf("pushed %+v", e)
	}
}
