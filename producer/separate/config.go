package separate

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"google.golang.org/protobuf/proto"

	"github.com/kplkit/kplkit/internal/kplpipe"
	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

const mebibyte = 1 << 20

// Config is what Start needs. Region and Credentials are required.
//
// The KPL's settings have its names, limits and defaults, which docs/separate-process.md lists; a zero value is the KPL's
// default. Durations are rounded up to milliseconds. A *bool is set with new(false).
type Config struct {
	// Command is the child and its first arguments, looked up in PATH: {"kplkit", "daemon"} if it is empty. With "daemon"
	// among the arguments the child is kplkit, else the KPL's native binary. It gets the program's environment, where
	// CA_DIR and CA_FILE may name other certificates.
	Command []string
	Region  string // of the streams, for example us-east-1
	// Endpoint is the URL of Kinesis. "" is that of the environment, as for AWS's SDKs: AWS_ENDPOINT_URL_KINESIS, or AWS_ENDPOINT_URL,
	// unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true; without one it is AWS's own. The native binary takes https only.
	Endpoint    string
	Credentials aws.CredentialsProvider // config.LoadDefaultConfig(ctx) has them. Asked again before they expire

	MaxBuffered int          // bytes of the records without a result, 64 MiB if 0, 250 MiB at most: data, keys, stream name and 512 for each. A slow stream gets a part of it
	Logger      *slog.Logger // the child's log, its ends and restarts; slog.Default() if nil

	AggregationEnabled  *bool         // nil: true
	AggregationMaxCount uint64        // user records; 0: 4,294,967,295
	AggregationMaxSize  uint64        // bytes, 64 to 10,485,760; 0: 51,200
	CloudwatchEndpoint  string        // a host; "" for AWS's own
	CloudwatchPort      uint64        // 0: 443
	CollectionMaxCount  uint64        // stored records of a request, 1 to 500; 0: 500
	CollectionMaxSize   uint64        // bytes of a request, 52,224 or more; 0: 5,242,880
	ConnectTimeout      time.Duration // 100 ms to 300 s; 0: 6 s
	EnableCoreDumps     *bool         // nil: as the program has it
	FailIfThrottled     bool          // a throttled record gets producer.ErrThrottled at once
	LogLevel            string        // trace, debug, info, warning or error; "": info
	MaxConnections      uint64        // 1 to 256; 0: 24
	MetricsGranularity  string        // how finely metrics are told apart in CloudWatch: global, stream or shard; "": shard
	// MetricsLevel is what the child sends to CloudWatch: none, summary or detailed. "" is the KPL's default, detailed; but none
	// where Endpoint is on this machine (localhost, 127.0.0.1, ::1) and CloudwatchEndpoint is "", which is logged.
	MetricsLevel          string
	MetricsNamespace      string        // 1 to 255 characters; "": KinesisProducerLibrary
	MetricsUploadDelay    time.Duration // 1 ms to 60 s; 0: 60 s
	MinConnections        uint64        // 1 to 16; 0: 1. kplkit opens them when they are needed
	RateLimit             uint64        // percent of a shard's 1 MiB and 1,000 stored records a second; 0: 150
	RecordMaxBufferedTime time.Duration // how long the child waits for more to send along; 0: 100 ms
	RecordTTL             time.Duration // 100 ms or more; 0: 30 s. Counted from the Put; a tenth more, 1 s at most, in which the child may say why it did not store it
	RequestTimeout        time.Duration // 100 ms to 600 s; 0: 6 s
	VerifyCertificate     *bool         // nil: true
	ProxyHost             string        // "": none
	ProxyPort             uint64        // 0: 443
	ProxyUserName         string
	ProxyPassword         string // in the child's arguments, as with the KPL: other users of the machine may see it
	ThreadConfig          string // PER_REQUEST or POOLED; "": PER_REQUEST. No effect on kplkit
	ThreadPoolSize        uint32 // of POOLED; 0: 64. No effect on kplkit
	AdditionalMetricDims  []MetricDimension

	endpointFrom string        // the variable that Endpoint is from, if it was ""
	tick         time.Duration // by which silence is measured: a second
}

// MetricDimension is one that every metric in CloudWatch gets.
type MetricDimension struct {
	Key, Value  string
	Granularity string // global, stream or shard: the level of detail that it counts as
}

