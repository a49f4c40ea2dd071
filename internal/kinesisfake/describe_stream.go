package kinesisfake

type describeStreamInput struct {
	streamRef
	Limit                 *int
	ExclusiveStartShardId *string
}

type streamDescription struct {
	StreamName, StreamARN, StreamStatus string
	StreamModeDetails                   streamModeDetails
	RetentionPeriodHours                int
	StreamCreationTimestamp             epoch
	EncryptionType                      string
	EnhancedMonitoring                  []enhancedMetrics
}

type enhancedMetrics struct{ ShardLevelMetrics []string }

func (st *stream) description() streamDescription {
	return streamDescription{
		StreamName: st.name, StreamARN: st.arn(), StreamStatus: st.status, StreamModeDetails: st.mode(),
		RetentionPeriodHours:    int(st.retention.Hours()),
		StreamCreationTimestamp: epoch(st.created), EncryptionType: "NONE",
		EnhancedMonitoring: []enhancedMetrics{{[]string{}}},
	}
}

type describeStreamOutput struct {
	StreamDescription struct {
		streamDescription
		Shards        []shardDescription
		HasMoreShards bool
	}
}

func (s *Server) describeStream(in *describeStreamInput) (any, error) {
	st, err := s.stream(in.streamRef)
	if err != nil {
		return nil, err
	}
	if err := within(in.Limit, 1, 10_000, "limit"); err != nil {
		return nil, err
	}
	limit := 100
	if in.Limit != nil {
		limit = min(limit, *in.Limit)
	}
	shards := behind(st.held(), in.ExclusiveStartShardId)
	var out describeStreamOutput
	out.StreamDescription.streamDescription = st.description()
	out.StreamDescription.Shards = describe(shards[:min(limit, len(shards))])
	out.StreamDescription.HasMoreShards = len(shards) > limit
	return out, nil
}

type describeStreamSummaryInput struct{ streamRef }

type describeStreamSummaryOutput struct {
	StreamDescriptionSummary struct {
		streamDescription
		OpenShardCount             int
		ConsumerCount              int
		MaxRecordSizeInKiB         int
		RecordDistributionStrategy string `json:",omitempty"`
	}
}

func (s *Server) describeStreamSummary(in *describeStreamSummaryInput) (any, error) {
	st, err := s.stream(in.streamRef)
	if err != nil {
		return nil, err
	}
	var out describeStreamSummaryOutput
	d := &out.StreamDescriptionSummary
	d.streamDescription = st.description()
	d.OpenShardCount, d.ConsumerCount = len(st.open), len(st.consumers)
	d.MaxRecordSizeInKiB = st.recordSize >> 10
	switch {
	case st.auto:
		d.RecordDistributionStrategy = autoKeys
	case st.onDemand:
		d.RecordDistributionStrategy = userKeys
	}
	return out, nil
}

type describeLimitsInput struct{}

type describeLimitsOutput struct {
	ShardLimit, OpenShardCount                    int
	OnDemandStreamCount, OnDemandStreamCountLimit int
}

func (s *Server) describeLimits(*describeLimitsInput) (any, error) {
	out := describeLimitsOutput{ShardLimit: maxShards, OpenShardCount: s.openShards(), OnDemandStreamCountLimit: 50}
	for _, st := range s.streams {
		if st.onDemand {
			out.OnDemandStreamCount++
		}
	}
	return out, nil
}
