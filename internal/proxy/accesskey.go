package proxy

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/aws/aws-sdk-go-v2/config"
)

// ReadAccessKey reads a key pair from a file in the form of ~/.aws/credentials, from its section default. Where files
// have permissions, one that all users of the machine may read is refused. A group may: containers hand out files so.
func ReadAccessKey(file string) (*AccessKey, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s: any user of this machine may read or write it (mode %#o): chmod 600 %[1]s", file, mode)
	}
	profile, err := config.LoadSharedConfigProfile(context.Background(), "default", func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{file}, []string{}
	})
	pair := profile.Credentials
	if err != nil || pair.AccessKeyID == "" || pair.SecretAccessKey == "" { // err may quote the file
		return nil, fmt.Errorf("%s: want [default], aws_access_key_id = … and aws_secret_access_key = …, a line each", file)
	}
	return &AccessKey{pair.AccessKeyID, pair.SecretAccessKey}, nil
}
