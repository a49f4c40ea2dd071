package vmwarekcl

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// mostIdle is how many idle connections to a service are kept at most.
const mostIdle = 1000

// keepConnections has the SDK's own HTTP client keep an idle connection to each service for every shard that the worker may
// hold: by default it keeps 10, and each request beyond them opens a new one. It changes a copy, and there only what stands
// at the SDK's default. Another kind of client stays as it is.
func keepConnections(awsConfig aws.Config, shards int) aws.Config {
	client, isSDKs := awsConfig.HTTPClient.(*awshttp.BuildableClient)
	switch {
	case awsConfig.HTTPClient != nil && !isSDKs:
		return awsConfig
	case client == nil:
		client = awshttp.NewBuildableClient()
	}
	perHost := min(shards, mostIdle)
	awsConfig.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
		if usual := awshttp.DefaultHTTPTransportMaxIdleConnsPerHost; t.MaxIdleConnsPerHost == usual {
			t.MaxIdleConnsPerHost = max(perHost, usual)
		}
		if usual := awshttp.DefaultHTTPTransportMaxIdleConns; t.MaxIdleConns == usual {
			t.MaxIdleConns = max(2*perHost, usual) // Kinesis and DynamoDB
		}
	})
	return awsConfig
}
