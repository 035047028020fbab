//! Plumbing that every Muster process needs: config, telemetry, shutdown, clock, wire conversions, workspaces.
