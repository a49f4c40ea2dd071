import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Puts any bytes with real KPLs, of which it may have several. Commands on standard input, answers on standard output;
 * numbers are big-endian, texts are their length (4 bytes) and UTF-8, an absent one has the length -1:
 *
 * <pre>
 * S kpl n (name value)*n             starts a KPL with settings                                  S kpl
 * P kpl id stream key hashkey data   puts a user record                                          R id result, or X id error if refused
 * F kpl                              waits until all have their result                           F kpl
 * L kpl stream n size window         puts n user records of size bytes, window of them at most   L kpl stored microseconds
 *                                    without a result; each begins with its number, in 8 bytes
 * D kpl                              ends a KPL                                                  D kpl
 * </pre>
 *
 * A result is SHARD, SEQUENCE NUMBER, ATTEMPTS and ERROR between tabs. At the end of its input it ends.
 */
final class Feed {
    private static final DataOutputStream OUT = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
    private static final DataInputStream IN = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
    private static final Map<Integer, Kpl> KPLS = new HashMap<>();

    private Feed() {}

    public static void main(String[] arguments) throws Exception {
        System.setOut(System.err); // what libraries print is no answer
        try {
            for (; ; ) {
                command(IN.readByte(), IN.readInt());
            }
        } catch (EOFException end) {
            KPLS.values().forEach(Kpl::destroy);
            Runtime.getRuntime().halt(0);
        }
    }

    private static void command(byte kind, int kpl) throws Exception {
        switch (kind) {
            case 'S':
                KPLS.put(kpl, new Kpl(settings()));
                break;
            case 'P':
                put(KPLS.get(kpl));
                return;
            case 'F':
                KPLS.get(kpl).flush();
                break;
            case 'L':
                load(kpl);
                return;
            case 'D':
                KPLS.remove(kpl).destroy();
                break;
            default:
                throw new IOException("unknown command " + kind);
        }
        answer(kind, kpl, null);
    }

    private static Properties settings() throws IOException {
        Properties settings = new Properties();
        for (int n = IN.readInt(); n > 0; n--) {
            settings.setProperty(text(), text());
        }
        return settings;
    }

    private static void put(Kpl kpl) throws IOException {
        int id = IN.readInt();
        String stream = text();
        String key = text();
        String explicitHashKey = text();
        ByteBuffer data = ByteBuffer.wrap(bytes());
        try {
            kpl.put(stream, key, explicitHashKey, data, result -> answer('R', id, result));
        } catch (Exception refused) { // while the process is being restarted, or of a record that the wrapper does not take
            answer('X', id, refused.toString());
        }
    }

    private static void load(int kpl) throws Exception {
        String stream = text();
        int n = IN.readInt();
        int size = IN.readInt();
        int window = IN.readInt();
        Semaphore room = new Semaphore(window);
        AtomicInteger stored = new AtomicInteger();
        long start = System.nanoTime();
        for (int i = 0; i < n; i++) {
            ByteBuffer data = ByteBuffer.allocate(size);
            data.putLong(0, i);
            room.acquire();
            KPLS.get(kpl).put(stream, "key-" + i % 1000, null, data, result -> {
                if (result.endsWith("\t")) { // without an error
                    stored.incrementAndGet();
                }
                room.release();
            });
        }
        room.acquire(window);
        long took = (System.nanoTime() - start) / 1000;
        answer('L', kpl, stored + "\t" + took);
    }

    private static byte[] bytes() throws IOException {
        int length = IN.readInt();
        return length < 0 ? null : IN.readNBytes(length);
    }

    private static String text() throws IOException {
        byte[] bytes = bytes();
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    private static synchronized void answer(int kind, int number, String text) {
        byte[] bytes = text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
        try {
            OUT.writeByte(kind);
            OUT.writeInt(number);
            OUT.writeInt(bytes.length);
            OUT.write(bytes);
            OUT.flush();
        } catch (IOException gone) { // nobody reads
            Runtime.getRuntime().halt(1);
        }
    }
}
