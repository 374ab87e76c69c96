"""The RayJob of `batch`: off by default, one command that exists, pods that may reach what they need and nobody else."""

from __future__ import annotations

import shlex

from rendered_chart import of_kind, one

ON = {"batch": {"enabled": True}}


def test_there_is_no_ray_unless_it_is_asked_for(chart) -> None:
    assert of_kind(chart.render(), "RayJob") == []
    assert "recommender-batch" not in chart.text()


def test_the_entrypoint_is_a_command_that_exists(chart) -> None:
    from inference_graph.cli.main import application

    given = {"batch": {"enabled": True, "workers": 7, "out": "s3://mail/rows", "args": ["--limit=20", "--anonymous"]}}
    (job,) = of_kind(chart.render(given), "RayJob")
    words = shlex.split(job["spec"]["entrypoint"])
    assert words == ["inference-graph", "batch", "--workers=7", "--out=s3://mail/rows", "--limit=20", "--anonymous"]
    assert job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replicas"] == 7
    known = set(_options(application(["batch"])))
    assert {word.partition("=")[0] for word in words[2:]} <= known


def _options(app) -> list[str]:
    import typer

    command = typer.main.get_command(app).commands["batch"]
    return [option for parameter in command.params for option in parameter.opts]


def test_another_run_is_another_job_and_the_same_values_are_the_same_one(chart) -> None:
    names = [
        of_kind(chart.render({"batch": {"enabled": True, **more}}), "RayJob")[0]["metadata"]["name"]
        for more in ({}, {}, {"run": "2"}, {"args": ["--limit=5"]})
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_ray_of_the_image_is_the_one_that_the_job_names(chart) -> None:
    from importlib.metadata import version

    (job,) = of_kind(chart.render(ON), "RayJob")
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == version("ray")


def test_head_and_workers_are_given_all_that_the_transformers_settings_need(chart) -> None:
    from inference_graph.settings import Settings

    (job,) = of_kind(chart.render(ON), "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        container = group["template"]["spec"]["containers"][0]
        environment = {entry["name"]: entry.get("value", "secret") for entry in container["env"]}
        assert Settings.from_environment(environment).retrieval_target == "dns:///recommender-retrieval-grpc:9000"
        assert group["template"]["spec"]["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    head, worker = (group["template"]["spec"] for group in (spec["headGroupSpec"], spec["workerGroupSpecs"][0]))
    assert [volume["name"] for volume in head["volumes"] if "persistentVolumeClaim" in volume] == ["workspace"]
    assert [volume["name"] for volume in worker["volumes"] if "persistentVolumeClaim" in volume] == []


def test_only_its_own_pods_and_the_operator_reach_ray_and_it_reaches_models_and_redis(chart) -> None:
    rendered = chart.render({**ON, "trial": {"redis": {"enabled": True}}})
    own = one(rendered, "NetworkPolicy", "recommender-batch")["spec"]["ingress"]
    assert [port["port"] for port in own[1]["ports"]] == [8265]
    assert [entry["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for entry in own[0]["from"]] == ["batch"]
    for component in ("ranking", "retrieval", "redis"):
        first = one(rendered, "NetworkPolicy", f"recommender-{component}")["spec"]["ingress"][0]["from"]
        assert "batch" in [entry["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for entry in first]
