package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newCA returns the certificate of a new authority, in PEM, and one that it signed for a server on this machine.
func newCA(t *testing.T) (authority []byte, server tls.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the authority of a test"}, NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	signed := func(c *x509.Certificate) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, ca, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed(ca)})
	return authority, tls.Certificate{Certificate: [][]byte{signed(of)}, PrivateKey: key}
}

// trust is what became of user records over a child that checks the certificate of Kinesis.
type trust struct {
	Wrapper string `json:"wrapper"`
	Child   string `json:"child"`
	By      string `json:"authority_by"`    // the wrapper's setting that names the file or folder
	Error   string `json:"error,omitempty"` // of a user record that failed
	book
}

// trusts puts with verifyCertificate on: the child trusts the server's authority by each setting that the wrapper has for
// it, and without one it doesn't.
func (s *daemonSession) trusts(t *testing.T) (all []trust) {
	folder := t.TempDir()
	file := filepath.Join(folder, "authority.pem")
	if err := os.WriteFile(file, s.world.ca, 0o600); err != nil {
		t.Fatal(err)
	}
	ways := []map[string]string{{}, {"CaCertPath": folder}}
	if s.version == wrappers[0] { // 0.14.13 has no other
		ways = append(ways, map[string]string{"CaCertFile": file})
	}
	for i, settings := range ways {
		r := trust{Wrapper: s.version, Child: s.daemon.name, By: "none"}
		for name := range settings {
			r.By = name
		}
		s.trust(t, &r, fmt.Sprint("trust-", i), settings)
		all = append(all, r)
	}
	return all
}

// trustPuts is how many user records are put.
const trustPuts = 50

func (s *daemonSession) trust(t *testing.T, r *trust, stream string, settings map[string]string) {
	s.world.create(t, stream, 1)
	all := map[string]string{"VerifyCertificate": "true", "RecordTtl": "2000"}
	maps.Copy(all, settings)
	k := s.feed.start(s.daemon, all)
	var puts []*put
	for i := range trustPuts {
		puts = append(puts, k.put(&put{stream: stream, key: fmt.Sprint("key-", i), data: bytesOf(s.random, 100)}))
	}
	k.wait(puts)
	k.end()
	r.book, r.Error = audit(t, s.world.read(t, stream), puts), puts[0].err
	t.Logf("%s %s, authority by %-10s %v %s", r.Wrapper, r.Child, r.By, r.book, r.Error)
	trusted := r.Stored == trustPuts && r.Elsewhere == 0
	refused := r.Failed == trustPuts && r.Records == 0 && strings.Contains(r.Error, "certificate")
	if r.By != "none" && !trusted || r.By == "none" && !refused {
		t.Errorf("%s: verifyCertificate, authority by %s: %v %s", r.Wrapper, r.By, r.book, r.Error)
	}
}
