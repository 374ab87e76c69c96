"""What the tests of a cluster share: kubectl and helm, one release, traffic from a pod, a Prometheus, and what was measured."""
