package vmwarekcl

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
)

// validate returns what no worker can work with, and vmware notices late or never.
func validate(cfg *config.KinesisClientLibConfiguration) error {
	if cfg == nil {
		return errors.New("vmwarekcl: the configuration is nil")
	}
	var errs []error
	bad := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("vmwarekcl: "+format, args...))
		}
	}
	_, name, _ := strings.Cut(cfg.StreamName, "/")
	bad(strings.HasPrefix(cfg.StreamName, "arn:"), "the stream's name %q is an ARN, which vmware-go-kcl-v2 can't work with: configure the name, %q, and the region that the ARN has", cfg.StreamName, name)
	bad(cfg.StreamName == "", "StreamName is empty")
	bad(cfg.TableName == "", "TableName is empty: it is the application's name, unless set")
	bad(cfg.WorkerID == "", "WorkerID is empty: each process needs an id of its own")
	bad(cfg.Logger == nil, "Logger is nil")
	bad(cfg.FailoverTimeMillis <= 0 || int64(cfg.FailoverTimeMillis) > maxMillis, "FailoverTimeMillis is %d: it is how long a lease lasts, and has to be from 1 to %d", cfg.FailoverTimeMillis, maxMillis)
	bad(cfg.ShardSyncIntervalMillis <= 0, "ShardSyncIntervalMillis is %d, and has to be more than 0", cfg.ShardSyncIntervalMillis)
	bad(!cfg.EnableEnhancedFanOutConsumer && (cfg.MaxRecords < 1 || cfg.MaxRecords > 10_000), "MaxRecords is %d: GetRecords takes 1 to 10,000", cfg.MaxRecords)
	bad(cfg.MaxLeasesForWorker < 1, "MaxLeasesForWorker is %d: the worker would take no shard", cfg.MaxLeasesForWorker)
	bad(config.InitalPositionInStreamToShardIteratorType(cfg.InitialPositionInStream) == nil, "InitialPositionInStream is %d: it has to be LATEST, TRIM_HORIZON or AT_TIMESTAMP", cfg.InitialPositionInStream)
	bad(cfg.InitialPositionInStream == config.AT_TIMESTAMP && cfg.InitialPositionInStreamExtended.Timestamp == nil, "InitialPositionInStream is AT_TIMESTAMP, and there is no Timestamp")
	return errors.Join(errs...)
}

// maxMillis is a day: nobody waits longer for a lease.
const maxMillis = int64(24 * time.Hour / time.Millisecond)

// normal returns a copy of a configuration by which a lease is renewed, and vmware asks for it, at least three times while
// it lasts: vmware ends a consumer whose lease is lost only when it asks. With enhanced fan-out it asks first
// LeaseRefreshPeriodMillis before the lease's end, and then once in a renewal interval (renewFor).
func normal(cfg *config.KinesisClientLibConfiguration) *config.KinesisClientLibConfiguration {
	own := *cfg
	if third := max(1, own.FailoverTimeMillis/3); own.LeaseRefreshWaitTime <= 0 || own.LeaseRefreshWaitTime > third {
		own.LeaseRefreshWaitTime = third
	}
	own.LeaseRefreshPeriodMillis = max(0, min(own.LeaseRefreshPeriodMillis, own.FailoverTimeMillis/2))
	return &own
}

func millis(n int) time.Duration {
	return time.Duration(min(int64(n), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// namesCapacity reports whether a configuration says how many units a new lease table is to have. The numbers that it comes
// with say nothing, nor do zeros.
func namesCapacity(cfg *config.KinesisClientLibConfiguration) bool {
	reads, writes := cfg.InitialLeaseTableReadCapacity, cfg.InitialLeaseTableWriteCapacity
	usual := reads == config.DefaultInitialLeaseTableReadCapacity && writes == config.DefaultInitialLeaseTableWriteCapacity
	return !usual && (reads != 0 || writes != 0)
}
