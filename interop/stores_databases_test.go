package interop

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// database is a real one, with harlow's table in it.
type database struct {
	name, driver  string
	schema        string   // of harlow's README
	numeric, text string   // types of its column of positions: as it is there, and after toText
	toText        string   // the statement that changes it
	toBare        string   // the statement that makes a sequence number alone of digits that are all of a stored record
	client        []string // runs a statement, the last argument
	server        []string // prints its version
	source        func(sqlMode string) string
}

// do runs a statement, and returns what it prints.
func (d *database) do(t *testing.T, statement string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), d.client[0], append(d.client[1:len(d.client):len(d.client)], statement)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %s: %v\n%s", d.name, statement, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (d *database) version(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), d.server[0], d.server[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// startPostgres starts PostgreSQL until the test ends. It listens at a socket in its folder alone.
func startPostgres(t *testing.T) *database {
	folder, as := serverFolder(t)
	data := filepath.Join(folder, "data")
	run(t, as("initdb", "-D", data, "-A", "trust", "-U", "kplkit", "--no-sync"))
	server := as("postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off")
	d := &database{
		name: "PostgreSQL", driver: "postgres", numeric: "numeric", text: "text",
		schema: `CREATE TABLE kinesis_consumer (
	namespace text NOT NULL,
	shard_id text NOT NULL,
	sequence_number numeric NOT NULL,
	CONSTRAINT kinesis_consumer_pk PRIMARY KEY (namespace, shard_id)
);`,
		toText: "ALTER TABLE kinesis_consumer ALTER COLUMN sequence_number TYPE text",
		toBare: "UPDATE kinesis_consumer SET sequence_number = left(sequence_number::text, 56)::numeric WHERE sequence_number % 1000000000 = 999999999",
		client: []string{"psql", "-X", "-q", "-A", "-t", "-h", folder, "-U", "kplkit", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c"},
		server: []string{"postgres", "--version"},
		source: func(string) string { return "host=" + folder + " user=kplkit dbname=postgres sslmode=disable" },
	}
	d.start(t, server, syscall.SIGINT) // disconnects and stops
	return d
}

// startMariaDB starts MariaDB until the test ends. It listens at a socket in its folder alone.
func startMariaDB(t *testing.T) *database {
	folder, as := serverFolder(t)
	data, socket := filepath.Join(folder, "data"), filepath.Join(folder, "socket")
	run(t, as("mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db"))
	server := as("mariadbd", "--no-defaults", "--datadir="+data, "--socket="+socket, "--skip-networking", "--pid-file="+filepath.Join(folder, "pid"),
		"--innodb-flush-log-at-trx-commit=0")
	d := &database{
		name: "MariaDB", driver: "mysql", numeric: "numeric(65,0)", text: "varchar(128)",
		schema: `CREATE TABLE kinesis_consumer (
	namespace varchar(255) NOT NULL,
	shard_id varchar(255) NOT NULL,
	sequence_number numeric(65,0) NOT NULL,
	CONSTRAINT kinesis_consumer_pk PRIMARY KEY (namespace, shard_id)
);`,
		toText: "ALTER TABLE kinesis_consumer MODIFY sequence_number varchar(128) NOT NULL",
		toBare: "UPDATE kinesis_consumer SET sequence_number = LEFT(sequence_number, 56) WHERE sequence_number % 1000000000 = 999999999",
		client: []string{"mariadb", "--no-defaults", "--socket=" + socket, "--user=root", "--batch", "--skip-column-names", "mysql", "-e"},
		server: []string{"mariadbd", "--version"},
		source: func(sqlMode string) string {
			source := "root@unix(" + socket + ")/mysql"
			if sqlMode != "" {
				source += "?sql_mode=%27%27"
			}
			return source
		},
	}
	d.start(t, server, syscall.SIGTERM)
	return d
}

// serverFolder returns a folder for a server, and how its programs are run: as another user, where root runs the test,
// since PostgreSQL refuses to be root's.
func serverFolder(t *testing.T) (folder string, as func(name string, arguments ...string) *exec.Cmd) {
	folder, err := os.MkdirTemp("", "kplkit") // a short name: sockets have no long ones
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	var credential *syscall.Credential
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, _ := strconv.ParseUint(nobody.Gid, 10, 32)
		credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(folder, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	return folder, func(name string, arguments ...string) *exec.Cmd {
		cmd := exec.Command(name, arguments...)
		cmd.Dir = folder
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		return cmd
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// start starts the server, waits until it answers, and has it stop when the test ends.
func (d *database) start(t *testing.T, server *exec.Cmd, stop os.Signal) {
	log, err := os.Create(filepath.Join(server.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Signal(stop) // it has ended, if that fails
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = server.Process.Kill()
			<-ended
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		cmd := exec.Command(d.client[0], append(d.client[1:len(d.client):len(d.client)], "SELECT 1")...)
		if cmd.Run() == nil {
			return
		}
		if time.Now().After(deadline) || len(ended) > 0 {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not answer:\n%s", d.name, said)
		}
	}
}
