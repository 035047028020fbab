//! The probes: what each tries, and with which agents it succeeds where nothing is kept from it.

/// As whom the agent runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// As root.
    Root,
    /// As an account of its own.
    Plain,
}

/// How it is seen that a probe got out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It says so by its exit status.
    Exit,
    /// There is a file outside, at `$PLANTED`.
    File,
    /// The job's output holds a secret.
    Output,
    /// There is shared memory outside, under `$SHARED_KEY`.
    SharedMemory,
    /// A process with `$NONCE` among its arguments lives on.
    Process,
}

/// One probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    /// A script. `$PROBE NAME` runs one of the programs in `probe.rs`.
    pub(crate) script: &'static str,
    pub(crate) proof: Proof,
    /// The agents with which it gets out at `none`.
    pub(crate) gets_out_of: &'static [Runs],
}

const BOTH: &[Runs] = &[Runs::Root, Runs::Plain];
const ROOT: &[Runs] = &[Runs::Root];
/// It is tried all the same, and does not count: at `none` nothing of this kind is left either, or the machine itself keeps
/// even root from it (here: the first process has a capability that nobody else has).
const NEITHER: &[Runs] = &[];

const fn exit(name: &'static str, script: &'static str, gets_out_of: &'static [Runs]) -> Probe {
    Probe { name, script, proof: Proof::Exit, gets_out_of }
}

const fn file(name: &'static str, script: &'static str, gets_out_of: &'static [Runs]) -> Probe {
    Probe { name, script, proof: Proof::File, gets_out_of }
}

