package rows

import (
	"archive/zip"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Jars of what is run here, by the names that their authors gave them.
const (
	kclJar       = "amazon-kinesis-client"
	multilangJar = "amazon-kinesis-client-multilang"
	kplJar       = "amazon-kinesis-producer"
)

// jarVersion returns the version that a jar itself says, whatever its file is called: its pom.properties, or, as 1.3.0
// and 1.4.0 have none, the user agent in its classes. It is an error if none of the installation, or more than one, says it.
func jarVersion(folder, artifact string) (string, error) {
	jars, err := filepath.Glob(filepath.Join(folder, "lib", "*.jar"))
	if err != nil {
		return "", err
	}
	found := ""
	for _, jar := range jars {
		version, err := versionIn(jar, artifact)
		switch {
		case err != nil:
			return "", fmt.Errorf("%s: %w", jar, err)
		case version == "":
		case found != "":
			return "", fmt.Errorf("%s: %s is there as %s and as %s", folder, artifact, found, version)
		default:
			found = version
		}
	}
	if found == "" {
		return "", fmt.Errorf("%s: no jar says that it is %s (is it installed? run.sh does that)", folder, artifact)
	}
	return found, nil
}

var (
	propertiesVersion = regexp.MustCompile(`(?m)^version=(\S+)`)
	agentVersion      = regexp.MustCompile(`amazon-kinesis-client-library-java-([0-9.]*[0-9])`)
)

func versionIn(jar, artifact string) (string, error) {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return "", err
	}
	defer z.Close()
	said := ""
	for _, f := range z.File {
		pattern := propertiesVersion
		folder, file := path.Split(f.Name)
		switch {
		case file == "pom.properties" && strings.HasPrefix(folder, "META-INF/maven/") && path.Base(folder) == artifact:
		case artifact == kclJar && said == "" && file == "KinesisClientLibConfiguration.class" && path.Base(folder) == "worker":
			pattern = agentVersion
		default:
			continue
		}
		if version := pattern.FindStringSubmatch(content(f)); version != nil {
			said = version[1]
		}
	}
	return said, nil
}

func content(f *zip.File) string {
	in, err := f.Open()
	if err != nil {
		return ""
	}
	defer in.Close()
	text, _ := io.ReadAll(in) // cut short it says nothing
	return string(text)
}

// installedVersion is jarVersion of an installation that a test can't do without.
func installedVersion(t *testing.T, name, artifact string) string {
	version, err := jarVersion(filepath.Join(cache, name), artifact)
	if err != nil {
		t.Fatal(err)
	}
	return version
}
