"""A condition on items as it is written in graph.yaml: `categories` with any and none, any other column with min, max, in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from inference_graph.types import CategoryFilter, ColumnFilter


class CategoriesCondition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    any: tuple[str, ...] = Field((), description="at least one of these")
    none: tuple[str, ...] = Field((), description="not one of these")


class ColumnCondition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    min: float | None = Field(None, description="at least this")
    max: float | None = Field(None, description="at most this")
    in_: tuple[str | float, ...] = Field((), alias="in", description="one of these")


class Condition(BaseModel):
    """At least one part; all of them must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    categories: CategoriesCondition = CategoriesCondition()
    columns: dict[str, ColumnCondition] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _other_keys_are_columns(cls, given: object) -> object:
        if not isinstance(given, dict) or "columns" in given:
            return given
        if not given:
            raise ValueError("a condition needs categories or a column")
        columns = {key: value for key, value in given.items() if key != "categories"}
        return {"categories": given.get("categories", {}), "columns": columns}

    def category_filter(self) -> CategoryFilter:
        return CategoryFilter(self.categories.any, self.categories.none)

    def column_filters(self) -> dict[str, ColumnFilter]:
        return {name: ColumnFilter(c.min, c.max, c.in_) for name, c in self.columns.items()}
