package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// noAWS takes away everything that the environment says about AWS, the machine's role included.
func noAWS(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"} {
		t.Setenv(name, "")
	}
	nothing := filepath.Join(t.TempDir(), "nothing")
	t.Setenv("AWS_CONFIG_FILE", nothing)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nothing)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// standing is the region and the key of a configuration, or its error.
func standing(ctx context.Context, a awsFlags, stderr *strings.Builder) string {
	cfg, err := a.config(ctx, &waiting{stderr: stderr})
	if err != nil {
		return err.Error()
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return cfg.Region + " no key"
	}
	return fmt.Sprintf("%s %s", cfg.Region, credentials.AccessKeyID)
}

func TestAWSFlags(t *testing.T) {
	const (
		local   = "http://127.0.0.1:4567"
		docker  = "http://kinesis:4567"
		proxy   = "https://kinesis.corp.example.com"
		ireland = "https://kinesis.eu-west-1.api.aws"
		vpce    = "https://vpce-0a1b-c2d3.kinesis.us-west-2.vpce.amazonaws.com"
	)
	key := map[string]string{"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "secret"}
	with := func(environment map[string]string, more ...string) map[string]string {
		all := map[string]string{}
		for name, value := range environment {
			all[name] = value
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	for _, tt := range []struct {
		name        string
		flags       awsFlags
		environment map[string]string
		want        string
		said        string // on stderr
	}{
		{"nothing, loopback", awsFlags{endpointURL: local}, nil, "us-east-1 any", ""},
		{"nothing, localhost", awsFlags{endpointURL: "http://localhost:4567"}, nil, "us-east-1 any", ""},
		{"nothing, IPv6", awsFlags{endpointURL: "http://[::1]:4567"}, nil, "us-east-1 any", ""},
		{"nothing, Docker", awsFlags{endpointURL: docker}, nil, "us-east-1 any", "calls to kinesis are signed with made-up ones"},
		{"nothing, AWS", awsFlags{endpointURL: ireland}, nil, "eu-west-1 no key", ""},
		{"nothing, VPC endpoint", awsFlags{endpointURL: vpce}, nil, "us-west-2 no key", ""},
		{"nothing at all", awsFlags{}, nil, "no region", ""},
		{"a key, loopback", awsFlags{endpointURL: local}, key, "us-east-1 mine", ""},
		{"a key, Docker", awsFlags{endpointURL: docker, region: "eu-west-3"}, key, "eu-west-3 mine", ""},
		{"a key, a proxy, no region", awsFlags{endpointURL: proxy}, key, "no region", ""},
		{"a key, a proxy", awsFlags{endpointURL: proxy}, with(key, "AWS_REGION", "eu-west-1"), "eu-west-1 mine", ""},
		{"a key, AWS", awsFlags{endpointURL: ireland}, key, "eu-west-1 mine", ""},
		{"the name's region counts", awsFlags{endpointURL: ireland}, with(key, "AWS_REGION", "us-east-2"), "eu-west-1 mine", ""},
		{"the flag's region counts most", awsFlags{endpointURL: vpce, region: "us-east-2"}, with(key, "AWS_REGION", "eu-west-1"), "us-east-2 mine", ""},
		{"no endpoint", awsFlags{region: "us-west-2"}, key, "us-west-2 mine", ""},
		{"no endpoint, region of the environment", awsFlags{}, with(key, "AWS_REGION", "eu-west-1"), "eu-west-1 mine", ""},
		{"an endpoint of the environment", awsFlags{}, map[string]string{"AWS_ENDPOINT_URL_KINESIS": local}, "us-east-1 any", ""},
		{"AWS's in the environment", awsFlags{}, with(key, "AWS_ENDPOINT_URL", ireland), "eu-west-1 mine", ""},
		{"credentials that fail, a proxy", awsFlags{endpointURL: proxy, region: "eu-west-1"},
			map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "nosuch", "AWS_ROLE_ARN": "arn:aws:iam::000000000000:role/r"}, "AWS credentials for kinesis.corp.example.com: ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noAWS(t)
			for name, value := range tt.environment {
				t.Setenv(name, value)
			}
			var stderr strings.Builder
			got := standing(t.Context(), tt.flags, &stderr)
			if !strings.HasPrefix(got, tt.want) || !strings.Contains(stderr.String(), tt.said) || (tt.said == "") != (stderr.Len() == 0) {
				t.Errorf("%s, stderr %q, want %s, %q", got, &stderr, tt.want, tt.said)
			}
		})
	}
}

// The flag's endpoint counts more than any of the environment, which 'kplkit local' may have filled in.
func TestEndpointFlagCounts(t *testing.T) {
	noAWS(t)
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS"} {
		t.Setenv(name, "http://127.0.0.1:4567")
		const flag = "https://kinesis.eu-west-1.amazonaws.com"
		cfg, err := (&awsFlags{endpointURL: flag}).config(t.Context(), new(waiting))
		if err != nil {
			t.Fatal(err)
		}
		if got := *kinesis.NewFromConfig(cfg).Options().BaseEndpoint; got != flag || cfg.Region != "eu-west-1" {
			t.Errorf("%s: %s in %s, want %s", name, got, cfg.Region, flag)
		}
	}
}

