# Needs nothing but make and Python 3.11 with its venv module; everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help run test cluster cluster-down test-cluster chart-tools chart-docs manifests test-faults test-hostile test-memory test-worlds lint check-old-tensorflow lock images clean clean-data
.SUFFIXES:

PORT ?= 8080
export DATA PORT REDIS_URL PYTHON
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV CONDA_PREFIX

BIN := .venv/bin
STARTED := $(shell date +%s)
# Changes with what is to be installed, so that an environment that is up to date is not looked at again.
READY := .venv/ready-$(shell cat requirements.lock requirements-uv.txt pyproject.toml | cksum | tr -d ' ')
# A long download ends with make, even when make is killed.
TIED := $(shell setpriv --pdeathsig KILL true 2>/dev/null && echo setpriv --pdeathsig KILL)

# uv trusts what the machine trusts, as pip does on Debian; its own list does where the machine has none.
UV := $(BIN)/uv $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),--system-certs)

ifneq ($(filter run,$(MAKECMDGOALS)),)
ifneq ($(shell uname -sm),Linux x86_64)
ifeq ($(REDIS_URL),)
$(error the embedded Redis with vector search exists for linux-x86_64 only: give one with `make run REDIS_URL=redis://host:port`)
endif
endif
endif

help:
	@echo 'make run                  set up, prepare, train, serve and ask; stays up until Ctrl-C'
	@echo '  DATA=FOLDER             use this data set instead of the built-in one'
	@echo '  PORT=8080               port of the HTTP interface'
	@echo '  REDIS_URL=redis://...   use this Redis (with vector search) instead of the embedded one'
	@echo 'make test                 set up and run every check and test'
	@echo 'make test-faults          every fault of every service, as a table (CELLS=redis,killed  JSON=FILE  MARKDOWN=FILE)'
	@echo 'make test-memory          whether memory stays flat under steady traffic (MINUTES=10 RATE=20 JSON=FILE)'
	@echo 'make test-worlds          the share of the best possible score, on three planted worlds (WORLDS="1 2 3")'
	@echo 'make test-hostile         known attacks and made-up requests, a good client beside (REQUESTS=20000  JSON=FILE)'
	@echo 'make cluster              a cluster of this machine alone, with KServe, the chart and the built-in data set (root; make cluster-down ends it)'
	@echo 'make test-cluster         the chart on a cluster: that of KUBECONFIG, or the one of make cluster (TESTS="-k NAME")'
	@echo 'make chart-docs           what is made from the values of the chart: schema, README, its graph.yaml'
	@echo 'make manifests            kustomize/base and components/redis from the chart'
	@echo 'make chart-tools          helm, kubeconform, kustomize and promtool into .cache/bin, where Go is installed'
	@echo 'make lint                 ruff, import contracts, mypy'
	@echo 'make check-old-tensorflow run the exported models in TensorFlow 2.18, in an environment of its own'
	@echo 'make lock                 resolve the dependencies of pyproject.toml anew, of everything and of each image'
	@echo 'make images               the four images (BUILDER=buildah  BUILD_FLAGS=...  BASE=IMAGE  IMAGE_PREFIX=registry.example/inference-graph/  IMAGE_TAG=TAG)'
	@echo 'make clean                remove environments and caches (clean-data: what running made, too)'
	@echo 'PYTHON=/path/python3.11   names the Python to set up with'

run: $(READY)
	@ENVIRONMENT_SECONDS=$$(( $$(date +%s) - $(STARTED) )) exec $(BIN)/inference-graph up --port "$$PORT" --stop-with $$PPID $${DATA:+--data "$$DATA"}

test: lint chart-tools
	$(BIN)/python -m pytest

# Programs that tests of the chart need, from their modules. Without Go those tests are skipped and say so.
CHART_TOOLS := helm.sh/helm/v3/cmd/helm@v3.19.5 github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0 sigs.k8s.io/kustomize/kustomize/v5@v5.7.1 \
  github.com/prometheus/prometheus/cmd/promtool@v0.316.0
