package dynamofake

const (
	maxBatchWrite = 25
	maxBatchGet   = 100
)

type batchWriteItemInput struct {
	RequestItems map[string][]struct {
		PutRequest    *struct{ Item item }
		DeleteRequest *struct{ Key item }
	}

	ReturnConsumedCapacity, ReturnItemCollectionMetrics without
}

// batchWriteItem checks all requests before it carries out the first.
func (s *Server) batchWriteItem(in *batchWriteItemInput) (any, error) {
	count := 0
	var writes []func()
	for name, requests := range in.RequestItems {
		t, err := s.table(name)
		if err != nil {
			return nil, err
		}
		seen := table{key: t.key}
		for _, r := range requests {
			count++
			var key item
			switch {
			case (r.PutRequest == nil) == (r.DeleteRequest == nil):
				return nil, validation("Each request of a batch must hold either a PutRequest or a DeleteRequest")
			case r.PutRequest != nil:
				key, err = r.PutRequest.Item, t.checkItem(r.PutRequest.Item)
				writes = append(writes, func() { t.put(key) })
			default:
				key, err = r.DeleteRequest.Key, t.checkKey(r.DeleteRequest.Key)
				writes = append(writes, func() { t.delete(key) })
			}
			if err != nil {
				return nil, err
			}
			if seen.get(key) != nil {
				return nil, validation("Provided list of item keys contains duplicates")
			}
			seen.put(key)
		}
	}
	if count == 0 || count > maxBatchWrite {
		return nil, validation("A batch must hold 1 to %d write requests, holds %d", maxBatchWrite, count)
	}
	for _, write := range writes {
		write()
	}
	return map[string]any{"UnprocessedItems": struct{}{}}, nil
}

type batchGetItemInput struct {
	RequestItems map[string]struct {
		Keys                 []item
		ProjectionExpression *string
		scope

		ConsistentRead without
	}

	ReturnConsumedCapacity without
}

func (s *Server) batchGetItem(in *batchGetItemInput) (any, error) {
	responses, count := map[string][]item{}, 0
	for name, request := range in.RequestItems {
		responses[name] = []item{}
		seen := table{}
		for _, key := range request.Keys {
			count++
			one := getItemInput{TableName: name, Key: key, ProjectionExpression: request.ProjectionExpression, scope: request.scope}
			found, err := s.get(&one)
			if err != nil {
				return nil, err
			}
			if seen.key = s.tables[name].key; seen.get(key) != nil {
				return nil, validation("Provided list of item keys contains duplicates")
			}
			seen.put(key)
			if found != nil {
				responses[name] = append(responses[name], found)
			}
		}
	}
	if count == 0 || count > maxBatchGet {
		return nil, validation("A batch must hold 1 to %d keys, holds %d", maxBatchGet, count)
	}
	return map[string]any{"Responses": responses, "UnprocessedKeys": struct{}{}}, nil
}