// A role that never answers costs a host that is not AWS's seconds, and no more; an interrupt ends it.
func TestCredentialsPatience(t *testing.T) {
	silent := aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		time.Sleep(time.Hour) // the cache gives it a context that never ends
		return aws.Credentials{}, errors.New("too late")
	}))
	for host, limit := range map[string]time.Duration{"kinesis.corp.example.com": time.Minute, "127.0.0.1": time.Minute, "kinesis": time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			var stderr strings.Builder
			began := time.Now()
			cfg, err := orMadeUp(ctx, &waiting{stderr: &stderr}, aws.Config{Credentials: silent}, host)
			took := time.Since(began)
			switch {
			case took != min(credentialsPatience, limit):
				t.Errorf("%s: %v", host, took)
			case limit < credentialsPatience:
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", host, err)
				}
			case !strings.Contains(stderr.String(), "kplkit: no AWS credentials for 3 seconds, still waiting\n"):
				t.Errorf("%s: it says %q", host, &stderr)
			case isLoopback(host):
				if c, failed := cfg.Credentials.Retrieve(ctx); err != nil || failed != nil || c.AccessKeyID != "any" || cfg.Region != "us-east-1" {
					t.Errorf("%s: %s, %v, %v in %q", host, c.AccessKeyID, err, failed, cfg.Region)
				}
			case err == nil || !strings.Contains(err.Error(), host):
				t.Errorf("%s: %v", host, err)
			}
			time.Sleep(2 * time.Hour) // until the cache's goroutine is back
		})
	}
}

// The same with the real service of a machine's role, which accepts and never answers.
func TestCredentialsOfSilentMachine(t *testing.T) {
	noAWS(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+silentListener(t).String())
	for host, most := range map[string]time.Duration{"kinesis": 2 * credentialsPatience, "127.0.0.1": time.Second} {
		var stderr strings.Builder
		began := time.Now()
		if got, want := standing(t.Context(), awsFlags{endpointURL: "http://" + host}, &stderr), "us-east-1 any"; got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
		if took := time.Since(began); took > most {
			t.Errorf("%s: it took %v", host, took)
		}
	}
	ctx, interrupt := context.WithTimeout(t.Context(), time.Second/10)
	defer interrupt()
	if got := standing(ctx, awsFlags{endpointURL: "http://kinesis"}, new(strings.Builder)); got != ctx.Err().Error() {
		t.Errorf("interrupted: %s", got)
	}
}

// silentListener accepts connections, and never answers.
func silentListener(t *testing.T) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			defer c.Close()
		}
	}()
	return l.Addr()
}
