package vmwarekcl

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// TestHTTPClientOfUser: what the user has set stays, and the user's client is not touched.
func TestHTTPClientOfUser(t *testing.T) {
	plain := &http.Client{}
	if cfg := keepConnections(aws.Config{HTTPClient: plain}, 300); cfg.HTTPClient != plain {
		t.Error("a client of the user's was replaced")
	}
	with := func(perHost, all int) *awshttp.BuildableClient {
		return awshttp.NewBuildableClient().WithTimeout(time.Minute).WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost, t.MaxIdleConns = perHost, all
		})
	}
	for _, c := range []struct {
		brought                aws.HTTPClient
		shards                 int
		wantPerHost, wantTotal int
		wantTimeout            time.Duration
	}{
		{nil, 300, 300, 600, 0},
		{(*awshttp.BuildableClient)(nil), 300, 300, 600, 0},
		{awshttp.NewBuildableClient(), 32_767, 1000, 2000, 0},
		{awshttp.NewBuildableClient(), 3, 10, 100, 0},
		{with(10, 100), 300, 300, 600, time.Minute},
		{with(2000, 0), 300, 2000, 0, time.Minute},
		{with(2, 50), 300, 2, 50, time.Minute},
	} {
		client := keepConnections(aws.Config{HTTPClient: c.brought}, c.shards).HTTPClient.(*awshttp.BuildableClient)
		tr := client.GetTransport()
		if tr.MaxIdleConnsPerHost != c.wantPerHost || tr.MaxIdleConns != c.wantTotal || tr.IdleConnTimeout != 90*time.Second || client.GetTimeout() != c.wantTimeout {
			t.Errorf("%d shards: %d idle connections a host, %d in all, %v", c.shards, tr.MaxIdleConnsPerHost, tr.MaxIdleConns, client.GetTimeout())
		}
		if brought, ok := c.brought.(*awshttp.BuildableClient); ok && brought != nil && brought == client {
			t.Error("the user's own client was changed")
		}
	}
}
