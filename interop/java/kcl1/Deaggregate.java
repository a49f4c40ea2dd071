import com.amazonaws.services.kinesis.clientlibrary.types.UserRecord;
import com.amazonaws.services.kinesis.model.Record;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.logging.LogManager;
import java.util.stream.Collectors;

/** De-aggregates with UserRecord.deaggregate of KCL 1.x. */
final class Deaggregate {
    private Deaggregate() {}

    public static void main(String[] arguments) throws Exception {
        LogManager.getLogManager().reset(); // the KCL logs every bad index, with the whole aggregate
        Exchange.serve(arguments, UserRecord.class, Deaggregate::deaggregate);
    }

    private static List<ObjectNode> deaggregate(Exchange.Stored stored) {
        Record record = new Record()
                .withSequenceNumber(stored.sequenceNumber)
                .withPartitionKey(stored.partitionKey)
                .withData(stored.data);
        return UserRecord.deaggregate(List.of(record), stored.startingHashKey, stored.endingHashKey).stream()
                .map(user -> Exchange.userRecord(
                        user.getSequenceNumber(), user.getSubSequenceNumber(), user.isAggregated(),
                        user.getPartitionKey(), user.getExplicitHashKey(), user.getData()))
                .collect(Collectors.toList());
    }
}