# A helm that is built like this would take Kubernetes 1.20 for granted; promtool leaves out the clients of every cloud, and what it shares with the
# Prometheus of tests/cluster is compiled once, for the flags are the same.
HELM_KNOWS := -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34
CHART_TOOLS_READY = .cache/bin/ready-$(shell { echo '$(CHART_TOOLS) $(HELM_KNOWS)'; cat $(wildcard tests/chart/fetch_schemas.py) /dev/null; } | cksum | tr -d ' ')

chart-tools: $(if $(shell command -v go),$(CHART_TOOLS_READY))

$(CHART_TOOLS_READY): | $(READY)
	@mkdir -p .cache/bin
	@for tool in $(CHART_TOOLS); do echo "$$tool" && GOBIN='$(CURDIR)/.cache/bin' CGO_ENABLED=0 GOFLAGS='-trimpath -tags=remove_all_sd' $(TIED) go install -ldflags '$(HELM_KNOWS)' "$$tool" || exit 1; done
	@$(BIN)/python tests/chart/fetch_schemas.py .cache/schemas
	@rm -f .cache/bin/ready-* && touch $@

chart-docs: $(READY)
	cp inference_graph/graph.yaml charts/recommender/files/graph.yaml
	$(BIN)/python charts/values_schema.py > charts/recommender/values.schema.json
	$(BIN)/python charts/values_readme.py > charts/recommender/README.md

# A real cluster of this machine alone (root; minutes): tests/cluster/README.md.
CLUSTER_CACHE ?= $(CURDIR)/.cache/cluster
CLUSTER_BED := tests/cluster/bed
cluster:
	@$(CLUSTER_BED)/requirements.sh
	@$(MAKE) --no-print-directory $(READY) chart-tools
	@$(CLUSTER_BED)/up.sh '$(CLUSTER_CACHE)'
	@$(CLUSTER_BED)/install.sh '$(CLUSTER_CACHE)'

cluster-down:
	@$(CLUSTER_BED)/down.sh '$(CLUSTER_CACHE)'

# On the cluster that KUBECONFIG names, or else on the bed.
test-cluster:
	@[ -n "$$KUBECONFIG" ] || $(CLUSTER_BED)/requirements.sh
	@$(MAKE) --no-print-directory $(READY) chart-tools
	@if [ -z "$$KUBECONFIG" ]; then $(CLUSTER_BED)/up.sh '$(CLUSTER_CACHE)' && set -a && . '$(CLUSTER_CACHE)/env'; fi && \
	  PATH="$$PATH:$(CURDIR)/.cache/bin" exec tests/cluster/run.sh $(TESTS)

manifests: $(READY) chart-tools
	$(BIN)/python kustomize/render.py

# In a home of its own: what is killed here is nobody's.
test-faults: $(READY)
	INFERENCE_GRAPH_HOME=$${INFERENCE_GRAPH_HOME:-.run/faults} PYTHONPATH=tests/faults $(BIN)/python -m fault_matrix \
	  $(if $(CELLS),--cells '$(CELLS)') $(if $(JSON),--json '$(JSON)') $(if $(MARKDOWN),--markdown '$(MARKDOWN)')
	$(if $(CELLS),,$(BIN)/python -m pytest -s tests/faults)

MINUTES ?= 10
RATE ?= 20
test-memory: $(READY)
	INFERENCE_GRAPH_HOME=$${INFERENCE_GRAPH_HOME:-.run/faults} PYTHONPATH=tests/faults $(BIN)/python -m memory_growth \
	  --minutes '$(MINUTES)' --rate '$(RATE)' $(if $(JSON),--json '$(JSON)')

REQUESTS ?= 2000
test-hostile: $(READY)
	INFERENCE_GRAPH_HOME=$${INFERENCE_GRAPH_HOME:-.run/faults} PYTHONPATH=tests/faults:tests/hostile $(BIN)/python -m hostile_input \
	  --requests $(REQUESTS) $(if $(JSON),--json '$(JSON)')

