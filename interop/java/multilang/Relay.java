import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/**
 * Passes on what record processors have to tell. Their standard output belongs to the daemon, so they tell it on a
 * socket. Each line is answered by a byte when it has been passed on: a record processor that waits for it knows that one of another
 * shard, which says that it has stopped, can't come before. Then the daemon ends as in a crash: nothing is shut down.
 */
final class Relay {
    private final ServerSocket server;
    private final PrintStream out = System.out;

    Relay() throws IOException {
        server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        System.setOut(System.err); // for the daemon's log
        thread(this::accept);
        Contract.endWithParent();
    }

    /** What starts a record processor. The daemon splits it at blanks. */
    String command() {
        return System.getenv("ROW_CHILD") + " " + server.getLocalPort();
    }

    private void accept() {
        try {
            while (true) {
                Socket processor = server.accept();
                thread(() -> pass(processor));
            }
        } catch (IOException unexpected) {
            Contract.refused(unexpected);
        }
    }

    private void pass(Socket processor) {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(processor.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.println(line);
                out.flush();
                answer(processor);
                if (line.startsWith("{\"stopped\"")) {
                    Runtime.getRuntime().halt(0);
                }
            }
        } catch (IOException gone) {
            System.err.println("the record processor has gone: " + gone);
        }
    }

    /** Not every record processor waits for it. */
    private static void answer(Socket processor) {
        try {
            processor.getOutputStream().write('.');
        } catch (IOException gone) {
            // what it has said before is passed on all the same
        }
    }

    private static void thread(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
    }
}
