package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/spf13/pflag"
)

// awsFlags are the flags of all commands that call AWS. What they leave open comes from where AWS's own tools look:
// environment, ~/.aws, the machine's role.
type awsFlags struct {
	endpointURL, region string
}

func (a *awsFlags) add(f *pflag.FlagSet) {
	f.StringVar(&a.endpointURL, "endpoint-url", "", "`URL` of the service, if it is not the region's usual one")
	f.StringVar(&a.region, "region", "", "AWS `region`; AWS_REGION or ~/.aws unless given")
}

// given returns the flags as they were given, to be typed again.
func (a awsFlags) given() (text string) {
	if a.endpointURL != "" {
		text += " --endpoint-url " + shellWord(a.endpointURL)
	}
	if a.region != "" {
		text += " --region " + shellWord(a.region)
	}
	return text
}

// config returns what clients are made of. w learns of all their calls.
//
// Where the endpoint, of the flag or of the environment, is AWS's, the region in its name counts unless the flag says
// another. Any other may have no credentials and no region (see orMadeUp).
func (a *awsFlags) config(ctx context.Context, w *waiting) (aws.Config, error) {
	if u, err := url.Parse(a.endpointURL); a.endpointURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "") {
		return aws.Config{}, usageError{fmt.Errorf("--endpoint-url %q: want a URL such as http://127.0.0.1:4567", a.endpointURL)}
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	cfg.APIOptions = append(cfg.APIOptions, w.watch)
	if a.region != "" {
		cfg.Region = a.region
	}
	if a.endpointURL != "" {
		cfg.BaseEndpoint = &a.endpointURL
		cfg.ConfigSources = append([]any{flagEndpoint(a.endpointURL)}, cfg.ConfigSources...)
	}
	host := hostOf(cfg)
	switch region, isAWS := awsHost(host, cfg.Region); {
	case isAWS && a.region == "" && region != "":
		cfg.Region = region // a request to it that is signed for another region is refused
	case !isAWS && host != "":
		if cfg, err = orMadeUp(ctx, w, cfg, host); err != nil {
			return aws.Config{}, err
		}
	}
	if cfg.Region == "" {
		return aws.Config{}, usageError{errors.New("no region: set --region or AWS_REGION, or --endpoint-url for a Kinesis that is not AWS's")}
	}
	return cfg, nil
}

// flagEndpoint is what a service's client asks for its endpoint first. Without it AWS_ENDPOINT_URL_KINESIS would count
// more than the flag.
type flagEndpoint string

func (e flagEndpoint) GetServiceBaseEndpoint(context.Context, string) (string, bool, error) {
	return string(e), true, nil
}

// hostOf returns the host that calls go to, "" for the region's usual one.
func hostOf(cfg aws.Config) string {
	endpoint := kinesis.NewFromConfig(cfg).Options().BaseEndpoint // it looks into the environment, too
	if endpoint == nil {
		return ""
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// credentialsPatience is how long AWS credentials are looked for before the first request to a host that is not AWS's. A
// machine's role is there in milliseconds, a session of SSO or STS within a second or two.
const credentialsPatience = 5 * time.Second

// orMadeUp completes what clients of a host need that is not AWS's. The host may be an emulator, which wants a
// signature and does not check it, or a way to AWS, which needs the credentials that there are. So those come first,
// and made-up ones are for the loopback interface, and for a machine that has none: that is where only its role is left
// to ask for, and does not answer.
func orMadeUp(ctx context.Context, w *waiting, cfg aws.Config, host string) (aws.Config, error) {
	none := aws.IsCredentialsProvider(cfg.Credentials, (*ec2rolecreds.Provider)(nil))
	loopback := isLoopback(host)
	err := errors.New("none are configured")
	if !none || !loopback {
		asking, cancel := context.WithTimeout(ctx, credentialsPatience)
		defer cancel()
		c := w.begin("AWS credentials")
		_, err = cfg.Credentials.Retrieve(asking)
		w.end(c, true)
	}
	switch {
	case ctx.Err() != nil:
		return cfg, ctx.Err()
	case err != nil && !none && !loopback:
		return cfg, fmt.Errorf("AWS credentials for %s: %w", host, err)
	case err != nil:
		if !loopback {
			fmt.Fprintf(w.stderr, "kplkit: there are no AWS credentials: calls to %s are signed with made-up ones\n", host)
		}
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		})
	}
	if cfg.Region == "" && (err != nil || loopback) {
		cfg.Region = "us-east-1"
	}
	return cfg, nil
}
