// Command lambda is a function on a Kinesis stream that processes user records, on github.com/aws/aws-lambda-go.
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap . && zip function.zip bootstrap
//
// With TABLE in its environment it keeps in that DynamoDB table what is done, so that nothing is done twice.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/deagg/deagglambda/dynamostore"
)

// process is what becomes of a user record. An error has it come again.
func process(ctx context.Context, u deagg.UserRecord) error {
	slog.InfoContext(ctx, "user record", "sequence_number", u.SequenceNumber, "sub_sequence_number", u.SubSequenceNumber, "bytes", len(u.Data))
	return nil
}

func main() {
	options, err := store(context.Background(), os.Getenv("TABLE"))
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(deagglambda.Handler(process, options...))
}

// store returns the option for a table, or none.
func store(ctx context.Context, table string) ([]deagglambda.Option, error) {
	if table == "" {
		return nil, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	s, err := dynamostore.New(dynamodb.NewFromConfig(cfg), table, os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
	if err != nil {
		return nil, err
	}
	return []deagglambda.Option{deagglambda.WithStore(s)}, nil
}
