package kpldaemon

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// uploader sends the counters to CloudWatch, as metrics_level and metrics_granularity say.
type uploader struct {
	client          *cloudwatch.Client
	counters        *counters
	log             *slog.Logger
	namespace       string
	detailed        bool
	streams, shards bool
	every           time.Duration
	open            context.Context // until close
	stop            context.CancelFunc
	ended           chan struct{}
	unsent          []types.MetricDatum
}

// newUploader returns nil where nothing is to be sent.
func newUploader(s *settings, transport http.RoundTripper, keys aws.CredentialsProvider, c *counters) *uploader {
	if s.GetMetricsLevel() == "none" {
		return nil
	}
	u := &uploader{
		counters: c, log: s.log, namespace: s.GetMetricsNamespace(), detailed: s.GetMetricsLevel() == "detailed",
		streams: s.GetMetricsGranularity() != "global", shards: s.GetMetricsGranularity() == "shard",
		every: milliseconds(s.GetMetricsUploadDelay()), ended: make(chan struct{}),
	}
	u.open, u.stop = context.WithCancel(context.Background())
	u.client = cloudwatch.New(cloudwatch.Options{
		Region: s.region, Credentials: keys, HTTPClient: &http.Client{Transport: transport},
		BaseEndpoint: present(endpoint(s.GetCloudwatchEndpoint(), s.GetCloudwatchPort())),
	})
	go u.run()
	return u
}

// samplePause is how often the pending puts are counted.
const samplePause = time.Second

// uploadTime is how long an upload may take.
const uploadTime = 30 * time.Second

func (u *uploader) run() {
	defer close(u.ended)
	samples, uploads := time.NewTicker(samplePause), time.NewTicker(u.every)
	defer samples.Stop()
	defer uploads.Stop()
	for {
		select {
		case now := <-samples.C:
			u.counters.mu.Lock()
			u.counters.sample(now)
			u.counters.mu.Unlock()
		case <-uploads.C:
			ctx, cancel := context.WithTimeout(u.open, uploadTime)
			u.upload(ctx)
			cancel()
		case <-u.open.Done():
			return
		}
	}
}

// lastUpload is how long the end waits for CloudWatch.
const lastUpload = time.Second

// close sends what is left, until ctx is done.
func (u *uploader) close(ctx context.Context) {
	if u == nil {
		return
	}
	u.stop()
	<-u.ended
	u.upload(ctx)
}

// Limits of what is sent: a request holds less than CloudWatch's 1,000 metrics, for its limit of 1 MB; what could not be
// sent is kept up to so many.
const (
	metricsOfRequest = 500
	mostUnsent       = 50_000
)

// upload sends what was counted since the last time, and what could not be sent then.
func (u *uploader) upload(ctx context.Context) {
	u.unsent = append(u.unsent, u.take(time.Now())...)
	if over := len(u.unsent) - mostUnsent; over > 0 {
		u.log.Error("Metrics are dropped: CloudWatch has not taken them for long", slog.Int("metrics", over))
		u.unsent = u.unsent[over:]
	}
	for len(u.unsent) > 0 {
		n := min(metricsOfRequest, len(u.unsent))
		_, err := u.client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &u.namespace, MetricData: u.unsent[:n]})
		if err != nil {
			u.log.Error("Metrics upload failed: they are sent with the next", slog.Any("error", err))
			return
		}
		u.unsent = u.unsent[n:]
	}
	u.unsent = nil
}

// take returns what was counted since the last time.
func (u *uploader) take(now time.Time) (data []types.MetricDatum) {
	u.counters.mu.Lock()
	defer u.counters.mu.Unlock()
	reports := u.counters.reports()
	for _, r := range reports {
		if blank := func(d dimension) bool { return d.value == "" }; r.fresh.count > 0 && u.wants(r) && !slices.ContainsFunc(r.dimensions, blank) {
			data = append(data, r.datum(now))
		}
	}
	for _, r := range reports { // only now: a series may be in several
		r.fresh = stats{}
	}
	return data
}

func (u *uploader) wants(r report) bool {
	detailed := r.metric >= userRecordsReceived && r.metric != metrics
	return (u.detailed || !detailed) && (u.streams || r.granularity == "global") && (u.shards || r.granularity != "shard")
}

func (r report) datum(now time.Time) types.MetricDatum {
	d := types.MetricDatum{
		MetricName: &r.of, Unit: types.StandardUnit(r.unit), Timestamp: &now,
		StatisticValues: &types.StatisticSet{
			SampleCount: aws.Float64(r.fresh.count), Sum: aws.Float64(r.fresh.sum), Minimum: aws.Float64(r.fresh.min), Maximum: aws.Float64(r.fresh.max),
		},
	}
	for _, x := range r.dimensions {
		d.Dimensions = append(d.Dimensions, types.Dimension{Name: &x.key, Value: &x.value})
	}
	return d
}
