package kinesisfake

type getShardIteratorInput struct {
	streamRef
	ShardId                *string
	ShardIteratorType      *string
	StartingSequenceNumber *string
	Timestamp              *epoch
	DryRun                 bool
}

type getShardIteratorOutput struct{ ShardIterator string }

func (s *Server) getShardIterator(in *getShardIteratorInput) (any, error) {
	st, err := s.dataStream(in.streamRef)
	if err != nil {
		return nil, err
	}
	sh, err := st.shard(in.ShardId, "shardId")
	if err != nil {
		return nil, err
	}
	position, err := st.startingPosition(sh, in.ShardIteratorType, in.StartingSequenceNumber, in.Timestamp)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, errDryRun
	}
	return getShardIteratorOutput{st.iterator(sh, position)}, nil
}
