// Keys, live calls, and what htmx is not for. Without it the page works by its links and forms.
"use strict";
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const rows = () => all("#list a.row");
  const isShown = (element) => !!element && element.getClientRects().length > 0;

  // ── requests ──

  document.addEventListener("htmx:configRequest", (event) => {
    // An address holds what was asked for, and no empty fields.
    const fields = event.detail.formData;
    if (fields) for (const name of [...fields.keys()]) if (!fields.get(name)) fields.delete(name);
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    // A refusal is shown where the call would be.
    if (event.detail.xhr?.status === 404 && event.detail.target?.id === "detail") event.detail.shouldSwap = true;
  });

  document.addEventListener("htmx:afterSwap", mark);
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id === "detail" && !isShown(find("#list"))) find("#call-head")?.focus();
  });
  document.addEventListener("htmx:historyRestore", mark);

  function mark() {
    const open = find("article.call")?.dataset.call;
    for (const row of rows()) {
      if (row.id === "call-" + open) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    const count = find("#filter-count");
    if (count) count.textContent = find("#list")?.dataset.filters || "";
  }

  // ── live ──

  let events = null;
  let pending = false;
  let again = false;

  function listen() {
    if (!find("#list") || document.hidden || events) return;
    events = new EventSource("/live");
    // Nothing is told of what came before it was open.
    events.addEventListener("open", refresh);
    events.addEventListener("changed", refresh);
    events.addEventListener("over", () => location.assign("/login"));
  }

  function hush() {
    events?.close();
    events = null;
  }

  // One at a time; what comes meanwhile is looked for once more.
  async function refresh() {
    again = true;
    if (pending) return;
    pending = true;
    try {
      while (again) {
        again = false;
        await refreshList();
        await refreshCall();
      }
    } finally {
      pending = false;
    }
  }

  // The part of the page that a path has now; null if it cannot be had.
  async function ask(path, target) {
    const headers = { "HX-Request": "true", "HX-Target": target };
    const answer = await fetch(path, { headers }).catch(() => null);
    if (answer?.status === 401) location.assign("/login");
    return answer?.ok || answer?.status === 404 ? answer.text() : null;
  }

  // What was asked for may have changed when the answer comes: then it is none.
  async function refreshList() {
    const asked = location.search;
    if (!find("#list") || new URLSearchParams(asked).has("before")) return;
    const answer = await ask("/" + asked, "list");
    if (location.search !== asked) again = true;
    if (location.search !== asked || answer === null) return;
    const before = new Set(rows().map((row) => row.id));
    htmx.swap("#list", answer, { swapStyle: "outerHTML" });
    const fresh = rows().filter((row) => !before.has(row.id));
    if (!fresh.length || fresh.length === rows().length) return;
    for (const row of fresh) row.classList.add("fresh");
    say(fresh.length === 1 ? "A new call: " + find(".who", fresh[0]).textContent : fresh.length + " new calls");
  }

  async function refreshCall() {
    const shown = find("article.call[data-open=yes]");
    const isPlaying = () => all("audio", shown).some((audio) => !audio.paused);
    if (!shown || isPlaying()) return;
    const answer = await ask("/calls/" + shown.dataset.call + location.search, "detail");
    if (answer === null || find("article.call") !== shown || isPlaying()) return;
    htmx.swap("#detail", answer, { swapStyle: "innerHTML" });
  }

  function say(text) {
    const said = find("#said");
    if (said) said.textContent = text;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hush();
    else listen();
  });
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", listen);

  // ── keys ──

  function move(by) {
    const list = rows();
    if (!list.length) return;
    const now = list.indexOf(document.activeElement.closest("a.row"));
    const from = now >= 0 ? now : list.findIndex((row) => row.hasAttribute("aria-current"));
    const next = from < 0 ? 0 : Math.min(Math.max(from + by, 0), list.length - 1);
    list[next].focus();
    list[next].scrollIntoView({ block: "nearest" });
  }

  function escape() {
    const filters = find("#filters");
    if (filters?.open) {
      filters.open = false;
      find("summary", filters).focus();
      return;
    }
    const field = document.activeElement;
    if (field?.matches("input, select")) {
      field.blur();
      return;
    }
    close();
  }

  // Back to the list, where the call was opened from.
  function close() {
    const call = find("article.call");
    if (!call) return;
    const row = document.getElementById("call-" + call.dataset.call);
    const goal = find("a.close", call)?.getAttribute("href") || "/";
    find("#detail").replaceChildren();
    history.pushState({ htmx: true }, "", goal);
    mark();
    (row || find("#list")).focus();
  }

  function play() {
    const audio = find("article.call audio");
    if (!audio) return;
    if (audio.paused) audio.play();
    else audio.pause();
  }

  const keys = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    "/": () => find("#search").select(),
    f: () => {
      const filters = find("#filters");
      filters.open = !filters.open;
      if (filters.open) find("select", filters).focus();
    },
    o: () => find(".pages a[rel=next]")?.click(),
    n: () => find(".pages a[rel=first]")?.click(),
    p: play,
    "?": () => find("#help").showModal(),
    Escape: escape,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !find("#list")) return;
    if (find("dialog[open]")) return;
    const typing = event.target.matches("input, select, textarea");
    if (typing && event.key !== "Escape") return;
    if (event.key.startsWith("Arrow") && !event.target.closest("#list")) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("#help-button")) find("#help").showModal();
    const closing = event.target.closest("a.close");
    if (closing && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      close();
    }
    const filters = find("#filters[open]");
    if (filters && !event.target.closest("#filters")) filters.open = false;
  });

  document.addEventListener("change", (event) => {
    // A day that is chosen means that days are asked for.
    if (event.target.matches("input[type=date]") && event.target.value) find("select[name=when]").value = "dates";
  });

  // A file that the browser cannot play is still there to be saved.
  document.addEventListener(
    "error",
    (event) => {
      if (!event.target.matches("audio") || find(".told", event.target.parentElement)) return;
      const told = document.createElement("p");
      told.className = "told";
      told.textContent = "This browser cannot play it. It can be saved.";
      event.target.after(told);
    },
    true,
  );

  mark();
  listen();
})();
