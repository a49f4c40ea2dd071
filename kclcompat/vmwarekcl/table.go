package vmwarekcl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// startLimit is how long a start waits for DynamoDB: a new table takes some ten seconds to become ACTIVE.
const startLimit = time.Minute

// Init creates the table if there is none, and waits until it is ACTIVE, whoever creates it. It refuses what can't be worked
// with: an ARN for the stream's name, a table of another kind, and leases of another stream (ErrNewStream). It warns of a
// table whose capacity is too small for the stream.
func (lt *leaseTable) Init() error {
	if err := validate(lt.cfg); err != nil {
		return err
	}
	lt.mu.Lock()
	lt.loop.began = time.Now()
	lt.mu.Unlock()
	ctx, cancel := context.WithTimeout(lt.running, startLimit)
	defer cancel()
	table, err := lt.awaitTable(ctx)
	if err != nil {
		return err
	}
	ctx, cancel = lt.patience()
	defer cancel()
	if err := lt.checkAllStreams(ctx); err != nil {
		return err
	}
	lt.checkCapacity(ctx, table)
	return nil
}

func (lt *leaseTable) awaitTable(ctx context.Context) (*types.TableDescription, error) {
	for {
		out, err := lt.table.api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &lt.table.name})
		missing := (*types.ResourceNotFoundException)(nil)
		switch {
		case errors.As(err, &missing):
			err = lt.createTable(ctx)
		case err == nil && out.Table != nil && usable(out.Table.TableStatus):
			return out.Table, lt.checkTable(out.Table)
		}
		if err != nil {
			return nil, fmt.Errorf("vmwarekcl: lease table %s: %w", lt.table.name, err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, fmt.Errorf("vmwarekcl: lease table %s does not become ACTIVE: %w", lt.table.name, ctx.Err())
		}
	}
}

// usable reports whether a table can be read and written: one that is changed, as to on demand, remains so for minutes.
func usable(s types.TableStatus) bool {
	return s == types.TableStatusActive || s == types.TableStatusUpdating
}

// createTable creates the table as vmware does, but on demand unless the configuration names its capacity. That another
// worker was faster is no error.
func (lt *leaseTable) createTable(ctx context.Context) error {
	key := aws.String(shardKey)
	in := &dynamodb.CreateTableInput{
		TableName:            &lt.table.name,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: key, AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: key, KeyType: types.KeyTypeHash}},
		BillingMode:          types.BillingModePayPerRequest,
	}
	if namesCapacity(lt.cfg) {
		in.BillingMode, in.ProvisionedThroughput = types.BillingModeProvisioned, &types.ProvisionedThroughput{
			ReadCapacityUnits:  aws.Int64(int64(lt.cfg.InitialLeaseTableReadCapacity)),
			WriteCapacityUnits: aws.Int64(int64(lt.cfg.InitialLeaseTableWriteCapacity)),
		}
	}
	_, err := lt.table.api.CreateTable(ctx, in)
	if exists := (*types.ResourceInUseException)(nil); errors.As(err, &exists) {
		return nil
	}
	return err
}

// checkCapacity warns of a table that has fewer write units than renewals alone take: then leases get lost, and few at a
// time are held. A renewal, as a checkpoint, takes one: a lease is smaller than 1 KB.
func (lt *leaseTable) checkCapacity(ctx context.Context, t *types.TableDescription) {
	if t.ProvisionedThroughput == nil || t.BillingModeSummary != nil && t.BillingModeSummary.BillingMode == types.BillingModePayPerRequest {
		return
	}
	shards, err := lt.list(ctx, time.Now().Add(-listingAge))
	if err != nil {
		lt.cfg.Logger.Debugf("kplkit: whether the lease table has enough write units is not known: %v", err)
		return
	}
	open := 0
	for _, shard := range shards {
		if shard.open {
			open++
		}
	}
	interval := lt.renewalInterval()
	have, need := aws.ToInt64(t.ProvisionedThroughput.WriteCapacityUnits), int64((time.Duration(open)*time.Second+interval-1)/interval)
	if have >= need {
		return
	}
	lt.cfg.Logger.Warnf("kplkit: lease table %s has %d write units, and the %d open shards of %s need %d a second for renewals alone (one a shard every %v), and one for each checkpoint: leases will be lost where DynamoDB throttles. Switch the table to on-demand capacity (UpdateTable with PAY_PER_REQUEST), or provision %d units and those for your checkpoints. If the table has auto scaling, which is not seen from here, set its minimum to that: it acts only after minutes. Or renew less often: set LeaseRefreshWaitTime, now %d ms, higher, up to a third of FailoverTimeMillis, now %d ms",
		lt.table.name, have, open, lt.cfg.StreamName, need, interval, need, lt.cfg.LeaseRefreshWaitTime, lt.cfg.FailoverTimeMillis)
}

// checkTable refuses a table with another key than vmware's, where every request would fail.
func (lt *leaseTable) checkTable(t *types.TableDescription) error {
	key := ""
	for _, e := range t.KeySchema {
		key += aws.ToString(e.AttributeName) + " "
	}
	if key == shardKey+" " {
		return nil
	}
	whose := ""
	if key == "leaseKey " {
		whose = ", as the Java KCL's lease tables have"
	}
	return fmt.Errorf("vmwarekcl: table %s has the key %s%s, and not %s: it is not a lease table of vmware-go-kcl-v2; configure another TableName, or another ApplicationName", lt.table.name, key[:max(0, len(key)-1)], whose, shardKey)
}
