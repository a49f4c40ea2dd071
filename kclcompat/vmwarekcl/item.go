package vmwarekcl

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
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"

	"github.com/kplkit/kplkit/seqnum"
)

// Attributes: vmware's, and those beside them (package documentation).
const (
	shardKey      = chk.LeaseKeyKey
	ownerKey      = chk.LeaseOwnerKey
	timeoutKey    = chk.LeaseTimeoutKey
	checkpointKey = chk.SequenceNumberKey
	parentKey     = chk.ParentShardIdKey
	claimKey      = chk.ClaimRequestKey

	positionKey = "kplkitPosition"
	tokenKey    = "kplkitToken"
	writesKey   = "kplkitWrites"
	startKey    = "kplkitStart"
	birthKey    = "kplkitBirth"
	failuresKey = "kplkitFailures"
)

// item is a lease as it stands in the table.
type item map[string]types.AttributeValue

func (it item) text(key string) string {
	if s, ok := it[key].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func (it item) number(key string) int64 {
	if s, ok := it[key].(*types.AttributeValueMemberN); ok {
		n, _ := strconv.ParseInt(s.Value, 10, 64)
		return n
	}
	return 0
}

// check returns an error for a checkpoint that can't be read. One of another type, or empty, is not taken for none.
func (it item) check() error {
	if _, there := it[checkpointKey]; there && it.text(checkpointKey) == "" {
		return errors.New("the attribute Checkpoint is not a text, or empty")
	}
	if it.position() == "" {
		return nil
	}
	_, err := parsePosition(it.position())
	return err
}

// timeout returns when the lease ends; the zero time if it has none that can be read: it has ended.
func (it item) timeout() time.Time {
	t, err := time.Parse(time.RFC3339Nano, it.text(timeoutKey))
	if err != nil {
		return time.Time{}
	}
	return t
}

// position returns the text of the position that the lease stands for: the exact one, as long as no other writer has
// touched the checkpoint. "" is none.
func (it item) position() string {
	checkpoint := it.text(checkpointKey)
	if base, exact, ok := strings.Cut(it.text(positionKey), "|"); ok && base == checkpoint {
		return exact
	}
	return checkpoint
}

// parsePosition reads a position text of the table: a sequence number, SEQUENCE:SUB, either as digits, a sentinel, or
// AT_TIMESTAMP:MILLISECONDS.
func parsePosition(text string) (seqnum.Extended, error) {
	if ms, ok := strings.CutPrefix(text, "AT_TIMESTAMP:"); ok {
		if _, err := strconv.ParseInt(ms, 10, 64); err != nil {
			return seqnum.Extended{}, fmt.Errorf("position %q: %w", text, err)
		}
		return seqnum.AtTimestamp(), nil
	}
	return seqnum.ParseExtended(text)
}

func stringValue(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numberValue(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// table is vmware's lease table.
type table struct {
	api  chk.DynamoDBAPI
	name string
}

func (t table) key(shardID string) item { return item{shardKey: stringValue(shardID)} }

// get returns a lease, nil if there is none.
func (t table) get(ctx context.Context, shardID string) (item, error) {
	out, err := t.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.name, Key: t.key(shardID), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("vmwarekcl: lease of %s: %w", shardID, err)
	}
	return out.Item, nil
}

// scan calls f with every item.
func (t table) scan(ctx context.Context, f func(item)) error {
	pages := dynamodb.NewScanPaginator(t.api, &dynamodb.ScanInput{TableName: &t.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("vmwarekcl: leases of table %s: %w", t.name, err)
		}
		for _, it := range page.Items {
			f(it)
		}
	}
	return nil
}

// update changes single attributes of a lease, which it makes if there is none and no condition speaks against it.
func (t table) update(ctx context.Context, shardID string, u *update) error {
	change, condition, values := u.expressions()
	_, err := t.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: t.key(shardID),
		UpdateExpression: &change, ConditionExpression: &condition, ExpressionAttributeValues: values,
	})
	if err != nil {
		return fmt.Errorf("vmwarekcl: lease of %s: %w", shardID, err)
	}
	return nil
}

// remove deletes a lease on the conditions of u.
func (t table) remove(ctx context.Context, shardID string, u *update) error {
	_, condition, values := u.expressions()
	_, err := t.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &t.name, Key: t.key(shardID), ConditionExpression: &condition, ExpressionAttributeValues: values,
	})
	if err != nil {
		return fmt.Errorf("vmwarekcl: lease of %s: %w", shardID, err)
	}
	return nil
}

// conditionFailed reports whether err says that the item is not as it was expected.
func conditionFailed(err error) bool {
	failed := (*types.ConditionalCheckFailedException)(nil)
	return errors.As(err, &failed)
}
