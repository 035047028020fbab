//! One file per kind of input.

mod ack;
mod batch;
mod cancel;
mod deadline;
mod drain;
mod heartbeat_answer;
mod lease;
mod link;
mod message;
mod opened;
mod withdraw;
mod work;
