// Renews what the server has written into the page. Only text, classes and labels are set.
"use strict";
(() => {
  const PAUSE = 2000;
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);
  const set = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  const texts = (page) => {
    for (const element of all("[data-text]")) set(element, page.texts[element.dataset.text] ?? "");
  };

  const states = (page) => {
    for (const now of page.states) {
      const node = one(`[data-state="${now.state}"]`);
      if (node) {
        node.setAttribute("class", `node ${now.level}`);
        node.setAttribute("aria-label", now.spoken);
        set(node.querySelector(".count"), now.shown);
        const detail = now.oldest && now.level !== "quiet" ? ` · oldest ${now.oldest}` : "";
        set(node.querySelector(".detail"), now.rate + detail);
      }
      const row = one(`[data-row="${now.state}"]`);
      if (row) {
        row.className = now.level;
        for (const cell of row.querySelectorAll("[data-cell]")) set(cell, now[cell.dataset.cell]);
      }
    }
  };

  const edges = (page) => {
    const rates = new Map(page.edges.map((edge) => [`${edge.from}-${edge.to}`, edge.rate]));
    for (const edge of all("[data-edge]")) {
      const rate = rates.get(edge.dataset.edge);
      edge.classList.toggle("lit", rate !== undefined);
      set(edge.querySelector(".rate"), rate ?? "");
    }
  };

  const PARTS = ["severity", "sentence", "since"];
  const item = () => {
    const item = document.createElement("li");
    for (const name of PARTS) {
      const part = document.createElement("span");
      part.className = name;
      item.append(part);
    }
    return item;
  };

  const key = (verdict) => [verdict.verdict, verdict.severity, verdict.who].join(" ");
  let known = null;

  const verdicts = (page) => {
    const list = one(".verdicts");
    while (list.children.length > page.verdicts.length) list.lastElementChild.remove();
    while (list.children.length < page.verdicts.length) list.append(item());
    page.verdicts.forEach((verdict, index) => {
      const place = list.children[index];
      place.className = verdict.severity;
      const shown = [verdict.severity, verdict.sentence, `for ${verdict.since}`];
      PARTS.forEach((name, part) => set(place.querySelector(`.${name}`), shown[part]));
    });
    one(".more").hidden = page.more_verdicts === 0;
    set(one("[data-more]"), String(page.more_verdicts));
    // Said aloud when there is something new, not whenever a number changes.
    const fresh = page.verdicts.filter((verdict) => known && !known.has(key(verdict)));
    const over = known && page.verdicts.length === 0 && known.size > 0;
    if (fresh.length > 0) {
      set(one("[role=status]"), fresh.map((it) => `${it.severity}: ${it.sentence}`).join(". "));
    } else if (over) {
      set(one("[role=status]"), page.texts.verdict);
    }
    known = new Set(page.verdicts.map(key));
  };

  const pulse = (state, text) => {
    const place = one("[data-pulse]");
    place.dataset.pulse = state;
    set(place, text);
  };

  let answered = new Date();
  const renew = async () => {
    try {
      const answer = await fetch("/-/page.json", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = await answer.json();
      [texts, states, edges, verdicts].forEach((part) => part(page));
      answered = new Date();
      pulse("live", "live");
    } catch {
      pulse("lost", `no answer since ${answered.toLocaleTimeString()}: this is how it was then`);
    }
  };

  const forever = async () => {
    if (!document.hidden) await renew();
    setTimeout(forever, PAUSE);
  };
  document.addEventListener("visibilitychange", () => document.hidden || renew());
  forever();
})();
