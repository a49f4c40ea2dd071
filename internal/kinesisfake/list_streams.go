package kinesisfake

import "slices"

type listStreamsInput struct {
	ExclusiveStartStreamName *string
	Limit                    *int
	NextToken                *string
}

type streamSummary struct {
	StreamName, StreamARN, StreamStatus string
	StreamModeDetails                   streamModeDetails
	StreamCreationTimestamp             epoch
}

type listStreamsOutput struct {
	StreamNames     []string
	StreamSummaries []streamSummary
	HasMoreStreams  bool
	NextToken       string `json:",omitempty"`
}

func (s *Server) listStreams(in *listStreamsInput) (any, error) {
	if err := within(in.Limit, 1, 10_000, "limit"); err != nil {
		return nil, err
	}
	limit := 100
	if in.Limit != nil {
		limit = *in.Limit
	}
	after := ""
	if in.ExclusiveStartStreamName != nil {
		after = *in.ExclusiveStartStreamName
	}
	if in.NextToken != nil {
		f, err := openNextToken(*in.NextToken, "streams", 1)
		if err != nil {
			return nil, err
		}
		after = f[0]
	}
	names := s.streamNames()
	start, found := slices.BinarySearch(names, after)
	if found {
		start++
	}
	names = names[start:]
	out := listStreamsOutput{StreamNames: names[:min(limit, len(names))], StreamSummaries: []streamSummary{}}
	for _, name := range out.StreamNames {
		st := s.streams[name]
		out.StreamSummaries = append(out.StreamSummaries,
			streamSummary{name, st.arn(), st.status, st.mode(), epoch(st.created)})
	}
	if out.HasMoreStreams = len(names) > limit; out.HasMoreStreams {
		out.NextToken = sealToken("streams", names[limit-1])
	}
	return out, nil
}
