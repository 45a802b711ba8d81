// Runs that are ticked are compared: by the command, or by the page where there is one already.
(() => {
  const rows = [...document.querySelectorAll("#reports tbody tr[data-runs]")];
  const boxes = rows.map((row) => row.querySelector("input")).filter(Boolean);
  const idsOf = (row) => row.dataset.runs.split(" ");
  const key = (ids) => ids.toSorted().join(" ");
  const compared = new Map(rows.filter((row) => !row.querySelector("input")).map((row) => [key(idsOf(row)), row.querySelector("a")]));
  const link = Object.assign(document.createElement("a"), { textContent: "Open their comparison" });
  for (const box of boxes) {
    box.addEventListener("change", () => {
      const ids = boxes.filter((one) => one.checked).flatMap((one) => idsOf(one.closest("tr")));
      showCommand(document.getElementById("command"), ids.length ? `backtest compare ${ids.join(" ")}` : "");
      const page = compared.get(key(ids));
      link.remove();
      if (!page) return;
      link.href = page.getAttribute("href");
      document.getElementById("command").append(" ", link);
    });
  }
})();
