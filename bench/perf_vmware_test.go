package bench

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
	awslabs "github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deaggaws"
	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/seqnum"
)

// underVMware compares what vmware-go-kcl-v2 does with a batch that the SDK has read, which is awslabs' de-aggregation, with what
// vmwarekcl adds and takes away: its client's step, the same of vmware over opaque records, and the user records of a Processor.
func underVMware(s *session) {
	d := aggregates(1<<20, usualAggregate, 100, 10)
	pass := func(batch []types.Record) []types.Record {
		all, err := awslabs.DeaggregateRecords(batch)
		if err != nil {
			panic(err)
		}
		return all
	}
	client := kinesis.New(kinesis.Options{Region: "us-east-1"}, deaggaws.WithDeaggregation(), opaque.Records, replaying(d.batch))
	var users []deagg.UserRecord
	spent := takeTurns(s.rounds, s.each, []contender{
		{name: "vmware", pass: func() { d.check(len(pass(d.batch))) }},
		{name: "vmwarekcl", pass: func() {
			users = deaggaws.AppendUserRecords(nil, pass(read(client).Records), seqnum.TrimHorizon())
			d.check(len(users))
		}},
	})
	s.table("100 B record", "ns")
	s.row("vmware's own pass", number(spent["vmware"].per(d.users).median))
	s.row("vmwarekcl, all of it", number(spent["vmwarekcl"].per(d.users).median))
	s.atMost(0.6, "vmwarekcl, per 100 B record, of vmware's own pass", spent["vmwarekcl"].over(spent["vmware"]), "")
}

// replaying answers GetRecords with a batch, in place of the SDK.
func replaying(batch []types.Record) func(*kinesis.Options) {
	return func(o *kinesis.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("replay",
				func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (out middleware.InitializeOutput, _ middleware.Metadata, _ error) {
					out.Result = &kinesis.GetRecordsOutput{Records: slices.Clone(batch), NextShardIterator: aws.String("x")}
					return out, middleware.Metadata{}, nil
				}), middleware.After)
		})
	}
}
