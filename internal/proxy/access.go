package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AccessKey is the key pair with which clients have to sign. It is never logged.
type AccessKey struct{ id, secret string }

const (
	algorithm = "AWS4-HMAC-SHA256"
	amzTime   = "20060102T150405Z"
	maxSkew   = 5 * time.Minute // as AWS has it
)

// claim is what the header of a request says of its signature.
type claim struct {
	date, region  string // of the scope, whose service is kinesis
	time          string
	signedHeaders []string
	signature     []byte
}

// claimed reads the Authorization header of a request and checks what can be checked before the body has come.
func (k *AccessKey) claimed(r *http.Request, now time.Time) (claim, error) {
	lines := r.Header["Authorization"]
	if len(lines) == 0 {
		return claim{}, refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	c, id, err := parseAuthorization(lines[0])
	if err != nil || len(lines) > 1 {
		return claim{}, refusal("IncompleteSignatureException",
			"Authorization header requires "+algorithm+" with Credential=ID/DATE/REGION/kinesis/aws4_request, SignedHeaders and Signature.")
	}
	if err := c.checkHeaders(r); err != nil {
		return claim{}, err
	}
	if subtle.ConstantTimeCompare([]byte(id), []byte(k.id)) != 1 {
		return claim{}, refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	return c, c.checkTime(now)
}

// parseAuthorization reads a header of the one algorithm and of the service kinesis.
func parseAuthorization(header string) (c claim, id string, err error) {
	fields, found := strings.CutPrefix(header, algorithm)
	if !found || !strings.HasPrefix(fields, " ") {
		return c, "", errParse
	}
	values := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if _, twice := values[name]; twice || value == "" {
			return c, "", errParse
		}
		values[name] = value
	}
	scope := strings.Split(values["Credential"], "/")
	n := len(scope)
	c.signature, err = hex.DecodeString(values["Signature"])
	if err != nil || len(values) != 3 || n != 5 || scope[3] != "kinesis" || scope[4] != "aws4_request" || scope[2] == "" || len(c.signature) != sha256.Size {
		return c, "", errParse
	}
	c.date, c.region, c.signedHeaders = scope[1], scope[2], strings.Split(values["SignedHeaders"], ";")
	return c, scope[0], nil
}

var errParse = errors.New("not a signature")

// checkHeaders makes sure that the signature covers what decides over the request.
func (c *claim) checkHeaders(r *http.Request) error {
	for _, name := range []string{"host", "x-amz-date", "x-amz-target"} {
		present := len(r.Header.Values(name))
		if name == "host" {
			present = 1
		}
		must := name != "x-amz-target" || present > 0
		if present > 1 || must && (present == 0 || !slices.Contains(c.signedHeaders, name)) {
			return refusal("IncompleteSignatureException", "The header %s has to be there once, and to be signed.", name)
		}
	}
	c.time = r.Header.Get("X-Amz-Date")
	return nil
}

func (c *claim) checkTime(now time.Time) error {
	at, err := time.Parse(amzTime, c.time)
	switch {
	case err != nil || !strings.HasPrefix(c.time, c.date+"T"):
		return refusal("IncompleteSignatureException", "X-Amz-Date has to be a time such as %s, of the day in Credential.", amzTime)
	case now.Sub(at) > maxSkew: // SDKs read from these texts, and from the Date of the answer, that a clock is wrong
		return refusal("InvalidSignatureException", "Signature expired: %s is now earlier than %s (%s - 5 min.)",
			c.time, now.Add(-maxSkew).UTC().Format(amzTime), now.UTC().Format(amzTime))
	case at.Sub(now) > maxSkew:
		return refusal("InvalidSignatureException", "Signature not yet current: %s is still later than %s (%s + 5 min.)",
			c.time, now.Add(maxSkew).UTC().Format(amzTime), now.UTC().Format(amzTime))
	}
	return nil
}

// verify checks the signature over a request whose body is here. The hash of the body is our own: a client that has
// signed UNSIGNED-PAYLOAD, or the hash of another body, has signed another request.
func (k *AccessKey) verify(c claim, r *http.Request, body []byte) error {
	hash := sha256.Sum256(body)
	canonical := strings.Join([]string{
		r.Method, canonicalPath(r.URL), canonicalQuery(r.URL), canonicalHeaders(r, c.signedHeaders),
		strings.Join(c.signedHeaders, ";"), hex.EncodeToString(hash[:]),
	}, "\n")
	hashed := sha256.Sum256([]byte(canonical))
	scope := c.date + "/" + c.region + "/kinesis/aws4_request"
	text := algorithm + "\n" + c.time + "\n" + scope + "\n" + hex.EncodeToString(hashed[:])
	key := []byte("AWS4" + k.secret)
	for _, part := range []string{c.date, c.region, "kinesis", "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	if !hmac.Equal(key, c.signature) { // in constant time
		return refusal("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// canonicalPath encodes the path once more than it is: only S3 does not.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = escape(parts[i])
	}
	return strings.Join(parts, "/")
}

func canonicalQuery(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	var pairs []string
	for name, values := range u.Query() {
		for _, value := range values {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escape encodes all but what RFC 3986 calls unreserved.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// canonicalHeaders has a line for each signed header, and an empty one at the end.
func canonicalHeaders(r *http.Request, names []string) string {
	var b strings.Builder
	for _, name := range names {
		values := slices.Clone(r.Header.Values(name))
		switch name { // which net/http keeps elsewhere
		case "host":
			values = []string{r.Host}
		case "content-length":
			values = []string{fmt.Sprint(r.ContentLength)}
		case "transfer-encoding":
			values = r.TransferEncoding
		}
		for i, value := range values {
			values[i] = strings.Join(strings.Fields(value), " ")
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	return b.String()
}
