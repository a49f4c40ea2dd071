package dynamofake

import (
	"maps"
	"slices"
)

type createTableInput struct {
	TableName              string
	AttributeDefinitions   []attributeDefinition
	KeySchema              []keyElement
	GlobalSecondaryIndexes []index
	BillingMode            string
	ProvisionedThroughput  *throughput

	OnDemandThroughput, WarmThroughput, SSESpecification, StreamSpecification,
	TableClass, Tags, DeletionProtectionEnabled, ResourcePolicy without
}

func (s *Server) createTable(in *createTableInput) (any, error) {
	if !tableName.MatchString(in.TableName) {
		return nil, validation("TableName must be 3 to 255 characters of a-z, A-Z, 0-9, '_', '-' and '.', is %q", clip(in.TableName))
	}
	if s.tables[in.TableName] != nil {
		return nil, fail(resourceInUse, "Table already exists: %s", in.TableName)
	}
	for _, d := range in.AttributeDefinitions {
		if !slices.Contains([]string{"S", "N", "B"}, d.AttributeType) {
			return nil, validation("AttributeType of %s must be S, N or B, is %q", d.AttributeName, clip(d.AttributeType))
		}
	}
	t := &table{name: in.TableName, attributes: in.AttributeDefinitions, indexes: in.GlobalSecondaryIndexes}
	var err error
	if t.billing, err = newBilling(in); err != nil {
		return nil, err
	}
	if t.key, err = newSchema(in.KeySchema, t.attributes); err != nil {
		return nil, err
	}
	used := t.key.names()
	for i := range t.indexes {
		x := &t.indexes[i]
		if x.key, err = newSchema(x.KeySchema, t.attributes); err != nil {
			return nil, err
		}
		if err = x.check(t.indexes[:i]); err != nil {
			return nil, err
		}
		if err = t.billing.checkIndex(x); err != nil {
			return nil, err
		}
		used = append(used, x.key.names()...)
	}
	for _, d := range t.attributes {
		if !slices.Contains(used, d.AttributeName) {
			return nil, validation("One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: [%s]", d.AttributeName)
		}
	}
	s.tables[in.TableName] = t
	return map[string]any{"TableDescription": t.description("ACTIVE")}, nil
}

func (x index) check(earlier []index) error {
	named := func(e index) bool { return e.IndexName == x.IndexName }
	if !tableName.MatchString(x.IndexName) || slices.ContainsFunc(earlier, named) {
		return validation("One or more parameter values were invalid: Bad or duplicate index name: %q", clip(x.IndexName))
	}
	switch x.Projection.ProjectionType {
	case "ALL", "KEYS_ONLY", "INCLUDE":
		return nil
	}
	return validation("One or more parameter values were invalid: Unknown ProjectionType: %q", clip(x.Projection.ProjectionType))
}

type tableInput struct{ TableName string }

// table returns the table that a request names. DescribeTable words the error with the name, others without.
func (s *Server) table(name string) (*table, error) {
	if name == "" {
		return nil, validation("The parameter 'TableName' is required but was not present in the request")
	}
	if t := s.tables[name]; t != nil {
		return t, nil
	}
	return nil, fail(resourceNotFound, "Requested resource not found: Table: %s not found", clip(name))
}

func (s *Server) describeTable(in *tableInput) (any, error) {
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Table": t.description("ACTIVE")}, nil
}

func (s *Server) deleteTable(in *tableInput) (any, error) {
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	delete(s.tables, in.TableName)
	return map[string]any{"TableDescription": t.description("DELETING")}, nil
}

type listTablesInput struct {
	ExclusiveStartTableName string
	Limit                   *int
}

func (s *Server) listTables(in *listTablesInput) (any, error) {
	limit := 100
	if in.Limit != nil {
		if limit = *in.Limit; limit < 1 || limit > 100 {
			return nil, validation("Limit must be 1 to 100, is %d", limit)
		}
	}
	names := slices.Sorted(maps.Keys(s.tables))
	names = slices.DeleteFunc(names, func(n string) bool { return n <= in.ExclusiveStartTableName })
	out := map[string]any{}
	if len(names) > limit {
		names = names[:limit]
		out["LastEvaluatedTableName"] = names[limit-1]
	}
	out["TableNames"] = append([]string{}, names...)
	return out, nil
}

func (t *table) description(status string) map[string]any {
	size := 0
	for _, i := range t.rows {
		size += i.size()
	}
	d := map[string]any{
		"TableName": t.name, "TableStatus": status, "TableArn": t.arn(), "AttributeDefinitions": t.attributes,
		"KeySchema": t.key.elements(), "ItemCount": len(t.rows), "TableSizeBytes": size,
		"ProvisionedThroughput": t.billing.provisioned.description(),
	}
	if t.billing.onDemand() {
		d["BillingModeSummary"] = t.billing.summary()
	}
	var indexes []map[string]any
	for _, x := range t.indexes {
		indexes = append(indexes, map[string]any{
			"ProvisionedThroughput": x.ProvisionedThroughput.description(),
			"IndexName":             x.IndexName, "IndexStatus": status, "IndexArn": t.arn() + "/index/" + x.IndexName,
			"KeySchema": x.KeySchema, "Projection": x.Projection, "ItemCount": len(t.rowsOf(x.key)),
		})
	}
	if indexes != nil {
		d["GlobalSecondaryIndexes"] = indexes
	}
	return d
}

func (t *table) arn() string { return "arn:aws:dynamodb:us-east-1:000000000000:table/" + t.name }

func (s schema) elements() []keyElement {
	elements := []keyElement{{s.hash, "HASH"}}
	if s.sort != "" {
		elements = append(elements, keyElement{s.sort, "RANGE"})
	}
	return elements
}
