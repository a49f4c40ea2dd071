// Package dynamostore keeps the positions of package deagglambda in a table in DynamoDB.
//
//	store, err := dynamostore.New(dynamodb.NewFromConfig(cfg), "lambda-positions", os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
//	lambda.Start(deagglambda.Handler(process, deagglambda.WithStore(store)))
//
// The table has the partition key "key", a string, and no sort key; several functions may share it. Turn on DynamoDB's time to live
// for the attribute "expires".
//
// An item has:
//
//	key       S  NAME/KEY: the name given to New, and the key of deagglambda.Store
//	position  S  SEQ:SUB or SEQ, the text form of package seqnum
//	order     B  the same in binary, whose bytes compare as positions do
//	expires   N  seconds since 1970
//
// # Compatibility
//
// The form of items stays as it is for as long as this module exists.
package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/kplkit/kplkit/seqnum"
)

// DefaultTTL is how long a position is kept after it was last stored.
const DefaultTTL = 30 * 24 * time.Hour

// Store is a deagglambda.Store. It is safe for concurrent use. Of its errors only those of an item that can't be read name its key, in which
// there may be a partition key.
type Store struct {
	client      *dynamodb.Client
	table, name string
	ttl         time.Duration
}

// Option sets up a Store.
type Option func(*Store)

// WithTTL sets how long a position is kept; 0 keeps it for ever. A position is needed for as long as its stored records can come
// again: while Lambda tries them, and until what lies at the on-failure destination has been brought back. When it is gone, what was
// done of a stored record comes again.
func WithTTL(d time.Duration) Option { return func(s *Store) { s.ttl = d } }

// New returns a Store for the function of that name, which has no slash. To process a stream again, give another name: under the old one
// all that is done is skipped. Give each of two that read the same stream a name of its own, such as two aliases of a function, or an event
// source mapping and a pipe: what one has done the other would skip.
func New(client *dynamodb.Client, table, name string, opts ...Option) (*Store, error) {
	s := &Store{client: client, table: table, name: name, ttl: DefaultTTL}
	for _, opt := range opts {
		if opt == nil {
			return nil, errors.New("dynamostore: an option of New is nil: leave it out")
		}
		opt(s)
	}
	switch {
	case client == nil:
		return nil, errors.New("dynamostore: New without a client")
	case table == "" || name == "":
		return nil, errors.New("dynamostore: New needs the names of a table and of the function")
	case strings.Contains(name, "/"):
		return nil, fmt.Errorf("dynamostore: the name %q has a slash, which is between it and a key: name it without one", name)
	case s.ttl < 0:
		return nil, fmt.Errorf("dynamostore: a time to live of %v", s.ttl)
	}
	return s, nil
}

func (s *Store) key(key string) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: s.name + "/" + key}
}

// Load returns the position of a key, or the zero Extended and no error where none is stored.
func (s *Store) Load(ctx context.Context, key string) (seqnum.Extended, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: map[string]types.AttributeValue{"key": s.key(key)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return seqnum.Extended{}, fmt.Errorf("dynamostore: load a position of %s from table %s: %w", s.name, s.table, err)
	}
	if len(out.Item) == 0 {
		return seqnum.Extended{}, nil
	}
	text, _ := out.Item["position"].(*types.AttributeValueMemberS)
	if text == nil {
		return seqnum.Extended{}, fmt.Errorf("dynamostore: the item %s/%s of table %s has no position: delete it, or name another table", s.name, key, s.table)
	}
	at, err := seqnum.ParseExtended(text.Value)
	if err != nil {
		return seqnum.Extended{}, fmt.Errorf("dynamostore: the item %s/%s of table %s: %w", s.name, key, s.table, err)
	}
	return at, nil
}

// Save stores that all up to at is done. A position that is further on stays: another invocation has stored it.
func (s *Store) Save(ctx context.Context, key string, at seqnum.Extended) error {
	order, err := at.MarshalBinary()
	if err == nil && !at.IsValid() {
		err = errors.New("the zero position is none")
	}
	if err != nil {
		return fmt.Errorf("dynamostore: save a position of %s: %w", s.name, err)
	}
	item := map[string]types.AttributeValue{
		"key":      s.key(key),
		"position": &types.AttributeValueMemberS{Value: at.String()},
		"order":    &types.AttributeValueMemberB{Value: order},
	}
	if s.ttl > 0 {
		item["expires"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(s.ttl).Unix(), 10)}
	}
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: item,
		ConditionExpression:       aws.String("attribute_not_exists(#order) OR #order <= :order"),
		ExpressionAttributeNames:  map[string]string{"#order": "order"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":order": item["order"]},
	})
	if further := (*types.ConditionalCheckFailedException)(nil); err != nil && !errors.As(err, &further) {
		return fmt.Errorf("dynamostore: save a position of %s in table %s: %w", s.name, s.table, err)
	}
	return nil
}
