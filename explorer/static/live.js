// Replaces the parts of the page marked data-live whenever the explorer says that something changed.
// Without this script the pages are the same, as of the moment they were loaded.
"use strict";
(() => {
  if (!("EventSource" in window) || !document.body.hasAttribute("data-follow")) return;
  const PAUSE_MS = 100;
  const note = document.getElementById("live-state");
  let busy = false;
  let again = false;

  const say = (text) => {
    if (note.textContent !== text) note.textContent = text;
  };

  const inUse = (part) =>
    part.contains(document.activeElement) ||
    (!getSelection().isCollapsed && getSelection().containsNode(part, true));

  async function refresh() {
    if (busy || document.hidden) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const other = fresh.getElementById(part.id);
        if (other && other.innerHTML !== part.innerHTML && !inUse(part)) part.replaceWith(other);
      }
      say("live");
    } catch {
      say("not live: the explorer does not answer");
    }
    setTimeout(() => {
      busy = false;
      if (again) refresh();
    }, PAUSE_MS);
  }

  const changes = new EventSource("/events");
  changes.addEventListener("change", refresh);
  changes.addEventListener("open", refresh);
  changes.addEventListener("error", () => say("not live: the explorer does not answer"));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && again) refresh();
  });
})();
