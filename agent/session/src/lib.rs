//! The pure heart of the agent: one side of the control stream's protocol.