// withDefaults fills in what the parent itself goes by.
func (c Config) withDefaults() Config {
	if len(c.Command) == 0 {
		c.Command = []string{"kplkit", "daemon"}
	}
	if c.MaxBuffered == 0 {
		c.MaxBuffered = 64 * mebibyte
	}
	if c.RecordTTL == 0 {
		c.RecordTTL = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Endpoint == "" {
		c.Endpoint, c.endpointFrom = environmentEndpoint()
	}
	if c.MetricsLevel == "" && c.CloudwatchEndpoint == "" && isLocal(c.Endpoint) {
		c.MetricsLevel = "none"
		c.Logger.Info("separate: no metrics are sent to CloudWatch, since Kinesis is on this machine; set MetricsLevel to send them")
	}
	if c.tick == 0 {
		c.tick = time.Second
	}
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
	return c
}

// longest is what longer times count as: about a century, as with the daemon, since they are added to each other.
const longest = 100 * 365 * 24 * time.Hour

// patience is how long the parent waits for a result.
func (c *Config) patience() time.Duration { return min(c.RecordTTL, longest) + c.grace() }

// grace is how long the child may take after a record's time to say what became of it.
func (c *Config) grace() time.Duration { return min(c.RecordTTL/10, time.Second) }

// isKplkit tells whether the child is kplkit, rather than the KPL's native binary.
func (c *Config) isKplkit() bool { return slices.Contains(c.Command[1:], "daemon") }

// configuration is the one place that knows which field is which of the KPL's. Its error names each bad one.
func (c *Config) configuration() (*kplpb.Configuration, error) {
	host, port, err := c.endpoint()
	thread, known := kplpb.Configuration_ThreadConfig_value[c.ThreadConfig]
	if !known && c.ThreadConfig != "" {
		err = errors.Join(err, bad("ThreadConfig (thread_config)", c.ThreadConfig, "PER_REQUEST or POOLED"))
	}
	k := &kplpb.Configuration{
		AggregationEnabled:    c.AggregationEnabled,
		AggregationMaxCount:   set(c.AggregationMaxCount),
		AggregationMaxSize:    set(c.AggregationMaxSize),
		CloudwatchEndpoint:    set(c.CloudwatchEndpoint),
		CloudwatchPort:        set(c.CloudwatchPort),
		CollectionMaxCount:    set(c.CollectionMaxCount),
		CollectionMaxSize:     set(c.CollectionMaxSize),
		ConnectTimeout:        millis(c.ConnectTimeout),
		EnableCoreDumps:       c.EnableCoreDumps,
		FailIfThrottled:       set(c.FailIfThrottled),
		KinesisEndpoint:       set(host),
		KinesisPort:           set(port),
		LogLevel:              set(c.LogLevel),
		MaxConnections:        set(c.MaxConnections),
		MetricsGranularity:    set(c.MetricsGranularity),
		MetricsLevel:          set(c.MetricsLevel),
		MetricsNamespace:      set(c.MetricsNamespace),
		MetricsUploadDelay:    millis(c.MetricsUploadDelay),
		MinConnections:        set(c.MinConnections),
		RateLimit:             set(c.RateLimit),
		RecordMaxBufferedTime: millis(c.RecordMaxBufferedTime),
		RecordTtl:             millis(c.RecordTTL),
		Region:                set(c.Region),
		RequestTimeout:        millis(c.RequestTimeout),
		VerifyCertificate:     c.VerifyCertificate,
		ProxyHost:             set(c.ProxyHost),
		ProxyPort:             set(c.ProxyPort),
		ProxyUserName:         set(c.ProxyUserName),
		ProxyPassword:         set(c.ProxyPassword),
		ThreadConfig:          set(kplpb.Configuration_ThreadConfig(thread)),
		ThreadPoolSize:        set(c.ThreadPoolSize),
	}
	for _, d := range c.AdditionalMetricDims {
		k.AdditionalMetricDims = append(k.AdditionalMetricDims, &kplpb.AdditionalDimension{
			Key: proto.String(d.Key), Value: proto.String(d.Value), Granularity: proto.String(d.Granularity),
		})
	}
	return k, errors.Join(err, c.own(), c.badSettings(kplpipe.Validate(k)))
}

// own checks what is not one of the KPL's settings.
func (c *Config) own() error {
	var errs []error
	if c.Command[0] == "" {
		errs = append(errs, bad("Command", c.Command, "a program first"))
	}
	if c.Region == "" {
		errs = append(errs, bad("Region (region)", c.Region, "one, for example us-east-1"))
	}
	if c.Credentials == nil {
		errs = append(errs, bad("Credentials", nil, "an aws.CredentialsProvider, for example that of config.LoadDefaultConfig"))
	}
	if c.MaxBuffered < 2*mebibyte || c.MaxBuffered > mostBuffered {
		errs = append(errs, bad("MaxBuffered", c.MaxBuffered, fmt.Sprintf("2 to %d MiB, in bytes", mostBuffered/mebibyte)))
	}
	return errors.Join(errs...)
}

// endpoint returns Endpoint as the child wants it: kplkit as it is, the native binary as a host, whose port is 443 unless
// it says another.
func (c *Config) endpoint() (host string, port uint64, err error) {
	if c.Endpoint == "" {
		return "", 0, nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		u = new(url.URL) // it may hold a password
	}
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", 0, bad(c.named("Endpoint")+" (kinesis_endpoint)", u.Redacted(), "a URL such as https://kinesis.us-east-1.amazonaws.com")
	case c.isKplkit():
		return c.Endpoint, 0, nil
	case u.Scheme != "https":
		return "", 0, bad(c.named("Endpoint")+" (kinesis_endpoint)", u.Redacted(), "https: the KPL's native binary speaks nothing else")
	}
	port, _ = strconv.ParseUint(u.Port(), 10, 16) // 0 where there is none
	return u.Hostname(), port, nil
}

// set returns nil for a zero value: the child's default.
func set[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// millis rounds up, so that a short time is not the default. A negative one becomes a number that no setting takes.
func millis(d time.Duration) *uint64 {
	if d < 0 {
		return new(uint64(math.MaxUint64))
	}
	return set(uint64((min(d, longest) + time.Millisecond - 1) / time.Millisecond))
}
