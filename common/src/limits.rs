//! The bound of everything that comes from outside. Over a bound there is a clear refusal, never a silent drop.

use std::time::Duration;

/// Bytes of a pipeline file.
pub const PIPELINE_FILE_BYTES_MAX: usize = 1 << 20;
/// Jobs of one run, after matrices are expanded.
pub const JOBS_PER_RUN_MAX: usize = 4_096;
/// Combinations of one matrix.
pub const MATRIX_COMBINATIONS_MAX: usize = 256;
/// Steps of one job.
pub const STEPS_PER_JOB_MAX: usize = 256;
/// Names in `needs` of one job, after matrices are expanded.
pub const NEEDS_PER_JOB_MAX: usize = 1_024;
/// Environment variables of one run, job or step.
pub const ENV_VARIABLES_MAX: usize = 1_024;
/// Bytes of one environment variable's name and value together. Linux takes 131,071.
pub const ENV_VARIABLE_BYTES_MAX: usize = 128 * 1_024 - 1;
/// Bytes of a whole run specification as a message.
pub const RUN_SPEC_BYTES_MAX: usize = 4 << 20;
/// Bytes of a project's, run's or job's name.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes of one step's script.
pub const SCRIPT_BYTES_MAX: usize = 256 << 10;
/// Bytes of a client's request id.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// Runs that are accepted and not yet ended.
pub const RUNS_OPEN_MAX: usize = 100_000;

/// Tests of one test job.
pub const TESTS_PER_JOB_MAX: usize = 1_000_000;
/// Tests that one run may select.
pub const SELECTED_TESTS_MAX: usize = 50_000;
/// Bytes of one test's name.
pub const TEST_NAME_BYTES_MAX: usize = 4_096;
/// Tests in one message, be it a batch, a part of a discovery or results.
pub const TESTS_PER_MESSAGE_MAX: usize = 2_000;
/// Bytes of the short text that goes with a test's result.
pub const TEST_MESSAGE_BYTES_MAX: usize = 4 << 10;
/// Bytes of one test's captured output that are kept. Longer output keeps its beginning and its end.
pub const TEST_OUTPUT_BYTES_MAX: usize = 32 << 10;
/// Retries that a job may ask for.
pub const RETRIES_MAX: u32 = 10;
/// How often new tests may be run in one run.
pub const STRESS_TIMES_MAX: u32 = 100;
/// Beginnings of names of changed tests of one run.
pub const STRESS_CHANGED_MAX: usize = 10_000;
/// Groups of tests that exclude each other, of one test job.
pub const TEST_GROUPS_PER_JOB_MAX: usize = 64;
/// Patterns of all groups of one test job together: each is held against every test.
pub const TEST_PATTERNS_PER_JOB_MAX: usize = 256;
/// Bytes of one such pattern.
pub const TEST_PATTERN_BYTES_MAX: usize = 1_024;
/// Shards of one test job that are open at once.
pub const SHARDS_PER_JOB_MAX: u32 = 10_000;

/// Projects whose tests are remembered; the one that was not seen for longest is forgotten first.
pub const PROJECTS_REMEMBERED_MAX: usize = 1_000;
/// Agents of which it is remembered how they treat tests; likewise.
pub const AGENTS_REMEMBERED_MAX: usize = 10_000;
/// Tests of one project that are remembered, over all its jobs; likewise.
pub const TESTS_REMEMBERED_PER_PROJECT_MAX: usize = 300_000;

/// Bytes of an agent's name.
pub const AGENT_NAME_BYTES_MAX: usize = 128;
/// Labels of one agent.
pub const LABELS_PER_AGENT_MAX: usize = 64;
/// Bytes of a label's key and value together.
pub const LABEL_BYTES_MAX: usize = 256;
/// Slots of one agent.
pub const SLOTS_PER_AGENT_MAX: u32 = 1_024;
/// Leases that an agent may claim when it opens its session.
pub const CLAIMS_PER_OPEN_MAX: usize = 8_192;

/// Bytes of one message on the control stream, and of any other message that has no limit of its own.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Bytes of one log chunk.
pub const LOG_CHUNK_BYTES_MAX: usize = 64 << 10;
/// Bytes of one attempt's log that are kept. What comes later is counted and said, not kept.
pub const LOG_BYTES_MAX: u64 = 64 << 20;
/// Bytes of one job's outputs together.
pub const OUTPUTS_BYTES_MAX: usize = 1 << 20;
/// Artifacts of one job.
pub const ARTIFACTS_PER_JOB_MAX: usize = 64;

/// Files, folders and links of one workspace.
pub const WORKSPACE_ENTRIES_MAX: usize = 1_000_000;
/// Bytes of one blob.
pub const BLOB_BYTES_MAX: u64 = 16 << 30;
/// Bytes of a path inside a workspace.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Folders inside one another in a workspace.
pub const PATH_DEPTH_MAX: usize = 256;
/// Bytes of one name in a directory.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Bytes of all files of one workspace together.
pub const WORKSPACE_BYTES_MAX: u64 = 256 << 30;
/// Bytes of one directory of a workspace as a message.
pub const DIRECTORY_BYTES_MAX: u64 = 64 << 20;
/// Bytes of content in one batch of small blobs; with its digests a batch is within [`MESSAGE_BYTES_MAX`].
pub const BLOB_BATCH_BYTES_MAX: u64 = 3 << 20;
/// Blobs in one batch of small blobs.
pub const BLOBS_PER_BATCH_MAX: usize = 2_000;
/// Digests in one question for missing blobs.
pub const DIGESTS_PER_QUERY_MAX: usize = 20_000;
/// Bytes in one message of a streamed blob.
pub const BLOB_CHUNK_BYTES_MAX: usize = 256 << 10;

/// A job's time limit where its file names none.
pub const JOB_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60 * 60);
/// The longest time limit that a job may ask for.
pub const JOB_TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a job may wait for an agent.
pub const QUEUE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);
/// One test's time limit where its job names none.
pub const TEST_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10 * 60);
/// Retries of a failed test where its job names no number.
pub const RETRIES_DEFAULT: u32 = 2;
/// Attempts of one job, shard or test that may be lost with their agents before the verdict is errored.
pub const LOST_ATTEMPTS_MAX: u32 = 3;