WORLDS ?= 1 2 3
test-worlds: $(READY)
	@for seed in $(WORLDS); do \
	  echo "world $$seed" && WORLD_SEED=$$seed $(BIN)/python -m pytest tests/system/test_planted_truth.py || exit 1; \
	done

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check-old-tensorflow: .venv-tf218/ready
	.venv-tf218/bin/python tests/models/run_in_old_tensorflow.py

# Feast asks for SQLAlchemy's extra `mypy`: a type checker with all that it needs, which nothing in an image imports.
WITHOUT_MYPY := $(addprefix --no-emit-package ,mypy mypy-extensions ast-serialize librt pathspec types-greenlet)
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate
lock: $(READY)
	$(COMPILE) pyproject.toml --all-extras -o requirements.lock
	$(COMPILE) pyproject.toml -c requirements.lock $(WITHOUT_MYPY) -o transformers/recommender/requirements.lock
	$(COMPILE) pyproject.toml --extra jobs -c requirements.lock $(WITHOUT_MYPY) -o models/requirements.lock
	$(COMPILE) pyproject.toml --extra jobs --group ray -c requirements.lock $(WITHOUT_MYPY) -o models/ray/requirements.lock
	$(COMPILE) --group model-server --no-deps -c requirements.lock -o models/model_server/requirements.lock
	$(COMPILE) --group build -c requirements.lock -o requirements-build.lock
	$(COMPILE) --group cluster -o tests/cluster/bed/images/services/requirements.lock

# Any OCI builder that takes docker's arguments; BASE is an image with Python 3.11 and its venv module.
BUILDER ?= buildah
IMAGE_PREFIX ?= inference-graph/
IMAGE_TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGES := image-transformer image-jobs image-model-server image-ray
.PHONY: $(IMAGES)
DOCKERFILE_transformer := transformers/recommender/Dockerfile
DOCKERFILE_jobs := models/Dockerfile
DOCKERFILE_model-server := models/model_server/Dockerfile
DOCKERFILE_ray := models/ray/Dockerfile
images: $(IMAGES)
	@$(BUILDER) images | grep -E '^REPOSITORY|$(IMAGE_PREFIX)(transformer|jobs|model-server|ray) +$(IMAGE_TAG) '

$(IMAGES): image-%:
	$(BUILDER) build $(BUILD_FLAGS) $(if $(BASE),--build-arg BASE='$(BASE)') -f $(DOCKERFILE_$*) -t '$(IMAGE_PREFIX)$*:$(IMAGE_TAG)' .

clean:
	rm -rf .venv .venv-tf218 .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: clean
	rm -rf .run .cache

# Each line can be interrupted and run again. The last one says that all of them ended.
$(READY):
	@$(call create_environment,.venv)
	@$(TIED) $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@$(TIED) $(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock
	@$(TIED) $(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@rm -f .venv/ready-* && touch $(READY)

.venv-tf218/ready: requirements-tf218.lock | $(READY)
	@$(call create_environment,.venv-tf218)
	@$(TIED) $(UV) pip sync --python .venv-tf218/bin/python --require-hashes requirements-tf218.lock
	@touch $@

# An environment of another Python (two of one version do not mix), or of another folder than this (a moved checkout), is made anew.
define create_environment
	if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; else set -- python3.11 python3; fi; \
	for candidate; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then break; fi; \
	  candidate=; \
	done; \
	if [ -z "$$candidate" ]; then \
	  echo "error: Python 3.11 is needed, and none of ($$*) is it: install it (Debian 12: apt install python3 python3-venv) or name it with PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "error: $$candidate has no venv module: install it (Debian: apt install python3-venv), then run make again" >&2; exit 1; \
	fi; \
	clear=; \
	if [ -e $(1) ]; then \
	  grep -qsF "$(CURDIR)/$(1)" $(1)/bin/activate && [ "$$(readlink -f $(1)/bin/python)" = "$$("$$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))')" ] || clear=--clear; \
	fi; \
	"$$candidate" -m venv $$clear $(1)
endef
