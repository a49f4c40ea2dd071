package kinesisfake

import (
	"fmt"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

type putRecordsInput struct {
	streamRef
	Records []putEntry
	DryRun  bool
	failing map[int]string // by a Fault: error codes by entry
}

type putRecordsOutput struct {
	FailedRecordCount int
	Records           []putResult
	EncryptionType    string
}

type putResult struct {
	ShardId        string `json:",omitempty"`
	SequenceNumber string `json:",omitempty"`
	ErrorCode      string `json:",omitempty"`
	ErrorMessage   string `json:",omitempty"`
}

func (s *Server) putRecords(in *putRecordsInput) (any, error) {
	st, err := s.dataStream(in.streamRef)
	if err != nil {
		return nil, err
	}
	keys, err := st.checkAll(in.Records)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return nil, errDryRun
	}
	out := putRecordsOutput{Records: make([]putResult, len(in.Records)), EncryptionType: "NONE"}
	for i := range in.Records {
		if code := in.failing[i]; code != "" {
			out.Records[i] = putResult{ErrorCode: code, ErrorMessage: "A fault that was asked for."}
		} else if sh, number, err := st.put(&in.Records[i], keys[i]); err != nil {
			e := err.(*apiError)
			out.Records[i] = putResult{ErrorCode: e.Code, ErrorMessage: e.Message}
		} else {
			out.Records[i] = putResult{ShardId: sh.id, SequenceNumber: number}
			continue
		}
		out.FailedRecordCount++
	}
	return out, nil
}

// checkAll holds all records of a request to the API's rules before any of them is stored.
func (st *stream) checkAll(records []putEntry) ([]hashkey.Key, error) {
	switch {
	case records == nil:
		return nil, missing("records")
	case len(records) == 0:
		return nil, violation("[]", "records", "Member must have length greater than or equal to 1")
	case len(records) > 500:
		return nil, violation(fmt.Sprintf("(%d entries)", len(records)), "records", "Member must have length less than or equal to 500")
	}
	keys, size := make([]hashkey.Key, len(records)), 0
	for i := range records {
		var err error
		if keys[i], err = st.check(&records[i], i); err != nil {
			return nil, err
		}
		size += records[i].size()
	}
	limit := 5 * mebibyte
	if st.recordSize > mebibyte {
		limit = 10 * mebibyte
	}
	if size > limit {
		return nil, invalidArgument("Records size exceeds %d MB limit", limit/mebibyte)
	}
	return keys, nil
}
