"""The paths of TF Serving's gRPC methods and the names that its protocol gives a meaning."""

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
HEALTH_SERVICE = "grpc.health.v1.Health"

PREDICT = f"/{PREDICTION_SERVICE}/Predict"
GET_MODEL_METADATA = f"/{PREDICTION_SERVICE}/GetModelMetadata"
GET_MODEL_STATUS = f"/{MODEL_SERVICE}/GetModelStatus"
RELOAD_CONFIG = f"/{MODEL_SERVICE}/HandleReloadConfigRequest"
CHECK_HEALTH = f"/{HEALTH_SERVICE}/Check"

DEFAULT_SIGNATURE = "serving_default"
SIGNATURE_FIELD = "signature_def"
SIGNATURE_TYPE_URL = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
