package cli

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/deagg/deagglambda/dynamostore"
)

// lambda runs a function with a store in DynamoDB, whose table is made aside. It fails if the user record is not processed.
func (a *account) lambda() error {
	cfg := demoAWS("http://dynamodb.test")
	cfg.HTTPClient = &http.Client{Transport: a.dynamoDB.Transport()}
	if !a.hasCalled("dynamodb:GetItem") { // the first time
		_, err := dynamodb.NewFromConfig(cfg).CreateTable(a.Context(), &dynamodb.CreateTableInput{
			TableName: aws.String("positions"), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("key"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("key"), KeyType: types.KeyTypeHash}},
		})
		if err != nil {
			return err
		}
	}
	store, err := dynamostore.New(dynamodb.NewFromConfig(demoAWS(a.url)), "positions", "f")
	if err != nil {
		return err
	}
	handler := deagglambda.Handler(func(context.Context, deagg.UserRecord) error { return nil },
		deagglambda.WithStore(store), deagglambda.WithLogger(slog.New(slog.DiscardHandler)))
	answer, err := handler(a.Context(), deagglambda.Event{Records: []deagglambda.Record{{
		EventID: "shardId-000000000000:42", Kinesis: deagglambda.KinesisRecord{SequenceNumber: "42", PartitionKey: "k", Data: []byte("a")},
	}}})
	if err == nil && len(answer.BatchItemFailures) > 0 {
		err = errors.New("not processed")
	}
	return err
}
