"""A Ray cluster of some simulated nodes on this machine, held by this process: ``python nodes.py``.

It takes lines of JSON and answers each with one: ``{"start": N, "cpus": C}``, ``{"add": {variable: value}, "cpus": C}`` and
``{"remove": NODE}`` (as a power cut would). It ends, and the cluster with it, when its input does.
"""

import json
import sys

from ray.cluster_utils import Cluster


def main():
    """Hold the cluster."""
    out, sys.stdout = sys.stdout, sys.stderr
    cluster, nodes = None, {}
    try:
        for line in sys.stdin:
            order = json.loads(line)
            answer = {}
            if "start" in order:
                cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
                for _ in range(order["start"]):
                    add(cluster, nodes, order["cpus"], {})
                answer["address"] = cluster.address
            elif "add" in order:
                answer["added"] = add(cluster, nodes, order["cpus"], order["add"])
            elif "remove" in order:
                cluster.remove_node(nodes.pop(order["remove"]), allow_graceful=False)
            answer["nodes"] = {one: node.all_processes["raylet"][0].process.pid for one, node in nodes.items()}
            print(json.dumps(answer), file=out, flush=True)
    finally:
        if cluster is not None:
            cluster.shutdown()


def add(cluster, nodes, cpus, environment):
    """Add a node; return its id."""
    node = cluster.add_node(num_cpus=cpus, env_vars=environment, wait=True)
    nodes[node.node_id] = node
    return node.node_id


if __name__ == "__main__":
    main()
