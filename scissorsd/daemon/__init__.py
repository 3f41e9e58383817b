"""The daemon: one control loop, its workers, and the straight line of one picture."""
