// Command kplkit reads, explains and checks what the Kinesis Producer Library (KPL) put into a Kinesis stream.
//
//	kplkit demo                       # what kplkit is for, without an AWS account
//	kplkit deagg capture.jsonl.gz     # stored records in, user records out
//	kplkit agg user-records.jsonl     # the inverse: user records in, stored records out
//	kplkit put orders records.jsonl   # the same into a stream
//	kplkit daemon -o … -i … -c …      # puts records for another process, as the KPL's native binary
//	kplkit inspect capture.jsonl.gz   # the anatomy of each stored record
//	kplkit matrix                     # where aggregation has to be disabled
//	kplkit multilang run -- CMD       # a record processor in any language under Java's MultiLangDaemon
//	kplkit seqnum explain NUMBER      # what a sequence number says
//	kplkit local --stream orders:4    # a Kinesis and a DynamoDB to try things on
//	kplkit proxy --region eu-west-1   # between any client and Kinesis
//
// It exits with 0 if all is fine, 1 if something failed, 2 on wrong usage, and 3 if it finished and found something
// to act on. Every command explains itself with --help.
package main

import (
	"context"
	"os"
	"os/signal"

	// Certificates for where the machine has none, as in an empty root file system: 150 KB. The machine's count more.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/kplkit/kplkit/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
