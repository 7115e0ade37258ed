"""axe-core, the accessibility checker, on a page of the browser."""

from pathlib import Path

from playwright.sync_api import Page

_SOURCE = (Path(__file__).parents[1] / "fixtures" / "axe" / "axe.min.js").read_text("utf-8")
_RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, impact, help, nodes }) =>
    ({ id, impact, help, where: nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`) }));
}"""
SERIOUS = ("serious", "critical")


def serious_faults(page: Page) -> list[str]:
    """For each rule that is broken badly: what and where. (What a debugger runs is under no content policy.)"""
    page.evaluate(_SOURCE)
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']}\n    " + "\n    ".join(fault["where"][:4])
        for fault in page.evaluate(_RUN)
        if fault["impact"] in SERIOUS
    ]
