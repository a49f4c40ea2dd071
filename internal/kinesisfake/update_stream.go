package kinesisfake

import "time"

// The operations that change a setting of a stream.

func parseMode(mode streamModeDetails) (onDemand bool, err error) {
	switch mode.StreamMode {
	case "PROVISIONED":
		return false, nil
	case "ON_DEMAND":
		return true, nil
	}
	return false, violation(mode.StreamMode, "streamModeDetails.streamMode",
		"Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]")
}

func (st *stream) setStrategy(strategy string) error {
	switch {
	case strategy != autoKeys && strategy != userKeys:
		return violation(strategy, "recordDistributionStrategy", "Member must satisfy enum value set: [AUTO, USER_PARTITION_KEY]")
	case !st.onDemand:
		return invalidArgument("Record distribution strategies are for ON_DEMAND streams, and %v is PROVISIONED.", st)
	}
	st.auto = strategy == autoKeys
	return nil
}

func (st *stream) setRecordSize(kib *int) error {
	if err := within(kib, 1024, 10240, "maxRecordSizeInKiB"); err != nil || kib == nil {
		return err
	}
	st.recordSize = *kib << 10
	for _, sh := range st.open {
		sh.limits.setBurst(st.recordSize)
	}
	return nil
}

type updateStrategyInput struct {
	streamRef
	RecordDistributionStrategy *string
}

func (s *Server) updateDistributionStrategy(in *updateStrategyInput) (any, error) {
	st, err := s.activeStream(in.streamRef)
	if err != nil {
		return nil, err
	}
	if in.RecordDistributionStrategy == nil {
		return nil, missing("recordDistributionStrategy")
	}
	return nil, st.setStrategy(*in.RecordDistributionStrategy)
}

type updateMaxRecordSizeInput struct {
	streamRef
	MaxRecordSizeInKiB *int
}

func (s *Server) updateMaxRecordSize(in *updateMaxRecordSizeInput) (any, error) {
	st, err := s.activeStream(in.streamRef)
	if err != nil {
		return nil, err
	}
	if in.MaxRecordSizeInKiB == nil {
		return nil, missing("maxRecordSizeInKiB")
	}
	return nil, st.setRecordSize(in.MaxRecordSizeInKiB)
}

type updateStreamModeInput struct {
	streamRef
	StreamModeDetails *streamModeDetails
}

func (s *Server) updateStreamMode(in *updateStreamModeInput) (any, error) {
	st, err := s.activeStream(in.streamRef)
	if err != nil {
		return nil, err
	}
	if in.StreamModeDetails == nil {
		return nil, missing("streamModeDetails")
	}
	onDemand, err := parseMode(*in.StreamModeDetails)
	switch {
	case err != nil:
		return nil, err
	case st.auto && !onDemand:
		return nil, invalidArgument("%v distributes its records by AUTO, which PROVISIONED streams can't.", st)
	}
	st.onDemand = onDemand
	return nil, nil
}

type retentionInput struct {
	streamRef
	RetentionPeriodHours *int
}

func (s *Server) increaseRetention(in *retentionInput) (any, error) {
	return s.changeRetention(in, func(now, then time.Duration) bool { return then >= now }, "less")
}

func (s *Server) decreaseRetention(in *retentionInput) (any, error) {
	return s.changeRetention(in, func(now, then time.Duration) bool { return then <= now }, "greater")
}

func (s *Server) changeRetention(in *retentionInput, allowed func(now, then time.Duration) bool, wrong string) (any, error) {
	st, err := s.activeStream(in.streamRef)
	if err != nil {
		return nil, err
	}
	if in.RetentionPeriodHours == nil {
		return nil, missing("retentionPeriodHours")
	}
	if *in.RetentionPeriodHours < 24 || *in.RetentionPeriodHours > 8760 {
		return nil, invalidArgument("A retention period has 24 to 8760 hours, not %d.", *in.RetentionPeriodHours)
	}
	then := time.Duration(*in.RetentionPeriodHours) * time.Hour
	if !allowed(st.retention, then) {
		return nil, invalidArgument("Requested retention period (%v) for %v is %s than the current one (%v).",
			then, st, wrong, st.retention)
	}
	st.retention = then
	return nil, nil
}
