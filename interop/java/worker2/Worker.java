import java.net.URI;
import java.nio.ByteBuffer;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.coordinator.WorkerStateChangeListener;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** A worker of KCL 2.x and 3.x, which polls, or has enhanced fan-out where ROW_FAN_OUT is set. */
final class Worker {
    private static final boolean FAN_OUT = System.getenv("ROW_FAN_OUT") != null;

    private Worker() {}

    public static void main(String[] arguments) {
        Contract.endWithParent();
        KinesisAsyncClient kinesis = local(KinesisAsyncClient.builder(), Contract.KINESIS)
                .httpClientBuilder(NettyNioAsyncHttpClient.builder().protocol(FAN_OUT ? Protocol.HTTP2 : Protocol.HTTP1_1))
                .build();
        DynamoDbAsyncClient dynamodb = local(DynamoDbAsyncClient.builder(), Contract.DYNAMODB).build();
        CloudWatchAsyncClient nowhere = local(CloudWatchAsyncClient.builder(), "http://127.0.0.1:1").build();
        ConfigsBuilder c = new ConfigsBuilder(
                Contract.STREAM, Contract.APPLICATION, kinesis, dynamodb, nowhere, Contract.WORKER, Processor::new);
        RetrievalConfig retrieval = c.retrievalConfig(); // fan-out is its default
        retrieval.initialPositionInStreamExtended(
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.valueOf(Contract.POSITION)));
        if (!FAN_OUT) {
            retrieval.retrievalSpecificConfig(
                    new PollingConfig(Contract.STREAM, kinesis).maxRecords(Contract.MAX).idleTimeBetweenReadsInMillis(200));
        }
        new Scheduler(
                        c.checkpointConfig(),
                        coordinator(c),
                        leases(c),
                        c.lifecycleConfig().taskBackoffTimeMillis(300),
                        c.metricsConfig().metricsFactory(new NullMetricsFactory()),
                        c.processorConfig(),
                        retrieval)
                .run();
        Contract.refused(new IllegalStateException("the worker has ended"));
    }

    private static <B extends AwsClientBuilder<B, C>, C> B local(B client, String url) {
        AwsCredentialsProvider anybody = StaticCredentialsProvider.create(AwsBasicCredentials.create("a", "b"));
        return client.credentialsProvider(anybody).region(Region.US_EAST_1).endpointOverride(URI.create(url));
    }

    private static CoordinatorConfig coordinator(ConfigsBuilder c) {
        CoordinatorConfig coordinator = c.coordinatorConfig()
                .parentShardPollIntervalMillis(300)
                .shardConsumerDispatchPollIntervalMillis(100)
                .schedulerInitializationBackoffTimeMillis(300)
                .workerStateChangeListener(new WorkerStateChangeListener() {
                    @Override
                    public void onWorkerStateChange(WorkerState state) {}

                    @Override
                    public void onAllInitializationAttemptsFailed(Throwable why) {
                        Contract.refused(why);
                    }
                });
        String compatible = System.getenv("ROW_CLIENT_VERSION");
        if (compatible != null) {
            compatibleWith2(coordinator, compatible);
        }
        return coordinator;
    }

    /** 3.x: a mode in which it shares a lease table with 2.x, which is 3.x's own enum. */
    private static void compatibleWith2(CoordinatorConfig coordinator, String mode) {
        try {
            Class<?> modes = coordinator.getClass().getMethod("clientVersionConfig").getReturnType();
            Object constant = modes.getMethod("valueOf", String.class).invoke(null, mode);
            coordinator.getClass().getMethod("clientVersionConfig", modes).invoke(coordinator, constant);
        } catch (ReflectiveOperationException unknown) {
            throw new IllegalArgumentException("ROW_CLIENT_VERSION=" + mode, unknown);
        }
    }

    private static LeaseManagementConfig leases(ConfigsBuilder c) {
        LeaseManagementConfig leases = c.leaseManagementConfig()
                .failoverTimeMillis(5000) // renewed in time even where the machine is busy
                .shardSyncIntervalMillis(1000)
                .cleanupLeasesUponShardCompletion(false);
        set(leases, "leasesRecoveryAuditorExecutionFrequencyMillis", long.class, 1000L); // from 2.3 on
        // 3.x: a leader that was killed keeps its lease for two minutes otherwise, and nobody assigns the shards anew.
        set(leases, "dynamoDbLockBasedLeaderLeaseDurationInMillis", long.class, 2000L);
        set(leases, "dynamoDbLockBasedLeaderHeartbeatPeriodInMillis", long.class, 500L);
        set(leases, "leaseAssignmentIntervalMillis", Long.class, 1000L);
        try {
            Object assignment = leases.getClass().getMethod("workerUtilizationAwareAssignmentConfig").invoke(leases);
            set(assignment, "disableWorkerMetrics", boolean.class, true);
        } catch (ReflectiveOperationException notIn2) {
            // nothing to set
        }
        return leases;
    }

    /** Calls a setter that not all versions have. */
    private static void set(Object config, String name, Class<?> type, Object value) {
        try {
            config.getClass().getMethod(name, type).invoke(config, value);
        } catch (ReflectiveOperationException notInThisVersion) {
            // its default stays
        }
    }

    private static final class Processor implements ShardRecordProcessor {
        @Override
        public void initialize(InitializationInput input) {}

        @Override
        public void processRecords(ProcessRecordsInput input) {
            Contract.process(input.records(), new Records(input.checkpointer()));
        }

        @Override
        public void leaseLost(LeaseLostInput input) {
            Contract.leaseLost();
        }

        @Override
        public void shardEnded(ShardEndedInput input) {
            try {
                input.checkpointer().checkpoint(); // the shard is finished, and its children may start
            } catch (Exception refused) {
                throw new IllegalStateException(refused);
            }
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {}
    }

    private static final class Records implements Contract.Kcl<KinesisClientRecord> {
        private final RecordProcessorCheckpointer checkpointer;

        Records(RecordProcessorCheckpointer checkpointer) {
            this.checkpointer = checkpointer;
        }

        @Override
        public ByteBuffer data(KinesisClientRecord record) {
            return record.data();
        }

        @Override
        public String partitionKey(KinesisClientRecord record) {
            return record.partitionKey();
        }

        @Override
        public String sequenceNumber(KinesisClientRecord record) {
            return record.sequenceNumber();
        }

        @Override
        public long subSequenceNumber(KinesisClientRecord record) {
            return record.subSequenceNumber();
        }

        @Override
        public String checkpoint(KinesisClientRecord record) throws Exception {
            String number = record.sequenceNumber();
            switch (Contract.CHECKPOINT) {
                case "none":
                    checkpointer.checkpoint();
                    return "";
                case "sequence-number":
                    checkpointer.checkpoint(number);
                    return number;
                case "record": // the call takes the SDK's record, which has no sub-sequence number
                    checkpointer.checkpoint(Record.builder()
                            .sequenceNumber(number)
                            .partitionKey(record.partitionKey())
                            .data(SdkBytes.fromByteBuffer(record.data().duplicate()))
                            .build());
                    return "Record";
                case "extended":
                    return extended(number, record.subSequenceNumber());
                case "extended-beyond":
                    return extended(number, 99);
                default:
                    throw new IllegalArgumentException("ROW_CHECKPOINT=" + Contract.CHECKPOINT);
            }
        }

        private String extended(String number, long sub) throws Exception {
            checkpointer.checkpoint(number, sub);
            return number + ":" + sub;
        }
    }
}
