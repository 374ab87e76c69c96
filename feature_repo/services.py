"""What reads which features: one service per reader, with a version that moves when its features change."""

from feast import FeatureService
from views import item_attributes, item_statistics, user_statistics

user_features_v1 = FeatureService(name="user_features_v1", features=[user_statistics], description="the transformer, once a request")
item_statistics_v1 = FeatureService(name="item_statistics_v1", features=[item_statistics], description="training, as of a moment")
catalogue_v1 = FeatureService(name="catalogue_v1", features=[item_attributes, item_statistics], description="the catalogue snapshot")
