import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Takes good aggregates apart, as an application does whose KCL doesn't. */
final class Aggregate {
    private static final int MAGIC = 0xF3899AC2;
    private static final int CHECKSUM = 16;

    private Aggregate() {}

    /** The data of each user record, or the stored record alone if it is no aggregate. */
    static List<byte[]> users(byte[] stored) {
        if (stored.length < 4 + CHECKSUM || ByteBuffer.wrap(stored).getInt() != MAGIC) {
            return List.of(stored);
        }
        List<byte[]> users = new ArrayList<>();
        ByteBuffer message = ByteBuffer.wrap(stored, 4, stored.length - 4 - CHECKSUM);
        while (message.hasRemaining()) {
            int field = (int) number(message) >>> 3; // the three fields are all of the wire type 2
            ByteBuffer value = part(message);
            if (field == 3) {
                users.add(data(value));
            }
        }
        return users;
    }

    private static byte[] data(ByteBuffer record) {
        byte[] data = new byte[0];
        while (record.hasRemaining()) {
            int tag = (int) number(record);
            if ((tag & 7) == 0) {
                number(record); // an index
            } else {
                ByteBuffer value = part(record);
                if (tag >>> 3 == 3) {
                    data = new byte[value.remaining()];
                    value.get(data);
                }
            }
        }
        return data;
    }

    private static ByteBuffer part(ByteBuffer b) {
        int length = (int) number(b);
        ByteBuffer part = b.slice().limit(length);
        b.position(b.position() + length);
        return part;
    }

    private static long number(ByteBuffer b) {
        long n = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = b.get();
            n |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return n;
            }
        }
    }
}
