package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
)

// startLimit is how long a start waits for DynamoDB: a new table takes some ten seconds to become ACTIVE.
const startLimit = time.Minute

// Init creates the table if there is none, and waits until it is ACTIVE. It refuses what can't be worked with: an ARN for
// the stream's name, a table of another kind, and leases of another stream (ErrNewStream).
func (c *Checkpointer) Init() error {
	if err := validate(c.cfg); err != nil {
		return err
	}
	c.mu.Lock()
	c.loop.began = time.Now()
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.running, startLimit)
	defer cancel()
	if err := c.awaitTable(ctx); err != nil {
		return err
	}
	ctx, cancel = c.patience()
	defer cancel()
	return c.checkAllStreams(ctx)
}

func (c *Checkpointer) awaitTable(ctx context.Context) error {
	for {
		out, err := c.table.api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &c.table.name})
		missing := (*types.ResourceNotFoundException)(nil)
		switch {
		case errors.As(err, &missing):
			err = c.createTable(ctx)
		case err == nil && out.Table != nil && out.Table.TableStatus == types.TableStatusActive:
			return c.checkTable(out.Table)
		}
		if err != nil {
			return fmt.Errorf("vmwarekcl: lease table %s: %w", c.table.name, err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("vmwarekcl: lease table %s does not become ACTIVE: %w", c.table.name, ctx.Err())
		}
	}
}

// createTable creates the table as vmware does. That another worker was faster is no error.
func (c *Checkpointer) createTable(ctx context.Context) error {
	key := aws.String(chk.LeaseKeyKey)
	_, err := c.table.api.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:            &c.table.name,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: key, AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: key, KeyType: types.KeyTypeHash}},
		ProvisionedThroughput: &types.ProvisionedThroughput{
			ReadCapacityUnits:  aws.Int64(int64(c.cfg.InitialLeaseTableReadCapacity)),
			WriteCapacityUnits: aws.Int64(int64(c.cfg.InitialLeaseTableWriteCapacity)),
		},
	})
	if exists := (*types.ResourceInUseException)(nil); errors.As(err, &exists) {
		return nil
	}
	return err
}

// checkTable refuses a table with another key than vmware's, where every request would fail.
func (c *Checkpointer) checkTable(t *types.TableDescription) error {
	key := ""
	for _, e := range t.KeySchema {
		key += aws.ToString(e.AttributeName) + " "
	}
	if key == chk.LeaseKeyKey+" " {
		return nil
	}
	whose := ""
	if key == "leaseKey " {
		whose = ", as the Java KCL's lease tables have"
	}
	return fmt.Errorf("vmwarekcl: table %s has the key %s%s, and not %s: it is not a lease table of vmware-go-kcl-v2; configure another TableName, or another ApplicationName", c.table.name, key[:max(0, len(key)-1)], whose, chk.LeaseKeyKey)
}
