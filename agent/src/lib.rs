//! The agent: runs attempts in supervised processes and speaks to test runners.
