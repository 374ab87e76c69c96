"""The container's entry point: the whole of the transformer is `inference_graph.serving`."""

from inference_graph.serving.main import main

if __name__ == "__main__":
    main()
