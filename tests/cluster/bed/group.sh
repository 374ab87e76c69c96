#!/bin/bash
# group.sh CACHE NUMBER: the cgroup of a node; a bed in another folder has others.
echo "bed-$(printf %s "$1" | sha256sum | cut -c1-6)-$2"
