package deaggaws

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"

	"github.com/kplkit/kplkit/internal/lineage"
)

// clients keeps what an application of WithDeaggregation knows of shards, by client: it goes along with a client's Options
// into other clients, and may be applied anew to each call.
type clients struct {
	mu       sync.Mutex
	lineages map[client]*lineages
}

// lineages is what a client knows of shards.
type lineages struct {
	*lineage.Streams
	used time.Time // by a call; guarded by the lock of clients
}

// client tells clients apart, by what decides whose streams they read. One that is made from another's Options, with the
// same of all this, is as good as the other.
type client struct {
	region, endpoint                    string
	resolver, http, credentials, signer any
}

// of returns what the client knows whose call a stack is built for. Its shards are listed with the steps of home: those
// of a single call are not made to run beside it.
func (c *clients) of(stack *middleware.Stack, home *kinesis.Options) *lineages {
	options := optionsOf(stack)
	key := clientOf(options)
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lineages[key]
	if l == nil {
		maps.DeleteFunc(c.lineages, func(_ client, l *lineages) bool { return time.Since(l.used) > lineage.MaxAge }) // too old to serve
		l = newLineages(options, home)
		c.lineages[key] = l
	}
	l.used = time.Now()
	return l
}

func newLineages(options, home *kinesis.Options) *lineages {
	if options == nil {
		return &lineages{Streams: lineage.New(func(context.Context, string) (map[string]lineage.Lineage, error) {
			return nil, errors.New("deaggaws: this version of the AWS SDK keeps a client's options elsewhere")
		})}
	}
	lister := kinesis.New(*options, func(o *kinesis.Options) {
		o.APIOptions, o.Interceptors, o.Protocol = slices.Clone(home.APIOptions), home.Interceptors.Copy(), options.Protocol
	})
	return &lineages{Streams: lineage.Of(lister)}
}

func clientOf(o *kinesis.Options) client {
	if o == nil {
		return client{}
	}
	return client{o.Region, aws.ToString(o.BaseEndpoint),
		identity(o.EndpointResolverV2), identity(o.HTTPClient), identity(o.Credentials), identity(o.HTTPSignerV4)}
}

// identity returns v if it can be a part of a key, else where it is: a function with methods, as credentials often are,
// can't be compared, and another one is another account.
func identity(v any) any {
	if v == nil || reflect.ValueOf(v).Comparable() {
		return v
	}
	return (*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] // the word that an interface holds beside its type
}

// optionsOf returns the options of the call that a stack is built for: those of its client, and what the call changes
// in them. The SDK (v1.56.13) hands them to no middleware, but keeps them, in a field that is not exported, in one of
// its own. Those that WithDeaggregation is applied to, which it is given, are not enough: a client that is made from
// another's Options, or a call, may have other credentials, and so read another stream of the same name. A test watches
// that they are still there; if not, no ranges are known, so nothing is dropped, which is logged.
func optionsOf(stack *middleware.Stack) *kinesis.Options {
	own, ok := stack.Finalize.Get("ResolveEndpointV2")
	if !ok || reflect.TypeOf(own).Kind() != reflect.Pointer || reflect.TypeOf(own).Elem().Kind() != reflect.Struct {
		return nil
	}
	field := reflect.ValueOf(own).Elem().FieldByName("options")
	if !field.IsValid() || field.Type() != reflect.TypeFor[kinesis.Options]() {
		return nil
	}
	return (*kinesis.Options)(unsafe.Pointer(field.UnsafeAddr()))
}
