(() => {
  const text = document.getElementById("f-text");
  const verdict = document.getElementById("f-verdict");
  const family = document.getElementById("f-family");
  const count = document.getElementById("f-count");
  const rows = Array.from(document.getElementById("rows").rows, (row) => ({
    row, v: row.dataset.v, f: row.dataset.f, text: row.textContent.toLowerCase(),
  }));
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of rows) {
      const fits = (!verdict.value || one.v === verdict.value) && (!family.value || one.f === family.value)
        && words.every((word) => one.text.includes(word));
      one.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = shown + " of " + rows.length + " shown";
  };
  for (const input of [text, verdict, family]) input.addEventListener("input", apply);
  document.getElementById("filter").hidden = false;
  apply();
})();