/// All of them.
pub(crate) const PROBES: &[Probe] = &[
    // Files of the agent and of others.
    exit("read the agent's key", "cat $STATE/key", BOTH),
    exit("list the agent's directory", "ls $STATE/spool", BOTH),
    exit("read the agent's configuration", "grep secret $CONFIG", BOTH),
    file("write into the agent's directory", "echo x > $PLANTED", BOTH),
    exit("append to the agent's configuration", "echo '# x' >> $CONFIG", BOTH),
    exit("read the agent's home", "grep secret $AGENT_HOME/netrc", BOTH),
    exit("see the workspace of another job", "cat $STATE/attempts/*/workspace/victim", BOTH),
    exit("append to its own log behind the agent's back", "echo forged >> $MUSTER_WORKSPACE/../log", BOTH),
    exit("write into the cache of blobs", "touch $STATE/cache/probe", BOTH),
    exit("write into the builds of others", "touch $STATE/builds/probe", BOTH),
    exit("read a file that others left in /tmp", "grep secret $LEFT_IN_TMP", BOTH),
    exit("read the passwords", "cat /etc/shadow", ROOT),
    exit("write into the machine's programs", "touch /usr/muster-probe; rm /usr/muster-probe", ROOT),
    exit("write into the machine's settings", "touch /etc/muster-probe; rm /etc/muster-probe", ROOT),
    exit("change a setting of the kernel", "v=$(cat /proc/sys/kernel/panic); echo $v > /proc/sys/kernel/panic", ROOT),
    exit("open a file by its handle", "$PROBE file-handle", ROOT),
    // By links that the agent follows.
    Probe {
        name: "have the agent read its key as an output",
        script: "ln -sf $STATE/key $MUSTER_OUTPUT",
        proof: Proof::Output,
        gets_out_of: BOTH,
    },
    Probe {
        name: "have the agent read its key by a hard link",
        script: "rm -f $MUSTER_OUTPUT; ln $STATE/key $MUSTER_OUTPUT",
        proof: Proof::Output,
        gets_out_of: BOTH,
    },
    file("have the agent write its next script elsewhere", "ln -s $PLANTED ${MUSTER_OUTPUT%/*}/step-1", BOTH),
    // Processes.
    exit("read the agent's variables", "tr '\\0' '\\n' < /proc/$AGENT_PID/environ | grep AGENT_SECRET", BOTH),
    exit("find the variables of another job", "grep -ls VICTIM_SECRET=1 /proc/[0-9]*/environ | grep -q .", BOTH),
    exit("reach files through the agent's root", "cat /proc/$AGENT_PID/root$STATE/key", BOTH),
    exit("reach files through the first process", "cat /proc/1/root$STATE/key", NEITHER),
    exit("list the agent's descriptors", "ls /proc/$AGENT_PID/fd/", BOTH),
    exit("read the variables of the first process", "cat /proc/1/environ > /dev/null", NEITHER),
    exit("read the agent's memory", "$PROBE read-memory-file", BOTH),
    exit("read the agent's memory by a call", "$PROBE process-vm-readv", BOTH),
    exit("trace the agent", "$PROBE ptrace", BOTH),
    exit("take a descriptor of the agent", "$PROBE steal-descriptor", BOTH),
    exit("signal the agent", "$PROBE signal-agent", BOTH),
    exit("signal another job", "kill -CONT $VICTIM_PID", BOTH),
    exit("join the agent's mounts", "$PROBE join-agents-mounts", ROOT),
    exit("join the mounts of the first process", "$PROBE join-first-process", NEITHER),
    exit("be root", "$PROBE become-root", ROOT),
    exit("become root by a program that is set so", "$SET_USER_ID become-root", BOTH),
    exit("run before others", "$PROBE priority", ROOT),
    // The kernel.
    exit("mount", "$PROBE mount", ROOT),
    exit("mount by the newer calls", "$PROBE mount-api", ROOT),
    exit("take a tree of mounts", "$PROBE open-tree", ROOT),
    exit("change the root folder", "$PROBE chroot", ROOT),
    exit("make a namespace of users", "$PROBE user-namespace", BOTH),
    exit("make a namespace of users by clone", "$PROBE clone-user-namespace", BOTH),
    exit("make a namespace of users by clone3", "$PROBE clone3-user-namespace", BOTH),
    exit("make a namespace of mounts", "$PROBE mount-namespace", ROOT),
    exit("load a program into the kernel", "$PROBE bpf", ROOT),
    exit("count events of the processor", "$PROBE perf", ROOT),
    exit("use the kernel's key ring", "$PROBE key-ring", BOTH),
    exit("use io_uring", "$PROBE io-uring", BOTH),
    exit("handle page faults", "$PROBE userfaultfd", ROOT),
    exit("make a device", "$PROBE device-node", ROOT),
    exit("set the machine's name", "$PROBE host-name", ROOT),
    exit("set the clock", "$PROBE set-time", ROOT),
    exit("read the kernel's log", "$PROBE kernel-log", ROOT),
    // The network.
    exit("open a raw socket", "$PROBE raw-socket", ROOT),
    exit("open a packet socket", "$PROBE packet-socket", ROOT),
    exit("reach the metadata address", "TARGET=169.254.169.254:80 $PROBE connect-tcp", BOTH),
    exit("reach a service on the machine's loopback", "TARGET=$SERVICE $PROBE connect-tcp", BOTH),
    exit("reach the abstract socket of another", "TARGET=$ABSTRACT $PROBE connect-abstract", BOTH),
    exit("reach the coordinator's socket", "TARGET=$COORDINATOR $PROBE connect-socket-file", BOTH),
    // What is used up, and what is left.
    exit("start processes without end", "$PROBE fork-bomb", BOTH),
    exit("fill the memory that is a disk", "$PROBE fill-memory-disk", BOTH),
    file("leave a file in /tmp", "echo x > $PLANTED_IN_TMP", BOTH),
    file("leave a file in /var/tmp", "echo x > $PLANTED_IN_VAR_TMP", BOTH),
    file("leave a file in /dev/shm", "echo x > $PLANTED_IN_MEMORY", BOTH),
    Probe {
        name: "leave shared memory",
        script: "$PROBE shared-memory",
        proof: Proof::SharedMemory,
        gets_out_of: BOTH,
    },
    Probe {
        name: "leave a daemon",
        script: "(env -i setsid sh -c 'sleep 1000; : '$NONCE &)",
        proof: Proof::Process,
        gets_out_of: NEITHER,
    },
];
