package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/spf13/pflag"
)

// awsFlags are the flags of all commands that call AWS. What they leave open comes from where AWS's own tools look:
// environment, ~/.aws, the machine's role.
type awsFlags struct {
	endpointURL, region string
}

func (a *awsFlags) add(f *pflag.FlagSet) {
	f.StringVar(&a.endpointURL, "endpoint-url", "", "`URL` of the service, if it is not AWS's own")
	f.StringVar(&a.region, "region", "", "AWS `region`; AWS_REGION or ~/.aws unless given")
}

// config returns what clients are made of. An endpoint that is not AWS's is called with any credentials and in any
// region where there are none.
func (a *awsFlags) config(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	foreign := false
	if a.endpointURL != "" {
		u, err := url.Parse(a.endpointURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return aws.Config{}, usageError{fmt.Errorf("--endpoint-url %q: want a URL such as http://127.0.0.1:4567", a.endpointURL)}
		}
		if foreign = !isAWS(u.Hostname()); foreign { // else without credentials it would be asked for them, and waited for
			options = append(options, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
		}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, err
	}
	if a.region != "" {
		cfg.Region = a.region
	}
	if a.endpointURL != "" {
		cfg.BaseEndpoint = &a.endpointURL
	}
	if foreign {
		cfg.Credentials = orAnyCredentials(ctx, cfg.Credentials)
		if cfg.Region == "" {
			cfg.Region = "us-east-1"
		}
	}
	if cfg.Region == "" {
		return aws.Config{}, usageError{errors.New("no region: set --region or AWS_REGION, or --endpoint-url for a Kinesis that is not AWS's")}
	}
	return cfg, nil
}

func isAWS(host string) bool {
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}

// orAnyCredentials returns the provider given, or if it has no credentials one that has some: emulators may want a
// signature, but do not check it.
func orAnyCredentials(ctx context.Context, provider aws.CredentialsProvider) aws.CredentialsProvider {
	if _, err := provider.Retrieve(ctx); err == nil {
		return provider
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
	})
}
