"""TF Serving's messages on the wire: our own .proto files, the code generated from them, and arrays <-> TensorProto.

The field numbers are TF Serving's; the package and file names are ours, because TensorFlow registers its own descriptors
in the process of the model server and one process holds a name once. Only the method paths are TF Serving's.

Generate again, from the root of the repository, after a change of a .proto file (needs grpcio-tools):

    python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. inference_graph/clients/tf_serving_protocol/*.proto
    sed -i '1i # mypy: disable-error-code="type-arg"' inference_graph/clients/tf_serving_protocol/*_pb2.pyi
"""
