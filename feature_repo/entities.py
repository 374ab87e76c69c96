"""Whom and what features describe."""

from feast import Entity, ValueType

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING, description="a person or a session that interacts")
item = Entity(name="item", join_keys=["item_id"], value_type=ValueType.STRING, description="what can be recommended")
