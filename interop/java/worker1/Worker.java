import com.amazonaws.auth.AWSCredentials;
import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBClient;
import com.amazonaws.services.kinesis.AmazonKinesisClient;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessor;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessorCheckpointer;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.*; // ShutdownReason was in the other one once
import com.amazonaws.services.kinesis.clientlibrary.types.*;
import com.amazonaws.services.kinesis.metrics.impl.NullMetricsFactory;
import com.amazonaws.services.kinesis.model.Record;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.Executors;

/** A worker of KCL 1.x. One source for 1.3.0, which has no user records, and for all that have them. */
final class Worker {
    private Worker() {}

    public static void main(String[] arguments) {
        Contract.endWithParent();
        AWSCredentialsProvider anybody = new AWSCredentialsProvider() {
            @Override
            public AWSCredentials getCredentials() {
                return new BasicAWSCredentials("a", "b");
            }

            @Override
            public void refresh() {}
        };
        AmazonKinesisClient kinesis = new AmazonKinesisClient(anybody);
        kinesis.setEndpoint(Contract.KINESIS);
        AmazonDynamoDBClient dynamodb = new AmazonDynamoDBClient(anybody);
        dynamodb.setEndpoint(Contract.DYNAMODB);
        // No withRegionName: it would lead the clients back to the real service.
        KinesisClientLibConfiguration settings =
                new KinesisClientLibConfiguration(Contract.APPLICATION, Contract.STREAM, anybody, Contract.WORKER)
                        .withInitialPositionInStream(InitialPositionInStream.valueOf(Contract.POSITION))
                        .withMaxRecords(Contract.MAX)
                        .withFailoverTimeMillis(5000) // renewed in time even where the machine is busy
                        .withIdleTimeBetweenReadsInMillis(200)
                        .withShardSyncIntervalMillis(1000)
                        .withParentShardPollIntervalMillis(300)
                        .withTaskBackoffTimeMillis(300)
                        .withCleanupLeasesUponShardCompletion(false);
        new com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker(
                        Processor::new, settings, kinesis, dynamodb, new NullMetricsFactory(), Executors.newCachedThreadPool())
                .run();
        Contract.refused(new IllegalStateException("the worker has ended"));
    }

    private static final class Processor implements IRecordProcessor {
        @Override
        public void initialize(String shard) {}

        @Override
        public void processRecords(List<Record> batch, IRecordProcessorCheckpointer checkpointer) {
            Contract.process(batch, new Records(checkpointer));
        }

        @Override
        public void shutdown(IRecordProcessorCheckpointer checkpointer, ShutdownReason reason) {
            if (reason == ShutdownReason.TERMINATE) {
                try {
                    checkpointer.checkpoint(); // the shard is finished, and its children may start
                } catch (Exception refused) {
                    throw new IllegalStateException(refused);
                }
            } else if (reason == ShutdownReason.ZOMBIE) {
                Contract.leaseLost();
            }
        }
    }

    /** Records and checkpoints. What 1.3.0 does not have is called by name. */
    private static final class Records implements Contract.Kcl<Record> {
        private final IRecordProcessorCheckpointer checkpointer;

        Records(IRecordProcessorCheckpointer checkpointer) {
            this.checkpointer = checkpointer;
        }

        @Override
        public ByteBuffer data(Record record) {
            return record.getData();
        }

        @Override
        public String partitionKey(Record record) {
            return record.getPartitionKey();
        }

        @Override
        public String sequenceNumber(Record record) {
            return record.getSequenceNumber();
        }

        @Override
        public long subSequenceNumber(Record record) {
            try {
                return (long) record.getClass().getMethod("getSubSequenceNumber").invoke(record);
            } catch (ReflectiveOperationException noUserRecord) {
                return 0;
            }
        }

        @Override
        public String checkpoint(Record record) throws Exception {
            String number = record.getSequenceNumber();
            switch (Contract.CHECKPOINT) {
                case "none":
                    checkpointer.checkpoint();
                    return "";
                case "sequence-number":
                    checkpointer.checkpoint(number);
                    return number;
                case "record":
                    IRecordProcessorCheckpointer.class.getMethod("checkpoint", Record.class).invoke(checkpointer, record);
                    return record.getClass().getSimpleName();
                case "extended":
                    return extended(number, subSequenceNumber(record));
                case "extended-beyond":
                    return extended(number, 99);
                default:
                    throw new IllegalArgumentException("ROW_CHECKPOINT=" + Contract.CHECKPOINT);
            }
        }

        private String extended(String number, long sub) throws Exception {
            IRecordProcessorCheckpointer.class.getMethod("checkpoint", String.class, long.class).invoke(checkpointer, number, sub);
            return number + ":" + sub;
        }
    }
}
