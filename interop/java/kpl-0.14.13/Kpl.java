import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.services.kinesis.producer.Attempt;
import com.amazonaws.services.kinesis.producer.KinesisProducer;
import com.amazonaws.services.kinesis.producer.KinesisProducerConfiguration;
import com.amazonaws.services.kinesis.producer.UserRecordFailedException;
import com.amazonaws.services.kinesis.producer.UserRecordResult;
import java.nio.ByteBuffer;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/** KPL 0.14.13. */
final class Kpl {
    private final KinesisProducer producer;

    /** Settings are named as the setters of its configuration; it puts to this machine, whichever they are. */
    Kpl(Properties settings) {
        KinesisProducerConfiguration c = KinesisProducerConfiguration.fromProperties(settings)
                .setKinesisEndpoint("127.0.0.1").setCloudwatchEndpoint("127.0.0.1")
                .setRegion("us-east-1").setMetricsLevel("none").setLogLevel("warning");
        c.setCredentialsProvider(new AWSStaticCredentialsProvider(new BasicAWSCredentials("a", "b")));
        producer = new KinesisProducer(c);
    }

    /**
     * Puts a user record, whose explicit hash key may be null; done is told the shard, the sequence number, the number
     * of attempts and the error.
     */
    void put(String stream, String key, String explicitHashKey, ByteBuffer data, Consumer<String> done) {
        var result = producer.addUserRecord(stream, key, explicitHashKey, data);
        result.addListener(() -> {
            try {
                UserRecordResult r = result.get();
                done.accept(r.getShardId() + "\t" + r.getSequenceNumber() + "\t" + r.getAttempts().size() + "\t");
            } catch (ExecutionException failed) {
                done.accept("\t\t0\t" + why(failed.getCause()));
            } catch (InterruptedException impossible) { // it is complete
                throw new AssertionError(impossible);
            }
        }, Runnable::run);
    }

    private static String why(Throwable cause) {
        if (cause instanceof UserRecordFailedException) {
            var attempts = ((UserRecordFailedException) cause).getResult().getAttempts();
            if (!attempts.isEmpty()) {
                Attempt last = attempts.get(attempts.size() - 1);
                return last.getErrorCode() + ": " + last.getErrorMessage();
            }
        }
        return String.valueOf(cause);
    }

    /** Waits until all that was put has its result. */
    void flush() {
        producer.flushSync();
    }

    /** Ends it, and its native process. */
    void destroy() {
        producer.destroy();
    }
}
