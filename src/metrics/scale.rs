//! What is counted where sensors see and workers judge: frames on their way between them, and what workers hand on.
//! A sensor that forwards adds to the first six, a worker to the others.
//! It promises that each transaction a worker takes is attributed, a twin, over the limit, or waiting.

counter_struct! {
    /// Sensors and workers; what a sensor sends is what its transactions are.
    ScaleCounters {
        /// Frames that a sensor handed out for the workers.
        frames_sent,
        /// Transactions in the frames that a sensor handed out.
        sightings_sent,
        /// Connections under TLS in the frames that a sensor handed out, of which nothing could be read.
        connections_sent,
        /// Key sets and provider configurations that a sensor told the others.
        key_sets_told,
        /// Those that waited for Kafka and had no room; each is told again within the hour.
        key_sets_untold,
        /// Key sets and provider configurations that were heard from sensors, its own of before among them.
        key_sets_heard,
        /// Frames that came to a worker, refused and repeated ones among them.
        frames_in,
        /// Frames that a worker had already.
        frames_repeated,
        /// Frames that never came, by the numbers of those that did.
        frames_missing,
        /// Frames that could not be read, or were not meant for this worker.
        frames_refused,
        /// Transactions in the frames that were taken.
        sightings_in,
        /// Transactions that came after time had gone on without them, twins and those beyond the rate among them.
        late,
        /// Transactions that the other sensor of a pair had told already.
        twins,
        /// Transactions beyond the rate of their tenant.
        over_limit,
        /// Transactions that were attributed, those that came late among them.
        released,
        /// Transactions that wait for slower sensors now.
        waiting,
        /// Transactions handed on to the workers of the lanes.
        lanes_out,
        /// Transactions taken by the workers of the lanes.
        lanes_in,
        /// Transactions that a worker of the lanes had already.
        lanes_repeated,
        /// Parcels that could not be read, or were not meant for this worker.
        parcels_refused,
        /// Records that Kafka gave up before a worker read them.
        records_gone,
        /// Partitions that this worker holds now.
        partitions,
        /// Milliseconds spent on the first half: order, who is who, the rules of the tenant, dealing.
        sightings_busy_ms,
        /// Milliseconds spent on the second half: the rules of the lanes.
        lanes_busy_ms,
        /// Snapshots of state that were written.
        snapshots,
        /// Bytes of snapshots of state that were written.
        snapshot_bytes,
        /// Partitions whose state was taken up again.
        restored,
    }
}
