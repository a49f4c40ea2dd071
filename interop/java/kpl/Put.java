import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Puts user records with the real KPL. A line of standard input is KIND, STREAM, KEY and DATA between tabs, where KIND
 * is aggregated or plain. Each result is a line of standard output: KIND, STREAM, KEY, DATA, SHARD, SEQUENCE NUMBER,
 * ATTEMPTS and ERROR between tabs; without an error the KPL says that the user record is stored. Kpl is the part that
 * differs between versions of the KPL.
 */
final class Put {
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    private Put() {}

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(System.getenv("ROW_KPL_PORT"));
        String executable = System.getenv().getOrDefault("ROW_KPL_EXECUTABLE", "");
        Kpl aggregated = new Kpl(Settings.of(port, true, executable));
        Kpl plain = null; // a second native process: only where it is wanted
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] put = line.split("\t", -1);
            if (put[0].equals("plain") && plain == null) {
                plain = new Kpl(Settings.of(port, false, executable));
            }
            Kpl kpl = put[0].equals("plain") ? plain : aggregated;
            kpl.put(put[1], put[2], null, ByteBuffer.wrap(put[3].getBytes(StandardCharsets.UTF_8)), result -> answer(line(put), result));
        }
        Runtime.getRuntime().halt(0); // the native processes end with their pipes
    }

    private static String line(String[] put) {
        return String.join("\t", put);
    }

    private static synchronized void answer(String put, String result) {
        OUT.print(put + "\t" + result.replace('\n', ' ') + "\n");
        OUT.flush();
    }
}
