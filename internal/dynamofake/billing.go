package dynamofake

import "time"

// billing is how a table's capacity is paid for. It is checked and described, and limits nothing.
type billing struct {
	provisioned *throughput // nil on demand
	since       time.Time   // on demand
}

type throughput struct{ ReadCapacityUnits, WriteCapacityUnits int64 }

func newBilling(in *createTableInput) (b billing, err error) {
	switch in.BillingMode {
	case "", "PROVISIONED":
		if in.ProvisionedThroughput == nil {
			return b, validation("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
		}
		return billing{provisioned: in.ProvisionedThroughput}, in.ProvisionedThroughput.check()
	case "PAY_PER_REQUEST":
		if in.ProvisionedThroughput != nil {
			return b, validation("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		return billing{since: time.Now()}, nil
	}
	return b, validation("1 validation error detected: Value '%s' at 'billingMode' failed to satisfy constraint: Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]", clip(in.BillingMode))
}

// checkIndex finds what is wrong with the capacity of an index of the table.
func (b billing) checkIndex(x *index) error {
	switch given := x.ProvisionedThroughput; {
	case b.onDemand() && given != nil:
		return validation("One or more parameter values were invalid: ProvisionedThroughput should not be specified for index: %s when BillingMode is PAY_PER_REQUEST", x.IndexName)
	case b.onDemand():
		return nil
	case given == nil:
		return validation("One or more parameter values were invalid: ProvisionedThroughput is not specified for index: %s", x.IndexName)
	default:
		return given.check()
	}
}

func (u *throughput) check() error {
	if u.ReadCapacityUnits < 1 || u.WriteCapacityUnits < 1 {
		return validation("ReadCapacityUnits and WriteCapacityUnits failed to satisfy constraint: Member must have value greater than or equal to 1")
	}
	return nil
}

func (b billing) onDemand() bool { return b.provisioned == nil }

// summary is what AWS shows of tables that are on demand; of those that never were it shows none.
func (b billing) summary() map[string]any {
	return map[string]any{"BillingMode": "PAY_PER_REQUEST", "LastUpdateToPayPerRequestDateTime": float64(b.since.UnixMilli()) / 1000}
}

// description is what AWS shows of capacity; of a table on demand all are 0.
func (u *throughput) description() map[string]any {
	if u == nil {
		u = &throughput{}
	}
	return map[string]any{"NumberOfDecreasesToday": 0, "ReadCapacityUnits": u.ReadCapacityUnits, "WriteCapacityUnits": u.WriteCapacityUnits}
}
