package kpldaemon

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// tlsConfig trusts the certificates of the file and the folder, and no others; where there are none, the machine's.
func tlsConfig(s *settings) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: !s.GetVerifyCertificate(), MinVersion: tls.VersionTLS12}
	if c.InsecureSkipVerify {
		s.log.Warn("verify_certificate is off: whoever is on the way to Kinesis can read records and credentials")
		return c, nil
	}
	pool, found := x509.NewCertPool(), false
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, fmt.Errorf("CA_FILE: %w", err)
		}
		if found = pool.AppendCertsFromPEM(pem); !found {
			return nil, fmt.Errorf("CA_FILE %s: it has no certificate in PEM", s.caFile)
		}
	}
	if s.caPath != "" {
		found = readFolder(s, pool) || found
	}
	if found {
		c.RootCAs = pool
		return c, nil
	}
	if strings.HasPrefix(s.endpoint, "http:") {
		return c, nil // reading the machine's takes a tenth of the start
	}
	if machine, err := x509.SystemCertPool(); err != nil || machine.Equal(x509.NewCertPool()) {
		s.log.Warn("There are no certificates that say who AWS is: set CA_FILE, or give --ca-path")
	}
	return c, nil
}

// readFolder adds the certificates of a folder to a pool, and tells whether it has some.
func readFolder(s *settings, pool *x509.CertPool) (found bool) {
	files, err := os.ReadDir(s.caPath)
	if err != nil {
		s.log.Warn("The CA path can't be read", slog.Any("error", err))
	}
	for _, f := range files {
		name := filepath.Join(s.caPath, f.Name())
		at, err := os.Stat(name)
		if err != nil || !at.Mode().IsRegular() { // a FIFO, for one, would be waited for
			continue
		}
		if pem, err := os.ReadFile(name); err == nil {
			found = pool.AppendCertsFromPEM(pem) || found
		}
	}
	if !found {
		s.log.Warn("The CA path has no certificate in PEM: the machine's count", slog.String("path", s.caPath))
	}
	return found
}
