// Tables that readers sort by their headings and narrow by the controls above them.
//
// `<table class="sortable">`: a heading sorts by the cells' `data-v`, or else by their texts;
// `<th class="fixed">` does not sort. Unknown values (an empty `data-v`) come last both ways.
// `<form data-narrows="ID">`: `input[type=search]` keeps the rows that hold all of its words,
// `select[name=X]` those whose `data-x` lists its value, `input[name=from|to]` those whose
// `data-day` lies within; `input[type=checkbox][name=X]`, unless checked, hides those that have a
// `data-x`. Its `<output>` says how many are shown.
"use strict";
(() => {
  const valueOf = (cell) => cell.dataset.v ?? cell.textContent.trim();
  const isNumber = (text) => text !== "" && !Number.isNaN(Number(text));

  function compare(a, b) {
    return isNumber(a) && isNumber(b) ? Number(a) - Number(b) : a.localeCompare(b, "en");
  }

  function sort(table, heading) {
    const column = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") === "ascending";
    const sign = down ? -1 : 1;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
    rows.sort(([a], [b]) => (a === "") - (b === "") || sign * compare(a, b));
    body.append(...rows.map(([, row]) => row));
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      if (heading.classList.contains("fixed")) continue;
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.append(...heading.childNodes);
      button.querySelectorAll("[tabindex]").forEach((word) => word.removeAttribute("tabindex"));
      button.addEventListener("click", () => sort(table, heading));
      heading.append(button);
    }
  }

  function narrow(form, rows) {
    const { from, to } = form.elements;
    const words = form.querySelector("input[type=search]").value.toLowerCase().split(/\s+/);
    const selects = [...form.querySelectorAll("select")].filter((select) => select.value);
    const hiding = [...form.querySelectorAll("input[type=checkbox]")].filter((box) => !box.checked);
    const fits = (row) =>
      hiding.every((box) => !(box.name in row.dataset)) &&
      words.every((word) => row.textContent.toLowerCase().includes(word)) &&
      selects.every((select) => row.dataset[select.name].split(" ").includes(select.value)) &&
      (!from?.value || row.dataset.day >= from.value) && (!to?.value || row.dataset.day <= to.value);
    rows.forEach((row) => { row.hidden = !fits(row); });
    const shown = rows.filter((row) => !row.hidden).length;
    const output = form.querySelector("output"), isWhole = shown === rows.length;
    output.textContent = isWhole ? `${shown} shown` : `${shown} of ${rows.length} shown`;
    output.classList.toggle("whole", isWhole);
  }

  // Says where a table goes on beyond the edges of its box.
  function hint(box) {
    const note = Object.assign(document.createElement("p"), { className: "more" });
    note.setAttribute("aria-hidden", "true"); // a screen reader reads all of it anyway
    box.after(note);
    const update = () => {
      const right = box.scrollWidth - box.clientWidth - box.scrollLeft > 4;
      const down = box.scrollHeight - box.clientHeight - box.scrollTop > 4;
      const text = [down && "↓ more rows", right && "→ more columns"].filter(Boolean).join(" · ");
      note.textContent = text || (note.textContent && "\u00a0"); // the line stays, so that nothing jumps
    };
    box.addEventListener("scroll", update, { passive: true });
    new ResizeObserver(update).observe(box.firstElementChild);
  }

  document.querySelectorAll(".scroll").forEach(hint);

  for (const filters of document.querySelectorAll("details.filters")) filters.open = innerWidth > 600;

  for (const form of document.querySelectorAll("form[data-narrows]")) {
    const rows = [...document.getElementById(form.dataset.narrows).tBodies[0].rows];
    form.addEventListener("input", () => narrow(form, rows));
    form.addEventListener("submit", (event) => event.preventDefault());
    narrow(form, rows);
  }
})();
