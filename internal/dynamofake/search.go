package dynamofake

import (
	"maps"
	"slices"
)

// pageSize is where a page of Scan or Query ends, in bytes of the items that it looked at.
const pageSize = 1 << 20

// search is what Scan and Query have in common.
type search struct {
	TableName, IndexName string
	FilterExpression     *string
	ProjectionExpression *string
	scope
	ExclusiveStartKey item
	Limit             *int
	Select            string

	ConsistentRead, ReturnConsumedCapacity without
}

func (s *Server) scan(in *search) (any, error) {
	return s.search(in, func(schema) (condition, error) {
		return parseCondition("", nil, nil)
	}, true)
}

type queryInput struct {
	search
	KeyConditionExpression *string
	ScanIndexForward       *bool
}

func (s *Server) query(in *queryInput) (any, error) {
	forward := in.ScanIndexForward == nil || *in.ScanIndexForward
	return s.search(&in.search, func(key schema) (condition, error) {
		if in.KeyConditionExpression == nil {
			return condition{}, validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
		}
		c, err := parseCondition("KeyConditionExpression", in.KeyConditionExpression, &in.scope)
		if err == nil {
			err = key.checkTerms(c.terms)
		}
		return c, err
	}, forward)
}

// checkTerms holds a key condition to its form: the partition key =, and at most one condition on the sort key.
func (s schema) checkTerms(terms []term) error {
	hash, sort := 0, 0
	for _, t := range terms {
		switch {
		case t.attribute == s.hash && t.operator == "=":
			hash++
		case t.attribute == s.sort && s.sort != "" && t.operator != "<>":
			sort++
		default:
			return validation("Query condition missed key schema element: %s", s.hash)
		}
	}
	if hash != 1 || sort > 1 {
		return validation("Query condition missed key schema element: %s", s.hash)
	}
	return nil
}

// rowsOf returns the items that have all the attributes of key, in its order; among equals in the table's own.
func (t *table) rowsOf(key schema) []item {
	if key == t.key {
		return t.rows
	}
	var rows []item
	for _, i := range t.rows {
		if len(i.only(key.names())) == len(key.names()) {
			rows = append(rows, i)
		}
	}
	slices.SortStableFunc(rows, key.compare)
	return rows
}

func (t *table) index(name string) (schema, *index, error) {
	if name == "" {
		return t.key, nil, nil
	}
	for i := range t.indexes {
		if t.indexes[i].IndexName == name {
			return t.indexes[i].key, &t.indexes[i], nil
		}
	}
	return schema{}, nil, validation("The table does not have the specified index: %s", clip(name))
}

// searching is a checked request.
type searching struct {
	rows         []item // in the order that is read, from the start key on
	matches      condition
	filter       condition
	project      func(item) item
	limit        int
	keys         []string // of LastEvaluatedKey
	countsItself bool     // Select COUNT
}

func (s *Server) search(in *search, keyCondition func(schema) (condition, error), forward bool) (any, error) {
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	key, x, err := t.index(in.IndexName)
	if err != nil {
		return nil, err
	}
	q := searching{keys: t.key.names(), countsItself: in.Select == "COUNT"}
	if q.matches, err = keyCondition(key); err != nil {
		return nil, err
	}
	if q.filter, err = parseCondition("FilterExpression", in.FilterExpression, &in.scope); err != nil {
		return nil, err
	}
	if q.project, err = in.projection(t, x); err != nil {
		return nil, err
	}
	if err = in.unused(); err != nil {
		return nil, err
	}
	if q.limit, err = in.limit(); err != nil {
		return nil, err
	}
	for _, name := range key.names() {
		if !slices.Contains(q.keys, name) {
			q.keys = append(q.keys, name)
		}
	}
	q.rows, err = t.from(key, in.ExclusiveStartKey, q.keys, forward)
	if err != nil {
		return nil, err
	}
	return q.page(), nil
}

func (in *search) limit() (int, error) {
	if in.Limit == nil {
		return int(^uint(0) >> 1), nil
	}
	if *in.Limit < 1 {
		return 0, validation("Limit must be at least 1, is %d", *in.Limit)
	}
	return *in.Limit, nil
}

// projection combines Select, ProjectionExpression and what an index holds.
func (in *search) projection(t *table, x *index) (func(item) item, error) {
	switch in.Select {
	case "", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT":
	default:
		return nil, validation("Select set to invalid value: %s", clip(in.Select))
	}
	if (in.Select == "SPECIFIC_ATTRIBUTES") != (in.ProjectionExpression != nil) && in.Select != "" {
		return nil, validation("Select %s and ProjectionExpression do not go together", in.Select)
	}
	if in.Select == "ALL_ATTRIBUTES" && x != nil && x.Projection.ProjectionType != "ALL" {
		return nil, validation("One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", x.IndexName)
	}
	project, err := projecting(in.ProjectionExpression, &in.scope)
	if err != nil || x == nil || x.Projection.ProjectionType == "ALL" {
		return project, err
	}
	held := slices.Concat(t.key.names(), x.key.names())
	if x.Projection.ProjectionType == "INCLUDE" {
		held = append(held, x.Projection.NonKeyAttributes...)
	}
	return func(i item) item { return project(i.only(held)) }, nil
}

// from returns the rows in reading order, those up to and including start left out. start need not exist any more.
func (t *table) from(key schema, start item, keys []string, forward bool) ([]item, error) {
	rows := slices.Clone(t.rowsOf(key))
	compare := func(a, b item) int {
		if c := key.compare(a, b); c != 0 {
			return c
		}
		return t.key.compare(a, b)
	}
	if !forward {
		slices.Reverse(rows)
		ascending := compare
		compare = func(a, b item) int { return ascending(b, a) }
	}
	if start == nil {
		return rows, nil
	}
	if len(start) != len(keys) || len(start.only(keys)) != len(keys) {
		return nil, validation("The provided starting key is invalid: The provided key element does not match the schema")
	}
	if err := t.checkItem(start); err != nil {
		return nil, validation("The provided starting key is invalid: %s", err.(*apiError).message)
	}
	at, found := slices.BinarySearchFunc(rows, start, compare)
	if found {
		at++
	}
	return rows[at:], nil
}

// page reads until the rows, the limit or a page's size are used up. Only at the first of them is there no
// LastEvaluatedKey: as in AWS one may come with the last row.
func (q searching) page() any {
	items, scanned, size := []item{}, 0, 0
	var last item
	for _, i := range q.rows {
		if !q.matches.holds(i) {
			continue
		}
		scanned++
		size += i.size()
		if q.filter.holds(i) {
			items = append(items, q.project(i))
		}
		if scanned >= q.limit || size >= pageSize {
			last = i.only(q.keys)
			break
		}
	}
	out := map[string]any{"Count": len(items), "ScannedCount": scanned}
	if !q.countsItself {
		out["Items"] = items
	}
	if last != nil {
		out["LastEvaluatedKey"] = maps.Clone(last)
	}
	return out
}
