"""The building blocks of all dashboards: numbers, curves over time, rows, links and variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, ThresholdsConfig
from grafana_foundation_sdk.builders.dashboard import Row as RowBuilder
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsMode,
    VariableOption,
)

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
TAG = "pinterest-platform"
_GREEN, _YELLOW, _RED = "green", "yellow", "red"
_GRID_WIDTH = 24
_DAGSTER = "dagster"


@dataclass(frozen=True)
class Levels:
    """Thresholds: from `yellow` on a value needs attention, from `red` on it is wrong; below if `less_is_worse`."""

    yellow: float
    red: float
    less_is_worse: bool = False

    def config(self) -> ThresholdsConfig:
        """The thresholds for Grafana. Its first step has no value: it is the colour below the others."""
        colours = (_GREEN, _YELLOW, _RED)
        values = (self.yellow, self.red)
        if self.less_is_worse:
            colours, values = (_RED, _YELLOW, _GREEN), (self.red, self.yellow)
        steps = [Threshold(value, colour) for value, colour in zip((None, *values), colours, strict=True)]
        return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


_NO_LEVELS = ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(None, _GREEN)])


@dataclass(frozen=True)
class Number:
    """A panel with one current value."""

    title: str
    description: str
    unit: str
    query: str
    levels: Levels | None = None
    decimals: int | None = None
    width: int = 4
    height: int = 4

    def panel(self) -> stat.Panel:
        """The panel as a Grafana builder."""
        panel = (
            stat.Panel()
            .title(self.title)
            .description(self.description)
            .datasource(PROMETHEUS)
            .unit(self.unit)
            .thresholds(self.levels.config() if self.levels else _NO_LEVELS)
            .color_mode(common.BigValueColorMode.VALUE)
            .graph_mode(common.BigValueGraphMode.NONE)
            .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
            .with_target(Dataquery().expr(self.query).instant().ref_id("A"))
        )
        return panel if self.decimals is None else panel.decimals(self.decimals)


@dataclass(frozen=True)
class Curves:
    """A panel with curves over time. `queries` maps legends to queries; `{{label}}` in a legend is a label's value."""

    title: str
    description: str
    unit: str
    queries: Mapping[str, str]
    levels: Levels | None = None
    stacked: bool = False
    width: int = 8
    height: int = 8

    def panel(self) -> timeseries.Panel:
        """The panel as a Grafana builder."""
        panel = (
            timeseries.Panel()
            .title(self.title)
            .description(self.description)
            .datasource(PROMETHEUS)
            .unit(self.unit)
            .fill_opacity(30 if self.stacked else 8)
            .legend(_LEGEND)
            .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
            .show_points(common.VisibilityMode.NEVER)
            .min(0)
        )
        if self.stacked:
            panel.stacking(StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
        if self.levels:
            panel.thresholds(self.levels.config()).thresholds_style(_LINE)
        for letter, (legend, query) in zip("ABCDEFGH", self.queries.items(), strict=False):
            panel.with_target(Dataquery().expr(query).legend_format(legend).range().ref_id(letter))
        return panel


_LEGEND = (
    VizLegendOptions()
    .display_mode(common.LegendDisplayMode.LIST)
    .placement(common.LegendPlacement.BOTTOM)
    .show_legend(True)
)
_LINE = GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)


@dataclass(frozen=True)
class Row:
    """A heading with its panels."""

    title: str
    panels: Sequence[Number | Curves]


def dashboard(uid: str, title: str, description: str, rows: Sequence[Row]) -> Dashboard:
    """A dashboard for the last half hour, with links to Dagster and to the other dashboards."""
    built = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .refresh("15s")
        .time("now-30m", "now")
        .timezone("browser")
        .readonly()
        .with_variable(label_variable(_DAGSTER, "platform_info", "dagster_url", "http://127.0.0.1:3000"))
        .link(_link("Asset graph in Dagster", f"${{{_DAGSTER}:raw}}/asset-groups"))
        .link(_link("Runs", f"${{{_DAGSTER}:raw}}/runs"))
        .link(_link("Schedules and sensors", f"${{{_DAGSTER}:raw}}/automation"))
        .link(DashboardLink("Other dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True))
    )
    return _with_rows(built, rows)


def _with_rows(built: Dashboard, rows: Sequence[Row]) -> Dashboard:
    """Puts panels side by side while they fit; a new line begins below the tallest panel of the line above."""
    y, number = 0, count(1)
    for row in rows:
        built.with_row(RowBuilder(row.title).id(next(number)).grid_pos(GridPos(h=1, w=_GRID_WIDTH, x=0, y=y)))
        x, y, tallest = 0, y + 1, 0
        for each in row.panels:
            if x + each.width > _GRID_WIDTH:
                x, y, tallest = 0, y + tallest, 0
            built.with_panel(each.panel().id(next(number)).grid_pos(GridPos(h=each.height, w=each.width, x=x, y=y)))
            x, tallest = x + each.width, max(tallest, each.height)
        y += tallest
    return built


def label_variable(name: str, metric: str, label: str, current: str) -> QueryVariable:
    """A variable with the present values of a label to choose from."""
    return (
        QueryVariable(name)
        .datasource(PROMETHEUS)
        .query({"query": f"label_values({metric}, {label})", "refId": name})
        .current(VariableOption(selected=True, text=current, value=current))
    )


def _link(title: str, url: str) -> DashboardLink:
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url).target_blank(True)
